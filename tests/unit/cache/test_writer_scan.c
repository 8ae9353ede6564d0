/* What is on a disk when a memory begins: all that was there and nothing that was removed, whatever
 * is damaged. */
#include "writers.h"

enum { LEN = 2000, COUNT = 20 };

/* ---- damage of any granule ---- */

/* What the file has behind its header, as far as it was written to. */
enum { KEPT_BYTES = 2 * CACHE_DISK_SEGMENT_BYTES_MIN };

static void read_file(struct disks *disks, char *bytes)
{
	assert_int_equal(pread(disks->options.disks[0].fd, bytes, KEPT_BYTES, CACHE_DISK_DATA_AT),
	        KEPT_BYTES);
}

static void write_file(struct disks *disks, const char *bytes)
{
	assert_int_equal(pwrite(disks->options.disks[0].fd, bytes, KEPT_BYTES, CACHE_DISK_DATA_AT),
	        KEPT_BYTES);
}

/* Starts, and forgets what is in memory alone. */
static void start_with(struct disks *disks, const char *bytes)
{
	disks_stop(disks);
	write_file(disks, bytes);
	disks_start(disks);
	write_all(disks, 0, false);
	assert_int_equal(state_of_disk(disks, 0), CACHE_DISK_READY);
}

/* Objects, one that is purged, more objects and one more purge, so that the first is known by the
 * second to have been there; the bytes of the file after that (mem_free). */
static char *make_some(struct disks *disks, uint32_t *ret_used)
{
	writers_init(disks, 1);
	put_range(disks, 0, COUNT, LEN);
	write_all(disks, 0, true);
	purge_number(disks, 3, CACHE_PURGE_HARD);
	purge_number(disks, 4, CACHE_PURGE_SOFT);
	cache_purge_prefix(disks->bench.store, disks->bench.domain, STR("http://a.example/6/"),
	        CACHE_PURGE_HARD);
	write_all(disks, 0, true);
	put_range(disks, COUNT, 2 * COUNT, LEN);
	write_all(disks, 0, true);
	purge_number(disks, 2 * COUNT - 1, CACHE_PURGE_HARD);
	write_all(disks, 0, true);
	*ret_used = disk_at(disks, 0)->used;
	char *bytes = mem_alloc(KEPT_BYTES);
	read_file(disks, bytes);
	return bytes;
}

static void no_damage_brings_back_what_was_removed(void **state)
{
	(void)state;
	struct disks disks;
	uint32_t used;
	char *bytes = make_some(&disks, &used);
	uint64_t most = 0;
	for (uint32_t offset = 0; offset < used; offset += 7 * CACHE_GRANULE) {
		start_with(&disks, bytes);
		garble(&disks, offset);
		disks_stop(&disks);
		disks_start(&disks);
		write_all(&disks, 0, false);
		assert_int_equal(state_of_disk(&disks, 0), CACHE_DISK_READY);
		assert_false(is_somewhere(&disks, 3));
		assert_false(is_somewhere(&disks, 6));
		assert_true(!is_somewhere(&disks, 4) || is_soft_somewhere(&disks, 4));
		uint64_t found = count_somewhere(&disks, 0, 2 * COUNT);
		most = found > most ? found : most;
	}
	/* 3, 6, 13 and 39 are gone, 20, 27 and 34 came after the prefix was purged; one was hit. */
	assert_true(most >= 2 * COUNT - 6);
	start_with(&disks, bytes);
	assert_int_equal(count_somewhere(&disks, 0, 2 * COUNT), 2 * COUNT - 4);
	mem_free(bytes);
	disks_done(&disks);
}

