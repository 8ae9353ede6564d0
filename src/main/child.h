/*
 * Starting another program with what a handover has.
 */
#pragma once

#include "main/handover.h"

/*
 * Starts the program at `path` with these arguments (the first is its name, NULL ends them). It
 * gets the handover's descriptors, and no others of ours but the standard ones; signals that are
 * blocked stay so, and wait for it. Returns its pid, or -1 with errno when there can be no process.
 */
pid_t child_start(const char *path, char *const *arguments, const struct handover *handover);

/* Executes the program at `path` in place of this one, in the same way. Returns only when that
 * fails, with errno. */
void child_become(const char *path, char *const *arguments, const struct handover *handover);

/* Adds how a process ended, from its status of waitpid(2): "exit code 1". */
void child_add_status(int status, struct text *to);
