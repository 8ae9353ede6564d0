/*
 * The writer's turn, and the thread that takes turns while its process is the writer of the disk:
 * while there is work, then on each wake, and at least once a second, because nobody wakes it for
 * what there is to copy.
 *
 * A writer that ends says how far the open segment is filled, and the next one goes on there. One
 * that died can't have: what it wrote and told nobody of is removed first, then the segment that it
 * was emptying is emptied, and the log goes on in a fresh one.
 */
#include "cache/writer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cache/process_private.h"
#include "cache/writer_private.h"

#include <errno.h>

enum {
	IDLE_MS = 1000,
	BUSY_MS = 100,    /* the memory was copied from not long ago */
	ENDING_MS = 5000, /* for what waits when the process ends */
};

struct cache_writer {
	struct cache_store *store;
	unsigned disk;
	pthread_t thread;
	_Atomic uint32_t is_ending; /* a futex */
};

static enum cache_disk_state state_of(const struct cache_disk_writer *writer)
{
	return (enum cache_disk_state)atomic_load_explicit(
	        &writer->shared->state, memory_order_acquire);
}

static bool is_reading(const struct cache_disk_writer *writer)
{
	enum cache_disk_state state = state_of(writer);
	return state == CACHE_DISK_NEW || state == CACHE_DISK_SCANNING;
}

/* ---- beginning and ending ---- */

static struct cache_disk_writer *make(struct cache_store *store, unsigned disk)
{
	const struct cache_disk_geometry *geometry = &store->geometry.disks[disk];
	struct cache_disk_writer *writer = mem_new(struct cache_disk_writer);
	writer->store = store;
	writer->disk = disk;
	writer->fd = store->disk_fds[disk];
	writer->shared = &store->disks->disks[disk];
	writer->first = geometry->first;
	writer->segments = geometry->segments;
	writer->segment_bytes = geometry->segment_bytes;
	writer->open = CACHE_NO_SEGMENT;
	/* A record takes at least a granule. */
	writer->table = mem_alloc(geometry->segment_bytes / CACHE_GRANULE * sizeof(*writer->table));
	return writer;
}

/* Goes on where the last writer was. */
static void take_over(struct cache_disk_writer *writer)
{
	struct cache_disk_shared *shared = writer->shared;
	cache_store_lock(writer->store);
	bool has_died = shared->is_written;
	shared->is_written = true;
	uint32_t open = shared->open, evicting = shared->evicting;
	cache_store_unlock(writer->store);
	enum cache_disk_state state = state_of(writer);
	if (state == CACHE_DISK_NEW || state == CACHE_DISK_FAILED)
		return;
	if (has_died)
		cache_writer_disown(writer);
	else if (open != CACHE_NO_SEGMENT)
		cache_writer_resume(writer);
	if (writer->open == CACHE_NO_SEGMENT) {
		cache_store_lock(writer->store);
		shared->open = CACHE_NO_SEGMENT;
		cache_store_unlock(writer->store);
	}
	/* That it fails is seen from the disk's state. */
	if (evicting >= writer->first && evicting - writer->first < writer->segments)
		(void)!cache_writer_evict(writer, evicting);
}

/* Becomes the writer; NULL when another is. */
static struct cache_disk_writer *begin(struct cache_store *store, unsigned disk)
{
	atomic_bool *is_writing = &store->is_writing[disk];
	if (atomic_exchange_explicit(is_writing, true, memory_order_acquire))
		return NULL;
	if (!cache_process_lock_writer(store, disk)) {
		atomic_store_explicit(is_writing, false, memory_order_release);
		return NULL;
	}
	struct cache_disk_writer *writer = make(store, disk);
	take_over(writer);
	return writer;
}

static void end(struct cache_disk_writer *writer)
{
	struct cache_store *store = writer->store;
	unsigned disk = writer->disk;
	cache_store_lock(store);
	writer->shared->used = writer->used;
	writer->shared->is_written = false;
	cache_store_unlock(store);
	cache_writer_end_scan(writer);
	mem_free(writer->table);
	mem_free(writer);
	cache_process_unlock_writer(store, disk);
	atomic_store_explicit(&store->is_writing[disk], false, memory_order_release);
}