static void every_granule_of_the_removals_counts(void **state)
{
	(void)state;
	struct disks disks;
	uint32_t used;
	char *bytes = make_some(&disks, &used);
	struct cache_disk_writer writer = writer_of(&disks);
	struct cache_writer_table table;
	uint64_t order = cache_disk_order(disks.bench.store, 0);
	assert_true(cache_writer_read_table(&writer, 0, order, &table));
	unsigned hit = 0;
	for (uint32_t i = 0; i + 1 < table.count; i++) {
		enum cache_kind kind = cache_disk_entry_kind(&table.entries[i]);
		if (kind != CACHE_KIND_REMOVALS && kind != CACHE_KIND_MARK)
			continue;
		uint32_t offset = cache_disk_entry_offset(&table.entries[i]);
		uint32_t bytes_of_it = cache_disk_entry_bytes(&table.entries[i]);
		for (uint32_t at = 0; at < bytes_of_it; at += CACHE_GRANULE) {
			start_with(&disks, bytes);
			disks_stop(&disks);
			write_file(&disks, bytes);
			garble(&disks, offset + at);
			disks_start(&disks);
			write_all(&disks, 0, false);
			assert_false(is_somewhere(&disks, 3));
			assert_false(is_somewhere(&disks, 6));
			assert_true(!is_somewhere(&disks, 4) || is_soft_somewhere(&disks, 4));
			hit++;
		}
	}
	assert_true(hit >= 4);
	mem_free(table.entries);
	mem_free(writer.table);
	mem_free(bytes);
	disks_done(&disks);
}

/* A torn end: what was synced before is as if nothing had been written behind it. */
static void a_torn_end_takes_nothing_with_it(void **state)
{
	(void)state;
	struct disks disks;
	uint32_t used;
	char *bytes = make_some(&disks, &used);
	struct cache_disk_writer writer = writer_of(&disks);
	struct cache_writer_table table;
	uint64_t order = cache_disk_order(disks.bench.store, 0);
	assert_true(cache_writer_read_table(&writer, 0, order, &table));
	uint32_t end = cache_disk_entry_offset(&table.entries[table.count - 1]);
	for (uint32_t cut = end - 5 * LEN; cut < end; cut += CACHE_GRANULE * 5) {
		char *torn = mem_alloc(KEPT_BYTES);
		memcpy(torn, bytes, KEPT_BYTES);
		memset(torn + cut, 0x5a, used - cut);
		start_with(&disks, torn);
		mem_free(torn);
		assert_false(is_somewhere(&disks, 3));
		assert_false(is_somewhere(&disks, 6));
		assert_true(is_soft_somewhere(&disks, 4));
		assert_true(count_somewhere(&disks, 0, COUNT) == COUNT - 3);
		assert_true(count_somewhere(&disks, COUNT, 2 * COUNT) >= COUNT - 8);
	}
	mem_free(table.entries);
	mem_free(writer.table);
	mem_free(bytes);
	disks_done(&disks);
}

/* ---- segments ---- */

/* Several segments, each sealed but for the last; returns how many numbers there are. */
static uint64_t make_segments(struct disks *disks)
{
	writers_init(disks, 1);
	put_range(disks, 0, 300, 30000);
	write_all(disks, 0, true);
	assert_int_equal(numbers_of_disk(disks, 0).copied, 300);
	assert_int_equal(numbers_of_disk(disks, 0).segments_used, 5);
	return 300;
}

static uint32_t segment_start(uint32_t segment)
{
	return segment * CACHE_DISK_SEGMENT_BYTES_MIN;
}

static void a_segment_without_its_head_takes_the_older_ones_along(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t count = make_segments(&disks);
	garble(&disks, segment_start(2));
	start_anew(&disks);
	uint64_t found = count_somewhere(&disks, 0, count);
	/* What is in the last two; 69 fit into one. */
	assert_int_equal(found, count - 3 * 69);
	assert_true(is_somewhere(&disks, count - 1));
	assert_false(is_somewhere(&disks, 0));
	assert_int_equal(numbers_of_disk(&disks, 0).segments_used, 2);
	/* The log goes on behind the youngest, and all is well after the next start. */
	put_range(&disks, count, count + 10, 30000);
	write_all(&disks, 0, true);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, count + 10), found + 10);
	disks_done(&disks);
}

static void a_garbled_table_costs_nothing(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t count = make_segments(&disks);
	for (uint32_t segment = 0; segment < 4; segment++)
		garble(&disks, segment_start(segment + 1) - (segment + 1) * CACHE_GRANULE);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, count), count);
	disks_done(&disks);
}

