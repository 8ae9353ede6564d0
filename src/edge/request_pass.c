/*
 * PASS and DELIVER: an origin-pull of the request's own, whose answer goes straight to the client.
 * The request's body is spooled, so that it can be sent again.
 */
#include "cache/disk.h"
#include "edge/answer.h"
#include "edge/request_private.h"
#include "http/condition.h"

static void on_fill_progress(struct edge_fill_reader *reader)
{
	struct edge_request *request = container_of(reader, struct edge_request, reader);
	loop_wake(request->worker->loop, &request->task);
}

static void on_fill_interim(struct edge_fill_reader *reader, const struct http_head *head)
{
	struct edge_request *request = container_of(reader, struct edge_request, reader);
	uint64_t drop[HTTP_MARK_WORDS];
	edge_answer_mark_interim(head, request->rules, drop);
	serve_stream_interim(request->stream, head->status, head, drop);
}

/* The spool as the source of the attempts' bodies. Once nobody can ask for the beginning again, it
 * is released, and the client is held back to the origin's pace. */
static enum origin_source_result read_source(
        struct origin_source *source, uint64_t offset, struct str *ret_bytes)
{
	struct edge_request *request = container_of(source, struct edge_request, source);
	if (request->fill != NULL && !edge_fill_may_rewind(request->fill))
		serve_spool_release(request->spool);
	if (request->source_pieces == EDGE_REQUEST_PIECES_A_TURN) {
		loop_yield(request->worker->loop, &request->task);
		return ORIGIN_SOURCE_WAIT;
	}
	switch (serve_spool_read(request->spool, offset, ret_bytes)) {
	case SERVE_SPOOL_DATA:
		request->source_pieces++;
		return ORIGIN_SOURCE_DATA;
	case SERVE_SPOOL_WAIT:
		return ORIGIN_SOURCE_WAIT;
	case SERVE_SPOOL_END:
		return ORIGIN_SOURCE_END;
	case SERVE_SPOOL_FAILED:
		break;
	}
	return ORIGIN_SOURCE_FAILED;
}

static struct str read_source_trailers(struct origin_source *source)
{
	struct edge_request *request = container_of(source, struct edge_request, source);
	return serve_stream_trailers(request->stream);
}

static enum fault open_spool(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	struct serve_spool_options options = {
	        .stream = request->stream,
	        .loop = worker->loop,
	        .buffers = &worker->buffers,
	        .disk = worker->disk,
	        .folder = worker->options->spool_dir,
	        .budget = worker->spool_budget,
	        .body_max = request->domain->request_body_max,
	        .wake = &request->task,
	};
	request->spool = serve_spool_new(&options);
	request->source = (struct origin_source){
	        .read = read_source,
	        .trailers = read_source_trailers,
	};
	return serve_spool_fault(request->spool);
}

static void set_reader(struct edge_request *request)
{
	request->reader.on_progress = on_fill_progress;
	request->reader.on_interim = on_fill_interim;
}

void edge_request_take_fill(struct edge_request *request)
{
	set_reader(request);
	request->fill = edge_loader_take(request->loader, &request->reader);
	request->is_taken = true;
}

enum edge_turn edge_request_step_PASS(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	struct serve_stream *stream = request->stream;
	if (stream->has_body) {
		enum fault fault = open_spool(request);
		if (fault != FAULT_NONE)
			return edge_request_fail(request, fault);
	}
	struct edge_fill_options options = {
	        .worker = worker,
	        .reader = &request->reader,
	        .arena = &stream->arena,
	        .forward =
	                {
	                        .head = &stream->head,
	                        .target = stream->target.path,
	                        .host = request->host,
	                        .peer = serve_stream_client(stream),
	                        .is_peer_trusted = serve_server_is_trusted(
	                                worker->server, serve_stream_client(stream)),
	                        .is_https = request->is_https,
	                        .has_body = stream->has_body,
	                        .is_length_known = stream->is_length_known,
	                        .body_length = stream->body_length,
	                        .cdn_id = worker->cdn_id,
	                        .upgrade = request->upgrade,
	                        .websocket_key = request->websocket_key,
	                        .domain = request->domain,
	                },
	        .source = request->spool != NULL ? &request->source : NULL,
	        .key = stream->target.path,
	};
	set_reader(request);
	if (worker->cache != NULL)
		edge_request_sequence(request);
	request->fill = edge_fill_start(&options);
	edge_request_go(request, EDGE_REQUEST_DELIVER);
	return EDGE_PARK;
}

