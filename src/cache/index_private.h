/*
 * The index: from a hash to where the record lies. Buckets of one cache line with eight slots of
 * eight bytes, two candidate buckets for a hash; slots change atomically, under the lock (but for
 * their use counters, which readers raise).
 *
 *   entry   kind 2 | freq 2 | tag 20 | location 38
 *   ghost   kind 2 | 0    2 | tag 20 | more tag 26 | time 12      (what left probation unused)
 *
 * Locations have room for a second tier: segments of memory are numbered from 0.
 */
#pragma once

#include "cache/store_private.h"

enum {
	CACHE_SLOT_LOCATION_BITS = 38,
	CACHE_SLOT_TAG_BITS = 20,
	CACHE_SLOT_FREQ_SHIFT = 58,
	CACHE_SLOT_KIND_SHIFT = 60,
	CACHE_SLOT_FREQ_MAX = 3,
	CACHE_GHOST_TIME_BITS = 12,
};

enum cache_slot_kind { CACHE_SLOT_EMPTY, CACHE_SLOT_ENTRY, CACHE_SLOT_GHOST };

#define CACHE_SLOT_LOCATION_MASK ((UINT64_C(1) << CACHE_SLOT_LOCATION_BITS) - 1)
#define CACHE_SLOT_ONE_USE       (UINT64_C(1) << CACHE_SLOT_FREQ_SHIFT)
/* Kind and tag: what a find compares. */
#define CACHE_SLOT_MATCH_MASK                                                                      \
	(UINT64_C(3) << CACHE_SLOT_KIND_SHIFT | ((UINT64_C(1) << CACHE_SLOT_TAG_BITS) - 1)         \
	                                                << CACHE_SLOT_LOCATION_BITS)

static inline enum cache_slot_kind cache_slot_kind(uint64_t slot)
{
	return (enum cache_slot_kind)(slot >> CACHE_SLOT_KIND_SHIFT & 3);
}

static inline unsigned cache_slot_freq(uint64_t slot)
{
	return slot >> CACHE_SLOT_FREQ_SHIFT & CACHE_SLOT_FREQ_MAX;
}

static inline uint64_t cache_slot_location(uint64_t slot)
{
	return slot & CACHE_SLOT_LOCATION_MASK;
}

/* The hash once more, so that tags say something that buckets do not. The constant is odd and has
 * no meaning. */
static inline uint64_t cache_slot_mixed(uint64_t hash)
{
	return hash * 0x9e3779b97f4a7c15;
}

/* What the slot of an entry with this hash has under CACHE_SLOT_MATCH_MASK. */
static inline uint64_t cache_slot_wanted(uint64_t hash)
{
	uint64_t tag = cache_slot_mixed(hash) >> (64 - CACHE_SLOT_TAG_BITS);
	return (uint64_t)CACHE_SLOT_ENTRY << CACHE_SLOT_KIND_SHIFT |
	       tag << CACHE_SLOT_LOCATION_BITS;
}

/* The first slot of the first (0) or second (1) bucket of a hash. */
static inline _Atomic uint64_t *cache_index_bucket(
        const struct cache_store *store, uint64_t hash, unsigned which)
{
	uint64_t half = which == 0 ? hash >> 32 : hash & UINT32_MAX;
	return store->slots + (half * store->geometry.buckets >> 32) * CACHE_BUCKET_SLOTS;
}

/* Sequentially consistent together with the epochs of readers; see reader_private.h. */
static inline uint64_t cache_slot_load(const _Atomic uint64_t *slot)
{
	return atomic_load_explicit(slot, memory_order_seq_cst);
}

/* All below: under the lock. */

/* The entry of the record with this hash; NULL when there is none. *ret_record is its record. */
_Atomic uint64_t *cache_index_find(
        const struct cache_store *store, uint64_t hash, struct cache_record **ret_record);

/* The entry with this hash that leads to this location, or NULL. */
_Atomic uint64_t *cache_index_find_location(
        const struct cache_store *store, uint64_t hash, uint64_t location);

/* Whether a ghost says that the hash left probation not long ago. */
bool cache_index_has_ghost(const struct cache_store *store, uint64_t hash);

/* Adds an entry for a whole record; the hash has none. Its ghost goes; a full pair of buckets loses
 * an expired ghost, else the oldest ghost, else the entry that was used least. */
void cache_index_add(struct cache_store *store, uint64_t hash, uint64_t location, uint32_t bytes);

/* Empties the slot of an entry. */
void cache_index_remove(struct cache_store *store, _Atomic uint64_t *slot);

/* Turns the slot of an entry into a ghost. */
void cache_index_make_ghost(struct cache_store *store, _Atomic uint64_t *slot, uint64_t hash);

/* Has the slot of an entry lead elsewhere, with this freq. */
void cache_index_move(
        struct cache_store *store, _Atomic uint64_t *slot, uint64_t location, unsigned freq);

/* Removes every entry that leads to the segment: a walk through the whole index, for a segment
 * whose records can't be walked. */
void cache_index_remove_segment(struct cache_store *store, uint32_t segment);

/* Counts entries, all and of each segment, anew: a walk through the index alone, tens of
 * milliseconds for ten million. Looking at each record for its bytes would take seconds. */
void cache_index_recount(struct cache_store *store);

/* How many ghosts there are; no lock needed. */
uint64_t cache_index_count_ghosts(const struct cache_store *store);
