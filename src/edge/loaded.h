/*
 * An answer as it is remembered: its head without what belongs to one connection, its terms, what
 * it varies on. Made once of the origin's head, published to everybody who shares the flight, and
 * stored. Pure.
 */
#pragma once

#include "base/address.h"
#include "base/arena.h"
#include "cache/find.h"
#include "cache/put.h"
#include "cache/vary.h"
#include "edge/flight.h"
#include "model/domain.h"

struct edge_loaded {
	struct edge_flight_answer answer;
	struct http_head head;
	struct cache_terms terms;
	struct str etag;        /* in the head's bytes */
	struct str own;         /* lines that are not stored, for who began the pull alone */
	uint64_t length;        /* of the body; UINT64_MAX: not known */
	uint64_t id;            /* the store's, where is_stored */
	uint64_t sequence;      /* of the last purge when its pull began */
	struct cache_vary vary; /* its names are in the arena */
	struct str variant;     /* of the request that was sent */
	uint64_t *tags;         /* of the store; Cache-Tag, Surrogate-Key */
	uint16_t tag_count;
	struct address address; /* who answered */
	enum model_role role;
	bool is_stored;  /* the body is being stored; else it is only shared */
	bool is_piece;   /* the flight's body is a piece of it */
	uint64_t number; /* which one */
	struct arena arena;
};

struct edge_loaded_options {
	const struct http_head *head;  /* the origin's, or a stored one with a 304 merged into it */
	struct cache_vary_asked asked; /* the request that was sent */
	const struct cache_vary *vary; /* what the URL's responses vary on already; may be NULL */
	struct str date;               /* where the origin sent none (RFC 9110 6.6.1) */
};

enum edge_loaded_result {
	EDGE_LOADED_DONE,
	EDGE_LOADED_NOT_ONE, /* it varies on everything, or on too much: not to be shared */
};

/* Makes the head, the etag, the variant and the list of fields that it varies on; the rest is the
 * caller's to fill in. One that is DONE is freed by edge_loaded_free. */
enum edge_loaded_result edge_loaded_make(
        const struct edge_loaded_options *options, struct edge_loaded **ret_loaded);
void edge_loaded_free(struct edge_loaded *loaded);

/* The lines of an origin's head that are not stored, and are for who began the pull; in the arena.
 * Empty where there are none. */
struct str edge_loaded_own(const struct http_head *head, struct arena *arena);

/* Whether the published answer is one for this request as well: of its variant, not purged since
 * its pull began, and stored, where the request has credentials: an error that is only shared may
 * be what those get who have none. */
bool edge_loaded_is_for(const struct edge_loaded *loaded, struct cache_store *store,
        const struct cache_key *key, const struct model_domain *domain,
        const struct cache_vary_asked *asked);

/* Fills in the tags. False where there are more than may be. */
MUST_CHECK bool edge_loaded_add_tags(
        struct edge_loaded *loaded, const struct cache_store *store, uint64_t domain);

/* The field lines of a stored head as one text: what follows the status line, without the end. */
struct str edge_loaded_lines(const struct http_head *head);

/* Names that responses vary on as a text that the store keeps, and back. The names refer to the
 * text. A text that is none gives no names. */
struct str edge_loaded_print_vary(const struct cache_vary *vary, struct arena *arena);
void edge_loaded_read_vary(struct str text, struct cache_vary *ret_vary);
