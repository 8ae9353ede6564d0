/*
 * The life of an HTTP/2 connection. What is read becomes streams and wakes who answers
 * (h2_frames.c); whatever is to be sent is put into `out`, and the connection's task, which runs
 * behind theirs, sends it with one write. While `out` is full nothing is read: who does not read
 * our answers can't ask for more.
 *
 * The end: GOAWAY was said and the last stream is closed, or something is wrong with the
 * connection. Then the streams that are left are cut, which is told to who answers, and with the
 * last of them the connection ends.
 */
#include "base/clock.h"
#include "base/limit.h"
#include "serve/h2.h"
#include "serve/h2_private.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
	/* Reads of one turn. */
	READS_A_TURN = 4,
	/* Between the two GOAWAY of a server that is drained (RFC 9113 section 6.8). */
	DRAIN_NOTICE_MS = 1000,
	/* A connection that is idle when a drain begins, or while one goes on. */
	DRAIN_IDLE_MS = 1000,
	/* How much the kernel takes that it cannot send yet. */
	UNSENT_BYTES = 131072,
	/* How many streams a session has whose turn is likely to be a large one. */
	MANY_STREAMS = 8,
	/* Room that is too small for a part of a body. */
	ROOM_MIN = 512,
	PREFACE_BYTES = sizeof(SERVE_H2_PREFACE) - 1,
};

static struct serve_server *server_of(const struct serve_h2_session *session)
{
	return session->connection->server;
}

static uint64_t now_of(const struct serve_h2_session *session)
{
	return loop_now_ms(server_of(session)->options.loop);
}

enum serve_h2_preface serve_h2_preface_of(struct str bytes)
{
	size_t length = bytes.len < PREFACE_BYTES ? bytes.len : PREFACE_BYTES;
	if (memcmp(bytes.at, SERVE_H2_PREFACE, length) != 0)
		return SERVE_H2_PREFACE_NO;
	return length == PREFACE_BYTES ? SERVE_H2_PREFACE_YES : SERVE_H2_PREFACE_MORE;
}

/* ---- what all sessions share ---- */

struct serve_h2_shared *serve_h2_shared_new(void)
{
	struct serve_h2_shared *shared = mem_alloc(sizeof(*shared));
	/* The scratch is not touched before it is needed. */
	memset(shared, 0, offsetof(struct serve_h2_shared, scratch));
	slab_init_sparse(&shared->sessions, sizeof(struct serve_h2_session));
	slab_init(&shared->streams, sizeof(struct serve_h2_stream));
	return shared;
}

void serve_h2_shared_free(struct serve_h2_shared *shared)
{
	if (shared == NULL)
		return;
	slab_done(&shared->sessions);
	slab_done(&shared->streams);
	mem_free(shared);
}

/* ---- sending ---- */

void serve_h2_touch(struct serve_h2_session *session)
{
	loop_wake(server_of(session)->options.loop, &session->connection->task);
}

/* Whether frames wait for room, before all that is still to be made. */
static bool has_bytes(const struct serve_h2_session *session)
{
	return session->rest.len > 0 || buf_length(&session->control) > 0;
}

size_t serve_h2_room(const struct serve_h2_session *session)
{
	size_t taken = buf_length(&session->connection->out) + SERVE_H2_FRAME_HEAD_BYTES;
	if (has_bytes(session) || taken + ROOM_MIN > SERVE_H2_OUT_BYTES)
		return 0;
	return SERVE_H2_OUT_BYTES - taken;
}

/* The first block of a turn is no small one, and where many are answered the largest: a second one
 * would be a copy. */
bool serve_h2_reserve(struct serve_h2_session *session, size_t bytes)
{
	struct buf *out = &session->connection->out;
	size_t least = out->block != NULL                      ? 0
	               : session->stream_count >= MANY_STREAMS ? BUF_LARGE
	                                                       : BUF_MIDDLE;
	return buf_reserve(server_of(session)->options.buffers, out, bytes < least ? least : bytes);
}

