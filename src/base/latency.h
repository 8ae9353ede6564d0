/*
 * How long things took, as counts in buckets whose width grows with what they hold: four to each
 * doubling, from 64 microseconds to 67 seconds. The buckets are the same everywhere and for ever,
 * so that counts of workers, edges and minutes can be added up, and percentiles be told of the sum.
 * Of one that is told, at most an eighth is wrong (Gil Tene's HdrHistogram, with two bits). Pure.
 */
#pragma once

#include "base/check.h"

#include <stdint.h>

enum {
	LATENCY_FIRST_BIT = 6, /* less than 64 us is one bucket */
	LATENCY_LAST_BIT = 26, /* so is what is more */
	LATENCY_BUCKETS = (LATENCY_LAST_BIT - LATENCY_FIRST_BIT) * 4 + 2,
};

/* The bucket that so many microseconds are counted in. */
static inline unsigned latency_bucket(uint64_t us)
{
	if (us < UINT64_C(1) << LATENCY_FIRST_BIT)
		return 0;
	if (us >= UINT64_C(1) << LATENCY_LAST_BIT)
		return LATENCY_BUCKETS - 1;
	const unsigned bit = 63 - (unsigned)__builtin_clzll(us);
	return 1 + (bit - LATENCY_FIRST_BIT) * 4 + (unsigned)(us >> (bit - 2) & 3);
}

/* The least that is counted in a bucket, in microseconds; of LATENCY_BUCKETS, a doubling past the
 * last one's. */
uint64_t latency_floor(unsigned bucket);

/* The time, in microseconds, that so many thousandths (1 to 1000) of what was counted took at most;
 * 0 where nothing was. What lies in one bucket is taken to be spread evenly over it. */
uint64_t latency_percentile(const uint64_t counts[LATENCY_BUCKETS], unsigned thousandths);
