/*
 * The addresses of one origin of one domain as one worker sees them: configured entries, resolved
 * names, the worker's own shuffle bag, and the choice of the next address. Made when a worker first
 * pulls from the origin, and dropped when the domain's configuration is replaced and nobody uses it
 * any more.
 */
#pragma once

#include "model/domain.h"
#include "origin/health.h"
#include "origin/names.h"
#include "origin/shared.h"
#include "origin/worker.h"

struct origin_group;
struct origin_pace;

/* One ip:port that may be pulled from. Refcounted, one thread: an attempt keeps it. */
struct origin_candidate {
	unsigned references;
	struct address address;
	struct origin_group *group;   /* a reference keeps the group and its domain alive too */
	struct origin_host *host;     /* shared */
	struct origin_server *server; /* shared */
	struct origin_pool *pool;     /* this worker's connections */
	uint32_t in_flight;           /* attempts; the attempt counts them */
	uint32_t latency_us;          /* smoothed time to the head, 0: unknown; the attempt's too */
	uint64_t latency_at_ms;       /* when that was last seen */
	uint32_t attempts;            /* that have begun, and the server has not heard of */
	uint64_t attempts_at_ms;      /* when it last heard of some */
};

void origin_group_candidate_ref(struct origin_candidate *candidate);
void origin_group_candidate_unref(struct origin_candidate *candidate);

/* An attempt at it begins. The server, which is shared, hears of that at most once in a millisecond
 * of each worker. */
void origin_group_count_attempt(struct origin_candidate *candidate, uint64_t now_ms);

/* The group of (domain, role) for clients of a scheme, HTTP or HTTPS, which is the same for both
 * unless the origin's protocol is `follow`; one reference for the caller, and a reference to the
 * domain inside. NULL when the domain has no origin in this role. */
struct origin_group *origin_group_get(struct origin_worker *worker, struct model_domain *domain,
        enum model_role role, enum model_protocol scheme);
void origin_group_unref(struct origin_group *group);

/* The domain was replaced: its groups go as soon as nobody uses them. Without this they go when
 * nobody used them for five minutes. */
void origin_group_forget(struct origin_worker *worker, const struct model_domain *domain);

struct model_origin *origin_group_origin(struct origin_group *group);
struct model_domain *origin_group_domain(struct origin_group *group);
enum model_role origin_group_role(const struct origin_group *group);

/* HTTP or HTTPS: how its addresses are spoken to. */
enum model_protocol origin_group_protocol(const struct origin_group *group);

/* How soon the origin answers (origin/pace.h), as long as the group; NULL where nothing is hedged.
 */
struct origin_pace *origin_group_pace(const struct origin_group *group);

enum origin_choice {
	ORIGIN_CHOSEN,    /* *ret_candidate has a reference for the caller */
	ORIGIN_RESOLVING, /* its names are being looked up for the first time, and no other address
	                     is usable: origin_group_wait */
	ORIGIN_ALL_BLOCKED, /* every address that was not tried is blocked; *ret_until_ms: the first
	                       end */
	ORIGIN_ALL_TRIED,   /* no address is left that this pull has not tried */
	ORIGIN_UNRESOLVED,  /* no name has an address, and there is no other: FAULT_DNS */
	ORIGIN_DRAINED,     /* every address has weight 0 */
};

struct origin_choose {
	const struct address *tried; /* addresses that this pull tried already are left out */
	unsigned tried_count;
	uint64_t key;       /* for the policy `hash` */
	bool despite_block; /* all_blocked: try: choose the one whose block ends first */
	bool needs_route;   /* not even as the last resort one of a family without a route */
	uint64_t now_ms;
};

/* Chooses by the origin's policy. A block that is over is tried by exactly one pull (the trial). */
enum origin_choice origin_group_choose(struct origin_group *group,
        const struct origin_choose *options, struct origin_candidate **ret_candidate,
        bool *ret_is_trial, uint64_t *ret_until_ms);

/* The candidate could not even be tried, since this machine has no route for its family
 * (FAULT_NO_ROUTE): the family is left out of this group's choices for 30 s. It is not blocked:
 * where there is nothing else, it is still tried, unless needs_route is set. */
void origin_group_note_no_route(const struct origin_candidate *candidate, uint64_t now_ms);

/* Whether every address with a weight is blocked, or was and has still to stand its trial (nothing
 * is chosen, no turn is used); *ret_since_ms is when the last of them was blocked. A family without
 * a route does not help; an origin without any address is not blocked. */
bool origin_group_was_all_blocked(
        struct origin_group *group, uint64_t now_ms, uint64_t *ret_since_ms);

/* Whether one more server of this origin may be blocked for response failures: without a backup at
 * most half of its addresses. */
bool origin_group_may_block(struct origin_group *group, uint64_t now_ms);

/* Notes with the candidate's server what came of a request: FAULT_NONE or a fault of the kind
 * RESPONSE, which blocks as far as origin_group_may_block allows, whatever other workers note. */
void origin_group_note_response(const struct origin_candidate *candidate, enum fault fault,
        uint64_t url_hash, uint64_t now_ms);

/* Waits for the first answer about the group's names; on_resolved is called once, never before this
 * returns. Embedded in its owner. */
struct origin_group_wait {
	struct list_node node;
	void (*on_resolved)(struct origin_group_wait *self);
};
void origin_group_wait_start(struct origin_group *group, struct origin_group_wait *wait);
void origin_group_wait_cancel(struct origin_group_wait *wait);

/* Counts pulls and retries in flight at this origin, for the retry budget: at most 20 % + 10, where
 * the 10 are for all workers together. */
void origin_group_pull_begin(struct origin_group *group);
void origin_group_pull_end(struct origin_group *group);
MUST_CHECK bool origin_group_retry_begin(struct origin_group *group);
void origin_group_retry_end(struct origin_group *group);
