/*
 * The response as the client gets it.
 */
#include "edge/answer.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
	struct http_field fields[64];
	struct http_head head;
	struct edge_answer answer;
};

static void make_as(struct fixture *f, const char *text, enum http_method method, uint64_t length,
        bool is_not_modified)
{
	static const struct http_head_limits limits = {.head_bytes = 8192, .fields = 64};
	*f = (struct fixture){.head = {.fields = f->fields, .capacity = 64}};
	size_t scanned = 0;
	enum fault fault;
	assert_int_equal(
	        http_head_parse_response(str_of(text), &scanned, &limits, &f->head, &fault),
	        HTTP_PARSE_DONE);
	struct edge_answer_options options = {
	        .head = &f->head,
	        .method = method,
	        .is_not_modified = is_not_modified,
	        .length = length,
	        .via = STR("1.1 headwater"),
	        .date = STR("Sun, 06 Nov 1994 08:49:37 GMT"),
	        .cache = STR("PASS"),
	};
	edge_answer_make(&options, &f->answer);
}

static void make(struct fixture *f, const char *text, enum http_method method, uint64_t length)
{
	make_as(f, text, method, length, false);
}

static bool passes(const struct fixture *f, const char *name)
{
	for (unsigned i = 0; i < f->head.count; i++)
		if (str_is_equal_nocase(http_head_name(&f->head, &f->head.fields[i]), str_of(name)))
			return !(f->answer.drop[i / 64] >> (i % 64) & 1);
	return false;
}

static struct str added(const struct fixture *f, const char *name)
{
	for (unsigned i = 0; i < f->answer.response.field_count; i++)
		if (str_is_equal(f->answer.fields[i].name, str_of(name)))
			return f->answer.fields[i].value;
	return STR_EMPTY;
}

static void fields_of_the_connection_and_ours_do_not_pass(void **state)
{
	(void)state;
	struct fixture f;
	make(&f,
	        "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
	        "Content-Length: 3\r\nX-Cache: HIT\r\nX-Headwater-Error: x\r\nETag: \"a\"\r\n\r\n",
	        HTTP_GET, 3);
	static const char *const dropped[] = {"Connection", "X-Hop", "Keep-Alive", "Content-Length",
	        "X-Cache", "X-Headwater-Error"};
	for (size_t i = 0; i < ARRAY_LENGTH(dropped); i++)
		assert_false(passes(&f, dropped[i]));
	assert_true(passes(&f, "ETag"));
	assert_true(str_is_equal(added(&f, "X-Cache"), STR("PASS")));
	assert_true(str_is_equal(added(&f, "Via"), STR("1.1 headwater")));
}

static void a_date_is_added_only_where_there_is_none(void **state)
{
	(void)state;
	struct fixture f;
	make(&f, "HTTP/1.1 200 OK\r\n\r\n", HTTP_GET, 0);
	assert_true(added(&f, "Date").len > 0);
	make(&f, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", HTTP_GET, 0);
	assert_true(added(&f, "Date").len == 0);
}

static void responses_without_a_body_say_so(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		enum http_method method;
		uint64_t length, promised;
		bool is_bodiless;
	} rows[] = {
	        {"HTTP/1.1 200 OK\r\n\r\n", HTTP_GET, 5, 5, false},
	        {"HTTP/1.1 200 OK\r\n\r\n", HTTP_GET, UINT64_MAX, UINT64_MAX, false},
	        {"HTTP/1.1 200 OK\r\n\r\n", HTTP_HEAD, 5, 5, true},
	        {"HTTP/1.1 204 No Content\r\n\r\n", HTTP_GET, 5, UINT64_MAX, true},
	        {"HTTP/1.1 304 Not Modified\r\n\r\n", HTTP_GET, 5, 5, true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct fixture f;
		make(&f, rows[i].line, rows[i].method, rows[i].length);
		assert_int_equal(f.answer.response.is_bodiless, rows[i].is_bodiless);
		assert_true(f.answer.response.length == rows[i].promised);
	}
}

static void what_the_client_has_already_is_a_304_of_the_same_head(void **state)
{
	(void)state;
	struct fixture f;
	make_as(&f,
	        "HTTP/1.1 200 Fine\r\nETag: \"a\"\r\nSet-Cookie: b=c\r\nContent-Type: text/a\r\n"
	        "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n",
	        HTTP_GET, 3, true);
	assert_int_equal(f.answer.response.status, 304);
	assert_int_equal(f.answer.response.reason.len, 0);
	assert_true(f.answer.response.is_bodiless);
	assert_true(f.answer.response.length == UINT64_MAX);
	assert_true(passes(&f, "ETag") && passes(&f, "Set-Cookie"));
	assert_false(passes(&f, "Content-Type") || passes(&f, "Content-Encoding"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fields_of_the_connection_and_ours_do_not_pass),
	        cmocka_unit_test(a_date_is_added_only_where_there_is_none),
	        cmocka_unit_test(responses_without_a_body_say_so),
	        cmocka_unit_test(what_the_client_has_already_is_a_304_of_the_same_head),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
