/*
 * The cap on connections to one host (connections_max of an origin), over all workers of a process:
 * how many are open, and which workers wait for one. A place that becomes free goes to the worker
 * that has waited longest; idle connections are given up when somebody else waits. Where nobody
 * waits it costs one atomic addition for each connection that is opened or closed, and one load for
 * each that becomes idle.
 *
 * A slots object belongs to its host and may be used by any thread; a member belongs to one pool of
 * one worker and is used on that worker's thread.
 */
#pragma once

#include "base/list.h"
#include "net/loop.h"

#include <pthread.h>
#include <stdatomic.h>

struct origin_slots {
	atomic_uint open;    /* connections */
	atomic_uint waiting; /* members that wait */
	atomic_uint queued;  /* attempts that wait, in all members */
	pthread_mutex_t lock;
	struct list members; /* under the lock, with what its comment says so of a member */
};

/* What a member is told. */
struct origin_slots_sink {
	/* A place may be free, or somebody else waits for one: time to look. On the member's
	 * thread. */
	void (*on_slots)(struct origin_slots_sink *self);
};

struct origin_slots_member;

void origin_slots_init(struct origin_slots *slots);

/* Nobody is a member any more. */
void origin_slots_done(struct origin_slots *slots);

/* Joins on the thread of `loop`. Never NULL. */
struct origin_slots_member *origin_slots_join(
        struct origin_slots *slots, struct loop *loop, struct origin_slots_sink *sink);

/* Ends it; no call to the sink after it. NULL is fine. A member that was told something which has
 * not arrived yet is freed when it arrives: the loop turns once more, or it is the process's end.
 */
void origin_slots_leave(struct origin_slots_member *member);

/* Takes a place; false where `max` (0: no cap) are open already. */
MUST_CHECK bool origin_slots_take(struct origin_slots *slots, unsigned max);

/* Gives a place back, and tells the member that waits longest. */
void origin_slots_give(struct origin_slots *slots);

/* Says since when the member's oldest attempt waits (0: none does). Members that have idle
 * connections are asked to give one up. A place that became free just before is nobody's: call
 * origin_slots_take once more after it. */
void origin_slots_wait(struct origin_slots_member *member, uint64_t since_ms);

/* Says that the member has idle connections which it could give up; a hint that stays until
 * origin_slots_forget_idle, so that it costs a load in the usual case. To be followed by
 * origin_slots_is_wanted_elsewhere: a member that began to wait meanwhile did not ask. */
void origin_slots_note_idle(struct origin_slots_member *member);

/* Says that it has none, though it was asked. */
void origin_slots_forget_idle(struct origin_slots_member *member);

/* Whether any other member waits. One load in the usual case. */
bool origin_slots_is_wanted_elsewhere(const struct origin_slots_member *member);

/* Whether another member waits since before `since_ms`. */
bool origin_slots_should_yield(struct origin_slots_member *member, uint64_t since_ms);

/* Tells the member that waits longest, for one that was told of a place and has no use for it. */
void origin_slots_pass_on(struct origin_slots_member *member);
