/* Records: what is read is what was written, and nothing that was scribbled on is believed. */
#include "fixture.h"

/* A record with all parts, in memory of its own. */
static struct cache_record *sample(struct bench *bench, uint64_t *ret_location)
{
	struct cache_put_object put = {
	        .id = 5,
	        .sequence = 1,
	        .tags = (const uint64_t[]){11, 12},
	        .tag_count = 2,
	};
	assert_int_equal(put_as(bench->store, 1, 1, 100, &put), CACHE_PUT_DONE);
	struct key_text text;
	struct cache_key key = key_of(bench->store, &text, 1);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(bench->store, key.hash, &record);
	assert_non_null(slot);
	*ret_location = cache_slot_location(*slot);
	return record;
}

static void an_object_reads_as_it_was_put(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint64_t location;
	const struct cache_record *record = sample(&bench, &location);
	struct cache_record_object object;
	assert_true(cache_record_is_sound(record, record->bytes));
	assert_false(cache_record_is_sound(record, record->bytes - 1));
	assert_false(cache_record_is_sound(record, 63));
	assert_true(cache_record_verify(record, bench.store->seed, location));
	assert_false(cache_record_verify(record, bench.store->seed, location + 1));
	assert_false(cache_record_verify(record, bench.store->seed + 1, location));
	assert_true(cache_record_read_object(record, &object));
	assert_true(str_is_equal(object.key, STR("http://a.example/1/1")));
	assert_int_equal(object.variant.len, 0);
	assert_int_equal(object.object->tag_count, 2);
	assert_int_equal(object.tags[0], 11);
	assert_int_equal(object.tags[1], 12);
	assert_int_equal(object.head.count, 2);
	assert_int_equal(object.head.status, 200);
	assert_true(str_is_equal(http_head_reason(&object.head), STR("Right")));
	assert_true(str_is_equal(http_head_get(&object.head, HTTP_NAME_CONTENT_TYPE), STR("a/b")));
	assert_true(str_is_equal(
	        str_make(object.head.base + object.object->etag_at, object.object->etag_len),
	        STR("\"x\"")));
	assert_int_equal(object.object->terms.fresh_ms, 7000);
	assert_int_equal(object.object->terms.flags, CACHE_HEURISTIC);
	assert_true(object.object->is_inline);
	assert_true(body_is_right((const char *)record + object.inline_at, 100, 1));
	struct cache_record_spec spec;
	assert_false(cache_record_read_spec(record, &spec));
	bench_done(&bench);
}

static void a_flipped_bit_anywhere_is_noticed(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint64_t location;
	struct cache_record *record = sample(&bench, &location);
	const size_t changing = offsetof(struct cache_record, mark);
	for (size_t at = 0; at < record->bytes; at++) {
		if ((at >= changing && at < sizeof(*record)) ||
		        at == offsetof(struct cache_record, flags))
			continue;
		char *byte = (char *)record + at;
		*byte ^= 4;
		bool is_sound = cache_record_is_sound(record, 4096);
		assert_false(is_sound && record->bytes <= 4096 &&
		             cache_record_verify(record, bench.store->seed, location));
		*byte ^= 4;
	}
	assert_true(cache_record_verify(record, bench.store->seed, location));
	bench_done(&bench);
}

static void parts_that_do_not_fit_are_refused_even_with_a_right_checksum(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint64_t location;
	struct cache_record *record = sample(&bench, &location);
	struct cache_object *object = (struct cache_object *)(void *)(record + 1);
	struct http_field *field;
	struct cache_record_object read;
	assert_true(cache_record_read_object(record, &read));
	field = &read.head.fields[1];
	uint32_t *const lengths[] = {&object->key_len, &object->variant_len, &object->head_len,
	        &object->inline_len, &object->etag_at, &object->etag_len, &object->reason_at,
	        &object->reason_len, &field->name_at, &field->value_at, &field->value_len};
	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
		uint32_t before = *lengths[i];
		*lengths[i] = UINT32_MAX - 7;
		record->checksum = cache_record_checksum(
		        record, CACHE_KIND_OBJECT, bench.store->seed, location);
		assert_false(cache_record_verify(record, bench.store->seed, location));
		*lengths[i] = before;
	}
	object->field_count = LIMIT_HEAD_FIELDS + 1;
	assert_false(cache_record_read_object(record, &read));
	bench_done(&bench);
}

static void a_moved_record_verifies_at_its_new_place_only(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint64_t location;
	struct cache_record *record = sample(&bench, &location);
	record->mark = 17;
	record->flags = CACHE_RECORD_IS_SOFT_PURGED;
	struct cache_record *copy = mem_aligned(CACHE_GRANULE, 4096);
	copy->magic = record->magic;
	copy->bytes = record->bytes;
	cache_record_move(record, location, copy, 99, bench.store->seed);
	assert_true(cache_record_verify(copy, bench.store->seed, 99));
	assert_false(cache_record_verify(copy, bench.store->seed, location));
	assert_int_equal(copy->mark, 17);
	assert_int_equal(copy->flags, CACHE_RECORD_IS_SOFT_PURGED);
	record->mark = 18;
	cache_record_move_changes(record, copy);
	assert_int_equal(copy->mark, 18);
	mem_free(copy);
	bench_done(&bench);
}

static void a_soft_purge_is_of_an_object_or_of_a_specs_variants(void **state)
{
	(void)state;
	const struct {
		enum cache_kind kind;
		bool is_soft, is_soft_itself;
	} rows[] = {
	        {CACHE_KIND_OBJECT, true, true},
	        {CACHE_KIND_SPEC, true, false},
	        {CACHE_KIND_PIECE, false, false},
	        {CACHE_KIND_ROOM, false, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_record record = {0};
		atomic_store(&record.kind, (uint8_t)rows[i].kind);
		cache_record_begin_memo(&record, 7);
		assert_false(cache_record_is_soft(&record));
		cache_record_soften(&record, 5);
		assert_int_equal(cache_record_is_soft(&record), rows[i].is_soft);
		assert_int_equal(cache_record_is_soft_purged(&record), rows[i].is_soft_itself);
		assert_int_equal(record.mark, rows[i].kind == CACHE_KIND_SPEC ? 5 : 0);
		assert_int_equal(cache_record_checked(&record), 7);
		assert_int_equal(cache_record_copy(&record), 0);
	}
	assert_int_equal(cache_record_padded(64), 64);
	assert_int_equal(cache_record_padded(65), 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_object_reads_as_it_was_put),
	        cmocka_unit_test(a_flipped_bit_anywhere_is_noticed),
	        cmocka_unit_test(parts_that_do_not_fit_are_refused_even_with_a_right_checksum),
	        cmocka_unit_test(a_moved_record_verifies_at_its_new_place_only),
	        cmocka_unit_test(a_soft_purge_is_of_an_object_or_of_a_specs_variants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
