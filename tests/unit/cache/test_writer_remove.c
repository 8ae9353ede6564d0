/* Removals: what is acknowledged is on the disk, whatever dies afterwards. */
#include "writers.h"

enum { LEN = 1000, COUNT = 60 };

/* Two of each that is done to them, copied and then removed, the rest left alone. */
static void remove_all_ways(struct disks *disks)
{
	struct cache_store *store = disks->bench.store;
	put_range(disks, 0, COUNT, LEN);
	struct cache_put_object put = {.id = 1,
	        .sequence = cache_store_sequence(store),
	        .tags = (const uint64_t[]){77},
	        .tag_count = 1};
	assert_int_equal(put_as(store, COUNT, 1, LEN, &put), CACHE_PUT_DONE);
	put.tags = (const uint64_t[]){78};
	assert_int_equal(put_as(store, COUNT + 1, 1, LEN, &put), CACHE_PUT_DONE);
	write_all(disks, 0, true);
	purge_number(disks, 1, CACHE_PURGE_HARD);
	purge_number(disks, 2, CACHE_PURGE_SOFT);
	/* While it is away. */
	send_all_away(disks, 3, 5);
	purge_number(disks, 3, CACHE_PURGE_HARD);
	purge_number(disks, 4, CACHE_PURGE_SOFT);
	cache_purge_tag(store, disks->bench.domain, 77, CACHE_PURGE_HARD);
	cache_purge_tag(store, disks->bench.domain, 78, CACHE_PURGE_SOFT);
	cache_purge_prefix(
	        store, disks->bench.domain, STR("http://a.example/6/"), CACHE_PURGE_HARD);
	/* Replaced, and the new one is lost with the memory. */
	put_range(disks, 8, 9, LEN);
}

static void expect_removed(struct disks *disks)
{
	assert_true(is_somewhere(disks, 0));
	assert_false(is_soft_somewhere(disks, 0));
	assert_false(is_somewhere(disks, 1));
	assert_true(is_soft_somewhere(disks, 2));
	assert_false(is_somewhere(disks, 3));
	assert_true(is_soft_somewhere(disks, 4));
	assert_false(is_somewhere(disks, COUNT));
	assert_true(is_soft_somewhere(disks, COUNT + 1));
	assert_false(is_somewhere(disks, 6));
	assert_false(is_somewhere(disks, 13));
	assert_false(is_somewhere(disks, 8));
	assert_true(is_somewhere(disks, 9));
}

static void what_was_removed_stays_so_after_any_number_of_starts(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	remove_all_ways(&disks);
	uint64_t moment = cache_disk_moment(disks.bench.store);
	assert_false(cache_disk_is_durable(disks.bench.store, moment));
	assert_true(cache_writer_turn(disks.bench.store, 0, false));
	assert_true(cache_disk_is_durable(disks.bench.store, moment));
	for (unsigned i = 0; i < 3; i++) {
		start_anew(&disks);
		expect_removed(&disks);
	}
	disks_done(&disks);
}

static void more_than_everything(enum cache_purge how)
{
	struct disks disks;
	writers_init(&disks, 2);
	put_range(&disks, 0, COUNT, LEN);
	while (cache_writer_turn(disks.bench.store, 0, true) ||
	        cache_writer_turn(disks.bench.store, 1, true))
		;
	cache_purge_all(disks.bench.store, how);
	put_range(&disks, COUNT, COUNT + 5, LEN);
	write_all(&disks, 0, true);
	write_all(&disks, 1, true);
	for (unsigned i = 0; i < 2; i++) {
		start_anew(&disks);
		for (uint64_t number = 0; number < COUNT; number++)
			assert_int_equal(
			        is_soft_somewhere(&disks, number), how == CACHE_PURGE_SOFT);
		assert_int_equal(count_somewhere(&disks, COUNT, COUNT + 5), 5);
		assert_false(is_soft_somewhere(&disks, COUNT));
	}
	disks_done(&disks);
}

