/*
 * The writer of a disk: a thread that first reads what is on it, then copies what the memory has,
 * and writes removals when there are some. Every process may start one for each disk; only one of
 * all works at a time, and when its process dies another's takes over within a second.
 */
#pragma once

#include "cache/store.h"

struct cache_writer;

/* Starts the thread of one disk; NULL when there can be none (errno). */
MUST_CHECK struct cache_writer *cache_writer_new(struct cache_store *store, unsigned disk);

/* Ends it, after it wrote what waits to be written; before cache_store_free. NULL is fine. */
void cache_writer_free(struct cache_writer *writer);

/* Does some of what there is to do without waiting, on the calling thread, if no writer of the
 * disk works; false when there was nothing. For tests, which start no thread. `is_ending`: as at
 * the end of a process, copies also from segments that are not full. */
bool cache_writer_turn(struct cache_store *store, unsigned disk, bool is_ending);
