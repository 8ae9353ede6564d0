/* How many failures there may be, of a client and of an account, and how long the next one waits.
 */
#include "fixture.h"

#include "base/limit.h"

enum {
	START_MS = 1000000,
	CLIENT_COST_MS = LIMIT_LOGIN_WINDOW_MS / LIMIT_LOGIN_FAILURES,
	ACCOUNT_COST_MS = LIMIT_LOGIN_WINDOW_MS / LIMIT_LOGIN_ACCOUNT_FAILURES,
};

static struct control_throttle_try try_of(const char *client, const char *account, uint64_t now_ms)
{
	struct control_throttle_try attempt = {.account = str_of(account), .now_ms = now_ms};
	assert_true(address_parse_ip(str_of(client), 1, &attempt.client));
	return attempt;
}

static uint64_t enter(
        struct control_throttle *throttle, const char *client, const char *account, uint64_t now_ms)
{
	struct control_throttle_try attempt = try_of(client, account, now_ms);
	return control_throttle_enter(throttle, &attempt);
}

/* So many failures of a client, each for another account. */
static void fail_often(
        struct control_throttle *throttle, const char *client, unsigned count, uint64_t now_ms)
{
	for (unsigned i = 0; i < count; i++) {
		char account[32];
		snprintf(account, sizeof(account), "%s-%u", client, i);
		assert_int_equal(enter(throttle, client, account, now_ms), 0);
	}
}

static void a_client_has_so_many_failures_in_the_window(void **state)
{
	(void)state;
	struct control_throttle *throttle = control_throttle_new();
	fail_often(throttle, "192.0.2.1", LIMIT_LOGIN_FAILURES, START_MS);
	assert_int_equal(enter(throttle, "192.0.2.1", "x", START_MS), CLIENT_COST_MS);
	/* Who is refused fills nothing. */
	assert_int_equal(enter(throttle, "192.0.2.1", "x", START_MS), CLIENT_COST_MS);
	assert_int_equal(enter(throttle, "192.0.2.1", "x", START_MS + 1), CLIENT_COST_MS - 1);
	assert_int_equal(enter(throttle, "192.0.2.1", "x", START_MS + CLIENT_COST_MS - 1), 1);
	/* Then there is room for one. */
	assert_int_equal(enter(throttle, "192.0.2.1", "x", START_MS + CLIENT_COST_MS), 0);
	assert_int_equal(
	        enter(throttle, "192.0.2.1", "x", START_MS + CLIENT_COST_MS), CLIENT_COST_MS);
	control_throttle_free(throttle);
}

static void a_window_later_all_is_as_at_first(void **state)
{
	(void)state;
	struct control_throttle *throttle = control_throttle_new();
	fail_often(throttle, "192.0.2.1", LIMIT_LOGIN_FAILURES, START_MS);
	fail_often(throttle, "192.0.2.1", LIMIT_LOGIN_FAILURES, START_MS + LIMIT_LOGIN_WINDOW_MS);
	assert_int_equal(enter(throttle, "192.0.2.1", "x", START_MS + LIMIT_LOGIN_WINDOW_MS),
	        CLIENT_COST_MS);
	/* However much later, there is no more room than that. */
	fail_often(throttle, "192.0.2.1", LIMIT_LOGIN_FAILURES,
	        START_MS + 100 * LIMIT_LOGIN_WINDOW_MS);
	assert_true(enter(throttle, "192.0.2.1", "x", START_MS + 100 * LIMIT_LOGIN_WINDOW_MS) > 0);
	control_throttle_free(throttle);
}

static void an_account_has_more_room_than_a_client(void **state)
{
	(void)state;
	struct control_throttle *throttle = control_throttle_new();
	for (unsigned i = 0; i < LIMIT_LOGIN_ACCOUNT_FAILURES; i++) {
		char client[32];
		snprintf(client, sizeof(client), "198.51.%u.%u", i / 8, i % 8);
		if (enter(throttle, client, "ada", START_MS) != 0)
			fail_msg("refused at %u", i);
	}
	assert_int_equal(enter(throttle, "192.0.2.9", "ada", START_MS), ACCOUNT_COST_MS);
	assert_int_equal(enter(throttle, "192.0.2.9", "bob", START_MS), 0);
	assert_int_equal(enter(throttle, "192.0.2.9", "ada", START_MS + ACCOUNT_COST_MS), 0);
	control_throttle_free(throttle);
}

static void a_success_is_no_failure(void **state)
{
	(void)state;
	struct control_throttle *throttle = control_throttle_new();
	for (unsigned i = 0; i < 10 * LIMIT_LOGIN_ACCOUNT_FAILURES; i++) {
		struct control_throttle_try attempt = try_of("192.0.2.1", "ada", START_MS);
		assert_int_equal(control_throttle_enter(throttle, &attempt), 0);
		control_throttle_clear(throttle, &attempt);
	}
	fail_often(throttle, "192.0.2.1", LIMIT_LOGIN_FAILURES, START_MS);
	assert_true(enter(throttle, "192.0.2.1", "ada", START_MS) > 0);
	control_throttle_free(throttle);
}

static void a_network_of_ipv6_is_one_client(void **state)
{
	(void)state;
	struct control_throttle *throttle = control_throttle_new();
	for (unsigned i = 0; i < LIMIT_LOGIN_FAILURES; i++) {
		char client[40];
		snprintf(client, sizeof(client), "2001:db8:0:1:%u::1", i);
		assert_int_equal(enter(throttle, client, client, START_MS), 0);
	}
	assert_int_equal(enter(throttle, "2001:db8:0:1:ffff::2", "x", START_MS), CLIENT_COST_MS);
	assert_int_equal(enter(throttle, "2001:db8:0:2::1", "x", START_MS), 0);
	control_throttle_free(throttle);
}

/* All of IPv4 lies in one /64 of mapped addresses. */
static void addresses_of_ipv4_are_clients_of_their_own(void **state)
{
	(void)state;
	struct control_throttle *throttle = control_throttle_new();
	fail_often(throttle, "192.0.2.1", LIMIT_LOGIN_FAILURES, START_MS);
	assert_int_equal(enter(throttle, "192.0.2.2", "x", START_MS), 0);
	control_throttle_free(throttle);
	control_throttle_free(NULL);
}

static int init(void **state)
{
	(void)state;
	hash_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_client_has_so_many_failures_in_the_window),
	        cmocka_unit_test(a_window_later_all_is_as_at_first),
	        cmocka_unit_test(an_account_has_more_room_than_a_client),
	        cmocka_unit_test(a_success_is_no_failure),
	        cmocka_unit_test(a_network_of_ipv6_is_one_client),
	        cmocka_unit_test(addresses_of_ipv4_are_clients_of_their_own),
	};
	return cmocka_run_group_tests(tests, init, NULL);
}
