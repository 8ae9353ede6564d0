/* Sweeps: marks are applied to every record, and then are no more. */
#include "fixture.h"

static uint32_t live_prefixes(const struct cache_store *store)
{
	return store->marks[0].prefix_count + store->marks[1].prefix_count;
}

static void swept_objects_are_gone_or_stale_and_the_marks_forgotten(void **state)
{
	(void)state;
	for (int how = CACHE_PURGE_HARD; how <= CACHE_PURGE_SOFT; how++) {
		struct bench bench;
		bench_init(&bench);
		struct cache_store *store = bench.store;
		for (uint64_t i = 0; i < 70; i++)
			assert_int_equal(put_number(store, i, 1, 1000), CACHE_PUT_DONE);
		cache_purge_prefix(store, bench.domain, STR("http://a.example/3/"), how);
		assert_int_equal(live_prefixes(store), 1);
		keep_all(store);
		assert_int_equal(store->shared->marks_has_old, 0);
		assert_int_equal(store->shared->marks_floor, cache_store_sequence(store));
		assert_int_equal(numbers_of(store).objects, how == CACHE_PURGE_HARD ? 60 : 70);
		for (uint64_t i = 0; i < 70; i++) {
			struct cache_entry entry;
			bool is_there = find_number(bench.reader, i, &entry) == CACHE_FOUND_OBJECT;
			bool is_covered = i % 7 == 3;
			assert_int_equal(is_there, !is_covered || how == CACHE_PURGE_SOFT);
			if (is_there)
				assert_int_equal(entry.is_soft_purged, is_covered);
		}
		bench_done(&bench);
	}
}

static void a_sweep_waits_for_readers_only_at_its_end(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	assert_int_equal(put_number(bench.store, 3, 1, 1000), CACHE_PUT_DONE);
	assert_true(has_number(bench.reader, 3)); /* and stays in its turn */
	cache_purge_prefix(bench.store, bench.domain, STR("http://"), CACHE_PURGE_HARD);
	keep_all(bench.store);
	assert_int_equal(bench.store->shared->marks_has_old, 1);
	assert_int_equal(numbers_of(bench.store).objects, 0);
	cache_reader_quiet(bench.reader);
	keep_all(bench.store);
	assert_int_equal(bench.store->shared->marks_has_old, 0);
	bench_done(&bench);
}

static void many_sweeps_in_a_row_lose_no_mark(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	for (uint64_t round = 0; round < 50; round++) {
		assert_int_equal(put_number(bench.store, 3, round, 1000), CACHE_PUT_DONE);
		assert_int_equal(put_number(bench.store, 4, round, 1000), CACHE_PUT_DONE);
		cache_purge_prefix(
		        bench.store, bench.domain, STR("http://a.example/3/"), CACHE_PURGE_HARD);
		for (uint64_t turns = 0; turns < round % 4; turns++)
			cache_keeper_turn(bench.store);
		assert_false(has_number(bench.reader, 3));
		assert_true(has_number(bench.reader, 4));
		cache_reader_quiet(bench.reader);
	}
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(swept_objects_are_gone_or_stale_and_the_marks_forgotten),
	        cmocka_unit_test(a_sweep_waits_for_readers_only_at_its_end),
	        cmocka_unit_test(many_sweeps_in_a_row_lose_no_mark),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
