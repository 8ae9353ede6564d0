/*
 * Copying follows the two logs of the memory. Under the lock the next records are chosen that the
 * index leads to and that have no copy, and their segment is pinned; the place in the log moves on,
 * so the writers of several disks share the work. Without the lock they are written, out of the
 * memory itself. Under it again each is looked for by its hash, wherever it may have been moved,
 * and told where its copy is. What is gone by then, or another, had its copy in vain: that is
 * removed.
 */
#include "cache/writer_private.h"

#include "cache/index_private.h"

enum {
	BATCH_BYTES = 2 << 20, /* when that is reached, no more is added */
};

/* A record on its way. */
struct traveller {
	uint64_t location; /* in memory */
	uint64_t checksum;
	uint64_t mark;
	bool is_soft; /* by a purge of more than its URL */
};

struct batch {
	struct cache_disk_writer *writer;
	uint32_t segment; /* of memory; pinned while count is not 0 */
	unsigned count;
	uint64_t bytes;
	struct traveller travellers[CACHE_WRITER_BATCH];
	struct cache_append appends[CACHE_WRITER_BATCH];
};

/* Whether it is to be copied. Under the lock. */
static bool is_wanted(const struct cache_store *store, struct cache_record *record,
        uint64_t location, enum cache_purged *ret_covers)
{
	if (cache_index_find_location(store, record->hash, location) == NULL ||
	        cache_record_copy(record) != 0 || cache_record_is_soft_purged(record) ||
	        !cache_store_is_whole(store, record, location))
		return false;
	*ret_covers = cache_disk_covers(store, record);
	return *ret_covers != CACHE_PURGED_HARD;
}

/* Under the lock. */
static void add(struct batch *batch, const struct cache_record *record, uint64_t location,
        enum cache_purged covers)
{
	struct cache_append *append = &batch->appends[batch->count];
	*append = (struct cache_append){.from = location, .body = record + 1};
	cache_writer_take_header(record, &append->header);
	batch->travellers[batch->count++] = (struct traveller){
	        .location = location,
	        .checksum = append->header.checksum,
	        .mark = atomic_load_explicit(&append->header.mark, memory_order_relaxed),
	        .is_soft = covers == CACHE_PURGED_SOFT,
	};
	batch->bytes += record->bytes;
}

/* Looks at the next records of a segment from an offset on; returns where it stopped, which is
 * `used` at the end. Under the lock. */
static uint32_t choose(struct batch *batch, uint32_t offset, uint32_t used, bool is_open)
{
	struct cache_store *store = batch->writer->store;
	for (unsigned i = 0; i < CACHE_WRITER_BATCH && offset < used; i++) {
		uint64_t location = cache_store_location(store, batch->segment, offset);
		struct cache_record *record = cache_store_record(store, location);
		if (record == NULL)
			return used; /* damaged: nothing behind it can be told */
		enum cache_kind kind = cache_record_kind(record);
		if (kind == CACHE_KIND_ROOM && is_open)
			break; /* somebody writes there */
		enum cache_purged covers;
		if (kind != CACHE_KIND_ROOM && is_wanted(store, record, location, &covers))
			add(batch, record, location, covers);
		offset += cache_record_padded(record->bytes);
		if (batch->bytes >= BATCH_BYTES)
			break;
	}
	return offset;
}

/* Goes on in a log; false when there is nothing more in it. Under the lock. */
static bool follow(struct batch *batch, enum cache_log log, bool with_open)
{
	struct cache_store *store = batch->writer->store;
	struct cache_copied *copied = &store->disks->copied[log];
	uint32_t used;
	batch->segment = cache_segment_follow(store, log, copied->order, with_open, &used);
	if (batch->segment == CACHE_NO_SEGMENT)
		return false;
	const struct cache_segment *segment = &store->segments[batch->segment];
	if (segment->order != copied->order)
		*copied = (struct cache_copied){.order = segment->order};
	if (used > store->geometry.segment_bytes)
		used = store->geometry.segment_bytes;
	bool is_open = segment->state == CACHE_SEGMENT_OPEN;
	uint32_t before = copied->offset;
	copied->offset = choose(batch, before, used, is_open);
	if (copied->offset >= used && !is_open)
		*copied = (struct cache_copied){.order = segment->order + 1};
	else if (copied->offset == before)
		return false;
	if (batch->count > 0)
		cache_segment_pin(store, batch->segment);
	return true;
}

/* Tells the record in memory where its copy is. Under the lock. */
static void settle(
        struct batch *batch, const struct traveller *traveller, const struct cache_append *append)
{
	struct cache_store *store = batch->writer->store;
	uint64_t hash = append->header.hash;
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, hash, &record);
	/* The same one: all of it, though perhaps elsewhere. */
	if (slot == NULL || record == NULL ||
	        cache_record_recheck(record->checksum, cache_slot_location(cache_slot_load(slot)),
	                traveller->location, store->seed) != traveller->checksum ||
	        cache_record_copy(record) != 0 || !cache_disk_is_of_use(store, append->location)) {
		cache_disk_forget(store, append->location);
		return;
	}
	cache_record_set_copy(record, append->location);
	bool is_spec = cache_record_kind(record) == CACHE_KIND_SPEC;
	uint64_t mark = atomic_load_explicit(&record->mark, memory_order_acquire);
	if (traveller->is_soft || cache_record_is_soft_purged(record) ||
	        (is_spec && mark != traveller->mark))
		cache_disk_soften(store, append->location);
	batch->writer->shared->counters.copied++;
	batch->writer->shared->counters.copied_bytes += append->header.bytes;
}

static void write_batch(struct batch *batch)
{
	struct cache_disk_writer *writer = batch->writer;
	struct cache_store *store = writer->store;
	bool is_right = cache_writer_append(writer, batch->appends, batch->count);
	cache_store_lock(store);
	for (unsigned i = 0; i < batch->count && is_right; i++)
		settle(batch, &batch->travellers[i], &batch->appends[i]);
	if (is_right)
		writer->shared->settled = writer->order;
	cache_store_unlock(store);
	cache_segment_unpin(store, batch->segment);
}

bool cache_writer_copy(struct cache_disk_writer *writer, bool with_open)
{
	struct cache_store *store = writer->store;
	if (atomic_load_explicit(&writer->shared->state, memory_order_acquire) != CACHE_DISK_READY)
		return false;
	struct batch batch;
	batch.writer = writer;
	batch.count = 0;
	batch.bytes = 0;
	cache_store_lock(store);
	bool has_worked = follow(&batch, CACHE_LOG_MAIN, with_open) ||
	                  (writer->shared->free > CACHE_DISK_FREE_FOR_MAIN &&
	                          follow(&batch, CACHE_LOG_PROBATION, with_open));
	cache_store_unlock(store);
	if (batch.count > 0)
		write_batch(&batch);
	return has_worked;
}
