/*
 * Flights: one writer, readers at their own pace on several threads. Bodies check themselves.
 */
#include "edge/flight.h"

#include "base/clock.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { WORKERS = 2, AHEAD = 200000 };

struct plant {
	struct loop *loops[WORKERS];
	struct mem_budget budget;
	struct edge_flight *flight;
	struct loop_task writer;
	unsigned writer_runs;
};

/* A reader with its task. */
struct guest {
	struct edge_flight_reader reader;
	struct loop_task task;
	unsigned runs;
};

static unsigned answers_freed;

static void on_free(struct edge_flight_answer *answer)
{
	(void)answer;
	answers_freed++;
}

static struct edge_flight_answer nothing = {.on_free = on_free};

static void publish(struct plant *plant)
{
	edge_flight_publish(plant->flight, &nothing);
}

static void on_writer(struct loop_task *task)
{
	container_of(task, struct plant, writer)->writer_runs++;
}

static void on_guest(struct loop_task *task)
{
	container_of(task, struct guest, task)->runs++;
}

static char byte_at(uint64_t at)
{
	return (char)((at * 2654435761U) >> 13);
}

static void fill_bytes(char *to, uint64_t at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = byte_at(at + i);
}

static void assert_bytes(struct str data, uint64_t at)
{
	for (size_t i = 0; i < data.len; i++)
		assert_int_equal(data.at[i], byte_at(at + i));
}

static void plant_start(struct plant *plant)
{
	*plant = (struct plant){.budget = {.limit = 4 << 20}, .writer = {.on_run = on_writer}};
	for (unsigned i = 0; i < WORKERS; i++)
		assert_non_null(plant->loops[i] = loop_new());
	struct edge_flight_options options = {
	        .loops = plant->loops,
	        .worker_count = WORKERS,
	        .budget = &plant->budget,
	        .ahead = AHEAD,
	};
	plant->flight = edge_flight_new(&options);
	edge_flight_set_writer(plant->flight, 0, &plant->writer);
}

static void turn(struct plant *plant)
{
	for (unsigned i = 0; i < WORKERS; i++)
		loop_turn(plant->loops[i], 0);
}

static void plant_end(struct plant *plant)
{
	turn(plant);
	edge_flight_unref(plant->flight);
	assert_int_equal(plant->budget.used, 0);
	for (unsigned i = 0; i < WORKERS; i++)
		loop_free(plant->loops[i]);
}

static void join(struct plant *plant, struct guest *guest, unsigned worker)
{
	*guest = (struct guest){.task = {.on_run = on_guest}};
	edge_flight_join(plant->flight, &guest->reader, worker, &guest->task);
}

static void append(struct plant *plant, size_t count, uint64_t expected)
{
	char *bytes = malloc(count);
	fill_bytes(bytes, edge_flight_length(plant->flight), count);
	assert_true(edge_flight_append(plant->flight, str_make(bytes, count), expected));
	free(bytes);
}

/* Reads all there is, in pieces of at most `room`. */
static enum edge_flight_read drain(struct guest *guest, uint64_t room, uint64_t *at)
{
	for (;;) {
		struct str data;
		enum edge_flight_read result = edge_flight_read(&guest->reader, room, &data);
		if (result != EDGE_FLIGHT_READ_DATA)
			return result;
		assert_true(data.len > 0 && data.len <= room);
		assert_bytes(data, *at);
		*at += data.len;
	}
}

static void a_change_of_stage_wakes_who_waits_on_any_thread(void **state)
{
	(void)state;
	struct plant plant;
	struct guest near, far;
	plant_start(&plant);
	join(&plant, &near, 0);
	join(&plant, &far, 1);
	assert_null(edge_flight_answer(plant.flight));
	answers_freed = 0;
	assert_int_equal(edge_flight_wait(&near.reader), EDGE_FLIGHT_PULLING);
	assert_int_equal(edge_flight_wait(&far.reader), EDGE_FLIGHT_PULLING);
	turn(&plant);
	assert_int_equal(near.runs + far.runs, 0);
	publish(&plant);
	turn(&plant);
	assert_int_equal(near.runs, 1);
	assert_int_equal(far.runs, 1);
	assert_int_equal(edge_flight_wait(&near.reader), EDGE_FLIGHT_BODY);
	edge_flight_go(plant.flight, EDGE_FLIGHT_FAILED, FAULT_TRUNCATED);
	turn(&plant);
	assert_int_equal(near.runs, 2);
	assert_int_equal(far.runs, 1); /* it did not wait again */
	assert_int_equal(edge_flight_wait(&far.reader), EDGE_FLIGHT_FAILED);
	assert_int_equal(edge_flight_fault(plant.flight), FAULT_TRUNCATED);
	edge_flight_leave(&near.reader);
	edge_flight_leave(&far.reader);
	edge_flight_leave(&far.reader); /* nothing */
	assert_ptr_equal(edge_flight_answer(plant.flight), &nothing);
	assert_int_equal(answers_freed, 0);
	plant_end(&plant);
	assert_int_equal(answers_freed, 1);
}

