/*
 * The response of an exchange on an HTTP/2 connection. nghttp2 packs its head and asks for its
 * body; both go into `out`, the body as DATA frames that are copied there while there is room, from
 * the memory or the file of who answers. So nghttp2 has to know of the body in the moment of the
 * call only: `pending` and `file_left` are what a call offers, and what it does not take is given
 * back.
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
	/* What a packed head needs in `out` besides its fields: frames, and what packing may add.
	 */
	PACKED_ROOM = 1024,
	OWN_FIELDS = 2,         /* :status, content-length */
	STATUS_OF_TUNNEL = 200, /* in place of 101 (RFC 8441 section 5) */
};

static struct serve_server *server_of(const struct serve_h2_stream *stream)
{
	return stream->session->connection->server;
}

/* ---- fields ---- */

struct fields {
	const struct serve_h2_names *names;
	struct arena *arena;
	nghttp2_nv *list;
	size_t count, room;
	bool is_copied; /* values, too: they are packed later */
};

static size_t count_lines(struct str lines)
{
	size_t count = 0;
	for (size_t i = 0; i < lines.len; i++)
		count += lines.at[i] == '\n';
	return count;
}

/* In decimal. */
static struct str print_number(struct arena *arena, uint64_t number)
{
	enum { DIGITS = 20 };
	char *digits = arena_alloc(arena, DIGITS);
	size_t at = DIGITS;
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return str_make(digits + at, DIGITS - at);
}

/* What HTTP/2 has no use for (RFC 9113 section 8.2.2), and what the stream writes itself. */
static bool is_dropped(enum http_name id)
{
	static const uint64_t dropped =
	        UINT64_C(1) << HTTP_NAME_CONNECTION | UINT64_C(1) << HTTP_NAME_CONTENT_LENGTH |
	        UINT64_C(1) << HTTP_NAME_KEEP_ALIVE | UINT64_C(1) << HTTP_NAME_PROXY_CONNECTION |
	        UINT64_C(1) << HTTP_NAME_TRANSFER_ENCODING | UINT64_C(1) << HTTP_NAME_UPGRADE;
	return (dropped >> id & 1) != 0; /* OTHER is less than 64, too */
}

/* A field whose name and value stay as they are until it is packed. */
static inline void add(struct fields *fields, struct str name, struct str value)
{
	CHECK(fields->count < fields->room);
	fields->list[fields->count++] = (nghttp2_nv){
	        .name = (uint8_t *)(uintptr_t)name.at,
	        .namelen = name.len,
	        .value = (uint8_t *)(uintptr_t)value.at,
	        .valuelen = value.len,
	        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
	};
}

static struct str keep(const struct fields *fields, struct str value)
{
	return fields->is_copied && value.len > 0 ? arena_copy(fields->arena, value) : value;
}

static inline void add_known(struct fields *fields, enum http_name id, struct str value)
{
	const struct serve_h2_name *name = &fields->names->known[id];
	add(fields, str_make(name->lower, name->len), keep(fields, value));
}

/* A field as HTTP/1 has it: the name becomes lower case. */
static void add_field(struct fields *fields, enum http_name id, struct str name, struct str value)
{
	if (is_dropped(id))
		return;
	if (id != HTTP_NAME_OTHER) {
		add_known(fields, id, value);
		return;
	}
	char *lower = arena_alloc(fields->arena, name.len);
	str_copy_lower(lower, name);
	add(fields, str_make(lower, name.len), keep(fields, value));
}

/* "Name: value\r\n" lines of ours. */
static void add_lines(struct fields *fields, struct str lines)
{
	while (lines.len > 0) {
		struct str value = str_cut(&lines, '\n');
		struct str name = str_cut(&value, ':');
		CHECK(name.len > 0 && value.len > 0);
		value.len--; /* the CR */
		add_field(fields, http_name_of(name), name, str_trim(value));
	}
}

static void add_head(struct fields *fields, const struct http_head *head, const uint64_t *drop)
{
	for (unsigned i = 0; i < head->count; i++)
		if (drop == NULL || !(drop[i / 64] >> (i % 64) & 1))
			add_field(fields, (enum http_name)head->fields[i].id,
			        http_head_name(head, &head->fields[i]),
			        http_head_value(head, &head->fields[i]));
}

/* Begins with room for so many fields. */
static void begin_fields(struct fields *fields, struct serve_h2_stream *stream, size_t room)
{
	struct arena *arena = &stream->stream.arena;
	*fields = (struct fields){
	        .names = &server_of(stream)->h2->names,
	        .arena = arena,
	        .list = arena_alloc(arena, room * sizeof(nghttp2_nv)),
	        .room = room,
	};
}

