/*
 * Arenas: memory that is freed all at once, for what lives as long as one request. The first block
 * is given by the owner (often a part of its struct), further ones are allocated. One thread.
 */
#pragma once

#include "base/str.h"

#include <stddef.h>

struct arena_block;

struct arena {
	char *at, *end;             /* free space in the current block; `at` is aligned */
	struct arena_block *blocks; /* allocated ones, newest first */
	char *first, *first_end;    /* the owner's block */
	size_t allocated;           /* bytes in allocated blocks */
};

enum { ARENA_ALIGN = 16 };

/* Begins with the owner's block of `size` bytes at `first` (NULL and 0 for none). */
void arena_init(struct arena *arena, void *first, size_t size);

/* What arena_alloc does when the current block is too small; not for anybody else. */
void *arena_alloc_block(struct arena *arena, size_t size);

/* `size` bytes, aligned for any type, not zeroed; never NULL. What a peer sizes is limited by the
 * caller before. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
	/* Both sides are multiples of ARENA_ALIGN, so what fits unrounded fits rounded up. */
	if (size > (size_t)(arena->end - arena->at))
		return arena_alloc_block(arena, size);
	char *memory = arena->at;
	arena->at += (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	return memory;
}

/* Zeroed. */
static inline void *arena_zero(struct arena *arena, size_t size)
{
	void *memory = arena_alloc(arena, size);
	if (size != 0)
		memset(memory, 0, size);
	return memory;
}

/* A copy of s in the arena, NUL-terminated. */
struct str arena_copy(struct arena *arena, struct str s);

/* Formats into the arena; NUL-terminated. */
struct str arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* Frees what was allocated; the arena is then as after arena_init. */
void arena_reset(struct arena *arena);

#define arena_new(arena, type) ((type *)arena_zero((arena), sizeof(type)))
