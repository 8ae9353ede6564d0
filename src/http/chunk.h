/*
 * The chunked coding (RFC 9112 section 7.1), as a decoder that is fed what arrives and hands the
 * data out in place, without copying. Strict: a bare LF, white space around a size or within
 * extensions, a size over 16 digits or 2^63-1, an extension that is not `name`, `name=token` or
 * `name="quoted"`, an over-long line, lines that are much longer than what they bring over and
 * over, or a malformed trailer section is bad. Extensions are read and dropped. Pure, but for the
 * memory of trailers.
 */
#pragma once

#include "http/head.h"

#include <stdint.h>

struct http_chunk {
	uint64_t left;        /* of the chunk that is being read; its size while that is read */
	uint32_t line_bytes;  /* of the size line so far */
	uint32_t excess;      /* bytes of size lines beyond what their chunks justify */
	uint8_t state;        /* the decoder's own */
	uint8_t digits;       /* of the size */
	size_t scanned;       /* of the trailers, see http_head_parse_trailers */
	struct text trailers; /* the raw trailer section with its last empty line; empty without
	                         fields */
};

enum http_chunk_event {
	HTTP_CHUNK_DATA, /* *ret_data is a piece of content, cut from the front of *input */
	HTTP_CHUNK_MORE, /* *input is used up */
	HTTP_CHUNK_END,  /* the last chunk and the trailer section were read; *input is what follows
	                  */
	HTTP_CHUNK_BAD,
};

void http_chunk_init(struct http_chunk *chunk);

/* Frees trailers. */
void http_chunk_done(struct http_chunk *chunk);

/* The next event; advances *input. END and BAD are returned again by further calls. */
enum http_chunk_event http_chunk_next(
        struct http_chunk *chunk, struct str *input, struct str *ret_data);

/* Parses the trailer section after END; false only when it has more fields than ret_head->capacity.
 * Fields that must not stand in trailers (framing, routing, authentication, conditions, caching,
 * Host, Content-*, RFC 9110 6.5.1) are left out of the list, not refused. ret_head->fields and
 * ->capacity are set by the caller. The list refers to chunk->trailers. */
MUST_CHECK bool http_chunk_trailers(const struct http_chunk *chunk, struct http_head *ret_head);
