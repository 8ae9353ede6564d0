/* Freshness, age, and what may be done with a stale response. */
#include "cache/terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchanges.h"

#define LM_100_AGO  "Last-Modified: Sun, 06 Nov 1994 08:47:57 GMT\n"
#define LM_YEAR_AGO "Last-Modified: Sat, 06 Nov 1993 08:49:37 GMT\n"
#define EXPIRES_60  "Expires: Sun, 06 Nov 1994 08:50:37 GMT\n"

enum { DAY = 86400 };

/* The terms of a response to a plain request; false where nothing tells its freshness. */
static bool make(
        struct exchanges *exchanges, const struct cache_rules *rules, struct cache_terms *ret_terms)
{
	struct http_cache_control_response control;
	http_cache_control_of_response(exchanges->exchange.response, &control);
	return cache_terms_make(&exchanges->exchange, &control, rules, ret_terms);
}

static void lifetimes_are_as_the_origin_says(void **state)
{
	(void)state;
	static const struct {
		const char *lines;
		long fresh_s; /* -1: nothing tells it */
	} rows[] = {
	        /* RFC 9111 4.2.1, in its order */
	        {"Cache-Control: max-age=60", 60},
	        {"Cache-Control: max-age=60, s-maxage=30", 30},
	        {"Cache-Control: s-maxage=90\n" EXPIRES_60, 90},
	        {"Cache-Control: max-age=0\n" EXPIRES_60, 0},
	        {DATE_NOW EXPIRES_60, 60},
	        {DATE_10_AGO EXPIRES_60, 70},
	        {EXPIRES_60, 60},
	        {"Cache-Control: max-age=2147483647", INT32_MAX},
	        {DATE_NOW "Expires: Fri, 31 Dec 9999 23:59:59 GMT", INT32_MAX},
	        /* 5.3: what is no date, in the past, or there twice is stale */
	        {"Expires: 0", 0},
	        {"Expires: -1", 0},
	        {"Expires:", 0},
	        {DATE_NOW "Expires: Sun, 06 Nov 1994 08:49:37 GMT", 0},
	        {DATE_NOW "Expires: Mon, 01 Jan 0001 00:00:00 GMT", 0},
	        {EXPIRES_60 EXPIRES_60, 0},
	        /* RFC 9213 2.2: Expires is ignored too */
	        {"CDN-Cache-Control: public\n" EXPIRES_60, -1},
	        {"CDN-Cache-Control: max-age=5\nCache-Control: s-maxage=9\n" EXPIRES_60, 5},
	        {"CDN-Cache-Control: !\n" EXPIRES_60, 60},
	        /* 4.2.2: a tenth, at most a day, and only where nothing is said */
	        {DATE_NOW LM_100_AGO, 10},
	        {DATE_NOW LM_YEAR_AGO, DAY},
	        {LM_100_AGO, 10},
	        {DATE_NOW LM_YEAR_AGO "Cache-Control: public", DAY},
	        {DATE_NOW LM_YEAR_AGO "Cache-Control: max-age=1", 1},
	        {DATE_NOW LM_YEAR_AGO "Expires: 0", 0},
	        {DATE_NOW "Last-Modified: Sun, 06 Nov 1994 08:50:37 GMT", 0},
	        {DATE_NOW "Last-Modified: never", -1},
	        {DATE_NOW "ETag: \"a\"", -1},
	        {"", -1},
	        {"Cache-Control: public", -1},
	};
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_terms terms;
		exchanges_make(&exchanges, "", 200, rows[i].lines);
		bool is_told = make(&exchanges, &EXCHANGES_RULES, &terms);
		assert_int_equal(is_told, rows[i].fresh_s >= 0);
		if (is_told)
			assert_int_equal(terms.fresh_ms, (uint64_t)rows[i].fresh_s * 1000);
	}
	exchanges_done(&exchanges);
}

