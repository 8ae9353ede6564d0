/*
 * CHOOSE and RESUME: which address of which origin is asked next. The first choice is the master's
 * unless the latch or blocks say backup; after a failure the verdict named a wish. Only when
 * everything everywhere is blocked is a blocked address tried, the one whose block ends first. Who
 * is asked for the rest of a body that broke off is never one that is blocked.
 */
#include "base/clock.h"
#include "edge/fill_private.h"
#include "origin/latch.h"

static uint64_t now_of(const struct edge_fill *fill)
{
	return loop_now_ms(fill->options.worker->loop);
}

/* What may be found. */
static const struct origin_choose ANY = {.now_ms = 0};
static const struct origin_choose DESPITE_BLOCK = {.despite_block = true};
static const struct origin_choose WITH_ROUTE = {.needs_route = true};

/* What is found by one look into a group. */
struct look {
	enum origin_choice choice;
	enum model_role role;
	struct origin_candidate *candidate;
	bool is_trial;
	uint64_t until_ms;
};

static struct look look_into(
        struct edge_fill *fill, enum model_role role, struct origin_choose options)
{
	struct look look = {.choice = ORIGIN_DRAINED, .role = role};
	if (fill->groups[role] == NULL)
		return look;
	options.tried = fill->tried;
	options.tried_count = fill->tried_count;
	options.key = fill->key;
	options.now_ms = now_of(fill);
	look.choice = origin_group_choose(
	        fill->groups[role], &options, &look.candidate, &look.is_trial, &look.until_ms);
	if (look.choice == ORIGIN_RESOLVING && fill->names_are_late[role])
		look.choice = ORIGIN_UNRESOLVED;
	return look;
}

static enum edge_turn give_up(struct edge_fill *fill, enum fault fault)
{
	fill->fault = (uint8_t)fault;
	edge_fill_go(fill, EDGE_FILL_FAIL);
	return EDGE_GO;
}

static enum edge_turn begin(struct edge_fill *fill, const struct look *look)
{
	edge_fill_begin_pull(fill, look->role, look->candidate, look->is_trial);
	edge_fill_hedge_watch(fill, look->is_trial);
	edge_fill_go(fill, EDGE_FILL_ATTEMPT);
	return EDGE_PARK;
}

/* Looking a name up is a part of connecting, and may take as long. */
static enum edge_turn wait_for_names(struct edge_fill *fill, enum model_role role)
{
	struct origin_group *group = fill->groups[role];
	uint64_t until_ms = now_of(fill) + origin_group_origin(group)->connect_timeout_ms;
	origin_group_wait_start(group, &fill->wait);
	fill->wait_role = (uint8_t)role;
	loop_timer_start(fill->options.worker->loop, &fill->wait_timer,
	        until_ms < fill->deadline_ms ? until_ms : fill->deadline_ms);
	return EDGE_PARK;
}

void edge_fill_end_wait(struct edge_fill *fill)
{
	origin_group_wait_cancel(&fill->wait);
	loop_timer_cancel(fill->options.worker->loop, &fill->wait_timer);
}

/* Nobody was asked and everything is blocked, drained or without an address. */
static enum edge_turn choose_blocked(
        struct edge_fill *fill, const struct look *master, const struct look *backup)
{
	bool is_blocked =
	        master->choice == ORIGIN_ALL_BLOCKED || backup->choice == ORIGIN_ALL_BLOCKED;
	if (!is_blocked &&
	        (master->choice == ORIGIN_UNRESOLVED || backup->choice == ORIGIN_UNRESOLVED))
		return give_up(fill, FAULT_DNS);
	if (!is_blocked)
		return give_up(fill, FAULT_NO_ADDRESS);
	if (fill->domain->all_blocked == MODEL_ALL_BLOCKED_FAIL)
		return give_up(fill, FAULT_ALL_BLOCKED);
	bool is_backup =
	        master->choice != ORIGIN_ALL_BLOCKED ||
	        (backup->choice == ORIGIN_ALL_BLOCKED && backup->until_ms < master->until_ms);
	struct look look = look_into(fill, is_backup ? MODEL_BACKUP : MODEL_MASTER, DESPITE_BLOCK);
	if (look.choice == ORIGIN_CHOSEN)
		return begin(fill, &look);
	return give_up(fill, FAULT_ALL_BLOCKED);
}

/* Whether the pull keeps away from a master that may work again. A block may have come and gone
 * while nobody asked: until the trial it can be seen. */
