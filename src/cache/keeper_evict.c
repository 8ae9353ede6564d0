/*
 * Eviction of one segment (S3-FIFO, Yang et al., SOSP 2023, with segments in place of objects):
 *
 *   probation has more than its share   its oldest segment: what was used at least PROMOTE_FREQ
 *                                       times is copied to main, the rest leaves a ghost
 *   else                                main's oldest: what was used is copied to main again, with
 *                                       one use less, the rest goes
 *
 * What goes and has a copy on a disk is found there from now on.
 *
 * A segment is walked in batches: under the lock each record's slot is looked at, and room reserved
 * for what stays; without it the bytes are copied; under it again their slots are turned. Where a
 * damaged length ends the walk early, the index is searched for what else leads to the segment:
 * nothing may, once it is retired.
 */
#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/keeper_private.h"
#include "cache/segment_private.h"

enum {
	BATCH = 64,
	/* Less than the paper's 10 % and 2 uses, because a segment is sealed with what is youngest
	 * at its end: tuned with bench/sim. */
	PROBATION_PERCENT = 6,
	/* And as long as a disk has not copied its oldest segment yet, but will. */
	UNCOPIED_PERCENT = 30,
	PROMOTE_FREQ = 1,
};

/* A record that stays. */
struct survivor {
	const struct cache_record *record;
	uint64_t location;
	struct cache_room room;
	uint8_t freq; /* in its new place */
};

struct walk {
	uint32_t segment, offset, used;
	enum cache_log log;
	unsigned count;
	struct survivor survivors[BATCH];
};

/* Whether a record that was used so often stays, and with how many uses. */
static bool does_stay(enum cache_log log, unsigned freq, uint8_t *ret_freq)
{
	switch (log) {
	case CACHE_LOG_PROBATION:
		*ret_freq = 0;
		return freq >= PROMOTE_FREQ;
	case CACHE_LOG_MAIN:
		*ret_freq = (uint8_t)(freq - 1);
		return freq > 0;
	case CACHE_LOGS:
		break;
	}
	return false;
}

/* A record leaves the memory. */
static void let_go(struct cache_store *store, const struct walk *walk,
        const struct cache_record *record, _Atomic uint64_t *slot)
{
	uint64_t copy = cache_record_copy(record);
	store->shared->counters.evicted++;
	if (cache_disk_is_of_use(store, copy))
		cache_index_move(store, slot, copy, 0, cache_record_is_soft(record));
	else if (walk->log == CACHE_LOG_PROBATION)
		cache_index_make_ghost(store, slot, record->hash);
	else
		cache_index_remove(store, slot, record->hash);
}

/* Under the lock. */
static void judge(struct cache_store *store, struct walk *walk, const struct cache_record *record)
{
	if (cache_record_kind(record) == CACHE_KIND_ROOM)
		return;
	uint64_t location = cache_store_location(store, walk->segment, walk->offset);
	_Atomic uint64_t *slot = cache_index_find_location(store, record->hash, location);
	if (slot == NULL)
		return;
	struct survivor *survivor = &walk->survivors[walk->count];
	unsigned freq = cache_slot_freq(cache_slot_load(slot));
	if (does_stay(walk->log, freq, &survivor->freq) &&
	        cache_segment_reserve(
	                store, CACHE_LOG_MAIN, record->bytes, true, &survivor->room)) {
		survivor->record = record;
		survivor->location = location;
		walk->count++;
		return;
	}
	let_go(store, walk, record, slot);
}

/* Judges the next records; false at the segment's end. Under the lock. */
static bool judge_batch(struct cache_store *store, struct walk *walk)
{
	walk->count = 0;
	for (unsigned i = 0; i < BATCH; i++) {
		if (walk->offset >= walk->used)
			return false;
		uint64_t location = cache_store_location(store, walk->segment, walk->offset);
		const struct cache_record *record = cache_store_record(store, location);
		if (record == NULL)
			return false;
		judge(store, walk, record);
		walk->offset += cache_record_padded(record->bytes);
	}
	return true;
}

/* Turns the slots of what was copied, unless they were changed meanwhile. Under the lock. */
static void turn_slots(struct cache_store *store, struct walk *walk)
{
	struct cache_counters *counters = &store->shared->counters;
	for (unsigned i = 0; i < walk->count; i++) {
		struct survivor *survivor = &walk->survivors[i];
		_Atomic uint64_t *slot = cache_index_find_location(
		        store, survivor->record->hash, survivor->location);
		if (slot == NULL)
			continue;
		cache_record_move_changes(survivor->record, survivor->room.record);
		cache_index_move(store, slot, survivor->room.location, survivor->freq, false);
		counters->reinserted++;
		counters->reinserted_bytes += survivor->record->bytes;
	}
}

static void walk_segment(struct cache_store *store, struct walk *walk)
{
	bool is_more = true;
	while (is_more) {
		cache_store_lock(store);
		is_more = judge_batch(store, walk);
		cache_store_unlock(store);
		for (unsigned i = 0; i < walk->count; i++) {
			const struct survivor *survivor = &walk->survivors[i];
			cache_record_move(survivor->record, survivor->location,
			        survivor->room.record, survivor->room.location, store->seed);
		}
		cache_store_lock(store);
		turn_slots(store, walk);
		cache_store_unlock(store);
		for (unsigned i = 0; i < walk->count; i++)
			cache_segment_unpin(store, walk->survivors[i].room.segment);
	}
}

static uint32_t probation_percent(const struct cache_store *store)
{
	uint32_t used, oldest = cache_segment_follow(store, CACHE_LOG_PROBATION, 0, false, &used);
	bool is_behind =
	        oldest != CACHE_NO_SEGMENT &&
	        cache_disk_is_behind(store, CACHE_LOG_PROBATION, store->segments[oldest].order);
	return is_behind ? UNCOPIED_PERCENT : PROBATION_PERCENT;
}

/* Which log gives up a segment. Under the lock. */
static enum cache_log choose_log(const struct cache_store *store)
{
	uint32_t share = store->geometry.segments * probation_percent(store) / 100;
	uint32_t probation = cache_segment_count(store, CACHE_LOG_PROBATION);
	bool has_main = store->shared->rings[CACHE_LOG_MAIN].count > 0;
	bool has_probation = store->shared->rings[CACHE_LOG_PROBATION].count > 0;
	return has_probation && (probation > share || !has_main) ? CACHE_LOG_PROBATION
	                                                         : CACHE_LOG_MAIN;
}

bool cache_keeper_evict(struct cache_store *store)
{
	cache_store_lock(store);
	struct walk walk = {.log = choose_log(store)};
	walk.segment = cache_segment_take_oldest(store, walk.log);
	if (walk.segment != CACHE_NO_SEGMENT) {
		walk.used = store->segments[walk.segment].used;
		if (walk.used > store->geometry.segment_bytes)
			walk.used = store->geometry.segment_bytes;
		store->shared->ghost_clock += walk.log == CACHE_LOG_PROBATION;
	}
	cache_store_unlock(store);
	if (walk.segment == CACHE_NO_SEGMENT)
		return false;
	walk_segment(store, &walk);

	cache_store_lock(store);
	if (store->segments[walk.segment].live != 0) {
		store->shared->counters.damaged += store->segments[walk.segment].live;
		cache_index_remove_segment(store, walk.segment);
	}
	cache_segment_retire(store, walk.segment);
	cache_store_unlock(store);
	return true;
}
