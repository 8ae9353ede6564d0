/* The keeper's thread: room is made while puts go on, by whatever process is alive; and all of it
 * under stress, with threads, a second process, and deaths. */
#include "fixture.h"

#include "base/clock.h"
#include "base/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { PATIENCE_MS = 20000 };

/* Puts until the memory was filled several times over; waits where it is full. */
static bool fill_over(struct cache_store *store, uint64_t first)
{
	uint64_t deadline_ms = clock_ms() + PATIENCE_MS;
	for (uint64_t i = 0; i < 1500; i++) {
		while (put_number(store, first + i, 1, 60000) == CACHE_PUT_FULL) {
			if (clock_ms() > deadline_ms)
				return false;
			usleep(500);
		}
	}
	return true;
}

static void room_is_made_while_puts_go_on(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_keeper *keeper = cache_keeper_new(bench.store);
	assert_non_null(keeper);
	assert_true(fill_over(bench.store, 0));
	assert_true(has_number(bench.reader, 1499));
	cache_reader_quiet(bench.reader);
	cache_keeper_free(keeper);
	cache_keeper_free(NULL);
	assert_true(numbers_of(bench.store).evicted > 1000);
	bench_done(&bench);
}

static void it_ends_soon_whether_it_works_or_waits_for_another(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *second = attach(bench.fd);
	struct cache_keeper *keeper = cache_keeper_new(bench.store);
	while (cache_process_lock_keeper(second)) {
		cache_process_unlock_keeper(second); /* the thread has not begun */
		usleep(1000);
	}
	struct cache_keeper *waiting = cache_keeper_new(second);
	uint64_t before_ms = clock_ms();
	cache_keeper_free(waiting);
	cache_keeper_free(keeper);
	assert_true(clock_ms() - before_ms < 800);
	cache_store_free(second);
	bench_done(&bench);
}

static void keep_and_die(struct cache_store *store, int ready)
{
	struct cache_keeper *keeper = cache_keeper_new(store);
	if (keeper == NULL || !fill_over(store, 1000000))
		_exit(4);
	say_ready_and_wait(ready);
}

static void another_takes_over_when_the_keepers_process_is_killed(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_keeper *keeper = NULL;
	assert_true(WIFSIGNALED(in_child(bench.fd, keep_and_die, true)));
	keeper = cache_keeper_new(bench.store);
	assert_true(fill_over(bench.store, 0));
	cache_keeper_free(keeper);
	keep_all(bench.store);
	assert_int_equal(numbers_of(bench.store).segments_draining, 0);
	bench_done(&bench);
}

/* Until then puts find no room, and what is pulled meanwhile is pulled again. */
static void another_takes_over_soon_when_the_keeper_ends(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *second = attach(bench.fd);
	assert_true(cache_process_lock_keeper(second));
	struct cache_keeper *waiting = cache_keeper_new(bench.store);
	uint64_t number = 0;
	while (put_number(bench.store, number, 1, 60000) == CACHE_PUT_DONE)
		number++;
	usleep(20000); /* it has asked once, in vain */
	cache_process_unlock_keeper(second);
	uint64_t before_ms = clock_ms();
	while (put_number(bench.store, number, 1, 60000) != CACHE_PUT_DONE)
		usleep(1000);
	assert_true(clock_ms() - before_ms < 500);
	cache_keeper_free(waiting);
	cache_store_free(second);
	bench_done(&bench);
}

/* ---- stress ---- */

enum {
	THREADS = 3,
	NUMBERS = 4000,
	PINS = 4,
};

struct worker {
	struct cache_store *store;
	pthread_t thread;
	uint64_t seed, operations, done;
	uint64_t hits, puts;
	bool has_failed;
};

/* What a worker has pinned: it is looked at again when the pin is given back. */
struct pinned {
	struct cache_place place;
	uint64_t number;
};

static void give_back(struct worker *worker, struct cache_reader *reader, struct pinned *pinned)
{
	if (pinned->place.at == NULL)
		return;
	worker->has_failed |= !body_is_right(pinned->place.at, pinned->place.len, pinned->number);
	cache_reader_unpin(reader, pinned->place.segment);
	pinned->place.at = NULL;
}

