/*
 * Lists are short, so they are searched from their beginning.
 */
#include "cli/command.h"

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct cli_command COMMANDS[] = {
#define COMMAND(id, name, arguments, flags, role, words)                                           \
	{NAME(name), arguments, flags, role, words},
#include "cli/command.def"
#undef COMMAND
};

enum { SOME, EVERY, NEEDED };

static const struct cli_flag FLAGS[] = {
#define FLAG(owner, id, name, value, words)                                                        \
	{NAME(name), value, words, (owner) == EVERY, (owner) == NEEDED},
#include "cli/flag.def"
#undef FLAG
};

static const struct {
	int code;
	const char *words;
} EXITS[] = {
#define EXIT(id, code, words) {code, words},
#include "cli/exit.def"
#undef EXIT
};

const struct cli_command *cli_command_at(size_t index)
{
	return index < ARRAY_LENGTH(COMMANDS) ? &COMMANDS[index] : NULL;
}

const struct cli_flag *cli_command_flag_at(size_t index)
{
	return index < ARRAY_LENGTH(FLAGS) ? &FLAGS[index] : NULL;
}

const struct cli_command *cli_command_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
		if (str_is_equal(COMMANDS[i].name, name))
			return &COMMANDS[i];
	}
	return NULL;
}

struct str cli_command_group(const struct cli_command *command)
{
	struct str rest = command->name;
	return str_cut(&rest, ' ');
}

bool cli_command_has_group(struct str word)
{
	for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
		if (str_is_equal(cli_command_group(&COMMANDS[i]), word))
			return true;
	}
	return false;
}

const struct cli_flag *cli_command_find_flag(struct str name)
{
	if (str_is_equal(name, STR("-h")))
		return &FLAGS[CLI_FLAG_HELP];
	for (size_t i = 0; i < ARRAY_LENGTH(FLAGS); i++) {
		if (str_is_equal(FLAGS[i].name, name))
			return &FLAGS[i];
	}
	return NULL;
}

bool cli_command_has_flag(const struct cli_command *command, const struct cli_flag *flag)
{
	struct str rest = str_of(command->flags);
	if (flag->is_every)
		return flag == &FLAGS[CLI_FLAG_HELP] ||
		       !str_is_equal(command->name, STR("completion"));
	while (rest.at != NULL) {
		if (str_is_equal(str_cut(&rest, ' '), flag->name))
			return true;
	}
	return false;
}

const char *cli_command_exit_at(size_t index, int *ret_code)
{
	if (index >= ARRAY_LENGTH(EXITS))
		return NULL;
	*ret_code = EXITS[index].code;
	return EXITS[index].words;
}

bool cli_command_is_choice(const char *choices, struct str value)
{
	struct str rest = str_of(choices);
	while (rest.at != NULL) {
		if (str_is_equal(str_cut(&rest, '|'), value))
			return true;
	}
	return false;
}
