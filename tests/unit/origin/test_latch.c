/* Latch and hold-down of the hot backup. */
#include "origin/latch.h"

#include "stand.h"

enum { NOW = 1000 };

static struct model_domain *domain_with(enum model_latch latch, uint32_t hold_down_ms)
{
	struct model_domain *domain = stand_domain("a.test", "192.0.2.1", "192.0.2.2");
	domain->latch = (uint8_t)latch;
	domain->hold_down_ms = hold_down_ms;
	return domain;
}

static void a_domain_goes_to_the_backup_as_it_is_configured(void **state)
{
	struct stand *stand = *state;
	static const struct {
		enum model_latch latch;
		uint32_t hold_down_ms;
		bool at_once, before_the_end, after_the_end;
	} rows[] = {
	        {MODEL_LATCH_OFF, 0, false, false, false},
	        {MODEL_LATCH_OFF, 5000, true, true, false},
	        {MODEL_LATCH_MANUAL, 0, true, true, true},
	        {MODEL_LATCH_MANUAL, 5000, true, true, true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct model_domain *domain = domain_with(rows[i].latch, rows[i].hold_down_ms);
		uint64_t now_ms = NOW + i * 10000;
		assert_false(origin_latch_is_on_backup(stand->shared, domain, now_ms));
		origin_latch_note_blocked(stand->shared, domain, now_ms);
		assert_int_equal(
		        origin_latch_is_on_backup(stand->shared, domain, now_ms), rows[i].at_once);
		assert_int_equal(origin_latch_is_on_backup(stand->shared, domain, now_ms + 4999),
		        rows[i].before_the_end);
		assert_int_equal(origin_latch_is_on_backup(stand->shared, domain, now_ms + 5000),
		        rows[i].after_the_end);
		origin_latch_release(stand->shared, STR("a.test"));
		assert_false(origin_latch_is_on_backup(stand->shared, domain, now_ms));
		model_domain_unref(domain);
	}
}

static void a_hold_down_begins_anew_each_time(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = domain_with(MODEL_LATCH_OFF, 5000);
	origin_latch_note_blocked(stand->shared, domain, NOW);
	origin_latch_note_blocked(stand->shared, domain, NOW + 3000);
	origin_latch_note_blocked(stand->shared, domain, NOW + 2000);
	assert_true(origin_latch_is_on_backup(stand->shared, domain, NOW + 7999));
	assert_false(origin_latch_is_on_backup(stand->shared, domain, NOW + 8000));
	model_domain_unref(domain);
}

static void a_block_that_an_operator_has_seen_holds_nobody(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = domain_with(MODEL_LATCH_MANUAL, 5000);
	origin_latch_note_blocked(stand->shared, domain, NOW);
	origin_latch_release(stand->shared, STR("a.test"));
	origin_latch_note_blocked(stand->shared, domain, NOW);
	assert_false(origin_latch_is_on_backup(stand->shared, domain, NOW));
	origin_latch_note_blocked(stand->shared, domain, NOW + 1);
	assert_true(origin_latch_is_on_backup(stand->shared, domain, NOW + 1));
	model_domain_unref(domain);
}

static void latches_are_told_apart_by_name(void **state)
{
	struct stand *stand = *state;
	struct model_domain *domain = domain_with(MODEL_LATCH_MANUAL, 0);
	struct model_domain *other = domain_with(MODEL_LATCH_MANUAL, 0);
	other->name = "b.test";
	origin_latch_note_blocked(stand->shared, domain, NOW);
	assert_false(origin_latch_is_on_backup(stand->shared, other, NOW));
	origin_latch_release(stand->shared, STR("b.test"));
	assert_true(origin_latch_is_on_backup(stand->shared, domain, NOW));
	model_domain_unref(domain);
	model_domain_unref(other);
}

static void a_latch_survives_changes_that_keep_it(void **state)
{
	struct stand *stand = *state;
	static const struct {
		enum model_latch latch;
		uint16_t ends;
		bool has_backup, is_kept;
	} rows[] = {
	        {MODEL_LATCH_MANUAL, 0, true, true},
	        {MODEL_LATCH_OFF, 0, true, false},
	        {MODEL_LATCH_MANUAL, 0, false, false},
	        {MODEL_LATCH_MANUAL, 1, true, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct model_domain *before = domain_with(MODEL_LATCH_MANUAL, 0);
		origin_latch_note_blocked(stand->shared, before, NOW + i);
		struct model_domain *changed = domain_with(rows[i].latch, 0);
		changed->latch_ends = rows[i].ends;
		if (!rows[i].has_backup)
			changed->backup = NULL;
		struct model_snapshot *snapshot = stand_snapshot(changed, NULL, NULL);
		origin_shared_set_snapshot(stand->shared, snapshot);
		assert_int_equal(
		        origin_latch_is_on_backup(stand->shared, before, NOW), rows[i].is_kept);
		origin_latch_release(stand->shared, STR("a.test"));
		model_snapshot_unref(snapshot);
		model_domain_unref(changed);
		model_domain_unref(before);
	}
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(a_domain_goes_to_the_backup_as_it_is_configured),
	        STAND_TEST(a_hold_down_begins_anew_each_time),
	        STAND_TEST(a_block_that_an_operator_has_seen_holds_nobody),
	        STAND_TEST(latches_are_told_apart_by_name),
	        STAND_TEST(a_latch_survives_changes_that_keep_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
