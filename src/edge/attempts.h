/*
 * The attempts that a line of the access log has, where a response came of several pulls, or of one
 * that others share. One thread for each; pure.
 */
#pragma once

#include "base/arena.h"
#include "edge/access_log.h"

enum { EDGE_ATTEMPTS_MAX = 24 }; /* more are not shown */

/* Gathers attempts in an arena. All-zero has none. */
struct edge_attempts {
	struct edge_log_attempt *list;
	unsigned count, kept, room;
};

/*
 * Adds those of a pull that the response has bytes of, copied with what they point to. They come in
 * place of the last pull's, unless the body of that broke off and others were asked for its rest:
 * such pulls stay. So a response of many pieces has its last one, and those that somebody has to
 * know of.
 */
void edge_attempts_add(struct edge_attempts *attempts, const struct edge_log_attempt *added,
        unsigned count, struct arena *arena);

/* A copy by itself of some attempts, with what they point to. */
struct edge_attempts_copy {
	unsigned count;
	struct edge_log_attempt list[];
};

/* It is freed with mem_free. */
struct edge_attempts_copy *edge_attempts_copy(
        const struct edge_log_attempt *attempts, unsigned count);
