/* Edges of other machines: who is let in, who is not, and that nobody keeps others out. */
#include "link/remote_bench.h"

#include "net/tcp.h"
#include "net/tls_issue.h"

static struct {
	int listener;
	struct address address;
	struct text authority, other_authority;
	char control[100], edge[100], liar[100]; /* files that show who one is */
	unsigned strangers, troubles;
	char why[160], from[ADDRESS_TEXT_BYTES];
} fleet;

static void on_stranger(struct link_hub_sink *sink, const char *from, const char *why)
{
	assert_ptr_equal(sink, &bench.hub_sink);
	fleet.strangers++;
	snprintf(fleet.why, sizeof(fleet.why), "%s", why);
	assert_true(str_has_prefix(str_of(from), STR("127.0.0.1:")));
}

static void on_trouble(struct link_hub_sink *sink, const char *words)
{
	assert_ptr_equal(sink, &bench.hub_sink);
	assert_true(words[0] != '\0');
	fleet.troubles++;
}

static void on_fleet_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	on_edge(sink, edge);
	snprintf(fleet.from, sizeof(fleet.from), "%s", edge->from != NULL ? edge->from : "");
}

static void issue(const struct text *authority, const char *name, const char *path)
{
	struct text pem = {0}, why = {0};
	CHECK(tls_issue_identity(text_str(authority), &name, 1, 10, &pem, &why));
	scratch_write(path, text_str(&pem));
	text_done(&pem);
}

static void listen_to_others(void)
{
	bench.hub_sink.on_stranger = on_stranger;
	bench.hub_sink.on_trouble = on_trouble;
	bench.hub_sink.on_edge = on_fleet_edge;
	assert_true(link_hub_listen(bench.hub, &fleet.listener, 1, fleet.control));
}

static int open_fleet(void **state)
{
	open_bench(state);
	CHECK(address_parse(STR("127.0.0.1:0"), &fleet.address));
	fleet.listener = tcp_listen(&fleet.address, 128);
	CHECK(fleet.listener >= 0 && tcp_local_address(fleet.listener, &fleet.address));
	const char *folder = bench.scratch.folder;
	snprintf(fleet.control, sizeof(fleet.control), "%s/control.pem", folder);
	snprintf(fleet.edge, sizeof(fleet.edge), "%s/edge.pem", folder);
	snprintf(fleet.liar, sizeof(fleet.liar), "%s/liar.pem", folder);
	tls_issue_authority(10, &fleet.authority);
	tls_issue_authority(10, &fleet.other_authority);
	issue(&fleet.authority, "127.0.0.1", fleet.control);
	issue(&fleet.authority, "edge-1", fleet.edge);
	fleet.strangers = fleet.troubles = 0;
	fleet.why[0] = fleet.from[0] = '\0';
	return 0;
}

static int close_fleet(void **state)
{
	unlink(fleet.control);
	unlink(fleet.edge);
	unlink(fleet.liar);
	text_done(&fleet.authority);
	text_done(&fleet.other_authority);
	int result = close_bench(state);
	close(fleet.listener);
	return result;
}

static void open_far(const char *identity)
{
	const struct link_remote_options options = {
	        .host = "127.0.0.1",
	        .port = fleet.address.port,
	        .identity = identity,
	        .id = "edge-1",
	        .times = TIMES,
	        .retry_ms = 20,
	        .ledger = &bench.scratch.place,
	        .purges = &bench.cache.sink,
	};
	bench.remote = link_remote_open(bench.loop, &options, &bench.told.sink);
}

static void an_edge_of_another_machine_has_what_there_is_and_what_comes(void **state)
{
	(void)state;
	listen_to_others();
	change_many(3000, 1, 1);
	open_far(fleet.edge);
	wait_for(1);
	assert_int_equal(model_snapshot_count(bench.told.snapshot), 3000);
	change("a.test", 2, 2);
	wait_for(2);
	TURN_UNTIL(bench.applied == 2);
	assert_true(str_has_prefix(str_of(fleet.from), STR("127.0.0.1:")));
	assert_int_equal(fleet.strangers + fleet.troubles + bench.told.troubles, 0);
}

static void it_comes_back_to_a_control_plane_that_was_away(void **state)
{
	(void)state;
	listen_to_others();
	change("a.test", 1, 1);
	open_far(fleet.edge);
	wait_for(1);
	close_hub();
	TURN_UNTIL(bench.told.troubles == 1);
	open_hub("store-1");
	listen_to_others();
	change("a.test", 1, 1);
	change("b.test", 2, 2);
	wait_for(2);
	assert_domains(bench.told.snapshot, "a.test=1 b.test=2");
	assert_int_equal(bench.told.troubles, 2); /* the second says that it is over */
}

