/*
 * A ring of the last deaths, in which 0 is none: what is overwritten is the one PACE_DEATHS ago.
 */
#include "main/pace.h"

bool pace_is_too_fast(struct pace *pace, uint64_t now_ms)
{
	uint64_t *oldest = &pace->deaths_ms[pace->count++ % PACE_DEATHS];
	bool is_too_fast = *oldest != 0 && now_ms - *oldest < PACE_MS;
	*oldest = now_ms;
	return is_too_fast;
}
