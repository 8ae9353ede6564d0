/*
 * The response of an exchange on an HTTP/2 connection: its head (h2_block.c) and its body go into
 * `out`, the body as DATA frames that are copied there while there is room and the client's windows
 * have some, from the memory or the file of who answers. `pending` and `file_left` are what a call
 * offers; what is not taken is given back.
 *
 * A stream whose client makes no room waits for its window, alone; a body that finds `out` full
 * waits its turn (h2_order.c). What needs nobody who answers any more is `due`, and goes on as soon
 * as there is room: a head that waited, and what a finished response has left.
 */
#include "base/clock.h"
#include "http/status.h"
#include "serve/h2_private.h"

#include <stdio.h>
#include <unistd.h>

enum {
	STATUS_OF_TUNNEL = 200, /* in place of 101 (RFC 8441 section 5) */
};

static struct serve_server *server_of(const struct serve_h2_stream *stream)
{
	return stream->session->connection->server;
}

/* ---- DATA frames ---- */

static size_t size_of_pending(const struct serve_h2_stream *stream)
{
	return stream->pending.len > 0 ? stream->pending.len : (size_t)stream->file_left;
}

static bool has_window(const struct serve_h2_stream *stream)
{
	return stream->session->window > 0 && stream->window > 0;
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How much of what is pending the next frame has; 0: it has to wait. */
static size_t size_of_piece(const struct serve_h2_stream *stream)
{
	size_t size = min(size_of_pending(stream), SERVE_H2_FRAME_BYTES);
	size_t room = serve_h2_room(stream->session);
	if (!has_window(stream))
		return 0;
	size = min(size, (size_t)stream->window);
	return min(min(size, (size_t)stream->session->window), room);
}

/* Reads a part of the file into `to`; all of it, or false. */
static bool read_file(const struct serve_h2_stream *stream, char *to, size_t size)
{
	uint64_t offset = stream->file_offset;
	while (size > 0) {
		ssize_t count = pread(stream->file, to, size, (off_t)offset);
		if (count <= 0)
			return false;
		to += count;
		size -= (size_t)count;
		offset += (uint64_t)count;
	}
	return true;
}

/* The end of the response is in `out`: a request that is not whole yet is not waited for (RFC 9113
 * section 8.1), but a tunnel the client may end later. The stream may be gone afterwards. */
static void end_sent(struct serve_h2_stream *stream)
{
	stream->is_end_sent = true;
	stream->waits_for_window = false;
	stream->window_since_ms = 0;
	if (stream->has_end)
		serve_h2_stream_close_wire(stream);
	else if (!stream->stream.is_tunnel)
		serve_h2_stream_reset(stream, SERVE_H2_NO_ERROR);
}

/* Puts a frame with `size` bytes of what is pending into `out`; false when they could not be had.
 * If they are the last ones the stream may be gone afterwards. */
static bool put_piece(struct serve_h2_stream *stream, size_t size)
{
	struct serve_h2_session *session = stream->session;
	struct serve_stream *it = &stream->stream;
	struct buf *out = &session->connection->out;
	bool is_end =
	        size == size_of_pending(stream) && (it->is_finished || it->length_left == size);
	if (!serve_h2_reserve(session, SERVE_H2_FRAME_HEAD_BYTES + size)) {
		session->is_broken = true;
		return false;
	}
	char *to = out->block + out->end;
	serve_h2_frame_write(to, (struct serve_h2_frame){.length = (uint32_t)size,
	                                 .id = stream->id,
	                                 .type = SERVE_H2_DATA,
	                                 .flags = is_end ? SERVE_H2_END_STREAM : 0});
	if (stream->pending.len > 0) {
		memcpy(to + SERVE_H2_FRAME_HEAD_BYTES, stream->pending.at, size);
		stream->pending = str_make(stream->pending.at + size, stream->pending.len - size);
	} else if (read_file(stream, to + SERVE_H2_FRAME_HEAD_BYTES, size)) {
		stream->file_offset += size;
		stream->file_left -= size;
	} else {
		stream->file_left = 0;
		serve_h2_stream_gone(stream, FAULT_STORED);
		return false;
	}
	buf_grew(out, SERVE_H2_FRAME_HEAD_BYTES + size);
	stream->window -= (int64_t)size;
	session->window -= (int64_t)size;
	session->data_sent += size;
	it->sent += size;
	it->length_left -= it->length_left == UINT64_MAX ? 0 : size;
	if (is_end)
		end_sent(stream);
	return true;
}

/* ---- heads ---- */

/* A copy of a head that waits; NULL when it is too much. */
static struct serve_h2_block *keep_head(
        struct serve_h2_stream *stream, const struct serve_h2_block *block)
{
	struct serve_stream *it = &stream->stream;
	size_t allocated = it->arena.allocated;
	struct serve_h2_block *kept = serve_h2_block_keep(&it->arena, block);
	size_t more = it->arena.allocated - allocated;
	if (more > 0 && !serve_h2_memory_take(&stream->session->memory, more))
		return NULL;
	it->arena_charged += more;
	return kept;
}

static bool fail_head(struct serve_h2_stream *stream)
{
	stream->stream.fault = FAULT_MEMORY;
	serve_stream_abort(&stream->stream);
	return false;
}

/* It goes on by itself, when there is room. */
static void set_due(struct serve_h2_stream *stream)
{
	if (!list_has(&stream->due))
		list_add_last(&stream->session->due, &stream->due);
}

/* Writes a head, or keeps it for later behind those that wait. False when there is no memory for
 * that. If it is the end the stream may be gone afterwards. */
static bool send_head(struct serve_h2_stream *stream, const struct serve_h2_block *block)
{
	struct serve_h2_session *session = stream->session;
	struct serve_h2_block **at = &stream->blocks;
	if (*at == NULL && serve_h2_room(session) == 0)
		serve_h2_pump(session);
	if (*at == NULL && serve_h2_room(session) > 0) {
		serve_h2_block_write(session, stream->id, block);
		if (block->is_end)
			end_sent(stream);
		return true;
	}
	struct serve_h2_block *kept = keep_head(stream, block);
	if (kept == NULL)
		return false;
	while (*at != NULL)
		at = &(*at)->next;
	kept->next = NULL;
	*at = kept;
	set_due(stream);
	return true;
}

bool serve_h2_response_begin(struct serve_stream *it, const struct serve_response *response)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	struct serve_h2_session *session = stream->session;
	CHECK(!it->has_response);
	it->has_response = true;
	it->is_tunnel = response->upgrade.len > 0;
	it->status = (uint16_t)(it->is_tunnel ? STATUS_OF_TUNNEL : response->status);
	it->length_left = response->is_bodiless && !it->is_tunnel ? 0 : response->length;
	if (it->is_gone || stream->is_wire_closed || session->is_broken)
		return true;
	const struct serve_h2_block block =
	        serve_h2_block_make(response, it->status, it->length_left == 0);
	serve_h2_touch(session);
	return send_head(stream, &block) || fail_head(stream);
}

