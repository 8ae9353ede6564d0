/* Emptying a segment: what was used goes on, the rest leaves no trace. */
#include "writers.h"

enum { LEN = 30000, COUNT = 60 };

static struct disks *current;
static struct cache_disk_writer writer;

/* Numbers from 0 on, all copied to the first segment of a disk, and a writer that goes on in the
 * second. */
static void fill_first_segment(struct disks *disks)
{
	current = disks;
	writers_init(disks, 1);
	put_range(disks, 0, COUNT, LEN);
	write_all(disks, 0, true);
	assert_int_equal(numbers_of_disk(disks, 0).copied, COUNT);
	assert_int_equal(numbers_of_disk(disks, 0).segments_used, 1);
	writer = writer_of(disks);
	/* A record that says nothing opens the next. */
	struct cache_record record = {.magic = CACHE_RECORD_MAGIC, .bytes = sizeof(record)};
	atomic_store(&record.kind, CACHE_KIND_PIECE);
	record.checksum =
	        cache_record_checksum(&record, CACHE_KIND_PIECE, disks->bench.store->seed, 7);
	struct cache_append append = {.from = 7};
	cache_writer_take_header(&record, &append.header);
	assert_true(cache_writer_append(&writer, &append, 1));
	assert_int_equal(writer.open, 1);
}

static void done(struct disks *disks)
{
	mem_free(writer.table);
	disks_done(disks);
}

/* One use of what is away. */
static void use(struct disks *disks, uint64_t number)
{
	struct cache_entry entry;
	assert_int_equal(find_number(disks->bench.reader, number, &entry), CACHE_FOUND_AWAY);
	cache_reader_quiet(disks->bench.reader);
}

static uint64_t place_of(struct disks *disks, uint64_t number)
{
	struct cache_store *store = disks->bench.store;
	struct cache_record *record;
	cache_store_lock(store);
	_Atomic uint64_t *slot = cache_index_find(store, hash_of(store, number), &record);
	uint64_t place = slot == NULL     ? 0
	                 : record != NULL ? cache_record_copy(record)
	                                  : cache_slot_location(cache_slot_load(slot));
	cache_store_unlock(store);
	return place;
}

static void expect_empty(struct disks *disks, uint32_t segment)
{
	struct cache_store *store = disks->bench.store;
	assert_int_equal(cache_disk_order(store, segment), 0);
	assert_int_equal(disk_at(disks, 0)->evicting, CACHE_NO_SEGMENT);
	struct cache_disk_head head;
	assert_true(cache_writer_read(
	        &writer, &head, sizeof(head), cache_writer_segment_at(&writer, segment)));
	assert_int_equal(cache_disk_order_of(&head, disk_at(disks, 0)->head_seed), 0);
	for (uint64_t i = 0; i < COUNT; i++) {
		uint64_t place = place_of(disks, i);
		assert_true(place == 0 || cache_disk_segment_of(place) != segment);
	}
}

static void what_was_used_or_is_in_memory_goes_on(void **state)
{
	(void)state;
	struct disks disks;
	fill_first_segment(&disks);
	send_all_away(&disks, 0, 10);
	use(&disks, 2);
	use(&disks, 3);
	use(&disks, 3);
	assert_true(cache_writer_evict(&writer, 0));
	expect_empty(&disks, 0);
	assert_int_equal(place_of(&disks, 1), 0);
	assert_int_equal(cache_disk_segment_of(place_of(&disks, 2)), 1);
	assert_int_equal(cache_disk_segment_of(place_of(&disks, 3)), 1);
	assert_int_equal(cache_disk_segment_of(place_of(&disks, 10)), 1);
	struct cache_disk_numbers numbers = numbers_of_disk(&disks, 0);
	assert_int_equal(numbers.evicted, 8);
	assert_int_equal(numbers.segments_used, 1);
	assert_true(numbers.reinserted > 10);
	/* Each use is one more round. */
	struct cache_record *record;
	cache_store_lock(disks.bench.store);
	uint64_t slot =
	        *cache_index_find(disks.bench.store, hash_of(disks.bench.store, 3), &record);
	cache_store_unlock(disks.bench.store);
	assert_int_equal(cache_slot_freq(slot), 1);
	assert_int_equal(count_somewhere(&disks, 0, COUNT), COUNT - 8);
	start_anew(&disks);
	assert_true(is_somewhere(&disks, 2));
	assert_true(is_somewhere(&disks, 3));
	assert_false(is_somewhere(&disks, 1));
	done(&disks);
}

static void a_third_of_a_segment_is_written_again_at_most(void **state)
{
	(void)state;
	struct disks disks;
	fill_first_segment(&disks);
	uint64_t before = numbers_of_disk(&disks, 0).written_bytes;
	assert_true(cache_writer_evict(&writer, 0));
	expect_empty(&disks, 0);
	uint64_t written = numbers_of_disk(&disks, 0).written_bytes - before;
	assert_true(written <= writer.segment_bytes / 3);
	assert_true(written > writer.segment_bytes / 4);
	/* What has no copy any more is in the memory all the same. */
	assert_int_equal(numbers_of_disk(&disks, 0).evicted, 0);
	assert_int_equal(count_somewhere(&disks, 0, COUNT), COUNT);
	uint64_t reinserted = numbers_of_disk(&disks, 0).reinserted;
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, COUNT), reinserted);
	done(&disks);
}

