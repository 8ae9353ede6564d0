/* Cache-Control, Pragma and CDN-Cache-Control. */
#include "http/cache_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

static const char *const NAMES[HTTP_DIRECTIVES] = {
        [HTTP_DIRECTIVE_NO_STORE] = "no-store",
        [HTTP_DIRECTIVE_NO_CACHE] = "no-cache",
        [HTTP_DIRECTIVE_NO_TRANSFORM] = "no-transform",
        [HTTP_DIRECTIVE_MAX_AGE] = "max-age",
        [HTTP_DIRECTIVE_STALE_IF_ERROR] = "stale-if-error",
        [HTTP_DIRECTIVE_MIN_FRESH] = "min-fresh",
        [HTTP_DIRECTIVE_MAX_STALE] = "max-stale",
        [HTTP_DIRECTIVE_ONLY_IF_CACHED] = "only-if-cached",
        [HTTP_DIRECTIVE_S_MAXAGE] = "s-maxage",
        [HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE] = "stale-while-revalidate",
        [HTTP_DIRECTIVE_PRIVATE] = "private",
        [HTTP_DIRECTIVE_PUBLIC] = "public",
        [HTTP_DIRECTIVE_MUST_REVALIDATE] = "must-revalidate",
        [HTTP_DIRECTIVE_PROXY_REVALIDATE] = "proxy-revalidate",
        [HTTP_DIRECTIVE_MUST_UNDERSTAND] = "must-understand",
        [HTTP_DIRECTIVE_IMMUTABLE] = "immutable",
};

static void add_name(struct text *text, uint32_t has, enum http_directive id)
{
	if (http_cache_control_has(has, id))
		text_addf(text, "%s%s", text->len > 0 ? " " : "", NAMES[id]);
}

static void add_seconds(struct text *text, uint32_t has, enum http_directive id, uint32_t seconds)
{
	add_name(text, has, id);
	if (http_cache_control_has(has, id))
		text_addf(text, "=%u", seconds);
}

static void add_names(struct text *text, uint32_t has, enum http_directive id,
        const struct http_cache_control_names *names)
{
	unsigned list = 0;
	struct str rest = STR_EMPTY, name;
	add_name(text, has, id);
	while (http_cache_control_next_name(names, &list, &rest, &name))
		text_addf(text, "[%.*s]", STR_ARG(name));
}

/* What was read of a response, in the order of the directives. */
static const char *tell_response(struct text *text, const struct http_head *head)
{
	struct http_cache_control_response control;
	http_cache_control_of_response(head, &control);
	uint32_t has = control.has;
	text_clear(text);
	add_name(text, has, HTTP_DIRECTIVE_NO_STORE);
	add_names(text, has, HTTP_DIRECTIVE_NO_CACHE, &control.no_cache);
	add_name(text, has, HTTP_DIRECTIVE_NO_TRANSFORM);
	add_seconds(text, has, HTTP_DIRECTIVE_MAX_AGE, control.max_age_s);
	add_seconds(text, has, HTTP_DIRECTIVE_STALE_IF_ERROR, control.stale_if_error_s);
	add_name(text, has, HTTP_DIRECTIVE_MIN_FRESH);
	add_name(text, has, HTTP_DIRECTIVE_MAX_STALE);
	add_name(text, has, HTTP_DIRECTIVE_ONLY_IF_CACHED);
	add_seconds(text, has, HTTP_DIRECTIVE_S_MAXAGE, control.s_maxage_s);
	add_seconds(
	        text, has, HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE, control.stale_while_revalidate_s);
	add_names(text, has, HTTP_DIRECTIVE_PRIVATE, &control.private);
	for (enum http_directive id = HTTP_DIRECTIVE_PUBLIC; id < HTTP_DIRECTIVES; id++)
		add_name(text, has, id);
	if (control.is_targeted)
		text_add(text, STR(" (targeted)"));
	return text_c(text);
}

static const char *tell_request(struct text *text, const struct http_head *head)
{
	struct http_cache_control_request control;
	http_cache_control_of_request(head, &control);
	uint32_t has = control.has;
	text_clear(text);
	add_name(text, has, HTTP_DIRECTIVE_NO_STORE);
	add_name(text, has, HTTP_DIRECTIVE_NO_CACHE);
	add_name(text, has, HTTP_DIRECTIVE_NO_TRANSFORM);
	add_seconds(text, has, HTTP_DIRECTIVE_MAX_AGE, control.max_age_s);
	add_seconds(text, has, HTTP_DIRECTIVE_STALE_IF_ERROR, control.stale_if_error_s);
	add_seconds(text, has, HTTP_DIRECTIVE_MIN_FRESH, control.min_fresh_s);
	add_seconds(text, has, HTTP_DIRECTIVE_MAX_STALE, control.max_stale_s);
	for (enum http_directive id = HTTP_DIRECTIVE_ONLY_IF_CACHED; id < HTTP_DIRECTIVES; id++)
		add_name(text, has, id);
	return text_c(text);
}

