/*
 * `headwater edge`: the data plane as a process, alone or below a supervisor.
 */
#pragma once

#include "main/handover.h"
#include "main/invocation.h"

/* Serves until it is told to end; returns the exit code. `handover` is the supervisor's, and NULL
 * without one: then it opens sockets of its own. */
int run_edge(const struct invocation *invocation, struct handover *handover);
