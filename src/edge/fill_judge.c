/*
 * ATTEMPT and JUDGE: an attempt runs, its outcome becomes facts, the table (judge.h) gives the
 * verdict, and the verdict becomes the next step. The rows of the access log are written here,
 * where the reasons are known.
 */
#include "base/clock.h"
#include "base/log.h"
#include "edge/bucket.h"
#include "edge/fill_private.h"
#include "origin/bucket.h"
#include "origin/endpoint.h"

static bool has_conditions(const struct http_head *head)
{
	return http_head_has(head, HTTP_NAME_IF_MATCH) ||
	       http_head_has(head, HTTP_NAME_IF_NONE_MATCH) ||
	       http_head_has(head, HTTP_NAME_IF_MODIFIED_SINCE) ||
	       http_head_has(head, HTTP_NAME_IF_UNMODIFIED_SINCE) ||
	       http_head_has(head, HTTP_NAME_IF_RANGE);
}

static const struct model_origin *origin_of(const struct edge_pull *pull)
{
	return origin_group_origin(pull->fill->groups[pull->role]);
}

/* The head for this attempt. A bucket's is signed for now, by the clock of the address. */
static struct str head_for(struct edge_fill *fill, struct edge_pull *pull)
{
	const struct model_origin *origin = origin_of(pull);
	struct str *head = &fill->heads[pull->role];
	bool is_signed = origin->bucket.is_private;
	if (head->len != 0 && !is_signed)
		return *head;
	pull->signed_s = (int64_t)(loop_wall_ms(fill->options.worker->loop) / 1000) +
	                 origin_health_clock_s(pull->candidate->server);
	fill->options.forward.origin = origin;
	fill->options.forward.time_s = pull->signed_s;
	/* What the kept attempt was given is left to it. */
	bool is_in_use = fill->kept != NULL && fill->kept->role == pull->role;
	*head = head->len != 0 && !is_in_use
	                ? edge_forward_again(&fill->options.forward, *head)
	                : edge_forward_head(&fill->options.forward, fill->options.arena);
	return *head;
}

/* Attempts for the rest of a body are counted apart from those before its head. */
static void note_asked(struct edge_fill *fill, enum model_role role, const struct address *address)
{
	bool is_again = fill->wish == EDGE_WISH_FRESH;
	if (!is_again && fill->answer != NULL)
		fill->resumes++;
	else if (!is_again)
		fill->attempts++;
	if (!is_again) {
		fill->was_refreshed = fill->was_corrected = false;
		if (fill->tried_count < EDGE_FILL_TRIED)
			fill->tried[fill->tried_count++] = *address;
	}
	if (!fill->role_tried[role]) {
		fill->role_tried[role] = true;
		origin_group_pull_begin(fill->groups[role]);
	}
}

void edge_fill_untry(struct edge_fill *fill, const struct address *address)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < fill->tried_count; i++)
		if (!address_is_equal(&fill->tried[i], address))
			fill->tried[kept++] = fill->tried[i];
	fill->tried_count = (uint8_t)kept;
}

void edge_fill_begin_pull(struct edge_fill *fill, enum model_role role,
        struct origin_candidate *candidate, bool is_trial)
{
	struct edge_pull *pull = &fill->pulls[fill->pulls[0].candidate != NULL];
	const struct http_head *head = fill->options.forward.head;
	CHECK(pull->candidate == NULL);
	note_asked(fill, role, &candidate->address);
	pull->candidate = candidate;
	pull->role = role;
	pull->has_broken = pull->gives_rest = false;
	pull->refusal = FAULT_NONE;
	pull->is_retry = fill->is_next_retry;
	pull->is_kept = pull->is_hedge = pull->has_won = false;
	fill->is_next_retry = false;
	fill->current = pull;
	edge_fill_log_begin(fill, pull);
	const struct model_origin *origin = origin_group_origin(fill->groups[role]);
	bool asks_by_name = origin_endpoint_asks_by_name(
	        fill->domain, origin, origin_group_protocol(fill->groups[role]));
	struct origin_attempt_options options = {
	        .candidate = candidate,
	        .server_name = asks_by_name ? fill->options.forward.host : STR_EMPTY,
	        .head = head_for(fill, pull),
	        .method = head->method,
	        .source = fill->options.source,
	        .is_chunked =
	                fill->options.forward.has_body && !fill->options.forward.is_length_known,
	        /* A kept one that turns out to be closed would be one attempt less. */
	        .is_fresh_only = fill->wish == EDGE_WISH_FRESH || fill->answer != NULL,
	        .is_proven_only = (!fill->is_safe && !fill->domain->failover_unsafe) ||
	                          fill->options.forward.upgrade.len > 0,
	        .upgrade = fill->options.forward.upgrade,
	        .is_trial = is_trial,
	        .may_206 = http_head_has(head, HTTP_NAME_RANGE),
	        .may_304 = has_conditions(head),
	        .url_hash = fill->key,
	        .deadline_ms = fill->deadline_ms,
	};
	origin_attempt_start(&pull->attempt, fill->options.worker->origins, &pull->sink, &options);
}

