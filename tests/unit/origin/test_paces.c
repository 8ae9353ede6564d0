/* Whose pace is whose, and for how long it is remembered. */
#include "origin/paces.h"

#include "base/limit.h"
#include "origin/pace.h"
#include "stand.h"

#include <stdio.h>

enum { NOW_MS = 1000000, MINUTE_MS = 60000 };

/* A hedged domain, of a revision of its own. */
static struct model_domain *revision(const char *name, const char *master)
{
	struct model_domain *domain = stand_domain(name, master, "192.0.2.200");
	domain->hedge_after = MODEL_HEDGE_P95;
	return domain;
}

/* The pace of a domain, which is gone again at once. */
static struct origin_paces_entry *get(
        struct origin_paces *paces, const char *name, const char *master, uint64_t now_ms)
{
	struct model_domain *domain = revision(name, master);
	struct origin_paces_entry *entry = origin_paces_get(paces, domain, now_ms);
	model_domain_unref(domain);
	return entry;
}

static void note_many(struct origin_paces_entry *entry, uint64_t now_ms)
{
	for (unsigned i = 0; i < ORIGIN_PACE_SAMPLES; i++)
		origin_pace_note(origin_paces_pace(entry), 1000, now_ms);
}

static bool is_known(const struct origin_paces_entry *entry, uint64_t now_ms)
{
	return origin_pace_late_us(origin_paces_pace(entry), MODEL_HEDGE_P95, now_ms) != 0;
}

static void it_is_the_masters_and_not_the_revisions(void **state)
{
	(void)state;
	struct origin_paces *paces = origin_paces_new();
	struct origin_paces_entry *one = get(paces, "a.test", "192.0.2.1:81", NOW_MS);
	static const struct {
		const char *name, *master;
		bool is_same;
	} rows[] = {
	        {"a.test", "192.0.2.1:81", true},
	        {"a.test", "192.0.2.1:81:5", true},
	        {"b.test", "192.0.2.1:81", false},
	        {"a.test", "192.0.2.2:81", false},
	        {"a.test", "192.0.2.1:82", false},
	        {"a.test", "192.0.2.1", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct origin_paces_entry *other = get(paces, rows[i].name, rows[i].master, NOW_MS);
		assert_int_equal(one == other, rows[i].is_same);
		origin_paces_unref(other, NOW_MS);
	}
	origin_paces_unref(one, NOW_MS);
	origin_paces_free(paces);
}

/* The same domain with what its origin says of itself. */
static void the_order_of_addresses_says_nothing_and_their_protocol_something(void **state)
{
	(void)state;
	struct origin_paces *paces = origin_paces_new();
	struct model_domain *domain = revision("a.test", "192.0.2.1");
	struct model_address two[] = {{.host = "192.0.2.9", .port = 1}, {.host = "192.0.2.1"}};
	struct model_address turned[] = {two[1], two[0]};
	struct model_address *before = domain->origin.addresses;
	domain->origin.address_count = 2;
	domain->origin.addresses = two;
	struct origin_paces_entry *one = origin_paces_get(paces, domain, NOW_MS);
	domain->origin.addresses = turned;
	struct origin_paces_entry *same = origin_paces_get(paces, domain, NOW_MS);
	assert_ptr_equal(one, same);
	domain->origin.protocol = MODEL_HTTPS;
	struct origin_paces_entry *other = origin_paces_get(paces, domain, NOW_MS);
	assert_ptr_not_equal(one, other);
	origin_paces_unref(one, NOW_MS);
	origin_paces_unref(same, NOW_MS);
	origin_paces_unref(other, NOW_MS);
	domain->origin.protocol = MODEL_HTTP;
	domain->origin.address_count = 1;
	domain->origin.addresses = before;
	model_domain_unref(domain);
	origin_paces_free(paces);
}

static void it_is_remembered_for_a_minute_without_anybody(void **state)
{
	(void)state;
	struct origin_paces *paces = origin_paces_new();
	struct origin_paces_entry *entry = get(paces, "a.test", "192.0.2.1", NOW_MS);
	note_many(entry, NOW_MS);
	origin_paces_unref(entry, NOW_MS);
	uint64_t now_ms = NOW_MS + MINUTE_MS / 2;
	entry = get(paces, "a.test", "192.0.2.1", now_ms);
	assert_true(is_known(entry, now_ms));
	note_many(entry, now_ms);
	origin_paces_unref(entry, now_ms);
	/* Of somebody who has it, nothing is forgotten. */
	now_ms += MINUTE_MS - 1;
	entry = get(paces, "a.test", "192.0.2.1", now_ms);
	origin_paces_unref(get(paces, "b.test", "192.0.2.1", now_ms + MINUTE_MS), now_ms);
	struct origin_paces_entry *same = get(paces, "a.test", "192.0.2.1", now_ms);
	assert_ptr_equal(entry, same);
	note_many(entry, now_ms);
	origin_paces_unref(entry, now_ms);
	origin_paces_unref(same, now_ms);
	entry = get(paces, "a.test", "192.0.2.1", now_ms + MINUTE_MS);
	assert_false(is_known(entry, now_ms));
	origin_paces_unref(entry, now_ms);
	origin_paces_free(paces);
}

static void of_too_many_the_oldest_are_forgotten(void **state)
{
	(void)state;
	struct origin_paces *paces = origin_paces_new();
	char name[32];
	for (unsigned i = 0; i <= LIMIT_IDLE_PACES; i++) {
		snprintf(name, sizeof(name), "a%u.test", i);
		struct origin_paces_entry *entry = get(paces, name, "192.0.2.1", NOW_MS);
		if (i < 2)
			note_many(entry, NOW_MS);
		origin_paces_unref(entry, NOW_MS);
	}
	struct origin_paces_entry *first = get(paces, "a0.test", "192.0.2.1", NOW_MS);
	struct origin_paces_entry *second = get(paces, "a1.test", "192.0.2.1", NOW_MS);
	assert_false(is_known(first, NOW_MS));
	assert_true(is_known(second, NOW_MS));
	origin_paces_unref(first, NOW_MS);
	origin_paces_unref(second, NOW_MS);
	origin_paces_free(paces);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_is_the_masters_and_not_the_revisions),
	        cmocka_unit_test(the_order_of_addresses_says_nothing_and_their_protocol_something),
	        cmocka_unit_test(it_is_remembered_for_a_minute_without_anybody),
	        cmocka_unit_test(of_too_many_the_oldest_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
