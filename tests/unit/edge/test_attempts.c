/* Which attempts the log's line of a response of several pulls has. */
#include "edge/attempts.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct edge_log_attempt attempt(uint32_t us, enum edge_log_next next)
{
	return (struct edge_log_attempt){.us = us, .next = (uint8_t)next, .phase = "done"};
}

/* A pull whose body broke off after `us` was told, and one that was whole. */
static void add_resumed(struct edge_attempts *attempts, uint32_t us, struct arena *arena)
{
	const struct edge_log_attempt two[] = {
	        attempt(us, EDGE_LOG_RESUME), attempt(us + 1, EDGE_LOG_DELIVER)};
	edge_attempts_add(attempts, two, 2, arena);
}

static void add_whole(struct edge_attempts *attempts, uint32_t us, struct arena *arena)
{
	const struct edge_log_attempt one = attempt(us, EDGE_LOG_DELIVER);
	edge_attempts_add(attempts, &one, 1, arena);
}

static void assert_are(const struct edge_attempts *attempts, const uint32_t *us, unsigned count)
{
	assert_int_equal(attempts->count, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(attempts->list[i].us, us[i]);
}

static void the_last_pull_stays_and_those_that_were_taken_up(void **state)
{
	(void)state;
	struct arena arena;
	struct edge_attempts attempts = {0};
	arena_init(&arena, NULL, 0);
	add_whole(&attempts, 1, &arena);
	add_whole(&attempts, 2, &arena);
	assert_are(&attempts, (uint32_t[]){2}, 1);
	add_resumed(&attempts, 10, &arena);
	assert_are(&attempts, (uint32_t[]){10, 11}, 2);
	add_whole(&attempts, 3, &arena);
	add_whole(&attempts, 4, &arena);
	assert_are(&attempts, (uint32_t[]){10, 11, 4}, 3);
	add_resumed(&attempts, 20, &arena);
	add_whole(&attempts, 5, &arena);
	assert_are(&attempts, (uint32_t[]){10, 11, 20, 21, 5}, 5);
	edge_attempts_add(&attempts, NULL, 0, &arena);
	assert_int_equal(attempts.count, 5);
	arena_reset(&arena);
}

static void no_more_are_gathered_than_are_shown(void **state)
{
	(void)state;
	struct arena arena;
	struct edge_attempts attempts = {0};
	arena_init(&arena, NULL, 0);
	for (uint32_t us = 0; us < 3 * EDGE_ATTEMPTS_MAX; us += 2)
		add_resumed(&attempts, us, &arena);
	add_whole(&attempts, 1000, &arena);
	assert_int_equal(attempts.count, EDGE_ATTEMPTS_MAX);
	for (unsigned i = 0; i < EDGE_ATTEMPTS_MAX; i++)
		assert_int_equal(attempts.list[i].us, i);
	arena_reset(&arena);
}

/* What was added may go; and a list is not written to by who goes on from a copy of it. */
static void everything_is_copied(void **state)
{
	(void)state;
	struct arena arena;
	struct edge_attempts attempts = {0};
	arena_init(&arena, NULL, 0);
	char words[] = "its certificate";
	struct edge_log_attempt two[] = {attempt(1, EDGE_LOG_RESUME), attempt(2, EDGE_LOG_DELIVER)};
	two[0].detail = str_of(words);
	struct edge_attempts_copy *copy = edge_attempts_copy(two, 2);
	edge_attempts_add(&attempts, two, 2, &arena);
	memset(words, 'x', sizeof(words) - 1);
	two[1].us = 9;
	assert_int_equal(copy->count, 2);
	assert_int_equal(copy->list[1].us, 2);
	assert_true(str_is_equal(copy->list[0].detail, STR("its certificate")));
	assert_true(str_is_equal(attempts.list[0].detail, STR("its certificate")));
	mem_free(copy);
	struct edge_attempts other = {
	        .list = attempts.list, .count = attempts.count, .kept = attempts.kept};
	add_whole(&other, 5, &arena);
	assert_are(&other, (uint32_t[]){1, 2, 5}, 3);
	add_whole(&attempts, 6, &arena);
	assert_are(&other, (uint32_t[]){1, 2, 5}, 3);
	assert_are(&attempts, (uint32_t[]){1, 2, 6}, 3);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_pull_stays_and_those_that_were_taken_up),
	        cmocka_unit_test(no_more_are_gathered_than_are_shown),
	        cmocka_unit_test(everything_is_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