static void count(const struct edge_pull *pull)
{
	const struct edge_fill *fill = pull->fill;
	const struct origin_attempt *attempt = &pull->attempt;
	bool has_failed = attempt->phase == ORIGIN_PHASE_FAILED;
	enum origin_phase reached = has_failed ? attempt->reached : attempt->phase;
	bool has_head = reached == ORIGIN_PHASE_BODY || reached == ORIGIN_PHASE_DONE;
	struct edge_tally_pull counted = {
	        .role = pull->role,
	        .status = has_head ? attempt->head.status : 0,
	        .fault = has_failed ? (uint8_t)attempt->fault : pull->refusal,
	        .is_unsure = edge_fill_is_unsure(fill, pull),
	        .has_broken = pull->has_broken,
	        .gives_rest = pull->gives_rest,
	        .bytes = has_head ? attempt->body_bytes : 0,
	        .is_hedge = pull->is_hedge,
	        .has_won = pull->has_won,
	};
	edge_tally_add_pull(fill->options.worker->tally, str_of(fill->domain->name), &counted);
}

void edge_fill_end_retry(struct edge_pull *pull)
{
	if (pull->is_retry)
		origin_group_retry_end(pull->fill->groups[pull->role]);
	pull->is_retry = false;
}

void edge_fill_end_pull(struct edge_pull *pull)
{
	if (pull->candidate == NULL)
		return;
	count(pull);
	origin_attempt_end(&pull->attempt);
	buf_release(&pull->fill->options.worker->buffers, &pull->early);
	pull->early_rest = STR_EMPTY;
	pull->early_given = 0;
	edge_fill_end_retry(pull);
	origin_group_candidate_unref(pull->candidate);
	pull->candidate = NULL;
}

void edge_fill_log_begin(struct edge_fill *fill, struct edge_pull *pull)
{
	pull->began_us = clock_us();
	origin_group_count_attempt(pull->candidate, loop_now_ms(fill->options.worker->loop));
	pull->log_index = fill->log_count < EDGE_FILL_LOG ? fill->log_count++ : EDGE_FILL_LOG - 1;
	fill->log[pull->log_index] = (struct edge_log_attempt){
	        .address = pull->candidate->address,
	        .role = (uint8_t)pull->role,
	        .phase = origin_attempt_phase_name(ORIGIN_PHASE_QUEUE),
	        .next = EDGE_LOG_FAIL,
	};
}

void edge_fill_log_end(struct edge_pull *pull)
{
	struct edge_fill *fill = pull->fill;
	struct edge_log_attempt *row = &fill->log[pull->log_index];
	const struct origin_attempt *attempt = &pull->attempt;
	bool has_failed = attempt->phase == ORIGIN_PHASE_FAILED;
	row->phase = origin_attempt_phase_name(has_failed ? attempt->reached : attempt->phase);
	row->is_reused = attempt->is_reused;
	row->is_unsure = edge_fill_is_unsure(fill, pull);
	row->us = (uint32_t)(clock_us() - pull->began_us);
	if (has_failed)
		row->reason = (uint8_t)attempt->fault;
	if (has_failed && attempt->detail != NULL)
		row->detail = arena_copy(fill->options.arena, str_of(attempt->detail));
	if (attempt->phase == ORIGIN_PHASE_BODY || attempt->phase == ORIGIN_PHASE_DONE ||
	        (has_failed && attempt->reached == ORIGIN_PHASE_BODY))
		row->status = attempt->head.status;
	if (fill->answer != NULL && fill->resuming == EDGE_RESUMING_READY) {
		row->from = fill->stretch;
		row->to = fill->at;
	}
}

void edge_fill_log_next(const struct edge_pull *pull, enum edge_log_next next)
{
	pull->fill->log[pull->log_index].next = (uint8_t)next;
}

void edge_fill_log_reason(const struct edge_pull *pull, enum fault reason)
{
	pull->fill->log[pull->log_index].reason = (uint8_t)reason;
}

/* A row for what nobody was asked. */
static void log_nobody(struct edge_fill *fill, enum model_role role, enum fault fault,
        const char *phase, enum edge_log_next next)
{
	struct edge_tally_pull counted = {
	        .role = role, .is_unasked = true, .fault = (uint8_t)fault};
	edge_tally_add_pull(fill->options.worker->tally, str_of(fill->domain->name), &counted);
	if (fill->log_count < EDGE_FILL_LOG)
		fill->log[fill->log_count++] = (struct edge_log_attempt){
		        .role = (uint8_t)role,
		        .reason = (uint8_t)fault,
		        .phase = phase,
		        .next = (uint8_t)next,
		};
}

