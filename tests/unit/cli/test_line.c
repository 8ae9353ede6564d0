/* Words as a command with arguments and flags. */
#include "cli/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { WORDS = 12 };

struct reading {
	struct arena arena;
	struct cli_line line;
	struct model_problems problems;
	bool is_good;
};

static void read(struct reading *reading, const char *const *words)
{
	static char copies[WORDS][64];
	static char *list[WORDS + 1];
	size_t count = 0;
	for (; words[count] != NULL; count++) {
		snprintf(copies[count], sizeof(copies[count]), "%s", words[count]);
		list[count] = copies[count];
	}
	list[count] = NULL;
	*reading = (struct reading){0};
	arena_init(&reading->arena, NULL, 0);
	reading->is_good = cli_line_read(&reading->arena, list, &reading->line, &reading->problems);
}

static void done(struct reading *reading)
{
	model_problems_done(&reading->problems);
	arena_reset(&reading->arena);
}

static void flags_stand_anywhere_behind_the_first_word(void **state)
{
	(void)state;
	static const char *const ROWS[][WORDS] = {
	        {"domain", "set", "a.test", "debug=on", "--revision", "7", "--json"},
	        {"domain", "--json", "--revision=7", "set", "a.test", "debug=on"},
	        {"domain", "set", "--revision", "5", "a.test", "--json", "--revision", "7",
	                "debug=on"},
	        {"domain", "set", "--json", "--revision", "7", "--", "a.test", "debug=on"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct reading reading;
		read(&reading, ROWS[i]);
		assert_true(reading.is_good);
		assert_true(str_is_equal(reading.line.command->name, STR("domain set")));
		assert_int_equal(reading.line.argument_count, 2);
		assert_string_equal(reading.line.arguments[0], "a.test");
		assert_string_equal(reading.line.arguments[1], "debug=on");
		assert_true(cli_line_has(&reading.line, CLI_FLAG_JSON));
		assert_false(cli_line_has(&reading.line, CLI_FLAG_API));
		assert_int_equal(cli_line_number(&reading.line, CLI_FLAG_REVISION, 0), 7);
		done(&reading);
	}
}

static void what_makes_no_sense_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS];
		const char *field, *rule;
	} ROWS[] = {
	        {{"domain"}, "domain", "required"},
	        {{"domain", "lst"}, "lst", "unknown-command"},
	        {{"domain", "show"}, "NAME", "required"},
	        {{"domain", "show", "a", "b"}, "b", "syntax"},
	        {{"whoami", "x"}, "x", "syntax"},
	        {{"whoami", "--nonsense"}, "--nonsense", "unknown-flag"},
	        {{"whoami", "--prune"}, "--prune", "unknown-flag"},
	        {{"whoami", "--json=1"}, "--json", "syntax"},
	        {{"whoami", "--api"}, "--api", "syntax"},
	        {{"whoami", "--api="}, "--api", "syntax"},
	        {{"domain", "list", "--limit", "many"}, "--limit", "syntax"},
	        {{"domain", "list", "--limit", "-1"}, "--limit", "syntax"},
	        {{"domain", "list", "--status", "on"}, "--status", "value"},
	        {{"apply", "-f", "x", "--timeout", "soon"}, "--timeout", "syntax"},
	        {{"apply"}, "-f", "required"},
	        {{"completion", "fish"}, "fish", "value"},
	        {{"completion", "bash", "--json"}, "--json", "unknown-flag"},
	        {{"rollback", "a.test"}, "REVISION", "required"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct reading reading;
		read(&reading, ROWS[i].words);
		assert_false(reading.is_good);
		assert_int_equal(reading.problems.total, 1);
		assert_string_equal(reading.problems.list[0].field, ROWS[i].field);
		assert_string_equal(reading.problems.list[0].rule, ROWS[i].rule);
		done(&reading);
	}
}

static void what_was_meant_is_suggested(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS];
		const char *suggested;
	} ROWS[] = {
	        {{"domain", "lsit"}, "did you mean list?"},
	        {{"whoami", "--jsno"}, "did you mean --json?"},
	        {{"domain", "elephant"}, "one of list, show, create"},
	        {{"domain"}, "say which: list, show, create"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct reading reading;
		read(&reading, ROWS[i].words);
		assert_non_null(strstr(reading.problems.list[0].message, ROWS[i].suggested));
		done(&reading);
	}
}

static void a_group_alone_shows_what_there_is_where_that_needs_no_argument(void **state)
{
	(void)state;
	static const char *const ROWS[][WORDS] = {
	        {"settings"}, {"settings", "show"}, {"settings", "--json"}};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct reading reading;
		read(&reading, ROWS[i]);
		assert_true(reading.is_good);
		assert_true(str_is_equal(reading.line.command->name, STR("settings show")));
		assert_int_equal(reading.line.argument_count, 0);
		done(&reading);
	}
	struct reading reading;
	/* Help is of the whole group. */
	read(&reading, (const char *const[]){"settings", "--help", NULL});
	assert_null(reading.line.command);
	done(&reading);
	read(&reading, (const char *const[]){"settings", "shw", NULL});
	assert_false(reading.is_good);
	assert_non_null(strstr(reading.problems.list[0].message, "did you mean show?"));
	done(&reading);
}

static void help_is_known_where_nothing_else_is(void **state)
{
	(void)state;
	struct reading reading;
	read(&reading, (const char *const[]){"domain", "--help", NULL});
	assert_true(cli_line_has(&reading.line, CLI_FLAG_HELP));
	assert_null(reading.line.command);
	assert_true(str_is_equal(reading.line.group, STR("domain")));
	done(&reading);
	read(&reading, (const char *const[]){"domain", "set", "-h", NULL});
	assert_true(cli_line_has(&reading.line, CLI_FLAG_HELP));
	assert_true(str_is_equal(reading.line.command->name, STR("domain set")));
	done(&reading);
}

static void a_flag_may_be_repeated(void **state)
{
	(void)state;
	struct reading reading;
	read(&reading, (const char *const[]){"domain", "create", "a.test", "--origin", "b",
	                       "--backup", "c", "--origin=d:80", NULL});
	assert_true(reading.is_good);
	const char **values = cli_line_values(&reading.line, CLI_FLAG_ORIGIN, &reading.arena);
	assert_string_equal(values[0], "b");
	assert_string_equal(values[1], "d:80");
	assert_null(values[2]);
	assert_null(cli_line_values(&reading.line, CLI_FLAG_ROLE, &reading.arena)[0]);
	done(&reading);
}

static void durations_are_milliseconds(void **state)
{
	(void)state;
	struct reading reading;
	read(&reading, (const char *const[]){"apply", "-f", "-", "--timeout", "2m", NULL});
	assert_true(reading.is_good);
	assert_int_equal(cli_line_number(&reading.line, CLI_FLAG_TIMEOUT, 5), 120000);
	assert_string_equal(cli_line_value(&reading.line, CLI_FLAG_FILE), "-");
	assert_int_equal(cli_line_number(&reading.line, CLI_FLAG_EXPIRES, 5), 5);
	done(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(flags_stand_anywhere_behind_the_first_word),
	        cmocka_unit_test(what_makes_no_sense_is_told),
	        cmocka_unit_test(what_was_meant_is_suggested),
	        cmocka_unit_test(a_group_alone_shows_what_there_is_where_that_needs_no_argument),
	        cmocka_unit_test(help_is_known_where_nothing_else_is),
	        cmocka_unit_test(a_flag_may_be_repeated),
	        cmocka_unit_test(durations_are_milliseconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
