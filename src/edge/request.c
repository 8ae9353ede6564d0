/*
 * The dispatcher and the first and last steps of a request. The stream, the fill and the spool only
 * wake the task; the task runs steps until one parks. A request ends in FINISH and nowhere else.
 *
 * From ROUTE to PASS, HIT or JOIN no step parks, but for LOOKUP where a disk has to be asked: the
 * snapshot cannot change between finding the domain and what keeps it (the fill, or a reference
 * that is taken before a step parks), so that most requests need no reference of their own.
 */
#include "base/clock.h"
#include "base/random.h"
#include "edge/bucket.h"
#include "edge/request_private.h"
#include "http/hop.h"
#include "http/uri.h"
#include "model/headers.h"

#define TO(id) (1u << EDGE_REQUEST_##id)

enum { REQUEST_MAGIC = 0x72657175 };

static const struct edge_turn_step steps[] = {
#define REQUEST_STEP(id, name, next, words) [EDGE_REQUEST_##id] = {name, words, next},
#include "edge/request_steps.def"
#undef REQUEST_STEP
};

static enum edge_turn (*const runs[])(struct edge_request *request) = {
#define REQUEST_STEP(id, name, next, words) [EDGE_REQUEST_##id] = edge_request_step_##id,
#include "edge/request_steps.def"
#undef REQUEST_STEP
};

enum edge_turn edge_request_go(struct edge_request *request, enum edge_request_step step)
{
	CHECK(edge_turn_may_go(steps, request->step, step));
	request->step = (uint8_t)step;
	return EDGE_GO;
}

enum edge_turn edge_request_fail(struct edge_request *request, enum fault fault)
{
	request->fault = (uint8_t)fault;
	/* The cache was asked, and nobody else. */
	if (fault == FAULT_ONLY_IF_CACHED)
		request->cache = "MISS";
	return edge_request_go(request, EDGE_REQUEST_FAIL);
}

