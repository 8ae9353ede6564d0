/* What may be stored, and what of it. */
#include "cache/policy.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchanges.h"

struct row {
	const char *request;
	unsigned status;
	const char *response, *verdict;
};

static const char *verdict_of(
        const struct cache_exchange *exchange, const struct cache_rules *rules)
{
	struct cache_terms terms;
	return cache_policy_name(cache_policy_may_store(exchange, rules, &terms)).at;
}

static void check(const struct row *rows, size_t count, const struct cache_rules *rules)
{
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < count; i++)
		assert_string_equal(verdict_of(exchanges_make(&exchanges, rows[i].request,
		                                       rows[i].status, rows[i].response),
		                            rules),
		        rows[i].verdict);
	exchanges_done(&exchanges);
}

static void responses_are_stored_as_they_say(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9111 section 3 */
	        {"", 200, "Cache-Control: max-age=9", "store"},
	        {"", 200, "Cache-Control: s-maxage=9", "store"},
	        {"", 200, "Expires: Sun, 06 Nov 1994 08:50:37 GMT", "store"},
	        {"", 200, "", "no_freshness"},
	        {"", 200, "ETag: \"a\"", "no_freshness"},
	        {"", 200, "Cache-Control: public", "no_freshness"},
	        {"", 200, "Last-Modified: Sun, 06 Nov 1994 08:47:57 GMT", "store"},
	        {"", 302, "Last-Modified: Sun, 06 Nov 1994 08:47:57 GMT", "no_freshness"},
	        {"", 302, "Cache-Control: max-age=9", "store"},
	        {"", 404, "Cache-Control: max-age=9", "store"},
	        {"", 403, "Cache-Control: max-age=9", "store"},
	        {"", 503, "Cache-Control: max-age=9", "store"},
	        {"", 299, "Cache-Control: max-age=9", "store"},
	        /* 5.2.2.5, 5.2.2.7 */
	        {"", 200, "Cache-Control: no-store, max-age=9", "no_store"},
	        {"", 200, "Cache-Control: max-age=9\nCache-Control: no-store", "no_store"},
	        {"", 200, "Cache-Control: private, max-age=9", "private"},
	        {"", 200, "Cache-Control: private=\"X-A\", max-age=9", "store"},
	        {"", 200, "Cache-Control: private=\"Content-Type\", max-age=9", "private"},
	        {"", 200, "Cache-Control: private, private=\"X-A\", max-age=9", "private"},
	        /* 5.2.2.3 */
	        {"", 200, "Cache-Control: must-understand, no-store, max-age=9", "store"},
	        {"", 299, "Cache-Control: must-understand, no-store, max-age=9", "not_understood"},
	        {"", 299, "Cache-Control: must-understand, max-age=9", "not_understood"},
	        {"", 200, "Cache-Control: must-understand, private, max-age=9", "private"},
	        /* RFC 9213 */
	        {"", 200, "CDN-Cache-Control: max-age=9\nCache-Control: no-store", "store"},
	        {"", 200, "CDN-Cache-Control: no-store\nCache-Control: max-age=9", "no_store"},
	        {"", 200, "CDN-Cache-Control: no store\nCache-Control: max-age=9", "store"},
	};
	check(rows, ARRAY_LENGTH(rows), &EXCHANGES_RULES);
}

static void what_could_never_be_used_is_not_stored(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"", 200, "Cache-Control: max-age=0", "no_use"},
	        {"", 200, "Expires: 0", "no_use"},
	        {"", 200, "Cache-Control: max-age=0\nETag: \"a\"", "store"},
	        {"", 200, "Cache-Control: max-age=0\nETag: a", "no_use"},
	        {"", 200, "Expires: 0\nLast-Modified: Sun, 06 Nov 1994 08:47:57 GMT", "store"},
	        {"", 200, "Cache-Control: max-age=0, stale-if-error=5", "store"},
	        {"", 200, "Cache-Control: max-age=0, stale-while-revalidate=5", "store"},
	        {"", 200, "Cache-Control: no-cache", "no_use"},
	        {"", 200, "Cache-Control: no-cache, max-age=9", "no_use"},
	        {"", 200, "Cache-Control: no-cache\nETag: \"a\"", "store"},
	        {"", 403, "Cache-Control: no-cache\nETag: \"a\"", "no_freshness"},
	        {"", 200, "Cache-Control: max-age=9, must-revalidate\nAge: 9", "no_use"},
	        {"", 200, "Cache-Control: max-age=9\nAge: 9", "store"},
	        {"", 200, "Cache-Control: max-age=9, stale-if-error=0\nAge: 9", "no_use"},
	};
	check(rows, ARRAY_LENGTH(rows), &EXCHANGES_RULES);
}

