/*
 * Who reads: one reader for each worker thread. What was found may be read until the thread's next
 * cache_reader_quiet, without a lock and without a copy; what is to be read longer, such as the
 * rest of a body that a slow client takes in later turns, is pinned.
 *
 * A reader is its thread's alone; a pin may be given back by any reader of the same process.
 */
#pragma once

#include "cache/store.h"

struct cache_reader;

/* Bytes in the memory: mapped at `at`, and at `offset` of `fd` for sendfile. Valid until the
 * reader's next quiet, or while pinned. */
struct cache_place {
	const char *at;
	uint64_t offset;
	uint32_t len;
	uint32_t segment;
	int fd; /* the store's */
};

/* NULL when LIMIT_CACHE_READERS are in use. */
MUST_CHECK struct cache_reader *cache_reader_new(struct cache_store *store);

/* NULL is fine. */
void cache_reader_free(struct cache_reader *reader);

/* Says that this thread holds no address that a find gave it but pinned ones. At the end of each
 * turn, and before the thread waits for anything: one store, nothing when nothing was found. */
void cache_reader_quiet(struct cache_reader *reader);

/* Keeps the place's segment from being emptied, beyond this turn. False when more than half of the
 * segments are pinned: then find again in the turn that needs it. Pins count; each is given back.
 */
MUST_CHECK bool cache_reader_pin(struct cache_reader *reader, const struct cache_place *place);

/* Gives a pin back; `segment` is the place's. */
void cache_reader_unpin(struct cache_reader *reader, uint32_t segment);
