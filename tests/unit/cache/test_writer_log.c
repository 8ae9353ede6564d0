/* The log: what is appended is read again, a torn end is passed over, and a call that fails, at
 * whatever step, gives up the disk and nothing else. */
#include "writers.h"

enum { LEN = 30000, COUNT = 150, SEGMENT_BYTES = CACHE_DISK_SEGMENT_BYTES_MIN };

/* Appends pieces of so many bytes each; their hashes count from `hash` on. */
static bool append(struct cache_disk_writer *writer, unsigned count, uint32_t len, uint64_t hash)
{
	struct cache_append records[CACHE_WRITER_BATCH];
	char *bytes = mem_zero(sizeof(struct cache_record) + len);
	struct cache_record *record = (void *)bytes;
	body_fill(bytes + sizeof(*record), len, 1, 1);
	for (unsigned i = 0; i < count; i++) {
		*record = (struct cache_record){.magic = CACHE_RECORD_MAGIC,
		        .bytes = (uint32_t)sizeof(*record) + len,
		        .hash = hash + i};
		atomic_store(&record->kind, CACHE_KIND_PIECE);
		record->checksum =
		        cache_record_checksum(record, CACHE_KIND_PIECE, writer->store->seed, 7);
		records[i] = (struct cache_append){.from = 7, .body = record + 1};
		cache_writer_take_header(record, &records[i].header);
	}
	bool is_right = cache_writer_append(writer, records, count);
	for (unsigned i = 0; i < count && is_right; i++)
		assert_true(records[i].is_written);
	mem_free(bytes);
	return is_right;
}

/* What is in the segment: so many, with hashes that count from `hash` on, each readable. */
static void expect(struct cache_disk_writer *writer, uint32_t segment, uint64_t hash,
        uint32_t count, bool is_sealed)
{
	struct cache_writer_table table;
	uint64_t order = cache_disk_order(writer->store, segment);
	assert_true(cache_writer_read_table(writer, segment, order, &table));
	assert_int_equal(table.count, count);
	assert_int_equal(table.is_sealed, is_sealed);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(table.entries[i].hash, hash + i);
		struct cache_record *record =
		        cache_writer_read_record(writer, segment, order, &table.entries[i]);
		assert_non_null(record);
		assert_true(body_is_right((char *)(record + 1), record->bytes - 64, 1));
		mem_free(record);
	}
	mem_free(table.entries);
}

static void what_is_appended_is_read_again(void **state)
{
	(void)state;
	/* Lengths around a granule, one that fills a segment to the last, and many small ones. */
	static const struct {
		uint32_t len;
		unsigned in_segment;
	} rows[] = {
	        {8, (SEGMENT_BYTES - 128) / (128 + 16)},
	        {64, (SEGMENT_BYTES - 128) / (128 + 16)},
	        {65, (SEGMENT_BYTES - 128) / (192 + 16)},
	        {LIMIT_CACHE_INLINE_BYTES, (SEGMENT_BYTES - 128) / (65536 + 64 + 16)},
	        {LIMIT_CACHE_PIECE_BYTES, 1},
	};
	for (size_t row = 0; row < ARRAY_LENGTH(rows); row++) {
		struct disks disks;
		writers_init(&disks, 1);
		struct cache_disk_writer writer = writer_of(&disks);
		unsigned total = rows[row].in_segment + 3;
		for (unsigned i = 0; i < total;) {
			unsigned count =
			        total - i < CACHE_WRITER_BATCH ? total - i : CACHE_WRITER_BATCH;
			assert_true(append(&writer, count, rows[row].len, 100 + i));
			i += count;
		}
		if (rows[row].in_segment > 1) {
			expect(&writer, 0, 100, rows[row].in_segment, true);
			expect(&writer, 1, 100 + rows[row].in_segment, 3, false);
		}
		assert_int_equal(writer.table_count, rows[row].in_segment > 1 ? 3 : 1);
		assert_true(numbers_of_disk(&disks, 0).written_bytes >=
		            (uint64_t)total * rows[row].len);
		mem_free(writer.table);
		disks_done(&disks);
	}
}

