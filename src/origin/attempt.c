/*
 * The life of an attempt. Whatever the loop reports (the connection is ready, a deadline is over, a
 * place in the pool) ends in work() or fail(), and then the owner is told. A call of the owner
 * tells nothing by itself: what goes wrong inside is left to the attempt's task, later in the same
 * turn.
 *
 * A phase has at most one deadline, kept by the connection's lazy timer:
 *     QUEUE    queue_ms (the attempt's own timer: there is no connection yet)
 *     CONNECT  connect_timeout, TCP and TLS together
 *     SEND     idle_timeout since the origin last took something, while it takes nothing;
 *              none while the source has nothing: whoever brings the body has his own
 *     HEAD     head_timeout since the whole request was sent
 *     BODY     idle_timeout since a reader found nothing, or what is left of min_rate's window
 * and all before BODY end with options.deadline_ms, which the waiting for the source moves away.
 */
#include "origin/attempt.h"

#include "base/clock.h"
#include "base/mem.h"
#include "origin/attempt_private.h"

/* The phases that may follow each; a set. */
#define ENDS (1 << ORIGIN_PHASE_IDLE | 1 << ORIGIN_PHASE_FAILED)
static const unsigned FOLLOWERS[] = {
        [ORIGIN_PHASE_IDLE] =
                1 << ORIGIN_PHASE_QUEUE | 1 << ORIGIN_PHASE_CONNECT | 1 << ORIGIN_PHASE_SEND,
        [ORIGIN_PHASE_QUEUE] = ENDS | 1 << ORIGIN_PHASE_CONNECT | 1 << ORIGIN_PHASE_SEND,
        [ORIGIN_PHASE_CONNECT] = ENDS | 1 << ORIGIN_PHASE_SEND,
        [ORIGIN_PHASE_SEND] = ENDS | 1 << ORIGIN_PHASE_HEAD | 1 << ORIGIN_PHASE_BODY,
        [ORIGIN_PHASE_HEAD] = ENDS | 1 << ORIGIN_PHASE_BODY,
        [ORIGIN_PHASE_BODY] = ENDS | 1 << ORIGIN_PHASE_DONE,
        [ORIGIN_PHASE_DONE] = 1 << ORIGIN_PHASE_IDLE,
        [ORIGIN_PHASE_FAILED] = 1 << ORIGIN_PHASE_IDLE,
};
#undef ENDS

static const char *const NAMES[] = {
        [ORIGIN_PHASE_IDLE] = "idle",
        [ORIGIN_PHASE_QUEUE] = "queue",
        [ORIGIN_PHASE_CONNECT] = "connect",
        [ORIGIN_PHASE_SEND] = "send",
        [ORIGIN_PHASE_HEAD] = "head",
        [ORIGIN_PHASE_BODY] = "body",
        [ORIGIN_PHASE_DONE] = "done",
        [ORIGIN_PHASE_FAILED] = "failed",
};

const char *origin_attempt_phase_name(enum origin_phase phase)
{
	CHECK((unsigned)phase < ARRAY_LENGTH(NAMES));
	return NAMES[phase];
}

void origin_attempt_set_phase(struct origin_attempt *attempt, enum origin_phase phase)
{
	CHECK((FOLLOWERS[attempt->phase] >> phase & 1) != 0);
	attempt->phase = phase;
	if (phase != ORIGIN_PHASE_FAILED && phase != ORIGIN_PHASE_IDLE)
		attempt->reached = phase;
}

static uint64_t now_ms(const struct origin_attempt *attempt)
{
	return loop_now_ms(attempt->worker->loop);
}

void origin_attempt_set_deadline(struct origin_attempt *attempt, uint64_t at_ms)
{
	attempt->deadline_ms = at_ms;
	if (attempt->phase < ORIGIN_PHASE_BODY && attempt->options.deadline_ms < at_ms)
		at_ms = attempt->options.deadline_ms;
	origin_connection_set_deadline(attempt->connection, at_ms);
}

