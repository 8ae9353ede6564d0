/*
 * Detection: which addresses are exceptional, blocked for a while and skipped (origin-pull.md
 * section 3). The state is shared by all workers of the process: a host is one ip:port and has
 * connection failures, whoever pulls from it; a server is one (domain, ip:port, protocol, server
 * name) and has response failures. Reading a state is a few relaxed loads; only failures and
 * changes of state take a lock.
 *
 * States: USABLE -> BLOCKED (until a time) -> PROBING (one background probe) -> READY (one real
 * request may take the lease) -> ON_TRIAL (leased, with expiry) -> RAMPING (slow start) -> USABLE.
 * A failed probe or trial blocks again, for twice as long. Who moves a state by time alone is the
 * steward (origin/probe.h), with origin_health_advance_host and _server.
 */
#pragma once

#include "base/address.h"
#include "base/fault.h"
#include "model/domain.h"
#include "origin/slots.h"

#include <stdint.h>

struct origin_host;
struct origin_server;
struct origin_health;

enum origin_state {
	ORIGIN_USABLE,
	ORIGIN_BLOCKED,
	ORIGIN_PROBING,
	ORIGIN_READY,
	ORIGIN_ON_TRIAL,
	ORIGIN_RAMPING,
};

/* The numbers of section 3; all of them are settings. connection_failures is at most 16,
 * response_window at most 32. */
struct origin_health_options {
	uint32_t block_ms, block_max_ms, forgive_ms;        /* 60 s, 600 s, 600 s */
	uint32_t ramp_ms;                                   /* 10 s */
	uint32_t connection_failures, connection_window_ms; /* 3 in 60 s */
	uint32_t response_failures, response_window,
	        response_urls;   /* 6 of the last 20, from 3 URLs */
	uint32_t trial_lease_ms; /* 30 s */
};

/* What the tables tell somebody (the steward) who must act. Called on any thread, without locks
 * held but that of deciding; it must only post a message. */
struct origin_health_sink {
	/* A host had a connection failure and is not blocked: two TCP probes should confirm it. At
	 * most once a second for each host. */
	void (*on_suspect)(struct origin_health_sink *self, struct origin_host *host);
	/* A state changed: for timers (a block's end), the log and counters. One of host and server
	 * is NULL. */
	void (*on_change)(struct origin_health_sink *self, struct origin_host *host,
	        struct origin_server *server, enum origin_state from, enum origin_state to,
	        enum fault reason);
};

struct origin_health *origin_health_new(
        const struct origin_health_options *options, struct origin_health_sink *sink);
void origin_health_free(struct origin_health *health);

/* The entry of an address, made where it is missing; one reference for the caller. */
struct origin_host *origin_health_host(struct origin_health *health, const struct address *address);
struct origin_host *origin_health_host_ref(struct origin_host *host);
void origin_health_host_unref(struct origin_host *host);

/* The same for what answers behind it. `server_name` may be empty. Keeps a reference to the host.
 */
struct origin_server *origin_health_server(struct origin_health *health, struct str domain,
        const struct address *address, enum model_protocol protocol, struct str server_name);
struct origin_server *origin_health_server_ref(struct origin_server *server);
void origin_health_server_unref(struct origin_server *server);

/* How a pull may treat an address now. */
enum origin_standing {
	ORIGIN_STANDING_GOOD, /* use it; *ret_share is 1–256: 256 whole, less during slow start */
	ORIGIN_STANDING_TRIAL,   /* use it once if origin_health_take_trial says yes */
	ORIGIN_STANDING_BLOCKED, /* skip it; *ret_until_ms is when its block ends */
};

/* The worse of the host's and the server's. Lock-free. */
enum origin_standing origin_health_standing(const struct origin_host *host,
        const struct origin_server *server, uint64_t now_ms, unsigned *ret_share,
        uint64_t *ret_until_ms);

/* Takes the lease for the one real request after a block (compare-and-swap); exactly one caller
 * wins. The attempt's notes below end it; it expires by itself. */
MUST_CHECK bool origin_health_take_trial(
        struct origin_host *host, struct origin_server *server, uint64_t now_ms);

/* The request that has the lease ended without a verdict (its client left, no place in a queue):
 * the next one may take the lease at once. Where another verdict came meanwhile nothing happens.
 * Only for whoever took the trial. */
