/* What a request may be given of a remembered response. */
#include "cache/reuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchanges.h"

enum {
	FRESH = CACHE_REUSE_FRESH,
	STALE = CACHE_REUSE_STALE,
	ERROR = CACHE_REUSE_IF_ERROR,
	NEVER = CACHE_REUSE_NEVER,
};

/* The verdict for a response whose Cache-Control this is, so many milliseconds after its birth. */
static enum cache_reuse judge(const char *control, const char *asked, uint64_t age_ms,
        const struct cache_rules *rules, bool is_soft_purged)
{
	struct exchanges exchanges = {0};
	struct text lines = {0}, request = {0};
	struct http_cache_control_response said;
	struct http_cache_control_request wanted;
	struct cache_terms terms;
	text_addf(&lines, "Cache-Control: %s", control);
	text_addf(&request, "%s%s", asked[0] == '\0' ? "" : "Cache-Control: ", asked);
	struct cache_exchange *exchange =
	        exchanges_make(&exchanges, text_c(&request), 200, text_c(&lines));
	http_cache_control_of_response(exchange->response, &said);
	http_cache_control_of_request(exchange->request, &wanted);
	assert_true(cache_terms_make(exchange, &said, rules, &terms));
	text_done(&lines);
	text_done(&request);
	exchanges_done(&exchanges);
	return cache_reuse_judge(&terms, is_soft_purged, &wanted, rules, NOW_MS + age_ms);
}

struct row {
	const char *control, *asked;
	uint64_t age_ms;
	int wanted;
};

static void check(const struct row *rows, size_t count, const struct cache_rules *rules)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(
		        judge(rows[i].control, rows[i].asked, rows[i].age_ms, rules, false),
		        rows[i].wanted);
}

static void a_response_is_fresh_and_then_stale(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9111 4.2 */
	        {"max-age=10", "", 0, FRESH},
	        {"max-age=10", "", 9999, FRESH},
	        {"max-age=10", "", 10000, ERROR},
	        {"max-age=0", "", 0, NEVER},
	        {"no-cache", "", 0, NEVER},
	        {"no-cache, max-age=10, stale-if-error=99", "", 5000, NEVER},
	        {"no-cache=\"x\", max-age=10", "", 5000, FRESH},
	        /* the domain's day */
	        {"max-age=10", "", 86410000, ERROR},
	        {"max-age=10", "", 86410001, NEVER},
	        /* RFC 5861 3: the window, and after it the one for errors */
	        {"max-age=10, stale-while-revalidate=5", "", 10000, STALE},
	        {"max-age=10, stale-while-revalidate=5", "", 15000, STALE},
	        {"max-age=10, stale-while-revalidate=5", "", 15001, ERROR},
	        {"max-age=10, stale-while-revalidate=0", "", 10000, ERROR},
	        /* RFC 5861 4 */
	        {"max-age=10, stale-if-error=5", "", 15000, ERROR},
	        {"max-age=10, stale-if-error=5", "", 15001, NEVER},
	        {"max-age=10, stale-if-error=0", "", 10000, NEVER},
	        /* RFC 9111 5.2.2.2, 5.2.2.8, 5.2.2.10 */
	        {"max-age=10, must-revalidate", "", 9999, FRESH},
	        {"max-age=10, must-revalidate", "", 10000, NEVER},
	        {"max-age=10, proxy-revalidate, stale-while-revalidate=5", "", 10000, NEVER},
	        {"s-maxage=10", "", 10000, NEVER},
	        {"s-maxage=10, stale-while-revalidate=5", "", 12000, STALE},
	        {"s-maxage=10, stale-while-revalidate=5", "", 15001, NEVER},
	        {"s-maxage=10, stale-if-error=5", "", 12000, ERROR},
	};
	check(rows, ARRAY_LENGTH(rows), &EXCHANGES_RULES);
}

static void a_domain_may_let_stale_be_served_by_default(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"max-age=10", "", 13000, STALE},
	        {"max-age=10", "", 13001, ERROR},
	        {"max-age=10", "", 17000, ERROR},
	        {"max-age=10", "", 17001, NEVER},
	        {"max-age=10, stale-while-revalidate=1", "", 12000, ERROR},
	        {"max-age=10, must-revalidate", "", 12000, NEVER},
	        {"s-maxage=10", "", 12000, NEVER},
	        {"max-age=0", "", 1000, NEVER},
	};
	struct cache_rules rules = EXCHANGES_RULES;
	rules.stale_while_revalidate_s = 3;
	rules.stale_if_error_s = 7;
	check(rows, ARRAY_LENGTH(rows), &rules);
}

