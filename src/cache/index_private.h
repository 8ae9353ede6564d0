/*
 * The index: from a hash to where the record lies. Buckets of one cache line with eight slots of
 * eight bytes, two candidate buckets for a hash; slots change atomically, under the lock (but for
 * their use counters, which readers raise).
 *
 *   entry   kind 2 | freq 2 | tag 20 | location 38
 *   ghost   kind 2 | 0    2 | tag 20 | more tag 26 | time 12      (what left probation unused)
 *   tomb    kind 2 | 0    2 | tag 20 | more tag 26 | 0    12      (what left while a disk is read)
 *
 * A location may be on a disk (cache/disk_private.h). Then nothing but the tag tells whether the
 * entry is the one of a hash, and a bit above says whether it was soft-purged there. A tomb is an
 * entry of a hash of which nothing older may come back; once all disks are read it is free.
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

enum cache_slot_kind { CACHE_SLOT_EMPTY, CACHE_SLOT_ENTRY, CACHE_SLOT_GHOST, CACHE_SLOT_TOMB };

#define CACHE_SLOT_LOCATION_MASK ((UINT64_C(1) << CACHE_SLOT_LOCATION_BITS) - 1)
#define CACHE_SLOT_ONE_USE       (UINT64_C(1) << CACHE_SLOT_FREQ_SHIFT)
#define CACHE_SLOT_IS_SOFT       (UINT64_C(1) << 62)
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

/* The entry of the record with this hash; NULL when there is none. *ret_record is its record; NULL
 * where the entry leads to a disk, and then it may be another's, of the same tag. */
_Atomic uint64_t *cache_index_find(
        const struct cache_store *store, uint64_t hash, struct cache_record **ret_record);

/* The entry with this hash that leads to this location, or NULL. */
_Atomic uint64_t *cache_index_find_location(
        const struct cache_store *store, uint64_t hash, uint64_t location);

/* Whether a ghost says that the hash left probation not long ago. */
bool cache_index_has_ghost(const struct cache_store *store, uint64_t hash);

/* Whether a tomb says that nothing of the hash may come back. */
bool cache_index_has_tomb(const struct cache_store *store, uint64_t hash);

/* Adds an entry for a whole record (`bytes` counts in memory only); the hash has none. Its ghost or
 * tomb goes; a full pair of buckets loses an expired ghost, else the oldest ghost, else the entry
 * that was used least, which is removed from its disk, too. */
void cache_index_add(struct cache_store *store, uint64_t hash, uint64_t location, uint32_t bytes);

/* The same for a record on a disk, but nothing but a ghost is lost for it: false when its buckets
 * are full of what is known already. */
MUST_CHECK bool cache_index_add_known(struct cache_store *store, uint64_t hash, uint64_t location);

/* Empties the slot of an entry: what it leads to, and its copy, are removed from their disk, too.
 * `hash` is the entry's. */
void cache_index_remove(struct cache_store *store, _Atomic uint64_t *slot, uint64_t hash);

/* Empties the slot of an entry, and leaves what is on a disk as it is: it goes otherwise. */
void cache_index_drop(struct cache_store *store, _Atomic uint64_t *slot);

/* The same of an entry whose hash is known: while a disk is scanned it leaves a tomb. */
void cache_index_let_go(struct cache_store *store, _Atomic uint64_t *slot, uint64_t hash);

/* Slots that lead to disks and may be of this hash, or of another that no slot tells from it, all
 * but `kept` (NULL: all): removes what they lead to, or softens it. */
void cache_index_remove_away(
        struct cache_store *store, uint64_t hash, const _Atomic uint64_t *kept);
void cache_index_soften_away(
        struct cache_store *store, uint64_t hash, const _Atomic uint64_t *kept);

/* While a disk is read: nothing of this hash may come back, of which there is no entry. */
void cache_index_add_tomb(struct cache_store *store, uint64_t hash);

/* Turns the slot of an entry into a ghost. Its record has no copy. */
void cache_index_make_ghost(struct cache_store *store, _Atomic uint64_t *slot, uint64_t hash);

/* Has the slot of an entry lead elsewhere, with this freq, since its record was moved or copied
 * there. To a disk: `is_soft` is kept in the slot; else it is not looked at. */
void cache_index_move(struct cache_store *store, _Atomic uint64_t *slot, uint64_t location,
        unsigned freq, bool is_soft);

/* Has the slot of an entry lead to a record that replaces the one that it led to, whose copy, or
 * itself, is removed from its disk. */
void cache_index_replace(struct cache_store *store, _Atomic uint64_t *slot, uint64_t location);

/* A soft purge with this sequence of what an entry leads to; its disk is told, too. */
void cache_index_soften(struct cache_store *store, _Atomic uint64_t *slot, uint64_t sequence);

/* Says of an entry that leads to a disk that it is soft-purged, as the disk has told. */
void cache_index_set_soft(_Atomic uint64_t *slot);

/* Removes every entry that leads to the segment of memory: a walk through the whole index, for a
 * segment whose records can't be walked. */
void cache_index_remove_segment(struct cache_store *store, uint32_t segment);

/* Removes every entry that leads to this segment of a disk alone, and has records in memory forget
 * their copies in it: a walk through the whole index, without the lock, which it takes for a slice
 * at a time. The segment's order is 0 already, so that nothing comes to lead there meanwhile. */
void cache_index_leave_disk_segment(struct cache_store *store, uint32_t segment);

/* Counts entries, all and of each segment, anew: a walk through the index alone, tens of
 * milliseconds for ten million. Looking at each record for its bytes would take seconds. */
void cache_index_recount(struct cache_store *store);

/* How many ghosts there are; no lock needed. */
uint64_t cache_index_count_ghosts(const struct cache_store *store);
