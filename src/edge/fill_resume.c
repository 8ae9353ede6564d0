/*
 * HOLD and MATCH, and what STREAM needs so that a body that broke off can be taken up again
 * (docs/decisions/0022-resumption-lies-in-the-fill.md).
 *
 * While a body goes to its reader, its last bytes are kept. When it breaks off, RESUME finds whom
 * to ask for the rest, from a little before it on; MATCH judges the head of what comes, holds what
 * it has of the bytes that had gone on against those that are kept, and leaves the reader at the
 * byte behind them. Of a body that has arrived whole nothing is kept: it cannot break off.
 *
 * What cannot be taken up so is better not begun: while it is small it is held back until it is
 * whole, and an attempt whose body breaks off meanwhile has failed like any other.
 */
#include "edge/fill_private.h"
#include "origin/bucket.h"

static struct buf_pool *pool_of(const struct edge_fill *fill)
{
	return &fill->options.worker->buffers;
}

static uint64_t now_of(const struct edge_fill *fill)
{
	return loop_now_ms(fill->options.worker->loop);
}

/* ---- what is read before the reader may have it ---- */

enum origin_read edge_fill_read_early(struct edge_pull *pull, size_t most)
{
	struct origin_attempt *attempt = &pull->attempt;
	while (attempt->phase == ORIGIN_PHASE_BODY && pull->early_rest.len == 0) {
		struct str piece;
		enum origin_read result = origin_attempt_read(attempt, &piece);
		if (result != ORIGIN_READ_DATA)
			return result;
		/* What is the last of it may stay where it lies. */
		if (attempt->connection == NULL || buf_length(&pull->early) + piece.len > most ||
		        !buf_add(pool_of(pull->fill), &pull->early, piece))
			pull->early_rest = piece;
	}
	if (attempt->phase == ORIGIN_PHASE_FAILED)
		return ORIGIN_READ_FAILED;
	return attempt->phase == ORIGIN_PHASE_DONE ? ORIGIN_READ_END : ORIGIN_READ_DATA;
}

/* What was read early comes first. The piece given last is used up now. */
static bool take_early(struct edge_pull *pull, struct str *ret_data)
{
	buf_drop(&pull->early, pull->early_given);
	pull->early_given = 0;
	buf_release_if_empty(pool_of(pull->fill), &pull->early);
	if (buf_length(&pull->early) > 0) {
		*ret_data = buf_str(&pull->early);
		pull->early_given = (uint32_t)ret_data->len;
		return true;
	}
	*ret_data = pull->early_rest;
	pull->early_rest = STR_EMPTY;
	return ret_data->len > 0;
}

enum origin_read edge_fill_read_pull(struct edge_pull *pull, struct str *ret_data)
{
	bool has_early = pull->early.block != NULL || pull->early_rest.len > 0;
	if (has_early && take_early(pull, ret_data))
		return ORIGIN_READ_DATA;
	return pull->attempt.phase == ORIGIN_PHASE_FAILED
	               ? ORIGIN_READ_FAILED
	               : origin_attempt_read(&pull->attempt, ret_data);
}

/* ---- before the body goes on ---- */

/* Whether the rest of the answer to such a request may be asked for at all. */
static bool is_resumable(const struct edge_fill *fill)
{
	return fill->options.forward.head->method == HTTP_GET && fill->options.source == NULL &&
	       fill->domain->resume_attempts > 0;
}

void edge_fill_prepare_resume(struct edge_fill *fill, const struct edge_pull *pull)
{
	const struct origin_attempt *attempt = &pull->attempt;
	fill->resuming = EDGE_RESUMING_NOT;
	if (attempt->connection == NULL || attempt->is_tunnel || !is_resumable(fill) ||
	        !edge_resume_read(
	                &attempt->head, attempt->body.framing, attempt->length, &fill->resume))
		return;
	fill->resume.tells_end = edge_fill_tells_end_of(attempt);
	fill->resuming = EDGE_RESUMING_READY;
	fill->at = fill->stretch = fill->resume.first;
}

/* A stream of events is worth nothing late. */
static bool is_event_stream(const struct http_head *head)
{
	static const struct str EVENTS = STR("text/event-stream");
	struct str type = http_head_get(head, HTTP_NAME_CONTENT_TYPE);
	return type.len >= EVENTS.len && str_is_equal_nocase(str_make(type.at, EVENTS.len), EVENTS);
}

bool edge_fill_must_hold(const struct edge_fill *fill, const struct edge_pull *pull)
{
	const struct origin_attempt *attempt = &pull->attempt;
	return attempt->connection != NULL && !attempt->is_tunnel &&
	       fill->resuming == EDGE_RESUMING_NOT && fill->is_safe &&
	       fill->options.source == NULL &&
	       (attempt->length == UINT64_MAX || attempt->length < LIMIT_HELD_BODY_BYTES) &&
	       !is_event_stream(&attempt->head);
}

void edge_fill_hold(struct edge_fill *fill)
{
	/* However slow a body is whose length is known: its head is late with the others. */
	fill->held_until_ms = fill->current->attempt.length == UINT64_MAX
	                              ? now_of(fill) + LIMIT_HELD_BODY_MS
	                              : fill->deadline_ms;
	edge_fill_go(fill, EDGE_FILL_HOLD);
}

