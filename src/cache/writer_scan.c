/*
 * Reading what is on a disk, while all else goes on. First the heads of all segments, which say in
 * which order they were written; the log goes on behind the youngest. Then segment after segment,
 * youngest first, each from its end to its beginning: so a removal is met before what it removes,
 * and of several versions of a record the last one first. Tables say what is there; only removals
 * and marks are read themselves. What is found is added to the index without a look at it: a recall
 * verifies it.
 *
 * What was removed since the memory was made left a tomb in the index, or an entry in its place.
 *
 * Where it can't be told any more what was removed (a removal can't be read, or one of the chain is
 * missing, or the index lost a tomb), all that was not read yet is dropped, oldest first, so that
 * a removal never goes before what it removes.
 */
#include "cache/writer_private.h"

#include "base/mem.h"
#include "base/random.h"
#include "cache/index_private.h"

#include <errno.h>
#include <stdlib.h>

enum {
	HEADS_IN_TURN = 1024,
	ENTRIES_IN_TURN = 1024,
	ORDER_GAP_BITS = 32,
};

/* Higher ones would be somebody's work: so many segments are never written. */
static const uint64_t ORDER_MOST = UINT64_MAX >> 4;

/* A set of numbers. */
struct set {
	uint64_t *slots; /* 0: free */
	uint64_t capacity, count;
};

struct head {
	uint64_t order;
	uint32_t segment;
};

/* How far the records of a chain were met; see writer_remove.c. */
struct chain {
	struct cache_writer_link last; /* chain 0: none was met */
	uint64_t lowest;               /* number that was met */
	uint64_t sure;                 /* all lower ones than this were synced */
};

struct cache_scan {
	uint32_t heads_read;
	struct head *heads; /* youngest first */
	uint32_t head_count, at;
	struct cache_writer_table table; /* of heads[at] */
	uint32_t left;                   /* of its entries */
	bool has_table, is_broken;
	bool is_anew;      /* an earlier scan of this memory was not finished */
	uint64_t previous; /* the order of the segment that was opened before the last; 0: unknown
	                    */
	struct set places, soft_places, hashes;
	struct chain chain;
};

/* ---- sets ---- */

static uint64_t set_slot(const struct set *set, uint64_t value)
{
	uint64_t at = cache_slot_mixed(value) & (set->capacity - 1);
	while (set->slots[at] != 0 && set->slots[at] != value)
		at = (at + 1) & (set->capacity - 1);
	return at;
}

static bool set_has(const struct set *set, uint64_t value)
{
	return set->count > 0 && value != 0 && set->slots[set_slot(set, value)] == value;
}

static void set_grow(struct set *set)
{
	struct set grown = {.capacity = set->capacity == 0 ? 1024 : set->capacity * 2};
	grown.slots = mem_zero(grown.capacity * sizeof(*grown.slots));
	for (uint64_t i = 0; i < set->capacity; i++)
		if (set->slots[i] != 0)
			grown.slots[set_slot(&grown, set->slots[i])] = set->slots[i];
	grown.count = set->count;
	mem_free(set->slots);
	*set = grown;
}

static void set_add(struct set *set, uint64_t value)
{
	if (set->count >= set->capacity / 2)
		set_grow(set);
	uint64_t at = set_slot(set, value);
	set->count += set->slots[at] == 0 && value != 0;
	set->slots[at] = value;
}

/* ---- heads ---- */

static bool has_state(const struct cache_disk_writer *writer, enum cache_disk_state state)
{
	return atomic_load_explicit(&writer->shared->state, memory_order_acquire) == (uint8_t)state;
}

/* The segment behind the youngest in the circle; the disk's first when nothing is there. */
static uint32_t next_of(const struct cache_disk_writer *writer, uint64_t *ret_order)
{
	uint32_t next = writer->first;
	*ret_order = 0;
	for (uint32_t i = 0; i < writer->segments; i++) {
		uint64_t order = cache_disk_order(writer->store, writer->first + i);
		if (order <= *ret_order)
			continue;
		*ret_order = order;
		next = writer->first + (i + 1) % writer->segments;
	}
	return next;
}

/* All heads are read. The next order is far above all that are here: one may have been lost, whose
 * records must not pass for those of a new segment. */
