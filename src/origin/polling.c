/*
 * The shuffle bag is not a list of tickets but a counter of turns for each entry: a uniform number
 * below the turns that may come up, and a walk over at most LIMIT_ADDRESSES counters, draws the
 * same as a shuffled list would, without replacement, and takes 36 bytes.
 *
 * What is drawn is not always chosen: a turn of a blocked entry is dropped, and so is, by chance, a
 * turn of an entry in slow start. Dropping ends after DROPS_MAX turns; then the choice is made
 * among the usable entries alone, in proportion to their turns and shares. That is the very
 * distribution that more dropping would lead to, since a random order of all turns is also a random
 * order of the usable ones.
 *
 * A round is over when no usable entry has a turn left. What blocked entries still had is dropped
 * with it; an entry that is only left out of this one choice carries its turns into the next round,
 * at most one round of them.
 */
#include "origin/polling.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"

#include <math.h>

enum {
	DROPS_MAX = 64,
};

/* Whether the entry may be the answer at all. */
static bool is_usable(const uint8_t *weights, const uint8_t *standings, unsigned i)
{
	return weights[i] != 0 && standings[i] == ORIGIN_POLLING_USABLE;
}

void origin_polling_fill(struct origin_polling_bag *bag, const uint8_t *weights, unsigned count)
{
	CHECK(count <= LIMIT_ADDRESSES);
	bag->count = (uint8_t)count;
	bag->total = 0;
	for (unsigned i = 0; i < count; i++) {
		bag->turns[i] = weights[i];
		bag->total = (uint16_t)(bag->total + weights[i]);
	}
}

/* The next round; what is left out now keeps what it had. */
static void refill(struct origin_polling_bag *bag, const uint8_t *weights, const uint8_t *standings)
{
	bag->total = 0;
	for (unsigned i = 0; i < bag->count; i++) {
		unsigned carried = standings[i] == ORIGIN_POLLING_LEFT_OUT ? bag->turns[i] : 0;
		if (carried > weights[i])
			carried = weights[i];
		bag->turns[i] = (uint8_t)(weights[i] + carried);
		bag->total = (uint16_t)(bag->total + bag->turns[i]);
	}
}

static void take_turn(struct origin_polling_bag *bag, unsigned i)
{
	CHECK(bag->turns[i] > 0 && bag->total > 0);
	bag->turns[i]--;
	bag->total--;
}

/* What can be drawn: turns of usable entries, and of usable and blocked ones together. */
struct drawable {
	unsigned usable, all;
	unsigned share_max;  /* the largest share of a usable entry */
	unsigned share_left; /* the same of those that have a turn */
};

static struct drawable count_drawable(const struct origin_polling_bag *bag, const uint8_t *weights,
        const uint8_t *standings, const uint16_t *shares)
{
	struct drawable drawable = {0};
	for (unsigned i = 0; i < bag->count; i++) {
		if (standings[i] == ORIGIN_POLLING_LEFT_OUT)
			continue;
		drawable.all += bag->turns[i];
		if (!is_usable(weights, standings, i))
			continue;
		drawable.usable += bag->turns[i];
		if (shares[i] > drawable.share_max)
			drawable.share_max = shares[i];
		if (bag->turns[i] != 0 && shares[i] > drawable.share_left)
			drawable.share_left = shares[i];
	}
	return drawable;
}

/* The entry that the `at`th drawable turn belongs to. */
static unsigned walk(const struct origin_polling_bag *bag, const uint8_t *standings, unsigned at)
{
	for (unsigned i = 0; i < bag->count; i++) {
		if (standings[i] == ORIGIN_POLLING_LEFT_OUT)
			continue;
		if (at < bag->turns[i])
			return i;
		at -= bag->turns[i];
	}
	CHECK(!"a turn that is in no entry");
	return 0;
}

/* A usable entry in proportion to turns and shares; there is one with a turn. */
static unsigned draw_usable(const struct origin_polling_bag *bag, const uint8_t *weights,
        const uint8_t *standings, const uint16_t *shares)
{
	uint64_t mass = 0;
	for (unsigned i = 0; i < bag->count; i++)
		if (is_usable(weights, standings, i))
			mass += (uint64_t)bag->turns[i] * shares[i];
	uint64_t at = random_below(mass);
	for (unsigned i = 0; i < bag->count; i++) {
		if (!is_usable(weights, standings, i))
			continue;
		uint64_t part = (uint64_t)bag->turns[i] * shares[i];
		if (at < part)
			return i;
		at -= part;
	}
	CHECK(!"a share that is in no entry");
	return 0;
}

