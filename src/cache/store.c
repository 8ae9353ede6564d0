/*
 * Attaching, the lock, counting.
 *
 * What happens under the lock happens in an order in which each step leaves something that can be
 * told from the segments' states and the slots of the index. A process that dies in between leaves
 * queues and counters that may be wrong: whoever takes the lock over builds both anew from them.
 */
#include "cache/store_private.h"

#include "base/mem.h"
#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/mark_private.h"
#include "cache/process_private.h"
#include "cache/segment_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the lock ---- */

static void repair(struct cache_store *store)
{
	cache_segment_requeue(store, false);
	cache_index_recount(store);
	cache_mark_repair(store);
	cache_disk_repair(store);
	store->shared->counters.repairs++;
}

void cache_store_lock(struct cache_store *store)
{
	int error = pthread_mutex_lock(&store->shared->lock);
	if (error == EOWNERDEAD) {
		repair(store);
		error = pthread_mutex_consistent(&store->shared->lock);
	}
	CHECK(error == 0);
}

void cache_store_unlock(struct cache_store *store)
{
	CHECK(pthread_mutex_unlock(&store->shared->lock) == 0);
}

/* ---- attaching ---- */

/* An open file description of its own for the same file; -1 with errno. */
static int open_anew(int fd)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void point(struct cache_store *store, char *base)
{
	const struct cache_geometry *g = &store->geometry;
	store->base = base;
	store->shared = (struct cache_shared *)(void *)base;
	store->segments = (struct cache_segment *)(void *)(base + g->segments_at);
	store->pins = (_Atomic uint32_t *)(void *)(base + g->pins_at);
	store->rings = (uint32_t *)(void *)(base + g->rings_at);
	store->slots = (_Atomic uint64_t *)(void *)(base + g->index_at);
	store->marks = (struct cache_marks *)(void *)(base + g->marks_at);
	if (g->disk_count > 0)
		store->disks = (struct cache_disks_shared *)(void *)(base + g->disks_at);
	store->disk_orders = (_Atomic uint64_t *)(void *)(base + g->orders_at);
	store->data = base + g->data_at;
	store->seed = store->shared->seed;
	memcpy(store->secret, store->shared->secret, sizeof(store->secret));
}

static enum cache_attach attach(struct cache_store *store, int fd)
{
	store->fd = open_anew(fd);
	if (store->fd < 0)
		return CACHE_ATTACH_SYSTEM;
	char *base;
	enum cache_attach verdict = cache_memory_map(store->fd, &store->geometry, &base);
	if (verdict != CACHE_ATTACH_DONE)
		goto fail;
	point(store, base);
	cache_store_lock(store);
	verdict = cache_process_join(store);
	cache_store_unlock(store);
	if (verdict == CACHE_ATTACH_DONE)
		return verdict;
	int error = errno;
	cache_memory_unmap(base, &store->geometry);
	errno = error;
fail:
	error = errno;
	close(store->fd);
	errno = error;
	return verdict;
}

static void close_disks(struct cache_store *store, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(store->disk_fds[i]);
}

/* Duplicates, so that the caller's may go. */
static bool take_disks(struct cache_store *store, const struct cache_memory_options *options)
{
	for (unsigned i = 0; i < options->disk_count; i++) {
		store->disk_fds[i] = fcntl(options->disks[i].fd, F_DUPFD_CLOEXEC, 3);
		if (store->disk_fds[i] >= 0)
			continue;
		int error = errno;
		close_disks(store, i);
		errno = error;
		return false;
	}
	return true;
}

static enum cache_attach attach_all(
        struct cache_store *store, const struct cache_memory_options *options, int fd)
{
	if (!take_disks(store, options))
		return CACHE_ATTACH_SYSTEM;
	enum cache_attach verdict = attach(store, fd);
	if (verdict == CACHE_ATTACH_DONE)
		return verdict;
	int error = errno;
	close_disks(store, options->disk_count);
	errno = error;
	return verdict;
}

