/* The plane's parts, and whether the store works. */
#include "fixture.h"

static void a_plane_has_all_its_parts(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	assert_non_null(fixture.plane.settings);
	assert_non_null(fixture.plane.domains);
	assert_non_null(fixture.plane.fleet);
	assert_non_null(fixture.plane.guard);
	assert_non_null(fixture.plane.throttle);
	assert_int_equal(fixture.plane.rules, MODEL_CLASSIC);
	assert_null(fixture.plane.file);
	fixture_done(&fixture);
}

static void set_rules(struct fixture *fixture, bool is_set, enum model_rules rules)
{
	struct control_setting_set set = {0};
	set.is_set[CONTROL_SETTING_ORIGIN_RULES] = is_set;
	set.values[CONTROL_SETTING_ORIGIN_RULES] = rules;
	control_settings_take(fixture->plane.settings, &set, 1);
}

static void what_is_set_wins_over_what_the_process_was_given(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	assert_int_equal(control_plane_rules(&fixture.plane), MODEL_CLASSIC);
	fixture.plane.rules = MODEL_EXTENDED;
	assert_int_equal(control_plane_rules(&fixture.plane), MODEL_EXTENDED);
	set_rules(&fixture, true, MODEL_CLASSIC);
	assert_int_equal(control_plane_rules(&fixture.plane), MODEL_CLASSIC);
	set_rules(&fixture, false, MODEL_CLASSIC);
	assert_int_equal(control_plane_rules(&fixture.plane), MODEL_EXTENDED);
	fixture.plane.rules = MODEL_CLASSIC;
	set_rules(&fixture, true, MODEL_EXTENDED);
	assert_int_equal(control_plane_rules(&fixture.plane), MODEL_EXTENDED);
	/* A file is read by each edge as well, which knows no more than its process. */
	fixture.plane.file = "/etc/domains.yaml";
	assert_int_equal(control_plane_rules(&fixture.plane), MODEL_CLASSIC);
	fixture_done(&fixture);
}

static void trouble_is_told_until_it_is_over(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text words = {0};
	fixture_init(&fixture);
	assert_false(control_plane_has_trouble(&fixture.plane, &words));
	assert_int_equal(words.len, 0);
	control_plane_set_trouble(&fixture.plane, STR("the disk is full"));
	assert_true(control_plane_has_trouble(&fixture.plane, &words));
	assert_string_equal(text_c(&words), "the disk is full");
	text_clear(&words);
	control_plane_set_trouble(&fixture.plane, STR("worse"));
	assert_true(control_plane_has_trouble(&fixture.plane, &words));
	assert_string_equal(text_c(&words), "worse");
	text_clear(&words);
	control_plane_set_trouble(&fixture.plane, STR_EMPTY);
	assert_false(control_plane_has_trouble(&fixture.plane, &words));
	assert_int_equal(words.len, 0);
	text_done(&words);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_plane_has_all_its_parts),
	        cmocka_unit_test(what_is_set_wins_over_what_the_process_was_given),
	        cmocka_unit_test(trouble_is_told_until_it_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
