/*
 * Each pause is a quarter longer than the one before, up to a second.
 */
#include "cli/wait.h"

#include "base/clock.h"

#include <time.h>

enum { PAUSE_MS = 100, PAUSE_LONG_MS = 1000 };

void cli_wait_begin(struct cli_wait *wait, uint64_t timeout_ms)
{
	uint64_t now_ms = clock_ms();
	wait->until_ms = timeout_ms < UINT64_MAX - now_ms ? now_ms + timeout_ms : UINT64_MAX;
	wait->pause_ms = PAUSE_MS;
}

uint64_t cli_wait_left_ms(const struct cli_wait *wait)
{
	uint64_t now_ms = clock_ms();
	return now_ms < wait->until_ms ? wait->until_ms - now_ms : 0;
}

void cli_wait_nap(struct cli_wait *wait)
{
	uint64_t left_ms = cli_wait_left_ms(wait);
	uint64_t nap_ms = wait->pause_ms < left_ms ? wait->pause_ms : left_ms;
	struct timespec nap = {
	        .tv_sec = (time_t)(nap_ms / 1000), .tv_nsec = (long)(nap_ms % 1000) * 1000000L};
	nanosleep(&nap, NULL);
	wait->pause_ms =
	        wait->pause_ms * 5 / 4 < PAUSE_LONG_MS ? wait->pause_ms * 5 / 4 : PAUSE_LONG_MS;
}
