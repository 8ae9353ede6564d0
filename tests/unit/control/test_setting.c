/* The table of settings, and what is set of them: read, printed, compared. */
#include "control/setting.h"

#include "model/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define RULES   CONTROL_SETTING_ORIGIN_RULES
#define STATS   CONTROL_SETTING_STATS_DAYS
#define HISTORY CONTROL_SETTING_HISTORY_DAYS

static void each_row_has_a_name_and_a_default_that_is_allowed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++) {
		enum control_setting setting = (enum control_setting)i;
		const struct control_setting_row *row = control_setting_at(setting);
		struct text value = {0};
		struct model_problems problems = {0};
		struct model_node *node;
		struct model_why why;
		struct arena arena;
		uint64_t read;
		assert_int_equal(control_setting_find(row->name), setting);
		assert_true(row->words[0] != '\0');
		arena_init(&arena, NULL, 0);
		control_setting_print(setting, control_setting_default(setting), &value);
		assert_true(model_json_read(&arena, text_str(&value), &problems, &node));
		assert_true(control_setting_read(setting, node, &read, &why));
		assert_int_equal(read, control_setting_default(setting));
		arena_reset(&arena);
		text_done(&value);
	}
	assert_int_equal(control_setting_find(STR("origin_rule")), CONTROL_SETTINGS);
	assert_int_equal(control_setting_find(STR("")), CONTROL_SETTINGS);
}

/* The set after a patch; false, with "pointer rule words" of the first problem, when that is none.
 */
static bool patch(struct control_setting_set *set, const char *json, char problem[256])
{
	struct model_problems problems = {0};
	struct model_node *node;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	assert_true(model_json_read(&arena, str_of(json), &problems, &node));
	bool is_good = control_setting_patch(set, node, &problems);
	assert_true(is_good == (problems.total == 0));
	if (!is_good)
		snprintf(problem, 256, "%s %s %s", problems.list[0].field, problems.list[0].rule,
		        problems.list[0].message);
	model_problems_done(&problems);
	arena_reset(&arena);
	return is_good;
}

static void a_patch_sets_and_takes_away(void **state)
{
	(void)state;
	struct control_setting_set set = {0};
	char problem[256];
	assert_true(patch(&set, "{\"origin_rules\":\"extended\",\"stats_days\":366}", problem));
	assert_true(set.is_set[RULES]);
	assert_int_equal(set.values[RULES], 1);
	assert_int_equal(control_setting_get(&set, STATS), 366);
	assert_false(set.is_set[HISTORY]);
	assert_int_equal(control_setting_get(&set, HISTORY), 0);
	assert_true(patch(&set, "{}", problem));
	assert_true(patch(&set, "{\"stats_days\":null,\"history_days\":0}", problem));
	assert_false(set.is_set[STATS]);
	assert_int_equal(control_setting_get(&set, STATS), 30);
	assert_true(set.is_set[HISTORY]);
	assert_true(set.is_set[RULES]);
}

