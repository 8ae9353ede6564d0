/*
 * What comes on an HTTP/2 connection: frames become heads, bodies, ends, windows, and everything
 * that only costs. A frame is taken when it is whole in `in`, but for bodies and what nobody knows,
 * which are taken as they come. Nobody who answers runs inside of this: they are woken.
 *
 * What is wrong with a frame ends its stream or the connection (RFC 9113 section 5.4); what is
 * wrong with a message (section 8.1.1) is said by h2_rules.c and by the lengths of bodies. A stream
 * that is closed is forgotten: what comes for one is read, as far as all streams have to do with
 * it, and ignored.
 */
#include "base/limit.h"
#include "serve/h2_private.h"

static uint64_t now_of(const struct serve_h2_session *session)
{
	return loop_now_ms(session->connection->server->options.loop);
}

static void count(struct serve_h2_session *session, enum serve_flood kind)
{
	if (!serve_h2_flood_add(&session->flood, kind, now_of(session)))
		serve_h2_calm(session, kind);
}

/* An error of a stream that need not be there. */
static void reset(struct serve_h2_session *session, uint32_t id, enum serve_h2_error error)
{
	struct serve_h2_stream *stream = serve_h2_stream_find(session, id);
	count(session, SERVE_FLOOD_RESETS);
	if (stream == NULL) {
		serve_h2_put_reset(session, id, error);
		return;
	}
	stream->is_malformed = true;
	serve_h2_stream_reset(stream, error);
}

/* Whether no frame has named the stream yet, nor one after it; those with even numbers are never
 * opened. */
static bool is_idle(const struct serve_h2_session *session, uint32_t id)
{
	return id > session->last_id || id % 2 == 0;
}

/* ---- heads ---- */

static void drop_fragments(struct serve_h2_session *session)
{
	serve_h2_memory_give(&session->memory, session->fragment_bytes);
	mem_free(session->fragments);
	session->fragments = NULL;
	session->fragment_bytes = 0;
}

void serve_h2_frames_done(struct serve_h2_session *session)
{
	drop_fragments(session);
	serve_h2_head_done(&session->head);
}

static void take_field(struct serve_h2_session *session, const struct serve_h2_unpack_field *field)
{
	/* Of a stream that is closed, only trailers may have been on their way: this is a request
	 * with a number that was passed (RFC 9113 section 5.1.1). */
	if (session->is_head_late && field->name.len > 0 && field->name.at[0] == ':')
		serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
	if (!session->head.is_open)
		return;
	switch (serve_h2_head_add(&session->head, field)) {
	case SERVE_H2_FIELD_TAKEN:
		break;
	case SERVE_H2_FIELD_MALFORMED:
		reset(session, session->head_frame.id, SERVE_H2_PROTOCOL_ERROR);
		serve_h2_head_close(&session->head);
		break;
	case SERVE_H2_FIELD_FLOOD:
		serve_h2_calm(session, SERVE_FLOOD_FIELDS);
		break;
	}
}

/* Unpacks a block, also of a head that nobody wants: what is remembered of it counts for those that
 * follow. */
static void unpack(struct serve_h2_session *session, struct str block)
{
	struct serve_h2_scratch *scratch = &session->connection->server->h2->scratch;
	struct serve_h2_unpack_field field;
	serve_h2_unpack_begin(&session->unpack);
	while (!session->is_over) {
		switch (serve_h2_unpack_next(&session->unpack, scratch, &block, &field)) {
		case SERVE_H2_UNPACKED_FIELD:
			take_field(session, &field);
			break;
		case SERVE_H2_UNPACKED_END:
			return;
		case SERVE_H2_UNPACKED_LONG:
			serve_h2_calm(session, SERVE_FLOOD_FIELDS);
			break;
		case SERVE_H2_UNPACKED_MORE:
		case SERVE_H2_UNPACKED_BROKEN:
			serve_h2_end(session, SERVE_H2_COMPRESSION_ERROR);
			break;
		}
	}
}

