/* Selecting an address: exact shares of the shuffle bag, least load, consistent hashing. */
#include "origin/polling.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	U = ORIGIN_POLLING_USABLE,
	B = ORIGIN_POLLING_BLOCKED,
	L = ORIGIN_POLLING_LEFT_OUT,
	ALL = LIMIT_ADDRESSES,
};

static uint16_t whole[ALL];

static void draw_many(struct origin_polling_bag *bag, const uint8_t *weights, unsigned count,
        const uint8_t *standings, unsigned draws, unsigned *ret_counts)
{
	memset(ret_counts, 0, ALL * sizeof(*ret_counts));
	for (unsigned i = 0; i < draws; i++) {
		int drawn = origin_polling_draw(bag, weights, count, standings, whole);
		assert_in_range(drawn, 0, count - 1);
		ret_counts[drawn]++;
	}
}

static void each_round_gives_each_entry_exactly_its_weight(void **state)
{
	(void)state;
	static const struct {
		uint8_t count, weights[ALL];
	} rows[] = {
	        {1, {1}},
	        {2, {1, 1}},
	        {3, {1, 2, 5}},
	        {4, {0, 3, 0, 1}},
	        {3, {100, 1, 99}},
	        {5, {7, 7, 7, 7, 7}},
	};
	static const uint8_t usable[ALL];
	for (size_t row = 0; row < ARRAY_LENGTH(rows); row++) {
		struct origin_polling_bag bag = {0};
		unsigned sum = 0, counts[ALL];
		for (unsigned i = 0; i < rows[row].count; i++)
			sum += rows[row].weights[i];
		for (unsigned round = 0; round < 50; round++) {
			draw_many(&bag, rows[row].weights, rows[row].count, usable, sum, counts);
			for (unsigned i = 0; i < rows[row].count; i++)
				assert_int_equal(counts[i], rows[row].weights[i]);
			assert_int_equal(bag.total, 0);
		}
	}
}

static void the_largest_origin_is_exact_too(void **state)
{
	(void)state;
	static const uint8_t usable[ALL];
	uint8_t weights[ALL];
	unsigned counts[ALL];
	struct origin_polling_bag bag = {0};
	memset(weights, 100, sizeof(weights));
	draw_many(&bag, weights, ALL, usable, 100 * ALL, counts);
	for (unsigned i = 0; i < ALL; i++)
		assert_int_equal(counts[i], 100);
}

static void the_order_within_a_round_is_uniform(void **state)
{
	(void)state;
	/* Four entries of weight 1 have 24 orders. Chi-square with 23 degrees of freedom: a fair
	 * shuffle stays below 49.73 in 99.9 % of all runs; the seed makes this run the same each
	 * time. */
	static const uint8_t usable[ALL], weights[] = {1, 1, 1, 1};
	enum { ROUNDS = 24000 };
	unsigned seen[256] = {0};
	struct origin_polling_bag bag = {0};
	random_seed(7);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned order = 0;
		for (unsigned i = 0; i < 4; i++)
			order = order << 2 |
			        (unsigned)origin_polling_draw(&bag, weights, 4, usable, whole);
		seen[order]++;
	}
	double expected = ROUNDS / 24.0, chi_square = 0;
	unsigned orders = 0;
	for (unsigned i = 0; i < ARRAY_LENGTH(seen); i++) {
		if (seen[i] == 0)
			continue;
		orders++;
		chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
	}
	assert_int_equal(orders, 24);
	assert_true(chi_square < 49.73);
}

static void the_first_draw_follows_the_weights(void **state)
{
	(void)state;
	/* Chi-square with 2 degrees of freedom: 13.82 at 0.1 %. */
	static const uint8_t usable[ALL], weights[] = {1, 3, 6};
	enum { DRAWS = 30000 };
	unsigned seen[3] = {0};
	random_seed(11);
	for (unsigned i = 0; i < DRAWS; i++) {
		struct origin_polling_bag bag = {0};
		seen[origin_polling_draw(&bag, weights, 3, usable, whole)]++;
	}
	double chi_square = 0;
	for (unsigned i = 0; i < 3; i++) {
		double expected = DRAWS * weights[i] / 10.0;
		chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
	}
	assert_true(chi_square < 13.82);
}

