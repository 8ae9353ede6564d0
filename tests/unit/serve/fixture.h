/*
 * What the tests of this room start from: a server on loopback with a handler that does as the
 * script says, for clients on the same thread (client.h).
 */
#pragma once

#include "base/hash.h"
#include "serve/client.h"
#include "serve/connection_private.h"
#include "serve/server.h"
#include "serve/tunnel.h"

#include <stdlib.h>

enum {
	/* Timeouts of the server: short, and each with its own number. */
	HEAD_MS = 500,
	BODY_MS = 600,
	WRITE_MS = 640,
	KEEP_MS = 560,
	RATE_MIN = 10000, /* bytes a second: 6000 in a window of BODY_MS */
	/* How much later a busy machine may notice, and still before a second window is over. */
	SLACK_MS = 450,
};

/* Where the pieces of a body come from: memory, a file, or each in turn. */
enum source { FROM_MEMORY, FROM_FILE, FROM_BOTH };

/* What the handler does with each request. */
struct script {
	bool ignores_body;     /* responds without reading */
	bool holds;            /* does nothing but note that the client left */
	bool holds_after_head; /* responds, flushes, and writes no body yet */
	bool is_tunnel;        /* answers 101, and echoes until the client ends */
	bool is_error;         /* answers with serve_stream_error(fault) */
	enum fault fault;
	unsigned status; /* 0: 200 */
	bool is_length_unknown;
	bool is_bodiless;
	size_t length;    /* of the body; 0: the path is the body */
	size_t piece;     /* written at a time, 0: all */
	bool cuts_anew;   /* what the client did not take comes in pieces of another size */
	size_t abort_at;  /* so much of the body is written, then it is aborted; 0: never */
	size_t read_room; /* of each read; 0: 64 KiB */
	size_t read_most; /* of a body, and then nothing more for now; 0: all */
	unsigned interim; /* sent before the response */
	bool flushes;     /* after each piece */
	const struct http_head *trailers;
	struct str added;
	enum source source; /* of bodies with a length */
	int file;           /* which has the pattern from its beginning on */
};

struct fixture;

/* What became of the requests, in their order. */
struct outcome {
	char method[16], path[64], host[64];
	struct text body;     /* of the request */
	struct text trailers; /* serialised */
	enum fault fault;
	bool is_gone, is_finished;
	uint64_t sent;
	struct address client;
};

enum { OUTCOMES_MAX = 3000 };

/* A request that is being answered. */
struct exchange {
	struct list_node node;
	struct loop_task task;
	struct fixture *fixture;
	struct serve_stream *stream;
	struct outcome *outcome;
	struct str pending;
	size_t written;
	unsigned pieces;
	bool is_body_read, has_responded, has_end;
};

struct fixture {
	struct loop *loop;
	struct mem_budget budget;
	struct buf_pool buffers;
	struct serve_census *census;
	struct serve_handler handler;
	struct serve_options options;
	struct serve_server *server;
	int listener;
	struct address address;
	struct script script;
	struct list exchanges;
	struct outcome *outcomes;
	unsigned begun, ended; /* requests */
	unsigned refused;
	enum fault last_refused;
};

static inline void end_exchange(struct exchange *exchange)
{
	struct serve_stream *stream = exchange->stream;
	struct outcome *outcome = exchange->outcome;
	outcome->is_gone = stream->is_gone;
	outcome->is_finished = true;
	outcome->sent = stream->sent;
	if (outcome->fault == FAULT_NONE)
		outcome->fault = stream->fault;
	exchange->fixture->ended++;
	loop_unwake(&exchange->task);
	list_remove(&exchange->node);
	stream->wake = NULL;
	mem_free(exchange);
	serve_stream_close(stream);
}