/* A request is whole, with its body. */
static void end_request(struct serve_h2_session *session, struct serve_h2_stream *stream)
{
	bool is_watched = !stream->stream.is_closed && !stream->stream.is_gone;
	if (is_watched && !serve_h2_stream_has_length(stream, stream->came, true))
		reset(session, stream->id, SERVE_H2_PROTOCOL_ERROR);
	else
		serve_h2_stream_end(stream);
}

static void end_trailers(struct serve_h2_session *session, struct serve_h2_stream *stream)
{
	struct str lines = STR_EMPTY;
	bool is_connect = stream->stream.protocol.len > 0; /* has none (RFC 9113 section 8.5) */
	if (is_connect || serve_h2_head_end_trailers(&session->head, &lines) != FAULT_NONE) {
		reset(session, stream->id, SERVE_H2_PROTOCOL_ERROR);
		return;
	}
	serve_h2_stream_add_trailers(stream, lines);
	end_request(session, stream);
}

/* There are as many streams as may be. Those that are closed, and not let go by who answers, count
 * as well, but for that the client is not to blame. */
static void refuse(struct serve_h2_session *session, uint32_t id)
{
	if (session->wire_count >= LIMIT_H2_STREAMS)
		count(session, SERVE_FLOOD_RESETS);
	serve_h2_put_reset(session, id, SERVE_H2_REFUSED_STREAM);
}

/* A block is whole: of a request, of trailers, or of a head that is not wanted. */
static void take_head(struct serve_h2_session *session, struct str block)
{
	uint32_t id = session->head_frame.id;
	bool has_end = (session->head_frame.flags & SERVE_H2_END_STREAM) != 0;
	struct serve_h2_stream *stream;
	/* The last request may have been told while this one came. */
	if (session->is_closing && !session->head.rules.is_trailers)
		serve_h2_head_close(&session->head);
	unpack(session, block);
	if (id > session->last_id)
		session->last_id = id;
	if (session->is_over || !session->head.is_open)
		return;
	if (!serve_h2_rules_end(&session->head.rules, has_end))
		reset(session, id, SERVE_H2_PROTOCOL_ERROR);
	else if (!session->head.rules.is_trailers && session->stream_count >= LIMIT_H2_STREAMS)
		refuse(session, id);
	else if (!session->head.rules.is_trailers)
		serve_h2_stream_begin(session, id, has_end);
	else if ((stream = serve_h2_stream_find(session, id)) != NULL)
		end_trailers(session, stream);
	serve_h2_head_close(&session->head);
}

static void keep_fragment(struct serve_h2_session *session, struct str fragment)
{
	if (!serve_h2_memory_take(&session->memory, fragment.len)) {
		serve_h2_calm(session, SERVE_FLOOD_MEMORY);
		return;
	}
	size_t whole = session->fragment_bytes + fragment.len;
	session->fragments = mem_resize(session->fragments, whole);
	if (fragment.len > 0)
		memcpy(session->fragments + session->fragment_bytes, fragment.at, fragment.len);
	session->fragment_bytes = whole;
}

/* A head begins, that may be wanted. */
static void open_head(struct serve_h2_session *session, const struct serve_h2_frame *frame)
{
	const struct serve_h2_stream *stream = serve_h2_stream_find(session, frame->id);
	session->is_head_late = stream == NULL && frame->id <= session->last_id;
	if (frame->id % 2 == 0)
		serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
	else if (stream != NULL && stream->has_end)
		reset(session, frame->id, SERVE_H2_STREAM_CLOSED);
	else if (!session->is_head_late)
		serve_h2_head_begin(&session->head, stream != NULL);
}