/* Puts as much of `bytes` into `out` as fits its largest block. Returns what is left. */
static struct str put_some(struct serve_h2_session *session, struct str bytes)
{
	struct buf *out = &session->connection->out;
	size_t room = BUF_LARGE - buf_length(out);
	struct str now = bytes.len < room ? bytes : str_make(bytes.at, room);
	if (now.len == 0)
		return bytes;
	if (!serve_h2_reserve(session, now.len) ||
	        !buf_add(server_of(session)->options.buffers, out, now)) {
		session->is_broken = true;
		return bytes;
	}
	return str_make(bytes.at + now.len, bytes.len - now.len);
}

static void drop_rest(struct serve_h2_session *session)
{
	serve_h2_memory_give(&session->memory, session->rest_bytes);
	mem_free(session->rest_block);
	session->rest_block = NULL;
	session->rest_bytes = 0;
	session->rest = STR_EMPTY;
}

/* What waits for room in the middle of frames goes before all else. */
static void pump_bytes(struct serve_h2_session *session)
{
	struct buf *control = &session->control;
	if (session->rest.len > 0) {
		session->rest = put_some(session, session->rest);
		if (session->rest.len > 0)
			return;
		drop_rest(session);
	}
	if (buf_length(control) > 0) {
		struct str left = put_some(session, buf_str(control));
		buf_drop(control, buf_length(control) - left.len);
		buf_release_if_empty(server_of(session)->options.buffers, control);
	}
}

void serve_h2_pump(struct serve_h2_session *session)
{
	struct list_node *node;
	if (session->is_broken)
		return;
	pump_bytes(session);
	/* Each leaves the list, unless it finds no room. */
	while (serve_h2_room(session) > 0 && !session->is_broken &&
	        (node = list_first(&session->due)) != NULL) {
		list_remove(node);
		serve_h2_response_go_on(container_of(node, struct serve_h2_stream, due));
	}
}

void serve_h2_flush(struct serve_h2_session *session)
{
	if (!session->is_broken && !serve_connection_flush(session->connection))
		session->is_broken = true;
	if (buf_length(&session->connection->out) == 0)
		session->acks = 0;
}

void serve_h2_put(struct serve_h2_session *session, struct serve_h2_frame frame, struct str payload)
{
	char head[SERVE_H2_FRAME_HEAD_BYTES];
	struct buf *out = &session->connection->out, *to = out;
	struct buf_pool *pool = server_of(session)->options.buffers;
	size_t whole = sizeof(head) + payload.len;
	if (has_bytes(session) || whole > BUF_LARGE - buf_length(out))
		to = &session->control;
	frame.length = (uint32_t)payload.len;
	serve_h2_frame_write(head, frame);
	if ((to == out && !serve_h2_reserve(session, whole)) ||
	        !buf_add(pool, to, str_make(head, sizeof(head))) || !buf_add(pool, to, payload))
		session->is_broken = true;
}

void serve_h2_put_reset(struct serve_h2_session *session, uint32_t id, enum serve_h2_error error)
{
	char payload[4];
	serve_h2_write_u32(payload, error);
	serve_h2_put(session, (struct serve_h2_frame){.type = SERVE_H2_RST_STREAM, .id = id},
	        str_make(payload, sizeof(payload)));
}

void serve_h2_put_update(struct serve_h2_session *session, uint32_t id, uint32_t increment)
{
	char payload[4];
	serve_h2_write_u32(payload, increment);
	serve_h2_put(session, (struct serve_h2_frame){.type = SERVE_H2_WINDOW_UPDATE, .id = id},
	        str_make(payload, sizeof(payload)));
}

static void put_goaway(struct serve_h2_session *session, uint32_t last, enum serve_h2_error error)
{
	char payload[8];
	serve_h2_write_u32(payload, last);
	serve_h2_write_u32(payload + 4, error);
	serve_h2_put(session, (struct serve_h2_frame){.type = SERVE_H2_GOAWAY},
	        str_make(payload, sizeof(payload)));
}

