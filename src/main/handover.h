/*
 * What a process leaves to the one that is executed next: the supervisor to its edges and its
 * control process, and to its own new self. Descriptors stay open across exec, and one variable of
 * the environment says which is which, so that any version can read what any other wrote.
 */
#pragma once

#include "main/listeners.h"
#include "main/memory.h"

#include <sys/types.h>

enum { HANDOVER_EDGES = 64, HANDOVER_CONTROLS = 16 };

struct handover {
	struct listeners listeners; /* of clients; none for a control process */
	struct listeners secure;    /* of clients with TLS, with as many sockets */
	struct listeners metrics;   /* of an edge, with one socket for each address */
	struct listeners api;       /* of a control process, with one socket for each address */
	struct listeners links;     /* where it listens for edges of other machines; the same */
	/* A pipe that nobody writes to: it ends with the supervisor, who alone has its end to
	 * write. -1 where a process does not get an end. */
	int lifeline_read, lifeline_write;
	int command; /* the listening UNIX socket for commands; -1: none */
	int link;    /* the one at which it listens for edges of this one; -1: none */
	/* A child writes a byte there when it serves; -1 for a supervisor. */
	int ready;
	struct memory memory; /* of the cache */
	int tickets;          /* the page of keys of TLS's tickets (net/tls_tickets.h); -1: none */
	/* The last good list of domains where no folder is to keep it (link_journal); -1: none. */
	int journal;
	/* The edges that a supervisor leaves to its new self, the serving one first. */
	pid_t edges[HANDOVER_EDGES];
	unsigned edge_count;
	/* The same for its control processes. */
	pid_t controls[HANDOVER_CONTROLS];
	unsigned control_count;
	/* How long those edges may take to end; 0 where it is not told. */
	uint64_t drain_timeout_ms;
};

/* The variable. */
extern const char HANDOVER_VARIABLE[];

/* Adds it as the text that handover_parse reads. */
void handover_print(const struct handover *handover, struct text *to);

/* Whether the text makes sense; descriptors are not looked at. Words that are not known are
 * skipped: they are of another version. */
MUST_CHECK bool handover_parse(struct str text, struct handover *ret_handover);

/* Takes the variable from the environment, if it is there, and closes its descriptors on exec from
 * now on. False when it is not there, or makes no sense, or a descriptor is not what it says:
 * *ret_is_broken tells these apart. */
MUST_CHECK bool handover_take(struct handover *ret_handover, bool *ret_is_broken);

/* Lets all of its descriptors live through an exec, or not. */
void handover_keep(const struct handover *handover, bool is_kept);

/* One without anything. */
void handover_init(struct handover *handover);

/* Forgets it; descriptors stay as they are. */
void handover_forget(struct handover *handover);
