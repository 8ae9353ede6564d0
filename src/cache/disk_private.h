/*
 * Disks from inside. What all processes share of a disk lies in the memory, under the lock but for
 * what is atomic: the orders of its segments, the removals that wait for its writer, and until
 * which moment these are durable.
 *
 * Locations of a disk have the highest bit, the number of the segment (those of all disks in a
 * row), and the granule in it.
 */
#pragma once

#include "cache/disk.h"
#include "cache/disk_format.h"
#include "cache/mark_private.h"
#include "cache/store_private.h"

#define CACHE_LOCATION_IS_DISK (UINT64_C(1) << (CACHE_DISK_GRANULE_BITS + CACHE_DISK_SEGMENT_BITS))

/* A purge of more than one URL; its text is in a table of its own. */
struct cache_disk_mark_kept {
	struct cache_disk_mark mark;
	uint64_t sequence; /* 0: free */
};

struct cache_disk_counters {
	uint64_t copied, copied_bytes, reinserted, reinserted_bytes, written_bytes;
	uint64_t recalled, recalled_bytes, read_errors, damaged, evicted, removals;
	uint64_t scanned_records;
};

enum cache_disk_wipe { CACHE_DISK_WIPE_DUE, CACHE_DISK_WIPE_FAILED, CACHE_DISK_WIPE_DONE };

struct cache_disk_shared {
	_Atomic uint8_t state;    /* enum cache_disk_state */
	_Atomic uint8_t wipe;     /* of one that FAILED, enum cache_disk_wipe */
	_Atomic uint32_t wanted;  /* a futex: 1 once there is work for the writer */
	_Atomic uint64_t durable; /* the moment up to which removals and marks are on the disk */
	/* below: under the lock */
	int error;
	uint64_t order;     /* the last that was given to a segment */
	uint64_t session;   /* of this memory; the file's header has it as long as it is ours */
	uint64_t head_seed; /* of the checksums of heads and tables */
	uint32_t open;      /* where the log ends; CACHE_NO_SEGMENT: a fresh one is to be opened, */
	uint32_t next;      /* which is this */
	uint32_t evicting;  /* no copy in it is used any more; CACHE_NO_SEGMENT: none */
	uint32_t free;      /* segments that have nothing */
	uint32_t scan_left;
	bool is_scan_stopped; /* what was not scanned yet can't be told from what was removed */
	bool is_written;      /* a writer works, or has died at work */
	uint32_t used;        /* how far the open segment is filled, when its writer has ended */
	uint64_t settled;     /* the index knows of all records in segments of lower orders */
	uint64_t chain, chained, chained_in; /* see writer_remove.c */
	uint32_t chained_at;
	uint64_t marked;  /* the sequence of the last mark that its writer has taken */
	uint64_t floored; /* the floor that its writer has taken */
	uint32_t removal_first, removal_count;
	struct cache_disk_counters counters;
	struct cache_removal removals[LIMIT_CACHE_DISK_REMOVALS]; /* a ring */
};

/* How far the writers have followed a log of the memory: all that was put into segments of lower
 * orders, and into the one with this order up to the offset. */
struct cache_copied {
	uint64_t order;
	uint32_t offset;
};

struct cache_disks_shared {
	_Atomic uint32_t scanning; /* disks in SCANNING or NEW: an entry that goes leaves a tomb */
	_Atomic uint64_t moment;   /* raised under the lock by each removal and mark */
	_Atomic uint32_t finished; /* a futex: raised when a `durable` was */
	struct cache_copied copied[CACHE_LOGS];
	uint64_t floor;      /* records on disk with a lower sequence are gone */
	uint64_t last_mark;  /* the highest sequence among the marks */
	uint32_t mark_count; /* the first so many are in use, in no order */
	struct cache_disk_mark_kept marks[LIMIT_CACHE_DISK_MARKS];
	char mark_texts[LIMIT_CACHE_DISK_MARKS][LIMIT_CACHE_PREFIX_BYTES];
	struct cache_disk_shared disks[];
};

/* ---- places ---- */

static inline bool cache_location_is_disk(uint64_t location)
{
	return (location & CACHE_LOCATION_IS_DISK) != 0;
}

/* The number of the segment among those of all disks. */
static inline uint32_t cache_disk_segment_of(uint64_t location)
{
	return (uint32_t)(location >> CACHE_DISK_GRANULE_BITS &
	                  ((1u << CACHE_DISK_SEGMENT_BITS) - 1));
}

static inline uint32_t cache_disk_offset_of(uint64_t location)
{
	return (uint32_t)(location & ((1u << CACHE_DISK_GRANULE_BITS) - 1)) * CACHE_GRANULE;
}

static inline uint64_t cache_disk_location(uint32_t segment, uint32_t offset)
{
	return CACHE_LOCATION_IS_DISK | (uint64_t)segment << CACHE_DISK_GRANULE_BITS |
	       offset / CACHE_GRANULE;
}

