/*
 * The log of a disk. Records are appended to the open segment as long as the table of all of them
 * fits behind. A segment that is full is synced and then gets its table, so what a table lists was
 * durable before. The next segment in the circle was emptied before it is opened; once it is, the
 * one behind it is emptied ahead, and what was used of it goes into the one just opened.
 *
 * A segment without a table (its writer died, or the machine) is read record by record. A record is
 * right only where it was written and in the segment of that number, so whatever lay there before
 * is passed over, granule by granule.
 */
#include "cache/writer_private.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	PARTS = 3, /* of a record: header, body, padding */
	/* Segments' bytes that are looked at in vain in one that has no table: what lay there
	 * before is about one. More would be somebody's work. */
	VAIN_SEGMENTS = 4,
};

_Static_assert(CACHE_WRITER_BATCH *PARTS <= 1024, "one write takes so many parts");
_Static_assert(sizeof(struct cache_record) + LIMIT_CACHE_PIECE_BYTES + 65536 <
                       CACHE_DISK_SEGMENT_BYTES_MIN / CACHE_WRITER_REINSERT_PART *
                               (CACHE_WRITER_REINSERT_PART - 1),
        "the largest record fits beside what is inserted again");

struct cache_writer_calls cache_writer_calls = {.write = pwritev, .sync = fdatasync};

static const char ZEROES[CACHE_GRANULE];

uint64_t cache_writer_segment_at(const struct cache_disk_writer *writer, uint32_t segment)
{
	CHECK(segment >= writer->first && segment - writer->first < writer->segments);
	return cache_disk_segment_at(writer->segment_bytes, segment - writer->first);
}

static bool has_failed(const struct cache_disk_writer *writer)
{
	return atomic_load_explicit(&writer->shared->state, memory_order_acquire) ==
	       CACHE_DISK_FAILED;
}

/* ---- the file ---- */

static bool fail(struct cache_disk_writer *writer, int error)
{
	cache_disk_fail(writer->store, writer->disk, error);
	return false;
}

/* Whether no other memory has begun with the file: an edge that leaves may still have the one
 * before. The header is in the page cache, so looking at it is cheap. */
static bool is_ours(struct cache_disk_writer *writer)
{
	struct cache_disk_header header;
	if (!cache_writer_read(writer, &header, sizeof(header), 0))
		return fail(writer, EIO);
	return header.session == writer->shared->session || fail(writer, ESTALE);
}

