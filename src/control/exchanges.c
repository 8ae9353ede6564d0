/*
 * An exchange goes from step to step on the loop's thread; two of them hand its call to a thread of
 * a lane, and wait. Who asks is looked up before the body is read, so that nobody else can make us
 * keep one; and once more before a change is made, since a body may take long to come. A lane whose
 * threads wait for a disk holds up nobody but its own requests, and takes no more than
 * LIMIT_API_WAITING of them.
 *
 * What is no path of the API may be one of the console, whose files lie in memory.
 *
 * A stream of events begins to listen before its first words are made, all in one turn of the loop,
 * so that nothing is lost between. Who listens is asked for again and again: a token that was taken
 * back ends its streams.
 */
#include "control/exchanges_private.h"

#include "base/clock.h"
#include "http/hop.h"
#include "http/status.h"

enum {
	THREADS = 2, /* of each lane */
	HEAD_TIMEOUT_MS = 10000,
	KEEPALIVE_MS = 60000,
	RATE_MIN = 100,
	CONNECTIONS = 1024,
	CLIENT_CONNECTIONS = 256,
	READ_BYTES = 65536,
	FORM_BYTES = 4096,
};

/* What a step comes to. */
enum turn { GO, PARK };

static enum turn go(struct control_exchange *exchange, enum control_exchange_step step)
{
	exchange->step = step;
	return GO;
}

/* The answer is there. */
static enum turn answer(struct control_exchange *exchange)
{
	return go(exchange, CONTROL_EXCHANGE_RESPOND);
}

#define REFUSE(exchange, problem, ...)                                                             \
	(control_call_refuse(&(exchange)->call, CONTROL_PROBLEM_##problem, __VA_ARGS__),           \
	        answer(exchange))

/* ---- to other threads, and back ---- */

static void on_ran(struct disk_operation *operation)
{
	struct control_exchange *exchange =
	        container_of(operation, struct control_exchange, operation);
	exchange->is_running = false;
	exchange->exchanges->waiting[exchange->lane]--;
	loop_wake(exchange->exchanges->loop, &exchange->task);
}

/* Has `run` called on a thread of the lane, and goes on with `step` then. */
static enum turn hand_over(struct control_exchange *exchange, enum control_lane lane,
        void (*run)(struct disk_operation *operation), enum control_exchange_step step)
{
	struct control_exchanges *exchanges = exchange->exchanges;
	if (exchanges->waiting[lane] >= LIMIT_API_WAITING)
		return REFUSE(exchange, OVERLOADED, "%d requests wait already", LIMIT_API_WAITING);
	exchanges->waiting[lane]++;
	exchange->lane = lane;
	exchange->is_running = true;
	exchange->step = step;
	exchange->operation = (struct disk_operation){
	        .verb = DISK_CALL,
	        .call = run,
	        .on_done = on_ran,
	};
	disk_submit(exchanges->lanes[lane], exchanges->loop, &exchange->operation);
	return PARK;
}

/* ---- what was asked ---- */

/* The stream's head may move while other threads read it. */
static void copy_head(struct control_exchange *exchange)
{
	const struct http_head *head = &exchange->stream->head;
	struct control_call *call = &exchange->call;
	call->head = *head;
	call->head.base = arena_copy(&call->arena, str_make(head->base, head->len)).at;
	call->head.fields = arena_alloc(&call->arena, head->count * sizeof(*head->fields) + 1);
	memcpy(call->head.fields, head->fields, head->count * sizeof(*head->fields));
	call->head.capacity = head->count;
}

/* Whether the path leads to an operation; else the answer is made. */
static bool find_route(struct control_exchange *exchange)
{
	struct control_call *call = &exchange->call;
	struct serve_stream *stream = exchange->stream;
	struct str path = arena_copy(&call->arena, stream->target.path), why;
	struct str query = path;
	path = str_cut(&query, '?');
	switch (control_route_find(
	        (enum http_method)stream->head.method, path, &call->route, call->names)) {
	case CONTROL_NO_PATH:
		if (control_console_has(call->plane->console, path)) {
			control_console_answer(call->plane->console, path, call);
			return false;
		}
		control_call_refuse(call, CONTROL_PROBLEM_NOT_FOUND, "there is no such path");
		return false;
	case CONTROL_NO_METHOD:
		if (stream->head.method == HTTP_OPTIONS)
			control_call_answer_nothing(call);
		else
			control_call_refuse(call, CONTROL_PROBLEM_METHOD_NOT_ALLOWED,
			        "see the field Allow for those that are");
		struct text allowed = {0};
		control_route_add_allowed(call->route, &allowed);
		control_call_add_field(call, "Allow", "%s", text_c(&allowed));
		text_done(&allowed);
		return false;
	case CONTROL_FOUND:
		break;
	}
	for (unsigned i = 0; i < CONTROL_ROUTE_NAMES; i++)
		if (!control_query_decode(
		            &call->arena, call->names[i], CONTROL_QUERY_SEGMENT, &call->names[i])) {
			control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
			        "the path has an escape that is none, or a control byte");
			return false;
		}
	if (control_query_read(&call->arena, query, call->route->queries, &call->query, &why))
		return true;
	control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST, "%.*s", STR_ARG(why));
	return false;
}