static void look(struct worker *worker, struct cache_reader *reader, struct pinned *pins)
{
	uint64_t number = random_below(random_below(NUMBERS) + 1);
	struct cache_entry entry;
	if (find_number(reader, number, &entry) != CACHE_FOUND_OBJECT) {
		size_t len = 100 + random_below(random_below(60000) + 1);
		worker->puts +=
		        put_number(worker->store, number, random_u64(), len) == CACHE_PUT_DONE;
		return;
	}
	worker->hits++;
	worker->has_failed |= !body_is_right(entry.body.at, entry.body.len, number);
	if (random_below(8) != 0)
		return;
	struct pinned *pinned = &pins[random_below(PINS)];
	give_back(worker, reader, pinned);
	if (cache_reader_pin(reader, &entry.body))
		*pinned = (struct pinned){entry.body, number};
}

static void disturb(struct worker *worker)
{
	struct key_text text;
	struct cache_key key = key_of(worker->store, &text, random_below(NUMBERS));
	uint64_t domain = cache_key_domain(worker->store, STR("a.example"));
	enum cache_purge how = random_below(2) == 0 ? CACHE_PURGE_HARD : CACHE_PURGE_SOFT;
	switch (random_below(40)) {
	case 0:
		cache_purge_prefix(worker->store, domain, STR("http://a.example/4/"), how);
		break;
	case 1:
		cache_purge_tag(worker->store, domain, random_below(1000), how);
		break;
	case 2:
		cache_purge_domain(worker->store, domain, how);
		break;
	default:
		cache_purge_url(worker->store, &key, how);
		break;
	}
}

static void *work(void *context)
{
	struct worker *worker = context;
	random_seed(worker->seed);
	struct cache_reader *reader = cache_reader_new(worker->store);
	struct pinned pins[PINS] = {0};
	for (; worker->done < worker->operations && !worker->has_failed; worker->done++) {
		for (uint64_t i = random_below(4); i > 0; i--)
			look(worker, reader, pins);
		cache_reader_quiet(reader);
		if (random_below(100) == 0)
			disturb(worker);
		if (random_below(500) == 0)
			put_number(worker->store, random_below(NUMBERS), random_u64(), 60000);
	}
	for (unsigned i = 0; i < PINS; i++)
		give_back(worker, reader, &pins[i]);
	cache_reader_free(reader);
	return NULL;
}

/* Threads on one store; false when any of them saw wrong bytes. */
static bool run_workers(struct cache_store *store, uint64_t seed, uint64_t operations)
{
	struct worker workers[THREADS] = {0};
	bool has_failed = false;
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].store = store;
		workers[i].seed = seed + i;
		workers[i].operations = operations;
		CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK(pthread_join(workers[i].thread, NULL) == 0);
		/* Who had the time for it also has found something. */
		bool is_idle = operations >= 1000 && workers[i].hits == 0;
		has_failed |= workers[i].has_failed || is_idle;
	}
	return !has_failed;
}

/* How long the stress is; a longer one is asked for by the environment. */
static uint64_t stress_operations(void)
{
	const char *said = getenv("HEADWATER_STRESS");
	uint64_t operations;
	return said != NULL && str_to_u64(str_of(said), &operations) ? operations : 3000;
}

static _Noreturn void stress_in_child(int fd)
{
	enum cache_attach why;
	struct cache_store *store = cache_store_new(fd, &SMALL, &why);
	if (store == NULL)
		_exit(2);
	struct cache_keeper *keeper = cache_keeper_new(store);
	if (keeper == NULL || !run_workers(store, 1000, stress_operations()))
		_exit(5);
	cache_keeper_free(keeper);
	cache_store_free(store);
	_exit(0);
}

