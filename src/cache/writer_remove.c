/*
 * Removals and marks are taken, written in one go, synced, and only then taken for good: whoever
 * follows a writer that died in between finds them where they were. What was there when a moment
 * was is on the disk when it is reached.
 *
 * The records of removals and marks of a memory's life are a chain: each has its number, how many
 * of the same go are before it, and where the one before it lies. A scan sees from that when one is
 * missing that had been synced:
 *
 *   hash      the chain's own number
 *   primary   number in the chain, from 1  40 | in its go, from 0  6 | granule of the one before 18
 *   id        the order of the segment that the one before is in; 0: there is none
 */
#include "cache/writer_private.h"

#include "base/mem.h"
#include "base/random.h"

#include <string.h>

enum {
	RECORDS = 16, /* of removals, in one go */
	TAKEN = RECORDS * CACHE_DISK_BATCH_REMOVALS,
	MARKS = 32,
	REMOVALS_BYTES = (int)(sizeof(struct cache_record) +
	                       CACHE_DISK_BATCH_REMOVALS * sizeof(struct cache_removal)),
};

_Static_assert(
        sizeof(struct cache_record) + sizeof(struct cache_disk_mark) + LIMIT_CACHE_PREFIX_BYTES <=
                REMOVALS_BYTES,
        "a mark is no longer");

enum { GO_BITS = 6, NUMBER_SHIFT = GO_BITS + CACHE_DISK_GRANULE_BITS };

_Static_assert(RECORDS + MARKS <= 1 << GO_BITS, "the records of a go can be numbered");

/* What is written in one go. */
struct go {
	uint64_t moment, chain, number, marked, floored;
	uint64_t before_order; /* where the last record is that was written */
	uint32_t before_offset;
	unsigned removal_count, mark_count, record_count;
	bool is_all; /* nothing is left that was there */
	struct cache_removal removals[TAKEN];
	struct cache_disk_mark_kept marks[MARKS];
	char texts[MARKS][LIMIT_CACHE_PREFIX_BYTES];
	_Alignas(CACHE_GRANULE) char record[REMOVALS_BYTES];
};

void cache_writer_begin_chain(struct cache_disk_writer *writer)
{
	do
		writer->shared->chain = random_u64();
	while (writer->shared->chain == 0);
	writer->shared->chained = writer->shared->chained_in = 0;
	writer->shared->chained_at = 0;
}

struct cache_writer_link cache_writer_read_link(const struct cache_record *record)
{
	uint64_t in_go = record->primary >> CACHE_DISK_GRANULE_BITS & ((1u << GO_BITS) - 1);
	uint64_t granule = record->primary & ((1u << CACHE_DISK_GRANULE_BITS) - 1);
	uint64_t number = record->primary >> NUMBER_SHIFT;
	return (struct cache_writer_link){
	        .chain = number > in_go ? record->hash : 0,
	        .number = number,
	        .first = number - in_go,
	        .before_order = record->id,
	        .before_offset = (uint32_t)granule * CACHE_GRANULE,
	};
}

/* ---- taking ---- */

/* Copies what waits, and leaves it as it was. Under the lock. */
static void take(struct cache_disk_writer *writer, struct go *go)
{
	struct cache_store *store = writer->store;
	struct cache_disk_shared *shared = writer->shared;
	uint32_t first = shared->removal_first, count = shared->removal_count;
	uint64_t marked = shared->marked, floored = shared->floored;
	go->moment = atomic_load_explicit(&store->disks->moment, memory_order_acquire);
	go->removal_count = cache_disk_take_removals(store, writer->disk, go->removals, TAKEN);
	for (go->mark_count = 0; go->mark_count < MARKS; go->mark_count++)
		if (!cache_disk_take_mark(store, writer->disk, &go->marks[go->mark_count],
		            go->texts[go->mark_count]))
			break;
	go->is_all = go->removal_count < TAKEN && go->mark_count < MARKS;
	go->marked = shared->marked;
	go->floored = shared->floored;
	go->chain = shared->chain;
	go->number = shared->chained + 1;
	go->before_order = shared->chained_in;
	go->before_offset = shared->chained_at;
	shared->removal_first = first;
	shared->removal_count = count;
	shared->marked = marked;
	shared->floored = floored;
}

/* It is on the disk: out of the queues. The queue of removals is the writer's to shorten, so what
 * was taken is still at its beginning. Under the lock. */
