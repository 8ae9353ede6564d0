/* Field names that we know. */
#include "http/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *text;
	char first, last;
} rows[] = {
#define HTTP_NAME(id, text, first, last) [HTTP_NAME_##id] = {text, first, last},
#include "http/name.def"
#undef HTTP_NAME
};

static void each_name_is_found_in_any_case(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HTTP_NAME_OTHER; i++) {
		struct str text = str_of(rows[i].text);
		char upper[32], lower[32];
		for (size_t k = 0; k < text.len; k++) {
			lower[k] = str_lower(text.at[k]);
			upper[k] = (char)(lower[k] >= 'a' && lower[k] <= 'z' ? lower[k] & ~0x20
			                                                     : lower[k]);
		}
		assert_int_equal(http_name_of(text), i);
		assert_int_equal(http_name_of(str_make(lower, text.len)), i);
		assert_int_equal(http_name_of(str_make(upper, text.len)), i);
		assert_true(str_is_equal(http_name_text((enum http_name)i), text));
	}
}

static void the_letters_of_each_row_are_right(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HTTP_NAME_OTHER; i++) {
		struct str text = str_of(rows[i].text);
		assert_int_equal(rows[i].first, str_lower(text.at[0]));
		assert_int_equal(rows[i].last, str_lower(text.at[text.len - 1]));
	}
}

/* The comparison relies on it: letters have the bit 0x40, all else that stands in names has not. */
static void known_names_are_of_letters_digits_and_dashes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HTTP_NAME_OTHER; i++) {
		for (const char *at = rows[i].text; *at != '\0'; at++) {
			bool is_letter = str_lower(*at) >= 'a' && str_lower(*at) <= 'z';
			assert_true(is_letter || *at == '-' || (*at >= '0' && *at <= '9'));
		}
	}
}

static void one_wrong_byte_makes_another_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HTTP_NAME_OTHER; i++) {
		struct str text = str_of(rows[i].text);
		for (size_t k = 0; k < text.len; k++) {
			for (int byte = 0; byte < 256; byte++) {
				char changed[32];
				memcpy(changed, text.at, text.len);
				changed[k] = (char)byte;
				bool is_same = str_lower((char)byte) == str_lower(text.at[k]);
				enum http_name id = http_name_of(str_make(changed, text.len));
				assert_int_equal(id == i, is_same);
			}
		}
	}
}

static void other_names_are_other(void **state)
{
	(void)state;
	static const char *const names[] = {"", "X", "Hos", "Hostt", "Accepted", "Content\rType",
	        "Content-Lengt", "A-name-that-is-longer-than-any-known-name-could-be"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		assert_int_equal(http_name_of(str_of(names[i])), HTTP_NAME_OTHER);
}

static void tokens_can_be_names(void **state)
{
	(void)state;
	assert_true(http_name_is_valid(STR("X-A")));
	assert_true(http_name_is_valid(STR("!#$%&'*+-.^_`|~09")));
	assert_false(http_name_is_valid(STR_EMPTY));
	assert_false(http_name_is_valid(STR("a b")));
	assert_false(http_name_is_valid(STR("a:")));
	assert_false(http_name_is_valid(STR("\xc3\xa9")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_name_is_found_in_any_case),
	        cmocka_unit_test(the_letters_of_each_row_are_right),
	        cmocka_unit_test(known_names_are_of_letters_digits_and_dashes),
	        cmocka_unit_test(one_wrong_byte_makes_another_name),
	        cmocka_unit_test(other_names_are_other),
	        cmocka_unit_test(tokens_can_be_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