void origin_health_give_back_trial(struct origin_host *host, struct origin_server *server);

/* What came of an attempt. Only faults of the kinds CONNECTION and RESPONSE count (base/fault.def);
 * FAULT_NONE is a success; faults after the head (TRUNCATED, BODY_TIMEOUT) do not count. A trial
 * is a whole request: what came over its connection ends the trial of the host, also a failure,
 * while a connection alone does not. `url_hash` tells URLs apart. `may_block` is false
 * where blocking one more server would leave less than half of an origin without a backup (the
 * group knows). */
void origin_health_note_connection(struct origin_host *host, enum fault fault, uint64_t now_ms);
void origin_health_note_response(struct origin_server *server, enum fault fault, uint64_t url_hash,
        bool may_block, uint64_t now_ms);

/* How long a server takes to the head, as a worker has smoothed it. Most calls write nothing, as of
 * successes. */
void origin_health_note_latency(struct origin_server *server, uint32_t latency_us);

/* So many attempts more have begun. */
void origin_health_note_attempts(struct origin_server *server, uint32_t count);

/* By how many seconds the server's clock is ahead of ours, as far as is known: what is signed for
 * it is signed for its time. */
int64_t origin_health_clock_s(const struct origin_server *server);

/* Remembers that. False, and nothing is changed, where it was found out less than ten seconds ago:
 * a server that tells of another time with each answer is not followed. */
MUST_CHECK bool origin_health_set_clock_s(
        struct origin_server *server, int64_t ahead_s, uint64_t now_ms);

/* Between these nobody else blocks a server for its responses: from counting those of an origin
 * that are blocked to blocking one more. Failures only; not from inside of the sink. */
void origin_health_begin_deciding(struct origin_health *health);
void origin_health_end_deciding(struct origin_health *health);

/* Verdicts of background probes. A good one while PROBING makes READY; a bad one blocks again.
 * Outside of PROBING, a bad verdict (already confirmed by its caller) blocks, a good one changes
 * nothing. */
void origin_health_probed_host(
        struct origin_host *host, bool is_good, enum fault reason, uint64_t now_ms);
void origin_health_probed_server(
        struct origin_server *server, bool is_good, enum fault reason, uint64_t now_ms);

/* Moves what is due by time alone: a block that is over to PROBING, a slow start that is over to
 * USABLE. Returns the state after it. PROBING obliges the caller to probe. */
enum origin_state origin_health_advance_host(struct origin_host *host, uint64_t now_ms);
enum origin_state origin_health_advance_server(struct origin_server *server, uint64_t now_ms);

/* For the API and tests. `successes` is an estimate: most successes write nothing, one in 64 counts
 * for all of them. The times are 0 where it was never blocked. */
struct origin_health_view {
	enum origin_state state;
	enum fault reason;
	uint64_t blocked_since_ms, blocked_until_ms;
	uint64_t successes, failures;
	uint64_t attempts;   /* of a server: that have begun since it is known, about */
	uint32_t latency_us; /* of a server: smoothed time to the head; 0: none was seen */
};
void origin_health_view_host(
        const struct origin_host *host, uint64_t now_ms, struct origin_health_view *ret);
void origin_health_view_server(
        const struct origin_server *server, uint64_t now_ms, struct origin_health_view *ret);
const struct address *origin_health_host_address(const struct origin_host *host);
struct origin_host *origin_health_server_host(const struct origin_server *server);
struct str origin_health_server_domain(const struct origin_server *server);
enum model_protocol origin_health_server_protocol(const struct origin_server *server);
struct str origin_health_server_name(const struct origin_server *server);

/* All servers that are being pulled from, or were until a short while ago, or are blocked. */
struct origin_health_list_sink {
	void (*on_server)(struct origin_health_list_sink *self, const struct origin_server *server);
};

/* Shows each, in no special order, without locks held. For the steward: it takes some time when
 * there are many. */
void origin_health_list(struct origin_health *health, struct origin_health_list_sink *sink);

/* The cap on connections to the address, over all workers. */
struct origin_slots *origin_health_slots(struct origin_host *host);

/* "usable", "blocked", … as in logs and the API. */
const char *origin_health_state_name(enum origin_state state);
