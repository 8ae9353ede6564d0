/*
 * How fast what is kept running dies: too fast to be started again at once, or not. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	PACE_DEATHS = 10,     /* so many deaths ... */
	PACE_MS = 10000,      /* ... in this time are too many, */
	PACE_PAUSE_MS = 1000, /* and make for this pause before the next start */
};

/* All-zero is one without deaths. */
struct pace {
	uint64_t deaths_ms[PACE_DEATHS]; /* a ring */
	unsigned count;
};

/* Notes a death, at a time that is not 0; whether it was one too many. */
bool pace_is_too_fast(struct pace *pace, uint64_t now_ms);
