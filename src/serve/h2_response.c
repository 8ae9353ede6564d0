/*
 * The response of an exchange on an HTTP/2 connection. nghttp2 says when its head goes (h2_block.c)
 * and asks for its body; both go into `out`, the body as DATA frames that are copied there while
 * there is room, from the memory or the file of who answers. So nghttp2 has to know of the body in
 * the moment of the call only: `pending` and `file_left` are what a call offers, and what it does
 * not take is given back.
 *
 * A stream whose client makes no room waits for its window, alone; one that finds `out` full waits
 * its turn (h2_order.c). A head is packed at once where it can be, so that its fields need no copy.
 */
#include "base/clock.h"
#include "http/status.h"
#include "serve/h2_private.h"

#include <stdio.h>
#include <unistd.h>

enum {
	/* Room that is too small for a part of a body. */
	PIECE_MIN = 512,
	STATUS_OF_TUNNEL = 200, /* in place of 101 (RFC 8441 section 5) */
};

static struct serve_server *server_of(const struct serve_h2_stream *stream)
{
	return stream->session->connection->server;
}

/* ---- what nghttp2 asks for ---- */

static bool has_pending(const struct serve_h2_stream *stream)
{
	return stream->pending.len > 0 || stream->file_left > 0;
}

/* Nothing of the body is there: its end, or later. */
static ssize_t read_end(struct serve_h2_stream *stream, uint32_t *flags)
{
	if (!stream->stream.is_finished) {
		stream->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (stream->trailers != NULL) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		serve_h2_block_wait(stream, stream->trailers);
		stream->trailers = NULL;
		if (nghttp2_submit_trailer(stream->session->wire, stream->id, NULL, 0) != 0)
			return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return 0;
}

static ssize_t on_read(nghttp2_session *wire, int32_t id, uint8_t *to, size_t length,
        uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct serve_h2_stream *stream = source->ptr;
	const struct serve_stream *it = &stream->stream;
	(void)wire;
	(void)id;
	(void)to;
	(void)user;
	if (!has_pending(stream))
		return read_end(stream, flags);
	size_t left = stream->pending.len > 0 ? stream->pending.len : (size_t)stream->file_left;
	size_t size = left < length ? left : length;
	size_t room = serve_h2_room(stream->session);
	if (size > room && room < PIECE_MIN) {
		stream->is_deferred = true;
		if (it->is_finished)
			serve_h2_order_wait(stream);
		return NGHTTP2_ERR_DEFERRED;
	}
	size = size < room ? size : room;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (size == left && (it->is_finished || it->length_left == size))
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
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

/* A DATA frame goes into `out`. */
static int on_send(nghttp2_session *wire, nghttp2_frame *frame, const uint8_t *head, size_t length,
        nghttp2_data_source *source, void *user)
{
	struct serve_h2_stream *stream = source->ptr;
	struct serve_stream *it = &stream->stream;
	struct buf *out = &it->connection->out;
	size_t whole = SERVE_H2_FRAME_HEAD_BYTES + length;
	(void)wire;
	(void)frame;
	(void)user;
	if (!serve_h2_reserve(stream->session, whole))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	char *to = out->block + out->end;
	memcpy(to, head, SERVE_H2_FRAME_HEAD_BYTES);
	if (stream->pending.len > 0) {
		memcpy(to + SERVE_H2_FRAME_HEAD_BYTES, stream->pending.at, length);
		stream->pending =
		        str_make(stream->pending.at + length, stream->pending.len - length);
	} else if (read_file(stream, to + SERVE_H2_FRAME_HEAD_BYTES, length)) {
		stream->file_offset += length;
		stream->file_left -= length;
	} else {
		stream->file_left = 0;
		serve_h2_stream_gone(stream, FAULT_STORED);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	buf_grew(out, whole);
	it->sent += length;
	stream->session->data_sent += length;
	it->length_left -= it->length_left == UINT64_MAX ? 0 : length;
	return 0;
}

/* A head goes out as we write it. What ended a response is on its way: a request that is not whole
 * then is not waited for (RFC 9113 section 8.1). */
static int on_frame_send(nghttp2_session *wire, const nghttp2_frame *frame, void *user)
{
	struct serve_h2_session *session = user;
	int32_t id = frame->hd.stream_id;
	if (frame->hd.type == NGHTTP2_HEADERS && !serve_h2_block_write(session, &frame->hd))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	bool is_end = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
	              (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	if (!is_end)
		return 0;
	struct serve_h2_stream *stream = serve_h2_stream_find(session, id);
	if (stream != NULL) {
		stream->is_end_sent = true;
		stream->waits_for_window = false;
		stream->window_since_ms = 0;
	}
	/* Of those that became no stream the library knows; a tunnel the client may end later. */
	bool is_over = stream != NULL ? stream->has_end || stream->stream.is_tunnel
	                              : nghttp2_session_get_stream_remote_close(wire, id) != 0;
	if (!is_over)
		nghttp2_submit_rst_stream(wire, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
	return 0;
}

void serve_h2_response_set(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
}

/* ---- heads ---- */

/* Whether the frame of a head is the next that serve_h2_pump_one gives out, and has room. */
static bool comes_at_once(struct serve_h2_session *session, const struct serve_h2_block *block)
{
	if (!session->is_drained)
		serve_h2_pump(session);
	return session->is_drained && nghttp2_session_get_outbound_queue_size(session->wire) == 0 &&
	       serve_h2_room(session) >= block->room;
}

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

/* Gives nghttp2 the head, and has it make its frame at once where it can: the body is likely to
 * follow. */
static bool send_head(struct serve_h2_stream *stream, struct serve_h2_block *block)
{
	struct serve_h2_session *session = stream->session;
	const nghttp2_data_provider provider = {
	        .source = {.ptr = stream}, .read_callback = on_read};
	bool has_body = stream->stream.length_left > 0, is_now = comes_at_once(session, block);
	if (!is_now)
		block = keep_head(stream, block);
	if (block == NULL)
		return false;
	serve_h2_block_wait(stream, block);
	if (nghttp2_submit_response(
	            session->wire, stream->id, NULL, 0, has_body ? &provider : NULL) != 0) {
		serve_h2_block_forget(stream, block);
		return false;
	}
	if (is_now) {
		serve_h2_pump_one(session);
		serve_h2_block_forget(stream, block);
	}
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
	struct serve_h2_block block = serve_h2_block_make(response, it->status);
	if (!send_head(stream, &block))
		return fail_head(stream);
	serve_h2_touch(session);
	return true;
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
	const struct serve_h2_block made = serve_h2_block_make(&response, status);
	struct serve_h2_block *block = keep_head(stream, &made);
	if (block == NULL)
		return; /* a hint may be left out */
	serve_h2_block_wait(stream, block);
	if (nghttp2_submit_headers(
	            session->wire, NGHTTP2_FLAG_NONE, stream->id, NULL, NULL, 0, NULL) != 0) {
		serve_h2_block_forget(stream, block);
		return;
	}
	serve_h2_pump(session);
	serve_h2_touch(session);
}

/* ---- bodies ---- */

static void ask_again(struct serve_h2_stream *stream)
{
	if (!stream->is_deferred)
		return;
	stream->is_deferred = false;
	nghttp2_session_resume_data(stream->session->wire, stream->id);
}

static bool has_window(const struct serve_h2_stream *stream)
{
	nghttp2_session *wire = stream->session->wire;
	return nghttp2_session_get_remote_window_size(wire) > 0 &&
	       nghttp2_session_get_stream_remote_window_size(wire, stream->id) > 0;
}

static void wait_for_room(struct serve_h2_stream *stream)
{
	stream->stream.wants_room = true;
	if (!has_window(stream))
		serve_h2_stream_wait_for_window(stream);
	else
		serve_h2_order_wait(stream);
}

/* Has nghttp2 put what is pending into `out`, and sends that where it is full. */
static void put_pending(struct serve_h2_stream *stream)
{
	struct serve_h2_session *session = stream->session;
	for (;;) {
		uint64_t sent = stream->stream.sent;
		size_t filled = buf_length(&session->connection->out);
		bool had_room = serve_h2_room(session) >= SERVE_H2_OUT_BYTES / 2;
		ask_again(stream);
		serve_h2_pump(session);
		if (!has_pending(stream) || stream->stream.is_gone || session->is_broken ||
		        !has_window(stream))
			return;
		/* Nothing was in its way, so nothing ever will be sent: the session is closing. */
		if (had_room && buf_length(&session->connection->out) == filled &&
		        stream->stream.sent == sent) {
			serve_h2_stream_gone(stream, FAULT_CLIENT_GONE);
			return;
		}
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

/* Who answers has nothing more to say; what is left goes on by itself. */
static void go_on_alone(struct serve_h2_stream *stream)
{
	stream->is_granted = false;
	serve_h2_order_leave(stream);
	ask_again(stream);
	serve_h2_pump(stream->session);
	serve_h2_touch(stream->session);
	if (!stream->is_end_sent && !stream->is_wire_closed)
		serve_h2_stream_wait_for_window(stream);
}

void serve_h2_response_resume(struct serve_h2_stream *stream)
{
	struct serve_stream *it = &stream->stream;
	if (it->is_finished) {
		ask_again(stream);
		serve_h2_touch(stream->session);
	} else if (it->wake != NULL) {
		loop_wake(server_of(stream)->options.loop, it->wake);
	}
}

void serve_h2_response_unblock(struct serve_h2_stream *stream)
{
	if (stream->stream.is_finished) {
		ask_again(stream);
	} else {
		/* Many may have waited for the connection's window: it is the most urgent's. */
		stream->waits_for_window = false;
		serve_h2_stream_has_window(stream);
		serve_h2_order_wait(stream);
	}
	serve_h2_touch(stream->session);
}

void serve_h2_response_finish(struct serve_stream *it, const struct http_head *trailers)
{
	struct serve_h2_stream *stream = serve_h2_of(it);
	CHECK(it->has_response && !it->is_finished);
	CHECK(it->length_left == 0 || it->length_left == UINT64_MAX || it->is_gone);
	it->is_finished = true;
	serve_h2_order_leave(stream);
	if (it->is_gone || stream->is_wire_closed || it->length_left == 0)
		return;
	if (trailers != NULL && serve_h2_block_has_fields(trailers)) {
		const struct serve_response response = {.head = trailers, .length = UINT64_MAX};
		const struct serve_h2_block made = serve_h2_block_make(&response, 0);
		stream->trailers = keep_head(stream, &made);
		if (stream->trailers == NULL) {
			fail_head(stream);
			return;
		}
	}
	go_on_alone(stream);
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
	go_on_alone(stream);
}
