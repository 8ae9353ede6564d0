/* What edges tell of addresses: kept, compared, shown; wanted only while somebody asks. */
#include "control/health.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct link_hub_edge ONE = {.id = "one", .run = "r1", .error = ""};
static const struct link_hub_edge TWO = {.id = "two", .run = "r2", .error = ""};

static struct {
	struct loop *loop;
	struct control_health *health;
	struct control_health_sink sink;
	struct control_health_visitor visitor;
	unsigned wanted, unwanted, told;
	struct text changes, seen;
} bench;

static void on_wanted(struct control_health_sink *sink, bool is_wanted)
{
	assert_ptr_equal(sink, &bench.sink);
	bench.wanted += is_wanted;
	bench.unwanted += !is_wanted;
}

static void on_change(struct control_health_sink *sink, const struct control_health_change *change)
{
	assert_ptr_equal(sink, &bench.sink);
	if (change->item == NULL) {
		text_addf(&bench.changes, "%s +%zu;", change->id, change->left_out);
		return;
	}
	char address[ADDRESS_TEXT_BYTES];
	text_addf(&bench.changes, "%s %.*s %s %s>%s;", change->id, STR_ARG(change->item->domain),
	        address_format(&change->item->address, address),
	        origin_health_state_name(change->was),
	        origin_health_state_name((enum origin_state)change->item->state));
}

static void on_told(struct control_health_sink *sink, const char *id, const char *run)
{
	assert_ptr_equal(sink, &bench.sink);
	assert_non_null(id);
	assert_non_null(run);
	bench.told++;
}

static void on_edge(struct control_health_visitor *visitor, const struct control_health_view *view)
{
	assert_ptr_equal(visitor, &bench.visitor);
	text_addf(&bench.seen, "%s/%s %d %llu:", view->id, view->run, view->has_told,
	        (unsigned long long)view->dropped);
	for (size_t i = 0; i < view->count; i++) {
		text_addf(&bench.seen, " %.*s{", STR_ARG(view->items[i]->domain));
		control_health_print_item(view->items[i], 0, &bench.seen);
		text_add_char(&bench.seen, '}');
	}
	text_add_char(&bench.seen, ';');
}

static int open_bench(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.loop = loop_new();
	bench.health = control_health_new();
	bench.sink = (struct control_health_sink){
	        .on_wanted = on_wanted, .on_change = on_change, .on_told = on_told};
	bench.visitor.on_edge = on_edge;
	control_health_begin(bench.health, bench.loop, &bench.sink);
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	control_health_end(bench.health);
	loop_turn(bench.loop, 0);
	control_health_free(bench.health);
	loop_free(bench.loop);
	text_done(&bench.changes);
	text_done(&bench.seen);
	return 0;
}

static void report(
        const struct link_hub_edge *edge, const char *items, bool has_more, unsigned dropped)
{
	struct text payload = {0};
	const struct link_report_head head = {has_more, dropped};
	link_message_print_report(&head, str_of(items), &payload);
	control_health_report(bench.health, edge, text_str(&payload));
	text_done(&payload);
}

static void expect_seen(const char *domain, const char *expected)
{
	text_clear(&bench.seen);
	control_health_each(bench.health, str_of(domain), &bench.visitor);
	assert_string_equal(text_c(&bench.seen), expected);
}

#define USABLE(domain, address)                                                                    \
	"{\"domain\":\"" domain "\",\"address\":\"" address                                        \
	"\",\"protocol\":\"http\",\"state\":\"usable\",\"successes\":64,\"failures\":1,"           \
	"\"connection_failures\":0,\"latency_us\":900}"
#define IN_STATE(domain, address, state)                                                           \
	"{\"domain\":\"" domain "\",\"address\":\"" address                                        \
	"\",\"protocol\":\"https\",\"server_name\":\"s.test\",\"state\":\"" state                  \
	"\",\"of\":\"host\",\"reason\":\"refused\",\"blocked_since_ms\":7,\"left_ms\":50,"         \
	"\"successes\":0,\"failures\":0,\"connection_failures\":3}"