static void requests_decide_too(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9111 5.2.1.5 */
	        {"Cache-Control: no-store", 200, "Cache-Control: max-age=9", "request_no_store"},
	        {"Cache-Control: no-cache", 200, "Cache-Control: max-age=9", "store"},
	        /* 3.5 */
	        {"Authorization: Basic YTpi", 200, "Cache-Control: max-age=9", "authorization"},
	        {"Authorization: Basic YTpi", 200, "Cache-Control: max-age=9, proxy-revalidate",
	                "authorization"},
	        {"Authorization: Basic YTpi", 200, "Cache-Control: max-age=9, public", "store"},
	        {"Authorization: Basic YTpi", 200, "Cache-Control: max-age=9, must-revalidate",
	                "store"},
	        {"Authorization: Basic YTpi", 200, "Cache-Control: s-maxage=9", "store"},
	        {"Authorization: Basic YTpi", 200, "CDN-Cache-Control: max-age=9", "authorization"},
	        {"Cookie: a=b", 200, "Cache-Control: max-age=9", "store"},
	};
	check(rows, ARRAY_LENGTH(rows), &EXCHANGES_RULES);
	struct cache_rules rules = EXCHANGES_RULES;
	rules.has_client_directives = false;
	static const struct row deaf[] = {
	        {"Cache-Control: no-store", 200, "Cache-Control: max-age=9", "store"},
	};
	check(deaf, ARRAY_LENGTH(deaf), &rules);

	struct exchanges exchanges = {0};
	static const char *const methods[] = {"HEAD", "POST", "PUT", "OPTIONS", "get"};
	for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
		struct cache_exchange *exchange =
		        exchanges_make(&exchanges, "", 200, "Cache-Control: max-age=9");
		exchange->request = heads_request(&exchanges.request, methods[i], "");
		assert_string_equal(verdict_of(exchange, &EXCHANGES_RULES), "method");
	}
	exchanges_done(&exchanges);
}

static void answers_to_one_odd_request_are_not_for_all(void **state)
{
	(void)state;
	/* RFC 6585 for the last four */
	static const unsigned statuses[] = {304, 400, 407, 408, 411, 412, 413, 415, 416, 417, 421,
	        422, 425, 426, 428, 429, 431, 511};
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
		exchanges_make(&exchanges, "", statuses[i], "Cache-Control: public, s-maxage=9");
		assert_string_equal(verdict_of(&exchanges.exchange, &EXCHANGES_RULES), "status");
	}
	exchanges_done(&exchanges);
}

static void cookies_are_kept_out(void **state)
{
	(void)state;
	static const struct row pass[] = {
	        {"", 200, "Cache-Control: max-age=9\nSet-Cookie: a=b", "set_cookie"},
	        {"", 200, "Cache-Control: public, s-maxage=9\nSet-Cookie: a=b", "set_cookie"},
	        {"", 200, "CDN-Cache-Control: max-age=9\nSet-Cookie: a=b", "set_cookie"},
	        /* the origin itself says that it is for one only */
	        {"", 200, "Cache-Control: max-age=9, private=\"Set-Cookie\"\nSet-Cookie: a=b",
	                "store"},
	        {"", 200, "Cache-Control: max-age=9, no-cache=\"x, set-cookie\"\nSet-Cookie: a=b",
	                "store"},
	        {"", 200, "Cache-Control: max-age=9, private=\"x\"\nSet-Cookie: a=b", "set_cookie"},
	};
	check(pass, ARRAY_LENGTH(pass), &EXCHANGES_RULES);
	struct cache_rules rules = EXCHANGES_RULES;
	rules.set_cookie = CACHE_SET_COOKIE_STRIP;
	static const struct row strip[] = {
	        {"", 200, "Cache-Control: max-age=9\nSet-Cookie: a=b", "store"},
	        {"", 200, "Cache-Control: private\nSet-Cookie: a=b", "private"},
	};
	check(strip, ARRAY_LENGTH(strip), &rules);
}

static void what_varies_too_much_is_not_stored(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"", 200, "Cache-Control: max-age=9\nVary: Accept-Encoding, X-A", "store"},
	        {"", 200, "Cache-Control: max-age=9\nVary: *", "vary_any"},
	        {"", 200, "Cache-Control: max-age=9\nVary: a\nVary: b, *", "vary_any"},
	        {"", 200, "Cache-Control: max-age=9\nVary: a,b,c,d,e,f,g,h", "store"},
	        {"", 200, "Cache-Control: max-age=9\nVary: a,b,c,d,e,f,g,h,i", "vary_limit"},
	};
	check(rows, ARRAY_LENGTH(rows), &EXCHANGES_RULES);
}

