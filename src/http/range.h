/*
 * Byte ranges (RFC 9110 section 14): what Range asks for, what of it there is, and Content-Range.
 * Pure.
 *
 * Range is ignored, which is always allowed (14.2), where it is in another unit than bytes, where
 * it cannot be read, where there are two of it, where it has more than LIMIT_RANGES members, and
 * where the parts of a multipart answer would be as long as the whole. Members that overlap, or
 * that lie so near to each other that a part's head would be longer than what lies between, become
 * one part (15.3.7.2), so that an answer is never longer than the whole and the heads of its parts.
 */
#pragma once

#include "base/limit.h"
#include "http/head.h"
#include "http/write.h"

enum {
	/* What a part costs beside its bytes: the head that RFC 9110 15.3.7.2 reckons with. */
	HTTP_RANGE_PART_COST = 80,
};

/* A member as asked for: bytes first to last, both counted; last is UINT64_MAX for "to the end". Of
 * a suffix, `last` is how many bytes from the end. */
struct http_range_spec {
	uint64_t first, last;
	bool is_suffix;
};

struct http_range_set {
	unsigned count; /* at least 1 once parsed */
	struct http_range_spec specs[LIMIT_RANGES];
};

/* Bytes first to last of a representation, both counted; last is below its length. */
struct http_range {
	uint64_t first, last;
};

struct http_ranges {
	unsigned count;
	struct http_range
	        ranges[LIMIT_RANGES]; /* disjoint, in the order in which they were asked for */
};

enum http_range_verdict {
	HTTP_RANGE_WHOLE, /* 200: Range does not count */
	HTTP_RANGE_PARTS, /* 206: *ret_ranges has one part, or several for multipart/byteranges */
	HTTP_RANGE_NONE,  /* 416: nothing of it is there */
};

/* Reads the value of a Range field; false where it is to be ignored. */
MUST_CHECK bool http_range_parse(struct str value, struct http_range_set *ret_set);

/* The same for the request's one Range field. */
MUST_CHECK bool http_range_of_request(const struct http_head *head, struct http_range_set *ret_set);

/* What there is of it in a representation of `length` bytes. */
enum http_range_verdict http_range_resolve(
        const struct http_range_set *set, uint64_t length, struct http_ranges *ret_ranges);

/* How many bytes a range has. */
static inline uint64_t http_range_bytes(const struct http_range *range)
{
	return range->last - range->first + 1;
}

/* Writes the value of a Range field, "bytes=0-9,20-,-5". */
void http_range_write_set(struct http_writer *writer, const struct http_range_set *set);

/* The value of a Content-Range field. */
struct http_content_range {
	bool is_unsatisfied; /* of a 416: no range, but the length */
	struct http_range range;
	uint64_t length; /* of the whole; UINT64_MAX: "*" */
};

/* Strict (14.4): one space, last not below first, both below the length; no other unit than bytes.
 */
MUST_CHECK bool http_range_parse_content(struct str value, struct http_content_range *ret_content);

/* "bytes 0-9/100", "bytes 0-9/" and "*", or "bytes *" and "/100". */
void http_range_write_content(struct http_writer *writer, const struct http_content_range *content);

/* How many bytes that writes. */
size_t http_range_content_bytes(const struct http_content_range *content);