static void begin_scan(struct cache_disk_writer *writer)
{
	struct cache_store *store = writer->store;
	struct cache_disk_shared *shared = writer->shared;
	uint64_t youngest;
	uint32_t next = next_of(writer, &youngest);
	if (cache_disk_order(store, next) != 0) {
		/* The oldest: something has to go for the log to go on. */
		if (!cache_writer_clear(writer, next))
			return;
		atomic_store_explicit(&store->disk_orders[next], 0, memory_order_release);
	}
	uint32_t used = 0;
	for (uint32_t i = 0; i < writer->segments; i++)
		used += cache_disk_order(store, writer->first + i) != 0;
	cache_store_lock(store);
	if (has_state(writer, CACHE_DISK_NEW)) {
		shared->order = youngest + 1 + random_below(UINT64_C(1) << ORDER_GAP_BITS);
		shared->settled = shared->order + 1;
		shared->next = next;
		shared->open = shared->evicting = CACHE_NO_SEGMENT;
		shared->free = writer->segments - used;
		shared->scan_left = used;
		cache_writer_begin_chain(writer);
		atomic_store_explicit(&shared->state, CACHE_DISK_SCANNING, memory_order_release);
	}
	cache_store_unlock(store);
}

/* Reads some heads. One that can't be read counts as nothing: the error was noted. */
static void read_heads(struct cache_disk_writer *writer)
{
	struct cache_scan *scan = writer->scan;
	for (unsigned i = 0; i < HEADS_IN_TURN && scan->heads_read < writer->segments; i++) {
		uint32_t segment = writer->first + scan->heads_read++;
		struct cache_disk_head head;
		uint64_t order = 0;
		if (cache_writer_read(
		            writer, &head, sizeof(head), cache_writer_segment_at(writer, segment)))
			order = cache_disk_order_of(&head, writer->shared->head_seed);
		if (order > ORDER_MOST)
			order = 0;
		atomic_store_explicit(
		        &writer->store->disk_orders[segment], order, memory_order_release);
	}
	if (scan->heads_read == writer->segments)
		begin_scan(writer);
}

static int compare_heads(const void *a, const void *b)
{
	const struct head *x = a, *y = b;
	return x->order > y->order ? -1 : x->order < y->order;
}

/* The segments to be read, as the memory knows them: where a writer goes on for one that died, that
 * is more than what the heads on the disk say. */
static void list_heads(struct cache_disk_writer *writer)
{
	struct cache_scan *scan = writer->scan;
	scan->is_anew = scan->heads_read == 0;
	scan->heads = mem_alloc(writer->segments * sizeof(*scan->heads));
	for (uint32_t i = 0; i < writer->segments; i++) {
		uint64_t order = cache_disk_order(writer->store, writer->first + i);
		/* What it writes itself needs no reading. */
		if (order != 0 && writer->first + i != writer->open)
			scan->heads[scan->head_count++] = (struct head){order, writer->first + i};
	}
	qsort(scan->heads, scan->head_count, sizeof(*scan->heads), compare_heads);
}

/* ---- the chain of removals ---- */

/* Whether numbers above this one are missing that had been synced. */
static bool is_missing(const struct chain *chain, uint64_t number)
{
	return chain->last.chain != 0 && number + 1 < chain->lowest && number + 1 < chain->sure;
}

/* Whether the record before the last one that was met should have been met before this place. */
static bool is_overdue(const struct chain *chain, uint64_t order, uint32_t offset)
{
	const struct cache_writer_link *last = &chain->last;
	return last->chain != 0 && last->number > 1 && last->number - 1 < chain->sure &&
	       (last->before_order > order ||
	               (last->before_order == order && last->before_offset > offset));
}

/* A record of removals or a mark was met; false when one is missing. */
static bool follow_chain(struct chain *chain, const struct cache_record *record)
{
	struct cache_writer_link link = cache_writer_read_link(record);
	if (link.chain == 0)
		return false;
	bool is_other = link.chain != chain->last.chain;
	if (is_missing(chain, is_other ? 0 : link.number))
		return false;
	if (is_other)
		*chain = (struct chain){.lowest = link.number, .sure = link.first};
	else if (link.number < chain->lowest)
		chain->lowest = link.number;
	chain->last = link;
	return true;
}

/* ---- what is removed ---- */

