/*
 * Buffers: bytes on their way between sockets. A buffer holds one block of a pool, or none when it
 * is empty and released; blocks come in three sizes and are reused last-in first-out, so that a
 * busy thread touches the same warm memory again and again. One pool for each thread, all of them
 * on one budget.
 */
#pragma once

#include "base/mem.h"
#include "base/str.h"

#include <stdint.h>

/* The block sizes, and so the most that one buffer can hold. */
enum { BUF_SMALL = 4096, BUF_MIDDLE = 16384, BUF_LARGE = 65536, BUF_SIZES = 3 };

struct buf_block;

struct buf_pool {
	struct buf_block *free[BUF_SIZES];
	unsigned free_count[BUF_SIZES];
	size_t in_use; /* blocks that buffers hold */
	struct mem_budget *budget;
};

/* Bytes [start, end) of `block` are in use. All-zero is an empty buffer without a block. */
struct buf {
	char *block;
	uint32_t start, end, cap;
};

/* The budget is charged for the pool's blocks, those that are kept for reuse included. */
void buf_pool_init(struct buf_pool *pool, struct mem_budget *budget);

/* Frees the pool's blocks; no buffer may hold one. */
void buf_pool_done(struct buf_pool *pool);

static inline size_t buf_length(const struct buf *buf)
{
	return buf->end - buf->start;
}

static inline char *buf_bytes(const struct buf *buf)
{
	return buf->block == NULL ? NULL : buf->block + buf->start;
}

static inline struct str buf_str(const struct buf *buf)
{
	return str_make(buf_bytes(buf), buf_length(buf));
}

/* Free room behind the bytes. */
static inline size_t buf_room(const struct buf *buf)
{
	return buf->cap - buf->end;
}

/* What buf_reserve does when the room is not there; not for anybody else. */
MUST_CHECK bool buf_make_room(struct buf_pool *pool, struct buf *buf, size_t room);

/*
 * Makes room for `room` more bytes behind those that are there: moves them to the block's front or
 * to a larger block where needed. False when they would not fit the largest block, or the budget
 * says no; nothing has changed then. Addresses in the buffer may change.
 */
MUST_CHECK static inline bool buf_reserve(struct buf_pool *pool, struct buf *buf, size_t room)
{
	CHECK(buf->start <= buf->end && buf->end <= buf->cap);
	return room <= buf_room(buf) || buf_make_room(pool, buf, room);
}

/* Says that `count` more bytes were written into the room. */
static inline void buf_grew(struct buf *buf, size_t count)
{
	CHECK(count <= buf_room(buf));
	buf->end += (uint32_t)count;
}

/* buf_reserve and copy. */
MUST_CHECK static inline bool buf_add(struct buf_pool *pool, struct buf *buf, struct str bytes)
{
	if (!buf_reserve(pool, buf, bytes.len))
		return false;
	if (bytes.len != 0)
		memcpy(buf->block + buf->end, bytes.at, bytes.len);
	buf->end += (uint32_t)bytes.len;
	return true;
}

/* Drops `count` bytes from the front; the block stays. */
static inline void buf_drop(struct buf *buf, size_t count)
{
	CHECK(count <= buf_length(buf));
	buf->start += (uint32_t)count;
	if (buf->start == buf->end)
		buf->start = buf->end = 0;
}

/* What buf_release does with a buffer that has a block; not for anybody else. */
void buf_give_block(struct buf_pool *pool, struct buf *buf);

/* Gives the block back; the buffer is then empty. */
static inline void buf_release(struct buf_pool *pool, struct buf *buf)
{
	if (buf->block != NULL)
		buf_give_block(pool, buf);
}

/* Gives the block back if the buffer is empty. */
static inline void buf_release_if_empty(struct buf_pool *pool, struct buf *buf)
{
	if (buf->block != NULL && buf->start == buf->end)
		buf_release(pool, buf);
}