static void on_headers(
        struct serve_h2_session *session, const struct serve_h2_frame *frame, struct str payload)
{
	if (!serve_h2_frame_strip(frame, &payload)) {
		serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
		return;
	}
	session->head_frame = *frame;
	session->continuations = 0;
	open_head(session, frame);
	if (session->is_over)
		return;
	if ((frame->flags & SERVE_H2_END_HEADERS) != 0) {
		take_head(session, payload);
		return;
	}
	session->has_open_head = true;
	keep_fragment(session, payload);
}

static void on_continuation(
        struct serve_h2_session *session, const struct serve_h2_frame *frame, struct str payload)
{
	if (++session->continuations > LIMIT_H2_CONTINUATIONS) {
		serve_h2_calm(session, SERVE_FLOOD_CONTINUATIONS);
		return;
	}
	keep_fragment(session, payload);
	if (session->is_over || (frame->flags & SERVE_H2_END_HEADERS) == 0)
		return;
	session->has_open_head = false;
	take_head(session, str_make(session->fragments, session->fragment_bytes));
	drop_fragments(session);
}

/* ---- bodies ---- */

/* What comes is counted against both windows, with its padding. The connection's is for all: it is
 * given back at once, since what one stream holds is bounded by its own. */
static void count_data(struct serve_h2_session *session, struct serve_h2_stream *stream)
{
	const struct serve_h2_frame *frame = &session->frame;
	session->came += frame->length;
	if (session->came > LIMIT_H2_CONNECTION_WINDOW_BYTES) {
		serve_h2_end(session, SERVE_H2_FLOW_CONTROL_ERROR);
		return;
	}
	if (session->came >= LIMIT_H2_CONNECTION_WINDOW_BYTES / 2) {
		serve_h2_put_update(session, 0, session->came);
		session->came = 0;
	}
	if (stream == NULL)
		return;
	if (stream->has_end) {
		reset(session, frame->id, SERVE_H2_STREAM_CLOSED);
	} else if (frame->length > stream->room_left) {
		reset(session, frame->id, SERVE_H2_FLOW_CONTROL_ERROR);
	} else {
		stream->room_left -= frame->length;
		serve_h2_stream_credit(stream, frame->length - session->content_left);
	}
}

/* A DATA frame begins; its payload is not there yet, but for the length of padding. */
static void on_data(struct serve_h2_session *session, const struct serve_h2_frame *frame,
        unsigned padding, bool is_padded)
{
	uint32_t around = padding + is_padded;
	struct serve_h2_stream *stream = serve_h2_stream_find(session, frame->id);
	if (around > frame->length || (stream == NULL && is_idle(session, frame->id))) {
		serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
		return;
	}
	session->frame = *frame;
	session->content_left = frame->length - around;
	session->padding_left = padding;
	if (session->content_left == 0 && (frame->flags & SERVE_H2_END_STREAM) == 0)
		count(session, SERVE_FLOOD_EMPTY);
	if (!session->is_over)
		count_data(session, stream);
}

static void take_content(struct serve_h2_session *session, struct str content)
{
	struct serve_h2_stream *stream = serve_h2_stream_find(session, session->frame.id);
	if (stream == NULL || stream->stream.is_closed || stream->stream.is_gone)
		return;
	stream->came += content.len;
	if (!serve_h2_stream_has_length(stream, stream->came, false)) {
		reset(session, stream->id, SERVE_H2_PROTOCOL_ERROR);
	} else if (!serve_h2_stream_data(stream, content)) {
		serve_h2_stream_gone(stream, FAULT_MEMORY);
		serve_h2_stream_reset(stream, SERVE_H2_ENHANCE_YOUR_CALM);
	}
}

/* The whole of it has come. */
static void end_data(struct serve_h2_session *session)
{
	bool is_end = session->frame.type == SERVE_H2_DATA &&
	              (session->frame.flags & SERVE_H2_END_STREAM) != 0;
	struct serve_h2_stream *stream =
	        is_end ? serve_h2_stream_find(session, session->frame.id) : NULL;
	session->frame = (struct serve_h2_frame){.length = 0};
	if (stream != NULL)
		end_request(session, stream);
}

/* ---- windows and the rest ---- */

