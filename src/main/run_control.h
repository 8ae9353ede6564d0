/*
 * `headwater control`: the control plane as a process, alone or below a supervisor.
 */
#pragma once

#include "main/handover.h"
#include "main/invocation.h"

/* Runs until it is told to end; returns the exit code. `handover` is the supervisor's, and NULL
 * without one: then it opens sockets of its own. */
int run_control(const struct invocation *invocation, struct handover *handover);