enum edge_turn edge_request_finish_broken(struct edge_request *request, enum fault fault)
{
	request->fault = (uint8_t)fault;
	request->is_truncated = true;
	serve_stream_abort(request->stream);
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

/* At least 1. */
static uint64_t us_since(uint64_t began_us)
{
	uint64_t us = clock_us() - began_us;
	return us > 0 ? us : 1;
}

static void on_run(struct loop_task *task)
{
	struct edge_request *request = container_of(task, struct edge_request, task);
	CHECK(request->magic == REQUEST_MAGIC);
	enum edge_turn turn;
	do
		turn = runs[request->step](request);
	while (turn == EDGE_GO);
	/* One that ends in the run in which it was answered needs no other look at the clock. */
	if (turn == EDGE_PARK && request->has_responded && request->first_byte_us == 0)
		request->first_byte_us = us_since(request->stream->began_us);
}

static bool is_trusted(const struct address *address, const void *context)
{
	return serve_server_is_trusted(context, address);
}

/* The scheme that the client has used: the first proxy knows, if there is one and is trusted. */
static bool is_https(const struct edge_request *request)
{
	const struct serve_stream *stream = request->stream;
	if (!http_head_has(&stream->head, HTTP_NAME_X_FORWARDED_PROTO) ||
	        !serve_server_is_trusted(request->worker->server, serve_stream_client(stream)))
		return stream->is_https;
	struct str rest = http_head_get(&stream->head, HTTP_NAME_X_FORWARDED_PROTO), scheme;
	return http_head_next_member(&rest, &scheme) && str_is_equal_nocase(scheme, STR("https"));
}

enum edge_turn edge_request_step_RECEIVE(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	request->client = *serve_stream_client(stream);
	request->is_https = is_https(request);
	if (http_head_has(&stream->head, HTTP_NAME_X_FORWARDED_FOR) &&
	        serve_server_is_trusted(request->worker->server, &request->client))
		http_hop_client(
		        &stream->head, is_trusted, request->worker->server, &request->client);
	if (http_head_has(&stream->head, HTTP_NAME_CDN_LOOP) &&
	        http_hop_has_cdn_id(&stream->head, request->worker->cdn_id))
		return edge_request_fail(request, FAULT_LOOP);
	return edge_request_go(request,
	        edge_request_is_challenge(request) ? EDGE_REQUEST_CHALLENGE : EDGE_REQUEST_ROUTE);
}

enum edge_turn edge_request_step_ROUTE(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	if (stream->target.host.len == 0)
		return edge_request_fail(request, FAULT_UNKNOWN_HOST);
	char *normal = arena_alloc(&stream->arena, LIMIT_HOST_BYTES + 1);
	request->host = http_uri_normal_host(stream->target.host, normal);
	request->domain = model_snapshot_find(request->worker->snapshot, request->host);
	/* Who knows no revision cannot say that there is no such domain. */
	if (request->domain == NULL)
		return edge_request_fail(request,
		        model_snapshot_revision(request->worker->snapshot) > 0 ? FAULT_UNKNOWN_HOST
		                                                               : FAULT_NO_DOMAINS);
	if (request->domain->status == MODEL_OFFLINE)
		return edge_request_fail(request, FAULT_OFFLINE);
	request->rules = request->is_https ? request->domain->headers_to_secure_client
	                                   : request->domain->headers_to_client;
	if (request->domain->https_redirect != MODEL_REDIRECT_OFF && !request->is_https)
		return edge_request_go(request, EDGE_REQUEST_REDIRECT);
	if (stream->protocol.len > 0)
		return edge_request_begin_connect(request);
	enum fault fault = edge_bucket_fault(&request->domain->origin, stream->head.method,
	        stream->target.path, stream->has_body);
	if (fault == FAULT_NOT_ALLOWED)
		request->error_lines = STR(EDGE_BUCKET_ALLOW);
	if (fault != FAULT_NONE)
		return edge_request_fail(request, fault);
	if (request->domain->upgrade_protocols.count > 0) {
		struct str protocol = edge_request_upgrade(request);
		if (protocol.len > 0)
			return edge_request_begin_upgrade(request, protocol);
	}
	if (edge_request_may_look_up(request))
		return edge_request_go(request, EDGE_REQUEST_LOOKUP);
	request->forward = edge_request_is_method_looked_up(request) ? HTTP_CACHE_FORWARD_BYPASS
	                                                             : HTTP_CACHE_FORWARD_METHOD;
	return edge_request_go(request, EDGE_REQUEST_PASS);
}

/* Those that have ended, and what is known now of those that go on. */
static const struct edge_log_attempt *attempts_of(
        const struct edge_request *request, unsigned *ret_count)
{
	struct arena *arena = &request->stream->arena;
	const struct edge_attempts *ended = &request->attempts;
	const struct edge_log_attempt *running = NULL;
	unsigned count = 0;
	if (request->fill != NULL)
		running = edge_fill_attempts(request->fill, &count);
	else if (request->loader != NULL)
		running = edge_loader_attempts(request->loader, &count);
	if (ended->kept == 0 && running != NULL) {
		*ret_count = count;
		return running;
	}
	/* Not into what is kept: of what goes on more may come. */
	struct edge_attempts all = {
	        .list = ended->list, .count = ended->count, .kept = ended->kept};
	edge_attempts_add(&all, running, count, arena);
	if (edge_request_is_told(request))
		edge_flight_add_told(request->flight.flight, &all, arena);
	*ret_count = all.count;
	return all.list;
}

struct str edge_request_timing(struct edge_request *request)
{
	unsigned count;
	const struct edge_log_attempt *attempts = attempts_of(request, &count);
	if (request->domain == NULL || !request->domain->debug || count == 0)
		return STR_EMPTY;
	struct text timing = {.at = NULL};
	bool has_parts = edge_access_log_is_resumed(attempts, count);
	for (unsigned i = 0; i < count; i++) {
		const struct edge_log_attempt *attempt = &attempts[i];
		text_addf(&timing, "%sattempt%u;dur=%u.%03u;desc=\"%s %s", i > 0 ? ", " : "", i + 1,
		        attempt->us / 1000, attempt->us % 1000,
		        attempt->role == MODEL_BACKUP ? "backup" : "master",
		        fault_name(attempt->reason));
		if (has_parts && attempt->to > attempt->from)
			text_addf(&timing, ", bytes %llu-%llu", (unsigned long long)attempt->from,
			        (unsigned long long)attempt->to - 1);
		text_add_char(&timing, '"');
	}
	struct str copy = arena_copy(&request->stream->arena, text_str(&timing));
	text_done(&timing);
	return copy;
}

const struct http_head *edge_request_trailers(
        struct edge_request *request, const struct http_head *theirs)
{
	static const struct http_head_limits LIMITS = {
	        .head_bytes = LIMIT_HEAD_BYTES, .fields = LIMIT_HEAD_FIELDS};
	struct arena *arena = &request->stream->arena;
	unsigned count;
	if (!request->domain->debug)
		return theirs;
	const struct edge_log_attempt *attempts = attempts_of(request, &count);
	if (!edge_access_log_is_resumed(attempts, count))
		return theirs;
	struct str timing = edge_request_timing(request);
	struct text text = {.at = NULL};
	for (unsigned i = 0; theirs != NULL && i < theirs->count; i++)
		text_addf(&text, "%.*s: %.*s\r\n",
		        STR_ARG(http_head_name(theirs, &theirs->fields[i])),
		        STR_ARG(http_head_value(theirs, &theirs->fields[i])));
	text_addf(&text, "Server-Timing: %.*s\r\n\r\n", STR_ARG(timing));
	struct str bytes = arena_copy(arena, text_str(&text));
	text_done(&text);
	struct http_head *trailers = arena_new(arena, struct http_head);
	trailers->capacity = LIMIT_HEAD_FIELDS;
	trailers->fields = arena_alloc(arena, LIMIT_HEAD_FIELDS * sizeof(struct http_field));
	size_t scanned = 0;
	enum fault fault;
	bool is_right = http_head_parse_trailers(bytes, &scanned, &LIMITS, trailers, &fault) ==
	                HTTP_PARSE_DONE;
	return is_right ? trailers : theirs;
}

bool edge_request_make_reply(struct edge_request *request, struct edge_reply_options *options,
        struct edge_reply *ret_reply, enum edge_turn *ret_turn)
{
	const struct edge_worker *worker = request->worker;
	options->via = edge_worker_via(worker, options->head);
	options->name = worker->cdn_id;
	options->rules = request->rules;
	options->cache = str_of(request->cache);
	options->timing = edge_request_timing(request);
	/* What is stored remembers which origin it came from, and not the address. */
	bool is_from_backup = (options->terms->flags & CACHE_FROM_BACKUP) != 0;
	if (request->domain->debug && options->origin.len == 0)
		options->origin = is_from_backup ? STR("backup") : STR("master");
	options->arena = &request->stream->arena;
	if (http_head_has(&request->stream->head, HTTP_NAME_RANGE))
		options->boundary = random_u64();
	enum edge_reply_verdict verdict = edge_reply_make(options, ret_reply);
	if (verdict == EDGE_REPLY_SEND)
		return true;
	request->error_lines = ret_reply->lines;
	*ret_turn = edge_request_fail(
	        request, verdict == EDGE_REPLY_RANGE ? FAULT_RANGE : FAULT_PRECONDITION);
	return false;
}

bool edge_request_send_head(
        struct edge_request *request, const struct edge_reply *reply, enum edge_turn *ret_turn)
{
	request->has_responded = true;
	if (serve_stream_respond(request->stream, &reply->response))
		return true;
	*ret_turn = edge_request_finish_broken(request, FAULT_MEMORY);
	return false;
}

/* A line of a field; nothing where there is no value. */
static struct str line_of(struct edge_request *request, const char *name, struct str value)
{
	return value.len == 0 ? STR_EMPTY
	                      : arena_printf(&request->stream->arena, "%s: %.*s\r\n", name,
	                                STR_ARG(value));
}

enum edge_turn edge_request_step_FAIL(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	bool has_hsts = request->domain != NULL && request->is_https;
	struct str timing = line_of(request, "Server-Timing", edge_request_timing(request));
	struct str hsts = line_of(request, "Strict-Transport-Security",
	        has_hsts ? model_headers_hsts(request->domain) : STR_EMPTY);
	struct str lines = arena_printf(&stream->arena, "X-Cache: %s\r\n%.*s%.*s%.*s",
	        request->cache, STR_ARG(timing), STR_ARG(hsts), STR_ARG(request->error_lines));
	serve_stream_error(stream, request->fault, lines);
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

/* Words of X-Cache that say that the cache had it: HIT, STALE, REVALIDATED. */
static bool is_hit(const struct edge_request *request)
{
	return request->cache[0] == 'H' || request->cache[0] == 'S' || request->cache[0] == 'R';
}

static void count_request(struct edge_request *request, uint64_t us)
{
	const struct serve_stream *stream = request->stream;
	const bool is_whole = stream->status != 0 && !stream->is_tunnel && !stream->is_gone &&
	                      !request->is_truncated;
	struct str domain = STR_EMPTY;
	if (request->domain != NULL)
		domain = str_of(request->domain->name);
	struct edge_tally_request counted = {
	        .is_hit = is_hit(request),
	        .status = stream->status,
	        .fault = request->fault,
	        .bytes_in = stream->body_received,
	        .bytes_out = stream->sent,
	        .first_byte_us =
	                request->first_byte_us > 0 || !is_whole ? request->first_byte_us : us,
	        .whole_us = is_whole ? us : 0,
	};
	edge_tally_add_request(request->worker->tally, domain, &counted);
}

static void log_request(struct edge_request *request, uint64_t us)
{
	const struct serve_stream *stream = request->stream;
	struct edge_log_entry entry = {
	        .wall_ms = loop_wall_ms(request->worker->loop) - us / 1000,
	        .us = us,
	        .id = request->worker->next_id++,
	        .client = request->client,
	        .host = request->host.len > 0 ? request->host : stream->target.authority,
	        .method = http_head_method(&stream->head),
	        .target = stream->target.path,
	        .minor = stream->head.minor,
	        .is_h2 = stream->head.is_h2,
	        .status = stream->status,
	        .cache = request->cache,
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
	entry.attempts = attempts_of(request, &entry.attempt_count);
	if (request->wants_log)
		edge_access_log_add(request->worker->log, &entry);
	if (edge_tail_is_wanted(request->worker->tail))
		edge_tail_add(request->worker->tail, &entry);
}

enum edge_turn edge_request_step_FINISH(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	struct serve_stream *stream = request->stream;
	const uint64_t us = us_since(stream->began_us);
	count_request(request, us);
	if (request->wants_log || edge_tail_is_wanted(worker->tail))
		log_request(request, us);
	loop_unwake(&request->task);
	list_remove(&request->node);
	edge_request_let_go(request);
	edge_request_leave_challenge(request);
	edge_request_leave_upgrade(request);
	if (request->is_taken)
		edge_loader_end(request->loader);
	else
		edge_fill_leave(request->fill);
	if (request->loader != NULL && !request->is_taken)
		edge_loader_abandon(request->loader);
	model_domain_unref(request->kept);
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
	memset(request, 0, offsetof(struct edge_request, whole));
	request->magic = REQUEST_MAGIC;
	request->worker = worker;
	request->stream = stream;
	request->task.on_run = on_run;
	request->wants_log = worker->log != NULL && edge_access_log_wants(worker->log);
	request->cache = "PASS";
	list_add_last(&worker->requests, &request->node);
	stream->wake = &request->task;
	stream->user = request;
	loop_wake(worker->loop, &request->task);
}

void edge_request_log_refused(
        struct edge_worker *worker, const struct address *client, enum fault fault)
{
	const uint16_t status = fault_info(fault)->status;
	const struct edge_tally_request counted = {.status = status, .fault = (uint8_t)fault};
	edge_tally_add_request(worker->tally, STR_EMPTY, &counted);
	bool wants_log = worker->log != NULL && edge_access_log_wants(worker->log);
	if (!wants_log && !edge_tail_is_wanted(worker->tail))
		return;
	struct edge_log_entry entry = {
	        .wall_ms = loop_wall_ms(worker->loop),
	        .id = worker->next_id++,
	        .client = *client,
	        .minor = 1,
	        .status = status,
	        .cache = "PASS",
	        .fault = (uint8_t)fault,
	};
	if (wants_log)
		edge_access_log_add(worker->log, &entry);
	if (edge_tail_is_wanted(worker->tail))
		edge_tail_add(worker->tail, &entry);
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
		edge_request_step_FINISH(request);
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