/* The session's cookie; at is NULL when there is none. */
static struct str find_session(const struct http_head *head)
{
	for (unsigned i = 0; i < head->count; i++) {
		if (head->fields[i].id != HTTP_NAME_COOKIE)
			continue;
		struct str rest = http_head_value(head, &head->fields[i]);
		while (rest.len != 0) {
			struct str value = str_cut(&rest, ';'), name = str_cut(&value, '=');
			if (str_is_equal(str_trim(name), STR(CONTROL_GUARD_COOKIE)))
				return str_trim(value);
		}
	}
	return STR_EMPTY;
}

/* What the caller shows: a token, or else a session. */
static struct str find_secret(const struct http_head *head, bool *ret_is_cookie)
{
	struct str shown = http_head_get(head, HTTP_NAME_AUTHORIZATION);
	*ret_is_cookie = shown.at == NULL;
	if (shown.at == NULL)
		return find_session(head);
	struct str scheme = str_cut(&shown, ' ');
	return str_is_equal_nocase(scheme, STR("Bearer")) ? str_trim(shown) : STR("?");
}

/* Whether whoever is known now may; else the answer is made. */
static bool may(struct control_call *call)
{
	const struct store_pass *caller = &call->caller;
	enum control_role role = call->route->role;
	/* A session is a browser's, which sends its cookie whoever made it ask. */
	if (caller->is_session && call->head.method != HTTP_GET && call->head.method != HTTP_HEAD &&
	        !control_guard_is_csrf(call->secret, control_call_field(call, "X-CSRF-Token"))) {
		control_call_refuse(call, CONTROL_PROBLEM_CSRF,
		        "it is in the answer to the login, and in that of whoami");
		return false;
	}
	if (caller->must_change && role > CONTROL_CHANGING) {
		control_call_refuse(call, CONTROL_PROBLEM_PASSWORD_CHANGE_REQUIRED,
		        "until then, nothing else is allowed");
		return false;
	}
	bool is_allowed = role <= CONTROL_VIEWER ||
	                  (role == CONTROL_OPERATOR && caller->role >= STORE_OPERATOR) ||
	                  caller->role >= STORE_ADMIN;
	if (!is_allowed)
		control_call_refuse(call, CONTROL_PROBLEM_FORBIDDEN, "it takes the role %s",
		        role == CONTROL_OPERATOR ? "operator" : "admin");
	return is_allowed;
}

static void tell_stranger(struct control_call *call)
{
	control_call_refuse(call, CONTROL_PROBLEM_UNAUTHENTICATED, "%s",
	        call->secret.at == NULL
	                ? "it takes a token (Authorization: Bearer ...) or a session"
	                : "the token or session is none, or has ended");
}

static enum turn refuse_stranger(struct control_exchange *exchange)
{
	tell_stranger(&exchange->call);
	return answer(exchange);
}

/* Whether what may be there once is there at most once: whoever stands in front of us may have
 * looked at another one. */
static bool is_unambiguous(struct control_call *call)
{
	static const char *const ONCE[] = {
	        "Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token"};
	for (size_t i = 0; i < ARRAY_LENGTH(ONCE); i++) {
		unsigned count = 0;
		for (unsigned j = 0; j < call->head.count; j++)
			count += str_is_equal_nocase(
			        http_head_name(&call->head, &call->head.fields[j]),
			        str_of(ONCE[i]));
		if (count <= 1)
			continue;
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "the field %s is there %u times", ONCE[i], count);
		return false;
	}
	return true;
}