static void what_is_not_allowed_is_told_with_its_place(void **state)
{
	(void)state;
	static const char *const ROWS[][2] = {
	        {"{\"origin_rules\":\"strict\"}",
	                "/origin_rules value is not one of classic|extended"},
	        {"{\"origin_rules\":\"\"}", "/origin_rules value is not one of classic|extended"},
	        {"{\"origin_rules\":true}", "/origin_rules type must be a text"},
	        {"{\"origin_rules\":[\"classic\"]}", "/origin_rules type must be a text"},
	        {"{\"stats_days\":0}", "/stats_days range is not a whole number in 1-366"},
	        {"{\"stats_days\":367}", "/stats_days range is not a whole number in 1-366"},
	        {"{\"stats_days\":-1}", "/stats_days range is not a whole number in 1-366"},
	        {"{\"stats_days\":1.5}", "/stats_days range is not a whole number in 1-366"},
	        {"{\"stats_days\":9223372036854775807}",
	                "/stats_days range is not a whole number in 1-366"},
	        {"{\"stats_days\":\"30\"}", "/stats_days type must be a number"},
	        {"{\"stats_days\":false}", "/stats_days type must be a number"},
	        {"{\"stats_days\":{}}", "/stats_days type must be a number"},
	        {"{\"stats_day\":1}",
	                "/stats_day unknown-field is no setting; did you mean stats_days?"},
	        {"{\"xyzzy\":null}", "/xyzzy unknown-field is no setting"},
	        {"{\"a/b~c\":1}", "/a~1b~0c unknown-field is no setting"},
	        {"{\"\":1}", "/ unknown-field is no setting"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct control_setting_set set = {0};
		char problem[256] = "";
		assert_false(patch(&set, ROWS[i][0], problem));
		assert_string_equal(problem, ROWS[i][1]);
	}
}

static void what_was_set_once_is_read_as_far_as_it_is_known(void **state)
{
	(void)state;
	static const char *const NONE[] = {"", "{", "[]", "null", "{\"stats_days\":0}",
	        "{\"other\":1}", "{\"stats_days\":null}", "{\"origin_rules\":1}"};
	struct control_setting_set set;
	for (size_t i = 0; i < ARRAY_LENGTH(NONE); i++) {
		const struct control_setting_set empty = {0};
		control_setting_read_set(str_of(NONE[i]), &set);
		assert_true(control_setting_is_equal(&set, &empty));
	}
	control_setting_read_set(STR_EMPTY, &set);
	assert_false(set.is_set[STATS]);
	control_setting_read_set(
	        STR("{\"a\":[1],\"origin_rules\":\"extended\",\"stats_days\":7}"), &set);
	assert_int_equal(set.values[STATS], 7);
	assert_true(set.is_set[RULES]);
}

static void what_differs_is_a_list_of_lines(void **state)
{
	(void)state;
	struct control_setting_set before = {0}, after = {0};
	struct text text = {0};
	control_setting_print_diff(&before, &after, &text);
	assert_string_equal(text_c(&text), "[]");
	control_setting_read_set(STR("{\"origin_rules\":\"extended\",\"stats_days\":7}"), &before);
	control_setting_read_set(STR("{\"stats_days\":8,\"history_days\":0}"), &after);
	assert_false(control_setting_is_equal(&before, &after));
	text_clear(&text);
	control_setting_print_diff(&before, &after, &text);
	assert_string_equal(text_c(&text),
	        "[\"origin_rules: extended -> default\",\"stats_days: 7 -> 8\","
	        "\"history_days: default -> 0\"]");
	/* A value that is not set any more is nothing. */
	after = before;
	after.is_set[STATS] = before.is_set[STATS] = false;
	after.values[STATS] = 99;
	assert_true(control_setting_is_equal(&before, &after));
	text_done(&text);
}

static void days_have_an_end_unless_there_are_none(void **state)
{
	(void)state;
	const uint64_t day = 86400000, now_ms = 100 * day;
	struct control_setting_set set = {0};
	assert_int_equal(control_setting_until_ms(&set, STATS, now_ms), 70 * day);
	assert_int_equal(control_setting_until_ms(&set, HISTORY, now_ms), 0);
	control_setting_read_set(STR("{\"stats_days\":366,\"history_days\":1}"), &set);
	/* A clock that begins in 1970. */
	assert_int_equal(control_setting_until_ms(&set, STATS, now_ms), 0);
	assert_int_equal(control_setting_until_ms(&set, HISTORY, now_ms), 99 * day);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_row_has_a_name_and_a_default_that_is_allowed),
	        cmocka_unit_test(a_patch_sets_and_takes_away),
	        cmocka_unit_test(what_is_not_allowed_is_told_with_its_place),
	        cmocka_unit_test(what_was_set_once_is_read_as_far_as_it_is_known),
	        cmocka_unit_test(what_differs_is_a_list_of_lines),
	        cmocka_unit_test(days_have_an_end_unless_there_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