/* Windows have grown: who waits for that goes on. */
static void resume(struct serve_h2_session *session)
{
	list_each_safe (node, following, &session->streams) {
		struct serve_h2_stream *stream = container_of(node, struct serve_h2_stream, node);
		if (stream->waits_for_window)
			serve_h2_response_unblock(stream);
	}
}

static void on_window_update(
        struct serve_h2_session *session, const struct serve_h2_frame *frame, struct str payload)
{
	uint32_t increment = serve_h2_read_u31(payload.at);
	struct serve_h2_stream *stream = serve_h2_stream_find(session, frame->id);
	int64_t *window = frame->id == 0   ? &session->window
	                  : stream != NULL ? &stream->window
	                                   : NULL;
	if (increment < LIMIT_H2_UPDATE_BYTES)
		count(session, SERVE_FLOOD_UPDATES);
	if (window == NULL) {
		if (is_idle(session, frame->id))
			serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
		return;
	}
	enum serve_h2_error error = increment == 0 ? SERVE_H2_PROTOCOL_ERROR
	                            : *window + increment > SERVE_H2_WINDOW_MAX
	                                    ? SERVE_H2_FLOW_CONTROL_ERROR
	                                    : SERVE_H2_NO_ERROR;
	if (error != SERVE_H2_NO_ERROR) {
		if (stream == NULL)
			serve_h2_end(session, error);
		else
			reset(session, frame->id, error);
		return;
	}
	*window += increment;
	if (stream == NULL)
		resume(session);
	else if (stream->waits_for_window)
		serve_h2_response_unblock(stream);
}

/* All streams' windows change with what they are at first (RFC 9113 section 6.9.2). */
static enum serve_h2_error change_windows(struct serve_h2_session *session, uint32_t size)
{
	if (size > SERVE_H2_WINDOW_MAX)
		return SERVE_H2_FLOW_CONTROL_ERROR;
	int64_t more = size - session->stream_window;
	session->stream_window = size;
	list_each (node, &session->streams) {
		struct serve_h2_stream *stream = container_of(node, struct serve_h2_stream, node);
		stream->window += more;
		if (stream->window > SERVE_H2_WINDOW_MAX && !stream->is_wire_closed)
			return SERVE_H2_FLOW_CONTROL_ERROR;
	}
	return SERVE_H2_NO_ERROR;
}

static enum serve_h2_error take_setting(
        struct serve_h2_session *session, unsigned setting, uint32_t value)
{
	switch (setting) {
	case SERVE_H2_HEADER_TABLE_SIZE:
		serve_h2_pack_limit(&session->pack, value);
		return SERVE_H2_NO_ERROR;
	case SERVE_H2_INITIAL_WINDOW_SIZE:
		return change_windows(session, value);
	case SERVE_H2_MAX_FRAME_SIZE:
		return value >= SERVE_H2_FRAME_BYTES && value < 1 << 24 ? SERVE_H2_NO_ERROR
		                                                        : SERVE_H2_PROTOCOL_ERROR;
	case SERVE_H2_ENABLE_PUSH:
	case SERVE_H2_ENABLE_CONNECT_PROTOCOL:
	case SERVE_H2_NO_RFC7540_PRIORITIES:
		return value <= 1 ? SERVE_H2_NO_ERROR : SERVE_H2_PROTOCOL_ERROR;
	default:
		return SERVE_H2_NO_ERROR;
	}
}

/* Another answer that waits for the client to read it. */
static void acknowledge(
        struct serve_h2_session *session, struct serve_h2_frame frame, struct str payload)
{
	if (++session->acks > LIMIT_H2_ACKS) {
		serve_h2_calm(session, SERVE_FLOOD_ACKS);
		return;
	}
	frame.flags = SERVE_H2_ACK;
	serve_h2_put(session, frame, payload);
}