/* Reads the request's body; false when it must wait, or the exchange has ended. */
static inline bool read_request_body(struct exchange *exchange)
{
	const struct script *script = &exchange->fixture->script;
	struct outcome *outcome = exchange->outcome;
	size_t room = script->read_room != 0 ? script->read_room : BUF_LARGE;
	for (;;) {
		struct str piece, trailers;
		if (script->read_most != 0 && outcome->body.len >= script->read_most)
			return false;
		switch (serve_stream_read(exchange->stream, room, &piece)) {
		case SERVE_READ_DATA:
			assert_true(piece.len > 0 && piece.len <= room);
			text_add(&outcome->body, piece);
			break;
		case SERVE_READ_WAIT:
			return false;
		case SERVE_READ_END:
			exchange->is_body_read = true;
			trailers = serve_stream_trailers(exchange->stream);
			text_add(&outcome->trailers, trailers);
			return true;
		case SERVE_READ_FAILED:
			outcome->fault = exchange->stream->fault;
			serve_stream_error(exchange->stream, outcome->fault, STR_EMPTY);
			end_exchange(exchange);
			return false;
		}
	}
}

static inline bool respond(struct exchange *exchange)
{
	const struct script *script = &exchange->fixture->script;
	bool has_length = !script->is_length_unknown;
	size_t length = script->length != 0 ? script->length : exchange->stream->target.path.len;
	struct serve_field field = {.id = HTTP_NAME_X_CACHE, .value = STR("yes")};
	struct serve_response response = {
	        .status = script->status != 0 ? script->status : 200,
	        .added = script->added,
	        .fields = &field,
	        .field_count = 1,
	        .is_bodiless = script->is_bodiless,
	        .length = has_length ? length : UINT64_MAX,
	};
	if (script->interim != 0)
		serve_stream_interim(exchange->stream, script->interim, NULL, NULL);
	exchange->has_responded = true;
	return serve_stream_respond(exchange->stream, &response);
}

/* Writes the pending piece, or what the client takes of it. */
static inline size_t write_pending(struct exchange *exchange)
{
	const struct script *script = &exchange->fixture->script;
	if (script->source == FROM_FILE ||
	        (script->source == FROM_BOTH && exchange->pieces % 2 == 0))
		return serve_stream_send_file(exchange->stream, script->file,
		        exchange->written - exchange->pending.len, exchange->pending.len);
	return serve_stream_write(exchange->stream, exchange->pending);
}

/* Trailers, out of text with its empty line; they refer to it. */
struct parsed_trailers {
	struct http_field fields[4];
	struct http_head head;
};

static inline const struct http_head *parse_trailers(
        struct parsed_trailers *trailers, const char *text)
{
	static const struct http_head_limits limits = {.head_bytes = 1000, .fields = 4};
	size_t scanned = 0;
	enum fault fault;
	trailers->head = (struct http_head){.fields = trailers->fields, .capacity = 4};
	assert_int_equal(
	        http_head_parse_trailers(str_of(text), &scanned, &limits, &trailers->head, &fault),
	        HTTP_PARSE_DONE);
	return &trailers->head;
}

/* Writes what the client takes; false when it must wait. */
static inline bool write_response_body(struct exchange *exchange)
{
	const struct script *script = &exchange->fixture->script;
	struct serve_stream *stream = exchange->stream;
	size_t length = script->length != 0 ? script->length : stream->target.path.len;
	size_t end = script->abort_at != 0 ? script->abort_at : length;
	if (script->is_bodiless)
		return true;
	while (exchange->written < end || exchange->pending.len > 0) {
		if (exchange->pending.len == 0) {
			size_t size = end - exchange->written;
			size_t most = script->piece;
			if (script->cuts_anew)
				most = 1 + (exchange->pieces * 7919 + 13) % 300000;
			if (most != 0 && size > most)
				size = most;
			exchange->pending =
			        script->length != 0
			                ? pattern_of(exchange->written, size)
			                : str_make(
			                          stream->target.path.at + exchange->written, size);
			exchange->written += size;
			exchange->pieces++;
		}
		size_t taken = write_pending(exchange);
		assert_true(taken <= exchange->pending.len);
		exchange->pending =
		        str_make(exchange->pending.at + taken, exchange->pending.len - taken);
		if (exchange->pending.len > 0 && script->cuts_anew) {
			exchange->written -= exchange->pending.len;
			exchange->pending = STR_EMPTY;
			return false;
		}
		if (exchange->pending.len > 0)
			return false;
		if (script->flushes)
			serve_stream_flush(stream);
	}
	return true;
}

