/* Keys of WebSocket, and their answers. */
#include "edge/websocket.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void keys_are_fresh_and_in_base64(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct str first = edge_websocket_key(&arena), second = edge_websocket_key(&arena);
	assert_int_equal(first.len, 24);
	assert_int_equal(second.len, 24);
	assert_true(str_has_suffix(first, STR("==")) && str_has_suffix(second, STR("==")));
	assert_false(str_is_equal(first, second));
	arena_reset(&arena);
}

/* The example of RFC 6455 section 1.3. */
static void only_the_right_answer_is_one(void **state)
{
	(void)state;
	static const struct http_head_limits limits = {.head_bytes = 8192, .fields = 8};
	static const struct {
		const char *lines;
		bool is_accepted;
	} ROWS[] = {
	        {"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", true},
	        {"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", true},
	        {"Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", false},
	        {"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n", false},
	        {"Sec-WebSocket-Accept:\r\n", false},
	        {"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Accept: "
	         "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
	                false},
	        {"", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct http_field fields[8];
		struct http_head head = {.fields = fields, .capacity = 8};
		struct text text = {0};
		size_t scanned = 0;
		enum fault fault;
		text_addf(&text, "HTTP/1.1 101 A\r\n%s\r\n", ROWS[i].lines);
		assert_int_equal(
		        http_head_parse_response(text_str(&text), &scanned, &limits, &head, &fault),
		        HTTP_PARSE_DONE);
		if (edge_websocket_is_accepted(&head, STR("dGhlIHNhbXBsZSBub25jZQ==")) !=
		        ROWS[i].is_accepted)
			fail_msg("row %zu: %s", i, ROWS[i].lines);
		text_done(&text);
	}
	assert_true(edge_websocket_is_accept(STR("SEC-WEBSOCKET-ACCEPT")));
	assert_false(edge_websocket_is_accept(STR("Sec-WebSocket-Key")));
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(keys_are_fresh_and_in_base64),
	        cmocka_unit_test(only_the_right_answer_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