static void what_is_stale_or_purged_does_not_go_on(void **state)
{
	(void)state;
	struct disks disks;
	fill_first_segment(&disks);
	send_all_away(&disks, 0, 10);
	for (uint64_t i = 0; i < 10; i++)
		use(&disks, i);
	purge_number(&disks, 1, CACHE_PURGE_SOFT);
	purge_number(&disks, 11, CACHE_PURGE_SOFT);
	cache_purge_prefix(disks.bench.store, disks.bench.domain, STR("http://a.example/2/"),
	        CACHE_PURGE_HARD);
	assert_true(cache_writer_evict(&writer, 0));
	expect_empty(&disks, 0);
	assert_int_equal(place_of(&disks, 1), 0);
	assert_int_equal(place_of(&disks, 11), 0);
	assert_int_equal(place_of(&disks, 2), 0);
	assert_int_equal(place_of(&disks, 9), 0);
	assert_int_not_equal(place_of(&disks, 3), 0);
	done(&disks);
}

/* ---- in the middle of it ---- */

static void purge_three_soften_four(void)
{
	purge_number(current, 3, CACHE_PURGE_HARD);
	purge_number(current, 4, CACHE_PURGE_SOFT);
	purge_number(current, 13, CACHE_PURGE_HARD);
	purge_number(current, 14, CACHE_PURGE_SOFT);
}

static void what_is_purged_meanwhile_does_not_come_back(void **state)
{
	(void)state;
	struct disks disks;
	fill_first_segment(&disks);
	send_all_away(&disks, 0, 10);
	for (uint64_t i = 0; i < 10; i++)
		use(&disks, i);
	/* The first write clears the head; what is purged at the second has been read. */
	inject((struct injection){.before = purge_three_soften_four});
	assert_true(cache_writer_evict(&writer, 0));
	inject_nothing();
	uint64_t moment = cache_disk_moment(disks.bench.store);
	while (cache_writer_remove(&writer))
		;
	assert_true(cache_disk_is_durable(disks.bench.store, moment));
	for (unsigned i = 0; i < 2; i++) {
		assert_false(is_somewhere(&disks, 3));
		assert_false(is_somewhere(&disks, 13));
		assert_true(!is_somewhere(&disks, 4) || is_soft_somewhere(&disks, 4));
		assert_true(!is_somewhere(&disks, 14) || is_soft_somewhere(&disks, 14));
		assert_true(is_somewhere(&disks, 5));
		start_anew(&disks);
	}
	done(&disks);
}

/* It left the index without a removal: then nothing waits for one, and it must be gone. */
static void what_was_let_go_is_gone_for_good(void **state)
{
	(void)state;
	struct disks disks;
	fill_first_segment(&disks);
	send_all_away(&disks, 0, 10);
	assert_true(cache_writer_evict(&writer, 0));
	assert_int_equal(disk_at(&disks, 0)->removal_count, 0);
	start_anew(&disks);
	assert_int_equal(count_somewhere(&disks, 0, 10), 0);
	done(&disks);
}

static void what_is_damaged_is_dropped(void **state)
{
	(void)state;
	struct disks disks;
	fill_first_segment(&disks);
	send_all_away(&disks, 0, 10);
	for (uint64_t i = 0; i < 10; i++)
		use(&disks, i);
	uint64_t place = place_of(&disks, 5);
	garble(&disks, cache_disk_offset_of(place) + 3 * CACHE_GRANULE);
	/* There is no table: whatever leads there is looked for. */
	assert_true(cache_writer_evict(&writer, 0));
	expect_empty(&disks, 0);
	assert_null(
	        cache_index_find_location(disks.bench.store, hash_of(disks.bench.store, 5), place));
	assert_false(is_somewhere(&disks, 5));
	assert_true(is_somewhere(&disks, 6));
	done(&disks);
}

static void a_segment_that_was_begun_with_is_ended_by_the_next(void **state)
{
	(void)state;
	struct disks disks;
	fill_first_segment(&disks);
	send_all_away(&disks, 0, 10);
	struct cache_store *store = disks.bench.store;
	/* As a writer leaves it that dies behind the first batch. */
	assert_true(cache_writer_clear(&writer, 0));
	cache_store_lock(store);
	disk_at(&disks, 0)->evicting = 0;
	disk_at(&disks, 0)->is_written = true;
	cache_store_unlock(store);
	assert_false(cache_disk_is_of_use(store, place_of(&disks, 3)));
	write_all(&disks, 0, false);
	expect_empty(&disks, 0);
	assert_int_equal(count_somewhere(&disks, 0, COUNT), COUNT - 10);
	/* And it does not go on in the segment of the dead one. */
	put_range(&disks, COUNT, COUNT + 1, LEN);
	write_all(&disks, 0, true);
	assert_int_equal(cache_disk_segment_of(place_of(&disks, COUNT)), 2);
	start_anew(&disks);
	assert_true(is_somewhere(&disks, COUNT));
	done(&disks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_used_or_is_in_memory_goes_on),
	        cmocka_unit_test(a_third_of_a_segment_is_written_again_at_most),
	        cmocka_unit_test(what_is_stale_or_purged_does_not_go_on),
	        cmocka_unit_test(what_is_purged_meanwhile_does_not_come_back),
	        cmocka_unit_test(what_was_let_go_is_gone_for_good),
	        cmocka_unit_test(what_is_damaged_is_dropped),
	        cmocka_unit_test(a_segment_that_was_begun_with_is_ended_by_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
