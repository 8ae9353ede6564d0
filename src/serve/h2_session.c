/*
 * The life of an HTTP/2 connection. Reading gives nghttp2 what is in `in`, whose callbacks
 * (h2_frames.c) make streams and wake who answers; whatever is to be sent is put into `out` by
 * serve_h2_pump, and the connection's task, which runs behind theirs, sends it with one write.
 * While `out` is full nothing is read: who does not read our answers can't ask for more.
 *
 * The end: nghttp2 wants neither to read nor to write, or something broke. Then the streams are
 * cut, which is told to who answers, and with the last of them the connection ends.
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
	/* What nghttp2 1.52 takes in blocks that are too large for slabs. */
	LARGE_BYTES = 24576,
	/* Of that, what is written to: its struct, its map of streams, and the beginning of its
	 * buffer, for the frames that are no bodies or heads. */
	WRITTEN_BYTES = 2944 + 4112 + 64,
	WRITTEN_PAGES = 2,
};

/* A session and, behind it, the larger blocks that nghttp2 takes for it (h2_memory.c): of seven
 * pages in all, two are written to. */
struct session_room {
	struct serve_h2_session session;
	_Alignas(16) char large[LARGE_BYTES];
};

_Static_assert(offsetof(struct session_room, large) + WRITTEN_BYTES <= WRITTEN_PAGES * 4096,
        "what is written to has its pages");

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
	static const char preface[] = NGHTTP2_CLIENT_MAGIC;
	size_t length = bytes.len < sizeof(preface) - 1 ? bytes.len : sizeof(preface) - 1;
	if (memcmp(bytes.at, preface, length) != 0)
		return SERVE_H2_PREFACE_NO;
	return length == sizeof(preface) - 1 ? SERVE_H2_PREFACE_YES : SERVE_H2_PREFACE_MORE;
}

/* ---- what all sessions share ---- */

struct serve_h2_shared *serve_h2_shared_new(void)
{
	struct serve_h2_shared *shared = mem_new(struct serve_h2_shared);
	CHECK(nghttp2_session_callbacks_new(&shared->callbacks) == 0);
	CHECK(nghttp2_option_new(&shared->option) == 0);
	serve_h2_frames_set(shared->callbacks);
	serve_h2_response_set(shared->callbacks);
	nghttp2_option_set_no_auto_window_update(shared->option, 1);
	nghttp2_option_set_no_closed_streams(shared->option, 1);
	nghttp2_option_set_max_outbound_ack(shared->option, LIMIT_H2_ACKS);
	nghttp2_option_set_max_continuations(shared->option, LIMIT_H2_CONTINUATIONS);
	nghttp2_option_set_max_reserved_remote_streams(shared->option, 0);
	nghttp2_option_set_builtin_recv_extension_type(shared->option, NGHTTP2_PRIORITY_UPDATE);
	/* Messages are judged, and heads packed, by us (h2_rules.c, h2_block.c). */
	nghttp2_option_set_no_http_messaging(shared->option, 1);
	nghttp2_option_set_max_deflate_dynamic_table_size(shared->option, 0);
	/* Resets are counted by us (h2_flood.c); the library would end with INTERNAL_ERROR. */
	nghttp2_option_set_stream_reset_rate_limit(shared->option, UINT32_MAX, UINT32_MAX);
	slab_init_sparse(&shared->sessions, sizeof(struct session_room));
	slab_init(&shared->streams, sizeof(struct serve_h2_stream));
	serve_h2_memory_init_blocks(&shared->blocks);
	return shared;
}

void serve_h2_shared_free(struct serve_h2_shared *shared)
{
	if (shared == NULL)
		return;
	nghttp2_session_callbacks_del(shared->callbacks);
	nghttp2_option_del(shared->option);
	slab_done(&shared->sessions);
	slab_done(&shared->streams);
	serve_h2_memory_done_blocks(&shared->blocks);
	mem_free(shared);
}

/* ---- sending ---- */

void serve_h2_touch(struct serve_h2_session *session)
{
	loop_wake(server_of(session)->options.loop, &session->connection->task);
}

