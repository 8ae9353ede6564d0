/*
 * Purge marks: what covers more than one URL, kept until the keeper's sweep has applied it to every
 * record. Two tables: one takes new marks; while a sweep runs the other has those that it applies,
 * and is then forgotten as a whole. Readers look into both without a lock: entries are only added,
 * an emptied table waits until nobody can be looking into it.
 */
#pragma once

#include "cache/purge.h"
#include "cache/store_private.h"

enum { CACHE_MARK_SLOTS = 8192 };

_Static_assert((int)LIMIT_CACHE_MARKS < (int)CACHE_MARK_SLOTS, "a search in the table must end");

/* The sequences of the last purges of each kind; 0: none. */
struct cache_mark {
	_Atomic uint64_t key; /* of the map: a domain's or tag's hash; 0: free */
	_Atomic uint64_t hard, soft;
};

struct cache_prefix_mark {
	uint64_t domain, sequence;
	uint32_t len;
	bool is_soft;
	char text[LIMIT_CACHE_PREFIX_BYTES];
};

struct cache_marks {
	struct cache_mark all; /* everything */
	_Atomic uint32_t count, prefix_count;
	struct cache_mark map[CACHE_MARK_SLOTS]; /* open addressing */
	struct cache_prefix_mark prefixes[LIMIT_CACHE_PREFIX_MARKS];
};

/* What an object is to the marks. */
struct cache_mark_subject {
	struct str key;
	uint64_t domain;
	const uint64_t *tags;
	unsigned tag_count;
};

/* What marks that are younger than `sequence` do to the subject. No lock, but within a reader's
 * turn, under the lock, or on the keeper's thread. */
enum cache_purged cache_mark_covers(const struct cache_store *store,
        const struct cache_mark_subject *subject, uint64_t sequence);

/* Under the lock: add a mark with this sequence; a full table takes a wider one instead. */
void cache_mark_add(struct cache_store *store, uint64_t key, uint64_t domain, uint64_t sequence,
        enum cache_purge how);
void cache_mark_add_prefix(struct cache_store *store, uint64_t domain, struct str prefix,
        uint64_t sequence, enum cache_purge how);
void cache_mark_add_all(struct cache_store *store, uint64_t sequence, enum cache_purge how);

/* Under the lock: remembers the purge of a URL, or of a variant, for fills that began before. */
void cache_mark_add_url(
        struct cache_store *store, uint64_t hash, uint64_t sequence, enum cache_purge how);

/* Under the lock: what the purges since `sequence` do to the URL, and to its variant; where there
 * is none, that is the URL once more. */
enum cache_purged cache_mark_url_since(
        const struct cache_store *store, uint64_t url, uint64_t variant, uint64_t sequence);

/* Under the lock: what all purges since `sequence` do to a URL, its variant and its object, those
 * included that are forgotten. */
enum cache_purged cache_mark_since(const struct cache_store *store, uint64_t url, uint64_t variant,
        const struct cache_mark_subject *subject, uint64_t sequence);

/* Keeper: whether marks wait for a sweep; a begun one goes on. Under the lock. */
bool cache_mark_wants_sweep(const struct cache_store *store);

/* Keeper, under the lock: begins a sweep if the spare table can be had (`oldest`: the oldest epoch
 * that any reader is in); false when it must wait. */
bool cache_mark_begin_sweep(struct cache_store *store, uint64_t oldest);

/* Keeper, under the lock: all records were compared. */
void cache_mark_swept(struct cache_store *store);

/* Keeper, under the lock: forgets the marks that were swept, once nobody can be holding a record
 * that the sweep removed; false when it must wait. */
bool cache_mark_end_sweep(struct cache_store *store, uint64_t oldest);

/* Puts right what a dead process left half done; under the lock. */
void cache_mark_repair(struct cache_store *store);