static void note_connection(struct origin_attempt *attempt, enum fault fault)
{
	origin_health_note_connection(attempt->candidate->host, fault, now_ms(attempt));
}

void origin_attempt_note_response(struct origin_attempt *attempt, enum fault fault)
{
	if (attempt->has_noted_response)
		return;
	attempt->has_noted_response = true;
	origin_group_note_response(
	        attempt->candidate, fault, attempt->options.url_hash, now_ms(attempt));
}

/* Notes a fault with whom it belongs to; local ones and the client's are nobody's. */
static void note(struct origin_attempt *attempt, enum fault fault)
{
	if (fault == FAULT_NO_ROUTE)
		origin_group_note_no_route(attempt->candidate, now_ms(attempt));
	switch ((enum fault_retry)fault_info(fault)->retry) {
	case FAULT_RETRY_CONNECTION:
		/* Where TCP stands, it is TLS that took too long: of what answers there for this
		 * domain, and not of the address. */
		if (attempt->connection != NULL && attempt->connection->has_connected)
			origin_attempt_note_response(attempt, FAULT_TLS_HANDSHAKE);
		else
			note_connection(attempt, fault);
		break;
	case FAULT_RETRY_RESPONSE:
		/* Without a connection nothing was asked of it. */
		if (attempt->connection != NULL)
			origin_attempt_note_response(attempt, fault);
		break;
	case FAULT_RETRY_FINAL:
	case FAULT_RETRY_LOCAL:
		break;
	}
}

/* The origin is not used any more, however that came. */
static void deactivate(struct origin_attempt *attempt)
{
	if (!attempt->is_active)
		return;
	attempt->is_active = false;
	struct origin_candidate *candidate = attempt->candidate;
	CHECK(candidate->in_flight > 0);
	candidate->in_flight--;
	if (attempt->options.is_trial && !attempt->has_noted_response)
		origin_health_give_back_trial(candidate->host, candidate->server);
	loop_unwake(&attempt->task);
	loop_timer_cancel(attempt->worker->loop, &attempt->timer);
	origin_pool_give_up(attempt->pool, &attempt->waiter);
	origin_connection_close(attempt->connection);
	attempt->connection = NULL;
	buf_release(attempt->worker->buffers, &attempt->in);
}

/* Keeps what is known of why TLS failed, which goes with the connection. */
static void keep_detail(struct origin_attempt *attempt, enum fault fault)
{
	const struct origin_connection *connection = attempt->connection;
	if (connection == NULL || connection->tls == NULL)
		return;
	const char *why = origin_connection_why(connection);
	if (fault == FAULT_CONNECT_TIMEOUT && connection->has_connected)
		why = "the TLS handshake was not done in time";
	if (why[0] != '\0')
		attempt->detail = mem_copy(why, strlen(why));
}

void origin_attempt_fail(struct origin_attempt *attempt, enum fault fault)
{
	CHECK(fault != FAULT_NONE);
	/* A good head makes no good response. */
	if (attempt->phase == ORIGIN_PHASE_BODY && fault == FAULT_MALFORMED)
		attempt->has_noted_response = false;
	note(attempt, fault);
	keep_detail(attempt, fault);
	deactivate(attempt);
	attempt->fault = fault;
	origin_attempt_set_phase(attempt, ORIGIN_PHASE_FAILED);
}

void origin_attempt_finish(struct origin_attempt *attempt)
{
	if (attempt->connection != NULL)
		origin_attempt_let_go(attempt, buf_length(&attempt->in));
	deactivate(attempt);
	origin_attempt_set_phase(attempt, ORIGIN_PHASE_DONE);
}

/* Whether the origin may not have read the body, since requests like this one have none by custom:
 * then it takes what we sent for the next request. */
