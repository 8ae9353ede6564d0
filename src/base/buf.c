/*
 * Pools of blocks and the buffers on them.
 *
 * A block that is given back goes to the front of its size's list, up to FREE_MAX of them; beyond,
 * and at the end, it goes back to the heap and its size to the budget. So the budget counts what
 * the pools hold, used or kept, and a busy pool touches neither the heap nor the shared counter.
 */
#include "base/buf.h"

/* A block while it is free. */
struct buf_block {
	struct buf_block *next;
};

static const uint32_t SIZE[BUF_SIZES] = {BUF_SMALL, BUF_MIDDLE, BUF_LARGE};
static const unsigned FREE_MAX[BUF_SIZES] = {64, 64, 32};

/* The index of the smallest block size that is at least `bytes`. */
static int tier_of(uint32_t bytes)
{
	int tier = 0;
	while (SIZE[tier] < bytes)
		tier++;
	return tier;
}

void buf_pool_init(struct buf_pool *pool, struct mem_budget *budget)
{
	*pool = (struct buf_pool){.budget = budget};
}

void buf_pool_done(struct buf_pool *pool)
{
	CHECK(pool->in_use == 0);
	for (int tier = 0; tier < BUF_SIZES; tier++) {
		while (pool->free[tier] != NULL) {
			struct buf_block *block = pool->free[tier];
			pool->free[tier] = block->next;
			mem_free(block);
			mem_budget_give(pool->budget, SIZE[tier]);
		}
		pool->free_count[tier] = 0;
	}
}

/* A block of a size, or NULL when the budget says no. */
static char *take_block(struct buf_pool *pool, int tier)
{
	struct buf_block *block = pool->free[tier];
	if (block != NULL) {
		pool->free[tier] = block->next;
		pool->free_count[tier]--;
		mem_unpoison(block, SIZE[tier]);
	} else {
		if (!mem_budget_take(pool->budget, SIZE[tier]))
			return NULL;
		block = mem_alloc(SIZE[tier]);
	}
	pool->in_use++;
	return (char *)block;
}

static void give_block(struct buf_pool *pool, char *bytes, uint32_t cap)
{
	int tier = tier_of(cap);
	CHECK(cap == SIZE[tier] && pool->in_use > 0);
	pool->in_use--;
	if (pool->free_count[tier] == FREE_MAX[tier]) {
		mem_free(bytes);
		mem_budget_give(pool->budget, cap);
		return;
	}
	struct buf_block *block = (void *)bytes;
	block->next = pool->free[tier];
	pool->free[tier] = block;
	pool->free_count[tier]++;
	mem_poison(block + 1, cap - sizeof(*block));
}

bool buf_make_room(struct buf_pool *pool, struct buf *buf, size_t room)
{
	CHECK(buf->start <= buf->end && buf->end <= buf->cap);
	uint32_t length = buf->end - buf->start;
	if (room > BUF_LARGE - length)
		return false;
	uint32_t needed = length + (uint32_t)room;
	char *block = buf->block;
	uint32_t cap = buf->cap;
	if (needed > cap) {
		int tier = tier_of(needed);
		block = take_block(pool, tier);
		if (block == NULL)
			return false;
		cap = SIZE[tier];
	}
	if (length != 0)
		memmove(block, buf->block + buf->start, length);
	if (buf->block != NULL && block != buf->block)
		give_block(pool, buf->block, buf->cap);
	*buf = (struct buf){.block = block, .start = 0, .end = length, .cap = cap};
	return true;
}

void buf_give_block(struct buf_pool *pool, struct buf *buf)
{
	CHECK(buf->start <= buf->end && buf->end <= buf->cap);
	give_block(pool, buf->block, buf->cap);
	*buf = (struct buf){0};
}
