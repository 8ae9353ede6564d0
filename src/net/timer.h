/*
 * Timers: a hierarchical wheel (Varghese and Lauck, 1987) with a coarse tick. Starting and
 * cancelling are a few instructions, so that a keep-alive connection can have one. One thread.
 * Pure: it is told the time.
 */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

/* The grain: a timer expires up to this much after its time, never before it. */
enum { TIMER_TICK_MS = 4, TIMER_LEVELS = 4, TIMER_SLOTS = 256, TIMER_WORDS = TIMER_SLOTS / 64 };

/* Embedded in its owner. All-zero but for on_expire is a timer that does not run. */
struct timer {
	struct list_node node;
	uint64_t at_ms;
	void (*on_expire)(struct timer *self);
};

struct timer_wheel {
	struct list slots[TIMER_LEVELS][TIMER_SLOTS];
	uint64_t filled[TIMER_LEVELS][TIMER_WORDS]; /* a bit for each slot that is not empty */
	struct list due;                            /* timers of the tick that is being expired */
	uint64_t tick;                              /* the last tick whose timers have expired */
	unsigned running;                           /* timers in the wheel */
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);

static inline bool timer_is_running(const struct timer *timer)
{
	return list_has(&timer->node);
}

/* What timer_wheel_start does unless the timer is only moved forward; not for anybody else. */
void timer_wheel_place(struct timer_wheel *wheel, struct timer *timer, uint64_t at_ms);

/* Starts or moves. Moving a timer forward is one store: it stays in its slot until that is due. */
static inline void timer_wheel_start(struct timer_wheel *wheel, struct timer *timer, uint64_t at_ms)
{
	if (timer_is_running(timer) && at_ms >= timer->at_ms)
		timer->at_ms = at_ms;
	else
		timer_wheel_place(wheel, timer, at_ms);
}

void timer_wheel_cancel(struct timer_wheel *wheel, struct timer *timer);

/* Calls on_expire of everything due at now_ms; callbacks may start and cancel any timer. */
void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms);

/* How long until something may be due: milliseconds from now_ms, or UINT64_MAX when no timer runs.
 * May be early (a cascade), never late. */
uint64_t timer_wheel_wait_ms(const struct timer_wheel *wheel, uint64_t now_ms);