static void short_and_interrupted_writes_are_continued(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 12; at++) {
		struct disks disks;
		writers_init(&disks, 1);
		struct cache_disk_writer writer = writer_of(&disks);
		inject((struct injection){
		        .kind = at % 2 == 0 ? CALL_SHORT : CALL_INTERRUPTED, .at = at / 2});
		for (unsigned i = 0; i < 3; i++)
			assert_true(append(&writer, 50, LEN, 100 + i * 50));
		inject_nothing();
		assert_int_equal(state_of_disk(&disks, 0), CACHE_DISK_READY);
		expect(&writer, 0, 100, 69, true);
		expect(&writer, 1, 169, 69, true);
		expect(&writer, 2, 238, 12, false);
		mem_free(writer.table);
		disks_done(&disks);
	}
}

/* ---- what is torn ---- */

static void a_record_that_is_torn_is_passed_over(void **state)
{
	(void)state;
	enum { RECORDS = 6, GRANULES = 5 };
	struct disks disks;
	writers_init(&disks, 1);
	struct cache_disk_writer writer = writer_of(&disks);
	assert_true(append(&writer, RECORDS, GRANULES * CACHE_GRANULE - 64, 100));
	for (uint32_t granule = 1; granule < 1 + RECORDS * GRANULES; granule++) {
		garble(&disks, granule * CACHE_GRANULE);
		uint32_t torn = (granule - 1) / GRANULES;
		struct cache_writer_table table;
		assert_true(cache_writer_read_table(&writer, 0, writer.order, &table));
		/* A header has bytes that no checksum covers, and that a reader doesn't trust. */
		if (table.count != RECORDS) {
			assert_int_equal(table.count, RECORDS - 1);
			for (uint32_t i = 0; i < table.count; i++)
				assert_int_equal(table.entries[i].hash, 100 + i + (i >= torn));
		} else {
			assert_int_equal((granule - 1) % GRANULES, 0);
		}
		mem_free(table.entries);
		garble(&disks, granule * CACHE_GRANULE);
	}
	expect(&writer, 0, 100, RECORDS, false);
	mem_free(writer.table);
	disks_done(&disks);
}

static void a_garbled_table_is_made_up_from_the_records(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	struct cache_disk_writer writer = writer_of(&disks);
	for (unsigned i = 0; i < 2; i++)
		assert_true(append(&writer, 50, LEN, 100 + i * 50));
	expect(&writer, 0, 100, 69, true);
	for (uint32_t back = 1; back <= cache_disk_table_bytes(69) / CACHE_GRANULE; back++) {
		uint32_t offset = SEGMENT_BYTES - back * CACHE_GRANULE;
		garble(&disks, offset);
		struct cache_writer_table table;
		assert_true(cache_writer_read_table(&writer, 0, writer.order - 1, &table));
		assert_int_equal(table.count, 69);
		mem_free(table.entries);
		garble(&disks, offset);
	}
	expect(&writer, 0, 100, 69, true);
	mem_free(writer.table);
	disks_done(&disks);
}

/* The records of the round before lie in the segment, whole, and are not taken for its own. */
static void what_lay_there_before_is_not_read(void **state)
{
	(void)state;
	struct disks disks;
	writers_init(&disks, 1);
	struct cache_disk_writer writer = writer_of(&disks);
	assert_true(append(&writer, 60, LEN, 100));
	assert_true(cache_writer_clear(&writer, 0));
	uint64_t before = writer.order;
	disk_at(&disks, 0)->next = 0;
	atomic_store(&disks.bench.store->disk_orders[0], 0);
	writer.open = CACHE_NO_SEGMENT;
	assert_true(append(&writer, 2, LEN, 500));
	assert_int_equal(writer.open, 0);
	assert_int_not_equal(writer.order, before);
	expect(&writer, 0, 500, 2, false);
	mem_free(writer.table);
	disks_done(&disks);
}

