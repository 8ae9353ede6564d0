/*
 * xoshiro256** 1.0 (Blackman and Vigna, 2018) with one state for each thread; numbers below a bound
 * by multiplication with rejection (Lemire, 2019).
 */
#include "base/random.h"

#include "base/check.h"

#include <sys/random.h>
#include <sys/types.h>

static _Thread_local uint64_t state[4];
static _Thread_local bool is_seeded;

static uint64_t rotate_left(uint64_t value, int bits)
{
	return (value << bits) | (value >> (64 - bits));
}

static void seed_from_kernel(void)
{
	/* All-zero is the one state that xoshiro can't leave. */
	while ((state[0] | state[1] | state[2] | state[3]) == 0)
		CHECK(getrandom(state, sizeof(state), 0) == (ssize_t)sizeof(state));
	is_seeded = true;
}

uint64_t random_u64(void)
{
	if (!is_seeded)
		seed_from_kernel();
	uint64_t result = rotate_left(state[1] * 5, 7) * 9;
	uint64_t shifted = state[1] << 17;
	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate_left(state[3], 45);
	return result;
}

uint64_t random_below(uint64_t bound)
{
	CHECK(bound != 0);
	unsigned __int128 product = (unsigned __int128)random_u64() * bound;
	if ((uint64_t)product < bound) {
		/* 2^64 mod bound: the low ends that would make some results likelier. */
		uint64_t unfair = -bound % bound;
		while ((uint64_t)product < unfair)
			product = (unsigned __int128)random_u64() * bound;
	}
	return (uint64_t)(product >> 64);
}

uint64_t random_jitter(uint64_t value, unsigned percent)
{
	CHECK(percent <= 100);
	uint64_t span = (uint64_t)((unsigned __int128)value * percent / 100);
	if (span == 0)
		return value;
	uint64_t top = value > UINT64_MAX - span ? UINT64_MAX : value + span;
	uint64_t width = top - (value - span);
	return value - span + (width == UINT64_MAX ? random_u64() : random_below(width + 1));
}

void random_seed(uint64_t seed)
{
	/* Splitmix64, as the authors of xoshiro advise for filling the state. */
	for (int i = 0; i < 4; i++) {
		seed += 0x9e3779b97f4a7c15;
		uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
		mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
		state[i] = mixed ^ (mixed >> 31);
	}
	is_seeded = true;
}
