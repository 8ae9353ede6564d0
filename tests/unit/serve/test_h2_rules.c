/* What is malformed by RFC 9113 section 8: each rule by itself, and all of them as nghttp2 has
 * them. */
#include "h2_judges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define GET ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.test"

/* Fields of a request without a body, and whether it is malformed. */
static const struct {
	const char *fields[26];
	bool is_malformed;
} ROWS[] = {
        {{GET}, false},
        {{GET, "x", "y", "x", "y", "x_^|~!", ""}, false},
        /* 8.2.1: names and values */
        {{GET, "X", "y"}, true},
        {{GET, "x-longer-Name", "y"}, true},
        {{GET, "Cache-control", "y"}, true},
        {{GET, "cache-controL", "y"}, true},
        {{GET, "dAte", "y"}, true},
        {{GET, "", "y"}, true},
        {{GET, "x y", "y"}, true},
        {{GET, "x:", "y"}, true},
        {{GET, "x\x7f", "y"}, true},
        {{GET, "x\x80", "y"}, true},
        {{GET, "x\t", "y"}, true},
        {{GET, "x", "a\rb"}, true},
        {{GET, "x", "a\nb"}, true},
        {{GET, "x", "a\x01"}, true},
        {{GET, "x", "a\x7f"}, true},
        {{GET, "x", "a\tb \xff"}, false},
        {{GET, "x", " a"}, true},
        {{GET, "x", "a "}, true},
        {{GET, "x", "\ta"}, true},
        {{GET, "x", "a\t"}, true},
        {{GET, "x", " "}, true},
        {{GET, "date", "a "}, true},
        /* 8.2.2: fields of a connection */
        {{GET, "connection", "close"}, true},
        {{GET, "connection", ""}, true},
        {{GET, "keep-alive", "1"}, true},
        {{GET, "proxy-connection", "close"}, true},
        {{GET, "transfer-encoding", "chunked"}, true},
        {{GET, "upgrade", "x"}, true},
        {{GET, "te", "trailers"}, false},
        {{GET, "te", "Trailers"}, false},
        {{GET, "te", "trailers, gzip"}, true},
        {{GET, "te", "gzip"}, true},
        {{GET, "te", ""}, true},
        /* 8.3: pseudo-header fields */
        {{":authority", "a.test", ":path", "/", ":scheme", "https", ":method", "GET"}, false},
        {{"x", "y", GET}, true},
        {{":method", "GET", ":scheme", "https", ":path", "/", "x", "y", ":authority", "a"}, true},
        {{GET, ":method", "GET"}, true},
        {{GET, ":scheme", "https"}, true},
        {{GET, ":path", "/"}, true},
        {{GET, ":authority", "a.test"}, true},
        {{GET, ":status", "200"}, true},
        {{GET, ":unknown", "x"}, true},
        {{GET, ":", "x"}, true},
        {{GET, ":Path", "/"}, true},
        {{GET, ":patH", "/"}, true},
        {{GET, ":pat", "/"}, true},
        {{GET, ":m", "/"}, true},
        /* 8.3.1: of requests */
        {{":scheme", "https", ":path", "/", ":authority", "a"}, true},
        {{":method", "GET", ":path", "/", ":authority", "a"}, true},
        {{":method", "GET", ":scheme", "https", ":authority", "a"}, true},
        {{":method", "GET", ":scheme", "https", ":path", "/"}, true},
        {{":method", "GET", ":scheme", "https", ":path", "/", "host", "a"}, false},
        {{":method", "", ":scheme", "https", ":path", "/", "host", "a"}, true},
        {{":method", "GET", ":scheme", "", ":path", "/", "host", "a"}, true},
        {{":method", "GET", ":scheme", "https", ":path", "", "host", "a"}, true},
        {{":method", "GET", ":scheme", "https", ":path", "/", ":authority", ""}, true},
        {{":method", "GET", ":scheme", "https", ":path", "/", "host", ""}, true},
        {{":method", "G T", ":scheme", "https", ":path", "/", "host", "a"}, true},
        {{":method", "get", ":scheme", "https", ":path", "/", "host", "a"}, false},
        {{":method", "GET", ":scheme", "ht tp", ":path", "/", "host", "a"}, true},
        {{":method", "GET", ":scheme", "1http", ":path", "/", "host", "a"}, true},
        {{":method", "GET", ":scheme", "a+1-.Z", ":path", "x", "host", "a"}, false},
        {{":method", "GET", ":scheme", "HTTPS", ":path", "x", "host", "a"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "x", "host", "a"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "*", "host", "a"}, true},
        {{":method", "OPTIONS", ":scheme", "http", ":path", "*", "host", "a"}, false},
        {{":method", "OPTIONS", ":scheme", "http", ":path", "**", "host", "a"}, true},
        {{":method", "options", ":scheme", "http", ":path", "*", "host", "a"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/a b", "host", "a"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/\r", "host", "a"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/\x7f", "host", "a"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/\xc3\xa4#?", "host", "a"}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a b"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a/b"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a\xff"}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "[::1]:8"}, false},
        {{GET, "host", "a.test"}, false},
        {{GET, "host", "a.test", "host", "a.test"}, true},
        {{GET, "host", "a b"}, true},
        /* 8.5, and RFC 8441: CONNECT */
        {{":method", "CONNECT", ":authority", "a:1"}, false},
        {{":method", "CONNECT"}, true},
        {{":method", "CONNECT", "host", "a:1"}, true},
        {{":method", "CONNECT", ":authority", "a:1", ":scheme", "https"}, true},
        {{":method", "CONNECT", ":authority", "a:1", ":path", "/"}, true},
        {{":method", "CONNECT", ":authority", "a:1", "content-length", "5"}, false},
        {{":method", "CONNECT", ":scheme", "https", ":path", "/", ":authority", "a", ":protocol",
                 "websocket"},
                false},
        {{GET, ":protocol", "websocket"}, true},
        {{":method", "CONNECT", ":scheme", "https", ":path", "/", ":protocol", "websocket", "host",
                 "a"},
                true},
        {{":method", "CONNECT", ":scheme", "https", ":authority", "a", ":protocol", "websocket"},
                true},
        {{":method", "CONNECT", ":path", "/", ":authority", "a", ":protocol", "websocket"}, true},
        {{":method", "CONNECT", ":scheme", "https", ":path", "/", ":authority", "a", ":protocol",
                 ""},
                true},
        {{":method", "CONNECT", ":scheme", "https", ":path", "x", ":authority", "a", ":protocol",
                 "websocket"},
                true},
        {{":method", "CONNECT", ":scheme", "https", ":path", "/", ":authority", "a", ":protocol",
                 " a"},
                true},
        /* 8.1.1: the length that is told */
        {{GET, "content-length", "0"}, false},
        {{GET, "content-length", "1"}, true},
        {{GET, "content-length", ""}, true},
        {{GET, "content-length", "x"}, true},
        {{GET, "content-length", "-1"}, true},
        {{GET, "content-length", "0,0"}, true},
        {{GET, "content-length", "9223372036854775808"}, true},
        {{GET, "content-length", "99999999999999999999999"}, true},
        {{GET, "content-length", "0", "content-length", "0"}, true},
};

static void fill(struct judges_field *to, size_t *count, const char *const *fields)
{
	for (size_t i = 0; fields[i] != NULL; i += 2)
		to[(*count)++] = (struct judges_field){str_of(fields[i]), str_of(fields[i + 1])};
}

static void each_rule_is_kept_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct judges_message message = {.head_count = 0};
		fill(message.head, &message.head_count, ROWS[i].fields);
		if (judges_ask_us(&message) != ROWS[i].is_malformed)
			fail_msg("row %zu, %s %s: not as we have it", i,
			        ROWS[i].fields[2 * message.head_count - 2],
			        ROWS[i].fields[2 * message.head_count - 1]);
		if (judges_ask_nghttp2(&message) != ROWS[i].is_malformed)
			fail_msg("row %zu: not as nghttp2 has it", i);
	}
}

