/*
 * What a supervisor holds for its children, so that it outlives each of them: sockets, the memory
 * of the cache, the last good domains, and the pipe that ends with it.
 */
#pragma once

#include "main/handover.h"
#include "main/invocation.h"
#include "net/tls_tickets.h"

struct holding {
	struct tls_tickets *tickets; /* handover.tickets, mapped; NULL: none */
	struct handover handover;    /* with both ends of the lifeline, and no child's pipe */
	/* NULL: the settings could not be read anew after an upgrade. */
	const struct invocation *invocation;
	unsigned early_deaths; /* of edges, in a row */
	bool has_renewed;      /* the memory, since an edge last lived longer */
};

/* One without anything, so that holding_close is fine. */
void holding_init(struct holding *holding, const struct invocation *invocation);

/* Opens all that the invocation, which there is, asks for; false after a log line. */
MUST_CHECK bool holding_open(struct holding *holding);

/* Takes what the supervisor before this one held, opens what it had not, and warns of what takes a
 * restart to be as the invocation says. The edges and control processes in it are the caller's.
 * True: the edge that serves has made a cache memory for itself, and is to be followed at once by
 * one that has ours. */
MUST_CHECK bool holding_adopt(struct holding *holding, const struct handover *handover);

/* Closes all of it. */
void holding_close(struct holding *holding);

/* Whether there is what a control process needs. */
bool holding_has_control(const struct holding *holding);

/* What a child gets. */
struct handover holding_for_edge(const struct holding *holding);
struct handover holding_for_control(const struct holding *holding);

/* Changes the keys of tickets when it is their time; returns when that is next: seconds since 1970,
 * 0 where there are none. */
int64_t holding_rotate_tickets(struct holding *holding, int64_t now_s);

/* An edge has died that should serve. What it left in the memory of the cache is checked by the
 * next one; but when that dies in turn, the memory may be the reason, and goes. */
void holding_judge_memory(struct holding *holding, uint64_t lived_ms);
