/*
 * Rings of whole lines, and the thread that empties them.
 *
 * A ring has one producer, its worker, and one consumer, the writer's thread. Positions only grow;
 * a line lies at its position modulo the size, and never wraps: behind the last byte there is room
 * for one line more, and `spill` says how much of it the line that crossed the end has taken. The
 * next line begins so much behind the beginning. So a batch is always whole lines in one piece, and
 * the two sides share nothing but the two positions.
 *
 *     |......[line][line][line]........|        |  (unused)  [line]......[line][li|ne]     |
 *     0      ^tail             ^head   size     0            ^head       ^tail    size ^spill
 *
 * The writer sleeps while there is nothing to do, and naps after each batch so that the next one is
 * worth its system call. A producer wakes it only from its sleep, or from a nap when the ring
 * fills. `mood` and the heads are sequentially consistent: either the writer sees the line before
 * it falls asleep, or the producer sees that it sleeps.
 */
#include "edge/access_log.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "edge/access_log_private.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	RING_BYTES = LIMIT_LOG_QUEUE_BYTES,
	NAP_MS = 50,
	LAST_WRITES_MS = 1000, /* how long the end of the log waits for a slow disk */
	JOIN_MS = 2000,
	TELL_AGAIN_MS = 60000,
	CACHE_LINE = 64,
};
_Static_assert((RING_BYTES & (RING_BYTES - 1)) == 0, "positions are masked");
_Static_assert(RING_BYTES >= 8 * (int)LIMIT_LOG_LINE_BYTES, "a ring has room for some lines");

enum mood { MOOD_BUSY, MOOD_NAPPING, MOOD_ASLEEP };

struct edge_access_log_ring {
	struct edge_access_log *log;
	struct edge_access_log_ring *next; /* the writer's, or those that it has not met yet */

	/* the producer's */
	uint64_t written;   /* head, without the atomic */
	uint64_t tail_seen; /* tail, when it was looked at last */
	uint32_t skipped;   /* requests that the sample left out */
	struct edge_access_log_scratch scratch;

	char apart_head[CACHE_LINE];
	atomic_uint_fast64_t head;
	atomic_uint_fast32_t spill;
	atomic_bool is_closed;
	char apart_tail[CACHE_LINE];
	atomic_uint_fast64_t tail;
	char apart_bytes[CACHE_LINE];
	char bytes[RING_BYTES + LIMIT_LOG_LINE_BYTES];
};

struct edge_access_log {
	struct edge_access_log_output output;
	uint32_t sample;
	int bell; /* an eventfd, to wake the writer */
	pthread_t thread;
	pthread_mutex_t lock;
	struct edge_access_log_ring *fresh; /* rings for the writer to take; under the lock */
	struct edge_access_log_ring *rings; /* the writer's */
	atomic_int mood;                    /* the writer's, an enum mood */
	atomic_bool wants_reopen, wants_end;
	atomic_uint_fast64_t dropped;
	uint64_t dropped_told, told_ms; /* of how many the operator heard, and when */
};

static void wake(struct edge_access_log *log)
{
	if (atomic_exchange(&log->mood, MOOD_BUSY) == MOOD_BUSY)
		return;
	/* It fails only when the counter is full, and then the writer is awake. */
	if (eventfd_write(log->bell, 1) < 0)
		return;
}

/* Whole lines that lie in one piece; empty when there are none. */
static struct str readable(struct edge_access_log_ring *ring)
{
	uint64_t head = atomic_load(&ring->head);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	size_t at = tail & (RING_BYTES - 1);
	size_t length = head - tail;
	if (at + length >= RING_BYTES)
		length = RING_BYTES - at + atomic_load_explicit(&ring->spill, memory_order_relaxed);
	return str_make(ring->bytes + at, head == tail ? 0 : length);
}

