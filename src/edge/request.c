/*
 * The dispatcher and the steps of a request. The stream, the fill and the spool only wake the task;
 * the task runs steps until one parks. A request ends in FINISH and nowhere else.
 *
 * From ROUTE to PASS no step parks: the snapshot cannot change between finding the domain and the
 * fill that keeps it, so that a request needs no reference of its own.
 */
#include "edge/request.h"

#include "base/clock.h"
#include "edge/answer.h"
#include "edge/fill.h"
#include "edge/turn.h"
#include "http/uri.h"
#include "serve/spool.h"

#define TO(id) (1u << EDGE_REQUEST_##id)

enum edge_request_step {
#define REQUEST_STEP(id, name, next, words) EDGE_REQUEST_##id,
#include "edge/request_steps.def"
#undef REQUEST_STEP
};

enum {
	REQUEST_MAGIC = 0x72657175,
	/* Pieces that one request may send before others have their turn. */
	PIECES_A_TURN = 4,
};

struct edge_request {
	uint32_t magic;
	uint8_t step, fault;   /* enums edge_request_step, fault */
	uint8_t source_pieces; /* of the request's body, in this turn */
	bool has_responded, is_truncated, wants_log;
	struct list_node node;
	struct loop_task task;
	struct edge_worker *worker;
	struct serve_stream *stream;
	struct edge_fill_reader reader;
	struct origin_source source;
	struct edge_fill *fill;
	struct serve_spool *spool;   /* NULL: no body */
	struct model_domain *domain; /* NULL before ROUTE; kept alive by the fill after PASS */
	struct address client;       /* the visitor, behind trusted proxies */
	struct str host;             /* in normal form */
	struct str pending;          /* a piece of the body that the client has not taken yet */
};

static enum edge_turn step_RECEIVE(struct edge_request *request);
static enum edge_turn step_ROUTE(struct edge_request *request);
static enum edge_turn step_PASS(struct edge_request *request);
static enum edge_turn step_DELIVER(struct edge_request *request);
static enum edge_turn step_FAIL(struct edge_request *request);
static enum edge_turn step_FINISH(struct edge_request *request);

static const struct edge_turn_step steps[] = {
#define REQUEST_STEP(id, name, next, words) [EDGE_REQUEST_##id] = {name, words, next},
#include "edge/request_steps.def"
#undef REQUEST_STEP
};

static enum edge_turn (*const runs[])(struct edge_request *request) = {
#define REQUEST_STEP(id, name, next, words) [EDGE_REQUEST_##id] = step_##id,
#include "edge/request_steps.def"
#undef REQUEST_STEP
};

static enum edge_turn go(struct edge_request *request, enum edge_request_step step)
{
	CHECK(edge_turn_may_go(steps, request->step, step));
	request->step = (uint8_t)step;
	return EDGE_GO;
}

static enum edge_turn fail(struct edge_request *request, enum fault fault)
{
	request->fault = (uint8_t)fault;
	return go(request, EDGE_REQUEST_FAIL);
}

static void on_run(struct loop_task *task)
{
	struct edge_request *request = container_of(task, struct edge_request, task);
	CHECK(request->magic == REQUEST_MAGIC);
	while (runs[request->step](request) == EDGE_GO)
		;
}

static bool is_trusted(const struct address *address, const void *context)
{
	return serve_server_is_trusted(context, address);
}

static enum edge_turn step_RECEIVE(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	request->client = *serve_stream_client(stream);
	if (http_head_has(&stream->head, HTTP_NAME_X_FORWARDED_FOR) &&
	        serve_server_is_trusted(request->worker->server, &request->client))
		http_hop_client(
		        &stream->head, is_trusted, request->worker->server, &request->client);
	if (http_head_has(&stream->head, HTTP_NAME_CDN_LOOP) &&
	        http_hop_has_cdn_id(&stream->head, request->worker->cdn_id))
		return fail(request, FAULT_LOOP);
	return go(request, EDGE_REQUEST_ROUTE);
}

static enum edge_turn step_ROUTE(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	struct http_authority authority;
	if (stream->host.len == 0 || !http_uri_parse_authority(stream->host, &authority))
		return fail(
		        request, stream->host.len == 0 ? FAULT_UNKNOWN_HOST : FAULT_BAD_REQUEST);
	char *normal = arena_alloc(&stream->arena, LIMIT_HOST_BYTES + 1);
	request->host = http_uri_normal_host(authority.host, normal);
	request->domain = model_snapshot_find(request->worker->snapshot, request->host);
	if (request->domain == NULL)
		return fail(request, FAULT_UNKNOWN_HOST);
	if (request->domain->status == MODEL_OFFLINE)
		return fail(request, FAULT_OFFLINE);
	return go(request, EDGE_REQUEST_PASS);
}

