/*
 * Memory: the only place that calls malloc. What we need for ourselves never fails (an empty
 * machine ends the program, with a message); what a peer makes us keep is taken from a budget that
 * may say no. Any thread.
 */
#pragma once

#include "base/check.h"

#include <stdatomic.h>
#include <stddef.h>

/* Zeroed memory of `size` bytes; never NULL. Freed by mem_free. */
void *mem_zero(size_t size);

/* Memory of `size` bytes, not zeroed; never NULL. Freed by mem_free. */
void *mem_alloc(size_t size);

/* The same, at a multiple of `alignment` (a power of two), of which `size` is a multiple as well.
 */
void *mem_aligned(size_t alignment, size_t size);

/* Resizes what mem_alloc or mem_zero gave; `old` may be NULL. Never NULL. */
void *mem_resize(void *old, size_t size);

/* A copy of `length` bytes with a terminating NUL behind them; never NULL. */
char *mem_copy(const void *bytes, size_t length);

/* Frees; NULL is fine. */
void mem_free(void *memory);

/* A zeroed object of a type. */
#define mem_new(type) ((type *)mem_zero(sizeof(type)))

/*
 * How many bytes peers may make us keep at one time. Shared by all threads. `used` may exceed
 * `limit` for a moment by what other threads are taking.
 */
struct mem_budget {
	atomic_size_t used;
	size_t limit;
};

/* Takes `bytes` from the budget; false when that would exceed it (nothing is taken then). */
MUST_CHECK bool mem_budget_take(struct mem_budget *budget, size_t bytes);

/* Gives back what mem_budget_take took. */
void mem_budget_give(struct mem_budget *budget, size_t bytes);

/*
 * Under ASan, marks memory that nobody may touch for now (a free object of a slab, a free block of
 * a pool) and lifts the mark; nothing otherwise. Both ends should be multiples of 8 bytes.
 */
#if defined(__SANITIZE_ADDRESS__)
#define MEM_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_HAS_ASAN 1
#endif
#endif

#ifdef MEM_HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

static inline void mem_poison(void *memory, size_t size)
{
#ifdef MEM_HAS_ASAN
	__asan_poison_memory_region(memory, size);
#else
	(void)memory;
	(void)size;
#endif
}

static inline void mem_unpoison(void *memory, size_t size)
{
#ifdef MEM_HAS_ASAN
	__asan_unpoison_memory_region(memory, size);
#else
	(void)memory;
	(void)size;
#endif
}
