/*
 * Numbers for whoever watches, as texts: that of OpenMetrics 1.0, and that of Prometheus 0.0.4,
 * which differ in how a counter's family is called, in units, and at the end. A family is begun,
 * and all of its samples follow. Pure.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum metric_format { METRIC_PROMETHEUS, METRIC_OPENMETRICS };

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };

struct metric {
	const char *name; /* without "_total"; ends with the unit where it has one */
	enum metric_type type;
	const char *unit;  /* "bytes", "seconds"; empty: none */
	const char *words; /* what it is, without a full stop */
};

struct metric_label {
	const char *name;
	struct str value;
};

struct metric_writer {
	struct text *to;
	enum metric_format format;
};

/* The one that a client with this field Accept wants (at == NULL: it has none). */
enum metric_format metric_format_for(struct str accept);

/* "text/plain; version=0.0.4; charset=utf-8" */
const char *metric_media(enum metric_format format);

/* Begins a family. */
void metric_begin(const struct metric_writer *writer, const struct metric *metric);

/* A sample of it. */
void metric_add(const struct metric_writer *writer, const struct metric *metric,
        const struct metric_label *labels, unsigned label_count, uint64_t value);

/* A family of one sample without labels. */
void metric_add_one(
        const struct metric_writer *writer, const struct metric *metric, uint64_t value);

/* Behind the last one. */
void metric_end(const struct metric_writer *writer);
