/*
 * What comes on an HTTP/2 connection, as nghttp2 tells it: fields, bodies, ends, and everything
 * that only costs. Callbacks note and wake; nobody who answers runs inside of them. Of messages
 * nghttp2 checks nothing: whether they are malformed (RFC 9113 section 8.1.1) is said here, by
 * h2_rules.c and the lengths of bodies.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

static uint64_t now_of(const struct serve_h2_session *session)
{
	return loop_now_ms(session->connection->server->options.loop);
}

static struct str str_of_rcbuf(nghttp2_rcbuf *rcbuf)
{
	nghttp2_vec bytes = nghttp2_rcbuf_get_buf(rcbuf);
	return str_make((const char *)bytes.base, bytes.len);
}

static void count(struct serve_h2_session *session, enum serve_flood kind)
{
	if (!serve_h2_flood_add(&session->flood, kind, now_of(session)))
		serve_h2_calm(session, kind);
}

static int on_begin_frame(nghttp2_session *wire, const nghttp2_frame_hd *head, void *user)
{
	struct serve_h2_session *session = user;
	enum serve_flood kind;
	(void)wire;
	if (serve_h2_flood_of(head, &kind))
		count(session, kind);
	return 0;
}

/* The head that was coming is not waited for any more. */
static void drop_head(struct serve_h2_session *session)
{
	session->head_since_ms = 0;
	serve_h2_head_close(&session->head);
}

static int on_begin_headers(nghttp2_session *wire, const nghttp2_frame *frame, void *user)
{
	struct serve_h2_session *session = user;
	(void)wire;
	serve_h2_head_close(&session->head);
	serve_h2_head_begin(&session->head, frame->headers.cat != NGHTTP2_HCAT_REQUEST);
	session->head_since_ms = now_of(session);
	return 0;
}

