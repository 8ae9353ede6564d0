/*
 * Looking a request up in the store: by its key, and where the URL's responses vary, by its
 * variant. One thread, the reader's.
 */
#pragma once

#include "cache/find.h"
#include "cache/purge.h"
#include "cache/vary.h"

struct edge_lookup {
	struct cache_reader *reader;
	const struct cache_key *key;
	uint64_t domain; /* cache_key_domain of the one that serves the request */
	struct cache_vary_asked asked;
	/* the outcome; of AWAY as far as it got */
	struct cache_vary vary; /* what the URL's responses vary on; the names refer to the store
	                           until the reader is quiet */
	uint64_t epoch;         /* of the spec that says so; 0: nothing varies, or that is away */
	struct str variant;     /* of the request, in `text`; empty where nothing varies */
	char text[LIMIT_VARIANT_BYTES];
};

enum edge_lookup_result {
	EDGE_LOOKUP_NOTHING,
	EDGE_LOOKUP_FOUND,
	EDGE_LOOKUP_AWAY,       /* on a disk, perhaps: cache_find_away */
	EDGE_LOOKUP_UNTELLABLE, /* the request's variant is too long to be told: pass it on */
};

/* Prepares a look-up; the text is not cleared, since nearly nobody needs it. */
static inline void edge_lookup_init(struct edge_lookup *lookup, struct cache_reader *reader,
        const struct cache_key *key, uint64_t domain, struct cache_vary_asked asked)
{
	lookup->reader = reader;
	lookup->key = key;
	lookup->domain = domain;
	lookup->asked = asked;
	lookup->vary.count = 0;
	lookup->epoch = 0;
	lookup->variant = STR_EMPTY;
}

/* Fills in *ret_entry for FOUND, which may be used until the reader is quiet. What was stored while
 * the host was another domain's is not found. */
enum edge_lookup_result edge_lookup_find(struct edge_lookup *lookup, struct cache_entry *ret_entry);

/* After a look-up, whatever it found, in the same turn: removes the response that the request would
 * be given, or makes it stale, and no other variant of its URL. Where the variant can't be told,
 * since what says on what it varies is on a disk, all of them. */
void edge_lookup_purge(
        const struct edge_lookup *lookup, struct cache_store *store, enum cache_purge how);
