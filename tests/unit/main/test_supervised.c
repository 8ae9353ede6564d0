/* What a process hears of its supervisor and its signals. */
#include "main/supervised.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/spoken.h"

static struct {
	struct supervised supervised;
	struct loop *loop;
	struct handover handover;
	unsigned drains, hangups, users;
} bench;

static void on_drain(struct supervised *supervised)
{
	assert_ptr_equal(supervised, &bench.supervised);
	bench.drains++;
}

static void on_signal(struct supervised *supervised, int number)
{
	assert_ptr_equal(supervised, &bench.supervised);
	bench.hangups += number == SIGHUP;
	bench.users += number == SIGUSR1;
}

static void open_bench(bool is_alone)
{
	bench.drains = bench.hangups = bench.users = 0;
	bench.loop = loop_new();
	bench.supervised = (struct supervised){
	        .name = "edge",
	        .is_alone = is_alone,
	        .on_drain = on_drain,
	        .on_signal = on_signal,
	};
	supervised_block();
	assert_true(supervised_open(&bench.supervised, bench.loop, &bench.handover));
}

static void close_bench(void)
{
	supervised_close(&bench.supervised);
	supervised_close(&bench.supervised);
	loop_free(bench.loop);
}

static void hear(int number)
{
	assert_int_equal(kill(getpid(), number), 0);
	for (unsigned i = 0; i < 3; i++)
		loop_turn(bench.loop, 5);
}

static void who_is_alone_ends_by_either_signal_and_twice(void **state)
{
	(void)state;
	handover_init(&bench.handover);
	open_bench(true);
	hear(SIGHUP);
	hear(SIGUSR1);
	hear(SIGINT);
	hear(SIGTERM);
	assert_int_equal(bench.drains, 2);
	/* What is ending does not begin anew. */
	hear(SIGHUP);
	hear(SIGUSR1);
	assert_int_equal(bench.hangups, 1);
	assert_int_equal(bench.users, 2);
	close_bench();
}

static void a_child_is_told_to_end_by_its_supervisor_alone(void **state)
{
	(void)state;
	handover_init(&bench.handover);
	open_bench(false);
	hear(SIGINT);
	assert_int_equal(bench.drains, 0);
	hear(SIGTERM);
	hear(SIGTERM);
	assert_int_equal(bench.drains, 1);
	close_bench();
}

static void a_supervisor_that_is_gone_is_the_end(void **state)
{
	(void)state;
	struct spoken spoken;
	int ends[2];
	handover_init(&bench.handover);
	assert_int_equal(pipe(ends), 0);
	bench.handover.lifeline_read = ends[0];
	open_bench(false);
	loop_turn(bench.loop, 5);
	assert_int_equal(bench.drains, 0);
	spoken_begin(&spoken, STDERR_FILENO);
	close(ends[1]);
	for (unsigned i = 0; i < 3; i++)
		loop_turn(bench.loop, 5);
	spoken_end(&spoken);
	assert_non_null(strstr(text_c(&spoken.text), "the supervisor is gone; the edge drains"));
	assert_int_equal(bench.drains, 1);
	hear(SIGTERM);
	assert_int_equal(bench.drains, 1);
	close_bench();
	close(ends[0]);
	text_done(&spoken.text);
}

static void the_supervisor_hears_of_readiness_once(void **state)
{
	(void)state;
	int ends[2];
	char byte;
	handover_init(&bench.handover);
	open_bench(false);
	supervised_say_ready(&bench.supervised, &bench.handover);
	assert_int_equal(pipe(ends), 0);
	bench.handover.ready = ends[1];
	supervised_say_ready(&bench.supervised, &bench.handover);
	assert_int_equal(bench.handover.ready, -1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	close_bench();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(who_is_alone_ends_by_either_signal_and_twice),
	        cmocka_unit_test(a_child_is_told_to_end_by_its_supervisor_alone),
	        cmocka_unit_test(a_supervisor_that_is_gone_is_the_end),
	        cmocka_unit_test(the_supervisor_hears_of_readiness_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
