/*
 * What the commands do, in words for a terminal, made from the tables. Pure.
 */
#pragma once

#include "cli/command.h"

/* A command, its arguments and flags: "domain show NAME [--all]". */
void cli_help_add_usage(const struct cli_command *command, struct text *to);

/* Each command with its words. */
void cli_help_add_overview(struct text *to);

/* The commands of a group, or only `command` where that is not NULL, with flags and exit codes. */
void cli_help_add(struct str group, const struct cli_command *command, struct text *to);
