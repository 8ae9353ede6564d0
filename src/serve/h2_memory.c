/*
 * What an HTTP/2 session makes us keep: itself, its streams, the heads that are too large for a
 * buffer. All of it is counted; past LIMIT_H2_SESSION_BYTES, or where the budget says no, there is
 * no more. The budget is asked for steps, so that a busy session does not touch what all threads
 * share with each request.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

enum {
	STEP_BYTES = 65536,
	IDLE_STEP_BYTES = 4096,
};

bool serve_h2_memory_take(struct serve_h2_memory *memory, size_t bytes)
{
	size_t used = memory->used + bytes;
	if (used > LIMIT_H2_SESSION_BYTES || bytes > LIMIT_H2_SESSION_BYTES)
		return false;
	if (used > memory->charged) {
		size_t steps = (used - memory->charged + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
		if (!mem_budget_take(memory->budget, steps))
			return false;
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

void serve_h2_memory_trim(struct serve_h2_memory *memory)
{
	size_t wanted = (memory->used + IDLE_STEP_BYTES - 1) / IDLE_STEP_BYTES * IDLE_STEP_BYTES;
	if (wanted >= memory->charged)
		return;
	mem_budget_give(memory->budget, memory->charged - wanted);
	memory->charged = wanted;
}

void serve_h2_memory_done(struct serve_h2_memory *memory)
{
	CHECK(memory->used == 0);
	mem_budget_give(memory->budget, memory->charged);
	memory->charged = 0;
}
