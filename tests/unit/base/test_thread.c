/* Threads without signals, and words that they sleep on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"

#include <signal.h>

enum { PATIENCE_MS = 60000 };

static void *look_at_mask(void *context)
{
	sigset_t *mask = context;
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, mask), 0);
	return mask;
}

static void a_thread_handles_no_signal_and_its_maker_as_before(void **state)
{
	(void)state;
	sigset_t before, after, there;
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
	pthread_t thread;
	assert_int_equal(thread_start(&thread, look_at_mask, &there), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	assert_true(sigismember(&there, SIGTERM) && sigismember(&there, SIGCHLD));
	assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void who_sleeps_wakes_when_the_word_is_another_or_it_is_time(void **state)
{
	(void)state;
	_Atomic uint32_t word = 5;
	thread_sleep_on(&word, 4, PATIENCE_MS);
	uint64_t began = clock_ms();
	thread_sleep_on(&word, 5, 20);
	assert_true(clock_ms() >= began + 19);
}

static void *hear(void *context)
{
	_Atomic uint32_t *bell = context;
	thread_await(bell, PATIENCE_MS);
	return bell;
}

static void a_ring_is_heard_once_before_or_after_the_wait_began(void **state)
{
	(void)state;
	_Atomic uint32_t bell = 0;
	thread_ring(&bell);
	thread_ring(&bell);
	thread_await(&bell, PATIENCE_MS);
	assert_int_equal(atomic_load(&bell), 0);
	uint64_t began = clock_ms();
	thread_await(&bell, 20);
	assert_true(clock_ms() >= began + 19);
	pthread_t thread;
	assert_int_equal(thread_start(&thread, hear, &bell), 0);
	thread_ring(&bell);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&bell), 0);
}

static void *sleep_on(void *context)
{
	_Atomic uint32_t *word = context;
	while (atomic_load(word) == 0)
		thread_sleep_on(word, 0, PATIENCE_MS);
	return word;
}

static void all_are_woken(void **state)
{
	(void)state;
	_Atomic uint32_t word = 0;
	pthread_t threads[4];
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(thread_start(&threads[i], sleep_on, &word), 0);
	atomic_store(&word, 1);
	thread_wake_all(&word);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_thread_handles_no_signal_and_its_maker_as_before),
	        cmocka_unit_test(who_sleeps_wakes_when_the_word_is_another_or_it_is_time),
	        cmocka_unit_test(a_ring_is_heard_once_before_or_after_the_wait_began),
	        cmocka_unit_test(all_are_woken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
