/*
 * What was counted, by domain and minute: rows that a batch adds to. Beside
 * them lies how far the counters of each run of an edge were when a batch was written, so that
 * what is counted is counted once, whoever ends between two batches.
 */
#pragma once

#include "base/sums.h"
#include "store/store.h"

enum { STORE_MINUTE_MS = 60000 };

/* The name of the rows in which all domains are added up; no domain has it. */
#define STORE_STATS_ALL "/"

struct store_stats_row {
	struct str domain; /* empty: requests to none; "*": domains beyond those counted each by
	                    * itself */
	const struct sums *sums;
};

/* How far the counters of a domain are in a run of an edge. */
struct store_stats_base {
	struct str run, domain;
	const struct sums *sums;
};

struct store_stats_run {
	struct str name;
	uint64_t heard_ms; /* since 1970-01-01 UTC; 0: it is to be forgotten */
};

struct store_stats_batch {
	uint64_t now_ms;   /* since 1970-01-01 UTC; what was counted goes to its minute */
	uint64_t until_ms; /* minutes before that are too old */
	bool is_heard;     /* of any edge, also where it had nothing to tell */
	const struct store_stats_row *rows;
	size_t row_count;
	const struct store_stats_base *bases; /* instead of what was said before */
	size_t base_count;
	const struct store_stats_run *runs;
	size_t run_count;
};

/* Adds all of it or nothing, and takes away what is too old (a day of it at a time, the oldest
 * first, as others want the store), what is more than LIMIT_STATS_ROWS, and runs that were not
 * heard of for LIMIT_STATS_RUN_DAYS. */
MUST_CHECK enum store_failure store_stats_add(
        struct store *store, const struct store_stats_batch *batch);

/* What the readers call, under the store's lock: it must not call the store. All is borrowed. */
struct store_stats_sink {
	/* One minute in which edges were heard of; `at_ms` is its beginning. The sums are those of
	 * the domain, empty where it had nothing. */
	void (*on_minute)(struct store_stats_sink *self, uint64_t at_ms, const struct sums *sums);
};

/* From one time (rounded down to a minute) up to before another. */
struct store_stats_span {
	uint64_t from_ms, to_ms;
};

/* From the first minute that there is to behind the last; both are 0 when there is none. */
MUST_CHECK enum store_failure store_stats_bounds(
        struct store *store, struct store_stats_span *ret_span);

/* Reads the minutes that there are, in their order, with what a domain had in each. */
MUST_CHECK enum store_failure store_stats_read(struct store *store, struct str domain,
        struct store_stats_span span, struct store_stats_sink *sink);

struct store_stats_run_sink {
	/* How far a domain is in a run that was last heard of then. */
	void (*on_base)(struct store_stats_run_sink *self, const struct store_stats_base *base,
	        uint64_t heard_ms);
};

/* Reads how far all runs are. */
MUST_CHECK enum store_failure store_stats_read_runs(
        struct store *store, struct store_stats_run_sink *sink);
