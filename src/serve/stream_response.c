/*
 * The response of an exchange on an HTTP/1 connection. Only heads, framing and small pieces are
 * copied (into the connection's `out`); a body goes from the handler's memory to the socket in one
 * vectored write with what is in `out`, or from a file's pages behind it. What the socket does not
 * take stays with the handler, who is woken when there is room: nothing here can grow.
 */
#include "base/clock.h"
#include "http/write.h"
#include "serve/connection_private.h"
#include "serve/h2_private.h"

enum {
	/* What a head needs beside its fields: status line, framing, Connection. */
	HEAD_ROOM = 256,
	/* Pieces of a body up to this size wait for what follows, so that small ones leave
	   together. */
	SMALL_PIECE = 4096,
};

static const char line_end[] = "\r\n";

static struct serve_server *server_of(const struct serve_stream *stream)
{
	return stream->connection->server;
}

static size_t room_for(const struct serve_response *response)
{
	size_t room =
	        HEAD_ROOM + response->reason.len + response->added.len + response->upgrade.len;
	/* "name:value\r\n" stands in the head already; each may grow by a space. */
	if (response->head != NULL)
		room += response->head->len + response->head->count;
	for (unsigned i = 0; i < response->field_count; i++)
		room += HTTP_NAME_BYTES + response->fields[i].value.len + 4;
	return room;
}

static void write_fields(struct http_writer *writer, const struct serve_response *response)
{
	const struct http_head *head = response->head;
	bool has_lines = response->lines.len > 0;
	for (unsigned i = 0; head != NULL && !has_lines && i < head->count; i++)
		if (response->drop == NULL || !(response->drop[i / 64] >> (i % 64) & 1))
			http_write_field(writer, http_head_name(head, &head->fields[i]),
			        http_head_value(head, &head->fields[i]));
	http_write(writer, response->lines);
	http_write(writer, response->added);
	for (unsigned i = 0; i < response->field_count; i++)
		http_write_known_field(writer, response->fields[i].id, response->fields[i].value);
}

/* The connection is no more one of HTTP: it ends with what passes on it, and looks broken where
 * that is cut. */
static void write_upgrade(
        struct http_writer *writer, struct serve_stream *stream, struct str upgrade)
{
	stream->is_tunnel = true;
	stream->length_left = UINT64_MAX;
	stream->ends_by_close = true;
	stream->connection->is_last = true;
	http_write_known_field(writer, HTTP_NAME_CONNECTION, STR("Upgrade"));
	http_write_known_field(writer, HTTP_NAME_UPGRADE, upgrade);
}

/* Chooses the framing of the response (RFC 9112 section 6) and writes it. */
static void write_framing(struct http_writer *writer, struct serve_stream *stream,
        const struct serve_response *response)
{
	struct serve_connection *connection = stream->connection;
	stream->length_left = response->is_bodiless ? 0 : response->length;
	if (response->length != UINT64_MAX) {
		http_write_length_field(writer, response->length);
	} else if (!response->is_bodiless && stream->head.minor >= 1) {
		stream->is_chunked = true;
		http_write_known_field(writer, HTTP_NAME_TRANSFER_ENCODING, STR("chunked"));
	} else if (!response->is_bodiless) {
		stream->ends_by_close = true;
	}
	/* What is not read of the request cannot be told from the next one. */
	if (stream->ends_by_close || connection->server->is_draining ||
	        (stream->has_body && !stream->body.is_whole))
		connection->is_last = true;
	if (connection->is_last)
		http_write_known_field(writer, HTTP_NAME_CONNECTION, STR("close"));
	else if (stream->head.minor == 0)
		http_write_known_field(writer, HTTP_NAME_CONNECTION, STR("keep-alive"));
}

bool serve_stream_respond(struct serve_stream *stream, const struct serve_response *response)
{
	if (stream->head.is_h2)
		return serve_h2_response_begin(stream, response);
	CHECK(!stream->has_response);
	CHECK(response->lines.len == 0 || str_has_suffix(response->lines, str_of(line_end)));
	CHECK(response->added.len == 0 || str_has_suffix(response->added, str_of(line_end)));
	struct serve_connection *connection = stream->connection;
	struct buf *out = &connection->out;
	stream->has_response = true;
	stream->status = (uint16_t)response->status;
	if (!buf_reserve(server_of(stream)->options.buffers, out, room_for(response))) {
		serve_stream_abort(stream);
		return false;
	}
	struct http_writer writer;
	http_writer_init(&writer, out->block + out->end, buf_room(out));
	http_write_status_line(&writer, response->status, response->reason);
	write_fields(&writer, response);
	if (response->upgrade.len > 0)
		write_upgrade(&writer, stream, response->upgrade);
	else
		write_framing(&writer, stream, response);
	http_write_end_of_head(&writer);
	CHECK(!writer.full);
	out->end += (uint32_t)http_writer_str(&writer).len;
	return true;
}

