/*
 * What the rest of the room wants of the keeper, and the parts of its turn.
 */
#pragma once

#include "cache/keeper.h"
#include "cache/store_private.h"

/* Has the keeper, in whatever process it is, look for work. Any thread, no lock. */
void cache_keeper_wake(struct cache_store *store);

/* Keeper: evicts the oldest segment of the log that has too much, copying what was used to main;
 * false when there is none. */
bool cache_keeper_evict(struct cache_store *store);

/* Keeper: a slice of the sweep of purge marks, beginning one where that is due; false when there is
 * nothing to do now. */
bool cache_keeper_sweep(struct cache_store *store);
