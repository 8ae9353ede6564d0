/*
 * malloc with an end instead of NULL, and the budget.
 *
 * The budget is one relaxed counter: adding first and taking back when that was too much needs no
 * loop, and the moment in between can only make another thread's answer more careful.
 */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn static void mem_is_out(size_t size)
{
	char text[96];
	int length = snprintf(text, sizeof(text), "out of memory: %zu bytes were refused\n", size);
	if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
		abort();
	abort();
}

void *mem_zero(size_t size)
{
	void *memory = calloc(1, size != 0 ? size : 1);
	if (memory == NULL)
		mem_is_out(size);
	return memory;
}

void *mem_alloc(size_t size)
{
	void *memory = malloc(size != 0 ? size : 1);
	if (memory == NULL)
		mem_is_out(size);
	return memory;
}

void *mem_aligned(size_t alignment, size_t size)
{
	CHECK(size % alignment == 0);
	void *memory = aligned_alloc(alignment, size);
	if (memory == NULL)
		mem_is_out(size);
	return memory;
}

void *mem_resize(void *old, size_t size)
{
	void *memory = realloc(old, size != 0 ? size : 1);
	if (memory == NULL)
		mem_is_out(size);
	return memory;
}

char *mem_copy(const void *bytes, size_t length)
{
	CHECK(length < SIZE_MAX);
	char *copy = mem_alloc(length + 1);
	if (length != 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

void mem_free(void *memory)
{
	free(memory);
}

bool mem_budget_take(struct mem_budget *budget, size_t bytes)
{
	size_t before = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
	if (before <= budget->limit && bytes <= budget->limit - before)
		return true;
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
	return false;
}

void mem_budget_give(struct mem_budget *budget, size_t bytes)
{
	size_t before = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
	CHECK(before >= bytes);
}