static void take_fresh_rings(struct edge_access_log *log)
{
	CHECK(pthread_mutex_lock(&log->lock) == 0);
	struct edge_access_log_ring *fresh = log->fresh;
	log->fresh = NULL;
	pthread_mutex_unlock(&log->lock);
	while (fresh != NULL) {
		struct edge_access_log_ring *next = fresh->next;
		fresh->next = log->rings;
		log->rings = fresh;
		fresh = next;
	}
}

static void free_ring(struct edge_access_log_ring *ring)
{
	text_done(&ring->scratch.escaped);
	mem_free(ring);
}

/* Writes what is in the rings now, and frees those that are closed and empty; false when there was
 * nothing to write. */
static bool write_rings(struct edge_access_log *log)
{
	bool has_written = false;
	take_fresh_rings(log);
	struct edge_access_log_ring **link = &log->rings;
	while (*link != NULL) {
		struct edge_access_log_ring *ring = *link;
		bool is_closed = atomic_load(&ring->is_closed);
		struct str lines = readable(ring);
		if (lines.len != 0) {
			edge_access_log_output_write(&log->output, lines);
			atomic_fetch_add_explicit(&ring->tail, lines.len, memory_order_release);
			has_written = true;
		} else if (is_closed) {
			*link = ring->next;
			free_ring(ring);
			continue;
		}
		link = &ring->next;
	}
	return has_written;
}

static bool has_work(struct edge_access_log *log)
{
	if (atomic_load(&log->wants_reopen) || atomic_load(&log->wants_end))
		return true;
	take_fresh_rings(log);
	for (struct edge_access_log_ring *ring = log->rings; ring != NULL; ring = ring->next) {
		if (readable(ring).len != 0 || atomic_load(&ring->is_closed))
			return true;
	}
	return false;
}

static void tell_dropped(struct edge_access_log *log)
{
	uint64_t dropped = atomic_load_explicit(&log->dropped, memory_order_relaxed);
	uint64_t now_ms = clock_ms();
	if (dropped == log->dropped_told ||
	        (log->told_ms != 0 && now_ms - log->told_ms < TELL_AGAIN_MS))
		return;
	log_warning("access log: %llu lines were dropped, %s could not keep up",
	        (unsigned long long)(dropped - log->dropped_told), log->output.where);
	log->dropped_told = dropped;
	log->told_ms = now_ms;
}

/* Waits for the bell, at most so long. */
static void rest(struct edge_access_log *log, enum mood mood)
{
	struct pollfd bell = {.fd = log->bell, .events = POLLIN};
	atomic_store(&log->mood, mood);
	bool must_stay = mood == MOOD_ASLEEP ? has_work(log) : atomic_load(&log->wants_end);
	if (!must_stay && poll(&bell, 1, mood == MOOD_ASLEEP ? -1 : NAP_MS) > 0) {
		eventfd_t count;
		if (eventfd_read(log->bell, &count) < 0)
			CHECK(errno == EAGAIN || errno == EINTR);
	}
	atomic_store(&log->mood, MOOD_BUSY);
}

static void *run_writer(void *argument)
{
	struct edge_access_log *log = argument;
	for (;;) {
		/* Asked before the rings are looked at: what was queued before the end is written.
		 */
		bool wants_end = atomic_load(&log->wants_end);
		if (atomic_exchange(&log->wants_reopen, false))
			edge_access_log_output_reopen(&log->output);
		bool has_written = write_rings(log);
		tell_dropped(log);
		if (wants_end && !has_written)
			return NULL;
		rest(log, has_written ? MOOD_NAPPING : MOOD_ASLEEP);
	}
}

/* False with errno. */
static bool start_writer(struct edge_access_log *log)
{
	int result = thread_start(&log->thread, run_writer, log);
	if (result != 0) {
		errno = result;
		return false;
	}
	/* For people who look at threads; a kernel that refuses is no trouble. */
	(void)pthread_setname_np(log->thread, "access-log");
	return true;
}