/* ---- on other threads ---- */

static void ask(struct disk_operation *operation)
{
	struct control_exchange *exchange =
	        container_of(operation, struct control_exchange, operation);
	struct control_call *call = &exchange->call;
	exchange->failure = control_guard_ask(call->plane->guard, atomic_load(&call->plane->store),
	        call->secret, call->now_ms, &call->caller);
	/* Here, since the store may have to be waited for even for its words. */
	if (exchange->step == CONTROL_EXCHANGE_ASK && exchange->failure != STORE_DONE &&
	        exchange->failure != STORE_ABSENT)
		control_call_refuse_store(call, exchange->failure);
}

/* Whether who asks still is somebody who may: since that was asked, the body came in, and others
 * were before it in the lane. Where nothing waits for the store, that is no time. */
static bool may_still(struct control_exchange *exchange)
{
	struct control_call *call = &exchange->call;
	bool is_asked =
	        call->route->role != CONTROL_NOBODY && control_lane_has_store(exchange->lane);
	enum store_failure failure = STORE_DONE;
	if (is_asked &&
	        !control_guard_look(call->plane->guard, call->secret, call->now_ms, &call->caller))
		failure = control_guard_ask(call->plane->guard, atomic_load(&call->plane->store),
		        call->secret, call->now_ms, &call->caller);
	if (failure == STORE_ABSENT)
		tell_stranger(call);
	else if (failure != STORE_DONE)
		control_call_refuse_store(call, failure);
	return failure == STORE_DONE && (!is_asked || may(call));
}

static void run(struct disk_operation *operation)
{
	struct control_exchange *exchange =
	        container_of(operation, struct control_exchange, operation);
	struct control_call *call = &exchange->call;
	call->now_ms = clock_wall_ms();
	if (may_still(exchange))
		call->route->run(call);
	CHECK(call->answer.status != 0);
}

/* ---- who asks ---- */

static enum turn step_route(struct control_exchange *exchange)
{
	struct control_call *call = &exchange->call;
	bool is_cookie;
	copy_head(exchange);
	if (!is_unambiguous(call))
		return answer(exchange);
	if (!find_route(exchange))
		return answer(exchange);
	if (call->route->role == CONTROL_NOBODY)
		return go(exchange, CONTROL_EXCHANGE_BODY);
	call->secret = find_secret(&call->head, &is_cookie);
	if (!control_guard_is_secret(call->secret))
		return refuse_stranger(exchange);
	if (!control_guard_look(call->plane->guard, call->secret, call->now_ms, &call->caller)) {
		if (atomic_load(&call->plane->store) == NULL)
			return REFUSE(exchange, STORE_UNAVAILABLE,
			        "the store is not open, so nobody is known");
		return hand_over(exchange, CONTROL_DISK, ask, CONTROL_EXCHANGE_ASK);
	}
	return may(&exchange->call) ? go(exchange, CONTROL_EXCHANGE_BODY) : answer(exchange);
}

static enum turn step_ask(struct control_exchange *exchange)
{
	if (exchange->failure == STORE_ABSENT)
		return refuse_stranger(exchange);
	if (exchange->failure != STORE_DONE)
		return answer(exchange);
	return may(&exchange->call) ? go(exchange, CONTROL_EXCHANGE_BODY) : answer(exchange);
}

/* ---- the body ---- */

static uint64_t body_max(enum control_body body)
{
	switch (body) {
	case CONTROL_NONE:
		return 0;
	case CONTROL_FORM:
		return FORM_BYTES;
	case CONTROL_JSON:
	case CONTROL_PATCH:
		return LIMIT_API_BODY_BYTES;
	case CONTROL_YAML:
		return LIMIT_API_FILE_BYTES;
	}
	return 0;
}

static bool is_media(enum control_body body, struct str media)
{
	switch (body) {
	case CONTROL_NONE:
		return true;
	case CONTROL_FORM:
	case CONTROL_JSON:
		return str_is_equal_nocase(media, STR("application/json"));
	case CONTROL_PATCH:
		return str_is_equal_nocase(media, STR("application/merge-patch+json")) ||
		       str_is_equal_nocase(media, STR("application/json"));
	case CONTROL_YAML:
		return str_is_equal_nocase(media, STR("application/yaml"));
	}
	return false;
}