static void nothing_usable_gives_nothing(void **state)
{
	(void)state;
	static const struct {
		uint8_t count, weights[3], standings[3];
	} rows[] = {
	        {0, {0}, {0}},
	        {3, {1, 2, 3}, {B, B, B}},
	        {3, {1, 2, 3}, {L, L, L}},
	        {3, {1, 2, 3}, {B, L, B}},
	        {3, {0, 0, 0}, {U, U, U}},
	        {3, {0, 2, 3}, {U, B, L}},
	};
	static const uint32_t none[ALL];
	static const uint64_t seeds[ALL];
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct origin_polling_bag bag = {0};
		const uint8_t *weights = rows[i].weights, *standings = rows[i].standings;
		unsigned count = rows[i].count;
		assert_int_equal(origin_polling_draw(&bag, weights, count, standings, whole), -1);
		assert_int_equal(
		        origin_polling_least_load(weights, count, standings, none, none), -1);
		assert_int_equal(origin_polling_hash(weights, count, standings, seeds, 1), -1);
	}
}

static void a_blocked_entry_is_never_drawn_and_the_rest_share_exactly(void **state)
{
	(void)state;
	static const uint8_t weights[] = {2, 5, 3}, standings[] = {U, B, U};
	struct origin_polling_bag bag = {0};
	unsigned counts[ALL];
	for (unsigned round = 0; round < 100; round++) {
		draw_many(&bag, weights, 3, standings, 5, counts);
		assert_int_equal(counts[0], 2);
		assert_int_equal(counts[1], 0);
		assert_int_equal(counts[2], 3);
	}
}

static void turns_of_a_blocked_entry_are_dropped_and_not_deferred(void **state)
{
	(void)state;
	/* Blocked for one round, it gets no more than its weight in the next. */
	static const uint8_t weights[] = {1, 10}, blocked[] = {U, B}, usable[] = {U, U};
	for (unsigned run = 0; run < 50; run++) {
		struct origin_polling_bag bag = {0};
		unsigned counts[ALL];
		draw_many(&bag, weights, 2, blocked, 3, counts);
		assert_int_equal(counts[1], 0);
		assert_true(bag.turns[1] <= 10);
		bag.turns[0] = 0;
		bag.total = bag.turns[1];
		unsigned left = bag.turns[1];
		draw_many(&bag, weights, 2, usable, left + 11, counts);
		assert_int_equal(counts[0], 1);
		assert_int_equal(counts[1], left + 10);
	}
}

static void a_heavy_blocked_entry_does_not_slow_a_draw_down(void **state)
{
	(void)state;
	/* 3,100 blocked turns against one usable one: still exact, and bounded. */
	uint8_t weights[ALL], standings[ALL];
	memset(weights, 100, sizeof(weights));
	memset(standings, B, sizeof(standings));
	weights[31] = 1;
	standings[31] = U;
	struct origin_polling_bag bag = {0};
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(origin_polling_draw(&bag, weights, ALL, standings, whole), 31);
}

static void an_entry_left_out_keeps_its_turns(void **state)
{
	(void)state;
	static const uint8_t weights[] = {3, 4}, left_out[] = {L, U}, usable[] = {U, U};
	struct origin_polling_bag bag = {0};
	unsigned counts[ALL];
	draw_many(&bag, weights, 2, left_out, 4, counts);
	assert_int_equal(counts[1], 4);
	assert_int_equal(bag.turns[0], 3);
	draw_many(&bag, weights, 2, usable, 3, counts);
	assert_int_equal(counts[0], 3);
	assert_int_equal(bag.total, 0);
}

