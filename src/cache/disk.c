/*
 * What is known of disks without touching them, and what happens when one fails.
 *
 * A disk that was given up is read from no more: its slots and the copies in it count as if they
 * were not there, so nothing has to be searched for. Its header is wiped, because what is removed
 * from now on could not be told to it; until that was tried, no removal is durable, and where it
 * failed the disk's writer tries again.
 */
#include "cache/disk_private.h"

#include "base/clock.h"
#include "base/thread.h"
#include "cache/disk_file_private.h"

#include <errno.h>

static enum cache_disk_state state_of(const struct cache_disk_shared *disk)
{
	return (enum cache_disk_state)atomic_load_explicit(&disk->state, memory_order_acquire);
}

unsigned cache_disk_count(const struct cache_store *store)
{
	return store->geometry.disk_count;
}

/* ---- places ---- */

struct cache_disk_shared *cache_disk_of(const struct cache_store *store, uint64_t location)
{
	if (store->disks == NULL || !cache_location_is_disk(location))
		return NULL;
	uint32_t segment = cache_disk_segment_of(location);
	for (unsigned i = 0; i < store->geometry.disk_count; i++) {
		const struct cache_disk_geometry *disk = &store->geometry.disks[i];
		if (segment >= disk->first && segment - disk->first < disk->segments &&
		        cache_disk_offset_of(location) < disk->segment_bytes)
			return &store->disks->disks[i];
	}
	return NULL;
}

unsigned cache_disk_number(const struct cache_store *store, const struct cache_disk_shared *disk)
{
	return (unsigned)(disk - store->disks->disks);
}

bool cache_disk_is_readable(const struct cache_store *store, uint64_t location)
{
	const struct cache_disk_shared *disk = cache_disk_of(store, location);
	return disk != NULL && state_of(disk) != CACHE_DISK_FAILED &&
	       cache_disk_order(store, cache_disk_segment_of(location)) != 0;
}

bool cache_disk_is_of_use(const struct cache_store *store, uint64_t location)
{
	const struct cache_disk_shared *disk = cache_disk_of(store, location);
	return disk != NULL && cache_disk_is_readable(store, location) &&
	       cache_disk_segment_of(location) != disk->evicting;
}

/* ---- what waits to be copied ---- */

bool cache_disk_wants_probation(const struct cache_store *store)
{
	bool wants = false;
	for (unsigned i = 0; i < store->geometry.disk_count; i++) {
		const struct cache_disk_shared *disk = &store->disks->disks[i];
		wants |=
		        state_of(disk) == CACHE_DISK_READY && disk->free > CACHE_DISK_FREE_FOR_MAIN;
	}
	return wants;
}

bool cache_disk_is_behind(const struct cache_store *store, enum cache_log log, uint64_t order)
{
	return store->disks != NULL && order >= store->disks->copied[log].order &&
	       (log != CACHE_LOG_PROBATION || cache_disk_wants_probation(store));
}

/* ---- failure ---- */

void cache_disk_fail(struct cache_store *store, unsigned disk, int error)
{
	struct cache_disk_shared *shared = &store->disks->disks[disk];
	cache_store_lock(store);
	enum cache_disk_state before = state_of(shared);
	if (before != CACHE_DISK_FAILED) {
		shared->error = error;
		if (before != CACHE_DISK_READY)
			atomic_fetch_sub_explicit(&store->disks->scanning, 1, memory_order_relaxed);
		/* What was replaced by what it has is not known to the others any more; where it
		 * only has what a scan found, they have the removals themselves. */
		if (before == CACHE_DISK_READY)
			cache_disk_stop_scans(store);
		atomic_store_explicit(&shared->state, CACHE_DISK_FAILED, memory_order_release);
	}
	cache_store_unlock(store);
	if (before != CACHE_DISK_FAILED)
		cache_disk_wipe(store, disk);
}

void cache_disk_wipe(struct cache_store *store, unsigned disk)
{
	struct cache_disk_shared *shared = &store->disks->disks[disk];
	struct cache_disk_header header;
	int fd = store->disk_fds[disk];
	cache_store_lock(store);
	uint64_t session = shared->session;
	bool is_another_s = shared->error == ESTALE;
	cache_store_unlock(store);
	/* It may be that of a memory which came after this one. */
	if (cache_disk_file_read_header(fd, &header))
		is_another_s |= session != 0 && header.session > session;
	bool is_wiped = is_another_s || cache_disk_file_wipe(fd);
	atomic_store_explicit(&shared->wipe,
	        is_wiped ? CACHE_DISK_WIPE_DONE : CACHE_DISK_WIPE_FAILED, memory_order_release);
	/* Who waits for it waits no more. */
	cache_disk_reach(store, disk, 0);
}

