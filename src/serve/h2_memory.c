/*
 * What an HTTP/2 session makes us keep: whatever nghttp2 allocates for it, and what its streams
 * are. All of it is counted; past LIMIT_H2_SESSION_BYTES, or where the budget says no, an
 * allocation fails, which ends the session. The budget is asked for steps, so that a busy session
 * does not touch what all threads share with each request.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

enum { STEP_BYTES = 65536 };

/* Before each block that nghttp2 has; as large as what malloc aligns to. */
struct block {
	_Alignas(16) size_t bytes;
};

bool serve_h2_memory_take(struct serve_h2_memory *memory, size_t bytes)
{
	size_t used = memory->used + bytes;
	if (used > LIMIT_H2_SESSION_BYTES || bytes > LIMIT_H2_SESSION_BYTES) {
		memory->is_refused = true;
		return false;
	}
	if (used > memory->charged) {
		size_t steps = (used - memory->charged + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
		if (!mem_budget_take(memory->budget, steps)) {
			memory->is_refused = true;
			return false;
		}
		memory->charged += steps;
	}
	memory->used = used;
	return true;
}

void serve_h2_memory_give(struct serve_h2_memory *memory, size_t bytes)
{
	CHECK(bytes <= memory->used);
	memory->used -= bytes;
	/* One step is kept, so that taking and giving around its edge costs nothing. */
	if (memory->charged - memory->used < 2 * (size_t)STEP_BYTES)
		return;
	size_t steps = (memory->charged - memory->used) / STEP_BYTES - 1;
	memory->charged -= steps * STEP_BYTES;
	mem_budget_give(memory->budget, steps * STEP_BYTES);
}

static void *on_malloc(size_t size, void *user)
{
	struct serve_h2_memory *memory = user;
	if (size > LIMIT_H2_SESSION_BYTES ||
	        !serve_h2_memory_take(memory, size + sizeof(struct block)))
		return NULL;
	struct block *block = mem_alloc(size + sizeof(struct block));
	block->bytes = size;
	return block + 1;
}

static void on_free(void *at, void *user)
{
	if (at == NULL)
		return;
	struct block *block = (struct block *)at - 1;
	serve_h2_memory_give(user, block->bytes + sizeof(struct block));
	mem_free(block);
}

static void *on_calloc(size_t count, size_t size, void *user)
{
	if (size != 0 && count > LIMIT_H2_SESSION_BYTES / size)
		return NULL;
	void *at = on_malloc(count * size, user);
	if (at != NULL)
		memset(at, 0, count * size);
	return at;
}

static void *on_realloc(void *at, size_t size, void *user)
{
	if (at == NULL)
		return on_malloc(size, user);
	const struct block *block = (struct block *)at - 1;
	if (size <= block->bytes && size >= block->bytes / 2)
		return at;
	void *made = on_malloc(size, user);
	if (made == NULL)
		return NULL;
	memcpy(made, at, size < block->bytes ? size : block->bytes);
	on_free(at, user);
	return made;
}

void serve_h2_memory_init(struct serve_h2_memory *memory, struct mem_budget *budget)
{
	*memory = (struct serve_h2_memory){
	        .calls = {.mem_user_data = memory,
	                .malloc = on_malloc,
	                .free = on_free,
	                .calloc = on_calloc,
	                .realloc = on_realloc},
	        .budget = budget,
	};
}

void serve_h2_memory_done(struct serve_h2_memory *memory)
{
	CHECK(memory->used == 0);
	mem_budget_give(memory->budget, memory->charged);
	memory->charged = 0;
}
