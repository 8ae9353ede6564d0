/* Counts of a domain: added, told apart, printed and read. */
#include "base/sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sums of(const char *text)
{
	struct sums sums = {0};
	sums_read(str_of(text), &sums);
	return sums;
}

/* Also drops them. */
static void expect(struct sums *sums, const char *wanted)
{
	struct text text = {0};
	sums_print(sums, &text);
	assert_string_equal(text_c(&text), wanted);
	text_done(&text);
	sums_done(sums);
}

static void what_is_printed_is_read_again(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        "",
	        "requests=5",
	        ("requests=5 hits=2 faults.range=1 origin.pulls=3 origin.faults.dns=1 "
	         "backup.bytes=18446744073709551615"),
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct sums sums = of(ROWS[i]);
		expect(&sums, ROWS[i]);
	}
}

static void what_cannot_be_read_is_left_out(void **state)
{
	(void)state;
	struct sums sums = of("requests=x hits later=4 =3 pulls=1 origin.hits=1 faults.later=2 "
	                      "origin.origin.pulls=1  bytes_in=7 = hits=-1");
	expect(&sums, "bytes_in=7");
}

static void cells_are_added_in_any_order(void **state)
{
	(void)state;
	struct sums sums = {0};
	for (unsigned i = COUNTER_CELLS; i-- > 0;)
		sums_add(&sums, i, i);
	for (unsigned i = 0; i < COUNTER_CELLS; i++)
		sums_add(&sums, i, 1);
	for (unsigned i = 0; i < COUNTER_CELLS; i++)
		assert_int_equal(sums_get(&sums, i), i + 1);
	sums_done(&sums);
	assert_int_equal(sums_get(&sums, 0), 0);
}

static void times_are_counts_by_their_buckets(void **state)
{
	(void)state;
	uint64_t counts[LATENCY_BUCKETS];
	struct sums sums = of("requests=5 first_byte=0:1,17:3 whole=17:2,81:4 origin.whole=1:1");
	assert_int_equal(sums_get_latency(&sums, COUNTER_FIRST_BYTE, counts), 4);
	assert_true(counts[0] == 1 && counts[17] == 3 && counts[81] == 0);
	assert_int_equal(sums_get_latency(&sums, COUNTER_WHOLE, counts), 6);
	assert_true(counts[0] == 0 && counts[17] == 2 && counts[81] == 4);
	/* What cannot be read ends it. */
	sums_read_latency(COUNTER_WHOLE, STR("17:1,82:1,18:1"), &sums);
	sums_read_latency(COUNTER_WHOLE, STR("x"), &sums);
	sums_read_latency(COUNTER_WHOLE, STR("17"), &sums);
	sums_read_latency(COUNTER_WHOLE, STR("17:-1"), &sums);
	expect(&sums, "requests=5 first_byte=0:1,17:3 whole=17:3,81:4");
	sums = of("whole=3:1 first_byte=81:1 hits=1");
	expect(&sums, "hits=1 first_byte=81:1 whole=3:1");
	sums = of("whole=3:1");
	assert_int_equal(sums_get_latency(&sums, COUNTER_FIRST_BYTE, counts), 0);
	expect(&sums, "whole=3:1");
}

static void a_sum_stops_at_the_largest_number(void **state)
{
	(void)state;
	struct sums sums = of("requests=18446744073709551610"), more = of("requests=9 hits=1");
	sums_merge(&sums, &more);
	sums_done(&more);
	expect(&sums, "requests=18446744073709551615 hits=1");
}

static void a_difference_is_what_came_between(void **state)
{
	(void)state;
	struct sums before = of("requests=5 hits=2 origin.pulls=7");
	/* The pulls began anew. */
	struct sums after = of("requests=8 hits=2 bytes_in=1 origin.pulls=3"), to = of("hits=1");
	sums_add_difference(&before, &after, &to);
	sums_done(&before);
	sums_done(&after);
	expect(&to, "requests=3 hits=1 bytes_in=1 origin.pulls=3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_printed_is_read_again),
	        cmocka_unit_test(what_cannot_be_read_is_left_out),
	        cmocka_unit_test(cells_are_added_in_any_order),
	        cmocka_unit_test(times_are_counts_by_their_buckets),
	        cmocka_unit_test(a_sum_stops_at_the_largest_number),
	        cmocka_unit_test(a_difference_is_what_came_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
