/* Preconditions. */
#include "http/condition.h"

#include "http/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heads.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define THEN   "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

static const int64_t NOW = 1764000000, MODIFIED = 784111777;

enum {
	OK = HTTP_CONDITION_PROCEED,
	S304 = HTTP_CONDITION_NOT_MODIFIED,
	S412 = HTTP_CONDITION_FAILED
};

struct row {
	const char *lines;
	int wanted;
	bool range_counts;
};

static void check(const struct http_representation *representation, const char *method,
        const struct row *rows, size_t count)
{
	struct heads heads = {0};
	for (size_t i = 0; i < count; i++) {
		bool range_counts = true;
		const struct http_head *head = heads_request(&heads, method, rows[i].lines);
		assert_int_equal(http_condition_evaluate(head, representation, NOW, &range_counts),
		        rows[i].wanted);
		assert_int_equal(range_counts, rows[i].range_counts);
	}
	heads_done(&heads);
}

static const struct http_representation FULL = {.status = 200,
        .etag = STR("\"a\""),
        .last_modified_s = MODIFIED,
        .dated_s = NOW,
        .is_date_strong = true};

static void each_condition_is_evaluated(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"", OK, false},
	        /* RFC 9110 13.1.1: the strong comparison */
	        {"If-Match: \"a\"", OK, false},
	        {"If-Match: *", OK, false},
	        {"If-Match: \"b\", \"a\"", OK, false},
	        {"If-Match: \"b\"", S412, false},
	        {"If-Match: W/\"a\"", S412, false},
	        {"If-Match: a", S412, false},
	        /* 13.1.2: the weak comparison */
	        {"If-None-Match: \"a\"", S304, false},
	        {"If-None-Match: W/\"a\"", S304, false},
	        {"If-None-Match: *", S304, false},
	        {"If-None-Match: \"b\"", OK, false},
	        {"If-None-Match: a", OK, false},
	        /* 13.1.3 */
	        {"If-Modified-Since: " BEFORE, OK, false},
	        {"If-Modified-Since: " THEN, S304, false},
	        {"If-Modified-Since: " AFTER, S304, false},
	        {"If-Modified-Since: yesterday", OK, false},
	        {"If-Modified-Since: " THEN "\nIf-Modified-Since: " THEN, OK, false},
	        {"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", S304, false},
	        /* 13.1.4 */
	        {"If-Unmodified-Since: " BEFORE, S412, false},
	        {"If-Unmodified-Since: " THEN, OK, false},
	        {"If-Unmodified-Since: " AFTER, OK, false},
	        {"If-Unmodified-Since: yesterday", OK, false},
	};
	check(&FULL, "GET", rows, ARRAY_LENGTH(rows));
	check(&FULL, "HEAD", rows, ARRAY_LENGTH(rows));
}

static void conditions_have_their_precedence(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9110 13.2.2, step 1 before 2 */
	        {"If-Match: \"a\"\nIf-Unmodified-Since: " BEFORE, OK, false},
	        {"If-Match: \"b\"\nIf-Unmodified-Since: " AFTER, S412, false},
	        /* 1 and 2 before 3 and 4 */
	        {"If-Match: \"b\"\nIf-None-Match: \"a\"", S412, false},
	        {"If-Match: \"a\"\nIf-None-Match: \"a\"", S304, false},
	        {"If-Unmodified-Since: " BEFORE "\nIf-Modified-Since: " AFTER, S412, false},
	        {"If-Unmodified-Since: " AFTER "\nIf-Modified-Since: " AFTER, S304, false},
	        /* 3 before 4 */
	        {"If-None-Match: \"b\"\nIf-Modified-Since: " AFTER, OK, false},
	        {"If-None-Match: \"a\"\nIf-Modified-Since: " BEFORE, S304, false},
	        /* 5 last */
	        {"If-None-Match: \"a\"\nRange: bytes=0-1\nIf-Range: \"a\"", S304, false},
	        {"If-Match: \"a\"\nRange: bytes=0-1\nIf-Range: \"a\"", OK, true},
	};
	check(&FULL, "GET", rows, ARRAY_LENGTH(rows));
}

