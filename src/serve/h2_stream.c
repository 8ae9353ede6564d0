/*
 * One exchange on an HTTP/2 connection: a request, whose body is kept as it comes, within the
 * stream's window, and whose window grows as it is read; the deadlines of both directions; the end.
 *
 * A stream is freed when who answers has let it go and it is closed on the wire: a response that is
 * finished may still have to wait for room.
 */
#include "base/clock.h"
#include "base/limit.h"
#include "serve/h2_private.h"

enum {
	/* A reader that did not ask for so long was held back by its own side. */
	PAUSE_MS = 500,
	/* What a stream makes us keep: itself, and what whoever answers it has about it. */
	STREAM_CHARGE = sizeof(struct serve_h2_stream) + 2048,
	/* How often a stream that waits for its window is looked at within write_timeout. */
	WINDOW_LOOKS = 8,
};

static struct serve_server *server_of(const struct serve_h2_stream *stream)
{
	return stream->session->connection->server;
}

static uint64_t now_of(const struct serve_h2_stream *stream)
{
	return loop_now_ms(server_of(stream)->options.loop);
}

static void wake(struct serve_h2_stream *stream)
{
	if (stream->stream.wake != NULL && !stream->stream.is_closed)
		loop_wake(server_of(stream)->options.loop, stream->stream.wake);
}

static struct serve_h2_stream **row_of(struct serve_h2_session *session, uint32_t id)
{
	return &session->by_id[id / 2 % SERVE_H2_ROWS];
}

/* From here on it is not found. */
static void forget(struct serve_h2_stream *stream)
{
	struct serve_h2_stream **at = row_of(stream->session, stream->id);
	while (*at != stream)
		at = &(*at)->next_by_id;
	*at = stream->next_by_id;
	stream->is_wire_closed = true;
	stream->session->wire_count--;
}

/* ---- pieces of a body ---- */

/* Puts what was received into the place of what is read, which is empty, and whose block takes what
 * comes. */
static void turn_over(struct serve_h2_stream *stream)
{
	struct serve_h2_piece *next = stream->later;
	struct buf empty = stream->held;
	stream->held = stream->coming;
	stream->coming = empty;
	if (next == NULL)
		return;
	buf_release(server_of(stream)->options.buffers, &stream->coming);
	stream->coming = next->buf;
	stream->later = next->next;
	mem_free(next);
}

/* Where the next bytes have room. */
static struct buf *last_piece(struct serve_h2_stream *stream, size_t bytes)
{
	struct serve_h2_piece **at = &stream->later;
	struct buf *last = &stream->coming;
	while (*at != NULL) {
		last = &(*at)->buf;
		at = &(*at)->next;
	}
	if (buf_length(last) + bytes <= BUF_LARGE)
		return last;
	*at = mem_new(struct serve_h2_piece);
	return &(*at)->buf;
}

static void drop_pieces(struct serve_h2_stream *stream)
{
	struct buf_pool *pool = server_of(stream)->options.buffers;
	buf_release(pool, &stream->held);
	while (stream->later != NULL) {
		turn_over(stream);
		buf_release(pool, &stream->held);
	}
	buf_release(pool, &stream->coming);
}

/* ---- the end ---- */

void serve_h2_stream_free(struct serve_h2_stream *stream)
{
	struct serve_h2_session *session = stream->session;
	struct serve_server *server = server_of(stream);
	loop_timer_cancel(server->options.loop, &stream->timer);
	if (!stream->is_wire_closed)
		forget(stream);
	list_remove(&stream->node);
	list_remove(&stream->due);
	list_remove(&stream->waiting);
	serve_h2_order_leave(stream);
	drop_pieces(stream);
	session->wider += stream->room - LIMIT_H2_WINDOW_BYTES;
	serve_h2_memory_give(&session->memory, STREAM_CHARGE + stream->stream.arena_charged);
	arena_reset(&stream->stream.arena);
	if (!stream->stream.is_closed)
		session->open_count--;
	session->stream_count--;
	if (session->stream_count == 0)
		session->idle_since_ms = now_of(stream);
	slab_give(&server->h2->streams, stream);
}

void serve_h2_stream_settle(struct serve_h2_stream *stream)
{
	if (stream->stream.is_closed && stream->is_wire_closed)
		serve_h2_stream_free(stream);
}

