/* Waiting a little, and not for ever. */
#include "cli/wait.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_wait_ends_in_time(void **state)
{
	(void)state;
	struct cli_wait wait;
	uint64_t began_ms = clock_ms();
	cli_wait_begin(&wait, 50);
	assert_in_range(cli_wait_left_ms(&wait), 1, 50);
	cli_wait_nap(&wait); /* shorter than its usual pause */
	assert_int_equal(cli_wait_left_ms(&wait), 0);
	assert_true(clock_ms() - began_ms >= 50);
	cli_wait_nap(&wait);
}

static void pauses_grow_up_to_a_second(void **state)
{
	(void)state;
	struct cli_wait wait;
	cli_wait_begin(&wait, UINT64_MAX);
	assert_true(cli_wait_left_ms(&wait) > UINT64_MAX / 2);
	uint64_t first_ms = wait.pause_ms;
	cli_wait_nap(&wait);
	assert_true(wait.pause_ms > first_ms);
	cli_wait_begin(&wait, 0); /* no nap takes time any more */
	assert_int_equal(cli_wait_left_ms(&wait), 0);
	for (unsigned i = 0; i < 100; i++)
		cli_wait_nap(&wait);
	assert_in_range(wait.pause_ms, first_ms + 1, 1000);
	assert_int_equal(wait.pause_ms, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_wait_ends_in_time),
	        cmocka_unit_test(pauses_grow_up_to_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