void serve_h2_response_interim(struct serve_stream *it, unsigned status,
        const struct http_head *head, const uint64_t *drop)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	struct serve_h2_session *session = stream->session;
	/* 101 has no meaning here (RFC 9113 section 8.6). */
	if (it->is_gone || it->has_response || stream->is_wire_closed || status == 101)
		return;
	const struct serve_response response = {.head = head, .drop = drop, .length = UINT64_MAX};
	const struct serve_h2_block block = serve_h2_block_make(&response, status, false);
	serve_h2_touch(session);
	send_head(stream, &block); /* without memory a hint may be left out */
}

/* ---- bodies ---- */

static void wait_for_room(struct serve_h2_stream *stream)
{
	stream->stream.wants_room = true;
	if (!has_window(stream))
		serve_h2_stream_wait_for_window(stream);
	else
		serve_h2_order_wait(stream);
}

/* Puts what is pending into `out`, and sends that where it is full. */
static void put_pending(struct serve_h2_stream *stream)
{
	struct serve_h2_session *session = stream->session;
	for (;;) {
		size_t size;
		serve_h2_pump(session);
		while (size_of_pending(stream) > 0 && (size = size_of_piece(stream)) > 0)
			if (!put_piece(stream, size))
				return;
		if (size_of_pending(stream) == 0 || !has_window(stream))
			return;
		serve_h2_flush(session);
		if (session->is_broken || serve_h2_room(session) < SERVE_H2_OUT_BYTES / 2)
			return;
	}
}

