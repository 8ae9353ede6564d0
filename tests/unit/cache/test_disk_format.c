/* What lies on a disk: what was sealed is read, and nothing that is torn, damaged or forged. */
#include "cache/disk_format.h"

#include "base/limit.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SEED = 42, ORDER = 77, SMALL = CACHE_DISK_SEGMENT_BYTES_MIN };

static void segments_are_a_32nd_of_the_disk_within_their_bounds(void **state)
{
	(void)state;
	static const struct {
		uint64_t bytes;
		uint32_t segment_bytes, segments;
	} rows[] = {
	        {0, 2 << 20, 0},
	        {65536, 2 << 20, 0},
	        {65536 + (2 << 20), 2 << 20, 1},
	        {64 << 20, 2 << 20, 31},
	        {(64 << 20) + 65536, 2 << 20, 32},
	        {(128 << 20) - 1, 2 << 20, 63},
	        {128 << 20, 4 << 20, 31},
	        {256 << 20, 8 << 20, 31},
	        {512 << 20, 16 << 20, 31},
	        {UINT64_C(100) << 30, 16 << 20, 6399},
	        {(uint64_t)LIMIT_CACHE_DISK_GIB_MAX << 30, 16 << 20, (256 << 10) - 1},
	        {UINT64_MAX, 16 << 20, 1 << CACHE_DISK_SEGMENT_BITS},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_int_equal(cache_disk_segment_bytes(rows[i].bytes), rows[i].segment_bytes);
		assert_int_equal(cache_disk_segments(rows[i].bytes), rows[i].segments);
	}
}

static struct cache_disk_header header_of(uint32_t segment_bytes, uint32_t segments)
{
	struct cache_disk_header header = {
	        .segment_bytes = segment_bytes,
	        .segments = segments,
	        .session = 3,
	        .seed = SEED,
	        .secret = "fifteen letters",
	};
	cache_disk_seal_header(&header);
	return header;
}

static void a_header_is_believed_when_it_is_whole_and_in_bounds(void **state)
{
	(void)state;
	struct cache_disk_header header = header_of(SMALL, 31);
	assert_true(cache_disk_is_header(&header));
	for (size_t at = 0; at < sizeof(header); at++) {
		((char *)&header)[at] ^= 16;
		assert_false(cache_disk_is_header(&header));
		((char *)&header)[at] ^= 16;
	}
	static const uint32_t bad[][2] = {
	        {0, 31},
	        {SMALL, 0},
	        {SMALL, (1 << CACHE_DISK_SEGMENT_BITS) + 1},
	        {SMALL, UINT32_MAX},
	        {SMALL / 2, 31},
	        {SMALL + 64, 31},
	        {SMALL * 3, 31},
	        {CACHE_DISK_SEGMENT_BYTES_MAX * 2, 31},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		header = header_of(bad[i][0], bad[i][1]);
		assert_false(cache_disk_is_header(&header));
	}
	header = header_of(SMALL, 31);
	header.first = (1 << CACHE_DISK_SEGMENT_BITS) - 31;
	cache_disk_seal_header(&header);
	assert_true(cache_disk_is_header(&header));
	header.first++;
	cache_disk_seal_header(&header);
	assert_false(cache_disk_is_header(&header));
	header.first = UINT32_MAX;
	cache_disk_seal_header(&header);
	assert_false(cache_disk_is_header(&header));
}

static void only_what_is_ours_or_empty_may_be_written_over(void **state)
{
	(void)state;
	char *bytes = mem_zero(CACHE_DISK_LOOK_BYTES);
	assert_true(cache_disk_is_free_for_us(bytes, 0));
	assert_true(cache_disk_is_free_for_us(bytes, CACHE_DISK_LOOK_BYTES));
	/* Where others have their magic: at once, behind a boot sector, behind a page, after 64 k.
	 */
	static const size_t places[] = {0, 7, 512, 1080, 4095, 4096, 16384, 65535, 65536, 65599};
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		bytes[places[i]] = 1;
		assert_false(cache_disk_is_free_for_us(bytes, CACHE_DISK_LOOK_BYTES));
		assert_false(cache_disk_is_free_for_us(bytes, places[i] + 1));
		assert_true(cache_disk_is_free_for_us(bytes, places[i]));
		bytes[places[i]] = 0;
	}
	struct cache_disk_header header = header_of(SMALL, 31);
	memcpy(bytes, &header, sizeof(header));
	bytes[16]++; /* damaged */
	assert_true(cache_disk_is_free_for_us(bytes, CACHE_DISK_LOOK_BYTES));
	memset(bytes, 0, sizeof(header));
	struct cache_disk_head head;
	cache_disk_seal_head(&head, ORDER, SEED);
	memcpy(bytes + CACHE_DISK_DATA_AT, &head, sizeof(head));
	assert_true(cache_disk_is_free_for_us(bytes, CACHE_DISK_LOOK_BYTES));
	mem_free(bytes);
}

