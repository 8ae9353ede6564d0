/*
 * The dispatcher and the steps of a fill. Callbacks of attempts and waits only wake the task; the
 * task runs steps until one parks. Two attempts at most are open: the current one, and the master's
 * answer that is kept while the backup is asked, or the backup's while the master is late.
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

static void on_names_late(struct timer *timer)
{
	struct edge_fill *fill = container_of(timer, struct edge_fill, wait_timer);
	fill->names_are_late[fill->wait_role] = true;
	loop_wake(fill->options.worker->loop, &fill->task);
}

static void on_attempt_progress(struct origin_attempt_sink *sink)
{
	struct edge_pull *pull = container_of(sink, struct edge_pull, sink);
	struct edge_fill *fill = pull->fill;
	if (fill->step == EDGE_FILL_STREAM && pull == fill->answer)
		tell_reader(fill);
	else
		loop_wake(fill->options.worker->loop, &fill->task);
}

static void on_attempt_interim(struct origin_attempt_sink *sink, const struct http_head *head)
{
	struct edge_pull *pull = container_of(sink, struct edge_pull, sink);
	struct edge_fill *fill = pull->fill;
	/* A bucket has nothing to say before its answer. */
	if (pull != fill->hedge && !origin_bucket_is(origin_group_origin(fill->groups[pull->role])))
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
	fill->wait_timer.on_expire = on_names_late;
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
	buf_release(&worker->buffers, &fill->kept_body);
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
		break;
	}
	return EDGE_FILL_PULLING;
}

const struct http_head *edge_fill_head(
        const struct edge_fill *fill, enum http_framing *ret_framing, uint64_t *ret_length)
{
	const struct origin_attempt *attempt = &fill->answer->attempt;
	*ret_framing = attempt->body.framing;
	*ret_length = attempt->length;
	return &attempt->head;
}

/* What was kept of the master's answer comes first. The piece given last is used up now. */
static bool read_kept(struct edge_fill *fill, struct str *ret_data)
{
	buf_drop(&fill->kept_body, fill->kept_given);
	fill->kept_given = 0;
	if (buf_length(&fill->kept_body) > 0) {
		*ret_data = buf_str(&fill->kept_body);
		fill->kept_given = (uint32_t)ret_data->len;
		return true;
	}
	*ret_data = fill->kept_rest;
	fill->kept_rest = STR_EMPTY;
	return ret_data->len > 0;
}

enum origin_read edge_fill_read(struct edge_fill *fill, struct str *ret_data)
{
	struct edge_pull *pull = fill->answer;
	if (pull->is_kept && read_kept(fill, ret_data))
		return ORIGIN_READ_DATA;
	enum origin_read result = pull->attempt.phase == ORIGIN_PHASE_FAILED
	                                  ? ORIGIN_READ_FAILED
	                                  : origin_attempt_read(&pull->attempt, ret_data);
	if (result == ORIGIN_READ_END)
		edge_fill_log_end(pull);
	if (result == ORIGIN_READ_FAILED) {
		fill->fault = pull->attempt.fault;
		edge_fill_log_end(pull);
		edge_fill_go(fill, EDGE_FILL_FAIL);
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

bool edge_fill_trailers(struct edge_fill *fill, struct http_head *ret_trailers)
{
	const struct edge_pull *pull = fill->answer;
	/* Those of a store are about its own checks. */
	return !origin_bucket_is(origin_group_origin(fill->groups[pull->role])) &&
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
	if (fill->step == EDGE_FILL_STREAM)
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

const struct edge_log_attempt *edge_fill_attempts(struct edge_fill *fill, unsigned *ret_count)
{
	bool is_running = fill->step == EDGE_FILL_ATTEMPT ||
	                  (fill->step == EDGE_FILL_STREAM &&
	                          fill->current->attempt.phase == ORIGIN_PHASE_BODY);
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
