/*
 * The commands, flags and exit codes as tables (command.def, flag.def, exit.def), from which the
 * reader of the command line, help, completion and manual pages are made. Pure.
 */
#pragma once

#include "base/str.h"

enum cli_exit {
#define EXIT(id, code, words) CLI_EXIT_##id = (code),
#include "cli/exit.def"
#undef EXIT
};

enum cli_flag_id {
#define FLAG(owner, id, ...) CLI_FLAG_##id,
#include "cli/flag.def"
#undef FLAG
	CLI_FLAGS
};

struct cli_flag {
	struct str name;
	const char *value; /* "" for none; choices with "|", or what it is */
	const char *words;
	bool is_every;  /* every command has it */
	bool is_needed; /* a command that has it cannot do without */
};

struct cli_command {
	struct str name;       /* one word or two */
	const char *arguments; /* as shown */
	const char *flags;     /* names, with spaces between them */
	const char *role;      /* "" where nobody is asked */
	const char *words;
};

/* In the order of the table; NULL behind the last. */
const struct cli_command *cli_command_at(size_t index);
const struct cli_flag *cli_command_flag_at(size_t index);

/* The command of this name; NULL. */
const struct cli_command *cli_command_find(struct str name);

/* Its first word. */
struct str cli_command_group(const struct cli_command *command);

/* Whether a command begins with this word. */
bool cli_command_has_group(struct str word);

/* The flag of this name, "-h" for "--help"; NULL. */
const struct cli_flag *cli_command_find_flag(struct str name);

/* Whether the command may have the flag. */
bool cli_command_has_flag(const struct cli_command *command, const struct cli_flag *flag);

/* What an exit code says; NULL where there is none of this index. */
const char *cli_command_exit_at(size_t index, int *ret_code);

/* Whether a value is one of choices, "a|b|c". */
bool cli_command_is_choice(const char *choices, struct str value);
