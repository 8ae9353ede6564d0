/*
 * Recalling what is away: the record is read from its disk into the memory, checked, and its slot
 * turned, so that the next find has it. Blocks on the disk: for threads of a pool, never an event
 * loop. Several threads may recall the same at once; one of them wins, and all are told DONE.
 */
#pragma once

#include "cache/find.h"

enum cache_recall {
	CACHE_RECALL_DONE, /* look again */
	CACHE_RECALL_GONE, /* it is not there (any more), is purged or damaged, or was another's:
	                    * treat it as not found */
	CACHE_RECALL_FULL, /* no free segment in memory just now: treat it as not found */
};

enum cache_recall cache_recall(struct cache_store *store, const struct cache_away *away);
