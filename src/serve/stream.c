/*
 * One exchange on an HTTP/1 connection: its request, whose body is read from the connection's `in`
 * as the handler asks; its deadlines; its end, whole or broken. The response between is in
 * stream_response.c.
 */
#include "serve/stream.h"

#include "base/clock.h"
#include "http/write.h"
#include "serve/connection_private.h"
#include "serve/h2_private.h"

#include <sys/socket.h>

/* A reader that did not ask for so long was held back by its own side. */
enum { PAUSE_MS = 500 };

static struct serve_server *server_of(const struct serve_stream *stream)
{
	return stream->connection->server;
}

static void wake(struct serve_stream *stream)
{
	if (stream->wake != NULL)
		loop_wake(server_of(stream)->options.loop, stream->wake);
}

static uint64_t now_of(const struct serve_stream *stream)
{
	return loop_now_ms(server_of(stream)->options.loop);
}

void serve_stream_look(struct serve_stream *stream)
{
	uint64_t at = stream->body_deadline_ms < stream->room_look_ms ? stream->body_deadline_ms
	                                                              : stream->room_look_ms;
	serve_connection_set_deadline(stream->connection, at);
}

void serve_stream_gone(struct serve_stream *stream, enum fault fault)
{
	if (!stream->is_gone)
		stream->fault = (uint8_t)fault;
	stream->is_gone = true;
	wake(stream);
}

/* The socket reports an end: a FIN alone is a client that will not ask again but still reads, a
 * reset is one that left. Reading would not tell, where requests wait before the reset. */
static void look_for_reset(struct serve_stream *stream)
{
	int error = 0;
	socklen_t length = sizeof(error);
	if (getsockopt(stream->connection->watched.fd, SOL_SOCKET, SO_ERROR, &error, &length) ==
	                0 &&
	        error != 0)
		serve_stream_gone(stream, FAULT_CLIENT_GONE);
}

void serve_stream_ready(struct serve_stream *stream, unsigned events)
{
	if (events & LOOP_HANGUP)
		look_for_reset(stream);
	if (stream->wants_body && stream->connection->is_readable)
		wake(stream);
	if ((events & LOOP_WRITABLE) && stream->wants_room) {
		stream->wants_room = false;
		wake(stream);
	}
}

/* A part of the body came. Once it is enough for the least rate, its time begins anew: so a client
 * is cut off body_timeout after it was last fast enough, however it spread its bytes. */
static void count_body(struct serve_stream *stream, size_t count)
{
	const struct serve_options *options = &server_of(stream)->options;
	uint64_t least = (uint64_t)options->rate_min * options->body_timeout_ms / 1000;
	stream->body_received += count;
	if (stream->body_deadline_ms == CLOCK_NEVER ||
	        stream->body_received - stream->body_mark < least)
		return;
	stream->body_mark = stream->body_received;
	stream->body_deadline_ms = now_of(stream) + options->body_timeout_ms;
}

static void expire_body(struct serve_stream *stream)
{
	stream->body_deadline_ms = CLOCK_NEVER;
	/* Otherwise it is us who do not read. */
	if (stream->wants_body && !stream->connection->is_readable) {
		stream->fault = FAULT_BODY_SLOW;
		wake(stream);
	}
}

void serve_stream_expired(struct serve_stream *stream, uint64_t now_ms)
{
	if (stream->body_deadline_ms <= now_ms)
		expire_body(stream);
	if (stream->room_look_ms <= now_ms &&
	        serve_connection_pace_is_slow(stream->connection, &stream->room_look_ms)) {
		stream->room_look_ms = CLOCK_NEVER;
		serve_stream_gone(stream, FAULT_WRITE_SLOW);
	}
	serve_stream_look(stream);
}

/* Host, target, framing, Expect and persistence of the head that was copied. */
static enum fault check(struct serve_stream *stream)
{
	struct serve_connection *connection = stream->connection;
	const struct http_head *head = &stream->head;
	enum http_framing framing;
	uint64_t length;
	enum fault fault = http_head_check_request(head, &stream->target);
	if (fault == FAULT_NONE)
		fault = http_body_request(head, &framing, &length);
	if (fault != FAULT_NONE)
		return fault;
	http_body_init(&stream->body, framing, length);
	stream->has_body = framing != HTTP_FRAMING_NONE;
	stream->is_length_known = framing == HTTP_FRAMING_LENGTH;
	stream->body_length = stream->is_length_known ? length : 0;
	if (http_head_has(head, HTTP_NAME_EXPECT) && head->minor >= 1) {
		if (http_head_count(head, HTTP_NAME_EXPECT) > 1 ||
		        !str_is_equal_nocase(
		                http_head_get(head, HTTP_NAME_EXPECT), STR("100-continue")))
			return FAULT_EXPECTATION;
		stream->expects_continue = stream->has_body;
	}
	bool is_kept = head->minor >= 1;
	if (http_head_has(head, HTTP_NAME_CONNECTION)) {
		is_kept |= http_head_has_token(head, HTTP_NAME_CONNECTION, STR("keep-alive"));
		is_kept &= !http_head_has_token(head, HTTP_NAME_CONNECTION, STR("close"));
	}
	connection->is_last = !is_kept || server_of(stream)->options.keepalive_timeout_ms == 0;
	return FAULT_NONE;
}