static const char *media_of(enum control_body body)
{
	if (body == CONTROL_YAML)
		return "application/yaml";
	return body == CONTROL_PATCH ? "application/merge-patch+json" : "application/json";
}

static enum turn refuse_size(struct control_exchange *exchange, uint64_t max)
{
	return REFUSE(exchange, BODY_TOO_LARGE, "at most %llu bytes are taken here",
	        (unsigned long long)max);
}

/* Room for so many bytes more of the body. */
static bool charge(struct control_exchange *exchange, size_t size)
{
	if (!mem_budget_take(&exchange->exchanges->body_budget, size))
		return false;
	exchange->charged += size;
	return true;
}

static enum turn step_body(struct control_exchange *exchange)
{
	struct control_call *call = &exchange->call;
	struct serve_stream *stream = exchange->stream;
	enum control_body body = call->route->body;
	uint64_t max = body_max(body);
	struct str data, media = http_head_get(&call->head, HTTP_NAME_CONTENT_TYPE);
	if (body != CONTROL_NONE && !is_media(body, str_trim(str_cut(&media, ';'))))
		return REFUSE(exchange, UNSUPPORTED_MEDIA_TYPE, "%s is taken here", media_of(body));
	if (stream->is_length_known && stream->body_length > max)
		return refuse_size(exchange, max);
	while (stream->has_body) {
		switch (serve_stream_read(stream, READ_BYTES, &data)) {
		case SERVE_READ_DATA:
			break;
		case SERVE_READ_WAIT:
			return PARK;
		case SERVE_READ_END:
			return go(exchange, CONTROL_EXCHANGE_RUN);
		case SERVE_READ_FAILED:
			serve_stream_error(stream, (enum fault)stream->fault, STR_EMPTY);
			return go(exchange, CONTROL_EXCHANGE_FINISH);
		}
		if (data.len > max - call->body.len)
			return refuse_size(exchange, max);
		if (!charge(exchange, data.len))
			return REFUSE(exchange, OVERLOADED, "there is no memory for the body now");
		text_add(&call->body, data);
	}
	return go(exchange, CONTROL_EXCHANGE_RUN);
}

/* ---- the answer ---- */

static enum turn listen_to_log(struct control_exchange *exchange)
{
	memcpy(&exchange->listener.filter, exchange->call.answer.filter,
	        sizeof(exchange->listener.filter));
	if (!control_tail_open(exchange->exchanges->tail, &exchange->listener))
		return REFUSE(exchange, OVERLOADED, "%d streams of the access log are open already",
		        LIMIT_TAIL_STREAMS);
	exchange->is_on_log = true;
	return answer(exchange);
}

/* Begins to listen, unless only the head is wanted. */
static enum turn run_here(struct control_exchange *exchange)
{
	struct control_exchanges *exchanges = exchange->exchanges;
	struct control_call *call = &exchange->call;
	call->route->run(call);
	CHECK(call->answer.status != 0);
	if (call->head.method == HTTP_HEAD || !call->answer.is_stream)
		return answer(exchange);
	exchange->listener.client.wake = &exchange->task;
	if (call->answer.filter != NULL)
		return listen_to_log(exchange);
	exchange->listener.client.domain = call->answer.domain;
	if (!control_events_open(exchanges->events, &exchange->listener.client))
		return REFUSE(exchange, OVERLOADED, "%d streams of events are open already",
		        LIMIT_EVENT_STREAMS);
	control_health_watch(exchanges->plane->health);
	return answer(exchange);
}

static enum turn step_run(struct control_exchange *exchange)
{
	const struct control_route *route = exchange->call.route;
	if (route->lane == CONTROL_LOOP)
		return run_here(exchange);
	if (control_lane_has_store(route->lane) &&
	        atomic_load(&exchange->exchanges->plane->store) == NULL)
		return REFUSE(exchange, STORE_UNAVAILABLE, "the store is not open");
	return hand_over(exchange, route->lane, run, CONTROL_EXCHANGE_RESPOND);
}

/* A large answer is kept for as long as its client likes to read it. What was changed is answered
 * all the same; and small ones are as few as connections. */