/* As many segments as hold what memory and disks do. */
static uint64_t ghost_window(const struct cache_geometry *g)
{
	uint64_t window = g->segments;
	for (unsigned i = 0; i < g->disk_count; i++)
		window += g->disks[i].bytes / g->segment_bytes;
	return window;
}

struct cache_store *cache_store_new(
        int fd, const struct cache_memory_options *options, enum cache_attach *ret_why)
{
	struct cache_store *store = mem_new(struct cache_store);
	store->geometry = cache_memory_geometry(options);
	store->ghost_window = ghost_window(&store->geometry);
	int made = fd < 0 ? cache_memory_make(options) : -1;
	int memory = fd < 0 ? made : fd;
	enum cache_attach verdict =
	        memory < 0 ? CACHE_ATTACH_SYSTEM : attach_all(store, options, memory);
	if (made >= 0) {
		int error = errno;
		close(made);
		errno = error;
	}
	if (verdict == CACHE_ATTACH_DONE)
		return store;
	mem_free(store);
	*ret_why = verdict;
	return NULL;
}

void cache_store_free(struct cache_store *store)
{
	if (store == NULL)
		return;
	cache_store_lock(store);
	cache_process_leave(store);
	cache_store_unlock(store);
	cache_memory_unmap(store->base, &store->geometry);
	close(store->fd);
	close_disks(store, store->geometry.disk_count);
	mem_free(store);
}

/* ---- records ---- */

bool cache_store_is_whole(
        const struct cache_store *store, struct cache_record *record, uint64_t location)
{
	uint32_t checked = cache_record_checked(record);
	uint32_t youngest = atomic_load_explicit(&store->shared->generation, memory_order_relaxed);
	if (checked >= store->generation && checked <= youngest)
		return true;
	if (!cache_record_verify(record, store->seed, location))
		return false;
	cache_record_set_checked(record, store->generation);
	return true;
}

/* ---- numbers ---- */

uint32_t cache_store_piece_bytes(const struct cache_store *store)
{
	return store->geometry.piece_bytes;
}

uint64_t cache_store_sequence(const struct cache_store *store)
{
	return atomic_load_explicit(&store->shared->sequence, memory_order_acquire);
}

uint64_t cache_store_new_id(struct cache_store *store)
{
	return atomic_fetch_add_explicit(&store->shared->next_id, 1, memory_order_relaxed);
}

void cache_store_count(
        struct cache_store *store, bool with_ghosts, struct cache_store_numbers *ret_numbers)
{
	const struct cache_geometry *g = &store->geometry;
	cache_store_lock(store);
	const struct cache_shared *shared = store->shared;
	const struct cache_counters *c = &shared->counters;
	struct cache_store_numbers numbers = {
	        .objects = c->objects,
	        .bytes = c->bytes,
	        .away = c->away,
	        .puts = c->puts,
	        .put_bytes = c->put_bytes,
	        .put_full = c->put_full,
	        .put_refused = c->put_refused,
	        .evicted = c->evicted,
	        .reinserted = c->reinserted,
	        .reinserted_bytes = c->reinserted_bytes,
	        .index_drops = c->index_drops,
	        .damaged = c->damaged,
	        .repairs = c->repairs,
	        .segments = g->segments,
	        .segments_free = shared->rings[CACHE_RING_FREE].count,
	        .segments_draining = shared->rings[CACHE_RING_DRAINING].count,
	        .memory_bytes = (uint64_t)g->segments * g->segment_bytes,
	        .index_bytes = g->buckets * CACHE_LINE,
	};
	cache_store_unlock(store);
	for (uint32_t i = 0; i < g->segments; i++)
		numbers.segments_pinned += cache_segment_is_pinned(store, i);
	if (with_ghosts)
		numbers.ghosts = cache_index_count_ghosts(store);
	*ret_numbers = numbers;
}
