/*
 * Recalls: one read for a crowd on several workers, who may leave at any time.
 */
#include "edge/recalls.h"

#include "base/clock.h"
#include "base/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WORKERS = 2, WAIT_MS = 5000 };

static struct {
	struct loop *loops[WORKERS];
	struct disk *disk;
	struct edge_recalls *recalls;
	pthread_mutex_t gate; /* held by the test while nothing is to be recalled */
	atomic_uint calls;
	enum cache_recall verdict;
	unsigned woken;
} bench;

static enum cache_recall recall(struct cache_store *store, const struct cache_away *away)
{
	(void)store;
	assert_true(away->location >= 1000);
	pthread_mutex_lock(&bench.gate);
	atomic_fetch_add(&bench.calls, 1);
	enum cache_recall verdict = bench.verdict;
	pthread_mutex_unlock(&bench.gate);
	return verdict;
}

static void on_run(struct loop_task *task)
{
	(void)task;
	bench.woken++;
}

static int open_bench(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++)
		bench.loops[i] = loop_new();
	bench.disk = disk_new(2);
	pthread_mutex_init(&bench.gate, NULL);
	atomic_store(&bench.calls, 0);
	bench.verdict = CACHE_RECALL_DONE;
	bench.woken = 0;
	struct edge_recalls_options options = {
	        .disk = bench.disk,
	        .loops = bench.loops,
	        .worker_count = WORKERS,
	        .recall = recall,
	};
	bench.recalls = edge_recalls_new(&options);
	return 0;
}

static void turn_all(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		loop_turn(bench.loops[i], 1);
}

static int close_bench(void **state)
{
	(void)state;
	disk_free(bench.disk);
	turn_all();
	turn_all();
	edge_recalls_free(bench.recalls);
	for (unsigned i = 0; i < WORKERS; i++)
		loop_free(bench.loops[i]);
	pthread_mutex_destroy(&bench.gate);
	return 0;
}

struct guest {
	struct edge_recall_waiter waiter;
	struct loop_task task;
};

static bool join(struct guest *guest, unsigned worker, uint64_t hash, uint64_t location)
{
	struct cache_away away = {.hash = hash, .location = location};
	*guest = (struct guest){.task = {.on_run = on_run}};
	return edge_recalls_join(bench.recalls, &away, &guest->waiter, worker, &guest->task);
}

static void wait_woken(unsigned count)
{
	for (uint64_t end = clock_ms() + WAIT_MS; bench.woken < count && clock_ms() < end;)
		turn_all();
	assert_int_equal(bench.woken, count);
}

static void a_crowd_on_all_workers_causes_one_recall(void **state)
{
	(void)state;
	struct guest guests[10];
	pthread_mutex_lock(&bench.gate);
	for (unsigned i = 0; i < 10; i++) {
		assert_true(join(&guests[i], i % WORKERS, 1, 1000));
		assert_int_equal(edge_recalls_take(&guests[i].waiter), EDGE_RECALL_RUNS);
	}
	turn_all();
	assert_int_equal(bench.woken, 0);
	pthread_mutex_unlock(&bench.gate);
	wait_woken(10);
	assert_int_equal(atomic_load(&bench.calls), 1);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(edge_recalls_take(&guests[i].waiter), EDGE_RECALL_DONE);
		assert_int_equal(edge_recalls_take(&guests[i].waiter), EDGE_RECALL_NONE);
	}
	/* It is over; who comes now begins anew. */
	assert_true(join(&guests[0], 1, 1, 1000));
	wait_woken(11);
	assert_int_equal(atomic_load(&bench.calls), 2);
}

static void places_that_are_asked_for_as_two_things_are_two(void **state)
{
	(void)state;
	struct guest guests[3];
	assert_true(join(&guests[0], 0, 1, 1000));
	assert_true(join(&guests[1], 0, 2, 1000));
	assert_true(join(&guests[2], 0, 1, 1001));
	wait_woken(3);
	assert_int_equal(atomic_load(&bench.calls), 3);
}

static void what_is_not_done_is_lost(void **state)
{
	(void)state;
	static const enum cache_recall verdicts[] = {CACHE_RECALL_GONE, CACHE_RECALL_FULL};
	for (unsigned i = 0; i < 2; i++) {
		struct guest guest;
		bench.verdict = verdicts[i];
		assert_true(join(&guest, i, 1, 1000));
		wait_woken(i + 1);
		assert_int_equal(edge_recalls_take(&guest.waiter), EDGE_RECALL_LOST);
	}
}

static void a_memory_that_is_full_for_a_moment_is_waited_for(void **state)
{
	(void)state;
	struct guest guest;
	bench.verdict = CACHE_RECALL_FULL;
	assert_true(join(&guest, 0, 1, 1000));
	for (uint64_t end = clock_ms() + WAIT_MS;
	        atomic_load(&bench.calls) == 0 && clock_ms() < end;)
		turn_all();
	pthread_mutex_lock(&bench.gate);
	bench.verdict = CACHE_RECALL_DONE;
	pthread_mutex_unlock(&bench.gate);
	wait_woken(1);
	assert_int_equal(edge_recalls_take(&guest.waiter), EDGE_RECALL_DONE);
	assert_true(atomic_load(&bench.calls) > 1);
}

