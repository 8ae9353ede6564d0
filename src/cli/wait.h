/*
 * Waiting for edges: what is asked again and again, often at first, as it is a matter of
 * milliseconds mostly, until it is so or it is too late.
 */
#pragma once

#include <stdint.h>

struct cli_wait {
	uint64_t until_ms, pause_ms;
};

/* From now on, for so long. */
void cli_wait_begin(struct cli_wait *wait, uint64_t timeout_ms);

/* 0: it is too late. */
uint64_t cli_wait_left_ms(const struct cli_wait *wait);

/* Sleeps a little, a little longer each time, and not beyond the end. */
void cli_wait_nap(struct cli_wait *wait);