static void clients_may_ask_for_more_or_less(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9111 5.2.1.1 */
	        {"max-age=10", "max-age=5", 5000, FRESH},
	        {"max-age=10", "max-age=5", 5001, ERROR},
	        {"max-age=10", "max-age=0", 0, ERROR},
	        {"max-age=10", "max-age=60", 10000, ERROR},
	        {"max-age=10, must-revalidate", "max-age=0", 1000, ERROR},
	        {"max-age=10, stale-while-revalidate=5", "max-age=60", 12000, ERROR},
	        {"max-age=10", "max-age=60, max-stale=5", 12000, STALE},
	        {"max-age=10", "max-age=11, max-stale=5", 12000, ERROR},
	        /* 5.2.1.2 */
	        {"max-age=10", "max-stale", 9000000, STALE},
	        {"max-age=10", "max-stale=5", 15000, STALE},
	        {"max-age=10", "max-stale=5", 15001, ERROR},
	        {"max-age=10, must-revalidate", "max-stale", 12000, NEVER},
	        {"s-maxage=10", "max-stale", 12000, NEVER},
	        {"s-maxage=10, stale-if-error=1", "max-stale", 12000, NEVER},
	        {"max-age=0", "max-stale", 1000, NEVER},
	        {"no-cache, max-age=10", "max-stale", 1000, NEVER},
	        {"max-age=10", "max-stale=x", 12000, ERROR},
	        /* 5.2.1.3 */
	        {"max-age=10", "min-fresh=4", 6000, FRESH},
	        {"max-age=10", "min-fresh=4", 6001, ERROR},
	        {"max-age=10, stale-while-revalidate=5", "min-fresh=4", 12000, ERROR},
	        /* 5.2.1.4 */
	        {"max-age=10", "no-cache", 1000, ERROR},
	        {"max-age=10", "no-cache, max-stale", 12000, ERROR},
	        {"max-age=10, stale-while-revalidate=5", "no-cache", 12000, ERROR},
	        {"max-age=10, must-revalidate", "no-cache", 12000, NEVER},
	        /* 5.2.1.5, 5.2.1.6, 5.2.1.7: no matter for what is remembered already */
	        {"max-age=10", "no-store, no-transform, only-if-cached", 1000, FRESH},
	        /* RFC 5861 4: less, and never more than the origin says */
	        {"max-age=10", "stale-if-error=5", 15000, ERROR},
	        {"max-age=10", "stale-if-error=5", 15001, NEVER},
	        {"max-age=10, stale-if-error=2", "stale-if-error=5", 12001, NEVER},
	};
	check(rows, ARRAY_LENGTH(rows), &EXCHANGES_RULES);
}

static void a_domain_may_ignore_what_clients_ask(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"max-age=10", "no-cache", 1000, FRESH},
	        {"max-age=10", "max-age=0", 1000, FRESH},
	        {"max-age=10", "min-fresh=99", 1000, FRESH},
	        {"max-age=10", "max-stale", 12000, ERROR},
	        {"max-age=10, stale-while-revalidate=5", "max-age=0", 12000, STALE},
	};
	struct cache_rules rules = EXCHANGES_RULES;
	rules.has_client_directives = false;
	check(rows, ARRAY_LENGTH(rows), &rules);
}

static void what_was_purged_softly_is_stale(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"max-age=10", "", 1000, ERROR},
	        {"max-age=10, stale-while-revalidate=5", "", 1000, STALE},
	        {"max-age=10, stale-while-revalidate=5", "", 15001, ERROR},
	        {"max-age=10, must-revalidate", "", 1000, NEVER},
	        {"max-age=10", "max-stale", 1000, STALE},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_int_equal(judge(rows[i].control, rows[i].asked, rows[i].age_ms,
		                         &EXCHANGES_RULES, true),
		        rows[i].wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_response_is_fresh_and_then_stale),
	        cmocka_unit_test(a_domain_may_let_stale_be_served_by_default),
	        cmocka_unit_test(clients_may_ask_for_more_or_less),
	        cmocka_unit_test(a_domain_may_ignore_what_clients_ask),
	        cmocka_unit_test(what_was_purged_softly_is_stale),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
