/*
 * What an HTTP/2 session makes us keep: whatever nghttp2 allocates for it, and what its streams
 * are. All of it is counted; past LIMIT_H2_SESSION_BYTES, or where the budget says no, an
 * allocation fails, which ends the session. The budget is asked for steps, so that a busy session
 * does not touch what all threads share with each request. Most blocks are small: they come from
 * slabs.
 *
 * Larger ones a session takes as it begins, and keeps: nghttp2's own struct, its map of streams,
 * and a buffer for the largest frame, of which only heads are written (bodies go past it). They lie
 * one behind the other in the room behind the session, the buffer last: what is not written of it
 * takes no memory, as it would where malloc gives out again what somebody else has written to. At
 * the room's end is what nothing is ever written to: the ring of nghttp2's encoder, which it makes
 * first, and which has no entries, since heads are packed by us.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

enum {
	STEP_BYTES = 65536,
	IDLE_STEP_BYTES = 4096,
	RING_BYTES = 1024, /* of HPACK, in nghttp2 1.52 */
};

/* Of blocks in slabs, with their heads; multiples of SERVE_H2_BLOCK_STEP. */
static const uint16_t SIZES[SERVE_H2_BLOCK_SIZES] = {
        64, 96, 128, 192, 256, 384, 512, 768, SERVE_H2_BLOCK_MAX};

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

void serve_h2_memory_init_blocks(struct serve_h2_blocks *blocks)
{
	unsigned fitting = 0;
	for (unsigned i = 0; i < SERVE_H2_BLOCK_SIZES; i++)
		slab_init(&blocks->slabs[i], SIZES[i]);
	for (unsigned i = 0; i < ARRAY_LENGTH(blocks->fitting); i++) {
		fitting += i * SERVE_H2_BLOCK_STEP > SIZES[fitting];
		blocks->fitting[i] = (uint8_t)fitting;
	}
}

void serve_h2_memory_done_blocks(struct serve_h2_blocks *blocks)
{
	for (unsigned i = 0; i < SERVE_H2_BLOCK_SIZES; i++)
		slab_done(&blocks->slabs[i]);
}

/* The slab of blocks for so many bytes with their head; NULL: they are too many. */
static struct slab *slab_of(const struct serve_h2_memory *memory, size_t bytes)
{
	struct serve_h2_blocks *blocks = memory->blocks;
	if (bytes > SERVE_H2_BLOCK_MAX)
		return NULL;
	return &blocks->slabs[blocks->fitting[(bytes + SERVE_H2_BLOCK_STEP - 1) /
	                                      SERVE_H2_BLOCK_STEP]];
}

static struct block *take_large(struct serve_h2_memory *memory, size_t bytes)
{
	bytes = (bytes + sizeof(struct block) - 1) / sizeof(struct block) * sizeof(struct block);
	if (bytes > memory->room_bytes - memory->room_used)
		return mem_alloc(bytes);
	struct block *block = (void *)(memory->room + memory->room_used);
	memory->room_used += bytes;
	return block;
}

/* The ring, if it is asked for and has room, at the room's end. Not even a head is written there.
 */
static void *take_ring(struct serve_h2_memory *memory, size_t size)
{
	if (size != RING_BYTES || memory->ring != NULL ||
	        memory->room_bytes - memory->room_used < RING_BYTES ||
	        !serve_h2_memory_take(memory, RING_BYTES))
		return NULL;
	memory->room_bytes -= RING_BYTES;
	memory->ring = memory->room + memory->room_bytes;
	return memory->ring;
}

static void give_ring(struct serve_h2_memory *memory)
{
	memory->ring = NULL;
	memory->room_bytes += RING_BYTES;
	serve_h2_memory_give(memory, RING_BYTES);
}

static void give_large(const struct serve_h2_memory *memory, struct block *block)
{
	const char *at = (const char *)block;
	if (at < memory->room || at >= memory->room + memory->room_bytes)
		mem_free(block);
}

void serve_h2_memory_trim(struct serve_h2_memory *memory)
{
	size_t wanted = (memory->used + IDLE_STEP_BYTES - 1) / IDLE_STEP_BYTES * IDLE_STEP_BYTES;
	if (wanted >= memory->charged)
		return;
	mem_budget_give(memory->budget, memory->charged - wanted);
	memory->charged = wanted;
}

static void *on_malloc(size_t size, void *user)
{
	struct serve_h2_memory *memory = user;
	void *ring = take_ring(memory, size);
	if (ring != NULL)
		return ring;
	size_t whole = size + sizeof(struct block);
	if (size > LIMIT_H2_SESSION_BYTES || !serve_h2_memory_take(memory, whole))
		return NULL;
	struct slab *slab = slab_of(memory, whole);
	struct block *block = slab != NULL ? slab_take(slab) : take_large(memory, whole);
	block->bytes = size;
	return block + 1;
}

static void on_free(void *at, void *user)
{
	struct serve_h2_memory *memory = user;
	if (at == NULL)
		return;
	if (at == memory->ring) {
		give_ring(memory);
		return;
	}
	struct block *block = (struct block *)at - 1;
	size_t whole = block->bytes + sizeof(struct block);
	struct slab *slab = slab_of(user, whole);
	serve_h2_memory_give(user, whole);
	if (slab != NULL)
		slab_give(slab, block);
	else
		give_large(user, block);
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
	const struct serve_h2_memory *memory = user;
	if (at == NULL)
		return on_malloc(size, user);
	size_t had = at == memory->ring ? RING_BYTES : ((struct block *)at - 1)->bytes;
	if (size == had)
		return at;
	void *made = on_malloc(size, user);
	if (made == NULL)
		return NULL;
	memcpy(made, at, size < had ? size : had);
	on_free(at, user);
	return made;
}

void serve_h2_memory_init(struct serve_h2_memory *memory, struct mem_budget *budget,
        struct serve_h2_blocks *blocks, char *room, size_t room_bytes)
{
	*memory = (struct serve_h2_memory){
	        .calls = {.mem_user_data = memory,
	                .malloc = on_malloc,
	                .free = on_free,
	                .calloc = on_calloc,
	                .realloc = on_realloc},
	        .budget = budget,
	        .blocks = blocks,
	        .room = room,
	        .room_bytes = room_bytes,
	};
}

void serve_h2_memory_done(struct serve_h2_memory *memory)
{
	CHECK(memory->used == 0);
	mem_budget_give(memory->budget, memory->charged);
	memory->charged = 0;
}
