/*
 * A client connection that speaks HTTP/1, and what its files share: connection.c reads heads and
 * keeps the connection's life, stream.c is one exchange on it. Idle, it is this struct and nothing
 * else.
 */
#pragma once

#include "base/address.h"
#include "base/buf.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "serve/server.h"
#include "serve/wire.h"

enum connection_state {
	CONNECTION_PROXY,     /* a PROXY header must come first */
	CONNECTION_HANDSHAKE, /* TLS is being agreed on */
	CONNECTION_IDLE,      /* between requests; nothing of the next one is there */
	CONNECTION_HEAD,      /* a part of a head is there */
	CONNECTION_EXCHANGE,  /* a stream is open */
	CONNECTION_FLUSH,     /* the response is finished, its last bytes wait for room */
	CONNECTION_HTTP2,     /* a session has it (h2.h) */
	CONNECTION_LINGER,    /* FIN is sent; what still comes is dropped until the client's FIN */
};

struct serve_connection {
	struct loop_fd watched;
	struct serve_wire wire; /* on the same socket */
	struct timer timer;
	struct loop_task task; /* goes on with the next request */
	struct list_node node; /* in the server's list */
	struct serve_server *server;
	struct serve_stream *stream;      /* in EXCHANGE */
	struct serve_h2_session *session; /* in HTTP2 */
	struct buf in, out;               /* out: heads and framing, not bodies */
	uint64_t deadline_ms;
	uint64_t pace_since_ms, pace_mark; /* while the client's reading is measured; else 0 */
	uint64_t linger_until_ms;
	struct address client;
	uint32_t scanned;
	uint8_t state;    /* enum connection_state */
	bool is_secure;   /* the listener is one of TLS */
	bool is_readable; /* edge-triggered: reading may give something */
	bool has_hangup;  /* FIN or worse was reported: read until it is seen */
	bool has_end;     /* the client's FIN was read */
	bool is_last;     /* the connection ends after this response */
	bool may_be_h2;   /* its first bytes may be the preface of HTTP/2 */
	bool is_counted;  /* in the census by its client address */
};

struct serve_server {
	struct serve_options options;
	struct list connections, listeners;
	struct slab connection_slab, stream_slab;
	struct serve_h2_shared *h2;
	unsigned count;
	unsigned handshakes; /* connections in HANDSHAKE */
	atomic_uint_least64_t handshakes_done[SERVE_HANDSHAKES_KINDS];
	bool is_draining;
	int spare_fd; /* given up to accept and refuse when descriptors run out */
	uint64_t date_ms;
	char date[32];
};

/* The inline block of a stream's arena: an ordinary request needs no other. */
enum { STREAM_ARENA_BYTES = 6144 };

struct stream_room {
	struct serve_stream stream;
	_Alignas(16) char first[STREAM_ARENA_BYTES];
};

/* What the connections of a listener may speak. */
struct serve_door {
	bool is_secure; /* TLS, and nothing else */
	bool may_be_h2; /* HTTP/2 without it */
};

/* Takes over an accepted socket. */
void serve_connection_open(
        struct serve_server *server, int fd, const struct address *peer, struct serve_door door);

/* Closes at once; no stream may be open. */
void serve_connection_close(struct serve_connection *connection);

/* The same, so that the client sees a reset, and the kernel forgets what it has not sent. */
void serve_connection_reset(struct serve_connection *connection);

/* Makes room in `in` for `room` bytes or more; false when the budget says no. */
MUST_CHECK bool serve_connection_reserve(struct serve_connection *connection, size_t room);

/* Reads once into the room of `in`. */
enum tcp_result serve_connection_fill(struct serve_connection *connection);

/* The moment at which on_expire of the connection should look; CLOCK_NEVER for none. */
void serve_connection_set_deadline(struct serve_connection *connection, uint64_t at_ms);

/*
 * The least rate of a client that reads: measured from the moment on at which the kernel takes no
 * more, until it has taken everything. What counts is what the client's side acknowledged, since
 * the kernel's buffer can hide a slow reader, or a fast enough one, for longer than the timeout. So
 * somebody has to look now and then: start and is_slow tell when; start does nothing while it runs.
 */
uint64_t serve_connection_pace_start(struct serve_connection *connection);
void serve_connection_pace_stop(struct serve_connection *connection);
MUST_CHECK bool serve_connection_pace_is_slow(
        struct serve_connection *connection, uint64_t *ret_look_ms);

/* Sends `out`, and what waits on the wire; false when the connection is broken. What was not taken
 * stays there. */
MUST_CHECK bool serve_connection_flush(struct serve_connection *connection);

/* Whether something is to be flushed. */
bool serve_connection_has_unsent(const struct serve_connection *connection);

/* The exchange is over and its stream closed: the next request, or the end. */
void serve_connection_next(struct serve_connection *connection);

/* Idle connections of a draining server get a last second. */
void serve_connection_drain(struct serve_connection *connection);

/* A new stream for the head that is parsed into `head`, whose bytes are at the front of `in`:
 * copies head and fields, drops them from `in`, checks the rest (Host, framing, Expect). */
MUST_CHECK enum fault serve_stream_open(
        struct serve_connection *connection, const struct http_head *head);

/* The connection tells its stream: something can be read or written, the client is gone, a deadline
 * came. */
void serve_stream_ready(struct serve_stream *stream, unsigned events);
void serve_stream_gone(struct serve_stream *stream, enum fault fault);
void serve_stream_expired(struct serve_stream *stream, uint64_t now_ms);

/* Sets the connection's deadline to the earlier one of the stream's two. */
void serve_stream_look(struct serve_stream *stream);

/* Writes an error response of ours into `out`, with the lines of `added`; false when there is no
 * memory for it. `request` is the head that is answered, NULL where there is none. */
MUST_CHECK bool serve_connection_put_error(struct serve_connection *connection, enum fault fault,
        const struct http_head *request, struct str added);
