/* The tables of commands, flags and exit codes agree with each other. */
#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_flag_of_a_command_is_in_the_table(void **state)
{
	(void)state;
	const struct cli_command *command;
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		struct str rest = str_of(command->flags);
		while (rest.len != 0) {
			const struct cli_flag *flag = cli_command_find_flag(str_cut(&rest, ' '));
			assert_non_null(flag);
			assert_false(flag->is_every);
			assert_true(cli_command_has_flag(command, flag));
		}
	}
}

static void every_flag_is_of_some_command(void **state)
{
	(void)state;
	const struct cli_flag *flag;
	for (size_t i = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		const struct cli_command *command;
		unsigned count = 0;
		for (size_t j = 0; (command = cli_command_at(j)) != NULL; j++)
			count += cli_command_has_flag(command, flag);
		assert_true(count > 0);
		assert_ptr_equal(cli_command_find_flag(flag->name), flag);
	}
}

static void a_group_stands_together_and_a_name_once(void **state)
{
	(void)state;
	const struct cli_command *command, *other;
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		struct str group = cli_command_group(command);
		assert_true(cli_command_has_group(group));
		assert_ptr_equal(cli_command_find(command->name), command);
		bool has_ended = false;
		for (size_t j = i + 1; (other = cli_command_at(j)) != NULL; j++) {
			bool is_same = str_is_equal(cli_command_group(other), group);
			assert_false(is_same && has_ended);
			has_ended = has_ended || !is_same;
		}
	}
	assert_false(cli_command_has_group(STR("serve")));
	assert_null(cli_command_find(STR("domain")));
}

static void completion_asks_nobody(void **state)
{
	(void)state;
	const struct cli_command *command = cli_command_find(STR("completion"));
	assert_false(cli_command_has_flag(command, cli_command_flag_at(CLI_FLAG_API)));
	assert_true(cli_command_has_flag(command, cli_command_find_flag(STR("-h"))));
}

static void exit_codes_are_told_once_each(void **state)
{
	(void)state;
	int code, last = -1;
	for (size_t i = 0; cli_command_exit_at(i, &code) != NULL; i++) {
		assert_true(code > last);
		last = code;
	}
	assert_int_equal(last, CLI_EXIT_LATE);
}

static void choices_are_whole_words(void **state)
{
	(void)state;
	assert_true(cli_command_is_choice("a|bc|d", STR("bc")));
	assert_false(cli_command_is_choice("a|bc|d", STR("b")));
	assert_false(cli_command_is_choice("a|bc|d", STR("a|bc")));
	assert_false(cli_command_is_choice("a|bc|d", STR_EMPTY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_flag_of_a_command_is_in_the_table),
	        cmocka_unit_test(every_flag_is_of_some_command),
	        cmocka_unit_test(a_group_stands_together_and_a_name_once),
	        cmocka_unit_test(completion_asks_nobody),
	        cmocka_unit_test(exit_codes_are_told_once_each),
	        cmocka_unit_test(choices_are_whole_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
