/* Readers: epochs, pins, and how many there may be. */
#include "fixture.h"

static void only_who_has_looked_holds_an_epoch(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_reader *other = cache_reader_new(bench.store);
	assert_true(cache_reader_oldest(bench.store) == UINT64_MAX);
	assert_false(has_number(bench.reader, 1));
	uint64_t epoch = bench.store->shared->epoch;
	assert_int_equal(cache_reader_oldest(bench.store), epoch);
	bench.store->shared->epoch++;
	assert_false(has_number(other, 1));
	assert_false(has_number(bench.reader, 1)); /* the same turn */
	assert_int_equal(cache_reader_oldest(bench.store), epoch);
	cache_reader_quiet(bench.reader);
	assert_int_equal(cache_reader_oldest(bench.store), epoch + 1);
	cache_reader_quiet(bench.reader);
	cache_reader_free(other);
	assert_true(cache_reader_oldest(bench.store) == UINT64_MAX);
	cache_reader_free(NULL);
	bench_done(&bench);
}

static void lines_are_given_out_up_to_the_limit_and_again(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	static struct cache_reader *readers[LIMIT_CACHE_READERS];
	unsigned count = 0;
	while ((readers[count] = cache_reader_new(bench.store)) != NULL)
		count++;
	assert_int_equal(count, LIMIT_CACHE_READERS - 1);
	cache_reader_free(readers[0]);
	readers[0] = cache_reader_new(bench.store);
	assert_non_null(readers[0]);
	while (count > 0)
		cache_reader_free(readers[--count]);
	bench_done(&bench);
}

/* A place in a segment of its own. */
static struct cache_place place_of(struct bench *bench, uint64_t number)
{
	struct cache_entry entry;
	uint64_t i = 0;
	uint32_t segment = bench->store->shared->open[CACHE_LOG_PROBATION];
	while (bench->store->shared->open[CACHE_LOG_PROBATION] == segment)
		assert_int_equal(
		        put_number(bench->store, 1000 * number + i++, 1, 65000), CACHE_PUT_DONE);
	assert_int_equal(put_number(bench->store, number, 1, 100), CACHE_PUT_DONE);
	assert_int_equal(find_number(bench->reader, number, &entry), CACHE_FOUND_OBJECT);
	return entry.body;
}

static void pins_are_refused_when_half_of_the_segments_have_one(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_place places[40];
	uint32_t half = bench.store->geometry.segments / 2, count = 0;
	for (;; count++) {
		places[count] = place_of(&bench, count + 1);
		if (!cache_reader_pin(bench.reader, &places[count]))
			break;
	}
	assert_int_equal(count, half + 1);
	assert_int_equal(numbers_of(bench.store).segments_pinned, count);
	/* A segment that is pinned already may be again. */
	assert_true(cache_reader_pin(bench.reader, &places[0]));
	cache_reader_unpin(bench.reader, places[0].segment);
	assert_false(cache_reader_pin(bench.reader, &places[count]));
	cache_reader_unpin(bench.reader, places[0].segment);
	assert_true(cache_reader_pin(bench.reader, &places[count]));
	for (uint32_t i = 1; i <= count; i++)
		cache_reader_unpin(bench.reader, places[i].segment);
	assert_int_equal(numbers_of(bench.store).segments_pinned, 0);
	bench_done(&bench);
}

static void a_pinned_place_outlives_its_eviction(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_place place = place_of(&bench, 1);
	assert_true(cache_reader_pin(bench.reader, &place));
	cache_reader_quiet(bench.reader);
	struct key_text text;
	struct cache_key key = key_of(bench.store, &text, 1);
	cache_purge_url(bench.store, &key, CACHE_PURGE_HARD); /* or it would be copied */
	for (uint64_t i = 0; i < 2000; i++) {
		if (put_number(bench.store, 500000 + i, 1, 60000) == CACHE_PUT_FULL)
			keep_all(bench.store);
	}
	assert_false(has_number(bench.reader, 1));
	cache_reader_quiet(bench.reader);
	assert_int_equal(place.len, 100);
	assert_true(body_is_right(place.at, place.len, 1));
	cache_reader_unpin(bench.reader, place.segment);
	keep_all(bench.store);
	assert_int_equal(numbers_of(bench.store).segments_draining, 0);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_who_has_looked_holds_an_epoch),
	        cmocka_unit_test(lines_are_given_out_up_to_the_limit_and_again),
	        cmocka_unit_test(pins_are_refused_when_half_of_the_segments_have_one),
	        cmocka_unit_test(a_pinned_place_outlives_its_eviction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
