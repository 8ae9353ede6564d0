/* The settings as they are: what the store has, and what is known of it here. */
#include "fixture.h"

#define STATS CONTROL_SETTING_STATS_DAYS

static const struct store_note NOTE = {.who = {"ada", 3}, .action = {"settings.change", 15}};

static void without_any_the_defaults_hold(void **state)
{
	(void)state;
	struct control_settings *settings = control_settings_new();
	struct control_setting_set set;
	assert_int_equal(control_settings_now(settings, &set), 0);
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++) {
		enum control_setting setting = (enum control_setting)i;
		assert_false(set.is_set[i]);
		assert_int_equal(
		        control_settings_get(settings, setting), control_setting_default(setting));
	}
	assert_int_equal(
	        control_settings_until_ms(settings, STATS, UINT64_C(31) * 86400000), 86400000);
	control_settings_free(settings);
	control_settings_free(NULL);
}

static void a_change_is_in_the_store_and_then_here(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_setting_set set, stored;
	struct text unusable = {0};
	uint64_t revision = 0;
	fixture_init(&fixture);
	struct control_settings *settings = fixture.plane.settings;
	control_settings_now(settings, &set);
	set.is_set[STATS] = true;
	set.values[STATS] = 90;
	assert_int_equal(
	        control_settings_commit(settings, fixture_store(&fixture), &set, &NOTE, &revision),
	        STORE_DONE);
	assert_int_equal(revision, 1);
	assert_int_equal(control_settings_get(settings, STATS), 90);
	assert_int_equal(
	        control_settings_read(fixture_store(&fixture), &stored, &revision, &unusable),
	        STORE_DONE);
	assert_int_equal(revision, 1);
	assert_true(control_setting_is_equal(&set, &stored));
	assert_int_equal(unusable.len, 0);
	/* And the default again. */
	set.is_set[STATS] = false;
	assert_int_equal(
	        control_settings_commit(settings, fixture_store(&fixture), &set, &NOTE, &revision),
	        STORE_DONE);
	assert_int_equal(control_settings_now(settings, &stored), 2);
	assert_int_equal(control_settings_get(settings, STATS), 30);
	text_done(&unusable);
	fixture_done(&fixture);
}

static void what_the_store_refuses_is_not_here_either(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_setting_set set = {0};
	uint64_t revision = 77;
	fixture_init(&fixture);
	set.is_set[STATS] = true;
	set.values[STATS] = 90;
	assert_int_equal(unlink(fixture.place.path), 0);
	assert_int_equal(control_settings_commit(fixture.plane.settings, fixture_store(&fixture),
	                         &set, &NOTE, &revision),
	        STORE_MOVED);
	assert_int_equal(revision, 77);
	assert_int_equal(control_settings_get(fixture.plane.settings, STATS), 30);
	fixture_done(&fixture);
}

/* Of another version, or written by somebody's hand. */
static void what_cannot_be_used_is_as_if_it_were_not_set(void **state)
{
	(void)state;
	static const struct store_setting ODD[] = {{"stats_days", {"0", 1}},
	        {"origin_rules", {"\"strict\"", 8}}, {"purge_days", {"?", 1}},
	        {"later", {"true", 4}}, {"session_minutes", {"60", 2}}};
	struct fixture fixture;
	struct control_setting_set set;
	struct text unusable = {0};
	uint64_t revision;
	fixture_init(&fixture);
	assert_int_equal(store_settings_commit(fixture_store(&fixture), ODD, ARRAY_LENGTH(ODD), 0,
	                         &NOTE, &revision),
	        STORE_DONE);
	assert_int_equal(control_settings_read(fixture_store(&fixture), &set, &revision, &unusable),
	        STORE_DONE);
	assert_string_equal(text_c(&unusable), "later origin_rules purge_days stats_days ");
	assert_false(set.is_set[STATS]);
	assert_int_equal(control_setting_get(&set, CONTROL_SETTING_SESSION_MINUTES), 60);
	text_done(&unusable);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(without_any_the_defaults_hold),
	        cmocka_unit_test(a_change_is_in_the_store_and_then_here),
	        cmocka_unit_test(what_the_store_refuses_is_not_here_either),
	        cmocka_unit_test(what_cannot_be_used_is_as_if_it_were_not_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
