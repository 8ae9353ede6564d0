/*
 * Reading records. The parts of a record follow one another without gaps, but that what is behind
 * the texts of an object begins at a multiple of eight; so its layout is a sum, and a sum that is
 * above the record's length is the only thing that can be wrong with it.
 *
 * The checksum of what is written is kept as a sum with a mix of the place, so that a record can be
 * moved without being read again.
 */
#include "cache/record.h"

#include "base/hash.h"

enum { ALIGN = 8 };

#define GENERATION_MASK ((UINT64_C(1) << CACHE_GENERATION_BITS) - 1)

_Static_assert(sizeof(struct cache_object) % ALIGN == 0, "texts follow");
_Static_assert(sizeof(struct http_field) % sizeof(uint32_t) == 0, "heads follow");

static uint64_t up_to_align(uint64_t at)
{
	return (at + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

void cache_record_lay_out(const struct cache_object *object, struct cache_record_layout *ret_layout)
{
	uint64_t at = sizeof(struct cache_record) + sizeof(*object);
	ret_layout->key = at;
	at += object->key_len;
	ret_layout->variant = at;
	at = up_to_align(at + object->variant_len);
	ret_layout->tags = at;
	at += object->tag_count * sizeof(uint64_t);
	ret_layout->fields = at;
	at += object->field_count * sizeof(struct http_field);
	ret_layout->head = at;
	at += object->head_len;
	ret_layout->body = at;
	ret_layout->end = at + object->inline_len;
}

bool cache_record_read_object(
        const struct cache_record *record, struct cache_record_object *ret_object)
{
	if (cache_record_kind(record) != CACHE_KIND_OBJECT ||
	        record->bytes < sizeof(*record) + sizeof(struct cache_object))
		return false;
	const char *base = (const char *)record;
	const struct cache_object *object = (const void *)(base + sizeof(*record));
	struct cache_record_layout layout;
	cache_record_lay_out(object, &layout);
	if (layout.end != record->bytes || object->field_count > LIMIT_HEAD_FIELDS ||
	        (uint64_t)object->reason_at + object->reason_len > object->head_len ||
	        (uint64_t)object->etag_at + object->etag_len > object->head_len)
		return false;
	*ret_object = (struct cache_record_object){
	        .object = object,
	        .key = str_make(base + layout.key, object->key_len),
	        .variant = str_make(base + layout.variant, object->variant_len),
	        .tags = (const void *)(base + layout.tags),
	        .inline_at = (uint32_t)layout.body,
	        .head =
	                {
	                        .base = base + layout.head,
	                        .fields = (void *)(uintptr_t)(base + layout.fields),
	                        .present = object->head_present,
	                        .len = object->head_len,
	                        .count = object->field_count,
	                        .capacity = object->field_count,
	                        .minor = object->minor,
	                        .status = object->status,
	                        .reason_at = object->reason_at,
	                        .reason_len = object->reason_len,
	                },
	};
	return true;
}

bool cache_record_read_spec(const struct cache_record *record, struct cache_record_spec *ret_spec)
{
	const uint64_t fixed = sizeof(*record) + sizeof(struct cache_spec);
	if (cache_record_kind(record) != CACHE_KIND_SPEC || record->bytes < fixed)
		return false;
	const char *base = (const char *)record;
	const struct cache_spec *spec = (const void *)(base + sizeof(*record));
	if (fixed + spec->key_len + spec->names_len != record->bytes)
		return false;
	ret_spec->key = str_make(base + fixed, spec->key_len);
	ret_spec->names = str_make(base + fixed + spec->key_len, spec->names_len);
	return true;
}

/* Whether every field lies in the head. */
static bool are_fields_right(const struct http_head *head)
{
	for (unsigned i = 0; i < head->count; i++) {
		const struct http_field *field = &head->fields[i];
		if ((uint64_t)field->name_at + field->name_len > head->len ||
		        (uint64_t)field->value_at + field->value_len > head->len)
			return false;
	}
	return true;
}

static bool are_parts_right(const struct cache_record *record)
{
	struct cache_record_object object;
	struct cache_record_spec spec;
	switch (cache_record_kind(record)) {
	case CACHE_KIND_OBJECT:
		return cache_record_read_object(record, &object) && are_fields_right(&object.head);
	case CACHE_KIND_SPEC:
		return cache_record_read_spec(record, &spec);
	case CACHE_KIND_PIECE:
	case CACHE_KIND_REMOVALS:
	case CACHE_KIND_MARK:
		return true;
	case CACHE_KIND_ROOM:
		break;
	}
	return false;
}

static uint64_t place(uint64_t seed, uint64_t location)
{
	return hash_mix(seed, location);
}

uint64_t cache_record_checksum(
        const struct cache_record *record, enum cache_kind kind, uint64_t seed, uint64_t location)
{
	const uint64_t fixed[] = {
	        record->bytes, kind, record->hash, record->primary, record->id, record->sequence};
	uint64_t sum = hash_checksum_seeded(fixed, sizeof(fixed), seed);
	sum = hash_checksum_seeded(record + 1, record->bytes - sizeof(*record), sum);
	return sum + place(seed, location);
}

uint64_t cache_record_recheck(uint64_t checksum, uint64_t from, uint64_t to, uint64_t seed)
{
	return checksum - place(seed, from) + place(seed, to);
}

bool cache_record_verify(const struct cache_record *record, uint64_t seed, uint64_t location)
{
	return record->checksum ==
	               cache_record_checksum(record, cache_record_kind(record), seed, location) &&
	       are_parts_right(record);
}

void cache_record_move(const struct cache_record *from, uint64_t from_location,
        struct cache_record *to, uint64_t to_location, uint64_t seed)
{
	to->hash = from->hash;
	to->primary = from->primary;
	to->id = from->id;
	to->sequence = from->sequence;
	to->checksum = cache_record_recheck(from->checksum, from_location, to_location, seed);
	memcpy(to + 1, from + 1, from->bytes - sizeof(*from));
	cache_record_move_changes(from, to);
	atomic_store_explicit(&to->kind, cache_record_kind(from), memory_order_release);
}

void cache_record_move_changes(const struct cache_record *from, struct cache_record *to)
{
	/* The mark first: who raises it has written the flags before. */
	uint64_t mark = atomic_load_explicit(&from->mark, memory_order_acquire);
	uint64_t memo = atomic_load_explicit(&from->memo, memory_order_relaxed);
	uint8_t flags = atomic_load_explicit(&from->flags, memory_order_relaxed);
	atomic_store_explicit(&to->flags, flags, memory_order_relaxed);
	atomic_store_explicit(&to->memo, memo, memory_order_relaxed);
	atomic_store_explicit(&to->mark, mark, memory_order_release);
}

/* Puts `value` where `mask` is. */
static void set_memo(struct cache_record *record, uint64_t mask, uint64_t value)
{
	uint64_t before = atomic_load_explicit(&record->memo, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&record->memo, &before,
	        (before & ~mask) | value, memory_order_relaxed, memory_order_relaxed))
		;
}

void cache_record_set_copy(struct cache_record *record, uint64_t copy)
{
	set_memo(record, ~GENERATION_MASK, copy << CACHE_GENERATION_BITS);
}

void cache_record_set_checked(struct cache_record *record, uint32_t generation)
{
	set_memo(record, GENERATION_MASK, generation & GENERATION_MASK);
}

bool cache_record_is_soft(const struct cache_record *record)
{
	uint64_t mark = atomic_load_explicit(&record->mark, memory_order_acquire);
	return cache_record_is_soft_purged(record) ||
	       (cache_record_kind(record) == CACHE_KIND_SPEC && mark != 0);
}

void cache_record_soften(struct cache_record *record, uint64_t sequence)
{
	switch (cache_record_kind(record)) {
	case CACHE_KIND_OBJECT:
		atomic_fetch_or_explicit(
		        &record->flags, CACHE_RECORD_IS_SOFT_PURGED, memory_order_relaxed);
		break;
	case CACHE_KIND_SPEC:
		atomic_store_explicit(&record->mark, sequence, memory_order_release);
		break;
	case CACHE_KIND_PIECE:
	case CACHE_KIND_ROOM:
	case CACHE_KIND_REMOVALS:
	case CACHE_KIND_MARK:
		break;
	}
}