static void two_processes_with_threads_see_right_bytes_only(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		stress_in_child(bench.fd);
	struct cache_keeper *keeper = cache_keeper_new(bench.store);
	assert_true(run_workers(bench.store, 2000, stress_operations()));
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	cache_keeper_free(keeper);
	keep_all(bench.store);
	struct cache_store_numbers numbers = numbers_of(bench.store);
	assert_int_equal(numbers.damaged, 0);
	assert_int_equal(numbers.segments_pinned, 0);
	assert_int_equal(numbers.segments_draining, 0);
	assert_true(numbers.evicted > 0);
	bench_done(&bench);
}

/* Stress that says when it has begun, and goes on until it is killed. */
static pid_t start_victim(int fd)
{
	int pipes[2];
	CHECK(pipe(pipes) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		/* It works for ever; not longer than who was to kill it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enum cache_attach why;
		struct cache_store *store = cache_store_new(fd, &SMALL, &why);
		struct cache_keeper *keeper = store != NULL ? cache_keeper_new(store) : NULL;
		if (keeper == NULL || write(pipes[1], "r", 1) != 1)
			_exit(3);
		run_workers(store, (uint64_t)getpid(), UINT64_MAX / 2);
		_exit(3);
	}
	close(pipes[1]);
	char byte;
	CHECK(read(pipes[0], &byte, 1) == 1);
	close(pipes[0]);
	return child;
}

static void processes_killed_at_any_moment_leave_right_bytes_only(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	random_seed(7);
	uint64_t rounds = stress_operations() / 200;
	for (uint64_t round = 0; round < rounds; round++) {
		/* Forked while there is no other thread: what ThreadSanitizer asks for. */
		pid_t child = start_victim(bench.fd);
		struct cache_keeper *keeper = cache_keeper_new(bench.store);
		assert_true(run_workers(bench.store, round, 1 + random_below(100)));
		usleep((useconds_t)random_below(20000));
		assert_int_equal(kill(child, SIGKILL), 0);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_true(run_workers(bench.store, round, 200));
		cache_keeper_free(keeper);
	}
	keep_all(bench.store);
	struct cache_store_numbers numbers = numbers_of(bench.store);
	assert_int_equal(numbers.damaged, 0);
	assert_int_equal(numbers.segments_draining, 0);
	cache_store_lock(bench.store);
	struct cache_counters before = bench.store->shared->counters;
	cache_index_recount(bench.store);
	assert_int_equal(bench.store->shared->counters.objects, before.objects);
	assert_int_equal(bench.store->shared->counters.bytes, before.bytes);
	cache_store_unlock(bench.store);
	bench_done(&bench);
}

static void what_was_used_is_not_lost_for_want_of_room_that_is_coming(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *store = bench.store;
	struct cache_reader *slow = cache_reader_new(store);
	uint64_t count = 0;
	while (put_number(store, count, 1, 30000) == CACHE_PUT_DONE)
		count++;
	for (uint64_t number = 0; number < count; number++)
		assert_true(has_number(bench.reader, number));
	cache_reader_quiet(bench.reader);
	/* A turn that takes long, as they do where there is much to do. */
	assert_true(has_number(slow, 0));
	for (unsigned i = 0; i < 10; i++)
		cache_keeper_turn(store);
	assert_int_equal(numbers_of(store).segments_free, 0);
	for (uint64_t number = 0; number < count; number++)
		assert_true(has_number(bench.reader, number));
	assert_int_equal(numbers_of(store).evicted, 0);
	cache_reader_quiet(bench.reader);
	cache_reader_quiet(slow);
	keep_all(store);
	assert_true(numbers_of(store).segments_free >= cache_segment_spare(store));
	cache_reader_free(slow);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(room_is_made_while_puts_go_on),
	        cmocka_unit_test(it_ends_soon_whether_it_works_or_waits_for_another),
	        cmocka_unit_test(another_takes_over_when_the_keepers_process_is_killed),
	        cmocka_unit_test(another_takes_over_soon_when_the_keeper_ends),
	        cmocka_unit_test(two_processes_with_threads_see_right_bytes_only),
	        cmocka_unit_test(processes_killed_at_any_moment_leave_right_bytes_only),
	        cmocka_unit_test(what_was_used_is_not_lost_for_want_of_room_that_is_coming),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
