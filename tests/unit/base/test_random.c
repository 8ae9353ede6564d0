/* Random numbers. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_seed_repeats_its_sequence(void **state)
{
	(void)state;
	uint64_t first[8];
	random_seed(42);
	for (int i = 0; i < 8; i++)
		first[i] = random_u64();
	random_seed(42);
	for (int i = 0; i < 8; i++)
		assert_int_equal(random_u64(), first[i]);
	random_seed(43);
	assert_int_not_equal(random_u64(), first[0]);
}

static void numbers_below_a_bound_are_uniform(void **state)
{
	(void)state;
	enum { BOUND = 7, DRAWS = 70000 };
	unsigned counts[BOUND] = {0};
	random_seed(1);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t number = random_below(BOUND);
		assert_true(number < BOUND);
		counts[number]++;
	}
	/* Five standard deviations. */
	for (int i = 0; i < BOUND; i++)
		assert_in_range(counts[i], DRAWS / BOUND - 463, DRAWS / BOUND + 463);
	assert_int_equal(random_below(1), 0);
	/* A bound that rejects almost half of what is drawn. */
	for (int i = 0; i < 1000; i++)
		assert_true(random_below((1ull << 63) + 1) <= 1ull << 63);
}

static void jitter_stays_within_its_percentage(void **state)
{
	(void)state;
	static const struct {
		uint64_t value;
		unsigned percent;
		uint64_t low, high;
	} ROW[] = {
	        {60000, 10, 54000, 66000},
	        {60000, 0, 60000, 60000},
	        {0, 50, 0, 0},
	        {5, 10, 5, 5},
	        {10, 100, 0, 20},
	        {UINT64_MAX, 10, UINT64_MAX - UINT64_MAX / 10, UINT64_MAX},
	        {UINT64_MAX, 100, 0, UINT64_MAX},
	};
	random_seed(2);
	for (unsigned i = 0; i < sizeof(ROW) / sizeof(ROW[0]); i++) {
		uint64_t lowest = UINT64_MAX, highest = 0;
		for (int k = 0; k < 20000; k++) {
			uint64_t value = random_jitter(ROW[i].value, ROW[i].percent);
			assert_in_range(value, ROW[i].low, ROW[i].high);
			lowest = value < lowest ? value : lowest;
			highest = value > highest ? value : highest;
		}
		/* Both ends are come close to. */
		uint64_t near = (ROW[i].high - ROW[i].low) / 100;
		assert_true(lowest - ROW[i].low <= near && ROW[i].high - highest <= near);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_seed_repeats_its_sequence),
	        cmocka_unit_test(numbers_below_a_bound_are_uniform),
	        cmocka_unit_test(jitter_stays_within_its_percentage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
