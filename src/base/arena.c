/*
 * Arenas as a chain of blocks.
 *
 * `at` and `end` of the current block are multiples of ARENA_ALIGN, always; so an allocation is a
 * comparison and an addition. Blocks double from ARENA_BLOCK_MIN to ARENA_BLOCK_MAX. What is large
 * beside the next block gets a block of its own, and the current one goes on being filled.
 */
#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { ARENA_BLOCK_MIN = 4096, ARENA_BLOCK_MAX = 65536 };

struct arena_block {
	_Alignas(ARENA_ALIGN) struct arena_block *next;
};

void arena_init(struct arena *arena, void *first, size_t size)
{
	uintptr_t begin = ((uintptr_t)first + ARENA_ALIGN - 1) & ~(uintptr_t)(ARENA_ALIGN - 1);
	size_t skip = begin - (uintptr_t)first;
	*arena = (struct arena){0};
	if (first != NULL && size > skip) {
		arena->first = (char *)first + skip;
		arena->first_end = arena->first + ((size - skip) & ~(size_t)(ARENA_ALIGN - 1));
	}
	arena->at = arena->first;
	arena->end = arena->first_end;
}

/* A new block with `size` bytes for use, which is a multiple of ARENA_ALIGN. */
static char *add_block(struct arena *arena, size_t size)
{
	struct arena_block *block = mem_alloc(sizeof(*block) + size);
	block->next = arena->blocks;
	arena->blocks = block;
	arena->allocated += sizeof(*block) + size;
	return (char *)(block + 1);
}

void *arena_alloc_block(struct arena *arena, size_t size)
{
	CHECK(size < SIZE_MAX / 2);
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	size_t whole = ARENA_BLOCK_MIN;
	while (whole < ARENA_BLOCK_MAX && whole <= arena->allocated)
		whole *= 2;
	whole -= sizeof(struct arena_block);
	if (size > whole / 4)
		return add_block(arena, size);
	arena->at = add_block(arena, whole);
	arena->end = arena->at + whole;
	char *memory = arena->at;
	arena->at += size;
	return memory;
}

struct str arena_copy(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);
	if (s.len != 0)
		memcpy(copy, s.at, s.len);
	copy[s.len] = '\0';
	return str_make(copy, s.len);
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	/* The first try writes where the text will stand if it fits. */
	size_t room = (size_t)(arena->end - arena->at);
	char *to = arena->at;
	int length = vsnprintf(to, room, format, arguments);
	CHECK(length >= 0);
	size_t size = (size_t)length + 1;
	if (size <= room) {
		char *taken = arena_alloc(arena, size);
		CHECK(taken == to);
	} else {
		to = arena_alloc(arena, size);
		vsnprintf(to, size, format, again);
	}
	va_end(again);
	va_end(arguments);
	return str_make(to, size - 1);
}

void arena_reset(struct arena *arena)
{
	while (arena->blocks != NULL) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		mem_free(block);
	}
	arena->allocated = 0;
	arena->at = arena->first;
	arena->end = arena->first_end;
}
