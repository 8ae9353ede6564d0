/* Heads for tests, made of a few lines. Include cmocka before. */
#pragma once

#include "http/head.h"

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

/* A head and the memory that it refers to; all-zero at first, and good for many heads. */
struct heads {
	struct text text;
	struct http_field fields[LIMIT_HEAD_FIELDS];
	struct http_head head;
};

static const struct http_head_limits HEADS_LIMITS = {
        .head_bytes = LIMIT_RESPONSE_HEAD_BYTES, .target_bytes = 1000, .fields = LIMIT_HEAD_FIELDS};

/* Adds the lines, which end in "\n" or the end, each with CRLF. */
static inline void heads_add_lines(struct heads *heads, const char *lines)
{
	struct str rest = str_of(lines);
	while (rest.len > 0) {
		text_add(&heads->text, str_cut(&rest, '\n'));
		text_add(&heads->text, STR("\r\n"));
	}
	text_add(&heads->text, STR("\r\n"));
	heads->head = (struct http_head){
	        .fields = heads->fields, .capacity = ARRAY_LENGTH(heads->fields)};
}

static inline struct http_head *heads_response(
        struct heads *heads, unsigned status, const char *lines)
{
	size_t scanned = 0;
	enum fault fault;
	text_clear(&heads->text);
	text_addf(&heads->text, "HTTP/1.1 %u X\r\n", status);
	heads_add_lines(heads, lines);
	assert_int_equal(http_head_parse_response(text_str(&heads->text), &scanned, &HEADS_LIMITS,
	                         &heads->head, &fault),
	        HTTP_PARSE_DONE);
	return &heads->head;
}

static inline struct http_head *heads_request(
        struct heads *heads, const char *method, const char *lines)
{
	size_t scanned = 0;
	enum fault fault;
	text_clear(&heads->text);
	text_addf(&heads->text, "%s / HTTP/1.1\r\nHost: a\r\n", method);
	heads_add_lines(heads, lines);
	assert_int_equal(http_head_parse_request(text_str(&heads->text), &scanned, &HEADS_LIMITS,
	                         &heads->head, &fault),
	        HTTP_PARSE_DONE);
	return &heads->head;
}

static inline void heads_done(struct heads *heads)
{
	text_done(&heads->text);
}
