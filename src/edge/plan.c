/*
 * A walk: choose, attempt, judge, and so on. Where a policy would draw one of several addresses,
 * the first one stands for it.
 */
#include "edge/plan.h"

#include "base/limit.h"

#include <string.h>

struct walk {
	const struct edge_plan_facts *facts;
	struct edge_plan *plan;
	bool is_tried[MODEL_ROLES][LIMIT_ADDRESSES * LIMIT_RESOLVED];
	bool role_tried[MODEL_ROLES];
	bool has_written;
	const struct edge_plan_attempt *kept;
};

/* ---- choosing ---- */

enum found { CHOSEN, ALL_BLOCKED, UNRESOLVED, NONE };

static enum found look_into(
        const struct walk *walk, enum model_role role, struct edge_plan_attempt *ret_attempt)
{
	const struct edge_plan_origin *origin = &walk->facts->origins[role];
	unsigned choices = 0, first = 0, blocked = 0;
	for (unsigned i = 0; i < origin->count; i++) {
		bool is_open = !walk->is_tried[role][i];
		blocked += is_open && !origin->addresses[i].is_usable;
		if (is_open && origin->addresses[i].is_usable && choices++ == 0)
			first = i;
	}
	if (choices != 0) {
		*ret_attempt = (struct edge_plan_attempt){
		        .role = role, .address = first, .choices = choices};
		return CHOSEN;
	}
	if (blocked != 0)
		return ALL_BLOCKED;
	return origin->is_there && origin->is_unresolved ? UNRESOLVED : NONE;
}

/* The address whose block ends first. */
static unsigned first_end(const struct edge_plan_origin *origin, uint64_t *ret_until_ms)
{
	unsigned best = 0;
	for (unsigned i = 1; i < origin->count; i++)
		if (origin->addresses[i].until_ms < origin->addresses[best].until_ms)
			best = i;
	*ret_until_ms = origin->addresses[best].until_ms;
	return best;
}

/* Nobody was asked, and nobody can be but who is blocked. */
static bool choose_blocked(struct walk *walk, enum found master, enum found backup,
        struct edge_plan_attempt *ret_attempt)
{
	const struct edge_plan_origin *origins = walk->facts->origins;
	uint64_t until_ms[MODEL_ROLES] = {UINT64_MAX, UINT64_MAX};
	unsigned firsts[MODEL_ROLES] = {0};
	if (master != ALL_BLOCKED && backup != ALL_BLOCKED) {
		walk->plan->fault =
		        master == UNRESOLVED || backup == UNRESOLVED ? FAULT_DNS : FAULT_NO_ADDRESS;
		return false;
	}
	walk->plan->fault = FAULT_ALL_BLOCKED;
	if (walk->facts->all_blocked_fails)
		return false;
	if (master == ALL_BLOCKED)
		firsts[MODEL_MASTER] = first_end(&origins[MODEL_MASTER], &until_ms[MODEL_MASTER]);
	if (backup == ALL_BLOCKED)
		firsts[MODEL_BACKUP] = first_end(&origins[MODEL_BACKUP], &until_ms[MODEL_BACKUP]);
	enum model_role role =
	        until_ms[MODEL_BACKUP] < until_ms[MODEL_MASTER] ? MODEL_BACKUP : MODEL_MASTER;
	*ret_attempt = (struct edge_plan_attempt){
	        .role = role, .address = firsts[role], .choices = 1, .is_despite_block = true};
	return true;
}

static bool choose_first(struct walk *walk, struct edge_plan_attempt *ret_attempt)
{
	const bool is_on_backup = walk->facts->is_on_backup;
	enum found master = NONE, backup;
	if (!is_on_backup && (master = look_into(walk, MODEL_MASTER, ret_attempt)) == CHOSEN)
		return true;
	if ((backup = look_into(walk, MODEL_BACKUP, ret_attempt)) == CHOSEN)
		return true;
	if (is_on_backup && (master = look_into(walk, MODEL_MASTER, ret_attempt)) == CHOSEN)
		return true;
	return choose_blocked(walk, master, backup, ret_attempt);
}

static bool choose_next(
        const struct walk *walk, bool is_backup_only, struct edge_plan_attempt *ret_attempt)
{
	return look_into(walk, MODEL_BACKUP, ret_attempt) == CHOSEN ||
	       (!is_backup_only && look_into(walk, MODEL_MASTER, ret_attempt) == CHOSEN);
}

/* ---- judging ---- */

static uint64_t wait_of(const struct edge_plan_origin *origin, enum fault fault)
{
	if (fault == FAULT_CONNECT_TIMEOUT)
		return origin->connect_timeout_ms;
	return fault == FAULT_HEAD_TIMEOUT ? origin->head_timeout_ms : 0;
}

/* Whether a byte of the request may have reached the origin. */
static bool is_after_writing(enum fault fault)
{
	return fault != FAULT_TLS_HANDSHAKE && fault != FAULT_TLS_NAME &&
	       fault_info(fault)->retry != FAULT_RETRY_CONNECTION;
}