/* For `debug: on`: who answered. */
static void add_origin(struct edge_request *request, struct edge_answer_options *options)
{
	struct arena *arena = &request->stream->arena;
	struct address address;
	char text[ADDRESS_TEXT_BYTES];
	enum model_role role = edge_fill_origin(request->fill, &address);
	options->origin = arena_printf(arena, "%s %s", role == MODEL_BACKUP ? "backup" : "master",
	        address_format(&address, text));
}

/* A pull that was begun for everybody was sent without the client's conditions. When it turns out
 * to be this client's alone, it is we who answer them, as the origin would have (RFC 9110 13.2.1).
 */
static enum http_condition evaluate(const struct edge_request *request)
{
	enum http_framing framing;
	uint64_t length, now_ms = loop_wall_ms(request->worker->loop);
	bool range_counts; /* all of it is right as well */
	if (!request->is_taken)
		return HTTP_CONDITION_PROCEED;
	const struct http_head *head = edge_fill_head(request->fill, &framing, &length);
	struct http_representation representation = {
	        .status = head->status,
	        .exists = true,
	        .etag = http_head_get(head, HTTP_NAME_ETAG),
	        .last_modified_s = cache_terms_read_date_s(head, HTTP_NAME_LAST_MODIFIED, now_ms),
	        .dated_s = INT64_MIN,
	};
	return http_condition_evaluate(
	        &request->stream->head, &representation, (int64_t)(now_ms / 1000), &range_counts);
}

static bool respond(struct edge_request *request, bool is_not_modified)
{
	enum http_framing framing;
	struct edge_answer answer;
	struct edge_answer_options options = {
	        .method = request->stream->head.method,
	        .is_not_modified = is_not_modified,
	        .date = serve_server_date(request->worker->server),
	        .cache = STR("PASS"),
	        .rules = request->rules,
	        .arena = &request->stream->arena,
	};
	options.head = edge_fill_head(request->fill, &framing, &options.length);
	options.via = edge_worker_via(request->worker, options.head);
	options.status_line = edge_request_status_line(request);
	options.timing = edge_request_timing(request);
	if (edge_fill_tunnel(request->fill) != NULL)
		options.upgrade = request->upgrade;
	if (request->domain->debug)
		add_origin(request, &options);
	edge_answer_make(&options, &answer);
	edge_request_mark_upgrade(request, options.head, answer.drop);
	request->has_responded = true;
	return serve_stream_respond(request->stream, &answer.response);
}

