/*
 * A worker's listeners and client connections, and the numbers that all of them share. One for each
 * worker; the census of client addresses is one for the process.
 */
#pragma once

#include "base/buf.h"
#include "base/slab.h"
#include "net/loop.h"
#include "serve/stream.h"

struct serve_census;
struct tls_context;

/* What an HTTP/2 client may do too much of (flood.def). */
enum serve_flood {
#define FLOOD(id, name, limit, words) SERVE_FLOOD_##id,
#include "serve/flood.def"
#undef FLOOD
	SERVE_FLOODS
};

/* Who may speak HTTP/2 without TLS, with prior knowledge (RFC 9113 section 3.3). */
enum serve_plain_h2 {
	SERVE_PLAIN_H2_OFF,
	SERVE_PLAIN_H2_LOOPBACK, /* at listeners whose address is a loopback one */
	SERVE_PLAIN_H2_ON,
};

/* Counts connections, in all and by client address, for the limits; any thread. */
struct serve_census *serve_census_new(uint32_t connections_max, uint32_t connections_per_address);
void serve_census_free(struct serve_census *census);

/* One connection more; false when that would be over the limit for all. */
MUST_CHECK bool serve_census_enter(struct serve_census *census);
void serve_census_leave(struct serve_census *census);

/* Connections there are. */
unsigned serve_census_count(struct serve_census *census);

/* One connection more from this client; false when that would be over the limit for one address. */
MUST_CHECK bool serve_census_enter_client(
        struct serve_census *census, const struct address *client);
void serve_census_leave_client(struct serve_census *census, const struct address *client);

/* What holds for every connection of a server; the settings of the same names (docs/settings.md).
 */
struct serve_options {
	struct loop *loop;
	struct buf_pool *buffers;
	struct serve_census *census;
	struct serve_handler *handler;
	const struct tls_context *tls; /* for listeners of TLS; NULL where there are none */
	bool is_http2;                 /* false: HTTP/1 only, whatever the next one says */
	enum serve_plain_h2 plain_h2;
	bool proxy_protocol; /* every connection begins with a PROXY header from a trusted address
	                      */
	const struct address_prefix *trusted;
	unsigned trusted_count;
	uint32_t handshake_timeout_ms;
	uint32_t head_timeout_ms, body_timeout_ms, write_timeout_ms, keepalive_timeout_ms;
	uint32_t rate_min;
	struct http_head_limits head_limits;
	/* Field lines of answers to what never became a request, each with its CRLF; not copied.
	 * NULL: none. */
	const char *refusal_lines;
};

struct serve_server *serve_server_new(const struct serve_options *options);

/* No stream may be open; connections are closed. */
void serve_server_free(struct serve_server *server);

/* Begins to accept from a listening socket, with TLS or without; the socket stays the caller's. */
MUST_CHECK bool serve_server_listen(struct serve_server *server, int listener, bool is_secure);

/* Accepts what waits in the queues once more, then no more; idle connections end after a quiet
 * second, others after their response, which says `Connection: close`. */
void serve_server_drain(struct serve_server *server);

/* The current time as a Date value; valid until the next turn of the loop. */
struct str serve_server_date(struct serve_server *server);

/* Open connections. */
unsigned serve_server_connections(const struct serve_server *server);

/* How many connections have ended since their clients did too much of something; any thread. */
uint64_t serve_server_floods(const struct serve_server *server, enum serve_flood kind);

/* What has come of handshakes of TLS since the server began. */
enum serve_handshakes {
	SERVE_HANDSHAKES_FULL,
	SERVE_HANDSHAKES_RESUMED, /* an earlier session was taken up */
	SERVE_HANDSHAKES_FAILED,  /* also those that took too long, or were too many at a time */
	SERVE_HANDSHAKES_KINDS
};

/* How many; any thread. */
uint64_t serve_server_handshakes(const struct serve_server *server, enum serve_handshakes kind);

/* Whether `address` may tell about others (PROXY, X-Forwarded-For). */
bool serve_server_is_trusted(const struct serve_server *server, const struct address *address);
