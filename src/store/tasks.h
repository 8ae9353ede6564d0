/*
 * Purges in the store, as tasks for all edges: each has a number, one more than that of the purge
 * before it, and edges do them in that order. So one number for each edge says which it has done;
 * besides, it is kept what an edge said of those that failed.
 */
#pragma once

#include "store/store.h"

/* Everything is borrowed. */
struct store_purge {
	uint64_t number;
	uint64_t at_ms;    /* since 1970-01-01 UTC */
	uint64_t revision; /* of all domains, when it was made: edges that purge have that first */
	struct str who, what; /* who made it, and what it says: the maker's own words */
	unsigned edges, done; /* how many edges are known; have done it; not for readers since */
	unsigned failed;      /* said that it failed, and not since that it is done; nor these */
};

/* Adds one, and takes back those that are too many, or too long together; `what` has at most
 * LIMIT_LINK_MESSAGE_BYTES. */
MUST_CHECK enum store_failure store_tasks_add(struct store *store, struct str who, struct str what,
        uint64_t *ret_number, uint64_t *ret_revision);

/* What the readers below call, under the store's lock: it must not call the store. */
struct store_purge_sink {
	void (*on_purge)(struct store_purge_sink *self, const struct store_purge *purge);
};

/* Which numbers there are: from `oldest` to `last`, and none when oldest is last + 1. */
struct store_purge_span {
	uint64_t oldest, last;
};

/* Reads those with a higher number that are still kept, the oldest first. */
MUST_CHECK enum store_failure store_tasks_read_since(struct store *store, uint64_t number,
        struct store_purge_sink *sink, struct store_purge_span *ret_span);

/* Reads those with a lower number (0: all), the newest first, with how far edges are. */
MUST_CHECK enum store_failure store_tasks_list(
        struct store *store, uint64_t before, unsigned limit, struct store_purge_sink *sink);

enum store_purge_state { STORE_PURGE_WAITS, STORE_PURGE_DONE, STORE_PURGE_FAILED };

struct store_purge_edge_sink {
	/* Texts are borrowed. `error` is empty but for FAILED; at_ms is when the edge said so, and
	 * for the others when anything was last heard of it. */
	void (*on_edge)(struct store_purge_edge_sink *self, struct str edge,
	        enum store_purge_state state, struct str error, uint64_t at_ms);
};

/* Reads one, and what each edge that is known made of it, in the order of their names; ABSENT. */
MUST_CHECK enum store_failure store_tasks_read(struct store *store, uint64_t number,
        struct store_purge_sink *sink, struct store_purge_edge_sink *edges);

/* What an edge says. */
struct store_acknowledgement {
	const char *edge; /* its id (link_hub_edge) */
	uint64_t number;
	const char *error; /* why this one has failed; "": it and all before it are done; NULL: the
	                    * same, but for those that have failed: what an edge says at first */
};

/* Notes what edges said, all of it or nothing. An edge that says 0 is known from then on. What is
 * said of purges that are not kept (any more) goes unnoticed. */
MUST_CHECK enum store_failure store_tasks_acknowledge(
        struct store *store, const struct store_acknowledgement *list, size_t count);

struct store_edge_sink {
	/* An edge, and the purge up to which it has done all. */
	void (*on_edge)(struct store_edge_sink *self, struct str edge, uint64_t purged);
};

/* The edges that something was noted of at `since_ms` or later, by their names. */
MUST_CHECK enum store_failure store_tasks_edges(
        struct store *store, uint64_t since_ms, struct store_edge_sink *sink);

/* Takes back what was made up to `until_ms` (since 1970-01-01 UTC), and edges that nothing was
 * noted of since, so note those that are connected before; *ret_span is what is left. */
MUST_CHECK enum store_failure store_tasks_expire(
        struct store *store, uint64_t until_ms, struct store_purge_span *ret_span);
