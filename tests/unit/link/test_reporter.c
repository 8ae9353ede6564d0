/* Reports: in time, cut into messages, bounded, and only while somebody wants them. */
#include "link/reporter.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "model/node.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct link_wire_times TIMES = {.ping_ms = 60000, .lease_ms = 60000};

static struct {
	struct loop *loop;
	struct link_wire *edge, *control;
	struct link_wire_sink edge_sink, control_sink;
	struct link_report_source source;
	struct link_reporter *reporter;
	/* what is reported each time */
	unsigned items, item_bytes, dropped;
	unsigned asked[LINK_REPORTS];
	bool is_wanted[LINK_REPORTS];
	unsigned filters;
	/* what was heard */
	unsigned messages[LINK_REPORTS], ends[LINK_REPORTS], heard_items;
	uint64_t heard_dropped;
} bench;

static void on_report(
        struct link_report_source *source, enum link_report_kind kind, struct link_report *report)
{
	struct text item = {0};
	assert_ptr_equal(source, &bench.source);
	assert_true(bench.is_wanted[kind]);
	bench.asked[kind]++;
	for (unsigned i = 0; i < bench.items; i++) {
		text_clear(&item);
		text_addf(&item, "{\"a\":\"%0*u\"}", (int)bench.item_bytes - 8, i);
		assert_int_equal(item.len, bench.item_bytes);
		(void)!link_reporter_add(report, text_str(&item));
	}
	link_reporter_drop(report, bench.dropped);
	text_done(&item);
}

static void on_wanted(struct link_report_source *source, enum link_report_kind kind,
        const struct link_subscription *subscription)
{
	const bool is_wanted = subscription->every_ms[kind] > 0;
	assert_ptr_equal(source, &bench.source);
	/* The log may be wanted otherwise than before. */
	if (kind == LINK_REPORT_LOG && is_wanted)
		bench.filters = subscription->filter_count;
	else
		assert_int_not_equal(bench.is_wanted[kind], is_wanted);
	bench.is_wanted[kind] = is_wanted;
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct arena arena;
	struct link_report_head head;
	const struct model_node *items;
	(void)sink;
	enum link_report_kind report = link_message_report_of(kind);
	assert_true(report < LINK_REPORTS);
	arena_init(&arena, NULL, 0);
	assert_true(link_message_read_report(&arena, payload, &head, &items));
	bench.messages[report]++;
	bench.ends[report] += !head.has_more;
	bench.heard_items += (unsigned)items->count;
	bench.heard_dropped += head.dropped;
	arena_reset(&arena);
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
	int ends[2];
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.item_bytes = 20;
	bench.loop = loop_new();
	assert_int_equal(
	        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	bench.edge_sink = bench.control_sink = (struct link_wire_sink){
	        .on_message = on_message, .on_sent = on_sent, .on_end = on_end};
	bench.edge = link_wire_new(bench.loop, ends[0], NULL, &TIMES, &bench.edge_sink);
	bench.control = link_wire_new(bench.loop, ends[1], NULL, &TIMES, &bench.control_sink);
	bench.source = (struct link_report_source){.on_report = on_report, .on_wanted = on_wanted};
	bench.reporter = link_reporter_new(bench.loop, &bench.source);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	link_reporter_free(bench.reporter);
	for (unsigned i = 0; i < LINK_REPORTS; i++)
		assert_false(bench.is_wanted[i]);
	link_wire_free(bench.edge);
	link_wire_free(bench.control);
	loop_free(bench.loop);
	return 0;
}

static void subscribe(uint32_t health_ms, uint32_t counters_ms, uint32_t log_ms)
{
	const struct link_subscription wanted = {.every_ms = {health_ms, counters_ms, log_ms}};
	link_reporter_subscribe(bench.reporter, bench.edge, &wanted);
}

static void turn_for(unsigned ms)
{
	for (uint64_t end_ms = clock_ms() + ms; clock_ms() < end_ms;)
		loop_turn(bench.loop, 5);
}

#define TURN_UNTIL(condition)                                                                      \
	do {                                                                                       \
		for (unsigned turns = 0; turns < 4000 && !(condition); turns++)                    \
			loop_turn(bench.loop, 5);                                                  \
		assert_true(condition);                                                            \
	} while (0)

static void what_is_wanted_is_reported_until_it_is_not(void **state)
{
	(void)state;
	bench.items = 3;
	turn_for(30);
	assert_int_equal(bench.asked[LINK_REPORT_HEALTH], 0);
	/* At once, and not more often than is allowed. */
	subscribe(1, 60000, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 1 && bench.ends[LINK_REPORT_COUNTERS] == 1);
	assert_int_equal(bench.heard_items, 6);
	uint64_t begun_ms = clock_ms();
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 4);
	assert_true(clock_ms() - begun_ms >= 2 * LIMIT_LINK_REPORT_MS);
	assert_int_equal(bench.asked[LINK_REPORT_COUNTERS], 1);
	subscribe(0, 0, 0);
	turn_for(2 * LIMIT_LINK_REPORT_MS);
	assert_int_equal(bench.asked[LINK_REPORT_HEALTH], 4);
	subscribe(100, 0, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 5);
	link_reporter_end(bench.reporter);
	turn_for(2 * LIMIT_LINK_REPORT_MS);
	assert_int_equal(bench.ends[LINK_REPORT_HEALTH], 5);
}

