/* Removals on their way to a disk: none is lost, in order, and too many remove more. */
#include "disks.h"

static void none_is_queued_for_what_is_nowhere(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	uint64_t moment = cache_disk_moment(store);
	cache_disk_forget(store, 0);
	cache_disk_forget(store, 5);
	cache_disk_forget(store, CACHE_SLOT_LOCATION_MASK);
	cache_disk_forget(store, cache_disk_location(2, 64)); /* nothing is in the segment */
	assert_int_equal(disk_at(&disks, 0)->removal_count, 0);
	assert_int_equal(cache_disk_moment(store), moment);
	disks_done(&disks);

	/* Without disks all of it is nothing. */
	struct bench bench;
	bench_init(&bench);
	cache_disk_forget(bench.store, cache_disk_location(2, 64));
	cache_disk_forget_unscanned(bench.store, 1);
	cache_disk_raise_moment(bench.store);
	assert_int_equal(cache_disk_moment(bench.store), 0);
	assert_true(cache_disk_is_durable(bench.store, 0));
	bench_done(&bench);
}

static void they_come_in_their_order(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	struct cache_store *store = disks.bench.store;
	disk_open_by_hand(&disks, 0, 3, 40);
	disk_open_by_hand(&disks, 1, 4, 50);
	uint32_t first = store->geometry.disks[1].first;
	uint64_t moment = cache_disk_moment(store);
	for (unsigned round = 0; round < 5 * LIMIT_CACHE_DISK_REMOVALS / 4; round++) {
		cache_disk_forget(store, cache_disk_location(3, 64 * (round % 1000 + 1)));
		cache_disk_soften(store, cache_disk_location(first + 4, 64 * (round % 1000 + 1)));
		struct cache_removal removal;
		assert_int_equal(cache_disk_take_removals(store, 0, &removal, 1), 1);
		assert_int_equal(removal.what, cache_disk_location(3, 64 * (round % 1000 + 1)));
		assert_int_equal(removal.order_kind, 40 << 2 | CACHE_REMOVAL_PLACE);
		assert_int_equal(cache_disk_take_removals(store, 0, &removal, 1), 0);
		assert_int_equal(cache_disk_take_removals(store, 1, &removal, 1), 1);
		assert_int_equal(removal.order_kind, 50 << 2 | CACHE_REMOVAL_SOFT);
	}
	assert_true(cache_disk_moment(store) >= moment + 5 * LIMIT_CACHE_DISK_REMOVALS / 2);
	assert_int_equal(store->disks->floor, 0);
	disks_done(&disks);
}

static void too_many_raise_the_floor(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	disk_open_by_hand(&disks, 0, 0, 7);
	assert_int_equal(put_number(store, 1, 1, 500), CACHE_PUT_DONE);
	copy_by_hand(&disks, 0, hash_of(store, 1), 0, 6400);
	send_away(&disks, 1);
	cache_store_lock(store);
	for (unsigned i = 0; i < LIMIT_CACHE_DISK_REMOVALS; i++)
		cache_disk_forget(store, cache_disk_location(0, 64 * (i + 1)));
	assert_int_equal(store->disks->floor, 0);
	uint64_t moment = cache_disk_moment(store);
	cache_disk_forget(store, cache_disk_location(0, 64));
	cache_store_unlock(store);
	assert_true(cache_disk_moment(store) > moment);
	assert_int_equal(store->disks->floor, cache_store_sequence(store));
	assert_int_equal(recall_number(&disks, 1), CACHE_RECALL_GONE);
	/* What is put from now on is not touched. */
	assert_int_equal(put_number(store, 2, 1, 500), CACHE_PUT_DONE);
	copy_by_hand(&disks, 0, hash_of(store, 2), 0, 64000);
	send_away(&disks, 2);
	assert_int_equal(recall_number(&disks, 2), CACHE_RECALL_DONE);
	/* The writer is told. */
	struct cache_disk_mark_kept mark;
	char text[LIMIT_CACHE_PREFIX_BYTES];
	assert_true(cache_disk_take_mark(store, 0, &mark, text));
	assert_int_equal(mark.mark.kind, CACHE_MARK_FLOOR);
	assert_int_equal(mark.sequence, store->disks->floor);
	assert_false(cache_disk_take_mark(store, 0, &mark, text));
	disks_done(&disks);
}

static void what_is_not_scanned_yet_is_told_by_hash(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	struct cache_store *store = disks.bench.store;
	disk_open_by_hand(&disks, 0, 0, 7); /* the other one is not scanned yet */
	struct key_text text;
	struct cache_key key = key_of(store, &text, 1);
	cache_purge_url(store, &key, CACHE_PURGE_HARD);
	assert_true(cache_index_has_tomb(store, key.hash));
	struct cache_removal removal;
	assert_int_equal(cache_disk_take_removals(store, 0, &removal, 1), 0);
	assert_int_equal(cache_disk_take_removals(store, 1, &removal, 1), 1);
	assert_int_equal(removal.what, key.hash);
	assert_int_equal(removal.order_kind, CACHE_REMOVAL_HASH);
	/* A put is what there is now; when it goes, nothing older may come back. */
	assert_int_equal(put_number(store, 1, 1, 500), CACHE_PUT_DONE);
	assert_false(cache_index_has_tomb(store, key.hash));
	assert_int_equal(cache_disk_take_removals(store, 1, &removal, 1), 1);
	cache_purge_url(store, &key, CACHE_PURGE_HARD);
	assert_true(cache_index_has_tomb(store, key.hash));

	cache_store_lock(store);
	cache_disk_stop_scans(store);
	cache_store_unlock(store);
	assert_false(disk_at(&disks, 0)->is_scan_stopped);
	assert_true(disk_at(&disks, 1)->is_scan_stopped);
	disks_done(&disks);
}

static void a_queue_that_a_dying_process_broke_is_bounded(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	disk_at(&disks, 0)->removal_count = disk_at(&disks, 0)->removal_first = UINT32_MAX - 5;
	struct cache_removal removals[CACHE_DISK_BATCH_REMOVALS];
	unsigned taken, all = 0;
	while ((taken = cache_disk_take_removals(
	                disks.bench.store, 0, removals, CACHE_DISK_BATCH_REMOVALS)) > 0)
		all += taken;
	assert_int_equal(all, LIMIT_CACHE_DISK_REMOVALS);
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(none_is_queued_for_what_is_nowhere),
	        cmocka_unit_test(they_come_in_their_order),
	        cmocka_unit_test(too_many_raise_the_floor),
	        cmocka_unit_test(what_is_not_scanned_yet_is_told_by_hash),
	        cmocka_unit_test(a_queue_that_a_dying_process_broke_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
