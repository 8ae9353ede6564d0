/* The PROXY protocol. */
#include "serve/proxy_header.h"

#include "base/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* Parses a copy with nothing readable behind. */
static enum serve_proxy_header_event parse(
        struct str text, struct serve_proxy_header *header, size_t *consumed)
{
	char *copy = test_malloc(text.len + 1);
	if (text.len > 0)
		memcpy(copy + 1, text.at, text.len);
	enum serve_proxy_header_event event =
	        serve_proxy_header_parse(str_make(copy + 1, text.len), header, consumed);
	test_free(copy);
	return event;
}

/* Each front part of a header is right but not whole. */
static void check_parts(struct str text)
{
	for (size_t length = 0; length < text.len; length++) {
		struct serve_proxy_header header;
		size_t consumed;
		assert_int_equal(parse(str_make(text.at, length), &header, &consumed),
		        SERVE_PROXY_HEADER_MORE);
	}
}

static void headers_tell_addresses(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		const char *source, *destination; /* NULL: those of the socket */
	} rows[] = {
	        {STR("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"), "192.0.2.1:56324",
	                "198.51.100.1:443"},
	        {STR("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	                "255.255.255.255:65535", "255.255.255.255:65535"},
	        {STR("PROXY TCP4 192.0.2.1 198.51.100.1 0 0\r\n"), "192.0.2.1:0", "198.51.100.1:0"},
	        {STR("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"), "[2001:db8::1]:56324",
	                "[2001:db8::2]:443"},
	        {STR("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1:1", "[::1]:2"},
	        {STR("PROXY UNKNOWN\r\n"), NULL, NULL},
	        {STR("PROXY UNKNOWN \r\n"), NULL, NULL},
	        {STR("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), NULL, NULL},
	        {STR(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"),
	                "192.0.2.1:56324", "198.51.100.1:443"},
	        {STR(SIGNATURE "\x21\x21\0\x24"
	                       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
	                       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x50\x1f\x90"),
	                "[2001:db8::1]:80", "[2001:db8::2]:8080"},
	        /* With more behind the addresses. */
	        {STR(SIGNATURE "\x21\x11\0\x10\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"
	                       "\x04\0\x01x"),
	                "192.0.2.1:56324", "198.51.100.1:443"},
	        /* LOCAL, whatever it says besides. */
	        {STR(SIGNATURE "\x20\0\0\0"), NULL, NULL},
	        {STR(SIGNATURE "\x20\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"),
	                NULL, NULL},
	        {STR(SIGNATURE "\x20\x11\0\x03xyz"), NULL, NULL},
	        /* No family, datagrams, and UNIX sockets. */
	        {STR(SIGNATURE "\x21\0\0\0"), NULL, NULL},
	        {STR(SIGNATURE "\x21\x10\0\0"), NULL, NULL},
	        {STR(SIGNATURE "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"),
	                NULL, NULL},
	        {STR(SIGNATURE "\x21\x31\0\x02xy"), NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct serve_proxy_header header;
		size_t consumed = 0;
		struct text text = {0};
		text_add(&text, rows[i].text);
		text_add(&text, STR("GET / HTTP/1.1\r\n"));
		enum serve_proxy_header_event event = parse(text_str(&text), &header, &consumed);
		text_done(&text);
		assert_int_equal(consumed, rows[i].text.len);
		check_parts(rows[i].text);
		if (rows[i].source == NULL) {
			assert_int_equal(event, SERVE_PROXY_HEADER_LOCAL);
			continue;
		}
		char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES];
		assert_int_equal(event, SERVE_PROXY_HEADER_ADDRESSES);
		assert_string_equal(address_format(&header.source, source), rows[i].source);
		assert_string_equal(
		        address_format(&header.destination, destination), rows[i].destination);
	}
}

/* Each is refused at its last byte, and no byte earlier. */
static void other_beginnings_are_refused_at_once(void **state)
{
	(void)state;
	static const struct str rows[] = {
	        STR("G"),
	        STR("\n"),
	        STR("\0"),
	        STR("\x16"),
	        STR("PRI"),
	        STR("PROXY\t"),
	        STR("p"),
	        STR("PROXY T\n"),
	        STR("PROXY T\0"),
	        STR("PROXY T\x80"),
	        STR("PROXY T\t"),
	        STR("PROXY T\rx"),
	        STR("\r\r"),
	        STR("\r\n\r\n\r"),
	        STR(SIGNATURE "\x11"),
	        STR(SIGNATURE "\x31"),
	        STR(SIGNATURE "\x22"),
	        STR(SIGNATURE "\x2f"),
	        STR(SIGNATURE "\x21\x41"),
	        STR(SIGNATURE "\x21\x13"),
	        STR(SIGNATURE "\x20\xff"),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct serve_proxy_header header;
		size_t consumed;
		assert_int_equal(parse(rows[i], &header, &consumed), SERVE_PROXY_HEADER_BAD);
		check_parts(rows[i]);
	}
}

static void wrong_headers_are_refused(void **state)
{
	(void)state;
	static const struct str rows[] = {
	        STR("PROXY \r\n"),
	        STR("PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n"),
	        STR("PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n"),
	        STR("PROXY UNKNOWNX\r\n"),
	        STR("PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n"),
	        STR("PROXY TCP4\r\n"),
	        STR("PROXY TCP4 192.0.2.1\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 1 \r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n"),
	        STR("PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 1 000002\r\n"),
	        STR("PROXY TCP4 192.0.2.1 198.51.100.1 1 x\r\n"),
	        STR("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n"),
	        STR("PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n"),
	        STR("PROXY TCP4 ::1 ::1 1 2\r\n"),
	        STR("PROXY TCP4 192.0.2.1 ::1 1 2\r\n"),
	        STR("PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n"),
	        STR("PROXY TCP6 ::1%lo ::1 1 2\r\n"),
	        /* Too short for the addresses. */
	        STR(SIGNATURE "\x21\x11\0\0"),
	        STR(SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01"),
	        STR(SIGNATURE "\x21\x21\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct serve_proxy_header header;
		size_t consumed;
		assert_int_equal(parse(rows[i], &header, &consumed), SERVE_PROXY_HEADER_BAD);
	}
}

static void lines_are_limited_to_the_byte(void **state)
{
	(void)state;
	enum { LONGEST = 107 };
	for (size_t over = 0; over < 2; over++) {
		char line[LONGEST + 2];
		struct serve_proxy_header header;
		size_t consumed;
		memset(line, 'x', sizeof(line));
		memcpy(line, "PROXY UNKNOWN ", 14);
		memcpy(line + LONGEST + over - 2, "\r\n", 2);
		struct str text = str_make(line, LONGEST + over);
		assert_int_equal(parse(text, &header, &consumed),
		        over == 0 ? SERVE_PROXY_HEADER_LOCAL : SERVE_PROXY_HEADER_BAD);
		if (over == 0)
			check_parts(text);
	}
	char endless[LONGEST];
	struct serve_proxy_header header;
	size_t consumed;
	memset(endless, 'x', sizeof(endless));
	memcpy(endless, "PROXY ", 6);
	assert_int_equal(
	        parse(str_make(endless, LONGEST - 1), &header, &consumed), SERVE_PROXY_HEADER_MORE);
	assert_int_equal(
	        parse(str_make(endless, LONGEST), &header, &consumed), SERVE_PROXY_HEADER_BAD);
}

static void binary_headers_are_limited_to_the_byte(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		char text[LIMIT_PROXY_HEADER_BYTES + 1] = SIGNATURE "\x20\x11";
		size_t length = LIMIT_PROXY_HEADER_BYTES - 16 + over;
		struct serve_proxy_header header;
		size_t consumed = 0;
		text[14] = (char)(length >> 8);
		text[15] = (char)length;
		enum serve_proxy_header_event event =
		        parse(str_make(text, 16 + length), &header, &consumed);
		if (over == 0) {
			assert_int_equal(event, SERVE_PROXY_HEADER_LOCAL);
			assert_int_equal(consumed, LIMIT_PROXY_HEADER_BYTES);
		} else { /* Told from the length, before it is there. */
			assert_int_equal(event, SERVE_PROXY_HEADER_BAD);
			assert_int_equal(parse(str_make(text, 16), &header, &consumed),
			        SERVE_PROXY_HEADER_BAD);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(headers_tell_addresses),
	        cmocka_unit_test(other_beginnings_are_refused_at_once),
	        cmocka_unit_test(wrong_headers_are_refused),
	        cmocka_unit_test(lines_are_limited_to_the_byte),
	        cmocka_unit_test(binary_headers_are_limited_to_the_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
