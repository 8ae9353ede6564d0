/*
 * What happens, for whoever listens: server-sent events (the HTML standard, 9.2) to any number of
 * streams up to a limit. What a client does not read waits in its queue, up to
 * LIMIT_EVENT_BYTES; past it the client is dropped: it comes again, and asks for what is. One
 * thread, that of the loop.
 */
#pragma once

#include "base/list.h"
#include "base/str.h"
#include "net/loop.h"

struct control_events;

/* Who listens; embedded. Set `wake`, then control_events_open. */
struct control_events_client {
	struct list_node node;
	struct loop_task *wake; /* woken whenever something below has changed */
	struct str domain;      /* whose addresses are told again and again; empty: nobody's */
	struct text waiting;    /* what is to be sent next; control_events_sent takes it away */
	bool is_dropped;        /* too much waited: the stream is to be broken off */
	bool is_over;           /* nothing more will come: the stream is to be ended */
	bool is_to_be_asked;    /* who listens is to be asked for again; the owner's to clear */
};

/* For at most so many who listen. */
struct control_events *control_events_new(struct loop *loop, unsigned most);

/* Nobody listens any more. NULL is fine. */
void control_events_free(struct control_events *events);

/* Begins to listen; false when there are too many. After control_events_end it is over at once. */
MUST_CHECK bool control_events_open(
        struct control_events *events, struct control_events_client *client);

/* Ends it; nothing happens for a client that does not listen. */
void control_events_close(struct control_events *events, struct control_events_client *client);

/* How many listen; NULL: nobody. */
unsigned control_events_count(const struct control_events *events);

/* So many bytes of what waits have been sent. */
void control_events_sent(struct control_events_client *client, size_t count);

/* Tells everybody. `data` is JSON of one line. NULL: nobody listens. */
void control_events_tell(struct control_events *events, const char *name, struct str data);

/* Who listens behind `client`, or first (NULL); NULL: nobody. */
struct control_events_client *control_events_next(
        const struct control_events *events, const struct control_events_client *client);

/* Tells one of them an event as control_events_print makes it; false, and nothing else happens,
 * where too much waits already. */
MUST_CHECK bool control_events_offer(
        struct control_events *events, struct control_events_client *client, struct str event);

/* Adds an event as it is told. */
void control_events_print(const char *name, struct str data, struct text *to);

/* All streams are over once what waits has been sent. */
void control_events_end(struct control_events *events);
