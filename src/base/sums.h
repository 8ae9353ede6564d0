/*
 * What was counted of one domain: a number for each cell of the counters' table, of which most are
 * 0 and take no room. Numbers stop at the largest one. One owner. Pure.
 */
#pragma once

#include "base/counter.h"

struct sums_cell {
	unsigned cell;
	uint64_t value; /* never 0 */
};

/* All-zero is: nothing. */
struct sums {
	struct sums_cell *list; /* in the order of cells */
	unsigned count, cap;
};

/* Drops all, also the memory. */
void sums_done(struct sums *sums);

uint64_t sums_get(const struct sums *sums, unsigned cell);
void sums_add(struct sums *sums, unsigned cell, uint64_t value);

/* Adds all of another one. */
void sums_merge(struct sums *sums, const struct sums *from);

/* Adds to `to` what was counted between two looks at the same counters; what is lower than it was
 * began anew. */
void sums_add_difference(const struct sums *before, const struct sums *after, struct sums *to);

/* Adds them as text: "requests=5 hits=2 faults.range=1 origin.pulls=3 origin.faults.dns=1
 * whole=17:3,18:2"; of times, the counts by their buckets. */
void sums_print(const struct sums *sums, struct text *to);

/* Adds what "17:3,18:2" says of a latency, up to what cannot be read. */
void sums_read_latency(enum counter_latency latency, struct str text, struct sums *to);

/* The counts of a latency by their buckets; how many there are in all. */
uint64_t sums_get_latency(const struct sums *sums, enum counter_latency latency,
        uint64_t ret_counts[LATENCY_BUCKETS]);

/* Adds what such a text says. Names that are not known, as of another version, are left out. */
void sums_read(struct str text, struct sums *to);
