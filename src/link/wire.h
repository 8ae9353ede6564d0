/*
 * One end of a connection between the control plane and an edge: messages (link/message.h) both
 * ways, over a stream socket, with TLS or without. It speaks when nothing else was said for a
 * while, and ends when nothing is heard. One thread, that of its loop.
 */
#pragma once

#include "link/message.h"
#include "net/loop.h"

struct link_wire;
struct tls; /* net/tls.h */

struct link_wire_sink {
	/* A message; the payload lasts until it returns. It may send and end, but not free. */
	void (*on_message)(
	        struct link_wire_sink *self, enum link_message_kind kind, struct str payload);
	/* All that was to be sent is gone. */
	void (*on_sent)(struct link_wire_sink *self);
	/* Nothing comes any more, and nothing goes; `why` is what link_wire_end was told, or lasts
	 * as long as the wire. Once, and never inside a call of this file. */
	void (*on_end)(struct link_wire_sink *self, const char *why);
};

struct link_wire_times {
	uint32_t ping_ms;  /* what is said after so long */
	uint32_t lease_ms; /* who is not heard for so long is gone */
};

/* The socket is non-blocking, and it and its TLS (NULL: none) are the wire's from now on, also when
 * NULL is returned because the kernel refuses. `sink` must outlive it. */
struct link_wire *link_wire_new(struct loop *loop, int socket, struct tls *tls,
        const struct link_wire_times *times, struct link_wire_sink *sink);

/* Closes the socket. NULL is fine. */
void link_wire_free(struct link_wire *wire);

/* Sends a message, as soon as what was sent before is gone. Nothing once it has ended. */
void link_wire_send(struct link_wire *wire, enum link_message_kind kind, struct str payload);

/* How many bytes wait to be sent: who has much to say waits for on_sent when they are many. */
size_t link_wire_backlog(const struct link_wire *wire);

/* Has it end, with these words, which must be a constant. What was sent before goes as far as the
 * socket takes it at once. */
void link_wire_end(struct link_wire *wire, const char *why);

enum { LINK_RUN_BYTES = 17 };

/* Makes up what tells this process from all others in a greeting. */
void link_wire_make_run(char to[LINK_RUN_BYTES]);
