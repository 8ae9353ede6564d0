/* The store: who died in the middle of something leaves nothing wrong. */
#include "fixture.h"

static void everything_is_there_after_all_have_detached(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(put_number(bench.store, i, 1, 5000), CACHE_PUT_DONE);
	cache_purge_url(bench.store, &(struct cache_key){STR("x"), 1}, CACHE_PURGE_HARD);
	uint64_t sequence = cache_store_sequence(bench.store), id = cache_store_new_id(bench.store);
	cache_reader_free(bench.reader);
	cache_store_free(bench.store);
	bench.store = attach(bench.fd);
	bench.reader = cache_reader_new(bench.store);
	for (uint64_t i = 0; i < 100; i++)
		assert_true(has_number(bench.reader, i));
	assert_int_equal(numbers_of(bench.store).objects, 100);
	assert_int_equal(cache_store_sequence(bench.store), sequence);
	assert_true(cache_store_new_id(bench.store) > id);
	bench_done(&bench);
}

static void a_store_of_its_own_needs_no_memory_given(void **state)
{
	(void)state;
	struct cache_store *store = attach(-1);
	assert_int_equal(put_number(store, 1, 1, 100), CACHE_PUT_DONE);
	cache_store_free(store);
	cache_store_free(NULL);
}

/* Dies with room reserved and the record half written. */
static void die_in_a_put(struct cache_store *store, int ready)
{
	struct cache_room room;
	cache_store_lock(store);
	if (!cache_segment_reserve(store, CACHE_LOG_PROBATION, 5000, false, &room))
		_exit(4);
	cache_store_unlock(store);
	room.record->hash = 1;
	memset(room.record + 1, 'x', 1000);
	say_ready_and_wait(ready);
}

static void a_put_that_was_killed_leaves_room_that_goes_with_its_segment(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	assert_int_equal(put_number(bench.store, 1, 1, 1000), CACHE_PUT_DONE);
	assert_true(WIFSIGNALED(in_child(bench.fd, die_in_a_put, true)));
	assert_int_equal(put_number(bench.store, 2, 1, 1000), CACHE_PUT_DONE);
	assert_true(has_number(bench.reader, 1));
	assert_true(has_number(bench.reader, 2));
	cache_reader_quiet(bench.reader);
	for (uint64_t i = 0; i < 1000; i++)
		if (put_number(bench.store, 1000 + i, 1, 60000) == CACHE_PUT_FULL)
			keep_all(bench.store);
	struct cache_store_numbers numbers = numbers_of(bench.store);
	assert_int_equal(numbers.damaged, 0);
	assert_int_equal(numbers.segments_pinned, 0);
	assert_int_equal(numbers.segments_draining, 0);
	assert_true(numbers.evicted > 100);
	bench_done(&bench);
}

/* Dies with the lock, the queues and counters in shreds. */
static void die_with_the_lock(struct cache_store *store, int ready)
{
	cache_store_lock(store);
	store->shared->counters.objects = 99;
	store->shared->rings[CACHE_RING_FREE].count = 0;
	store->shared->rings[CACHE_LOG_PROBATION].count = 7;
	for (uint32_t i = 0; i < store->geometry.segments; i++)
		store->segments[i].live = 3;
	say_ready_and_wait(ready);
}

static void the_lock_of_a_dead_process_is_taken_over_and_repaired(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(put_number(bench.store, i, 1, 60000), CACHE_PUT_DONE);
	struct cache_store_numbers before = numbers_of(bench.store);
	assert_true(WIFSIGNALED(in_child(bench.fd, die_with_the_lock, true)));
	struct cache_store_numbers after = numbers_of(bench.store);
	assert_int_equal(after.repairs, 1);
	assert_int_equal(after.objects, before.objects);
	assert_int_equal(after.bytes, before.bytes);
	assert_int_equal(after.segments_free, before.segments_free);
	for (uint64_t i = 0; i < 50; i++)
		assert_true(has_number(bench.reader, i));
	assert_int_equal(put_number(bench.store, 99, 1, 60000), CACHE_PUT_DONE);
	bench_done(&bench);
}

static void a_record_is_verified_once_by_each_generation(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	assert_int_equal(put_number(bench.store, 1, 1, 1000), CACHE_PUT_DONE);
	struct cache_entry entry;
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_OBJECT);
	char *body = bench.store->data + (entry.body.at - bench.store->data);
	body[500] ^= 1; /* nobody looks again */
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_OBJECT);

	struct cache_store *second = attach(bench.fd);
	struct cache_reader *reader = cache_reader_new(second);
	assert_int_equal(find_number(reader, 1, &entry), CACHE_FOUND_NOTHING);
	assert_int_equal(numbers_of(second).damaged, 1);
	assert_int_equal(find_number(bench.reader, 1, &entry), CACHE_FOUND_NOTHING);

	/* What the younger one has verified the older one believes, but not nonsense. */
	assert_int_equal(put_number(second, 2, 1, 1000), CACHE_PUT_DONE);
	assert_int_equal(find_number(bench.reader, 2, &entry), CACHE_FOUND_OBJECT);
	struct cache_record *record;
	struct key_text text;
	struct cache_key key = key_of(second, &text, 2);
	assert_non_null(cache_index_find(second, key.hash, &record));
	assert_int_equal(cache_record_checked(record), second->generation);
	cache_record_set_checked(record, second->generation + 1);
	assert_int_equal(find_number(reader, 2, &entry), CACHE_FOUND_OBJECT);
	assert_int_equal(cache_record_checked(record), second->generation);
	cache_reader_free(reader);
	cache_store_free(second);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(everything_is_there_after_all_have_detached),
	        cmocka_unit_test(a_store_of_its_own_needs_no_memory_given),
	        cmocka_unit_test(a_put_that_was_killed_leaves_room_that_goes_with_its_segment),
	        cmocka_unit_test(the_lock_of_a_dead_process_is_taken_over_and_repaired),
	        cmocka_unit_test(a_record_is_verified_once_by_each_generation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
