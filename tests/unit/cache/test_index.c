/* The index: placing, ghosts, what a full pair of buckets drops. */
#include "disks.h"

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

static void disks_make_the_window_of_ghosts_longer(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	disk_open_by_hand(&disks, 0, 0, 1);
	disk_open_by_hand(&disks, 1, 0, 1);
	struct cache_store *store = disks.bench.store;
	cache_store_lock(store);
	uint64_t location = add(store, 7);
	cache_index_make_ghost(store, cache_index_find_location(store, 7, location), 7);
	uint64_t window =
	        store->geometry.segments + 2 * (DISK_BYTES / store->geometry.segment_bytes);
	store->shared->ghost_clock += window;
	assert_true(cache_index_has_ghost(store, 7));
	store->shared->ghost_clock += window / 100 + 1; /* it is counted in units */
	assert_false(cache_index_has_ghost(store, 7));
	cache_store_unlock(store);
	disks_done(&disks);
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

/* While a disk is scanned, what goes leaves a tomb, whatever way it goes. */
static void what_goes_during_a_scan_leaves_a_tomb(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	struct cache_record *record;
	cache_store_lock(store);
	for (uint64_t hash = 1; hash <= 3; hash++)
		add(store, hash);
	cache_index_remove(store, cache_index_find(store, 1, &record), 1);
	cache_index_make_ghost(store, cache_index_find(store, 2, &record), 2);
	cache_index_add_tomb(store, 4);
	assert_true(cache_index_has_tomb(store, 1));
	assert_true(cache_index_has_tomb(store, 2));
	assert_false(cache_index_has_tomb(store, 3));
	assert_true(cache_index_has_tomb(store, 4));
	assert_false(cache_index_has_ghost(store, 2));
	add(store, 1);
	assert_false(cache_index_has_tomb(store, 1));
	/* Once all is known they are free places, and none is made any more. */
	disk_open_by_hand(&disks, 0, 0, 7);
	cache_index_remove(store, cache_index_find(store, 3, &record), 3);
	assert_false(cache_index_has_tomb(store, 3));
	cache_index_add_tomb(store, 5);
	assert_false(cache_index_has_tomb(store, 5));
	cache_store_unlock(store);
	disks_done(&disks);
}

/* What can't be told apart any more is not scanned any more. */
static void a_tomb_or_an_entry_that_is_lost_stops_scans(void **state)
{
	(void)state;
	for (unsigned is_tomb = 0; is_tomb < 2; is_tomb++) {
		struct disks disks;
		disks_init(&disks, 1);
		struct cache_store *store = disks.bench.store;
		cache_store_lock(store);
		for (uint64_t i = 0; i < 16; i++) {
			if (is_tomb)
				cache_index_add_tomb(store, neighbour(i));
			else
				add(store, neighbour(i));
		}
		assert_false(disk_at(&disks, 0)->is_scan_stopped);
		add(store, neighbour(16));
		assert_true(disk_at(&disks, 0)->is_scan_stopped);
		cache_store_unlock(store);
		disks_done(&disks);
	}
}

/* What a scan finds has the last claim to a place. */
static void what_is_known_is_not_lost_for_what_a_scan_finds(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	struct cache_store *store = disks.bench.store;
	struct cache_record *record;
	disk_open_by_hand(&disks, 0, 2, 9);
	cache_store_lock(store);
	for (uint64_t i = 0; i < 15; i++)
		add(store, neighbour(i));
	assert_true(cache_index_add_known(store, neighbour(15), cache_disk_location(2, 640)));
	assert_false(cache_index_add_known(store, neighbour(16), cache_disk_location(2, 6400)));
	assert_null(cache_index_find(store, neighbour(16), &record));
	for (uint64_t i = 0; i < 16; i++)
		assert_non_null(cache_index_find(store, neighbour(i), &record));
	assert_false(disk_at(&disks, 1)->is_scan_stopped);
	/* Nor for a tomb. */
	cache_index_remove(store, cache_index_find(store, neighbour(3), &record), neighbour(3));
	assert_true(cache_index_has_tomb(store, neighbour(3)));
	assert_false(cache_index_add_known(store, neighbour(16), cache_disk_location(2, 6400)));
	assert_int_equal(store->shared->counters.away, 1);
	cache_store_unlock(store);
	disks_done(&disks);
}

static void an_entry_may_lead_to_a_disk(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	disk_open_by_hand(&disks, 0, 2, 9);
	uint64_t location = cache_disk_location(2, 640), other = cache_disk_location(2, 6400);
	struct cache_record *record;
	cache_store_lock(store);
	cache_index_add(store, 1, location, 0);
	_Atomic uint64_t *slot = cache_index_find(store, 1, &record);
	assert_non_null(slot);
	assert_null(record);
	assert_int_equal(store->shared->counters.away, 1);
	assert_int_equal(store->shared->counters.objects, 0);
	/* A record in memory goes before what has only the tag. */
	uint64_t here = add(store, 3);
	cache_index_move(store, slot, here, 1, true);
	assert_int_equal(*slot & CACHE_SLOT_IS_SOFT, 0);
	cache_index_move(store, slot, location, 2, true);
	assert_int_equal(*slot & CACHE_SLOT_IS_SOFT, CACHE_SLOT_IS_SOFT);
	assert_int_equal(cache_slot_freq(*slot), 2);
	assert_ptr_equal(cache_index_find_location(store, 1, location), slot);

	/* Softened: there, too. Removed: there, too. Dropped: not. */
	struct cache_removal removals[4];
	cache_index_move(store, slot, location, 2, false);
	cache_index_soften(store, slot, 1);
	assert_int_equal(*slot & CACHE_SLOT_IS_SOFT, CACHE_SLOT_IS_SOFT);
	cache_index_remove(store, slot, 1);
	cache_index_add(store, 2, other, 0);
	cache_index_drop(store, cache_index_find(store, 2, &record));
	assert_int_equal(cache_disk_take_removals(store, 0, removals, 4), 2);
	assert_int_equal(removals[0].order_kind, 9 << 2 | CACHE_REMOVAL_SOFT);
	assert_int_equal(removals[1].order_kind, 9 << 2 | CACHE_REMOVAL_PLACE);
	assert_int_equal(store->shared->counters.away, 0);
	cache_store_unlock(store);
	disks_done(&disks);
}

static void all_that_leads_to_a_segment_of_a_disk_can_be_removed(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	disk_open_by_hand(&disks, 0, 2, 9);
	disk_open_by_hand(&disks, 0, 3, 10);
	struct cache_record *record;
	cache_store_lock(store);
	cache_index_add(store, 1, cache_disk_location(2, 640), 0);
	cache_index_add(store, 2, cache_disk_location(3, 640), 0);
	add(store, 3);
	cache_index_find(store, 3, &record);
	cache_record_set_copy(record, cache_disk_location(2, 6400));
	atomic_store(&store->disk_orders[2], 0);
	cache_store_unlock(store);
	cache_index_leave_disk_segment(store, 2);
	cache_store_lock(store);
	assert_null(cache_index_find(store, 1, &record));
	assert_non_null(cache_index_find(store, 2, &record));
	assert_non_null(cache_index_find(store, 3, &record));
	assert_int_equal(cache_record_copy(record), 0);
	cache_index_recount(store);
	assert_int_equal(store->shared->counters.away, 1);
	assert_int_equal(store->shared->counters.objects, 1);
	cache_store_unlock(store);
	disks_done(&disks);
}

/* Two hashes that no slot tells apart, both on a disk; their locations. */
static uint64_t add_two_away(struct disks *disks, uint64_t locations[2])
{
	struct cache_store *store = disks->bench.store;
	uint64_t a = neighbour(0), i = 1;
	while (cache_slot_wanted(neighbour(i)) != cache_slot_wanted(a))
		i++;
	disk_open_by_hand(disks, 0, 0, 1);
	cache_store_lock(store);
	for (unsigned j = 0; j < 2; j++) {
		uint64_t hash = j == 0 ? a : neighbour(i);
		uint64_t location = add(store, hash);
		locations[j] = cache_disk_location(
		        store->geometry.disks[0].first, CACHE_GRANULE * (j + 1));
		cache_index_move(store, cache_index_find_location(store, hash, location),
		        locations[j], 0, false);
	}
	cache_store_unlock(store);
	return neighbour(i);
}

static void what_no_slot_tells_from_it_is_purged_with_it(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct disks disks;
		uint64_t locations[2];
		disks_init(&disks, 1);
		uint64_t b = add_two_away(&disks, locations), a = neighbour(0);
		struct cache_store *store = disks.bench.store;
		const struct cache_key key = {.text = STR("x"), .hash = which == 0 ? a : b};
		cache_purge_url(store, &key, CACHE_PURGE_HARD);
		assert_null(cache_index_find_location(store, a, locations[0]));
		assert_null(cache_index_find_location(store, b, locations[1]));
		assert_int_equal(disk_at(&disks, 0)->removal_count, 2);
		assert_int_equal(store->shared->counters.away, 0);
		disks_done(&disks);
	}
}

