/*
 * Threads, and words that threads sleep on. The words may lie in memory that several processes
 * share.
 */
#pragma once

#include "base/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* Starts a thread that handles no signal: they are for the main thread. 0, or an errno. */
MUST_CHECK int thread_start(pthread_t *ret_thread, void *(*run)(void *context), void *context);

/* Sleeps while the word has this value, at most so long; may end early. */
void thread_sleep_on(_Atomic uint32_t *word, uint32_t value, unsigned ms);

/* Wakes one, or all, of those who sleep on the word. */
void thread_wake_one(_Atomic uint32_t *word);
void thread_wake_all(_Atomic uint32_t *word);

/*
 * A word as a bell for one thread: 1 from when it is rung until the thread has heard it.
 */

/* A system call only for the first ring. */
void thread_ring(_Atomic uint32_t *bell);

/* Sleeps until it is rung, at most so long, and takes the ring. */
void thread_await(_Atomic uint32_t *bell, unsigned ms);