void serve_stream_interim(struct serve_stream *stream, unsigned status,
        const struct http_head *head, const uint64_t *drop)
{
	if (stream->head.is_h2) {
		serve_h2_response_interim(stream, status, head, drop);
		return;
	}
	struct serve_connection *connection = stream->connection;
	if (stream->head.minor == 0 || stream->is_gone || stream->has_response)
		return;
	struct serve_response response = {.status = status, .head = head, .drop = drop};
	struct buf *out = &connection->out;
	if (!buf_reserve(server_of(stream)->options.buffers, out, room_for(&response)))
		return; /* a hint may be left out */
	struct http_writer writer;
	http_writer_init(&writer, out->block + out->end, buf_room(out));
	http_write_status_line(&writer, status, STR_EMPTY);
	write_fields(&writer, &response);
	http_write_end_of_head(&writer);
	CHECK(!writer.full);
	out->end += (uint32_t)http_writer_str(&writer).len;
	serve_stream_flush(stream);
}

static void wait_for_room(struct serve_stream *stream)
{
	stream->wants_room = true;
	/* How long a tunnel may stand still is for who has it to say. */
	if (stream->room_look_ms == CLOCK_NEVER && !stream->is_tunnel) {
		stream->room_look_ms = serve_connection_pace_start(stream->connection);
		serve_stream_look(stream);
	}
}

/* The kernel has taken everything. */
static void end_wait_for_room(struct serve_stream *stream)
{
	stream->room_look_ms = CLOCK_NEVER;
	serve_connection_pace_stop(stream->connection);
}

/* Counts `count` bytes that the kernel took: first of `out`, then of `data`; returns those of the
 * data. */
static size_t account(struct serve_stream *stream, size_t count, size_t data_length)
{
	struct buf *out = &stream->connection->out;
	size_t of_out = count < buf_length(out) ? count : buf_length(out);
	buf_drop(out, of_out);
	buf_release_if_empty(server_of(stream)->options.buffers, out);
	size_t of_data = count - of_out < data_length ? count - of_out : data_length;
	stream->sent += of_data;
	stream->length_left -= stream->length_left == UINT64_MAX ? 0 : of_data;
	stream->chunk_left -= stream->is_chunked ? of_data : 0;
	return of_data;
}

/*
 * Before `size` body bytes are sent: in chunked coding announces a chunk of all of them in `out`,
 * unless they are the rest of one. False when there is no room for the line; the stream is gone
 * then.
 */
static bool begin_chunk(struct serve_stream *stream, size_t size)
{
	if (!stream->is_chunked || stream->chunk_left > 0)
		return true;
	char line[HTTP_WRITE_CHUNK_LINE_BYTES];
	size_t length = http_write_chunk_line(line, size);
	if (!buf_add(server_of(stream)->options.buffers, &stream->connection->out,
	            str_make(line, length))) {
		serve_stream_gone(stream, FAULT_MEMORY);
		return false;
	}
	stream->chunk_left = size;
	return true;
}

/* Puts the rest of a chunk's end into `out`. */
static void put_chunk_end(struct serve_stream *stream, size_t lacking)
{
	if (!buf_add(server_of(stream)->options.buffers, &stream->connection->out,
	            str_make(line_end + 2 - lacking, lacking)))
		serve_stream_gone(stream, FAULT_MEMORY);
}

/* Puts a small piece into `out`, to leave with the head before it and with what follows: a copy
 * costs less than a vector more. In chunked coding it is a whole chunk. */
static bool put_small_piece(struct serve_stream *stream, struct str data)
{
	struct buf *out = &stream->connection->out;
	/* A line more: the next chunk's must find room here, however full the block is. */
	if (data.len > SMALL_PIECE || stream->chunk_left > 0 || out->cap == 0 ||
	        buf_room(out) < data.len + 2 * HTTP_WRITE_CHUNK_LINE_BYTES + 2)
		return false;
	if (stream->is_chunked)
		out->end += (uint32_t)http_write_chunk_line(out->block + out->end, data.len);
	memcpy(out->block + out->end, data.at, data.len);
	out->end += (uint32_t)data.len;
	if (stream->is_chunked) {
		memcpy(out->block + out->end, line_end, 2);
		out->end += 2;
	}
	stream->sent += data.len;
	stream->length_left -= stream->length_left == UINT64_MAX ? 0 : data.len;
	return true;
}

/* Writes of *data what fits the chunk that was announced, if one was, else all of it, and cuts off
 * what was taken. False where the client takes no more now, or is gone. */
static bool write_part(struct serve_stream *stream, struct str *data)
{
	struct serve_connection *connection = stream->connection;
	struct buf *out = &connection->out;
	if (!begin_chunk(stream, data->len))
		return false;
	size_t size = data->len;
	if (stream->is_chunked && size > stream->chunk_left)
		size = stream->chunk_left;
	bool ends_chunk = stream->is_chunked && size == stream->chunk_left;
	int first = buf_length(out) == 0;
	struct iovec vectors[3] = {
	        {.iov_base = first == 0 ? buf_bytes(out) : NULL, .iov_len = buf_length(out)},
	        {.iov_base = (void *)(uintptr_t)data->at, .iov_len = size},
	        {.iov_base = (void *)(uintptr_t)line_end, .iov_len = ends_chunk ? 2 : 0},
	};
	size_t all = buf_length(out) + size + vectors[2].iov_len, count = 0;
	enum tcp_result result = serve_wire_write(
	        &connection->wire, vectors + first, (ends_chunk ? 3 : 2) - first, &count);
	if (result == TCP_RESET || result == TCP_END) {
		serve_stream_gone(stream, FAULT_CLIENT_GONE);
		return false;
	}
	if (result == TCP_AGAIN)
		count = 0;
	size_t lacking = all - count;
	size_t taken = account(stream, count, size);
	*data = str_make(data->at + taken, data->len - taken);
	if (lacking > 0)
		wait_for_room(stream);
	else
		end_wait_for_room(stream);
	if (ends_chunk && taken == size && lacking > 0)
		put_chunk_end(stream, lacking);
	return lacking == 0;
}

