/*
 * Answers as they are remembered.
 */
#include "edge/loaded.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FIELDS = 64 };

struct parsed {
	struct http_field fields[FIELDS];
	struct http_head head;
};

static const struct http_head_limits limits = {
        .head_bytes = 65535, .target_bytes = 8192, .fields = 256};

static const struct http_head *parse_response(struct parsed *parsed, const char *text)
{
	size_t scanned = 0;
	enum fault fault;
	parsed->head = (struct http_head){.fields = parsed->fields, .capacity = FIELDS};
	assert_int_equal(
	        http_head_parse_response(str_of(text), &scanned, &limits, &parsed->head, &fault),
	        HTTP_PARSE_DONE);
	return &parsed->head;
}

static const struct http_head *parse_request(struct parsed *parsed, const char *text)
{
	size_t scanned = 0;
	enum fault fault;
	parsed->head = (struct http_head){.fields = parsed->fields, .capacity = FIELDS};
	assert_int_equal(
	        http_head_parse_request(str_of(text), &scanned, &limits, &parsed->head, &fault),
	        HTTP_PARSE_DONE);
	return &parsed->head;
}

static enum edge_loaded_result make(const char *response, const char *request,
        const struct cache_vary *vary, struct edge_loaded **ret_loaded)
{
	static struct parsed answer, asked;
	struct edge_loaded_options options = {
	        .head = parse_response(&answer, response),
	        .asked = {.head = parse_request(&asked, request)},
	        .vary = vary,
	        .date = STR("Tue, 14 Nov 2023 22:13:20 GMT"),
	};
	return edge_loaded_make(&options, ret_loaded);
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nX-A: b\r\n\r\n"

static void what_belongs_to_a_connection_or_a_client_is_left_out(void **state)
{
	(void)state;
	struct edge_loaded *loaded;
	assert_int_equal(make("HTTP/1.1 200 OK\r\n"
	                      "Connection: close, X-Hop\r\n"
	                      "X-Hop: 1\r\n"
	                      "Transfer-Encoding: chunked\r\n"
	                      "Set-Cookie: a=b\r\n"
	                      "Age: 7\r\n"
	                      "X-Cache: HIT\r\n"
	                      "ETag: \"x\"\r\n"
	                      "X-Own: 1\r\n"
	                      "\r\n",
	                         GET, NULL, &loaded),
	        EDGE_LOADED_DONE);
	struct str lines = edge_loaded_lines(&loaded->head);
	assert_true(str_is_equal(
	        lines, STR("ETag: \"x\"\r\nX-Own: 1\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n")));
	assert_true(str_is_equal(loaded->etag, STR("\"x\"")));
	assert_int_equal(loaded->vary.count, 0);
	assert_int_equal(loaded->variant.len, 0);
	edge_loaded_free(loaded);
}

static void a_date_of_the_origin_stays(void **state)
{
	(void)state;
	struct edge_loaded *loaded;
	assert_int_equal(make("HTTP/1.1 204 No\r\nDate: Tue, 14 Nov 2023 01:00:00 GMT\r\n\r\n", GET,
	                         NULL, &loaded),
	        EDGE_LOADED_DONE);
	assert_true(str_is_equal(
	        edge_loaded_lines(&loaded->head), STR("Date: Tue, 14 Nov 2023 01:00:00 GMT\r\n")));
	assert_int_equal(loaded->head.status, 204);
	edge_loaded_free(loaded);
}

static void the_version_that_the_origin_spoke_is_kept(void **state)
{
	(void)state;
	struct edge_loaded *loaded;
	assert_int_equal(make("HTTP/1.0 200 OK\r\n\r\n", GET, NULL, &loaded), EDGE_LOADED_DONE);
	assert_int_equal(loaded->head.minor, 0);
	edge_loaded_free(loaded);
	assert_int_equal(make("HTTP/1.1 200 OK\r\n\r\n", GET, NULL, &loaded), EDGE_LOADED_DONE);
	assert_int_equal(loaded->head.minor, 1);
	edge_loaded_free(loaded);
}

static void the_variant_is_the_requests_for_all_that_the_url_varies_on(void **state)
{
	(void)state;
	struct edge_loaded *loaded, *other;
	struct cache_vary vary = {.count = 0};
	assert_true(cache_vary_add_name(&vary, STR("X-A")));
	assert_int_equal(
	        make("HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\n\r\n", GET, &vary, &loaded),
	        EDGE_LOADED_DONE);
	assert_int_equal(loaded->vary.count, 2);
	assert_true(loaded->variant.len > 0);
	assert_int_equal(make("HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\n\r\n",
	                         "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nX-A: "
	                         "b\r\n\r\n",
	                         &vary, &other),
	        EDGE_LOADED_DONE);
	assert_false(str_is_equal(loaded->variant, other->variant));
	edge_loaded_free(loaded);
	edge_loaded_free(other);
	assert_int_equal(make("HTTP/1.1 200 OK\r\nVary: *\r\n\r\n", GET, NULL, &loaded),
	        EDGE_LOADED_NOT_ONE);
}

static void the_names_that_decide_are_kept_as_a_text_and_read_back(void **state)
{
	(void)state;
	char room[256];
	struct arena arena;
	struct cache_vary vary = {.count = 0}, back;
	arena_init(&arena, room, sizeof(room));
	edge_loaded_read_vary(edge_loaded_print_vary(&vary, &arena), &back);
	assert_int_equal(back.count, 0);
	assert_true(cache_vary_add_name(&vary, STR("Accept-Encoding")));
	assert_true(cache_vary_add_name(&vary, STR("x-b")));
	struct str text = edge_loaded_print_vary(&vary, &arena);
	assert_true(str_is_equal(text, STR("accept-encoding,x-b,")));
	edge_loaded_read_vary(text, &back);
	assert_int_equal(back.count, 2);
	assert_true(str_is_equal_nocase(back.names[0], vary.names[0]));
	assert_true(str_is_equal_nocase(back.names[1], vary.names[1]));
	arena_reset(&arena);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_belongs_to_a_connection_or_a_client_is_left_out),
	        cmocka_unit_test(a_date_of_the_origin_stays),
	        cmocka_unit_test(the_version_that_the_origin_spoke_is_kept),
	        cmocka_unit_test(the_variant_is_the_requests_for_all_that_the_url_varies_on),
	        cmocka_unit_test(the_names_that_decide_are_kept_as_a_text_and_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