static void a_segment_of_another_disk_is_nothing(void **state)
{
	(void)state;
	struct disks disks, other;
	uint64_t count = make_segments(&disks);
	(void)make_segments(&other);
	char *segment = mem_alloc(CACHE_DISK_SEGMENT_BYTES_MIN);
	off_t at = CACHE_DISK_DATA_AT;
	assert_int_equal(
	        pread(other.options.disks[0].fd, segment, CACHE_DISK_SEGMENT_BYTES_MIN, at),
	        CACHE_DISK_SEGMENT_BYTES_MIN);
	at += segment_start(20);
	assert_int_equal(
	        pwrite(disks.options.disks[0].fd, segment, CACHE_DISK_SEGMENT_BYTES_MIN, at),
	        CACHE_DISK_SEGMENT_BYTES_MIN);
	start_anew(&disks);
	assert_int_equal(numbers_of_disk(&disks, 0).segments_used, 5);
	assert_int_equal(count_somewhere(&disks, 0, count), count);
	mem_free(segment);
	disks_done(&other);
	disks_done(&disks);
}

/* ---- while it is read ---- */

static void what_happens_before_it_is_read_counts(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t count = make_segments(&disks);
	disks_stop(&disks);
	disks_start(&disks);
	purge_number(&disks, 1, CACHE_PURGE_HARD);
	uint64_t moment = cache_disk_moment(disks.bench.store);
	assert_int_equal(put_number(disks.bench.store, 2, 9, 500), CACHE_PUT_DONE);
	cache_purge_prefix(disks.bench.store, disks.bench.domain, STR("http://a.example/4/"),
	        CACHE_PURGE_HARD);
	write_all(&disks, 0, true);
	assert_true(cache_disk_is_durable(disks.bench.store, moment));
	for (unsigned i = 0; i < 2; i++) {
		struct cache_entry entry;
		assert_false(is_somewhere(&disks, 1));
		assert_false(is_somewhere(&disks, 4));
		assert_true(is_somewhere(&disks, 2));
		assert_int_equal(find_number(disks.bench.reader, 2, &entry), CACHE_FOUND_OBJECT);
		assert_int_equal(entry.id, 9);
		cache_reader_quiet(disks.bench.reader);
		start_anew(&disks);
	}
	assert_true(count_somewhere(&disks, 0, count) > count * 5 / 6);
	disks_done(&disks);
}

static void where_nothing_can_be_told_any_more_all_is_dropped(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t count = make_segments(&disks);
	disks_stop(&disks);
	disks_start(&disks);
	struct cache_disk_writer writer = writer_of(&disks);
	while (state_of_disk(&disks, 0) == CACHE_DISK_NEW)
		assert_true(cache_writer_scan(&writer));
	while (disk_at(&disks, 0)->counters.scanned_records < 50)
		assert_true(cache_writer_scan(&writer));
	cache_store_lock(disks.bench.store);
	cache_disk_stop_scans(disks.bench.store);
	cache_store_unlock(disks.bench.store);
	while (state_of_disk(&disks, 0) == CACHE_DISK_SCANNING)
		assert_true(cache_writer_scan(&writer));
	cache_writer_end_scan(&writer);
	mem_free(writer.table);
	assert_int_equal(state_of_disk(&disks, 0), CACHE_DISK_READY);
	assert_int_equal(atomic_load(&disks.bench.store->disks->scanning), 0);
	uint64_t found = count_somewhere(&disks, 0, count);
	assert_true(found > 0 && found < count / 2);
	assert_true(is_somewhere(&disks, count - 1));
	assert_false(is_somewhere(&disks, 0));
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, count), found);
	disks_done(&disks);
}