static void put_settings(struct serve_h2_session *session)
{
	const struct {
		uint16_t setting;
		uint32_t value;
	} settings[] = {
	        {SERVE_H2_MAX_CONCURRENT_STREAMS, LIMIT_H2_STREAMS},
	        {SERVE_H2_MAX_HEADER_LIST_SIZE, server_of(session)->options.head_limits.head_bytes},
	        {SERVE_H2_NO_RFC7540_PRIORITIES, 1},
	        {SERVE_H2_ENABLE_CONNECT_PROTOCOL, 1},
	};
	char payload[ARRAY_LENGTH(settings) * 6];
	_Static_assert((int)LIMIT_H2_WINDOW_BYTES == (int)SERVE_H2_WINDOW_BYTES,
	        "else it has to be said in SETTINGS");
	_Static_assert((int)LIMIT_H2_WINDOW_BYTES <= (int)BUF_LARGE, "a window fits a buffer");
	for (size_t i = 0; i < ARRAY_LENGTH(settings); i++) {
		payload[6 * i] = 0;
		payload[6 * i + 1] = (char)settings[i].setting;
		serve_h2_write_u32(payload + 6 * i + 2, settings[i].value);
	}
	serve_h2_put(session, (struct serve_h2_frame){.type = SERVE_H2_SETTINGS},
	        str_make(payload, sizeof(payload)));
	serve_h2_put_update(session, 0, LIMIT_H2_CONNECTION_WINDOW_BYTES - SERVE_H2_WINDOW_BYTES);
}

/* ---- the end ---- */

static void finish(struct serve_h2_session *session)
{
	struct serve_connection *connection = session->connection;
	bool is_broken = session->is_broken;
	serve_h2_free(session);
	connection->session = NULL;
	connection->is_last = true;
	if (is_broken)
		serve_connection_close(connection);
	else
		serve_connection_next(connection);
}

/* Tells all streams that nothing comes or goes any more; the connection ends with the last. */
static void cut(struct serve_h2_session *session, enum fault fault)
{
	session->is_cut = true;
	list_each_safe (node, following, &session->streams) {
		struct serve_h2_stream *stream = container_of(node, struct serve_h2_stream, node);
		if (!stream->stream.is_closed)
			serve_h2_stream_gone(stream, fault);
		serve_h2_stream_close_wire(stream);
	}
	serve_connection_set_deadline(session->connection, CLOCK_NEVER);
	if (session->open_count == 0)
		finish(session);
}

static void break_off(struct serve_h2_session *session, enum fault fault)
{
	session->is_broken = true;
	cut(session, fault);
}

/* Says what the last request is that is answered, unless it was said. */
static void say_last(struct serve_h2_session *session, enum serve_h2_error error)
{
	if (!session->is_closing)
		session->told_id = session->last_id;
	session->is_closing = true;
	put_goaway(session, session->told_id, error);
}

void serve_h2_end(struct serve_h2_session *session, enum serve_h2_error error)
{
	if (session->is_over)
		return;
	session->is_over = true;
	session->is_to_blame = error != SERVE_H2_NO_ERROR;
	say_last(session, error);
}

void serve_h2_calm(struct serve_h2_session *session, enum serve_flood kind)
{
	if (session->is_over)
		return;
	atomic_fetch_add_explicit(&server_of(session)->h2->floods[kind], 1, memory_order_relaxed);
	serve_h2_end(session, SERVE_H2_ENHANCE_YOUR_CALM);
}

/* Whether nobody has anything more to say. */
static bool is_done(const struct serve_h2_session *session)
{
	return session->is_over ||
	       ((session->is_closing || session->has_left) && session->wire_count == 0);
}

/* ---- deadlines ---- */

/* When what is coming of a frame, or a head, must be whole. What we do not read yet is not missing.
 */
static uint64_t head_deadline(const struct serve_h2_session *session)
{
	if (session->head_since_ms == 0 || session->has_more)
		return CLOCK_NEVER;
	return session->head_since_ms + server_of(session)->options.head_timeout_ms;
}

/* Since when nothing is asked for is kept; the deadline is the earliest of what is waited for. */
static void look(struct serve_h2_session *session)
{
	const struct serve_server *server = server_of(session);
	uint64_t at_ms = session->pace_look_ms;
	if (session->drain_ms != 0 && session->drain_ms < at_ms)
		at_ms = session->drain_ms;
	if (head_deadline(session) < at_ms)
		at_ms = head_deadline(session);
	if (session->stream_count == 0) {
		uint64_t idle_ms = !session->has_settings ? server->options.head_timeout_ms
		                   : server->is_draining  ? DRAIN_IDLE_MS
		                                          : server->options.keepalive_timeout_ms;
		if (session->idle_since_ms + idle_ms < at_ms)
			at_ms = session->idle_since_ms + idle_ms;
	}
	serve_connection_set_deadline(session->connection, at_ms);
}

