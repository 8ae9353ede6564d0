/*
 * multipart/byteranges (RFC 9110 section 14.6): the heads between the parts of an answer to several
 * ranges, and the exact length of it all before it is sent. Pure.
 */
#pragma once

#include "http/range.h"

struct http_multipart {
	struct str boundary;     /* 1–70 letters and digits, which no part contains */
	struct str content_type; /* of the representation; empty: none */
	uint64_t length;         /* of the whole representation */
};

/* Writes what stands before a part's bytes: CRLF, the delimiter, its Content-Type and
 * Content-Range, an empty line. */
void http_multipart_write_part(struct http_writer *writer, const struct http_multipart *multipart,
        const struct http_range *range);

/* How many bytes that writes. */
size_t http_multipart_part_bytes(
        const struct http_multipart *multipart, const struct http_range *range);

/* Writes what stands behind the last part's bytes. */
void http_multipart_write_end(struct http_writer *writer, const struct http_multipart *multipart);

/* The Content-Length of the whole answer. */
uint64_t http_multipart_bytes(
        const struct http_multipart *multipart, const struct http_ranges *ranges);

/* Writes the answer's own Content-Type field line. */
void http_multipart_write_type(struct http_writer *writer, const struct http_multipart *multipart);
