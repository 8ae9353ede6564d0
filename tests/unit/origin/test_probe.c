/* What the steward does: confirmations, the ends of blocks, slow starts. */
#include "origin/probe.h"

#include "stand.h"

static struct origin_host *host_of(struct stand *stand, const struct address *address)
{
	return origin_health_host(origin_shared_health(stand->shared), address);
}

static struct origin_server *server_of(struct stand *stand, const struct address *address)
{
	return origin_health_server(
	        origin_shared_health(stand->shared), STR("a.test"), address, MODEL_HTTP, STR_EMPTY);
}

static void one_failure_that_two_probes_confirm_blocks(void **state)
{
	struct stand *stand = *state;
	struct address dead = stand_dead_address(stand->loop);
	struct origin_host *host = host_of(stand, &dead);
	uint64_t since_ms = clock_ms();
	origin_health_note_connection(host, FAULT_CONNECT_RESET, since_ms);
	assert_int_equal(stand_host_state(stand, &dead), ORIGIN_USABLE);
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == 1);
	assert_in_range(clock_ms() - since_ms, 150, 4000);
	assert_int_equal(stand->reason, FAULT_CONNECT_REFUSED);
	assert_string_equal(stand->domain, "");
	assert_true(address_is_equal(&stand->address, &dead));
	assert_in_range(stand->for_ms, 90, 110);
	origin_health_host_unref(host);
}

static void a_failure_that_the_probes_do_not_see_blocks_nobody(void **state)
{
	struct stand *stand = *state;
	struct stand_origin origin;
	stand_origin_open(&origin, stand->loop);
	struct origin_host *host = host_of(stand, &origin.address);
	origin_health_note_connection(host, FAULT_CONNECT_TIMEOUT, clock_ms());
	STAND_UNTIL(stand->loop, origin.accepted > 0);
	stand_pass(stand->loop, 300);
	assert_int_equal(stand->changes, 0);
	assert_int_equal(origin.accepted, 1);
	origin_health_host_unref(host);
	stand_origin_close(&origin);
}

static void an_origin_that_comes_back_between_the_probes_is_not_blocked(void **state)
{
	struct stand *stand = *state;
	struct stand_origin origin;
	struct address address = stand_dead_address(stand->loop);
	struct origin_host *host = host_of(stand, &address);
	origin_health_note_connection(host, FAULT_CONNECT_REFUSED, clock_ms());
	stand_pass(stand->loop, 20);
	stand_origin_open_at(&origin, stand->loop, address);
	STAND_UNTIL(stand->loop, origin.accepted == 1);
	stand_pass(stand->loop, 100);
	assert_int_equal(stand->changes, 0);
	origin_health_host_unref(host);
	stand_origin_close(&origin);
}

static void a_block_ends_with_one_probe_and_waits_for_its_trial(void **state)
{
	struct stand *stand = *state;
	struct stand_origin origin;
	stand_origin_open(&origin, stand->loop);
	struct origin_host *host = host_of(stand, &origin.address);
	struct origin_server *server = server_of(stand, &origin.address);
	for (unsigned i = 0; i < 3; i++)
		origin_health_note_connection(host, FAULT_CONNECT_REFUSED, clock_ms());
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_READY] == 1);
	assert_int_equal(stand->to[ORIGIN_PROBING], 1);
	stand_pass(stand->loop, 150);
	/* One for the suspicion that came first, one for the end of the block. */
	assert_int_equal(origin.accepted, 2);
	assert_true(origin_health_take_trial(host, server, clock_ms()));
	origin_health_note_connection(host, FAULT_NONE, clock_ms());
	origin_health_note_response(server, FAULT_NONE, 1, true, clock_ms());
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_USABLE] == 1);
	assert_int_equal(stand->to[ORIGIN_RAMPING], 1);
	assert_int_equal(stand_host_state(stand, &origin.address), ORIGIN_USABLE);
	origin_health_server_unref(server);
	origin_health_host_unref(host);
	stand_origin_close(&origin);
}

static void a_probe_that_fails_blocks_for_twice_as_long(void **state)
{
	struct stand *stand = *state;
	struct address dead = stand_dead_address(stand->loop);
	struct origin_host *host = host_of(stand, &dead);
	for (unsigned i = 0; i < 3; i++)
		origin_health_note_connection(host, FAULT_CONNECT_REFUSED, clock_ms());
	/* Nobody needs to pull for that. */
	origin_health_host_unref(host);
	static const unsigned expected_ms[] = {100, 200, 400, 400};
	for (unsigned i = 0; i < ARRAY_LENGTH(expected_ms); i++) {
		STAND_UNTIL(stand->loop, stand->to[ORIGIN_BLOCKED] == i + 1);
		assert_in_range(stand->for_ms, expected_ms[i] * 9 / 10, expected_ms[i] * 11 / 10);
	}
	assert_int_equal(stand->to[ORIGIN_READY], 0);
}

static void the_block_of_a_server_ends_with_a_tcp_probe_too(void **state)
{
	struct stand *stand = *state;
	struct stand_origin origin;
	stand_origin_open(&origin, stand->loop);
	struct origin_server *server = server_of(stand, &origin.address);
	for (unsigned i = 0; i < 6; i++)
		origin_health_note_response(server, FAULT_HEAD_TIMEOUT, i, true, clock_ms());
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_READY] == 1);
	assert_string_equal(stand->domain, "a.test");
	assert_int_equal(origin.accepted, 1);
	struct origin_host *host = origin_health_server_host(server);
	assert_true(origin_health_take_trial(host, server, clock_ms()));
	origin_health_note_response(server, FAULT_NONE, 1, true, clock_ms());
	STAND_UNTIL(stand->loop, stand->to[ORIGIN_USABLE] == 1);
	origin_health_server_unref(server);
	stand_origin_close(&origin);
}

static void it_ends_in_the_midst_of_everything(void **state)
{
	struct stand *stand = *state;
	/* A confirmation with a check under way, a watch with its timer, and a message not
	 * received. */
	struct address dead = stand_dead_address(stand->loop);
	struct origin_host *host = host_of(stand, &dead);
	origin_health_note_connection(host, FAULT_CONNECT_REFUSED, clock_ms());
	loop_turn(stand->loop, 0);
	origin_health_probed_host(host, false, FAULT_CONNECT_REFUSED, clock_ms());
	loop_turn(stand->loop, 0);
	struct origin_server *server = server_of(stand, &dead);
	origin_health_probed_server(server, false, FAULT_STATUS, clock_ms());
	origin_health_server_unref(server);
	origin_health_host_unref(host);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(one_failure_that_two_probes_confirm_blocks),
	        STAND_TEST(a_failure_that_the_probes_do_not_see_blocks_nobody),
	        STAND_TEST(an_origin_that_comes_back_between_the_probes_is_not_blocked),
	        STAND_TEST(a_block_ends_with_one_probe_and_waits_for_its_trial),
	        STAND_TEST(a_probe_that_fails_blocks_for_twice_as_long),
	        STAND_TEST(the_block_of_a_server_ends_with_a_tcp_probe_too),
	        STAND_TEST(it_ends_in_the_midst_of_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