static void on_settings(
        struct serve_h2_session *session, const struct serve_h2_frame *frame, struct str payload)
{
	if ((frame->flags & SERVE_H2_ACK) != 0)
		return;
	for (size_t at = 0; at < payload.len; at += 6) {
		unsigned setting = serve_h2_read_u32(payload.at + at) >> 16;
		enum serve_h2_error error =
		        take_setting(session, setting, serve_h2_read_u32(payload.at + at + 2));
		if (error != SERVE_H2_NO_ERROR) {
			serve_h2_end(session, error);
			return;
		}
	}
	session->has_settings = true;
	acknowledge(session, (struct serve_h2_frame){.type = SERVE_H2_SETTINGS}, STR_EMPTY);
	resume(session);
}

static void on_reset(struct serve_h2_session *session, const struct serve_h2_frame *frame)
{
	struct serve_h2_stream *stream = serve_h2_stream_find(session, frame->id);
	if (stream != NULL)
		serve_h2_stream_close_wire(stream);
	else if (is_idle(session, frame->id))
		serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
}

/* Of a stream that is not there, or not yet, it says nothing; nothing is pushed. */
static void on_priority_update(struct serve_h2_session *session, struct str payload)
{
	uint32_t id = serve_h2_read_u31(payload.at);
	struct serve_h2_stream *stream = serve_h2_stream_find(session, id);
	uint8_t urgency = SERVE_H2_URGENCY;
	bool is_incremental = false;
	if (id % 2 == 0)
		serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
	if (stream == NULL)
		return;
	serve_h2_order_read(str_make(payload.at + 4, payload.len - 4), &urgency, &is_incremental);
	serve_h2_order_change(stream, urgency, is_incremental);
}

/* ---- frames ---- */

/* A frame that is whole. */
static void take_frame(
        struct serve_h2_session *session, const struct serve_h2_frame *frame, struct str payload)
{
	switch (frame->type) {
	case SERVE_H2_HEADERS:
		on_headers(session, frame, payload);
		break;
	case SERVE_H2_CONTINUATION:
		on_continuation(session, frame, payload);
		break;
	case SERVE_H2_RST_STREAM:
		on_reset(session, frame);
		break;
	case SERVE_H2_SETTINGS:
		on_settings(session, frame, payload);
		break;
	case SERVE_H2_PING:
		if ((frame->flags & SERVE_H2_ACK) == 0)
			acknowledge(session, *frame, payload);
		break;
	case SERVE_H2_GOAWAY:
		session->has_left = true;
		break;
	case SERVE_H2_WINDOW_UPDATE:
		on_window_update(session, frame, payload);
		break;
	case SERVE_H2_PRIORITY_UPDATE:
		on_priority_update(session, payload);
		break;
	default: /* PRIORITY: what RFC 7540 had of dependencies */
		break;
	}
}

/* Whether a frame may come now: SETTINGS is the first, and nothing stands between the frames of a
 * head. */
static bool is_in_order(const struct serve_h2_session *session, const struct serve_h2_frame *frame)
{
	if (!session->has_settings)
		return frame->type == SERVE_H2_SETTINGS && (frame->flags & SERVE_H2_ACK) == 0;
	if (session->has_open_head)
		return frame->type == SERVE_H2_CONTINUATION && frame->id == session->head_frame.id;
	return frame->type != SERVE_H2_CONTINUATION;
}

static bool is_taken_in_parts(const struct serve_h2_frame *frame)
{
	return frame->type == SERVE_H2_DATA ||
	       (frame->type > SERVE_H2_CONTINUATION && frame->type != SERVE_H2_PRIORITY_UPDATE);
}

/* Says how much has to come before something can be done. */
static size_t want(struct serve_h2_session *session, size_t bytes)
{
	session->wanted = bytes;
	return 0;
}