static void settle(struct cache_disk_writer *writer, struct go *go)
{
	struct cache_disk_shared *shared = writer->shared;
	(void)cache_disk_take_removals(
	        writer->store, writer->disk, go->removals, go->removal_count);
	shared->marked = go->marked;
	shared->floored = go->floored;
	shared->chained += go->record_count;
	shared->chained_in = go->before_order;
	shared->chained_at = go->before_offset;
	shared->counters.removals += go->removal_count;
}

/* ---- writing ---- */

/* Appends a record whose body is two parts. */
static bool append(struct cache_disk_writer *writer, struct go *go, enum cache_kind kind,
        uint64_t sequence, const struct iovec body[2])
{
	uint64_t in_go = go->record_count++;
	struct cache_record *record = (void *)go->record;
	*record = (struct cache_record){
	        .magic = CACHE_RECORD_MAGIC,
	        .bytes = (uint32_t)(sizeof(*record) + body[0].iov_len + body[1].iov_len),
	        .hash = go->chain,
	        .primary = (go->number + in_go) << NUMBER_SHIFT | in_go << CACHE_DISK_GRANULE_BITS |
	                   go->before_offset / CACHE_GRANULE,
	        .id = go->before_order,
	        .sequence = sequence,
	};
	CHECK(record->bytes <= sizeof(go->record));
	char *to = (char *)(record + 1);
	memcpy(to, body[0].iov_base, body[0].iov_len);
	if (body[1].iov_len > 0)
		memcpy(to + body[0].iov_len, body[1].iov_base, body[1].iov_len);
	atomic_store_explicit(&record->kind, (uint8_t)kind, memory_order_relaxed);
	record->checksum = cache_record_checksum(record, kind, writer->store->seed, 0);
	struct cache_append append = {.body = record + 1};
	cache_writer_take_header(record, &append.header);
	if (!cache_writer_append(writer, &append, 1))
		return false;
	go->before_order = writer->order;
	go->before_offset = cache_disk_offset_of(append.location);
	return true;
}

static bool append_all(struct cache_disk_writer *writer, struct go *go)
{
	bool is_right = true;
	go->record_count = 0;
	for (unsigned i = 0; i < go->removal_count && is_right; i += CACHE_DISK_BATCH_REMOVALS) {
		unsigned left = go->removal_count - i;
		unsigned count =
		        left < CACHE_DISK_BATCH_REMOVALS ? left : CACHE_DISK_BATCH_REMOVALS;
		const struct iovec body[2] = {{&go->removals[i], count * sizeof(go->removals[0])}};
		is_right = append(writer, go, CACHE_KIND_REMOVALS, 0, body);
	}
	for (unsigned i = 0; i < go->mark_count && is_right; i++) {
		struct cache_disk_mark_kept *kept = &go->marks[i];
		const struct iovec body[2] = {
		        {&kept->mark, sizeof(kept->mark)}, {go->texts[i], kept->mark.len}};
		is_right = append(writer, go, CACHE_KIND_MARK, kept->sequence, body);
	}
	return is_right;
}

/* False when the disk fails. */
static bool write_durably(struct cache_disk_writer *writer, struct go *go)
{
	if (!append_all(writer, go) || !cache_writer_sync(writer))
		return false;
	cache_store_lock(writer->store);
	settle(writer, go);
	cache_store_unlock(writer->store);
	return true;
}

/* How many removals wait. */
static uint32_t count_waiting(const struct cache_disk_writer *writer)
{
	cache_store_lock(writer->store);
	uint32_t count = writer->shared->removal_count;
	cache_store_unlock(writer->store);
	return count;
}

/* One go after the other, until what was there at the first is on the disk. */
static bool write_all(struct cache_disk_writer *writer, struct go *go)
{
	cache_store_lock(writer->store);
	take(writer, go);
	cache_store_unlock(writer->store);
	const uint64_t moment = go->moment;
	if (go->removal_count + go->mark_count == 0 &&
	        atomic_load_explicit(&writer->shared->durable, memory_order_relaxed) >= moment)
		return false;
	uint64_t left = count_waiting(writer);
	while (go->removal_count + go->mark_count > 0) {
		if (!write_durably(writer, go))
			return true;
		left -= left < go->removal_count ? left : go->removal_count;
		if (go->is_all || (left == 0 && go->mark_count < MARKS))
			break;
		cache_store_lock(writer->store);
		take(writer, go);
		cache_store_unlock(writer->store);
	}
	cache_disk_reach(writer->store, writer->disk, moment);
	return true;
}

bool cache_writer_remove(struct cache_disk_writer *writer)
{
	struct go *go = mem_aligned(_Alignof(struct go), sizeof(*go));
	bool has_worked = write_all(writer, go);
	mem_free(go);
	return has_worked;
}
