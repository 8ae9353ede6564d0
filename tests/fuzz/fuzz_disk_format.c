/* fuzz: cache - what lies on a disk is read within its bounds or not at all, whatever lies there */
#include "base/mem.h"
#include "cache/disk_format.h"

enum { SEED = 7, INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that what is read is not optimised away. */
static volatile uint64_t sink;

static uint64_t sum(const void *bytes, size_t len)
{
	uint64_t total = 0;
	for (size_t i = 0; i < len; i++)
		total += ((const uint8_t *)bytes)[i];
	return total;
}

static void read_header(const uint8_t *data, size_t size)
{
	struct cache_disk_header header;
	struct cache_disk_head head;
	sink += cache_disk_is_free_for_us(data, size);
	if (size >= sizeof(head)) {
		memcpy(&head, data, sizeof(head));
		sink += cache_disk_order_of(&head, SEED);
	}
	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	/* Both as it is and past the checksum. */
	for (int i = 0; i < 2; i++) {
		if (cache_disk_is_header(&header)) {
			uint64_t end = cache_disk_segment_at(header.segment_bytes, header.segments);
			CHECK(end > CACHE_DISK_DATA_AT && end <= UINT64_C(1) << 44);
		}
		cache_disk_seal_header(&header);
	}
}

static void check_table(const struct cache_disk_foot *foot, const struct cache_disk_entry *entries,
        uint32_t segment_bytes)
{
	if (!cache_disk_is_table(foot, entries, SEED, segment_bytes))
		return;
	uint64_t end = segment_bytes - cache_disk_table_bytes(foot->count);
	uint64_t at = CACHE_GRANULE;
	for (uint32_t i = 0; i < foot->count; i++) {
		CHECK(cache_disk_entry_offset(&entries[i]) >= at);
		at = (uint64_t)cache_disk_entry_offset(&entries[i]) +
		     cache_disk_entry_bytes(&entries[i]);
		CHECK(at <= end);
		CHECK(cache_disk_entry_kind(&entries[i]) <= CACHE_KIND_MARK);
	}
}

/* The foot comes first here, so that what is counted is what follows. */
static void read_table(const uint8_t *data, size_t size)
{
	struct cache_disk_foot foot;
	if (size < sizeof(foot))
		return;
	memcpy(&foot, data, sizeof(foot));
	uint32_t segment_bytes = CACHE_DISK_SEGMENT_BYTES_MIN << foot.reserved[0] % 5;
	uint32_t count = cache_disk_count_of(&foot, foot.order, segment_bytes);
	size_t bytes = count * sizeof(struct cache_disk_entry);
	if (count == 0 || bytes > size - sizeof(foot))
		return;
	struct cache_disk_entry *entries = mem_alloc(bytes);
	memcpy(entries, data + sizeof(foot), bytes);
	check_table(&foot, entries, segment_bytes);
	cache_disk_seal_table(&foot, entries, count, foot.order, SEED);
	check_table(&foot, entries, segment_bytes);
	mem_free(entries);
}

static void read_record(const uint8_t *data, size_t size)
{
	struct str text;
	unsigned count;
	if (size < sizeof(struct cache_record))
		return;
	size_t room = (size + CACHE_GRANULE - 1) / CACHE_GRANULE * CACHE_GRANULE;
	struct cache_record *record = mem_aligned(CACHE_GRANULE, room);
	memcpy(record, data, size);
	mem_poison((char *)record + size, room - size);
	if (cache_record_is_sound(record, size)) {
		const struct cache_removal *removals = cache_disk_read_removals(record, &count);
		CHECK((removals == NULL) == (count == 0));
		if (removals != NULL)
			sink += sum(removals, count * sizeof(*removals));
		const struct cache_disk_mark *mark = cache_disk_read_mark(record, &text);
		if (mark != NULL) {
			CHECK(mark->kind < CACHE_MARK_KINDS);
			sink += sum(mark, sizeof(*mark)) + sum(text.at, text.len);
		}
	}
	mem_unpoison(record, room);
	mem_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	read_header(data, size);
	read_table(data, size);
	read_record(data, size);
	return 0;
}