/* After put_pending: how much of `size` was taken. */
static size_t end_write(struct serve_h2_stream *stream, size_t size, uint64_t sent_before)
{
	struct serve_stream *it = &stream->stream;
	size_t taken = (size_t)(it->sent - sent_before);
	stream->pending = STR_EMPTY;
	stream->file_left = 0;
	serve_h2_touch(stream->session);
	if (stream->session->is_broken)
		serve_h2_stream_gone(stream, FAULT_CLIENT_GONE);
	if (it->is_gone)
		return taken;
	if (taken < size) {
		wait_for_room(stream);
		return taken;
	}
	stream->window_since_ms = 0;
	if (it->length_left > 0)
		serve_h2_order_wrote(stream);
	return taken;
}

static bool may_write(struct serve_h2_stream *stream)
{
	if (stream->is_wire_closed || stream->session->is_broken)
		serve_h2_stream_gone(stream, FAULT_CLIENT_GONE);
	if (stream->stream.is_gone)
		return false;
	stream->stream.wants_room = false;
	if (stream->blocks != NULL) {
		stream->stream.wants_room = true; /* behind its head */
		return false;
	}
	if (serve_h2_order_may_write(stream))
		return true;
	wait_for_room(stream);
	serve_h2_touch(stream->session);
	return false;
}

size_t serve_h2_response_write(struct serve_stream *it, struct str data)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	CHECK(it->has_response && !it->is_finished);
	CHECK(it->length_left == UINT64_MAX || data.len <= it->length_left || it->is_gone);
	if (data.len == 0 || !may_write(stream))
		return 0;
	size_t share = serve_h2_order_share(stream);
	uint64_t before = it->sent;
	stream->pending = data.len < share ? data : str_make(data.at, share);
	put_pending(stream);
	return end_write(stream, data.len, before);
}

size_t serve_h2_response_send_file(struct serve_stream *it, int file, uint64_t offset, size_t size)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	CHECK(it->has_response && !it->is_finished);
	CHECK(it->length_left == UINT64_MAX || size <= it->length_left || it->is_gone);
	if (size == 0 || !may_write(stream))
		return 0;
	size_t share = serve_h2_order_share(stream);
	uint64_t before = it->sent;
	stream->file = file;
	stream->file_offset = offset;
	stream->file_left = size < share ? size : share;
	put_pending(stream);
	return end_write(stream, size, before);
}

void serve_h2_response_flush(struct serve_stream *it)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	if (!it->is_gone)
		serve_h2_touch(stream->session);
}

/* What is left of a response that is finished; the stream may be gone afterwards. */
static void finish_alone(struct serve_h2_stream *stream)
{
	size_t size;
	while (size_of_pending(stream) > 0) {
		if (!has_window(stream)) {
			serve_h2_stream_wait_for_window(stream);
			return;
		}
		if ((size = size_of_piece(stream)) == 0) {
			set_due(stream);
			return;
		}
		bool is_last = size == size_of_pending(stream);
		if (!put_piece(stream, size) || is_last)
			return;
	}
	serve_h2_put(stream->session,
	        (struct serve_h2_frame){
	                .id = stream->id, .type = SERVE_H2_DATA, .flags = SERVE_H2_END_STREAM},
	        STR_EMPTY);
	end_sent(stream);
}