struct row {
	const char *lines, *told;
};

static void check_responses(const struct row *rows, size_t count)
{
	struct heads heads = {0};
	struct text text = {0};
	for (size_t i = 0; i < count; i++)
		assert_string_equal(
		        tell_response(&text, heads_response(&heads, 200, rows[i].lines)),
		        rows[i].told);
	text_done(&text);
	heads_done(&heads);
}

static void directives_of_a_response_are_read(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"", ""},
	        {"Cache-Control:", ""},
	        {"Cache-Control: no-store", "no-store"},
	        {"Cache-Control: NO-Store, Max-Age=5", "no-store max-age=5"},
	        {"Cache-Control: max-age=60,s-maxage=30", "max-age=60 s-maxage=30"},
	        {"Cache-Control: ,, public ,\tmax-age=1 ,", "max-age=1 public"},
	        {"Cache-Control: public\nCache-Control: immutable, no-transform",
	                "no-transform public immutable"},
	        {"Cache-Control: must-revalidate, proxy-revalidate, must-understand",
	                "must-revalidate proxy-revalidate must-understand"},
	        {"Cache-Control: stale-while-revalidate=10, stale-if-error=20",
	                "stale-if-error=20 stale-while-revalidate=10"},
	        /* 5.2.3: extensions are skipped, with whatever argument */
	        {"Cache-Control: foo=\"no-store, private\", bar, max-age=9", "max-age=9"},
	        {"Cache-Control: x-no-store, no-stores, max-age-=4", ""},
	        /* a request's directives mean nothing here */
	        {"Cache-Control: min-fresh=1, max-stale, only-if-cached", ""},
	};
	check_responses(rows, ARRAY_LENGTH(rows));
}

static void seconds_are_read_with_their_most_and_in_quotes(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9111 1.2.2 */
	        {"Cache-Control: max-age=2147483647", "max-age=2147483647"},
	        {"Cache-Control: max-age=2147483648", "max-age=2147483647"},
	        {"Cache-Control: max-age=99999999999999999999999999", "max-age=2147483647"},
	        {"Cache-Control: max-age=007", "max-age=7"},
	        /* 5.2: either form of an argument */
	        {"Cache-Control: max-age=\"60\"", "max-age=60"},
	        {"Cache-Control: s-maxage=\"60\", public", "s-maxage=60 public"},
	        /* 4.2.1: what is no number is stale */
	        {"Cache-Control: max-age", "max-age=0"},
	        {"Cache-Control: max-age=", "max-age=0"},
	        {"Cache-Control: max-age=\"\"", "max-age=0"},
	        {"Cache-Control: max-age=-1", "max-age=0"},
	        {"Cache-Control: max-age=1.5", "max-age=0"},
	        {"Cache-Control: max-age=1h", "max-age=0"},
	        {"Cache-Control: max-age=0x10", "max-age=0"},
	        {"Cache-Control: max-age=\" 60\"", "max-age=0"},
	        {"Cache-Control: max-age=6 0", "max-age=0"},
	        {"Cache-Control: max-age=60;x", "max-age=0"},
	        {"Cache-Control: max-age =60", "max-age=0"},
	        {"Cache-Control: max-age= 60", "max-age=0"},
	        {"Cache-Control: max-age 60", "max-age=0"},
	        {"Cache-Control: max-age=\"60\"0", "max-age=0"},
	        {"Cache-Control: stale-if-error=x", "stale-if-error=0"},
	        /* 4.2.1: said twice, the shortest counts, wherever it stands */
	        {"Cache-Control: max-age=60, max-age=5", "max-age=5"},
	        {"Cache-Control: max-age=5\nCache-Control: max-age=60", "max-age=5"},
	        {"Cache-Control: max-age=60, max-age=x", "max-age=0"},
	};
	check_responses(rows, ARRAY_LENGTH(rows));
}

