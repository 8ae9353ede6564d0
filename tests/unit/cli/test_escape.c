/* Texts of others on a terminal. */
#include "cli/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <cmocka.h>

static const struct {
	struct str text;
	const char *line, *lines;
} ROWS[] = {
        {{"a b", 3}, "a b", "a b"}, {{"", 0}, "", ""},
        {{"\x1b[31mred", 8}, "\\x1b[31mred", "\\x1b[31mred"},
        {{"a\nb\tc\r", 6}, "a\\x0ab\\x09c\\x0d", "a\nb\tc\\x0d"},
        {{"a\0b", 3}, "a\\x00b", "a\\x00b"}, {{"\x7f\x07", 2}, "\\x7f\\x07", "\\x7f\\x07"},
        {{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {{"\xc2\x9b"
          "31m",
                 5},
                "\\u009b31m", "\\u009b31m"}, /* CSI in one character */
        {{"\x9b"
          "31m",
                 4},
                "\\x9b31m", "\\x9b31m"},
        {{"a\xe2\x80\xae"
          "b",
                 5},
                "a\\u202eb", "a\\u202eb"}, /* from right to left */
        {{"\xe2\x81\xa6", 3}, "\\u2066", "\\u2066"},
        {{"\xc0\x80", 2}, "\\xc0\\x80", "\\xc0\\x80"},               /* NUL, too long */
        {{"\xed\xa0\x80", 3}, "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
        {{"\xf4\x90\x80\x80", 4}, "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80"},
        {{"\xe2\x82", 2}, "\\xe2\\x82", "\\xe2\\x82"}, /* cut */
};

static void what_steers_a_terminal_is_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text line = {0}, lines = {0};
		cli_escape_add(&line, ROWS[i].text);
		cli_escape_add_lines(&lines, ROWS[i].text);
		assert_string_equal(text_c(&line), ROWS[i].line);
		assert_string_equal(text_c(&lines), ROWS[i].lines);
		text_done(&line);
		text_done(&lines);
	}
}

static void json_stays_equal(void **state)
{
	(void)state;
	static const char JSON[] =
	        "{\"a\":\"\xc2\x9b\x7f\xe2\x80\xae\",\r\n\t\"b\":\"\xf3\xa0\x80\x81\"}";
	struct text escaped = {0};
	cli_escape_add_json(&escaped, STR(JSON));
	assert_string_equal(text_c(&escaped),
	        "{\"a\":\"\\u009b\\u007f\\u202e\",\r\n\t\"b\":\"\\udb40\\udc01\"}");
	json_t *before = json_loads(JSON, 0, NULL), *after = json_loads(text_c(&escaped), 0, NULL);
	assert_non_null(before);
	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	text_done(&escaped);
}

static void columns_are_characters(void **state)
{
	(void)state;
	assert_int_equal(cli_escape_columns(STR("abc")), 3);
	assert_int_equal(cli_escape_columns(STR("\xc3\xa4\xe2\x82\xac")), 2);
	assert_int_equal(cli_escape_columns(STR_EMPTY), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_steers_a_terminal_is_shown),
	        cmocka_unit_test(json_stays_equal),
	        cmocka_unit_test(columns_are_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
