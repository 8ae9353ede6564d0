/*
 * Removal: of one URL, of a prefix, a domain, a tag, of everything; hard (gone) or soft (found, but
 * stale). Effective for every find, put and joining that begins after the call has returned. None
 * touches more than a few entries of the index: what covers many is a mark that finds compare with,
 * and that the keeper sweeps away in the background. Where a table is full, more is purged than was
 * asked (the whole domain, everything), never less. Any thread.
 */
#pragma once

#include "cache/key.h"

enum cache_purge { CACHE_PURGE_HARD, CACHE_PURGE_SOFT };

/* What a purge covers something with. */
enum cache_purged { CACHE_PURGED_NOT, CACHE_PURGED_SOFT, CACHE_PURGED_HARD };

/* One URL with all its variants; hard is also what an unsafe method does (RFC 9111 4.4). */
void cache_purge_url(struct cache_store *store, const struct cache_key *key, enum cache_purge how);

/* The same of several keys, as one removal: those that are one URL to who purges it. */
void cache_purge_urls(struct cache_store *store, const struct cache_key *keys, unsigned count,
        enum cache_purge how);

/* One of its variants, and no other: `epoch` is the spec's under which it is stored. */
void cache_purge_variant(struct cache_store *store, const struct cache_key *key, uint64_t epoch,
        struct str variant, enum cache_purge how);

/* All keys of the domain whose text begins with `prefix`. */
void cache_purge_prefix(
        struct cache_store *store, uint64_t domain, struct str prefix, enum cache_purge how);

/* All of a domain (cache_key_domain). */
void cache_purge_domain(struct cache_store *store, uint64_t domain, enum cache_purge how);

/* All of a domain that has the tag (cache_key_tag). */
void cache_purge_tag(
        struct cache_store *store, uint64_t domain, uint64_t tag, enum cache_purge how);

/* Everything. */
void cache_purge_all(struct cache_store *store, enum cache_purge how);

/* What has been purged since `sequence` (cache_store_sequence) that covers such an object: for
 * whoever wants to join a fill. One compare when there was no purge. Past what the tables remember
 * the answer is HARD. */
enum cache_purged cache_purge_since(struct cache_store *store, const struct cache_key *key,
        uint64_t domain, const uint64_t *tags, unsigned tag_count, uint64_t sequence);