/* The disk that a location is on; NULL when it is on none. */
struct cache_disk_shared *cache_disk_of(const struct cache_store *store, uint64_t location);

/* Its number among the disks. */
unsigned cache_disk_number(const struct cache_store *store, const struct cache_disk_shared *disk);

/* The order of a segment (numbered among those of all disks): 0 when nothing is in it. */
static inline uint64_t cache_disk_order(const struct cache_store *store, uint32_t segment)
{
	return segment < store->geometry.disk_segments
	               ? atomic_load_explicit(&store->disk_orders[segment], memory_order_acquire)
	               : 0;
}

/* Whether the disk of the location is one that is read from and has something there. No lock. */
bool cache_disk_is_readable(const struct cache_store *store, uint64_t location);

/* All below: under the lock, unless it says otherwise. */

/* Whether a slot may be turned to this copy, and a record may have it as its copy: its segment is
 * there and not being evicted. */
bool cache_disk_is_of_use(const struct cache_store *store, uint64_t location);

/* What was asked for once is copied while a disk has more free segments than this: it does not
 * displace what is there. */
enum { CACHE_DISK_FREE_FOR_MAIN = 2 };

/* Whether a disk has them. */
bool cache_disk_wants_probation(const struct cache_store *store);

/* Whether the segment of a log of the memory with this order waits to be copied. */
bool cache_disk_is_behind(const struct cache_store *store, enum cache_log log, uint64_t order);

/* Gives a disk up, with what is on it as far as that can still be told to it; `error` is an errno,
 * ESTALE where another memory has begun with it, whose it is then. Without the lock. */
void cache_disk_fail(struct cache_store *store, unsigned disk, int error);

/* Has nothing that is on a disk which was given up be found at the next start, or notes that this
 * could not be done. Without the lock. */
void cache_disk_wipe(struct cache_store *store, unsigned disk);

/* Puts right what a process that died may have left half done. Under the lock. */
void cache_disk_repair(struct cache_store *store);

/* A read failed: after LIMIT_CACHE_DISK_READ_ERRORS the disk fails. Without the lock. */
void cache_disk_note_read_error(struct cache_store *store, unsigned disk, int error);

/* Has the writer, in whatever process it is, look for work; the second, those of all disks. Any
 * thread, no lock needed. */
void cache_disk_wake(struct cache_store *store, unsigned disk);
void cache_disk_wake_all(struct cache_store *store);

/* ---- removals (disk_removal.c) ---- */

/* The record at this location of a disk is removed, or stale; anything else is ignored. */
void cache_disk_forget(struct cache_store *store, uint64_t location);
void cache_disk_soften(struct cache_store *store, uint64_t location);

/* All with this hash that are not scanned yet are removed; nothing to do when no disk scans. */
void cache_disk_forget_unscanned(struct cache_store *store, uint64_t hash);

/* Something was removed of which no disk is known to have a copy: but a writer may be about to have
 * written one, and will remove that before it reaches this moment. */
void cache_disk_raise_moment(struct cache_store *store);

/* What is not scanned yet of any disk stays unknown, and is removed: an entry was lost that would
 * have told. */
void cache_disk_stop_scans(struct cache_store *store);

/* Writer: takes up to `most` removals out of the queue; returns how many. */
unsigned cache_disk_take_removals(struct cache_store *store, unsigned disk,
        struct cache_removal *ret_removals, unsigned most);

/* Writer, without the lock: all up to the moment is durable. */
void cache_disk_reach(struct cache_store *store, unsigned disk, uint64_t moment);

/* ---- marks (disk_mark.c) ---- */

/* A purge with this sequence: for recalls, and for all writers. A table that is full forgets the
 * oldest and raises the floor. Without disks nothing is done. */
void cache_disk_add_mark(struct cache_store *store, const struct cache_disk_mark *mark,
        struct str text, uint64_t sequence);

/* Everything on all disks that is older than this sequence is gone. */
void cache_disk_raise_floor(struct cache_store *store, uint64_t sequence);

/* What the marks do to a whole record, which began at its sequence: the floor to objects and specs,
 * the others to objects. Whatever is appended to a log has been compared, because a mark is evicted
 * before what was appended behind it. */
enum cache_purged cache_disk_covers(
        const struct cache_store *store, const struct cache_record *record);

/* Writer: the next mark that this disk has not taken, oldest first; a risen floor comes as a mark
 * of its own. False when there is none. `ret_text` has LIMIT_CACHE_PREFIX_BYTES. */
bool cache_disk_take_mark(struct cache_store *store, unsigned disk,
        struct cache_disk_mark_kept *ret_mark, char *ret_text);

/* Scan: a mark that was found on a disk, as it was written. */
void cache_disk_restore_mark(struct cache_store *store, const struct cache_disk_mark *mark,
        struct str text, uint64_t sequence);
