/*
 * A pull for the cache: one origin-pull whose answer goes to everybody who asked for the object
 * meanwhile (a flight) and into the store. It belongs to one worker and to no request: the request
 * that began it may leave. What the answer turns out to be decides: it is stored and shared; shared
 * only, as an error among those who wait for it; found to be what the store has (304); or not for
 * sharing, and then the request that began it gets the pull for itself.
 */
#pragma once

#include "edge/fill.h"
#include "edge/flights.h"
#include "edge/loaded.h"

struct edge_loader;

/* The request that began a pull, on its thread; embedded. */
struct edge_loader_leader {
	/* An interim response; head is valid during the call. */
	void (*on_interim)(struct edge_loader_leader *self, const struct http_head *head);
	/* Lines for this client alone, of a 304 that has validated what is stored; there until
	 * on_end returns. */
	struct str own;
	/* The pull is over, and the loader gone when this returns. */
	void (*on_end)(struct edge_loader_leader *self, const struct edge_log_attempt *attempts,
	        unsigned attempt_count);
};

#define EDGE_PIECE_LAST UINT64_MAX

/* A piece of a large object, to be pulled by Range. The texts are borrowed. */
struct edge_piece {
	uint64_t id;     /* the object's; 0: nothing is known of it, and its head is kept as well */
	uint64_t number; /* EDGE_PIECE_LAST: the last one, whichever that is; where id is 0 */
	uint64_t length; /* of the whole; UINT64_MAX: not known */
	struct str validator; /* for If-Range: strong; empty where nothing is known */
	struct str coding;    /* Content-Encoding */
};

struct edge_loader_options {
	struct edge_worker *worker;
	struct model_domain *domain;
	const struct http_head *head; /* the client's; copied, as all of these are */
	struct str host, target;
	const struct address *peer;
	bool is_peer_trusted, is_https;
	struct cache_key key;
	uint64_t sequence; /* of the last purge that the answer is known to come after */
	const struct cache_vary *vary;   /* what the URL's responses vary on, as far as is known */
	struct str variant;              /* of the request for these; empty without */
	const struct cache_entry *stale; /* what is to be validated; NULL: nothing */
	const struct edge_piece
	        *piece;     /* NULL: all of it; with `stale`, of what is new, if it is */
	bool is_background; /* goes on without any reader */
	bool is_alone;      /* nobody joins it before its answer turns out to be for sharing */
	struct edge_loader_leader *leader; /* may be NULL */
};

/* A loader that has not begun, with a flight; false in entry.is_listed. */
struct edge_loader *edge_loader_new(const struct edge_loader_options *options);

/* Where it is to be listed. */
struct edge_flights_entry *edge_loader_entry(struct edge_loader *loader);

/* The key of flights for an object and a variant of it, in the arena; with its hash. */
struct str edge_loader_flight_key(
        const struct cache_key *key, struct str variant, struct arena *arena, uint64_t *ret_hash);

/* The same for a piece. */
struct str edge_loader_piece_key(const struct cache_key *key, struct str variant,
        const struct edge_piece *piece, struct arena *arena, uint64_t *ret_hash);

/* Whether a listed loader may be joined by a request of the domain `context`: not when that was
 * changed since it began, which may have changed its origins, nor when a purge since then covers
 * the object, nor when its answer is there and is not fresh any more: then it is to be asked for
 * again. What tags it has is not known before its answer, so who joined before looks again then
 * (edge_loaded_is_for). An edge_flights_may_join. */
bool edge_loader_may_join(const struct edge_flights_entry *entry, const void *context);

/* Begins to pull. */
void edge_loader_start(struct edge_loader *loader);

/* Frees one that was not started. */
void edge_loader_free(struct edge_loader *loader);

/* Ends one that was not started, since the store has come to have its answer: who has joined looks
 * there. */
void edge_loader_withdraw(struct edge_loader *loader);

/* The leader leaves; the pull goes on while somebody wants it. */
void edge_loader_abandon(struct edge_loader *loader);

/* Attempts so far. */
const struct edge_log_attempt *edge_loader_attempts(
        const struct edge_loader *loader, unsigned *ret_count);

/*
 * After the flight was RELEASED: the leader takes the pull over as its own; the answer's head is
 * there. The fill is left with edge_loader_end, which frees the loader too.
 */
struct edge_fill *edge_loader_take(struct edge_loader *loader, struct edge_fill_reader *reader);
void edge_loader_end(struct edge_loader *loader);

/* Ends the pulls of a worker that nobody waits for, since it is going home. */
void edge_loader_cut_idle(struct edge_worker *worker);

/* Cuts every loader of the worker; on its thread, or after it has ended. */
void edge_loader_cut_all(struct edge_worker *worker);
