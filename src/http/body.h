/*
 * Message bodies of HTTP/1: how long they are (RFC 9112 section 6.3), and a reader for all
 * framings. Pure.
 */
#pragma once

#include "http/chunk.h"
#include "http/head.h"

enum http_framing {
	HTTP_FRAMING_NONE,   /* no body */
	HTTP_FRAMING_LENGTH, /* Content-Length */
	HTTP_FRAMING_CHUNKED,
	HTTP_FRAMING_CLOSE, /* until the origin closes; responses only */
};

/*
 * The framing of a request. Faults: BAD_REQUEST for Transfer-Encoding together with Content-Length,
 * with HTTP/1.0, repeated, or without a final chunked that stands there once; for several or
 * malformed Content-Lengths (also a list of equal ones); BAD_CODING for other codings below
 * chunked.
 */
MUST_CHECK enum fault http_body_request(
        const struct http_head *head, enum http_framing *ret_framing, uint64_t *ret_length);

/*
 * The framing of a final response to `method`. MALFORMED for both fields together, two differing or
 * malformed lengths (a list or repetition of equal ones is accepted as one), any coding but
 * chunked, chunked in HTTP/1.0. To HEAD, and for 204 and 304, the framing is NONE; *ret_length is
 * then still the Content-Length if there is a valid one, else UINT64_MAX.
 */
MUST_CHECK enum fault http_body_response(const struct http_head *head, enum http_method method,
        enum http_framing *ret_framing, uint64_t *ret_length);

struct http_body {
	enum http_framing framing;
	bool is_whole;  /* everything was read */
	uint64_t left;  /* LENGTH: bytes to come */
	uint64_t count; /* content bytes read so far */
	struct http_chunk chunk;
};

enum http_body_event {
	HTTP_BODY_DATA, /* *ret_data is a piece, cut from the front of *input */
	HTTP_BODY_MORE, /* *input is used up and the body is not whole */
	HTTP_BODY_END,  /* whole; *input is what follows */
	HTTP_BODY_BAD,
};

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t length);
void http_body_done(struct http_body *body);

/* The next event. END is returned each time once the body is whole, also at once for NONE and
 * length 0. */
enum http_body_event http_body_next(
        struct http_body *body, struct str *input, struct str *ret_data);

/* The peer closed: END for a close-delimited body or one that was whole, BAD for any other. */
enum http_body_event http_body_closed(struct http_body *body);