#define SEEN_USABLE(address)                                                                       \
	"{,\"address\":\"" address "\",\"protocol\":\"http\",\"state\":\"usable\","                \
	"\"successes\":64,\"failures\":1,\"connection_failures\":0,\"latency_us\":900}"

static void what_an_edge_tells_replaces_what_it_told(void **state)
{
	(void)state;
	control_health_add(bench.health, &ONE);
	control_health_add(bench.health, &TWO);
	control_health_add(bench.health, &TWO);
	control_health_watch(bench.health);
	expect_seen("", "one/r1 0 0:;two/r2 0 0:;");
	/* Of two messages, of which the first shows nothing. */
	report(&ONE, USABLE("b.test", "192.0.2.2:80"), true, 0);
	expect_seen("", "one/r1 0 0:;two/r2 0 0:;");
	report(&ONE, IN_STATE("a.test", "192.0.2.1:443", "blocked"), false, 3);
	expect_seen("",
	        "one/r1 1 3: a.test{,\"address\":\"192.0.2.1:443\",\"protocol\":\"https\","
	        "\"server_name\":\"s.test\",\"state\":\"blocked\",\"of\":\"host\","
	        "\"reason\":\"refused\",\"blocked_since_ms\":7,\"left_ms\":50,\"successes\":0,"
	        "\"failures\":0,\"connection_failures\":3} b.test" SEEN_USABLE(
	                "192.0.2.2:80") ";"
	                                "two/r2 0 0:;");
	expect_seen("b.test", "one/r1 1 3: b.test" SEEN_USABLE("192.0.2.2:80") ";two/r2 0 0:;");
	expect_seen("aa.test", "one/r1 1 3:;two/r2 0 0:;");
	report(&ONE, "", false, 0);
	expect_seen("", "one/r1 1 0:;two/r2 0 0:;");
	control_health_remove(bench.health, &ONE);
	control_health_remove(bench.health, &ONE);
	report(&ONE, USABLE("b.test", "192.0.2.2:80"), false, 0);
	expect_seen("", "two/r2 0 0:;");
	control_health_unwatch(bench.health);
}

static void what_is_no_item_is_counted_as_left_out(void **state)
{
	(void)state;
	static const char *const WRONG[] = {
	        "1",
	        "{}",
	        "[]",
	        "{\"domain\":1,\"address\":\"192.0.2.1:80\",\"protocol\":\"http\",\"state\":"
	        "\"usable\"}",
	        "{\"domain\":\"\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\",\"state\":"
	        "\"usable\"}",
	        "{\"domain\":\"a\",\"address\":\"192.0.2.1\",\"protocol\":\"http\",\"state\":"
	        "\"usable\"}",
	        "{\"domain\":\"a\",\"address\":\"192.0.2.1:80\",\"protocol\":\"gopher\",\"state\":"
	        "\"usable\"}",
	        "{\"domain\":\"a\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\",\"state\":"
	        "\"well\"}",
	        "{\"domain\":\"a\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\",\"state\":"
	        "\"usable\",\"latency_us\":4294967296}",
	        "{\"domain\":\"a\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\",\"state\":"
	        "\"usable\",\"failures\":\"1\"}",
	};
	control_health_add(bench.health, &ONE);
	control_health_watch(bench.health);
	for (size_t i = 0; i < ARRAY_LENGTH(WRONG); i++) {
		report(&ONE, WRONG[i], false, 0);
		expect_seen("", "one/r1 1 1:;");
	}
	/* What is no report at all changes nothing. */
	report(&ONE, USABLE("b.test", "192.0.2.2:80"), false, 0);
	control_health_report(bench.health, &ONE, STR("{\"items\":[]}"));
	control_health_report(bench.health, &ONE, STR("?"));
	expect_seen("", "one/r1 1 0: b.test" SEEN_USABLE("192.0.2.2:80") ";");
	control_health_unwatch(bench.health);
}