/* Answers 101, and echoes what comes, up to the client's end. */
static inline void run_tunnel(struct exchange *exchange)
{
	struct serve_stream *stream = exchange->stream;
	struct serve_response response = {
	        .status = 101, .upgrade = STR("echo"), .length = UINT64_MAX};
	if (!exchange->has_responded)
		assert_true(serve_stream_respond(stream, &response));
	exchange->has_responded = true;
	serve_stream_flush(stream);
	while (!exchange->has_end || exchange->pending.len > 0) {
		if (exchange->pending.len == 0) {
			enum serve_read result = serve_tunnel_read(stream, &exchange->pending);
			exchange->has_end = result == SERVE_READ_END;
			if (result == SERVE_READ_FAILED)
				end_exchange(exchange);
			if (result == SERVE_READ_WAIT || result == SERVE_READ_FAILED)
				return;
			continue;
		}
		size_t taken = serve_tunnel_write(stream, exchange->pending);
		exchange->written += taken;
		exchange->pending =
		        str_make(exchange->pending.at + taken, exchange->pending.len - taken);
		if (exchange->pending.len > 0)
			return;
	}
	if (!serve_tunnel_end(stream))
		return;
	if (!stream->is_finished)
		serve_stream_finish(stream, NULL);
	end_exchange(exchange);
}

static inline void run_exchange(struct loop_task *task)
{
	struct exchange *exchange = container_of(task, struct exchange, task);
	const struct script *script = &exchange->fixture->script;
	struct serve_stream *stream = exchange->stream;
	if (stream->is_gone) {
		end_exchange(exchange);
		return;
	}
	if (script->holds)
		return;
	if (script->is_tunnel) {
		run_tunnel(exchange);
		return;
	}
	if (!script->ignores_body && !exchange->is_body_read && !read_request_body(exchange))
		return;
	if (script->is_error) {
		serve_stream_error(stream, script->fault, STR("X-Cache: MISS\r\n"));
		end_exchange(exchange);
		return;
	}
	if (!exchange->has_responded && !respond(exchange)) {
		end_exchange(exchange);
		return;
	}
	if (script->holds_after_head) {
		serve_stream_flush(stream);
		return;
	}
	if (!write_response_body(exchange))
		return;
	if (script->abort_at != 0)
		serve_stream_abort(stream);
	else
		serve_stream_finish(stream, script->trailers);
	end_exchange(exchange);
}

static inline void copy_str(char *to, size_t room, struct str from)
{
	size_t length = from.len < room - 1 ? from.len : room - 1;
	if (length > 0)
		memcpy(to, from.at, length);
	to[length] = '\0';
}

static inline void on_request(struct serve_handler *handler, struct serve_stream *stream)
{
	struct fixture *fixture = container_of(handler, struct fixture, handler);
	assert_true(fixture->begun < OUTCOMES_MAX);
	struct outcome *outcome = &fixture->outcomes[fixture->begun++];
	copy_str(outcome->method, sizeof(outcome->method), http_head_method(&stream->head));
	copy_str(outcome->path, sizeof(outcome->path), stream->target.path);
	copy_str(outcome->host, sizeof(outcome->host), stream->target.authority);
	outcome->client = *serve_stream_client(stream);
	struct exchange *exchange = mem_new(struct exchange);
	exchange->task.on_run = run_exchange;
	exchange->fixture = fixture;
	exchange->stream = stream;
	exchange->outcome = outcome;
	list_add_last(&fixture->exchanges, &exchange->node);
	stream->wake = &exchange->task;
	loop_wake(fixture->loop, &exchange->task);
}

