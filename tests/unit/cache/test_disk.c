/* Where on disks something is, what a failed one is worth, and waiting for what is durable. */
#include "disks.h"

#include "base/clock.h"
#include "cache/writer.h"

#include <errno.h>
#include <pthread.h>

static void a_location_says_its_disk(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 3);
	struct cache_store *store = disks.bench.store;
	assert_int_equal(cache_disk_count(store), 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct cache_disk_geometry *g = &store->geometry.disks[i];
		uint64_t first = cache_disk_location(g->first, 0);
		uint64_t last = cache_disk_location(
		        g->first + g->segments - 1, g->segment_bytes - CACHE_GRANULE);
		assert_ptr_equal(cache_disk_of(store, first), disk_at(&disks, i));
		assert_ptr_equal(cache_disk_of(store, last), disk_at(&disks, i));
		assert_int_equal(cache_disk_number(store, disk_at(&disks, i)), i);
		assert_int_equal(cache_disk_segment_of(last), g->first + g->segments - 1);
		assert_int_equal(cache_disk_offset_of(last), g->segment_bytes - CACHE_GRANULE);
		uint64_t behind =
		        cache_disk_location(g->first, 0) + g->segment_bytes / CACHE_GRANULE;
		assert_null(cache_disk_of(store, behind));
	}
	assert_null(cache_disk_of(store, cache_disk_location(store->geometry.disk_segments, 0)));
	assert_null(cache_disk_of(store, 5));
	disks_done(&disks);
}

static void what_is_readable_and_of_use(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	uint64_t location = cache_disk_location(2, 64);
	assert_false(cache_disk_is_readable(store, location));
	disk_open_by_hand(&disks, 0, 2, 9);
	assert_true(cache_disk_is_readable(store, location));
	assert_true(cache_disk_is_of_use(store, location));
	disk_at(&disks, 0)->evicting = 2;
	assert_true(cache_disk_is_readable(store, location));
	assert_false(cache_disk_is_of_use(store, location));
	assert_false(cache_disk_is_of_use(store, 0));
	disks_done(&disks);
}

static void a_failed_disk_is_as_if_it_were_not_there(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	struct cache_store *store = disks.bench.store;
	assert_int_equal(atomic_load(&store->disks->scanning), 2);
	disk_open_by_hand(&disks, 0, 0, 7);
	assert_int_equal(put_number(store, 1, 1, 500), CACHE_PUT_DONE);
	assert_int_equal(put_number(store, 2, 1, 500), CACHE_PUT_DONE);
	copy_by_hand(&disks, 0, hash_of(store, 1), 0, 640);
	copy_by_hand(&disks, 0, hash_of(store, 2), 0, 6400);
	send_away(&disks, 1);
	cache_disk_fail(store, 0, EIO);
	cache_disk_fail(store, 0, ENOSPC); /* it has failed already */
	struct cache_entry entry;
	assert_int_equal(find_number(disks.bench.reader, 1, &entry), CACHE_FOUND_NOTHING);
	assert_true(has_number(disks.bench.reader, 2));
	struct cache_disk_numbers numbers;
	cache_disk_numbers(store, 0, &numbers);
	assert_int_equal(numbers.state, CACHE_DISK_FAILED);
	assert_int_equal(numbers.error, EIO);
	/* Its header is gone: the next memory does not take what it missed. */
	struct cache_disk_header header;
	assert_false(cache_disk_file_read_header(disks.options.disks[0].fd, &header));
	/* One that was not scanned yet is none that the others wait for. */
	cache_disk_fail(store, 1, EIO);
	assert_int_equal(atomic_load(&store->disks->scanning), 0);
	assert_int_equal(put_number(store, 1, 2, 500), CACHE_PUT_DONE);
	assert_true(has_number(disks.bench.reader, 1));
	disks_done(&disks);
}

static void many_read_errors_are_a_failure(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 1);
	disk_open_by_hand(&disks, 0, 0, 7);
	for (unsigned i = 1; i < LIMIT_CACHE_DISK_READ_ERRORS; i++)
		cache_disk_note_read_error(disks.bench.store, 0, EIO);
	assert_int_equal(atomic_load(&disk_at(&disks, 0)->state), CACHE_DISK_READY);
	cache_disk_note_read_error(disks.bench.store, 0, EIO);
	assert_int_equal(atomic_load(&disk_at(&disks, 0)->state), CACHE_DISK_FAILED);
	disks_done(&disks);
}

static void *reach_soon(void *context)
{
	struct cache_store *store = context;
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	cache_disk_reach(store, 0, cache_disk_moment(store));
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	cache_disk_fail(store, 1, EIO);
	return NULL;
}

static void who_waits_is_told_by_the_last_disk(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	struct cache_store *store = disks.bench.store;
	cache_disk_raise_moment(store);
	uint64_t moment = cache_disk_moment(store);
	assert_true(moment > 0);
	assert_false(cache_disk_wait(store, moment, 0));
	uint64_t before = clock_ms();
	assert_false(cache_disk_wait(store, moment, 30));
	assert_true(clock_ms() >= before + 30);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, reach_soon, store), 0);
	assert_true(cache_disk_wait(store, moment, 60000));
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(cache_disk_is_durable(store, moment));
	disks_done(&disks);
}