enum edge_turn edge_fill_step_HOLD(struct edge_fill *fill)
{
	edge_fill_end_wait(fill);
	if (fill->kept != NULL)
		(void)edge_fill_read_early(fill->kept, LIMIT_KEPT_BODY_BYTES);
	switch (edge_fill_read_early(fill->current, LIMIT_HELD_BODY_BYTES)) {
	case ORIGIN_READ_WAIT:
		if (now_of(fill) >= fill->held_until_ms)
			break;
		loop_timer_start(
		        fill->options.worker->loop, &fill->wait_timer, fill->held_until_ms);
		return EDGE_PARK;
	case ORIGIN_READ_FAILED:
		edge_fill_go(fill, EDGE_FILL_JUDGE);
		return EDGE_GO;
	case ORIGIN_READ_DATA:
	case ORIGIN_READ_END:
		break;
	}
	edge_fill_accept(fill, fill->current);
	return EDGE_GO;
}

/* ---- while it goes on ---- */

bool edge_fill_is_whole(const struct edge_fill *fill)
{
	return fill->current != fill->answer && fill->at == fill->resume.end;
}

bool edge_fill_may_end(const struct edge_fill *fill)
{
	return fill->resume.end == UINT64_MAX || fill->at == fill->resume.end;
}

void edge_fill_note_given(struct edge_fill *fill, struct str *data)
{
	struct edge_overlap *overlap = &fill->overlap;
	bool is_first = fill->current == fill->answer;
	uint64_t due = fill->resume.end - fill->at;
	/* All of it was received; or more than the head says, and nothing is known any more. */
	if (is_first && (fill->current->attempt.connection == NULL || data->len > due)) {
		fill->resuming = EDGE_RESUMING_NOT;
		return;
	}
	/* What follows on a part of a whole is not asked for. */
	if (data->len > due)
		data->len = (size_t)due;
	if (overlap->block.block == NULL && !edge_overlap_begin(overlap, pool_of(fill), fill->at))
		/* Without memory there is nothing to compare with: nobody is asked any more. */
		fill->resumes = UINT8_MAX;
	else
		edge_overlap_add(overlap, *data);
	fill->at += data->len;
}

bool edge_fill_is_unsure(const struct edge_fill *fill, const struct edge_pull *pull)
{
	bool is_known = fill->resuming != EDGE_RESUMING_NOT && fill->at == fill->resume.end;
	return pull->attempt.is_unsure && !is_known;
}

/* Why the attempt gives no more. */
static enum fault fault_of(const struct edge_pull *pull)
{
	return pull->attempt.phase == ORIGIN_PHASE_FAILED ? pull->attempt.fault : FAULT_TRUNCATED;
}

/* It broke off, and nothing tells its version: the log says so. */
static void tell_unresumable(struct edge_fill *fill)
{
	const struct http_head *head = &fill->answer->attempt.head;
	bool is_asked_for = is_resumable(fill) && (head->status == 200 || head->status == 206);
	if (is_asked_for && !edge_resume_read(head, fill->answer->attempt.body.framing,
	                            fill->answer->attempt.length, &fill->resume))
		edge_fill_log_unresumed(fill, FAULT_RESUME_VERSION);
}

/* Remembers who gave the last bytes. */
static void note_broken(struct edge_fill *fill, const struct edge_pull *pull)
{
	bool has_given = fill->at > fill->stretch || pull == fill->answer;
	if (!has_given)
		return;
	if (fill->broken != NULL)
		origin_group_candidate_unref(fill->broken);
	fill->broken = pull->candidate;
	origin_group_candidate_ref(fill->broken);
	/* At first it is most likely to have the rest; if it breaks off again, others come first.
	 */
	fill->prefers_broken = fill->resumes == 0;
	fill->may_ask_broken = true;
}

bool edge_fill_begin_resume(struct edge_fill *fill)
{
	struct edge_pull *pull = fill->current;
	enum fault fault = fault_of(pull);
	pull->has_broken = fault != FAULT_MEMORY;
	fill->fault = (uint8_t)fault;
	edge_fill_log_end(pull);
	edge_fill_log_reason(pull, fault);
	edge_fill_log_next(pull, EDGE_LOG_FAIL);
	if (fault_info(fault)->side != FAULT_SIDE_ORIGIN)
		return false;
	if (fill->resuming == EDGE_RESUMING_NOT) {
		tell_unresumable(fill);
		return false;
	}
	note_broken(fill, pull);
	if (fill->resumes >= fill->domain->resume_attempts)
		return false;
	fill->deadline_ms = now_of(fill) + fill->domain->failover_budget_ms;
	edge_fill_go(fill, EDGE_FILL_RESUME);
	loop_wake(fill->options.worker->loop, &fill->task);
	return true;
}

/* From where on the rest is asked for: a little before it. */
static uint64_t from_of(const struct edge_fill *fill)
{
	return fill->overlap.block.block != NULL ? fill->overlap.from : fill->at;
}

