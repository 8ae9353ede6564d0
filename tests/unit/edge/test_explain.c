/* Questions of the control plane, and when they are answered. */
#include "edge/explain.h"

#include "base/clock.h"
#include "base/hash.h"
#include "model/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static const struct link_wire_times TIMES = {.ping_ms = 5000, .lease_ms = 20000};

static struct {
	struct loop *loop;
	struct origin_shared_sink sink;
	struct origin_shared *origins;
	struct model_snapshot *snapshot;
	struct edge_explain *explain;
	struct link_asked *asked;
	struct link_wire_sink edge_sink, control_sink;
	struct link_wire *edge, *control;
	struct text told; /* payloads of answers, one behind the other */
} bench;

static void on_health(struct origin_shared_sink *sink, const struct address *address,
        struct str domain, enum origin_state from, enum origin_state to, enum fault reason,
        uint64_t for_ms)
{
	(void)sink;
	(void)address;
	(void)domain;
	(void)from;
	(void)to;
	(void)reason;
	(void)for_ms;
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	(void)sink;
	if (kind == LINK_SAYS_ANSWER)
		text_add(&bench.told, payload);
}

static void on_sent(struct link_wire_sink *sink)
{
	(void)sink;
}

static void on_end(struct link_wire_sink *sink, const char *why)
{
	(void)sink;
	fail_msg("%s", why);
}

static void read_domains(const char *document)
{
	struct model_problems problems = {0};
	struct model_domains domains;
	assert_true(
	        model_read_domains(str_of(document), "test", MODEL_CLASSIC, &problems, &domains));
	struct model_change change = {domains.list[0]->name, domains.list[0]};
	struct model_snapshot *empty = model_snapshot_new();
	bench.snapshot = model_snapshot_with(empty, &change, 1, 1);
	model_snapshot_unref(empty);
	model_domains_done(&domains);
}

static int open_bench(void **state)
{
	const struct origin_shared_options origins = {
	        .health = {.block_ms = 60000,
	                .block_max_ms = 600000,
	                .forgive_ms = 600000,
	                .ramp_ms = 10000,
	                .connection_failures = 3,
	                .connection_window_ms = 60000,
	                .response_failures = 6,
	                .response_window = 20,
	                .response_urls = 3,
	                .trial_lease_ms = 30000},
	        .dns_servers = "127.0.0.1:1",
	        .ttl_min_s = 5,
	        .ttl_max_s = 300,
	        .confirm_gap_ms = 200,
	        .probe_timeout_ms = 300,
	};
	int ends[2];
	(void)state;
	bench.loop = loop_new();
	bench.sink.on_health = on_health;
	bench.origins = origin_shared_new(bench.loop, &origins, &bench.sink);
	const struct edge_explain_options options = {
	        .loop = bench.loop, .origins = bench.origins, .snapshot = &bench.snapshot};
	bench.explain = edge_explain_new(&options);
	bench.asked = link_asked_new(edge_explain_sink(bench.explain));
	assert_int_equal(
	        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	bench.edge_sink = bench.control_sink = (struct link_wire_sink){
	        .on_message = on_message, .on_sent = on_sent, .on_end = on_end};
	bench.edge = link_wire_new(bench.loop, ends[0], NULL, &TIMES, &bench.edge_sink);
	bench.control = link_wire_new(bench.loop, ends[1], NULL, &TIMES, &bench.control_sink);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	link_wire_free(bench.edge);
	link_wire_free(bench.control);
	link_asked_free(bench.asked);
	edge_explain_free(bench.explain);
	origin_shared_free(bench.origins);
	model_snapshot_unref(bench.snapshot);
	bench.snapshot = NULL;
	loop_free(bench.loop);
	text_done(&bench.told);
	return 0;
}

static void ask(unsigned number, const char *what, const char *question)
{
	struct text payload = {0};
	link_message_print_ask(number, str_of(what), str_of(question), &payload);
	assert_true(link_asked_hear(bench.asked, bench.edge, text_str(&payload)));
	text_done(&payload);
}

static void turn_until(const char *what, unsigned patience_ms)
{
	uint64_t end_ms = clock_ms() + patience_ms;
	while (strstr(text_c(&bench.told), what) == NULL) {
		if (clock_ms() > end_ms)
			fail_msg("no %s in %s", what, text_c(&bench.told));
		loop_turn(bench.loop, 5);
	}
}

static void what_is_known_is_answered_at_once(void **state)
{
	(void)state;
	read_domains("domains: [{name: a.test, origin: {addresses: [192.0.2.1]}}]");
	ask(7, "explain", "{\"url\":\"http://a.test/x\",\"method\":\"GET\",\"fail\":\"\"}");
	turn_until("{\"number\":7,\"error\":\"\",\"answer\":\"{\\\"url\\\":", 5000);
	turn_until("\\\"state\\\":\\\"off\\\"", 0); /* without a cache */
}

static void what_makes_no_sense_is_answered_with_an_error(void **state)
{
	(void)state;
	read_domains("domains: [{name: a.test, origin: {addresses: [192.0.2.1]}}]");
	ask(1, "weather", "{}");
	ask(2, "explain", "{\"url\":\"nonsense\",\"method\":\"GET\",\"fail\":\"\"}");
	turn_until("{\"number\":1,\"error\":\"nobody knows that here\",\"answer\":\"\"}", 5000);
	turn_until(
	        "{\"number\":2,\"error\":\"the question cannot be read\",\"answer\":\"\"}", 5000);
}

/* Nobody answers at that port; the answer comes all the same, before the control plane gives up. */
static void names_are_waited_for_and_not_for_ever(void **state)
{
	(void)state;
	read_domains("domains: [{name: a.test, origin: {addresses: [o.test]}}]");
	uint64_t began_ms = clock_ms();
	ask(3, "explain", "{\"url\":\"http://a.test/x\",\"method\":\"GET\",\"fail\":\"\"}");
	assert_int_equal(bench.told.len, 0);
	turn_until("{\"number\":3,\"error\":\"\"", 10000);
	turn_until("\\\"unresolved\\\":1", 0);
	turn_until("\\\"reason\\\":\\\"dns\\\"", 0);
	assert_true(clock_ms() - began_ms >= 10);
}

static void who_is_gone_is_not_answered(void **state)
{
	(void)state;
	read_domains("domains: [{name: a.test, origin: {addresses: [o.test]}}]");
	ask(3, "explain", "{\"url\":\"http://a.test/x\",\"method\":\"GET\",\"fail\":\"\"}");
	link_asked_end(bench.asked);
	for (uint64_t end_ms = clock_ms() + 1500; clock_ms() < end_ms;)
		loop_turn(bench.loop, 10);
	assert_int_equal(bench.told.len, 0);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(what_is_known_is_answered_at_once),
	        TEST(what_makes_no_sense_is_answered_with_an_error),
	        TEST(names_are_waited_for_and_not_for_ever),
	        TEST(who_is_gone_is_not_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
