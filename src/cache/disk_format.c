/*
 * Numbers that come from a disk are held against their bounds one after the other, the count before
 * what it counts; sums are made of 64 bits, so none of them wraps. Checksums tell what is torn or
 * damaged; but a checksum that is right proves nothing to who could have made it, so the bounds are
 * looked at all the same.
 */
#include "cache/disk_format.h"

#include "base/check.h"
#include "base/limit.h"

/* "HWcache1", "HWsegmnt", "HWtable1" where the lowest byte comes first. */
static const uint64_t HEADER_MAGIC = 0x3165686361635748;
static const uint64_t HEAD_MAGIC = 0x746e6d6765735748;
static const uint64_t FOOT_MAGIC = 0x31656c6261745748;

enum {
	VERSION = 1,
	SEGMENTS_WANTED = 32, /* so that what is overwritten at once is a small part of the disk */
};

/* Removals keep an order together with their kind. */
static const uint64_t ORDER_MAX = UINT64_MAX >> 2;

_Static_assert(sizeof(struct cache_disk_header) <= CACHE_DISK_DATA_AT, "it has a page to itself");
_Static_assert(sizeof(struct cache_disk_entry) * 4 == CACHE_GRANULE, "four to a granule");
_Static_assert((uint64_t)LIMIT_CACHE_DISK_GIB_MAX << 30 <= (uint64_t)CACHE_DISK_SEGMENT_BYTES_MAX
                                                                   << CACHE_DISK_SEGMENT_BITS,
        "all segments of all disks have numbers");

static bool is_segment_bytes(uint32_t bytes)
{
	return bytes >= CACHE_DISK_SEGMENT_BYTES_MIN && bytes <= CACHE_DISK_SEGMENT_BYTES_MAX &&
	       (bytes & (bytes - 1)) == 0;
}

uint32_t cache_disk_segment_bytes(uint64_t bytes)
{
	uint32_t segment = CACHE_DISK_SEGMENT_BYTES_MAX;
	while (segment > CACHE_DISK_SEGMENT_BYTES_MIN && segment > bytes / SEGMENTS_WANTED)
		segment /= 2;
	return segment;
}

uint32_t cache_disk_segments(uint64_t bytes)
{
	const uint64_t most = UINT64_C(1) << CACHE_DISK_SEGMENT_BITS;
	if (bytes <= CACHE_DISK_DATA_AT)
		return 0;
	uint64_t count = (bytes - CACHE_DISK_DATA_AT) / cache_disk_segment_bytes(bytes);
	return (uint32_t)(count < most ? count : most);
}

/* ---- the header ---- */

static uint64_t header_sum(const struct cache_disk_header *header)
{
	return hash_checksum_seeded(
	        header, offsetof(struct cache_disk_header, checksum), HEADER_MAGIC);
}

void cache_disk_seal_header(struct cache_disk_header *header)
{
	header->magic = HEADER_MAGIC;
	header->version = VERSION;
	header->checksum = header_sum(header);
}

bool cache_disk_is_header(const struct cache_disk_header *header)
{
	return header->magic == HEADER_MAGIC && header->version == VERSION &&
	       is_segment_bytes(header->segment_bytes) && header->segments != 0 &&
	       (uint64_t)header->first + header->segments <= 1u << CACHE_DISK_SEGMENT_BITS &&
	       header->checksum == header_sum(header);
}

