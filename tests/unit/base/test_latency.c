/* How long things took, in buckets, and percentiles of that. */
#include "base/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_time_is_in_the_bucket_that_it_lies_in(void **state)
{
	(void)state;
	assert_int_equal(latency_bucket(0), 0);
	assert_int_equal(latency_bucket(63), 0);
	assert_int_equal(latency_bucket(64), 1);
	assert_int_equal(latency_bucket(UINT64_C(1) << LATENCY_LAST_BIT), LATENCY_BUCKETS - 1);
	assert_int_equal(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		const uint64_t from = latency_floor(i), to = latency_floor(i + 1);
		assert_true(from < to);
		assert_int_equal(latency_bucket(from), i);
		assert_int_equal(latency_bucket(to - 1), i);
		/* A quarter of a doubling. */
		if (i > 0 && i < LATENCY_BUCKETS - 1)
			assert_true((to - from) * 4 <= from);
	}
	assert_int_equal(latency_floor(0), 0);
}

static void percentiles_are_near_what_was_counted(void **state)
{
	(void)state;
	static const unsigned SHARES[] = {1, 100, 500, 900, 950, 990, 999, 1000};
	uint64_t counts[LATENCY_BUCKETS] = {0};
	enum { MOST = 1000000 };
	assert_int_equal(latency_percentile(counts, 500), 0);
	/* Spread evenly. */
	for (uint64_t us = 1; us <= MOST; us++)
		counts[latency_bucket(us)]++;
	for (unsigned i = 0; i < ARRAY_LENGTH(SHARES); i++) {
		const uint64_t wanted = UINT64_C(1000) * SHARES[i];
		const uint64_t told = latency_percentile(counts, SHARES[i]);
		const uint64_t off = told > wanted ? told - wanted : wanted - told;
		assert_true(off * 8 <= wanted);
	}
}

static void one_time_alone_is_every_percentile(void **state)
{
	(void)state;
	for (unsigned bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
		uint64_t counts[LATENCY_BUCKETS] = {0};
		counts[bucket] = UINT64_MAX;
		for (unsigned share = 1; share <= 1000; share += 111) {
			const uint64_t told = latency_percentile(counts, share);
			assert_true(told >= latency_floor(bucket));
			assert_true(told <= latency_floor(bucket + 1));
		}
	}
}

static void counts_can_be_added_up(void **state)
{
	(void)state;
	uint64_t slow[LATENCY_BUCKETS] = {0}, both[LATENCY_BUCKETS] = {0};
	slow[latency_bucket(1000000)] = 10;
	both[latency_bucket(1000000)] = 10;
	both[latency_bucket(1000)] = 990;
	assert_true(latency_percentile(slow, 500) > 900000);
	assert_true(latency_percentile(both, 500) < 1100);
	assert_true(latency_percentile(both, 989) < 1100);
	assert_true(latency_percentile(both, 995) > 900000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_time_is_in_the_bucket_that_it_lies_in),
	        cmocka_unit_test(percentiles_are_near_what_was_counted),
	        cmocka_unit_test(one_time_alone_is_every_percentile),
	        cmocka_unit_test(counts_can_be_added_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