static void readers_get_the_body_as_it_comes_and_its_end(void **state)
{
	(void)state;
	struct plant plant;
	struct guest early, late;
	uint64_t early_at = 0, late_at = 0;
	plant_start(&plant);
	join(&plant, &early, 1);
	publish(&plant);
	assert_int_equal(drain(&early, 100, &early_at), EDGE_FLIGHT_READ_WAIT);
	append(&plant, 10, UINT64_MAX);
	turn(&plant);
	assert_int_equal(early.runs, 1);
	assert_int_equal(drain(&early, 100, &early_at), EDGE_FLIGHT_READ_WAIT);
	assert_int_equal(early_at, 10);
	append(&plant, 70000, UINT64_MAX);
	join(&plant, &late, 0);
	assert_int_equal(drain(&late, UINT64_MAX, &late_at), EDGE_FLIGHT_READ_WAIT);
	assert_int_equal(late_at, 70010);
	edge_flight_go(plant.flight, EDGE_FLIGHT_WHOLE, FAULT_NONE);
	assert_int_equal(drain(&early, 7, &early_at), EDGE_FLIGHT_READ_END);
	assert_int_equal(drain(&late, 7, &late_at), EDGE_FLIGHT_READ_END);
	assert_int_equal(early_at, 70010);
	edge_flight_leave(&early.reader);
	edge_flight_leave(&late.reader);
	plant_end(&plant);
}

static void a_broken_body_is_read_to_where_it_broke(void **state)
{
	(void)state;
	struct plant plant;
	struct guest guest;
	uint64_t at = 0;
	plant_start(&plant);
	join(&plant, &guest, 0);
	publish(&plant);
	append(&plant, 5000, 9000);
	edge_flight_go(plant.flight, EDGE_FLIGHT_FAILED, FAULT_TRUNCATED);
	assert_int_equal(drain(&guest, 64, &at), EDGE_FLIGHT_READ_FAILED);
	assert_int_equal(at, 5000);
	edge_flight_leave(&guest.reader);
	plant_end(&plant);
}

static void what_the_writer_told_last_is_everybodys(void **state)
{
	(void)state;
	struct plant plant;
	struct guest guest;
	struct arena arena;
	struct edge_attempts attempts = {0};
	struct edge_log_attempt two[] = {
	        {.next = EDGE_LOG_RESUME, .to = 100}, {.from = 100, .to = 150}};
	arena_init(&arena, NULL, 0);
	plant_start(&plant);
	join(&plant, &guest, 0);
	edge_flight_add_told(plant.flight, &attempts, &arena);
	assert_int_equal(attempts.count, 0);
	edge_flight_tell(plant.flight, two, 2);
	two[1].to = 200;
	edge_flight_tell(plant.flight, two, 2);
	edge_flight_add_told(plant.flight, &attempts, &arena);
	assert_int_equal(attempts.count, 2);
	assert_int_equal(attempts.list[1].to, 200);
	edge_flight_leave(&guest.reader);
	plant_end(&plant);
	arena_reset(&arena);
}

static void the_writer_waits_for_the_fastest_and_is_woken(void **state)
{
	(void)state;
	struct plant plant;
	struct guest slow, fast;
	plant_start(&plant);
	join(&plant, &slow, 0);
	join(&plant, &fast, 1);
	publish(&plant);
	while (edge_flight_wants_more(plant.flight, 0))
		append(&plant, 10000, UINT64_MAX);
	assert_int_equal(edge_flight_length(plant.flight), AHEAD);
	turn(&plant);
	assert_int_equal(plant.writer_runs, 0);
	struct str data;
	assert_int_equal(edge_flight_read(&fast.reader, 100, &data), EDGE_FLIGHT_READ_DATA);
	turn(&plant); /* the message is posted by one loop and received by the other */
	turn(&plant);
	assert_int_equal(plant.writer_runs, 1);
	assert_true(edge_flight_wants_more(plant.flight, 0));
	edge_flight_leave(&slow.reader);
	edge_flight_leave(&fast.reader);
	turn(&plant);
	assert_false(edge_flight_wants_more(plant.flight, 100));
	assert_true(edge_flight_wants_more(plant.flight, 1 << 20));
	plant_end(&plant);
}

