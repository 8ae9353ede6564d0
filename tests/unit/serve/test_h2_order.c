/* Who may write next: the most urgent first, one after the other, or by turns. */
#include "serve/h2_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *text;
	uint8_t urgency;
	bool is_incremental;
} PRIORITIES[] = {
        {"", 3, false},
        {"u=0", 0, false},
        {"u=7, i", 7, true},
        {"i", 3, true},
        {"i=?0", 3, false},
        {"i=?1,u=2", 2, true},
        {"u=1, u=5", 5, false},
        {"u=8", 3, false},
        {"u=-1", 3, false},
        {"u=1.5", 3, false},
        {"u=\"1\"", 3, false},
        {"i=1", 3, false},
        {"u=2;x=y, other=(a b)", 2, false},
        {"u=2, =", 3, false}, /* as a whole wrong */
        {"u=2, i,", 3, false},
        {"U=2", 3, false},
};

static void a_priority_is_read_or_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(PRIORITIES); i++) {
		uint8_t urgency = 3;
		bool is_incremental = false;
		serve_h2_order_read(str_of(PRIORITIES[i].text), &urgency, &is_incremental);
		assert_int_equal(urgency, PRIORITIES[i].urgency);
		assert_int_equal(is_incremental, PRIORITIES[i].is_incremental);
	}
}

enum { STREAMS = 6 };

/* A session without a wire, and streams whose handlers note that they were woken. */
struct world {
	struct serve_server server;
	struct serve_connection connection;
	struct serve_h2_session session;
	struct serve_h2_stream streams[STREAMS];
	struct loop_task tasks[STREAMS];
};

static struct world world;
static int woken[STREAMS * 4], woken_count;

static void on_run(struct loop_task *task)
{
	woken[woken_count++] = (int)(task - world.tasks);
}

static void begin(const uint8_t urgencies[STREAMS], const bool incremental[STREAMS])
{
	world = (struct world){.connection = {.server = &world.server}};
	woken_count = 0;
	world.server.options.loop = loop_new();
	world.session.connection = &world.connection;
	world.session.stream_count = STREAMS;
	for (unsigned i = 0; i < SERVE_H2_URGENCIES; i++)
		list_init(&world.session.waiting[i]);
	for (int i = 0; i < STREAMS; i++) {
		struct serve_h2_stream *stream = &world.streams[i];
		stream->session = &world.session;
		stream->stream.connection = &world.connection;
		stream->id = 2 * i + 1;
		stream->urgency = urgencies[i];
		stream->is_incremental = incremental[i];
		world.tasks[i].on_run = on_run;
		stream->stream.wake = &world.tasks[i];
	}
}

static void end(void)
{
	loop_turn(world.server.options.loop, 0);
	loop_free(world.server.options.loop);
}

/* Lets all who wait write, and says in which order. */
static void grant_all(void)
{
	while (serve_h2_order_grant(&world.session) != SERVE_H2_GRANT_NOBODY)
		loop_turn(world.server.options.loop, 0);
	loop_turn(world.server.options.loop, 0);
}

static void the_most_urgent_goes_first_and_then_who_asked_first(void **state)
{
	static const uint8_t URGENCIES[STREAMS] = {7, 3, 3, 0, 3, 7};
	static const bool INCREMENTAL[STREAMS] = {false, true, false, true, false, false};
	static const int WANTED[STREAMS] = {3, 2, 4, 1, 0, 5};
	(void)state;
	begin(URGENCIES, INCREMENTAL);
	for (int i = STREAMS - 1; i >= 0; i--) {
		serve_h2_order_wait(&world.streams[i]);
		serve_h2_order_wait(&world.streams[i]); /* once more changes nothing */
		assert_false(serve_h2_order_may_write(&world.streams[i]));
	}
	grant_all();
	assert_int_equal(woken_count, STREAMS);
	assert_memory_equal(woken, WANTED, sizeof(WANTED));
	for (int i = 0; i < STREAMS; i++)
		assert_true(serve_h2_order_may_write(&world.streams[i]));
	end();
}

