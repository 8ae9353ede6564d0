/*
 * The loop: epoll, the timer wheel, a list of tasks and an inbox.
 *
 * A descriptor is registered once, edge-triggered, for reading and writing; nothing is ever
 * registered again as a connection goes from reading to writing. Events are fetched in batches, and
 * whoever leaves the loop in the middle of a batch has its later events cleared.
 *
 * The inbox is a stack that other threads push to without a lock; the loop takes all of it at once
 * and turns it round, so that messages of one thread stay in order. Waking costs a system call, so
 * it is done only for a loop that said that it is going to sleep: the loop sets `is_asleep` and
 * then looks into the inbox, a poster pushes and then looks at `is_asleep`; both orders are
 * sequentially consistent, so one of the two sees the other. The first poster clears the flag and
 * writes.
 */
#include "net/loop.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, TASK_RUNS_MAX = 10000 };

struct loop {
	uint64_t now_ms, wall_ms; /* wall_ms 0: nobody asked in this turn */
	int epoll_fd;
	bool is_stopped;
	int event_at, event_count; /* the batch's event that is handled, and its end */
	struct list tasks, later;  /* later: in the next turn */
	struct list pauses;
	struct timer_wheel wheel;
	struct epoll_event events[EVENTS_MAX];
	struct loop_fd wakeup; /* an eventfd */
	/* What other threads touch has a cache line of its own. */
	_Alignas(64) _Atomic(struct loop_message *) inbox; /* newest first */
	atomic_bool is_asleep;
};

/* Somebody woke the loop; the inbox is looked at in each turn anyway. */
static void on_wakeup(struct loop_fd *self, unsigned events)
{
	(void)events;
	uint64_t count;
	ssize_t got = read(self->fd, &count, sizeof(count));
	CHECK(got == (ssize_t)sizeof(count) || (got < 0 && (errno == EAGAIN || errno == EINTR)));
}

struct loop *loop_new(void)
{
	struct loop *loop = mem_aligned(_Alignof(struct loop), sizeof(struct loop));
	*loop = (struct loop){.wakeup = {.fd = -1, .on_ready = on_wakeup}};
	list_init(&loop->tasks);
	list_init(&loop->later);
	list_init(&loop->pauses);
	loop->now_ms = clock_ms();
	timer_wheel_init(&loop->wheel, loop->now_ms);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		goto fail;
	loop->wakeup.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wakeup.fd < 0 || !loop_add_level(loop, &loop->wakeup))
		goto fail;
	return loop;
fail:
	loop_free(loop);
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	CHECK(list_is_empty(&loop->tasks) && list_is_empty(&loop->later) &&
	        list_is_empty(&loop->pauses) && loop->wheel.running == 0);
	if (loop->wakeup.fd >= 0)
		close(loop->wakeup.fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	mem_free(loop);
}

void loop_run(struct loop *loop)
{
	while (!loop->is_stopped)
		loop_turn(loop, UINT_MAX);
	loop->is_stopped = false;
}

/* How long epoll may wait, in its terms: the least of the caller's bound and the wheel's. */
static int wait_for_epoll(struct loop *loop, unsigned wait_ms)
{
	if (wait_ms == 0 || !list_is_empty(&loop->tasks))
		return 0;
	uint64_t timer_ms = timer_wheel_wait_ms(&loop->wheel, loop->now_ms);
	if (timer_ms == UINT64_MAX && wait_ms == UINT_MAX)
		return -1;
	uint64_t least = timer_ms < wait_ms ? timer_ms : wait_ms;
	return least > INT_MAX ? INT_MAX : (int)least;
}

/* Fetches a batch of events; sleeps for at most `timeout_ms` (-1: for ever) unless there is mail.
 */
static void fetch_events(struct loop *loop, int timeout_ms)
{
	if (timeout_ms != 0) {
		atomic_store(&loop->is_asleep, true);
		if (atomic_load(&loop->inbox) != NULL)
			timeout_ms = 0;
	}
	int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, timeout_ms);
	CHECK(count >= 0 || errno == EINTR);
	/* A poster that clears it in between writes for nothing, which is harmless. */
	atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
	loop->event_count = count < 0 ? 0 : count;
	loop->now_ms = clock_ms();
	loop->wall_ms = 0;
}