static void take_removal(struct cache_disk_writer *writer, const struct cache_removal *removal)
{
	struct cache_scan *scan = writer->scan;
	uint64_t order = removal->order_kind >> 2;
	enum cache_removal_kind kind = (enum cache_removal_kind)(removal->order_kind & 3);
	if (removal->what == 0)
		return;
	if (kind == CACHE_REMOVAL_HASH) {
		set_add(&scan->hashes, removal->what);
		return;
	}
	/* What is there now may be younger. */
	if (cache_disk_of(writer->store, removal->what) != writer->shared ||
	        cache_disk_order(writer->store, cache_disk_segment_of(removal->what)) != order)
		return;
	set_add(kind == CACHE_REMOVAL_PLACE ? &scan->places : &scan->soft_places, removal->what);
}

/* Removals take no more memory than the index does: each stands for an entry that there was. */
static bool are_too_many(const struct cache_disk_writer *writer)
{
	const struct cache_scan *scan = writer->scan;
	return scan->places.count + scan->soft_places.count + scan->hashes.count >
	       writer->store->geometry.buckets * CACHE_BUCKET_SLOTS;
}

static void restore_mark(struct cache_disk_writer *writer, const struct cache_disk_mark *mark,
        struct str text, uint64_t sequence)
{
	cache_store_lock(writer->store);
	cache_disk_restore_mark(writer->store, mark, text, sequence);
	cache_store_unlock(writer->store);
}

/* Reads removals or a mark; false when it can't be told what they were. */
static bool take_record(struct cache_disk_writer *writer, const struct cache_disk_entry *entry)
{
	struct cache_scan *scan = writer->scan;
	const struct head *head = &scan->heads[scan->at];
	struct cache_record *record =
	        cache_writer_read_record(writer, head->segment, head->order, entry);
	if (record == NULL)
		return false;
	unsigned count;
	struct str text;
	const struct cache_removal *removals = cache_disk_read_removals(record, &count);
	const struct cache_disk_mark *mark = cache_disk_read_mark(record, &text);
	for (unsigned i = 0; i < count; i++)
		take_removal(writer, &removals[i]);
	if (mark != NULL)
		restore_mark(writer, mark, text, record->sequence);
	bool is_right = (removals != NULL || mark != NULL) && follow_chain(&scan->chain, record) &&
	                !are_too_many(writer);
	mem_free(record);
	return is_right;
}

/* ---- what is there ---- */

/* Adds what was found to the index. Under the lock. */
static void add_entry(struct cache_disk_writer *writer, const struct cache_disk_entry *entry)
{
	struct cache_store *store = writer->store;
	struct cache_scan *scan = writer->scan;
	uint64_t hash = entry->hash;
	uint64_t location =
	        cache_disk_location(scan->heads[scan->at].segment, cache_disk_entry_offset(entry));
	if (set_has(&scan->hashes, hash) || set_has(&scan->places, location))
		return;
	struct cache_record *record;
	if (cache_writer_find(store, hash, location, &record) != NULL)
		return; /* by a scan before this one */
	if (cache_index_find(store, hash, &record) != NULL) {
		cache_disk_forget(store, location);
		return;
	}
	if (cache_index_has_tomb(store, hash)) {
		/* Its own removal may have been lost with a machine that died. */
		cache_disk_forget(store, location);
		return;
	}
	if (!cache_index_add_known(store, hash, location)) {
		cache_disk_forget(store, location);
		return;
	}
	writer->shared->counters.scanned_records++;
	if (!set_has(&scan->soft_places, location))
		return;
	_Atomic uint64_t *slot = cache_index_find_location(store, hash, location);
	if (slot != NULL)
		cache_index_set_soft(slot);
}

static bool is_read_itself(const struct cache_disk_entry *entry)
{
	enum cache_kind kind = cache_disk_entry_kind(entry);
	return kind == CACHE_KIND_REMOVALS || kind == CACHE_KIND_MARK;
}

/* Whether the scan may go on: what can't be told must not come back, and what it removes itself
 * must find a place in the queue. Under the lock. */
static bool may_add(const struct cache_disk_writer *writer)
{
	return !writer->shared->is_scan_stopped &&
	       writer->shared->removal_count < LIMIT_CACHE_DISK_REMOVALS / 2;
}