/* Nor does the index lead to a segment that was begun with. */
static void what_was_read_of_a_dropped_segment_is_forgotten(void **state)
{
	(void)state;
	enum { MANY = 3000 };
	struct disks disks;
	writers_init(&disks, 1);
	put_range(&disks, 0, MANY, 100);
	write_all(&disks, 0, true);
	assert_int_equal(numbers_of_disk(&disks, 0).segments_used, 1);
	disks_stop(&disks);
	disks_start(&disks);
	struct cache_disk_writer writer = writer_of(&disks);
	while (disk_at(&disks, 0)->counters.scanned_records == 0)
		assert_true(cache_writer_scan(&writer));
	assert_true(numbers_of(disks.bench.store).away > 100);
	cache_store_lock(disks.bench.store);
	cache_disk_stop_scans(disks.bench.store);
	cache_store_unlock(disks.bench.store);
	while (state_of_disk(&disks, 0) == CACHE_DISK_SCANNING)
		assert_true(cache_writer_scan(&writer));
	cache_writer_end_scan(&writer);
	mem_free(writer.table);
	assert_int_equal(numbers_of(disks.bench.store).away, 0);
	assert_int_equal(numbers_of_disk(&disks, 0).segments_used, 0);
	assert_int_equal(count_somewhere(&disks, 0, MANY), 0);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, MANY), 0);
	disks_done(&disks);
}

/* The writer dies while it reads; the next begins anew, and removes nothing by that. */
static void a_scan_can_begin_anew(void **state)
{
	(void)state;
	struct disks disks;
	uint64_t count = make_segments(&disks);
	disks_stop(&disks);
	disks_start(&disks);
	struct cache_disk_writer writer = writer_of(&disks);
	while (disk_at(&disks, 0)->counters.scanned_records < 100)
		assert_true(cache_writer_scan(&writer));
	cache_writer_end_scan(&writer);
	mem_free(writer.table);
	disk_at(&disks, 0)->is_written = true;
	/* Some are in memory again by then. */
	assert_true(is_somewhere(&disks, count - 1));
	purge_number(&disks, count - 2, CACHE_PURGE_HARD);
	write_all(&disks, 0, false);
	assert_int_equal(state_of_disk(&disks, 0), CACHE_DISK_READY);
	assert_int_equal(count_somewhere(&disks, 0, count), count - 1);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, count), count - 1);
	disks_done(&disks);
}

/* A removal was lost with a memory, so there are two versions: the older one must not come back
 * when the younger is removed. */
static void an_older_version_is_removed_by_the_scan(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	put_range(&disks, 0, 3, LEN);
	write_all(&disks, 0, true);
	assert_int_equal(put_number(disks.bench.store, 1, 2, LEN), CACHE_PUT_DONE);
	cache_store_lock(disks.bench.store);
	assert_int_equal(disk_at(&disks, 0)->removal_count, 1);
	disk_at(&disks, 0)->removal_count = 0;
	cache_store_unlock(disks.bench.store);
	write_all(&disks, 0, true);
	start_anew(&disks);
	struct cache_entry entry;
	assert_true(is_somewhere(&disks, 1));
	assert_int_equal(find_number(disks.bench.reader, 1, &entry), CACHE_FOUND_OBJECT);
	assert_int_equal(entry.id, 2);
	cache_reader_quiet(disks.bench.reader);
	purge_number(&disks, 1, CACHE_PURGE_HARD);
	write_all(&disks, 0, true);
	start_anew(&disks);
	assert_false(is_somewhere(&disks, 1));
	assert_int_equal(count_somewhere(&disks, 0, 3), 2);
	disks_done(&disks);
}

/* ---- after a death ---- */

/* The write with this number is the last of its process. */
static unsigned last_write, writes;

static ssize_t write_and_die(int fd, const struct iovec *parts, int count, off_t at)
{
	ssize_t done = pwritev(fd, parts, count, at);
	if (++writes >= last_write)
		_exit(0);
	return done;
}

static void die_at_write(struct disks *disks, unsigned number)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		enum cache_attach why;
		struct cache_store *store = cache_store_new(disks->bench.fd, &disks->options, &why);
		if (store == NULL)
			_exit(2);
		last_write = number;
		cache_writer_calls.write = write_and_die;
		while (cache_writer_turn(store, 0, true))
			;
		_exit(3);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Copies that were written, and that nobody was told of, are as good as none. */
