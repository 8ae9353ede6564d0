/* What answers to writes and to HEAD do to what is remembered (RFC 9111 4.3.5, 4.4). */
#include "edge/request_private.h"

#include "edge/asked.h"

#define FRESH "Cache-Control: max-age=100\r\nETag: \"a\"\r\n"

/* A method, the origin's answer to it, and what is then said of the object. */
static const struct {
	const char *method, *status, *fields, *word;
} rows[] = {
        {"POST", "200 OK", "", "MISS"},
        {"PUT", "204 No Content", "", "MISS"},
        {"DELETE", "302 Found", "", "MISS"},
        {"POST", "404 Not Found", "", "HIT"},
        {"POST", "500 Broken", "", "HIT"},
        {"OPTIONS", "200 OK", "", "HIT"},
};

static void a_write_that_was_no_error_makes_it_forgotten(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct asker asker;
		asker_start(&asker, ASKED_DOMAINS);
		answers(&asker, "200 OK", FRESH, 100);
		expect(&asker, "GET", "", 200, "MISS");
		expect(&asker, "GET", "", 200, "HIT");
		answers(&asker, rows[i].status, rows[i].fields, 0);
		fetch(&asker.client, rows[i].method, "", &asker.response);
		assert_true(has_field(&asker.response, "X-Cache", "PASS"));
		answers(&asker, "200 OK", FRESH, 100);
		expect(&asker, "GET", "", 200, rows[i].word);
		asker_done(&asker);
	}
}

static void a_write_is_one_removal(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	const struct cache_store *store = asker.fixture.shared.cache;
	uint64_t sequence = cache_store_sequence(store);
	answers(&asker, "200 OK", "", 10);
	expect(&asker, "POST", "", 200, "PASS");
	assert_int_equal(cache_store_sequence(store), sequence + 1);
	asker_done(&asker);
}

static void location_and_content_location_of_the_same_host_are_forgotten(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	remember(&asker.fixture, "a.test/other#http", PLAIN_REQUEST,
	        "HTTP/1.1 200 OK\r\n" FRESH "\r\n", 10);
	remember(&asker.fixture, "a.test/third#http", PLAIN_REQUEST,
	        "HTTP/1.1 200 OK\r\n" FRESH "\r\n", 10);
	answers(&asker, "201 Created",
	        "Location: http://a.test/other\r\nContent-Location: http://b.test/third\r\n", 0);
	fetch(&asker.client, "POST", "", &asker.response);
	assert_int_equal(asker.response.head.status, 201);
	assert_false(has(&asker.fixture, "a.test/other#http"));
	assert_true(has(&asker.fixture, "a.test/third#http"));
	asker_done(&asker);
}

static void head_is_answered_from_what_a_get_left(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", FRESH, 100);
	expect(&asker, "GET", "", 200, "MISS");
	expect(&asker, "HEAD", "", 200, "HIT");
	assert_true(has_field(&asker.response, "Content-Length", "100"));
	assert_int_equal(pulls(&asker), 1);
	asker_done(&asker);
}

static void a_head_that_asks_not_to_be_stored_changes_nothing(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", FRESH, 100);
	expect(&asker, "GET", "", 200, "MISS");
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\nETag: \"b\"\r\n", 100);
	expect(&asker, "HEAD", "Cache-Control: no-store\r\n", 200, "PASS");
	expect(&asker, "GET", "", 200, "HIT"); /* no-store: nothing of it counts */
	asker_done(&asker);
}

static void what_is_passed_on_says_why(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "", 10);
	expect(&asker, "POST", "", 200, "PASS");
	assert_true(has_field(&asker.response, "Cache-Status", "edge; fwd=method"));
	expect(&asker, "GET", "Cache-Control: no-store\r\n", 200, "PASS");
	assert_true(has_field(&asker.response, "Cache-Status", "edge; fwd=request"));
	asker_done(&asker);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_write_that_was_no_error_makes_it_forgotten),
	        cmocka_unit_test(a_write_is_one_removal),
	        cmocka_unit_test(location_and_content_location_of_the_same_host_are_forgotten),
	        cmocka_unit_test(head_is_answered_from_what_a_get_left),
	        cmocka_unit_test(a_head_that_asks_not_to_be_stored_changes_nothing),
	        cmocka_unit_test(what_is_passed_on_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