static unsigned events_of(uint32_t bits)
{
	unsigned events = 0;
	if (bits & EPOLLIN)
		events |= LOOP_READABLE;
	if (bits & EPOLLOUT)
		events |= LOOP_WRITABLE;
	if (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		events |= LOOP_HANGUP | LOOP_READABLE;
	return events;
}

static void handle_events(struct loop *loop)
{
	for (loop->event_at = 0; loop->event_at < loop->event_count; loop->event_at++) {
		const struct epoll_event *event = &loop->events[loop->event_at];
		struct loop_fd *watched = event->data.ptr;
		if (watched != NULL)
			watched->on_ready(watched, events_of(event->events));
	}
	loop->event_count = 0;
}

static void receive_messages(struct loop *loop)
{
	if (atomic_load_explicit(&loop->inbox, memory_order_relaxed) == NULL)
		return;
	struct loop_message *newest =
	        atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
	struct loop_message *oldest = NULL;
	while (newest != NULL) {
		struct loop_message *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest != NULL) {
		struct loop_message *next = oldest->next;
		oldest->next = NULL;
		oldest->on_receive(oldest);
		oldest = next;
	}
}

static void run_tasks(struct loop *loop)
{
	for (int runs = 0; runs < TASK_RUNS_MAX; runs++) {
		struct list_node *node = list_take_first(&loop->tasks);
		if (node == NULL)
			break;
		struct loop_task *task = container_of(node, struct loop_task, node);
		task->on_run(task);
	}
	list_move_all(&loop->tasks, &loop->later);
}

/* At the front of a turn and not at the end of the one before it, so that no wait goes without,
 * whatever was done between two turns, or before the first. */
static void call_pauses(struct loop *loop)
{
	list_each_safe (node, following, &loop->pauses) {
		struct loop_pause *pause = container_of(node, struct loop_pause, node);
		pause->on_pause(pause);
	}
}

void loop_turn(struct loop *loop, unsigned wait_ms)
{
	call_pauses(loop);
	fetch_events(loop, wait_for_epoll(loop, wait_ms));
	handle_events(loop);
	receive_messages(loop);
	timer_wheel_advance(&loop->wheel, loop->now_ms);
	run_tasks(loop);
}

void loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

uint64_t loop_wall_ms(struct loop *loop)
{
	if (loop->wall_ms == 0)
		loop->wall_ms = clock_wall_ms();
	return loop->wall_ms;
}

static bool add(struct loop *loop, struct loop_fd *watched, uint32_t bits)
{
	CHECK(watched->fd >= 0 && watched->on_ready != NULL);
	struct epoll_event event = {.events = bits, .data.ptr = watched};
	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watched->fd, &event) == 0;
}

bool loop_add(struct loop *loop, struct loop_fd *watched)
{
	return add(loop, watched, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

bool loop_add_level(struct loop *loop, struct loop_fd *watched)
{
	return add(loop, watched, EPOLLIN);
}

void loop_remove(struct loop *loop, struct loop_fd *watched)
{
	if (watched->fd < 0)
		return;
	/* EBADF would be a descriptor that was closed before, whose number may be somebody else's.
	 */
	int result = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watched->fd, NULL);
	CHECK(result == 0 || errno == ENOENT || errno == EPERM);
	for (int i = loop->event_at + 1; i < loop->event_count; i++) {
		if (loop->events[i].data.ptr == watched)
			loop->events[i].data.ptr = NULL;
	}
}

void loop_wake(struct loop *loop, struct loop_task *task)
{
	CHECK(task->on_run != NULL);
	if (!list_has(&task->node))
		list_add_last(&loop->tasks, &task->node);
}

void loop_yield(struct loop *loop, struct loop_task *task)
{
	CHECK(task->on_run != NULL);
	if (!list_has(&task->node))
		list_add_last(&loop->later, &task->node);
}

void loop_unwake(struct loop_task *task)
{
	list_remove(&task->node);
}

void loop_add_pause(struct loop *loop, struct loop_pause *pause)
{
	CHECK(pause->on_pause != NULL && !list_has(&pause->node));
	list_add_last(&loop->pauses, &pause->node);
}

void loop_remove_pause(struct loop_pause *pause)
{
	list_remove(&pause->node);
}

void loop_post(struct loop *loop, struct loop_message *message)
{
	CHECK(message->on_receive != NULL);
	struct loop_message *newest = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
	do {
		message->next = newest;
	} while (!atomic_compare_exchange_weak(&loop->inbox, &newest, message));
	if (!atomic_load(&loop->is_asleep) || !atomic_exchange(&loop->is_asleep, false))
		return;
	const uint64_t one = 1;
	ssize_t put;
	do {
		put = write(loop->wakeup.fd, &one, sizeof(one));
	} while (put < 0 && errno == EINTR);
	CHECK(put == (ssize_t)sizeof(one));
}

void loop_timer_start(struct loop *loop, struct timer *timer, uint64_t at_ms)
{
	if (at_ms == CLOCK_NEVER)
		timer_wheel_cancel(&loop->wheel, timer);
	else
		timer_wheel_start(&loop->wheel, timer, at_ms);
}

void loop_timer_cancel(struct loop *loop, struct timer *timer)
{
	timer_wheel_cancel(&loop->wheel, timer);
}
