/* Status codes. */
#include "http/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reasons_are_the_registered_ones(void **state)
{
	(void)state;
	static const struct {
		unsigned status;
		const char *reason;
		bool is_bodiless;
	} rows[] = {
	        {100, "Continue", true},
	        {103, "Early Hints", true},
	        {199, "Unknown", true},
	        {200, "OK", false},
	        {204, "No Content", true},
	        {205, "Reset Content", false},
	        {206, "Partial Content", false},
	        {304, "Not Modified", true},
	        {404, "Not Found", false},
	        {431, "Request Header Fields Too Large", false},
	        {499, "Unknown", false},
	        {502, "Bad Gateway", false},
	        {508, "Loop Detected", false},
	        {599, "Unknown", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_true(
		        str_is_equal(http_status_reason(rows[i].status), str_of(rows[i].reason)));
		assert_int_equal(http_status_is_bodiless(rows[i].status), rows[i].is_bodiless);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reasons_are_the_registered_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
