/* What edges say of purges on its way to the store. */
#include "control/purges.h"

#include "base/clock.h"
#include "store/stores.h"

struct purging {
	struct place place;
	struct store *store;
	struct loop *loop;
	struct disk *disk;
	struct control_purges *purges;
};

static void begin_purging(struct purging *purging)
{
	place_init(&purging->place);
	purging->store = open_good(&purging->place);
	purging->loop = loop_new();
	purging->disk = disk_new(1);
	purging->purges = control_purges_new(purging->loop, purging->disk);
}

static void end_purging(struct purging *purging)
{
	control_purges_end(purging->purges);
	disk_free(purging->disk);
	loop_turn(purging->loop, 0);
	control_purges_free(purging->purges);
	store_close(purging->store);
	loop_free(purging->loop);
	place_done(&purging->place);
}

static void turn_until_idle(struct purging *purging)
{
	uint64_t until_ms = clock_ms() + 8000;
	while (control_purges_is_busy(purging->purges)) {
		assert_true(clock_ms() < until_ms);
		loop_turn(purging->loop, 5);
	}
}

static uint64_t add_purge(struct purging *purging)
{
	uint64_t number, revision;
	assert_int_equal(store_tasks_add(purging->store, STR("ada"), STR("{}"), &number, &revision),
	        STORE_DONE);
	return number;
}

struct found {
	struct store_purge_sink sink;
	struct store_purge_edge_sink edges;
	struct text text;
};

static void on_purge(struct store_purge_sink *sink, const struct store_purge *purge)
{
	text_addf(&container_of(sink, struct found, sink)->text, "%.*s", STR_ARG(purge->who));
}

static void on_edge(struct store_purge_edge_sink *sink, struct str edge,
        enum store_purge_state state, struct str error, uint64_t at_ms)
{
	(void)at_ms;
	text_addf(&container_of(sink, struct found, edges)->text, " %.*s:%d:%.*s", STR_ARG(edge),
	        (int)state, STR_ARG(error));
}

/* What the store knows of a purge: "who edge:state:error…". */
static void expect_purge(struct purging *purging, uint64_t number, const char *expected)
{
	struct found found = {.sink = {.on_purge = on_purge}, .edges = {.on_edge = on_edge}};
	assert_int_equal(
	        store_tasks_read(purging->store, number, &found.sink, &found.edges), STORE_DONE);
	assert_string_equal(text_c(&found.text), expected);
	text_done(&found.text);
}

static void what_edges_say_reaches_the_store(void **state)
{
	(void)state;
	struct purging purging;
	begin_purging(&purging);
	uint64_t number = add_purge(&purging);
	/* Before it has begun, it is kept. */
	control_purges_note(purging.purges, "a", 0, NULL);
	assert_false(control_purges_is_busy(purging.purges));
	control_purges_begin(purging.purges, NULL, purging.store);
	assert_true(control_purges_is_busy(purging.purges));
	/* While a thread writes, the rest is gathered. */
	control_purges_note(purging.purges, "b", 0, NULL);
	control_purges_note(purging.purges, "b", number, "no room");
	control_purges_note(purging.purges, "a", number, "");
	turn_until_idle(&purging);
	expect_purge(&purging, number, "ada a:1: b:2:no room");
	/* What is made without a hub is dropped. */
	control_purges_tell(purging.purges, number, 0, STR("{}"));
	loop_turn(purging.loop, 0);
	end_purging(&purging);
}

/* Edges that are connected are noted first, each hour, so a thread writes already. */
static void what_is_too_old_goes_also_while_edges_speak(void **state)
{
	(void)state;
	struct purging purging;
	struct store_purge_span span;
	struct found found = {.sink = {.on_purge = on_purge}};
	begin_purging(&purging);
	uint64_t number = add_purge(&purging);
	control_purges_begin(purging.purges, NULL, purging.store);
	control_purges_note(purging.purges, "a", 0, NULL);
	assert_true(control_purges_is_busy(purging.purges));
	control_purges_expire(purging.purges, clock_wall_ms() + 1);
	turn_until_idle(&purging);
	assert_int_equal(store_tasks_read_since(purging.store, 0, &found.sink, &span), STORE_DONE);
	assert_int_equal(span.oldest, number + 1);
	/* Once. */
	number = add_purge(&purging);
	control_purges_note(purging.purges, "a", 0, NULL);
	turn_until_idle(&purging);
	assert_int_equal(store_tasks_read_since(purging.store, 0, &found.sink, &span), STORE_DONE);
	assert_int_equal(span.oldest, number);
	text_done(&found.text);
	end_purging(&purging);
}

/* An edge that speaks while the threads end must not want them again. */
static void nothing_is_written_at_the_end(void **state)
{
	(void)state;
	struct purging purging;
	begin_purging(&purging);
	uint64_t number = add_purge(&purging);
	control_purges_begin(purging.purges, NULL, purging.store);
	control_purges_note(purging.purges, "a", 0, NULL);
	control_purges_note(purging.purges, "a", number, "");
	control_purges_end(purging.purges);
	disk_free(purging.disk);
	/* The thread's end is heard of here, and something is gathered. */
	loop_turn(purging.loop, 0);
	control_purges_note(purging.purges, "b", 0, NULL);
	control_purges_expire(purging.purges, 1);
	assert_false(control_purges_is_busy(purging.purges));
	expect_purge(&purging, number, "ada a:0:");
	control_purges_free(purging.purges);
	control_purges_free(NULL);
	control_purges_end(NULL);
	store_close(purging.store);
	loop_free(purging.loop);
	place_done(&purging.place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_edges_say_reaches_the_store),
	        cmocka_unit_test(what_is_too_old_goes_also_while_edges_speak),
	        cmocka_unit_test(nothing_is_written_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
