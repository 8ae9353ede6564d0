/*
 * Traces: sequences of requests, made from a seed or read from a file.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct sim_trace;

struct sim_request {
	uint64_t key;
	uint32_t bytes; /* of the body; the same for a key throughout a trace that is made */
};

/* What a trace that is made is made of. Requests that are neither part of a scan nor for something
 * that is asked for once are drawn from `objects` by Zipf's law. */
struct sim_trace_options {
	uint64_t seed, requests, objects;
	double skew;            /* the exponent of Zipf's law */
	unsigned churn_percent; /* of the objects replaced by new ones in each tenth of the trace */
	unsigned scan_percent;  /* of the requests belong to scans of objects that come once */
	unsigned once_percent;  /* of the requests are for an object that is asked for once */
	uint32_t bytes_min, bytes_max; /* sizes are spread evenly over the orders between */
};

struct sim_trace *sim_trace_new(const struct sim_trace_options *options);

/* Lines of `time,key,size`; what is no such line is skipped and counted. NULL with errno. */
struct sim_trace *sim_trace_open(const char *path);

/* The next request, false at the end. */
bool sim_trace_next(struct sim_trace *trace, struct sim_request *ret_request);

/* Begins anew. */
void sim_trace_rewind(struct sim_trace *trace);

/* Lines that were skipped. */
uint64_t sim_trace_skipped(const struct sim_trace *trace);

void sim_trace_free(struct sim_trace *trace);
