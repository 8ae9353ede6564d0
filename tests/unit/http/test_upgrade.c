/* Changing to another protocol: what is asked for, and what answers it. */
#include "http/upgrade.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct http_head_limits LIMITS = {
        .head_bytes = LIMIT_HEAD_BYTES, .target_bytes = 100, .fields = LIMIT_HEAD_FIELDS};

static struct http_field fields[LIMIT_HEAD_FIELDS];
static const char *const PROTOCOLS[] = {"websocket", "IRC/6.9"};

static void the_first_protocol_that_is_allowed_is_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *version, *lines;
		int index;
	} ROWS[] = {
	        {"1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", 0},
	        {"1.1", "Connection: keep-alive, UPGRADE\r\nUpgrade: WebSocket\r\n", 0},
	        {"1.1", "Connection: close\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", 0},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: h2c, irc/6.9, websocket\r\n", 1},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n", 0},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: ,, websocket\r\n", 0},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n", -1},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: irc\r\n", -1},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: websocket/13\r\n", -1},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: web socket\r\n", -1},
	        {"1.1", "Connection: Upgrade\r\nUpgrade: \"websocket\"\r\n", -1},
	        {"1.1", "Connection: Upgrade\r\nUpgrade:\r\n", -1},
	        {"1.1", "Connection: Upgrade\r\n", -1},
	        {"1.1", "Connection: close\r\nUpgrade: websocket\r\n", -1},
	        {"1.1", "Connection: upgrades\r\nUpgrade: websocket\r\n", -1},
	        {"1.1", "Upgrade: websocket\r\n", -1},
	        {"1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", -1},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
		struct text text = {0};
		size_t scanned = 0;
		enum fault fault;
		text_addf(&text, "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", ROWS[i].version,
		        ROWS[i].lines);
		assert_int_equal(
		        http_head_parse_request(text_str(&text), &scanned, &LIMITS, &head, &fault),
		        HTTP_PARSE_DONE);
		if (http_upgrade_choose(&head, PROTOCOLS, ARRAY_LENGTH(PROTOCOLS)) != ROWS[i].index)
			fail_msg("row %zu: %s", i, ROWS[i].lines);
		assert_int_equal(http_upgrade_choose(&head, PROTOCOLS, 0), -1);
		text_done(&text);
	}
}

static void only_what_was_asked_for_is_an_answer(void **state)
{
	(void)state;
	static const struct {
		const char *head;
		bool is_answer;
	} ROWS[] = {
	        {"HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", true},
	        {"HTTP/1.1 101\r\nconnection: a, upgrade\r\nupgrade: WebSocket\r\n", true},
	        {"HTTP/1.0 101 A\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", false},
	        {"HTTP/1.1 200 A\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", false},
	        {"HTTP/1.1 101 A\r\nUpgrade: websocket\r\n", false},
	        {"HTTP/1.1 101 A\r\nConnection: close\r\nUpgrade: websocket\r\n", false},
	        {"HTTP/1.1 101 A\r\nConnection: Upgrade\r\n", false},
	        {"HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", false},
	        {"HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n", false},
	        {"HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	         "Upgrade: websocket\r\n",
	                false},
	        {"HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	         "Content-Length: 0\r\n",
	                false},
	        {"HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	         "Transfer-Encoding: chunked\r\n",
	                false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct http_head head = {.fields = fields, .capacity = ARRAY_LENGTH(fields)};
		struct text text = {0};
		size_t scanned = 0;
		enum fault fault;
		text_addf(&text, "%s\r\n", ROWS[i].head);
		assert_int_equal(
		        http_head_parse_response(text_str(&text), &scanned, &LIMITS, &head, &fault),
		        HTTP_PARSE_DONE);
		if (http_upgrade_is_answer(&head, STR("websocket")) != ROWS[i].is_answer)
			fail_msg("row %zu: %s", i, ROWS[i].head);
		assert_false(http_upgrade_is_answer(&head, STR_EMPTY));
		text_done(&text);
	}
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_first_protocol_that_is_allowed_is_asked_for),
	        cmocka_unit_test(only_what_was_asked_for_is_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
