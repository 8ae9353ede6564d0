/*
 * What the origin room shares between all workers of a process, and its steward: one thread's loop
 * that resolves names and probes addresses in the background, so that no worker ever does either.
 */
#pragma once

#include "model/snapshot.h"
#include "net/loop.h"
#include "origin/health.h"

struct origin_shared;
struct origin_latches;
struct origin_names;
struct origin_paces;
struct origin_retries_table;
struct origin_trust_table;

/* What the steward tells the program; called on the steward's thread, soon after it happened. */
struct origin_shared_sink {
	/* A state changed: of an address as such (domain is empty), or of what answers there for a
	 * domain. `for_ms` is how long a block lasts, 0 for other states. */
	void (*on_health)(struct origin_shared_sink *self, const struct address *address,
	        struct str domain, enum origin_state from, enum origin_state to, enum fault reason,
	        uint64_t for_ms);
	/* A file that TLS with origins needs could not be read or used, and why: a phrase behind
	 * its path. NULL: it is used, at last or again. By way of exception on any thread. */
	void (*on_file)(struct origin_shared_sink *self, const char *path, const char *why);
};

struct origin_shared_options {
	struct origin_health_options health;
	const char *dns_servers;       /* NULL: the system's */
	uint32_t ttl_min_s, ttl_max_s; /* 5, 300 */
	uint32_t confirm_gap_ms;       /* between two TCP probes that confirm a failure: 200 */
	uint32_t probe_timeout_ms;     /* of TCP probes: 2000 */
};

/* Runs on `loop`, the steward's; made on its thread or before it runs. The strings of the options
 * are copied. */
struct origin_shared *origin_shared_new(struct loop *loop,
        const struct origin_shared_options *options, struct origin_shared_sink *sink);

/* After all workers have ended; on the steward's thread or after it, not from inside of a callback
 * of the loop. NULL is fine. */
void origin_shared_free(struct origin_shared *shared);

/* On the steward's thread: tells which domains there are, for active probes (`probe:` of an
 * origin) and for the files of TLS; called for each new snapshot, before workers have it. */
void origin_shared_set_snapshot(struct origin_shared *shared, struct model_snapshot *snapshot);

struct origin_health *origin_shared_health(struct origin_shared *shared);
struct origin_names *origin_shared_names(struct origin_shared *shared);
struct origin_latches *origin_shared_latches(struct origin_shared *shared);
struct origin_paces *origin_shared_paces(struct origin_shared *shared);
struct origin_retries_table *origin_shared_retries(struct origin_shared *shared);
struct origin_trust_table *origin_shared_trusts(struct origin_shared *shared);