/* ---- a turn ---- */

/* Removals first, but not alone: where they never end, copies are made all the same. */
static bool turn(struct cache_disk_writer *writer, bool with_open)
{
	if (state_of(writer) == CACHE_DISK_NEW)
		return cache_writer_scan(writer);
	if (state_of(writer) == CACHE_DISK_FAILED) {
		uint8_t wipe = atomic_load_explicit(&writer->shared->wipe, memory_order_acquire);
		if (wipe != CACHE_DISK_WIPE_DONE)
			cache_disk_wipe(writer->store, writer->disk);
		return false;
	}
	bool has_removed = cache_writer_remove(writer);
	if (state_of(writer) == CACHE_DISK_SCANNING)
		return cache_writer_scan(writer) || has_removed;
	return cache_writer_copy(writer, with_open) || has_removed;
}

bool cache_writer_turn(struct cache_store *store, unsigned disk, bool is_ending)
{
	CHECK(disk < store->geometry.disk_count);
	struct cache_disk_writer *writer = begin(store, disk);
	if (writer == NULL)
		return false;
	/* All of the scan, which the next turn could only begin anew. */
	bool has_worked = turn(writer, is_ending);
	while (is_reading(writer) && turn(writer, is_ending))
		;
	end(writer);
	return has_worked;
}

/* ---- the thread ---- */

/* Asks for the disk's lock once in a while; NULL when the thread is to end. */
static struct cache_disk_writer *wait_to_begin(struct cache_writer *thread)
{
	while (atomic_load_explicit(&thread->is_ending, memory_order_acquire) == 0) {
		struct cache_disk_writer *writer = begin(thread->store, thread->disk);
		if (writer != NULL)
			return writer;
		thread_sleep_on(&thread->is_ending, 0, IDLE_MS);
	}
	return NULL;
}

static void work_until_ending(struct cache_writer *thread, struct cache_disk_writer *writer)
{
	uint64_t worked_at = clock_ms();
	while (atomic_load_explicit(&thread->is_ending, memory_order_acquire) == 0) {
		uint64_t now = clock_ms();
		bool with_open = now - worked_at >= LIMIT_CACHE_DISK_DELAY_MS;
		if (turn(writer, with_open)) {
			/* Once begun with what is open, to its end. */
			if (!with_open)
				worked_at = now;
			continue;
		}
		if (with_open)
			worked_at = now;
		bool is_busy = now - worked_at < BUSY_MS;
		thread_await(&writer->shared->wanted, is_busy ? BUSY_MS : IDLE_MS);
	}
}

static void *work(void *context)
{
	struct cache_writer *thread = context;
	struct cache_disk_writer *writer = wait_to_begin(thread);
	if (writer == NULL)
		return NULL;
	work_until_ending(thread, writer);
	uint64_t until = clock_ms() + ENDING_MS;
	while (!is_reading(writer) && clock_ms() < until && turn(writer, true))
		;
	/* What was removed may not have to wait for the next start. */
	if (state_of(writer) == CACHE_DISK_SCANNING)
		(void)cache_writer_remove(writer);
	end(writer);
	return NULL;
}

struct cache_writer *cache_writer_new(struct cache_store *store, unsigned disk)
{
	CHECK(disk < store->geometry.disk_count);
	struct cache_writer *writer = mem_new(struct cache_writer);
	writer->store = store;
	writer->disk = disk;
	int error = thread_start(&writer->thread, work, writer);
	if (error == 0)
		return writer;
	mem_free(writer);
	errno = error;
	return NULL;
}

void cache_writer_free(struct cache_writer *writer)
{
	if (writer == NULL)
		return;
	/* It sleeps on one of two words; see cache_keeper_free. */
	_Atomic uint32_t *wanted = &writer->store->disks->disks[writer->disk].wanted;
	atomic_store_explicit(&writer->is_ending, 1, memory_order_release);
	thread_wake_one(&writer->is_ending);
	atomic_store_explicit(wanted, 1, memory_order_release);
	thread_wake_all(wanted);
	CHECK(pthread_join(writer->thread, NULL) == 0);
	mem_free(writer);
}
