/*
 * A slot is one word: the upper bits of a hash, and below them the tick (a quarter of a second)
 * until which it counts. What hashes to the same slot replaces what was there: the worst that comes
 * of it is a wait for an answer that cannot be shared.
 */
#include "edge/unshared.h"

#include "base/mem.h"

#include <stdatomic.h>

enum { SLOTS = 16384, TICK_MS = 250, TICK_BITS = 20 };

static const uint64_t TICK_MASK = (1 << TICK_BITS) - 1;

struct edge_unshared {
	_Atomic uint64_t slots[SLOTS];
};

struct edge_unshared *edge_unshared_new(void)
{
	return mem_new(struct edge_unshared);
}

void edge_unshared_free(struct edge_unshared *unshared)
{
	mem_free(unshared);
}

void edge_unshared_note(struct edge_unshared *unshared, uint64_t hash, uint64_t now_ms)
{
	uint64_t until = (now_ms + EDGE_UNSHARED_MS) / TICK_MS;
	atomic_store_explicit(&unshared->slots[hash % SLOTS],
	        (hash & ~TICK_MASK) | (until & TICK_MASK), memory_order_relaxed);
}

void edge_unshared_forget(struct edge_unshared *unshared, uint64_t hash)
{
	_Atomic uint64_t *slot = &unshared->slots[hash % SLOTS];
	uint64_t value = atomic_load_explicit(slot, memory_order_relaxed);
	if (((value ^ hash) & ~TICK_MASK) == 0)
		atomic_compare_exchange_strong_explicit(
		        slot, &value, 0, memory_order_relaxed, memory_order_relaxed);
}

bool edge_unshared_has(const struct edge_unshared *unshared, uint64_t hash, uint64_t now_ms)
{
	uint64_t slot = atomic_load_explicit(&unshared->slots[hash % SLOTS], memory_order_relaxed);
	uint64_t left = (slot - now_ms / TICK_MS) & TICK_MASK;
	return ((slot ^ hash) & ~TICK_MASK) == 0 && slot != 0 && left > 0 &&
	       left <= EDGE_UNSHARED_MS / TICK_MS;
}