static void one_by_one_unless_they_take_turns(void **state)
{
	static const uint8_t URGENCIES[STREAMS] = {3, 3, 3, 4, 4, 4};
	static const bool INCREMENTAL[STREAMS] = {false, false, false, true, true, true};
	(void)state;
	begin(URGENCIES, INCREMENTAL);
	for (int i = 0; i < STREAMS; i++)
		serve_h2_order_wait(&world.streams[i]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(serve_h2_order_grant(&world.session), SERVE_H2_GRANT_SOME);
		loop_turn(world.server.options.loop, 0);
		assert_int_equal(woken_count, i + 1);
	}
	assert_int_equal(serve_h2_order_grant(&world.session), SERVE_H2_GRANT_NOBODY);
	loop_turn(world.server.options.loop, 0);
	assert_int_equal(woken_count, STREAMS);
	assert_int_equal(serve_h2_order_share(&world.streams[0]), SIZE_MAX);
	assert_int_equal(serve_h2_order_share(&world.streams[3]), SERVE_H2_FRAME_BYTES);
	world.session.stream_count = 1;
	assert_int_equal(serve_h2_order_share(&world.streams[3]), SIZE_MAX);
	end();
}

static void a_changed_priority_counts_for_who_waits(void **state)
{
	static const uint8_t URGENCIES[STREAMS] = {3, 3, 3, 3, 3, 3};
	static const bool INCREMENTAL[STREAMS] = {false};
	static const int WANTED[STREAMS] = {4, 1, 2, 3, 5, 0};
	(void)state;
	begin(URGENCIES, INCREMENTAL);
	for (int i = 0; i < STREAMS; i++)
		serve_h2_order_wait(&world.streams[i]);
	serve_h2_order_change(&world.streams[4], 1, false);
	serve_h2_order_change(&world.streams[0], 3, true);
	grant_all();
	assert_memory_equal(woken, WANTED, sizeof(WANTED));
	/* Who does not wait does not begin to. */
	serve_h2_order_change(&world.streams[4], 2, true);
	assert_int_equal(serve_h2_order_grant(&world.session), SERVE_H2_GRANT_NOBODY);
	end();
}

static void who_writes_has_precedence_while_it_does(void **state)
{
	static const uint8_t URGENCIES[STREAMS] = {0, 3, 3, 3, 3, 3};
	static const bool INCREMENTAL[STREAMS] = {false, false, false, true, true, false};
	(void)state;
	begin(URGENCIES, INCREMENTAL);
	serve_h2_order_wrote(&world.streams[0]);
	assert_false(serve_h2_order_may_write(&world.streams[1]));
	serve_h2_order_wait(&world.streams[1]);
	assert_int_equal(serve_h2_order_grant(&world.session), SERVE_H2_GRANT_LATER);
	serve_h2_order_wrote(&world.streams[0]);
	assert_int_equal(serve_h2_order_grant(&world.session), SERVE_H2_GRANT_LATER);
	/* It has not written since. */
	assert_int_equal(serve_h2_order_grant(&world.session), SERVE_H2_GRANT_NOBODY);
	serve_h2_order_wrote(&world.streams[0]);
	serve_h2_order_leave(&world.streams[1]);
	assert_false(serve_h2_order_may_write(&world.streams[5]));
	serve_h2_order_leave(&world.streams[0]);
	assert_true(serve_h2_order_may_write(&world.streams[5]));
	/* Who takes turns has none. */
	serve_h2_order_wrote(&world.streams[3]);
	assert_true(serve_h2_order_may_write(&world.streams[4]));
	assert_true(serve_h2_order_may_write(&world.streams[1]));
	end();
}

static void without_room_nobody_may(void **state)
{
	static const uint8_t URGENCIES[STREAMS] = {0};
	static const bool INCREMENTAL[STREAMS] = {false};
	(void)state;
	begin(URGENCIES, INCREMENTAL);
	world.connection.out.end = SERVE_H2_OUT_BYTES - SERVE_H2_FRAME_HEAD_BYTES;
	assert_int_equal(serve_h2_room(&world.session), 0);
	serve_h2_order_wait(&world.streams[2]);
	assert_int_equal(serve_h2_order_grant(&world.session), SERVE_H2_GRANT_SOME);
	loop_turn(world.server.options.loop, 0);
	assert_int_equal(woken_count, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_priority_is_read_or_changes_nothing),
	        cmocka_unit_test(the_most_urgent_goes_first_and_then_who_asked_first),
	        cmocka_unit_test(one_by_one_unless_they_take_turns),
	        cmocka_unit_test(a_changed_priority_counts_for_who_waits),
	        cmocka_unit_test(who_writes_has_precedence_while_it_does),
	        cmocka_unit_test(without_room_nobody_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