static void only_our_own_pieces_are_stored(void **state)
{
	(void)state;
	static const struct {
		bool is_piece;
		const char *lines, *verdict, *trusted;
	} rows[] = {
	        {true, "Content-Range: bytes 0-9/100\nETag: \"a\"", "store", "store"},
	        {true,
	                "Content-Range: bytes 0-9/100\n" DATE_NOW
	                "Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT",
	                "partial", "store"},
	        {false, "Content-Range: bytes 0-9/100\nETag: \"a\"", "partial", "partial"},
	        /* RFC 9111 3.4: a strong validator */
	        {true, "Content-Range: bytes 0-9/100\nETag: W/\"a\"", "partial", "partial"},
	        {true,
	                "Content-Range: bytes 0-9/100\nLast-Modified: Sun, 06 Nov 1994 08:49:36 "
	                "GMT",
	                "partial", "partial"},
	        {true, "Content-Range: bytes 0-9/100", "partial", "partial"},
	        {true, "Content-Range: bytes 0-9/*\nETag: \"a\"", "partial", "partial"},
	        {true, "Content-Range: bytes */100\nETag: \"a\"", "partial", "partial"},
	        {true, "ETag: \"a\"", "partial", "partial"},
	        {true, "Content-Range: bytes 0-9/100\nContent-Range: bytes 0-9/100\nETag: \"a\"",
	                "partial", "partial"},
	};
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct text lines = {0};
		text_addf(&lines, "Cache-Control: max-age=9\n%s", rows[i].lines);
		exchanges_make(&exchanges, "", 206, text_c(&lines))->is_piece = rows[i].is_piece;
		struct cache_rules rules = EXCHANGES_RULES;
		assert_string_equal(verdict_of(&exchanges.exchange, &rules), rows[i].verdict);
		rules.trusts_dates = true;
		assert_string_equal(verdict_of(&exchanges.exchange, &rules), rows[i].trusted);
		text_done(&lines);
	}
	exchanges_done(&exchanges);
}

static void fields_that_are_not_ours_to_keep_are_marked(void **state)
{
	(void)state;
	static const struct {
		const char *lines, *kept;
	} rows[] = {
	        /* RFC 9111 3.1 */
	        {"A: 1\nConnection: B\nB: 2\nKeep-Alive: 3\nUpgrade: 4\nTE: 5\nProxy-Authenticate: "
	         "6\n"
	         "Proxy-Authentication-Info: 7\nTransfer-Encoding: chunked\nC: 8",
	                "A,C,"},
	        {"Content-Length: 1\nContent-Type: a\nContent-Range: b\nContent-Encoding: c",
	                "Content-Type,Content-Encoding,"},
	        {"Age: 5\nDate: a\nSet-Cookie: b\nSet-Cookie: c\nETag: d", "Date,ETag,"},
	        {"X-Cache: HIT\nX-Headwater-Error: x\nX-Headwater-Origin: y\nVia: z", "Via,"},
	        /* 5.2.2.4, 5.2.2.7 */
	        {"Cache-Control: no-cache=\"a, Via\", private=\"B\"\nA: 1\nb: 2\nC: 3\nVia: 4",
	                "Cache-Control,C,"},
	        /* what stands for the whole is needed to validate it */
	        {"Cache-Control: no-cache=\"A, ETag\"\nA: 1\nETag: 2", "Cache-Control,A,ETag,"},
	        {"CDN-Cache-Control: private=\"a\"\nCache-Control: private=\"b\"\nA: 1\nB: 2",
	                "CDN-Cache-Control,Cache-Control,B,"},
	};
	struct heads heads = {0};
	struct text kept = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		uint64_t drop[HTTP_MARK_WORDS];
		const struct http_head *head = heads_response(&heads, 200, rows[i].lines);
		cache_policy_mark(head, drop);
		text_clear(&kept);
		for (unsigned k = 0; k < head->count; k++) {
			if (http_mark_has(drop, k))
				continue;
			text_add(&kept, http_head_name(head, &head->fields[k]));
			text_add_char(&kept, ',');
		}
		assert_string_equal(text_c(&kept), rows[i].kept);
	}
	text_done(&kept);
	heads_done(&heads);
}

static void each_verdict_has_a_name_and_words(void **state)
{
	(void)state;
	static const enum cache_verdict all[] = {
#define CACHE_VERDICT(id, name, words) CACHE_VERDICT_##id,
#include "cache/verdict.def"
#undef CACHE_VERDICT
	};
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		assert_true(cache_policy_name(all[i]).len > 0);
		assert_true(cache_policy_words(all[i]).len > 0);
	}
	assert_string_equal(cache_policy_words(CACHE_VERDICT_PRIVATE).at, "private");
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(responses_are_stored_as_they_say),
	        cmocka_unit_test(what_could_never_be_used_is_not_stored),
	        cmocka_unit_test(requests_decide_too),
	        cmocka_unit_test(answers_to_one_odd_request_are_not_for_all),
	        cmocka_unit_test(cookies_are_kept_out),
	        cmocka_unit_test(what_varies_too_much_is_not_stored),
	        cmocka_unit_test(only_our_own_pieces_are_stored),
	        cmocka_unit_test(fields_that_are_not_ours_to_keep_are_marked),
	        cmocka_unit_test(each_verdict_has_a_name_and_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