/* Begins with a frame that is taken as it comes. Returns what was taken. */
static size_t begin_part(
        struct serve_h2_session *session, const struct serve_h2_frame *frame, struct str bytes)
{
	bool is_padded = frame->type == SERVE_H2_DATA && (frame->flags & SERVE_H2_PADDED) != 0;
	size_t head = SERVE_H2_FRAME_HEAD_BYTES + (size_t)is_padded;
	if (bytes.len < head)
		return want(session, head);
	if (frame->type != SERVE_H2_DATA) {
		session->frame = *frame;
		session->padding_left = frame->length;
		return head;
	}
	unsigned padding = is_padded ? (unsigned char)bytes.at[head - 1] : 0;
	on_data(session, frame, padding, is_padded);
	if (session->content_left == 0 && session->padding_left == 0)
		end_data(session);
	return head;
}

/* The next frame, or the beginning of one. Returns what was taken; 0: more has to come. */
static size_t take_next(struct serve_h2_session *session, struct str bytes)
{
	enum serve_flood kind;
	if (bytes.len < SERVE_H2_FRAME_HEAD_BYTES)
		return want(session, SERVE_H2_FRAME_HEAD_BYTES);
	struct serve_h2_frame frame = serve_h2_frame_read(bytes.at);
	enum serve_h2_error error = serve_h2_frame_check(&frame);
	if (error == SERVE_H2_NO_ERROR && !is_in_order(session, &frame))
		error = SERVE_H2_PROTOCOL_ERROR;
	if (error != SERVE_H2_NO_ERROR) {
		serve_h2_end(session, error);
		return 0;
	}
	if (is_taken_in_parts(&frame))
		return begin_part(session, &frame, bytes);
	size_t whole = SERVE_H2_FRAME_HEAD_BYTES + frame.length;
	if (bytes.len < whole)
		return want(session, whole);
	if (serve_h2_flood_of(&frame, &kind))
		count(session, kind);
	if (!session->is_over)
		take_frame(session, &frame,
		        str_make(bytes.at + SERVE_H2_FRAME_HEAD_BYTES, frame.length));
	return whole;
}

/* More of a payload that is taken as it comes. */
static size_t take_part(struct serve_h2_session *session, struct str bytes)
{
	size_t content = session->content_left < bytes.len ? session->content_left : bytes.len;
	size_t left = bytes.len - content;
	size_t padding = session->padding_left < left ? session->padding_left : left;
	session->content_left -= (uint32_t)content;
	session->padding_left -= (uint32_t)padding;
	if (content > 0)
		take_content(session, str_make(bytes.at, content));
	if (session->content_left == 0 && session->padding_left == 0)
		end_data(session);
	return content + padding;
}

static size_t take_preface(struct serve_h2_session *session, struct str bytes)
{
	size_t length = bytes.len < session->preface_left ? bytes.len : session->preface_left;
	const char *rest = &SERVE_H2_PREFACE[sizeof(SERVE_H2_PREFACE) - 1 - session->preface_left];
	if (memcmp(bytes.at, rest, length) != 0) {
		serve_h2_end(session, SERVE_H2_PROTOCOL_ERROR);
		return 0;
	}
	session->preface_left -= (uint8_t)length;
	return length;
}

static size_t take_some(struct serve_h2_session *session, struct str bytes)
{
	if (session->preface_left > 0)
		return take_preface(session, bytes);
	if (session->content_left > 0 || session->padding_left > 0)
		return take_part(session, bytes);
	return take_next(session, bytes);
}

void serve_h2_frames_take(struct serve_h2_session *session, struct buf *in)
{
	session->wanted = 1;
	while (buf_length(in) >= session->wanted && !session->is_over && !session->is_broken &&
	        serve_h2_room(session) > 0) {
		size_t taken = take_some(session, buf_str(in));
		buf_drop(in, taken);
		if (taken > 0 && !session->has_open_head)
			session->head_since_ms = 0;
	}
	bool is_waited_for =
	        session->has_open_head || (buf_length(in) > 0 && buf_length(in) < session->wanted);
	if (is_waited_for && session->head_since_ms == 0)
		session->head_since_ms = now_of(session);
}
