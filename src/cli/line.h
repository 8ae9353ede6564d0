/*
 * A command line: words become a command of the table with its arguments and flags. Pure.
 */
#pragma once

#include "base/arena.h"
#include "cli/command.h"
#include "model/problem.h"

struct cli_given {
	const struct cli_flag *flag;
	const char *value; /* "" for a flag that takes none */
};

struct cli_line {
	const struct cli_command *command; /* NULL: the first words are no command */
	struct str group;                  /* the first word */
	const char **arguments;            /* behind the command */
	size_t argument_count;
	struct cli_given *given; /* in their order */
	size_t given_count;
};

/*
 * Reads words up to NULL; memory is the arena's, texts are borrowed. The first one is a group.
 * False when problems has an entry more; then `command` and `group` are there as far as they were
 * found, and so are the flags.
 */
MUST_CHECK bool cli_line_read(struct arena *arena, char *const *words, struct cli_line *ret_line,
        struct model_problems *problems);

bool cli_line_has(const struct cli_line *line, enum cli_flag_id id);

/* The last value of a flag; NULL when it was not given. */
const char *cli_line_value(const struct cli_line *line, enum cli_flag_id id);

/* All values of a flag, in the arena, up to NULL. */
const char **cli_line_values(const struct cli_line *line, enum cli_flag_id id, struct arena *arena);

/* Of a flag whose value is N or DURATION (milliseconds). */
uint64_t cli_line_number(const struct cli_line *line, enum cli_flag_id id, uint64_t standard);
