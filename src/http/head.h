/*
 * Heads of HTTP/1 messages, and trailers: parsed in one pass, strictly, once their end is there
 * (RFC 9112). A parsed head refers to the bytes that it was made from by offsets: when the bytes
 * move, only `base` changes. Pure.
 *
 * What is refused, each with its fault: bare CR or LF anywhere, NUL and control bytes, obs-fold,
 * space before the colon, an empty field name, a byte that is no token character in a name or
 * method, white space at the start of a line, a version other than HTTP/1.0 and HTTP/1.1 (another
 * major: BAD_VERSION; HTTP/1.2 and later minors are read as 1.1 per RFC 9110 2.5), several spaces
 * in a request line, a target with bytes outside of %x21-7E, a status that is not three digits of
 * 100–599. One empty line (CRLF) before a request line is skipped (RFC 9112 2.2). obs-text
 * (%x80-FF) in field values is accepted, as is a status line without reason phrase, with or without
 * its last space.
 */
#pragma once

#include "base/fault.h"
#include "base/limit.h"
#include "base/str.h"
#include "http/method.h"
#include "http/name.h"

#include <stdint.h>

struct http_field {
	uint32_t name_at, value_at; /* offsets from the head's base; the value is trimmed */
	uint32_t value_len;
	uint16_t name_len;
	uint16_t id; /* enum http_name */
};

struct http_head {
	const char *base;
	struct http_field *fields; /* the caller's array */
	uint64_t present;          /* bit n: a field with the id n is there */
	uint32_t len;              /* bytes of the head with its last empty line */
	uint16_t count;            /* of fields */
	uint16_t capacity;         /* of the array */
	bool is_h2;                /* a request that came by HTTP/2, written down as HTTP/1.1 */
	uint8_t minor;             /* version: 0 or 1 */
	uint8_t method;            /* requests: enum http_method */
	uint16_t status;           /* responses */
	uint32_t method_at, method_len;
	uint32_t target_at, target_len;
	uint32_t reason_at, reason_len;
};

enum http_parse {
	HTTP_PARSE_DONE, /* a whole head was there; ret_head is filled in */
	HTTP_PARSE_MORE, /* right so far, as far as it can be told; not whole */
	HTTP_PARSE_BAD,  /* never right; *ret_fault says why */
};

struct http_head_limits {
	uint32_t head_bytes;   /* at most LIMIT_HEAD_BYTES */
	uint32_t target_bytes; /* requests: longer is URI_TOO_LONG */
	uint16_t fields;       /* at most LIMIT_HEAD_FIELDS */
};

/*
 * Parses a request head at the front of `bytes`. *scanned is the parser's memory between calls with
 * a growing text, so that no byte is looked at more than twice however they arrive; 0 at first,
 * never above 32 bits. Set ret_head->fields and ->capacity before; nothing in ret_head counts
 * unless the result is DONE. Faults: BAD_REQUEST, BAD_VERSION, URI_TOO_LONG, HEAD_TOO_LARGE. A head
 * that is not whole but is already over a limit, has a bare LF, or does not begin like a request
 * (for instance binary bytes, or a first line that is whole and wrong) is BAD at once: a peer that
 * speaks another protocol is not waited for. The verdict on a text does not depend on the pieces it
 * came in.
 */
enum http_parse http_head_parse_request(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault);

/* The same for a response head; the only fault is MALFORMED. What cannot become "HTTP/1." is BAD at
 * its first wrong byte. */
enum http_parse http_head_parse_response(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault);

/* The same for trailers: fields and the empty line (RFC 9112 7.1.2). Fault: BAD_REQUEST. */
enum http_parse http_head_parse_trailers(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault);

static inline struct str http_head_method(const struct http_head *head)
{
	return str_make(head->base + head->method_at, head->method_len);
}

static inline struct str http_head_target(const struct http_head *head)
{
	return str_make(head->base + head->target_at, head->target_len);
}

static inline struct str http_head_reason(const struct http_head *head)
{
	return str_make(head->base + head->reason_at, head->reason_len);
}

static inline struct str http_head_name(
        const struct http_head *head, const struct http_field *field)
{
	return str_make(head->base + field->name_at, field->name_len);
}

static inline struct str http_head_value(
        const struct http_head *head, const struct http_field *field)
{
	return str_make(head->base + field->value_at, field->value_len);
}

static inline bool http_head_has(const struct http_head *head, enum http_name id)
{
	return (head->present >> id & 1) != 0;
}

/* The first field with a known name, or NULL. */
const struct http_field *http_head_find(const struct http_head *head, enum http_name id);

/* Its value, or the empty str when the field is missing. */
struct str http_head_get(const struct http_head *head, enum http_name id);

/* How many fields have the name. */
unsigned http_head_count(const struct http_head *head, enum http_name id);

/* Whether any field with this name lists `token` (comma-separated, without regard to case). */
bool http_head_has_token(const struct http_head *head, enum http_name id, struct str token);

/* Takes the next member of a comma-separated list off *rest, trimmed; false at the end. Empty
 * members are skipped (RFC 9110 5.6.1). Commas inside quoted strings do not separate. */
bool http_head_next_member(struct str *rest, struct str *ret_member);

/*
 * For a head that comes in fields and not as text (HTTP/2): what its first line would be and each
 * of its fields, judged as a parser judges them. Faults: BAD_REQUEST, URI_TOO_LONG. A value is
 * trimmed already.
 */
MUST_CHECK enum fault http_head_check_line(
        struct str method, struct str target, const struct http_head_limits *limits);
bool http_head_is_field(struct str name, struct str value);
bool http_head_is_value(struct str value);

/* What a request is for. */
struct http_target {
	struct str authority; /* as sent; empty only for an HTTP/1.0 request without one */
	struct str host;      /* without the port */
	struct str path;      /* the origin-form of the target: "/", "/a?b", or "*" for OPTIONS */
};

/*
 * What a parsed request must have besides: exactly one valid Host (RFC 9112 3.2; an HTTP/1.0
 * request may do without), a framing that http_body_request can tell (else its fault), and a target
 * in origin-form, in absolute-form, or "*" with OPTIONS, without "#"; else BAD_REQUEST. CONNECT and
 * TRACE give BAD_METHOD. Of an absolute-form target the authority replaces Host (RFC 9112 3.2.2),
 * but Host must still be valid. What *ret_target has refers to the head's bytes or to constants.
 */
MUST_CHECK enum fault http_head_check_request(
        const struct http_head *head, struct http_target *ret_target);