static struct edge_judge_facts facts_of(
        const struct walk *walk, const struct edge_plan_attempt *attempt)
{
	const struct edge_plan_facts *facts = walk->facts;
	return (struct edge_judge_facts){
	        .role = attempt->role,
	        .fault = attempt->fault,
	        .status = attempt->status,
	        .status_fails = attempt->fault == FAULT_NONE &&
	                        model_statuses_has(facts->failover_statuses, attempt->status),
	        .has_backup = facts->origins[MODEL_BACKUP].is_there,
	        .backup_was_tried = walk->role_tried[MODEL_BACKUP],
	        .has_kept = walk->kept != NULL,
	        .is_safe = facts->is_safe,
	        .may_repeat = facts->may_repeat,
	        .has_written = walk->has_written,
	        .has_attempts = walk->plan->count < facts->attempts_max,
	        .has_time = walk->plan->ms < facts->budget_ms,
	};
}

/* Why a failure ended it. */
static enum edge_plan_why why_not(const struct edge_judge_facts *facts)
{
	if (!facts->has_attempts)
		return EDGE_PLAN_SPENT;
	return !facts->has_time ? EDGE_PLAN_LATE : EDGE_PLAN_UNSAFE;
}

/* Lets the attempt come to what is assumed; true when another one follows. */
static bool attempt_and_judge(
        struct walk *walk, struct edge_plan_attempt *attempt, struct edge_plan_attempt *ret_next)
{
	const struct edge_plan_origin *origin = &walk->facts->origins[attempt->role];
	struct edge_plan *plan = walk->plan;
	bool is_backup_only = true;
	attempt->fault = origin->fault;
	attempt->status = origin->fault == FAULT_NONE ? origin->status : 0;
	walk->is_tried[attempt->role][attempt->address] = true;
	walk->role_tried[attempt->role] = true;
	walk->has_written |= is_after_writing(attempt->fault);
	plan->ms += wait_of(origin, attempt->fault);
	plan->fault = attempt->fault;
	const struct edge_judge_facts facts = facts_of(walk, attempt);
	switch (edge_judge(&facts)) {
	case EDGE_VERDICT_DELIVER:
		attempt->why = EDGE_PLAN_DELIVERED;
		plan->answer = attempt;
		return false;
	case EDGE_VERDICT_KEPT:
		attempt->why = EDGE_PLAN_TAKEN;
		plan->answer = walk->kept;
		return false;
	case EDGE_VERDICT_KEEP:
		attempt->why = EDGE_PLAN_KEPT;
		walk->kept = attempt;
		break;
	case EDGE_VERDICT_BACKUP:
		attempt->why = EDGE_PLAN_BACKUP;
		is_backup_only = false;
		break;
	case EDGE_VERDICT_ADDRESS:
	case EDGE_VERDICT_ROUTED:
	case EDGE_VERDICT_FRESH:
		attempt->why = EDGE_PLAN_ADDRESS;
		is_backup_only = false;
		break;
	case EDGE_VERDICT_FAIL:
		attempt->why = why_not(&facts);
		return false;
	}
	if (choose_next(walk, is_backup_only, ret_next)) {
		if (attempt->why == EDGE_PLAN_BACKUP && ret_next->role == MODEL_MASTER)
			attempt->why = EDGE_PLAN_ADDRESS;
		return true;
	}
	attempt->why = walk->kept != NULL ? EDGE_PLAN_TAKEN : EDGE_PLAN_NOBODY;
	plan->answer = walk->kept;
	return false;
}

void edge_plan_make(const struct edge_plan_facts *facts, struct edge_plan *ret_plan)
{
	struct walk walk = {.facts = facts, .plan = ret_plan};
	struct edge_plan_attempt next;
	memset(ret_plan, 0, sizeof(*ret_plan));
	for (unsigned role = 0; role < MODEL_ROLES; role++)
		CHECK(facts->origins[role].count <= LIMIT_ADDRESSES * LIMIT_RESOLVED);
	CHECK(facts->attempts_max <= EDGE_PLAN_ATTEMPTS);
	bool has_next = choose_first(&walk, &next);
	while (has_next && ret_plan->count < EDGE_PLAN_ATTEMPTS) {
		struct edge_plan_attempt *attempt = &ret_plan->attempts[ret_plan->count++];
		*attempt = next;
		has_next = attempt_and_judge(&walk, attempt, &next);
	}
	if (ret_plan->answer != NULL)
		ret_plan->fault = FAULT_NONE;
}

const char *edge_plan_words(enum edge_plan_why why)
{
	switch (why) {
	case EDGE_PLAN_DELIVERED:
		return "its answer is the one";
	case EDGE_PLAN_KEPT:
		return "the status is one of failover.statuses, so the answer is kept and the hot "
		       "backup origin asked";
	case EDGE_PLAN_BACKUP:
		return "the hot backup origin is asked";
	case EDGE_PLAN_ADDRESS:
		return "another address is asked";
	case EDGE_PLAN_TAKEN:
		return "the master's answer, which was kept, is the one";
	case EDGE_PLAN_NOBODY:
		return "nobody is left to be asked";
	case EDGE_PLAN_SPENT:
		return "failover.attempts are used up";
	case EDGE_PLAN_LATE:
		return "failover.budget_s is over";
	case EDGE_PLAN_UNSAFE:
		return "the method is not safe and the request may have been received, so it is "
		       "not sent again (failover.unsafe_methods)";
	}
	CHECK(false);
	return "";
}
