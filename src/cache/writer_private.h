/*
 * The writer from inside. One turn does one thing, the most urgent: what was removed is written and
 * synced; what is on the disk is scanned; then the memory is copied from. The writer alone writes
 * to the disk, opens, seals and empties its segments; it holds the file lock of the disk while it
 * does. What it alone changes of what is shared it reads without the store's lock.
 */
#pragma once

#include "cache/disk_private.h"
#include "cache/segment_private.h"
#include "cache/writer.h"

#include <sys/types.h>
#include <sys/uio.h>

enum {
	CACHE_WRITER_BATCH = 64, /* records that are written at once */
	/* Two parts of three of a segment are for what is new. */
	CACHE_WRITER_REINSERT_PART = 3,
};

struct cache_scan; /* writer_scan.c */

/* Who writes to one disk; of the process that has the disk's lock, and its thread's alone. */
struct cache_disk_writer {
	struct cache_store *store;
	unsigned disk;
	int fd;
	struct cache_disk_shared *shared;
	uint32_t first, segments, segment_bytes; /* first: its number among those of all disks */
	/* The open segment, numbered among those of all disks. */
	uint32_t open; /* CACHE_NO_SEGMENT: none */
	uint32_t used;
	uint64_t order;
	struct cache_disk_entry *table; /* of the open segment; room for as many as fit in one */
	uint32_t table_count;
	bool is_evicting;        /* appends stay in the open segment */
	uint64_t reinserted;     /* bytes, of the segment that is being evicted */
	uint64_t written;        /* bytes, not yet counted */
	struct cache_scan *scan; /* while the disk is read */
};

/* ---- the log (writer_log.c) ---- */

/* The system calls that write, so that tests can have them fail. */
struct cache_writer_calls {
	ssize_t (*write)(int fd, const struct iovec *parts, int count, off_t at);
	int (*sync)(int fd);
};
extern struct cache_writer_calls cache_writer_calls;

/* A record to be written. */
struct cache_append {
	/* Set by the caller: all but magic and checksum; `checksum` is that of the contents at the
	 * place `from` of seed (as it lies in memory at the location, or on the disk at its place).
	 */
	struct cache_record header;
	uint64_t from;
	const void *body; /* header.bytes without the header */
	/* The outcome */
	uint64_t location;
	bool is_written;
};

/* Copies the header of a record that others may be changing. */
void cache_writer_take_header(const struct cache_record *record, struct cache_record *ret_header);

/* Appends the records in order at the end of the log, in as few writes as can be, opening segments
 * as needed (which evicts the next one ahead, unless is_evicting is what asks: then it stays within
 * what is there). Records that have no place (segment ended while evicting) have is_written false.
 * False when the disk fails: it was given up. Without the store's lock. */
MUST_CHECK bool cache_writer_append(
        struct cache_disk_writer *writer, struct cache_append *records, unsigned count);

/* Waits until all that was written is on the disk; false when the disk fails. */
MUST_CHECK bool cache_writer_sync(struct cache_disk_writer *writer);

/* Reads from the file; false when not all came (the error was noted). */
MUST_CHECK bool cache_writer_read(
        struct cache_disk_writer *writer, void *to, size_t bytes, uint64_t at);

/* Where in the file a segment (among those of all disks) begins. */
uint64_t cache_writer_segment_at(const struct cache_disk_writer *writer, uint32_t segment);

/* What is in a segment. */
struct cache_writer_table {
	struct cache_disk_entry *entries; /* mem_free */
	uint32_t count;
	bool is_sealed; /* from the segment's end: nothing is missing, and all of it was synced
	                 * before */
};

/* The table of a segment of this order: from its end, or, where it has none that is right, of its
 * records that are. False when the disk could not be read. */
MUST_CHECK bool cache_writer_read_table(struct cache_disk_writer *writer, uint32_t segment,
        uint64_t order, struct cache_writer_table *ret_table);

/* Reads the record of an entry and verifies it; NULL when it is not right. mem_free. */
struct cache_record *cache_writer_read_record(struct cache_disk_writer *writer, uint32_t segment,
        uint64_t order, const struct cache_disk_entry *entry);

/* Says on the disk, durably, that nothing is in the segment; false when the disk fails. */
MUST_CHECK bool cache_writer_clear(struct cache_disk_writer *writer, uint32_t segment);

/* The end of the log becomes that which a writer left that has ended, if all of it is there. */
void cache_writer_resume(struct cache_disk_writer *writer);

/* ---- the parts of a turn; true when there was something to do ---- */

/* Removals and marks that wait: written, synced, their moment reached (writer_remove.c). */
bool cache_writer_remove(struct cache_disk_writer *writer);

/* Under the lock: a chain of removal records begins (writer_remove.c). */
void cache_writer_begin_chain(struct cache_disk_writer *writer);

/* What a record of removals or a mark says of the chain that it is in. */
struct cache_writer_link {
	uint64_t chain;         /* 0: makes no sense */
	uint64_t number, first; /* its own, from 1; that of the first of its go */
	uint64_t before_order;  /* where the record before it is: the segment's order, */
	uint32_t before_offset; /* and in it */
};
struct cache_writer_link cache_writer_read_link(const struct cache_record *record);

/* What is on the disk is read: first the heads of all segments, then one segment after the other,
 * youngest first; at the end the disk is READY (writer_scan.c). */
bool cache_writer_scan(struct cache_disk_writer *writer);
void cache_writer_end_scan(struct cache_disk_writer *writer); /* frees what it has */

/* Removes what a writer that died has written and told nobody of (writer_scan.c). */
void cache_writer_disown(struct cache_disk_writer *writer);

/* Copies a batch from the memory. `with_open`: also from the segments that are not full
 * (writer_copy.c). */
bool cache_writer_copy(struct cache_disk_writer *writer, bool with_open);

/* Whether what lies at a place of this disk is what leads to it: a slot, or the copy of a record in
 * memory, which is *ret_record then (NULL otherwise). The slot, or NULL. Under the lock
 * (writer_evict.c). */
_Atomic uint64_t *cache_writer_find(const struct cache_store *store, uint64_t hash,
        uint64_t location, struct cache_record **ret_record);

/* Empties a segment, so that the log can go on there (writer_evict.c). False when the disk fails.
 */
MUST_CHECK bool cache_writer_evict(struct cache_disk_writer *writer, uint32_t segment);
