/* What is passed on: a pull of the request's own, and one that was begun for all but is not for
 * sharing. */
#include "edge/request_private.h"

#include "edge/asked.h"

static void what_is_not_for_sharing_is_pulled_once_and_goes_to_who_asked(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: private\r\nX-Own: 1\r\n", 70000);
	for (unsigned i = 1; i <= 3; i++) {
		expect(&asker, "GET", "", 200, "PASS");
		assert_true(is_body(&asker, 0, 70000));
		assert_true(has_field(&asker.response, "X-Own", "1"));
		assert_int_equal(pulls(&asker), i);
	}
	log_until(&asker.client, 3);
	assert_log_has(&asker.fixture, 0, "\"attempts\":[{\"role\":\"master\"");
	asker_done(&asker);
}

/* The conditions that were left out for the sake of the others are answered by us. */
static void its_conditions_are_answered_all_the_same(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: private\r\nETag: \"a\"\r\n", 100);
	expect(&asker, "GET", "If-None-Match: \"a\"\r\n", 304, "PASS");
	assert_null(strstr(text_c(&asker.fixture.origins[0].last), "If-None-Match"));
	/* From now on nothing is left out. */
	expect(&asker, "GET", "If-None-Match: \"b\"\r\n", 200, "PASS");
	assert_non_null(strstr(text_c(&asker.fixture.origins[0].last), "If-None-Match"));
	asker_done(&asker);
}

static void without_a_cache_everything_passes_as_it_is(void **state)
{
	(void)state;
	struct asker asker;
	asker.response = (struct response){.body = {.at = NULL}};
	fixture_start(&asker.fixture, ASKED_DOMAINS);
	client_open(&asker.client, &asker.fixture);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 100);
	for (unsigned i = 1; i <= 2; i++) {
		expect(&asker, "GET", "If-None-Match: \"b\"\r\n", 200, "PASS");
		assert_non_null(strstr(text_c(&asker.fixture.origins[0].last), "If-None-Match"));
		assert_int_equal(pulls(&asker), i);
	}
	asker_done(&asker);
}

static void a_domain_may_be_without(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, "
	                    "cache: {mode: off}}]");
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 100);
	expect(&asker, "GET", "", 200, "PASS");
	expect(&asker, "GET", "", 200, "PASS");
	assert_true(has_field(&asker.response, "Cache-Status", "edge; fwd=bypass"));
	assert_int_equal(pulls(&asker), 2);
	asker_done(&asker);
}

static void who_began_the_pull_hears_interim_responses(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	asker.fixture.origins[0].reply =
	        STR("HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nCache-Control: "
	            "private\r\nContent-Length: 2\r\n\r\nok");
	client_say(&asker.client, PLAIN_REQUEST);
	read_response(&asker.client, HTTP_GET, &asker.response);
	assert_int_equal(asker.response.head.status, 103);
	assert_true(has_field(&asker.response, "Link", "</a>"));
	read_response(&asker.client, HTTP_GET, &asker.response);
	assert_true(is_text(text_str(&asker.response.body), "ok"));
	asker_done(&asker);
}

static void who_leaves_a_pull_that_it_took_ends_it(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: private\r\nETag: \"v\"\r\n", 1000);
	asker.fixture.origins[0].held = 500;
	client_say(&asker.client, PLAIN_REQUEST);
	turn_until(&asker.client, asker.client.got.len > 500);
	assert_false(list_is_empty(&asker.fixture.worker->loaders));
	client_reset(&asker.client);
	turn_until(&asker.client, list_is_empty(&asker.fixture.worker->loaders));
	asker.fixture.origins[0].held = 0; /* it finds out by sending */
	turn_until(&asker.client, origin_connections(&asker.fixture.origins[0]) == 0);
	log_until(&asker.client, 1);
	assert_log_has(&asker.fixture, 0, "\"end\":\"aborted\"");
	asker_done(&asker);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_not_for_sharing_is_pulled_once_and_goes_to_who_asked),
	        cmocka_unit_test(its_conditions_are_answered_all_the_same),
	        cmocka_unit_test(without_a_cache_everything_passes_as_it_is),
	        cmocka_unit_test(a_domain_may_be_without),
	        cmocka_unit_test(who_began_the_pull_hears_interim_responses),
	        cmocka_unit_test(who_leaves_a_pull_that_it_took_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