/* What was announced of a piece that the client did not take at once need not end where the piece
 * ends that the handler has now: then the rest is a chunk of its own. */
size_t serve_stream_write(struct serve_stream *stream, struct str data)
{
	if (stream->head.is_h2)
		return serve_h2_response_write(stream, data);
	CHECK(stream->has_response && !stream->is_finished);
	if (stream->is_gone || data.len == 0)
		return 0;
	CHECK(stream->length_left == UINT64_MAX || data.len <= stream->length_left);
	if (put_small_piece(stream, data))
		return data.len;
	size_t size = data.len;
	while (data.len > 0 && write_part(stream, &data))
		;
	return size - data.len;
}

/* The same for the bytes of a file from *offset up to `end`. */
static bool send_part(struct serve_stream *stream, int file, uint64_t *offset, uint64_t end)
{
	struct serve_connection *connection = stream->connection;
	if (!begin_chunk(stream, (size_t)(end - *offset)))
		return false;
	if (stream->is_chunked && end - *offset > stream->chunk_left)
		end = *offset + stream->chunk_left;
	/* Until the kernel says why it takes no more: a file that ends early looks like a socket
	 * that is full, but nobody would wake us. */
	while (*offset < end) {
		size_t count;
		switch (serve_wire_send_file(&connection->wire, buf_str(&connection->out), file,
		        *offset, (size_t)(end - *offset), &count)) {
		case TCP_DONE:
			*offset += account(stream, count, (size_t)(end - *offset));
			break;
		case TCP_AGAIN:
			wait_for_room(stream);
			return false;
		case TCP_END:
			serve_stream_gone(stream, FAULT_STORED);
			return false;
		case TCP_RESET:
			serve_stream_gone(stream, FAULT_CLIENT_GONE);
			return false;
		}
	}
	end_wait_for_room(stream);
	if (stream->is_chunked && stream->chunk_left == 0)
		put_chunk_end(stream, 2);
	return !stream->is_gone;
}

size_t serve_stream_send_file(struct serve_stream *stream, int file, uint64_t offset, size_t size)
{
	if (stream->head.is_h2)
		return serve_h2_response_send_file(stream, file, offset, size);
	CHECK(stream->has_response && !stream->is_finished);
	CHECK(stream->length_left == UINT64_MAX || size <= stream->length_left);
	if (stream->is_gone)
		return 0;
	uint64_t at = offset, end = offset + size;
	while (at < end && send_part(stream, file, &at, end))
		;
	return (size_t)(at - offset);
}

void serve_stream_flush(struct serve_stream *stream)
{
	if (stream->head.is_h2) {
		serve_h2_response_flush(stream);
		return;
	}
	struct serve_connection *connection = stream->connection;
	if (stream->is_gone || buf_length(&connection->out) == 0)
		return;
	if (!serve_connection_flush(connection)) {
		serve_stream_gone(stream, FAULT_CLIENT_GONE);
		return;
	}
	if (buf_length(&connection->out) > 0)
		wait_for_room(stream);
	else
		end_wait_for_room(stream);
}

void serve_stream_finish(struct serve_stream *stream, const struct http_head *trailers)
{
	if (stream->head.is_h2) {
		serve_h2_response_finish(stream, trailers);
		return;
	}
	CHECK(stream->has_response && !stream->is_finished);
	CHECK(stream->length_left == 0 || stream->length_left == UINT64_MAX || stream->is_gone);
	stream->is_finished = true;
	if (!stream->is_chunked || stream->is_gone)
		return;
	struct buf *out = &stream->connection->out;
	size_t room =
	        8 +
	        (trailers != NULL ? 2 * (size_t)trailers->len + 4 * (size_t)trailers->count : 0);
	if (!buf_reserve(server_of(stream)->options.buffers, out, room)) {
		serve_stream_abort(stream);
		return;
	}
	struct http_writer writer;
	http_writer_init(&writer, out->block + out->end, buf_room(out));
	http_write(&writer, STR("0\r\n"));
	for (unsigned i = 0; trailers != NULL && i < trailers->count; i++)
		http_write_field(&writer, http_head_name(trailers, &trailers->fields[i]),
		        http_head_value(trailers, &trailers->fields[i]));
	http_write_end_of_head(&writer);
	CHECK(!writer.full);
	out->end += (uint32_t)http_writer_str(&writer).len;
}
