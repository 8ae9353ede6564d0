/*
 * The life of a client connection: accepted -> (PROXY header) -> (TLS's HANDSHAKE) -> IDLE <-> HEAD
 * -> EXCHANGE -> FLUSH -> IDLE … and LINGER at the end, so that the client reads our last response
 * before a reset could reach it (RFC 9112 9.6).
 *
 * It is in the loop once, edge-triggered; is_readable remembers that there may be something to
 * read. The one timer is lazy: it is moved only when it would come too late, and looks at the
 * deadline when it comes.
 */
#include "serve/connection_private.h"

#include "base/clock.h"
#include "http/status.h"
#include "http/write.h"
#include "net/tls_site.h"
#include "serve/h2.h"
#include "serve/proxy_header.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* How long a client may be silent before its FIN, and how long it may go on sending. */
	LINGER_MS = 2000,
	LINGER_MAX_MS = 30000,
	/* What is dropped in one turn of the loop: so many reads of so much. */
	LINGER_READS = 4,
	LINGER_READ_BYTES = 1 << 18,
	DRAIN_IDLE_MS = 1000,
	ERROR_ROOM = 1024,
	/* How often the pace is looked at within write_timeout. */
	PACE_LOOKS = 8,
};

/* What a look at `in` came to. */
enum look {
	LOOK_ON,   /* go on looking */
	LOOK_MORE, /* more bytes are needed */
	LOOK_STOP, /* a stream is open, or the connection is ending, maybe gone */
};

void serve_connection_set_deadline(struct serve_connection *connection, uint64_t at_ms)
{
	connection->deadline_ms = at_ms;
	if (at_ms == CLOCK_NEVER)
		return;
	if (!timer_is_running(&connection->timer) || at_ms < connection->timer.at_ms)
		loop_timer_start(connection->server->options.loop, &connection->timer, at_ms);
}

static uint64_t now_of(const struct serve_connection *connection)
{
	return loop_now_ms(connection->server->options.loop);
}

static void leave_server(struct serve_connection *connection)
{
	struct serve_server *server = connection->server;
	loop_timer_cancel(server->options.loop, &connection->timer);
	loop_unwake(&connection->task);
	loop_remove(server->options.loop, &connection->watched);
	serve_wire_close(&connection->wire);
	if (connection->state == CONNECTION_HANDSHAKE)
		server->handshakes--;
	buf_release(server->options.buffers, &connection->in);
	buf_release(server->options.buffers, &connection->out);
	list_remove(&connection->node);
	if (connection->is_counted)
		serve_census_leave_client(server->options.census, &connection->client);
	serve_census_leave(server->options.census);
	server->count--;
}

void serve_connection_close(struct serve_connection *connection)
{
	CHECK(connection->stream == NULL);
	serve_h2_free(connection->session);
	leave_server(connection);
	close(connection->watched.fd);
	slab_give(&connection->server->connection_slab, connection);
}