static bool is_body_doubtful(const struct origin_attempt *attempt)
{
	const struct origin_attempt_options *options = &attempt->options;
	bool has_body = options->is_chunked || attempt->sending.body_sent != 0;
	return options->source != NULL && http_method_is_safe(options->method) && has_body;
}

void origin_attempt_let_go(struct origin_attempt *attempt, size_t extra)
{
	struct origin_connection *connection = attempt->connection;
	attempt->connection = NULL;
	loop_unwake(&attempt->task); /* it is about the connection */
	bool is_clean = extra == 0 && attempt->sending.is_whole && !is_body_doubtful(attempt);
	if (is_clean && attempt->keep_ms != 0)
		origin_pool_keep(connection, attempt->keep_ms);
	else
		origin_connection_close(connection);
}

bool origin_attempt_fill(struct origin_attempt *attempt, enum tcp_result *ret_result)
{
	struct buf *in = &attempt->in;
	/* All the room that there is: a body is to move in large pieces. */
	size_t room = in->block == NULL ? BUF_LARGE : 1;
	if (!buf_reserve(attempt->worker->buffers, in, room))
		return false;
	size_t count = 0;
	*ret_result = origin_connection_read(
	        attempt->connection, in->block + in->end, buf_room(in), &count);
	if (*ret_result == TCP_DONE) {
		buf_grew(in, count);
		attempt->has_received = true;
	}
	return true;
}

static void tell(struct origin_attempt *attempt)
{
	attempt->is_told = true;
	attempt->sink->on_progress(attempt->sink);
}

static void fail_and_tell(struct origin_attempt *attempt, enum fault fault)
{
	origin_attempt_fail(attempt, fault);
	tell(attempt);
}

/* Something came of the connecting: what? */
static enum fault finish_connecting(struct origin_attempt *attempt)
{
	struct origin_connection *connection = attempt->connection;
	bool had_connected = connection->has_connected, is_done;
	enum fault fault = origin_connection_finish(connection, &is_done);
	if (!had_connected && connection->has_connected)
		note_connection(attempt, FAULT_NONE);
	if (fault == FAULT_NONE && is_done)
		origin_attempt_set_phase(attempt, ORIGIN_PHASE_SEND);
	return fault;
}

/* Does whatever the connection's state now allows, but reads no body: that is for the reader. */
static enum fault advance(struct origin_attempt *attempt)
{
	enum fault fault = FAULT_NONE;
	if (attempt->phase == ORIGIN_PHASE_CONNECT)
		fault = finish_connecting(attempt);
	if (fault == FAULT_NONE && attempt->phase != ORIGIN_PHASE_CONNECT &&
	        !attempt->sending.is_whole)
		fault = origin_attempt_send_more(attempt);
	if (fault == FAULT_NONE &&
	        (attempt->phase == ORIGIN_PHASE_SEND || attempt->phase == ORIGIN_PHASE_HEAD))
		fault = origin_attempt_head_read(attempt);
	return fault;
}

/* Something happened: goes on, and tells the owner what it should know. */
static void work(struct origin_attempt *attempt)
{
	enum origin_phase before = attempt->phase;
	enum fault fault = advance(attempt);
	if (fault != FAULT_NONE) {
		fail_and_tell(attempt, fault);
		return;
	}
	if (attempt->phase != ORIGIN_PHASE_BODY)
		return;
	if (attempt->is_tunnel) {
		tell(attempt); /* there may be room as well */
		return;
	}
	/* Now it is the reader who is waited for. */
	if (before == ORIGIN_PHASE_BODY && attempt->connection->is_readable)
		origin_attempt_end_wait(attempt);
	if (before != ORIGIN_PHASE_BODY || (attempt->connection->is_readable && !attempt->is_told))
		tell(attempt);
}

static void on_ready(struct origin_connection_user *user, struct origin_connection *connection)
{
	struct origin_attempt *attempt = container_of(user, struct origin_attempt, user);
	CHECK(attempt->connection == connection);
	work(attempt);
}

