/*
 * The event loop: one for a thread, epoll in edge-triggered mode, with timers, tasks that run once
 * in the same turn, and messages from other threads. Whatever is added to a loop stays on its
 * thread.
 *
 * A turn: call on_pause of each pause; wait for events; call on_ready of each descriptor,
 * on_receive of each message, on_expire of each timer that is due; then run tasks until there is
 * none (a task may wake others, they run in the same turn, up to a bound; then the next turn begins
 * without waiting).
 */
#pragma once

#include "base/list.h"
#include "net/timer.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* What on_ready is told; a set. HANGUP: the peer sent FIN or RST, or the socket has an error;
 * reading tells which. Because of edge triggering, a reader that stops before EAGAIN must remember
 * that. */
enum loop_event { LOOP_READABLE = 1, LOOP_WRITABLE = 2, LOOP_HANGUP = 4 };

/* A descriptor in a loop; embedded in its owner. Set fd and on_ready, then loop_add. */
struct loop_fd {
	int fd;
	void (*on_ready)(struct loop_fd *self, unsigned events);
};

/* A piece of work that runs once later in this turn; embedded. All-zero but for on_run. */
struct loop_task {
	struct list_node node;
	void (*on_run)(struct loop_task *self);
};

/* A message to a loop from any thread; embedded. The receiver owns it from on_receive on. */
struct loop_message {
	struct loop_message *next;
	void (*on_receive)(struct loop_message *self);
};

/* Somebody who is called whenever the loop is about to wait, or would wait if there were nothing to
 * do: all events, messages and timers were handled, and tasks ran, and nothing else of this thread
 * runs before the wait. Embedded. What it wakes or posts is seen without waiting. */
struct loop_pause {
	struct list_node node;
	void (*on_pause)(struct loop_pause *self);
};

/* A loop for the calling thread, or NULL when the kernel gives no descriptors. */
struct loop *loop_new(void);

/* Everything must have been removed before; messages not yet received are dropped. */
void loop_free(struct loop *loop);

/* Turns until loop_stop. */
void loop_run(struct loop *loop);

/* One turn that waits at most `wait_ms`; for tests and for threads with their own ends. */
void loop_turn(struct loop *loop, unsigned wait_ms);

/* Makes loop_run return after this turn; own thread only. */
void loop_stop(struct loop *loop);

/* Monotonic milliseconds (base/clock.h) as of the beginning of this turn. */
uint64_t loop_now_ms(const struct loop *loop);

/* Milliseconds of the wall clock as of the first question in this turn: one reading serves all that
 * is done in it. */
uint64_t loop_wall_ms(struct loop *loop);

/* Begins to watch a descriptor for everything, edge-triggered; false when the kernel refuses. The
 * first report tells the state it is in. Not called back after loop_remove. */
bool loop_add(struct loop *loop, struct loop_fd *watched);

/* Begins to watch a listener or another descriptor for reading, level-triggered. */
bool loop_add_level(struct loop *loop, struct loop_fd *watched);

/* Ends it; before close(). Nothing happens for a descriptor that is not in the loop (fd -1).
 * Pending events of this turn are dropped, so that the owner may be freed at once. */
void loop_remove(struct loop *loop, struct loop_fd *watched);

/* Runs the task later in this turn; nothing happens when it is waiting already. */
void loop_wake(struct loop *loop, struct loop_task *task);

/* Runs the task in the next turn, behind the events and timers of everybody else: for work that has
 * more to do at once, and must not keep others from theirs. The next turn begins without waiting.
 */
void loop_yield(struct loop *loop, struct loop_task *task);

/* Takes a waiting task back. */
void loop_unwake(struct loop_task *task);

/* Has the pause called from now on, before every wait, behind those that were added before it; and
 * no more: nothing happens when it is not in the loop. A callback may remove its own pause. */
void loop_add_pause(struct loop *loop, struct loop_pause *pause);
void loop_remove_pause(struct loop_pause *pause);

/* Any thread: has message->on_receive called on the loop's thread, in order of posting from one
 * thread. Never fails. */
void loop_post(struct loop *loop, struct loop_message *message);

/* Has `timer` expire at `at_ms` (rounded up to the wheel's tick, TIMER_TICK_MS); replaces the time
 * it had. CLOCK_NEVER cancels. */
void loop_timer_start(struct loop *loop, struct timer *timer, uint64_t at_ms);

/* Cancels; nothing happens when it does not run. No callback after it. */
void loop_timer_cancel(struct loop *loop, struct timer *timer);
