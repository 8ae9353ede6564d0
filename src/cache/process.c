/*
 * The locks are on single bytes of the memory's file, which says nothing about what these bytes
 * hold: byte n for process n, then the keeper's, then one for the writer of each disk. They belong
 * to the open file description that a store opens for itself, so two stores are told apart even in
 * one process.
 */
#include "cache/process_private.h"

#include <errno.h>
#include <fcntl.h>

enum { KEEPER = LIMIT_CACHE_PROCESSES, WRITERS };

static bool lock_byte(const struct cache_store *store, unsigned byte, short type)
{
	struct flock lock = {
	        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
	return fcntl(store->fd, F_OFD_SETLK, &lock) == 0;
}

/* Whether another open file description holds the byte; not to be asked of one's own. */
static bool is_locked(const struct cache_store *store, unsigned byte)
{
	struct flock lock = {
	        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
	return fcntl(store->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

/* Drops what a process that is no more has left: its readers, then its pins. */
static void clear(struct cache_store *store, uint32_t process)
{
	struct cache_shared *shared = store->shared;
	for (uint32_t i = 0; i < LIMIT_CACHE_READERS; i++) {
		struct cache_reader_line *line = &shared->readers[i];
		if (atomic_load_explicit(&line->owner, memory_order_relaxed) != process + 1)
			continue;
		atomic_store_explicit(&line->epoch, 0, memory_order_release);
		atomic_store_explicit(&line->owner, 0, memory_order_relaxed);
	}
	for (uint64_t i = 0; i < store->geometry.segments; i++)
		atomic_store_explicit(
		        &store->pins[i * LIMIT_CACHE_PROCESSES + process], 0, memory_order_relaxed);
	atomic_store_explicit(&shared->pinned[process], 0, memory_order_relaxed);
	shared->processes[process] = 0;
}

enum cache_attach cache_process_join(struct cache_store *store)
{
	struct cache_shared *shared = store->shared;
	for (uint32_t i = 0; i < LIMIT_CACHE_PROCESSES; i++) {
		if (!lock_byte(store, i, F_WRLCK)) {
			if (errno != EAGAIN && errno != EACCES)
				return CACHE_ATTACH_SYSTEM;
			continue;
		}
		clear(store, i);
		store->process = i;
		store->generation =
		        atomic_fetch_add_explicit(&shared->generation, 1, memory_order_relaxed) + 1;
		shared->processes[i] = store->generation;
		return CACHE_ATTACH_DONE;
	}
	return CACHE_ATTACH_CROWDED;
}

void cache_process_leave(struct cache_store *store)
{
	clear(store, store->process);
	CHECK(lock_byte(store, store->process, F_UNLCK));
}

void cache_process_bury(struct cache_store *store)
{
	for (uint32_t i = 0; i < LIMIT_CACHE_PROCESSES; i++)
		if (store->shared->processes[i] != 0 && i != store->process && !is_locked(store, i))
			clear(store, i);
}

bool cache_process_lock_keeper(struct cache_store *store)
{
	return lock_byte(store, KEEPER, F_WRLCK);
}

void cache_process_unlock_keeper(struct cache_store *store)
{
	CHECK(lock_byte(store, KEEPER, F_UNLCK));
}

bool cache_process_lock_writer(struct cache_store *store, unsigned disk)
{
	return lock_byte(store, WRITERS + disk, F_WRLCK);
}

void cache_process_unlock_writer(struct cache_store *store, unsigned disk)
{
	CHECK(lock_byte(store, WRITERS + disk, F_UNLCK));
}
