/*
 * The last bytes of a body that went on, kept so that they can be compared with what another
 * answer says is there. A ring of one small block: a piece of a body costs a copy of its last 4 KiB
 * at most, and no more memory than that. One thread.
 */
#pragma once

#include "base/buf.h"

#include <stdint.h>

enum { EDGE_OVERLAP_BYTES = BUF_SMALL };

/* All-zero keeps nothing. */
struct edge_overlap {
	struct buf block;
	uint64_t from, end; /* the places that are kept: at most EDGE_OVERLAP_BYTES */
};

/* Begins at a place. False: the budget says no. */
MUST_CHECK bool edge_overlap_begin(
        struct edge_overlap *overlap, struct buf_pool *pool, uint64_t place);

/* More went on, behind what did before. */
void edge_overlap_add(struct edge_overlap *overlap, struct str data);

/* Whether the bytes from `place` on are those that are kept, as far as there are any of the same
 * places. */
bool edge_overlap_is_same(const struct edge_overlap *overlap, uint64_t place, struct str data);

/* Gives the block back. */
void edge_overlap_done(struct edge_overlap *overlap, struct buf_pool *pool);
