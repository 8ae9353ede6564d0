/*
 * One request and its response, as whoever answers it sees them, the same for every version of
 * HTTP: the parsed head, the body that is pulled, the response that is written as far as the client
 * takes it. Owned by its connection; belongs to one thread.
 *
 * Life: the connection makes it when a head is whole and calls handler->on_request; the handler
 * responds and finishes or aborts it (or is told that the client is gone), and lets it go with
 * serve_stream_close. The connection goes on by itself.
 */
#pragma once

#include "base/arena.h"
#include "http/body.h"
#include "http/head.h"
#include "net/loop.h"

#include <stdint.h>

struct serve_connection;
struct serve_server;

struct serve_stream {
	/* for the handler to read */
	struct http_head head;     /* of the request; valid until serve_stream_close */
	struct http_target target; /* http_head_check_request */
	/* Of an extended CONNECT (RFC 8441), which looks like a GET: the protocol that it wants. No
	 * 2xx answers it but that of a tunnel. Else empty. */
	struct str protocol;
	uint64_t began_us;      /* base/clock.h, when the head was whole */
	uint64_t body_length;   /* of the request, where is_length_known */
	uint64_t body_received; /* content bytes so far */
	uint64_t sent;          /* content bytes of the response that the kernel took */
	uint16_t status;        /* of the response, once there is one */
	uint8_t fault;          /* enum fault: why reading or writing failed */
	bool has_body;          /* a request body follows, maybe an empty chunked one */
	bool is_length_known;
	bool is_https;  /* the client came by TLS */
	bool is_copied; /* whatever is sent is copied, so that a file has no advantage over memory
	                 */
	bool is_gone;   /* nothing can be written any more */
	bool is_tunnel; /* a response with `upgrade` was sent: serve/tunnel.h */
	/* head.is_h2 is set on an HTTP/2 connection */
	/* for the handler to set */
	struct loop_task *wake; /* woken on progress: body, room to write, or the client's end */
	void *user;             /* the handler's */
	/* the connection's own */
	struct serve_connection *connection;
	struct http_body body;
	struct arena arena;   /* of the request: dies with the stream */
	uint64_t length_left; /* of the response: of the promised length */
	uint64_t chunk_left;  /* of the chunk that was announced */
	uint64_t body_asked_ms;
	uint64_t body_deadline_ms, room_look_ms; /* while somebody waits; else CLOCK_NEVER */
	uint64_t body_mark;                      /* for the least rate */
	size_t arena_charged;                    /* taken from the budget for the head */
	struct str trailers; /* of the request, serialised; where has_trailers */
	bool has_trailers;
	bool has_response, is_chunked, ends_by_close, is_finished, is_aborted, is_closed;
	bool wants_body, wants_room, expects_continue;
};

/* Who asks: the socket's peer, or what a PROXY header said. */
const struct address *serve_stream_client(const struct serve_stream *stream);

/* Who answers requests; one for a server. */
struct serve_handler {
	/* A request's head is whole. Noting and waking only: nothing of the stream may be called.
	 */
	void (*on_request)(struct serve_handler *self, struct serve_stream *stream);
	/* What came could not become a request; it was answered and the connection ends. */
	void (*on_refused)(
	        struct serve_handler *self, const struct address *client, enum fault fault);
};

enum serve_read {
	SERVE_READ_DATA, /* *ret_data is valid until the next call for this stream */
	SERVE_READ_WAIT, /* stream->wake will be woken */
	SERVE_READ_END,
	SERVE_READ_FAILED, /* stream->fault: BAD_REQUEST, BODY_SLOW or CLIENT_GONE */
};

/* The next piece of the request body, at most `room` bytes (not 0). The first call sends "100
 * Continue" where the client waits for it. */
enum serve_read serve_stream_read(struct serve_stream *stream, size_t room, struct str *ret_data);

/* Serialised trailer lines of a chunked request body after END, in the stream's arena; empty for
 * none. */
struct str serve_stream_trailers(struct serve_stream *stream);

struct serve_field {
	enum http_name id; /* not OTHER */
	struct str value;
};

/* The head of a response. Connection, Content-Length, Transfer-Encoding are the stream's to write.
 * Lines are serialised, each with its CRLF. */
struct serve_response {
	unsigned status;
	struct str reason;            /* empty: the registered one */
	const struct http_head *head; /* fields to pass on, or NULL … */
	const uint64_t *drop;         /* … but for those marked here (http/hop.h), or NULL */
	struct str lines; /* those of `head`, where nothing is marked: HTTP/1 copies them, so that
	                     what was stored is not written afresh for everybody; or empty */
	struct str added; /* lines of ours, or empty */
	const struct serve_field *fields; /* fields of ours */
	unsigned field_count;
	struct str
	        upgrade;  /* of a 101: what the connection changes to; then `length` is not known */
	bool is_bodiless; /* a response to HEAD, 204, 304: no body whatever the length says */
	uint64_t length;  /* of the body; UINT64_MAX: not known */
};

/* Writes the response head into the stream's buffer; it leaves with the first body bytes or a
 * flush. False when the memory budget says no: the stream is then aborted. */
MUST_CHECK bool serve_stream_respond(
        struct serve_stream *stream, const struct serve_response *response);

/* Sends an interim response (1xx) at once where the client's version knows them. */
void serve_stream_interim(struct serve_stream *stream, unsigned status,
        const struct http_head *head, const uint64_t *drop);

/* Writes body bytes as far as the client takes them; returns how many were taken. Fewer than all:
 * the rest waits for stream->wake and must come next, in pieces of whatever size and from wherever,
 * or the client is gone (stream->is_gone). More than the promised length is our own mistake. */
size_t serve_stream_write(struct serve_stream *stream, struct str data);

/*
 * The same for `size` body bytes of a file from `offset` on, which go from its pages to the socket;
 * what is buffered leaves with them. It pays from some 16 KiB on. The bytes must be there and stay
 * as they are: the kernel may look at them until the client has acknowledged them. What would have
 * to be fetched from a disk is waited for, so who calls makes sure that it is in memory. A file
 * that is shorter, or cannot be read, breaks the response off (stream->is_gone, FAULT_STORED).
 */
size_t serve_stream_send_file(struct serve_stream *stream, int file, uint64_t offset, size_t size);

/* Sends what is buffered (the head, while the body is not there yet). */
void serve_stream_flush(struct serve_stream *stream);

/* The response is whole. `trailers` may be NULL; they are written where the response is chunked. */
void serve_stream_finish(struct serve_stream *stream, const struct http_head *trailers);

/* The response ends visibly broken: what cannot be finished is cut by a reset or a close that the
 * client can tell from a clean end. */
void serve_stream_abort(struct serve_stream *stream);

/* The handler lets the stream go; it was finished or aborted, or the client is gone. */
void serve_stream_close(struct serve_stream *stream);

/* A whole small response made by us: status, text body, X-Headwater-Error and the field lines of
 * `added`, each with its CRLF. Finishes the stream. */
void serve_stream_error(struct serve_stream *stream, enum fault fault, struct str added);