static void a_refill_in_the_middle_keeps_shares_exact(void **state)
{
	(void)state;
	/* A retry that leaves entry 0 out runs into the end of the round: entry 1 begins its next
	 * round, entry 0 still has what it had, and after two rounds in all both had twice their
	 * weights. */
	static const uint8_t weights[] = {3, 2}, left_out[] = {L, U}, usable[] = {U, U};
	for (unsigned run = 0; run < 100; run++) {
		struct origin_polling_bag bag = {0};
		unsigned first[ALL], rest[ALL];
		draw_many(&bag, weights, 2, left_out, 3, first);
		assert_int_equal(first[1], 3);
		draw_many(&bag, weights, 2, usable, 7, rest);
		assert_int_equal(first[0] + rest[0], 6);
		assert_int_equal(first[1] + rest[1], 4);
		assert_int_equal(bag.total, 0);
	}
}

static void turns_carried_over_stay_within_one_round(void **state)
{
	(void)state;
	static const uint8_t weights[] = {100, 1}, left_out[] = {L, U};
	struct origin_polling_bag bag = {0};
	unsigned counts[ALL];
	draw_many(&bag, weights, 2, left_out, 1000, counts);
	assert_int_equal(counts[1], 1000);
	assert_int_equal(bag.turns[0], 200);
	assert_int_equal(bag.total, bag.turns[0] + bag.turns[1]);
}

static void slow_start_thins_an_entry_out(void **state)
{
	(void)state;
	/* A quarter of its turns: 0.25 to 1, within five standard deviations. */
	static const uint8_t weights[] = {1, 1}, usable[] = {U, U};
	static const uint16_t shares[] = {64, 256};
	enum { DRAWS = 20000 };
	struct origin_polling_bag bag = {0};
	unsigned seen[2] = {0};
	random_seed(3);
	for (unsigned i = 0; i < DRAWS; i++)
		seen[origin_polling_draw(&bag, weights, 2, usable, shares)]++;
	assert_in_range(seen[0], DRAWS / 5 - 300, DRAWS / 5 + 300);
}

static void tiny_shares_of_all_entries_do_not_starve_anybody(void **state)
{
	(void)state;
	static const uint8_t usable[] = {U, U, B}, weights[] = {1, 1, 100};
	static const uint16_t shares[] = {1, 1, 256};
	struct origin_polling_bag bag = {0};
	unsigned seen[2] = {0};
	for (unsigned i = 0; i < 2000; i++) {
		int drawn = origin_polling_draw(&bag, weights, 3, usable, shares);
		assert_in_range(drawn, 0, 1);
		seen[drawn]++;
	}
	assert_int_equal(seen[0], 1000);
}

static void a_tiny_share_with_a_great_weight_stays_tiny(void **state)
{
	(void)state;
	/* 100 × 1/256 against 1 × 1: at most about 0.39 to 1, although most turns are its own. */
	static const uint8_t usable[] = {U, U}, weights[] = {100, 1};
	static const uint16_t shares[] = {1, 256};
	struct origin_polling_bag bag = {0};
	unsigned seen[2] = {0};
	random_seed(5);
	for (unsigned i = 0; i < 10000; i++)
		seen[origin_polling_draw(&bag, weights, 2, usable, shares)]++;
	assert_in_range(seen[0], 2000, 3600);
}

static void a_changed_count_begins_a_new_round(void **state)
{
	(void)state;
	static const uint8_t usable[ALL], weights[] = {1, 1, 1};
	struct origin_polling_bag bag = {0};
	unsigned counts[ALL];
	draw_many(&bag, weights, 2, usable, 1, counts);
	draw_many(&bag, weights, 3, usable, 3, counts);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(counts[i], 1);
}

