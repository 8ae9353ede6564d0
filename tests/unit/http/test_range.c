/* Ranges of bytes. */
#include "http/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

static const char *write_set(const struct http_range_set *set, char room[1024])
{
	struct http_writer writer;
	http_writer_init(&writer, room, 1023);
	http_range_write_set(&writer, set);
	assert_false(writer.full);
	*writer.at = '\0';
	return room;
}

static void range_fields_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *value, *written; /* NULL: to be ignored */
	} rows[] = {
	        /* RFC 9110 14.1.2 */
	        {"bytes=0-499", "bytes=0-499"},
	        {"bytes=9500-", "bytes=9500-"},
	        {"bytes=-500", "bytes=-500"},
	        {"bytes=0-0,-1", "bytes=0-0,-1"},
	        {"Bytes=0-1", "bytes=0-1"},
	        {"bytes=0-1 ,\t2-3,,4-", "bytes=0-1,2-3,4-"},
	        {"bytes=5-5", "bytes=5-5"},
	        {"bytes=-0", "bytes=-0"},
	        {"bytes=007-0010", "bytes=7-10"},
	        {"bytes=18446744073709551614-18446744073709551614",
	                "bytes=18446744073709551614-18446744073709551614"},
	        /* more than 64 bits is the end */
	        {"bytes=5-18446744073709551616", "bytes=5-"},
	        {"bytes=99999999999999999999999-", "bytes=18446744073709551615-"},
	        {"bytes=-99999999999999999999999", "bytes=-18446744073709551615"},
	        /* as many as are looked at */
	        {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-"
	         "15",
	                "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-"
	                "14,15-15"},
	        {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-"
	         "15,"
	         "16-16",
	                NULL},
	        /* 14.1.1: an invalid member makes all invalid */
	        {"bytes=2-1", NULL},
	        {"bytes=0-1,2-1", NULL},
	        {"bytes=", NULL},
	        {"bytes=,", NULL},
	        {"bytes=-", NULL},
	        {"bytes=a-b", NULL},
	        {"bytes=0", NULL},
	        {"bytes=0-1-2", NULL},
	        {"bytes=0 -1", NULL},
	        {"bytes=0- 1", NULL},
	        {"bytes=+0-1", NULL},
	        {"bytes=--1", NULL},
	        {"bytes=0-1;x", NULL},
	        {"bytes=\"0-1\"", NULL},
	        {"bytes 0-1", NULL},
	        {"bytes =0-1", NULL},
	        {"byte=0-1", NULL},
	        {"seconds=0-1", NULL},
	        {"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_range_set set;
		char room[1024];
		assert_int_equal(
		        http_range_parse(str_of(rows[i].value), &set), rows[i].written != NULL);
		if (rows[i].written != NULL)
			assert_string_equal(write_set(&set, room), rows[i].written);
	}
}

static void one_range_field_counts_and_two_do_not(void **state)
{
	(void)state;
	struct heads heads = {0};
	struct http_range_set set;
	assert_true(http_range_of_request(heads_request(&heads, "GET", "Range: bytes=1-2"), &set));
	assert_int_equal(set.count, 1);
	assert_false(http_range_of_request(heads_request(&heads, "GET", ""), &set));
	assert_false(http_range_of_request(
	        heads_request(&heads, "GET", "Range: bytes=1-2\nRange: bytes=1-2"), &set));
	heads_done(&heads);
}