static void on_fill_progress(struct edge_fill_reader *reader)
{
	struct edge_request *request = container_of(reader, struct edge_request, reader);
	loop_wake(request->worker->loop, &request->task);
}

static void on_fill_interim(struct edge_fill_reader *reader, const struct http_head *head)
{
	struct edge_request *request = container_of(reader, struct edge_request, reader);
	uint64_t drop[HTTP_HOP_WORDS];
	edge_answer_mark_interim(head, drop);
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
	if (request->source_pieces == PIECES_A_TURN) {
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

static enum edge_turn step_PASS(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	struct serve_stream *stream = request->stream;
	if (stream->has_body) {
		enum fault fault = open_spool(request);
		if (fault != FAULT_NONE)
			return fail(request, fault);
	}
	struct edge_fill_options options = {
	        .worker = worker,
	        .reader = &request->reader,
	        .arena = &stream->arena,
	        .forward =
	                {
	                        .head = &stream->head,
	                        .target = stream->path,
	                        .host = request->host,
	                        .peer = serve_stream_client(stream),
	                        .is_peer_trusted = serve_server_is_trusted(
	                                worker->server, serve_stream_client(stream)),
	                        .has_body = stream->has_body,
	                        .is_length_known = stream->is_length_known,
	                        .body_length = stream->body_length,
	                        .cdn_id = worker->cdn_id,
	                        .domain = request->domain,
	                },
	        .source = request->spool != NULL ? &request->source : NULL,
	        .key = stream->path,
	};
	request->reader.on_progress = on_fill_progress;
	request->reader.on_interim = on_fill_interim;
	request->fill = edge_fill_start(&options);
	go(request, EDGE_REQUEST_DELIVER);
	return EDGE_PARK;
}

/* For `debug: on`: who answered, and how long that took. */
static void add_debug(struct edge_request *request, struct edge_answer_options *options)
{
	struct arena *arena = &request->stream->arena;
	struct address address;
	char text[ADDRESS_TEXT_BYTES];
	enum model_role role = edge_fill_origin(request->fill, &address);
	options->origin = arena_printf(arena, "%s %s", role == MODEL_BACKUP ? "backup" : "master",
	        address_format(&address, text));
	unsigned count;
	const struct edge_log_attempt *attempts = edge_fill_attempts(request->fill, &count);
	struct text timing = {.at = NULL};
	for (unsigned i = 0; i < count; i++)
		text_addf(&timing, "%sattempt%u;dur=%u.%03u;desc=\"%s %s\"", i > 0 ? ", " : "",
		        i + 1, attempts[i].us / 1000, attempts[i].us % 1000,
		        attempts[i].role == MODEL_BACKUP ? "backup" : "master",
		        fault_name(attempts[i].reason));
	options->timing = arena_copy(arena, text_str(&timing));
	text_done(&timing);
}

static bool respond(struct edge_request *request)
{
	enum http_framing framing;
	struct edge_answer answer;
	struct edge_answer_options options = {
	        .method = request->stream->head.method,
	        .via = request->worker->via,
	        .date = serve_server_date(request->worker->server),
	        .cache = STR("PASS"),
	};
	options.head = edge_fill_head(request->fill, &framing, &options.length);
	if (request->domain->debug)
		add_debug(request, &options);
	edge_answer_make(&options, &answer);
	request->has_responded = true;
	return serve_stream_respond(request->stream, &answer.response);
}

static enum edge_turn finish_whole(struct edge_request *request)
{
	struct http_head trailers;
	bool has_trailers = edge_fill_trailers(request->fill, &trailers);
	serve_stream_finish(request->stream, has_trailers ? &trailers : NULL);
	return go(request, EDGE_REQUEST_FINISH);
}

static enum edge_turn finish_broken(struct edge_request *request, enum fault fault)
{
	request->fault = (uint8_t)fault;
	request->is_truncated = true;
	serve_stream_abort(request->stream);
	return go(request, EDGE_REQUEST_FINISH);
}

/* Moves the body from the fill to the client until one of them has to wait. */
static enum edge_turn pump(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	for (unsigned i = 0; i < PIECES_A_TURN; i++) {
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
				return finish_broken(request, edge_fill_fault(request->fill));
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
	enum fault fault = edge_fill_fault(request->fill);
	/* An attempt that lacked the client's body failed for the client's reason. */
	if (fault_info(fault)->side == FAULT_SIDE_CLIENT && request->spool != NULL &&
	        serve_spool_fault(request->spool) != FAULT_NONE)
		fault = serve_spool_fault(request->spool);
	return fail(request, fault);
}

static enum edge_turn step_DELIVER(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	if (stream->is_gone) {
		request->fault = stream->fault;
		return go(request, EDGE_REQUEST_FINISH);
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
			break;
		}
		if (!respond(request))
			return finish_broken(request, FAULT_MEMORY);
	}
	return pump(request);
}

static enum edge_turn step_FAIL(struct edge_request *request)
{
	struct serve_field none = {.name = STR_EMPTY};
	serve_stream_error(request->stream, request->fault, none);
	return go(request, EDGE_REQUEST_FINISH);
}

static void log_request(struct edge_request *request)
{
	const struct serve_stream *stream = request->stream;
	uint64_t us = clock_us() - stream->began_us;
	struct edge_log_entry entry = {
	        .wall_ms = clock_wall_ms() - us / 1000,
	        .us = us,
	        .id = request->worker->next_id++,
	        .client = request->client,
	        .host = request->host.len > 0 ? request->host : stream->host,
	        .method = http_head_method(&stream->head),
	        .target = stream->path,
	        .minor = stream->head.minor,
	        .status = stream->status,
	        .cache = "PASS",
	        .bytes_in = stream->body_received,
	        .bytes_out = stream->sent,
	        .fault = request->fault,
	};
	if (request->domain != NULL)
		entry.domain = str_of(request->domain->name);
	if (request->is_truncated)
		entry.end = EDGE_LOG_TRUNCATED;
	else if (stream->is_gone)
		entry.end = EDGE_LOG_ABORTED;
	if (request->fill != NULL)
		entry.attempts = edge_fill_attempts(request->fill, &entry.attempt_count);
	edge_access_log_add(request->worker->log, &entry);
}

static enum edge_turn step_FINISH(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	struct serve_stream *stream = request->stream;
	if (request->wants_log)
		log_request(request);
	loop_unwake(&request->task);
	list_remove(&request->node);
	edge_fill_leave(request->fill);
	serve_spool_free(request->spool);
	request->magic = 0;
	slab_give(&worker->request_slab, request);
	stream->wake = NULL;
	serve_stream_close(stream);
	return EDGE_END;
}

void edge_request_handle(struct edge_worker *worker, struct serve_stream *stream)
{
	struct edge_request *request = slab_take(&worker->request_slab);
	*request = (struct edge_request){
	        .magic = REQUEST_MAGIC,
	        .worker = worker,
	        .stream = stream,
	        .task = {.on_run = on_run},
	        .wants_log = worker->log != NULL && edge_access_log_wants(worker->log),
	};
	list_add_last(&worker->requests, &request->node);
	stream->wake = &request->task;
	stream->user = request;
	loop_wake(worker->loop, &request->task);
}

void edge_request_log_refused(
        struct edge_worker *worker, const struct address *client, enum fault fault)
{
	if (worker->log == NULL || !edge_access_log_wants(worker->log))
		return;
	struct edge_log_entry entry = {
	        .wall_ms = clock_wall_ms(),
	        .id = worker->next_id++,
	        .client = *client,
	        .minor = 1,
	        .status = fault_info(fault)->status,
	        .cache = "PASS",
	        .fault = (uint8_t)fault,
	};
	edge_access_log_add(worker->log, &entry);
}

void edge_request_cut_all(struct edge_worker *worker)
{
	struct list_node *node;
	while ((node = list_first(&worker->requests)) != NULL) {
		struct edge_request *request = container_of(node, struct edge_request, node);
		request->fault = FAULT_DRAINING;
		request->is_truncated = true;
		serve_stream_abort(request->stream);
		request->step = EDGE_REQUEST_FINISH; /* the one jump past the table */
		step_FINISH(request);
	}
}

size_t edge_request_bytes(void)
{
	return sizeof(struct edge_request);
}

void edge_request_explain(struct text *to)
{
	edge_turn_explain(steps, ARRAY_LENGTH(steps), to);
}
