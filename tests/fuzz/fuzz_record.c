/* fuzz: cache - a record is read within its bounds or not at all, whatever lies there */
#include "base/mem.h"
#include "cache/record.h"

enum { SEED = 7, LOCATION = 3, RECORD_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that what is read is not optimised away. */
static volatile uint64_t sink;

/* Touches every byte that a part says is there. */
static uint64_t sum(const void *bytes, size_t len)
{
	uint64_t total = 0;
	for (size_t i = 0; i < len; i++)
		total += ((const uint8_t *)bytes)[i];
	return total;
}

static uint64_t sum_head(const struct http_head *head)
{
	uint64_t total = sum(head->base, head->len);
	for (unsigned i = 0; i < head->count; i++) {
		struct str name = http_head_name(head, &head->fields[i]);
		struct str value = http_head_value(head, &head->fields[i]);
		total += sum(name.at, name.len) + sum(value.at, value.len);
	}
	return total + sum(http_head_reason(head).at, head->reason_len);
}

/* What a find does with a record. */
static uint64_t read_record(const struct cache_record *record, bool is_verified)
{
	struct cache_record_object object;
	struct cache_record_spec spec;
	uint64_t total = 0;
	if (cache_record_read_object(record, &object)) {
		const char *base = (const char *)record;
		total += sum(object.key.at, object.key.len);
		total += sum(object.variant.at, object.variant.len);
		total += sum(object.tags, object.object->tag_count * sizeof(uint64_t));
		total += sum(object.head.fields, object.head.count * sizeof(struct http_field));
		total += sum(base + object.inline_at, object.object->inline_len);
		total += sum(object.head.base + object.object->etag_at, object.object->etag_len);
		if (is_verified)
			total += sum_head(&object.head);
	}
	if (cache_record_read_spec(record, &spec))
		total += sum(spec.key.at, spec.key.len) + sum(spec.names.at, spec.names.len);
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > RECORD_MAX)
		return 0;
	/* What is padding is nobody's: a byte too far is seen there, or behind it. */
	size_t room = (size + CACHE_GRANULE - 1) / CACHE_GRANULE * CACHE_GRANULE;
	if (room == 0)
		return 0;
	struct cache_record *record = mem_aligned(CACHE_GRANULE, room);
	memset(record, 0, room);
	memcpy(record, data, size);
	mem_poison((char *)record + size, room - size);
	if (cache_record_is_sound(record, size)) {
		sink += read_record(record, cache_record_verify(record, SEED, LOCATION));
		/* Past the checksum, which no input would get past by itself. */
		record->checksum = cache_record_checksum(
		        record, (enum cache_kind)record->kind, SEED, LOCATION);
		sink += read_record(record, cache_record_verify(record, SEED, LOCATION));
	}
	mem_unpoison(record, room);
	mem_free(record);
	return 0;
}