static void charge_answer(struct control_exchange *exchange)
{
	struct control_answer *made = &exchange->call.answer;
	bool is_read = exchange->stream->head.method == HTTP_GET;
	if (made->body.cap <= READ_BYTES || !is_read)
		return;
	if (mem_budget_take(&exchange->exchanges->answer_budget, made->body.cap)) {
		exchange->answer_charged = made->body.cap;
		return;
	}
	text_done(&made->body);
	control_call_refuse(&exchange->call, CONTROL_PROBLEM_OVERLOADED,
	        "answers wait for their clients: there is no memory for this one now");
}

static enum turn step_respond(struct control_exchange *exchange)
{
	static const char COMMON[] = "X-Content-Type-Options: nosniff\r\n";
	struct control_answer *made = &exchange->call.answer;
	struct serve_stream *stream = exchange->stream;
	charge_answer(exchange);
	const struct str content = control_call_content(&exchange->call);
	control_metrics_add_answer(&exchange->exchanges->plane->metrics, made->status);
	text_add(&made->fields, STR(COMMON));
	text_addf(&made->fields, "Cache-Control: %s\r\nDate: %.*s\r\n",
	        made->cache == NULL ? "no-store" : made->cache,
	        STR_ARG(serve_server_date(exchange->exchanges->server)));
	if (made->media != NULL)
		text_addf(&made->fields, "Content-Type: %s\r\n", made->media);
	/* A 204 has no Content-Length, and that of a 304 would be another's (RFC 9110, 8.6). */
	bool has_no_body = http_status_is_bodiless(made->status);
	bool has_length = !has_no_body && !made->is_stream;
	const struct serve_response response = {
	        .status = made->status,
	        .added = text_str(&made->fields),
	        .is_bodiless = has_no_body || stream->head.method == HTTP_HEAD,
	        .length = has_length ? content.len : UINT64_MAX,
	};
	if (stream->is_gone || !serve_stream_respond(stream, &response))
		return go(exchange, CONTROL_EXCHANGE_FINISH);
	if (response.is_bodiless)
		exchange->written = content.len;
	return go(exchange, CONTROL_EXCHANGE_WRITE);
}

static enum turn step_write(struct control_exchange *exchange)
{
	struct serve_stream *stream = exchange->stream;
	const struct str content = control_call_content(&exchange->call);
	struct str rest = content;
	rest.at += exchange->written;
	rest.len -= exchange->written;
	if (rest.len != 0)
		exchange->written += serve_stream_write(stream, rest);
	if (stream->is_gone)
		return go(exchange, CONTROL_EXCHANGE_FINISH);
	if (exchange->written < content.len)
		return PARK;
	if (list_has(&exchange->listener.client.node))
		return go(exchange, CONTROL_EXCHANGE_STREAM);
	serve_stream_finish(stream, NULL);
	return go(exchange, CONTROL_EXCHANGE_FINISH);
}

/* ---- streams of events ---- */

/* Who listens may have been taken the right to. */
static enum turn ask_again(struct control_exchange *exchange)
{
	struct control_call *call = &exchange->call;
	struct control_exchanges *exchanges = exchange->exchanges;
	call->now_ms = clock_wall_ms();
	if (control_guard_look(call->plane->guard, call->secret, call->now_ms, &call->caller))
		return go(exchange, CONTROL_EXCHANGE_ASKED);
	/* While the store cannot say, nothing is known to have changed. */
	if (atomic_load(&exchanges->plane->store) == NULL ||
	        exchanges->waiting[CONTROL_DISK] >= LIMIT_API_WAITING)
		return PARK;
	return hand_over(exchange, CONTROL_DISK, ask, CONTROL_EXCHANGE_ASKED);
}

static enum turn end_stream(struct control_exchange *exchange)
{
	serve_stream_finish(exchange->stream, NULL);
	return go(exchange, CONTROL_EXCHANGE_FINISH);
}

static enum turn step_stream(struct control_exchange *exchange)
{
	struct control_events_client *client = &exchange->listener.client;
	struct serve_stream *stream = exchange->stream;
	if (client->is_dropped) {
		serve_stream_abort(stream);
		return go(exchange, CONTROL_EXCHANGE_FINISH);
	}
	while (client->waiting.len > 0 && !stream->is_gone) {
		size_t written = serve_stream_write(stream, text_str(&client->waiting));
		if (written == 0)
			break;
		control_events_sent(client, written);
	}
	if (!stream->is_gone)
		serve_stream_flush(stream);
	if (stream->is_gone)
		return go(exchange, CONTROL_EXCHANGE_FINISH);
	if (client->waiting.len == 0 && client->is_over)
		return end_stream(exchange);
	if (client->waiting.len > 0 || !client->is_to_be_asked)
		return PARK;
	client->is_to_be_asked = false;
	return ask_again(exchange);
}