static void ranges_are_resolved_against_a_length(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		uint64_t length;
		const char *parts; /* "200", "416", or what is sent */
	} rows[] = {
	        /* RFC 9110 14.1.2, its examples */
	        {"bytes=0-499", 10000, "0-499"},
	        {"bytes=500-999", 10000, "500-999"},
	        {"bytes=-500", 10000, "9500-9999"},
	        {"bytes=9500-", 10000, "9500-9999"},
	        {"bytes=0-0,-1", 10000, "0-0 9999-9999"},
	        {"bytes=500-700,601-999", 10000, "500-999"},
	        /* at the ends */
	        {"bytes=0-", 10, "0-9"},
	        {"bytes=9-9", 10, "9-9"},
	        {"bytes=9-10", 10, "9-9"},
	        {"bytes=10-", 10, "416"},
	        {"bytes=10-20", 10, "416"},
	        {"bytes=-10", 10, "0-9"},
	        {"bytes=-11", 10, "0-9"},
	        {"bytes=-0", 10, "416"},
	        {"bytes=-0,10-", 10, "416"},
	        {"bytes=0-18446744073709551615", 10, "0-9"},
	        {"bytes=-18446744073709551615", 10, "0-9"},
	        {"bytes=18446744073709551615-", UINT64_MAX - 1, "416"},
	        /* of nothing */
	        {"bytes=0-", 0, "416"},
	        {"bytes=0-0", 0, "416"},
	        {"bytes=-0", 0, "416"},
	        {"bytes=-1", 0, "200"},
	        /* 15.3.7.2: what cannot be satisfied is left out */
	        {"bytes=0-9,20000-", 10000, "0-9"},
	        {"bytes=20000-,500-600,-0", 10000, "500-600"},
	        /* in the order in which they were asked for */
	        {"bytes=5000-5099,0-99", 10000, "5000-5099 0-99"},
	        /* what is near is one part: 80 bytes between, and 79 */
	        {"bytes=0-99,180-199", 10000, "0-99 180-199"},
	        {"bytes=0-99,179-199", 10000, "0-199"},
	        {"bytes=179-199,0-99", 10000, "0-199"},
	        {"bytes=0-99,100-199", 10000, "0-199"},
	        {"bytes=0-99,0-99,0-99", 10000, "0-99"},
	        {"bytes=0-999,100-199", 10000, "0-999"},
	        {"bytes=100-199,0-999", 10000, "0-999"},
	        /* one that joins others, of which the first was asked for first */
	        {"bytes=1000-1099,5000-5099,1200-1299,1100-1199", 10000, "1000-1299 5000-5099"},
	        {"bytes=0-99,400-499,200-299,50-450", 10000, "0-499"},
	        {"bytes=5000-5099,4000-4099,4500-4599,4100-4999", 10000, "4000-5099"},
	        /* parts that cost more than the whole */
	        {"bytes=0-0,100-100", 200, "0-0 100-100"},
	        {"bytes=0-0,100-100", 162, "200"},
	        {"bytes=0-0,100-100", 163, "0-0 100-100"},
	        {"bytes=0-4000,4100-9999", 10000, "200"},
	};
	struct text got = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_range_set set;
		struct http_ranges ranges;
		text_clear(&got);
		assert_true(http_range_parse(str_of(rows[i].value), &set));
		switch (http_range_resolve(&set, rows[i].length, &ranges)) {
		case HTTP_RANGE_WHOLE:
			text_add(&got, STR("200"));
			break;
		case HTTP_RANGE_NONE:
			text_add(&got, STR("416"));
			break;
		case HTTP_RANGE_PARTS:
			for (unsigned k = 0; k < ranges.count; k++)
				text_addf(&got, "%s%llu-%llu", k == 0 ? "" : " ",
				        (unsigned long long)ranges.ranges[k].first,
				        (unsigned long long)ranges.ranges[k].last);
			break;
		}
		assert_string_equal(text_c(&got), rows[i].parts);
	}
	text_done(&got);
}

static void content_ranges_are_read_strictly(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		bool is_good, is_unsatisfied;
		uint64_t first, last, length;
	} rows[] = {
	        /* RFC 9110 14.4 */
	        {"bytes 42-1233/1234", true, false, 42, 1233, 1234},
	        {"bytes 42-1233/*", true, false, 42, 1233, UINT64_MAX},
	        {"bytes */1234", true, true, 0, 0, 1234},
	        {"bytes */0", true, true, 0, 0, 0},
	        {"BYTES 0-0/1", true, false, 0, 0, 1},
	        {"bytes 0-18446744073709551613/18446744073709551614", true, false, 0,
	                UINT64_MAX - 2, UINT64_MAX - 1},
	        {.value = "bytes */*"},
	        {.value = "bytes 5-4/10"},
	        {.value = "bytes 0-10/10"},
	        {.value = "bytes 10-10/10"},
	        {.value = "bytes 0-18446744073709551615/*"},
	        {.value = "bytes 0-1/18446744073709551615"},
	        {.value = "bytes 0-1/99999999999999999999"},
	        {.value = "bytes 0-99999999999999999999/*"},
	        {.value = "bytes 0-1"},
	        {.value = "bytes 0-1/"},
	        {.value = "bytes 0-/10"},
	        {.value = "bytes -1/10"},
	        {.value = "bytes  0-1/10"},
	        {.value = "bytes\t0-1/10"},
	        {.value = "bytes=0-1/10"},
	        {.value = "bytes 0 -1/10"},
	        {.value = "bytes 0-1 /10"},
	        {.value = "bytes 0-1/10 "},
	        {.value = "bytes 0-1/10x"},
	        {.value = "bytes 0-1,2-3/10"},
	        {.value = "bytes"},
	        {.value = "bytes "},
	        {.value = ""},
	        {.value = "items 0-1/10"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_content_range content;
		assert_int_equal(
		        http_range_parse_content(str_of(rows[i].value), &content), rows[i].is_good);
		if (!rows[i].is_good)
			continue;
		assert_int_equal(content.is_unsatisfied, rows[i].is_unsatisfied);
		assert_true(content.range.first == rows[i].first);
		assert_true(content.range.last == rows[i].last);
		assert_true(content.length == rows[i].length);

		char room[128];
		struct http_writer writer;
		http_writer_init(&writer, room, sizeof(room));
		http_range_write_content(&writer, &content);
		assert_true(str_is_equal_nocase(http_writer_str(&writer), str_of(rows[i].value)));
		assert_int_equal(http_range_content_bytes(&content), http_writer_str(&writer).len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(range_fields_are_read),
	        cmocka_unit_test(one_range_field_counts_and_two_do_not),
	        cmocka_unit_test(ranges_are_resolved_against_a_length),
	        cmocka_unit_test(content_ranges_are_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