static void what_no_slot_tells_from_it_is_softened_with_it(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t locations[2];
	disks_init(&disks, 1);
	uint64_t b = add_two_away(&disks, locations), a = neighbour(0);
	struct cache_store *store = disks.bench.store;
	const struct cache_key key = {.text = STR("x"), .hash = a};
	cache_purge_url(store, &key, CACHE_PURGE_SOFT);
	assert_true(*cache_index_find_location(store, a, locations[0]) & CACHE_SLOT_IS_SOFT);
	assert_true(*cache_index_find_location(store, b, locations[1]) & CACHE_SLOT_IS_SOFT);
	assert_int_equal(disk_at(&disks, 0)->removal_count, 2);
	disks_done(&disks);
}

/* Whichever of them it was: none of what was before a put is found after it. */
static void what_no_slot_tells_from_it_is_replaced_with_it(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct disks disks;
		uint64_t locations[2];
		static const char text[] = "HTTP/1.1 200 OK\r\n\r\n";
		const struct http_head head = {
		        .base = text, .len = sizeof(text) - 1, .status = 200};
		const struct cache_object object = {.length = 0};
		disks_init(&disks, 1);
		uint64_t b = add_two_away(&disks, locations), a = neighbour(0);
		struct cache_store *store = disks.bench.store;
		const struct cache_put_object put = {
		        .key = {.text = STR("x"), .hash = which == 0 ? a : b},
		        .object = &object,
		        .head = &head,
		        .sequence = cache_store_sequence(store),
		};
		assert_int_equal(cache_put_object(store, &put), CACHE_PUT_DONE);
		assert_null(cache_index_find_location(store, a, locations[0]));
		assert_null(cache_index_find_location(store, b, locations[1]));
		assert_int_equal(disk_at(&disks, 0)->removal_count, 2);
		struct cache_record *record;
		assert_non_null(cache_index_find(store, put.key.hash, &record));
		assert_non_null(record);
		disks_done(&disks);
	}
}

