/* References. */
#include "http/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

struct row {
	const char *reference, *path; /* NULL: it leads elsewhere */
};

static void check(const struct http_reference_base *base, const struct row *rows, size_t count)
{
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < count; i++) {
		struct str path;
		assert_int_equal(
		        http_reference_resolve(base, str_of(rows[i].reference), &arena, &path),
		        rows[i].path != NULL);
		if (rows[i].path != NULL)
			assert_str_equal(path, str_of(rows[i].path));
	}
	arena_reset(&arena);
}

static void references_are_resolved_as_the_rfc_shows(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 3986 5.4.1, with a path that a request line can have */
	        {"g", "/b/c/g"},
	        {"./g", "/b/c/g"},
	        {"g/", "/b/c/g/"},
	        {"/g", "/g"},
	        {"?y", "/b/c/d;p?y"},
	        {"g?y", "/b/c/g?y"},
	        {"#s", "/b/c/d;p?q"},
	        {"g#s", "/b/c/g"},
	        {"g?y#s", "/b/c/g?y"},
	        {";x", "/b/c/;x"},
	        {"g;x?y#s", "/b/c/g;x?y"},
	        {"", "/b/c/d;p?q"},
	        {".", "/b/c/"},
	        {"./", "/b/c/"},
	        {"..", "/b/"},
	        {"../", "/b/"},
	        {"../g", "/b/g"},
	        {"../..", "/"},
	        {"../../", "/"},
	        {"../../g", "/g"},
	        /* 5.4.2 */
	        {"../../../g", "/g"},
	        {"../../../../g", "/g"},
	        {"/./g", "/g"},
	        {"/../g", "/g"},
	        {"g.", "/b/c/g."},
	        {".g", "/b/c/.g"},
	        {"g..", "/b/c/g.."},
	        {"..g", "/b/c/..g"},
	        {"./../g", "/b/g"},
	        {"./g/.", "/b/c/g/"},
	        {"g/./h", "/b/c/g/h"},
	        {"g/../h", "/b/c/h"},
	        {"g;x=1/./y", "/b/c/g;x=1/y"},
	        {"g;x=1/../y", "/b/c/y"},
	        {"g?y/./x", "/b/c/g?y/./x"},
	        {"g?y/../x", "/b/c/g?y/../x"},
	        {"?", "/b/c/d;p?"},
	        {"/a//b/..//c", "/a///c"},
	        {"//a/x", "/x"},
	};
	struct http_reference_base base = {.host = STR("a"), .path = STR("/b/c/d;p?q")};
	check(&base, rows, ARRAY_LENGTH(rows));
}

static void only_the_same_authority_is_followed(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"https://www.example.com/x", "/x"},
	        {"HTTPS://WWW.Example.COM:443/x", "/x"},
	        {"https://www.example.com.:443/x?y", "/x?y"},
	        {"https://www.example.com", "/"},
	        {"https://www.example.com?y", "/?y"},
	        {"https://www.example.com#s", "/"},
	        {"//www.example.com", "/"},
	        {"//www.example.com/x/../y", "/y"},
	        {"http://www.example.com/x", NULL},
	        {"https://www.example.com:80/x", NULL},
	        {"https://example.com/x", NULL},
	        {"//example.com/x", NULL},
	        {"https://user@www.example.com/x", NULL},
	        {"https:///x", NULL},
	        {"https:x", NULL},
	        {"https:/x", NULL},
	        {"ftp://www.example.com/x", NULL},
	        {"mailto:a@b", NULL},
	        {":x", NULL},
	        {"x:y", NULL},
	        {"./x:y", "/x:y"},
	        {"/x y", NULL},
	        {"/\xc3\xa9", NULL},
	        {"https://[::1/x", NULL},
	};
	struct http_reference_base base = {
	        .is_https = true, .host = STR("www.example.com"), .path = STR("/d")};
	check(&base, rows, ARRAY_LENGTH(rows));
	base.path = STR("*");
	static const struct row star[] = {{"/x", NULL}};
	check(&base, star, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(references_are_resolved_as_the_rfc_shows),
	        cmocka_unit_test(only_the_same_authority_is_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