void serve_h2_response_go_on(struct serve_h2_stream *stream)
{
	struct serve_h2_session *session = stream->session;
	struct serve_stream *it = &stream->stream;
	while (stream->blocks != NULL) {
		const struct serve_h2_block *block = stream->blocks;
		if (serve_h2_room(session) == 0) {
			set_due(stream);
			return;
		}
		stream->blocks = block->next;
		serve_h2_block_write(session, stream->id, block);
		if (session->is_broken)
			return;
		if (block->is_end) {
			end_sent(stream);
			return;
		}
	}
	if (it->is_finished)
		finish_alone(stream);
	else if (it->wants_room && it->wake != NULL)
		loop_wake(server_of(stream)->options.loop, it->wake);
}

void serve_h2_response_resume(struct serve_h2_stream *stream)
{
	const struct serve_stream *it = &stream->stream;
	if (it->wake != NULL)
		loop_wake(server_of(stream)->options.loop, it->wake);
}

void serve_h2_response_unblock(struct serve_h2_stream *stream)
{
	serve_h2_touch(stream->session);
	if (stream->stream.is_finished) {
		finish_alone(stream);
		return;
	}
	/* Many may have waited for the connection's window: it is the most urgent's. */
	stream->waits_for_window = false;
	serve_h2_stream_has_window(stream);
	serve_h2_order_wait(stream);
}

void serve_h2_response_finish(struct serve_stream *it, const struct http_head *trailers)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	CHECK(it->has_response && !it->is_finished);
	CHECK(it->length_left == 0 || it->length_left == UINT64_MAX || it->is_gone);
	it->is_finished = true;
	list_remove(&stream->waiting);
	serve_h2_order_leave(stream);
	if (it->is_gone || stream->is_wire_closed || it->length_left == 0)
		return;
	serve_h2_touch(stream->session);
	if (trailers != NULL && serve_h2_block_has_fields(trailers)) {
		const struct serve_response response = {.head = trailers, .length = UINT64_MAX};
		const struct serve_h2_block block = serve_h2_block_make(&response, 0, true);
		if (!send_head(stream, &block))
			fail_head(stream);
	} else if (stream->blocks == NULL) {
		finish_alone(stream);
	}
}

/* ---- answers of ours ---- */

static struct str words_of(enum fault fault, char body[256])
{
	const struct fault_info *info = fault_info(fault);
	int length = snprintf(body, 256, "%u %.*s\n%s\n", info->status,
	        STR_ARG(http_status_reason(info->status)), info->words);
	return str_make(body, (size_t)length);
}

void serve_h2_response_error(struct serve_stream *it, enum fault fault, struct str added)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	const struct fault_info *info = fault_info(fault);
	char body[256];
	CHECK(!it->has_response);
	it->status = info->status;
	if (it->is_gone || info->status == 0 || fault == FAULT_CLIENT_GONE) {
		it->has_response = true;
		serve_stream_abort(it);
		return;
	}
	struct str words = words_of(fault, body);
	const struct serve_field fields[] = {
	        {HTTP_NAME_DATE, serve_server_date(server_of(stream))},
	        {HTTP_NAME_CONTENT_TYPE, STR("text/plain; charset=utf-8")},
	        {HTTP_NAME_CACHE_CONTROL, STR("no-store")},
	        {HTTP_NAME_X_HEADWATER_ERROR, str_of(info->name)},
	};
	struct serve_response response = {
	        .status = info->status,
	        .added = added,
	        .fields = fields,
	        .field_count = ARRAY_LENGTH(fields),
	        .length = words.len,
	        .is_bodiless = it->head.method == HTTP_HEAD,
	};
	if (!serve_h2_response_begin(it, &response))
		return;
	it->is_finished = true;
	if (response.is_bodiless || it->is_gone || stream->is_wire_closed)
		return;
	stream->pending = arena_copy(&it->arena, words);
	if (stream->blocks == NULL)
		finish_alone(stream);
}
