/* Growing lists of words. */
#include "main/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct words make(const char *const *from)
{
	struct words words = {0};
	for (; *from != NULL; from++)
		words_add(&words, str_of(*from));
	return words;
}

static void a_list_grows_and_ends_with_null(void **state)
{
	(void)state;
	struct words words = {0};
	char letters[] = "abcdefghij";
	for (unsigned i = 0; i < 10; i++) {
		words_add(&words, str_make(letters, i));
		assert_int_equal(words.count, i + 1);
		assert_null(words.list[i + 1]);
	}
	letters[0] = 'z'; /* they are copies */
	assert_string_equal(words.list[0], "");
	assert_string_equal(words.list[9], "abcdefghi");
	words_done(&words);
	assert_int_equal(words.count, 0);
	assert_null(words.list);
	words_done(&words);
}

static void a_flag_is_one_word_with_its_value(void **state)
{
	(void)state;
	struct words words = {0};
	words_add_flag(&words, STR("--name"), STR("--a=b c"));
	words_add_flag(&words, STR("--name"), STR_EMPTY);
	assert_int_equal(words.count, 2);
	assert_string_equal(words.list[0], "--name=--a=b c");
	assert_string_equal(words.list[1], "--name=");
	words_done(&words);
}

static void lists_are_equal_word_by_word(void **state)
{
	(void)state;
	static const struct {
		const char *a[4], *b[4];
		bool is_equal;
	} ROWS[] = {
	        {{NULL}, {NULL}, true},
	        {{"a", "b"}, {"a", "b"}, true},
	        {{"a"}, {NULL}, false},
	        {{"a", "b"}, {"b", "a"}, false},
	        {{"a"}, {"a", ""}, false},
	        {{"a"}, {"A"}, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct words a = make(ROWS[i].a), b = make(ROWS[i].b);
		assert_int_equal(words_is_equal(&a, &b), ROWS[i].is_equal);
		assert_int_equal(words_is_equal(&b, &a), ROWS[i].is_equal);
		words_done(&a);
		words_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_list_grows_and_ends_with_null),
	        cmocka_unit_test(a_flag_is_one_word_with_its_value),
	        cmocka_unit_test(lists_are_equal_word_by_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
