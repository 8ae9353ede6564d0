/*
 * What was counted of domains, as metrics: a family for each row of counter.def, and one for
 * failures by their reason, at the client's side and at the origin's each. Domains beyond the
 * LIMIT_METRICS_DOMAINS that come first are added up as "*"; what has no domain is "". Pure.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/metric.h"
#include "base/sums.h"

struct metric_sums {
	struct list domains; /* in the order in which they were first */
	struct map names;
	struct sums rest;
};

void metric_sums_init(struct metric_sums *sums);
void metric_sums_done(struct metric_sums *sums);

/* Drops what was counted, but not which domains are told each by itself: so a series that was
 * there once stays. */
void metric_sums_reset(struct metric_sums *sums);

/* Adds a domain, which is copied. */
void metric_sums_add(struct metric_sums *sums, struct str domain, const struct sums *counts);

/* Adds the families; their names begin with `prefix`: "headwater_". */
void metric_sums_print(
        const struct metric_sums *sums, const char *prefix, const struct metric_writer *writer);