void serve_h2_stream_gone(struct serve_h2_stream *stream, enum fault fault)
{
	if (!stream->stream.is_gone && stream->stream.fault == FAULT_NONE)
		stream->stream.fault = (uint8_t)fault;
	stream->stream.is_gone = true;
	stream->waits_for_window = false;
	list_remove(&stream->due);
	list_remove(&stream->waiting);
	serve_h2_order_leave(stream);
	wake(stream);
}

void serve_h2_stream_close_wire(struct serve_h2_stream *stream)
{
	if (!stream->is_wire_closed) {
		bool is_half = stream->stream.is_tunnel && !stream->has_end;
		forget(stream);
		if (!stream->is_end_sent || is_half)
			serve_h2_stream_gone(stream,
			        stream->is_malformed ? FAULT_BAD_REQUEST : FAULT_CLIENT_GONE);
	}
	serve_h2_stream_settle(stream);
}

void serve_h2_stream_reset(struct serve_h2_stream *stream, enum serve_h2_error error)
{
	serve_h2_put_reset(stream->session, stream->id, error);
	serve_h2_stream_close_wire(stream);
}

/* How the client is told that the response is not whole. */
static enum serve_h2_error code_of(const struct serve_h2_stream *stream)
{
	switch (stream->stream.fault) {
	case FAULT_WRITE_SLOW:
	case FAULT_MEMORY:
		return SERVE_H2_ENHANCE_YOUR_CALM;
	case FAULT_BODY_SLOW:
		return SERVE_H2_CANCEL;
	default:
		return SERVE_H2_INTERNAL_ERROR;
	}
}

void serve_h2_stream_close(struct serve_stream *closed)
{
	struct serve_h2_stream *stream = serve_h2_of(closed);
	struct serve_h2_session *session = stream->session;
	CHECK(!closed->is_closed);
	closed->is_closed = true;
	closed->wake = NULL;
	session->open_count--;
	drop_pieces(stream);
	bool is_broken = closed->is_gone || !closed->is_finished;
	if (is_broken && !stream->is_wire_closed)
		serve_h2_stream_reset(stream, code_of(stream));
	else
		serve_h2_stream_settle(stream);
	serve_h2_touch(session);
}

/* ---- deadlines ---- */

static void look(struct serve_h2_stream *stream)
{
	const struct serve_stream *it = &stream->stream;
	uint64_t at_ms =
	        it->body_deadline_ms < it->room_look_ms ? it->body_deadline_ms : it->room_look_ms;
	if (at_ms != CLOCK_NEVER)
		loop_timer_start(server_of(stream)->options.loop, &stream->timer, at_ms);
}

static void expire_body(struct serve_h2_stream *stream)
{
	stream->stream.body_deadline_ms = CLOCK_NEVER;
	/* Otherwise it is us who do not read. */
	if (!stream->stream.wants_body || buf_length(&stream->coming) > 0)
		return;
	if (stream->stream.fault == FAULT_NONE)
		stream->stream.fault = FAULT_BODY_SLOW;
	wake(stream);
}

/* How much a client must take within write_timeout. */
static uint64_t least_of(const struct serve_h2_stream *stream)
{
	const struct serve_options *options = &server_of(stream)->options;
	uint64_t least = (uint64_t)options->rate_min * options->write_timeout_ms / 1000;
	return least > 0 ? least : 1;
}

/* What has gone since it waits: of its own where that is what its window holds back, of all streams
 * where it is the connection's. */
static uint64_t gone_since(const struct serve_h2_stream *stream)
{
	return stream->is_own_window ? stream->stream.sent - stream->window_mark
	                             : stream->session->data_sent - stream->session_mark;
}

static void measure_from(struct serve_h2_stream *stream, uint64_t now_ms)
{
	stream->window_since_ms = now_ms;
	stream->window_mark = stream->stream.sent;
	stream->session_mark = stream->session->data_sent;
}

/* Who answers tells the client on closing the stream; nobody does for what it left behind, which is
 * gone then. */
static void cut_slow(struct serve_h2_stream *stream)
{
	serve_h2_stream_gone(stream, FAULT_WRITE_SLOW);
	if (!stream->stream.is_closed || stream->is_wire_closed)
		return;
	serve_h2_touch(stream->session);
	serve_h2_stream_reset(stream, code_of(stream));
}

/* The client must make room for the response as fast as it would have to read it. False when it
 * does not. */