static void everything_is_removed_for_good(void **state)
{
	(void)state;
	more_than_everything(CACHE_PURGE_HARD);
	more_than_everything(CACHE_PURGE_SOFT);
}

/* ---- what is taken is not lost before it is synced ---- */

static struct disks *current;
static unsigned syncs;

static int sync_and_look(int fd)
{
	struct cache_store *store = current->bench.store;
	assert_int_equal(fd, store->disk_fds[0]);
	syncs++;
	cache_store_lock(store);
	/* A writer that died here would leave them to the next. */
	assert_int_equal(disk_at(current, 0)->removal_count, 2);
	assert_true(disk_at(current, 0)->marked < store->disks->last_mark);
	cache_store_unlock(store);
	return 0;
}

static void what_waits_is_taken_for_good_when_it_is_synced(void **state)
{
	(void)state;
	struct disks disks;
	current = &disks;
	writers_init(&disks, 1);
	put_range(&disks, 0, 5, LEN);
	write_all(&disks, 0, true);
	purge_number(&disks, 1, CACHE_PURGE_HARD);
	purge_number(&disks, 2, CACHE_PURGE_HARD);
	cache_purge_tag(disks.bench.store, disks.bench.domain, 77, CACHE_PURGE_HARD);
	syncs = 0;
	cache_writer_calls.sync = sync_and_look;
	assert_true(cache_writer_turn(disks.bench.store, 0, false));
	inject_nothing();
	assert_int_equal(syncs, 1);
	assert_int_equal(disk_at(&disks, 0)->removal_count, 0);
	assert_int_equal(disk_at(&disks, 0)->marked, disks.bench.store->disks->last_mark);
	assert_int_equal(numbers_of_disk(&disks, 0).removals, 2);
	assert_false(cache_writer_turn(disks.bench.store, 0, false));
	disks_done(&disks);
}

static void many_removals_are_written_in_one_turn(void **state)
{
	(void)state;
	enum { MANY = 6000 };
	struct disks disks;
	writers_init(&disks, 1);
	put_range(&disks, 0, MANY, 100);
	write_all(&disks, 0, true);
	for (uint64_t i = 0; i < MANY; i += 1 + (i % 100 == 0))
		purge_number(&disks, i, CACHE_PURGE_HARD);
	uint64_t moment = cache_disk_moment(disks.bench.store);
	assert_true(cache_writer_turn(disks.bench.store, 0, false));
	assert_true(cache_disk_is_durable(disks.bench.store, moment));
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, MANY), MANY / 100);
	disks_done(&disks);
}

/* More than the queue holds: everything goes, nothing comes back. */
static void too_many_removals_remove_everything(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	put_range(&disks, 0, COUNT, LEN);
	write_all(&disks, 0, true);
	struct cache_record *record;
	cache_store_lock(store);
	assert_non_null(cache_index_find(store, hash_of(store, 3), &record));
	for (unsigned i = 0; i <= LIMIT_CACHE_DISK_REMOVALS; i++)
		cache_disk_forget(store, cache_record_copy(record));
	cache_store_unlock(store);
	write_all(&disks, 0, false);
	assert_int_equal(disk_at(&disks, 0)->removal_count, 0);
	assert_int_equal(numbers_of_disk(&disks, 0).removals, LIMIT_CACHE_DISK_REMOVALS);
	put_range(&disks, COUNT, COUNT + 1, LEN);
	write_all(&disks, 0, true);
	for (unsigned i = 0; i < 2; i++) {
		start_anew(&disks);
		assert_int_equal(count_somewhere(&disks, 0, COUNT), 0);
		assert_true(is_somewhere(&disks, COUNT));
	}
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_removed_stays_so_after_any_number_of_starts),
	        cmocka_unit_test(everything_is_removed_for_good),
	        cmocka_unit_test(what_waits_is_taken_for_good_when_it_is_synced),
	        cmocka_unit_test(many_removals_are_written_in_one_turn),
	        cmocka_unit_test(too_many_removals_remove_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
