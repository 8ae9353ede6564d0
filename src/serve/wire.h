/*
 * The bytes of a client connection: a socket, with TLS between or without. What is taken of a write
 * is on its way, though with TLS it may still wait here for the socket (serve_wire_flush). Owned by
 * its connection.
 */
#pragma once

#include "base/buf.h"
#include "net/tcp.h"
#include "net/tls.h"

struct serve_wire {
	int fd;
	struct tls *tls; /* NULL: none */
	uint64_t sent;   /* without TLS: what the kernel took, ever */
};

/* Begins TLS, behind `early`, which the client has sent of it already. False when there is no
 * memory for that. */
MUST_CHECK bool serve_wire_begin_tls(struct serve_wire *wire, const struct tls_context *context,
        struct buf_pool *buffers, struct str early);

/* Frees what it has; the client is told nothing, and the socket stays the caller's. */
void serve_wire_close(struct serve_wire *wire);

/* Tells the client that nothing more comes, in TLS's words; it is not shut down. */
void serve_wire_end(struct serve_wire *wire);

/* The loop reports that there may be something to read. */
static inline void serve_wire_ready(struct serve_wire *wire, bool has_hangup)
{
	if (wire->tls != NULL)
		tls_ready(wire->tls, has_hangup);
}

/* The results of net/tcp.h. */
enum tcp_result serve_wire_read(struct serve_wire *wire, void *to, size_t size, size_t *ret_count);
enum tcp_result serve_wire_write(
        struct serve_wire *wire, const struct iovec *vectors, int count, size_t *ret_count);

/* As tcp_send_file; with TLS, through memory, a part at a time. */
enum tcp_result serve_wire_send_file(struct serve_wire *wire, struct str head, int file,
        uint64_t offset, size_t size, size_t *ret_count);

/* Sends what waits here. False when the connection is broken. */
MUST_CHECK static inline bool serve_wire_flush(struct serve_wire *wire)
{
	return wire->tls == NULL || tls_flush(wire->tls) != TCP_RESET;
}

/* Whether something that was taken waits here. */
static inline bool serve_wire_has_unsent(const struct serve_wire *wire)
{
	return wire->tls != NULL && tls_has_unsent(wire->tls);
}

/* Whether requests can be read: there is no TLS, or it is agreed on. */
static inline bool serve_wire_is_open(const struct serve_wire *wire)
{
	return wire->tls == NULL || tls_is_open(wire->tls);
}

/* Whether a short read says that the socket is empty. With TLS only TCP_AGAIN does. */
static inline bool serve_wire_tells_by_count(const struct serve_wire *wire)
{
	return wire->tls == NULL;
}

/* What the kernel took, ever, in the socket's bytes. */
static inline uint64_t serve_wire_sent(const struct serve_wire *wire)
{
	return wire->tls == NULL ? wire->sent : tls_sent(wire->tls);
}