void cache_disk_repair(struct cache_store *store)
{
	uint32_t scanning = 0;
	if (store->disks == NULL)
		return;
	for (unsigned i = 0; i < store->geometry.disk_count; i++) {
		enum cache_disk_state state = state_of(&store->disks->disks[i]);
		scanning += state == CACHE_DISK_NEW || state == CACHE_DISK_SCANNING;
	}
	atomic_store_explicit(&store->disks->scanning, scanning, memory_order_relaxed);
}

void cache_disk_note_read_error(struct cache_store *store, unsigned disk, int error)
{
	struct cache_disk_shared *shared = &store->disks->disks[disk];
	cache_store_lock(store);
	bool is_enough = ++shared->counters.read_errors >= LIMIT_CACHE_DISK_READ_ERRORS;
	cache_store_unlock(store);
	if (is_enough)
		cache_disk_fail(store, disk, error);
}

/* ---- waking and waiting ---- */

void cache_disk_wake(struct cache_store *store, unsigned disk)
{
	thread_ring(&store->disks->disks[disk].wanted);
}

void cache_disk_wake_all(struct cache_store *store)
{
	for (unsigned i = 0; i < store->geometry.disk_count; i++)
		cache_disk_wake(store, i);
}

void cache_disk_reach(struct cache_store *store, unsigned disk, uint64_t moment)
{
	struct cache_disks_shared *disks = store->disks;
	if (moment != 0)
		atomic_store_explicit(&disks->disks[disk].durable, moment, memory_order_release);
	atomic_fetch_add_explicit(&disks->finished, 1, memory_order_release);
	thread_wake_all(&disks->finished);
}

uint64_t cache_disk_moment(const struct cache_store *store)
{
	return store->disks == NULL
	               ? 0
	               : atomic_load_explicit(&store->disks->moment, memory_order_acquire);
}

/* Given up, and nothing on it can come back, as far as that could be done. */
static bool is_out_of_use(const struct cache_disk_shared *disk)
{
	return state_of(disk) == CACHE_DISK_FAILED &&
	       atomic_load_explicit(&disk->wipe, memory_order_acquire) != CACHE_DISK_WIPE_DUE;
}

bool cache_disk_is_durable(const struct cache_store *store, uint64_t moment)
{
	bool is_durable = true;
	for (unsigned i = 0; i < store->geometry.disk_count; i++) {
		const struct cache_disk_shared *disk = &store->disks->disks[i];
		is_durable &= is_out_of_use(disk) ||
		              atomic_load_explicit(&disk->durable, memory_order_acquire) >= moment;
	}
	return is_durable;
}

bool cache_disk_wait(struct cache_store *store, uint64_t moment, unsigned ms)
{
	uint64_t until = clock_ms() + ms;
	while (!cache_disk_is_durable(store, moment)) {
		struct cache_disks_shared *disks = store->disks;
		uint32_t finished = atomic_load_explicit(&disks->finished, memory_order_acquire);
		if (cache_disk_is_durable(store, moment))
			break;
		uint64_t now = clock_ms();
		if (now >= until)
			return false;
		cache_disk_wake_all(store);
		thread_sleep_on(&disks->finished, finished, (unsigned)(until - now));
	}
	return true;
}

/* ---- numbers ---- */

void cache_disk_numbers(
        struct cache_store *store, unsigned disk, struct cache_disk_numbers *ret_numbers)
{
	const struct cache_disk_geometry *geometry = &store->geometry.disks[disk];
	const struct cache_disk_shared *shared = &store->disks->disks[disk];
	cache_store_lock(store);
	const struct cache_disk_counters *c = &shared->counters;
	*ret_numbers = (struct cache_disk_numbers){
	        .state = state_of(shared),
	        .error = shared->error,
	        .is_wipe_failed = atomic_load_explicit(&shared->wipe, memory_order_acquire) ==
	                          CACHE_DISK_WIPE_FAILED,
	        .segments = geometry->segments,
	        .segments_used = geometry->segments - shared->free,
	        .segment_bytes = geometry->segment_bytes,
	        .copied = c->copied,
	        .copied_bytes = c->copied_bytes,
	        .reinserted = c->reinserted,
	        .reinserted_bytes = c->reinserted_bytes,
	        .written_bytes = c->written_bytes,
	        .recalled = c->recalled,
	        .recalled_bytes = c->recalled_bytes,
	        .read_errors = c->read_errors,
	        .damaged = c->damaged,
	        .evicted = c->evicted,
	        .removals = c->removals,
	        .scanned_records = c->scanned_records,
	        .scan_left = shared->scan_left,
	};
	cache_store_unlock(store);
}