static enum edge_turn finish_whole(struct edge_request *request)
{
	struct http_head trailers;
	bool has_trailers = edge_fill_trailers(request->fill, &trailers);
	serve_stream_finish(
	        request->stream, edge_request_trailers(request, has_trailers ? &trailers : NULL));
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

/* Why the fill failed: an attempt that lacked the client's body did for the client's reason. */
static enum fault fault_of_fill(const struct edge_request *request)
{
	enum fault fault = edge_fill_fault(request->fill);
	if (fault_info(fault)->side == FAULT_SIDE_CLIENT && request->spool != NULL &&
	        serve_spool_fault(request->spool) != FAULT_NONE)
		fault = serve_spool_fault(request->spool);
	return fault;
}

/* Moves the body from the fill to the client until one of them has to wait. */
static enum edge_turn pump(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	for (unsigned i = 0; i < EDGE_REQUEST_PIECES_A_TURN; i++) {
		if (request->pending.len == 0) {
			switch (edge_fill_read(request->fill, &request->pending)) {
			case ORIGIN_READ_DATA:
				break;
			case ORIGIN_READ_WAIT:
				serve_stream_flush(stream);
				return EDGE_PARK;
			case ORIGIN_READ_END:
				return finish_whole(request);
			case ORIGIN_READ_FAILED:
				return edge_request_finish_broken(request, fault_of_fill(request));
			}
		}
		size_t taken = serve_stream_write(stream, request->pending);
		request->pending =
		        str_make(request->pending.at + taken, request->pending.len - taken);
		if (request->pending.len > 0)
			return EDGE_PARK;
	}
	loop_yield(request->worker->loop, &request->task);
	return EDGE_PARK;
}

static enum edge_turn fail_without_answer(struct edge_request *request)
{
	return edge_request_fail(request, fault_of_fill(request));
}

static void on_held(struct timer *timer)
{
	struct edge_request *request = container_of(timer, struct edge_request, late_timer);
	loop_wake(request->worker->loop, &request->task);
}

/* What the answer does to what is remembered is done, once; true while it is held back, so that who
 * has read it finds what it made invalid nowhere, even if this machine loses its power now. */
static bool is_held_back(struct edge_request *request)
{
	struct loop *loop = request->worker->loop;
	enum http_framing framing;
	uint64_t length;
	if (!request->is_noted) {
		edge_request_note_answer(request, edge_fill_head(request->fill, &framing, &length));
		request->is_noted = true;
		request->held_until_ms = loop_now_ms(loop) + LIMIT_CACHE_DISK_HOLD_MS;
	}
	if (request->moment == 0 || loop_now_ms(loop) >= request->held_until_ms ||
	        cache_disk_is_durable(request->worker->cache, request->moment))
		return false;
	request->late_timer.on_expire = on_held;
	loop_timer_start(loop, &request->late_timer, loop_now_ms(loop) + TIMER_TICK_MS);
	return true;
}

/* The answer's head is there. */
static enum edge_turn begin(struct edge_request *request)
{
	enum http_condition condition = evaluate(request);
	if (condition == HTTP_CONDITION_FAILED)
		return edge_request_fail(request, FAULT_PRECONDITION);
	if (request->upgrade.len > 0) {
		enum fault fault = edge_request_judge_upgrade(request);
		if (fault != FAULT_NONE)
			return edge_request_fail(request, fault);
	}
	if (is_held_back(request))
		return EDGE_PARK;
	bool is_not_modified = condition == HTTP_CONDITION_NOT_MODIFIED;
	if (!respond(request, is_not_modified))
		return edge_request_finish_broken(request, FAULT_MEMORY);
	if (edge_fill_tunnel(request->fill) != NULL)
		return edge_request_begin_tunnel(request);
	edge_request_leave_upgrade(request);
	/* What was begun for everybody was a GET, also where HEAD is answered by it. */
	bool is_without_body = request->is_taken && request->stream->head.method == HTTP_HEAD;
	if (!is_not_modified && !is_without_body)
		return pump(request);
	serve_stream_finish(request->stream, NULL);
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

enum edge_turn edge_request_step_DELIVER(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	if (stream->is_gone) {
		request->fault = stream->fault;
		return edge_request_go(request, EDGE_REQUEST_FINISH);
	}
	if (request->spool != NULL &&
	        (serve_spool_is_waiting(request->spool) || request->source_pieces > 0)) {
		request->source_pieces = 0;
		edge_fill_body_ready(request->fill);
	}
	if (!request->has_responded) {
		switch (edge_fill_stage(request->fill)) {
		case EDGE_FILL_PULLING:
			return EDGE_PARK;
		case EDGE_FILL_FAILED:
			return fail_without_answer(request);
		case EDGE_FILL_HEAD:
			return begin(request);
		}
	}
	return pump(request);
}