void edge_fill_log_unresumed(struct edge_fill *fill, enum fault reason)
{
	log_nobody(fill, fill->answer->role, reason, "resume", EDGE_LOG_FAIL);
}

void edge_fill_log_unasked(struct edge_fill *fill, enum model_role role, enum fault fault)
{
	fill->fault = (uint8_t)fault;
	/* Whoever waited for the other origin's names comes by again. */
	if (fill->log_count == EDGE_FILL_LOG || fill->was_unasked[role])
		return;
	fill->was_unasked[role] = true;
	bool has_backup = role == MODEL_MASTER && fill->groups[MODEL_BACKUP] != NULL;
	log_nobody(fill, role, fault, "choose", has_backup ? EDGE_LOG_BACKUP_NEXT : EDGE_LOG_FAIL);
}

enum edge_turn edge_fill_step_ATTEMPT(struct edge_fill *fill)
{
	/* Takes the kept answer's body off its origin's hands; what is beyond the limit waits
	 * there.
	 */
	if (fill->kept != NULL)
		(void)edge_fill_read_early(fill->kept, LIMIT_KEPT_BODY_BYTES);
	edge_fill_hedge_run(fill);
	enum origin_phase phase = fill->current->attempt.phase;
	if (phase != ORIGIN_PHASE_BODY && phase != ORIGIN_PHASE_FAILED)
		return EDGE_PARK;
	edge_fill_go(fill, fill->answer != NULL ? EDGE_FILL_MATCH : EDGE_FILL_JUDGE);
	return EDGE_GO;
}

/* What is found out is remembered for all, and told. */
bool edge_fill_is_clock_wrong(struct edge_fill *fill)
{
	struct edge_pull *pull = fill->current;
	const struct http_head *head = &pull->attempt.head;
	struct origin_server *server = pull->candidate->server;
	struct loop *loop = fill->options.worker->loop;
	char address[ADDRESS_TEXT_BYTES];
	int64_t now_s;
	if (pull->attempt.phase == ORIGIN_PHASE_FAILED || fill->was_corrected ||
	        !origin_of(pull)->bucket.is_private || loop_now_ms(loop) >= fill->deadline_ms)
		return false;
	if (!origin_bucket_is_skewed(head->status, http_head_get(head, HTTP_NAME_DATE),
	            http_head_get(head, HTTP_NAME_AGE), pull->signed_s, &now_s))
		return false;
	int64_t ahead_s = now_s - (int64_t)(loop_wall_ms(loop) / 1000);
	fill->was_corrected = true;
	if (origin_health_set_clock_s(server, ahead_s, loop_now_ms(loop)))
		log_warning("%s: the clock of the bucket %s at %s differs from this machine's by "
		            "%lld s; requests are signed for its time",
		        fill->domain->name, origin_of(pull)->bucket.host,
		        address_format(&pull->candidate->address, address), (long long)ahead_s);
	/* Another pull may have found it out while this one was asked. */
	int64_t known_s = origin_health_clock_s(server) - ahead_s;
	return known_s <= ORIGIN_BUCKET_SKEW_S && known_s >= -ORIGIN_BUCKET_SKEW_S;
}

static struct edge_judge_facts facts_of(struct edge_fill *fill)
{
	const struct edge_pull *pull = fill->current;
	const struct origin_attempt *attempt = &pull->attempt;
	bool has_failed = attempt->phase == ORIGIN_PHASE_FAILED;
	return (struct edge_judge_facts){
	        .role = pull->role,
	        .fault = has_failed ? attempt->fault : FAULT_NONE,
	        .status = has_failed ? 0 : attempt->head.status,
	        .status_fails =
	                !has_failed && !attempt->is_tunnel &&
	                model_statuses_has(&fill->domain->failover_statuses, attempt->head.status),
	        .has_backup = fill->groups[MODEL_BACKUP] != NULL,
	        .backup_was_tried = fill->role_tried[MODEL_BACKUP] && fill->hedge == NULL,
	        .has_kept = fill->kept != NULL,
	        .is_safe = fill->is_safe,
	        .may_repeat = fill->domain->failover_unsafe,
	        .has_written = fill->has_written,
	        .was_refreshed = fill->was_refreshed,
	        .has_attempts =
	                fill->hedge != NULL || fill->attempts < fill->domain->failover_attempts,
	        .has_time = fill->hedge != NULL ||
	                    loop_now_ms(fill->options.worker->loop) < fill->deadline_ms,
	};
}

/* The backup had nothing better: its row of the log says so, unless it could not even be asked. */
static void log_kept(struct edge_fill *fill)
{
	struct edge_pull *last = fill->current->candidate != NULL ? fill->current : fill->kept;
	edge_fill_log_next(last, EDGE_LOG_KEPT);
	if (last->attempt.phase != ORIGIN_PHASE_FAILED)
		edge_fill_log_reason(last, FAULT_STATUS);
}

