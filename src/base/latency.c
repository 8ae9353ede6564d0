/*
 * The counts are gone through from the fastest on until there are as many as are asked for; where
 * in the last bucket that is, is the share of it that is needed still.
 */
#include "base/latency.h"

enum { THOUSAND = 1000 };

uint64_t latency_floor(unsigned bucket)
{
	CHECK(bucket <= LATENCY_BUCKETS);
	if (bucket == 0)
		return 0;
	if (bucket == LATENCY_BUCKETS)
		return UINT64_C(2) << LATENCY_LAST_BIT;
	return latency_place_floor(bucket, LATENCY_PART_BITS);
}

uint64_t latency_percentile(const uint64_t counts[LATENCY_BUCKETS], unsigned thousandths)
{
	double all = 0, before = 0;
	CHECK(thousandths >= 1 && thousandths <= THOUSAND);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		all += (double)counts[i];
	const double wanted = all * thousandths / THOUSAND;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		const double count = (double)counts[i];
		if (count > 0 && before + count >= wanted) {
			const double from = (double)latency_floor(i);
			const double width = (double)latency_floor(i + 1) - from;
			return (uint64_t)(from + width * (wanted - before) / count);
		}
		before += count;
	}
	return 0;
}