static void changes_are_told_but_not_what_an_edge_tells_first(void **state)
{
	(void)state;
	control_health_add(bench.health, &ONE);
	control_health_watch(bench.health);
	report(&ONE, IN_STATE("a.test", "192.0.2.1:443", "blocked"), false, 0);
	assert_int_equal(bench.changes.len, 0);
	report(&ONE, IN_STATE("a.test", "192.0.2.1:443", "blocked"), false, 0);
	assert_int_equal(bench.changes.len, 0);
	report(&ONE,
	        IN_STATE("b.test", "192.0.2.1:443", "blocked") "," USABLE(
	                "c.test", "192.0.2.9:1") "," IN_STATE("a.test", "192.0.2.1:443", "ramping"),
	        false, 0);
	assert_string_equal(text_c(&bench.changes), "one a.test 192.0.2.1:443 blocked>ramping;"
	                                            "one b.test 192.0.2.1:443 usable>blocked;");
	control_health_unwatch(bench.health);
}

static void of_very_many_changes_the_rest_is_counted(void **state)
{
	(void)state;
	struct text items = {0};
	unsigned changes = 0;
	control_health_add(bench.health, &ONE);
	control_health_watch(bench.health);
	report(&ONE, "", false, 0);
	for (unsigned i = 0; i < LIMIT_EVENT_CHANGES + 2; i++)
		text_addf(&items,
		        "%s{\"domain\":\"d%u.test\",\"address\":\"192.0.2.1:80\",\"protocol\":"
		        "\"http\",\"state\":\"ready\",\"reason\":\"refused\"}",
		        i == 0 ? "" : ",", i);
	report(&ONE, text_c(&items), false, 0);
	for (const char *at = text_c(&bench.changes); (at = strchr(at, ';')) != NULL; at++)
		changes++;
	assert_int_equal(changes, LIMIT_EVENT_CHANGES + 1);
	assert_non_null(strstr(text_c(&bench.changes), ";one +2;"));
	text_done(&items);
	control_health_unwatch(bench.health);
}

/* ---- who asks ---- */

static void *ask(void *told_ms)
{
	uint64_t begun_ms = clock_ms();
	control_health_ask(bench.health);
	atomic_store((_Atomic(uint64_t) *)told_ms, clock_ms() - begun_ms + 1);
	return NULL;
}

