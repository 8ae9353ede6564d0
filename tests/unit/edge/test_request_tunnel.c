/* Requests that change to another protocol: what is asked for, what becomes of it, how many. */
#include "edge/request_private.h"

#include "edge/asked.h"

#define DOMAINS                                                                                    \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: [\"$1\"]}, "  \
	"upgrade: {protocols: [echo]}}]"
#define UPGRADE  "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
#define SWITCHES "HTTP/1.1 101 A\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"

static unsigned tunnels(const struct asker *asker)
{
	return atomic_load(&asker->fixture.worker->tunnels);
}

static void a_101_opens_a_tunnel_until_both_have_ended(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, DOMAINS);
	asker.fixture.origins[0].reply = STR(SWITCHES "hello");
	asker.fixture.origins[0].ends = true;
	client_say(&asker.client, UPGRADE);
	turn_until(&asker.client, asker.client.has_end);
	assert_non_null(strstr(text_c(&asker.client.got), "HTTP/1.1 101 A\r\n"));
	assert_non_null(strstr(text_c(&asker.client.got), "\r\nUpgrade: echo\r\n"));
	assert_non_null(strstr(text_c(&asker.client.got), "\r\n\r\nhello"));
	assert_non_null(strstr(text_c(&asker.fixture.origins[0].last),
	        "Connection: Upgrade\r\nUpgrade: echo\r\n"));
	assert_int_equal(tunnels(&asker), 1);
	assert_int_equal(shutdown(asker.client.fd, SHUT_WR), 0);
	log_until(&asker.client, 1);
	assert_log_has(&asker.fixture, 0, "\"status\":101");
	assert_log_has(&asker.fixture, 0, "\"end\":\"complete\"");
	assert_log_has(&asker.fixture, 0, "\"phase\":\"done\"");
	assert_int_equal(tunnels(&asker), 0);
	asker_done(&asker);
}

static void the_backup_may_be_the_one_that_changes(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, DOMAINS);
	asker.fixture.origins[0].manner = ORIGIN_CLOSES;
	asker.fixture.origins[1].reply = STR(SWITCHES "backup");
	client_say(&asker.client, UPGRADE);
	turn_until(&asker.client, strstr(text_c(&asker.client.got), "\r\n\r\nbackup") != NULL);
	client_reset(&asker.client);
	log_until(&asker.client, 1);
	assert_log_has(&asker.fixture, 0, "\"reason\":\"closed\"");
	assert_log_has(&asker.fixture, 0, "\"end\":\"aborted\"");
	assert_int_equal(tunnels(&asker), 0);
	asker_done(&asker);
}

static void any_other_answer_is_one_and_frees_its_place(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 10);
	for (unsigned i = 1; i <= 2; i++) {
		client_say(&asker.client, UPGRADE);
		read_response(&asker.client, HTTP_GET, &asker.response);
		assert_int_equal(asker.response.head.status, 200);
		assert_true(has_field(&asker.response, "X-Cache", "PASS"));
		assert_int_equal(pulls(&asker), i);
		assert_int_equal(tunnels(&asker), 0);
	}
	asker_done(&asker);
}

static void there_are_not_too_many(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, DOMAINS);
	atomic_store(&asker.fixture.worker->tunnels, LIMIT_TUNNELS);
	client_say(&asker.client, UPGRADE);
	read_response(&asker.client, HTTP_GET, &asker.response);
	assert_int_equal(asker.response.head.status, 503);
	assert_true(has_field(&asker.response, "X-Headwater-Error", "tunnels"));
	assert_int_equal(pulls(&asker), 0);
	assert_int_equal(tunnels(&asker), LIMIT_TUNNELS);
	atomic_store(&asker.fixture.worker->tunnels, 0);
	asker_done(&asker);
}

static void without_leave_it_is_a_request_as_any_other(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 10);
	expect(&asker, "GET", "Connection: upgrade\r\nUpgrade: echo\r\n", 200, "MISS");
	assert_null(strstr(text_c(&asker.fixture.origins[0].last), "pgrade"));
	expect(&asker, "GET", "Connection: upgrade\r\nUpgrade: echo\r\n", 200, "HIT");
	asker_done(&asker);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_101_opens_a_tunnel_until_both_have_ended),
	        cmocka_unit_test(the_backup_may_be_the_one_that_changes),
	        cmocka_unit_test(any_other_answer_is_one_and_frees_its_place),
	        cmocka_unit_test(there_are_not_too_many),
	        cmocka_unit_test(without_leave_it_is_a_request_as_any_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