/* Where a writer has ended the next goes on, but not where something is missing by then. */
static void a_log_is_resumed_only_as_it_was_left(void **state)
{
	(void)state;
	for (unsigned is_torn = 0; is_torn < 2; is_torn++) {
		struct disks disks;
		writers_init(&disks, 1);
		put_range(&disks, 0, 20, 1000);
		write_all(&disks, 0, true);
		if (is_torn == 1)
			garble(&disks, 3000);
		put_range(&disks, 20, 40, 1000);
		write_all(&disks, 0, true);
		assert_int_equal(numbers_of_disk(&disks, 0).segments_used, 1 + is_torn);
		send_all_away(&disks, 0, 40);
		assert_int_equal(count_somewhere(&disks, 0, 40), 40 - is_torn);
		disks_done(&disks);
	}
}

/* ---- what fails ---- */

/* Work of all kinds: copies, removals, marks, a full circle; false when the disk failed. */
static bool work(struct disks *disks, uint64_t *next)
{
	uint64_t domain = disks->bench.domain;
	for (unsigned round = 0; round < 4; round++) {
		put_range(disks, *next, *next + COUNT, LEN);
		*next += COUNT;
		for (uint64_t i = *next - COUNT; i < *next; i++)
			for (unsigned use = 0; use < 2; use++)
				(void)has_number(disks->bench.reader, i);
		cache_reader_quiet(disks->bench.reader);
		write_all(disks, 0, true);
		purge_number(disks, *next - 1, CACHE_PURGE_HARD);
		purge_number(disks, *next - 2, CACHE_PURGE_SOFT);
		cache_purge_tag(disks->bench.store, domain, 99, CACHE_PURGE_HARD);
		write_all(disks, 0, true);
	}
	return state_of_disk(disks, 0) != CACHE_DISK_FAILED;
}

/* The disk is given up, nobody waits for it, the store goes on, and after a start nothing wrong is
 * there. */
static void expect_given_up(struct disks *disks, uint64_t next, int error)
{
	assert_int_equal(numbers_of_disk(disks, 0).error, error);
	assert_true(
	        cache_disk_is_durable(disks->bench.store, cache_disk_moment(disks->bench.store)));
	assert_false(cache_writer_turn(disks->bench.store, 0, true));
	assert_int_equal(atomic_load(&disks->bench.store->disks->scanning), 0);
	put_range(disks, next, next + 20, LEN);
	assert_true(count_somewhere(disks, 0, next + 20) >= 20);
	assert_false(is_somewhere(disks, next - 1));
	inject_nothing();
	start_anew(disks);
	assert_false(is_somewhere(disks, next - 1));
	(void)count_somewhere(disks, 0, next);
	assert_int_equal(numbers_of_disk(disks, 0).damaged, 0);
}

static void whatever_call_fails_the_disk_alone_is_given_up(void **state)
{
	(void)state;
	static const struct {
		enum call_fault kind;
		int error;
	} rows[] = {{CALL_ERROR, EIO}, {CALL_ERROR, ENOSPC}, {CALL_TORN, EIO}};
	for (size_t row = 0; row < ARRAY_LENGTH(rows); row++) {
		/* All of the first steps, then some. */
		for (unsigned at = 0; at < 60; at += at < 16 ? 1 + (unsigned)row : 11) {
			struct disks disks;
			writers_init(&disks, 1);
			inject((struct injection){
			        .kind = rows[row].kind, .error = rows[row].error, .at = at});
			uint64_t next = 0;
			bool has_worked = work(&disks, &next);
			if (!has_worked)
				expect_given_up(&disks, next, rows[row].error);
			/* A torn call is one that writes. */
			assert_true(!has_worked || at > 16 || rows[row].kind == CALL_TORN);
			inject_nothing();
			disks_done(&disks);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_appended_is_read_again),
	        cmocka_unit_test(short_and_interrupted_writes_are_continued),
	        cmocka_unit_test(a_record_that_is_torn_is_passed_over),
	        cmocka_unit_test(a_garbled_table_is_made_up_from_the_records),
	        cmocka_unit_test(what_lay_there_before_is_not_read),
	        cmocka_unit_test(a_log_is_resumed_only_as_it_was_left),
	        cmocka_unit_test(whatever_call_fails_the_disk_alone_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
