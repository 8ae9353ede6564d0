/*
 * Problems of the operator's input, on standard error.
 */
#pragma once

#include "model/problem.h"

/* The exit codes of the program. */
enum { COMPLAIN_EXIT_DONE = 0, COMPLAIN_EXIT_FAILED = 1, COMPLAIN_EXIT_USAGE = 2 };

/* One line for each problem: those of a file begin with its place, those of the command line with
 * the command, and end with where help is. Returns the exit code for them. */
int complain(const char *command, const struct model_problems *problems);