/* Takes from the budget what a head larger than the inline block makes us keep: itself, and what is
 * made of it for the two origins that may be asked. */
static bool charge_arena(struct serve_stream *stream)
{
	size_t bytes = 3 * stream->arena.allocated;
	if (bytes > 0 && !mem_budget_take(server_of(stream)->options.buffers->budget, bytes))
		return false;
	stream->arena_charged = bytes;
	return true;
}

static void free_stream(struct serve_stream *stream)
{
	struct serve_server *server = server_of(stream);
	if (stream->arena_charged > 0)
		mem_budget_give(server->options.buffers->budget, stream->arena_charged);
	http_body_done(&stream->body);
	arena_reset(&stream->arena);
	slab_give(&server->stream_slab, container_of(stream, struct stream_room, stream));
}

enum fault serve_stream_open(struct serve_connection *connection, const struct http_head *head)
{
	struct serve_server *server = connection->server;
	struct stream_room *room = slab_take(&server->stream_slab);
	struct serve_stream *stream = &room->stream;
	*stream = (struct serve_stream){
	        .head = *head,
	        .connection = connection,
	        .began_us = clock_us(),
	        .body_deadline_ms = CLOCK_NEVER,
	        .room_look_ms = CLOCK_NEVER,
	        .is_https = connection->is_secure,
	        .is_copied = connection->is_secure,
	};
	arena_init(&stream->arena, room->first, sizeof(room->first));
	stream->head.base = arena_copy(&stream->arena, str_make(head->base, head->len)).at;
	stream->head.capacity = head->count;
	stream->head.fields = arena_alloc(&stream->arena, head->count * sizeof(struct http_field));
	memcpy(stream->head.fields, head->fields, head->count * sizeof(struct http_field));
	buf_drop(&connection->in, head->len);
	enum fault fault = charge_arena(stream) ? check(stream) : FAULT_MEMORY;
	if (fault != FAULT_NONE) {
		free_stream(stream);
		return fault;
	}
	buf_release_if_empty(server->options.buffers, &connection->in);
	connection->stream = stream;
	return FAULT_NONE;
}

const struct address *serve_stream_client(const struct serve_stream *stream)
{
	return &stream->connection->client;
}

/* Tells a client that waits for it that its body is wanted (RFC 9110 10.1.1). */
static void send_continue(struct serve_stream *stream)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	stream->expects_continue = false;
	struct serve_connection *connection = stream->connection;
	if (stream->has_response || stream->body_received > 0 || buf_length(&connection->in) > 0)
		return;
	if (!buf_add(server_of(stream)->options.buffers, &connection->out, str_of(text)) ||
	        !serve_connection_flush(connection))
		serve_stream_gone(stream, FAULT_CLIENT_GONE);
}

static enum serve_read fail_read(struct serve_stream *stream, enum fault fault)
{
	stream->body_deadline_ms = CLOCK_NEVER;
	if (stream->fault == FAULT_NONE)
		stream->fault = (uint8_t)fault;
	return SERVE_READ_FAILED;
}

static enum serve_read wait_for_body(struct serve_stream *stream)
{
	uint64_t now_ms = now_of(stream);
	stream->wants_body = true;
	stream->body_asked_ms = now_ms;
	if (stream->body_deadline_ms == CLOCK_NEVER) {
		stream->body_mark = stream->body_received;
		stream->body_deadline_ms = now_ms + server_of(stream)->options.body_timeout_ms;
		serve_stream_look(stream);
	}
	return SERVE_READ_WAIT;
}

enum serve_read serve_stream_read(struct serve_stream *stream, size_t room, struct str *ret_data)
{
	if (stream->head.is_h2)
		return serve_h2_stream_read(stream, room, ret_data);
	struct serve_connection *connection = stream->connection;
	if (stream->fault != FAULT_NONE)
		return SERVE_READ_FAILED;
	if (stream->expects_continue)
		send_continue(stream);
	/* The time in which nobody asked does not count against the client. */
	if (!stream->wants_body && now_of(stream) - stream->body_asked_ms > PAUSE_MS)
		stream->body_deadline_ms = CLOCK_NEVER;
	stream->wants_body = false;
	for (;;) {
		struct str input = STR_EMPTY, data;
		if (buf_length(&connection->in) > 0)
			input = buf_str(&connection->in);
		if (input.len > room)
			input.len = room;
		size_t before = input.len;
		enum http_body_event event = http_body_next(&stream->body, &input, &data);
		buf_drop(&connection->in, before - input.len);
		switch (event) {
		case HTTP_BODY_DATA:
			count_body(stream, data.len);
			stream->body_asked_ms = now_of(stream);
			*ret_data = data;
			return SERVE_READ_DATA;
		case HTTP_BODY_END:
			stream->body_deadline_ms = CLOCK_NEVER;
			buf_release_if_empty(server_of(stream)->options.buffers, &connection->in);
			return SERVE_READ_END;
		case HTTP_BODY_BAD:
			return fail_read(stream, FAULT_BAD_REQUEST);
		case HTTP_BODY_MORE:
			break;
		}
		if (buf_length(&connection->in) > 0)
			continue;
		if (connection->has_end)
			return fail_read(stream, FAULT_CLIENT_GONE);
		if (!connection->is_readable)
			return wait_for_body(stream);
		bool is_large = stream->body_received >= BUF_SMALL;
		if (!serve_connection_reserve(connection, is_large ? BUF_MIDDLE : BUF_SMALL))
			return fail_read(stream, FAULT_MEMORY);
		if (serve_connection_fill(connection) == TCP_RESET)
			return fail_read(stream, FAULT_CLIENT_GONE);
	}
}

