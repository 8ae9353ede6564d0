/*
 * What an operator types to ask the control plane: the commands of command.def. The program's main
 * calls cli_run, and lists them with its own.
 */
#pragma once

#include "base/str.h"

/* Whether a command begins with this word. */
bool cli_has(struct str word);

/* The first words of commands, each once; empty behind the last. */
struct str cli_name_at(size_t index);

/* Each command with its words, for the list of all. */
void cli_add_overview(struct text *to);

/* The commands that begin with this word, with their flags. */
void cli_add_help(struct str word, struct text *to);

/* Whether the words of a command, up to NULL, or this machine say which control plane is to be
 * asked: by a flag, by the environment, or by being signed in. */
bool cli_has_place(char *const *words);

/* Does what the program's arguments (its name, the command, its words, NULL) say. `others` are the
 * names of the program's other commands, up to NULL, for completion. Returns the exit code. */
int cli_run(char *const *arguments, const char *const *others);