/* Whether removals are missing that should have been met before this entry. */
static bool is_late(const struct cache_scan *scan, const struct cache_disk_entry *entry)
{
	return is_overdue(
	        &scan->chain, scan->heads[scan->at].order, cache_disk_entry_offset(entry));
}

/* Adds a batch of records, up to the next removals; false when it must not go on now. */
static bool add_batch(struct cache_disk_writer *writer)
{
	struct cache_scan *scan = writer->scan;
	cache_store_lock(writer->store);
	bool may = may_add(writer);
	for (unsigned i = 0; i < CACHE_WRITER_BATCH && scan->left > 0 && may; i++) {
		const struct cache_disk_entry *entry = &scan->table.entries[scan->left - 1];
		scan->is_broken = is_late(scan, entry);
		if (is_read_itself(entry) || scan->is_broken)
			break;
		add_entry(writer, entry);
		scan->left--;
		may = may_add(writer);
	}
	cache_store_unlock(writer->store);
	return may;
}

/* Goes backwards through some of the entries. */
static void go_through(struct cache_disk_writer *writer)
{
	struct cache_scan *scan = writer->scan;
	uint32_t before = scan->left;
	while (scan->left > 0 && before - scan->left < ENTRIES_IN_TURN && !scan->is_broken) {
		const struct cache_disk_entry *entry = &scan->table.entries[scan->left - 1];
		if (is_read_itself(entry)) {
			scan->is_broken = is_late(scan, entry) || !take_record(writer, entry);
			scan->left--;
		} else if (!add_batch(writer)) {
			break;
		}
	}
}

/* ---- segments ---- */

static void end_segment(struct cache_scan *scan)
{
	mem_free(scan->table.entries);
	scan->table = (struct cache_writer_table){0};
	scan->has_table = false;
	scan->at++;
}

/* Whether a segment is missing between the last and this one, or removals that should have been in
 * what was read so far. */
static bool is_gap_before(struct cache_disk_writer *writer, const struct head *next)
{
	struct cache_scan *scan = writer->scan;
	if (is_overdue(&scan->chain, next->order, UINT32_MAX) || scan->previous > next->order)
		return true;
	struct cache_disk_head head;
	bool is_there = cache_writer_read(writer, &head, sizeof(head),
	                        cache_writer_segment_at(writer, next->segment)) &&
	                cache_disk_order_of(&head, writer->shared->head_seed) == next->order;
	scan->previous = is_there ? head.before : 0;
	return false;
}

/* Whether the segment that is being gone through is what it was; it may have been evicted since the
 * last turn. */
static bool is_as_listed(const struct cache_disk_writer *writer)
{
	const struct head *head = &writer->scan->heads[writer->scan->at];
	return cache_disk_order(writer->store, head->segment) == head->order;
}

/* The table of the next segment that is still as it was. */
static void begin_segment(struct cache_disk_writer *writer)
{
	struct cache_scan *scan = writer->scan;
	while (scan->at < scan->head_count && !is_as_listed(writer))
		scan->at++;
	cache_store_lock(writer->store);
	writer->shared->scan_left = scan->head_count - scan->at;
	cache_store_unlock(writer->store);
	if (scan->at == scan->head_count)
		return;
	const struct head *head = &scan->heads[scan->at];
	if (is_gap_before(writer, head)) {
		scan->is_broken = true;
		return;
	}
	scan->has_table = cache_writer_read_table(writer, head->segment, head->order, &scan->table);
	scan->is_broken = !scan->has_table;
	scan->left = scan->table.count;
}

/* Nothing is in the segment any more; `is_known`: the index leads there. */
static void drop_segment(struct cache_disk_writer *writer, uint32_t segment, bool is_known)
{
	struct cache_store *store = writer->store;
	if (!cache_writer_clear(writer, segment))
		return;
	/* As an eviction, which the next writer ends if this one dies on the way. */
	cache_store_lock(store);
	writer->shared->evicting = segment;
	atomic_store_explicit(&store->disk_orders[segment], 0, memory_order_release);
	cache_store_unlock(store);
	if (is_known)
		cache_index_leave_disk_segment(store, segment);
	cache_store_lock(store);
	writer->shared->free++;
	writer->shared->evicting = CACHE_NO_SEGMENT;
	cache_store_unlock(store);
}

