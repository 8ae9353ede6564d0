/*
 * How soon an origin answers: percentiles of the time to a response head within the last minute, of
 * all workers together, and for how many of its pulls somebody else was asked as well (hedging: J.
 * Dean, L. A. Barroso, "The Tail at Scale", 2013). A histogram on a logarithmic scale for each of
 * the slices that a minute has; what is told is at most an eighth too much. Any thread, lock-free;
 * some 8 KB.
 */
#pragma once

#include "base/check.h"
#include "model/domain.h"

#include <stdint.h>

struct origin_pace;

enum {
	ORIGIN_PACE_SAMPLES = 50, /* before that many heads within the minute nothing is told */
};

struct origin_pace *origin_pace_new(void);
void origin_pace_free(struct origin_pace *pace);

/* A head came after head_us, or somebody gave up waiting for it then. now_ms rises, but threads may
 * be a little apart. */
void origin_pace_note(struct origin_pace *pace, uint64_t head_us, uint64_t now_ms);

/* The percentile (not OFF) in microseconds; 0: too few heads came to say. At most 250 ms old. */
uint64_t origin_pace_late_us(struct origin_pace *pace, enum model_hedge after, uint64_t now_ms);

/* Whether one more pull may be hedged: at most `budget` percent of those that were noted within the
 * minute. It is counted where the answer is yes. */
MUST_CHECK bool origin_pace_hedge(struct origin_pace *pace, unsigned budget, uint64_t now_ms);
