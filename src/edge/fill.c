/*
 * The dispatcher and the steps of a fill. Callbacks of attempts and waits only wake the task; the
 * task runs steps until one parks. Two attempts at most are open: the current one, and the master's
 * answer that is kept while the backup is asked, or the backup's while the master is late.
 *
 * Whoever reads a body that broke off is told to wait while somebody else is found for its rest,
 * and then goes on as if nothing had happened. The attempt that broke off stays until the end,
 * since the head that the reader has is its.
 */
#include "edge/fill_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "edge/bucket.h"
#include "origin/bucket.h"

#include <string.h>

#define TO(id) (1u << EDGE_FILL_##id)

static const struct edge_turn_step steps[] = {
#define FILL_STEP(id, name, next, words) [EDGE_FILL_##id] = {name, words, next},
#include "edge/fill_steps.def"
#undef FILL_STEP
};

static enum edge_turn (*const runs[])(struct edge_fill *fill) = {
#define FILL_STEP(id, name, next, words) [EDGE_FILL_##id] = edge_fill_step_##id,
#include "edge/fill_steps.def"
#undef FILL_STEP
};

void edge_fill_go(struct edge_fill *fill, enum edge_fill_step step)
{
	CHECK(edge_turn_may_go(steps, fill->step, step));
	fill->step = (uint8_t)step;
}

static void on_run(struct loop_task *task)
{
	struct edge_fill *fill = container_of(task, struct edge_fill, task);
	while (runs[fill->step](fill) == EDGE_GO)
		;
}

static void tell_reader(struct edge_fill *fill)
{
	fill->options.reader->on_progress(fill->options.reader);
}

static void on_resolved(struct origin_group_wait *wait)
{
	struct edge_fill *fill = container_of(wait, struct edge_fill, wait);
	loop_wake(fill->options.worker->loop, &fill->task);
}

static void on_late(struct timer *timer)
{
	struct edge_fill *fill = container_of(timer, struct edge_fill, wait_timer);
	if (list_has(&fill->wait.node))
		fill->names_are_late[fill->wait_role] = true;
	loop_wake(fill->options.worker->loop, &fill->task);
}

static void on_attempt_progress(struct origin_attempt_sink *sink)
{
	struct edge_pull *pull = container_of(sink, struct edge_pull, sink);
	struct edge_fill *fill = pull->fill;
	if (fill->step == EDGE_FILL_STREAM && pull == fill->current)
		tell_reader(fill);
	else
		loop_wake(fill->options.worker->loop, &fill->task);
}

static void on_attempt_interim(struct origin_attempt_sink *sink, const struct http_head *head)
{
	struct edge_pull *pull = container_of(sink, struct edge_pull, sink);
	struct edge_fill *fill = pull->fill;
	/* A bucket has nothing to say before its answer, and nobody after that. */
	if (fill->answer == NULL && pull != fill->hedge &&
	        !origin_bucket_is(origin_group_origin(fill->groups[pull->role])))
		fill->options.reader->on_interim(fill->options.reader, head);
}

/* Whether an origin takes the request; a bucket that is a backup may not. What a master does not
 * take was refused before. */
static bool is_asked(const struct edge_fill_options *options, const struct model_origin *origin)
{
	const struct edge_forward *forward = &options->forward;
	if (origin != NULL && forward->upgrade.len > 0 && origin_bucket_is(origin))
		return false; /* it has nothing to change to */
	return origin != NULL && edge_bucket_fault(origin, forward->head->method, forward->target,
	                                 forward->has_body) == FAULT_NONE;
}

struct edge_fill *edge_fill_start(const struct edge_fill_options *options)
{
	struct edge_worker *worker = options->worker;
	struct model_domain *domain = (struct model_domain *)(uintptr_t)options->forward.domain;
	struct edge_fill *fill = slab_take(&worker->fill_slab);
	memset(fill, 0, offsetof(struct edge_fill, log));
	fill->options = *options;
	fill->task.on_run = on_run;
	fill->wait.on_resolved = on_resolved;
	fill->wait_timer.on_expire = on_late;
	fill->hedge_timer.on_expire = edge_fill_hedge_on_late;
	fill->domain = domain;
	enum http_method method = options->forward.head->method;
	fill->is_safe = http_method_is_safe(method);
	fill->deadline_ms = loop_now_ms(worker->loop) + domain->failover_budget_ms;
	fill->key = hash_checksum(options->key.at, options->key.len);
	for (unsigned i = 0; i < EDGE_FILL_PULLS; i++)
		fill->pulls[i] = (struct edge_pull){
		        .fill = fill,
		        .sink = {.on_progress = on_attempt_progress,
		                .on_interim = on_attempt_interim},
		};
	for (unsigned role = 0; role < MODEL_ROLES; role++)
		if (is_asked(options, model_domain_origin(domain, role)))
			fill->groups[role] = origin_group_get(worker->origins, domain, role,
			        options->forward.is_https ? MODEL_HTTPS : MODEL_HTTP);
	CHECK(fill->groups[MODEL_MASTER] != NULL);
	fill->step = EDGE_FILL_CHOOSE;
	loop_wake(worker->loop, &fill->task);
	return fill;
}

