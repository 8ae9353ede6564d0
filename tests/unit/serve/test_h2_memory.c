/* What a session takes is counted, charged to the budget in steps, and bounded. */
#include "serve/h2_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_is_taken_is_charged_in_steps_and_given_back(void **state)
{
	enum { COUNT = 1000, STEP = 65536 };
	(void)state;
	struct mem_budget budget = {.limit = 1 << 24};
	struct serve_h2_memory memory = {.budget = &budget};
	size_t sum = 0;
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(serve_h2_memory_take(&memory, i));
		sum += i;
		assert_int_equal(memory.used, sum);
		assert_in_range(atomic_load(&budget.used), sum, sum + STEP);
	}
	for (size_t i = 0; i < COUNT; i++) {
		serve_h2_memory_give(&memory, i);
		sum -= i;
		assert_int_equal(memory.used, sum);
		assert_in_range(atomic_load(&budget.used), sum, sum + 2 * STEP);
	}
	serve_h2_memory_done(&memory);
	assert_int_equal(atomic_load(&budget.used), 0);
}

static void who_is_idle_is_charged_for_what_it_has(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = 1 << 20};
	struct serve_h2_memory memory = {.budget = &budget};
	assert_true(serve_h2_memory_take(&memory, 9000));
	assert_true(serve_h2_memory_take(&memory, 200000));
	serve_h2_memory_give(&memory, 200000);
	assert_true(atomic_load(&budget.used) > 60000);
	for (unsigned i = 0; i < 2; i++) {
		serve_h2_memory_trim(&memory);
		assert_int_equal(atomic_load(&budget.used), 12288);
	}
	assert_true(serve_h2_memory_take(&memory, 4000));
	serve_h2_memory_give(&memory, 13000);
	serve_h2_memory_trim(&memory);
	assert_int_equal(atomic_load(&budget.used), 0);
	serve_h2_memory_done(&memory);
}

static void past_the_budget_nothing_is_given(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = 200000};
	struct serve_h2_memory memory = {.budget = &budget};
	assert_true(serve_h2_memory_take(&memory, 100000));
	assert_false(serve_h2_memory_take(&memory, 100000));
	assert_int_equal(memory.used, 100000);
	serve_h2_memory_give(&memory, 100000);
	serve_h2_memory_done(&memory);
	assert_int_equal(atomic_load(&budget.used), 0);
}

static void past_the_limit_of_a_session_nothing_is_given(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = SIZE_MAX};
	struct serve_h2_memory memory = {.budget = &budget};
	assert_true(serve_h2_memory_take(&memory, LIMIT_H2_SESSION_BYTES));
	assert_false(serve_h2_memory_take(&memory, 1));
	serve_h2_memory_give(&memory, LIMIT_H2_SESSION_BYTES);
	assert_false(serve_h2_memory_take(&memory, SIZE_MAX));
	assert_int_equal(memory.used, 0);
	serve_h2_memory_done(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_taken_is_charged_in_steps_and_given_back),
	        cmocka_unit_test(who_is_idle_is_charged_for_what_it_has),
	        cmocka_unit_test(past_the_budget_nothing_is_given),
	        cmocka_unit_test(past_the_limit_of_a_session_nothing_is_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
