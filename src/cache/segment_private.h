/*
 * Segments and the two logs: room is reserved at the end of a log's open segment; full segments are
 * sealed and queue, oldest first, until the keeper takes them. A sealed segment is never written to
 * again but by those who reserved before, and never reused before it was retired, left by all
 * readers and pins, and given fresh pages. All under the lock but pins.
 */
#pragma once

#include "cache/store_private.h"

/* Room for a record: where, and what shows later that it is still ours. */
struct cache_room {
	uint64_t location, order;
	struct cache_record *record;
	uint32_t segment;
};

/* Reserves room for a record of `bytes` with its header, which gets magic, length and the kind
 * ROOM, and pins the segment. False when a fresh segment is needed and none is free (`is_keeper`:
 * may take the last ones). */
MUST_CHECK bool cache_segment_reserve(struct cache_store *store, enum cache_log log, uint32_t bytes,
        bool is_keeper, struct cache_room *ret_room);

/* Whether the room is still where a record may be published. */
bool cache_segment_has_room(const struct cache_store *store, const struct cache_room *room);

/* Pins for this process, without asking. Any thread, no lock: within a turn that found the segment,
 * or under the lock. */
void cache_segment_pin(struct cache_store *store, uint32_t segment);
void cache_segment_unpin(struct cache_store *store, uint32_t segment);

/* Whether any process has the segment pinned. No lock. */
bool cache_segment_is_pinned(const struct cache_store *store, uint32_t segment);

/* Takes the oldest sealed segment of a log for eviction; CACHE_NO_SEGMENT when there is none. */
uint32_t cache_segment_take_oldest(struct cache_store *store, enum cache_log log);

/* After its records left the index: begins to wait for those who may still look at it. */
void cache_segment_retire(struct cache_store *store, uint32_t segment);

/* A retired segment that nobody looks at any more, when `oldest` is the oldest epoch that a reader
 * is in; CACHE_NO_SEGMENT when there is none. It is the caller's to empty. */
uint32_t cache_segment_take_drained(struct cache_store *store, uint64_t oldest);

/* Gives its pages back to the kernel and takes fresh ones; sockets keep the old. False when the
 * kernel refuses: then it must not be free. Without the lock. */
MUST_CHECK bool cache_segment_empty(const struct cache_store *store, uint32_t segment);

/* One that could not be emptied waits for another try. */
void cache_segment_drain_again(struct cache_store *store, uint32_t segment);

/* An emptied segment is free. */
void cache_segment_free(struct cache_store *store, uint32_t segment);

/* The oldest segment of a log, sealed, or open as well, that has been filled at or after `order`;
 * CACHE_NO_SEGMENT when there is none. *ret_used is how far it is filled. */
uint32_t cache_segment_follow(const struct cache_store *store, enum cache_log log, uint64_t order,
        bool with_open, uint32_t *ret_used);

/* How many segments a log has, its open one included. */
uint32_t cache_segment_count(const struct cache_store *store, enum cache_log log);

/* How many segments should be free or on their way there, so that puts need not wait. */
uint32_t cache_segment_spare(const struct cache_store *store);

/* Whether there are fewer: those that drain count unless they are pinned. */
bool cache_segment_is_short(const struct cache_store *store);

/* Whether none is free and one comes that nobody has pinned: what stays of one that is evicted
 * would have no room, and has if the readers' turns are waited for. */
bool cache_segment_is_coming(const struct cache_store *store);

/* Rebuilds the queues from the segments' states, after a process died under the lock. What the
 * keeper has in hand stays out of them, but where it is a new keeper that asks: then the one that
 * had it is gone, and it is queued again. */
void cache_segment_requeue(struct cache_store *store, bool is_new_keeper);