/* Whether the client takes what is in `out`; who is slow for too long is cut off. */
static void watch_pace(struct serve_h2_session *session)
{
	if (serve_connection_has_unsent(session->connection)) {
		if (session->pace_look_ms == CLOCK_NEVER)
			session->pace_look_ms = serve_connection_pace_start(session->connection);
	} else {
		session->pace_look_ms = CLOCK_NEVER;
		serve_connection_pace_stop(session->connection);
	}
}

/* ---- the task ---- */

/* Reads, and takes what has come. False when the connection is ending, maybe gone. */
static bool receive(struct serve_h2_session *session)
{
	struct serve_connection *connection = session->connection;
	struct buf *in = &connection->in;
	for (unsigned i = 0; i < READS_A_TURN && serve_h2_room(session) > 0; i++) {
		if (buf_length(in) < session->wanted) {
			size_t more =
			        buf_length(in) == 0 ? BUF_MIDDLE : session->wanted - buf_length(in);
			if (!connection->is_readable)
				break;
			if (!serve_connection_reserve(connection, more)) {
				serve_h2_calm(session, SERVE_FLOOD_MEMORY);
				break;
			}
			if (serve_connection_fill(connection) == TCP_RESET || connection->has_end) {
				break_off(session, FAULT_CLIENT_GONE);
				return false;
			}
			if (buf_length(in) < session->wanted)
				continue;
		}
		/* Once for all requests in it: the clock is dear where there are many. */
		session->received_us = clock_us();
		serve_h2_frames_take(session, in);
		if (is_done(session))
			break;
		serve_h2_pump(session);
	}
	if (!session->head.is_open)
		serve_h2_head_done(&session->head);
	buf_release_if_empty(server_of(session)->options.buffers, in);
	session->has_more = connection->is_readable || buf_length(in) >= session->wanted;
	return true;
}

/* Those who may write now have their turn before this task has its next one. */
static void grant(struct serve_h2_session *session)
{
	struct loop *loop = server_of(session)->options.loop;
	switch (serve_h2_order_grant(session)) {
	case SERVE_H2_GRANT_NOBODY:
		break;
	case SERVE_H2_GRANT_SOME:
		loop_wake(loop, &session->connection->task);
		break;
	case SERVE_H2_GRANT_LATER:
		loop_yield(loop, &session->connection->task);
		break;
	}
}

/* Sends what there is, lets those write who wait, and looks what comes next. */
static void advance(struct serve_h2_session *session)
{
	struct loop *loop = server_of(session)->options.loop;
	struct loop_task *task = &session->connection->task;
	serve_h2_pump(session);
	serve_h2_flush(session);
	if (session->is_broken) {
		cut(session, FAULT_CLIENT_GONE);
		return;
	}
	if (is_done(session) && !has_bytes(session)) {
		cut(session, session->is_to_blame ? FAULT_CLIENT_GONE : FAULT_DRAINING);
		return;
	}
	watch_pace(session);
	look(session);
	if (session->stream_count == 0)
		serve_h2_memory_trim(&session->memory);
	if ((has_bytes(session) || !list_is_empty(&session->due)) &&
	        buf_length(&session->connection->out) < SERVE_H2_OUT_BYTES / 2)
		loop_wake(loop, task);
	if (serve_h2_room(session) >= SERVE_H2_OUT_BYTES / 2)
		grant(session);
	if (session->has_more && serve_h2_room(session) > 0)
		loop_yield(loop, task);
}

void serve_h2_run(struct serve_connection *connection)
{
	struct serve_h2_session *session = connection->session;
	if (session->is_cut) {
		if (session->open_count == 0)
			finish(session);
		return;
	}
	if (session->is_broken) {
		cut(session, FAULT_CLIENT_GONE);
		return;
	}
	if (session->has_more && serve_h2_room(session) > 0) {
		session->has_more = false;
		if (!receive(session))
			return;
	}
	advance(session);
}

