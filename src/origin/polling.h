/*
 * Selecting an address (origin-pull.md section 2): the shuffle bag, counted and not listed; the
 * lesser load of two; the consistent hash. Pure, but for the random numbers.
 */
#pragma once

#include "base/limit.h"

#include <stdbool.h>
#include <stdint.h>

/* A bag for `count` entries with weights 0–100; 36 bytes. All-zero, then origin_polling_fill. */
struct origin_polling_bag {
	uint8_t turns[LIMIT_ADDRESSES]; /* left in this round */
	uint16_t total;
	uint8_t count;
};

/* Begins a round: every entry gets its weight. */
void origin_polling_fill(struct origin_polling_bag *bag, const uint8_t *weights, unsigned count);

/* How an entry stands for one choice. */
enum origin_polling_entry {
	ORIGIN_POLLING_USABLE,
	ORIGIN_POLLING_BLOCKED,  /* a turn that comes up is dropped */
	ORIGIN_POLLING_LEFT_OUT, /* tried already by this pull: passed over, its turns stay */
};

/*
 * Draws the next entry; refills when the round is over (also in the middle of a call). `shares`
 * (1–256 each) thin out entries in slow start: a turn is dropped with that chance. Returns the
 * index, or -1 when no entry with a weight is USABLE.
 */
int origin_polling_draw(struct origin_polling_bag *bag, const uint8_t *weights, unsigned count,
        const uint8_t *standings, const uint16_t *shares);

/* Of two random usable entries the one with less load (in flight + 1) × latency, weighted; -1 for
 * none. */
int origin_polling_least_load(const uint8_t *weights, unsigned count, const uint8_t *standings,
        const uint32_t *in_flight, const uint32_t *latency_us);

/* Weighted rendezvous hashing (Thaler and Ravishankar, 1998): the usable entry with the highest
 * score for `key`; `seeds` are the entries' own hashes, the same on every machine. -1 for none. */
int origin_polling_hash(const uint8_t *weights, unsigned count, const uint8_t *standings,
        const uint64_t *seeds, uint64_t key);
