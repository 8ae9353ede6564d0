/*
 * Hedging: a GET that the master is late to answer goes to the backup as well, and the first
 * acceptable answer wins
 * (`hedge.after`, `hedge.budget` of a domain). Late is later than a percentile of the master's own
 * times to the head (origin/pace.h). The second pull runs beside the current one: it becomes the
 * current one where its answer is acceptable and first, or where the table (judge.h) would ask the
 * backup next; else it ends. So the table knows nothing of it.
 */
#include "base/clock.h"
#include "edge/fill_private.h"
#include "origin/pace.h"

/* Where somebody wants to know how soon the master answers this: NULL elsewhere. */
static struct origin_pace *pace_of(const struct edge_fill *fill)
{
	const struct edge_fill_options *options = &fill->options;
	if (options->forward.head->method != HTTP_GET || options->source != NULL ||
	        options->forward.upgrade.len > 0)
		return NULL;
	return origin_group_pace(fill->groups[MODEL_MASTER]);
}

void edge_fill_hedge_watch(struct edge_fill *fill, bool is_trial)
{
	struct loop *loop = fill->options.worker->loop;
	struct origin_pace *pace = pace_of(fill);
	/* A trial is to show whether the address works again. */
	if (pace == NULL || is_trial || fill->attempts != 1 || fill->answer != NULL ||
	        fill->domain->failover_attempts < 2 || fill->current->role != MODEL_MASTER ||
	        fill->groups[MODEL_BACKUP] == NULL || fill->role_tried[MODEL_BACKUP])
		return;
	uint64_t now_ms = loop_now_ms(loop);
	uint64_t late_us =
	        origin_pace_late_us(pace, (enum model_hedge)fill->domain->hedge_after, now_ms);
	if (late_us != 0)
		loop_timer_start(loop, &fill->hedge_timer, now_ms + late_us / 1000 + 1);
}

void edge_fill_hedge_on_late(struct timer *timer)
{
	struct edge_fill *fill = container_of(timer, struct edge_fill, hedge_timer);
	fill->is_late = true;
	loop_wake(fill->options.worker->loop, &fill->task);
}

/* Asks the backup, too, if there is an address of it to be asked, and the budget has it. */
static void begin(struct edge_fill *fill)
{
	struct edge_pull *master = fill->current;
	uint64_t now_ms = loop_now_ms(fill->options.worker->loop);
	struct origin_candidate *candidate;
	bool is_trial;
	fill->is_late = false;
	if (!origin_pace_hedge(pace_of(fill), fill->domain->hedge_budget, now_ms) ||
	        !edge_fill_choose_hedge(fill, &candidate, &is_trial))
		return;
	fill->wish = EDGE_WISH_BACKUP;
	edge_fill_begin_pull(fill, MODEL_BACKUP, candidate, is_trial);
	fill->hedge = fill->current;
	fill->hedge->is_hedge = true;
	fill->current = master;
}

static bool is_acceptable(const struct edge_fill *fill, const struct origin_attempt *attempt)
{
	return attempt->phase == ORIGIN_PHASE_BODY &&
	       !model_statuses_has(&fill->domain->failover_statuses, attempt->head.status);
}

/* It is not waited for any longer. That is no failure: who came second may still be asked for the
 * rest, if the other's body breaks off. */
static void end_late(struct edge_fill *fill, struct edge_pull *pull)
{
	edge_fill_log_end(pull);
	edge_fill_log_next(pull, EDGE_LOG_LATE);
	fill->was_outpaced = true;
	edge_fill_untry(fill, &pull->candidate->address);
	edge_fill_end_pull(pull);
}

/* The backup was first: whatever the master says from now on comes too late, and that it took at
 * least so long is known. */
static void take_hedge(struct edge_fill *fill)
{
	struct edge_pull *master = fill->current;
	origin_pace_note(pace_of(fill), clock_us() - master->began_us,
	        loop_now_ms(fill->options.worker->loop));
	end_late(fill, master);
	fill->current = fill->hedge;
	fill->current->has_won = true;
	fill->hedge = NULL;
}

void edge_fill_hedge_run(struct edge_fill *fill)
{
	enum origin_phase phase = fill->current->attempt.phase;
	bool is_answered = phase == ORIGIN_PHASE_BODY || phase == ORIGIN_PHASE_FAILED;
	if (fill->is_late && !is_answered && fill->current->role == MODEL_MASTER)
		begin(fill);
	if (fill->hedge == NULL)
		return;
	struct origin_attempt *attempt = &fill->hedge->attempt;
	if (is_acceptable(fill, attempt) && !is_answered) {
		take_hedge(fill);
	} else if (attempt->phase == ORIGIN_PHASE_FAILED) {
		edge_fill_log_end(fill->hedge);
		edge_fill_end_pull(fill->hedge);
		fill->hedge = NULL;
	}
}

void edge_fill_hedge_judged(struct edge_fill *fill)
{
	const struct edge_pull *pull = fill->current;
	struct origin_pace *pace = pace_of(fill);
	edge_fill_hedge_end_watch(fill);
	if (pace != NULL && pull->role == MODEL_MASTER && pull->attempt.phase == ORIGIN_PHASE_BODY)
		origin_pace_note(
		        pace, pull->attempt.head_us, loop_now_ms(fill->options.worker->loop));
}

void edge_fill_hedge_end_watch(struct edge_fill *fill)
{
	loop_timer_cancel(fill->options.worker->loop, &fill->hedge_timer);
	fill->is_late = false;
}

void edge_fill_hedge_drop(struct edge_fill *fill)
{
	if (fill->hedge == NULL)
		return;
	end_late(fill, fill->hedge);
	fill->hedge = NULL;
}

void edge_fill_hedge_take_over(struct edge_fill *fill)
{
	struct edge_pull *master = fill->current;
	edge_fill_log_next(master, EDGE_LOG_BACKUP_NEXT);
	if (master != fill->kept)
		edge_fill_end_pull(master);
	fill->current = fill->hedge;
	fill->hedge = NULL;
	edge_fill_go(fill, EDGE_FILL_ATTEMPT);
}
