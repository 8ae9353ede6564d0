/* The timer wheel: never early, at most a tick late, and cheap to ask. */
#include "net/timer.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { START_MS = 1000003 };

static struct timer_wheel wheel;
static uint64_t now_ms;

/* A timer that notes when it expired. */
struct note {
	struct timer timer;
	unsigned count;
	uint64_t expired_ms;
};

static void note_expiry(struct timer *timer)
{
	struct note *note = container_of(timer, struct note, timer);
	note->count++;
	note->expired_ms = now_ms;
}

static struct note new_note(void)
{
	return (struct note){.timer = {.on_expire = note_expiry}};
}

static int begin(void **state)
{
	(void)state;
	now_ms = START_MS;
	timer_wheel_init(&wheel, now_ms);
	return 0;
}

static void advance_to(uint64_t ms)
{
	now_ms = ms;
	timer_wheel_advance(&wheel, now_ms);
}

/* Goes from wake-up to wake-up as a loop would, each of them `late_ms` after what was asked for,
 * until `until_ms`; returns their number. */
static unsigned run_until(uint64_t until_ms, uint64_t late_ms)
{
	unsigned wakes = 0;
	for (;; wakes++) {
		uint64_t wait = timer_wheel_wait_ms(&wheel, now_ms);
		if (wait > until_ms - now_ms || now_ms + wait + late_ms > until_ms) {
			advance_to(until_ms);
			return wakes;
		}
		advance_to(now_ms + wait + late_ms);
	}
}

static void a_timer_expires_in_the_tick_after_its_time(void **state)
{
	(void)state;
	/* Around the borders of each level, for several distances from a border. */
	static const uint64_t AFTER[] = {0, 1, 3, 4, 5, 8, 1015, 1016, 1020, 1023, 1024, 1025, 1028,
	        2047, 2048, 5000, 60000, 262139, 262143, 262144, 262145, 262149, 300000, 3600000,
	        67108863, 67108864, 67108870, 86400000, 17179869183, 17179869184, 17179869190,
	        40000000000};
	for (uint64_t begin_ms = START_MS; begin_ms < START_MS + 1100; begin_ms += 37) {
		for (size_t i = 0; i < ARRAY_LENGTH(AFTER); i++) {
			now_ms = begin_ms;
			timer_wheel_init(&wheel, now_ms);
			struct note note = new_note();
			uint64_t at = begin_ms + AFTER[i];
			timer_wheel_start(&wheel, &note.timer, at);
			assert_true(timer_is_running(&note.timer));
			run_until(at + 2 * TIMER_TICK_MS, 0);
			assert_int_equal(note.count, 1);
			assert_in_range(note.expired_ms, at, at + TIMER_TICK_MS);
			assert_false(timer_is_running(&note.timer));
			assert_int_equal(wheel.running, 0);
			assert_true(timer_wheel_wait_ms(&wheel, now_ms) == UINT64_MAX);
		}
	}
}

static void a_long_sleep_expires_everything_at_once(void **state)
{
	(void)state;
	struct note notes[3] = {new_note(), new_note(), new_note()};
	timer_wheel_start(&wheel, &notes[0].timer, now_ms + 10);
	timer_wheel_start(&wheel, &notes[1].timer, now_ms + 100000);
	timer_wheel_start(&wheel, &notes[2].timer, now_ms + 100000000000);
	advance_to(now_ms + 50000000000);
	assert_int_equal(notes[0].count + notes[1].count, 2);
	assert_int_equal(notes[2].count, 0);
	advance_to(START_MS + 100000000000 + TIMER_TICK_MS);
	assert_int_equal(notes[2].count, 1);
}

static void a_time_in_the_past_expires_at_the_next_tick(void **state)
{
	(void)state;
	struct note note = new_note();
	timer_wheel_start(&wheel, &note.timer, 5);
	assert_int_equal(note.count, 0);
	assert_in_range(timer_wheel_wait_ms(&wheel, now_ms), 1, TIMER_TICK_MS);
	advance_to(now_ms + TIMER_TICK_MS);
	assert_int_equal(note.count, 1);
}

