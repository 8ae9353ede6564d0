/*
 * What an origin-pull would do: which addresses it would ask, in which order, and why, if the
 * attempts came to what is assumed. The choices are those of fill_choose.c, the verdicts those of
 * the failover table itself (judge.h). The budget for retries counts as not used up. Pure.
 */
#pragma once

#include "edge/judge.h"

#include <stdint.h>

enum { EDGE_PLAN_ATTEMPTS = 10 }; /* failover.attempts is at most that */

struct edge_plan_address {
	bool is_usable;
	uint64_t until_ms; /* where it is not: when its block ends */
};

struct edge_plan_origin {
	bool is_there;
	const struct edge_plan_address *addresses; /* in the order in which they are asked here */
	unsigned count;
	bool is_unresolved; /* no name has an address */
	/* What each attempt comes to: a fault, or a status. */
	enum fault fault;
	unsigned status;
	uint32_t connect_timeout_ms, head_timeout_ms;
};

struct edge_plan_facts {
	struct edge_plan_origin origins[MODEL_ROLES];
	bool is_safe, may_repeat;
	bool is_on_backup; /* by a latch or a hold-down */
	bool all_blocked_fails;
	unsigned attempts_max;
	uint32_t budget_ms;
	const struct model_statuses *failover_statuses;
};

/* Why it went on, or did not. */
enum edge_plan_why {
	EDGE_PLAN_DELIVERED, /* its answer is the one */
	EDGE_PLAN_KEPT,      /* its answer is kept, and the backup asked */
	EDGE_PLAN_BACKUP,    /* the backup is asked */
	EDGE_PLAN_ADDRESS,   /* another address is asked */
	EDGE_PLAN_TAKEN,     /* the master's answer, which was kept, is the one */
	EDGE_PLAN_NOBODY,    /* nobody is left to ask */
	EDGE_PLAN_SPENT,     /* failover.attempts are used up */
	EDGE_PLAN_LATE,      /* failover.budget_s is over */
	EDGE_PLAN_UNSAFE,    /* the method is not safe, and it may have been received */
};

struct edge_plan_attempt {
	enum model_role role;
	unsigned address; /* the first one that may be chosen */
	unsigned choices; /* how many there are */
	bool is_despite_block;
	enum fault fault;
	unsigned status;
	enum edge_plan_why why;
};

struct edge_plan {
	struct edge_plan_attempt attempts[EDGE_PLAN_ATTEMPTS];
	unsigned count;
	const struct edge_plan_attempt *answer; /* whose answer is the one; NULL: there is none */
	enum fault fault;                       /* why there is none */
	uint64_t ms;                            /* what the timeouts take that are waited for */
};

void edge_plan_make(const struct edge_plan_facts *facts, struct edge_plan *ret_plan);

/* Its words, for people. */
const char *edge_plan_words(enum edge_plan_why why);
