/* The index: placing, ghosts, what a full pair of buckets drops. */
#include "fixture.h"

/* A record of the least size in probation, whose entry has the hash. */
static uint64_t add(struct cache_store *store, uint64_t hash)
{
	struct cache_room room;
	assert_true(cache_segment_reserve(store, CACHE_LOG_PROBATION, 64, true, &room));
	room.record->hash = hash;
	room.record->kind = CACHE_KIND_PIECE;
	cache_index_add(store, hash, room.location, 64);
	cache_segment_unpin(store, room.segment);
	return room.location;
}

/* Hashes with the same two buckets and different tags. */
static uint64_t neighbour(uint64_t i)
{
	return UINT64_C(0x5678000012340000) + i;
}

static void use_often(_Atomic uint64_t *slot, unsigned times)
{
	*slot += times * CACHE_SLOT_ONE_USE;
}

static void entries_are_found_moved_and_removed(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	uint64_t first = add(store, 1), second = add(store, 2);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, 1, &record);
	assert_non_null(slot);
	assert_int_equal(record->hash, 1);
	assert_ptr_equal(cache_index_find_location(store, 1, first), slot);
	assert_null(cache_index_find_location(store, 1, second));
	assert_null(cache_index_find(store, 3, &record));
	assert_int_equal(store->segments[0].live, 2);

	cache_index_move(store, slot, second, 2, false);
	assert_ptr_equal(cache_index_find_location(store, 1, second), slot);
	assert_int_equal(cache_slot_freq(*slot), 2);
	assert_int_equal(store->segments[0].live, 2);
	cache_index_remove(store, slot, 1);
	assert_null(cache_index_find_location(store, 1, second));
	assert_int_equal(store->shared->counters.objects, 1);
	assert_int_equal(store->shared->counters.bytes, 64);
	assert_int_equal(store->segments[0].live, 1);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void the_record_decides_where_tags_are_the_same(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	/* The same tag, looked for; buckets are the same for all of these. */
	uint64_t a = neighbour(0), i = 1;
	while (cache_slot_wanted(neighbour(i)) != cache_slot_wanted(a))
		i++;
	uint64_t b = neighbour(i);
	assert_ptr_equal(cache_index_bucket(store, a, 0), cache_index_bucket(store, b, 0));
	assert_ptr_equal(cache_index_bucket(store, a, 1), cache_index_bucket(store, b, 1));
	add(store, a);
	add(store, b);
	struct cache_record *record;
	assert_non_null(cache_index_find(store, a, &record));
	assert_int_equal(record->hash, a);
	assert_non_null(cache_index_find(store, b, &record));
	assert_int_equal(record->hash, b);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void ghosts_are_remembered_until_their_window_is_over(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	uint64_t location = add(store, 7);
	assert_false(cache_index_has_ghost(store, 7));
	cache_index_make_ghost(store, cache_index_find_location(store, 7, location), 7);
	assert_true(cache_index_has_ghost(store, 7));
	assert_false(cache_index_has_ghost(store, 8));
	struct cache_record *record;
	assert_null(cache_index_find(store, 7, &record));
	assert_int_equal(store->shared->counters.objects, 0);

	store->shared->ghost_clock += store->geometry.segments;
	assert_true(cache_index_has_ghost(store, 7));
	store->shared->ghost_clock++;
	assert_false(cache_index_has_ghost(store, 7));
	assert_int_equal(cache_index_count_ghosts(store), 1);

	/* Whoever comes to its bucket clears it. */
	add(store, 7);
	assert_int_equal(cache_index_count_ghosts(store), 0);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void an_entry_replaces_its_own_ghost(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	uint64_t location = add(store, 7);
	cache_index_make_ghost(store, cache_index_find_location(store, 7, location), 7);
	add(store, 7);
	assert_false(cache_index_has_ghost(store, 7));
	assert_int_equal(cache_index_count_ghosts(store), 0);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void a_full_pair_of_buckets_drops_what_is_worth_least(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	cache_store_lock(store);
	const uint64_t slots = 2 * CACHE_BUCKET_SLOTS;
	uint64_t locations[2 * CACHE_BUCKET_SLOTS];
	for (uint64_t i = 0; i < slots; i++) {
		locations[i] = add(store, neighbour(i));
		_Atomic uint64_t *slot =
		        cache_index_find_location(store, neighbour(i), locations[i]);
		use_often(slot, i == 5 ? 1 : 2);
	}
	assert_int_equal(store->shared->counters.index_drops, 0);
	assert_int_equal(store->shared->counters.objects, slots);

	/* Two ghosts; the older one goes first, then the other. */
	cache_index_make_ghost(
	        store, cache_index_find_location(store, neighbour(3), locations[3]), neighbour(3));
	store->shared->ghost_clock += 3;
	cache_index_make_ghost(
	        store, cache_index_find_location(store, neighbour(2), locations[2]), neighbour(2));
	add(store, neighbour(100));
	assert_false(cache_index_has_ghost(store, neighbour(3)));
	assert_true(cache_index_has_ghost(store, neighbour(2)));
	use_often(cache_index_find(store, neighbour(100), &(struct cache_record *){0}), 3);
	add(store, neighbour(101));
	assert_false(cache_index_has_ghost(store, neighbour(2)));
	use_often(cache_index_find(store, neighbour(101), &(struct cache_record *){0}), 3);
	assert_int_equal(store->shared->counters.index_drops, 0);

	/* Then the entry that was used least. */
	add(store, neighbour(102));
	assert_null(cache_index_find_location(store, neighbour(5), locations[5]));
	assert_int_equal(store->shared->counters.index_drops, 1);
	assert_int_equal(store->shared->counters.objects, slots);
	assert_int_equal(store->segments[0].live, slots);
	cache_store_unlock(store);
	bench_done(&bench);
}

static void a_segment_can_be_searched_for_and_all_be_counted_anew(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(put_number(store, i, 1, 40000), CACHE_PUT_DONE);
	cache_store_lock(store);
	struct cache_counters before = store->shared->counters;
	uint32_t live = store->segments[1].live;
	assert_true(live > 0);
	store->segments[1].live = 999;
	store->shared->counters.objects = 12345;
	cache_index_recount(store);
	assert_int_equal(store->segments[1].live, live);
	assert_memory_equal(&store->shared->counters, &before, sizeof(before));
	cache_index_remove_segment(store, 1);
	assert_int_equal(store->segments[1].live, 0);
	assert_int_equal(store->shared->counters.objects, 40 - live);
	cache_store_unlock(store);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(entries_are_found_moved_and_removed),
	        cmocka_unit_test(the_record_decides_where_tags_are_the_same),
	        cmocka_unit_test(ghosts_are_remembered_until_their_window_is_over),
	        cmocka_unit_test(an_entry_replaces_its_own_ghost),
	        cmocka_unit_test(a_full_pair_of_buckets_drops_what_is_worth_least),
	        cmocka_unit_test(a_segment_can_be_searched_for_and_all_be_counted_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
