/*
 * The sweep: compares every object with the purge marks, a slice of the index at a time, so that
 * the marks can be forgotten. What a hard one covers leaves the index; what a soft one covers is
 * marked. Entries that are added behind its back were compared when they were put.
 *
 * What is on a disk alone is compared when it is recalled.
 *
 * The keeper alone frees segments, so on its thread a record that a slot leads to stays readable
 * without an epoch.
 */
#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/keeper_private.h"
#include "cache/mark_private.h"
#include "cache/reader_private.h"

enum { SLICE_BUCKETS = 4096 };

static void remove_entry(
        struct cache_store *store, _Atomic uint64_t *slot, uint64_t location, uint64_t hash)
{
	cache_store_lock(store);
	uint64_t now = cache_slot_load(slot);
	struct cache_record *record = cache_store_record(store, location);
	bool is_there =
	        cache_slot_kind(now) == CACHE_SLOT_ENTRY && cache_slot_location(now) == location;
	/* A disk that has the same mark needs not be told of each. */
	bool is_covered = store->disks != NULL && record != NULL &&
	                  cache_disk_covers(store, record) == CACHE_PURGED_HARD;
	if (is_there && is_covered)
		cache_index_let_go(store, slot, hash);
	else if (is_there)
		cache_index_remove(store, slot, hash);
	cache_store_unlock(store);
}

static void sweep_entry(struct cache_store *store, _Atomic uint64_t *slot, uint64_t until)
{
	uint64_t location = cache_slot_location(cache_slot_load(slot));
	struct cache_record *record = cache_store_record(store, location);
	struct cache_record_object object;
	if (record == NULL || !cache_record_read_object(record, &object))
		return;
	uint64_t known = atomic_load_explicit(&record->mark, memory_order_acquire);
	uint64_t sequence = record->sequence > known ? record->sequence : known;
	if (sequence >= until)
		return;
	const struct cache_mark_subject subject = {
	        .key = object.key,
	        .domain = object.object->domain,
	        .tags = object.tags,
	        .tag_count = object.object->tag_count,
	};
	switch (cache_mark_covers(store, &subject, sequence)) {
	case CACHE_PURGED_HARD:
		remove_entry(store, slot, location, record->hash);
		break;
	case CACHE_PURGED_SOFT:
		atomic_fetch_or_explicit(
		        &record->flags, CACHE_RECORD_IS_SOFT_PURGED, memory_order_relaxed);
		break;
	case CACHE_PURGED_NOT:
		break;
	}
}

/* The next slice; the sweep's own fields are the keeper's alone but for repairs. */
static void sweep_slice(struct cache_store *store, uint64_t from, uint64_t until)
{
	uint64_t end = from + SLICE_BUCKETS;
	if (end > store->geometry.buckets)
		end = store->geometry.buckets;
	for (uint64_t i = from * CACHE_BUCKET_SLOTS; i < end * CACHE_BUCKET_SLOTS; i++)
		if (cache_slot_kind(cache_slot_load(&store->slots[i])) == CACHE_SLOT_ENTRY)
			sweep_entry(store, &store->slots[i], until);
}

bool cache_keeper_sweep(struct cache_store *store)
{
	struct cache_shared *shared = store->shared;
	bool is_working = true;
	cache_store_lock(store);
	if (shared->sweep_until == 0)
		is_working = cache_mark_wants_sweep(store) &&
		             cache_mark_begin_sweep(store, cache_reader_oldest(store));
	uint64_t until = shared->sweep_until, from = shared->sweep_at;
	bool is_done = is_working && from >= store->geometry.buckets;
	if (is_done && shared->sweep_done == 0)
		cache_mark_swept(store);
	if (is_done)
		is_working = cache_mark_end_sweep(store, cache_reader_oldest(store));
	cache_store_unlock(store);
	if (!is_working || is_done)
		return is_working;

	sweep_slice(store, from, until);
	cache_store_lock(store);
	if (shared->sweep_until == until && shared->sweep_at == from)
		shared->sweep_at = from + SLICE_BUCKETS;
	cache_store_unlock(store);
	return true;
}
