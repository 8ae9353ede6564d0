/*
 * The keeper: a thread that evicts ahead, so that puts find free segments, and sweeps purge marks.
 * Every process may start one; only one of all works at a time, and when its process dies another's
 * takes over soon.
 */
#pragma once

#include "cache/store.h"

struct cache_keeper;

/* Starts the thread; NULL when there can be none (errno). */
MUST_CHECK struct cache_keeper *cache_keeper_new(struct cache_store *store);

/* Ends it; before cache_store_free. NULL is fine. */
void cache_keeper_free(struct cache_keeper *keeper);

/* Does what there is to do now without waiting, on the calling thread, if no keeper works; false
 * when there was nothing. For tests and the simulator, which start no thread. */
bool cache_keeper_turn(struct cache_store *store);
