/*
 * Random numbers for choices (xoshiro256**, Blackman and Vigna): fast, not for secrets. Each thread
 * has its own state, seeded from the kernel when first used.
 */
#pragma once

#include <stdint.h>

/* 64 random bits. */
uint64_t random_u64(void);

/* Uniform in 0 … bound−1; bound must not be 0. */
uint64_t random_below(uint64_t bound);

/* `value` changed by at most ±percent. */
uint64_t random_jitter(uint64_t value, unsigned percent);

/* Starts this thread's sequence at `seed`, for tests that must repeat. */
void random_seed(uint64_t seed);
