/*
 * What lies where in the memory, for the room alone.
 *
 *   header    struct cache_shared: who is attached, the lock and what it guards, the epoch
 *   segments  struct cache_segment for each
 *   pins      a counter for each segment and process
 *   rings     the queues of segments
 *   index     buckets of eight slots
 *   marks     two struct cache_marks
 *   disks     struct cache_disks_shared and the orders of the disks' segments, where there are
 * disks data      the segments' bytes
 *
 * The layout follows from the options alone and is never read from the memory: what is stored of it
 * is only compared. Numbers that are read from the memory are checked before they lead anywhere.
 */
#pragma once

#include "base/hash.h"
#include "base/limit.h"
#include "cache/memory.h"
#include "cache/record.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	CACHE_LINE = 64,
	CACHE_BUCKET_SLOTS = 8,
	CACHE_NO_SEGMENT = UINT32_MAX,
};

/* In which of the two logs of S3-FIFO a segment is. */
enum cache_log { CACHE_LOG_PROBATION, CACHE_LOG_MAIN, CACHE_LOGS };

/* The queues of segments: one for each log (sealed ones, oldest first), and two for those between.
 */
enum { CACHE_RING_FREE = CACHE_LOGS, CACHE_RING_DRAINING, CACHE_RINGS };

struct cache_geometry {
	uint64_t bytes, objects; /* the options */
	uint64_t buckets;
	uint64_t segments_at, pins_at, rings_at, index_at, marks_at, disks_at, orders_at, data_at,
	        total;
	uint32_t segment_bytes, segments;
	uint32_t piece_bytes;
	uint32_t offset_bits; /* of a location: its low bits are the granule in the segment */
	uint32_t disk_count, disk_segments; /* of all disks */
	struct cache_disk_geometry {
		uint64_t bytes;           /* the option */
		uint32_t first, segments; /* among those of all disks */
		uint32_t segment_bytes;
		uint32_t reserved; /* geometries are compared as bytes: nothing is padding */
	} disks[LIMIT_CACHE_DISKS];
};

enum cache_segment_state {
	CACHE_SEGMENT_FREE,     /* no pages, in the ring of free ones */
	CACHE_SEGMENT_OPEN,     /* its log appends to it */
	CACHE_SEGMENT_SEALED,   /* in the ring of its log */
	CACHE_SEGMENT_EVICTING, /* the keeper takes its records out of the index */
	CACHE_SEGMENT_DRAINING, /* nothing leads to it any more; waits for readers and pins */
	CACHE_SEGMENT_EMPTYING, /* the keeper gives its pages back */
};

/* All under the lock. */
struct cache_segment {
	uint8_t state; /* enum cache_segment_state */
	uint8_t log;   /* enum cache_log */
	uint16_t reserved;
	uint32_t used; /* bytes that are reserved, from the beginning */
	uint32_t live; /* slots of the index that lead here */
	uint32_t padding;
	uint64_t order;   /* when it was opened; a put compares it to see that its room is still its
	                   * own */
	uint64_t retired; /* DRAINING, and the last time it was: the epoch from which on nobody sees
	                     it */
};

/* A queue of segment numbers. */
struct cache_ring {
	uint32_t first, count;
};

/* A reader's line: 0 while its thread looks at nothing, else the epoch when it began to. */
struct cache_reader_line {
	_Alignas(CACHE_LINE) _Atomic uint64_t epoch;
	_Atomic uint32_t owner; /* process + 1; 0: free. Changed under the lock. */
};

/* The sequences of the last purges of a URL or variant; 0: none. */
struct cache_url_purge {
	uint64_t hash;
	uint64_t hard, soft;
};

enum { CACHE_URL_PURGE_WAYS = 8 };

/* What URLs whose hashes meet here were purged. */
struct cache_url_purges {
	uint64_t floor; /* no younger purge is forgotten */
	struct cache_url_purge last[CACHE_URL_PURGE_WAYS];
};

enum { CACHE_URL_PURGE_BUCKETS = (int)LIMIT_CACHE_URL_PURGES / (int)CACHE_URL_PURGE_WAYS };

/* Counters, under the lock; see struct cache_store_numbers. */
struct cache_counters {
	uint64_t objects, bytes; /* in memory */
	uint64_t away;           /* entries that lead to a disk */
	uint64_t puts, put_bytes, put_full, put_refused;
	uint64_t evicted, reinserted, reinserted_bytes, index_drops, damaged, repairs;
};

struct cache_shared {
	uint64_t magic;
	uint32_t version, header_bytes;
	struct cache_geometry geometry;
	unsigned char secret[HASH_KEY_BYTES]; /* of key hashes */
	uint64_t seed;                        /* of checksums */

	/* Read by every find, changed rarely. */
	_Alignas(CACHE_LINE) _Atomic uint64_t epoch; /* rises when segments are retired; from 1 */
	_Atomic uint64_t mark_sequence;              /* of the last purge that is a mark */
	_Atomic uint32_t generation;                 /* of the process that attached last; from 1 */
	_Atomic uint32_t marks_current;              /* which of the two tables takes new marks */
	_Atomic uint32_t marks_has_old;              /* whether the other one still counts */

	_Alignas(CACHE_LINE) _Atomic uint64_t sequence; /* of the last purge */
	_Atomic uint64_t next_id;
	_Atomic uint32_t keeper_wanted;                 /* a futex: 1 once there is work */
	_Atomic uint32_t pinned[LIMIT_CACHE_PROCESSES]; /* segments that each has pinned */

	_Alignas(CACHE_LINE) pthread_mutex_t lock;

	/* All below is under the lock. */
	uint64_t order;            /* the last one given to a segment */
	uint32_t open[CACHE_LOGS]; /* CACHE_NO_SEGMENT: none */
	struct cache_ring rings[CACHE_RINGS];
	uint64_t ghost_clock;                      /* probation segments evicted */
	uint32_t processes[LIMIT_CACHE_PROCESSES]; /* their generations; 0: free */
	_Atomic uint32_t reader_lines; /* that were ever in use; read without the lock */
	struct cache_counters counters;

	uint64_t marks_floor; /* what began before may be covered by marks that are forgotten, if
	                         its domain had one since */
	uint64_t sweep_until; /* marks up to here are swept away; 0: no sweep */
	uint64_t sweep_at;    /* the next bucket of the sweep */
	uint64_t sweep_done; /* the epoch from which on nobody holds what it removed; 0: not done */
	uint64_t marks_spare; /* the epoch from which on the other table may be cleared; 0: it is
	                         clear */
	struct cache_url_purges url_purges[CACHE_URL_PURGE_BUCKETS];

	struct cache_reader_line readers[LIMIT_CACHE_READERS];
};

_Static_assert(sizeof(struct cache_disk_geometry) == 24, "no padding");
_Static_assert(
        sizeof(struct cache_geometry) == 12 * 8 + 6 * 4 + LIMIT_CACHE_DISKS * 24, "no padding");

/* The layout for these options, which must be within their limits. Pure arithmetic. */
struct cache_geometry cache_memory_geometry(const struct cache_memory_options *options);

/* Maps a memory that fits the geometry; DONE with its address, else why not. */
MUST_CHECK enum cache_attach cache_memory_map(
        int fd, const struct cache_geometry *geometry, char **ret_base);

void cache_memory_unmap(char *base, const struct cache_geometry *geometry);
