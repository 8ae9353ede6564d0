/*
 * The HTTP of the API: requests come in at the listeners, find their routes and who asks, run on
 * the threads of their lanes, and are answered. One loop's thread.
 */
#pragma once

#include "control/events.h"
#include "control/plane.h"
#include "control/tail.h"
#include "net/loop.h"

struct control_exchanges;

struct control_exchanges_options {
	struct loop *loop;
	struct control_plane *plane;
	const int *listeners; /* they stay the caller's */
	unsigned listener_count;
	/* Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; copied. */
	const struct address_prefix *trusted;
	unsigned trusted_count;
};

/* Begins to accept; NULL when the kernel refuses to watch the listeners. */
struct control_exchanges *control_exchanges_new(const struct control_exchanges_options *options);

/* Ends all, after what runs on other threads. NULL is fine. */
void control_exchanges_free(struct control_exchanges *exchanges);

/* What clients listen to; for control_events_tell. */
struct control_events *control_exchanges_events(struct control_exchanges *exchanges);

/* Who listens to the access log of the edges. */
struct control_tail *control_exchanges_tail(struct control_exchanges *exchanges);

/* No new connections; idle ones end, and streams of events. */
void control_exchanges_drain(struct control_exchanges *exchanges);

/* Whether nobody is connected any more. */
bool control_exchanges_is_idle(const struct control_exchanges *exchanges);
