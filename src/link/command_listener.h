/*
 * The edge's end of its UNIX socket: connections, on which each line is a request (link/command.h)
 * and each answer a line. A connection may have many, one after the other. One thread, that of its
 * loop.
 */
#pragma once

#include "link/command.h"
#include "net/loop.h"

/* What the listener calls, on its loop's thread. */
struct link_command_sink {
	/* Purges, and returns when that is in effect for whoever asks from now on; or does nothing
	 * of it and tells why in a sentence, whose text stays until the next call. */
	struct link_answer (*on_purge)(
	        struct link_command_sink *self, const struct link_purge *purge);
	/* Whether a purge outlives the machine's death, by the moment of its answer, which is sent
	 * then. Asked again and again; where it is not so within durable_ms, the answer tells that
	 * instead. */
	bool (*is_durable)(struct link_command_sink *self, uint64_t moment);
	uint32_t durable_ms;
};

struct link_command_listener;

/* Begins to accept at a listening socket (net/local.h), which is the listener's from now on, also
 * when NULL is returned because the kernel refuses. A connection has timeout_ms for each request
 * and the reading of its answer. `sink` must outlive it. */
struct link_command_listener *link_command_listener_open(
        struct loop *loop, int socket, uint32_t timeout_ms, struct link_command_sink *sink);

/* Closes the socket and all connections; what was not read of them was not done. NULL is fine. */
void link_command_listener_close(struct link_command_listener *listener);
