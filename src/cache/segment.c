/*
 * A segment's life: free -> open -> sealed -> evicting -> draining -> free. The state of each is
 * the truth and the rings follow from it: each change writes the state first, so that whoever finds
 * the lock's owner dead can rebuild the rings by states and orders.
 *
 * One free segment is the keeper's: it needs room for what it re-inserts before it has emptied
 * anything.
 */
#include "cache/segment_private.h"

#include "cache/disk_private.h"
#include "cache/reader_private.h"

#include <fcntl.h>
#include <sys/mman.h>

enum {
	FREE_FOR_KEEPER = 1,
	SPARE_MIN = 2, /* beside the keeper's, one that is written to next */
	SPARE_MAX = 16,
	SPARE_PART = 32,
	/* Of those that drain, at a time: pinned ones may be many. They take turns. */
	LOOKED_AT = 64,
};

/* ---- rings ---- */

static uint32_t *ring_entry(const struct cache_store *store, unsigned ring, uint32_t at)
{
	uint32_t segments = store->geometry.segments;
	uint64_t first = store->shared->rings[ring].first;
	return &store->rings[(uint64_t)ring * segments + (first + at) % segments];
}

static void ring_push(struct cache_store *store, unsigned ring, uint32_t segment)
{
	struct cache_ring *r = &store->shared->rings[ring];
	CHECK(r->count < store->geometry.segments);
	*ring_entry(store, ring, r->count) = segment;
	r->count++;
}

/* The oldest, or CACHE_NO_SEGMENT. What the memory says is no number of a segment is skipped. */
static uint32_t ring_pop(struct cache_store *store, unsigned ring)
{
	struct cache_ring *r = &store->shared->rings[ring];
	while (r->count > 0 && r->count <= store->geometry.segments) {
		uint32_t segment = *ring_entry(store, ring, 0);
		r->first = (r->first + 1) % store->geometry.segments;
		r->count--;
		if (segment < store->geometry.segments)
			return segment;
	}
	return CACHE_NO_SEGMENT;
}

/* ---- pins ---- */

static _Atomic uint32_t *pin_of(const struct cache_store *store, uint32_t segment, uint32_t process)
{
	return &store->pins[(uint64_t)segment * LIMIT_CACHE_PROCESSES + process];
}

void cache_segment_pin(struct cache_store *store, uint32_t segment)
{
	CHECK(segment < store->geometry.segments);
	_Atomic uint32_t *pin = pin_of(store, segment, store->process);
	if (atomic_fetch_add_explicit(pin, 1, memory_order_acq_rel) == 0)
		atomic_fetch_add_explicit(
		        &store->shared->pinned[store->process], 1, memory_order_relaxed);
}

void cache_segment_unpin(struct cache_store *store, uint32_t segment)
{
	CHECK(segment < store->geometry.segments);
	_Atomic uint32_t *pin = pin_of(store, segment, store->process);
	uint32_t before = atomic_fetch_sub_explicit(pin, 1, memory_order_acq_rel);
	CHECK(before > 0);
	if (before == 1)
		atomic_fetch_sub_explicit(
		        &store->shared->pinned[store->process], 1, memory_order_relaxed);
}

bool cache_segment_is_pinned(const struct cache_store *store, uint32_t segment)
{
	bool is_pinned = false;
	for (uint32_t i = 0; i < LIMIT_CACHE_PROCESSES; i++)
		is_pinned |=
		        atomic_load_explicit(pin_of(store, segment, i), memory_order_acquire) != 0;
	return is_pinned;
}

/* ---- appending ---- */

static void seal(struct cache_store *store, enum cache_log log)
{
	struct cache_shared *shared = store->shared;
	uint32_t number = shared->open[log];
	shared->open[log] = CACHE_NO_SEGMENT;
	if (number >= store->geometry.segments)
		return;
	store->segments[number].state = CACHE_SEGMENT_SEALED;
	ring_push(store, log, number);
	cache_disk_wake_all(store);
}

/* A free segment that nobody can be looking at. The keeper has waited for that; it is asked again
 * because what follows from a mistake is a client that gets another one's bytes. */
static uint32_t take_free(struct cache_store *store)
{
	uint64_t oldest = cache_reader_oldest(store);
	for (uint32_t tries = store->shared->rings[CACHE_RING_FREE].count; tries > 0; tries--) {
		uint32_t number = ring_pop(store, CACHE_RING_FREE);
		if (number == CACHE_NO_SEGMENT)
			break;
		const struct cache_segment *segment = &store->segments[number];
		if (segment->state == CACHE_SEGMENT_FREE && segment->retired <= oldest &&
		        !cache_segment_is_pinned(store, number))
			return number;
		ring_push(store, CACHE_RING_FREE, number);
	}
	return CACHE_NO_SEGMENT;
}

