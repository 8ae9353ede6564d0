/*
 * Scripts with which shells complete what is typed, made from the tables of commands, flags and
 * fields. Pure.
 */
#pragma once

#include "base/str.h"

enum cli_complete_shell { CLI_COMPLETE_BASH, CLI_COMPLETE_ZSH };

/* Adds the script; `others` are commands that are not in the table, up to NULL. */
void cli_complete_add(enum cli_complete_shell shell, const char *const *others, struct text *to);