static void a_cancelled_timer_does_not_expire_nor_wake(void **state)
{
	(void)state;
	struct note a = new_note(), b = new_note();
	timer_wheel_start(&wheel, &a.timer, now_ms + 20);
	timer_wheel_start(&wheel, &b.timer, now_ms + 20);
	timer_wheel_cancel(&wheel, &a.timer);
	timer_wheel_cancel(&wheel, &a.timer);
	assert_int_equal(wheel.running, 1);
	timer_wheel_cancel(&wheel, &b.timer);
	assert_true(timer_wheel_wait_ms(&wheel, now_ms) == UINT64_MAX);
	/* Nor does the emptied slot wake anybody while another timer runs. */
	timer_wheel_start(&wheel, &a.timer, now_ms + 900);
	assert_in_range(timer_wheel_wait_ms(&wheel, now_ms), 900, 904);
	advance_to(now_ms + 500);
	assert_int_equal(a.count + b.count, 0);
	timer_wheel_cancel(&wheel, &a.timer);
}

static void a_timer_moves_both_ways(void **state)
{
	(void)state;
	struct note note = new_note();
	timer_wheel_start(&wheel, &note.timer, now_ms + 1000);
	timer_wheel_start(&wheel, &note.timer, now_ms + 100);
	assert_in_range(timer_wheel_wait_ms(&wheel, now_ms), 100, 104);
	timer_wheel_start(&wheel, &note.timer, now_ms + 2000);
	timer_wheel_start(&wheel, &note.timer, now_ms + 3000);
	assert_int_equal(wheel.running, 1);
	run_until(START_MS + 2999, 0);
	assert_int_equal(note.count, 0);
	run_until(START_MS + 3010, 0);
	assert_int_equal(note.count, 1);
	assert_in_range(note.expired_ms, START_MS + 3000, START_MS + 3004);
}

static void moving_forward_again_and_again_wakes_once_for_each_span(void **state)
{
	(void)state;
	struct note note = new_note();
	timer_wheel_start(&wheel, &note.timer, now_ms + 5000);
	unsigned wakes = 0;
	for (int i = 0; i < 60000; i++) {
		now_ms++;
		if (timer_wheel_wait_ms(&wheel, now_ms) == 0)
			wakes++;
		timer_wheel_advance(&wheel, now_ms);
		timer_wheel_start(&wheel, &note.timer, now_ms + 5000);
	}
	assert_int_equal(note.count, 0);
	/* Twelve spans of 5 s; each passes two levels. */
	assert_in_range(wakes, 12, 26);
	timer_wheel_cancel(&wheel, &note.timer);
}

/* A timer whose expiry does something to another one. */
struct actor {
	struct timer timer;
	struct timer *cancels, *moves, *starts;
	uint64_t to_ms;
	unsigned count;
};

static void act(struct timer *timer)
{
	struct actor *actor = container_of(timer, struct actor, timer);
	actor->count++;
	if (actor->cancels != NULL)
		timer_wheel_cancel(&wheel, actor->cancels);
	if (actor->moves != NULL)
		timer_wheel_start(&wheel, actor->moves, actor->to_ms);
	if (actor->starts != NULL)
		timer_wheel_start(&wheel, actor->starts, actor->to_ms);
}

static void callbacks_may_cancel_and_move_what_is_due_in_the_same_tick(void **state)
{
	(void)state;
	struct note cancelled = new_note(), moved = new_note(), last = new_note();
	struct actor actor = {.timer = {.on_expire = act},
	        .cancels = &cancelled.timer,
	        .moves = &moved.timer,
	        .to_ms = now_ms + 5000};
	timer_wheel_start(&wheel, &actor.timer, now_ms + 50);
	timer_wheel_start(&wheel, &cancelled.timer, now_ms + 50);
	timer_wheel_start(&wheel, &moved.timer, now_ms + 50);
	timer_wheel_start(&wheel, &last.timer, now_ms + 50);
	run_until(START_MS + 100, 0);
	assert_int_equal(actor.count, 1);
	assert_int_equal(cancelled.count, 0);
	assert_int_equal(moved.count, 0);
	assert_int_equal(last.count, 1);
	run_until(START_MS + 6000, 0);
	assert_int_equal(cancelled.count, 0);
	assert_int_equal(moved.count, 1);
	assert_in_range(moved.expired_ms, START_MS + 5000, START_MS + 5004);
}

