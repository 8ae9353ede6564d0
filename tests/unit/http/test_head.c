/* Heads: what is accepted and what of them is kept, what is refused and how early. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

typedef enum http_parse parser(struct str bytes, size_t *scanned,
        const struct http_head_limits *limits, struct http_head *ret_head, enum fault *ret_fault);

static const struct http_head_limits LIMITS = {
        .head_bytes = 2000, .target_bytes = 100, .fields = 20};

static struct http_field fields[LIMIT_HEAD_FIELDS];

struct result {
	enum http_parse parse;
	enum fault fault;
	struct http_head head;
};

static struct result parse_whole(parser *parse, struct str text)
{
	struct result result = {.head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)}};
	size_t scanned = 0;
	result.parse = parse(text, &scanned, &LIMITS, &result.head, &result.fault);
	if (result.parse != HTTP_PARSE_BAD)
		result.fault = FAULT_NONE;
	return result;
}

/* As it arrives: first `split` bytes, then the rest in pieces of `step`. */
static struct result parse_pieces(parser *parse, struct str text, size_t split, size_t step)
{
	struct result result = {.head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)}};
	size_t scanned = 0;
	for (size_t length = split;; length += step) {
		if (length > text.len)
			length = text.len;
		/* Moved each time, and with nothing readable behind. */
		char *copy = test_malloc(length + 1);
		memcpy(copy + 1, text.at, length);
		result.fault = FAULT_NONE;
		result.parse = parse(
		        str_make(copy + 1, length), &scanned, &LIMITS, &result.head, &result.fault);
		test_free(copy);
		if (result.parse != HTTP_PARSE_MORE || length == text.len)
			break;
	}
	if (result.parse != HTTP_PARSE_BAD)
		result.fault = FAULT_NONE;
	result.head.base = text.at;
	return result;
}

/* The verdict is the same however the text arrives. */
static void check_splits(parser *parse, struct str text, const struct result *wanted)
{
	static const size_t steps[] = {1, 3, 64, 100000};
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		for (size_t split = 0; split <= text.len; split++) {
			if (steps[i] < 64 && split > 3)
				break;
			struct result got = parse_pieces(parse, text, split, steps[i]);
			assert_int_equal(got.parse, wanted->parse);
			assert_int_equal(got.fault, wanted->fault);
			if (got.parse != HTTP_PARSE_DONE)
				continue;
			assert_int_equal(got.head.len, wanted->head.len);
			assert_int_equal(got.head.count, wanted->head.count);
			assert_int_equal(got.head.present, wanted->head.present);
			assert_int_equal(got.head.target_at, wanted->head.target_at);
			assert_int_equal(got.head.target_len, wanted->head.target_len);
		}
	}
}

static void a_request_is_cut_into_its_parts(void **state)
{
	(void)state;
	const struct str text =
	        STR("POST /a?b HTTP/1.1\r\nHost: example.com\r\nX-y:z\r\n"
	            "ACCEPT-ENCODING: \t gzip, br \t\r\nEmpty:\r\nBlank: \t \r\n\r\nbody");
	struct result result = parse_whole(http_head_parse_request, text);
	const struct http_head *head = &result.head;
	assert_int_equal(result.parse, HTTP_PARSE_DONE);
	check_splits(http_head_parse_request, text, &result);
	assert_int_equal(head->len, text.len - 4);
	assert_int_equal(head->method, HTTP_POST);
	assert_int_equal(head->minor, 1);
	assert_int_equal(head->count, 5);
	assert_str_equal(http_head_method(head), STR("POST"));
	assert_str_equal(http_head_target(head), STR("/a?b"));
	static const struct {
		const char *name, *value;
		enum http_name id;
	} rows[] = {
	        {"Host", "example.com", HTTP_NAME_HOST},
	        {"X-y", "z", HTTP_NAME_OTHER},
	        {"ACCEPT-ENCODING", "gzip, br", HTTP_NAME_ACCEPT_ENCODING},
	        {"Empty", "", HTTP_NAME_OTHER},
	        {"Blank", "", HTTP_NAME_OTHER},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_str_equal(http_head_name(head, &head->fields[i]), str_of(rows[i].name));
		assert_str_equal(http_head_value(head, &head->fields[i]), str_of(rows[i].value));
		assert_int_equal(head->fields[i].id, rows[i].id);
	}
	assert_true(http_head_has(head, HTTP_NAME_HOST));
	assert_false(http_head_has(head, HTTP_NAME_COOKIE));
}

