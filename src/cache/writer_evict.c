/*
 * Emptying a segment: what is in it is known from its table. The disk is told first, and durably,
 * that nothing is there: what leaves the index from then on leaves no removal behind, so it must
 * not be found by a scan. Then the entries are gone through in batches: under the lock what was
 * used since, or is in memory and had its copy here, is chosen as long as there is room for it;
 * without the lock it is read and written again to the open segment; under it again what led to the
 * old place is led to the new one. The rest leaves the index.
 *
 * A writer that follows one that died finds `evicting` and begins with that segment again.
 */
#include "cache/writer_private.h"

#include "base/mem.h"
#include "cache/index_private.h"

/* A record that is to be written again. */
struct survivor {
	uint64_t hash, from;         /* its old location */
	struct cache_record *record; /* mem_free */
	bool is_soft;
};

struct walk {
	struct cache_disk_writer *writer;
	uint32_t segment;
	uint64_t order;
	struct cache_writer_table table;
	uint32_t at; /* in the table */
	unsigned count;
	struct cache_disk_entry chosen[CACHE_WRITER_BATCH];
	struct survivor survivors[CACHE_WRITER_BATCH];
	struct cache_append appends[CACHE_WRITER_BATCH];
};

static uint64_t location_of(const struct walk *walk, const struct cache_disk_entry *entry)
{
	return cache_disk_location(walk->segment, cache_disk_entry_offset(entry));
}

_Atomic uint64_t *cache_writer_find(const struct cache_store *store, uint64_t hash,
        uint64_t location, struct cache_record **ret_record)
{
	*ret_record = NULL;
	_Atomic uint64_t *slot = cache_index_find_location(store, hash, location);
	if (slot != NULL)
		return slot;
	struct cache_record *record;
	slot = cache_index_find(store, hash, &record);
	if (slot == NULL || record == NULL || cache_record_copy(record) != location)
		return NULL;
	*ret_record = record;
	return slot;
}

/* Whether what leads to the record says that it is stale; of a spec, that variants are. */
static bool is_soft(_Atomic uint64_t *slot, const struct cache_record *record)
{
	return record == NULL ? (cache_slot_load(slot) & CACHE_SLOT_IS_SOFT) != 0
	                      : cache_record_is_soft(record);
}

/* Whether a segment has room for one more record that is written again. */
static bool take_room(struct cache_disk_writer *writer, uint32_t bytes)
{
	const uint64_t most = writer->segment_bytes / CACHE_WRITER_REINSERT_PART;
	uint64_t cost = bytes + sizeof(struct cache_disk_entry);
	if (writer->open == CACHE_NO_SEGMENT || writer->reinserted + cost > most)
		return false;
	writer->reinserted += cost;
	return true;
}

/* Nothing leads to the old place of the record any more. Under the lock. */
static void let_go(struct cache_disk_writer *writer, _Atomic uint64_t *slot,
        struct cache_record *record, uint64_t hash)
{
	if (record != NULL) {
		cache_record_set_copy(record, 0);
		return;
	}
	cache_index_let_go(writer->store, slot, hash);
	writer->shared->counters.evicted++;
}

static bool is_removable(enum cache_kind kind)
{
	return kind == CACHE_KIND_OBJECT || kind == CACHE_KIND_SPEC || kind == CACHE_KIND_PIECE;
}

/* Chooses what stays among the next entries. Under the lock. */
static void judge(struct walk *walk)
{
	struct cache_disk_writer *writer = walk->writer;
	walk->count = 0;
	for (unsigned i = 0; i < CACHE_WRITER_BATCH && walk->at < walk->table.count; i++) {
		const struct cache_disk_entry *entry = &walk->table.entries[walk->at++];
		struct cache_record *record;
		if (!is_removable(cache_disk_entry_kind(entry)))
			continue;
		_Atomic uint64_t *slot = cache_writer_find(
		        writer->store, entry->hash, location_of(walk, entry), &record);
		if (slot == NULL)
			continue;
		bool is_used = record != NULL || cache_slot_freq(cache_slot_load(slot)) > 0;
		if (is_used && !is_soft(slot, record) &&
		        take_room(writer, cache_disk_entry_bytes(entry)))
			walk->chosen[walk->count++] = *entry;
		else
			let_go(writer, slot, record, entry->hash);
	}
}

/* Reads what was chosen; what is not right is left out. */
static void read_chosen(struct walk *walk)
{
	for (unsigned i = 0; i < walk->count; i++)
		walk->survivors[i] = (struct survivor){
		        .hash = walk->chosen[i].hash,
		        .from = location_of(walk, &walk->chosen[i]),
		        .record = cache_writer_read_record(
		                walk->writer, walk->segment, walk->order, &walk->chosen[i]),
		};
}

