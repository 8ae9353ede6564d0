/* Allocation and the budget. */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

enum { TAKERS = 4, ROUNDS = 20000 };

static void nothing_is_ever_null(void **state)
{
	(void)state;
	void *none = mem_alloc(0);
	assert_non_null(none);
	none = mem_resize(none, 0);
	assert_non_null(none);
	mem_free(none);
	mem_free(NULL);
}

static void zeroed_memory_is_zero_and_copies_end_in_nul(void **state)
{
	(void)state;
	char *zeroed = mem_zero(100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(zeroed[i], 0);
	mem_free(zeroed);
	char *copy = mem_copy("abcdef", 3);
	assert_string_equal(copy, "abc");
	mem_free(copy);
	copy = mem_copy(NULL, 0);
	assert_string_equal(copy, "");
	mem_free(copy);
}

static void alignment_is_kept(void **state)
{
	(void)state;
	for (size_t alignment = 16; alignment <= 4096; alignment *= 2) {
		char *memory = mem_aligned(alignment, 2 * alignment);
		assert_int_equal((uintptr_t)memory % alignment, 0);
		memset(memory, 1, 2 * alignment);
		mem_free(memory);
	}
}

static void the_budget_says_no_beyond_its_limit_and_takes_nothing_then(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = 100};
	assert_true(mem_budget_take(&budget, 60));
	assert_false(mem_budget_take(&budget, 41));
	assert_int_equal(budget.used, 60);
	assert_false(mem_budget_take(&budget, SIZE_MAX - 59));
	assert_int_equal(budget.used, 60);
	assert_true(mem_budget_take(&budget, 40));
	assert_false(mem_budget_take(&budget, 1));
	mem_budget_give(&budget, 100);
	assert_int_equal(budget.used, 0);
}

static void *take_and_give(void *argument)
{
	struct mem_budget *budget = argument;
	for (int i = 0; i < ROUNDS; i++) {
		if (mem_budget_take(budget, 7))
			mem_budget_give(budget, 7);
	}
	return NULL;
}

static void threads_leave_the_budget_as_it_was(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = 15};
	pthread_t threads[TAKERS];
	for (int i = 0; i < TAKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &budget), 0);
	for (int i = 0; i < TAKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(budget.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_is_ever_null),
	        cmocka_unit_test(zeroed_memory_is_zero_and_copies_end_in_nul),
	        cmocka_unit_test(alignment_is_kept),
	        cmocka_unit_test(the_budget_says_no_beyond_its_limit_and_takes_nothing_then),
	        cmocka_unit_test(threads_leave_the_budget_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