/* Serialises the trailers that were read; empty when there are none. */
static struct str make_trailers(struct serve_stream *stream)
{
	struct http_field fields[LIMIT_HEAD_FIELDS];
	struct http_head trailers = {.fields = fields, .capacity = LIMIT_HEAD_FIELDS};
	if (!http_chunk_trailers(&stream->body.chunk, &trailers) || trailers.count == 0)
		return STR_EMPTY;
	/* "name:value\r\n" stands there already; each may grow by a space. */
	size_t room = trailers.len + trailers.count;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(&stream->arena, room), room);
	for (unsigned i = 0; i < trailers.count; i++)
		http_write_field(&writer, http_head_name(&trailers, &trailers.fields[i]),
		        http_head_value(&trailers, &trailers.fields[i]));
	CHECK(!writer.full);
	return http_writer_str(&writer);
}

struct str serve_stream_trailers(struct serve_stream *stream)
{
	if (stream->head.is_h2)
		return serve_h2_stream_trailers(stream);
	if (stream->body.framing != HTTP_FRAMING_CHUNKED || !stream->body.is_whole)
		return STR_EMPTY;
	if (!stream->has_trailers)
		stream->trailers = make_trailers(stream);
	stream->has_trailers = true;
	return stream->trailers;
}

void serve_stream_abort(struct serve_stream *stream)
{
	stream->is_aborted = true;
	stream->is_gone = true;
}

/* How a connection ends whose response is not whole. */
enum cut {
	CUT_CLOSE, /* nobody reads any more */
	CUT_FIN,   /* the missing length or last chunk tells; what was sent before is still read */
	CUT_RESET,
};

/* An aborted response must not look whole: where only the close would have told its end, a reset
 * says that this is none, and so it does to who may be asked again for what it has read as an
 * HTTP/1.0 answer. */
static enum cut cut_of(const struct serve_stream *stream)
{
	if (stream->ends_by_close || stream->head.minor == 0 || stream->fault == FAULT_WRITE_SLOW)
		return CUT_RESET;
	return stream->fault == FAULT_CLIENT_GONE ? CUT_CLOSE : CUT_FIN;
}

static void cut(struct serve_connection *connection, enum cut how)
{
	switch (how) {
	case CUT_RESET:
		serve_connection_reset(connection);
		return;
	case CUT_CLOSE:
		serve_connection_close(connection);
		return;
	case CUT_FIN:
		connection->is_last = true;
		serve_connection_next(connection);
	}
}

void serve_stream_close(struct serve_stream *stream)
{
	if (stream->head.is_h2) {
		serve_h2_stream_close(stream);
		return;
	}
	CHECK(!stream->is_closed);
	stream->is_closed = true;
	struct serve_connection *connection = stream->connection;
	bool is_broken = stream->is_gone || !stream->is_finished;
	enum cut how = cut_of(stream);
	bool is_unread = stream->has_body && !stream->body.is_whole;
	free_stream(stream);
	connection->stream = NULL;
	if (is_unread)
		connection->is_last = true;
	if (is_broken)
		cut(connection, how);
	else
		serve_connection_next(connection);
}

void serve_stream_error(struct serve_stream *stream, enum fault fault, struct str added)
{
	if (stream->head.is_h2) {
		serve_h2_response_error(stream, fault, added);
		return;
	}
	CHECK(!stream->has_response);
	struct serve_connection *connection = stream->connection;
	stream->has_response = true;
	stream->status = fault_info(fault)->status;
	if (stream->has_body && !stream->body.is_whole)
		connection->is_last = true;
	if (connection->server->is_draining)
		connection->is_last = true;
	if (stream->is_gone || stream->status == 0 || fault == FAULT_CLIENT_GONE ||
	        !serve_connection_put_error(connection, fault, &stream->head, added)) {
		serve_stream_abort(stream);
		return;
	}
	stream->length_left = 0;
	stream->is_finished = true;
}