static void who_is_left_behind_is_told_so_only_when_the_store_has_it(void **state)
{
	(void)state;
	struct plant plant;
	struct guest slow, fast;
	uint64_t at = 0;
	plant_start(&plant);
	join(&plant, &slow, 0);
	join(&plant, &fast, 0);
	publish(&plant);
	for (unsigned i = 0; i < 40; i++) {
		append(&plant, 20000, UINT64_MAX);
		assert_int_equal(drain(&fast, UINT64_MAX, &at), EDGE_FLIGHT_READ_WAIT);
	}
	struct str data;
	assert_int_equal(edge_flight_read(&slow.reader, 10, &data), EDGE_FLIGHT_READ_DATA);
	assert_bytes(data, 0);
	edge_flight_commit(plant.flight, 300000);
	assert_true(plant.budget.used < 800000);
	/* It still has the chunk that it read from. */
	assert_int_equal(edge_flight_read(&slow.reader, 10, &data), EDGE_FLIGHT_READ_DATA);
	assert_bytes(data, 10);
	edge_flight_seek(&slow.reader, 150000);
	assert_int_equal(edge_flight_read(&slow.reader, 10, &data), EDGE_FLIGHT_READ_BEHIND);
	edge_flight_seek(&slow.reader, 400000);
	assert_int_equal(edge_flight_read(&slow.reader, 10, &data), EDGE_FLIGHT_READ_DATA);
	assert_bytes(data, 400000);
	edge_flight_leave(&slow.reader);
	edge_flight_leave(&fast.reader);
	plant_end(&plant);
}

/* However slow it is, and whether anybody stores the body or not. */
static void the_fastest_reader_is_never_left_behind(void **state)
{
	(void)state;
	struct plant plant;
	struct guest guest;
	uint64_t at = 0;
	plant_start(&plant);
	join(&plant, &guest, 0);
	publish(&plant);
	edge_flight_commit(plant.flight, UINT64_MAX);
	for (unsigned i = 0; i < 100; i++) {
		struct str data;
		while (edge_flight_wants_more(plant.flight, 0))
			append(&plant, 30000, UINT64_MAX);
		assert_int_equal(
		        edge_flight_read(&guest.reader, UINT64_MAX, &data), EDGE_FLIGHT_READ_DATA);
		assert_bytes(data, at);
		at += data.len;
		assert_true(plant.budget.used < 2 * AHEAD);
	}
	assert_true(at > 10 * AHEAD);
	edge_flight_leave(&guest.reader);
	plant_end(&plant);
}

static void what_is_to_be_stored_is_gathered_where_it_lies(void **state)
{
	(void)state;
	struct plant plant;
	struct iovec vectors[8];
	uint64_t bytes, at = 123;
	plant_start(&plant);
	publish(&plant);
	append(&plant, 100000, 100000);
	unsigned count = edge_flight_gather(plant.flight, at, vectors, 8, &bytes);
	assert_int_equal(bytes, 100000 - 123);
	for (unsigned i = 0; i < count; i++) {
		assert_bytes(str_make(vectors[i].iov_base, vectors[i].iov_len), at);
		at += vectors[i].iov_len;
	}
	assert_int_equal(at, 100000);
	assert_int_equal(edge_flight_gather(plant.flight, 0, vectors, 1, &bytes), 1);
	assert_int_equal(bytes, vectors[0].iov_len);
	plant_end(&plant);
}

static void a_budget_that_is_used_up_is_told(void **state)
{
	(void)state;
	struct plant plant;
	plant_start(&plant);
	plant.budget.limit = 100000;
	publish(&plant);
	char bytes[100] = {0};
	bool is_fine = true;
	for (unsigned i = 0; i < 2000 && is_fine; i++)
		is_fine = edge_flight_append(
		        plant.flight, str_make(bytes, sizeof(bytes)), UINT64_MAX);
	assert_false(is_fine);
	edge_flight_go(plant.flight, EDGE_FLIGHT_FAILED, FAULT_MEMORY);
	plant_end(&plant);
}

/*
 * The crowd: readers on threads of their own with loops of their own.
 */
enum { CROWD_THREADS = 3, CROWD_EACH = 20, CROWD_BYTES = 3000000 };

struct crowd {
	struct loop *loops[CROWD_THREADS];
	struct edge_flight *flight;
	atomic_uint done;
};

struct visitor {
	struct edge_flight_reader reader;
	struct loop_task task;
	struct crowd *crowd;
	struct loop *loop;
	unsigned *left;
	uint64_t room;
};

static void on_visitor(struct loop_task *task)
{
	struct visitor *visitor = container_of(task, struct visitor, task);
	for (unsigned i = 0; i < 3; i++) {
		struct str data;
		uint64_t at = visitor->reader.at;
		switch (edge_flight_read(&visitor->reader, visitor->room, &data)) {
		case EDGE_FLIGHT_READ_DATA:
			assert_bytes(data, at);
			break;
		case EDGE_FLIGHT_READ_WAIT:
			return;
		case EDGE_FLIGHT_READ_END:
			assert_int_equal(at, CROWD_BYTES);
			edge_flight_leave(&visitor->reader);
			--*visitor->left;
			return;
		case EDGE_FLIGHT_READ_BEHIND:
		case EDGE_FLIGHT_READ_FAILED:
			fail();
		}
	}
	loop_yield(visitor->loop, task);
}

