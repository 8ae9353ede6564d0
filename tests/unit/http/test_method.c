/* Methods. */
#include "http/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_are_told_apart_by_case_too(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum http_method method;
		bool is_safe;
	} rows[] = {
	        {"GET", HTTP_GET, true},
	        {"HEAD", HTTP_HEAD, true},
	        {"OPTIONS", HTTP_OPTIONS, true},
	        {"POST", HTTP_POST, false},
	        {"PUT", HTTP_PUT, false},
	        {"DELETE", HTTP_DELETE, false},
	        {"PATCH", HTTP_PATCH, false},
	        {"TRACE", HTTP_TRACE, true},
	        {"CONNECT", HTTP_CONNECT, false},
	        {"PURGE", HTTP_OTHER, false},
	        {"get", HTTP_OTHER, false},
	        {"GETS", HTTP_OTHER, false},
	        {"PROPFIND", HTTP_OTHER, false},
	        {"", HTTP_OTHER, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_int_equal(http_method_of(str_of(rows[i].name)), rows[i].method);
		assert_int_equal(http_method_is_safe(rows[i].method), rows[i].is_safe);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_are_told_apart_by_case_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