static void who_leaves_is_not_woken_and_the_others_are(void **state)
{
	(void)state;
	struct guest guests[4];
	pthread_mutex_lock(&bench.gate);
	for (unsigned i = 0; i < 4; i++)
		assert_true(join(&guests[i], i % WORKERS, 1, 1000));
	edge_recalls_leave(&guests[0].waiter); /* who began it */
	edge_recalls_leave(&guests[3].waiter);
	edge_recalls_leave(&guests[3].waiter);
	assert_int_equal(edge_recalls_take(&guests[0].waiter), EDGE_RECALL_NONE);
	pthread_mutex_unlock(&bench.gate);
	wait_woken(2);
	assert_int_equal(edge_recalls_take(&guests[1].waiter), EDGE_RECALL_DONE);
	assert_int_equal(edge_recalls_take(&guests[2].waiter), EDGE_RECALL_DONE);
	edge_recalls_leave(&guests[1].waiter);
	/* All leave one that runs on. */
	pthread_mutex_lock(&bench.gate);
	assert_true(join(&guests[0], 0, 1, 1000));
	assert_true(join(&guests[1], 1, 1, 1000));
	edge_recalls_leave(&guests[0].waiter);
	edge_recalls_leave(&guests[1].waiter);
	pthread_mutex_unlock(&bench.gate);
}

static void who_leaves_while_the_message_is_on_its_way_is_not_woken(void **state)
{
	(void)state;
	struct guest here, there;
	assert_true(join(&here, 0, 1, 1000));
	assert_true(join(&there, 1, 1, 1000));
	for (uint64_t end = clock_ms() + WAIT_MS; bench.woken < 1 && clock_ms() < end;)
		loop_turn(bench.loops[0], 1);
	assert_int_equal(bench.woken, 1);
	assert_int_equal(edge_recalls_take(&there.waiter), EDGE_RECALL_RUNS);
	edge_recalls_leave(&there.waiter);
	turn_all();
	assert_int_equal(bench.woken, 1);
}

static void what_was_begun_ahead_is_joined(void **state)
{
	(void)state;
	struct guest guest;
	struct cache_away away = {.hash = 1, .location = 1000};
	pthread_mutex_lock(&bench.gate);
	edge_recalls_begin(bench.recalls, &away, 0);
	edge_recalls_begin(bench.recalls, &away, 1);
	assert_true(join(&guest, 1, 1, 1000));
	pthread_mutex_unlock(&bench.gate);
	wait_woken(1);
	assert_int_equal(atomic_load(&bench.calls), 1);
}

static void past_the_limit_none_begins(void **state)
{
	(void)state;
	struct guest guest;
	struct cache_away away = {.hash = 1};
	pthread_mutex_lock(&bench.gate);
	for (unsigned i = 0; i < LIMIT_RECALLS; i++) {
		away.location = 1000 + i;
		edge_recalls_begin(bench.recalls, &away, i % WORKERS);
	}
	assert_false(join(&guest, 0, 1, 1000 + LIMIT_RECALLS));
	assert_int_equal(edge_recalls_take(&guest.waiter), EDGE_RECALL_NONE);
	away.location = 1000 + LIMIT_RECALLS;
	edge_recalls_begin(bench.recalls, &away, 0);
	assert_true(join(&guest, 0, 1, 1000)); /* one that runs */
	pthread_mutex_unlock(&bench.gate);
	wait_woken(1);
	for (uint64_t end = clock_ms() + WAIT_MS;
	        atomic_load(&bench.calls) < LIMIT_RECALLS && clock_ms() < end;)
		turn_all();
	assert_int_equal(atomic_load(&bench.calls), LIMIT_RECALLS);
	turn_all();
	turn_all();
	assert_true(join(&guest, 0, 1, 1000 + LIMIT_RECALLS));
	wait_woken(2);
}

static void after_the_close_none_begins(void **state)
{
	(void)state;
	struct guest guest, late;
	struct cache_away away = {.hash = 1, .location = 1001};
	pthread_mutex_lock(&bench.gate);
	assert_true(join(&guest, 0, 1, 1000));
	edge_recalls_close(bench.recalls);
	edge_recalls_begin(bench.recalls, &away, 0);
	pthread_mutex_unlock(&bench.gate);
	disk_free(bench.disk);
	bench.disk = NULL;
	assert_false(join(&late, 0, 1, 1001));
	wait_woken(1);
	assert_int_equal(atomic_load(&bench.calls), 1);
}

#define AT_THE_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        AT_THE_BENCH(a_crowd_on_all_workers_causes_one_recall),
	        AT_THE_BENCH(places_that_are_asked_for_as_two_things_are_two),
	        AT_THE_BENCH(what_is_not_done_is_lost),
	        AT_THE_BENCH(a_memory_that_is_full_for_a_moment_is_waited_for),
	        AT_THE_BENCH(who_leaves_is_not_woken_and_the_others_are),
	        AT_THE_BENCH(who_leaves_while_the_message_is_on_its_way_is_not_woken),
	        AT_THE_BENCH(what_was_begun_ahead_is_joined),
	        AT_THE_BENCH(past_the_limit_none_begins),
	        AT_THE_BENCH(after_the_close_none_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
