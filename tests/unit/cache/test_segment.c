/* Segments: appending, the order of eviction, waiting for readers and pins, rebuilding the queues.
 */
#include "fixture.h"

static bool reserve(struct cache_store *store, uint32_t bytes, struct cache_room *ret_room)
{
	if (!cache_segment_reserve(store, CACHE_LOG_PROBATION, bytes, false, ret_room))
		return false;
	cache_segment_unpin(store, ret_room->segment);
	return true;
}

static void records_follow_one_another_until_the_segment_is_full(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	struct cache_room a, b, c;
	uint32_t whole = store->geometry.segment_bytes;
	assert_true(reserve(store, 65, &a));
	assert_true(reserve(store, whole - 128, &b));
	assert_int_equal(a.segment, b.segment);
	assert_int_equal(cache_store_offset_of(store, b.location), 128);
	assert_true(reserve(store, 64, &c));
	assert_int_not_equal(b.segment, c.segment);
	assert_int_equal(cache_segment_count(store, CACHE_LOG_PROBATION), 2);
	assert_int_equal(store->segments[a.segment].state, CACHE_SEGMENT_SEALED);
	assert_true(cache_segment_has_room(store, &a));
	assert_int_equal(a.record->kind, CACHE_KIND_ROOM);
	assert_int_equal(a.record->bytes, 65);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void the_last_free_segment_is_the_keepers(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	uint32_t whole = store->geometry.segment_bytes;
	cache_store_lock(store);
	struct cache_room room;
	uint32_t count = 0;
	while (reserve(store, whole, &room))
		count++;
	assert_int_equal(count, store->geometry.segments - 1);
	assert_true(cache_segment_reserve(store, CACHE_LOG_MAIN, whole, true, &room));
	cache_segment_unpin(store, room.segment);
	assert_false(cache_segment_reserve(store, CACHE_LOG_MAIN, whole, true, &room));
	/* The open segment is still there for what fits. */
	cache_store_unlock(store);
	bench_done(&bench);
}

static void the_oldest_is_evicted_first_and_waits_for_readers_and_pins(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	uint32_t whole = store->geometry.segment_bytes;
	struct cache_room first, second, third;
	cache_reader_enter(bench.reader);
	cache_store_lock(store);
	assert_true(reserve(store, whole, &first));
	assert_true(reserve(store, whole, &second));
	assert_true(reserve(store, whole, &third));
	assert_int_equal(cache_segment_take_oldest(store, CACHE_LOG_PROBATION), first.segment);
	assert_false(cache_segment_has_room(store, &first));
	cache_segment_pin(store, first.segment);
	cache_segment_retire(store, first.segment);
	cache_store_unlock(store);

	assert_int_equal(
	        cache_segment_take_drained(store, cache_reader_oldest(store)), CACHE_NO_SEGMENT);
	cache_reader_quiet(bench.reader);
	assert_int_equal(
	        cache_segment_take_drained(store, cache_reader_oldest(store)), CACHE_NO_SEGMENT);
	cache_reader_enter(bench.reader); /* later than the retiring: no obstacle */
	cache_segment_unpin(store, first.segment);
	assert_int_equal(
	        cache_segment_take_drained(store, cache_reader_oldest(store)), first.segment);
	assert_true(cache_segment_empty(store, first.segment));
	assert_int_equal(first.record->magic, 0);
	assert_int_equal(second.record->magic, CACHE_RECORD_MAGIC);
	cache_segment_free(store, first.segment);

	/* Room in an earlier life of a segment is not room now. */
	cache_store_lock(store);
	struct cache_room room;
	while (reserve(store, whole, &room))
		;
	assert_false(cache_segment_has_room(store, &first));
	cache_store_unlock(store);
	bench_done(&bench);
}

static void queues_are_rebuilt_in_order(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	uint32_t whole = store->geometry.segment_bytes;
	struct cache_room rooms[6];
	cache_store_lock(store);
	for (int i = 0; i < 6; i++)
		assert_true(reserve(store, whole, &rooms[i]));
	uint32_t evicting = cache_segment_take_oldest(store, CACHE_LOG_PROBATION);
	assert_int_equal(evicting, rooms[0].segment);
	for (unsigned ring = 0; ring < CACHE_RINGS; ring++)
		store->shared->rings[ring] = (struct cache_ring){.first = 3, .count = 1};
	store->shared->open[CACHE_LOG_MAIN] = 1234567;

	/* What the keeper has in hand stays in its hand. */
	cache_segment_requeue(store, false);
	assert_int_equal(store->shared->rings[CACHE_LOG_PROBATION].count, 4);
	assert_int_equal(store->shared->rings[CACHE_RING_FREE].count, store->geometry.segments - 6);
	assert_int_equal(cache_segment_take_oldest(store, CACHE_LOG_PROBATION), rooms[1].segment);

	/* But not when that keeper is no more. */
	cache_segment_requeue(store, true);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
		        cache_segment_take_oldest(store, CACHE_LOG_PROBATION), rooms[i].segment);
	assert_int_equal(cache_segment_take_oldest(store, CACHE_LOG_PROBATION), CACHE_NO_SEGMENT);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void nonsense_in_the_queues_leads_nowhere(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	for (uint32_t i = 0; i < store->geometry.segments * (uint32_t)CACHE_RINGS; i++)
		store->rings[i] = UINT32_MAX - i;
	store->shared->rings[CACHE_LOG_MAIN].count = UINT32_MAX;
	store->shared->rings[CACHE_LOG_PROBATION] = (struct cache_ring){UINT32_MAX, 5};
	struct cache_room room;
	assert_false(cache_segment_reserve(store, CACHE_LOG_MAIN, 64, true, &room));
	assert_int_equal(cache_segment_take_oldest(store, CACHE_LOG_MAIN), CACHE_NO_SEGMENT);
	assert_int_equal(cache_segment_take_oldest(store, CACHE_LOG_PROBATION), CACHE_NO_SEGMENT);
	assert_int_equal(cache_segment_take_drained(store, UINT64_MAX), CACHE_NO_SEGMENT);
	cache_segment_requeue(store, true);
	assert_true(cache_segment_reserve(store, CACHE_LOG_MAIN, 64, true, &room));
	cache_segment_unpin(store, room.segment);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void pinned_segments_do_not_count_as_coming(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	struct cache_room room;
	while (reserve(store, store->geometry.segment_bytes, &room))
		;
	assert_true(cache_segment_is_short(store));
	uint32_t segment = CACHE_NO_SEGMENT;
	for (uint32_t i = 1; i < cache_segment_spare(store); i++) {
		segment = cache_segment_take_oldest(store, CACHE_LOG_PROBATION);
		assert_true(cache_segment_is_short(store));
		cache_segment_retire(store, segment);
	}
	assert_false(cache_segment_is_short(store));
	cache_segment_pin(store, segment);
	assert_true(cache_segment_is_short(store));
	cache_segment_unpin(store, segment);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void who_follows_a_log_gets_each_segment_in_turn(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	uint32_t whole = store->geometry.segment_bytes, used = 0;
	cache_store_lock(store);
	assert_int_equal(
	        cache_segment_follow(store, CACHE_LOG_PROBATION, 0, true, &used), CACHE_NO_SEGMENT);
	struct cache_room rooms[3];
	for (unsigned i = 0; i < 3; i++)
		assert_true(reserve(store, i == 2 ? 128 : whole, &rooms[i]));
	uint64_t order = 0;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t next =
		        cache_segment_follow(store, CACHE_LOG_PROBATION, order, false, &used);
		assert_int_equal(next, rooms[i].segment);
		assert_int_equal(used, whole);
		order = store->segments[next].order + 1;
	}
	/* The last one is still open. */
	assert_int_equal(cache_segment_follow(store, CACHE_LOG_PROBATION, order, false, &used),
	        CACHE_NO_SEGMENT);
	assert_int_equal(cache_segment_follow(store, CACHE_LOG_PROBATION, order, true, &used),
	        rooms[2].segment);
	assert_int_equal(used, 128);
	assert_int_equal(
	        cache_segment_follow(store, CACHE_LOG_MAIN, 0, true, &used), CACHE_NO_SEGMENT);
	cache_store_unlock(store);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(records_follow_one_another_until_the_segment_is_full),
	        cmocka_unit_test(the_last_free_segment_is_the_keepers),
	        cmocka_unit_test(the_oldest_is_evicted_first_and_waits_for_readers_and_pins),
	        cmocka_unit_test(queues_are_rebuilt_in_order),
	        cmocka_unit_test(nonsense_in_the_queues_leads_nowhere),
	        cmocka_unit_test(pinned_segments_do_not_count_as_coming),
	        cmocka_unit_test(who_follows_a_log_gets_each_segment_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