bool edge_fill_ask_for_rest(struct edge_fill *fill)
{
	/* Who is asked after somebody that did not have it is asked the same. */
	if (fill->resuming != EDGE_RESUMING_READY)
		return true;
	struct arena *arena = fill->options.arena;
	struct edge_forward *forward = &fill->options.forward;
	struct http_head *head = arena_new(arena, struct http_head);
	struct str lines = edge_resume_lines(&fill->resume, from_of(fill), arena);
	if (!edge_forward_rest(forward->head, lines, arena, head))
		return false;
	forward->head = head;
	for (unsigned role = 0; role < MODEL_ROLES; role++)
		fill->heads[role] = STR_EMPTY;
	fill->resuming = EDGE_RESUMING_ASKED;
	return true;
}

/* ---- what answers that ---- */

/* This one does not have it. */
static enum edge_turn refuse(struct edge_fill *fill, enum fault reason)
{
	struct edge_pull *pull = fill->current;
	pull->refusal = (uint8_t)reason;
	fill->resuming = EDGE_RESUMING_ASKED;
	edge_fill_log_end(pull);
	edge_fill_log_reason(pull, reason);
	edge_fill_go(fill, EDGE_FILL_RESUME);
	return EDGE_GO;
}

/* Its version is the same and its bytes are not: nobody is to be believed any more. */
static enum edge_turn refuse_all(struct edge_fill *fill)
{
	fill->current->refusal = FAULT_RESUME_OVERLAP;
	fill->fault = FAULT_RESUME_OVERLAP;
	edge_fill_log_end(fill->current);
	edge_fill_log_reason(fill->current, FAULT_RESUME_OVERLAP);
	return edge_fill_end_resume(fill);
}

static enum fault judge_head(struct edge_fill *fill)
{
	const struct origin_attempt *attempt = &fill->current->attempt;
	struct edge_resume_answer answer = {
	        .head = &attempt->head,
	        .tells_end = edge_fill_tells_end_of(attempt),
	        .length = attempt->length,
	        .from = from_of(fill),
	        .at = fill->at,
	        .skip_max = fill->domain->resume_skip_max,
	};
	return edge_resume_accept(&fill->resume, &answer, &fill->place);
}

/* The reader's byte is reached. */
static enum edge_turn go_on(struct edge_fill *fill)
{
	fill->resuming = EDGE_RESUMING_READY;
	fill->stretch = fill->at;
	fill->current->gives_rest = true;
	/* It takes the place of the one that broke off. */
	edge_fill_end_retry(fill->current);
	edge_fill_log_next(fill->current, EDGE_LOG_DELIVER);
	edge_fill_go(fill, EDGE_FILL_STREAM);
	return EDGE_GO;
}

/* One piece of what comes before the reader's byte. GO: go on; PARK: none is there. */
static enum edge_turn match_piece(struct edge_fill *fill)
{
	struct edge_pull *pull = fill->current;
	struct str piece;
	switch (origin_attempt_read(&pull->attempt, &piece)) {
	case ORIGIN_READ_DATA:
		break;
	case ORIGIN_READ_WAIT:
		return EDGE_PARK;
	case ORIGIN_READ_END:
		return refuse(fill, FAULT_RESUME_RANGE);
	case ORIGIN_READ_FAILED:
		return refuse(fill, pull->attempt.fault);
	}
	if (!edge_overlap_is_same(&fill->overlap, fill->place, piece))
		return refuse_all(fill);
	uint64_t before = fill->at - fill->place;
	if (piece.len > before)
		pull->early_rest = str_make(piece.at + before, piece.len - (size_t)before);
	fill->place += piece.len < before ? piece.len : before;
	return EDGE_GO;
}

enum edge_turn edge_fill_step_MATCH(struct edge_fill *fill)
{
	enum { PIECES_A_TURN = 4 };
	struct edge_pull *pull = fill->current;
	if (fill->resuming == EDGE_RESUMING_ASKED) {
		if (pull->attempt.phase == ORIGIN_PHASE_FAILED)
			return refuse(fill, pull->attempt.fault);
		if (edge_fill_is_clock_wrong(fill)) {
			edge_fill_log_end(pull);
			return edge_fill_choose_again(fill, EDGE_WISH_FRESH, EDGE_LOG_CLOCK);
		}
		enum fault reason = judge_head(fill);
		if (reason != FAULT_NONE)
			return refuse(fill, reason);
		fill->resuming = EDGE_RESUMING_MATCHED;
	}
	for (unsigned i = 0; i < PIECES_A_TURN && fill->place < fill->at; i++) {
		enum edge_turn turn = match_piece(fill);
		if (turn != EDGE_GO || fill->step != EDGE_FILL_MATCH)
			return turn;
	}
	if (fill->place == fill->at)
		return go_on(fill);
	loop_yield(fill->options.worker->loop, &fill->task);
	return EDGE_PARK;
}

enum edge_turn edge_fill_end_resume(struct edge_fill *fill)
{
	edge_fill_log_next(fill->current, EDGE_LOG_FAIL);
	edge_fill_go(fill, EDGE_FILL_FAIL);
	return EDGE_GO;
}
