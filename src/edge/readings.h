/*
 * What is read off the parts of an edge for its metrics. On the steward's thread.
 */
#pragma once

#include "edge/metrics.h"
#include "edge/worker.h"

/* Adds what a worker has counted. */
void edge_readings_add_worker(const struct edge_worker *worker, uint64_t values[EDGE_METRICS]);

/* The state of the cache and of its disks; `cache` may be NULL: there is none. What is counted goes
 * on when an edge is replaced. */
void edge_readings_add_cache(struct cache_store *cache, uint64_t values[EDGE_METRICS]);
