/*
 * Putting answers into the store: what a URL's responses vary on, an object, and the new head of
 * one that was validated. On a worker's thread.
 */
#pragma once

#include "edge/loaded.h"
#include "edge/worker.h"

/* Under what an answer is kept. */
struct edge_keep {
	struct edge_worker *worker;
	const struct model_domain *domain;
	const struct cache_key *key;
	uint64_t sequence;             /* cache_store_sequence when the pull began */
	struct cache_vary_asked asked; /* the exchange's request, for edge_keep_refresh */
	bool is_update;                /* only in place of the object with the same id */
	struct arena *arena;           /* for what is needed on the way */
};

/* Says what the URL's responses vary on; false where that cannot be kept, and so nothing of them.
 * *ret_epoch is 0 where they vary on nothing. */
MUST_CHECK bool edge_keep_spec(
        const struct edge_keep *keep, const struct edge_loaded *loaded, uint64_t *ret_epoch);

/* Keeps an object of `length` bytes: with its body, or (NULL) as the head of pieces that are
 * there. */
MUST_CHECK enum cache_put edge_keep_object(const struct edge_keep *keep,
        const struct edge_loaded *loaded, uint64_t length, const struct iovec *body,
        unsigned body_count);

/*
 * What is kept for the exchange's request gets a new head: the old one with the fields of the
 * exchange's response, a 304 or an answer to HEAD, and new terms. False where there is nothing any
 * more, or (id is not 0) another object than `id`, or the response does not speak of it, or the
 * result must not be kept. Where there is just no room, what is there stays as it is.
 */
MUST_CHECK bool edge_keep_refresh(
        const struct edge_keep *keep, const struct cache_exchange *exchange, uint64_t id);
