/*
 * `headwater identity`: makes the files by which the machines of a fleet know each other (the
 * setting link_identity). It asks nobody.
 */
#pragma once

#include "base/str.h"

/* `arguments` are the program's: its name, "identity", its words, NULL. Returns the exit code. */
int identity_run(char *const *arguments);

/* Adds what its flags are. */
void identity_add_help(struct text *to);