/* What it means that the time is over now, in a phase with a deadline of its own. */
static enum fault fault_of_deadline(const struct origin_attempt *attempt)
{
	if (attempt->phase == ORIGIN_PHASE_BODY)
		return attempt->is_rate_due ? FAULT_BODY_RATE : FAULT_BODY_TIMEOUT;
	if (attempt->options.deadline_ms < attempt->deadline_ms)
		return FAULT_BUDGET;
	if (attempt->phase == ORIGIN_PHASE_QUEUE)
		return FAULT_QUEUE_TIMEOUT;
	if (attempt->phase == ORIGIN_PHASE_CONNECT)
		return FAULT_CONNECT_TIMEOUT;
	return FAULT_HEAD_TIMEOUT;
}

static void on_timeout(struct origin_connection_user *user, struct origin_connection *connection)
{
	struct origin_attempt *attempt = container_of(user, struct origin_attempt, user);
	CHECK(attempt->connection == connection);
	fail_and_tell(attempt, fault_of_deadline(attempt));
}

static void on_queue_timeout(struct timer *timer)
{
	struct origin_attempt *attempt = container_of(timer, struct origin_attempt, timer);
	fail_and_tell(attempt, fault_of_deadline(attempt));
}

static void on_task(struct loop_task *task)
{
	struct origin_attempt *attempt = container_of(task, struct origin_attempt, task);
	if (attempt->pending != FAULT_NONE)
		fail_and_tell(attempt, attempt->pending);
	else
		work(attempt);
}

/* Leaves it to the task to fail, or (FAULT_NONE) to look what there is to read. */
static void defer(struct origin_attempt *attempt, enum fault fault)
{
	attempt->pending = fault;
	loop_wake(attempt->worker->loop, &attempt->task);
}

/* Sends, inside a call of the owner or of another attempt. */
static void send_quietly(struct origin_attempt *attempt)
{
	enum fault fault = origin_attempt_send_more(attempt);
	if (fault != FAULT_NONE || attempt->sending.is_broken)
		defer(attempt, fault);
}

/* Goes on with the connection that it got. */
static void use_connection(struct origin_attempt *attempt, struct origin_connection *connection)
{
	attempt->connection = connection;
	attempt->is_reused = connection->is_reused;
	if (!attempt->is_reused) {
		origin_attempt_set_phase(attempt, ORIGIN_PHASE_CONNECT);
		origin_attempt_set_deadline(
		        attempt, now_ms(attempt) + attempt->origin->connect_timeout_ms);
		return;
	}
	origin_attempt_set_phase(attempt, ORIGIN_PHASE_SEND);
	send_quietly(attempt);
}

static void on_connection(
        struct origin_pool_waiter *waiter, struct origin_connection *connection, enum fault fault)
{
	struct origin_attempt *attempt = container_of(waiter, struct origin_attempt, waiter);
	loop_timer_cancel(attempt->worker->loop, &attempt->timer);
	if (fault == FAULT_NONE) {
		use_connection(attempt, connection);
		return;
	}
	origin_attempt_set_phase(attempt, ORIGIN_PHASE_CONNECT);
	defer(attempt, fault);
}

static enum origin_pool_want want_of(const struct origin_attempt_options *options)
{
	/* A kept connection proves nothing about the host, so a trial has a fresh one. */
	if (options->is_fresh_only || options->is_trial)
		return ORIGIN_POOL_FRESH;
	return options->is_proven_only ? ORIGIN_POOL_PROVEN : ORIGIN_POOL_ANY;
}

