/*
 * Signals as events of a loop.
 */
#pragma once

#include "net/loop.h"

#include <signal.h>

/* Embedded. on_signal is called with the signal's number. */
struct signals {
	struct loop_fd watched;
	void (*on_signal)(struct signals *self, int number);
};

/* Blocks those signals for this thread and for the threads that it makes; before there are any.
 * They wait for signals_open then. SIGPIPE is ignored from now on. */
void signals_block(const sigset_t *set);

/* Begins to report them; false when the kernel refuses. */
MUST_CHECK bool signals_open(struct signals *signals, const sigset_t *set, struct loop *loop);

/* They stay blocked. */
void signals_close(struct signals *signals, struct loop *loop);
