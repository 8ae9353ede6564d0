/*
 * Epochs (quiescent-state-based reclamation). A reader's line is 0 while its thread looks at
 * nothing, else the global epoch as it was when it began to. The keeper takes a segment's entries
 * out of the index, raises the epoch to E and waits until every line is 0 or at least E.
 *
 * Entering is a store to the line, then loads of slots; retiring is stores to slots, then loads of
 * lines. All four are sequentially consistent, so one of the two sees the other: a reader that
 * still found the entry is seen in its line, and one whose line was not seen finds the entry gone.
 * Leaving is a release; a line that is 0 was acquired after all that its thread read.
 */
#pragma once

#include "cache/find.h"
#include "cache/store_private.h"

struct cache_reader {
	struct cache_store *store;
	struct cache_reader_line *line;
	struct cache_away away; /* the last */
	bool is_inside;
};

/* Before the first look at the index in a turn. */
static inline void cache_reader_enter(struct cache_reader *reader)
{
	if (reader->is_inside)
		return;
	reader->is_inside = true;
	uint64_t epoch = atomic_load_explicit(&reader->store->shared->epoch, memory_order_acquire);
	atomic_store_explicit(&reader->line->epoch, epoch, memory_order_seq_cst);
}

/* The oldest epoch that any reader is in, or UINT64_MAX. */
uint64_t cache_reader_oldest(const struct cache_store *store);