static bool is_held_back(struct edge_fill *fill)
{
	struct origin_shared *shared = fill->options.worker->shared;
	uint64_t now_ms = now_of(fill), since_ms;
	if (!origin_latch_is_configured(fill->domain))
		return false;
	if (origin_group_was_all_blocked(fill->groups[MODEL_MASTER], now_ms, &since_ms))
		origin_latch_note_blocked(shared, fill->domain, since_ms);
	return origin_latch_is_on_backup(shared, fill->domain, now_ms);
}

static enum edge_turn choose_first(struct edge_fill *fill)
{
	struct look master = {.choice = ORIGIN_ALL_TRIED}, backup = {.choice = ORIGIN_DRAINED};
	bool is_latched = is_held_back(fill);
	if (!is_latched) {
		master = look_into(fill, MODEL_MASTER, ANY);
		if (master.choice == ORIGIN_CHOSEN)
			return begin(fill, &master);
		if (master.choice == ORIGIN_RESOLVING)
			return wait_for_names(fill, MODEL_MASTER);
		if (master.choice == ORIGIN_UNRESOLVED)
			edge_fill_log_unasked(fill, MODEL_MASTER, FAULT_DNS);
	}
	backup = look_into(fill, MODEL_BACKUP, ANY);
	if (backup.choice == ORIGIN_RESOLVING)
		return wait_for_names(fill, MODEL_BACKUP);
	if (backup.choice == ORIGIN_CHOSEN)
		return begin(fill, &backup);
	if (backup.choice == ORIGIN_UNRESOLVED)
		edge_fill_log_unasked(fill, MODEL_BACKUP, FAULT_DNS);
	/* The latch keeps pulls from a master that may work, but not when there is nobody else. */
	if (is_latched) {
		master = look_into(fill, MODEL_MASTER, ANY);
		if (master.choice == ORIGIN_CHOSEN)
			return begin(fill, &master);
		if (master.choice == ORIGIN_RESOLVING)
			return wait_for_names(fill, MODEL_MASTER);
	}
	return choose_blocked(fill, &master, &backup);
}

/* Nobody is left to ask: what there is decides. */
static enum edge_turn end_of_choice(struct edge_fill *fill)
{
	CHECK(fill->current != NULL || fill->kept != NULL);
	if (fill->kept != NULL) {
		edge_fill_accept(fill, fill->kept);
		return EDGE_GO;
	}
	edge_fill_log_next(fill->current, EDGE_LOG_FAIL);
	return give_up(fill, fill->fault);
}

/* Takes one from the budget for retries, and notes where it has none. */
static bool begin_retry(struct edge_fill *fill, enum model_role role)
{
	bool may = origin_group_retry_begin(fill->groups[role]);
	fill->lacks_retry |= !may;
	return may;
}

/* An address that was not tried, of one role, within the budget for retries. */
static bool choose_untried(struct edge_fill *fill, enum model_role role, struct look *ret_look)
{
	if (fill->groups[role] == NULL)
		return false;
	bool is_retry = fill->role_tried[role];
	if (is_retry && !begin_retry(fill, role))
		return false;
	*ret_look = look_into(fill, role, ANY);
	if (ret_look->choice == ORIGIN_CHOSEN)
		return true;
	if (is_retry)
		origin_group_retry_end(fill->groups[role]);
	return ret_look->choice == ORIGIN_RESOLVING;
}

static enum edge_turn choose_next(struct edge_fill *fill)
{
	struct look look;
	bool wants_backup_only = fill->wish == EDGE_WISH_BACKUP;
	if (fill->current != NULL)
		edge_fill_end_retry(fill->current);
	if (choose_untried(fill, MODEL_BACKUP, &look) ||
	        (!(wants_backup_only && fill->kept != NULL) &&
	                choose_untried(fill, MODEL_MASTER, &look))) {
		if (look.choice == ORIGIN_RESOLVING)
			return wait_for_names(fill, look.role);
		if (fill->current != NULL && fill->current != fill->kept)
			edge_fill_end_pull(fill->current);
		fill->is_next_retry = fill->role_tried[look.role];
		return begin(fill, &look);
	}
	return end_of_choice(fill);
}

bool edge_fill_choose_hedge(
        struct edge_fill *fill, struct origin_candidate **ret_candidate, bool *ret_is_trial)
{
	struct look look = look_into(fill, MODEL_BACKUP, ANY);
	*ret_candidate = look.candidate;
	*ret_is_trial = look.is_trial;
	return look.choice == ORIGIN_CHOSEN;
}

