/* The access log as it is told to who listens. */
#include "control/tail.h"

#include "base/hash.h"
#include "link/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct listener {
	struct control_tail_listener tail;
	struct loop_task task;
};

static struct {
	struct loop *loop;
	struct control_tail *tail;
	struct control_tail_sink sink;
	unsigned wanted, told;             /* how many filters; how often that was said */
	char domain[LIMIT_HOST_BYTES + 1]; /* of the last one */
} bench;

static const struct link_hub_edge EDGE = {.id = "e1", .run = "r1", .error = ""};

static void on_run(struct loop_task *task)
{
	(void)task;
}

static void on_wanted(
        struct control_tail_sink *sink, const struct link_filter *filters, unsigned count)
{
	assert_ptr_equal(sink, &bench.sink);
	bench.wanted = count;
	bench.told++;
	if (count > 0)
		memcpy(bench.domain, filters[count - 1].domain, sizeof(bench.domain));
}

static int open_bench(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.loop = loop_new();
	bench.tail = control_tail_new(bench.loop);
	bench.sink.on_wanted = on_wanted;
	control_tail_ask(bench.tail, &bench.sink);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	assert_int_equal(bench.wanted, 0);
	control_tail_free(bench.tail);
	loop_free(bench.loop);
	return 0;
}

static void listen_to(struct listener *listener, const char *domain)
{
	*listener = (struct listener){.task.on_run = on_run};
	listener->tail.client.wake = &listener->task;
	assert_true(link_filter_set_domain(&listener->tail.filter, str_of(domain)));
	assert_true(control_tail_open(bench.tail, &listener->tail));
}

static void end_listening(struct listener *listener)
{
	loop_unwake(&listener->task);
	control_tail_close(bench.tail, &listener->tail);
}

/* A report with one line of the domain, and so many that were dropped. */
static void report(const char *domain, const char *more, unsigned dropped)
{
	struct text items = {0}, payload = {0};
	const struct link_report_head head = {.dropped = dropped};
	text_addf(&items,
	        "{\"client\":\"192.0.2.1\",\"domain\":\"%s\",\"path\":\"/\\\"\",\"status\":200,"
	        "\"cache\":\"HIT\",\"ms\":1.25,\"fault\":\"none\"%s}",
	        domain, more);
	link_message_print_report(&head, text_str(&items), &payload);
	control_tail_report(bench.tail, &EDGE, text_str(&payload));
	text_done(&items);
	text_done(&payload);
}

static const char *waiting(struct listener *listener)
{
	return text_c(&listener->tail.client.waiting);
}

static void each_is_told_what_its_filter_lets_through(void **state)
{
	(void)state;
	struct listener all, one, other;
	report("a.test", "", 0); /* nobody listens */
	listen_to(&all, "");
	listen_to(&one, "a.test");
	listen_to(&other, "b.test");
	report("a.test", "", 0);
	assert_string_equal(waiting(&all),
	        "event: request\ndata: {\"edge\":\"e1\",\"run\":\"r1\",\"client\":\"192.0.2.1\","
	        "\"domain\":\"a.test\",\"path\":\"/\\\"\",\"status\":200,\"cache\":\"HIT\","
	        "\"ms\":1.25,\"fault\":\"none\"}\n\n");
	assert_string_equal(waiting(&one), waiting(&all));
	assert_int_equal(other.tail.client.waiting.len, 0);
	end_listening(&all);
	end_listening(&one);
	end_listening(&other);
	end_listening(&other);
}

static void attempts_and_failures_are_looked_at(void **state)
{
	(void)state;
	static const struct {
		const char *more;
		bool is_retried, is_backup;
	} ROWS[] = {
	        {"", false, false},
	        {",\"attempts\":[]", false, false},
	        {",\"attempts\":{\"role\":\"backup\"}", false, false},
	        {",\"attempts\":[{\"role\":\"master\"}]", false, false},
	        {",\"attempts\":[{\"role\":\"backup\"}]", false, true},
	        {",\"attempts\":[{\"role\":\"master\"},{\"role\":\"master\"}]", true, false},
	        {",\"attempts\":[{\"role\":\"master\"},{\"role\":\"backup\"}]", true, true},
	        {",\"attempts\":[1,\"backup\"]", true, false},
	};
	struct listener retried, backup;
	listen_to(&retried, "");
	listen_to(&backup, "");
	retried.tail.filter.is_retried = true;
	backup.tail.filter.is_backup = true;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		report("a.test", ROWS[i].more, 0);
		assert_int_equal(retried.tail.client.waiting.len > 0, ROWS[i].is_retried);
		assert_int_equal(backup.tail.client.waiting.len > 0, ROWS[i].is_backup);
		control_events_sent(&retried.tail.client, retried.tail.client.waiting.len);
		control_events_sent(&backup.tail.client, backup.tail.client.waiting.len);
	}
	end_listening(&retried);
	end_listening(&backup);
}