static void a_guess_needs_a_status_that_allows_it(void **state)
{
	(void)state;
	static const struct {
		unsigned status;
		const char *control;
		bool is_guessed;
	} rows[] = {
	        /* RFC 9110 15.1, RFC 9111 4.2.2 */
	        {200, "", true},
	        {203, "", true},
	        {204, "", true},
	        {300, "", true},
	        {301, "", true},
	        {308, "", true},
	        {404, "", true},
	        {405, "", true},
	        {410, "", true},
	        {414, "", true},
	        {501, "", true},
	        {201, "", false},
	        {302, "", false},
	        {307, "", false},
	        {403, "", false},
	        {500, "", false},
	        {503, "", false},
	        {302, "Cache-Control: public", true},
	        {500, "Cache-Control: public", true},
	};
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_terms terms;
		struct text lines = {0};
		text_addf(&lines, DATE_NOW LM_100_AGO "%s", rows[i].control);
		exchanges_make(&exchanges, "", rows[i].status, text_c(&lines));
		assert_int_equal(make(&exchanges, &EXCHANGES_RULES, &terms), rows[i].is_guessed);
		if (rows[i].is_guessed)
			assert_int_equal(terms.flags & CACHE_HEURISTIC, CACHE_HEURISTIC);
		struct cache_rules rules = EXCHANGES_RULES;
		rules.has_heuristics = false;
		assert_false(make(&exchanges, &rules, &terms));
		text_done(&lines);
	}
	exchanges_done(&exchanges);
}

static void the_operators_rule_stands_in_for_freshness(void **state)
{
	(void)state;
	static const struct cache_ttl ttls[] = {{404, 404, 5}, {200, 299, 60}, {400, 499, 1}};
	static const struct {
		unsigned status;
		const char *lines;
		long fresh_s; /* -1: nothing tells it */
	} rows[] = {
	        {200, "", 60},
	        {200, DATE_NOW LM_YEAR_AGO, 60},
	        {299, "", 60},
	        {404, "", 5},
	        {403, "", 1},
	        {500, "", -1},
	        {404, "Cache-Control: max-age=9", 9},
	        {404, "Expires: 0", 0},
	};
	struct cache_rules rules = EXCHANGES_RULES;
	rules.ttls = ttls;
	rules.ttl_count = ARRAY_LENGTH(ttls);
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_terms terms;
		exchanges_make(&exchanges, "", rows[i].status, rows[i].lines);
		bool is_told = make(&exchanges, &rules, &terms);
		assert_int_equal(is_told, rows[i].fresh_s >= 0);
		if (is_told)
			assert_int_equal(terms.fresh_ms, (uint64_t)rows[i].fresh_s * 1000);
	}
	exchanges_done(&exchanges);
}

static void ages_are_corrected_by_delay_and_date(void **state)
{
	(void)state;
	static const struct {
		const char *lines;
		int delay_ms;
		uint64_t age_ms;
	} rows[] = {
	        /* RFC 9111 4.2.3 */
	        {"", 0, 0},
	        {"", 250, 250},
	        {"Age: 30\n", 0, 30000},
	        {"Age: 30\n", 250, 30250},
	        {DATE_10_AGO, 0, 10000},
	        {DATE_10_AGO, 250, 10000},
	        {DATE_10_AGO "Age: 9\n", 250, 10000},
	        {DATE_10_AGO "Age: 10\n", 250, 10250},
	        {"Date: Sun, 06 Nov 1994 08:59:37 GMT", 250, 250},
	        {"Date: never", 250, 250},
	        /* 5.1 */
	        {"Age: 30, 40", 0, 30000},
	        {"Age: 30\nAge: 40", 0, 30000},
	        {"Age: -1", 0, 0},
	        {"Age: 1.5", 0, 0},
	        {"Age: x", 0, 0},
	        {"Age:", 0, 0},
	        /* older than time itself */
	        {"Age: 99999999999999", 0, NOW_MS},
	        {"Date: Mon, 01 Jan 0001 00:00:00 GMT", 0, NOW_MS},
	        /* a clock that was set back */
	        {"", -5000, 0},
	};
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_terms terms;
		struct text lines = {0};
		text_addf(&lines, "Cache-Control: max-age=60\n%s", rows[i].lines);
		struct cache_exchange *exchange =
		        exchanges_make(&exchanges, "", 200, text_c(&lines));
		exchange->requested_ms = (uint64_t)((int64_t)NOW_MS - rows[i].delay_ms);
		assert_true(make(&exchanges, &EXCHANGES_RULES, &terms));
		assert_true(NOW_MS - terms.born_ms == rows[i].age_ms);
		assert_true(cache_terms_age_ms(&terms, NOW_MS) == rows[i].age_ms);
		assert_true(cache_terms_age_ms(&terms, NOW_MS + 7) == rows[i].age_ms + 7);
		assert_true(terms.received_ms == NOW_MS);
		text_done(&lines);
	}
	exchanges_done(&exchanges);
}