void edge_fill_accept(struct edge_fill *fill, struct edge_pull *pull)
{
	edge_fill_hedge_drop(fill);
	if (pull == fill->kept) {
		log_kept(fill);
		fill->resuming = EDGE_RESUMING_NOT;
	} else {
		edge_fill_log_next(pull, EDGE_LOG_DELIVER);
	}
	for (unsigned i = 0; i < EDGE_FILL_PULLS; i++)
		if (&fill->pulls[i] != pull)
			edge_fill_end_pull(&fill->pulls[i]);
	/* A tunnel may last, and what it was asked for is over. */
	if (pull->attempt.is_tunnel)
		edge_fill_end_retry(pull);
	fill->kept = NULL;
	fill->current = fill->answer = pull;
	fill->fault = FAULT_NONE;
	edge_fill_go(fill, EDGE_FILL_STREAM);
}

enum edge_turn edge_fill_choose_again(
        struct edge_fill *fill, enum edge_fill_wish wish, enum edge_log_next next)
{
	fill->wish = (uint8_t)wish;
	edge_fill_log_next(fill->current, next);
	edge_fill_go(fill, EDGE_FILL_CHOOSE);
	return EDGE_GO;
}

/* The master's answer with its failing status waits for what the backup says. */
static void keep(struct edge_fill *fill)
{
	struct edge_pull *pull = fill->current;
	pull->is_kept = true;
	fill->kept = pull;
	edge_fill_log_reason(pull, FAULT_STATUS);
	(void)edge_fill_read_early(pull, LIMIT_KEPT_BODY_BYTES);
}

/* The current answer is the one. */
static enum edge_turn deliver(struct edge_fill *fill)
{
	edge_fill_prepare_resume(fill, fill->current);
	if (edge_fill_must_hold(fill, fill->current))
		edge_fill_hold(fill);
	else
		edge_fill_accept(fill, fill->current);
	return EDGE_GO;
}

enum edge_turn edge_fill_step_JUDGE(struct edge_fill *fill)
{
	struct edge_pull *pull = fill->current;
	edge_fill_log_end(pull);
	fill->has_written |= pull->attempt.has_written;
	fill->deadline_ms += origin_attempt_waited_ms(&pull->attempt);
	if (pull->attempt.phase != ORIGIN_PHASE_FAILED && origin_bucket_is(origin_of(pull))) {
		if (edge_fill_is_clock_wrong(fill))
			return edge_fill_choose_again(fill, EDGE_WISH_FRESH, EDGE_LOG_CLOCK);
		edge_bucket_clean(&origin_of(pull)->bucket, &pull->attempt.head);
	}
	struct edge_judge_facts facts = facts_of(fill);
	if (facts.fault != FAULT_NONE)
		fill->fault = (uint8_t)facts.fault;
	if (facts.fault == FAULT_NO_ROUTE)
		origin_group_note_no_route(
		        pull->candidate, loop_now_ms(fill->options.worker->loop));
	edge_fill_hedge_judged(fill);
	enum edge_verdict verdict = edge_judge(&facts);
	if (verdict == EDGE_VERDICT_KEEP)
		keep(fill);
	/* Whoever would be asked next is being asked already. */
	if (fill->hedge != NULL && verdict != EDGE_VERDICT_DELIVER &&
	        verdict != EDGE_VERDICT_FRESH) {
		edge_fill_hedge_take_over(fill);
		return EDGE_GO;
	}
	switch (verdict) {
	case EDGE_VERDICT_DELIVER:
		return deliver(fill);
	case EDGE_VERDICT_KEPT:
		edge_fill_accept(fill, fill->kept);
		return EDGE_GO;
	case EDGE_VERDICT_FRESH:
		fill->was_refreshed = true;
		return edge_fill_choose_again(fill, EDGE_WISH_FRESH, EDGE_LOG_FRESH);
	case EDGE_VERDICT_KEEP:
	case EDGE_VERDICT_BACKUP:
		return edge_fill_choose_again(fill, EDGE_WISH_BACKUP, EDGE_LOG_BACKUP_NEXT);
	case EDGE_VERDICT_ROUTED:
		return edge_fill_choose_again(fill, EDGE_WISH_ROUTED, EDGE_LOG_ADDRESS);
	case EDGE_VERDICT_ADDRESS:
		return edge_fill_choose_again(fill, EDGE_WISH_ADDRESS, EDGE_LOG_ADDRESS);
	case EDGE_VERDICT_FAIL:
		break;
	}
	edge_fill_log_next(pull, EDGE_LOG_FAIL);
	edge_fill_go(fill, EDGE_FILL_FAIL);
	return EDGE_GO;
}
