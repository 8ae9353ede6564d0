/* The clocks. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void monotonic_time_goes_on_and_is_never_zero(void **state)
{
	(void)state;
	uint64_t before = clock_us();
	uint64_t ms = clock_ms();
	uint64_t after = clock_us();
	assert_true(before > 0 && ms > 0);
	assert_true(before <= after);
	assert_in_range(ms, before / 1000, after / 1000);
}

static void wall_time_is_of_this_century(void **state)
{
	(void)state;
	assert_true(clock_wall_ms() > 1577836800000);
}

static void moments_are_written_as_iso_8601(void **state)
{
	(void)state;
	static const struct {
		uint64_t wall_ms;
		const char *text;
	} ROW[] = {
	        {0, "1970-01-01T00:00:00.000Z"},
	        {951782400007, "2000-02-29T00:00:00.007Z"},
	        {1795472400123, "2026-11-23T22:20:00.123Z"},
	        {253402300799999, "9999-12-31T23:59:59.999Z"},
	        {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
	};
	for (unsigned i = 0; i < sizeof(ROW) / sizeof(ROW[0]); i++) {
		char text[CLOCK_ISO_BYTES];
		clock_format_iso(ROW[i].wall_ms, text);
		assert_string_equal(text, ROW[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(monotonic_time_goes_on_and_is_never_zero),
	        cmocka_unit_test(wall_time_is_of_this_century),
	        cmocka_unit_test(moments_are_written_as_iso_8601),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
