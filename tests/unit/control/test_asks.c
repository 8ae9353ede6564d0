/* Threads that ask edges, and what becomes of their questions. */
#include "control/asks.h"

#include "base/clock.h"
#include "base/hash.h"
#include "net/local.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct link_wire_times TIMES = {.ping_ms = 5000, .lease_ms = 20000};

static struct {
	char folder[32], path[64];
	struct loop *loop;
	struct link_hub_sink hub_sink;
	struct link_hub *hub;
	struct control_asks *asks;
	struct link_wire_sink edge_sink;
	struct link_wire *edge;
	const char *answer, *error; /* what the edge says; NULL: nothing */
	uint64_t asked;             /* the last question's number */
} bench;

static void on_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	(void)sink;
	(void)edge;
}

static void on_gone(struct link_hub_sink *sink, const struct link_hub_edge *edge, const char *why)
{
	(void)sink;
	(void)edge;
	(void)why;
}

static void on_answer(
        struct link_hub_sink *sink, const struct link_hub_edge *edge, const struct link_told *told)
{
	(void)sink;
	control_asks_note(bench.asks, edge, told);
}

static void say(uint64_t number)
{
	struct text payload = {0};
	link_message_print_answer(&(struct link_told){.number = number,
	                                  .error = str_of(bench.error),
	                                  .answer = str_of(bench.answer)},
	        &payload);
	link_wire_send(bench.edge, LINK_SAYS_ANSWER, text_str(&payload));
	text_done(&payload);
}

static void on_message(struct link_wire_sink *sink, enum link_message_kind kind, struct str payload)
{
	struct arena arena;
	const struct model_node *question;
	struct str what;
	(void)sink;
	if (kind != LINK_SAYS_ASK)
		return;
	arena_init(&arena, NULL, 0);
	assert_true(link_message_read_ask(&arena, payload, &bench.asked, &what, &question));
	arena_reset(&arena);
	if (bench.answer != NULL || bench.error != NULL)
		say(bench.asked);
}

static void on_sent(struct link_wire_sink *sink)
{
	(void)sink;
}

static void on_end(struct link_wire_sink *sink, const char *why)
{
	(void)sink;
	(void)why;
}

static void turn_until_greeted(void)
{
	uint64_t end_ms = clock_ms() + 5000;
	while (link_hub_edge_count(bench.hub) == 0) {
		assert_true(clock_ms() < end_ms);
		loop_turn(bench.loop, 5);
	}
}

static void connect_edge(void)
{
	struct text hello = {0};
	const struct link_hello said = {.id = STR("e"), .run = STR("e")};
	bench.edge_sink = (struct link_wire_sink){
	        .on_message = on_message, .on_sent = on_sent, .on_end = on_end};
	bench.edge = link_wire_new(
	        bench.loop, local_connect(bench.path, 0), NULL, &TIMES, &bench.edge_sink);
	link_message_print_hello(&said, &hello);
	link_wire_send(bench.edge, LINK_SAYS_HELLO, text_str(&hello));
	text_done(&hello);
	turn_until_greeted();
}

static int open_bench(void **state)
{
	const struct link_hub_options options = {.id = "control", .store = "s", .times = TIMES};
	(void)state;
	memset(&bench, 0, sizeof(bench));
	snprintf(bench.folder, sizeof(bench.folder), "/tmp/test_asks.XXXXXX");
	assert_non_null(mkdtemp(bench.folder));
	snprintf(bench.path, sizeof(bench.path), "%s/link", bench.folder);
	bench.loop = loop_new();
	bench.asks = control_asks_new(bench.loop);
	bench.hub_sink = (struct link_hub_sink){
	        .on_edge = on_edge, .on_gone = on_gone, .on_answer = on_answer};
	bench.hub =
	        link_hub_open(bench.loop, local_listen(bench.path, 4), &options, &bench.hub_sink);
	assert_non_null(bench.hub);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	control_asks_end(bench.asks);
	link_wire_free(bench.edge);
	loop_turn(bench.loop, 0);
	control_asks_free(bench.asks);
	link_hub_close(bench.hub);
	unlink(bench.path);
	rmdir(bench.folder);
	loop_free(bench.loop);
	return 0;
}

/* A thread that asks. */
struct asker {
	pthread_t thread;
	struct control_ask ask;
	enum control_asked outcome;
	atomic_bool has_ended;
};