/* Writes all of the parts, which it changes. */
static bool write_parts(
        struct cache_disk_writer *writer, struct iovec *parts, unsigned count, uint64_t at)
{
	if (has_failed(writer) || !is_ours(writer))
		return false;
	while (count > 0) {
		ssize_t done = cache_writer_calls.write(writer->fd, parts, (int)count, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return fail(writer, done < 0 ? errno : EIO);
		at += (uint64_t)done;
		writer->written += (uint64_t)done;
		size_t left = (size_t)done;
		for (; count > 0 && left >= parts->iov_len; count--)
			left -= parts++->iov_len;
		if (count > 0) {
			parts->iov_base = (char *)parts->iov_base + left;
			parts->iov_len -= left;
		}
	}
	return true;
}

static bool write_one(struct cache_disk_writer *writer, const void *bytes, size_t len, uint64_t at)
{
	struct iovec part = {(void *)(uintptr_t)bytes, len};
	return write_parts(writer, &part, 1, at);
}

bool cache_writer_sync(struct cache_disk_writer *writer)
{
	return !has_failed(writer) &&
	       (cache_writer_calls.sync(writer->fd) == 0 || fail(writer, errno));
}

bool cache_writer_read(struct cache_disk_writer *writer, void *to, size_t bytes, uint64_t at)
{
	char *next = to;
	while (bytes > 0) {
		ssize_t got = pread(writer->fd, next, bytes, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			int error = got < 0 ? errno : EIO;
			cache_disk_note_read_error(writer->store, writer->disk, error);
			return false;
		}
		next += got;
		at += (uint64_t)got;
		bytes -= (size_t)got;
	}
	return true;
}

/* ---- segments ---- */

/* Where a table begins that ends with the segment. */
static uint64_t table_at(const struct cache_disk_writer *writer, uint32_t segment, uint32_t count)
{
	return cache_writer_segment_at(writer, segment) + writer->segment_bytes -
	       cache_disk_table_bytes(count);
}

static bool seal(struct cache_disk_writer *writer)
{
	uint32_t count = writer->table_count;
	size_t entries = count * sizeof(*writer->table);
	struct cache_disk_foot foot;
	cache_disk_seal_table(
	        &foot, writer->table, count, writer->order, writer->shared->head_seed);
	struct iovec parts[] = {
	        {writer->table, entries},
	        {(void *)(uintptr_t)ZEROES, cache_disk_table_bytes(count) - entries - sizeof(foot)},
	        {&foot, sizeof(foot)},
	};
	if (!cache_writer_sync(writer) || !write_parts(writer, parts, ARRAY_LENGTH(parts),
	                                          table_at(writer, writer->open, count)))
		return false;
	cache_store_lock(writer->store);
	writer->shared->open = CACHE_NO_SEGMENT;
	cache_store_unlock(writer->store);
	writer->open = CACHE_NO_SEGMENT;
	return true;
}

/* The one that the log goes on in; what the memory says is held against the disk. */
static uint32_t next_segment(const struct cache_disk_writer *writer)
{
	uint32_t next = writer->shared->next;
	return next >= writer->first && next - writer->first < writer->segments ? next
	                                                                        : writer->first;
}

/* The order of the segment before this one in the circle. */
static uint64_t order_before(const struct cache_disk_writer *writer, uint32_t segment)
{
	uint32_t at = segment - writer->first;
	uint32_t before = at == 0 ? writer->segments - 1 : at - 1;
	return cache_disk_order(writer->store, writer->first + before);
}

static bool open_next(struct cache_disk_writer *writer)
{
	struct cache_disk_shared *shared = writer->shared;
	uint32_t segment = next_segment(writer);
	if (cache_disk_order(writer->store, segment) != 0 && !cache_writer_evict(writer, segment))
		return false;
	uint64_t order = shared->order + 1;
	struct cache_disk_head head;
	cache_disk_seal_head(&head, order, shared->head_seed);
	/* A scan sees from that when the one before is missing. */
	head.before = order_before(writer, segment);
	if (!write_one(writer, &head, sizeof(head), cache_writer_segment_at(writer, segment)))
		return false;
	cache_store_lock(writer->store);
	shared->order = order;
	atomic_store_explicit(&writer->store->disk_orders[segment], order, memory_order_release);
	shared->free -= shared->free > 0;
	shared->open = segment;
	shared->next = writer->first + (segment - writer->first + 1) % writer->segments;
	cache_store_unlock(writer->store);
	writer->open = segment;
	writer->order = order;
	writer->used = sizeof(head);
	writer->table_count = 0;
	return true;
}

/* The log goes on in a fresh segment, and there is one to go on with behind it. */
static bool turn_over(struct cache_disk_writer *writer)
{
	if (writer->open != CACHE_NO_SEGMENT && !seal(writer))
		return false;
	if (!open_next(writer))
		return false;
	uint32_t next = next_segment(writer);
	return cache_disk_order(writer->store, next) == 0 || cache_writer_evict(writer, next);
}

bool cache_writer_clear(struct cache_disk_writer *writer, uint32_t segment)
{
	return write_one(writer, ZEROES, sizeof(struct cache_disk_head),
	               cache_writer_segment_at(writer, segment)) &&
	       cache_writer_sync(writer);
}

/* ---- appending ---- */

void cache_writer_take_header(const struct cache_record *record, struct cache_record *ret_header)
{
	*ret_header = (struct cache_record){
	        .magic = record->magic,
	        .bytes = record->bytes,
	        .checksum = record->checksum,
	        .hash = record->hash,
	        .primary = record->primary,
	        .id = record->id,
	        .sequence = record->sequence,
	};
	/* The mark first: who raises it has written the flags before. */
	uint64_t mark = atomic_load_explicit(&record->mark, memory_order_acquire);
	uint8_t flags = atomic_load_explicit(&record->flags, memory_order_relaxed);
	uint8_t kind = atomic_load_explicit(&record->kind, memory_order_acquire);
	atomic_store_explicit(&ret_header->mark, mark, memory_order_relaxed);
	atomic_store_explicit(&ret_header->flags, flags, memory_order_relaxed);
	atomic_store_explicit(&ret_header->kind, kind, memory_order_relaxed);
}

/* How many of the records fit into the open segment. */
static unsigned count_fitting(
        const struct cache_disk_writer *writer, const struct cache_append *records, unsigned count)
{
	if (writer->open == CACHE_NO_SEGMENT)
		return 0;
	uint64_t used = writer->used;
	unsigned fitting = 0;
	for (; fitting < count && fitting < CACHE_WRITER_BATCH; fitting++) {
		used += cache_record_padded(records[fitting].header.bytes);
		if (used + cache_disk_table_bytes(writer->table_count + fitting + 1) >
		        writer->segment_bytes)
			break;
	}
	return fitting;
}

/* Gives the record its place, and the parts to be written there. */
static void place(struct cache_disk_writer *writer, struct cache_append *record, uint32_t offset,
        struct iovec parts[PARTS])
{
	struct cache_record *header = &record->header;
	uint32_t len = header->bytes - (uint32_t)sizeof(*header);
	record->location = cache_disk_location(writer->open, offset);
	header->magic = CACHE_RECORD_MAGIC;
	header->checksum = cache_record_recheck(header->checksum, record->from,
	        cache_disk_place(record->location, writer->order), writer->store->seed);
	atomic_store_explicit(&header->memo, 0, memory_order_relaxed);
	parts[0] = (struct iovec){header, sizeof(*header)};
	parts[1] = (struct iovec){(void *)(uintptr_t)record->body, len};
	parts[2] = (struct iovec){
	        (void *)(uintptr_t)ZEROES, cache_record_padded(header->bytes) - header->bytes};
}

/* Writes records that fit, at once. */
static bool write_run(
        struct cache_disk_writer *writer, struct cache_append *records, unsigned count)
{
	struct iovec parts[CACHE_WRITER_BATCH * PARTS];
	uint32_t offset = writer->used;
	for (unsigned i = 0; i < count; i++) {
		place(writer, &records[i], offset, parts + (size_t)i * PARTS);
		offset += cache_record_padded(records[i].header.bytes);
	}
	uint64_t at = cache_writer_segment_at(writer, writer->open) + writer->used;
	if (!write_parts(writer, parts, count * PARTS, at))
		return false;
	for (unsigned i = 0; i < count; i++) {
		const struct cache_record *header = &records[i].header;
		writer->table[writer->table_count++] = cache_disk_entry_make(
		        header->hash, writer->used, header->bytes, cache_record_kind(header));
		writer->used += cache_record_padded(header->bytes);
		records[i].is_written = true;
	}
	return true;
}

static void count_written(struct cache_disk_writer *writer)
{
	cache_store_lock(writer->store);
	writer->shared->counters.written_bytes += writer->written;
	cache_store_unlock(writer->store);
	writer->written = 0;
}

bool cache_writer_append(
        struct cache_disk_writer *writer, struct cache_append *records, unsigned count)
{
	bool is_right = true;
	for (unsigned i = 0; i < count; i++)
		records[i].is_written = false;
	for (unsigned i = 0; i < count && is_right;) {
		unsigned run = count_fitting(writer, records + i, count - i);
		if (run == 0 && writer->is_evicting)
			break;
		is_right = run == 0 ? turn_over(writer) : write_run(writer, records + i, run);
		i += run;
	}
	count_written(writer);
	return is_right;
}

/* ---- reading ---- */

/* The table at the segment's end; false when there is none that is right. */
static bool read_sealed(struct cache_disk_writer *writer, uint32_t segment, uint64_t order,
        const struct cache_disk_foot *foot, struct cache_writer_table *ret_table)
{
	uint32_t count = cache_disk_count_of(foot, order, writer->segment_bytes);
	if (count == 0)
		return false;
	size_t bytes = count * sizeof(struct cache_disk_entry);
	struct cache_disk_entry *entries = mem_alloc(bytes);
	if (!cache_writer_read(writer, entries, bytes, table_at(writer, segment, count)) ||
	        !cache_disk_is_table(
	                foot, entries, writer->shared->head_seed, writer->segment_bytes)) {
		mem_free(entries);
		return false;
	}
	*ret_table = (struct cache_writer_table){entries, count, true};
	return true;
}

/* Whether a record is right that lies at this place. */
static bool is_right(const struct cache_disk_writer *writer, const struct cache_record *record,
        uint32_t segment, uint32_t offset, uint64_t order)
{
	return cache_record_is_sound(record, writer->segment_bytes - offset) &&
	       cache_record_verify(record, writer->store->seed,
	               cache_disk_place(cache_disk_location(segment, offset), order));
}

/* What can be told without a table. */
static bool read_unsealed(struct cache_disk_writer *writer, uint32_t segment, uint64_t order,
        struct cache_writer_table *ret_table)
{
	char *bytes = mem_alloc(writer->segment_bytes);
	if (!cache_writer_read(writer, bytes, writer->segment_bytes,
	            cache_writer_segment_at(writer, segment))) {
		mem_free(bytes);
		return false;
	}
	struct cache_disk_entry *entries = NULL;
	uint32_t count = 0, capacity = 0;
	uint32_t offset = sizeof(struct cache_disk_head);
	uint64_t vain = 0;
	while (offset < writer->segment_bytes && vain / VAIN_SEGMENTS <= writer->segment_bytes) {
		const struct cache_record *record = (const void *)(bytes + offset);
		if (!is_right(writer, record, segment, offset, order)) {
			vain += cache_record_is_sound(record, writer->segment_bytes - offset)
			                ? record->bytes
			                : 0;
			offset += CACHE_GRANULE;
			continue;
		}
		if (count == capacity) {
			capacity = capacity == 0 ? 256 : capacity * 2;
			entries = mem_resize(entries, capacity * sizeof(*entries));
		}
		entries[count++] = cache_disk_entry_make(
		        record->hash, offset, record->bytes, cache_record_kind(record));
		offset += cache_record_padded(record->bytes);
	}
	mem_free(bytes);
	*ret_table = (struct cache_writer_table){entries, count, false};
	return true;
}

bool cache_writer_read_table(struct cache_disk_writer *writer, uint32_t segment, uint64_t order,
        struct cache_writer_table *ret_table)
{
	struct cache_disk_foot foot;
	return (cache_writer_read(writer, &foot, sizeof(foot), table_at(writer, segment, 0)) &&
	               read_sealed(writer, segment, order, &foot, ret_table)) ||
	       read_unsealed(writer, segment, order, ret_table);
}

struct cache_record *cache_writer_read_record(struct cache_disk_writer *writer, uint32_t segment,
        uint64_t order, const struct cache_disk_entry *entry)
{
	uint32_t offset = cache_disk_entry_offset(entry), bytes = cache_disk_entry_bytes(entry);
	if (bytes < sizeof(struct cache_record) || bytes > writer->segment_bytes - offset)
		return NULL;
	struct cache_record *record = mem_alloc(bytes);
	uint64_t at = cache_writer_segment_at(writer, segment) + offset;
	if (cache_writer_read(writer, record, bytes, at) && cache_record_is_sound(record, bytes) &&
	        cache_record_padded(record->bytes) == bytes && record->hash == entry->hash &&
	        cache_record_kind(record) == cache_disk_entry_kind(entry) &&
	        is_right(writer, record, segment, offset, order))
		return record;
	mem_free(record);
	return NULL;
}

void cache_writer_resume(struct cache_disk_writer *writer)
{
	uint32_t segment = writer->shared->open, used = sizeof(struct cache_disk_head);
	uint64_t order = cache_disk_order(writer->store, segment);
	struct cache_writer_table table;
	if (order == 0 || segment < writer->first || segment - writer->first >= writer->segments ||
	        !cache_writer_read_table(writer, segment, order, &table))
		return;
	uint32_t count = 0;
	for (; count < table.count && !table.is_sealed; count++) {
		if (cache_disk_entry_offset(&table.entries[count]) != used)
			break;
		used += cache_disk_entry_bytes(&table.entries[count]);
	}
	if (count == table.count && !table.is_sealed && used == writer->shared->used) {
		if (count > 0)
			memcpy(writer->table, table.entries, count * sizeof(*table.entries));
		writer->table_count = count;
		writer->open = segment;
		writer->order = order;
		writer->used = used;
	}
	mem_free(table.entries);
}
