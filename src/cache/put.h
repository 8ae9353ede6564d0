/*
 * Storing. A put is all or nothing: it copies into reserved room without a lock and can be found
 * only when it is whole. It replaces what had the same key (and variant). Nothing waits: where no
 * segment is free the put is refused, and the keeper hurries. Any thread.
 */
#pragma once

#include "cache/key.h"
#include "cache/record.h"

#include <sys/uio.h>

enum cache_put {
	CACHE_PUT_DONE,
	CACHE_PUT_FULL,      /* no free segment just now */
	CACHE_PUT_PURGED,    /* a purge since `sequence` covers it */
	CACHE_PUT_OLDER,     /* what is there came later, or began after a purge that this did not
	                      * see, or is not what is to be updated */
	CACHE_PUT_TOO_LARGE, /* a part is above its limit */
};

struct cache_put_object {
	struct cache_key key;
	struct str variant; /* empty without a spec */
	uint64_t epoch;     /* of the spec; 0 without one */
	uint64_t domain;    /* cache_key_domain */
	const uint64_t *tags;
	uint16_t tag_count;
	uint64_t id;       /* cache_store_new_id for a new version; the old one for a new head */
	bool is_update;    /* a new head: stored if the object with this id is there, else OLDER */
	uint64_t sequence; /* cache_store_sequence when the pull began */
	uint64_t now_ms;   /* wall clock; 0: only ids tell what came later */
	const struct cache_object *object; /* what the caller sets of it */
	const struct http_head *head;      /* base[0, len) and the fields are copied */
	/* An inline body, whole, of at most LIMIT_CACHE_INLINE_BYTES; NULL: the body is pieces. */
	const struct iovec *body;
	unsigned body_count;
};

/* Stores an object. One that a soft purge since `sequence` covers is stored, and found as such.
 * Where `variant` is not empty the spec with this `epoch` must still be there, else PURGED. What is
 * there stays (OLDER) where it came later: it has a higher id, or was validated since `object` was
 * received; or where it is a spec, and this has no variant. One step with the put: of two that are
 * put at once the later one is there in the end. What is on a disk alone is not compared with. */
MUST_CHECK enum cache_put cache_put_object(
        struct cache_store *store, const struct cache_put_object *put);

struct cache_put_spec {
	struct cache_key key;
	struct str names; /* the fields, in the caller's own form */
	uint64_t domain;
	uint64_t id; /* of the object that it is for; 0: one that is still to come */
	uint64_t sequence;
};

/* Says that the key has variants by `names`. A spec that says the same is kept, with its variants;
 * anything else of this key is replaced, but what came after the object that it is for. *ret_epoch
 * is the spec's. */
MUST_CHECK enum cache_put cache_put_spec(
        struct cache_store *store, const struct cache_put_spec *put, uint64_t *ret_epoch);

/* Stores piece `number` of the object `id`: as many bytes as cache_store_piece_bytes says, fewer
 * for the last one. A piece is reached through its object alone, so no purge is asked. */
MUST_CHECK enum cache_put cache_put_piece(struct cache_store *store, uint64_t id, uint64_t number,
        const struct iovec *body, unsigned body_count);

/* Whether an object of this key (and of a spec the variant) is there, or was not long ago. What is
 * asked for again has shown its use; but of the pieces of a new version nothing tells that. */
bool cache_put_is_known(
        struct cache_store *store, const struct cache_key *key, uint64_t epoch, struct str variant);

/* The same as cache_put_piece, of an object that is known: it does not have to show its use first.
 * One that is larger than what may wait for that would never be there as a whole. */
MUST_CHECK enum cache_put cache_put_known_piece(struct cache_store *store, uint64_t id,
        uint64_t number, const struct iovec *body, unsigned body_count);
