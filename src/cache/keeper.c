/*
 * The keeper's turn, and the thread that takes turns while its process is the keeper: while there
 * is work, then on each wake, and at least once a second. While readers or pins hold up what drains
 * and free segments are short, it looks again every few milliseconds.
 *
 * Where another process is the keeper the thread asks for its lock some times a second: from when
 * that one ends until then nobody makes room.
 */
#include "cache/keeper.h"

#include "base/mem.h"
#include "base/thread.h"
#include "cache/keeper_private.h"
#include "cache/process_private.h"
#include "cache/reader_private.h"
#include "cache/segment_private.h"

#include <errno.h>

enum {
	ASK_MS = 50, /* for the keeper's lock */
	IDLE_MS = 1000,
	DRAIN_MS = 50, /* something waits for readers or pins */
	SHORT_MS = 2,  /* and puts wait for it */
	/* So many segments in one turn, then what else there is to do. */
	EVICTIONS_IN_TURN = 4,
};

struct cache_keeper {
	struct cache_store *store;
	pthread_t thread;
	_Atomic uint32_t is_ending; /* a futex */
};

/* ---- a turn ---- */

/* Frees what is drained; true when it freed something. */
static bool free_drained(struct cache_store *store)
{
	bool has_freed = false;
	for (;;) {
		cache_store_lock(store);
		uint32_t segment = cache_segment_take_drained(store, cache_reader_oldest(store));
		cache_store_unlock(store);
		if (segment == CACHE_NO_SEGMENT)
			return has_freed;
		bool is_empty = cache_segment_empty(store, segment);
		cache_store_lock(store);
		if (is_empty)
			cache_segment_free(store, segment);
		else
			cache_segment_drain_again(store, segment);
		cache_store_unlock(store);
		if (!is_empty)
			return has_freed;
		has_freed = true;
	}
}

/* Whether a segment is to be evicted now. */
static bool wants_eviction(struct cache_store *store)
{
	cache_store_lock(store);
	bool answer = cache_segment_is_short(store) && !cache_segment_is_coming(store);
	cache_store_unlock(store);
	return answer;
}

static bool is_short(struct cache_store *store)
{
	cache_store_lock(store);
	bool answer = cache_segment_is_short(store);
	cache_store_unlock(store);
	return answer;
}

/* Whether somebody holds up what drains: then the dead are looked for. */
static bool is_draining(struct cache_store *store)
{
	cache_store_lock(store);
	bool answer = store->shared->rings[CACHE_RING_DRAINING].count > 0;
	if (answer)
		cache_process_bury(store);
	cache_store_unlock(store);
	return answer;
}

/* One turn of who holds the keeper's lock. */
static bool turn(struct cache_store *store)
{
	bool has_worked = free_drained(store);
	for (unsigned i = 0; i < EVICTIONS_IN_TURN && wants_eviction(store); i++) {
		if (!cache_keeper_evict(store))
			break;
		has_worked = true;
		free_drained(store);
	}
	has_worked |= cache_keeper_sweep(store);
	return has_worked;
}

/* Becomes the keeper, with what an earlier one left half done put right. */
static bool begin(struct cache_store *store)
{
	if (atomic_exchange_explicit(&store->is_keeping, true, memory_order_acquire))
		return false;
	if (!cache_process_lock_keeper(store)) {
		atomic_store_explicit(&store->is_keeping, false, memory_order_release);
		return false;
	}
	cache_store_lock(store);
	cache_segment_requeue(store, true);
	cache_store_unlock(store);
	return true;
}

static void end(struct cache_store *store)
{
	cache_process_unlock_keeper(store);
	atomic_store_explicit(&store->is_keeping, false, memory_order_release);
}

bool cache_keeper_turn(struct cache_store *store)
{
	if (!begin(store))
		return false;
	bool has_worked = turn(store);
	if (!has_worked && is_draining(store))
		has_worked = free_drained(store);
	end(store);
	return has_worked;
}

/* ---- the thread ---- */

void cache_keeper_wake(struct cache_store *store)
{
	thread_ring(&store->shared->keeper_wanted);
}

/* Asks for the keeper's lock until it has it; false when the thread is to end. */
static bool wait_to_begin(struct cache_keeper *keeper)
{
	while (atomic_load_explicit(&keeper->is_ending, memory_order_acquire) == 0) {
		if (begin(keeper->store))
			return true;
		thread_sleep_on(&keeper->is_ending, 0, ASK_MS);
	}
	return false;
}

static void *keep(void *context)
{
	struct cache_keeper *keeper = context;
	struct cache_store *store = keeper->store;
	if (!wait_to_begin(keeper))
		return NULL;
	while (atomic_load_explicit(&keeper->is_ending, memory_order_acquire) == 0) {
		if (turn(store))
			continue;
		unsigned ms = !is_draining(store) ? IDLE_MS : is_short(store) ? SHORT_MS : DRAIN_MS;
		thread_await(&store->shared->keeper_wanted, ms);
	}
	end(store);
	return NULL;
}

struct cache_keeper *cache_keeper_new(struct cache_store *store)
{
	struct cache_keeper *keeper = mem_new(struct cache_keeper);
	keeper->store = store;
	int error = thread_start(&keeper->thread, keep, keeper);
	if (error == 0)
		return keeper;
	mem_free(keeper);
	errno = error;
	return NULL;
}

void cache_keeper_free(struct cache_keeper *keeper)
{
	if (keeper == NULL)
		return;
	/* It sleeps on one of two words. Another process's keeper that is woken instead finds
	 * nothing to do, and ours wakes by itself within a second. */
	_Atomic uint32_t *wanted = &keeper->store->shared->keeper_wanted;
	atomic_store_explicit(&keeper->is_ending, 1, memory_order_release);
	thread_wake_one(&keeper->is_ending);
	atomic_store_explicit(wanted, 1, memory_order_release);
	thread_wake_all(wanted);
	CHECK(pthread_join(keeper->thread, NULL) == 0);
	mem_free(keeper);
}
