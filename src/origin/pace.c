/*
 * A ring of slices. Who comes to a slice of a minute ago begins it anew: one thread wins that, and
 * what others note at the same moment may be lost with what was there. That is a few samples of
 * many, and no wrong ones.
 */
#include "origin/pace.h"

#include "base/latency.h"
#include "base/mem.h"

#include <stdatomic.h>

enum {
	SLICES = 12,
	SLICE_MS = 5000,
	KNOWN_MS = 250,    /* how long what was found is told again */
	PART_BITS = 3,     /* eight places to each doubling (base/latency.h) */
	CEILING_BITS = 30, /* some 18 minutes */
	CEILING_US = 1 << CEILING_BITS,
	PLACES = ((CEILING_BITS - LATENCY_FIRST_BIT) << PART_BITS) + 1,
};

struct slice {
	atomic_uint number; /* since the clock's beginning, and 1; 0: never begun */
	atomic_uint noted, hedged;
	atomic_uint places[PLACES];
};

/* What was found of one percentile. */
struct known {
	_Atomic uint64_t late_us, until_ms;
};

struct origin_pace {
	struct known known[MODEL_HEDGE_P99 + 1];
	struct slice slices[SLICES];
};

struct origin_pace *origin_pace_new(void)
{
	return mem_new(struct origin_pace);
}

void origin_pace_free(struct origin_pace *pace)
{
	mem_free(pace);
}

static unsigned place_of(uint64_t us)
{
	return latency_place(us < CEILING_US ? us : CEILING_US - 1, PART_BITS, CEILING_BITS);
}

static unsigned number_of(uint64_t now_ms)
{
	return (unsigned)(now_ms / SLICE_MS) + 1;
}

static unsigned get(const atomic_uint *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void add(atomic_uint *word)
{
	atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
}

static void set(atomic_uint *word, unsigned value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static bool is_of_last_minute(const struct slice *slice, unsigned number)
{
	unsigned begun = get(&slice->number);
	return begun != 0 && number - begun < SLICES;
}

/* The slice of now, begun where it was not. A thread whose clock is behind takes the newer one. */
static struct slice *slice_of(struct origin_pace *pace, uint64_t now_ms)
{
	unsigned number = number_of(now_ms);
	struct slice *slice = &pace->slices[number % SLICES];
	unsigned begun = get(&slice->number);
	if (begun >= number || !atomic_compare_exchange_strong_explicit(&slice->number, &begun,
	                               number, memory_order_relaxed, memory_order_relaxed))
		return slice;
	set(&slice->noted, 0);
	set(&slice->hedged, 0);
	for (unsigned i = 0; i < PLACES; i++)
		set(&slice->places[i], 0);
	return slice;
}

void origin_pace_note(struct origin_pace *pace, uint64_t head_us, uint64_t now_ms)
{
	struct slice *slice = slice_of(pace, now_ms);
	add(&slice->places[place_of(head_us)]);
	add(&slice->noted);
}

static uint64_t find_late_us(const struct origin_pace *pace, unsigned percentile, unsigned number)
{
	uint64_t sums[PLACES] = {0}, total = 0, seen = 0;
	for (unsigned i = 0; i < SLICES; i++) {
		const struct slice *slice = &pace->slices[i];
		if (!is_of_last_minute(slice, number))
			continue;
		for (unsigned place = 0; place < PLACES; place++) {
			unsigned count = get(&slice->places[place]);
			sums[place] += count;
			total += count;
		}
	}
	if (total < ORIGIN_PACE_SAMPLES)
		return 0;
	uint64_t rank = (total * percentile + 99) / 100;
	unsigned place = 0;
	while ((seen += sums[place]) < rank)
		place++;
	/* The end of the place: what is in it is less. */
	return latency_place_floor(place + 1, PART_BITS);
}

uint64_t origin_pace_late_us(struct origin_pace *pace, enum model_hedge after, uint64_t now_ms)
{
	CHECK(after > MODEL_HEDGE_OFF && after <= MODEL_HEDGE_P99);
	struct known *known = &pace->known[after];
	uint64_t until_ms = atomic_load_explicit(&known->until_ms, memory_order_relaxed);
	if (now_ms < until_ms)
		return atomic_load_explicit(&known->late_us, memory_order_relaxed);
	uint64_t late_us = find_late_us(pace, model_hedge_percentile(after), number_of(now_ms));
	atomic_store_explicit(&known->late_us, late_us, memory_order_relaxed);
	/* That there are too few is no great work to find out, and soon not so any more. */
	if (late_us != 0)
		atomic_store_explicit(&known->until_ms, now_ms + KNOWN_MS, memory_order_relaxed);
	return late_us;
}

/* Whether so many are within the budget. */
static bool is_within(const struct origin_pace *pace, unsigned number, unsigned budget)
{
	uint64_t noted = 0, hedged = 0;
	for (unsigned i = 0; i < SLICES; i++) {
		const struct slice *slice = &pace->slices[i];
		if (!is_of_last_minute(slice, number))
			continue;
		noted += get(&slice->noted);
		hedged += get(&slice->hedged);
	}
	return hedged * 100 <= noted * budget;
}

bool origin_pace_hedge(struct origin_pace *pace, unsigned budget, uint64_t now_ms)
{
	struct slice *slice = slice_of(pace, now_ms);
	/* Counted first: of two threads at the last place none or one gets it, and never both. */
	atomic_fetch_add(&slice->hedged, 1);
	if (is_within(pace, number_of(now_ms), budget))
		return true;
	atomic_fetch_sub(&slice->hedged, 1);
	return false;
}
