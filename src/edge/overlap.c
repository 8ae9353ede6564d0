/*
 * The byte of a place lies in the block at the place modulo its size.
 */
#include "edge/overlap.h"

_Static_assert((EDGE_OVERLAP_BYTES & (EDGE_OVERLAP_BYTES - 1)) == 0, "places are masked");

static size_t mask(uint64_t place)
{
	return (size_t)(place & (EDGE_OVERLAP_BYTES - 1));
}

bool edge_overlap_begin(struct edge_overlap *overlap, struct buf_pool *pool, uint64_t place)
{
	CHECK(overlap->block.block == NULL);
	overlap->from = overlap->end = place;
	return buf_reserve(pool, &overlap->block, EDGE_OVERLAP_BYTES);
}

void edge_overlap_add(struct edge_overlap *overlap, struct str data)
{
	CHECK(overlap->block.block != NULL);
	overlap->end += data.len;
	if (data.len > EDGE_OVERLAP_BYTES)
		data = str_make(data.at + data.len - EDGE_OVERLAP_BYTES, EDGE_OVERLAP_BYTES);
	size_t to = mask(overlap->end - data.len), first = EDGE_OVERLAP_BYTES - to;
	if (first > data.len)
		first = data.len;
	memcpy(overlap->block.block + to, data.at, first);
	if (data.len > first)
		memcpy(overlap->block.block, data.at + first, data.len - first);
	if (overlap->end - overlap->from > EDGE_OVERLAP_BYTES)
		overlap->from = overlap->end - EDGE_OVERLAP_BYTES;
}

bool edge_overlap_is_same(const struct edge_overlap *overlap, uint64_t place, struct str data)
{
	uint64_t from = place > overlap->from ? place : overlap->from;
	uint64_t end = place + data.len < overlap->end ? place + data.len : overlap->end;
	if (from >= end)
		return true;
	const char *at = data.at + (from - place);
	size_t length = (size_t)(end - from), first = EDGE_OVERLAP_BYTES - mask(from);
	if (first > length)
		first = length;
	return memcmp(overlap->block.block + mask(from), at, first) == 0 &&
	       memcmp(overlap->block.block, at + first, length - first) == 0;
}

void edge_overlap_done(struct edge_overlap *overlap, struct buf_pool *pool)
{
	buf_release(pool, &overlap->block);
}
