/*
 * The tables, wrapped.
 */
#include "cli/help.h"

#include "base/wrap.h"

/* The command with what it cannot do without. */
static void add_command(const struct cli_command *command, struct text *to)
{
	const struct cli_flag *flag;
	text_addf(to, "%.*s", STR_ARG(command->name));
	if (command->arguments[0] != '\0')
		text_addf(to, " %s", command->arguments);
	for (size_t i = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		if (flag->is_needed && cli_command_has_flag(command, flag))
			text_addf(to, " %.*s %s", STR_ARG(flag->name), flag->value);
	}
}

void cli_help_add_usage(const struct cli_command *command, struct text *to)
{
	const struct cli_flag *flag;
	add_command(command, to);
	for (size_t i = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		if (flag->is_every || flag->is_needed || !cli_command_has_flag(command, flag))
			continue;
		text_addf(to, " [%.*s%s%s]", STR_ARG(flag->name), flag->value[0] != '\0' ? " " : "",
		        flag->value);
	}
}

void cli_help_add_overview(struct text *to)
{
	const struct cli_command *command;
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		text_add(to, STR("  headwater "));
		add_command(command, to);
		text_add_char(to, '\n');
		wrap_add(to, command->words);
	}
}

static bool is_asked(
        const struct cli_command *each, struct str group, const struct cli_command *command)
{
	return command != NULL ? each == command : str_is_equal(cli_command_group(each), group);
}

static bool has_any(
        struct str group, const struct cli_command *command, const struct cli_flag *flag)
{
	const struct cli_command *each;
	for (size_t i = 0; (each = cli_command_at(i)) != NULL; i++) {
		if (is_asked(each, group, command) && cli_command_has_flag(each, flag))
			return true;
	}
	return false;
}

static void add_flags(struct str group, const struct cli_command *command, struct text *to)
{
	const struct cli_flag *flag;
	text_add(to, STR("Flags:\n"));
	for (size_t i = 0; (flag = cli_command_flag_at(i)) != NULL; i++) {
		if (!has_any(group, command, flag))
			continue;
		text_addf(to, "  %.*s%s%s\n", STR_ARG(flag->name),
		        flag->value[0] != '\0' ? " " : "", flag->value);
		wrap_add(to, flag->words);
	}
}

void cli_help_add(struct str group, const struct cli_command *command, struct text *to)
{
	const struct cli_command *each;
	const char *words;
	int code;
	for (size_t i = 0; (each = cli_command_at(i)) != NULL; i++) {
		if (!is_asked(each, group, command))
			continue;
		text_add(to, STR("headwater "));
		cli_help_add_usage(each, to);
		text_add(to, STR("\n\n"));
		wrap_add(to, each->words);
		text_add_char(to, '\n');
	}
	add_flags(group, command, to);
	text_add(to, STR("\nExit codes:\n"));
	for (size_t i = 0; (words = cli_command_exit_at(i, &code)) != NULL; i++) {
		text_addf(to, "  %d\n", code);
		wrap_add(to, words);
	}
}
