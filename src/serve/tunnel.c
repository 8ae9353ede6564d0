/*
 * The connection's `in` has what was read behind the request's head; it belongs to the tunnel from
 * its first byte on. Writing is that of a body without framing (stream_response.c), but nothing
 * waits here for more: each piece leaves at once. A client without TLS is told the end by FIN, one
 * with it in TLS's own words.
 */
#include "serve/tunnel.h"

#include "serve/connection_private.h"
#include "serve/h2_private.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

static enum serve_read fail(struct serve_stream *stream, enum fault fault)
{
	serve_stream_gone(stream, fault);
	return SERVE_READ_FAILED;
}

enum serve_read serve_tunnel_read(struct serve_stream *stream, struct str *ret_data)
{
	struct serve_connection *connection = stream->connection;
	struct buf_pool *buffers = connection->server->options.buffers;
	struct buf *in = &connection->in;
	CHECK(stream->is_tunnel);
	if (stream->is_gone)
		return SERVE_READ_FAILED;
	if (stream->head.is_h2) {
		enum serve_read result = serve_h2_stream_read(stream, BUF_LARGE, ret_data);
		if (result == SERVE_READ_FAILED)
			serve_h2_stream_gone(serve_h2_of(stream), FAULT_CLIENT_GONE);
		return result;
	}
	stream->wants_body = false;
	while (buf_length(in) == 0) {
		if (connection->has_end || !connection->is_readable) {
			buf_release_if_empty(buffers, in);
			stream->wants_body = !connection->has_end;
			return connection->has_end ? SERVE_READ_END : SERVE_READ_WAIT;
		}
		if (!serve_connection_reserve(connection, BUF_MIDDLE))
			return fail(stream, FAULT_MEMORY);
		if (serve_connection_fill(connection) == TCP_RESET)
			return fail(stream, FAULT_CLIENT_GONE);
	}
	*ret_data = buf_str(in);
	buf_drop(in, ret_data->len);
	stream->body_received += ret_data->len;
	return SERVE_READ_DATA;
}

size_t serve_tunnel_write(struct serve_stream *stream, struct str data)
{
	CHECK(stream->is_tunnel);
	size_t taken = serve_stream_write(stream, data);
	serve_stream_flush(stream);
	return taken;
}

/* Whether everything has left for the kernel; else there will be room. */
static bool is_flushed(struct serve_stream *stream)
{
	serve_stream_flush(stream);
	if (!stream->is_gone && serve_connection_has_unsent(stream->connection))
		stream->wants_room = true;
	return stream->is_gone || !serve_connection_has_unsent(stream->connection);
}

bool serve_tunnel_end(struct serve_stream *stream)
{
	struct serve_connection *connection = stream->connection;
	CHECK(stream->is_tunnel);
	if (stream->is_gone)
		return true;
	if (stream->head.is_h2) {
		serve_h2_response_finish(stream, NULL);
		return true;
	}
	if (!is_flushed(stream))
		return false;
	if (connection->wire.tls == NULL)
		tcp_send_fin(connection->watched.fd);
	else
		serve_wire_end(&connection->wire);
	return true;
}

uint64_t serve_tunnel_backlog(const struct serve_stream *stream)
{
	const struct serve_connection *connection = stream->connection;
	int waiting = 0;
	/* The client tells by its windows how much of a stream it reads. */
	if (stream->head.is_h2)
		return 0;
	if (ioctl(connection->watched.fd, SIOCOUTQ, &waiting) != 0)
		waiting = 0;
	return (uint64_t)waiting;
}
