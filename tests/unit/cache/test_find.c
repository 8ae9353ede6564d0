/* Finds, against a memory that is not to be trusted. */
#include "fixture.h"

#include "base/random.h"

static void the_whole_key_decides_not_the_hash(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	assert_int_equal(put_number(bench.store, 1, 1, 100), CACHE_PUT_DONE);
	struct key_text text;
	struct cache_key key = key_of(bench.store, &text, 1), other = key;
	other.text = STR("http://a.example/1/2");
	struct cache_entry entry;
	struct cache_variants variants;
	assert_int_equal(cache_find(bench.reader, &other, &entry, &variants), CACHE_FOUND_NOTHING);
	assert_int_equal(cache_find(bench.reader, &key, &entry, &variants), CACHE_FOUND_OBJECT);
	assert_true(str_is_equal(entry.key, key.text));
	assert_int_equal(entry.body.fd, bench.store->fd);
	char bytes[100];
	assert_int_equal(pread(entry.body.fd, bytes, 100, (off_t)entry.body.offset), 100);
	assert_memory_equal(bytes, entry.body.at, 100);
	bench_done(&bench);
}

static void uses_are_counted_up_to_three(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	assert_int_equal(put_number(bench.store, 1, 1, 100), CACHE_PUT_DONE);
	struct key_text text;
	struct cache_key key = key_of(bench.store, &text, 1);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(bench.store, key.hash, &record);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(cache_slot_freq(*slot), i < 3 ? i : 3);
		assert_true(has_number(bench.reader, 1));
	}
	const struct iovec body = {"x", 1};
	assert_int_equal(cache_put_piece(bench.store, 1, 1, &body, 1), CACHE_PUT_DONE);
	uint64_t hash = cache_key_piece(bench.store, 1, 1);
	slot = cache_index_find(bench.store, hash, &record);
	assert_true(cache_find_has_piece(bench.reader, 1, 1));
	assert_int_equal(cache_slot_freq(*slot), 0);
	bench_done(&bench);
}

static void slots_that_lead_astray_find_nothing(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(put_number(store, i, 1, 3000), CACHE_PUT_DONE);
	struct key_text text;
	struct cache_key key = key_of(store, &text, 7);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, key.hash, &record);
	const uint64_t before = *slot, location = cache_slot_location(before);
	const uint64_t whole = store->geometry.segment_bytes / CACHE_GRANULE;
	const uint64_t wrong[] = {
	        location + 1,                                     /* inside of the record */
	        location - 1,                                     /* inside of another */
	        whole - 1,                                        /* the last granule */
	        whole,                                            /* behind it */
	        (UINT64_C(1) << store->geometry.offset_bits) - 1, /* far behind it */
	        (uint64_t)(store->geometry.segments - 1) << store->geometry.offset_bits, /* free */
	        (uint64_t)store->geometry.segments << store->geometry.offset_bits,
	        CACHE_SLOT_LOCATION_MASK,
	};
	struct cache_entry entry;
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		*slot = (before & ~CACHE_SLOT_LOCATION_MASK) | wrong[i];
		assert_int_equal(find_number(bench.reader, 7, &entry), CACHE_FOUND_NOTHING);
	}
	*slot = before;
	assert_int_equal(find_number(bench.reader, 7, &entry), CACHE_FOUND_OBJECT);
	bench_done(&bench);
}

static void a_body_that_looks_like_a_record_is_none(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	assert_int_equal(put_number(store, 1, 1, 500), CACHE_PUT_DONE);
	struct key_text text;
	struct cache_key key = key_of(store, &text, 1);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, key.hash, &record);
	/* A whole record, as a piece's body, at a granule; and a slot that has gone astray to it.
	 */
	const struct iovec body = {record, record->bytes};
	assert_int_equal(cache_put_piece(store, 9, 9, &body, 1), CACHE_PUT_DONE);
	struct cache_record *piece;
	_Atomic uint64_t *other = cache_index_find(store, cache_key_piece(store, 9, 9), &piece);
	uint64_t inside = cache_slot_location(*other) + 1;
	assert_non_null(cache_store_record(store, inside));
	cache_record_set_checked(cache_store_record(store, inside), 0);
	*slot = (*slot & ~CACHE_SLOT_LOCATION_MASK) | inside;
	struct cache_entry entry;
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_NOTHING);
	assert_int_equal(numbers_of(store).damaged, 1);
	bench_done(&bench);
}

/* Random bytes over headers, tables and slots: wrong answers are allowed to be "nothing". */
static void scribbles_everywhere_are_survived(void **state)
{
	(void)state;
	random_seed(42);
	for (unsigned round = 0; round < 60; round++) {
		struct bench bench;
		bench_init(&bench);
		struct cache_store *store = bench.store;
		for (uint64_t i = 0; i < 300; i++)
			(void)put_number(store, i, 1, 200 + i * 37 % 30000);
		/* Another generation, so that everything is verified anew. */
		struct cache_store *second = attach(bench.fd);
		struct cache_reader *reader = cache_reader_new(second);
		const struct cache_geometry *g = &store->geometry;
		for (unsigned i = 0; i < 2000; i++) {
			uint64_t from = g->segments_at, to = g->data_at + 3 * g->segment_bytes;
			if (i % 2 == 0) {
				from = g->index_at;
				to = g->marks_at;
			}
			store->base[from + random_below(to - from)] ^= (char)(1 << random_below(8));
		}
		for (uint64_t i = 0; i < 300; i++)
			(void)has_number(reader, i); /* right, or not there */
		cache_reader_quiet(reader);
		cache_store_lock(second);
		cache_segment_requeue(second, true);
		cache_index_recount(second);
		cache_store_unlock(second);
		for (uint64_t i = 300; i < 900; i++)
			if (put_number(second, i, 1, 40000) == CACHE_PUT_FULL)
				keep_all(second);
		cache_reader_free(reader);
		cache_store_free(second);
		bench_done(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_whole_key_decides_not_the_hash),
	        cmocka_unit_test(uses_are_counted_up_to_three),
	        cmocka_unit_test(slots_that_lead_astray_find_nothing),
	        cmocka_unit_test(a_body_that_looks_like_a_record_is_none),
	        cmocka_unit_test(scribbles_everywhere_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
