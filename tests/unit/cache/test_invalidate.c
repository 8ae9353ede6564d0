/* What requests that are not safe remove. */
#include "cache/invalidate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchanges.h"

static void what_was_changed_is_removed(void **state)
{
	(void)state;
	static const struct {
		enum http_method method;
		unsigned status;
		const char *lines, *targets;
	} rows[] = {
	        /* RFC 9111 4.4 */
	        {HTTP_POST, 200, "", "/a/b?c "},
	        {HTTP_PUT, 204, "", "/a/b?c "},
	        {HTTP_DELETE, 200, "", "/a/b?c "},
	        {HTTP_PATCH, 200, "", "/a/b?c "},
	        {HTTP_OTHER, 200, "", "/a/b?c "},
	        {HTTP_POST, 303, "Location: /d", "/a/b?c /d "},
	        {HTTP_POST, 201, "Location: d\nContent-Location: ?e", "/a/b?c /a/d /a/b?e "},
	        {HTTP_POST, 201, "Content-Location: https://example.com/f", "/a/b?c /f "},
	        /* not of another origin */
	        {HTTP_POST, 201, "Location: https://example.org/d", "/a/b?c "},
	        {HTTP_POST, 201, "Location: http://example.com/d", "/a/b?c "},
	        {HTTP_POST, 201, "Location: //example.com:8443/d", "/a/b?c "},
	        {HTTP_POST, 201, "Location: javascript:x", "/a/b?c "},
	        /* nothing was done */
	        {HTTP_POST, 400, "Location: /d", ""},
	        {HTTP_POST, 500, "", ""},
	        {HTTP_POST, 103, "", ""},
	        {HTTP_GET, 200, "Location: /d", ""},
	        {HTTP_HEAD, 200, "", ""},
	        {HTTP_OPTIONS, 200, "", ""},
	        {HTTP_TRACE, 200, "Location: /d", ""},
	};
	const struct http_reference_base base = {
	        .is_https = true, .host = STR("example.com"), .path = STR("/a/b?c")};
	struct heads heads = {0};
	struct arena arena;
	struct text got = {0};
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str targets[CACHE_INVALIDATE_MAX];
		heads_response(&heads, rows[i].status, rows[i].lines);
		unsigned count = cache_invalidate_targets(
		        rows[i].method, &base, &heads.head, &arena, targets);
		text_clear(&got);
		for (unsigned k = 0; k < count; k++)
			text_addf(&got, "%.*s ", STR_ARG(targets[k]));
		assert_string_equal(text_c(&got), rows[i].targets);
	}
	text_done(&got);
	arena_reset(&arena);
	heads_done(&heads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_changed_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
