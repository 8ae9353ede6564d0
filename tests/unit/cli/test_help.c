/* Help has all that the tables have. */
#include "cli/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_overview_has_each_command(void **state)
{
	(void)state;
	const struct cli_command *command;
	struct text text = {0};
	cli_help_add_overview(&text);
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		struct text line = {0};
		text_addf(&line, "  headwater %s%s%s", command->name.at,
		        command->arguments[0] != '\0' ? " " : "", command->arguments);
		assert_non_null(strstr(text_c(&text), text_c(&line)));
		text_done(&line);
	}
	text_done(&text);
}

static void a_command_has_its_flags_and_no_others(void **state)
{
	(void)state;
	const struct cli_command *command;
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		const struct cli_flag *flag;
		struct text text = {0};
		cli_help_add(cli_command_group(command), command, &text);
		for (size_t j = 0; (flag = cli_command_flag_at(j)) != NULL; j++) {
			struct text line = {0};
			text_addf(&line, "\n  %s%s%s\n", flag->name.at,
			        flag->value[0] != '\0' ? " " : "", flag->value);
			assert_int_equal(strstr(text_c(&text), text_c(&line)) != NULL,
			        cli_command_has_flag(command, flag));
			text_done(&line);
		}
		assert_non_null(strstr(text_c(&text), "\nExit codes:\n  0\n"));
		text_done(&text);
	}
}

static void usage_has_brackets_around_what_may_be_left_out(void **state)
{
	(void)state;
	static const struct {
		const char *name, *usage;
	} ROWS[] = {
	        {"domain show", "domain show NAME [--all]"},
	        {"apply", "apply -f FILE [--dry-run] [--prune] [--yes] [--timeout DURATION]"},
	        {"status", "status"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text text = {0};
		cli_help_add_usage(cli_command_find(str_of(ROWS[i].name)), &text);
		assert_string_equal(text_c(&text), ROWS[i].usage);
		text_done(&text);
	}
}

static void a_group_has_all_its_commands(void **state)
{
	(void)state;
	struct text text = {0};
	cli_help_add(STR("token"), NULL, &text);
	assert_non_null(strstr(text_c(&text), "headwater token list "));
	assert_non_null(strstr(text_c(&text), "headwater token add LABEL "));
	assert_null(strstr(text_c(&text), "headwater user"));
	assert_null(strstr(text_c(&text), "--prune"));
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_overview_has_each_command),
	        cmocka_unit_test(a_command_has_its_flags_and_no_others),
	        cmocka_unit_test(usage_has_brackets_around_what_may_be_left_out),
	        cmocka_unit_test(a_group_has_all_its_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