static void legal_but_odd_requests_are_accepted(void **state)
{
	(void)state;
	static const struct {
		const char *text, *target;
		uint8_t minor;
	} rows[] = {
	        {"\r\nGET / HTTP/1.1\r\n\r\n", "/", 1},
	        {"GET / HTTP/1.0\r\n\r\n", "/", 0},
	        {"GET / HTTP/1.2\r\n\r\n", "/", 1},
	        {"GET / HTTP/1.9\r\n\r\n", "/", 1},
	        {"OPTIONS * HTTP/1.1\r\n\r\n", "*", 1},
	        {"GET http://a/ HTTP/1.1\r\n\r\n", "http://a/", 1},
	        {"CONNECT a:443 HTTP/1.1\r\n\r\n", "a:443", 1},
	        {"!#$%&'*+-.^_`|~0Az /{}|\"<>\\^`#%zz HTTP/1.1\r\n\r\n", "/{}|\"<>\\^`#%zz", 1},
	        {"GET / HTTP/1.1\r\na: \x80\xff\tb c\"\r\n\r\n", "/", 1},
	        {"GET / HTTP/1.1\r\na::b\r\n\r\n", "/", 1},
	        {"GET / HTTP/1.1\r\n1:2\r\n!:\r\n\r\n", "/", 1},
	        {"GET / HTTP/1.1\r\na:b\r\na:b\r\n\r\nGET", "/", 1},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str text = str_of(rows[i].text);
		struct result result = parse_whole(http_head_parse_request, text);
		assert_int_equal(result.parse, HTTP_PARSE_DONE);
		assert_str_equal(http_head_target(&result.head), str_of(rows[i].target));
		assert_int_equal(result.head.minor, rows[i].minor);
		check_splits(http_head_parse_request, text, &result);
	}
}

