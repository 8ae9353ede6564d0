/*
 * What both ways of signing share.
 */
#include "origin/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void all_but_unreserved_characters_are_encoded(void **state)
{
	(void)state;
	static const struct {
		const char *text, *all, *but_slashes;
	} ROWS[] = {
	        {"", "", ""},
	        {"aZ09-._~", "aZ09-._~", "aZ09-._~"},
	        {"/a b/", "%2Fa%20b%2F", "/a%20b/"},
	        {"!'()*+%&=;,$@:?#[]", "%21%27%28%29%2A%2B%25%26%3D%3B%2C%24%40%3A%3F%23%5B%5D",
	                "%21%27%28%29%2A%2B%25%26%3D%3B%2C%24%40%3A%3F%23%5B%5D"},
	        {"\xe7\x9b\xae\xff", "%E7%9B%AE%FF", "%E7%9B%AE%FF"},
	};
	struct text made = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		text_clear(&made);
		origin_sign_encode(str_of(ROWS[i].text), false, &made);
		assert_string_equal(text_c(&made), ROWS[i].all);
		text_clear(&made);
		origin_sign_encode(str_of(ROWS[i].text), true, &made);
		assert_string_equal(text_c(&made), ROWS[i].but_slashes);
	}
	text_clear(&made);
	origin_sign_lower(STR("A%2Fb"), &made);
	assert_string_equal(text_c(&made), "a%2fb");
	text_done(&made);
}

static void pairs_are_sorted_by_name_and_value(void **state)
{
	(void)state;
	static const struct origin_sign_pair PAIRS[] = {{STR("b"), STR("1")}, {STR("a"), STR("2")},
	        {STR("ab"), STR("3")}, {STR("a"), STR("1")}, {STR(""), STR("9")}};
	struct origin_sign_sorted sorted = {.count = 0};
	struct text order = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(PAIRS); i++) {
		unsigned index = origin_sign_sorted_add(&sorted);
		text_add(&sorted.names[index], PAIRS[i].name);
		text_add(&sorted.values[index], PAIRS[i].value);
	}
	origin_sign_sort(&sorted);
	for (unsigned i = 0; i < sorted.count; i++)
		text_addf(&order, "%s%s ", text_c(&sorted.names[sorted.order[i]]),
		        text_c(&sorted.values[sorted.order[i]]));
	assert_string_equal(text_c(&order), "9 a1 a2 ab3 b1 ");
	origin_sign_sorted_done(&sorted);
	assert_int_equal(sorted.count, 0);
	text_done(&order);
}

/* RFC 2202 and RFC 4231, test case 2 of each; FIPS 180-4's of the empty text. */
static void hashes_are_those_of_the_standards(void **state)
{
	(void)state;
	unsigned char bytes[ORIGIN_SIGN_SHA256];
	struct text hex = {0};
	origin_sign_hmac(ORIGIN_SIGN_SHA1, STR("Jefe"), STR("what do ya want for nothing?"), bytes);
	origin_sign_hex(bytes, ORIGIN_SIGN_SHA1, &hex);
	assert_string_equal(text_c(&hex), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	text_clear(&hex);
	origin_sign_hmac(
	        ORIGIN_SIGN_SHA256, STR("Jefe"), STR("what do ya want for nothing?"), bytes);
	origin_sign_hex(bytes, ORIGIN_SIGN_SHA256, &hex);
	assert_string_equal(
	        text_c(&hex), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	text_clear(&hex);
	origin_sign_digest(ORIGIN_SIGN_SHA1, STR_EMPTY, &hex);
	assert_string_equal(text_c(&hex), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	text_clear(&hex);
	origin_sign_digest(ORIGIN_SIGN_SHA256, STR_EMPTY, &hex);
	assert_string_equal(
	        text_c(&hex), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	/* No key is a key as well. */
	origin_sign_hmac(ORIGIN_SIGN_SHA1, STR_EMPTY, STR_EMPTY, bytes);
	text_clear(&hex);
	origin_sign_hex(bytes, ORIGIN_SIGN_SHA1, &hex);
	assert_string_equal(text_c(&hex), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
	text_done(&hex);
}

static void a_wiped_text_is_empty(void **state)
{
	(void)state;
	struct text text = {0};
	origin_sign_wipe(&text);
	text_add(&text, STR("secret"));
	origin_sign_wipe(&text);
	assert_null(text.at);
	assert_int_equal(text.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(all_but_unreserved_characters_are_encoded),
	        cmocka_unit_test(pairs_are_sorted_by_name_and_value),
	        cmocka_unit_test(hashes_are_those_of_the_standards),
	        cmocka_unit_test(a_wiped_text_is_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