static enum turn step_asked(struct control_exchange *exchange)
{
	bool is_nobody = exchange->failure == STORE_ABSENT;
	/* A store that does not work says nothing against them. */
	bool is_known = exchange->failure == STORE_DONE;
	exchange->failure = STORE_DONE;
	if (is_nobody || (is_known && !may(&exchange->call)))
		return end_stream(exchange);
	return go(exchange, CONTROL_EXCHANGE_STREAM);
}

static enum turn step_finish(struct control_exchange *exchange)
{
	serve_stream_close(exchange->stream);
	if (exchange->is_on_log) {
		control_tail_close(exchange->exchanges->tail, &exchange->listener);
	} else if (list_has(&exchange->listener.client.node)) {
		control_events_close(exchange->exchanges->events, &exchange->listener.client);
		control_health_unwatch(exchange->exchanges->plane->health);
	}
	mem_budget_give(&exchange->exchanges->body_budget, exchange->charged);
	mem_budget_give(&exchange->exchanges->answer_budget, exchange->answer_charged);
	loop_unwake(&exchange->task);
	list_remove(&exchange->node);
	control_call_done(&exchange->call);
	mem_free(exchange);
	return PARK;
}

static enum turn take_step(struct control_exchange *exchange)
{
	switch (exchange->step) {
	case CONTROL_EXCHANGE_ROUTE:
		return step_route(exchange);
	case CONTROL_EXCHANGE_ASK:
		return step_ask(exchange);
	case CONTROL_EXCHANGE_BODY:
		return step_body(exchange);
	case CONTROL_EXCHANGE_RUN:
		return step_run(exchange);
	case CONTROL_EXCHANGE_RESPOND:
		return step_respond(exchange);
	case CONTROL_EXCHANGE_WRITE:
		return step_write(exchange);
	case CONTROL_EXCHANGE_STREAM:
		return step_stream(exchange);
	case CONTROL_EXCHANGE_ASKED:
		return step_asked(exchange);
	case CONTROL_EXCHANGE_FINISH:
		return step_finish(exchange);
	}
	CHECK(false);
	return PARK;
}

static void on_run(struct loop_task *task)
{
	struct control_exchange *exchange = container_of(task, struct control_exchange, task);
	/* What happens to the client meanwhile is looked at when the call is ours again. */
	if (exchange->is_running || exchange->exchanges->is_ending)
		return;
	if (exchange->stream->is_gone)
		exchange->step = CONTROL_EXCHANGE_FINISH;
	while (take_step(exchange) == GO)
		;
}

/* ---- all of them ---- */

static bool is_trusted(const struct address *address, const void *context)
{
	return serve_server_is_trusted(context, address);
}

/* Who asks, and whether by https: who stands in front knows, if he is trusted. */
static void find_client(const struct control_exchanges *exchanges,
        const struct serve_stream *stream, struct control_call *call)
{
	const struct serve_server *server = exchanges->server;
	struct str rest = http_head_get(&stream->head, HTTP_NAME_X_FORWARDED_PROTO), scheme;
	call->client = *serve_stream_client(stream);
	if (!serve_server_is_trusted(server, &call->client))
		return;
	call->is_secure =
	        http_head_next_member(&rest, &scheme) && str_is_equal_nocase(scheme, STR("https"));
	http_hop_client(&stream->head, is_trusted, server, &call->client);
}

static void on_request(struct serve_handler *handler, struct serve_stream *stream)
{
	struct control_exchanges *exchanges =
	        container_of(handler, struct control_exchanges, handler);
	struct control_exchange *exchange = mem_new(struct control_exchange);
	exchange->exchanges = exchanges;
	exchange->stream = stream;
	exchange->task.on_run = on_run;
	exchange->call.plane = exchanges->plane;
	find_client(exchanges, stream, &exchange->call);
	exchange->call.now_ms = clock_wall_ms();
	arena_init(&exchange->call.arena, NULL, 0);
	list_add_last(&exchanges->list, &exchange->node);
	stream->user = exchange;
	stream->wake = &exchange->task;
	loop_wake(exchanges->loop, &exchange->task);
}