static void wrong_requests_are_refused(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		enum fault fault;
	} rows[] = {
	        /* Line ends and control bytes. */
	        {STR("GET / HTTP/1.1\n\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\nHost: a\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\nHost: a\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\nHost: a\r\n\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\nHost: a\r\n\rb"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na: \0\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na: \x01\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na: \x0b\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na: \x7f\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET /\0 HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        /* Empty lines. */
	        {STR("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("\nGET / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("\rGET / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("\r\n\n"), FAULT_BAD_REQUEST},
	        /* The request line. */
	        {STR(" GET / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET  / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET /  HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1 \r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET /a b HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET\t/ HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET /\tHTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET /\t HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\t\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET /\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / \r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET \r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("/ HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("G@T / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("G\"T / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("G\xc3T / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET: / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET /caf\xc3\xa9 HTTP/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / http/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/11\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.10\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.x\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTPS/1.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/01.1\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / ICAP/1.0\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/0.9\r\n\r\n"), FAULT_BAD_VERSION},
	        {STR("GET / HTTP/2.0\r\n\r\n"), FAULT_BAD_VERSION},
	        {STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), FAULT_BAD_VERSION},
	        /* Fields. */
	        {STR("GET / HTTP/1.1\r\n a: b\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na: b\r\n\tc\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na: b\r\n \r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na : b\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na\t: b\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na b: c\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\n: b\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na\r\nb: c\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na(b): c\r\n\r\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\n\xc3\xa9: c\r\n\r\n"), FAULT_BAD_REQUEST},
	        /* The first reason wins, in the order of the text. */
	        {STR("GET / HTTP/2.0\r\na: \x01\r\n\r\n"), FAULT_BAD_VERSION},
	        {STR("GET / HTTP/1.1\r\n : b\r\na: \x01\r\n\r\n"), FAULT_BAD_REQUEST},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct result result = parse_whole(http_head_parse_request, rows[i].text);
		assert_int_equal(result.parse, HTTP_PARSE_BAD);
		assert_int_equal(result.fault, rows[i].fault);
		check_splits(http_head_parse_request, rows[i].text, &result);
	}
}

/* The text is refused at its last byte, and no byte earlier. */
static void check_refused_at_end(parser *parse, struct str text, enum fault fault)
{
	struct result result = parse_whole(parse, text);
	assert_int_equal(result.parse, HTTP_PARSE_BAD);
	assert_int_equal(result.fault, fault);
	check_splits(parse, text, &result);
	for (size_t length = 0; length < text.len; length++) {
		result = parse_whole(parse, str_make(text.at, length));
		assert_int_equal(result.parse, HTTP_PARSE_MORE);
	}
}

static void what_cannot_become_a_request_is_refused_at_once(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		enum fault fault;
	} rows[] = {
	        {STR("\x16"), FAULT_BAD_REQUEST}, /* a TLS ClientHello */
	        {STR("SSH-2.0-OpenSSH_9.2p1 Debian-2\r"), FAULT_BAD_REQUEST},
	        {STR("\x80"), FAULT_BAD_REQUEST},
	        {STR("\0"), FAULT_BAD_REQUEST},
	        {STR("\n"), FAULT_BAD_REQUEST},
	        {STR("\r\n\r"), FAULT_BAD_REQUEST},
	        {STR("GET\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\na\n"), FAULT_BAD_REQUEST},
	        {STR("GET / HTTP/1.1\r\r"), FAULT_BAD_REQUEST},
	        {STR("{"), FAULT_BAD_REQUEST},
	        {STR("<"), FAULT_BAD_REQUEST},
	        {STR("GET / RTSP/1.0\r"), FAULT_BAD_REQUEST},
	        {STR("EHLO example.com\r"), FAULT_BAD_REQUEST},
	        {STR("PRI * HTTP/2.0\r"), FAULT_BAD_VERSION},
	        {STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), FAULT_BAD_REQUEST},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		check_refused_at_end(http_head_parse_request, rows[i].text, rows[i].fault);
}

/* "GET /aaa HTTP/1.1" with a target of this length, and a field with a value of that. */
static struct str make_request(char *to, size_t target, size_t value, bool is_whole)
{
	struct text text = {0};
	text_addf(&text, "GET /%0*d HTTP/1.1\r\nb: %0*d", (int)target - 1, 0, (int)value, 0);
	if (is_whole)
		text_addf(&text, "\r\n\r\n");
	memcpy(to, text.at, text.len);
	struct str request = str_make(to, text.len);
	text_done(&text);
	return request;
}

static void sizes_are_limited_to_the_byte(void **state)
{
	(void)state;
	char room[4000];
	const size_t rest = strlen("GET  HTTP/1.1\r\nb: ");
	const size_t end = 4;
	static const struct {
		int target_over, head_over; /* than the limits allow */
		bool is_whole;
		enum http_parse parse;
		enum fault fault;
	} rows[] = {
	        {0, 0, true, HTTP_PARSE_DONE, FAULT_NONE},
	        {0, 0, false, HTTP_PARSE_MORE, FAULT_NONE},
	        {1, 0, true, HTTP_PARSE_BAD, FAULT_URI_TOO_LONG},
	        {1, 0, false, HTTP_PARSE_BAD, FAULT_URI_TOO_LONG},
	        {0, 1, true, HTTP_PARSE_BAD, FAULT_HEAD_TOO_LARGE},
	        {0, 3, false, HTTP_PARSE_MORE, FAULT_NONE}, /* one byte below the limit */
	        {0, 4, false, HTTP_PARSE_BAD, FAULT_HEAD_TOO_LARGE},
	        {1, 1000, false, HTTP_PARSE_BAD, FAULT_URI_TOO_LONG},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		size_t target = LIMITS.target_bytes + (size_t)rows[i].target_over;
		size_t value = LIMITS.head_bytes - rest - end - target + (size_t)rows[i].head_over;
		struct str text = make_request(room, target, value, rows[i].is_whole);
		struct result result = parse_whole(http_head_parse_request, text);
		assert_int_equal(result.parse, rows[i].parse);
		assert_int_equal(result.fault, rows[i].fault);
		check_splits(http_head_parse_request, text, &result);
	}
}

static void an_endless_target_is_refused_before_its_line_ends(void **state)
{
	(void)state;
	char text[1000];
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	struct result result = parse_whole(http_head_parse_request, str_make(text, 150));
	assert_int_equal(result.fault, FAULT_URI_TOO_LONG);
	check_splits(http_head_parse_request, str_make(text, sizeof(text)), &result);
}

static struct text many_fields(unsigned count)
{
	struct text text = {0};
	text_add(&text, STR("GET / HTTP/1.1\r\n"));
	for (unsigned i = 0; i < count; i++)
		text_add(&text, STR("a:b\r\n"));
	return text;
}

static void fields_are_limited_in_number(void **state)
{
	(void)state;
	struct text text = many_fields(LIMITS.fields);
	struct result result = parse_whole(http_head_parse_request, text_str(&text));
	assert_int_equal(result.parse, HTTP_PARSE_MORE);
	text_add(&text, STR("\r\n"));
	result = parse_whole(http_head_parse_request, text_str(&text));
	assert_int_equal(result.parse, HTTP_PARSE_DONE);
	assert_int_equal(result.head.count, LIMITS.fields);
	check_splits(http_head_parse_request, text_str(&text), &result);

	/* The line end of the empty line still fits, one more field does not. */
	text_done(&text);
	text = many_fields(LIMITS.fields + 2);
	result = parse_whole(http_head_parse_request, text_str(&text));
	assert_int_equal(result.parse, HTTP_PARSE_BAD);
	assert_int_equal(result.fault, FAULT_HEAD_TOO_LARGE);
	check_splits(http_head_parse_request, text_str(&text), &result);
	text_done(&text);

	text = many_fields(LIMITS.fields + 1);
	text_add(&text, STR("\r\n"));
	result = parse_whole(http_head_parse_request, text_str(&text));
	assert_int_equal(result.fault, FAULT_HEAD_TOO_LARGE);
	check_splits(http_head_parse_request, text_str(&text), &result);
	text_done(&text);

	text = many_fields(50000);
	result = parse_whole(http_head_parse_request, text_str(&text));
	assert_int_equal(result.fault, FAULT_HEAD_TOO_LARGE);
	text_done(&text);
}

static void a_smaller_array_of_fields_is_a_smaller_limit(void **state)
{
	(void)state;
	struct http_head head = {.fields = fields, .capacity = 1};
	size_t scanned = 0;
	enum fault fault;
	assert_int_equal(http_head_parse_request(STR("GET / HTTP/1.1\r\na:\r\n\r\n"), &scanned,
	                         &LIMITS, &head, &fault),
	        HTTP_PARSE_DONE);
	scanned = 0;
	assert_int_equal(http_head_parse_request(STR("GET / HTTP/1.1\r\na:\r\na:\r\n\r\n"),
	                         &scanned, &LIMITS, &head, &fault),
	        HTTP_PARSE_BAD);
	assert_int_equal(fault, FAULT_HEAD_TOO_LARGE);
}

static void responses_are_cut_into_their_parts(void **state)
{
	(void)state;
	static const struct {
		const char *text, *reason;
		uint16_t status, count;
		uint8_t minor;
	} rows[] = {
	        {"HTTP/1.1 200 OK\r\n\r\n", "OK", 200, 0, 1},
	        {"HTTP/1.1 200 \r\n\r\n", "", 200, 0, 1},
	        {"HTTP/1.1 200\r\n\r\n", "", 200, 0, 1},
	        {"HTTP/1.0 599 a  b\tc\x80\r\nx: y\r\n\r\nbody", "a  b\tc\x80", 599, 1, 0},
	        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "Continue", 100, 0, 1},
	        {"HTTP/1.7 404 Not Found\r\n\r\n", "Not Found", 404, 0, 1},
	        {"HTTP/1.1 200  OK \r\n\r\n", " OK ", 200, 0, 1},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str text = str_of(rows[i].text);
		struct result result = parse_whole(http_head_parse_response, text);
		assert_int_equal(result.parse, HTTP_PARSE_DONE);
		assert_int_equal(result.head.status, rows[i].status);
		assert_int_equal(result.head.minor, rows[i].minor);
		assert_int_equal(result.head.count, rows[i].count);
		assert_str_equal(http_head_reason(&result.head), str_of(rows[i].reason));
		check_splits(http_head_parse_response, text, &result);
	}
}

static void wrong_responses_are_malformed(void **state)
{
	(void)state;

	static const struct str rows[] = {
	        STR("h"),
	        STR("HTTP/2"),
	        STR("HTTP/0"),
	        STR("HTTP/11"),
	        STR("HTTP/1.x"),
	        STR("HTTP/1.1\t"),
	        STR("HTTP/1.1 x"),
	        STR("HTTP/1.1 20x"),
	        STR("HTTP/1.1 2000"),
	        STR("HTTP/1.1 200-"),
	        STR("HTTP/1.1  "),
	        STR("HTTP/1.10"),
	        STR("\r"),
	        STR("\n"),
	        STR("<"),
	        STR("HTTP/1.1 200 OK\n"),
	        STR("HTTP/1.1 200 OK\0"),
	        STR("HTTP/1.1 200 OK\rx"),
	        STR("HTTP/1.1 20\r"),
	        STR("HTTP/1.1 \r"),
	        STR("HTTP/1.1\r"),
	        STR("HTTP\r"),
	        STR("HTTP/1.1 099 a\r"),
	        STR("HTTP/1.1 000 a\r"),
	        STR("HTTP/1.1 600 a\r"),
	        STR("HTTP/1.1 999 a\r"),
	        STR("HTTP/1.1 200 OK\r\na: b\r\n\n"),
	        STR("HTTP/1.1 200 OK\r\n a: b\r\n\r\n"),
	        STR("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n"),
	        STR("HTTP/1.1 200 OK\r\na : b\r\n\r\n"),
	        STR("HTTP/1.1 200 OK\r\n: b\r\n\r\n"),
	        STR("HTTP/1.1 200 OK\r\na\r\n\r\n"),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		check_refused_at_end(http_head_parse_response, rows[i], FAULT_MALFORMED);
}

static void trailers_are_fields_up_to_an_empty_line(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int count; /* -1: refused, -2: not whole */
		uint32_t length;
	} rows[] = {
	        {"\r\n", 0, 2},
	        {"\r\nGET", 0, 2},
	        {"a: b\r\n\r\n", 1, 8},
	        {"a: b\r\nc:\r\n\r\n\r\n", 2, 12},
	        {"", -2, 0},
	        {"\r", -2, 0},
	        {"a: b\r\n", -2, 0},
	        {"a: b\r\n\r", -2, 0},
	        {"\n", -1, 0},
	        {"\ra", -1, 0},
	        {" a: b\r\n\r\n", -1, 0},
	        {"a: b\n", -1, 0},
	        {"a: b\r\n c\r\n\r\n", -1, 0},
	        {"GET / HTTP/1.1\r\n\r\n", -1, 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str text = str_of(rows[i].text);
		struct result result = parse_whole(http_head_parse_trailers, text);
		check_splits(http_head_parse_trailers, text, &result);
		if (rows[i].count == -2) {
			assert_int_equal(result.parse, HTTP_PARSE_MORE);
		} else if (rows[i].count == -1) {
			assert_int_equal(result.parse, HTTP_PARSE_BAD);
			assert_int_equal(result.fault, FAULT_BAD_REQUEST);
		} else {
			assert_int_equal(result.parse, HTTP_PARSE_DONE);
			assert_int_equal(result.head.count, rows[i].count);
			assert_int_equal(result.head.len, rows[i].length);
		}
	}
}

static void fields_are_found_by_name(void **state)
{
	(void)state;
	struct result result = parse_whole(http_head_parse_request,
	        STR("GET / HTTP/1.1\r\nvia: 1\r\nX: 2\r\nVIA: 3\r\nAge:\r\n"
	            "connection: close, \"a, b\" ,,Te\r\nConnection: x;y\r\n\r\n"));
	const struct http_head *head = &result.head;
	assert_str_equal(http_head_get(head, HTTP_NAME_VIA), STR("1"));
	assert_int_equal(http_head_count(head, HTTP_NAME_VIA), 2);
	assert_ptr_equal(http_head_find(head, HTTP_NAME_VIA), &head->fields[0]);
	assert_ptr_equal(http_head_find(head, HTTP_NAME_OTHER), &head->fields[1]);
	assert_non_null(http_head_find(head, HTTP_NAME_AGE));
	assert_str_equal(http_head_get(head, HTTP_NAME_AGE), STR_EMPTY);
	assert_null(http_head_find(head, HTTP_NAME_DATE));
	assert_int_equal(http_head_get(head, HTTP_NAME_DATE).len, 0);
	assert_int_equal(http_head_count(head, HTTP_NAME_DATE), 0);

	assert_true(http_head_has_token(head, HTTP_NAME_CONNECTION, STR("CLOSE")));
	assert_true(http_head_has_token(head, HTTP_NAME_CONNECTION, STR("te")));
	assert_true(http_head_has_token(head, HTTP_NAME_CONNECTION, STR("x;y")));
	assert_false(http_head_has_token(head, HTTP_NAME_CONNECTION, STR("b\"")));
	assert_false(http_head_has_token(head, HTTP_NAME_CONNECTION, STR("clos")));
	assert_false(http_head_has_token(head, HTTP_NAME_TE, STR("trailers")));
}

static void lists_are_cut_at_commas_outside_of_quotes(void **state)
{
	(void)state;
	static const struct {
		const char *list;
		const char *members[4];
	} rows[] = {
	        {"", {NULL}},
	        {" , ,\t,", {NULL}},
	        {"a", {"a"}},
	        {"a,b", {"a", "b"}},
	        {" a\t, ,b c ,", {"a", "b c"}},
	        {"a=\"x,y\", b", {"a=\"x,y\"", "b"}},
	        {"a=\"x\\\",y\",b", {"a=\"x\\\",y\"", "b"}},
	        {"a\\,b", {"a\\", "b"}},
	        {"\"a,b", {"\"a,b"}},
	        {"\"a\\", {"\"a\\"}},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str rest = str_of(rows[i].list), member;
		for (size_t k = 0; rows[i].members[k] != NULL; k++) {
			assert_true(http_head_next_member(&rest, &member));
			assert_str_equal(member, str_of(rows[i].members[k]));
		}
		assert_false(http_head_next_member(&rest, &member));
	}
}

static void requests_must_say_where_they_go(void **state)
{
	(void)state;
	static const struct {
		const char *line, *fields, *host, *path;
		enum fault fault;
	} rows[] = {
	        {"GET /a?b HTTP/1.1", "Host: a.b:80\r\n", "a.b:80", "/a?b", FAULT_NONE},
	        {"GET //a HTTP/1.1", "HOST:a\r\n", "a", "//a", FAULT_NONE},
	        {"GET / HTTP/1.0", "", "", "/", FAULT_NONE},
	        {"GET / HTTP/1.0", "Host: a\r\n", "a", "/", FAULT_NONE},
	        {"OPTIONS * HTTP/1.1", "Host: a\r\n", "a", "*", FAULT_NONE},
	        {"GET http://b/c HTTP/1.1", "Host: a\r\n", "b", "/c", FAULT_NONE},
	        {"GET http://b:1 HTTP/1.1", "Host: a\r\n", "b:1", "/", FAULT_NONE},
	        {"GET http://b/ HTTP/1.0", "", "b", "/", FAULT_NONE},
	        {"OPTIONS http://b HTTP/1.1", "Host: a\r\n", "b", "*", FAULT_NONE},
	        {"OPTIONS http://b/ HTTP/1.1", "Host: a\r\n", "b", "/", FAULT_NONE},
	        {"GET / HTTP/1.1", "Host: [::1]:80\r\n", "[::1]:80", "/", FAULT_NONE},
	        {"PURGE / HTTP/1.1", "Host: a\r\n", "a", "/", FAULT_NONE},
	        {"GET / HTTP/1.1", "", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host:\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.0", "Host:\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host: a\r\nHost: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.0", "Host: a\r\nhost: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host: a, b\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host: a/b\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host: x@a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host: a:x\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET http://b/ HTTP/1.1", "", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET http://b/ HTTP/1.1", "Host: a b\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET http://b?c HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET ftp://b/ HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET * HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET a HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET a:80 HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET ?a HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET /a#b HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"CONNECT a:443 HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_METHOD},
	        {"TRACE / HTTP/1.1", "Host: a\r\n", NULL, NULL, FAULT_BAD_METHOD},
	        {"GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n", NULL, NULL, FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host: a\r\nContent-Length: x\r\n", NULL, NULL,
	                FAULT_BAD_REQUEST},
	        {"GET / HTTP/1.1", "Host: a\r\nTransfer-Encoding: gzip\r\n", NULL, NULL,
	                FAULT_BAD_REQUEST},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct text text = {0};
		text_addf(&text, "%s\r\n%s\r\n", rows[i].line, rows[i].fields);
		struct result result = parse_whole(http_head_parse_request, text_str(&text));
		assert_int_equal(result.parse, HTTP_PARSE_DONE);
		struct http_target target;
		enum fault fault = http_head_check_request(&result.head, &target);
		assert_int_equal(fault, rows[i].fault);
		if (fault == FAULT_NONE) {
			assert_str_equal(target.authority, str_of(rows[i].host));
			assert_str_equal(target.path, str_of(rows[i].path));
			assert_true(str_has_prefix(target.authority, target.host));
			assert_true(target.host.len == target.authority.len ||
			            target.authority.at[target.host.len] == ':');
		}
		text_done(&text);
	}
}

enum place { PLACE_METHOD, PLACE_TARGET, PLACE_NAME, PLACE_VALUE, PLACE_WHOLE_VALUE, PLACES };

/* Whether a head of these parts is one, as a text and in fields. */
static bool is_head(const struct str parts[PLACES], struct str value)
{
	char room[256];
	size_t at = 0;
	const struct str pieces[] = {parts[PLACE_METHOD], STR(" "), parts[PLACE_TARGET],
	        STR(" HTTP/1.1\r\n"), parts[PLACE_NAME], STR(": "), value, STR("\r\n\r\n")};
	for (size_t i = 0; i < ARRAY_LENGTH(pieces); i++) {
		memcpy(room + at, pieces[i].at, pieces[i].len);
		at += pieces[i].len;
	}
	struct result result = parse_whole(http_head_parse_request, str_make(room, at));
	const struct http_head *head = &result.head;
	bool is_text = result.parse == HTTP_PARSE_DONE && head->count == 1 &&
	               str_is_equal(http_head_method(head), parts[PLACE_METHOD]) &&
	               str_is_equal(http_head_target(head), parts[PLACE_TARGET]) &&
	               str_is_equal(http_head_name(head, &head->fields[0]), parts[PLACE_NAME]) &&
	               str_is_equal(http_head_value(head, &head->fields[0]), value);
	bool is_in_fields = http_head_check_line(parts[PLACE_METHOD], parts[PLACE_TARGET],
	                            &LIMITS) == FAULT_NONE &&
	                    http_head_is_field(parts[PLACE_NAME], value);
	assert_int_equal(is_text, is_in_fields);
	return is_text;
}

static void fields_are_judged_as_a_text_of_them_is(void **state)
{
	(void)state;
	unsigned right[PLACES] = {0};
	for (unsigned place = 0; place < PLACES; place++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			const char bytes[] = {'/', (char)byte, 'b'}, alone[] = {(char)byte};
			struct str parts[PLACES] = {
			        STR("GET"), STR("/a"), STR("x"), STR("v"), STR("v")};
			/* A method and a name may not begin like a target. */
			parts[place] = place == PLACE_TARGET || place == PLACE_VALUE
			                       ? str_make(bytes, 3)
			               : place == PLACE_WHOLE_VALUE ? str_make(alone, 1)
			                                            : str_make(bytes + 1, 2);
			right[place] +=
			        is_head(parts, place == PLACE_WHOLE_VALUE ? parts[PLACE_WHOLE_VALUE]
			                                                  : parts[PLACE_VALUE]);
		}
	}
	assert_int_equal(right[PLACE_METHOD], 77); /* tchar (RFC 9110, 5.6.2) */
	assert_int_equal(right[PLACE_NAME], 77);
	assert_int_equal(right[PLACE_TARGET], 94); /* %x21-7E */
	assert_int_equal(right[PLACE_VALUE], 224);
	assert_int_equal(right[PLACE_WHOLE_VALUE], 222); /* blanks are cut off */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_is_cut_into_its_parts),
	        cmocka_unit_test(legal_but_odd_requests_are_accepted),
	        cmocka_unit_test(wrong_requests_are_refused),
	        cmocka_unit_test(what_cannot_become_a_request_is_refused_at_once),
	        cmocka_unit_test(sizes_are_limited_to_the_byte),
	        cmocka_unit_test(an_endless_target_is_refused_before_its_line_ends),
	        cmocka_unit_test(fields_are_limited_in_number),
	        cmocka_unit_test(a_smaller_array_of_fields_is_a_smaller_limit),
	        cmocka_unit_test(responses_are_cut_into_their_parts),
	        cmocka_unit_test(wrong_responses_are_malformed),
	        cmocka_unit_test(trailers_are_fields_up_to_an_empty_line),
	        cmocka_unit_test(fields_are_found_by_name),
	        cmocka_unit_test(lists_are_cut_at_commas_outside_of_quotes),
	        cmocka_unit_test(requests_must_say_where_they_go),
	        cmocka_unit_test(fields_are_judged_as_a_text_of_them_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
