/*
 * A recall: the beginning of the record is read into a buffer, which says how long it is; room is
 * reserved in memory, the rest is read to where it will lie, and only what was verified as a whole,
 * at its place on disk and of its segment's number in the log, is led to. If the segment was
 * evicted and written over meanwhile, that does not check out, so no lock is held while it reads.
 */
#include "cache/recall.h"

#include "base/mem.h"
#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/keeper_private.h"
#include "cache/segment_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BYTES = 65536 };

struct recall {
	struct cache_store *store;
	struct cache_away away;
	unsigned disk;
	uint64_t order; /* of the segment when it began */
	uint64_t at;    /* in the file */
	uint32_t most;  /* bytes to the segment's end */
	char *first;
	uint32_t first_len;
	struct cache_room room;
};

/* Reads all of it, or says that it can't. */
static bool read_all(struct recall *recall, char *to, uint32_t bytes, uint64_t at)
{
	int fd = recall->store->disk_fds[recall->disk];
	while (bytes > 0) {
		ssize_t got = pread(fd, to, bytes, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			cache_disk_note_read_error(
			        recall->store, recall->disk, got < 0 ? errno : EIO);
			return false;
		}
		to += got;
		at += (uint64_t)got;
		bytes -= (uint32_t)got;
	}
	return true;
}

static const struct cache_record *first_of(const struct recall *recall)
{
	return (const struct cache_record *)(const void *)recall->first;
}

/* Finds out where it is; false when that is nowhere. */
static bool begin(struct recall *recall)
{
	struct cache_store *store = recall->store;
	uint64_t location = recall->away.location;
	if (!cache_disk_is_readable(store, location))
		return false;
	recall->disk = cache_disk_number(store, cache_disk_of(store, location));
	const struct cache_disk_geometry *geometry = &store->geometry.disks[recall->disk];
	uint32_t segment = cache_disk_segment_of(location);
	uint32_t offset = cache_disk_offset_of(location);
	recall->order = cache_disk_order(store, segment);
	recall->at =
	        cache_disk_segment_at(geometry->segment_bytes, segment - geometry->first) + offset;
	recall->most = geometry->segment_bytes - offset;
	recall->first_len = recall->most < FIRST_BYTES ? recall->most : FIRST_BYTES;
	return true;
}

static bool is_storable(const struct recall *recall, const struct cache_record *record)
{
	enum cache_kind kind = cache_record_kind(record);
	return cache_record_is_sound(record, recall->most) &&
	       record->bytes <= recall->store->geometry.segment_bytes &&
	       (kind == CACHE_KIND_OBJECT || kind == CACHE_KIND_SPEC || kind == CACHE_KIND_PIECE);
}

/* It goes to main: that it was asked for again it has proved, and whoever waits for it must find it
 * before it is evicted again. */
static bool reserve(struct recall *recall)
{
	struct cache_store *store = recall->store;
	cache_store_lock(store);
	bool has_room = cache_segment_reserve(
	        store, CACHE_LOG_MAIN, first_of(recall)->bytes, false, &recall->room);
	bool is_short = store->shared->rings[CACHE_RING_FREE].count < cache_segment_spare(store);
	cache_store_unlock(store);
	if (!has_room || is_short)
		cache_keeper_wake(store);
	return has_room;
}

/* Brings the record to its room, as it lies on disk but for what says that it is whole. */
static bool fetch(struct recall *recall)
{
	const struct cache_record *from = first_of(recall);
	struct cache_record *to = recall->room.record;
	uint32_t here = recall->first_len < from->bytes ? recall->first_len : from->bytes;
	memcpy(to + 1, from + 1, here - sizeof(*from));
	if (!read_all(recall, (char *)to + here, from->bytes - here, recall->at + here))
		return false;
	to->checksum = from->checksum;
	to->hash = from->hash;
	to->primary = from->primary;
	to->id = from->id;
	to->sequence = from->sequence;
	return true;
}

/* Verifies it, and makes it a record of the memory; nothing leads to it yet. */
static bool finish(struct recall *recall)
{
	const struct cache_record *from = first_of(recall);
	struct cache_record *to = recall->room.record;
	uint64_t seed = recall->store->seed;
	uint64_t place = cache_disk_place(recall->away.location, recall->order);
	enum cache_kind kind = cache_record_kind(from);
	uint8_t flags = atomic_load_explicit(&from->flags, memory_order_relaxed);
	uint64_t mark = atomic_load_explicit(&from->mark, memory_order_relaxed);
	atomic_store_explicit(&to->mark, kind == CACHE_KIND_SPEC ? mark : 0, memory_order_relaxed);
	cache_record_begin_memo(to, recall->store->generation);
	atomic_store_explicit(
	        &to->flags, flags & CACHE_RECORD_IS_SOFT_PURGED, memory_order_relaxed);
	atomic_store_explicit(&to->kind, (uint8_t)kind, memory_order_release);
	if (cache_record_verify(to, seed, place)) {
		to->checksum =
		        cache_record_recheck(to->checksum, place, recall->room.location, seed);
		return true;
	}
	/* Nobody is to take it for a record that was finished. */
	atomic_store_explicit(&to->kind, CACHE_KIND_ROOM, memory_order_release);
	return false;
}