void edge_fill_set_reader(struct edge_fill *fill, struct edge_fill_reader *reader)
{
	fill->options.reader = reader;
}

void edge_fill_leave(struct edge_fill *fill)
{
	if (fill == NULL)
		return;
	struct edge_worker *worker = fill->options.worker;
	loop_unwake(&fill->task);
	edge_fill_end_wait(fill);
	edge_fill_hedge_end_watch(fill);
	for (unsigned i = 0; i < EDGE_FILL_PULLS; i++)
		edge_fill_end_pull(&fill->pulls[i]);
	edge_overlap_done(&fill->overlap, &worker->buffers);
	if (fill->broken != NULL)
		origin_group_candidate_unref(fill->broken);
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		if (fill->role_tried[role])
			origin_group_pull_end(fill->groups[role]);
		if (fill->groups[role] != NULL)
			origin_group_unref(fill->groups[role]);
	}
	slab_give(&worker->fill_slab, fill);
}

enum edge_turn edge_fill_step_STREAM(struct edge_fill *fill)
{
	tell_reader(fill);
	return EDGE_PARK;
}

enum edge_turn edge_fill_step_FAIL(struct edge_fill *fill)
{
	CHECK(fill->fault != FAULT_NONE);
	tell_reader(fill);
	return EDGE_PARK;
}

enum edge_fill_stage edge_fill_stage(const struct edge_fill *fill)
{
	switch ((enum edge_fill_step)fill->step) {
	case EDGE_FILL_STREAM:
		return EDGE_FILL_HEAD;
	case EDGE_FILL_FAIL:
		return EDGE_FILL_FAILED;
	case EDGE_FILL_CHOOSE:
	case EDGE_FILL_ATTEMPT:
	case EDGE_FILL_JUDGE:
	case EDGE_FILL_HOLD:
	case EDGE_FILL_RESUME:
	case EDGE_FILL_MATCH:
		break;
	}
	return fill->answer != NULL ? EDGE_FILL_HEAD : EDGE_FILL_PULLING;
}

const struct http_head *edge_fill_head(
        const struct edge_fill *fill, enum http_framing *ret_framing, uint64_t *ret_length)
{
	const struct origin_attempt *attempt = &fill->answer->attempt;
	*ret_framing = attempt->body.framing;
	*ret_length = attempt->length;
	return &attempt->head;
}

/* The current attempt gives no more, and the reader has not all. */
static enum origin_read read_broken(struct edge_fill *fill)
{
	if (edge_fill_begin_resume(fill))
		return ORIGIN_READ_WAIT;
	edge_fill_go(fill, EDGE_FILL_FAIL);
	return ORIGIN_READ_FAILED;
}

/* The reader has all. The attempt may be at its end, too, or send what is not needed. */
static enum origin_read end_whole(struct edge_fill *fill)
{
	struct str rest;
	struct edge_pull *pull = fill->current;
	if (pull->attempt.phase == ORIGIN_PHASE_BODY && pull->attempt.connection == NULL)
		(void)edge_fill_read_pull(pull, &rest);
	edge_fill_log_end(pull);
	return ORIGIN_READ_END;
}

