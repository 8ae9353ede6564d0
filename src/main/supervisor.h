/*
 * `headwater serve`: holds the listening sockets, keeps an edge running on them, and where the
 * settings have an API a control process, and replaces them and itself by a new binary without a
 * gap. It does nothing that could fail while it waits.
 */
#pragma once

#include "main/handover.h"
#include "main/invocation.h"

struct supervisor_options {
	/* NULL: the settings could not be read anew after an upgrade; what is running stays. */
	const struct invocation *invocation;
	char *const *arguments; /* of this process: name, "serve", flags, NULL */
	struct handover
	        *handover; /* what the supervisor before this one left; NULL: it is the first */
};

/* Runs until it is told to end; returns the exit code. */
int supervisor_run(const struct supervisor_options *options);
