/* Connections to another machine: names and addresses, and those that lead nowhere. */
#include "link/dial.h"

#include "net/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	struct loop *loop;
	struct link_dial_sink sink;
	struct link_dial *dial;
	unsigned calls;
	int socket;
	char why[80];
	bool frees;
} bench;

static void on_dialled(struct link_dial_sink *sink, int socket, const char *why)
{
	assert_ptr_equal(sink, &bench.sink);
	bench.calls++;
	bench.socket = socket;
	strncpy(bench.why, why != NULL ? why : "", sizeof(bench.why) - 1);
	if (!bench.frees)
		return;
	link_dial_free(bench.dial);
	bench.dial = NULL;
}

static int open_bench(void **state)
{
	(void)state;
	bench.loop = loop_new();
	bench.sink.on_dialled = on_dialled;
	bench.calls = 0;
	bench.frees = false;
	bench.socket = -1;
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	link_dial_free(bench.dial);
	bench.dial = NULL;
	loop_free(bench.loop);
	return 0;
}

static int listen_somewhere(struct address *ret_address)
{
	CHECK(address_parse(STR("127.0.0.1:0"), ret_address));
	int listener = tcp_listen(ret_address, 4);
	CHECK(listener >= 0 && tcp_local_address(listener, ret_address));
	return listener;
}

static void dial(const char *host, uint16_t port, const char *servers)
{
	bench.dial = link_dial_new(bench.loop, host, port, servers, &bench.sink);
	link_dial_start(bench.dial);
	assert_int_equal(bench.calls, 0);
}

static void wait_for_calls(unsigned calls)
{
	for (unsigned turns = 0; turns < 2000 && bench.calls < calls; turns++)
		loop_turn(bench.loop, 5);
	assert_int_equal(bench.calls, calls);
}

static void an_address_is_connected_to(void **state)
{
	(void)state;
	struct address address, peer;
	int listener = listen_somewhere(&address);
	dial("127.0.0.1", address.port, NULL);
	wait_for_calls(1);
	assert_true(bench.socket >= 0);
	assert_string_equal(bench.why, "");
	int accepted = tcp_accept(listener, &peer);
	assert_true(accepted >= 0);
	/* Again, by the same one. */
	close(bench.socket);
	close(accepted);
	link_dial_start(bench.dial);
	wait_for_calls(2);
	assert_true(bench.socket >= 0);
	close(bench.socket);
	close(listener);
}

/* localhost has an address at which nobody listens, too, where the machine knows it by both kinds.
 */
static void a_name_is_looked_up_and_all_its_addresses_are_tried(void **state)
{
	(void)state;
	struct address address;
	int listener = listen_somewhere(&address);
	dial("localhost", address.port, NULL);
	for (unsigned i = 1; i <= 4; i++) {
		wait_for_calls(i);
		assert_true(bench.socket >= 0);
		close(bench.socket);
		link_dial_start(bench.dial);
	}
	close(listener);
}

static void who_does_not_listen_is_told_so(void **state)
{
	(void)state;
	struct address address;
	close(listen_somewhere(&address));
	dial("127.0.0.1", address.port, NULL);
	wait_for_calls(1);
	assert_int_equal(bench.socket, -1);
	assert_string_equal(bench.why, "connection refused");
}

/* The server of names is one that does not answer: nobody listens there. */
static void a_name_that_is_not_known_is_told_so(void **state)
{
	(void)state;
	struct address address;
	char server[ADDRESS_TEXT_BYTES];
	close(listen_somewhere(&address));
	dial("nowhere.test", 80, address_format(&address, server));
	wait_for_calls(1);
	assert_int_equal(bench.socket, -1);
	assert_string_equal(bench.why, "its name cannot be resolved");
}

static void it_may_be_freed_at_any_time(void **state)
{
	(void)state;
	struct address address;
	int listener = listen_somewhere(&address);
	dial("127.0.0.1", address.port, NULL);
	link_dial_free(bench.dial);
	loop_turn(bench.loop, 10);
	assert_int_equal(bench.calls, 0);
	dial("127.0.0.1", address.port, NULL);
	loop_turn(bench.loop, 0);
	link_dial_free(bench.dial);
	bench.calls = 0;
	bench.frees = true;
	dial("127.0.0.1", address.port, NULL);
	wait_for_calls(1);
	assert_null(bench.dial);
	if (bench.socket >= 0)
		close(bench.socket);
	close(listener);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(an_address_is_connected_to),
	        TEST(a_name_is_looked_up_and_all_its_addresses_are_tried),
	        TEST(who_does_not_listen_is_told_so),
	        TEST(a_name_that_is_not_known_is_told_so),
	        TEST(it_may_be_freed_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