static void callbacks_may_cancel_the_only_other_timer_that_is_due(void **state)
{
	(void)state;
	struct note other = new_note();
	struct actor actor = {.timer = {.on_expire = act}, .cancels = &other.timer};
	timer_wheel_start(&wheel, &actor.timer, now_ms + 50);
	timer_wheel_start(&wheel, &other.timer, now_ms + 50);
	run_until(START_MS + 100, 0);
	assert_int_equal(other.count, 0);
	assert_int_equal(wheel.running, 0);
}

static void a_timer_may_start_itself_again(void **state)
{
	(void)state;
	struct actor actor = {.timer = {.on_expire = act}, .starts = &actor.timer};
	timer_wheel_start(&wheel, &actor.timer, now_ms);
	/* A time that is past: once for each tick, and an end. */
	advance_to(now_ms + 40 * TIMER_TICK_MS);
	assert_int_equal(actor.count, 40);
	timer_wheel_cancel(&wheel, &actor.timer);
}

static void random_timers_are_never_early_and_never_late(void **state)
{
	(void)state;
	enum { COUNT = 200, STEPS = 20000 };
	static struct note notes[COUNT];
	uint64_t wanted[COUNT] = {0};
	random_seed(7);
	for (int i = 0; i < COUNT; i++)
		notes[i] = new_note();
	for (int step = 0; step < STEPS; step++) {
		uint64_t i = random_below(COUNT);
		switch (random_below(3)) {
		case 0:
			timer_wheel_cancel(&wheel, &notes[i].timer);
			wanted[i] = 0;
			break;
		case 1:
			wanted[i] = now_ms + random_below((uint64_t)1 << random_below(32));
			timer_wheel_start(&wheel, &notes[i].timer, wanted[i]);
			break;
		default: {
			uint64_t wait = timer_wheel_wait_ms(&wheel, now_ms);
			uint64_t most = (uint64_t)1 << random_below(24);
			advance_to(now_ms + (wait < most ? wait : most));
		}
		}
		for (int k = 0; k < COUNT; k++) {
			if (notes[k].count != 0) {
				assert_int_equal(notes[k].count, 1);
				assert_true(wanted[k] != 0 && now_ms >= wanted[k]);
				notes[k].count = 0;
				wanted[k] = 0;
			}
			assert_int_equal(timer_is_running(&notes[k].timer), wanted[k] != 0);
			assert_true(wanted[k] == 0 || now_ms < wanted[k] + 2 * TIMER_TICK_MS);
		}
	}
	for (int i = 0; i < COUNT; i++)
		timer_wheel_cancel(&wheel, &notes[i].timer);
	assert_int_equal(wheel.running, 0);
	for (int level = 0; level < TIMER_LEVELS; level++) {
		for (int word = 0; word < TIMER_WORDS; word++)
			assert_int_equal(wheel.filled[level][word], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_timer_expires_in_the_tick_after_its_time, begin),
	        cmocka_unit_test_setup(a_long_sleep_expires_everything_at_once, begin),
	        cmocka_unit_test_setup(a_time_in_the_past_expires_at_the_next_tick, begin),
	        cmocka_unit_test_setup(a_cancelled_timer_does_not_expire_nor_wake, begin),
	        cmocka_unit_test_setup(a_timer_moves_both_ways, begin),
	        cmocka_unit_test_setup(
	                moving_forward_again_and_again_wakes_once_for_each_span, begin),
	        cmocka_unit_test_setup(
	                callbacks_may_cancel_and_move_what_is_due_in_the_same_tick, begin),
	        cmocka_unit_test_setup(
	                callbacks_may_cancel_the_only_other_timer_that_is_due, begin),
	        cmocka_unit_test_setup(a_timer_may_start_itself_again, begin),
	        cmocka_unit_test_setup(random_timers_are_never_early_and_never_late, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