static bool watch_window(struct serve_h2_stream *stream, uint64_t now_ms)
{
	const struct serve_options *options = &server_of(stream)->options;
	stream->stream.room_look_ms = CLOCK_NEVER;
	if (stream->window_since_ms == 0)
		return true;
	if (gone_since(stream) >= least_of(stream))
		measure_from(stream, now_ms);
	else if (now_ms - stream->window_since_ms >= options->write_timeout_ms)
		return false;
	stream->stream.room_look_ms = now_ms + options->write_timeout_ms / WINDOW_LOOKS + 1;
	return true;
}

static void on_expire(struct timer *timer)
{
	struct serve_h2_stream *stream = container_of(timer, struct serve_h2_stream, timer);
	uint64_t now_ms = now_of(stream);
	if (stream->stream.body_deadline_ms <= now_ms)
		expire_body(stream);
	if (stream->stream.room_look_ms <= now_ms && !watch_window(stream, now_ms))
		cut_slow(stream);
	else
		look(stream);
}

void serve_h2_stream_wait_for_window(struct serve_h2_stream *stream)
{
	stream->waits_for_window = true;
	stream->is_own_window = stream->window <= 0;
	if (stream->window_since_ms == 0)
		measure_from(stream, now_of(stream));
	/* How long a tunnel may stand still is for who has it to say, until only its end is left.
	 */
	bool is_others = stream->stream.is_tunnel && !stream->stream.is_finished;
	if (stream->stream.room_look_ms == CLOCK_NEVER && !is_others) {
		stream->stream.room_look_ms =
		        now_of(stream) +
		        server_of(stream)->options.write_timeout_ms / WINDOW_LOOKS + 1;
		look(stream);
	}
}

void serve_h2_stream_has_window(struct serve_h2_stream *stream)
{
	int64_t least = (int64_t)least_of(stream);
	/* A trickle is measured on. */
	if (stream->session->window >= least && stream->window >= least)
		stream->window_since_ms = 0;
}

/* ---- beginning ---- */

static struct serve_h2_stream *make(struct serve_h2_session *session, uint32_t id)
{
	struct serve_server *server = session->connection->server;
	if (!serve_h2_memory_take(&session->memory, STREAM_CHARGE))
		return NULL;
	struct serve_h2_stream *stream = slab_take(&server->h2->streams);
	memset(stream, 0, offsetof(struct serve_h2_stream, first));
	stream->stream.connection = session->connection;
	stream->stream.is_https = session->connection->is_secure;
	stream->stream.is_copied = true;
	stream->stream.began_us = session->received_us;
	stream->stream.body_deadline_ms = CLOCK_NEVER;
	stream->stream.room_look_ms = CLOCK_NEVER;
	stream->session = session;
	stream->timer.on_expire = on_expire;
	stream->id = id;
	stream->urgency = SERVE_H2_URGENCY;
	stream->room = stream->room_left = LIMIT_H2_WINDOW_BYTES;
	stream->window = session->stream_window;
	stream->next_by_id = *row_of(session, id);
	*row_of(session, id) = stream;
	arena_init(&stream->stream.arena, stream->first, sizeof(stream->first));
	list_add_last(&session->streams, &stream->node);
	session->stream_count++;
	session->open_count++;
	session->wire_count++;
	return stream;
}

/* The scheme is not ours to know: a proxy with TLS may stand in front of us. */
static bool is_scheme_known(struct str scheme)
{
	return str_is_equal_nocase(scheme, STR("https")) ||
	       str_is_equal_nocase(scheme, STR("http"));
}

/* Host, path, body and Expect. */
static enum fault check(struct serve_h2_stream *stream, bool has_end)
{
	struct serve_stream *it = &stream->stream;
	enum http_framing framing;
	uint64_t length;
	enum fault fault = http_head_check_request(&it->head, &it->target);
	if (fault == FAULT_NONE)
		fault = http_body_request(&it->head, &framing, &length);
	if (fault != FAULT_NONE)
		return fault;
	stream->has_end = has_end;
	/* What comes behind an extended CONNECT is no body. */
	if (it->protocol.len > 0)
		return framing == HTTP_FRAMING_NONE ? FAULT_NONE : FAULT_BAD_REQUEST;
	it->has_body = !has_end;
	it->is_length_known = framing == HTTP_FRAMING_LENGTH;
	it->body_length = it->is_length_known ? length : 0;
	if (http_head_has(&it->head, HTTP_NAME_EXPECT)) {
		if (http_head_count(&it->head, HTTP_NAME_EXPECT) > 1 ||
		        !str_is_equal_nocase(
		                http_head_get(&it->head, HTTP_NAME_EXPECT), STR("100-continue")))
			return FAULT_EXPECTATION;
		it->expects_continue = it->has_body;
	}
	return FAULT_NONE;
}

