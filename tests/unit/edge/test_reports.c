/* What an edge reports: states of addresses, sums that have changed, lines; as JSON. */
#include "edge/reports.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/json.h"
#include "net/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct link_wire_times TIMES = {.ping_ms = 60000, .lease_ms = 60000};

static struct {
	struct loop *loop;
	struct origin_health_sink health_sink;
	struct edge_reports_options options;
	struct edge_tally *tally;
	struct edge_reports *reports;
	struct link_reporter *reporter;
	struct link_wire *edge, *control;
	struct link_wire_sink edge_sink, control_sink;
	struct text heard; /* the last message */
	unsigned messages;
} bench;

static void on_suspect(struct origin_health_sink *self, struct origin_host *host)
{
	(void)self;
	(void)host;
}

static void on_change(struct origin_health_sink *self, struct origin_host *host,
        struct origin_server *server, enum origin_state from, enum origin_state to,
        enum fault reason)
{
	(void)self;
	(void)host;
	(void)server;
	(void)reason;
	assert_int_not_equal(from, to);
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	(void)sink;
	assert_true(link_message_report_of(kind) < LINK_REPORTS);
	text_clear(&bench.heard);
	text_add(&bench.heard, payload);
	bench.messages++;
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

static int open_bench(void **state)
{
	static const struct origin_health_options HEALTH = {
	        .block_ms = 60000,
	        .block_max_ms = 600000,
	        .forgive_ms = 600000,
	        .ramp_ms = 10000,
	        .connection_failures = 3,
	        .connection_window_ms = 60000,
	        .response_failures = 6,
	        .response_window = 20,
	        .response_urls = 3,
	        .trial_lease_ms = 30000,
	};
	int ends[2];
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.loop = loop_new();
	bench.health_sink = (struct origin_health_sink){on_suspect, on_change};
	bench.tally = edge_tally_new();
	bench.options = (struct edge_reports_options){
	        .health = origin_health_new(&HEALTH, &bench.health_sink),
	        .tail = edge_tail_new(),
	        .tallies = &bench.tally,
	        .tally_count = 1,
	};
	bench.reports = edge_reports_new(&bench.options);
	bench.reporter = link_reporter_new(bench.loop, edge_reports_source(bench.reports));
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
	link_reporter_free(bench.reporter);
	link_wire_free(bench.edge);
	link_wire_free(bench.control);
	edge_reports_free(bench.reports);
	edge_tally_free(bench.tally);
	edge_tail_free(bench.options.tail);
	origin_health_free(bench.options.health);
	text_done(&bench.heard);
	loop_free(bench.loop);
	return 0;
}

/* Subscribes to one kind, and returns what is heard next, without what is around the items. */
static const char *hear(enum link_report_kind kind)
{
	struct link_subscription wanted = {.every_ms = {0}};
	struct model_problems problems = {0};
	struct model_node *root;
	struct arena arena;
	const unsigned before = bench.messages;
	wanted.every_ms[kind] = 100;
	wanted.filter_count = 1; /* of the log, all */
	link_reporter_subscribe(bench.reporter, bench.edge, &wanted);
	for (unsigned turns = 0; turns < 4000 && bench.messages == before; turns++)
		loop_turn(bench.loop, 5);
	assert_true(bench.messages > before);
	arena_init(&arena, NULL, 0);
	if (!model_json_read(&arena, text_str(&bench.heard), &problems, &root))
		fail_msg("%s: %s", text_c(&bench.heard), problems.list[0].message);
	model_problems_done(&problems);
	arena_reset(&arena);
	static const char HEAD[] = "{\"more\":false,\"dropped\":0,\"items\":[";
	assert_memory_equal(bench.heard.at, HEAD, sizeof(HEAD) - 1);
	bench.heard.at[bench.heard.len - 2] = '\0';
	return bench.heard.at + sizeof(HEAD) - 1;
}

static struct origin_server *add_server(const char *domain, const char *name)
{
	struct address address;
	assert_true(address_parse(STR("192.0.2.1:80"), &address));
	return origin_health_server(bench.options.health, str_of(domain), &address,
	        name[0] != '\0' ? MODEL_HTTPS : MODEL_HTTP, str_of(name));
}

static void a_good_address_says_little(void **state)
{
	(void)state;
	assert_string_equal(hear(LINK_REPORT_HEALTH), "");
	struct origin_server *server = add_server("a.test", "");
	assert_string_equal(hear(LINK_REPORT_HEALTH),
	        "{\"domain\":\"a.test\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\","
	        "\"state\":\"usable\",\"successes\":0,\"failures\":0,\"connection_failures\":0}");
	origin_health_note_latency(server, 1234);
	assert_non_null(strstr(hear(LINK_REPORT_HEALTH), ",\"latency_us\":1234}"));
	origin_health_server_unref(server);
	assert_string_equal(hear(LINK_REPORT_HEALTH), "");
}

/* A number behind a key of what was heard. */
static uint64_t number_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	assert_non_null(at);
	return strtoull(at + strlen(key) + 2, NULL, 10);
}