enum origin_read edge_fill_read(struct edge_fill *fill, struct str *ret_data)
{
	if (fill->step != EDGE_FILL_STREAM)
		return fill->step == EDGE_FILL_FAIL ? ORIGIN_READ_FAILED : ORIGIN_READ_WAIT;
	struct edge_pull *pull = fill->current;
	if (fill->resuming != EDGE_RESUMING_NOT && edge_fill_is_whole(fill))
		return end_whole(fill);
	enum origin_read result = edge_fill_read_pull(pull, ret_data);
	switch (result) {
	case ORIGIN_READ_DATA:
		if (fill->resuming != EDGE_RESUMING_NOT)
			edge_fill_note_given(fill, ret_data);
		break;
	case ORIGIN_READ_WAIT:
		break;
	case ORIGIN_READ_END:
		if (fill->resuming != EDGE_RESUMING_NOT && !edge_fill_may_end(fill))
			return read_broken(fill);
		edge_fill_log_end(pull);
		break;
	case ORIGIN_READ_FAILED:
		return read_broken(fill);
	}
	return result;
}

struct origin_attempt *edge_fill_tunnel(struct edge_fill *fill)
{
	return fill->answer->attempt.is_tunnel ? &fill->answer->attempt : NULL;
}

enum fault edge_fill_end_tunnel(struct edge_fill *fill)
{
	struct edge_pull *pull = fill->answer;
	edge_fill_log_end(pull);
	return pull->attempt.phase == ORIGIN_PHASE_FAILED ? pull->attempt.fault : FAULT_NONE;
}

bool edge_fill_tells_end_of(const struct origin_attempt *attempt)
{
	if (attempt->phase == ORIGIN_PHASE_DONE)
		return !attempt->is_unsure;
	return attempt->body.framing != HTTP_FRAMING_CLOSE ||
	       (attempt->connection != NULL && attempt->connection->tls != NULL);
}

bool edge_fill_tells_end(const struct edge_fill *fill)
{
	return edge_fill_tells_end_of(&fill->answer->attempt);
}

bool edge_fill_is_end_unsure(const struct edge_fill *fill)
{
	return edge_fill_is_unsure(fill, fill->current);
}

bool edge_fill_trailers(struct edge_fill *fill, struct http_head *ret_trailers)
{
	const struct edge_pull *pull = fill->answer;
	/* Those of a store are about its own checks, and those of a part about that. */
	return pull == fill->current &&
	       !origin_bucket_is(origin_group_origin(fill->groups[pull->role])) &&
	       origin_attempt_trailers(&fill->answer->attempt, ret_trailers);
}

enum fault edge_fill_fault(const struct edge_fill *fill)
{
	return fill->fault;
}

void edge_fill_body_ready(struct edge_fill *fill)
{
	if (fill->current != NULL && fill->current->attempt.phase != ORIGIN_PHASE_IDLE)
		origin_attempt_body_ready(&fill->current->attempt);
}

bool edge_fill_may_rewind(const struct edge_fill *fill)
{
	if (fill->answer != NULL)
		return false;
	bool has_written =
	        fill->has_written || (fill->current != NULL && fill->current->attempt.has_written);
	return fill->is_safe || fill->domain->failover_unsafe || !has_written;
}

enum model_role edge_fill_origin(const struct edge_fill *fill, struct address *ret_address)
{
	CHECK(fill->answer != NULL);
	*ret_address = fill->answer->candidate->address;
	return fill->answer->role;
}

bool edge_fill_is_after_failure(const struct edge_fill *fill)
{
	/* Another try at the same origin is none, nor is coming second. */
	CHECK(fill->answer != NULL);
	return fill->answer->is_kept || fill->was_unasked[MODEL_MASTER] ||
	       fill->was_unasked[MODEL_BACKUP] ||
	       (fill->role_tried[MODEL_MASTER] && fill->role_tried[MODEL_BACKUP] &&
	               !fill->was_outpaced);
}

bool edge_fill_is_resumed(const struct edge_fill *fill)
{
	return fill->current != fill->answer;
}

const struct edge_log_attempt *edge_fill_attempts(struct edge_fill *fill, unsigned *ret_count)
{
	bool is_reading = fill->step == EDGE_FILL_HOLD || fill->step == EDGE_FILL_STREAM ||
	                  fill->step == EDGE_FILL_MATCH;
	bool is_running = fill->step == EDGE_FILL_ATTEMPT ||
	                  (is_reading && fill->current->attempt.phase == ORIGIN_PHASE_BODY);
	if (is_running)
		edge_fill_log_end(fill->current);
	if (fill->hedge != NULL)
		edge_fill_log_end(fill->hedge);
	*ret_count = fill->log_count;
	return fill->log;
}

size_t edge_fill_bytes(void)
{
	return sizeof(struct edge_fill);
}

void edge_fill_explain(struct text *to)
{
	edge_turn_explain(steps, ARRAY_LENGTH(steps), to);
}
