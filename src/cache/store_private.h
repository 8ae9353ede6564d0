/*
 * The store from inside: the mapped memory, this process's place in it, the lock, and the way from
 * a location to a record.
 */
#pragma once

#include "cache/memory_private.h"
#include "cache/store.h"

struct cache_marks;
struct cache_disks_shared;

struct cache_store {
	struct cache_geometry geometry;
	struct cache_shared *shared;
	struct cache_segment *segments;
	_Atomic uint32_t *pins;  /* [segment * LIMIT_CACHE_PROCESSES + process] */
	uint32_t *rings;         /* [ring * segments], see struct cache_ring */
	_Atomic uint64_t *slots; /* the index */
	struct cache_marks *marks;
	struct cache_disks_shared *disks; /* NULL: there are none */
	_Atomic uint64_t *disk_orders;    /* of the segments of all disks */
	int disk_fds[LIMIT_CACHE_DISKS];
	char *base, *data;
	uint64_t seed;
	unsigned char secret[HASH_KEY_BYTES];
	uint32_t generation, process;
	uint64_t ghost_window;  /* for how many evictions from probation a ghost is remembered */
	int fd;                 /* with an open file description of its own, for OFD locks */
	atomic_bool is_keeping; /* a thread of this process is in the keeper's turn */
	atomic_bool is_writing[LIMIT_CACHE_DISKS]; /* the same for the writer of a disk */
};

/* Takes the lock; puts right what a process that died holding it may have left half done. */
void cache_store_lock(struct cache_store *store);
void cache_store_unlock(struct cache_store *store);

/* ---- locations ---- */

static inline uint64_t cache_store_location(
        const struct cache_store *store, uint32_t segment, uint32_t offset)
{
	return (uint64_t)segment << store->geometry.offset_bits | offset / CACHE_GRANULE;
}

static inline uint32_t cache_store_segment_of(const struct cache_store *store, uint64_t location)
{
	return (uint32_t)(location >> store->geometry.offset_bits);
}

static inline uint32_t cache_store_offset_of(const struct cache_store *store, uint64_t location)
{
	return (uint32_t)(location & ((1u << store->geometry.offset_bits) - 1)) * CACHE_GRANULE;
}

/* What lies at a location, wherever the location came from; NULL when it leads out of the memory.
 * A header fits, nothing is known of it. */
static inline struct cache_record *cache_store_at(
        const struct cache_store *store, uint64_t location)
{
	uint32_t segment = cache_store_segment_of(store, location);
	uint32_t offset = cache_store_offset_of(store, location);
	if (segment >= store->geometry.segments || offset >= store->geometry.segment_bytes)
		return NULL;
	char *at = store->data + (uint64_t)segment * store->geometry.segment_bytes + offset;
	return (struct cache_record *)(void *)at;
}

/* The record at a location; NULL when it leads out of the memory, or to no record that is sound in
 * its segment. */
static inline struct cache_record *cache_store_record(
        const struct cache_store *store, uint64_t location)
{
	struct cache_record *record = cache_store_at(store, location);
	uint32_t room = store->geometry.segment_bytes - cache_store_offset_of(store, location);
	return record != NULL && cache_record_is_sound(record, room) ? record : NULL;
}

/* Whether the record is as it was written: the checksum the first time that a process of this
 * generation meets it, one compare later. */
bool cache_store_is_whole(
        const struct cache_store *store, struct cache_record *record, uint64_t location);
