/* The search for lines: both implementations, each split, each byte. */
#include "http/scan_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LINES = 64 };

typedef enum http_scan_event scanner(
        struct str text, struct http_scan *scan, uint32_t *ends, uint32_t line_max);

struct result {
	enum http_scan_event event;
	struct http_scan scan;
	uint32_t ends[LINES];
};

/* What the scan should find, told byte by byte. */
static void expect(struct str text, bool is_fields, uint32_t line_max, struct result *result)
{
	uint32_t line = 0; /* bytes in the line so far */
	*result = (struct result){.event = HTTP_SCAN_MORE, .scan = {.is_fields = is_fields}};
	struct http_scan *scan = &result->scan;
	for (; scan->at < text.len; scan->at++) {
		char byte = text.at[scan->at];
		bool is_behind_cr = scan->at > 0 && text.at[scan->at - 1] == '\r';
		if ((byte == '\n') != is_behind_cr ||
		        (http_scan_is_control(byte) && byte != '\r' && byte != '\n')) {
			result->event = HTTP_SCAN_BAD;
			return;
		}
		line++;
		if (byte != '\n')
			continue;
		if (scan->lines == line_max) {
			result->event = HTTP_SCAN_FULL;
			return;
		}
		result->ends[scan->lines++] = scan->at;
		bool is_first = scan->at == 1;
		if (line == 2 && (!is_first || is_fields)) {
			scan->at++;
			result->event = HTTP_SCAN_WHOLE;
			return;
		}
		line = 0;
	}
}

static void run(scanner *scan_lines, struct str text, size_t split, bool is_fields,
        uint32_t line_max, struct result *result)
{
	*result = (struct result){.scan = {.is_fields = is_fields}};
	result->event = scan_lines(str_make(text.at, split), &result->scan, result->ends, line_max);
	if (result->event == HTTP_SCAN_MORE)
		result->event = scan_lines(text, &result->scan, result->ends, line_max);
}

static void check(struct str text, bool is_fields, uint32_t line_max)
{
	static scanner *const scanners[] = {http_scan_lines, http_scan_lines_portable};
	struct result wanted, got;
	expect(text, is_fields, line_max, &wanted);
	for (size_t i = 0; i < ARRAY_LENGTH(scanners); i++) {
		for (size_t split = 0; split <= text.len; split++) {
			run(scanners[i], text, split, is_fields, line_max, &got);
			assert_int_equal(got.event, wanted.event);
			assert_int_equal(got.scan.at, wanted.scan.at);
			assert_int_equal(got.scan.lines, wanted.scan.lines);
			assert_memory_equal(
			        got.ends, wanted.ends, wanted.scan.lines * sizeof(wanted.ends[0]));
		}
	}
}

static void rows_are_scanned_as_told(void **state)
{
	(void)state;
	static const char *const rows[] = {
	        "",
	        "\r",
	        "\n",
	        "\r\n",
	        "\r\r\n",
	        "\r\n\r\n",
	        "a\r\n\r\n",
	        "a\r\n\r\nmore\n",
	        "a\nb\r\n",
	        "a\rb\r\n",
	        "a\r\nb\r\n\r\n",
	        "a\r\n\r",
	        "a\r\n\r\r\n",
	        "a\r\n \r\n\r\n",
	        "\tx\r\n\r\n",
	        "\x7f\r\n\r\n",
	        "a\x01\r\n\r\n",
	        "\xff\x80\r\n\r\n",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		check(str_of(rows[i]), false, LINES);
		check(str_of(rows[i]), true, LINES);
		check(str_of(rows[i]), true, 1);
		check(str_of(rows[i]), true, 0);
	}
}

static void each_place_in_a_block_is_scanned_as_told(void **state)
{
	(void)state;
	char text[200];
	for (size_t at = 0; at < 140; at++) {
		memset(text, 'x', sizeof(text));
		memcpy(text + at, "\r\n\r\n", 4);
		check(str_make(text, at + 4), false, LINES);
		check(str_make(text, at + 3), false, LINES);
		memcpy(text + at, "\r\ny\r\n\r\n", 7);
		check(str_make(text, at + 7), false, LINES);
		check(str_make(text, sizeof(text)), false, 2);
		text[at] = '\0';
		check(str_make(text, sizeof(text)), false, LINES);
	}
}

static void each_byte_is_sorted_alike(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		for (size_t length = 1; length < 40; length++) {
			char text[40];
			memset(text, 'x', sizeof(text));
			text[length / 2] = (char)byte;
			bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
			bool is_visible = byte > 0x20 && byte < 0x7f;
			struct str piece = str_make(text, length);
			assert_int_equal(http_scan_is_control((char)byte), is_control);
			assert_int_equal(http_scan_is_text(piece), !is_control);
			assert_int_equal(http_scan_is_text_portable(piece), !is_control);
			assert_int_equal(
			        http_scan_visible(piece), is_visible ? length : length / 2);
			assert_int_equal(http_scan_visible_portable(piece),
			        is_visible ? length : length / 2);
		}
	}
}

static void visible_bytes_are_counted_up_to_the_first_other_one(void **state)
{
	(void)state;
	for (size_t length = 0; length < 40; length++) {
		char text[40];
		for (size_t first = 0; first <= length; first++) {
			memset(text, 'x', sizeof(text));
			memset(text + first, ' ', length - first);
			struct str piece = str_make(text, length);
			assert_int_equal(http_scan_visible(piece), first);
			assert_int_equal(http_scan_visible_portable(piece), first);
		}
	}
}

static void token_bytes_are_those_of_the_rfc(void **state)
{
	(void)state;
	const struct str marks = STR("!#$%&'*+-.^_`|~");
	for (int byte = 0; byte < 256; byte++) {
		bool is_mark = memchr(marks.at, byte, marks.len) != NULL;
		bool is_digit = byte >= '0' && byte <= '9';
		bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
		assert_int_equal(
		        http_scan_is_token_byte((char)byte), is_mark || is_digit || is_letter);
	}
	assert_int_equal(http_scan_token(STR("a-b: c")), 3);
	assert_int_equal(http_scan_token(STR("abc")), 3);
	assert_int_equal(http_scan_token(STR_EMPTY), 0);
}

/* Short texts of the bytes that matter, each of them. */
static void all_short_texts_are_scanned_as_told(void **state)
{
	(void)state;
	static const char bytes[] = {'\r', '\n', 'x', '\0'};
	for (unsigned n = 0; n < 1 << 14; n++) {
		char text[7];
		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = bytes[n >> 2 * i & 3];
		check(str_make(text, sizeof(text)), (n & 1) != 0, n % 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rows_are_scanned_as_told),
	        cmocka_unit_test(each_place_in_a_block_is_scanned_as_told),
	        cmocka_unit_test(each_byte_is_sorted_alike),
	        cmocka_unit_test(visible_bytes_are_counted_up_to_the_first_other_one),
	        cmocka_unit_test(token_bytes_are_those_of_the_rfc),
	        cmocka_unit_test(all_short_texts_are_scanned_as_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