/* What is purged meanwhile must not be found at the next start, so it is not durable before. */
static void a_disk_that_fails_is_wiped_before_it_counts_as_gone(void **state)
{
	(void)state;
	struct disks disks;
	struct cache_disk_numbers numbers;
	struct cache_disk_header header;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	while (cache_writer_turn(store, 0, false))
		;
	assert_true(cache_disk_file_read_header(store->disk_fds[0], &header));
	cache_disk_raise_moment(store);
	uint64_t moment = cache_disk_moment(store);
	/* A process that dies in between has only said that it failed. */
	atomic_store(&disk_at(&disks, 0)->state, CACHE_DISK_FAILED);
	assert_false(cache_disk_is_durable(store, moment));
	/* A disk that does not take it is told, and goes on being tried. */
	int good = store->disk_fds[0];
	store->disk_fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_false(cache_writer_turn(store, 0, false));
	assert_true(cache_disk_is_durable(store, moment));
	cache_disk_numbers(store, 0, &numbers);
	assert_true(numbers.is_wipe_failed);
	close(store->disk_fds[0]);
	store->disk_fds[0] = good;
	assert_true(cache_disk_file_read_header(good, &header));
	assert_false(cache_writer_turn(store, 0, false));
	cache_disk_numbers(store, 0, &numbers);
	assert_false(numbers.is_wipe_failed);
	assert_false(cache_disk_file_read_header(good, &header));
	disks_done(&disks);
}

static void a_disk_of_another_memory_is_not_wiped(void **state)
{
	(void)state;
	struct disks disks;
	struct cache_disk_header header;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	while (cache_writer_turn(store, 0, false))
		;
	assert_true(cache_disk_file_read_header(store->disk_fds[0], &header));
	header.session++;
	cache_disk_seal_header(&header);
	assert_true(cache_disk_file_write_header(store->disk_fds[0], &header));
	cache_disk_fail(store, 0, EIO);
	assert_true(cache_disk_file_read_header(store->disk_fds[0], &header));
	assert_true(cache_disk_is_durable(store, cache_disk_moment(store)));
	disks_done(&disks);
}

/* One that fails before its own session is on it has that of the memory before. */
static void a_disk_that_fails_at_the_start_is_wiped(void **state)
{
	(void)state;
	struct disks disks;
	struct cache_disk_header header;
	disks_init(&disks, 1);
	struct cache_store *store = disks.bench.store;
	while (cache_writer_turn(store, 0, false))
		;
	disk_at(&disks, 0)->session++;
	assert_true(cache_disk_file_read_header(store->disk_fds[0], &header));
	cache_disk_fail(store, 0, EIO);
	assert_false(cache_disk_file_read_header(store->disk_fds[0], &header));
	disks_done(&disks);
}

/* Else it has no copies that were made since the start. */
static void a_disk_that_fails_stops_scans_if_it_was_read(void **state)
{
	(void)state;
	for (unsigned was_read = 0; was_read < 2; was_read++) {
		struct disks disks;
		disks_init(&disks, 2);
		struct cache_store *store = disks.bench.store;
		if (was_read)
			disk_open_by_hand(&disks, 0, 0, 7);
		cache_disk_fail(store, 0, EIO);
		assert_int_equal(disk_at(&disks, 1)->is_scan_stopped, was_read);
		disks_done(&disks);
	}
}

/* A death between the two, under the lock. */
static void how_many_are_read_is_counted_anew(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 3);
	struct cache_store *store = disks.bench.store;
	disk_open_by_hand(&disks, 1, 0, 7);
	cache_store_lock(store);
	atomic_store(&store->disks->scanning, 17);
	cache_disk_repair(store);
	assert_int_equal(atomic_load(&store->disks->scanning), 2);
	cache_store_unlock(store);
	disks_done(&disks);
}

static void a_disk_is_behind_in_what_it_will_copy(void **state)
{
	(void)state;
	struct disks disks;
	disks_init(&disks, 2);
	struct cache_store *store = disks.bench.store;
	/* Not before what is on it was read. */
	assert_false(cache_disk_is_behind(store, CACHE_LOG_PROBATION, 5));
	disk_open_by_hand(&disks, 1, 0, 7);
	store->disks->copied[CACHE_LOG_PROBATION].order = 5;
	store->disks->copied[CACHE_LOG_MAIN].order = 9;
	assert_true(cache_disk_is_behind(store, CACHE_LOG_PROBATION, 5));
	assert_false(cache_disk_is_behind(store, CACHE_LOG_PROBATION, 4));
	assert_true(cache_disk_is_behind(store, CACHE_LOG_MAIN, 9));
	/* What was asked for once does not come to a disk that is full. */
	disk_at(&disks, 1)->free = CACHE_DISK_FREE_FOR_MAIN;
	assert_false(cache_disk_is_behind(store, CACHE_LOG_PROBATION, 5));
	assert_true(cache_disk_is_behind(store, CACHE_LOG_MAIN, 9));
	disks_done(&disks);

	struct bench bench;
	bench_init(&bench);
	assert_false(cache_disk_is_behind(bench.store, CACHE_LOG_PROBATION, 5));
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_location_says_its_disk),
	        cmocka_unit_test(what_is_readable_and_of_use),
	        cmocka_unit_test(a_failed_disk_is_as_if_it_were_not_there),
	        cmocka_unit_test(many_read_errors_are_a_failure),
	        cmocka_unit_test(who_waits_is_told_by_the_last_disk),
	        cmocka_unit_test(a_disk_that_fails_is_wiped_before_it_counts_as_gone),
	        cmocka_unit_test(a_disk_of_another_memory_is_not_wiped),
	        cmocka_unit_test(a_disk_that_fails_at_the_start_is_wiped),
	        cmocka_unit_test(a_disk_that_fails_stops_scans_if_it_was_read),
	        cmocka_unit_test(how_many_are_read_is_counted_anew),
	        cmocka_unit_test(a_disk_is_behind_in_what_it_will_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