static void *run_visitors(void *argument)
{
	struct crowd *crowd = argument;
	static atomic_uint next;
	unsigned worker = 1 + atomic_fetch_add(&next, 1) % (CROWD_THREADS - 1);
	struct loop *loop = crowd->loops[worker];
	struct visitor visitors[CROWD_EACH];
	unsigned left = CROWD_EACH;
	for (unsigned i = 0; i < CROWD_EACH; i++) {
		visitors[i] = (struct visitor){
		        .task = {.on_run = on_visitor},
		        .crowd = crowd,
		        .loop = loop,
		        .left = &left,
		        .room = 1 + random_below(100000),
		};
		edge_flight_join(crowd->flight, &visitors[i].reader, worker, &visitors[i].task);
		loop_wake(loop, &visitors[i].task);
	}
	while (left > 0)
		loop_turn(loop, 100);
	loop_turn(loop, 0); /* a message that came late */
	atomic_fetch_add(&crowd->done, 1);
	return NULL;
}

struct author {
	struct crowd *crowd;
	struct loop_task task;
};

static void on_author(struct loop_task *task)
{
	struct crowd *crowd = container_of(task, struct author, task)->crowd;
	static char bytes[50000];
	for (unsigned i = 0; i < 3; i++) {
		if (!edge_flight_wants_more(crowd->flight, 0))
			return;
		uint64_t at = edge_flight_length(crowd->flight);
		size_t count = 1 + (size_t)random_below(sizeof(bytes));
		if (count > CROWD_BYTES - at)
			count = (size_t)(CROWD_BYTES - at);
		fill_bytes(bytes, at, count);
		assert_true(edge_flight_append(
		        crowd->flight, str_make(bytes, count), CROWD_BYTES - at));
		if (at + count == CROWD_BYTES) {
			edge_flight_go(crowd->flight, EDGE_FLIGHT_WHOLE, FAULT_NONE);
			return;
		}
	}
	loop_yield(crowd->loops[0], task);
}

static void a_crowd_on_several_threads_gets_every_byte(void **state)
{
	(void)state;
	struct mem_budget budget = {.limit = 64 << 20};
	struct crowd crowd = {.done = 0};
	pthread_t threads[CROWD_THREADS - 1];
	for (unsigned i = 0; i < CROWD_THREADS; i++)
		assert_non_null(crowd.loops[i] = loop_new());
	struct edge_flight_options options = {
	        .loops = crowd.loops,
	        .worker_count = CROWD_THREADS,
	        .budget = &budget,
	        .ahead = AHEAD,
	};
	crowd.flight = edge_flight_new(&options);
	struct author author = {.crowd = &crowd, .task = {.on_run = on_author}};
	edge_flight_set_writer(crowd.flight, 0, &author.task);
	edge_flight_publish(crowd.flight, &nothing);
	for (unsigned i = 0; i < CROWD_THREADS - 1; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_visitors, &crowd), 0);
	loop_wake(crowd.loops[0], &author.task);
	uint64_t until_ms = clock_ms() + 50000;
	while (atomic_load(&crowd.done) < CROWD_THREADS - 1 && clock_ms() < until_ms)
		loop_turn(crowd.loops[0], 10);
	for (unsigned i = 0; i < CROWD_THREADS - 1; i++)
		pthread_join(threads[i], NULL);
	loop_unwake(&author.task);
	loop_turn(crowd.loops[0], 0);
	loop_unwake(&author.task);
	assert_int_equal(edge_flight_readers(crowd.flight), 0);
	edge_flight_unref(crowd.flight);
	assert_int_equal(budget.used, 0);
	for (unsigned i = 0; i < CROWD_THREADS; i++)
		loop_free(crowd.loops[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_change_of_stage_wakes_who_waits_on_any_thread),
	        cmocka_unit_test(readers_get_the_body_as_it_comes_and_its_end),
	        cmocka_unit_test(a_broken_body_is_read_to_where_it_broke),
	        cmocka_unit_test(what_the_writer_told_last_is_everybodys),
	        cmocka_unit_test(the_writer_waits_for_the_fastest_and_is_woken),
	        cmocka_unit_test(who_is_left_behind_is_told_so_only_when_the_store_has_it),
	        cmocka_unit_test(the_fastest_reader_is_never_left_behind),
	        cmocka_unit_test(what_is_to_be_stored_is_gathered_where_it_lies),
	        cmocka_unit_test(a_budget_that_is_used_up_is_told),
	        cmocka_unit_test(a_crowd_on_several_threads_gets_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
