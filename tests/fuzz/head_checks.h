/*
 * What must hold for every head, whoever sent it; used by the targets for requests and responses.
 */
#pragma once

#include "http/head.h"
#include "http/scan_private.h"
#include "http/write.h"

typedef enum http_parse head_parser(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault);

enum { CHECKED_FIELDS = 32, CHECKED_BYTES = 4096 };

/* Small ones, so that they are reached. */
static const struct http_head_limits CHECKED_LIMITS = {
        .head_bytes = 2048,
        .target_bytes = 256,
        .fields = CHECKED_FIELDS,
};

struct checked_head {
	enum http_parse parse;
	enum fault fault;
	struct http_head head;
	struct http_field fields[CHECKED_FIELDS];
};

static inline void checked_parse(
        head_parser *parse, struct str text, size_t *scanned, struct checked_head *ret_checked)
{
	ret_checked->head = (struct http_head){
	        .fields = ret_checked->fields,
	        .capacity = CHECKED_FIELDS,
	};
	ret_checked->fault = FAULT_NONE;
	ret_checked->parse =
	        parse(text, scanned, &CHECKED_LIMITS, &ret_checked->head, &ret_checked->fault);
	if (ret_checked->parse != HTTP_PARSE_BAD)
		ret_checked->fault = FAULT_NONE;
}

static inline void check_same_fields(const struct http_head *a, const struct http_head *b)
{
	CHECK(a->count == b->count && a->present == b->present);
	for (unsigned i = 0; i < a->count; i++) {
		CHECK(str_is_equal(
		        http_head_name(a, &a->fields[i]), http_head_name(b, &b->fields[i])));
		CHECK(str_is_equal(
		        http_head_value(a, &a->fields[i]), http_head_value(b, &b->fields[i])));
		CHECK(a->fields[i].id == b->fields[i].id);
	}
}

/* Byte by byte, the verdict is the same and comes at the first byte that allows it. */
static inline void check_increments(
        head_parser *parse, struct str text, const struct checked_head *whole)
{
	struct checked_head part;
	size_t scanned = 0;
	for (size_t length = 0; length <= text.len; length++) {
		checked_parse(parse, str_make(text.at, length), &scanned, &part);
		CHECK(scanned <= UINT32_MAX);
		if (part.parse != HTTP_PARSE_MORE)
			break;
	}
	CHECK(part.parse == whole->parse && part.fault == whole->fault);
	if (whole->parse != HTTP_PARSE_DONE)
		return;
	CHECK(part.head.len == whole->head.len);
	check_same_fields(&part.head, &whole->head);
}

/* Both ways to search for lines find the same. */
static inline void check_scans(struct str text, bool is_fields)
{
	struct http_scan a = {.is_fields = is_fields}, b = a;
	uint32_t ends_a[CHECKED_FIELDS], ends_b[CHECKED_FIELDS];
	enum http_scan_event event = http_scan_lines(text, &a, ends_a, CHECKED_FIELDS);
	CHECK(event == http_scan_lines_portable(text, &b, ends_b, CHECKED_FIELDS));
	CHECK(a.at == b.at && a.lines == b.lines);
	CHECK(memcmp(ends_a, ends_b, a.lines * sizeof(ends_a[0])) == 0);
	CHECK(http_scan_is_text(text) == http_scan_is_text_portable(text));
	CHECK(http_scan_visible(text) == http_scan_visible_portable(text));
}

/* What a parsed head says of itself. */
static inline void check_parsed(const struct http_head *head, struct str text)
{
	CHECK(head->len <= text.len && head->count <= CHECKED_FIELDS);
	CHECK(str_has_suffix(str_make(text.at, head->len), STR("\r\n")));
	uint64_t present = 0;
	for (unsigned i = 0; i < head->count; i++) {
		struct str name = http_head_name(head, &head->fields[i]);
		struct str value = http_head_value(head, &head->fields[i]);
		CHECK(name.len > 0 && http_scan_token(name) == name.len);
		CHECK(http_scan_is_text(value) && str_is_equal(value, str_trim(value)));
		CHECK(head->fields[i].id == http_name_of(name));
		present |= (uint64_t)1 << head->fields[i].id;
	}
	CHECK(present == head->present);
}

/* Writes the fields of a head behind what was written before, and the end. */
static inline void write_fields(struct http_writer *writer, const struct http_head *head)
{
	for (unsigned i = 0; i < head->count; i++)
		http_write_field(writer, http_head_name(head, &head->fields[i]),
		        http_head_value(head, &head->fields[i]));
	http_write_end_of_head(writer);
	CHECK(!writer->full);
}
