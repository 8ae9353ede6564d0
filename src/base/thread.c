/*
 * Futexes, which know a word by where it lies in the file behind it: so any process may wake
 * another.
 */
#include "base/thread.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int thread_start(pthread_t *ret_thread, void *(*run)(void *context), void *context)
{
	sigset_t all, before;
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	int error = pthread_create(ret_thread, NULL, run, context);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	return error;
}

void thread_sleep_on(_Atomic uint32_t *word, uint32_t value, unsigned ms)
{
	struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0);
}

void thread_wake_one(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void thread_wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void thread_ring(_Atomic uint32_t *bell)
{
	if (atomic_load_explicit(bell, memory_order_relaxed) == 0 &&
	        atomic_exchange_explicit(bell, 1, memory_order_release) == 0)
		thread_wake_one(bell);
}

void thread_await(_Atomic uint32_t *bell, unsigned ms)
{
	if (atomic_load_explicit(bell, memory_order_acquire) == 0)
		thread_sleep_on(bell, 0, ms);
	atomic_store_explicit(bell, 0, memory_order_relaxed);
}