static void a_blocked_one_says_why_since_when_and_for_how_long(void **state)
{
	(void)state;
	struct origin_server *server = add_server("a.test", "s.test");
	uint64_t now_ms = clock_ms();
	for (unsigned i = 0; i < 3; i++)
		origin_health_note_connection(
		        origin_health_server_host(server), FAULT_CONNECT_REFUSED, now_ms);
	const char *heard = hear(LINK_REPORT_HEALTH);
	assert_non_null(strstr(heard, "\"protocol\":\"https\",\"server_name\":\"s.test\","));
	assert_non_null(strstr(heard, "\"state\":\"blocked\",\"of\":\"host\","));
	assert_non_null(strstr(heard, fault_name(FAULT_CONNECT_REFUSED)));
	assert_int_equal(number_of(heard, "connection_failures"), 3);
	uint64_t since_ms = number_of(heard, "blocked_since_ms");
	assert_true(since_ms <= clock_wall_ms() && since_ms + 20000 > clock_wall_ms());
	assert_in_range(number_of(heard, "left_ms"), 30000, 66000);
	origin_health_server_unref(server);
}

static void a_change_is_told_at_once(void **state)
{
	(void)state;
	const struct link_subscription wanted = {.every_ms = {60000, 0, 0}};
	/* Nobody wants to know. */
	edge_reports_note_health(bench.reports);
	link_reporter_subscribe(bench.reporter, bench.edge, &wanted);
	for (unsigned turns = 0; turns < 4000 && bench.messages == 0; turns++)
		loop_turn(bench.loop, 5);
	assert_int_equal(bench.messages, 1);
	struct origin_server *server = add_server("a.test", "");
	edge_reports_note_health(bench.reports);
	for (unsigned turns = 0; turns < 4000 && bench.messages == 1; turns++)
		loop_turn(bench.loop, 5);
	assert_non_null(strstr(text_c(&bench.heard), "a.test"));
	origin_health_server_unref(server);
}

static void a_server_may_be_worse_than_its_host(void **state)
{
	(void)state;
	struct origin_server *server = add_server("a.test", "");
	origin_health_probed_server(server, false, FAULT_HEAD_TIMEOUT, clock_ms());
	const char *heard = hear(LINK_REPORT_HEALTH);
	assert_non_null(strstr(heard, "\"state\":\"blocked\",\"of\":\"server\","));
	origin_health_server_unref(server);
}

static void counters_are_told_once_and_when_they_change(void **state)
{
	(void)state;
	const struct edge_tally_request request = {
	        .is_hit = true, .status = 200, .bytes_out = 7, .fault = FAULT_CLIENT_GONE};
	const struct edge_tally_pull pull = {
	        .role = MODEL_BACKUP, .status = 503, .fault = FAULT_TRUNCATED, .bytes = 5};
	edge_tally_add_request(bench.tally, STR("a.test"), &request);
	edge_tally_add_pull(bench.tally, STR("a.test"), &pull);
	char wanted[512];
	snprintf(wanted, sizeof(wanted),
	        "{\"domain\":\"a.test\",\"requests\":1,\"hits\":1,\"bytes_out\":7,\"status_2xx\":1,"
	        "\"faults\":{\"%s\":1},\"backup\":{\"pulls\":1,\"bytes\":5,\"status_5xx\":1,"
	        "\"faults\":{\"%s\":1}}}",
	        fault_name(FAULT_CLIENT_GONE), fault_name(FAULT_TRUNCATED));
	assert_string_equal(hear(LINK_REPORT_COUNTERS), wanted);
	assert_string_equal(hear(LINK_REPORT_COUNTERS), "");
	const struct edge_tally_pull unasked = {
	        .role = MODEL_MASTER, .is_unasked = true, .fault = FAULT_DNS};
	edge_tally_add_pull(bench.tally, STR("b.test"), &unasked);
	snprintf(wanted, sizeof(wanted),
	        "{\"domain\":\"b.test\",\"origin\":{\"faults\":{\"%s\":1}}}",
	        fault_name(FAULT_DNS));
	assert_string_equal(hear(LINK_REPORT_COUNTERS), wanted);
	/* Who begins to want them is told all of them. */
	link_reporter_end(bench.reporter);
	assert_non_null(strstr(hear(LINK_REPORT_COUNTERS), "\"requests\":1"));
}

static void lines_are_told_while_they_are_wanted(void **state)
{
	(void)state;
	const struct link_subscription wanted = {.every_ms = {0, 0, 100}, .filter_count = 1};
	const struct edge_log_entry entry = {.domain = STR("a.test"),
	        .host = STR("a.test"),
	        .method = STR("GET"),
	        .target = STR("/\"\xff"),
	        .minor = 1,
	        .status = 200,
	        .cache = "HIT"};
	assert_false(edge_tail_is_wanted(bench.options.tail));
	link_reporter_subscribe(bench.reporter, bench.edge, &wanted);
	assert_true(edge_tail_is_wanted(bench.options.tail));
	edge_tail_add(bench.options.tail, &entry);
	edge_tail_add(bench.options.tail, &entry);
	const char *heard = hear(LINK_REPORT_LOG);
	const char *second = strstr(heard, "},{");
	assert_non_null(second);
	assert_null(strstr(second + 1, "},{"));
	assert_non_null(strstr(heard, "a.test"));
	link_reporter_end(bench.reporter);
	assert_false(edge_tail_is_wanted(bench.options.tail));
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(a_good_address_says_little),
	        TEST(a_blocked_one_says_why_since_when_and_for_how_long),
	        TEST(a_server_may_be_worse_than_its_host),
	        TEST(a_change_is_told_at_once),
	        TEST(counters_are_told_once_and_when_they_change),
	        TEST(lines_are_told_while_they_are_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