/* Makes the fields of a response; they live as long as the stream. */
static void make_fields(struct serve_h2_stream *stream, const struct serve_response *response,
        bool is_copied, struct fields *fields)
{
	const struct http_head *head = response->head;
	bool is_tunnel = response->upgrade.len > 0;
	unsigned status = is_tunnel ? STATUS_OF_TUNNEL : response->status;
	CHECK(status >= 100 && status <= 999);
	begin_fields(fields, stream,
	        OWN_FIELDS + (head != NULL ? head->count : 0) + count_lines(response->added) +
	                response->field_count);
	fields->is_copied = is_copied;
	add(fields, STR(":status"), print_number(fields->arena, status));
	if (head != NULL)
		add_head(fields, head, response->drop);
	add_lines(fields, response->added);
	for (unsigned i = 0; i < response->field_count; i++)
		add_known(fields, response->fields[i].id, response->fields[i].value);
	if (response->length != UINT64_MAX)
		add_known(fields, HTTP_NAME_CONTENT_LENGTH,
		        print_number(fields->arena, response->length));
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
	if (stream->trailer_count > 0) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (nghttp2_submit_trailer(stream->session->wire, stream->id, stream->trailers,
		            stream->trailer_count) != 0)
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
	size_t wanted = out->block == NULL && whole < BUF_MIDDLE ? BUF_MIDDLE : whole;
	if (!buf_reserve(server_of(stream)->options.buffers, out, wanted))
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

/* What ended a response is on its way. A request that is not whole then is not waited for (RFC 9113
 * section 8.1). */
static int on_frame_send(nghttp2_session *wire, const nghttp2_frame *frame, void *user)
{
	struct serve_h2_session *session = user;
	int32_t id = frame->hd.stream_id;
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

/* Whether a head of so many bytes would be packed by the next call of serve_h2_pump_one. */
static bool is_packed_at_once(struct serve_h2_session *session, size_t bytes)
{
	if (!session->is_drained)
		serve_h2_pump(session);
	return session->is_drained && nghttp2_session_get_outbound_queue_size(session->wire) == 0 &&
	       serve_h2_room(session) >= bytes + PACKED_ROOM;
}

static size_t bytes_of(const struct serve_response *response)
{
	size_t bytes = response->added.len;
	if (response->head != NULL)
		bytes += response->head->len;
	for (unsigned i = 0; i < response->field_count; i++)
		bytes += HTTP_NAME_BYTES + response->fields[i].value.len;
	return bytes;
}

static bool fail_head(struct serve_h2_stream *stream)
{
	stream->stream.fault = FAULT_MEMORY;
	serve_stream_abort(&stream->stream);
	return false;
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
	size_t bytes = bytes_of(response), allocated = it->arena.allocated;
	bool is_at_once = is_packed_at_once(session, bytes);
	struct fields fields;
	make_fields(stream, response, !is_at_once, &fields);
	size_t more = it->arena.allocated - allocated;
	if (more > 0) {
		if (!serve_h2_memory_take(&session->memory, more))
			return fail_head(stream);
		it->arena_charged += more;
	}
	nghttp2_data_provider provider = {.source = {.ptr = stream}, .read_callback = on_read};
	bool has_body = it->length_left > 0;
	if (nghttp2_submit_response(session->wire, stream->id, fields.list, fields.count,
	            has_body ? &provider : NULL) != 0)
		return fail_head(stream);
	/* The body is likely to follow at once. */
	if (is_at_once)
		serve_h2_pump_one(session);
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
	struct serve_response response = {
	        .status = status, .head = head, .drop = drop, .length = UINT64_MAX};
	struct fields fields;
	make_fields(stream, &response, true, &fields);
	if (nghttp2_submit_headers(session->wire, NGHTTP2_FLAG_NONE, stream->id, NULL, fields.list,
	            fields.count, NULL) != 0)
		return; /* a hint may be left out */
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
	if (trailers != NULL && trailers->count > 0) {
		struct fields fields;
		begin_fields(&fields, stream, trailers->count);
		fields.is_copied = true;
		add_head(&fields, trailers, NULL);
		stream->trailers = fields.list;
		stream->trailer_count = fields.count;
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

static nghttp2_nv field_of(struct str name, struct str value)
{
	return (nghttp2_nv){
	        .name = (uint8_t *)(uintptr_t)name.at,
	        .namelen = name.len,
	        .value = (uint8_t *)(uintptr_t)value.at,
	        .valuelen = value.len,
	};
}

void serve_h2_response_refuse(struct serve_h2_session *session, int32_t id, enum fault fault)
{
	struct serve_server *server = session->connection->server;
	const struct fault_info *info = fault_info(fault);
	char status[8];
	int length = snprintf(status, sizeof(status), "%u", info->status);
	nghttp2_nv fields[8] = {
	        field_of(STR(":status"), str_make(status, (size_t)length)),
	        field_of(STR("date"), serve_server_date(server)),
	        field_of(STR("cache-control"), STR("no-store")),
	        field_of(STR("content-length"), STR("0")),
	        field_of(STR("x-headwater-error"), str_of(info->name)),
	};
	size_t count = 5;
	char names[128];
	struct str lines = str_of(server->options.refusal_lines);
	size_t at = 0;
	while (lines.len > 0 && count < ARRAY_LENGTH(fields)) {
		const char *colon = memchr(lines.at, ':', lines.len);
		const char *end = memchr(lines.at, '\n', lines.len);
		CHECK(colon != NULL && end != NULL && colon < end);
		size_t name_len = (size_t)(colon - lines.at);
		CHECK(at + name_len <= sizeof(names));
		str_copy_lower(names + at, str_make(lines.at, name_len));
		fields[count++] = field_of(str_make(names + at, name_len),
		        str_trim(str_make(colon + 1, (size_t)(end - colon) - 2)));
		at += name_len;
		lines = str_make(end + 1, lines.len - (size_t)(end + 1 - lines.at));
	}
	if (nghttp2_submit_response(session->wire, id, fields, count, NULL) != 0)
		nghttp2_submit_rst_stream(
		        session->wire, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
}
