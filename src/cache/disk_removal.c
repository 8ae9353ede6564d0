/*
 * Removals on their way to the log. They are queued under the lock in which the index changed, so
 * none is missing and their order is the index's. A queue that is full raises the floor instead:
 * more goes than had to, never less.
 */
#include "cache/disk_private.h"

static bool is_working(const struct cache_disk_shared *disk)
{
	return atomic_load_explicit(&disk->state, memory_order_relaxed) != CACHE_DISK_FAILED;
}

static bool is_scanning(const struct cache_disk_shared *disk)
{
	uint8_t state = atomic_load_explicit(&disk->state, memory_order_relaxed);
	return state == CACHE_DISK_NEW || state == CACHE_DISK_SCANNING;
}

static void push(struct cache_store *store, struct cache_disk_shared *disk, uint64_t what,
        uint64_t order, enum cache_removal_kind kind)
{
	if (disk->removal_count >= LIMIT_CACHE_DISK_REMOVALS) {
		cache_disk_raise_floor(store, cache_store_sequence(store) + 1);
		return;
	}
	uint32_t at = (disk->removal_first + disk->removal_count) % LIMIT_CACHE_DISK_REMOVALS;
	disk->removals[at] =
	        (struct cache_removal){.what = what, .order_kind = order << 2 | (uint64_t)kind};
	disk->removal_count++;
	atomic_fetch_add_explicit(&store->disks->moment, 1, memory_order_release);
	cache_disk_wake(store, cache_disk_number(store, disk));
}

static void push_place(struct cache_store *store, uint64_t location, enum cache_removal_kind kind)
{
	struct cache_disk_shared *disk = cache_disk_of(store, location);
	if (disk == NULL || !is_working(disk))
		return;
	uint64_t order = cache_disk_order(store, cache_disk_segment_of(location));
	if (order != 0)
		push(store, disk, location, order, kind);
}

void cache_disk_raise_moment(struct cache_store *store)
{
	if (store->disks == NULL)
		return;
	atomic_fetch_add_explicit(&store->disks->moment, 1, memory_order_release);
	cache_disk_wake_all(store);
}

void cache_disk_forget(struct cache_store *store, uint64_t location)
{
	push_place(store, location, CACHE_REMOVAL_PLACE);
}

void cache_disk_soften(struct cache_store *store, uint64_t location)
{
	push_place(store, location, CACHE_REMOVAL_SOFT);
}

void cache_disk_forget_unscanned(struct cache_store *store, uint64_t hash)
{
	if (store->disks == NULL ||
	        atomic_load_explicit(&store->disks->scanning, memory_order_relaxed) == 0)
		return;
	for (unsigned i = 0; i < store->geometry.disk_count; i++)
		if (is_scanning(&store->disks->disks[i]))
			push(store, &store->disks->disks[i], hash, 0, CACHE_REMOVAL_HASH);
}

void cache_disk_stop_scans(struct cache_store *store)
{
	for (unsigned i = 0; i < store->geometry.disk_count; i++)
		if (is_scanning(&store->disks->disks[i]))
			store->disks->disks[i].is_scan_stopped = true;
}

unsigned cache_disk_take_removals(
        struct cache_store *store, unsigned disk, struct cache_removal *ret_removals, unsigned most)
{
	struct cache_disk_shared *shared = &store->disks->disks[disk];
	/* Another process may have died while it changed these. */
	if (shared->removal_count > LIMIT_CACHE_DISK_REMOVALS)
		shared->removal_count = LIMIT_CACHE_DISK_REMOVALS;
	unsigned taken = 0;
	for (; taken < most && shared->removal_count > 0; taken++) {
		ret_removals[taken] =
		        shared->removals[shared->removal_first % LIMIT_CACHE_DISK_REMOVALS];
		shared->removal_first = (shared->removal_first + 1) % LIMIT_CACHE_DISK_REMOVALS;
		shared->removal_count--;
	}
	return taken;
}