/* Of the whole message: what tells its length, the body, the trailers. */
static void bodies_and_trailers_go_with_the_head(void **state)
{
	static const char *const LENGTHS[] = {NULL, "0", "5", "6"};
	static const char *const TRAILERS[][5] = {{NULL}, {"x", "y"}, {"X", "y"}, {":path", "/"},
	        {":status", "200"}, {"connection", "close"}, {"te", "gzip"}, {"x", "a\nb"},
	        {"te", "trailers"}, {"x", "y", ":method", "GET"}};
	(void)state;
	for (size_t length = 0; length < ARRAY_LENGTH(LENGTHS); length++)
		for (size_t trailers = 0; trailers < ARRAY_LENGTH(TRAILERS); trailers++)
			for (unsigned what = 0; what < 8; what++) {
				const char *const head[] = {GET,
				        LENGTHS[length] != NULL ? "content-length" : NULL,
				        LENGTHS[length], NULL};
				struct judges_message message = {
				        .body_length = what & 1 ? 5 : 0,
				        .has_body = (what & 2) != 0,
				        .has_trailers = trailers > 0,
				        .lacks_end = (what & 4) != 0,
				};
				fill(message.head, &message.head_count, head);
				fill(message.trailers, &message.trailer_count, TRAILERS[trailers]);
				assert_int_equal(
				        judges_ask_us(&message), judges_ask_nghttp2(&message));
			}
}