/* The address that was chosen could not be asked for want of a route, so another one of the master
 * is no retry. */
static enum edge_turn choose_routed(struct edge_fill *fill)
{
	struct look look = look_into(fill, MODEL_MASTER, WITH_ROUTE);
	if (look.choice != ORIGIN_CHOSEN) {
		edge_fill_log_next(fill->current, EDGE_LOG_BACKUP_NEXT);
		fill->wish = EDGE_WISH_BACKUP;
		return choose_next(fill);
	}
	edge_fill_end_pull(fill->current);
	return begin(fill, &look);
}

/* The same address again: the pull is ended and begun anew. */
static enum edge_turn choose_fresh(struct edge_fill *fill)
{
	struct edge_pull *pull = fill->current;
	struct look look = {.role = pull->role, .candidate = pull->candidate};
	origin_group_candidate_ref(look.candidate);
	edge_fill_end_pull(pull);
	return begin(fill, &look);
}

enum edge_turn edge_fill_step_CHOOSE(struct edge_fill *fill)
{
	edge_fill_end_wait(fill);
	switch ((enum edge_fill_wish)fill->wish) {
	case EDGE_WISH_FIRST:
		return choose_first(fill);
	case EDGE_WISH_ROUTED:
		return choose_routed(fill);
	case EDGE_WISH_BACKUP:
	case EDGE_WISH_ADDRESS:
		return choose_next(fill);
	case EDGE_WISH_FRESH:
		return choose_fresh(fill);
	case EDGE_WISH_REST:
		break;
	}
	CHECK(false);
	return EDGE_PARK;
}

/* Once more the address that gave the last bytes. */
static bool choose_broken(struct edge_fill *fill, struct look *ret_look)
{
	struct origin_candidate *candidate = fill->broken;
	enum model_role role = origin_group_role(candidate->group);
	unsigned share;
	uint64_t until_ms;
	if (!fill->may_ask_broken ||
	        origin_health_standing(candidate->host, candidate->server, now_of(fill), &share,
	                &until_ms) != ORIGIN_STANDING_GOOD ||
	        !begin_retry(fill, role))
		return false;
	fill->may_ask_broken = false;
	origin_group_candidate_ref(candidate);
	*ret_look = (struct look){.choice = ORIGIN_CHOSEN, .role = role, .candidate = candidate};
	return true;
}

/* Who is asked next for the rest: at first the same address; then others of its origin, and of the
 * other one; at last the same again, if it has given more since. What only a date tells the version
 * of, others may have changed in the same second. */
static bool choose_rest(struct edge_fill *fill, struct look *ret_look)
{
	enum model_role role = origin_group_role(fill->broken->group);
	enum model_role other = role == MODEL_MASTER ? MODEL_BACKUP : MODEL_MASTER;
	bool is_for_others = fill->resume.etag.len > 0 || fill->domain->resume_trusts_dates;
	return (fill->prefers_broken && choose_broken(fill, ret_look)) ||
	       (is_for_others && choose_untried(fill, role, ret_look)) ||
	       (is_for_others && choose_untried(fill, other, ret_look)) ||
	       choose_broken(fill, ret_look);
}

/* An origin that ends many bodies at once, as when it is started anew, is asked for the rest of
 * some of them after the other. */
static enum edge_turn wait_for_retry(struct edge_fill *fill)
{
	loop_timer_start(
	        fill->options.worker->loop, &fill->wait_timer, now_of(fill) + LIMIT_RETRY_WAIT_MS);
	return EDGE_PARK;
}

enum edge_turn edge_fill_step_RESUME(struct edge_fill *fill)
{
	struct look look;
	edge_fill_end_wait(fill);
	edge_fill_end_retry(fill->current);
	fill->lacks_retry = false;
	if (fill->resumes >= fill->domain->resume_attempts || now_of(fill) >= fill->deadline_ms ||
	        !edge_fill_ask_for_rest(fill))
		return edge_fill_end_resume(fill);
	if (!choose_rest(fill, &look))
		return fill->lacks_retry ? wait_for_retry(fill) : edge_fill_end_resume(fill);
	if (look.choice == ORIGIN_RESOLVING)
		return wait_for_names(fill, look.role);
	edge_fill_log_next(fill->current, EDGE_LOG_RESUME);
	if (fill->current != fill->answer)
		edge_fill_end_pull(fill->current);
	fill->is_next_retry = fill->role_tried[look.role];
	fill->wish = EDGE_WISH_REST;
	return begin(fill, &look);
}