static void a_head_says_its_order_under_its_seed(void **state)
{
	(void)state;
	struct cache_disk_head head;
	cache_disk_seal_head(&head, ORDER, SEED);
	assert_int_equal(cache_disk_order_of(&head, SEED), ORDER);
	assert_int_equal(cache_disk_order_of(&head, SEED + 1), 0);
	const size_t used = offsetof(struct cache_disk_head, before);
	for (size_t at = 0; at < used; at++) {
		((char *)&head)[at] ^= 1;
		assert_int_equal(cache_disk_order_of(&head, SEED), 0);
		((char *)&head)[at] ^= 1;
	}
	head = (struct cache_disk_head){0};
	assert_int_equal(cache_disk_order_of(&head, SEED), 0);
}

static void a_table_takes_whole_granules_and_never_wraps(void **state)
{
	(void)state;
	assert_int_equal(cache_disk_table_bytes(0), 64);
	assert_int_equal(cache_disk_table_bytes(1), 128);
	assert_int_equal(cache_disk_table_bytes(4), 128);
	assert_int_equal(cache_disk_table_bytes(5), 192);
	assert_int_equal(cache_disk_table_bytes(1 << 20), (16 << 20) + 64);
	assert_int_equal(cache_disk_table_bytes(UINT32_MAX), UINT32_MAX);
}

enum { ROWS = 3 };

struct table {
	struct cache_disk_entry entries[ROWS];
	struct cache_disk_foot foot;
};

static struct table table_of(void)
{
	struct table table = {
	        .entries =
	                {
	                        cache_disk_entry_make(1, 64, 100, CACHE_KIND_OBJECT),
	                        cache_disk_entry_make(2, 192, 64, CACHE_KIND_REMOVALS),
	                        cache_disk_entry_make(3, 256, SMALL - 256 - 128, CACHE_KIND_MARK),
	                },
	};
	cache_disk_seal_table(&table.foot, table.entries, ROWS, ORDER, SEED);
	return table;
}

static void a_table_is_read_as_it_was_sealed(void **state)
{
	(void)state;
	struct table table = table_of();
	assert_int_equal(cache_disk_count_of(&table.foot, ORDER, SMALL), ROWS);
	assert_int_equal(cache_disk_count_of(&table.foot, ORDER + 1, SMALL), 0);
	assert_int_equal(cache_disk_count_of(&table.foot, ORDER, SMALL + 64), 0);
	assert_true(cache_disk_is_table(&table.foot, table.entries, SEED, SMALL));
	assert_false(cache_disk_is_table(&table.foot, table.entries, SEED + 1, SMALL));
	assert_int_equal(cache_disk_entry_offset(&table.entries[1]), 192);
	assert_int_equal(cache_disk_entry_bytes(&table.entries[0]), 128);
	assert_int_equal(cache_disk_entry_kind(&table.entries[2]), CACHE_KIND_MARK);
	for (size_t at = 0; at < offsetof(struct table, foot.count); at++) {
		((char *)&table)[at] ^= 32;
		assert_false(cache_disk_is_table(&table.foot, table.entries, SEED, SMALL));
		((char *)&table)[at] ^= 32;
	}
	table.foot.count--;
	assert_false(cache_disk_is_table(&table.foot, table.entries, SEED, SMALL));
}

static void a_count_is_never_more_than_a_segment_has_room_for(void **state)
{
	(void)state;
	struct cache_disk_foot foot = table_of().foot;
	/* 64 for the head, 80 for each, 64 for the foot. */
	uint32_t most = (SMALL - 128) / 80;
	while (64 + most * 64 + cache_disk_table_bytes(most) > SMALL)
		most--;
	foot.count = most;
	assert_int_equal(cache_disk_count_of(&foot, ORDER, SMALL), most);
	static const uint32_t more[] = {1, 1 << 20, 1u << 28, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(more); i++) {
		foot.count = more[i] > most ? more[i] : most + more[i];
		assert_int_equal(cache_disk_count_of(&foot, ORDER, SMALL), 0);
	}
	foot.count = 0;
	assert_false(cache_disk_is_table(&foot, table_of().entries, SEED, SMALL));
}

static void entries_that_lead_elsewhere_are_refused_even_with_a_right_checksum(void **state)
{
	(void)state;
	const struct cache_disk_entry bad[] = {
	        cache_disk_entry_make(1, 0, 64, CACHE_KIND_OBJECT),
	        cache_disk_entry_make(1, 64, 192, CACHE_KIND_OBJECT), /* into the next */
	        cache_disk_entry_make(1, 64, 0, CACHE_KIND_OBJECT),
	        cache_disk_entry_make(1, 64, 64, CACHE_KIND_ROOM),
	        cache_disk_entry_make(1, 64, 64, CACHE_KIND_MARK + 1),
	        {1, UINT64_MAX},
	        {1, UINT64_C(1) << 63 | table_of().entries[0].where},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct table table = table_of();
		table.entries[0] = bad[i];
		cache_disk_seal_table(&table.foot, table.entries, ROWS, ORDER, SEED);
		assert_false(cache_disk_is_table(&table.foot, table.entries, SEED, SMALL));
	}
	struct table table = table_of();
	table.entries[2] = cache_disk_entry_make(3, 256, SMALL - 256 - 64, CACHE_KIND_PIECE);
	cache_disk_seal_table(&table.foot, table.entries, ROWS, ORDER, SEED);
	assert_false(cache_disk_is_table(&table.foot, table.entries, SEED, SMALL));
	table.entries[2] = cache_disk_entry_make(3, SMALL - 64, 64, CACHE_KIND_PIECE);
	cache_disk_seal_table(&table.foot, table.entries, ROWS, ORDER, SEED);
	assert_false(cache_disk_is_table(&table.foot, table.entries, SEED, SMALL));
}