static void age_and_ttl_are_told_in_seconds(void **state)
{
	(void)state;
	const struct cache_terms terms = {.born_ms = 10000, .fresh_ms = 60000};
	static const struct {
		uint64_t now_ms;
		uint32_t age_s;
		int64_t ttl_s;
	} rows[] = {
	        {0, 0, 60},
	        {10000, 0, 60},
	        {10001, 0, 59},
	        {10999, 0, 59},
	        {11000, 1, 59},
	        {69999, 59, 0},
	        {70000, 60, 0},
	        {70001, 60, -1},
	        {71000, 61, -1},
	        {71001, 61, -2},
	        {INT64_MAX, CACHE_AGE_MAX_S, -((INT64_MAX - 70000 + 999) / 1000)},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_int_equal(cache_terms_age_s(&terms, rows[i].now_ms), rows[i].age_s);
		assert_true(cache_terms_ttl_s(&terms, rows[i].now_ms) == rows[i].ttl_s);
	}
}

static void stale_use_is_as_the_origin_allows(void **state)
{
	(void)state;
	enum { MUST = CACHE_MUST_REVALIDATE };
	static const struct {
		const char *control;
		uint32_t behind_s, error_s;
		unsigned flags;
	} rows[] = {
	        {"max-age=9", UINT32_MAX, UINT32_MAX, 0},
	        /* RFC 5861 */
	        {"max-age=9, stale-while-revalidate=5", 5, UINT32_MAX, 0},
	        {"max-age=9, stale-if-error=5", UINT32_MAX, 5, 0},
	        {"max-age=9, stale-if-error=0, stale-while-revalidate=0", 0, 0, 0},
	        /* RFC 9111 5.2.2.2, 5.2.2.8, 4.2.4 */
	        {"max-age=9, must-revalidate", 0, 0, MUST},
	        {"max-age=9, proxy-revalidate, stale-if-error=5, stale-while-revalidate=5", 0, 0,
	                MUST},
	        /* 5.2.2.10, and what the same response says */
	        {"s-maxage=9", 0, 0, MUST},
	        {"s-maxage=9, stale-while-revalidate=5", 5, 0, MUST},
	        {"s-maxage=9, stale-if-error=5", 0, 5, MUST},
	        {"s-maxage=9, stale-if-error=5, must-revalidate", 0, 0, MUST},
	        /* 5.2.2.4 */
	        {"no-cache", 0, 0, MUST | CACHE_NO_CACHE},
	        {"no-cache, max-age=9, stale-if-error=5", 0, 0, MUST | CACHE_NO_CACHE},
	        {"no-cache=\"X-A\", max-age=9", UINT32_MAX, UINT32_MAX, 0},
	        {"no-cache=\"X-A, Content-Encoding\", max-age=9", 0, 0, MUST | CACHE_NO_CACHE},
	        {"no-cache=\"vary\", max-age=9", 0, 0, MUST | CACHE_NO_CACHE},
	        /* a lifetime of 0 asks to be asked */
	        {"max-age=0", 0, 0, MUST},
	        {"max-age=0, stale-if-error=5", 0, 5, MUST},
	};
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_terms terms;
		struct text lines = {0};
		text_addf(&lines, "Cache-Control: %s", rows[i].control);
		exchanges_make(&exchanges, "", 200, text_c(&lines));
		assert_true(make(&exchanges, &EXCHANGES_RULES, &terms));
		assert_int_equal(terms.stale_while_revalidate_s, rows[i].behind_s);
		assert_int_equal(terms.stale_if_error_s, rows[i].error_s);
		assert_int_equal(terms.flags, rows[i].flags);
		text_done(&lines);
	}
	exchanges_done(&exchanges);
}

