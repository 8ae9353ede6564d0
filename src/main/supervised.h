/*
 * What a process hears that may be below a supervisor: signals, and that the supervisor is gone;
 * and what the supervisor hears of it. One thread, that of its loop.
 *
 * Below a supervisor, SIGINT is not for us: a terminal sends it to the whole group, and the
 * supervisor will say SIGTERM. The end of the lifeline means that nobody would restart us or take
 * our sockets over, so we finish what we have and end.
 */
#pragma once

#include "main/handover.h"
#include "main/signals.h"

/* Embedded; the callbacks are set by its owner. */
struct supervised {
	struct loop *loop; /* NULL: it is not open */
	const char *name;  /* of the process, for the log */
	struct signals signals;
	struct loop_fd lifeline;
	bool is_alone; /* there is no supervisor */
	bool is_draining;
	/* To end, when what is in flight is done; where we are alone, a second time: at once. */
	void (*on_drain)(struct supervised *self);
	/* SIGHUP, while not draining, or SIGUSR1. */
	void (*on_signal)(struct supervised *self, int number);
};

/* Blocks the signals, for supervised_open to hear them; while there is one thread. */
void supervised_block(void);

/* Listens from now on; `handover` is the supervisor's, or one without a lifeline. False after a log
 * line. */
MUST_CHECK bool supervised_open(
        struct supervised *supervised, struct loop *loop, const struct handover *handover);

/* Does not close the lifeline. */
void supervised_close(struct supervised *supervised);

/* Tells the supervisor, if there is one, that we serve, and closes the pipe for it. */
void supervised_say_ready(const struct supervised *supervised, struct handover *handover);