static void removals_are_read_whole_or_not(void **state)
{
	(void)state;
	enum { COUNT = CACHE_DISK_BATCH_REMOVALS };
	struct {
		struct cache_record record;
		struct cache_removal removals[COUNT + 1];
	} *bytes = mem_zero(sizeof(*bytes));
	struct cache_record *record = &bytes->record;
	unsigned count;
	record->kind = CACHE_KIND_REMOVALS;
	for (uint64_t i = 0; i <= COUNT; i++)
		bytes->removals[i] = (struct cache_removal){i, ORDER << 2 | CACHE_REMOVAL_HASH};
	record->bytes = sizeof(*record) + COUNT * 16;
	assert_ptr_equal(cache_disk_read_removals(record, &count), bytes->removals);
	assert_int_equal(count, COUNT);
	static const uint32_t bad[] = {0, 1, 15, 17, (COUNT + 1) * 16, UINT32_MAX - 64};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		record->bytes = (uint32_t)sizeof(*record) + bad[i];
		assert_null(cache_disk_read_removals(record, &count));
		assert_int_equal(count, 0);
	}
	record->bytes = sizeof(*record) + 32;
	bytes->removals[1].order_kind |= 3;
	assert_null(cache_disk_read_removals(record, &count));
	bytes->removals[1].order_kind &= ~UINT64_C(3);
	record->kind = CACHE_KIND_MARK;
	assert_null(cache_disk_read_removals(record, &count));
	mem_free(bytes);
}

static void a_mark_is_read_with_its_text_or_not(void **state)
{
	(void)state;
	struct {
		struct cache_record record;
		struct cache_disk_mark mark;
		char text[LIMIT_CACHE_PREFIX_BYTES + 8];
	} *bytes = mem_zero(sizeof(*bytes));
	struct cache_record *record = &bytes->record;
	struct str text = STR("before");
	record->kind = CACHE_KIND_MARK;
	record->bytes = sizeof(*record) + sizeof(bytes->mark) + 8;
	bytes->mark = (struct cache_disk_mark){.kind = CACHE_MARK_PREFIX, .len = 8, .is_soft = 1};
	memcpy(bytes->text, "http://a", 8);
	assert_ptr_equal(cache_disk_read_mark(record, &text), &bytes->mark);
	assert_true(str_is_equal(text, STR("http://a")));
	const struct cache_disk_mark bad[] = {
	        {.kind = CACHE_MARK_KINDS, .len = 8},
	        {.kind = 255, .len = 8},
	        {.kind = CACHE_MARK_ALL, .len = 8, .is_soft = 2},
	        {.kind = CACHE_MARK_TAG, .len = 7},
	        {.kind = CACHE_MARK_TAG, .len = 9},
	        {.kind = CACHE_MARK_TAG, .len = UINT32_MAX},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		bytes->mark = bad[i];
		assert_null(cache_disk_read_mark(record, &text));
	}
	bytes->mark = (struct cache_disk_mark){.len = LIMIT_CACHE_PREFIX_BYTES + 1};
	record->bytes = sizeof(*record) + sizeof(bytes->mark) + bytes->mark.len;
	assert_null(cache_disk_read_mark(record, &text));
	bytes->mark.len = 0;
	record->bytes = sizeof(*record) + sizeof(bytes->mark);
	assert_ptr_equal(cache_disk_read_mark(record, &text), &bytes->mark);
	record->bytes--;
	assert_null(cache_disk_read_mark(record, &text));
	record->bytes = sizeof(*record);
	assert_null(cache_disk_read_mark(record, &text));
	record->bytes = sizeof(*record) + sizeof(bytes->mark);
	record->kind = CACHE_KIND_REMOVALS;
	assert_null(cache_disk_read_mark(record, &text));
	mem_free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(segments_are_a_32nd_of_the_disk_within_their_bounds),
	        cmocka_unit_test(a_header_is_believed_when_it_is_whole_and_in_bounds),
	        cmocka_unit_test(only_what_is_ours_or_empty_may_be_written_over),
	        cmocka_unit_test(a_head_says_its_order_under_its_seed),
	        cmocka_unit_test(a_table_takes_whole_granules_and_never_wraps),
	        cmocka_unit_test(a_table_is_read_as_it_was_sealed),
	        cmocka_unit_test(a_count_is_never_more_than_a_segment_has_room_for),
	        cmocka_unit_test(
	                entries_that_lead_elsewhere_are_refused_even_with_a_right_checksum),
	        cmocka_unit_test(removals_are_read_whole_or_not),
	        cmocka_unit_test(a_mark_is_read_with_its_text_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
