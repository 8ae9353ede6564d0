/*
 * Without TLS this is net/tcp.h, and counting. With it, a body that lies in a file goes through
 * memory: a record's worth at a time is read behind what goes before it, so that both are encrypted
 * together.
 */
#include "serve/wire.h"

#include <errno.h>
#include <unistd.h>

bool serve_wire_begin_tls(struct serve_wire *wire, const struct tls_context *context,
        struct buf_pool *buffers, struct str early)
{
	wire->tls = tls_new_buffered(context, wire->fd, buffers);
	return early.len == 0 || tls_give(wire->tls, early);
}

void serve_wire_close(struct serve_wire *wire)
{
	if (wire->tls == NULL)
		return;
	/* Whoever closes without an end has none that may look like one. */
	tls_break(wire->tls);
	tls_free(wire->tls);
	wire->tls = NULL;
}

void serve_wire_end(struct serve_wire *wire)
{
	if (wire->tls != NULL)
		tls_close(wire->tls);
}

enum tcp_result serve_wire_read(struct serve_wire *wire, void *to, size_t size, size_t *ret_count)
{
	if (wire->tls != NULL)
		return tls_read(wire->tls, to, size, ret_count);
	return tcp_read(wire->fd, to, size, ret_count);
}

enum tcp_result serve_wire_write(
        struct serve_wire *wire, const struct iovec *vectors, int count, size_t *ret_count)
{
	if (wire->tls != NULL)
		return tls_write_vectors(wire->tls, vectors, count, ret_count);
	enum tcp_result result = tcp_write(wire->fd, vectors, count, ret_count);
	if (result == TCP_DONE)
		wire->sent += *ret_count;
	return result;
}

/* Encrypts the head and the first bytes of the file, as many as `to` holds. */
static enum tcp_result write_from_file(struct serve_wire *wire, struct str head, int file,
        uint64_t offset, size_t size, size_t *ret_count)
{
	char to[BUF_MIDDLE];
	ssize_t got;
	if (size > sizeof(to))
		size = sizeof(to);
	do {
		got = pread(file, to, size, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return TCP_END;
	struct iovec vectors[2] = {
	        {.iov_base = (void *)(uintptr_t)head.at, .iov_len = head.len},
	        {.iov_base = to, .iov_len = (size_t)got},
	};
	bool has_head = head.len > 0;
	return tls_write_vectors(wire->tls, vectors + !has_head, 1 + has_head, ret_count);
}

enum tcp_result serve_wire_send_file(struct serve_wire *wire, struct str head, int file,
        uint64_t offset, size_t size, size_t *ret_count)
{
	if (wire->tls != NULL)
		return write_from_file(wire, head, file, offset, size, ret_count);
	enum tcp_result result = tcp_send_file(wire->fd, head, file, offset, size, ret_count);
	if (result == TCP_DONE)
		wire->sent += *ret_count;
	return result;
}
