/*
 * The store as a process has it: its attachment to the memory (cache/memory.h), and what belongs to
 * no reader, put or purge in particular. One for each process; any thread may use it.
 *
 * Worker threads look up through a reader of their own (cache/reader.h, cache/find.h), anyone puts
 * (cache/put.h) and purges (cache/purge.h), and one thread of one of the processes keeps some
 * segments free (cache/keeper.h). A process that dies, at any instruction, leaves nothing to do but
 * what the next one to meet it does by itself.
 */
#pragma once

#include "cache/memory.h"

#include <stdint.h>

struct cache_store;

/* Attaches to the memory `fd` (which stays the caller's), or to a fresh one of its own when fd is
 * -1; takes duplicates of the descriptors of disks. NULL with *ret_why (untouched otherwise). A
 * process that forks must not use a store that it made before. */
MUST_CHECK struct cache_store *cache_store_new(
        int fd, const struct cache_memory_options *options, enum cache_attach *ret_why);

/* Detaches: readers and keeper are gone, no put runs, no pin is held. What is remembered stays.
 * NULL is fine. */
void cache_store_free(struct cache_store *store);

/* The most bytes of a piece here: 1 MiB, less in small memories; never below
 * LIMIT_CACHE_INLINE_BYTES. Part of the geometry, so the same for every process. */
uint32_t cache_store_piece_bytes(const struct cache_store *store);

/* The sequence of the last purge. A fill takes it when its pull BEGINS; what it stores carries it.
 */
uint64_t cache_store_sequence(const struct cache_store *store);

/* A number that no object had before: for a new version of an object (cache/put.h). Never 0. */
uint64_t cache_store_new_id(struct cache_store *store);

/* Counters of the memory, over all processes since it was made, and what is in it now. Exact when
 * nothing runs, else nearly. */
struct cache_store_numbers {
	uint64_t objects; /* records in memory that can be found: objects, specs and pieces */
	uint64_t bytes;   /* of these records */
	uint64_t away;    /* records that can be found on disks alone */
	uint64_t ghosts;  /* in the index, counted by a walk */
	uint64_t puts, put_bytes; /* accepted */
	uint64_t put_full;        /* refused: no free segment */
	uint64_t put_refused;     /* refused: purged, older, or too large */
	uint64_t evicted;         /* records that left because of room */
	uint64_t reinserted, reinserted_bytes;
	uint64_t index_drops; /* entries that a full pair of buckets lost */
	uint64_t damaged;     /* records that did not check out and were dropped */
	uint64_t repairs;     /* locks taken over from a dead process */
	uint32_t segments, segments_free, segments_draining, segments_pinned;
	uint64_t memory_bytes, index_bytes;
};

/* Reads them. `ghosts` is filled in only when `with_ghosts`: it walks the whole index. */
void cache_store_count(
        struct cache_store *store, bool with_ghosts, struct cache_store_numbers *ret_numbers);