static void who_has_a_certificate_of_another_edge_is_not_let_in(void **state)
{
	(void)state;
	listen_to_others();
	change("a.test", 1, 1);
	issue(&fleet.authority, "edge-2", fleet.liar);
	open_far(fleet.liar);
	TURN_UNTIL(fleet.strangers > 0);
	assert_string_equal(fleet.why, "its certificate is not for the name that it says");
	TURN_UNTIL(fleet.strangers > 2); /* it tries again, and the operator is told once */
	assert_int_equal(bench.told.troubles, 1);
	assert_int_equal(link_hub_edge_count(bench.hub), 0);
	assert_int_equal(bench.told.calls, 0);
}

static void who_is_of_another_fleet_is_not_let_in(void **state)
{
	(void)state;
	listen_to_others();
	change("a.test", 1, 1);
	issue(&fleet.other_authority, "edge-1", fleet.liar);
	open_far(fleet.liar);
	TURN_UNTIL(fleet.strangers > 0 && bench.told.troubles == 1);
	assert_true(str_has_prefix(str_of(fleet.why), STR("TLS: ")));
	assert_int_equal(bench.told.calls, 0);
	/* It gets what it needs, and nobody has to start it again. */
	issue(&fleet.authority, "edge-1", fleet.liar);
	wait_for(1);
	assert_int_equal(bench.told.troubles, 2);
}

/* A connection that says nothing by itself. */
static int connect_somebody(void)
{
	int fd;
	assert_int_equal(tcp_connect(&fleet.address, &fd), FAULT_NONE);
	return fd;
}

static void who_speaks_no_tls_is_a_stranger(void **state)
{
	(void)state;
	listen_to_others();
	int fd = connect_somebody();
	TURN_UNTIL(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
	TURN_UNTIL(fleet.strangers == 1);
	assert_true(str_has_prefix(str_of(fleet.why), STR("TLS: ")));
	close(fd);
}

static void who_says_nothing_is_gone_in_time(void **state)
{
	(void)state;
	listen_to_others();
	uint64_t begun_ms = clock_ms();
	int fd = connect_somebody();
	TURN_UNTIL(fleet.strangers == 1);
	assert_true(clock_ms() - begun_ms >= TIMES.lease_ms - 100);
	close(fd);
}

static void strangers_keep_no_edge_out(void **state)
{
	(void)state;
	enum { MANY = 3 * LIMIT_LINK_STRANGERS };
	int fds[MANY];
	listen_to_others();
	change("a.test", 1, 1);
	for (unsigned i = 0; i < MANY; i++) {
		fds[i] = connect_somebody();
		turn();
	}
	open_far(fleet.edge);
	wait_for(1);
	assert_int_equal(link_hub_edge_count(bench.hub), 1);
	assert_true(fleet.strangers >= MANY - LIMIT_LINK_STRANGERS);
	assert_true(fleet.strangers <= MANY - LIMIT_LINK_STRANGERS + 1);
	assert_non_null(strstr(fleet.why, "too many came after it"));
	for (unsigned i = 0; i < MANY; i++)
		close(fds[i]);
}

static void without_a_good_file_nobody_is_let_in_until_there_is_one(void **state)
{
	(void)state;
	scratch_write(fleet.control, STR("rubbish"));
	listen_to_others();
	assert_int_equal(fleet.troubles, 1);
	change("a.test", 1, 1);
	open_far(fleet.edge);
	TURN_UNTIL(bench.told.troubles == 1);
	assert_int_equal(link_hub_edge_count(bench.hub), 0);
	issue(&fleet.authority, "127.0.0.1", fleet.control);
	wait_for(1);
	assert_int_equal(fleet.troubles, 1);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fleet, close_fleet)
	const struct CMUnitTest tests[] = {
	        TEST(an_edge_of_another_machine_has_what_there_is_and_what_comes),
	        TEST(it_comes_back_to_a_control_plane_that_was_away),
	        TEST(who_has_a_certificate_of_another_edge_is_not_let_in),
	        TEST(who_is_of_another_fleet_is_not_let_in),
	        TEST(who_speaks_no_tls_is_a_stranger),
	        TEST(who_says_nothing_is_gone_in_time),
	        TEST(strangers_keep_no_edge_out),
	        TEST(without_a_good_file_nobody_is_let_in_until_there_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