static bool open_fresh(struct cache_store *store, enum cache_log log, bool is_keeper)
{
	struct cache_shared *shared = store->shared;
	if (!is_keeper && shared->rings[CACHE_RING_FREE].count <= FREE_FOR_KEEPER)
		return false;
	uint32_t number = take_free(store);
	if (number == CACHE_NO_SEGMENT)
		return false;
	struct cache_segment *segment = &store->segments[number];
	segment->log = (uint8_t)log;
	segment->used = segment->live = 0;
	segment->order = ++shared->order;
	segment->state = CACHE_SEGMENT_OPEN;
	shared->open[log] = number;
	return true;
}

bool cache_segment_reserve(struct cache_store *store, enum cache_log log, uint32_t bytes,
        bool is_keeper, struct cache_room *ret_room)
{
	uint32_t whole = store->geometry.segment_bytes;
	CHECK(bytes >= sizeof(struct cache_record) && bytes <= whole);
	uint32_t number = store->shared->open[log];
	if (number >= store->geometry.segments ||
	        store->segments[number].state != CACHE_SEGMENT_OPEN ||
	        store->segments[number].used > whole - cache_record_padded(bytes)) {
		if (!is_keeper && store->shared->rings[CACHE_RING_FREE].count <= FREE_FOR_KEEPER)
			return false;
		seal(store, log);
		if (!open_fresh(store, log, is_keeper))
			return false;
		number = store->shared->open[log];
	}
	struct cache_segment *segment = &store->segments[number];
	uint32_t offset = segment->used;
	char *at = store->data + (uint64_t)number * whole + offset;
	struct cache_record *record = (struct cache_record *)(void *)at;
	record->magic = CACHE_RECORD_MAGIC;
	record->bytes = bytes;
	atomic_store_explicit(&record->kind, CACHE_KIND_ROOM, memory_order_relaxed);
	segment->used = offset + cache_record_padded(bytes);
	cache_segment_pin(store, number);
	*ret_room = (struct cache_room){
	        .location = cache_store_location(store, number, offset),
	        .order = segment->order,
	        .record = record,
	        .segment = number,
	};
	return true;
}

bool cache_segment_has_room(const struct cache_store *store, const struct cache_room *room)
{
	const struct cache_segment *segment = &store->segments[room->segment];
	return segment->order == room->order &&
	       (segment->state == CACHE_SEGMENT_OPEN || segment->state == CACHE_SEGMENT_SEALED);
}

/* ---- eviction ---- */

uint32_t cache_segment_take_oldest(struct cache_store *store, enum cache_log log)
{
	uint32_t number = ring_pop(store, log);
	if (number != CACHE_NO_SEGMENT)
		store->segments[number].state = CACHE_SEGMENT_EVICTING;
	return number;
}

void cache_segment_retire(struct cache_store *store, uint32_t number)
{
	struct cache_segment *segment = &store->segments[number];
	CHECK(segment->state == CACHE_SEGMENT_EVICTING);
	/* The entries are gone: whoever enters at this epoch or later can't have found one. */
	segment->retired =
	        atomic_fetch_add_explicit(&store->shared->epoch, 1, memory_order_seq_cst) + 1;
	segment->state = CACHE_SEGMENT_DRAINING;
	ring_push(store, CACHE_RING_DRAINING, number);
}

uint32_t cache_segment_take_drained(struct cache_store *store, uint64_t oldest)
{
	for (unsigned tries = 0; tries < LOOKED_AT; tries++) {
		uint32_t number = ring_pop(store, CACHE_RING_DRAINING);
		if (number == CACHE_NO_SEGMENT)
			break;
		struct cache_segment *segment = &store->segments[number];
		/* The epoch first: pins of those who found it are taken before they leave. */
		if (segment->retired <= oldest && !cache_segment_is_pinned(store, number)) {
			segment->state = CACHE_SEGMENT_EMPTYING;
			return number;
		}
		ring_push(store, CACHE_RING_DRAINING, number);
	}
	return CACHE_NO_SEGMENT;
}

bool cache_segment_empty(const struct cache_store *store, uint32_t number)
{
	uint32_t bytes = store->geometry.segment_bytes;
	uint64_t at = store->geometry.data_at + (uint64_t)number * bytes;
	int flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	if (fallocate(store->fd, flags, (off_t)at, bytes) != 0)
		return false;
	/* Fresh pages at once: here they cost less than one by one under those who put. A kernel
	 * that can't do it gives them then. */
	madvise(store->base + at, bytes, MADV_POPULATE_WRITE);
	return true;
}

void cache_segment_drain_again(struct cache_store *store, uint32_t number)
{
	store->segments[number].state = CACHE_SEGMENT_DRAINING;
	ring_push(store, CACHE_RING_DRAINING, number);
}

void cache_segment_free(struct cache_store *store, uint32_t number)
{
	store->segments[number].state = CACHE_SEGMENT_FREE;
	ring_push(store, CACHE_RING_FREE, number);
}

uint32_t cache_segment_follow(const struct cache_store *store, enum cache_log log, uint64_t order,
        bool with_open, uint32_t *ret_used)
{
	uint32_t found = CACHE_NO_SEGMENT;
	for (uint32_t i = 0; i < store->shared->rings[log].count && found == CACHE_NO_SEGMENT;
	        i++) {
		uint32_t number = *ring_entry(store, log, i);
		if (number < store->geometry.segments && store->segments[number].order >= order)
			found = number;
	}
	uint32_t open = store->shared->open[log];
	if (found == CACHE_NO_SEGMENT && with_open && open < store->geometry.segments &&
	        store->segments[open].order >= order)
		found = open;
	if (found != CACHE_NO_SEGMENT)
		*ret_used = store->segments[found].used;
	return found;
}

