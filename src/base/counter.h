/*
 * What is counted of a domain, one row each in counter.def, and the cells that there are of them:
 * each counter of the client's side, each of the origin's for the master and the backup, failures
 * by their reason (fault.def) in all three parts, and how long requests took (latency.h). Reports,
 * the store, the API, metrics and the docs use these names and no others. Pure.
 */
#pragma once

#include "base/fault.h"
#include "base/latency.h"
#include "base/str.h"

/* Those of the client's side first. */
enum counter {
#define CLIENT(id) COUNTER_##id,
#define ORIGIN(id)
#define COUNTER(id, side, name, unit, words) side(id)
#include "base/counter.def"
	COUNTERS_CLIENT,
#undef CLIENT
#undef ORIGIN
#define CLIENT(id)
#define ORIGIN(id) COUNTER_##id,
	COUNTER_BEFORE_ORIGIN = COUNTERS_CLIENT - 1, /* those of the other side go on from it */
#include "base/counter.def"
#undef COUNTER
#undef CLIENT
#undef ORIGIN
	COUNTERS
};

struct counter_info {
	const char *name;  /* "requests" */
	const char *unit;  /* "bytes" */
	const char *words; /* for people */
};

/* The row of a counter; never NULL. */
const struct counter_info *counter_info(enum counter counter);

/* Its name. */
const char *counter_name(enum counter counter);

/* ---- cells ---- */

enum counter_part { COUNTER_CLIENT, COUNTER_ORIGIN, COUNTER_BACKUP, COUNTER_PARTS };

/* "client", "origin", "backup" */
const char *counter_part_name(enum counter_part part);

/* What of a request's time is counted. */
enum counter_latency {
	COUNTER_FIRST_BYTE, /* from its head to the response's */
	COUNTER_WHOLE,      /* from its head to the end of the response */
	COUNTER_LATENCIES
};

/* "first_byte", "whole" */
const char *counter_latency_name(enum counter_latency latency);

enum {
	COUNTER_PART_CELLS = COUNTERS + FAULT_COUNT,
	COUNTER_LATENCY_CELLS = COUNTER_PARTS * COUNTER_PART_CELLS, /* the first of those */
	COUNTER_CELLS = COUNTER_LATENCY_CELLS + COUNTER_LATENCIES * LATENCY_BUCKETS
};

/* The cell of a counter, which is of the part's side; of a reason of failures. */
unsigned counter_cell(enum counter_part part, enum counter counter);
unsigned counter_cell_of_fault(enum counter_part part, enum fault fault);

/* The cell of a bucket. */
unsigned counter_cell_of_latency(enum counter_latency latency, unsigned bucket);

/* Whether a cell is one of those, and of what. They are the client's. */
bool counter_cell_is_latency(
        unsigned cell, enum counter_latency *ret_latency, unsigned *ret_bucket);

/* Of which part a cell is; whether of a fault, and which; and if neither that nor of a latency, of
 * which counter. */
enum counter_part counter_cell_part(unsigned cell);
bool counter_cell_is_fault(unsigned cell, enum fault *ret_fault);
enum counter counter_cell_counter(unsigned cell);

/* Reads "17:5,18:3", counts by their buckets, from the beginning on: cuts one off *rest; false
 * where there is none that can be read. */
MUST_CHECK bool counter_latency_next(struct str *rest, unsigned *ret_bucket, uint64_t *ret_count);

/* The latency of a name; false when there is none. */
MUST_CHECK bool counter_latency_find(struct str name, enum counter_latency *ret_latency);

/* The cell of a name within its part: of a counter, or of a fault; false when there is none. */
MUST_CHECK bool counter_cell_find(
        enum counter_part part, bool is_fault, struct str name, unsigned *ret_cell);
