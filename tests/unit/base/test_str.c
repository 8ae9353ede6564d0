/* Strings, strict readers, growing texts. */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str_equal(a, b) assert_true(str_is_equal((a), (b)))

static void comparisons_are_by_byte_and_length(void **state)
{
	(void)state;
	assert_str_equal(STR_EMPTY, STR(""));
	assert_str_equal(str_of(NULL), STR_EMPTY);
	assert_str_equal(str_of("abc"), STR("abc"));
	assert_false(str_is_equal(STR("abc"), STR("abd")));
	assert_true(str_is_equal_nocase(STR("HoSt-1"), STR("hOsT-1")));
	assert_false(str_is_equal_nocase(STR("@"), STR("`")));
	assert_false(str_is_equal_nocase(STR("a"), STR("ab")));
	assert_true(str_compare(STR("a"), STR("b")) < 0);
	assert_true(str_compare(STR("ab"), STR("a")) > 0);
	assert_true(str_compare(STR_EMPTY, STR("a")) < 0);
	assert_int_equal(str_compare(STR("a"), STR("a")), 0);
	assert_true(str_has_prefix(STR("abc"), STR("ab")));
	assert_true(str_has_prefix(STR("abc"), STR_EMPTY));
	assert_false(str_has_prefix(STR("a"), STR("ab")));
	assert_true(str_has_suffix(STR("abc"), STR("bc")));
	assert_true(str_has_suffix(STR_EMPTY, STR_EMPTY));
	assert_false(str_has_suffix(STR("c"), STR("bc")));
}

