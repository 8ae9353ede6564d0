/*
 * The writer from inside. One turn does one thing, the most urgent: what was removed is written and
 * synced; what is on the disk is scanned; then the memory is copied from. The writer alone writes
 * to the disk, opens, seals and empties its segments; it holds the file lock of the disk while it
 * does.
 */
#pragma once

#include "cache/disk_private.h"
#include "cache/segment_private.h"
#include "cache/writer.h"

#include <sys/uio.h>

enum {
	CACHE_WRITER_BATCH = 64, /* records that are written at once */
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
	uint64_t reinserted;     /* bytes, of the segment that is being evicted */
	struct cache_scan *scan; /* while SCANNING */
};

/* ---- the log (writer_log.c) ---- */

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

/* Appends the records in order at the end of the log, in as few writes as can be, opening segments
 * as needed (which evicts the next one ahead, unless is_evicting is what asks: then it stays within
 * what is there). Records that have no place (segment ended while evicting) have is_written false.
 * False when the disk fails: it was given up. Without the store's lock. */
MUST_CHECK bool cache_log_append(
        struct cache_disk_writer *writer, struct cache_append *records, unsigned count);

/* Waits until all that was written is on the disk; false when the disk fails. */
MUST_CHECK bool cache_log_sync(struct cache_disk_writer *writer);

/* Reads from the file; false when not all came (the error was noted). */
MUST_CHECK bool cache_log_read(
        struct cache_disk_writer *writer, void *to, size_t bytes, uint64_t at);

/* The table of a segment of this order: from its end, or, where it has none, from its records, each
 * verified, up to the first that is not right. *ret_entries is the caller's (mem_free). False when
 * the disk could not be read. */
MUST_CHECK bool cache_log_read_table(struct cache_disk_writer *writer, uint32_t segment,
        uint64_t order, struct cache_disk_entry **ret_entries, uint32_t *ret_count);

/* Reads the record of an entry and verifies it; NULL when it is not right. mem_free. */
struct cache_record *cache_log_read_record(struct cache_disk_writer *writer, uint32_t segment,
        uint64_t order, const struct cache_disk_entry *entry);

/* Says on the disk that nothing is in the segment; false when the disk fails. */
MUST_CHECK bool cache_log_clear(struct cache_disk_writer *writer, uint32_t segment);

/* ---- the parts of a turn; true when there was something to do ---- */

/* Removals and marks that wait: written, synced, their moment reached (writer_remove.c). */
bool cache_writer_remove(struct cache_disk_writer *writer);

/* The next segment is read, youngest first; at the end the disk is READY (writer_scan.c). */
bool cache_writer_scan(struct cache_disk_writer *writer);
void cache_writer_end_scan(struct cache_disk_writer *writer); /* frees what it has */

/* Copies a batch from the memory. `with_open`: also from the segments that are not full
 * (writer_copy.c). */
bool cache_writer_copy(struct cache_disk_writer *writer, bool with_open);

/* Empties the segment that comes next in the circle, so that the log can go on there
 * (writer_evict.c). False when the disk fails. */
MUST_CHECK bool cache_writer_evict(struct cache_disk_writer *writer, uint32_t segment);
