/* Processes: places, and what the dead leave behind. */
#include "fixture.h"

static void places_are_given_out_up_to_the_limit_and_again(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *stores[LIMIT_CACHE_PROCESSES];
	for (unsigned i = 1; i < LIMIT_CACHE_PROCESSES; i++) {
		stores[i] = attach(bench.fd);
		assert_int_equal(stores[i]->process, i);
		assert_int_equal(stores[i]->generation, i + 1);
	}
	enum cache_attach why;
	assert_null(cache_store_new(bench.fd, &SMALL, &why));
	assert_int_equal(why, CACHE_ATTACH_CROWDED);
	cache_store_free(stores[3]);
	stores[3] = attach(bench.fd);
	assert_int_equal(stores[3]->process, 3);
	assert_int_equal(stores[3]->generation, LIMIT_CACHE_PROCESSES + 1);
	for (unsigned i = 1; i < LIMIT_CACHE_PROCESSES; i++)
		cache_store_free(stores[i]);
	bench_done(&bench);
}

static void put_five(struct cache_store *store, int ready)
{
	(void)ready;
	for (uint64_t i = 0; i < 5; i++)
		if (put_number(store, i, 1, 1000) != CACHE_PUT_DONE)
			_exit(4);
}

static void what_a_process_put_another_finds(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	int status = in_child(bench.fd, put_five, false);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	for (uint64_t i = 0; i < 5; i++)
		assert_true(has_number(bench.reader, i));
	bench_done(&bench);
}

/* Finds, pins and stays in its epoch. */
static void read_and_die(struct cache_store *store, int ready)
{
	struct cache_reader *reader = cache_reader_new(store);
	struct cache_entry entry;
	if (reader == NULL || find_number(reader, 1, &entry) != CACHE_FOUND_OBJECT ||
	        !cache_reader_pin(reader, &entry.body))
		_exit(4);
	say_ready_and_wait(ready);
}

static void fill_and_keep(struct cache_store *store)
{
	for (uint64_t i = 0; i < 1000; i++)
		if (put_number(store, 1000 + i, 1, 60000) == CACHE_PUT_FULL)
			keep_all(store);
	keep_all(store);
}

static void epochs_and_pins_of_the_dead_hold_nothing_up(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	assert_int_equal(put_number(bench.store, 1, 1, 1000), CACHE_PUT_DONE);
	int status = in_child(bench.fd, read_and_die, true);
	assert_true(WIFSIGNALED(status));
	assert_true(cache_reader_oldest(bench.store) != UINT64_MAX);
	assert_int_equal(numbers_of(bench.store).segments_pinned, 1);
	fill_and_keep(bench.store);
	assert_true(cache_reader_oldest(bench.store) == UINT64_MAX);
	struct cache_store_numbers numbers = numbers_of(bench.store);
	assert_int_equal(numbers.segments_pinned, 0);
	assert_int_equal(numbers.segments_draining, 0);
	assert_true(numbers.evicted > 100);
	bench_done(&bench);
}

static void the_living_are_waited_for(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *second = attach(bench.fd);
	struct cache_reader *reader = cache_reader_new(second);
	assert_int_equal(put_number(bench.store, 1, 1, 1000), CACHE_PUT_DONE);
	struct cache_entry entry;
	assert_int_equal(find_number(reader, 1, &entry), CACHE_FOUND_OBJECT);
	fill_and_keep(bench.store);
	assert_true(body_is_right(entry.body.at, entry.body.len, 1));
	assert_true(numbers_of(bench.store).segments_draining > 0);
	cache_reader_free(reader);
	cache_store_free(second);
	keep_all(bench.store);
	assert_int_equal(numbers_of(bench.store).segments_draining, 0);
	bench_done(&bench);
}

static void the_keeper_is_one_of_all(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	struct cache_store *second = attach(bench.fd);
	assert_true(cache_process_lock_keeper(second));
	assert_false(cache_process_lock_keeper(bench.store));
	assert_false(cache_keeper_turn(bench.store));
	cache_process_unlock_keeper(second);
	assert_true(cache_process_lock_keeper(bench.store));
	cache_process_unlock_keeper(bench.store);
	cache_store_free(second);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(places_are_given_out_up_to_the_limit_and_again),
	        cmocka_unit_test(what_a_process_put_another_finds),
	        cmocka_unit_test(epochs_and_pins_of_the_dead_hold_nothing_up),
	        cmocka_unit_test(the_living_are_waited_for),
	        cmocka_unit_test(the_keeper_is_one_of_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