static void who_asks_first_waits_for_the_edges(void **state)
{
	(void)state;
	_Atomic(uint64_t) first_ms = 0, second_ms = 0;
	pthread_t thread;
	/* Without edges there is nothing to wait for. */
	control_health_ask(bench.health);
	control_health_add(bench.health, &ONE);
	control_health_add(bench.health, &TWO);
	assert_int_equal(pthread_create(&thread, NULL, ask, &first_ms), 0);
	while (bench.wanted == 0)
		loop_turn(bench.loop, 1);
	report(&ONE, USABLE("b.test", "192.0.2.2:80"), false, 0);
	for (unsigned i = 0; i < 10; i++)
		loop_turn(bench.loop, 5);
	assert_int_equal(atomic_load(&first_ms), 0);
	report(&TWO, "", false, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_not_equal(atomic_load(&first_ms), 0);
	/* Now it is there. */
	assert_int_equal(pthread_create(&thread, NULL, ask, &second_ms), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(atomic_load(&second_ms) < 500);
	assert_int_equal(bench.wanted, 1);
	assert_int_equal(bench.unwanted, 0);
}

static void an_edge_that_does_not_tell_is_not_waited_for_long(void **state)
{
	(void)state;
	_Atomic(uint64_t) waited_ms = 0;
	pthread_t thread;
	control_health_add(bench.health, &ONE);
	assert_int_equal(pthread_create(&thread, NULL, ask, &waited_ms), 0);
	while (atomic_load(&waited_ms) == 0)
		loop_turn(bench.loop, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(atomic_load(&waited_ms) >= 900);
	expect_seen("", "one/r1 0 0:;");
}

static void what_nobody_asks_for_any_more_is_forgotten(void **state)
{
	(void)state;
	control_health_add(bench.health, &ONE);
	control_health_watch(bench.health);
	assert_int_equal(bench.wanted, 1);
	report(&ONE, USABLE("b.test", "192.0.2.2:80"), false, 0);
	control_health_unwatch(bench.health);
	for (uint64_t end_ms = clock_ms() + 5000; bench.unwanted == 0 && clock_ms() < end_ms;)
		loop_turn(bench.loop, 20);
	assert_int_equal(bench.unwanted, 1);
	expect_seen("", "one/r1 0 0:;");
	report(&ONE, USABLE("b.test", "192.0.2.2:80"), false, 0);
	expect_seen("", "one/r1 0 0:;");
}

static uint64_t rate_of(const char *domain)
{
	text_clear(&bench.seen);
	control_health_each(bench.health, str_of(domain), &bench.visitor);
	const char *at = strstr(text_c(&bench.seen), "\"attempts_per_s\":");
	return at == NULL ? UINT64_MAX : strtoull(at + strlen("\"attempts_per_s\":"), NULL, 10);
}

#define ATTEMPTS(domain, count)                                                                    \
	"{\"domain\":\"" domain "\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\","           \
	"\"state\":\"usable\",\"attempts\":" count "}"

static void attempts_are_told_by_the_second_since_the_report_before(void **state)
{
	(void)state;
	control_health_add(bench.health, &ONE);
	control_health_watch(bench.health);
	report(&ONE, ATTEMPTS("a.test", "1000000"), false, 0);
	assert_int_equal(rate_of("a.test"), UINT64_MAX);
	const uint64_t from_ms = clock_ms();
	while (clock_ms() < from_ms + 100)
		loop_turn(bench.loop, 5);
	report(&ONE, ATTEMPTS("a.test", "1001000") "," ATTEMPTS("b.test", "500"), false, 0);
	const uint64_t most = 1000 * 1000 / 100, least = 1000 * 1000 / (clock_ms() - from_ms + 1);
	assert_in_range(rate_of("a.test"), least, most);
	/* One that was not told of before has begun since. */
	assert_in_range(rate_of("b.test"), least / 2, most / 2);
	while (clock_ms() < from_ms + 200)
		loop_turn(bench.loop, 5);
	/* As has one that tells less than before. */
	report(&ONE, ATTEMPTS("a.test", "100") "," ATTEMPTS("b.test", "500"), false, 0);
	assert_in_range(rate_of("a.test"), 1, 100000);
	assert_int_equal(rate_of("b.test"), 0);
	assert_int_equal(bench.told, 3);
	control_health_unwatch(bench.health);
}

static void one_that_has_not_begun_has_nothing_to_wait_for(void **state)
{
	(void)state;
	struct control_health *health = control_health_new();
	control_health_add(health, &ONE);
	control_health_ask(health);
	control_health_watch(health);
	control_health_unwatch(health);
	control_health_free(health);
	control_health_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_an_edge_tells_replaces_what_it_told),
	        TEST(what_is_no_item_is_counted_as_left_out),
	        TEST(changes_are_told_but_not_what_an_edge_tells_first),
	        TEST(of_very_many_changes_the_rest_is_counted),
	        TEST(who_asks_first_waits_for_the_edges),
	        TEST(an_edge_that_does_not_tell_is_not_waited_for_long),
	        TEST(what_nobody_asks_for_any_more_is_forgotten),
	        TEST(attempts_are_told_by_the_second_since_the_report_before),
	        cmocka_unit_test(one_that_has_not_begun_has_nothing_to_wait_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