static void what_a_dead_writer_told_nobody_of_is_removed(void **state)
{
	(void)state;
	for (unsigned at = 1; at <= 6; at++) {
		struct disks disks;
		writers_init(&disks, 1);
		put_range(&disks, 0, 100, 30000);
		die_at_write(&disks, at);
		/* They have no copy as far as anybody knows. */
		for (uint64_t i = 0; i < 100; i += 2)
			purge_number(&disks, i, CACHE_PURGE_HARD);
		uint64_t moment = cache_disk_moment(disks.bench.store);
		assert_false(cache_disk_is_durable(disks.bench.store, moment));
		for (unsigned i = 0; i < 10 && !cache_disk_is_durable(disks.bench.store, moment);
		        i++)
			cache_writer_turn(disks.bench.store, 0, false);
		assert_true(cache_disk_is_durable(disks.bench.store, moment));
		start_anew(&disks);
		for (uint64_t i = 0; i < 100; i += 2)
			assert_false(is_somewhere(&disks, i));
		disks_done(&disks);
	}
}

enum { MANY = 200000, MANY_AT_ONCE = 4000, MANY_BYTES = 10 };

static void wait_until_copied(struct disks *disks, uint64_t count)
{
	for (unsigned ms = 0; numbers_of_disk(disks, 0).copied < count && ms < 100000; ms++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* By the thread, which is faster; never so far ahead of it that the memory has to evict what was
 * not copied. */
static void put_many(struct disks *disks)
{
	struct cache_store *store = disks->bench.store;
	struct cache_writer *writer = cache_writer_new(store, 0);
	assert_non_null(writer);
	for (uint64_t first = 0; first < MANY; first += MANY_AT_ONCE) {
		put_range(disks, first, first + MANY_AT_ONCE, MANY_BYTES);
		wait_until_copied(disks, first - first % (2 * MANY_AT_ONCE));
	}
	wait_until_copied(disks, MANY);
	cache_writer_free(writer);
}

/* No timing: that is bench/disk.c's. */
static void two_hundred_thousand_objects_are_known_after_a_start(void **state)
{
	(void)state;
	struct disks disks = {.options = SMALL};
	disks.options.objects = MANY;
	disks.options.disk_count = 1;
	disks.options.disks[0] =
	        (struct cache_disk_options){.fd = make_disk_file(), .bytes = 3 * DISK_BYTES};
	assert_int_equal(ftruncate(disks.options.disks[0].fd, 3 * DISK_BYTES), 0);
	disks_start(&disks);
	write_all(&disks, 0, false);
	put_many(&disks);
	assert_int_equal(numbers_of_disk(&disks, 0).copied, MANY);
	start_anew(&disks);
	/* A full pair of buckets loses one now and then, and of two that no slot can tell apart,
	 * one. */
	struct cache_store_numbers numbers = numbers_of(disks.bench.store);
	assert_true(numbers.away <= MANY && numbers.away > MANY - MANY / 10000);
	unsigned lost = 0;
	for (uint64_t number = 0; number < MANY; number += 97)
		lost += !is_somewhere(&disks, number);
	assert_true(lost <= MANY - numbers.away);
	disks_done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_damage_brings_back_what_was_removed),
	        cmocka_unit_test(every_granule_of_the_removals_counts),
	        cmocka_unit_test(a_torn_end_takes_nothing_with_it),
	        cmocka_unit_test(a_segment_without_its_head_takes_the_older_ones_along),
	        cmocka_unit_test(a_garbled_table_costs_nothing),
	        cmocka_unit_test(a_segment_of_another_disk_is_nothing),
	        cmocka_unit_test(what_happens_before_it_is_read_counts),
	        cmocka_unit_test(where_nothing_can_be_told_any_more_all_is_dropped),
	        cmocka_unit_test(what_was_read_of_a_dropped_segment_is_forgotten),
	        cmocka_unit_test(a_scan_can_begin_anew),
	        cmocka_unit_test(an_older_version_is_removed_by_the_scan),
	        cmocka_unit_test(what_a_dead_writer_told_nobody_of_is_removed),
	        cmocka_unit_test(two_hundred_thousand_objects_are_known_after_a_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
