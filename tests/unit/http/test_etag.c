/* Entity tags. */
#include "http/etag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

static void entity_tags_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text, *opaque; /* NULL: it is none */
		bool is_weak;
	} rows[] = {
	        /* RFC 9110 8.8.3 */
	        {"\"xyzzy\"", "\"xyzzy\"", false},
	        {"W/\"xyzzy\"", "\"xyzzy\"", true},
	        {"\"\"", "\"\"", false},
	        {"\"a,b\\\"", "\"a,b\\\"", false},
	        {"\"\xc3\xa9\"", "\"\xc3\xa9\"", false},
	        {"", NULL, false},
	        {"\"", NULL, false},
	        {"W/", NULL, false},
	        {"W/\"", NULL, false},
	        {"w/\"a\"", NULL, false},
	        {"a", NULL, false},
	        {"\"a", NULL, false},
	        {"\"a b\"", NULL, false},
	        {"\"a\"b\"", NULL, false},
	        {"\"a\" ", NULL, false},
	        {" \"a\"", NULL, false},
	        {"\"a\x7f\"", NULL, false},
	        {"W/ \"a\"", NULL, false},
	        /* and where many bytes are looked at together */
	        {"\"0123456789abcdef0123456789abcde\xe9\"",
	                "\"0123456789abcdef0123456789abcde\xe9\"", false},
	        {"\"0123456789\xc3\xa9\xc3\xa9-0123456789\"",
	                "\"0123456789\xc3\xa9\xc3\xa9-0123456789\"", false},
	        {"\"0123456789abcdef 123456789abcdef\"", NULL, false},
	        {"\"0123456789\xc3\xa9\tabcdef0123456789\"", NULL, false},
	        {"\"0123456789abcdef0123456789abcdef\x7f\"", NULL, false},
	        {"\"0123456789abcdef0123456789abcdef", NULL, false},
	        {"\"a\", \"b\"", NULL, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_etag etag;
		assert_int_equal(
		        http_etag_parse(str_of(rows[i].text), &etag), rows[i].opaque != NULL);
		if (rows[i].opaque == NULL)
			continue;
		assert_str_equal(etag.opaque, str_of(rows[i].opaque));
		assert_int_equal(etag.is_weak, rows[i].is_weak);
	}
}

static void two_are_compared_strongly_and_weakly(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool is_strong, is_weak;
	} rows[] = {
	        /* the table of RFC 9110 8.8.3.2 */
	        {"W/\"1\"", "W/\"1\"", false, true},
	        {"W/\"1\"", "W/\"2\"", false, false},
	        {"W/\"1\"", "\"1\"", false, true},
	        {"\"1\"", "\"1\"", true, true},
	        {"\"a\"", "\"A\"", false, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_etag a, b;
		assert_true(http_etag_parse(str_of(rows[i].a), &a));
		assert_true(http_etag_parse(str_of(rows[i].b), &b));
		assert_int_equal(http_etag_is_strong_match(&a, &b), rows[i].is_strong);
		assert_int_equal(http_etag_is_strong_match(&b, &a), rows[i].is_strong);
		assert_int_equal(http_etag_is_weak_match(&a, &b), rows[i].is_weak);
	}
}

static void one_is_found_in_a_list(void **state)
{
	(void)state;
	enum { ANY = HTTP_ETAG_ANY, LISTED = HTTP_ETAG_LISTED, ABSENT = HTTP_ETAG_ABSENT };
	static const struct {
		const char *lines, *etag; /* NULL: none */
		int strong, weak;
	} rows[] = {
	        {"If-None-Match: *", "\"a\"", ANY, ANY},
	        {"If-None-Match: *", NULL, ANY, ANY},
	        {"If-None-Match: \"a\"", "\"a\"", LISTED, LISTED},
	        {"If-None-Match: \"a\"", NULL, ABSENT, ABSENT},
	        {"If-None-Match: W/\"a\"", "\"a\"", ABSENT, LISTED},
	        {"If-None-Match: \"a\"", "W/\"a\"", ABSENT, LISTED},
	        {"If-None-Match: \"x\", \"a\" ,\"y\"", "\"a\"", LISTED, LISTED},
	        {"If-None-Match: ,, \"x\",,\t\"a\"", "\"a\"", LISTED, LISTED},
	        {"If-None-Match: \"x\"\nIf-None-Match: \"a\"", "\"a\"", LISTED, LISTED},
	        {"If-None-Match: \"x\\\", \"a\"", "\"a\"", LISTED, LISTED},
	        {"If-None-Match: \"x,\", \"a\"", "\"a\"", LISTED, LISTED},
	        {"If-None-Match: \"x, a\", \"b\"", "\"a\"", ABSENT, ABSENT},
	        /* the rest of a line that cannot be read matches nothing */
	        {"If-None-Match: a", "\"a\"", ABSENT, ABSENT},
	        {"If-None-Match: x, \"a\"", "\"a\"", ABSENT, ABSENT},
	        {"If-None-Match: \"x\" \"a\"", "\"a\"", ABSENT, ABSENT},
	        {"If-None-Match: \"a\"x", "\"a\"", ABSENT, ABSENT},
	        {"If-None-Match: \"a", "\"a\"", ABSENT, ABSENT},
	        {"If-None-Match: \"x\", *", "\"a\"", ABSENT, ABSENT},
	        {"If-None-Match:", "\"a\"", ABSENT, ABSENT},
	        {"If-None-Match: x\nIf-None-Match: \"a\"", "\"a\"", LISTED, LISTED},
	        {"If-Match: \"a\"", "\"a\"", ABSENT, ABSENT},
	};
	struct heads heads = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct http_etag etag;
		const struct http_etag *asked = NULL;
		if (rows[i].etag != NULL) {
			assert_true(http_etag_parse(str_of(rows[i].etag), &etag));
			asked = &etag;
		}
		const struct http_head *head = heads_request(&heads, "GET", rows[i].lines);
		assert_int_equal(
		        http_etag_find(head, HTTP_NAME_IF_NONE_MATCH, asked, HTTP_ETAG_STRONG),
		        rows[i].strong);
		assert_int_equal(
		        http_etag_find(head, HTTP_NAME_IF_NONE_MATCH, asked, HTTP_ETAG_WEAK),
		        rows[i].weak);
	}
	heads_done(&heads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(entity_tags_are_read),
	        cmocka_unit_test(two_are_compared_strongly_and_weakly),
	        cmocka_unit_test(one_is_found_in_a_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
