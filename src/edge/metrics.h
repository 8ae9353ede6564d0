/*
 * The numbers of an edge for whoever watches, and whether it serves: GET /metrics and GET /healthz
 * at listeners of their own, answered by the steward, whose thread all of this is. Workers have
 * nothing to do with it.
 */
#pragma once

#include "base/metric.h"
#include "edge/tally.h"
#include "net/loop.h"

enum edge_metric {
#define METRIC(id, type, name, unit, words) EDGE_METRIC_##id,
#include "edge/metric.def"
#undef METRIC
	EDGE_METRICS
};

struct edge_metrics_source {
	/* Says how the edge is now. */
	void (*on_read)(struct edge_metrics_source *self, uint64_t values[EDGE_METRICS]);
};

struct edge_metrics_options {
	struct loop *loop;
	const int *listeners; /* they stay the caller's */
	unsigned listener_count;
	struct edge_tally *const *tallies; /* of the workers */
	unsigned tally_count;
	struct edge_metrics_source *source;
};

struct edge_metrics;

/* What the options lead to must outlive it. NULL when the kernel refuses. */
struct edge_metrics *edge_metrics_open(const struct edge_metrics_options *options);

/* Ends its connections. NULL is fine. */
void edge_metrics_close(struct edge_metrics *metrics);
