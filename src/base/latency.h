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
	LATENCY_PART_BITS = 2,
	LATENCY_BUCKETS = ((LATENCY_LAST_BIT - LATENCY_FIRST_BIT) << LATENCY_PART_BITS) + 2,
};

/* The place of so many microseconds on a scale with 2^part_bits places to each doubling, from one
 * for less than 64 on to one for 2^last_bit and more. part_bits is 1 to LATENCY_FIRST_BIT. */
static inline unsigned latency_place(uint64_t us, unsigned part_bits, unsigned last_bit)
{
	if (us < UINT64_C(1) << LATENCY_FIRST_BIT)
		return 0;
	if (us >= UINT64_C(1) << last_bit)
		return ((last_bit - LATENCY_FIRST_BIT) << part_bits) + 1;
	const unsigned bit = 63 - (unsigned)__builtin_clzll(us);
	const unsigned part = (unsigned)(us >> (bit - part_bits)) & ((1U << part_bits) - 1);
	return ((bit - LATENCY_FIRST_BIT) << part_bits) + part + 1;
}

/* The least that has a place, but the first, on such a scale. */
static inline uint64_t latency_place_floor(unsigned place, unsigned part_bits)
{
	const unsigned parts = 1U << part_bits, bit = LATENCY_FIRST_BIT + (place - 1) / parts;
	return (uint64_t)(parts + (place - 1) % parts) << (bit - part_bits);
}

/* The bucket that so many microseconds are counted in. */
static inline unsigned latency_bucket(uint64_t us)
{
	return latency_place(us, LATENCY_PART_BITS, LATENCY_LAST_BIT);
}

/* The least that is counted in a bucket, in microseconds; of LATENCY_BUCKETS, a doubling past the
 * last one's. */
uint64_t latency_floor(unsigned bucket);

/* The time, in microseconds, that so many thousandths (1 to 1000) of what was counted took at most;
 * 0 where nothing was. What lies in one bucket is taken to be spread evenly over it. */
uint64_t latency_percentile(const uint64_t counts[LATENCY_BUCKETS], unsigned thousandths);
