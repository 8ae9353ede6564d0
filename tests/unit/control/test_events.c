/* Events: told to all who listen, kept for who is slow, up to a bound. */
#include "control/events.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct listener {
	struct control_events_client client;
	struct loop_task task;
	unsigned woken;
};

static struct loop *loop;
static struct control_events *events;

static void on_run(struct loop_task *task)
{
	container_of(task, struct listener, task)->woken++;
}

static int open_bench(void **state)
{
	(void)state;
	loop = loop_new();
	events = control_events_new(loop, LIMIT_EVENT_STREAMS);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	control_events_free(events);
	loop_free(loop);
	return 0;
}

static void listen_to(struct listener *listener)
{
	*listener = (struct listener){.task.on_run = on_run};
	listener->client.wake = &listener->task;
	assert_true(control_events_open(events, &listener->client));
}

static void end_listening(struct listener *listener)
{
	loop_unwake(&listener->task);
	control_events_close(events, &listener->client);
}

static void everybody_is_told_what_happens_while_they_listen(void **state)
{
	(void)state;
	struct listener a, b;
	static const char FIRST[] = "event: x\ndata: {\"a\":1}\n\n";
	static const char BOTH[] = "event: x\ndata: {\"a\":1}\n\nevent: y\ndata: {}\n\n";
	control_events_tell(events, "before", STR("{}"));
	listen_to(&a);
	control_events_tell(events, "x", STR("{\"a\":1}"));
	listen_to(&b);
	control_events_tell(events, "y", STR("{}"));
	loop_turn(loop, 0);
	assert_int_equal(control_events_count(events), 2);
	assert_int_equal(a.woken, 1);
	assert_int_equal(b.woken, 1);
	assert_string_equal(text_c(&a.client.waiting), BOTH);
	assert_string_equal(text_c(&b.client.waiting), BOTH + sizeof(FIRST) - 1);
	control_events_sent(&a.client, sizeof(FIRST) - 1);
	assert_true(str_is_equal(text_str(&a.client.waiting), text_str(&b.client.waiting)));
	control_events_sent(&a.client, a.client.waiting.len);
	assert_int_equal(a.client.waiting.len, 0);
	end_listening(&a);
	end_listening(&a);
	control_events_tell(events, "z", STR("{}"));
	assert_int_equal(a.client.waiting.len, 0);
	end_listening(&b);
	assert_int_equal(control_events_count(events), 0);
	control_events_tell(NULL, "z", STR("{}"));
	assert_int_equal(control_events_count(NULL), 0);
	control_events_free(NULL);
}

static void who_does_not_read_is_dropped_and_nobody_else(void **state)
{
	(void)state;
	struct listener slow, quick;
	struct text data = {0};
	text_addf(&data, "\"%0*u\"", 100000, 0);
	listen_to(&slow);
	listen_to(&quick);
	for (unsigned i = 0; i < LIMIT_EVENT_BYTES / 100000 + 2; i++) {
		control_events_tell(events, "x", text_str(&data));
		assert_true(slow.client.waiting.len <= LIMIT_EVENT_BYTES);
		control_events_sent(&quick.client, quick.client.waiting.len);
	}
	assert_true(slow.client.is_dropped);
	assert_int_equal(slow.client.waiting.len, 0);
	assert_false(quick.client.is_dropped);
	end_listening(&slow);
	end_listening(&quick);
	text_done(&data);
}

static void no_more_than_so_many_listen(void **state)
{
	(void)state;
	static struct listener listeners[LIMIT_EVENT_STREAMS], more;
	for (unsigned i = 0; i < LIMIT_EVENT_STREAMS; i++)
		listen_to(&listeners[i]);
	more.client.wake = &more.task;
	assert_false(control_events_open(events, &more.client));
	end_listening(&listeners[7]);
	assert_true(control_events_open(events, &more.client));
	end_listening(&more);
	for (unsigned i = 0; i < LIMIT_EVENT_STREAMS; i++)
		end_listening(&listeners[i]);
}

static void there_is_a_beat(void **state)
{
	(void)state;
	struct listener idle, busy;
	listen_to(&idle);
	listen_to(&busy);
	control_events_tell(events, "x", STR("{}"));
	control_events_sent(&idle.client, idle.client.waiting.len);
	uint64_t begun_ms = clock_ms();
	while (!idle.client.is_to_be_asked && clock_ms() < begun_ms + 3 * LIMIT_EVENT_BEAT_MS)
		loop_turn(loop, 50);
	assert_true(clock_ms() - begun_ms >= LIMIT_EVENT_BEAT_MS - 100);
	assert_string_equal(text_c(&idle.client.waiting), ":\n\n");
	assert_true(busy.client.is_to_be_asked);
	assert_string_equal(text_c(&busy.client.waiting), "event: x\ndata: {}\n\n");
	end_listening(&idle);
	end_listening(&busy);
}

static void at_the_end_all_is_over(void **state)
{
	(void)state;
	struct listener before, after;
	listen_to(&before);
	control_events_tell(events, "x", STR("{}"));
	control_events_end(events);
	control_events_tell(events, "y", STR("{}"));
	assert_true(before.client.is_over);
	assert_string_equal(text_c(&before.client.waiting), "event: x\ndata: {}\n\n");
	listen_to(&after);
	assert_true(after.client.is_over);
	end_listening(&before);
	end_listening(&after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(everybody_is_told_what_happens_while_they_listen),
	        TEST(who_does_not_read_is_dropped_and_nobody_else),
	        TEST(no_more_than_so_many_listen),
	        TEST(there_is_a_beat),
	        TEST(at_the_end_all_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
