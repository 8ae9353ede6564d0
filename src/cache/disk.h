/*
 * Disks: behind the memory lie files that copies of records are written to, so that what the memory
 * has no room for, and what was there before a restart, is found again
 * (docs/decisions/0010-disks-copy-behind.md). Nobody waits for a disk but who recalls from it and
 * who wants a removal to be durable; one that fails is given up, and all goes on without it.
 */
#pragma once

#include "cache/memory.h"

#include <stdbool.h>

struct cache_store;

/* Why a file can't be a disk. */
enum cache_disk_open {
	CACHE_DISK_OPEN_DONE,
	CACHE_DISK_OPEN_SYSTEM, /* errno says why */
	CACHE_DISK_OPEN_KIND,  /* neither a regular file nor a block device, or one that is not ours
	                        */
	CACHE_DISK_OPEN_USED,  /* another cache has it */
	CACHE_DISK_OPEN_SMALL, /* a block device that has not so many bytes */
};

/* Opens the file for a cache alone (a lock that lives as long as any duplicate of the descriptor),
 * makes it if there is none (mode 0600), and takes all of its room from the file system. It is
 * never shortened; a file that has other contents than a cache's, or none, is refused. On DONE
 * *ret_fd is the caller's. May take seconds. */
MUST_CHECK enum cache_disk_open cache_disk_open(const char *path, uint64_t bytes, int *ret_fd);

/* Words for a message. */
const char *cache_disk_open_words(enum cache_disk_open verdict);

/* Whether the descriptor is that of a disk, for who was handed it. */
bool cache_disk_is(int fd);

/* Has nothing that is on the disk be found by a memory that begins with it from now on; one that
 * had it gives it up. False with errno, where it takes no writes. */
bool cache_disk_erase(int fd);

enum cache_disk_state {
	CACHE_DISK_NEW,      /* no writer has begun with it */
	CACHE_DISK_SCANNING, /* what is on it is being read; found so far is served */
	CACHE_DISK_READY,
	CACHE_DISK_FAILED, /* given up until the next start */
};

/* One disk, exact when nothing runs, else nearly. */
struct cache_disk_numbers {
	enum cache_disk_state state;
	int error;           /* FAILED: an errno; 0: not one */
	bool is_wipe_failed; /* FAILED: what is on it may be found at the next start */
	uint32_t segments, segments_used;
	uint32_t segment_bytes;
	uint64_t copied, copied_bytes; /* records written for the first time */
	uint64_t reinserted, reinserted_bytes;
	uint64_t written_bytes; /* of all kinds */
	uint64_t recalled, recalled_bytes;
	uint64_t read_errors, damaged, evicted;
	uint64_t removals;        /* written */
	uint64_t scanned_records; /* found by the scan */
	uint32_t scan_left;       /* segments */
};

/* How many disks the memory was made with. */
unsigned cache_disk_count(const struct cache_store *store);

void cache_disk_numbers(
        struct cache_store *store, unsigned disk, struct cache_disk_numbers *ret_numbers);

/* A moment: all that was removed before it is durable when cache_disk_wait says so. */
uint64_t cache_disk_moment(const struct cache_store *store);

/* Whether all disks that are not given up have it; without waiting. */
bool cache_disk_is_durable(const struct cache_store *store, uint64_t moment);

/* Waits for that, at most so long; false when it was not reached. Never on an event loop. */
MUST_CHECK bool cache_disk_wait(struct cache_store *store, uint64_t moment, unsigned ms);