/* Asks the pool for a connection, and goes on with what it says. */
static void ask_pool(struct origin_attempt *attempt)
{
	struct origin_connection *connection = NULL;
	enum fault fault = origin_pool_ask(attempt->pool, &attempt->waiter, &connection);
	if (connection != NULL) {
		use_connection(attempt, connection);
		return;
	}
	bool is_queued = fault == FAULT_NONE || fault == FAULT_QUEUE_FULL;
	origin_attempt_set_phase(attempt, is_queued ? ORIGIN_PHASE_QUEUE : ORIGIN_PHASE_CONNECT);
	if (fault != FAULT_NONE) {
		defer(attempt, fault);
		return;
	}
	attempt->deadline_ms = now_ms(attempt) + attempt->origin->queue_ms;
	uint64_t at_ms = attempt->deadline_ms < attempt->options.deadline_ms
	                         ? attempt->deadline_ms
	                         : attempt->options.deadline_ms;
	loop_timer_start(attempt->worker->loop, &attempt->timer, at_ms);
}

void origin_attempt_start(struct origin_attempt *attempt, struct origin_worker *worker,
        struct origin_attempt_sink *sink, const struct origin_attempt_options *options)
{
	CHECK(attempt->phase == ORIGIN_PHASE_IDLE);
	CHECK(options->head.len != 0 && options->head.len <= UINT32_MAX);
	CHECK(options->deadline_ms != 0);
	struct origin_candidate *candidate = options->candidate;
	origin_group_candidate_ref(candidate);
	candidate->in_flight++;
	*attempt = (struct origin_attempt){
	        .sink = sink,
	        .started_ms = loop_now_ms(worker->loop),
	        .started_us = clock_us(),
	        .options = *options,
	        .origin = origin_group_origin(candidate->group),
	        .worker = worker,
	        .candidate = candidate,
	        .user = {.on_ready = on_ready, .on_timeout = on_timeout},
	        .timer = {.on_expire = on_queue_timeout},
	        .task = {.on_run = on_task},
	        .is_active = true,
	};
	attempt->pool = candidate->pool;
	if (options->server_name.len != 0)
		attempt->pool = origin_pool_named(candidate->pool, options->server_name);
	attempt->waiter = (struct origin_pool_waiter){
	        .on_connection = on_connection,
	        .user = &attempt->user,
	        .origin = attempt->origin,
	        .want = want_of(options),
	};
	ask_pool(attempt);
}

void origin_attempt_body_ready(struct origin_attempt *attempt)
{
	bool may_send = attempt->phase == ORIGIN_PHASE_SEND || attempt->phase == ORIGIN_PHASE_BODY;
	if (may_send && attempt->connection != NULL && !attempt->sending.is_whole)
		send_quietly(attempt);
}

bool origin_attempt_trailers(struct origin_attempt *attempt, struct http_head *ret_trailers)
{
	CHECK(attempt->phase == ORIGIN_PHASE_DONE);
	if (attempt->body.framing != HTTP_FRAMING_CHUNKED)
		return false;
	/* In the same array, behind the fields of the head. */
	struct http_head trailers = {
	        .fields = attempt->head.fields + attempt->head.count,
	        .capacity = (uint16_t)(attempt->head.capacity - attempt->head.count),
	};
	if (!http_chunk_trailers(&attempt->body.chunk, &trailers) || trailers.count == 0)
		return false;
	*ret_trailers = trailers;
	return true;
}

void origin_attempt_end(struct origin_attempt *attempt)
{
	if (attempt->phase == ORIGIN_PHASE_IDLE)
		return;
	deactivate(attempt);
	if (attempt->reached >= ORIGIN_PHASE_BODY)
		http_body_done(&attempt->body);
	buf_release(attempt->worker->buffers, &attempt->head_bytes);
	buf_release(attempt->worker->buffers, &attempt->fields);
	if (attempt->options.server_name.len != 0)
		origin_pool_unref(attempt->pool);
	origin_group_candidate_unref(attempt->candidate);
	attempt->candidate = NULL;
	attempt->pool = NULL;
	mem_free((void *)(uintptr_t)attempt->detail);
	attempt->detail = NULL;
	origin_attempt_set_phase(attempt, ORIGIN_PHASE_IDLE);
}