static void what_a_full_disk_lets_go_leaves_a_tomb_for_others(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	cache_store_lock(store);
	uint64_t location = add(store, 7);
	cache_index_let_go(store, cache_index_find_location(store, 7, location), 7);
	assert_true(cache_index_has_tomb(store, 7));
	disk_open_by_hand(&disks, 0, 0, 1);
	location = add(store, 8);
	cache_index_let_go(store, cache_index_find_location(store, 8, location), 8);
	assert_false(cache_index_has_tomb(store, 8));
	cache_store_unlock(store);
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(entries_are_found_moved_and_removed),
	        cmocka_unit_test(the_record_decides_where_tags_are_the_same),
	        cmocka_unit_test(ghosts_are_remembered_until_their_window_is_over),
	        cmocka_unit_test(disks_make_the_window_of_ghosts_longer),
	        cmocka_unit_test(what_no_slot_tells_from_it_is_purged_with_it),
	        cmocka_unit_test(what_no_slot_tells_from_it_is_softened_with_it),
	        cmocka_unit_test(what_no_slot_tells_from_it_is_replaced_with_it),
	        cmocka_unit_test(what_a_full_disk_lets_go_leaves_a_tomb_for_others),
	        cmocka_unit_test(an_entry_replaces_its_own_ghost),
	        cmocka_unit_test(a_full_pair_of_buckets_drops_what_is_worth_least),
	        cmocka_unit_test(a_segment_can_be_searched_for_and_all_be_counted_anew),
	        cmocka_unit_test(what_goes_during_a_scan_leaves_a_tomb),
	        cmocka_unit_test(a_tomb_or_an_entry_that_is_lost_stops_scans),
	        cmocka_unit_test(what_is_known_is_not_lost_for_what_a_scan_finds),
	        cmocka_unit_test(an_entry_may_lead_to_a_disk),
	        cmocka_unit_test(all_that_leads_to_a_segment_of_a_disk_can_be_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