static void range_counts_where_if_range_holds(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"Range: bytes=0-1", OK, true},
	        /* RFC 9110 13.1.5 */
	        {"If-Range: \"a\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: \"a\"", OK, true},
	        {"Range: bytes=0-1\nIf-Range: \"b\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: W/\"a\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: *", OK, false},
	        {"Range: bytes=0-1\nIf-Range: \"a\", \"b\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: \"a\"\nIf-Range: \"a\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: " THEN, OK, true},
	        {"Range: bytes=0-1\nIf-Range: " BEFORE, OK, false},
	        {"Range: bytes=0-1\nIf-Range: " AFTER, OK, false},
	        {"Range: bytes=0-1\nIf-Range: yesterday", OK, false},
	};
	check(&FULL, "GET", rows, ARRAY_LENGTH(rows));
	struct row others[ARRAY_LENGTH(rows)];
	memcpy(others, rows, sizeof(rows));
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		others[i].range_counts = false;
	/* 14.2: defined for GET only */
	check(&FULL, "HEAD", others, ARRAY_LENGTH(rows));
	check(&FULL, "POST", others, ARRAY_LENGTH(rows));
	struct http_representation no_content = FULL;
	no_content.status = 204;
	check(&no_content, "GET", others, ARRAY_LENGTH(rows));
}

static void a_weak_validator_does_not_allow_a_range(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"Range: bytes=0-1\nIf-Range: W/\"a\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: \"a\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: " THEN, OK, false},
	        {"If-Match: \"a\"", S412, false},
	        {"If-None-Match: \"a\"", S304, false},
	};
	struct http_representation weak = FULL;
	weak.etag = STR("W/\"a\"");
	weak.is_date_strong = false;
	check(&weak, "GET", rows, ARRAY_LENGTH(rows));
}

static void what_is_unknown_does_not_match(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        {"If-Match: \"a\"", S412, false},
	        {"If-Match: *", OK, false},
	        {"If-None-Match: \"a\"", OK, false},
	        {"If-None-Match: *", S304, false},
	        {"If-Modified-Since: " AFTER, OK, false},
	        {"If-Unmodified-Since: " BEFORE, OK, false},
	        {"Range: bytes=0-1\nIf-Range: \"a\"", OK, false},
	        {"Range: bytes=0-1\nIf-Range: " THEN, OK, false},
	};
	struct http_representation bare = {
	        .status = 200, .last_modified_s = INT64_MIN, .dated_s = INT64_MIN};
	check(&bare, "GET", rows, ARRAY_LENGTH(rows));
	bare.etag = STR("a"); /* malformed */
	check(&bare, "GET", rows, ARRAY_LENGTH(rows));
}

static void the_date_of_the_response_stands_in_for_last_modified(void **state)
{
	(void)state;
	static const struct row rows[] = {
	        /* RFC 9111 4.3.2 */
	        {"If-Modified-Since: " BEFORE, OK, false},
	        {"If-Modified-Since: " THEN, S304, false},
	        {"If-Unmodified-Since: " BEFORE, OK, false},
	};
	struct http_representation dated = {
	        .status = 200, .last_modified_s = INT64_MIN, .dated_s = MODIFIED};
	check(&dated, "GET", rows, ARRAY_LENGTH(rows));
}

static void other_methods_and_statuses_differ(void **state)
{
	(void)state;
	static const struct row unsafe[] = {
	        /* RFC 9110 13.2.2, steps 3 and 4 */
	        {"If-None-Match: \"a\"", S412, false},
	        {"If-None-Match: *", S412, false},
	        {"If-Modified-Since: " AFTER, OK, false},
	        {"If-Match: \"b\"", S412, false},
	};
	check(&FULL, "PUT", unsafe, ARRAY_LENGTH(unsafe));
	static const struct row errors[] = {
	        /* 13.2.1: not where the answer would be no 2xx */
	        {"If-Match: \"b\"", OK, false},
	        {"If-None-Match: \"a\"", OK, false},
	        {"If-Modified-Since: " AFTER, OK, false},
	        {"Range: bytes=0-1", OK, false},
	};
	static const uint16_t statuses[] = {301, 304, 404, 500};
	for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
		struct http_representation other = FULL;
		other.status = statuses[i];
		check(&other, "GET", errors, ARRAY_LENGTH(errors));
	}
}

static void a_date_is_strong_a_second_after_the_change(void **state)
{
	(void)state;
	/* RFC 9110 8.8.2.2 */
	assert_true(http_condition_is_date_strong(10, 11));
	assert_false(http_condition_is_date_strong(10, 10));
	assert_false(http_condition_is_date_strong(10, 9));
	assert_false(http_condition_is_date_strong(INT64_MIN, 9));
	assert_false(http_condition_is_date_strong(10, INT64_MIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_condition_is_evaluated),
	        cmocka_unit_test(conditions_have_their_precedence),
	        cmocka_unit_test(range_counts_where_if_range_holds),
	        cmocka_unit_test(a_weak_validator_does_not_allow_a_range),
	        cmocka_unit_test(what_is_unknown_does_not_match),
	        cmocka_unit_test(the_date_of_the_response_stands_in_for_last_modified),
	        cmocka_unit_test(other_methods_and_statuses_differ),
	        cmocka_unit_test(a_date_is_strong_a_second_after_the_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