static bool is_zero(const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

bool cache_disk_is_free_for_us(const void *start, size_t count)
{
	const char *bytes = start;
	uint64_t magic;
	if (count >= sizeof(magic)) {
		memcpy(&magic, bytes, sizeof(magic));
		if (magic == HEADER_MAGIC)
			return true;
	}
	if (count <= CACHE_DISK_DATA_AT)
		return is_zero(bytes, count);
	if (!is_zero(bytes, CACHE_DISK_DATA_AT))
		return false;
	bytes += CACHE_DISK_DATA_AT;
	count -= CACHE_DISK_DATA_AT;
	if (count >= sizeof(magic)) {
		memcpy(&magic, bytes, sizeof(magic));
		if (magic == HEAD_MAGIC)
			return true;
	}
	return is_zero(bytes, count < CACHE_GRANULE ? count : CACHE_GRANULE);
}

/* ---- segments ---- */

static uint64_t head_sum(const struct cache_disk_head *head, uint64_t seed)
{
	return hash_checksum_seeded(head, offsetof(struct cache_disk_head, checksum), seed);
}

void cache_disk_seal_head(struct cache_disk_head *head, uint64_t order, uint64_t seed)
{
	CHECK(order <= ORDER_MAX);
	*head = (struct cache_disk_head){.magic = HEAD_MAGIC, .order = order};
	head->checksum = head_sum(head, seed);
}

uint64_t cache_disk_order_of(const struct cache_disk_head *head, uint64_t seed)
{
	bool is_sound = head->magic == HEAD_MAGIC && head->order <= ORDER_MAX &&
	                head->checksum == head_sum(head, seed);
	return is_sound ? head->order : 0;
}

/* ---- tables ---- */

/* The same without the limit of 32 bits. */
static uint64_t table_bytes(uint64_t count)
{
	uint64_t bytes = count * sizeof(struct cache_disk_entry) + sizeof(struct cache_disk_foot);
	return (bytes + CACHE_GRANULE - 1) / CACHE_GRANULE * CACHE_GRANULE;
}

uint32_t cache_disk_table_bytes(uint32_t count)
{
	uint64_t bytes = table_bytes(count);
	return bytes <= UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

static uint64_t foot_sum(
        const struct cache_disk_foot *foot, const struct cache_disk_entry *entries, uint64_t seed)
{
	const uint64_t fixed[] = {foot->magic, foot->order, foot->count};
	uint64_t sum = hash_checksum_seeded(fixed, sizeof(fixed), seed);
	return hash_checksum_seeded(entries, foot->count * sizeof(*entries), sum);
}

void cache_disk_seal_table(struct cache_disk_foot *foot, const struct cache_disk_entry *entries,
        uint32_t count, uint64_t order, uint64_t seed)
{
	CHECK(order <= ORDER_MAX);
	*foot = (struct cache_disk_foot){.magic = FOOT_MAGIC, .order = order, .count = count};
	foot->checksum = foot_sum(foot, entries, seed);
}

uint32_t cache_disk_count_of(
        const struct cache_disk_foot *foot, uint64_t order, uint32_t segment_bytes)
{
	if (foot->magic != FOOT_MAGIC || foot->order != order || order == 0 || order > ORDER_MAX ||
	        !is_segment_bytes(segment_bytes))
		return 0;
	/* Each entry stands for a record of at least a granule. */
	uint64_t least = sizeof(struct cache_disk_head) + (uint64_t)foot->count * CACHE_GRANULE +
	                 table_bytes(foot->count);
	return least <= segment_bytes ? foot->count : 0;
}

bool cache_disk_is_table(const struct cache_disk_foot *foot, const struct cache_disk_entry *entries,
        uint64_t seed, uint32_t segment_bytes)
{
	uint32_t count = cache_disk_count_of(foot, foot->order, segment_bytes);
	if (count == 0 || foot->checksum != foot_sum(foot, entries, seed))
		return false;
	uint64_t at = sizeof(struct cache_disk_head);
	const uint64_t end = segment_bytes - table_bytes(count);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t offset = cache_disk_entry_offset(&entries[i]);
		uint64_t bytes = cache_disk_entry_bytes(&entries[i]);
		uint64_t kind = entries[i].where >> 2 * CACHE_DISK_GRANULE_BITS;
		if (offset < at || bytes == 0 || bytes > end || offset > end - bytes ||
		        kind == CACHE_KIND_ROOM || kind > CACHE_KIND_MARK)
			return false;
		at = offset + bytes;
	}
	return true;
}

/* ---- records that are only on disk ---- */

const struct cache_removal *cache_disk_read_removals(
        const struct cache_record *record, unsigned *ret_count)
{
	const struct cache_removal *removals = (const void *)(record + 1);
	*ret_count = 0;
	if (cache_record_kind(record) != CACHE_KIND_REMOVALS || record->bytes <= sizeof(*record))
		return NULL;
	uint32_t bytes = record->bytes - (uint32_t)sizeof(*record);
	uint32_t count = bytes / sizeof(*removals);
	if (bytes % sizeof(*removals) != 0 || count > CACHE_DISK_BATCH_REMOVALS)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		if ((removals[i].order_kind & 3) >= CACHE_REMOVAL_KINDS)
			return NULL;
	}
	*ret_count = count;
	return removals;
}

const struct cache_disk_mark *cache_disk_read_mark(
        const struct cache_record *record, struct str *ret_text)
{
	const struct cache_disk_mark *mark = (const void *)(record + 1);
	if (cache_record_kind(record) != CACHE_KIND_MARK ||
	        record->bytes < sizeof(*record) + sizeof(*mark))
		return NULL;
	if (mark->len != record->bytes - sizeof(*record) - sizeof(*mark) ||
	        mark->len > LIMIT_CACHE_PREFIX_BYTES || mark->kind >= CACHE_MARK_KINDS ||
	        mark->is_soft > 1)
		return NULL;
	*ret_text = str_make((const char *)(mark + 1), mark->len);
	return mark;
}