/* ---- under the lock ---- */

static void drop_damaged(struct recall *recall)
{
	struct cache_store *store = recall->store;
	cache_store_lock(store);
	_Atomic uint64_t *slot =
	        cache_index_find_location(store, recall->away.hash, recall->away.location);
	/* Of a segment that was evicted meanwhile nothing leads here any more. */
	if (slot != NULL) {
		cache_index_remove(store, slot, recall->away.hash);
		store->disks->disks[recall->disk].counters.damaged++;
	}
	cache_store_unlock(store);
}

/* Leads the slot to what was recalled. */
static void publish(struct recall *recall, _Atomic uint64_t *slot)
{
	struct cache_store *store = recall->store;
	struct cache_record *record = recall->room.record;
	uint64_t value = cache_slot_load(slot), location = recall->away.location;
	if ((value & CACHE_SLOT_IS_SOFT) != 0)
		cache_record_soften(record, cache_store_sequence(store));
	if (cache_record_kind(record) == CACHE_KIND_OBJECT)
		atomic_store_explicit(&record->mark,
		        atomic_load_explicit(&store->shared->mark_sequence, memory_order_relaxed),
		        memory_order_relaxed);
	if (cache_disk_is_of_use(store, location))
		cache_record_set_copy(record, location);
	cache_index_move(store, slot, recall->room.location, 0, false);
	struct cache_disk_counters *counters = &store->disks->disks[recall->disk].counters;
	counters->recalled++;
	counters->recalled_bytes += record->bytes;
}

/* Under the lock, if a slot still leads there. */
static enum cache_recall settle(struct recall *recall)
{
	struct cache_store *store = recall->store;
	uint32_t segment = cache_disk_segment_of(recall->away.location);
	_Atomic uint64_t *slot =
	        cache_index_find_location(store, recall->away.hash, recall->away.location);
	/* Written to anew, so that a later version may lie just there. */
	if (slot != NULL && cache_disk_order(store, segment) != recall->order)
		return CACHE_RECALL_DONE;
	if (slot == NULL)
		return CACHE_RECALL_GONE;
	if (!cache_segment_has_room(store, &recall->room))
		return CACHE_RECALL_FULL;
	switch (cache_disk_covers(store, recall->room.record)) {
	case CACHE_PURGED_HARD:
		cache_index_remove(store, slot, recall->away.hash);
		return CACHE_RECALL_GONE;
	case CACHE_PURGED_SOFT:
		cache_record_soften(recall->room.record, cache_store_sequence(store));
		break;
	case CACHE_PURGED_NOT:
		break;
	}
	publish(recall, slot);
	return CACHE_RECALL_DONE;
}

static enum cache_recall bring(struct recall *recall)
{
	struct cache_store *store = recall->store;
	const struct cache_record *record = first_of(recall);
	if (!read_all(recall, recall->first, recall->first_len, recall->at))
		return CACHE_RECALL_GONE;
	if (!is_storable(recall, record)) {
		drop_damaged(recall);
		return CACHE_RECALL_GONE;
	}
	/* Another one's, whose tag is the same. */
	if (record->hash != recall->away.hash)
		return CACHE_RECALL_GONE;
	if (!reserve(recall))
		return CACHE_RECALL_FULL;
	enum cache_recall verdict = CACHE_RECALL_GONE;
	if (fetch(recall)) {
		if (finish(recall)) {
			cache_store_lock(store);
			verdict = settle(recall);
			cache_store_unlock(store);
		} else {
			drop_damaged(recall);
		}
	}
	cache_segment_unpin(store, recall->room.segment);
	return verdict;
}

/* Whether something leads elsewhere by now: to what another thread recalled, to what replaced it,
 * or to where it was written again because its segment was emptied. */
static bool has_moved(struct cache_store *store, const struct cache_away *away)
{
	struct cache_record *there;
	cache_store_lock(store);
	bool has_moved = cache_index_find_location(store, away->hash, away->location) == NULL &&
	                 cache_index_find(store, away->hash, &there) != NULL;
	cache_store_unlock(store);
	return has_moved;
}

enum cache_recall cache_recall(struct cache_store *store, const struct cache_away *away)
{
	struct recall recall = {.store = store, .away = *away};
	enum cache_recall verdict = CACHE_RECALL_GONE;
	if (begin(&recall)) {
		recall.first = mem_alloc(FIRST_BYTES);
		verdict = bring(&recall);
		mem_free(recall.first);
	}
	return verdict == CACHE_RECALL_GONE && has_moved(store, away) ? CACHE_RECALL_DONE : verdict;
}