struct edge_access_log *edge_access_log_new(const char *where, uint32_t sample)
{
	CHECK(sample >= 1);
	struct edge_access_log *log = mem_new(struct edge_access_log);
	log->sample = sample;
	log->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (log->bell < 0)
		goto fail;
	if (!edge_access_log_output_open(&log->output, where))
		goto fail_bell;
	CHECK(pthread_mutex_init(&log->lock, NULL) == 0);
	if (!start_writer(log))
		goto fail_output;
	return log;

fail_output:
	pthread_mutex_destroy(&log->lock);
	edge_access_log_output_close(&log->output);
fail_bell:
	close(log->bell);
fail:
	mem_free(log);
	return NULL;
}

void edge_access_log_free(struct edge_access_log *log)
{
	if (log == NULL)
		return;
	atomic_store(&log->output.give_up_ms, clock_ms() + LAST_WRITES_MS);
	atomic_store(&log->wants_end, true);
	wake(log);

	struct timespec until;
	CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_sec += JOIN_MS / 1000;
	if (pthread_timedjoin_np(log->thread, NULL, &until) != 0) {
		/* It hangs in a disk that does not answer: the memory is left to it. */
		log_error("access log: %s does not take the last lines", log->output.where);
		return;
	}
	CHECK(log->fresh == NULL && log->rings == NULL);
	edge_access_log_output_close(&log->output);
	pthread_mutex_destroy(&log->lock);
	close(log->bell);
	mem_free(log);
}

void edge_access_log_reopen(struct edge_access_log *log)
{
	if (log == NULL)
		return;
	atomic_store(&log->wants_reopen, true);
	wake(log);
}

struct edge_access_log_ring *edge_access_log_ring_new(struct edge_access_log *log)
{
	if (log == NULL)
		return NULL;
	struct edge_access_log_ring *ring = mem_new(struct edge_access_log_ring);
	ring->log = log;
	CHECK(pthread_mutex_lock(&log->lock) == 0);
	ring->next = log->fresh;
	log->fresh = ring;
	pthread_mutex_unlock(&log->lock);
	return ring;
}

void edge_access_log_ring_free(struct edge_access_log_ring *ring)
{
	if (ring == NULL)
		return;
	struct edge_access_log *log = ring->log;
	atomic_store(&ring->is_closed, true);
	wake(log);
}

bool edge_access_log_wants(struct edge_access_log_ring *ring)
{
	if (ring == NULL)
		return false;
	if (++ring->skipped < ring->log->sample)
		return false;
	ring->skipped = 0;
	return true;
}

void edge_access_log_add(struct edge_access_log_ring *ring, const struct edge_log_entry *entry)
{
	struct edge_access_log *log = ring->log;
	uint64_t head = ring->written;
	if (head + LIMIT_LOG_LINE_BYTES - ring->tail_seen > RING_BYTES) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (head + LIMIT_LOG_LINE_BYTES - ring->tail_seen > RING_BYTES) {
			atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
			return;
		}
	}
	size_t at = head & (RING_BYTES - 1);
	size_t length = edge_access_log_format_line(entry, &ring->scratch, ring->bytes + at);
	if (at + length >= RING_BYTES)
		atomic_store_explicit(
		        &ring->spill, (uint32_t)(at + length - RING_BYTES), memory_order_relaxed);
	ring->written = head + length;
	atomic_store(&ring->head, ring->written);

	int mood = atomic_load(&log->mood);
	if (mood == MOOD_ASLEEP)
		wake(log);
	else if (mood == MOOD_NAPPING && ring->written - ring->tail_seen > RING_BYTES / 4) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (ring->written - ring->tail_seen > RING_BYTES / 4)
			wake(log);
	}
}

uint64_t edge_access_log_dropped(const struct edge_access_log *log)
{
	return log == NULL ? 0 : atomic_load_explicit(&log->dropped, memory_order_relaxed);
}