size_t serve_h2_room(const struct serve_h2_session *session)
{
	size_t taken = buf_length(&session->connection->out) + SERVE_H2_FRAME_HEAD_BYTES;
	if (session->rest.len > 0 || taken >= SERVE_H2_OUT_BYTES)
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

static void drop_rest_block(struct serve_h2_session *session)
{
	if (session->rest_block != NULL)
		session->memory.calls.free(session->rest_block, &session->memory);
	session->rest_block = NULL;
}

/* Copies what is left of a frame into `out`; false when not all of it has room now. */
static bool put_rest(struct serve_h2_session *session)
{
	struct buf *out = &session->connection->out;
	struct buf_pool *pool = server_of(session)->options.buffers;
	size_t room = BUF_LARGE - buf_length(out);
	struct str now = session->rest;
	if (now.len > room)
		now.len = room;
	if (now.len == 0)
		return session->rest.len == 0;
	if (!serve_h2_reserve(session, now.len) || !buf_add(pool, out, now)) {
		session->is_broken = true;
		return false;
	}
	session->rest = str_make(session->rest.at + now.len, session->rest.len - now.len);
	if (session->rest.len > 0)
		return false;
	drop_rest_block(session);
	return true;
}

/* The next frames; false when there is none, or no room. */
static bool pump_next(struct serve_h2_session *session)
{
	const uint8_t *bytes;
	if (session->is_broken || !put_rest(session) ||
	        buf_length(&session->connection->out) >= SERVE_H2_OUT_BYTES)
		return false;
	session->is_written = false;
	ssize_t length = nghttp2_session_mem_send(session->wire, &bytes);
	session->is_drained = length == 0;
	if (length < 0)
		session->is_broken = true;
	if (length <= 0)
		return false;
	if (!session->is_written)
		session->rest = str_make((const char *)bytes, (size_t)length);
	return put_rest(session);
}

void serve_h2_pump_one(struct serve_h2_session *session)
{
	pump_next(session);
}

void serve_h2_pump(struct serve_h2_session *session)
{
	while (pump_next(session))
		;
}

void serve_h2_flush(struct serve_h2_session *session)
{
	if (!session->is_broken && !serve_connection_flush(session->connection))
		session->is_broken = true;
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
		stream->is_wire_closed = true;
		if (!stream->stream.is_closed)
			serve_h2_stream_gone(stream, fault);
		serve_h2_stream_settle(stream);
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

static void count_flood(struct serve_h2_session *session, enum serve_flood kind)
{
	atomic_fetch_add_explicit(&server_of(session)->h2->floods[kind], 1, memory_order_relaxed);
}

void serve_h2_calm(struct serve_h2_session *session, enum serve_flood kind)
{
	if (session->is_calmed)
		return;
	session->is_calmed = true;
	count_flood(session, kind);
	nghttp2_session_terminate_session(session->wire, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* nghttp2 cannot go on, and will not say so itself. */
static void say_goaway(struct serve_h2_session *session, uint32_t code)
{
	uint32_t last = (uint32_t)nghttp2_session_get_last_proc_stream_id(session->wire);
	const char frame[] = {0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0, (char)(last >> 24),
	        (char)(last >> 16), (char)(last >> 8), (char)last, (char)(code >> 24),
	        (char)(code >> 16), (char)(code >> 8), (char)code};
	if (session->is_broken || !put_rest(session) ||
	        !buf_add(server_of(session)->options.buffers, &session->connection->out,
	                str_make(frame, sizeof(frame))))
		session->is_broken = true;
}

/* What nghttp2 returned ends the connection. */
static void fail(struct serve_h2_session *session, int error)
{
	uint32_t code = NGHTTP2_PROTOCOL_ERROR;
	switch (error) {
	case NGHTTP2_ERR_FLOODED:
		count_flood(session, SERVE_FLOOD_ACKS);
		code = NGHTTP2_ENHANCE_YOUR_CALM;
		break;
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		count_flood(session, SERVE_FLOOD_CONTINUATIONS);
		code = NGHTTP2_ENHANCE_YOUR_CALM;
		break;
	case NGHTTP2_ERR_NOMEM:
		count_flood(session, SERVE_FLOOD_MEMORY);
		code = NGHTTP2_ENHANCE_YOUR_CALM;
		break;
	case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
		break;
	default:
		code = NGHTTP2_INTERNAL_ERROR;
		break;
	}
	say_goaway(session, code);
	cut(session, FAULT_CLIENT_GONE);
}

static bool is_over(const struct serve_h2_session *session)
{
	return session->is_calmed || (!nghttp2_session_want_read(session->wire) &&
	                                     !nghttp2_session_want_write(session->wire));
}

/* ---- deadlines ---- */

/* Since when nothing is asked for is kept; the deadline is the earliest of what is waited for. */
static void look(struct serve_h2_session *session)
{
	const struct serve_server *server = server_of(session);
	uint64_t at_ms = session->pace_look_ms;
	if (session->drain_ms != 0 && session->drain_ms < at_ms)
		at_ms = session->drain_ms;
	if (session->head_since_ms != 0 &&
	        session->head_since_ms + server->options.head_timeout_ms < at_ms)
		at_ms = session->head_since_ms + server->options.head_timeout_ms;
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

/* Reads and has it parsed. False when the connection is ending, maybe gone. */
static bool receive(struct serve_h2_session *session)
{
	struct serve_connection *connection = session->connection;
	struct buf *in = &connection->in;
	for (unsigned i = 0; i < READS_A_TURN; i++) {
		if (serve_h2_room(session) == 0)
			break;
		if (buf_length(in) == 0) {
			if (!connection->is_readable)
				break;
			if (!serve_connection_reserve(connection, BUF_MIDDLE)) {
				fail(session, NGHTTP2_ERR_NOMEM);
				return false;
			}
			if (serve_connection_fill(connection) == TCP_RESET || connection->has_end) {
				break_off(session, FAULT_CLIENT_GONE);
				return false;
			}
			if (buf_length(in) == 0)
				break;
		}
		/* Once for all requests in it: the clock is dear where there are many. */
		session->received_us = clock_us();
		ssize_t taken = nghttp2_session_mem_recv(
		        session->wire, (const uint8_t *)buf_bytes(in), buf_length(in));
		if (taken < 0) {
			fail(session, (int)taken);
			return false;
		}
		buf_drop(in, buf_length(in));
		if (is_over(session))
			break;
		serve_h2_pump(session);
	}
	if (!session->head.is_open)
		serve_h2_head_done(&session->head);
	buf_release_if_empty(server_of(session)->options.buffers, in);
	session->has_more = connection->is_readable || buf_length(in) > 0;
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
	if (is_over(session) && session->rest.len == 0) {
		cut(session, session->is_calmed ? FAULT_CLIENT_GONE : FAULT_DRAINING);
		return;
	}
	watch_pace(session);
	look(session);
	if (session->stream_count == 0)
		serve_h2_memory_trim(&session->memory);
	if (session->rest.len > 0 && buf_length(&session->connection->out) == 0)
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
		nghttp2_submit_goaway(session->wire, NGHTTP2_FLAG_NONE,
		        nghttp2_session_get_last_proc_stream_id(session->wire), NGHTTP2_NO_ERROR,
		        NULL, 0);
	}
	bool is_head_slow =
	        (session->head_since_ms != 0 &&
	                session->head_since_ms + server->options.head_timeout_ms <= now_ms) ||
	        (!session->has_settings &&
	                session->idle_since_ms + server->options.head_timeout_ms <= now_ms);
	uint64_t idle_ms =
	        server->is_draining ? DRAIN_IDLE_MS : server->options.keepalive_timeout_ms;
	bool is_idle = session->stream_count == 0 && session->idle_since_ms + idle_ms <= now_ms;
	if (is_head_slow || is_idle)
		nghttp2_session_terminate_session(session->wire, NGHTTP2_NO_ERROR);
	advance(session);
}

void serve_h2_drain(struct serve_connection *connection)
{
	struct serve_h2_session *session = connection->session;
	if (session->is_cut)
		return;
	nghttp2_submit_shutdown_notice(session->wire);
	session->drain_ms = now_of(session) + DRAIN_NOTICE_MS;
	session->idle_since_ms = now_of(session);
	serve_h2_touch(session);
}

/* ---- beginning ---- */

static bool say_settings(struct serve_h2_session *session)
{
	const struct serve_options *options = &server_of(session)->options;
	const nghttp2_settings_entry entries[] = {
	        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_H2_STREAMS},
	        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options->head_limits.head_bytes},
	        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
	};
	_Static_assert((int)LIMIT_H2_WINDOW_BYTES == NGHTTP2_INITIAL_WINDOW_SIZE,
	        "else it has to be said in SETTINGS");
	_Static_assert((int)LIMIT_H2_WINDOW_BYTES <= BUF_LARGE, "a window fits a buffer");
	return nghttp2_submit_settings(
	               session->wire, NGHTTP2_FLAG_NONE, entries, ARRAY_LENGTH(entries)) == 0 &&
	       nghttp2_session_set_local_window_size(
	               session->wire, NGHTTP2_FLAG_NONE, 0, LIMIT_H2_CONNECTION_WINDOW_BYTES) == 0;
}

void serve_h2_open(struct serve_connection *connection)
{
	struct serve_server *server = connection->server;
	struct session_room *room = slab_take(&server->h2->sessions);
	struct serve_h2_session *session = &room->session;
	*session = (struct serve_h2_session){
	        .connection = connection,
	        .head = {.pool = server->options.buffers, .limits = &server->options.head_limits},
	        .idle_since_ms = loop_now_ms(server->options.loop),
	        .pace_look_ms = CLOCK_NEVER,
	};
	list_init(&session->streams);
	for (unsigned i = 0; i < SERVE_H2_URGENCIES; i++)
		list_init(&session->waiting[i]);
	serve_h2_pack_init(&session->pack);
	serve_h2_memory_init(&session->memory, server->options.buffers->budget, &server->h2->blocks,
	        room->large, sizeof(room->large));
	connection->session = session;
	connection->state = CONNECTION_HTTP2;
	if (nghttp2_session_server_new3(&session->wire, server->h2->callbacks, session,
	            server->h2->option, &session->memory.calls) != 0) {
		session->wire = NULL;
		break_off(session, FAULT_MEMORY);
		return;
	}
	if (!say_settings(session)) {
		break_off(session, FAULT_MEMORY);
		return;
	}
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
	/* No callback of its is to find the streams that it forgets. */
	nghttp2_session_del(session->wire);
	session->memory.calls.free(session->pack_text, &session->memory);
	drop_rest_block(session);
	serve_h2_head_done(&session->head);
	serve_h2_memory_done(&session->memory);
	slab_give(&server->h2->sessions, container_of(session, struct session_room, session));
}