static void a_long_report_is_several_messages(void **state)
{
	(void)state;
	bench.items = 1000;
	bench.item_bytes = 1000;
	bench.dropped = 7;
	subscribe(60000, 0, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 1);
	assert_int_equal(bench.heard_items, 1000);
	assert_int_equal(bench.heard_dropped, 7);
	assert_int_equal(bench.messages[LINK_REPORT_HEALTH], 4);
}

static void what_is_too_much_is_left_out_and_counted(void **state)
{
	(void)state;
	bench.items = LIMIT_LINK_REPORT_BYTES / 10000 + 5;
	bench.item_bytes = 10000;
	subscribe(60000, 0, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 1);
	assert_int_equal(bench.heard_items, LIMIT_LINK_REPORT_BYTES / 10000);
	assert_int_equal(bench.heard_dropped, 5);
	subscribe(0, 0, 0);
	bench.items = 2;
	bench.item_bytes = LIMIT_LINK_MESSAGE_BYTES;
	bench.heard_items = 0;
	subscribe(0, 60000, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_COUNTERS] == 1);
	assert_int_equal(bench.heard_items, 0);
	assert_int_equal(bench.heard_dropped, 7);
}

static void what_is_urgent_does_not_wait_but_is_not_told_too_often(void **state)
{
	(void)state;
	link_reporter_hurry(&bench.source, LINK_REPORT_HEALTH);
	turn_for(20);
	assert_int_equal(bench.asked[LINK_REPORT_HEALTH], 0);
	subscribe(60000, 60000, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 1);
	uint64_t begun_ms = clock_ms();
	for (unsigned i = 0; i < 5; i++)
		link_reporter_hurry(&bench.source, LINK_REPORT_HEALTH);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 2);
	assert_true(clock_ms() - begun_ms >= LIMIT_LINK_REPORT_MS - 20);
	turn_for(2 * LIMIT_LINK_REPORT_MS);
	assert_int_equal(bench.asked[LINK_REPORT_HEALTH], 2);
	/* After a while, at once. */
	begun_ms = clock_ms();
	link_reporter_hurry(&bench.source, LINK_REPORT_HEALTH);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 3);
	assert_true(clock_ms() - begun_ms < 5000);
	assert_int_equal(bench.asked[LINK_REPORT_COUNTERS], 1);
	/* Where one comes often, it comes no later than it would. */
	subscribe(LIMIT_LINK_REPORT_MS, 0, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 4);
	link_reporter_hurry(&bench.source, LINK_REPORT_HEALTH);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 6);
}