void serve_connection_reset(struct serve_connection *connection)
{
	struct linger now = {.l_onoff = 1};
	setsockopt(connection->watched.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	serve_connection_close(connection);
}

bool serve_connection_reserve(struct serve_connection *connection, size_t room)
{
	return buf_reserve(connection->server->options.buffers, &connection->in, room);
}

enum tcp_result serve_connection_fill(struct serve_connection *connection)
{
	struct buf *in = &connection->in;
	size_t asked = buf_room(in), count;
	enum tcp_result result =
	        serve_wire_read(&connection->wire, in->block + in->end, asked, &count);
	switch (result) {
	case TCP_DONE:
		in->end += (uint32_t)count;
		/* Less than asked for: the socket is empty, unless its end is behind it. */
		connection->is_readable = count == asked || connection->has_hangup ||
		                          !serve_wire_tells_by_count(&connection->wire);
		break;
	case TCP_AGAIN:
		connection->is_readable = false;
		break;
	case TCP_END:
		connection->has_end = true;
		connection->is_readable = false;
		break;
	case TCP_RESET:
		connection->is_readable = false;
		break;
	}
	return result;
}

bool serve_connection_flush(struct serve_connection *connection)
{
	struct buf *out = &connection->out;
	if (buf_length(out) > 0) {
		struct iovec vector = {.iov_base = buf_bytes(out), .iov_len = buf_length(out)};
		size_t count;
		switch (serve_wire_write(&connection->wire, &vector, 1, &count)) {
		case TCP_DONE:
			buf_drop(out, count);
			break;
		case TCP_AGAIN:
			break;
		case TCP_END:
		case TCP_RESET:
			return false;
		}
	}
	buf_release_if_empty(connection->server->options.buffers, out);
	return serve_wire_flush(&connection->wire);
}

bool serve_connection_has_unsent(const struct serve_connection *connection)
{
	return buf_length(&connection->out) > 0 || serve_wire_has_unsent(&connection->wire);
}

/* What the client's side has acknowledged. */
static uint64_t acknowledged(const struct serve_connection *connection)
{
	int waiting = 0;
	uint64_t sent = serve_wire_sent(&connection->wire);
	if (ioctl(connection->watched.fd, SIOCOUTQ, &waiting) != 0)
		return sent;
	return sent - (uint64_t)waiting;
}

static uint64_t next_look(const struct serve_connection *connection)
{
	return now_of(connection) + connection->server->options.write_timeout_ms / PACE_LOOKS + 1;
}

uint64_t serve_connection_pace_start(struct serve_connection *connection)
{
	if (connection->pace_since_ms == 0) {
		connection->pace_since_ms = now_of(connection);
		connection->pace_mark = acknowledged(connection);
	}
	return next_look(connection);
}

void serve_connection_pace_stop(struct serve_connection *connection)
{
	connection->pace_since_ms = 0;
}

bool serve_connection_pace_is_slow(struct serve_connection *connection, uint64_t *ret_look_ms)
{
	CHECK(connection->pace_since_ms != 0);
	const struct serve_options *options = &connection->server->options;
	uint64_t least = (uint64_t)options->rate_min * options->write_timeout_ms / 1000;
	uint64_t taken = acknowledged(connection), now_ms = now_of(connection);
	if (taken == serve_wire_sent(&connection->wire) ||
	        taken - connection->pace_mark >= (least > 0 ? least : 1)) {
		connection->pace_since_ms = now_ms;
		connection->pace_mark = taken;
	} else if (now_ms - connection->pace_since_ms >= options->write_timeout_ms) {
		return true;
	}
	*ret_look_ms = next_look(connection);
	return false;
}

/* Drops what the client still sends, until its FIN; a part in each turn, since who sends without
 * end must wait like everybody else. */
static void linger(struct serve_connection *connection)
{
	uint64_t now_ms = now_of(connection);
	for (unsigned i = 0; connection->is_readable; i++) {
		if (i == LINGER_READS) {
			loop_timer_start(
			        connection->server->options.loop, &connection->timer, now_ms);
			return;
		}
		/* Nothing is copied: with MSG_TRUNC, TCP drops the bytes (tcp(7)). */
		ssize_t count = recv(connection->watched.fd, NULL, LINGER_READ_BYTES, MSG_TRUNC);
		if (count > 0) {
			uint64_t until_ms = now_ms + LINGER_MS;
			connection->deadline_ms = until_ms < connection->linger_until_ms
			                                  ? until_ms
			                                  : connection->linger_until_ms;
		} else if (count < 0 && errno == EAGAIN) {
			connection->is_readable = false;
		} else if (count == 0 || errno != EINTR) {
			serve_connection_close(connection);
			return;
		}
	}
}

/* The last response is in the kernel: says so to the client, and waits for it to have read it. */
static void end(struct serve_connection *connection)
{
	serve_wire_end(&connection->wire);
	if (connection->has_end) {
		serve_connection_close(connection);
		return;
	}
	tcp_send_fin(connection->watched.fd);
	connection->state = CONNECTION_LINGER;
	buf_release(connection->server->options.buffers, &connection->in);
	connection->linger_until_ms = now_of(connection) + LINGER_MAX_MS;
	serve_connection_set_deadline(connection, now_of(connection) + LINGER_MS);
	linger(connection);
}

/* After an exchange: sends the rest, then the next request or the end. */
static void finish_flush(struct serve_connection *connection)
{
	if (!serve_connection_flush(connection)) {
		serve_connection_close(connection);
		return;
	}
	if (serve_connection_has_unsent(connection)) {
		serve_connection_set_deadline(connection, serve_connection_pace_start(connection));
		return;
	}
	serve_connection_pace_stop(connection);
	if (connection->is_last) {
		end(connection);
		return;
	}
	connection->state = CONNECTION_IDLE;
	const struct serve_options *options = &connection->server->options;
	bool is_draining = connection->server->is_draining;
	serve_connection_set_deadline(connection,
	        now_of(connection) + (is_draining ? DRAIN_IDLE_MS : options->keepalive_timeout_ms));
	buf_release_if_empty(options->buffers, &connection->in);
	/* The next request waits for the next turn: who has many in the pipe gets one at a time, as
	 * everybody else. */
	if (connection->is_readable || connection->has_end || buf_length(&connection->in) > 0)
		loop_yield(options->loop, &connection->task);
}

void serve_connection_next(struct serve_connection *connection)
{
	CHECK(connection->stream == NULL);
	connection->state = CONNECTION_FLUSH;
	finish_flush(connection);
}

bool serve_connection_put_error(struct serve_connection *connection, enum fault fault,
        const struct http_head *request, struct str added)
{
	struct serve_server *server = connection->server;
	const struct fault_info *info = fault_info(fault);
	struct str reason = http_status_reason(info->status);
	char body[256];
	int length = snprintf(
	        body, sizeof(body), "%u %.*s\n%s\n", info->status, STR_ARG(reason), info->words);
	if (!buf_reserve(server->options.buffers, &connection->out, ERROR_ROOM + added.len))
		return false;
	struct http_writer writer;
	http_writer_init(
	        &writer, connection->out.block + connection->out.end, buf_room(&connection->out));
	http_write_status_line(&writer, info->status, reason);
	http_write_known_field(&writer, HTTP_NAME_DATE, serve_server_date(server));
	http_write_known_field(&writer, HTTP_NAME_CONTENT_TYPE, STR("text/plain; charset=utf-8"));
	http_write_known_field(&writer, HTTP_NAME_CACHE_CONTROL, STR("no-store"));
	http_write_length_field(&writer, (uint64_t)length);
	http_write_known_field(&writer, HTTP_NAME_X_HEADWATER_ERROR, str_of(info->name));
	http_write(&writer, added);
	if (connection->is_last)
		http_write_known_field(&writer, HTTP_NAME_CONNECTION, STR("close"));
	else if (request != NULL && request->minor == 0)
		http_write_known_field(&writer, HTTP_NAME_CONNECTION, STR("keep-alive"));
	http_write_end_of_head(&writer);
	if (request == NULL || request->method != HTTP_HEAD)
		http_write(&writer, str_make(body, (size_t)length));
	CHECK(!writer.full);
	connection->out.end += (uint32_t)http_writer_str(&writer).len;
	return true;
}

/* The one writer is the server's thread. */
static void count_handshake(struct serve_server *server, enum serve_handshakes kind)
{
	uint64_t count = serve_server_handshakes(server, kind);
	atomic_store_explicit(&server->handshakes_done[kind], count + 1, memory_order_relaxed);
}

/* Ends a connection on which nothing can be answered: TLS is not agreed on. */
static void refuse_silently(struct serve_connection *connection, enum fault fault)
{
	count_handshake(connection->server, SERVE_HANDSHAKES_FAILED);
	const struct serve_options *options = &connection->server->options;
	options->handler->on_refused(options->handler, &connection->client, fault);
	serve_connection_close(connection);
}

/* Answers what could not become a request, and ends the connection (RFC 9112 section 9.3). */
static void refuse(struct serve_connection *connection, enum fault fault)
{
	bool is_open = connection->wire.tls != NULL && serve_wire_is_open(&connection->wire);
	if (connection->is_secure && !is_open) {
		refuse_silently(connection, fault);
		return;
	}
	const struct serve_options *options = &connection->server->options;
	options->handler->on_refused(options->handler, &connection->client, fault);
	connection->is_last = true;
	if (fault_info(fault)->status == 0 || fault == FAULT_CLIENT_GONE ||
	        !serve_connection_put_error(
	                connection, fault, NULL, str_of(options->refusal_lines))) {
		serve_connection_close(connection);
		return;
	}
	serve_connection_next(connection);
}

/* TLS comes next, and what is in `in` belongs to it. */
static enum look begin_handshake(struct serve_connection *connection)
{
	struct serve_server *server = connection->server;
	if (server->handshakes >= LIMIT_TLS_HANDSHAKES) {
		refuse_silently(connection, FAULT_OVERLOAD);
		return LOOK_STOP;
	}
	connection->state = CONNECTION_HANDSHAKE;
	server->handshakes++;
	serve_connection_set_deadline(
	        connection, now_of(connection) + server->options.handshake_timeout_ms);
	struct str early = buf_length(&connection->in) > 0 ? buf_str(&connection->in) : STR_EMPTY;
	if (!serve_wire_begin_tls(
	            &connection->wire, server->options.tls, server->options.buffers, early)) {
		refuse_silently(connection, FAULT_MEMORY);
		return LOOK_STOP;
	}
	buf_release(server->options.buffers, &connection->in);
	connection->is_readable |= early.len > 0;
	return LOOK_MORE;
}

/* TLS is agreed on: requests may come. */
static void end_handshake(struct serve_connection *connection)
{
	connection->server->handshakes--;
	connection->state = CONNECTION_IDLE;
	count_handshake(connection->server, tls_is_resumed(connection->wire.tls)
	                                            ? SERVE_HANDSHAKES_RESUMED
	                                            : SERVE_HANDSHAKES_FULL);
	bool is_draining = connection->server->is_draining;
	const struct serve_options *options = &connection->server->options;
	serve_connection_set_deadline(connection,
	        now_of(connection) + (is_draining ? DRAIN_IDLE_MS : options->head_timeout_ms));
}

/* Takes the PROXY header off the front of `in`. */
static enum look read_proxy_header(struct serve_connection *connection)
{
	struct serve_proxy_header header;
	size_t consumed;
	switch (serve_proxy_header_parse(buf_str(&connection->in), &header, &consumed)) {
	case SERVE_PROXY_HEADER_MORE:
		return LOOK_MORE;
	case SERVE_PROXY_HEADER_BAD:
		refuse(connection, FAULT_BAD_PROXY_HEADER);
		return LOOK_STOP;
	case SERVE_PROXY_HEADER_LOCAL:
		break;
	case SERVE_PROXY_HEADER_ADDRESSES:
		connection->client = header.source;
		break;
	}
	buf_drop(&connection->in, consumed);
	if (!serve_census_enter_client(connection->server->options.census, &connection->client)) {
		refuse(connection, FAULT_OVERLOAD);
		return LOOK_STOP;
	}
	connection->is_counted = true;
	if (connection->is_secure)
		return begin_handshake(connection);
	connection->state = CONNECTION_IDLE;
	return buf_length(&connection->in) > 0 ? LOOK_ON : LOOK_MORE;
}

/* A part of a head is there: the rest must come in time. */
static void wait_for_head(struct serve_connection *connection)
{
	if (connection->state != CONNECTION_IDLE)
		return;
	connection->state = CONNECTION_HEAD;
	serve_connection_set_deadline(
	        connection, now_of(connection) + connection->server->options.head_timeout_ms);
}

/* Parses the head that is in `in`. */
static enum look read_head(struct serve_connection *connection)
{
	struct http_field fields[LIMIT_HEAD_FIELDS];
	struct http_head head = {.fields = fields, .capacity = LIMIT_HEAD_FIELDS};
	size_t scanned = connection->scanned;
	enum fault fault = FAULT_NONE;
	enum http_parse result = http_head_parse_request(buf_str(&connection->in), &scanned,
	        &connection->server->options.head_limits, &head, &fault);
	switch (result) {
	case HTTP_PARSE_DONE:
		connection->scanned = 0;
		fault = serve_stream_open(connection, &head);
		break;
	case HTTP_PARSE_MORE:
		connection->scanned = (uint32_t)scanned;
		wait_for_head(connection);
		return LOOK_MORE;
	case HTTP_PARSE_BAD:
		break;
	}
	if (fault != FAULT_NONE) {
		refuse(connection, fault);
		return LOOK_STOP;
	}
	connection->state = CONNECTION_EXCHANGE;
	serve_connection_set_deadline(connection, CLOCK_NEVER);
	struct serve_handler *handler = connection->server->options.handler;
	handler->on_request(handler, connection->stream);
	return LOOK_STOP;
}

/* The first bytes of a connection tell the version of HTTP. */
static enum look read_preface(struct serve_connection *connection)
{
	switch (serve_h2_preface_of(buf_str(&connection->in))) {
	case SERVE_H2_PREFACE_NO:
		break;
	case SERVE_H2_PREFACE_MORE:
		wait_for_head(connection);
		return LOOK_MORE;
	case SERVE_H2_PREFACE_YES:
		serve_h2_open(connection);
		return LOOK_STOP;
	}
	connection->may_be_h2 = false;
	return LOOK_ON;
}

static enum look look(struct serve_connection *connection)
{
	enum look result = LOOK_ON;
	if (buf_length(&connection->in) == 0)
		return LOOK_MORE;
	if (connection->state == CONNECTION_PROXY)
		result = read_proxy_header(connection);
	if (result == LOOK_ON && connection->may_be_h2)
		result = read_preface(connection);
	return result == LOOK_ON ? read_head(connection) : result;
}

/* The client's FIN was read and no further request is whole. */
static void end_input(struct serve_connection *connection)
{
	if (connection->state == CONNECTION_HEAD)
		refuse(connection, FAULT_CLIENT_GONE);
	else
		serve_connection_close(connection);
}

/* In PROXY, IDLE and HEAD: reads until a head is whole or nothing more comes. */
static void advance(struct serve_connection *connection)
{
	for (;;) {
		if (look(connection) == LOOK_STOP)
			return;
		if (connection->has_end) {
			end_input(connection);
			return;
		}
		if (!connection->is_readable)
			break;
		/* The first read of a head takes a small block; a head that fills it gets the
		 * largest. */
		size_t have = buf_length(&connection->in);
		size_t room = have == 0          ? 1
		              : have < BUF_SMALL ? BUF_MIDDLE - have
		                                 : BUF_LARGE - have;
		if (buf_room(&connection->in) > 0)
			room = 1;
		if (!serve_connection_reserve(connection, room)) {
			refuse(connection, FAULT_MEMORY);
			return;
		}
		if (serve_connection_fill(connection) == TCP_RESET) {
			if (connection->state == CONNECTION_HANDSHAKE)
				refuse_silently(connection, FAULT_CLIENT_TLS);
			else
				serve_connection_close(connection);
			return;
		}
		if (connection->state == CONNECTION_HANDSHAKE &&
		        serve_wire_is_open(&connection->wire)) {
			end_handshake(connection);
			if (tls_is_http2(connection->wire.tls)) {
				serve_h2_open(connection);
				return;
			}
		}
	}
	buf_release_if_empty(connection->server->options.buffers, &connection->in);
}

/* What an event means to TLS: its socket may have something, and may take what waits for it. False:
 * the connection is gone. */
static bool carry_on(struct serve_connection *connection, unsigned events)
{
	if (events & (LOOP_READABLE | LOOP_HANGUP))
		serve_wire_ready(&connection->wire, (events & LOOP_HANGUP) != 0);
	if (serve_wire_flush(&connection->wire))
		return true;
	if (connection->stream != NULL) {
		serve_stream_gone(connection->stream, FAULT_CLIENT_GONE);
		return true;
	}
	if (connection->session != NULL)
		return true; /* which finds out */
	serve_connection_close(connection);
	return false;
}

static void on_ready(struct loop_fd *watched, unsigned events)
{
	struct serve_connection *connection =
	        container_of(watched, struct serve_connection, watched);
	if (events & (LOOP_READABLE | LOOP_HANGUP))
		connection->is_readable = !connection->has_end;
	if (events & LOOP_HANGUP)
		connection->has_hangup = true;
	if (connection->wire.tls != NULL && !carry_on(connection, events))
		return;
	switch ((enum connection_state)connection->state) {
	case CONNECTION_PROXY:
	case CONNECTION_HANDSHAKE:
	case CONNECTION_IDLE:
	case CONNECTION_HEAD:
		if (connection->is_readable)
			advance(connection);
		break;
	case CONNECTION_EXCHANGE:
		serve_stream_ready(connection->stream, events);
		break;
	case CONNECTION_HTTP2:
		serve_h2_ready(connection, events);
		break;
	case CONNECTION_FLUSH:
		if (events & (LOOP_WRITABLE | LOOP_HANGUP))
			finish_flush(connection);
		break;
	case CONNECTION_LINGER:
		linger(connection);
		break;
	}
}

static void on_task(struct loop_task *task)
{
	struct serve_connection *connection = container_of(task, struct serve_connection, task);
	if (connection->state == CONNECTION_HTTP2)
		serve_h2_run(connection);
	else if (connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD)
		advance(connection);
}

/* The last bytes of a response wait for a client that reads slowly, or too slowly. */
static void watch_flush(struct serve_connection *connection)
{
	uint64_t look_ms;
	if (serve_connection_pace_is_slow(connection, &look_ms))
		serve_connection_reset(connection);
	else
		serve_connection_set_deadline(connection, look_ms);
}

static void on_expire(struct timer *timer)
{
	struct serve_connection *connection = container_of(timer, struct serve_connection, timer);
	uint64_t now_ms = now_of(connection);
	if (connection->deadline_ms > now_ms) {
		serve_connection_set_deadline(connection, connection->deadline_ms);
		if (connection->state == CONNECTION_LINGER)
			linger(connection);
		return;
	}
	switch ((enum connection_state)connection->state) {
	case CONNECTION_HEAD:
		refuse(connection, FAULT_HEAD_SLOW);
		break;
	case CONNECTION_EXCHANGE:
		serve_stream_expired(connection->stream, now_ms);
		break;
	case CONNECTION_HTTP2:
		serve_h2_expired(connection, now_ms);
		break;
	case CONNECTION_FLUSH:
		watch_flush(connection);
		break;
	case CONNECTION_HANDSHAKE:
		refuse_silently(connection, FAULT_CLIENT_TLS);
		break;
	case CONNECTION_PROXY:
	case CONNECTION_IDLE:
	case CONNECTION_LINGER:
		serve_connection_close(connection);
		break;
	}
}

void serve_connection_drain(struct serve_connection *connection)
{
	if (connection->state == CONNECTION_IDLE)
		serve_connection_set_deadline(connection, now_of(connection) + DRAIN_IDLE_MS);
	else if (connection->state == CONNECTION_HTTP2)
		serve_h2_drain(connection);
}

void serve_connection_open(
        struct serve_server *server, int fd, const struct address *peer, struct serve_door door)
{
	struct serve_connection *connection = slab_take(&server->connection_slab);
	*connection = (struct serve_connection){
	        .watched = {.fd = fd, .on_ready = on_ready},
	        .wire = {.fd = fd},
	        .timer = {.on_expire = on_expire},
	        .task = {.on_run = on_task},
	        .server = server,
	        .client = *peer,
	        .may_be_h2 = door.may_be_h2,
	        .state = server->options.proxy_protocol ? CONNECTION_PROXY : CONNECTION_IDLE,
	        .is_secure = door.is_secure,
	};
	list_add_last(&server->connections, &connection->node);
	server->count++;
	if (!loop_add(server->options.loop, &connection->watched)) {
		serve_connection_close(connection);
		return;
	}
	serve_connection_set_deadline(
	        connection, loop_now_ms(server->options.loop) + server->options.head_timeout_ms);
	if (server->options.proxy_protocol) {
		if (!serve_server_is_trusted(server, peer))
			refuse(connection, FAULT_BAD_PROXY_HEADER);
		return;
	}
	if (!serve_census_enter_client(server->options.census, peer)) {
		refuse(connection, FAULT_OVERLOAD);
		return;
	}
	connection->is_counted = true;
	if (door.is_secure)
		(void)begin_handshake(connection);
}