/* Every byte, in every place where bytes are judged. */
static void every_byte_is_judged_as_nghttp2_does(void **state)
{
	static const char *const PLACES[] = {":method", ":scheme", ":path", ":authority",
	        ":protocol", "host", "x", "cookie", "te", "content-length", "date"};
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++)
		for (size_t place = 0; place < 2 * ARRAY_LENGTH(PLACES); place++)
			for (unsigned at = 0; at < 3; at++) {
				char text[3] = {'a', 'a', 'a'};
				text[at] = (char)byte;
				struct judges_message message = {.head_count = 0};
				const char *which = PLACES[place / 2];
				const char *const head[] = {":method",
				        strcmp(which, ":protocol") == 0 ? "CONNECT" : "GET",
				        ":scheme", "https", ":path", "/", ":authority", "aaa",
				        NULL};
				bool is_there = false;
				fill(message.head, &message.head_count, head);
				for (size_t i = 0; i < message.head_count && place % 2 == 0; i++)
					if (str_is_equal(message.head[i].name, str_of(which))) {
						message.head[i].value = str_make(text, 3);
						is_there = true;
					}
				if (place % 2 == 1)
					message.head[message.head_count++] =
					        (struct judges_field){str_make(text, 3), STR("y")};
				else if (!is_there)
					message.head[message.head_count++] = (struct judges_field){
					        str_of(which), str_make(text, 3)};
				assert_int_equal(
				        judges_ask_us(&message), judges_ask_nghttp2(&message));
			}
}

/* Fields at random, most of them right. */
static void messages_at_random_are_judged_as_nghttp2_does(void **state)
{
	static const char *const NAMES[] = {":method", ":scheme", ":path", ":authority",
	        ":protocol", "host", "x", "te", "content-length", "date", ":status", "connection",
	        "X", "cookie", "", "upgrade", "priority"};
	static const char *const VALUES[] = {"GET", "https", "/", "a.test", "CONNECT", "OPTIONS",
	        "*", "5", "0", "trailers", "", " x", "u=1", "a b", "websocket", "http"};
	enum { MESSAGES = 40000 };
	(void)state;
	unsigned right = 0;
	srand(1);
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct judges_message message = {
		        .body_length = rand() % 2 ? 5 : 0,
		        .has_body = rand() % 3 == 0,
		        .has_trailers = rand() % 4 == 0,
		        .lacks_end = rand() % 8 == 0,
		};
		const char *const head[] = {":method", "GET", ":scheme", "https", ":path", "/",
		        ":authority", "a.test", NULL};
		fill(message.head, &message.head_count, head);
		for (unsigned changes = (unsigned)rand() % 4; changes > 0; changes--) {
			struct judges_field field = {
			        str_of(NAMES[(unsigned)rand() % ARRAY_LENGTH(NAMES)]),
			        str_of(VALUES[(unsigned)rand() % ARRAY_LENGTH(VALUES)])};
			unsigned at = (unsigned)rand() % 8;
			if (at < message.head_count)
				message.head[at] = field;
			else
				message.head[message.head_count++] = field;
		}
		for (unsigned count = (unsigned)rand() % 3; count > 0; count--)
			message.trailers[message.trailer_count++] = (struct judges_field){
			        str_of(NAMES[6 + (unsigned)rand() % 2]), str_of("trailers")};
		bool is_malformed = judges_ask_us(&message);
		right += !is_malformed;
		assert_int_equal(is_malformed, judges_ask_nghttp2(&message));
	}
	assert_in_range(right, MESSAGES / 10, MESSAGES / 10 * 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_rule_is_kept_to),
	        cmocka_unit_test(bodies_and_trailers_go_with_the_head),
	        cmocka_unit_test(every_byte_is_judged_as_nghttp2_does),
	        cmocka_unit_test(messages_at_random_are_judged_as_nghttp2_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