static void a_long_report_is_not_hurried(void **state)
{
	(void)state;
	bench.items = 1000;
	bench.item_bytes = 1000;
	subscribe(60000, 0, 0);
	TURN_UNTIL(bench.ends[LINK_REPORT_HEALTH] == 1);
	link_reporter_hurry(&bench.source, LINK_REPORT_HEALTH);
	turn_for(3 * LIMIT_LINK_REPORT_MS);
	assert_int_equal(bench.asked[LINK_REPORT_HEALTH], 1);
}

static void a_log_without_lines_is_not_told(void **state)
{
	(void)state;
	subscribe(0, 0, 100);
	TURN_UNTIL(bench.asked[LINK_REPORT_LOG] == 2);
	assert_int_equal(bench.messages[LINK_REPORT_LOG], 0);
	bench.dropped = 2;
	TURN_UNTIL(bench.messages[LINK_REPORT_LOG] == 1);
	assert_int_equal(bench.heard_dropped, 2);
}

/* Who does not read is not told more: what there is, is asked for when it has read. */
static void who_does_not_read_is_waited_for(void **state)
{
	(void)state;
	int ends[2];
	char bytes[65536];
	assert_int_equal(
	        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	struct link_wire *slow = link_wire_new(bench.loop, ends[0], NULL, &TIMES, &bench.edge_sink);
	const struct link_subscription wanted = {.every_ms = {100, 0, 0}};
	bench.items = 400;
	bench.item_bytes = 10000;
	link_reporter_subscribe(bench.reporter, slow, &wanted);
	turn_for(400);
	assert_int_equal(bench.asked[LINK_REPORT_HEALTH], 1);
	bench.items = 0;
	while (bench.asked[LINK_REPORT_HEALTH] < 2) {
		loop_turn(bench.loop, 1);
		if (read(ends[1], bytes, sizeof(bytes)) == 0)
			fail();
	}
	link_reporter_end(bench.reporter);
	link_wire_free(slow);
	close(ends[1]);
}

/* Who begins to want one thing does not have another told again. */
static void what_is_wanted_as_before_goes_on(void **state)
{
	(void)state;
	struct link_subscription wanted = {.every_ms = {60000, 0, 0}};
	link_reporter_subscribe(bench.reporter, bench.edge, &wanted);
	TURN_UNTIL(bench.messages[LINK_REPORT_HEALTH] == 1);
	bench.items = 1;
	for (unsigned filters = 1; filters <= 3; filters++) {
		wanted.every_ms[LINK_REPORT_LOG] = 100;
		wanted.filter_count = filters;
		link_reporter_subscribe(bench.reporter, bench.edge, &wanted);
		assert_int_equal(bench.filters, filters);
	}
	TURN_UNTIL(bench.messages[LINK_REPORT_LOG] == 2);
	assert_int_equal(bench.messages[LINK_REPORT_HEALTH], 1);
	wanted.every_ms[LINK_REPORT_LOG] = 0;
	link_reporter_subscribe(bench.reporter, bench.edge, &wanted);
	assert_false(bench.is_wanted[LINK_REPORT_LOG]);
}

static void without_a_source_nothing_is_reported(void **state)
{
	(void)state;
	struct link_reporter *reporter = link_reporter_new(bench.loop, NULL);
	const struct link_subscription wanted = {.every_ms = {100, 100, 100}};
	link_reporter_subscribe(reporter, bench.edge, &wanted);
	turn_for(150);
	for (unsigned i = 0; i < LINK_REPORTS; i++)
		assert_int_equal(bench.messages[i], 0);
	link_reporter_end(reporter);
	link_reporter_free(reporter);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(what_is_wanted_is_reported_until_it_is_not),
	        TEST(a_long_report_is_several_messages),
	        TEST(what_is_too_much_is_left_out_and_counted),
	        TEST(a_log_without_lines_is_not_told),
	        TEST(what_is_urgent_does_not_wait_but_is_not_told_too_often),
	        TEST(a_long_report_is_not_hurried),
	        TEST(who_does_not_read_is_waited_for),
	        TEST(what_is_wanted_as_before_goes_on),
	        TEST(without_a_source_nothing_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
