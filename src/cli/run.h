/*
 * What each command does: a function for each row of command.def. It has told everything when it
 * returns.
 */
#pragma once

#include "cli/call.h"

#define COMMAND(id, ...) enum cli_exit cli_run_##id(struct cli_call *call);
#include "cli/command.def"
#undef COMMAND
