/* How fast is too fast. */
#include "main/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void ten_deaths_may_be_as_fast_as_they_like(void **state)
{
	(void)state;
	struct pace pace = {0};
	for (uint64_t i = 0; i < PACE_DEATHS; i++)
		assert_false(pace_is_too_fast(&pace, 1 + i));
	assert_true(pace_is_too_fast(&pace, 50));
}

static void the_time_is_that_of_ten_deaths(void **state)
{
	(void)state;
	struct pace pace = {0};
	const uint64_t gap_ms = PACE_MS / PACE_DEATHS;
	for (uint64_t i = 1; i < 100; i++)
		assert_false(pace_is_too_fast(&pace, i * gap_ms));
	/* One that comes a little earlier makes it ten in less than that time. */
	assert_true(pace_is_too_fast(&pace, 100 * gap_ms - 1));
	assert_true(pace_is_too_fast(&pace, 101 * gap_ms - 1));
	assert_false(pace_is_too_fast(&pace, 200 * gap_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ten_deaths_may_be_as_fast_as_they_like),
	        cmocka_unit_test(the_time_is_that_of_ten_deaths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
