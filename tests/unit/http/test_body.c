/* How long bodies are, and reading them. */
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

static const struct http_head_limits LIMITS = {
        .head_bytes = 4000, .target_bytes = 100, .fields = 20};

static struct http_field fields[20];

static struct http_head parse_request(const char *version, const char *lines)
{
	static char room[2000];
	struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
	size_t scanned = 0;
	enum fault fault;
	snprintf(room, sizeof(room), "POST / %s\r\n%s\r\n", version, lines);
	assert_int_equal(http_head_parse_request(str_of(room), &scanned, &LIMITS, &head, &fault),
	        HTTP_PARSE_DONE);
	return head;
}

static struct http_head parse_response(const char *line, const char *lines)
{
	static char room[2000];
	struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
	size_t scanned = 0;
	enum fault fault;
	snprintf(room, sizeof(room), "%s\r\n%s\r\n", line, lines);
	assert_int_equal(http_head_parse_response(str_of(room), &scanned, &LIMITS, &head, &fault),
	        HTTP_PARSE_DONE);
	return head;
}

#define LENGTH(text) "Content-Length:" text "\r\n"
#define CODING(text) "Transfer-Encoding:" text "\r\n"

static void the_framing_of_requests(void **state)
{
	(void)state;
	static const struct {
		const char *lines;
		enum fault fault;
		enum http_framing framing;
		uint64_t length;
	} rows[] = {
	        {"", FAULT_NONE, HTTP_FRAMING_NONE, 0},
	        {LENGTH("0"), FAULT_NONE, HTTP_FRAMING_LENGTH, 0},
	        {LENGTH(" 5 "), FAULT_NONE, HTTP_FRAMING_LENGTH, 5},
	        {LENGTH("007"), FAULT_NONE, HTTP_FRAMING_LENGTH, 7},
	        {LENGTH("9223372036854775807"), FAULT_NONE, HTTP_FRAMING_LENGTH, INT64_MAX},
	        {CODING("chunked"), FAULT_NONE, HTTP_FRAMING_CHUNKED, 0},
	        {CODING(" CHUNKED\t"), FAULT_NONE, HTTP_FRAMING_CHUNKED, 0},
	        {LENGTH("9223372036854775808"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("18446744073709551616"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("99999999999999999999999"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH(""), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("+5"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("-5"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("0x5"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("5a"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("5 5"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("5,5"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("5") LENGTH("5"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("5") LENGTH("6"), FAULT_BAD_REQUEST, 0, 0},
	        {LENGTH("5") CODING("chunked"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("chunked") LENGTH("5"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("chunked") CODING("chunked"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING(""), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("gzip"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("gzip, chunked"), FAULT_BAD_CODING, 0, 0},
	        {CODING("gzip, br;q=1 ,\tCHUNKED"), FAULT_BAD_CODING, 0, 0},
	        {CODING("chunked, gzip, chunked"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("gzip,, chunked"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING(", chunked"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("chunked, chunked"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("chunked, gzip"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("chunked,"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("xchunked"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("identity"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("chunked;a=b"), FAULT_BAD_REQUEST, 0, 0},
	        {CODING("\"chunked\""), FAULT_BAD_REQUEST, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_head head = parse_request("HTTP/1.1", rows[i].lines);
		enum http_framing framing;
		uint64_t length;
		assert_int_equal(http_body_request(&head, &framing, &length), rows[i].fault);
		if (rows[i].fault != FAULT_NONE)
			continue;
		assert_int_equal(framing, rows[i].framing);
		assert_true(length == rows[i].length);
	}
	struct http_head head = parse_request("HTTP/1.0", CODING("chunked"));
	enum http_framing framing;
	uint64_t length;
	assert_int_equal(http_body_request(&head, &framing, &length), FAULT_BAD_REQUEST);
}

static void the_framing_of_responses(void **state)
{
	(void)state;
	static const struct {
		const char *line, *lines;
		enum http_method method;
		bool is_good;
		enum http_framing framing;
		uint64_t length;
	} rows[] = {
	        {"HTTP/1.1 200 OK", LENGTH("5"), HTTP_GET, true, HTTP_FRAMING_LENGTH, 5},
	        {"HTTP/1.0 200 OK", LENGTH("5"), HTTP_GET, true, HTTP_FRAMING_LENGTH, 5},
	        {"HTTP/1.1 200 OK", LENGTH("5,5 , 5"), HTTP_GET, true, HTTP_FRAMING_LENGTH, 5},
	        {"HTTP/1.1 200 OK", LENGTH("5") LENGTH("05"), HTTP_GET, true, HTTP_FRAMING_LENGTH,
	                5},
	        {"HTTP/1.1 200 OK", CODING("Chunked"), HTTP_GET, true, HTTP_FRAMING_CHUNKED,
	                UINT64_MAX},
	        {"HTTP/1.1 200 OK", "", HTTP_GET, true, HTTP_FRAMING_CLOSE, UINT64_MAX},
	        {"HTTP/1.1 200 OK", "", HTTP_HEAD, true, HTTP_FRAMING_NONE, UINT64_MAX},
	        {"HTTP/1.1 200 OK", LENGTH("5"), HTTP_HEAD, true, HTTP_FRAMING_NONE, 5},
	        {"HTTP/1.1 200 OK", CODING("chunked"), HTTP_HEAD, true, HTTP_FRAMING_NONE,
	                UINT64_MAX},
	        {"HTTP/1.1 304 Not Modified", LENGTH("7"), HTTP_GET, true, HTTP_FRAMING_NONE, 7},
	        {"HTTP/1.1 204 No Content", "", HTTP_PUT, true, HTTP_FRAMING_NONE, UINT64_MAX},
	        {"HTTP/1.1 100 Continue", "", HTTP_POST, true, HTTP_FRAMING_NONE, UINT64_MAX},
	        {"HTTP/1.1 200 OK", LENGTH("5") CODING("chunked"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("5") CODING("chunked"), HTTP_HEAD, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("5") LENGTH("6"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 304 Not Modified", LENGTH("5") LENGTH("6"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("5, 6"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("5,"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH(",5"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH(""), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("5") LENGTH(""), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("-1"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("x"), HTTP_HEAD, false, 0, 0},
	        {"HTTP/1.1 200 OK", LENGTH("9223372036854775808"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", CODING("gzip, chunked"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", CODING("gzip"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", CODING(""), HTTP_GET, false, 0, 0},
	        {"HTTP/1.1 200 OK", CODING("chunked") CODING("chunked"), HTTP_GET, false, 0, 0},
	        {"HTTP/1.0 200 OK", CODING("chunked"), HTTP_GET, false, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_head head = parse_response(rows[i].line, rows[i].lines);
		enum http_framing framing;
		uint64_t length;
		enum fault fault = http_body_response(&head, rows[i].method, &framing, &length);
		assert_int_equal(fault, rows[i].is_good ? FAULT_NONE : FAULT_MALFORMED);
		if (!rows[i].is_good)
			continue;
		assert_int_equal(framing, rows[i].framing);
		assert_true(length == rows[i].length);
	}
}

/* What the reader says for each piece, and when the peer closes behind them. */
struct reading {
	enum http_framing framing;
	uint64_t length;
	const char *pieces[4];
	const char *content, *rest;
	enum http_body_event last, closed;
};

static void check_reading(const struct reading *row)
{
	struct http_body body;
	struct text content = {0};
	struct str input = STR_EMPTY, data;
	http_body_init(&body, row->framing, row->length);
	enum http_body_event event = http_body_next(&body, &input, &data);
	for (size_t i = 0; row->pieces[i] != NULL; i++) {
		input = str_of(row->pieces[i]);
		for (;;) {
			event = http_body_next(&body, &input, &data);
			if (event != HTTP_BODY_DATA)
				break;
			assert_true(data.len > 0);
			text_add(&content, data);
		}
	}
	assert_int_equal(event, row->last);
	assert_int_equal(body.is_whole, row->last == HTTP_BODY_END);
	assert_int_equal(body.count, content.len);
	assert_str_equal(text_str(&content), str_of(row->content));
	if (event != HTTP_BODY_BAD)
		assert_str_equal(input, str_of(row->rest));
	assert_int_equal(http_body_next(&body, &input, &data), event); /* it stays so */
	assert_int_equal(http_body_closed(&body), row->closed);
	http_body_done(&body);
	text_done(&content);
}

static void bodies_are_read_up_to_their_end(void **state)
{
	(void)state;
	static const struct reading rows[] = {
	        {HTTP_FRAMING_NONE, 0, {NULL}, "", "", HTTP_BODY_END, HTTP_BODY_END},
	        {HTTP_FRAMING_NONE, 0, {"GET"}, "", "GET", HTTP_BODY_END, HTTP_BODY_END},
	        {HTTP_FRAMING_LENGTH, 0, {"GET"}, "", "GET", HTTP_BODY_END, HTTP_BODY_END},
	        {HTTP_FRAMING_LENGTH, 5, {"hel", "loGET"}, "hello", "GET", HTTP_BODY_END,
	                HTTP_BODY_END},
	        {HTTP_FRAMING_LENGTH, 5, {"hello"}, "hello", "", HTTP_BODY_END, HTTP_BODY_END},
	        {HTTP_FRAMING_LENGTH, 5, {"hell"}, "hell", "", HTTP_BODY_MORE, HTTP_BODY_BAD},
	        {HTTP_FRAMING_LENGTH, 5, {NULL}, "", "", HTTP_BODY_MORE, HTTP_BODY_BAD},
	        {HTTP_FRAMING_CLOSE, 0, {"a", "", "bc"}, "abc", "", HTTP_BODY_MORE, HTTP_BODY_END},
	        {HTTP_FRAMING_CLOSE, 0, {NULL}, "", "", HTTP_BODY_MORE, HTTP_BODY_END},
	        {HTTP_FRAMING_CHUNKED, 0, {"3\r\nab", "c\r\n0\r\n", "\r\nGET"}, "abc", "GET",
	                HTTP_BODY_END, HTTP_BODY_END},
	        {HTTP_FRAMING_CHUNKED, 0, {"3\r\nabc\r\n0\r\n"}, "abc", "", HTTP_BODY_MORE,
	                HTTP_BODY_BAD},
	        {HTTP_FRAMING_CHUNKED, 0, {"3\r\nabcd"}, "abc", "", HTTP_BODY_BAD, HTTP_BODY_BAD},
	        {HTTP_FRAMING_CHUNKED, 0, {"0\r\na: b\r\n", "\r\nx"}, "", "x", HTTP_BODY_END,
	                HTTP_BODY_END},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		check_reading(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_framing_of_requests),
	        cmocka_unit_test(the_framing_of_responses),
	        cmocka_unit_test(bodies_are_read_up_to_their_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