static void answers_in_the_masters_stead_are_capped(void **state)
{
	(void)state;
	enum { MUST = CACHE_MUST_REVALIDATE, BACKUP = CACHE_FROM_BACKUP };
	static const struct {
		unsigned status;
		const char *lines;
		bool is_from_backup, is_after_failure;
		uint32_t backup_max_s;
		uint64_t fresh_ms;
		uint32_t behind_s, error_s;
		unsigned flags;
	} rows[] = {
	        /* origin-pull.md section 4 */
	        {200, "", false, false, UINT32_MAX, 60000, 9, UINT32_MAX, 0},
	        {200, "", true, false, UINT32_MAX, 60000, 9, UINT32_MAX, BACKUP},
	        {200, "", true, true, 30, 30000, 0, UINT32_MAX, BACKUP},
	        {200, "", true, false, 90, 60000, 0, UINT32_MAX, BACKUP},
	        {200, "", true, false, 0, 0, 0, UINT32_MAX, BACKUP},
	        {200, "", false, true, 30, 60000, 9, UINT32_MAX, 0},
	        {404, "", false, false, 0, 60000, 9, UINT32_MAX, 0},
	        {404, "", true, false, UINT32_MAX, 1000, 0, 0, BACKUP | MUST},
	        {503, "", true, true, 0, 0, 0, 0, BACKUP | MUST},
	        {503, "", false, true, UINT32_MAX, 1000, 0, 0, MUST},
	        {399, "", true, true, UINT32_MAX, 60000, 9, UINT32_MAX, BACKUP},
	        /* what is left is capped */
	        {404, "Age: 40", true, false, UINT32_MAX, 41000, 0, 0, BACKUP | MUST},
	        {404, "Age: 70", true, false, UINT32_MAX, 60000, 0, 0, BACKUP | MUST},
	};
	struct exchanges exchanges = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct cache_terms terms;
		struct text lines = {0};
		text_addf(&lines, "Cache-Control: max-age=60, stale-while-revalidate=9\n%s",
		        rows[i].lines);
		struct cache_rules rules = EXCHANGES_RULES;
		rules.backup_max_s = rows[i].backup_max_s;
		struct cache_exchange *exchange =
		        exchanges_make(&exchanges, "", rows[i].status, text_c(&lines));
		exchange->is_from_backup = rows[i].is_from_backup;
		exchange->is_after_failure = rows[i].is_after_failure;
		assert_true(make(&exchanges, &rules, &terms));
		assert_int_equal(terms.fresh_ms, rows[i].fresh_ms);
		assert_int_equal(terms.stale_while_revalidate_s, rows[i].behind_s);
		assert_int_equal(terms.stale_if_error_s, rows[i].error_s);
		assert_int_equal(terms.flags, rows[i].flags);
		text_done(&lines);
	}
	exchanges_done(&exchanges);
}

static void dates_and_statuses_are_kept(void **state)
{
	(void)state;
	struct exchanges exchanges = {0};
	struct cache_terms terms;
	exchanges_make(&exchanges, "", 206, "Cache-Control: max-age=9\n" DATE_NOW LM_100_AGO);
	assert_true(make(&exchanges, &EXCHANGES_RULES, &terms));
	assert_int_equal(terms.status, 200);
	assert_int_equal(terms.flags, CACHE_IS_PARTIAL | CACHE_DATE_STRONG);
	assert_true(terms.last_modified_s == NOW_S - 100);
	exchanges_make(&exchanges, "", 404, "Cache-Control: max-age=9\n" LM_100_AGO);
	assert_true(make(&exchanges, &EXCHANGES_RULES, &terms));
	assert_int_equal(terms.status, 404);
	/* without Date nothing tells that it did not change within that second */
	assert_int_equal(terms.flags, 0);
	exchanges_make(&exchanges, "", 200, "Cache-Control: max-age=9");
	assert_true(make(&exchanges, &EXCHANGES_RULES, &terms));
	assert_true(terms.last_modified_s == INT64_MIN);
	exchanges_done(&exchanges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lifetimes_are_as_the_origin_says),
	        cmocka_unit_test(a_guess_needs_a_status_that_allows_it),
	        cmocka_unit_test(the_operators_rule_stands_in_for_freshness),
	        cmocka_unit_test(ages_are_corrected_by_delay_and_date),
	        cmocka_unit_test(age_and_ttl_are_told_in_seconds),
	        cmocka_unit_test(stale_use_is_as_the_origin_allows),
	        cmocka_unit_test(answers_in_the_masters_stead_are_capped),
	        cmocka_unit_test(dates_and_statuses_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