static void field_names_are_kept_unless_the_whole_is_meant(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* 5.2.2.4, 5.2.2.7 */
	        {"Cache-Control: no-cache", "no-cache"},
	        {"Cache-Control: no-cache=\"Set-Cookie\"", "no-cache[Set-Cookie]"},
	        {"Cache-Control: private=\"X-A, x-b,,\"", "private[X-A][x-b]"},
	        {"Cache-Control: private=X-A", "private[X-A]"},
	        {"Cache-Control: private=\"a\", private=\"b\"", "private[a][b]"},
	        {"Cache-Control: no-cache=\"a\", private=\"b\", no-cache=\"c\"",
	                "no-cache[a][c] private[b]"},
	        /* in conflict, the whole */
	        {"Cache-Control: private=\"a\", private", "private"},
	        {"Cache-Control: private, private=\"a\"", "private"},
	        {"Cache-Control: private, private=\"a\", private=\"b\"", "private"},
	        /* as many lists as are kept, and one more */
	        {"Cache-Control: private=a,private=b,private=c,private=d", "private[a][b][c][d]"},
	        {"Cache-Control: private=a,private=b,private=c,private=d,private=e", "private"},
	        {"Cache-Control: private=a,private=b,private=c,private=d,private=e,private=f",
	                "private"},
	        /* what is no list of names */
	        {"Cache-Control: no-cache=\"\"", "no-cache"},
	        {"Cache-Control: no-cache=\" , \"", "no-cache"},
	        {"Cache-Control: no-cache=", "no-cache"},
	        {"Cache-Control: no-cache=\"a b\"", "no-cache"},
	        {"Cache-Control: no-cache=\"a\\b\"", "no-cache"},
	        {"Cache-Control: no-cache=\"a\"b", "no-cache"},
	        {"Cache-Control: no-cache =\"a\"", "no-cache"},
	        {"Cache-Control: no-cache foo", "no-cache"},
	};
	check_responses(rows, ARRAY_LENGTH(rows));
}

static void nothing_hides_behind_what_is_malformed(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"Cache-Control: no-cache=\"a, no-store", "no-store no-cache"},
	        {"Cache-Control: foo=\"bar, private, max-age=5", "max-age=5 private"},
	        {"Cache-Control: foo=\"bar\\\", private", "private"},
	        {"Cache-Control: foo=\"bar\"x, private", "private"},
	        {"Cache-Control: foo=\"\\", ""},
	        {"Cache-Control: =, no-store", "no-store"},
	        {"Cache-Control: \"no-store\", private", "private"},
	        {"Cache-Control: @ no-store, private", "private"},
	        {"Cache-Control: no-store; max-age=5", "no-store"},
	        {"Cache-Control: no-store=1, must-revalidate=\"x\"", "no-store must-revalidate"},
	        /* what would allow more counts only when it is right */
	        {"Cache-Control: public x, must-understand y, immutable z", ""},
	};
	check_responses(rows, ARRAY_LENGTH(rows));
}

static void pragma_counts_without_cache_control_only(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9111 5.4 */
	        {"Pragma: no-cache", "no-cache"},
	        {"Pragma: x, No-Cache", "no-cache"},
	        {"Pragma: no-cache=1", ""},
	        {"Pragma: no-cache\nCache-Control: max-age=5", "max-age=5"},
	        {"Pragma: no-cache\nCache-Control:", ""},
	};
	check_responses(rows, ARRAY_LENGTH(rows));
	struct heads heads = {0};
	struct text text = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_string_equal(
		        tell_request(&text, heads_request(&heads, "GET", rows[i].lines)),
		        rows[i].told);
	text_done(&text);
	heads_done(&heads);
}

static void directives_of_a_request_are_read(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"", ""},
	        {"Cache-Control: no-store, no-cache, no-transform, only-if-cached",
	                "no-store no-cache no-transform only-if-cached"},
	        {"Cache-Control: max-age=0", "max-age=0"},
	        /* 5.2.1.2: any staleness, or a most */
	        {"Cache-Control: max-stale", "max-stale=2147483647"},
	        {"Cache-Control: max-stale=5, max-stale", "max-stale=5"},
	        {"Cache-Control: max-stale=", "max-stale=0"},
	        {"Cache-Control: max-stale=x", "max-stale=0"},
	        {"Cache-Control: max-stale x", "max-stale=0"},
	        /* 5.2.1.3: the most restrictive is the largest */
	        {"Cache-Control: min-fresh=5, min-fresh=9, min-fresh=7", "min-fresh=9"},
	        {"Cache-Control: min-fresh=x", "min-fresh=2147483647"},
	        {"Cache-Control: no-cache=\"a\"", "no-cache"},
	        {"Cache-Control: stale-if-error=7", "stale-if-error=7"},
	        /* a response's directives mean nothing here */
	        {"Cache-Control: private, public, s-maxage=5, must-revalidate, immutable", ""},
	        {"CDN-Cache-Control: no-store", ""},
	};
	struct heads heads = {0};
	struct text text = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_string_equal(
		        tell_request(&text, heads_request(&heads, "GET", rows[i].lines)),
		        rows[i].told);
	text_done(&text);
	heads_done(&heads);
}