static inline void on_refused(
        struct serve_handler *handler, const struct address *client, enum fault fault)
{
	struct fixture *fixture = container_of(handler, struct fixture, handler);
	(void)client;
	fixture->refused++;
	fixture->last_refused = fault;
}

/* Everything but the server; the test may then change fixture->options. */
static inline void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){.budget = {.limit = 64U << 20}};
	fixture->loop = loop_new();
	assert_non_null(fixture->loop);
	buf_pool_init(&fixture->buffers, &fixture->budget);
	list_init(&fixture->exchanges);
	fixture->outcomes = mem_zero(OUTCOMES_MAX * sizeof(struct outcome));
	fixture->handler = (struct serve_handler){
	        .on_request = on_request,
	        .on_refused = on_refused,
	};
	fixture->census = serve_census_new(100, 50);
	fixture->options = (struct serve_options){
	        .loop = fixture->loop,
	        .buffers = &fixture->buffers,
	        .census = fixture->census,
	        .handler = &fixture->handler,
	        .head_timeout_ms = HEAD_MS,
	        .body_timeout_ms = BODY_MS,
	        .write_timeout_ms = WRITE_MS,
	        .keepalive_timeout_ms = KEEP_MS,
	        .rate_min = RATE_MIN,
	        .refusal_lines = "X-Cache: PASS\r\n",
	        .head_limits = {.head_bytes = 32768, .target_bytes = 8192, .fields = 128},
	};
}

static inline void fixture_listen(struct fixture *fixture)
{
	struct address any;
	fixture->server = serve_server_new(&fixture->options);
	assert_true(address_parse(STR("127.0.0.1:0"), &any));
	fixture->listener = tcp_listen(&any, 64);
	assert_true(fixture->listener >= 0);
	assert_true(tcp_local_address(fixture->listener, &fixture->address));
	assert_true(serve_server_listen(fixture->server, fixture->listener, false));
}

static inline void fixture_start(struct fixture *fixture)
{
	fixture_init(fixture);
	fixture_listen(fixture);
}

/* Ends everything; what is still being answered is aborted. */
static inline void fixture_done(struct fixture *fixture)
{
	struct list_node *node;
	while ((node = list_first(&fixture->exchanges)) != NULL) {
		struct exchange *exchange = container_of(node, struct exchange, node);
		serve_stream_abort(exchange->stream);
		end_exchange(exchange);
	}
	serve_server_free(fixture->server);
	close(fixture->listener);
	assert_int_equal(fixture->buffers.in_use, 0);
	buf_pool_done(&fixture->buffers);
	assert_int_equal(fixture->budget.used, 0);
	serve_census_free(fixture->census);
	for (unsigned i = 0; i < fixture->begun; i++) {
		text_done(&fixture->outcomes[i].body);
		text_done(&fixture->outcomes[i].trailers);
	}
	mem_free(fixture->outcomes);
	loop_free(fixture->loop);
}

/* Lets every waiting exchange look at the script again. */
static inline void wake_exchanges(struct fixture *fixture)
{
	list_each (node, &fixture->exchanges)
		loop_wake(fixture->loop, &container_of(node, struct exchange, node)->task);
}

static inline void fixture_turn(struct fixture *fixture, unsigned wait_ms)
{
	loop_turn(fixture->loop, wait_ms);
}

static inline const struct address *fixture_address(const struct fixture *fixture)
{
	return &fixture->address;
}

/* Whether the server has no connection left. */
static inline bool is_alone(const struct fixture *fixture)
{
	return serve_server_connections(fixture->server) == 0;
}

static inline void wait_until_alone(struct fixture *fixture)
{
	struct client nobody = {.fixture = fixture, .fd = -1};
	turn_until(&nobody, is_alone(fixture));
}