/* Copies the head into the stream. */
static enum fault keep_head(struct serve_h2_stream *stream, const struct http_head *head)
{
	struct serve_stream *it = &stream->stream;
	it->head = *head;
	it->head.base = arena_copy(&it->arena, str_make(head->base, head->len)).at;
	it->head.capacity = head->count;
	it->head.fields = arena_alloc(&it->arena, head->count * sizeof(struct http_field));
	if (head->count > 0)
		memcpy(it->head.fields, head->fields, head->count * sizeof(struct http_field));
	/* As in HTTP/1: itself, and what is made of it for two origins. */
	size_t bytes = 3 * it->arena.allocated;
	if (bytes > 0 && !serve_h2_memory_take(&stream->session->memory, bytes))
		return FAULT_MEMORY;
	it->arena_charged = bytes;
	return FAULT_NONE;
}

static enum fault open_stream(
        struct serve_h2_session *session, uint32_t id, bool has_end, struct serve_h2_stream **ret)
{
	struct http_head parsed;
	struct serve_h2_head *head = &session->head;
	/* One without a protocol has neither scheme nor path. */
	bool is_connect = str_is_equal(serve_h2_head_str(head, &head->method), STR("CONNECT"));
	if (head->fault == FAULT_NONE && is_connect != (head->protocol.len > 0))
		return FAULT_BAD_METHOD;
	enum fault fault = serve_h2_head_end(head, &parsed);
	if (fault == FAULT_NONE && !is_scheme_known(serve_h2_head_str(head, &head->scheme)))
		fault = FAULT_BAD_REQUEST;
	if (fault != FAULT_NONE)
		return fault;
	struct serve_h2_stream *stream = make(session, id);
	if (stream == NULL)
		return FAULT_MEMORY;
	if (head->priority.len > 0)
		serve_h2_order_read(serve_h2_head_str(head, &head->priority), &stream->urgency,
		        &stream->is_incremental);
	fault = keep_head(stream, &parsed);
	if (head->protocol.len > 0)
		stream->stream.protocol =
		        arena_copy(&stream->stream.arena, serve_h2_head_str(head, &head->protocol));
	if (fault == FAULT_NONE)
		fault = check(stream, has_end);
	if (fault != FAULT_NONE) {
		serve_h2_stream_free(stream);
		return fault;
	}
	*ret = stream;
	return FAULT_NONE;
}

void serve_h2_stream_begin(struct serve_h2_session *session, uint32_t id, bool has_end)
{
	struct serve_handler *handler = session->connection->server->options.handler;
	struct serve_h2_stream *stream = NULL;
	enum fault fault = open_stream(session, id, has_end, &stream);
	if (fault == FAULT_NONE) {
		handler->on_request(handler, &stream->stream);
		return;
	}
	handler->on_refused(handler, &session->connection->client, fault);
	serve_h2_block_refuse(session, id, fault);
	/* What is left of it nobody waits for (RFC 9113 section 8.1). */
	if (!has_end)
		serve_h2_put_reset(session, id, SERVE_H2_NO_ERROR);
}

/* ---- the body ---- */

bool serve_h2_stream_has_length(const struct serve_h2_stream *stream, uint64_t came, bool is_whole)
{
	const struct serve_stream *it = &stream->stream;
	return !it->is_length_known ||
	       (is_whole ? came == it->body_length : came <= it->body_length);
}

bool serve_h2_stream_data(struct serve_h2_stream *stream, struct str data)
{
	struct buf *piece = last_piece(stream, data.len);
	if (!buf_add(server_of(stream)->options.buffers, piece, data))
		return false;
	if (stream->stream.wants_body)
		wake(stream);
	return true;
}

void serve_h2_stream_end(struct serve_h2_stream *stream)
{
	stream->has_end = true;
	if (stream->stream.wants_body)
		wake(stream);
	if (stream->is_end_sent)
		serve_h2_stream_close_wire(stream);
}

void serve_h2_stream_add_trailers(struct serve_h2_stream *stream, struct str lines)
{
	if (lines.len == 0 || stream->stream.is_closed)
		return;
	stream->stream.trailers = arena_copy(&stream->stream.arena, lines);
	stream->stream.has_trailers = true;
}

/* Who reads as fast as it comes is held back by the way between us and the client, on which a
 * window at most is at a time: doubles it, while there is some of what all of them may have. */
