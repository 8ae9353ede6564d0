/*
 * What a worker has counted of each domain (base/counter.def). A worker writes to its own tally and
 * to no other, without locks; whoever wants to know adds up those of all workers, at any time.
 */
#pragma once

#include "base/counter.h"
#include "base/str.h"
#include "model/domain.h"

#include <stdint.h>

struct edge_tally;

/* Of one worker; made by any thread, before it runs. */
struct edge_tally *edge_tally_new(void);

/* After the worker has ended. NULL is fine. */
void edge_tally_free(struct edge_tally *tally);

/* What became of a request. */
struct edge_tally_request {
	bool is_hit;
	uint16_t status; /* 0: none was sent */
	uint8_t fault;   /* enum fault */
	uint64_t bytes_in, bytes_out;
	/* How long after its head the response's was written, and its end; 0: never, or nobody
	 * wants to know. */
	uint64_t first_byte_us, whole_us;
};

/* On the worker's thread: counts a request to a domain; empty: to none. */
void edge_tally_add_request(
        struct edge_tally *tally, struct str domain, const struct edge_tally_request *request);

/* What became of an attempt, or of one that could not even begin. */
struct edge_tally_pull {
	enum model_role role;
	bool is_unasked; /* nobody could be asked: only the fault counts */
	bool is_unsure;  /* its body ended with its connection */
	bool has_broken; /* its body broke off */
	bool gives_rest; /* of a body that had broken off */
	uint16_t status; /* 0: none came */
	uint8_t fault;
	uint64_t bytes;
	bool is_hedge, has_won; /* the backup's, beside the master's; its answer was first */
};

void edge_tally_add_pull(
        struct edge_tally *tally, struct str domain, const struct edge_tally_pull *pull);

/* ---- adding up: one thread, the steward's ---- */

/* The sum of all workers for one domain. */
struct edge_tally_sum {
	struct str domain; /* empty: requests to none; "*": all domains beyond LIMIT_COUNTED_DOMAINS
	                    */
	uint64_t client[COUNTERS_CLIENT];
	uint64_t origin[MODEL_ROLES][COUNTERS - COUNTERS_CLIENT];
	uint64_t client_faults[FAULT_COUNT], origin_faults[MODEL_ROLES][FAULT_COUNT];
	uint64_t latencies[COUNTER_LATENCIES][LATENCY_BUCKETS];
};

struct edge_tally_sink {
	/* True: that is known from now on, and shown again once it has changed. */
	bool (*on_sum)(struct edge_tally_sink *self, const struct edge_tally_sum *sum);
};

/* Shows the sums that have changed since they became known, in no special order; with `is_all`,
 * every one. */
void edge_tally_show(struct edge_tally *const *tallies, unsigned count, bool is_all,
        struct edge_tally_sink *sink);

/* Shows every one, and changes nothing of what is known, whatever the sink says. */
void edge_tally_look(
        struct edge_tally *const *tallies, unsigned count, struct edge_tally_sink *sink);
