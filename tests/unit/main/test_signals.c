/* Signals as events of a loop. */
#include "main/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct heard {
	struct signals signals;
	struct loop *loop;
	int numbers[4];
	unsigned count;
	bool closes; /* at the first one */
};

static void on_signal(struct signals *self, int number)
{
	struct heard *heard = container_of(self, struct heard, signals);
	assert_true(heard->count < ARRAY_LENGTH(heard->numbers));
	heard->numbers[heard->count++] = number;
	if (heard->closes)
		signals_close(&heard->signals, heard->loop);
	loop_stop(heard->loop);
}

static sigset_t both(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	return set;
}

static void set_up(struct heard *heard)
{
	sigset_t set = both();
	signals_block(&set);
	*heard = (struct heard){.signals = {.on_signal = on_signal}, .loop = loop_new()};
	assert_non_null(heard->loop);
	/* One that comes before anybody listens is not lost. */
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	assert_true(signals_open(&heard->signals, &set, heard->loop));
}

static void signals_are_told_also_those_from_before(void **state)
{
	(void)state;
	struct heard heard;
	set_up(&heard);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	loop_run(heard.loop);
	assert_int_equal(heard.count, 2);
	assert_int_equal(heard.numbers[0] + heard.numbers[1], SIGHUP + SIGUSR1);
	signals_close(&heard.signals, heard.loop);
	signals_close(&heard.signals, heard.loop);
	loop_free(heard.loop);
}

static void nothing_is_told_after_the_end(void **state)
{
	(void)state;
	struct heard heard;
	set_up(&heard);
	heard.closes = true;
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	loop_run(heard.loop);
	assert_int_equal(heard.count, 1);
	/* The other one waits for whoever opens next. */
	sigset_t pending;
	assert_int_equal(sigpending(&pending), 0);
	assert_int_equal(sigismember(&pending, SIGHUP) + sigismember(&pending, SIGUSR1), 1);
	loop_free(heard.loop);
}

static void a_pipe_that_nobody_reads_is_no_reason_to_die(void **state)
{
	(void)state;
	int ends[2];
	sigset_t set = both();
	signals_block(&set);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(write(ends[1], "x", 1), -1);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(signals_are_told_also_those_from_before),
	        cmocka_unit_test(nothing_is_told_after_the_end),
	        cmocka_unit_test(a_pipe_that_nobody_reads_is_no_reason_to_die),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
