/* Lines for who watches: only then, whole, and no more than there is room for. */
#include "edge/tail.h"

#include "base/limit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct edge_log_entry ENTRY = {.domain = {"a.test", 6},
        .host = {"a.test", 6},
        .method = {"GET", 3},
        .target = {"/", 1},
        .minor = 1,
        .status = 200,
        .cache = "HIT"};

static const struct link_filter ALL = {.status_max = 0};

static unsigned count_lines(const struct text *lines)
{
	unsigned count = 0;
	struct str rest = text_str(lines);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		assert_true(line.len > 2 && line.at[0] == '{' && line.at[line.len - 1] == '}');
		count++;
	}
	return count;
}

static void lines_are_kept_while_they_are_wanted(void **state)
{
	(void)state;
	struct edge_tail *tail = edge_tail_new();
	struct text lines = {0};
	uint64_t dropped;
	assert_false(edge_tail_is_wanted(tail));
	edge_tail_want(tail, &ALL, 1);
	assert_true(edge_tail_is_wanted(tail));
	edge_tail_add(tail, &ENTRY);
	edge_tail_add(tail, &ENTRY);
	edge_tail_take(tail, &lines, &dropped);
	assert_int_equal(count_lines(&lines), 2);
	assert_int_equal(dropped, 0);
	edge_tail_take(tail, &lines, &dropped);
	assert_int_equal(lines.len, 0);
	edge_tail_add(tail, &ENTRY);
	edge_tail_want(tail, NULL, 0);
	edge_tail_add(tail, &ENTRY);
	edge_tail_want(tail, &ALL, 1);
	edge_tail_take(tail, &lines, &dropped);
	assert_int_equal(lines.len, 0);
	assert_int_equal(dropped, 0);
	text_done(&lines);
	edge_tail_free(tail);
}

/* What was gathered stays when others begin to want something, too. */
static void only_lines_that_somebody_wants_are_kept(void **state)
{
	(void)state;
	const struct edge_log_attempt attempts[] = {{.role = EDGE_LOG_MASTER, .phase = "head"},
	        {.role = EDGE_LOG_BACKUP, .phase = "done"}};
	struct edge_tail *tail = edge_tail_new();
	struct link_filter filters[2] = {{.is_retried = true}, {.is_backup = true}};
	struct edge_log_entry entry = ENTRY;
	struct text lines = {0};
	uint64_t dropped;
	edge_tail_want(tail, filters, 1);
	edge_tail_add(tail, &entry);
	entry.attempts = attempts;
	entry.attempt_count = 2;
	edge_tail_add(tail, &entry);
	edge_tail_want(tail, filters, 2);
	entry.attempts = attempts + 1;
	entry.attempt_count = 1;
	edge_tail_add(tail, &entry);
	entry.attempts = attempts;
	edge_tail_add(tail, &entry);
	filters[1] = (struct link_filter){.is_failed = true};
	edge_tail_want(tail, filters, 2);
	entry.fault = FAULT_CONNECT_REFUSED;
	edge_tail_add(tail, &entry);
	edge_tail_take(tail, &lines, &dropped);
	assert_int_equal(count_lines(&lines), 3);
	assert_int_equal(dropped, 0);
	text_done(&lines);
	edge_tail_free(tail);
}

static void what_is_too_much_is_dropped_and_counted(void **state)
{
	(void)state;
	struct edge_tail *tail = edge_tail_new();
	struct text lines = {0};
	uint64_t dropped;
	enum { LINES = 20000 };
	edge_tail_want(tail, &ALL, 1);
	for (unsigned i = 0; i < LINES; i++)
		edge_tail_add(tail, &ENTRY);
	edge_tail_take(tail, &lines, &dropped);
	assert_true(dropped > 0);
	assert_true(lines.len <= LIMIT_LINK_TAIL_BYTES);
	assert_int_equal(count_lines(&lines) + dropped, LINES);
	edge_tail_take(tail, &lines, &dropped);
	assert_int_equal(dropped, 0);
	text_done(&lines);
	edge_tail_free(tail);
}

static void *add_many(void *argument)
{
	for (unsigned i = 0; i < 5000; i++)
		edge_tail_add(argument, &ENTRY);
	return NULL;
}

static void workers_add_beside_each_other(void **state)
{
	(void)state;
	struct edge_tail *tail = edge_tail_new();
	struct text lines = {0};
	pthread_t threads[3];
	uint64_t dropped, count = 0;
	edge_tail_want(tail, &ALL, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, tail), 0);
	while (count < 15000) {
		edge_tail_take(tail, &lines, &dropped);
		count += count_lines(&lines) + dropped;
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(count, 15000);
	text_done(&lines);
	edge_tail_free(tail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lines_are_kept_while_they_are_wanted),
	        cmocka_unit_test(only_lines_that_somebody_wants_are_kept),
	        cmocka_unit_test(what_is_too_much_is_dropped_and_counted),
	        cmocka_unit_test(workers_add_beside_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
