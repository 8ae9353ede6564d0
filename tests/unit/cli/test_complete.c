/* The scripts have what the tables have; tests/functional/test_cli_tables.py runs them. */
#include "cli/complete.h"

#include "cli/command.h"
#include "model/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const OTHERS[] = {"serve", "check", NULL};

static void both_scripts_know_all_commands_flags_and_fields(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		enum cli_complete_shell shell = i == 0 ? CLI_COMPLETE_BASH : CLI_COMPLETE_ZSH;
		const struct cli_command *command;
		const struct cli_flag *flag;
		const struct model_field *field;
		struct text text = {0}, piece = {0};
		cli_complete_add(shell, OTHERS, &text);
		assert_non_null(strstr(text_c(&text), "\"serve check login logout "));
		for (size_t j = 0; (command = cli_command_at(j)) != NULL; j++) {
			text_clear(&piece);
			text_addf(&piece, "\n\t\"%s\") found=\"", command->name.at);
			assert_non_null(strstr(text_c(&text), text_c(&piece)));
		}
		for (size_t j = 0; (flag = cli_command_flag_at(j)) != NULL; j++)
			assert_non_null(strstr(text_c(&text), flag->name.at));
		for (size_t j = 2; (field = model_field_at(j)) != NULL; j++) {
			text_clear(&piece);
			text_addf(&piece, " %s=", field->path.at);
			bool is_fixed = str_is_equal(field->path, STR("revision"));
			assert_int_equal(strstr(text_c(&text), text_c(&piece)) != NULL, !is_fixed);
		}
		text_done(&text);
		text_done(&piece);
	}
}

static void zsh_is_told_what_it_completes(void **state)
{
	(void)state;
	struct text text = {0};
	cli_complete_add(CLI_COMPLETE_ZSH, OTHERS, &text);
	assert_true(str_has_prefix(text_str(&text), STR("#compdef headwater\n")));
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_scripts_know_all_commands_flags_and_fields),
	        cmocka_unit_test(zsh_is_told_what_it_completes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
