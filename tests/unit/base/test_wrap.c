/* Prose for a terminal. */
#include "base/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void lines_are_indented_and_broken_between_words(void **state)
{
	(void)state;
	static const struct {
		const char *words, *expected;
	} ROWS[] = {
	        {"a", "        a\n"},
	        {"one `two` three", "        one two three\n"},
	        {"123456789 123456789 123456789 123456789 123456789 123456789 123456789 12",
	                "        123456789 123456789 123456789 123456789 123456789 123456789 "
	                "123456789 12\n"},
	        {"123456789 123456789 123456789 123456789 123456789 123456789 123456789 123",
	                "        123456789 123456789 123456789 123456789 123456789 123456789 "
	                "123456789\n        123\n"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text text = {0};
		wrap_add(&text, ROWS[i].words);
		assert_string_equal(text_c(&text), ROWS[i].expected);
		text_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lines_are_indented_and_broken_between_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