int origin_polling_draw(struct origin_polling_bag *bag, const uint8_t *weights, unsigned count,
        const uint8_t *standings, const uint16_t *shares)
{
	CHECK(count <= LIMIT_ADDRESSES);
	unsigned usable_entries = 0;
	for (unsigned i = 0; i < count; i++)
		usable_entries += is_usable(weights, standings, i);
	if (usable_entries == 0)
		return -1;
	if (bag->count != count)
		origin_polling_fill(bag, weights, count);

	for (unsigned drops = 0;; drops++) {
		struct drawable drawable = count_drawable(bag, weights, standings, shares);
		/* Where only turns of entries in slow start are left, dropping would go on to the
		 * end of the round: it ends here. */
		bool is_slow = drops == DROPS_MAX && drawable.share_left < drawable.share_max;
		if (drawable.usable == 0 || is_slow) {
			refill(bag, weights, standings);
			drawable = count_drawable(bag, weights, standings, shares);
		}
		CHECK(drawable.usable > 0 && drawable.share_max > 0);
		if (drops == DROPS_MAX) {
			unsigned i = draw_usable(bag, weights, standings, shares);
			take_turn(bag, i);
			return (int)i;
		}
		unsigned i = walk(bag, standings, (unsigned)random_below(drawable.all));
		take_turn(bag, i);
		/* Shares count against the largest one: where all are in slow start, nothing is
		 * gained by dropping turns of all of them. */
		if (is_usable(weights, standings, i) &&
		        (shares[i] == drawable.share_max ||
		                random_below(drawable.share_max) < shares[i]))
			return (int)i;
	}
}

/* The `at`th usable entry. */
static int usable_at(const uint8_t *weights, unsigned count, const uint8_t *standings, unsigned at)
{
	for (unsigned i = 0; i < count; i++)
		if (is_usable(weights, standings, i) && at-- == 0)
			return (int)i;
	CHECK(!"fewer usable entries than were counted");
	return -1;
}

int origin_polling_least_load(const uint8_t *weights, unsigned count, const uint8_t *standings,
        const uint32_t *in_flight, const uint32_t *latency_us)
{
	CHECK(count <= LIMIT_ADDRESSES);
	unsigned usable_entries = 0;
	for (unsigned i = 0; i < count; i++)
		usable_entries += is_usable(weights, standings, i);
	if (usable_entries == 0)
		return -1;
	unsigned first = (unsigned)random_below(usable_entries);
	int a = usable_at(weights, count, standings, first);
	if (usable_entries == 1)
		return a;
	unsigned second = (unsigned)random_below(usable_entries - 1);
	int b = usable_at(weights, count, standings, second + (second >= first));

	/* An entry whose latency nobody has seen yet is taken to be as fast as the other. */
	bool is_known = latency_us[a] != 0 && latency_us[b] != 0;
	uint64_t slowness_a = is_known ? latency_us[a] : 1;
	uint64_t slowness_b = is_known ? latency_us[b] : 1;
	unsigned __int128 load_a = ((uint64_t)in_flight[a] + 1) * slowness_a;
	unsigned __int128 load_b = ((uint64_t)in_flight[b] + 1) * slowness_b;
	return load_a * weights[b] <= load_b * weights[a] ? a : b;
}

int origin_polling_hash(const uint8_t *weights, unsigned count, const uint8_t *standings,
        const uint64_t *seeds, uint64_t key)
{
	CHECK(count <= LIMIT_ADDRESSES);
	int best = -1;
	double best_score = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!is_usable(weights, standings, i))
			continue;
		/* 53 bits as a number strictly between 0 and 1. */
		uint64_t bits = hash_mix(seeds[i], key) >> 11;
		double uniform = ((double)bits + 0.5) * 0x1p-53;
		double score = (double)weights[i] / -log(uniform);
		if (best < 0 || score > best_score) {
			best = (int)i;
			best_score = score;
		}
	}
	return best;
}
