/*
 * Writing heads and chunks afresh. Everything is checked before it gets here: CR, LF and NUL in
 * what is written are our own mistakes. A writer has a fixed room; once something does not fit,
 * `full` stays set and nothing more is written; a piece that does not fit is not written in part.
 * Pure.
 */
#pragma once

#include "base/str.h"
#include "http/name.h"

#include <stdint.h>

struct http_writer {
	char *at, *start, *end;
	bool full;
};

/* Begins to write at `to`, which has `room` bytes. */
static inline void http_writer_init(struct http_writer *writer, char *to, size_t room)
{
	*writer = (struct http_writer){.at = to, .start = to, .end = to + room};
}

/* What was written. */
static inline struct str http_writer_str(const struct http_writer *writer)
{
	return str_make(writer->start, (size_t)(writer->at - writer->start));
}

/* The text as it is, with line ends if it has some; and a number in decimal. */
void http_write(struct http_writer *writer, struct str text);
void http_write_u64(struct http_writer *writer, uint64_t value);

/* "GET /path HTTP/1.1\r\n" */
void http_write_request_line(struct http_writer *writer, struct str method, struct str target);

/* "HTTP/1.1 200 OK\r\n"; an empty reason takes the registered one. */
void http_write_status_line(struct http_writer *writer, unsigned status, struct str reason);

/* "Name: value\r\n" */
void http_write_field(struct http_writer *writer, struct str name, struct str value);
void http_write_known_field(struct http_writer *writer, enum http_name id, struct str value);
void http_write_length_field(struct http_writer *writer, uint64_t length);

/* The empty line. */
void http_write_end_of_head(struct http_writer *writer);

enum { HTTP_WRITE_CHUNK_LINE_BYTES = 20 };

/* The line before a chunk of `size` content bytes, "1a\r\n", into `to`; the data and a CRLF follow
 * it. Returns its length. size is not 0. */
size_t http_write_chunk_line(char to[HTTP_WRITE_CHUNK_LINE_BYTES], uint64_t size);
