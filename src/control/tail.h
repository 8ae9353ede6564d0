/*
 * The access log of all edges as it is written, for whoever listens: server-sent events
 * (control/events.h), one for each request that a listener's filter lets through. Edges are asked
 * for lines while somebody listens, and for no others than those. What an edge had no room for, and
 * what a listener is too slow for, is left out, and told. One thread, that of the loop.
 */
#pragma once

#include "control/events.h"
#include "link/hub.h"

struct control_tail;

/* Who listens; embedded. Set client.wake and the filter, then control_tail_open. */
struct control_tail_listener {
	struct control_events_client client;
	struct link_filter filter;
	uint64_t left_out; /* that it was not told of */
};

struct control_tail_sink {
	/* These are wanted of all edges from now on: the filters of who listens, of whom there are
	 * at most LIMIT_TAIL_STREAMS. */
	void (*on_wanted)(
	        struct control_tail_sink *self, const struct link_filter *filters, unsigned count);
};

struct control_tail *control_tail_new(struct loop *loop);

/* Nobody listens any more. NULL is fine. */
void control_tail_free(struct control_tail *tail);

/* Who asks the edges, from now on; NULL: nobody. */
void control_tail_ask(struct control_tail *tail, struct control_tail_sink *sink);

/* Begins to listen; false when there are too many. */
MUST_CHECK bool control_tail_open(
        struct control_tail *tail, struct control_tail_listener *listener);

/* Ends it; nothing happens for one that does not listen. */
void control_tail_close(struct control_tail *tail, struct control_tail_listener *listener);

/* A message of a report of an edge. */
void control_tail_report(
        struct control_tail *tail, const struct link_hub_edge *edge, struct str payload);

/* All streams are over once what waits has been sent. */
void control_tail_end(struct control_tail *tail);