/* What has come of a request, or is missing from it, is wrong. */
static void reset_malformed(struct serve_h2_session *session, int32_t id)
{
	struct serve_h2_stream *stream = serve_h2_stream_find(session, id);
	nghttp2_submit_rst_stream(session->wire, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
	count(session, SERVE_FLOOD_RESETS);
	if (stream == NULL)
		return;
	stream->is_malformed = true;
	serve_h2_stream_gone(stream, FAULT_BAD_REQUEST);
}

static int on_header(nghttp2_session *wire, const nghttp2_frame *frame, nghttp2_rcbuf *name,
        nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct serve_h2_session *session = user;
	(void)wire;
	(void)frame;
	(void)flags;
	if (!session->head.is_open)
		return 0;
	switch (serve_h2_head_add(&session->head, str_of_rcbuf(name), str_of_rcbuf(value))) {
	case SERVE_H2_FIELD_TAKEN:
		return 0;
	case SERVE_H2_FIELD_MALFORMED:
		reset_malformed(session, frame->hd.stream_id);
		drop_head(session);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	case SERVE_H2_FIELD_FLOOD:
		serve_h2_calm(session, SERVE_FLOOD_FIELDS);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	CHECK(false);
}

static int on_data(nghttp2_session *wire, uint8_t flags, int32_t id, const uint8_t *bytes,
        size_t length, void *user)
{
	struct serve_h2_session *session = user;
	(void)flags;
	/* What one stream holds is bounded by its own window: the connection's is for all. */
	int error = nghttp2_session_consume_connection(wire, length);
	if (error != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	struct serve_h2_stream *stream = serve_h2_stream_find(session, id);
	if (stream == NULL || stream->stream.is_closed || stream->stream.is_gone)
		return 0;
	stream->came += length;
	if (!serve_h2_stream_has_length(stream, stream->came, false)) {
		reset_malformed(session, id);
		return 0;
	}
	if (!serve_h2_stream_data(stream, str_make((const char *)bytes, length))) {
		serve_h2_stream_gone(stream, FAULT_MEMORY);
		nghttp2_submit_rst_stream(wire, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	return 0;
}

/* A request is whole, with its body. */
static void end_request(struct serve_h2_session *session, struct serve_h2_stream *stream)
{
	bool is_watched = !stream->stream.is_closed && !stream->stream.is_gone;
	if (is_watched && !serve_h2_stream_has_length(stream, stream->came, true))
		reset_malformed(session, stream->id);
	else
		serve_h2_stream_end(stream);
}

static void end_trailers(struct serve_h2_session *session, struct serve_h2_stream *stream)
{
	struct str lines = STR_EMPTY;
	if (serve_h2_head_end_trailers(&session->head, &lines) != FAULT_NONE) {
		reset_malformed(session, stream->id);
		return;
	}
	serve_h2_stream_add_trailers(stream, lines);
	end_request(session, stream);
}

/* A head is whole: of a request, or of trailers. */
static void end_head(struct serve_h2_session *session, const nghttp2_frame *frame)
{
	int32_t id = frame->hd.stream_id;
	bool has_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	struct serve_h2_stream *stream = NULL;
	if (!serve_h2_rules_end(&session->head.rules, has_end))
		reset_malformed(session, id);
	else if (!session->head.rules.is_trailers)
		serve_h2_stream_begin(session, id, has_end);
	else if ((stream = serve_h2_stream_find(session, id)) != NULL)
		end_trailers(session, stream);
	drop_head(session);
}

/* Windows have grown: who waits for that goes on, one stream or all (0). */
static void resume(struct serve_h2_session *session, int32_t id)
{
	if (id != 0) {
		struct serve_h2_stream *stream = serve_h2_stream_find(session, id);
		if (stream != NULL && stream->waits_for_window)
			serve_h2_response_unblock(stream);
		return;
	}
	list_each (node, &session->streams) {
		struct serve_h2_stream *stream = container_of(node, struct serve_h2_stream, node);
		if (stream->waits_for_window)
			serve_h2_response_unblock(stream);
	}
}

static void change_priority(
        struct serve_h2_session *session, const nghttp2_ext_priority_update *update)
{
	struct serve_h2_stream *stream = serve_h2_stream_find(session, update->stream_id);
	if (stream == NULL)
		return;
	uint8_t urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY;
	bool is_incremental = false;
	serve_h2_order_read(str_make((const char *)update->field_value, update->field_value_len),
	        &urgency, &is_incremental);
	serve_h2_order_change(stream, urgency, is_incremental);
}

static int on_frame(nghttp2_session *wire, const nghttp2_frame *frame, void *user)
{
	struct serve_h2_session *session = user;
	struct serve_h2_stream *stream;
	(void)wire;
	switch ((int)frame->hd.type) {
	case NGHTTP2_HEADERS:
		end_head(session, frame);
		break;
	case NGHTTP2_DATA:
		stream = serve_h2_stream_find(session, frame->hd.stream_id);
		if (stream != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
			end_request(session, stream);
		break;
	case NGHTTP2_SETTINGS:
		session->has_settings = true;
		serve_h2_block_limit(session, &frame->settings);
		resume(session, 0);
		break;
	case NGHTTP2_WINDOW_UPDATE:
		if (frame->window_update.window_size_increment < LIMIT_H2_UPDATE_BYTES)
			count(session, SERVE_FLOOD_UPDATES);
		resume(session, frame->hd.stream_id);
		break;
	case NGHTTP2_PRIORITY_UPDATE:
		change_priority(session, frame->ext.payload);
		break;
	default:
		break;
	}
	return 0;
}

/* nghttp2 answers it with RST_STREAM, or with GOAWAY. */
static int on_invalid_frame(
        nghttp2_session *wire, const nghttp2_frame *frame, int error, void *user)
{
	struct serve_h2_session *session = user;
	struct serve_h2_stream *stream = serve_h2_stream_find(session, frame->hd.stream_id);
	(void)wire;
	(void)error;
	if (frame->hd.type == NGHTTP2_HEADERS)
		drop_head(session);
	if (stream != NULL)
		stream->is_malformed = true;
	count(session, SERVE_FLOOD_RESETS);
	return 0;
}

static int on_stream_close(nghttp2_session *wire, int32_t id, uint32_t code, void *user)
{
	struct serve_h2_session *session = user;
	struct serve_h2_stream *stream = serve_h2_stream_find(session, id);
	(void)wire;
	(void)code;
	if (stream == NULL)
		return 0;
	stream->is_wire_closed = true;
	bool is_half = stream->stream.is_tunnel && !stream->has_end;
	if (!stream->is_end_sent || is_half)
		serve_h2_stream_gone(
		        stream, stream->is_malformed ? FAULT_BAD_REQUEST : FAULT_CLIENT_GONE);
	serve_h2_stream_settle(stream);
	return 0;
}

void serve_h2_frames_set(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
