/* How soon an origin answers. */
#include "origin/pace.h"

#include "base/check.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MINUTE_MS = 60000, START_MS = 1234567, MS = 1000 };

static void note_many(struct origin_pace *pace, unsigned count, uint64_t us, uint64_t now_ms)
{
	for (unsigned i = 0; i < count; i++)
		origin_pace_note(pace, us, now_ms);
}

static void it_tells_nothing_before_fifty_heads(void **state)
{
	(void)state;
	struct origin_pace *pace = origin_pace_new();
	assert_int_equal(origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS), 0);
	note_many(pace, ORIGIN_PACE_SAMPLES - 1, 10 * MS, START_MS);
	assert_int_equal(origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS), 0);
	note_many(pace, 1, 10 * MS, START_MS);
	assert_int_not_equal(origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS), 0);
	origin_pace_free(pace);
}

/* Of a known distribution, over what can be: never less than the true one, at most an eighth more.
 */
static void the_percentile_is_right_within_an_eighth(void **state)
{
	(void)state;
	for (enum model_hedge after = MODEL_HEDGE_P50; after <= MODEL_HEDGE_P99; after++) {
		for (uint64_t step_us = 1; step_us <= 1000000; step_us *= 7) {
			struct origin_pace *pace = origin_pace_new();
			for (unsigned k = 1; k <= 1000; k++)
				origin_pace_note(pace, k * step_us, START_MS + k);
			uint64_t true_us = model_hedge_percentile(after) * 10 * step_us;
			uint64_t late_us = origin_pace_late_us(pace, after, START_MS + 1000);
			assert_true(late_us >= true_us);
			if (true_us >= 64)
				assert_true(late_us <= true_us + true_us / 8 + 1);
			else
				assert_int_equal(late_us, 64);
			origin_pace_free(pace);
		}
	}
}

static void the_longest_times_have_one_place(void **state)
{
	(void)state;
	struct origin_pace *pace = origin_pace_new();
	note_many(pace, ORIGIN_PACE_SAMPLES, UINT64_MAX, START_MS);
	assert_int_equal(origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS), 1ULL << 30);
	origin_pace_free(pace);
}

static void what_is_a_minute_old_is_forgotten(void **state)
{
	(void)state;
	struct origin_pace *pace = origin_pace_new();
	note_many(pace, 1000, 100 * MS, START_MS);
	/* Until the slice in which they came is a minute old. */
	assert_true(origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS + MINUTE_MS - 6000) >=
	            100 * MS);
	assert_int_equal(origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS + MINUTE_MS), 0);
	note_many(pace, ORIGIN_PACE_SAMPLES, 1 * MS, START_MS + MINUTE_MS);
	assert_true(
	        origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS + MINUTE_MS + 300) < 2 * MS);
	origin_pace_free(pace);
}

static void it_follows_an_origin_that_becomes_slower(void **state)
{
	(void)state;
	struct origin_pace *pace = origin_pace_new();
	uint64_t late_us = 0;
	for (unsigned second = 0; second < 120; second++) {
		uint64_t us = second < 60 ? 5 * MS : 50 * MS;
		note_many(pace, 100, us, START_MS + second * 1000);
		late_us = origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS + second * 1000);
		if (second == 59)
			assert_true(late_us < 6 * MS);
	}
	assert_true(late_us >= 50 * MS);
	origin_pace_free(pace);
}

static void the_budget_is_a_part_of_the_minutes_pulls(void **state)
{
	(void)state;
	struct origin_pace *pace = origin_pace_new();
	assert_false(origin_pace_hedge(pace, 5, START_MS));
	note_many(pace, 19, MS, START_MS);
	assert_false(origin_pace_hedge(pace, 5, START_MS));
	note_many(pace, 21, MS, START_MS + 7000);
	assert_true(origin_pace_hedge(pace, 5, START_MS + 7000));
	assert_true(origin_pace_hedge(pace, 5, START_MS + 14000));
	assert_false(origin_pace_hedge(pace, 5, START_MS + 21000));
	assert_true(origin_pace_hedge(pace, 50, START_MS + 21000));
	/* Those of a minute ago do not count, nor do the pulls that they were a part of. */
	assert_false(origin_pace_hedge(pace, 5, START_MS + 7000 + MINUTE_MS));
	note_many(pace, 100, MS, START_MS + 7000 + MINUTE_MS);
	assert_true(origin_pace_hedge(pace, 5, START_MS + 7000 + MINUTE_MS));
	origin_pace_free(pace);
}

static void several_percentiles_are_told_of_one_origin(void **state)
{
	(void)state;
	struct origin_pace *pace = origin_pace_new();
	note_many(pace, 90, 10 * MS, START_MS);
	note_many(pace, 10, 1000 * MS, START_MS);
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_true(origin_pace_late_us(pace, MODEL_HEDGE_P90, START_MS) < 20 * MS);
		assert_true(origin_pace_late_us(pace, MODEL_HEDGE_P95, START_MS) >= 1000 * MS);
	}
	origin_pace_free(pace);
}

enum { THREADS = 4, ROUNDS = 20000, BUDGET = 10 };

struct crowd {
	struct origin_pace *pace;
	atomic_uint hedged;
};

static void *note_and_hedge(void *context)
{
	struct crowd *crowd = context;
	for (unsigned i = 0; i < ROUNDS; i++) {
		origin_pace_note(crowd->pace, 10 * MS, START_MS + i / 1000);
		if (origin_pace_hedge(crowd->pace, BUDGET, START_MS + i / 1000))
			atomic_fetch_add(&crowd->hedged, 1);
		(void)origin_pace_late_us(crowd->pace, MODEL_HEDGE_P95, START_MS + i / 10);
	}
	return NULL;
}

static void threads_together_keep_to_the_budget(void **state)
{
	(void)state;
	struct crowd crowd = {.pace = origin_pace_new()};
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(thread_start(&threads[i], note_and_hedge, &crowd), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	unsigned hedged = atomic_load(&crowd.hedged);
	assert_true(hedged <= THREADS * ROUNDS * BUDGET / 100);
	assert_true(hedged >= THREADS * ROUNDS * BUDGET / 200);
	assert_true(origin_pace_late_us(crowd.pace, MODEL_HEDGE_P95, START_MS + ROUNDS) >= 10 * MS);
	origin_pace_free(crowd.pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_tells_nothing_before_fifty_heads),
	        cmocka_unit_test(the_percentile_is_right_within_an_eighth),
	        cmocka_unit_test(the_longest_times_have_one_place),
	        cmocka_unit_test(what_is_a_minute_old_is_forgotten),
	        cmocka_unit_test(it_follows_an_origin_that_becomes_slower),
	        cmocka_unit_test(the_budget_is_a_part_of_the_minutes_pulls),
	        cmocka_unit_test(several_percentiles_are_told_of_one_origin),
	        cmocka_unit_test(threads_together_keep_to_the_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
