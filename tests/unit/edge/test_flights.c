/*
 * Flights by key: who asks for what is under way joins it.
 */
#include "edge/flights.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

static struct mem_budget budget = {.limit = 1 << 20};
static struct loop *loop;

static void on_run(struct loop_task *task)
{
	(void)task;
}

static struct loop_task task = {.on_run = on_run};

static bool may_join(const struct edge_flights_entry *entry, const void *context)
{
	(void)entry;
	return *(const bool *)context;
}

static void entry_init(struct edge_flights_entry *entry, struct str key)
{
	struct edge_flight_options options = {
	        .loops = &loop, .worker_count = 1, .budget = &budget, .ahead = 1000};
	*entry = (struct edge_flights_entry){
	        .key = key,
	        .hash = hash_keyed(key.at, key.len),
	        .flight = edge_flight_new(&options),
	};
}

static bool join(struct edge_flights *flights, struct str key, bool may,
        struct edge_flight_reader *reader, struct edge_flights_entry *mine)
{
	*reader = (struct edge_flight_reader){.flight = NULL};
	struct edge_flights_join options = {
	        .key = key,
	        .hash = hash_keyed(key.at, key.len),
	        .may_join = may_join,
	        .context = &may,
	        .reader = reader,
	        .task = &task,
	};
	return edge_flights_join(flights, &options, mine);
}

static void the_first_is_listed_and_the_next_join_it(void **state)
{
	(void)state;
	struct edge_flights *flights = edge_flights_new();
	struct edge_flights_entry first, second, other;
	struct edge_flight_reader readers[4];
	entry_init(&first, STR("a.test/x"));
	entry_init(&second, STR("a.test/x"));
	entry_init(&other, STR("a.test/y"));
	assert_false(join(flights, STR("a.test/x"), true, &readers[0], NULL));
	assert_null(readers[0].flight);
	assert_false(join(flights, STR("a.test/x"), true, &readers[0], &first));
	assert_ptr_equal(readers[0].flight, first.flight);
	assert_true(join(flights, STR("a.test/x"), true, &readers[1], &second));
	assert_ptr_equal(readers[1].flight, first.flight);
	assert_false(second.is_listed);
	assert_false(join(flights, STR("a.test/y"), true, &readers[2], &other));
	assert_ptr_equal(readers[2].flight, other.flight);
	edge_flights_remove(flights, &first);
	assert_false(join(flights, STR("a.test/x"), true, &readers[3], &second));
	assert_ptr_equal(readers[3].flight, second.flight);
	edge_flights_remove(flights, &first); /* not once more */
	edge_flights_remove(flights, &second);
	edge_flights_remove(flights, &other);
	for (unsigned i = 0; i < 4; i++)
		edge_flight_leave(&readers[i]);
	edge_flight_unref(first.flight);
	edge_flight_unref(second.flight);
	edge_flight_unref(other.flight);
	edge_flights_free(flights);
}

static void who_may_not_join_takes_the_place(void **state)
{
	(void)state;
	struct edge_flights *flights = edge_flights_new();
	struct edge_flights_entry old, new;
	struct edge_flight_reader readers[3];
	entry_init(&old, STR("a.test/x"));
	entry_init(&new, STR("a.test/x"));
	assert_false(join(flights, STR("a.test/x"), true, &readers[0], &old));
	assert_false(join(flights, STR("a.test/x"), false, &readers[1], &new));
	assert_ptr_equal(readers[1].flight, new.flight);
	assert_false(old.is_listed);
	edge_flights_remove(flights, &old);
	assert_true(join(flights, STR("a.test/x"), true, &readers[2], NULL));
	assert_ptr_equal(readers[2].flight, new.flight);
	edge_flights_remove(flights, &new);
	for (unsigned i = 0; i < 3; i++)
		edge_flight_leave(&readers[i]);
	edge_flight_unref(old.flight);
	edge_flight_unref(new.flight);
	edge_flights_free(flights);
}

enum { KEYS = 50, ROUNDS = 2000 };

/* Whoever is first for a key is its writer; everybody joins somebody. */
static void *run_many(void *argument)
{
	struct edge_flights *flights = argument;
	for (unsigned i = 0; i < ROUNDS; i++) {
		char text[16];
		struct edge_flights_entry mine;
		struct edge_flight_reader reader;
		struct str key =
		        str_make(text, (size_t)snprintf(text, sizeof(text), "a.test/%u", i % KEYS));
		entry_init(&mine, key);
		bool is_others = join(flights, key, true, &reader, &mine);
		assert_non_null(reader.flight);
		assert_int_equal(is_others, reader.flight != mine.flight);
		edge_flights_remove(flights, &mine);
		edge_flight_leave(&reader);
		edge_flight_unref(mine.flight);
	}
	return NULL;
}

static void threads_may_come_and_go(void **state)
{
	(void)state;
	struct edge_flights *flights = edge_flights_new();
	pthread_t threads[3];
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_many, flights), 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	edge_flights_free(flights);
	assert_int_equal(budget.used, 0);
}

int main(void)
{
	hash_init();
	loop = loop_new();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_first_is_listed_and_the_next_join_it),
	        cmocka_unit_test(who_may_not_join_takes_the_place),
	        cmocka_unit_test(threads_may_come_and_go),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	loop_free(loop);
	return failed;
}
