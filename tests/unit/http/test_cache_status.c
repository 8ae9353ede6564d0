/* Cache-Status. */
#include "http/cache_status.h"

#include "http/structured.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "heads.h"

static void the_field_tells_what_was_done(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct http_cache_status status;
		const char *line;
	} rows[] = {
	        /* RFC 9211 section 2 and its examples */
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_HIT}, "headwater; hit"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_HIT, .has_ttl = true, .ttl_s = 376},
	                "headwater; hit; ttl=376"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_HIT, .has_ttl = true, .ttl_s = -412},
	                "headwater; hit; ttl=-412"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_HIT, .has_ttl = true},
	                "headwater; hit; ttl=0"},
	        {"headwater",
	                {.forward = HTTP_CACHE_FORWARD_STALE,
	                        .forward_status = 304,
	                        .is_stored = true,
	                        .is_collapsed = true,
	                        .has_ttl = true,
	                        .ttl_s = 60},
	                "headwater; fwd=stale; fwd-status=304; stored; collapsed; ttl=60"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_URI_MISS, .is_stored = true},
	                "headwater; fwd=uri-miss; stored"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_BYPASS, .detail = STR("no_store")},
	                "headwater; fwd=bypass; detail=no_store"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_METHOD}, "headwater; fwd=method"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_VARY_MISS},
	                "headwater; fwd=vary-miss"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_MISS}, "headwater; fwd=miss"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_REQUEST}, "headwater; fwd=request"},
	        {"headwater", {.forward = HTTP_CACHE_FORWARD_PARTIAL}, "headwater; fwd=partial"},
	        /* a name or detail that is no token is a string */
	        {"1 edge", {.forward = HTTP_CACHE_FORWARD_HIT, .detail = STR("a \"b\"")},
	                "\"1 edge\"; hit; detail=\"a \\\"b\\\"\""},
	        /* what is said of a fill is not said of a hit */
	        {"headwater", {.is_stored = true, .is_collapsed = true, .forward_status = 200},
	                "headwater; hit"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char room[256], wanted[256];
		struct http_writer writer;
		http_writer_init(&writer, room, sizeof(room));
		http_cache_status_write(&writer, str_of(rows[i].name), &rows[i].status);
		assert_false(writer.full);
		snprintf(wanted, sizeof(wanted), "Cache-Status: %s\r\n", rows[i].line);
		assert_str_equal(http_writer_str(&writer), str_of(wanted));
		/* An item with parameters reads like a member of a dictionary without its key. */
		struct str rest, key;
		struct http_structured_value value;
		snprintf(wanted, sizeof(wanted), "k=%s", rows[i].line);
		rest = str_of(wanted);
		assert_int_equal(
		        http_structured_next_member(&rest, &key, &value), HTTP_STRUCTURED_MEMBER);
		assert_int_equal(rest.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_field_tells_what_was_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