/* Lets go what was damaged or purged, and says what is to be appended. Under the lock. */
static void prepare(struct walk *walk)
{
	struct cache_disk_writer *writer = walk->writer;
	unsigned kept = 0;
	for (unsigned i = 0; i < walk->count; i++) {
		struct survivor survivor = walk->survivors[i];
		enum cache_purged covers =
		        survivor.record != NULL ? cache_disk_covers(writer->store, survivor.record)
		                                : CACHE_PURGED_HARD;
		if (covers != CACHE_PURGED_HARD) {
			survivor.is_soft = covers == CACHE_PURGED_SOFT;
			struct cache_append *append = &walk->appends[kept];
			*append = (struct cache_append){
			        .from = cache_disk_place(survivor.from, walk->order),
			        .body = survivor.record + 1,
			};
			cache_writer_take_header(survivor.record, &append->header);
			walk->survivors[kept++] = survivor;
			continue;
		}
		struct cache_record *there;
		_Atomic uint64_t *slot =
		        cache_writer_find(writer->store, survivor.hash, survivor.from, &there);
		if (slot != NULL)
			let_go(writer, slot, there, survivor.hash);
		writer->shared->counters.damaged += survivor.record == NULL;
		mem_free(survivor.record);
	}
	walk->count = kept;
}

/* Leads to the new place what led to the old one. Under the lock. */
static void turn_one(
        struct walk *walk, const struct survivor *survivor, const struct cache_append *append)
{
	struct cache_disk_writer *writer = walk->writer;
	struct cache_store *store = writer->store;
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_writer_find(store, survivor->hash, survivor->from, &record);
	if (!append->is_written) {
		if (slot != NULL)
			let_go(writer, slot, record, survivor->hash);
		return;
	}
	writer->shared->counters.reinserted++;
	writer->shared->counters.reinserted_bytes += append->header.bytes;
	if (slot == NULL) {
		cache_disk_forget(store, append->location);
		return;
	}
	bool is_stale = survivor->is_soft || is_soft(slot, record);
	if (record != NULL) {
		cache_record_set_copy(record, append->location);
	} else {
		unsigned freq = cache_slot_freq(cache_slot_load(slot));
		cache_index_move(store, slot, append->location, freq > 0 ? freq - 1 : 0, is_stale);
	}
	if (is_stale)
		cache_disk_soften(store, append->location);
}

/* False when the disk fails. */
static bool go_through(struct walk *walk)
{
	struct cache_disk_writer *writer = walk->writer;
	bool is_right = true;
	while (is_right && walk->at < walk->table.count) {
		cache_store_lock(writer->store);
		judge(walk);
		cache_store_unlock(writer->store);
		read_chosen(walk);
		cache_store_lock(writer->store);
		prepare(walk);
		cache_store_unlock(writer->store);
		is_right = cache_writer_append(writer, walk->appends, walk->count);
		cache_store_lock(writer->store);
		for (unsigned i = 0; i < walk->count && is_right; i++)
			turn_one(walk, &walk->survivors[i], &walk->appends[i]);
		cache_store_unlock(writer->store);
		for (unsigned i = 0; i < walk->count; i++)
			mem_free(walk->survivors[i].record);
	}
	return is_right;
}

/* The segment has nothing. */
static void finish(const struct walk *walk)
{
	struct cache_disk_writer *writer = walk->writer;
	struct cache_store *store = writer->store;
	atomic_store_explicit(&store->disk_orders[walk->segment], 0, memory_order_release);
	/* Of what is not in a table one can't be sure to have met all. Who dies on the way leaves
	 * the rest to the next writer, by `evicting`. */
	if (!walk->table.is_sealed)
		cache_index_leave_disk_segment(store, walk->segment);
	cache_store_lock(store);
	writer->shared->free++;
	writer->shared->evicting = CACHE_NO_SEGMENT;
	cache_store_unlock(store);
}

bool cache_writer_evict(struct cache_disk_writer *writer, uint32_t segment)
{
	struct walk *walk = mem_new(struct walk);
	walk->writer = writer;
	walk->segment = segment;
	walk->order = cache_disk_order(writer->store, segment);
	/* What can't be read leaves the index all the same. */
	if (walk->order == 0 ||
	        !cache_writer_read_table(writer, segment, walk->order, &walk->table))
		walk->table = (struct cache_writer_table){0};
	bool is_right = cache_writer_clear(writer, segment);
	if (is_right) {
		cache_store_lock(writer->store);
		writer->shared->evicting = segment;
		cache_store_unlock(writer->store);
		writer->is_evicting = true;
		writer->reinserted =
		        sizeof(struct cache_disk_head) + sizeof(struct cache_disk_foot);
		is_right = go_through(walk);
		writer->is_evicting = false;
	}
	if (is_right)
		finish(walk);
	mem_free(walk->table.entries);
	mem_free(walk);
	return is_right;
}
