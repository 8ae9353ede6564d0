/*
 * The response as the client gets it.
 */
#include "edge/answer.h"

#include "base/hash.h"
#include "model/list.h"

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
		if (str_is_equal(http_name_text(f->answer.fields[i].id), str_of(name)))
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

/* As make_as, with rules; *ret_added are the lines that are added. */
static void make_with_rules(struct fixture *f, const char *text, const char *rules,
        bool is_not_modified, struct str *ret_added, struct arena *arena)
{
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	if (!model_list_read(
	            model_field_find(STR("headers.to_client")), domain, str_of(rules), &why))
		fail_msg("%s: %s", rules, why.words);
	make_as(f, text, HTTP_GET, 3, is_not_modified);
	struct edge_answer_options options = {
	        .head = &f->head,
	        .method = HTTP_GET,
	        .is_not_modified = is_not_modified,
	        .length = 3,
	        .status_line = STR("Cache-Status: x\r\n"),
	        .rules = domain->headers_to_client,
	        .arena = arena,
	};
	edge_answer_make(&options, &f->answer);
	*ret_added = f->answer.response.added;
	model_domain_unref(domain);
}

static void rules_change_what_is_passed_on(void **state)
{
	(void)state;
	static const struct {
		const char *line, *type, *added;
		bool is_not_modified, passes_type;
	} ROWS[] = {
	        {"HTTP/1.1 200 OK", "text/a", "Content-Type: text/b\r\nX-A: 2\r\n", false, false},
	        {"HTTP/1.1 503 Away", "text/a", "Content-Type: text/b\r\nX-A: 2\r\n", false, false},
	        {"HTTP/1.1 206 Part", "text/a", "Content-Type: text/b\r\nX-A: 2\r\n", false, false},
	        {"HTTP/1.1 206 Part", "Multipart/ByteRanges; boundary=a", "X-A: 2\r\n", false,
	                true},
	        {"HTTP/1.1 200 OK", "multipart/byteranges; boundary=a",
	                "Content-Type: text/b\r\nX-A: 2\r\n", false, false},
	        {"HTTP/1.1 304 Same", "text/a", "X-A: 2\r\n", false, true},
	        {"HTTP/1.1 200 OK", "text/a", "X-A: 2\r\n", true, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture f;
		struct arena arena;
		struct str added;
		arena_init(&arena, NULL, 0);
		struct str head = arena_printf(&arena,
		        "%s\r\nContent-Type: %s\r\nX-A: 1\r\nX-B: 1\r\nX-C: 1\r\n\r\n",
		        ROWS[i].line, ROWS[i].type);
		make_with_rules(&f, head.at, "set Content-Type: text/b, set X-A: 2, delete X-B",
		        ROWS[i].is_not_modified, &added, &arena);
		struct str wanted = arena_printf(&arena, "%sCache-Status: x\r\n", ROWS[i].added);
		if (!str_is_equal(added, wanted))
			fail_msg("row %zu: %.*s", i, STR_ARG(added));
		assert_int_equal(passes(&f, "Content-Type"), ROWS[i].passes_type);
		assert_false(passes(&f, "X-A") || passes(&f, "X-B"));
		assert_true(passes(&f, "X-C"));
		arena_reset(&arena);
	}
}

static void an_interim_response_lacks_what_rules_take_away(void **state)
{
	(void)state;
	struct fixture f;
	make(&f, "HTTP/1.1 103 Hints\r\nLink: a\r\nX-B: 1\r\n\r\n", HTTP_GET, 0);
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	uint64_t drop[HTTP_MARK_WORDS];
	assert_true(model_list_read(model_field_find(STR("headers.to_client")), domain,
	        STR("delete X-B, add Link: b"), &why));
	edge_answer_mark_interim(&f.head, domain->headers_to_client, drop);
	assert_int_equal(drop[0], 2);
	edge_answer_mark_interim(&f.head, NULL, drop);
	assert_int_equal(drop[0], 0);
	model_domain_unref(domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fields_of_the_connection_and_ours_do_not_pass),
	        cmocka_unit_test(a_date_is_added_only_where_there_is_none),
	        cmocka_unit_test(responses_without_a_body_say_so),
	        cmocka_unit_test(what_the_client_has_already_is_a_304_of_the_same_head),
	        cmocka_unit_test(rules_change_what_is_passed_on),
	        cmocka_unit_test(an_interim_response_lacks_what_rules_take_away),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
