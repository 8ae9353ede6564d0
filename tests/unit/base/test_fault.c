/* The fault table. */
#include "base/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void each_fault_has_a_whole_row(void **state)
{
	(void)state;
	for (int i = 0; i < FAULT_COUNT; i++) {
		const struct fault_info *info = fault_info((enum fault)i);
		assert_true(strlen(info->name) > 0 && strlen(info->words) > 0);
		assert_int_equal(
		        strspn(info->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(info->name));
		assert_true(info->status == 0 || (info->status >= 200 && info->status < 600));
		assert_ptr_equal(fault_name((enum fault)i), info->name);
	}
}

static void names_are_unique(void **state)
{
	(void)state;
	for (int i = 0; i < FAULT_COUNT; i++) {
		for (int k = 0; k < i; k++)
			assert_string_not_equal(
			        fault_name((enum fault)i), fault_name((enum fault)k));
	}
}

static void sides_and_retries_are_those_of_the_rules(void **state)
{
	(void)state;
	static const struct {
		enum fault fault;
		enum fault_side side;
		enum fault_retry retry;
		unsigned status;
	} ROW[] = {
	        {FAULT_NONE, FAULT_SIDE_NONE, FAULT_RETRY_FINAL, 200},
	        {FAULT_CONNECT_REFUSED, FAULT_SIDE_ORIGIN, FAULT_RETRY_CONNECTION, 502},
	        {FAULT_CONNECT_TIMEOUT, FAULT_SIDE_ORIGIN, FAULT_RETRY_CONNECTION, 504},
	        {FAULT_MALFORMED, FAULT_SIDE_ORIGIN, FAULT_RETRY_RESPONSE, 502},
	        {FAULT_HEAD_TOO_LARGE, FAULT_SIDE_CLIENT, FAULT_RETRY_FINAL, 431},
	        {FAULT_LOCAL, FAULT_SIDE_SELF, FAULT_RETRY_LOCAL, 503},
	};
	for (unsigned i = 0; i < sizeof(ROW) / sizeof(ROW[0]); i++) {
		const struct fault_info *info = fault_info(ROW[i].fault);
		assert_int_equal(info->side, ROW[i].side);
		assert_int_equal(info->retry, ROW[i].retry);
		assert_int_equal(info->status, ROW[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_fault_has_a_whole_row),
	        cmocka_unit_test(names_are_unique),
	        cmocka_unit_test(sides_and_retries_are_those_of_the_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