static void letters_and_nothing_else_become_lower_case(void **state)
{
	(void)state;
	char all[256 + 7], lower[sizeof(all)];
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	for (size_t from = 0; from < 8; from++) {
		size_t length = sizeof(all) - from;
		str_copy_lower(lower, str_make(all + from, length));
		for (size_t i = 0; i < length; i++) {
			char c = all[from + i];
			assert_int_equal(lower[i], c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
		assert_true(
		        str_is_equal_nocase(str_make(all + from, length), str_make(lower, length)));
	}
	for (size_t i = 0; i < sizeof(all); i++) {
		memcpy(lower, all, sizeof(all));
		lower[i] ^= (char)0x80;
		assert_false(str_is_equal_nocase(
		        str_make(all, sizeof(all)), str_make(lower, sizeof(all))));
	}
}

static void trimming_takes_blanks_at_both_ends_only(void **state)
{
	(void)state;
	assert_str_equal(str_trim(STR(" \t a b\t ")), STR("a b"));
	assert_str_equal(str_trim(STR(" \t ")), STR_EMPTY);
	assert_str_equal(str_trim(STR_EMPTY), STR_EMPTY);
	assert_str_equal(str_trim(STR("\na\r")), STR("\na\r"));
}

static void cutting_walks_through_parts(void **state)
{
	(void)state;
	struct str rest = STR("a,,b");
	assert_str_equal(str_cut(&rest, ','), STR("a"));
	assert_str_equal(str_cut(&rest, ','), STR_EMPTY);
	assert_non_null(rest.at);
	assert_str_equal(str_cut(&rest, ','), STR("b"));
	assert_null(rest.at);
	rest = STR("a,");
	assert_str_equal(str_cut(&rest, ','), STR("a"));
	/* Something empty stands behind the comma, which is not the same as nothing. */
	assert_non_null(rest.at);
	assert_int_equal(str_find(STR("abc"), 'c'), 2);
	assert_int_equal(str_find(STR("abc"), 'd'), -1);
	assert_int_equal(str_find(STR_EMPTY, 'd'), -1);
}

typedef bool reader(struct str s, uint64_t *ret_value);

struct reader_row {
	const char *text;
	bool is_good;
	uint64_t value;
};

static void check_reader(reader *read, const struct reader_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 4711;
		bool is_good = read(str_of(rows[i].text), &value);
		if (is_good != rows[i].is_good || value != (is_good ? rows[i].value : 4711))
			fail_msg("\"%s\" gave %d, %llu", rows[i].text, is_good,
			        (unsigned long long)value);
	}
}

static void numbers_are_digits_and_nothing_else(void **state)
{
	(void)state;
	static const struct reader_row ROW[] = {
	        {"0", true, 0},
	        {"007", true, 7},
	        {"18446744073709551615", true, UINT64_MAX},
	        {"18446744073709551616", false, 0},
	        {"99999999999999999999", false, 0},
	        {"", false, 0},
	        {"-1", false, 0},
	        {"+1", false, 0},
	        {" 1", false, 0},
	        {"1 ", false, 0},
	        {"1x", false, 0},
	        {"\xb1", false, 0},
	};
	check_reader(str_to_u64, ROW, ARRAY_LENGTH(ROW));
	uint64_t value;
	assert_false(str_to_u64(str_make("1\0", 2), &value));
}

static void hexadecimal_numbers_have_1_to_16_digits(void **state)
{
	(void)state;
	static const struct reader_row ROW[] = {
	        {"0", true, 0},
	        {"fF", true, 255},
	        {"ffffffffffffffff", true, UINT64_MAX},
	        {"0ffffffffffffffff", false, 0},
	        {"", false, 0},
	        {"0x1", false, 0},
	        {"g", false, 0},
	        {"1 ", false, 0},
	        {"-1", false, 0},
	};
	check_reader(str_to_hex_u64, ROW, ARRAY_LENGTH(ROW));
}

static void durations_are_read_strictly(void **state)
{
	(void)state;
	static const struct reader_row ROW[] = {
	        {"0", true, 0},
	        {"5", true, 5000},
	        {"5s", true, 5000},
	        {"250ms", true, 250},
	        {"2m", true, 120000},
	        {"1h", true, 3600000},
	        {"7d", true, 604800000},
	        {"0.5s", true, 500},
	        {"0.5", true, 500},
	        {"1.25m", true, 75000},
	        {"0.001s", true, 1},
	        {"1.000ms", true, 1},
	        {"0.999999999d", false, 0},
	        {"0.0001s", false, 0},
	        {"1.5ms", false, 0},
	        {"1.0000000000", false, 0},
	        {"", false, 0},
	        {"s", false, 0},
	        {".5s", false, 0},
	        {"5.s", false, 0},
	        {"5 s", false, 0},
	        {"5S", false, 0},
	        {"5sec", false, 0},
	        {"-5s", false, 0},
	        {"5s ", false, 0},
	        {"1.2.3s", false, 0},
	        {"18446744073709551615ms", true, UINT64_MAX},
	        {"18446744073709551.615s", true, UINT64_MAX},
	        {"18446744073709551.616s", false, 0},
	        {"18446744073709552s", false, 0},
	        {"213503982335d", false, 0},
	};
	check_reader(str_to_ms, ROW, ARRAY_LENGTH(ROW));
}

static void sizes_are_read_strictly(void **state)
{
	(void)state;
	static const struct reader_row ROW[] = {
	        {"0", true, 0},
	        {"512", true, 512},
	        {"4k", true, 4096},
	        {"4K", true, 4096},
	        {"4kb", true, 4096},
	        {"4KiB", true, 4096},
	        {"2M", true, 2097152},
	        {"1gib", true, 1073741824},
	        {"17179869183g", true, 17179869183ull << 30},
	        {"17179869184g", false, 0},
	        {"", false, 0},
	        {"k", false, 0},
	        {"4b", false, 0},
	        {"4ib", false, 0},
	        {"4kbb", false, 0},
	        {"4ki", false, 0},
	        {"4 k", false, 0},
	        {"4t", false, 0},
	        {"4.5k", false, 0},
	        {"-4k", false, 0},
	};
	check_reader(str_to_bytes, ROW, ARRAY_LENGTH(ROW));
}

static void texts_grow_and_stay_terminated(void **state)
{
	(void)state;
	struct text text = {0};
	assert_string_equal(text_c(&text), "");
	text_add(&text, STR("one"));
	text_add_char(&text, ' ');
	text_addf(&text, "%s %d", "two", 3);
	assert_string_equal(text_c(&text), "one two 3");
	assert_int_equal(text.len, 9);
	for (int i = 0; i < 300; i++)
		text_addf(&text, "%*d", i, 1);
	assert_int_equal(strlen(text_c(&text)), text.len);
	char *kept = text.at;
	text_clear(&text);
	assert_string_equal(text_c(&text), "");
	text_add(&text, STR_EMPTY);
	assert_ptr_equal(text.at, kept);
	assert_str_equal(text_str(&text), STR_EMPTY);
	text_done(&text);
	assert_null(text.at);
	text_done(&text);
}

#define BAD "\xef\xbf\xbd"

static void json_strings_are_escaped_and_always_utf8(void **state)
{
	(void)state;
	static const struct {
		struct str in;
		const char *out;
	} ROW[] = {
	        {{"", 0}, "\"\""},
	        {{"plain", 5}, "\"plain\""},
	        {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
	        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
	        {{"\0\x1f\x7f", 3}, "\"\\u0000\\u001f\\u007f\""},
	        {{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9},
	                "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
	        {{"\x80", 1}, "\"" BAD "\""},
	        {{"a\xc3", 2}, "\"a" BAD "\""},
	        {{"\xc3(", 2}, "\"" BAD "(\""},
	        {{"\xc0\xaf", 2}, "\"" BAD BAD "\""},
	        {{"\xe0\x80\xaf", 3}, "\"" BAD BAD BAD "\""},
	        {{"\xed\xa0\x80", 3}, "\"" BAD BAD BAD "\""},
	        {{"\xed\x9f\xbf\xee\x80\x80", 6}, "\"\xed\x9f\xbf\xee\x80\x80\""},
	        {{"\xf4\x8f\xbf\xbf", 4}, "\"\xf4\x8f\xbf\xbf\""},
	        {{"\xf4\x90\x80\x80", 4}, "\"" BAD BAD BAD BAD "\""},
	        {{"\xf5\x80\x80\x80", 4}, "\"" BAD BAD BAD BAD "\""},
	        {{"\xe2\x82", 2}, "\"" BAD BAD "\""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROW); i++) {
		struct text text = {0};
		text_add_json(&text, ROW[i].in);
		assert_string_equal(text_c(&text), ROW[i].out);
		text_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(comparisons_are_by_byte_and_length),
	        cmocka_unit_test(letters_and_nothing_else_become_lower_case),
	        cmocka_unit_test(trimming_takes_blanks_at_both_ends_only),
	        cmocka_unit_test(cutting_walks_through_parts),
	        cmocka_unit_test(numbers_are_digits_and_nothing_else),
	        cmocka_unit_test(hexadecimal_numbers_have_1_to_16_digits),
	        cmocka_unit_test(durations_are_read_strictly),
	        cmocka_unit_test(sizes_are_read_strictly),
	        cmocka_unit_test(texts_grow_and_stay_terminated),
	        cmocka_unit_test(json_strings_are_escaped_and_always_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