void serve_h2_ready(struct serve_connection *connection, unsigned events)
{
	struct serve_h2_session *session = connection->session;
	(void)events;
	if (session->is_cut)
		return;
	if (connection->is_readable && !receive(session))
		return;
	serve_h2_touch(session);
}

void serve_h2_expired(struct serve_connection *connection, uint64_t now_ms)
{
	struct serve_h2_session *session = connection->session;
	const struct serve_server *server = connection->server;
	if (session->is_cut)
		return;
	if (session->pace_look_ms <= now_ms &&
	        serve_connection_pace_is_slow(connection, &session->pace_look_ms)) {
		break_off(session, FAULT_WRITE_SLOW);
		return;
	}
	if (session->drain_ms != 0 && session->drain_ms <= now_ms) {
		session->drain_ms = 0;
		say_last(session, SERVE_H2_NO_ERROR);
	}
	bool is_head_slow =
	        head_deadline(session) <= now_ms ||
	        (!session->has_settings &&
	                session->idle_since_ms + server->options.head_timeout_ms <= now_ms);
	uint64_t idle_ms =
	        server->is_draining ? DRAIN_IDLE_MS : server->options.keepalive_timeout_ms;
	bool is_idle = session->stream_count == 0 && session->idle_since_ms + idle_ms <= now_ms;
	if (is_head_slow || is_idle)
		serve_h2_end(session, SERVE_H2_NO_ERROR);
	advance(session);
}

void serve_h2_drain(struct serve_connection *connection)
{
	struct serve_h2_session *session = connection->session;
	if (session->is_cut || session->is_closing)
		return;
	put_goaway(session, SERVE_H2_ID_MAX, SERVE_H2_NO_ERROR);
	session->drain_ms = now_of(session) + DRAIN_NOTICE_MS;
	session->idle_since_ms = now_of(session);
	serve_h2_touch(session);
}

/* ---- beginning ---- */

void serve_h2_open(struct serve_connection *connection)
{
	struct serve_server *server = connection->server;
	struct serve_h2_session *session = slab_take(&server->h2->sessions);
	memset(session, 0, offsetof(struct serve_h2_session, pack));
	session->connection = connection;
	session->head.pool = server->options.buffers;
	session->head.limits = &server->options.head_limits;
	session->memory.budget = server->options.buffers->budget;
	session->window = session->stream_window = SERVE_H2_WINDOW_BYTES;
	session->wider = LIMIT_H2_WIDER_BYTES;
	session->preface_left = PREFACE_BYTES;
	session->wanted = 1;
	session->idle_since_ms = now_of(session);
	session->pace_look_ms = CLOCK_NEVER;
	list_init(&session->streams);
	list_init(&session->due);
	for (unsigned i = 0; i < SERVE_H2_URGENCIES; i++)
		list_init(&session->waiting[i]);
	serve_h2_pack_init(&session->pack);
	serve_h2_unpack_init(&session->unpack);
	connection->session = session;
	connection->state = CONNECTION_HTTP2;
	if (!serve_h2_memory_take(&session->memory, sizeof(*session))) {
		break_off(session, FAULT_MEMORY);
		return;
	}
	put_settings(session);
	/* What the kernel has taken cannot be overtaken by what is more urgent. */
	int unsent = UNSENT_BYTES;
	setsockopt(connection->watched.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	if (server->is_draining)
		serve_h2_drain(connection);
	if (receive(session))
		serve_h2_touch(session);
}

void serve_h2_free(struct serve_h2_session *session)
{
	if (session == NULL)
		return;
	struct serve_server *server = server_of(session);
	struct list_node *node;
	while ((node = list_first(&session->streams)) != NULL)
		serve_h2_stream_free(container_of(node, struct serve_h2_stream, node));
	drop_rest(session);
	serve_h2_frames_done(session);
	buf_release(server->options.buffers, &session->control);
	if (session->memory.used > 0)
		serve_h2_memory_give(&session->memory, sizeof(*session));
	serve_h2_memory_done(&session->memory);
	slab_give(&server->h2->sessions, session);
}