static void the_targeted_field_replaces_the_other(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9213 2.2, 3.1 */
	        {"CDN-Cache-Control: max-age=60\nCache-Control: no-store", "max-age=60 (targeted)"},
	        {"CDN-Cache-Control: no-store\nCache-Control: max-age=60", "no-store (targeted)"},
	        {"CDN-Cache-Control: none\nCache-Control: no-store", " (targeted)"},
	        {"CDN-Cache-Control: max-age=60\nPragma: no-cache", "max-age=60 (targeted)"},
	        {"CDN-Cache-Control: max-age=60\nCDN-Cache-Control: public",
	                "max-age=60 public (targeted)"},
	        /* 2.1: parameters are ignored */
	        {"CDN-Cache-Control: max-age=60;x=1;y, private;z", "max-age=60 private (targeted)"},
	        {"CDN-Cache-Control: no-cache=\"a, b\", private=c",
	                "no-cache[a][b] private[c] (targeted)"},
	        {"CDN-Cache-Control: max-age=99999999999", "max-age=2147483647 (targeted)"},
	        {"CDN-Cache-Control: no-store=?0, max-age=5", "max-age=5 (targeted)"},
	        /* RFC 8941 3.2: of two the last counts */
	        {"CDN-Cache-Control: max-age=5, max-age=60", "max-age=60 (targeted)"},
	        {"CDN-Cache-Control: no-store, no-store=?0", " (targeted)"},
	        {"CDN-Cache-Control: private, private=\"a\"", "private[a] (targeted)"},
	        /* 2.1: another type than the directive's is not coerced */
	        {"CDN-Cache-Control: max-age=1.5", "max-age=0 (targeted)"},
	        {"CDN-Cache-Control: max-age=\"60\"", "max-age=0 (targeted)"},
	        {"CDN-Cache-Control: max-age=-5", "max-age=0 (targeted)"},
	        {"CDN-Cache-Control: max-age", "max-age=0 (targeted)"},
	        {"CDN-Cache-Control: max-age=(60)", "max-age=0 (targeted)"},
	        {"CDN-Cache-Control: no-store=1, public=1", "no-store (targeted)"},
	        {"CDN-Cache-Control: private=5", "private (targeted)"},
	        {"CDN-Cache-Control: private=\"a b\"", "private (targeted)"},
	};
	check_responses(rows, ARRAY_LENGTH(rows));
}

static void a_targeted_field_that_is_malformed_or_empty_is_ignored(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9213 2.1 */
	        {"CDN-Cache-Control:\nCache-Control: max-age=5", "max-age=5"},
	        {"CDN-Cache-Control: no-store,\nCache-Control: max-age=5", "max-age=5"},
	        {"CDN-Cache-Control: no-store, max-age=\nCache-Control: max-age=5", "max-age=5"},
	        {"CDN-Cache-Control: No-Store\nCache-Control: max-age=5", "max-age=5"},
	        {"CDN-Cache-Control: no-store, private=\"a\nCache-Control: max-age=5", "max-age=5"},
	        {"CDN-Cache-Control: no-store, x=:a\nPragma: no-cache", "no-cache"},
	        {"CDN-Cache-Control: no-store, !", ""},
	        /* lines are one text with commas between (RFC 8941 4.2) */
	        {"CDN-Cache-Control: no-store\nCDN-Cache-Control:\nCache-Control: max-age=5",
	                "max-age=5"},
	        {"CDN-Cache-Control: no-store\nCDN-Cache-Control: =\nCache-Control: max-age=5",
	                "max-age=5"},
	        {"CDN-Cache-Control: no-store, a=\"x\nCDN-Cache-Control: y\"", ""},
	};
	check_responses(rows, ARRAY_LENGTH(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(directives_of_a_response_are_read),
	        cmocka_unit_test(seconds_are_read_with_their_most_and_in_quotes),
	        cmocka_unit_test(field_names_are_kept_unless_the_whole_is_meant),
	        cmocka_unit_test(nothing_hides_behind_what_is_malformed),
	        cmocka_unit_test(pragma_counts_without_cache_control_only),
	        cmocka_unit_test(directives_of_a_request_are_read),
	        cmocka_unit_test(the_targeted_field_replaces_the_other),
	        cmocka_unit_test(a_targeted_field_that_is_malformed_or_empty_is_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
