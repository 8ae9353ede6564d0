/*
 * The memory that outlives an edge: one memfd with the geometry, the tables of processes and
 * readers, the segments, the index, the purge marks and the bytes. The supervisor makes it and
 * holds it; every generation of edge attaches to it (cache/store.h) and finds everything as it was:
 * no scan, nothing to recover. Any thread.
 */
#pragma once

#include "base/check.h"
#include "base/limit.h"

#include <stdint.h>

/* A file that lies behind the memory (cache/disk.h). */
struct cache_disk_options {
	int fd; /* that cache_disk_open gave; borrowed */
	uint64_t bytes;
};

/* What decides the geometry. The same numbers give the same geometry. */
struct cache_memory_options {
	uint64_t bytes; /* of records; the tables come on top. At least LIMIT_CACHE_MEMORY_BYTES_MIN
	                 */
	uint64_t objects; /* that the index is made for; 0: one for every 4 KiB of `bytes`, and for
	                   * every 32 KiB of the disks */
	struct cache_disk_options disks[LIMIT_CACHE_DISKS];
	unsigned disk_count;
};

/* Why a memory can't be attached to. */
enum cache_attach {
	CACHE_ATTACH_DONE,
	CACHE_ATTACH_LAYOUT,   /* no memory of ours, or one of another version: make a fresh one */
	CACHE_ATTACH_GEOMETRY, /* made with other options: make a fresh one */
	CACHE_ATTACH_CROWDED,  /* LIMIT_CACHE_PROCESSES live processes are attached */
	CACHE_ATTACH_SYSTEM,   /* the kernel refused; errno says why */
};

/* A fresh memory: a sealed memfd (close-on-exec) that is the caller's, or -1 with errno. Pages are
 * taken as they are filled. Disks begin a new session with it: what is on them is found again by
 * their writers, and the memory takes its secret and its numbers from them, so that it can be. One
 * that can't be read or written begins as failed. */
int cache_memory_make(const struct cache_memory_options *options);

/* Whether cache_store_new would take this memory with these options (DONE, LAYOUT, GEOMETRY or
 * SYSTEM). For the supervisor, after it was replaced by a new version of itself. */
enum cache_attach cache_memory_check(int fd, const struct cache_memory_options *options);

/* Words for a message. */
const char *cache_memory_words(enum cache_attach attach);