uint32_t cache_segment_count(const struct cache_store *store, enum cache_log log)
{
	const struct cache_shared *shared = store->shared;
	return shared->rings[log].count + (shared->open[log] != CACHE_NO_SEGMENT);
}

uint32_t cache_segment_spare(const struct cache_store *store)
{
	uint32_t spare = store->geometry.segments / SPARE_PART;
	return spare < SPARE_MIN ? SPARE_MIN : spare > SPARE_MAX ? SPARE_MAX : spare;
}

/* Of those that drain, how many wait for readers' turns alone. */
static uint32_t count_coming(const struct cache_store *store)
{
	const struct cache_ring *draining = &store->shared->rings[CACHE_RING_DRAINING];
	uint32_t coming = 0;
	for (uint32_t i = 0; i < draining->count && i < LOOKED_AT; i++) {
		uint32_t number = *ring_entry(store, CACHE_RING_DRAINING, i);
		coming += number < store->geometry.segments &&
		          !cache_segment_is_pinned(store, number);
	}
	return coming;
}

bool cache_segment_is_short(const struct cache_store *store)
{
	uint32_t free_count = store->shared->rings[CACHE_RING_FREE].count;
	return free_count + count_coming(store) < cache_segment_spare(store);
}

bool cache_segment_is_coming(const struct cache_store *store)
{
	return store->shared->rings[CACHE_RING_FREE].count == 0 && count_coming(store) > 0;
}

/* ---- repair ---- */

/* Where a segment in this state queues; CACHE_RINGS: nowhere. */
static unsigned ring_of(const struct cache_store *store, struct cache_segment *segment,
        uint32_t number, bool is_new_keeper)
{
	unsigned log = segment->log < CACHE_LOGS ? segment->log : CACHE_LOG_PROBATION;
	switch ((enum cache_segment_state)segment->state) {
	case CACHE_SEGMENT_FREE:
		return CACHE_RING_FREE;
	case CACHE_SEGMENT_OPEN:
		if (store->shared->open[log] == number)
			return CACHE_RINGS;
		break;
	case CACHE_SEGMENT_DRAINING:
		return CACHE_RING_DRAINING;
	case CACHE_SEGMENT_EMPTYING:
		if (!is_new_keeper)
			return CACHE_RINGS;
		segment->state = CACHE_SEGMENT_DRAINING;
		return CACHE_RING_DRAINING;
	case CACHE_SEGMENT_EVICTING:
		if (!is_new_keeper)
			return CACHE_RINGS;
		break;
	case CACHE_SEGMENT_SEALED:
		break;
	}
	segment->state = CACHE_SEGMENT_SEALED;
	segment->log = (uint8_t)log;
	return log;
}

/* Sinks entry `at` of a heap by order, the youngest on top. */
static void sink(const struct cache_store *store, uint32_t *heap, uint32_t at, uint32_t count)
{
	for (;;) {
		uint32_t top = at;
		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
			if (store->segments[heap[child]].order > store->segments[heap[top]].order)
				top = child;
		if (top == at)
			return;
		uint32_t moved = heap[at];
		heap[at] = heap[top];
		heap[top] = moved;
		at = top;
	}
}

/* Oldest first. A heap sort, because it is done in place and under the lock. */
static void sort(const struct cache_store *store, uint32_t *ring, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sink(store, ring, i, count);
	for (uint32_t last = count; last-- > 1;) {
		uint32_t youngest = ring[0];
		ring[0] = ring[last];
		ring[last] = youngest;
		sink(store, ring, 0, last);
	}
}

void cache_segment_requeue(struct cache_store *store, bool is_new_keeper)
{
	struct cache_shared *shared = store->shared;
	for (unsigned ring = 0; ring < CACHE_RINGS; ring++)
		shared->rings[ring] = (struct cache_ring){0};
	for (unsigned log = 0; log < CACHE_LOGS; log++) {
		uint32_t number = shared->open[log];
		if (number >= store->geometry.segments ||
		        store->segments[number].state != CACHE_SEGMENT_OPEN ||
		        store->segments[number].log != log)
			shared->open[log] = CACHE_NO_SEGMENT;
	}
	for (uint32_t i = 0; i < store->geometry.segments; i++) {
		struct cache_segment *segment = &store->segments[i];
		if (segment->used > store->geometry.segment_bytes)
			segment->used = store->geometry.segment_bytes;
		unsigned ring = ring_of(store, segment, i, is_new_keeper);
		if (ring < CACHE_RINGS)
			ring_push(store, ring, i);
	}
	for (unsigned ring = 0; ring < CACHE_RINGS; ring++)
		sort(store, store->rings + (uint64_t)ring * store->geometry.segments,
		        shared->rings[ring].count);
}