static void *ask(void *argument)
{
	struct asker *asker = argument;
	asker->outcome = control_asks_ask(bench.asks, &asker->ask);
	atomic_store(&asker->has_ended, true);
	return NULL;
}

static void begin(struct asker *asker, const char *edge, uint32_t timeout_ms)
{
	*asker = (struct asker){.ask = {.edge = edge,
	                                .what = "explain",
	                                .question = STR("{}"),
	                                .timeout_ms = timeout_ms}};
	assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

static void end(struct asker *asker)
{
	assert_int_equal(pthread_join(asker->thread, NULL), 0);
	text_done(&asker->ask.answer);
	text_done(&asker->ask.answerer);
}

static void turn_until_it_ends(struct asker *asker)
{
	uint64_t end_ms = clock_ms() + 10000;
	while (!atomic_load(&asker->has_ended)) {
		assert_true(clock_ms() < end_ms);
		loop_turn(bench.loop, 5);
	}
}

static void an_edge_answers(void **state)
{
	(void)state;
	struct asker asker;
	control_asks_begin(bench.asks, bench.hub);
	connect_edge();
	bench.answer = "{\"a\":1}";
	for (unsigned i = 0; i < 2; i++) {
		begin(&asker, i == 0 ? "e" : NULL, 10000);
		turn_until_it_ends(&asker);
		assert_int_equal(asker.outcome, CONTROL_ASKED_ANSWER);
		assert_string_equal(text_c(&asker.ask.answer), "{\"a\":1}");
		assert_string_equal(text_c(&asker.ask.answerer), "e");
		end(&asker);
	}
	bench.answer = NULL;
	bench.error = "it is too late";
	begin(&asker, "e", 10000);
	turn_until_it_ends(&asker);
	assert_int_equal(asker.outcome, CONTROL_ASKED_ERROR);
	assert_string_equal(text_c(&asker.ask.answer), "it is too late");
	end(&asker);
}

static void who_is_not_there_is_not_asked(void **state)
{
	(void)state;
	struct asker asker;
	begin(&asker, NULL, 10000); /* before there is a hub */
	turn_until_it_ends(&asker);
	assert_int_equal(asker.outcome, CONTROL_ASKED_NOBODY);
	end(&asker);
	control_asks_begin(bench.asks, bench.hub);
	connect_edge();
	begin(&asker, "another", 10000);
	turn_until_it_ends(&asker);
	assert_int_equal(asker.outcome, CONTROL_ASKED_NOBODY);
	end(&asker);
}

static void who_says_nothing_is_not_waited_for(void **state)
{
	(void)state;
	struct asker asker;
	control_asks_begin(bench.asks, bench.hub);
	connect_edge();
	begin(&asker, "e", 100);
	turn_until_it_ends(&asker);
	assert_int_equal(asker.outcome, CONTROL_ASKED_LATE);
	end(&asker);
	/* What comes late is nobody's. */
	assert_int_equal(bench.asked, 1);
	bench.answer = "{}";
	say(1);
	for (unsigned i = 0; i < 5; i++)
		loop_turn(bench.loop, 5);
	/* Nor is the loop, which does not turn. */
	begin(&asker, "e", 50);
	end(&asker);
	assert_int_equal(asker.outcome, CONTROL_ASKED_LATE);
}

static void an_edge_that_goes_is_not_waited_for(void **state)
{
	(void)state;
	struct asker asker;
	control_asks_begin(bench.asks, bench.hub);
	connect_edge();
	begin(&asker, "e", 60000);
	while (bench.asked == 0)
		loop_turn(bench.loop, 5);
	link_wire_free(bench.edge);
	bench.edge = NULL;
	turn_until_it_ends(&asker);
	assert_int_equal(asker.outcome, CONTROL_ASKED_ERROR);
	assert_string_equal(text_c(&asker.ask.answer), "the edge is gone");
	end(&asker);
}

static void nobody_waits_at_the_end(void **state)
{
	(void)state;
	struct asker asker;
	control_asks_begin(bench.asks, bench.hub);
	connect_edge();
	begin(&asker, "e", 60000);
	while (bench.asked == 0)
		loop_turn(bench.loop, 5);
	control_asks_end(bench.asks);
	end(&asker);
	assert_int_equal(asker.outcome, CONTROL_ASKED_LATE);
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(an_edge_answers),
	        TEST(who_is_not_there_is_not_asked),
	        TEST(who_says_nothing_is_not_waited_for),
	        TEST(an_edge_that_goes_is_not_waited_for),
	        TEST(nobody_waits_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