static void least_load_takes_the_lesser_of_two(void **state)
{
	(void)state;
	static const struct {
		uint8_t weights[2];
		uint32_t in_flight[2], latency_us[2];
		int expected;
	} rows[] = {
	        {{1, 1}, {3, 9}, {100, 100}, 0},
	        {{1, 1}, {9, 3}, {100, 100}, 1},
	        {{1, 1}, {3, 3}, {900, 100}, 1},
	        {{1, 1}, {1, 5}, {900, 100}, 1},
	        {{1, 9}, {0, 4}, {100, 100}, 1},
	        {{1, 1}, {0, 9}, {100, 0}, 0},
	        {{1, 1}, {9, 0}, {0, 100}, 1},
	        {{0, 1}, {0, 9}, {1, 999}, 1},
	        {{100, 1}, {UINT32_MAX, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}, 0},
	};
	static const uint8_t usable[2];
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		for (unsigned run = 0; run < 20; run++)
			assert_int_equal(origin_polling_least_load(rows[i].weights, 2, usable,
			                         rows[i].in_flight, rows[i].latency_us),
			        rows[i].expected);
}

static void least_load_uses_all_equals_alike(void **state)
{
	(void)state;
	static const uint8_t weights[] = {1, 1, 1, 1, 1}, standings[] = {U, B, U, U, L};
	static const uint32_t none[5];
	unsigned seen[5] = {0};
	random_seed(13);
	for (unsigned i = 0; i < 9000; i++)
		seen[origin_polling_least_load(weights, 5, standings, none, none)]++;
	assert_int_equal(seen[1] + seen[4], 0);
	assert_in_range(seen[0], 2700, 3300);
	assert_in_range(seen[2], 2700, 3300);
	assert_in_range(seen[3], 2700, 3300);
}

static void hashing_follows_weights_and_moves_only_what_it_must(void **state)
{
	(void)state;
	static const uint8_t weights[] = {1, 2, 1, 4}, usable[] = {U, U, U, U},
	                     without_3[] = {U, U, U, B};
	static const uint64_t seeds[] = {101, 202, 303, 404};
	enum { KEYS = 16000 };
	unsigned seen[4] = {0}, moved_elsewhere = 0;
	for (uint64_t key = 0; key < KEYS; key++) {
		int before = origin_polling_hash(weights, 4, usable, seeds, hash_mix(key, 1));
		int after = origin_polling_hash(weights, 4, without_3, seeds, hash_mix(key, 1));
		assert_in_range(before, 0, 3);
		assert_in_range(after, 0, 2);
		seen[before]++;
		moved_elsewhere += before != 3 && before != after;
	}
	assert_int_equal(moved_elsewhere, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(seen[i], KEYS / 8 * weights[i] - 300, KEYS / 8 * weights[i] + 300);
}

int main(void)
{
	for (unsigned i = 0; i < ALL; i++)
		whole[i] = 256;
	random_seed(1);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_round_gives_each_entry_exactly_its_weight),
	        cmocka_unit_test(the_largest_origin_is_exact_too),
	        cmocka_unit_test(the_order_within_a_round_is_uniform),
	        cmocka_unit_test(the_first_draw_follows_the_weights),
	        cmocka_unit_test(nothing_usable_gives_nothing),
	        cmocka_unit_test(a_blocked_entry_is_never_drawn_and_the_rest_share_exactly),
	        cmocka_unit_test(turns_of_a_blocked_entry_are_dropped_and_not_deferred),
	        cmocka_unit_test(a_heavy_blocked_entry_does_not_slow_a_draw_down),
	        cmocka_unit_test(an_entry_left_out_keeps_its_turns),
	        cmocka_unit_test(a_refill_in_the_middle_keeps_shares_exact),
	        cmocka_unit_test(turns_carried_over_stay_within_one_round),
	        cmocka_unit_test(slow_start_thins_an_entry_out),
	        cmocka_unit_test(tiny_shares_of_all_entries_do_not_starve_anybody),
	        cmocka_unit_test(a_tiny_share_with_a_great_weight_stays_tiny),
	        cmocka_unit_test(a_changed_count_begins_a_new_round),
	        cmocka_unit_test(least_load_takes_the_lesser_of_two),
	        cmocka_unit_test(least_load_uses_all_equals_alike),
	        cmocka_unit_test(hashing_follows_weights_and_moves_only_what_it_must),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
