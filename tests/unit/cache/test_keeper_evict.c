/* Eviction: what was used stays, the rest leaves a ghost, a ghost's object goes to main. */
#include "disks.h"

enum { LEN = 30000 };

/* Puts numbers until the store is full; returns the one behind the last. */
static uint64_t fill(struct cache_store *store, uint64_t number)
{
	while (put_number(store, number, 1, LEN) == CACHE_PUT_DONE)
		number++;
	return number;
}

static uint32_t log_of(struct cache_store *store, uint64_t number)
{
	struct key_text text;
	struct cache_key key = key_of(store, &text, number);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, key.hash, &record);
	assert_non_null(slot);
	return store->segments[cache_store_segment_of(store, cache_slot_location(*slot))].log;
}

static bool has_ghost(struct cache_store *store, uint64_t number)
{
	struct key_text text;
	return cache_index_has_ghost(store, key_of(store, &text, number).hash);
}

static void what_was_used_is_promoted_and_the_rest_leaves_ghosts(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	fill(store, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(has_number(bench.reader, 2));
	cache_reader_quiet(bench.reader);
	assert_true(cache_keeper_evict(store));
	assert_int_equal(log_of(store, 2), CACHE_LOG_MAIN);
	assert_true(has_number(bench.reader, 2));
	assert_false(has_number(bench.reader, 1));
	assert_true(has_ghost(store, 1));
	assert_false(has_ghost(store, 2));
	struct cache_store_numbers numbers = numbers_of(store);
	assert_int_equal(numbers.reinserted, 1);
	assert_true(numbers.evicted > 5);
	assert_int_equal(numbers.ghosts, numbers.evicted);
	assert_int_equal(numbers.segments_draining, 1);
	assert_int_equal(numbers.damaged, 0);
	cache_reader_quiet(bench.reader);

	/* What comes back goes to main at once. */
	keep_all(store);
	assert_int_equal(put_number(store, 1, 1, LEN), CACHE_PUT_DONE);
	assert_int_equal(log_of(store, 1), CACHE_LOG_MAIN);
	assert_int_equal(put_number(store, 77777, 1, LEN), CACHE_PUT_DONE);
	assert_int_equal(log_of(store, 77777), CACHE_LOG_PROBATION);
	bench_done(&bench);
}

static void main_gives_each_use_one_more_round(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	fill(store, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(has_number(bench.reader, 2));
	cache_reader_quiet(bench.reader);
	/* Promoted with no use left; then one use in main. */
	keep_all(store);
	assert_int_equal(log_of(store, 2), CACHE_LOG_MAIN);
	assert_true(has_number(bench.reader, 2));
	cache_reader_quiet(bench.reader);
	cache_store_lock(store);
	struct cache_room room; /* seals the open one */
	assert_true(cache_segment_reserve(
	        store, CACHE_LOG_MAIN, store->geometry.segment_bytes, true, &room));
	cache_segment_unpin(store, room.segment);
	/* Nothing else in probation, so that main must give. */
	while (store->shared->rings[CACHE_LOG_PROBATION].count > 0) {
		uint32_t segment = cache_segment_take_oldest(store, CACHE_LOG_PROBATION);
		cache_index_remove_segment(store, segment);
		cache_segment_retire(store, segment);
	}
	cache_store_unlock(store);
	assert_true(cache_keeper_evict(store));
	assert_true(has_number(bench.reader, 2));
	assert_int_equal(numbers_of(store).reinserted, 2);
	bench_done(&bench);
}

static void a_purge_during_the_copy_is_not_lost(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	fill(store, 0);
	struct key_text text;
	struct cache_key key = key_of(store, &text, 2);
	for (unsigned i = 0; i < 3; i++)
		assert_true(has_number(bench.reader, 2));
	cache_reader_quiet(bench.reader);
	cache_purge_url(store, &key, CACHE_PURGE_SOFT);
	assert_true(cache_keeper_evict(store));
	struct cache_entry entry;
	assert_int_equal(find_number(bench.reader, 2, &entry), CACHE_FOUND_OBJECT);
	assert_true(entry.is_soft_purged);
	bench_done(&bench);
}

static void a_segment_whose_lengths_are_damaged_leaves_nothing_behind(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	fill(store, 0);
	uint32_t oldest = store->rings[(uint64_t)CACHE_LOG_PROBATION * store->geometry.segments +
	                               store->shared->rings[CACHE_LOG_PROBATION].first];
	uint32_t live = store->segments[oldest].live;
	assert_true(live > 5);
	struct cache_record *record =
	        cache_store_record(store, cache_store_location(store, oldest, 0));
	record->bytes = 0;
	assert_true(cache_keeper_evict(store));
	assert_int_equal(store->segments[oldest].live, 0);
	assert_int_equal(numbers_of(store).damaged, live);
	assert_int_equal(store->segments[oldest].state, CACHE_SEGMENT_DRAINING);
	for (uint64_t i = 0; i < store->geometry.buckets * CACHE_BUCKET_SLOTS; i++)
		if (cache_slot_kind(store->slots[i]) == CACHE_SLOT_ENTRY)
			assert_int_not_equal(
			        cache_store_segment_of(store, cache_slot_location(store->slots[i])),
			        oldest);
	bench_done(&bench);
}

static void everything_hot_still_makes_room(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	uint64_t next = 0;
	for (unsigned round = 0; round < 20; round++) {
		uint64_t first = next;
		next = fill(bench.store, next);
		assert_true(next > first);
		for (uint64_t i = 0; i < next; i++)
			for (unsigned use = 0; use < 3; use++)
				(void)has_number(bench.reader, i);
		cache_reader_quiet(bench.reader);
		keep_all(bench.store);
	}
	assert_true(numbers_of(bench.store).reinserted > 100);
	bench_done(&bench);
}

/* Puts more objects than there is room for, with every second one used. */
static void churn(struct disks *disks, uint64_t first, uint64_t end)
{
	struct cache_store *store = disks->bench.store;
	for (uint64_t number = first; number < end; number++) {
		while (put_number(store, number, 1, LEN) == CACHE_PUT_FULL)
			assert_true(cache_keeper_turn(store));
		if (number % 2 == 0)
			assert_true(has_number(disks->bench.reader, number));
		cache_reader_quiet(disks->bench.reader);
	}
}

static void probation_may_grow_while_a_disk_is_behind(void **state)
{
	(void)state;
	for (unsigned is_behind = 0; is_behind < 2; is_behind++) {
		struct disks disks;
		disks_init(&disks, 1);
		struct cache_store *store = disks.bench.store;
		disk_open_by_hand(&disks, 0, 0, 7);
		if (!is_behind)
			store->disks->copied[CACHE_LOG_PROBATION].order = UINT64_MAX;
		churn(&disks, 0, 2000);
		uint32_t probation = cache_segment_count(store, CACHE_LOG_PROBATION);
		uint32_t percent = probation * 100 / store->geometry.segments;
		assert_true(is_behind ? percent > 20 && percent < 35 : percent < 12);
		disks_done(&disks);
	}
}

static void what_has_a_copy_goes_there_with_what_is_known_of_it(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	disk_open_by_hand(&disks, 0, 0, 7);
	disk_open_by_hand(&disks, 0, 1, 8);
	fill(store, 0);
	uint64_t first = copy_by_hand(&disks, 0, hash_of(store, 1), 0, 640);
	copy_by_hand(&disks, 0, hash_of(store, 2), 0, 64000);
	copy_by_hand(&disks, 0, hash_of(store, 3), 1, 640);
	disk_at(&disks, 0)->evicting = 1; /* that copy is worth nothing any more */
	struct key_text text;
	struct cache_key key = key_of(store, &text, 2);
	cache_purge_url(store, &key, CACHE_PURGE_SOFT);
	assert_true(cache_keeper_evict(store));
	struct cache_record *record;
	assert_non_null(cache_index_find_location(store, hash_of(store, 1), first));
	keep_all(store);
	assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_DONE);
	assert_true(has_number(disks.bench.reader, 1));
	assert_int_equal(recall_number(&disks, 2), CACHE_RECALL_DONE);
	struct cache_entry entry;
	assert_int_equal(find_number(disks.bench.reader, 2, &entry), CACHE_FOUND_OBJECT);
	assert_true(entry.is_soft_purged);
	assert_null(cache_index_find(store, hash_of(store, 3), &record));
	assert_true(has_ghost(store, 3));
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_used_is_promoted_and_the_rest_leaves_ghosts),
	        cmocka_unit_test(main_gives_each_use_one_more_round),
	        cmocka_unit_test(a_purge_during_the_copy_is_not_lost),
	        cmocka_unit_test(a_segment_whose_lengths_are_damaged_leaves_nothing_behind),
	        cmocka_unit_test(everything_hot_still_makes_room),
	        cmocka_unit_test(probation_may_grow_while_a_disk_is_behind),
	        cmocka_unit_test(what_has_a_copy_goes_there_with_what_is_known_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