/* Drops the oldest of what was not read yet. */
static void drop_oldest(struct cache_disk_writer *writer)
{
	struct cache_scan *scan = writer->scan;
	const struct head *oldest = &scan->heads[--scan->head_count];
	/* Of those before it nothing is in the index; but for a scan before this one, whose writer
	 * died. */
	bool is_known = scan->is_anew || scan->head_count == scan->at;
	if (cache_disk_order(writer->store, oldest->segment) == oldest->order)
		drop_segment(writer, oldest->segment, is_known);
	cache_store_lock(writer->store);
	writer->shared->scan_left = scan->head_count - scan->at;
	cache_store_unlock(writer->store);
}

static void finish(struct cache_disk_writer *writer)
{
	cache_store_lock(writer->store);
	if (has_state(writer, CACHE_DISK_SCANNING)) {
		atomic_store_explicit(
		        &writer->shared->state, CACHE_DISK_READY, memory_order_release);
		atomic_fetch_sub_explicit(&writer->store->disks->scanning, 1, memory_order_relaxed);
	}
	writer->shared->scan_left = 0;
	cache_store_unlock(writer->store);
	cache_writer_end_scan(writer);
}

static bool is_stopped(const struct cache_disk_writer *writer)
{
	cache_store_lock(writer->store);
	bool answer = writer->shared->is_scan_stopped;
	cache_store_unlock(writer->store);
	return answer || writer->scan->is_broken;
}

bool cache_writer_scan(struct cache_disk_writer *writer)
{
	if (writer->scan == NULL)
		writer->scan = mem_new(struct cache_scan);
	struct cache_scan *scan = writer->scan;
	if (has_state(writer, CACHE_DISK_NEW)) {
		read_heads(writer);
		return true;
	}
	if (!has_state(writer, CACHE_DISK_SCANNING))
		return false;
	if (scan->heads == NULL)
		list_heads(writer);
	if (scan->has_table && scan->at < scan->head_count && !is_as_listed(writer))
		end_segment(scan);
	if (!scan->has_table && !scan->is_broken)
		begin_segment(writer);
	if (scan->at >= scan->head_count)
		finish(writer);
	else if (is_stopped(writer))
		drop_oldest(writer);
	else
		go_through(writer);
	if (writer->scan != NULL && scan->has_table && scan->left == 0 && !scan->is_broken)
		end_segment(scan);
	return true;
}

void cache_writer_end_scan(struct cache_disk_writer *writer)
{
	struct cache_scan *scan = writer->scan;
	if (scan == NULL)
		return;
	mem_free(scan->heads);
	mem_free(scan->table.entries);
	mem_free(scan->places.slots);
	mem_free(scan->soft_places.slots);
	mem_free(scan->hashes.slots);
	mem_free(scan);
	writer->scan = NULL;
}

/* ---- after a death ---- */

/* Removes the records of a segment that nothing leads to. */
static void disown_segment(struct cache_disk_writer *writer, uint32_t segment, uint64_t order)
{
	struct cache_store *store = writer->store;
	struct cache_writer_table table;
	if (!cache_writer_read_table(writer, segment, order, &table)) {
		/* What it can't be known of can't be removed. */
		cache_disk_fail(store, writer->disk, EIO);
		return;
	}
	for (uint32_t i = 0; i < table.count;) {
		cache_store_lock(store);
		for (unsigned n = 0; n < CACHE_WRITER_BATCH && i < table.count; n++, i++) {
			const struct cache_disk_entry *entry = &table.entries[i];
			uint64_t location =
			        cache_disk_location(segment, cache_disk_entry_offset(entry));
			struct cache_record *record;
			if (!is_read_itself(entry) &&
			        cache_writer_find(store, entry->hash, location, &record) == NULL)
				cache_disk_forget(store, location);
		}
		cache_store_unlock(store);
	}
	mem_free(table.entries);
}

void cache_writer_disown(struct cache_disk_writer *writer)
{
	for (uint32_t i = 0; i < writer->segments; i++) {
		uint32_t segment = writer->first + i;
		uint64_t order = cache_disk_order(writer->store, segment);
		if (order != 0 && order >= writer->shared->settled)
			disown_segment(writer, segment, order);
	}
}