static void who_listens_says_what_edges_are_asked_for(void **state)
{
	(void)state;
	struct listener one, other;
	listen_to(&one, "a.test");
	assert_int_equal(bench.wanted, 1);
	assert_string_equal(bench.domain, "a.test");
	listen_to(&other, "b.test");
	assert_int_equal(bench.wanted, 2);
	assert_string_equal(bench.domain, "b.test");
	end_listening(&other);
	assert_int_equal(bench.wanted, 1);
	assert_string_equal(bench.domain, "a.test");
	end_listening(&one);
	assert_int_equal(bench.wanted, 0);
	assert_int_equal(bench.told, 4);
}

static void there_are_so_many_and_the_end_ends_them(void **state)
{
	(void)state;
	struct listener listeners[LIMIT_TAIL_STREAMS], more = {.task.on_run = on_run};
	for (unsigned i = 0; i < LIMIT_TAIL_STREAMS; i++)
		listen_to(&listeners[i], "a.test");
	more.tail.client.wake = &more.task;
	assert_false(control_tail_open(bench.tail, &more.tail));
	control_tail_end(bench.tail);
	report("a.test", "", 0);
	for (unsigned i = 0; i < LIMIT_TAIL_STREAMS; i++) {
		assert_true(listeners[i].tail.client.is_over);
		assert_int_equal(listeners[i].tail.client.waiting.len, 0);
		end_listening(&listeners[i]);
	}
}

static void what_an_edge_left_out_is_told(void **state)
{
	(void)state;
	struct listener one;
	listen_to(&one, "b.test");
	report("a.test", "", 7);
	assert_non_null(
	        strstr(waiting(&one), "event: left_out\ndata: {\"edge\":\"e1\",\"run\":\"r1\","));
	assert_non_null(strstr(waiting(&one), ",\"left_out\":7}\n\n"));
	end_listening(&one);
}

/* It is not broken off: it hears of how much it missed, and then of what comes. */
static void who_is_slow_misses_some_and_is_told_how_many(void **state)
{
	(void)state;
	struct listener slow;
	unsigned sent = 0;
	listen_to(&slow, "");
	while (slow.tail.left_out == 0) {
		report("a.test", "", 0);
		sent++;
	}
	assert_true(slow.tail.client.waiting.len <= LIMIT_EVENT_BYTES);
	assert_true(sent > 100);
	report("a.test", "", 5);
	report("a.test", "", 0);
	assert_int_equal(slow.tail.left_out, 1 + 1 + 5 + 1);
	assert_false(slow.tail.client.is_dropped);
	control_events_sent(&slow.tail.client, slow.tail.client.waiting.len);
	report("a.test", "", 0);
	assert_int_equal(slow.tail.left_out, 0);
	assert_non_null(strstr(waiting(&slow), "\"left_out\":8}\n\nevent: request\n"));
	end_listening(&slow);
}

static void what_is_no_line_is_passed_over(void **state)
{
	(void)state;
	static const char *const PAYLOADS[] = {
	        "",
	        "{}",
	        "{\"more\":false,\"dropped\":0,\"items\":[1,null,\"x\",[],{}]}",
	        "{\"more\":false,\"dropped\":0,\"items\":[{\"client\":\"x\",\"status\":200}]}",
	        "{\"more\":false,\"dropped\":0,\"items\":[{\"client\":\"::1\",\"status\":1000}]}",
	        "{\"more\":false,\"dropped\":0,\"items\":[{\"client\":\"::1\",\"status\":[200]}]}",
	};
	struct listener one;
	listen_to(&one, "");
	for (size_t i = 0; i < ARRAY_LENGTH(PAYLOADS); i++) {
		control_tail_report(bench.tail, &EDGE, str_of(PAYLOADS[i]));
		assert_int_equal(one.tail.client.waiting.len, 0);
	}
	/* Nobody says to be another edge. */
	report("a.test", ",\"edge\":\"e2\",\"run\":{\"a\":[]},\"later\":[{\"x\":null}]", 0);
	assert_non_null(strstr(waiting(&one), "{\"edge\":\"e1\",\"run\":\"r1\",\"client\""));
	assert_null(strstr(waiting(&one), "e2"));
	assert_non_null(strstr(waiting(&one), ",\"later\":[{\"x\":null}]}\n\n"));
	end_listening(&one);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(each_is_told_what_its_filter_lets_through),
	        TEST(attempts_and_failures_are_looked_at),
	        TEST(who_listens_says_what_edges_are_asked_for),
	        TEST(there_are_so_many_and_the_end_ends_them),
	        TEST(what_an_edge_left_out_is_told),
	        TEST(who_is_slow_misses_some_and_is_told_how_many),
	        TEST(what_is_no_line_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