static void on_refused(
        struct serve_handler *handler, const struct address *client, enum fault fault)
{
	(void)handler;
	(void)client;
	(void)fault;
}

static struct serve_server *make_server(
        struct control_exchanges *exchanges, const struct control_exchanges_options *asked)
{
	const size_t bytes = asked->trusted_count * sizeof(*exchanges->trusted);
	exchanges->trusted = mem_alloc(bytes + 1);
	if (bytes > 0)
		memcpy(exchanges->trusted, asked->trusted, bytes);
	const struct serve_options options = {
	        .loop = exchanges->loop,
	        .buffers = &exchanges->buffers,
	        .census = exchanges->census,
	        .handler = &exchanges->handler,
	        .trusted = exchanges->trusted,
	        .trusted_count = asked->trusted_count,
	        .head_timeout_ms = HEAD_TIMEOUT_MS,
	        .body_timeout_ms = HEAD_TIMEOUT_MS,
	        .write_timeout_ms = HEAD_TIMEOUT_MS,
	        .keepalive_timeout_ms = KEEPALIVE_MS,
	        .rate_min = RATE_MIN,
	        .head_limits = {.head_bytes = 16384, .target_bytes = 8192, .fields = 64},
	};
	return serve_server_new(&options);
}

struct control_exchanges *control_exchanges_new(const struct control_exchanges_options *options)
{
	struct control_exchanges *exchanges = mem_new(struct control_exchanges);
	exchanges->loop = options->loop;
	exchanges->plane = options->plane;
	exchanges->budget.limit = LIMIT_API_BUFFER_BYTES;
	exchanges->body_budget.limit = LIMIT_API_MEMORY_BYTES;
	exchanges->answer_budget.limit = LIMIT_API_MEMORY_BYTES;
	exchanges->handler =
	        (struct serve_handler){.on_request = on_request, .on_refused = on_refused};
	exchanges->events = control_events_new(exchanges->loop, LIMIT_EVENT_STREAMS);
	exchanges->tail = control_tail_new(exchanges->loop);
	list_init(&exchanges->list);
	buf_pool_init(&exchanges->buffers, &exchanges->budget);
	exchanges->census = serve_census_new(CONNECTIONS, CLIENT_CONNECTIONS);
	for (unsigned i = 0; i < CONTROL_LANES; i++)
		exchanges->lanes[i] = disk_new(THREADS);
	exchanges->server = make_server(exchanges, options);
	for (unsigned i = 0; i < options->listener_count; i++)
		if (!serve_server_listen(exchanges->server, options->listeners[i], false)) {
			control_exchanges_free(exchanges);
			return NULL;
		}
	return exchanges;
}

void control_exchanges_free(struct control_exchanges *exchanges)
{
	if (exchanges == NULL)
		return;
	/* The threads end what they have, and the loop hears of it; no step is taken then that
	 * would want them again. */
	exchanges->is_ending = true;
	for (unsigned i = 0; i < CONTROL_LANES; i++)
		disk_free(exchanges->lanes[i]);
	loop_turn(exchanges->loop, 0);
	list_each_safe (node, following, &exchanges->list) {
		struct control_exchange *exchange =
		        container_of(node, struct control_exchange, node);
		CHECK(!exchange->is_running);
		if (exchange->step != CONTROL_EXCHANGE_FINISH)
			serve_stream_abort(exchange->stream);
		step_finish(exchange);
	}
	control_events_free(exchanges->events);
	control_tail_free(exchanges->tail);
	serve_server_free(exchanges->server);
	serve_census_free(exchanges->census);
	buf_pool_done(&exchanges->buffers);
	mem_free(exchanges->trusted);
	mem_free(exchanges);
}

struct control_events *control_exchanges_events(struct control_exchanges *exchanges)
{
	return exchanges->events;
}

struct control_tail *control_exchanges_tail(struct control_exchanges *exchanges)
{
	return exchanges->tail;
}

void control_exchanges_drain(struct control_exchanges *exchanges)
{
	control_events_end(exchanges->events);
	control_tail_end(exchanges->tail);
	serve_server_drain(exchanges->server);
}

bool control_exchanges_is_idle(const struct control_exchanges *exchanges)
{
	return serve_server_connections(exchanges->server) == 0;
}
