/*
 * The wheel: level 0 has a slot for each of the next 256 ticks, each slot of a higher level stands
 * for 256 slots of the one below. A timer is put into the lowest level that reaches its tick. When
 * the tick comes at which a slot of a higher level begins, its timers move down ("cascade").
 *
 * A slot's tick is never after its timers' times, and may be before: a timer that was moved forward
 * stays where it is, and one beyond the top level stands at its end. Whoever empties a slot
 * therefore asks each timer for its time and puts it back where that is still to come.
 *
 * A bitmap of the slots in use leads from one tick with work to the next, so that neither a long
 * sleep nor the question "how long may I sleep?" walks over empty slots.
 */
#include "net/timer.h"

#include "base/check.h"

enum { SLOT_BITS = 8, SLOT_MASK = TIMER_SLOTS - 1 };

/* The farthest that the top level reaches, in ticks. */
#define REACH ((uint64_t)1 << (SLOT_BITS * TIMER_LEVELS))

/* No tick. */
#define NEVER UINT64_MAX

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
	*wheel = (struct timer_wheel){.tick = now_ms / TIMER_TICK_MS};
	list_init(&wheel->due);
	for (int level = 0; level < TIMER_LEVELS; level++) {
		for (int slot = 0; slot < TIMER_SLOTS; slot++)
			list_init(&wheel->slots[level][slot]);
	}
}

/* The first tick at which the timer's time has come. */
static uint64_t tick_of(const struct timer *timer)
{
	return timer->at_ms / TIMER_TICK_MS + (timer->at_ms % TIMER_TICK_MS != 0);
}

/* Puts a timer that is in no list into its slot, at least one tick from now. */
static void add_to_slot(struct timer_wheel *wheel, struct timer *timer)
{
	uint64_t tick = tick_of(timer);
	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	if (tick - wheel->tick >= REACH)
		tick = wheel->tick + REACH - 1;
	unsigned level = 0;
	while ((tick - wheel->tick) >> (SLOT_BITS * (level + 1)) != 0)
		level++;
	unsigned slot = (unsigned)(tick >> (SLOT_BITS * level)) & SLOT_MASK;
	list_add_last(&wheel->slots[level][slot], &timer->node);
	wheel->filled[level][slot / 64] |= (uint64_t)1 << (slot % 64);
}

/* Takes a running timer out, and clears its slot's bit if it was the last one there. */
static void remove_from_slot(struct timer_wheel *wheel, struct timer *timer)
{
	struct list_node *head = timer->node.next;
	bool is_only = head == timer->node.prev;
	list_remove(&timer->node);
	if (!is_only || head == &wheel->due.head)
		return;
	ptrdiff_t index = container_of(head, struct list, head) - &wheel->slots[0][0];
	CHECK(index >= 0 && index < TIMER_LEVELS * TIMER_SLOTS);
	unsigned slot = (unsigned)index & SLOT_MASK;
	wheel->filled[index >> SLOT_BITS][slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

void timer_wheel_place(struct timer_wheel *wheel, struct timer *timer, uint64_t at_ms)
{
	CHECK(timer->on_expire != NULL);
	if (timer_is_running(timer))
		remove_from_slot(wheel, timer);
	else
		wheel->running++;
	timer->at_ms = at_ms;
	add_to_slot(wheel, timer);
}

void timer_wheel_cancel(struct timer_wheel *wheel, struct timer *timer)
{
	if (!timer_is_running(timer))
		return;
	remove_from_slot(wheel, timer);
	wheel->running--;
}

/* How far the first slot in use is behind `slot`, going round: 1 to 256, or 0 when none is in use.
 */
static unsigned distance_to_filled(const uint64_t *filled, unsigned slot)
{
	unsigned first = (slot + 1) & SLOT_MASK;
	for (unsigned i = 0; i <= TIMER_WORDS; i++) {
		unsigned word = (first / 64 + i) % TIMER_WORDS;
		uint64_t bits = filled[word];
		/* The word that is begun in its middle is visited a second time for its other part.
		 */
		uint64_t from_first = ~(uint64_t)0 << (first % 64);
		if (i == 0)
			bits &= from_first;
		else if (i == TIMER_WORDS)
			bits &= ~from_first;
		if (bits != 0) {
			unsigned found = word * 64 + (unsigned)__builtin_ctzll(bits);
			return ((found - first) & SLOT_MASK) + 1;
		}
	}
	return 0;
}

/* The next tick at which timers are due or cascade, or NEVER. */
static uint64_t next_tick(const struct timer_wheel *wheel)
{
	uint64_t next = NEVER;
	if (wheel->running == 0)
		return next;
	for (unsigned level = 0; level < TIMER_LEVELS; level++) {
		unsigned shift = SLOT_BITS * level;
		uint64_t position = wheel->tick >> shift;
		/* The levels from here on have nothing to do before their next slot begins. */
		if (next <= (position + 1) << shift)
			break;
		unsigned distance =
		        distance_to_filled(wheel->filled[level], (unsigned)position & SLOT_MASK);
		uint64_t begin = (position + distance) << shift;
		if (distance != 0 && begin < next)
			next = begin;
	}
	return next;
}

/* Empties a slot into the list of what is due; what is not due goes back into the wheel. */
static void empty_slot(struct timer_wheel *wheel, unsigned level, unsigned slot)
{
	struct list emptied;
	list_init(&emptied);
	list_move_all(&emptied, &wheel->slots[level][slot]);
	wheel->filled[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
	struct list_node *node;
	while ((node = list_take_first(&emptied)) != NULL) {
		struct timer *timer = container_of(node, struct timer, node);
		if (tick_of(timer) <= wheel->tick)
			list_add_last(&wheel->due, node);
		else
			add_to_slot(wheel, timer);
	}
}

/* Calls what is due. A callback may have moved a timer that is due as well, which then is not. */
static void expire_due(struct timer_wheel *wheel)
{
	struct list_node *node;
	while ((node = list_take_first(&wheel->due)) != NULL) {
		struct timer *timer = container_of(node, struct timer, node);
		if (tick_of(timer) > wheel->tick) {
			add_to_slot(wheel, timer);
			continue;
		}
		wheel->running--;
		timer->on_expire(timer);
	}
}

void timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t target = now_ms / TIMER_TICK_MS;
	while (wheel->tick < target) {
		uint64_t next = next_tick(wheel);
		if (next > target) {
			wheel->tick = target;
			break;
		}
		wheel->tick = next;
		/* From the top, since what cascades may cascade again at the same tick. */
		for (unsigned level = TIMER_LEVELS; level-- > 0;) {
			unsigned shift = SLOT_BITS * level;
			if ((next & (((uint64_t)1 << shift) - 1)) == 0)
				empty_slot(wheel, level, (unsigned)(next >> shift) & SLOT_MASK);
		}
		expire_due(wheel);
	}
}

uint64_t timer_wheel_wait_ms(const struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t next = next_tick(wheel);
	if (next == NEVER)
		return UINT64_MAX;
	uint64_t next_ms = next * TIMER_TICK_MS;
	return next_ms > now_ms ? next_ms - now_ms : 0;
}