static uint32_t widen(struct serve_h2_stream *stream)
{
	const struct serve_stream *it = &stream->stream;
	struct serve_h2_session *session = stream->session;
	uint32_t more = stream->room < session->wider ? stream->room : session->wider;
	bool is_enough = it->is_length_known &&
	                 it->body_length - stream->came <= stream->room_left + stream->uncredited;
	if (!stream->is_awaited || is_enough)
		return 0;
	stream->room += more;
	session->wider -= more;
	return more;
}

void serve_h2_stream_credit(struct serve_h2_stream *stream, size_t bytes)
{
	stream->uncredited += (uint32_t)bytes;
	if (stream->uncredited < stream->room / 2 || stream->has_end || stream->is_wire_closed)
		return;
	stream->uncredited += widen(stream);
	serve_h2_put_update(stream->session, stream->id, stream->uncredited);
	stream->room_left += stream->uncredited;
	stream->uncredited = 0;
	serve_h2_touch(stream->session);
}

static void count_body(struct serve_h2_stream *stream, size_t count)
{
	const struct serve_options *options = &server_of(stream)->options;
	struct serve_stream *it = &stream->stream;
	uint64_t least = (uint64_t)options->rate_min * options->body_timeout_ms / 1000;
	it->body_received += count;
	if (it->body_deadline_ms == CLOCK_NEVER || it->body_received - it->body_mark < least)
		return;
	it->body_mark = it->body_received;
	it->body_deadline_ms = now_of(stream) + options->body_timeout_ms;
}

static enum serve_read fail_read(struct serve_stream *it, enum fault fault)
{
	it->body_deadline_ms = CLOCK_NEVER;
	if (it->fault == FAULT_NONE)
		it->fault = (uint8_t)fault;
	return SERVE_READ_FAILED;
}

static enum serve_read wait_for_body(struct serve_h2_stream *stream)
{
	struct serve_stream *it = &stream->stream;
	it->wants_body = true;
	it->body_asked_ms = now_of(stream);
	if (it->body_deadline_ms == CLOCK_NEVER && !it->is_tunnel) {
		it->body_mark = it->body_received;
		it->body_deadline_ms =
		        it->body_asked_ms + server_of(stream)->options.body_timeout_ms;
		look(stream);
	}
	return SERVE_READ_WAIT;
}

static void send_continue(struct serve_h2_stream *stream)
{
	struct serve_stream *it = &stream->stream;
	it->expects_continue = false;
	if (!it->has_response && buf_length(&stream->coming) == 0 && !stream->has_end)
		serve_h2_response_interim(it, 100, NULL, NULL);
}

enum serve_read serve_h2_stream_read(struct serve_stream *it, size_t room, struct str *ret_data)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	struct buf_pool *pool = server_of(stream)->options.buffers;
	if (it->fault != FAULT_NONE)
		return SERVE_READ_FAILED;
	if (it->expects_continue)
		send_continue(stream);
	bool has_waited = it->wants_body;
	/* The time in which nobody asked does not count against the client. */
	if (!it->wants_body && now_of(stream) - it->body_asked_ms > PAUSE_MS)
		it->body_deadline_ms = CLOCK_NEVER;
	it->wants_body = false;
	if (buf_length(&stream->held) == 0) {
		/* What was given out last is not needed any more. */
		if (buf_length(&stream->coming) > 0)
			stream->is_awaited = has_waited;
		turn_over(stream);
		serve_h2_stream_credit(stream, 0);
	}
	if (buf_length(&stream->held) > 0) {
		struct str data = buf_str(&stream->held);
		if (data.len > room)
			data.len = room;
		buf_drop(&stream->held, data.len);
		stream->uncredited += (uint32_t)data.len;
		count_body(stream, data.len);
		it->body_asked_ms = now_of(stream);
		*ret_data = data;
		return SERVE_READ_DATA;
	}
	buf_release_if_empty(pool, &stream->held);
	buf_release_if_empty(pool, &stream->coming);
	if (stream->has_end) {
		it->body_deadline_ms = CLOCK_NEVER;
		return SERVE_READ_END;
	}
	if (stream->is_wire_closed)
		return fail_read(it, FAULT_CLIENT_GONE);
	return wait_for_body(stream);
}

struct str serve_h2_stream_trailers(const struct serve_stream *it)
{
	return it->has_trailers ? it->trailers : STR_EMPTY;
}
