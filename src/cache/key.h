/*
 * Keys and hashes: SipHash-2-4 under the key in the memory, so that nobody outside can aim at a
 * bucket, and every process agrees. The store always compares the whole text as well. Any thread.
 */
#pragma once

#include "base/str.h"
#include "cache/store.h"

/* A key with its hash; the text is borrowed. */
struct cache_key {
	struct str text; /* at most LIMIT_CACHE_KEY_BYTES; the caller checks */
	uint64_t hash;
};

/* Of the text that identifies a resource (what goes into it, and its form, is the caller's). */
struct cache_key cache_key_make(const struct cache_store *store, struct str text);

/* Of one variant of a resource: `epoch` is its spec's. */
uint64_t cache_key_variant(const struct cache_store *store, const struct cache_key *key,
        uint64_t epoch, struct str variant);

/* Of a piece. */
uint64_t cache_key_piece(const struct cache_store *store, uint64_t id, uint64_t number);

/* Of a domain's name, for cache_put_object and cache_purge_domain; never 0. */
uint64_t cache_key_domain(const struct cache_store *store, struct str name);

/* Of a tag of a domain, for the same; never 0. */
uint64_t cache_key_tag(const struct cache_store *store, uint64_t domain, struct str tag);
