/*
 * What the control plane counts of itself. Any thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum { CONTROL_METRICS_STATUS_MAX = 599 };

/* All-zero is the beginning. */
struct control_metrics {
	_Atomic uint64_t answers[CONTROL_METRICS_STATUS_MAX + 1]; /* of the API, by status */
	_Atomic uint64_t store_errors;
	uint64_t began_ms; /* since 1970-01-01 UTC; constant */
};

/* One more answer. */
static inline void control_metrics_add_answer(struct control_metrics *metrics, unsigned status)
{
	if (status <= CONTROL_METRICS_STATUS_MAX)
		atomic_fetch_add_explicit(&metrics->answers[status], 1, memory_order_relaxed);
}
