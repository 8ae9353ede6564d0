/* The cap over all workers: counting, who is told, leaving; and with real threads. */
#include "origin/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

/* A member and how often it was told something. */
struct member {
	struct origin_slots_sink sink;
	struct origin_slots_member *member;
	struct loop *loop;
	unsigned calls;
};

static void on_slots(struct origin_slots_sink *sink)
{
	container_of(sink, struct member, sink)->calls++;
}

static void join(struct member *member, struct origin_slots *slots)
{
	*member = (struct member){.sink = {.on_slots = on_slots}, .loop = loop_new()};
	assert_non_null(member->loop);
	member->member = origin_slots_join(slots, member->loop, &member->sink);
}

static void leave(struct member *member)
{
	origin_slots_leave(member->member);
	loop_turn(member->loop, 0);
	loop_free(member->loop);
}

/* How often the member was told something since the last time. */
static unsigned calls(struct member *member)
{
	loop_turn(member->loop, 0);
	unsigned calls = member->calls;
	member->calls = 0;
	return calls;
}

static void places_are_counted_up_to_the_cap(void **state)
{
	(void)state;
	struct origin_slots slots;
	origin_slots_init(&slots);
	assert_true(origin_slots_take(&slots, 2));
	assert_true(origin_slots_take(&slots, 2));
	assert_false(origin_slots_take(&slots, 2));
	assert_true(origin_slots_take(&slots, 3)); /* another origin's cap */
	assert_true(origin_slots_take(&slots, 0)); /* none */
	origin_slots_give(&slots);
	origin_slots_give(&slots);
	assert_false(origin_slots_take(&slots, 2));
	origin_slots_give(&slots);
	assert_true(origin_slots_take(&slots, 2));
	origin_slots_give(&slots);
	origin_slots_give(&slots);
	origin_slots_done(&slots);
}

static void a_free_place_is_told_to_who_waits_longest(void **state)
{
	(void)state;
	struct origin_slots slots;
	origin_slots_init(&slots);
	struct member a, b, c;
	join(&a, &slots);
	join(&b, &slots);
	join(&c, &slots);
	for (int i = 0; i < 4; i++)
		assert_true(origin_slots_take(&slots, 0));
	origin_slots_wait(b.member, 20);
	origin_slots_wait(c.member, 10);
	assert_false(origin_slots_should_yield(c.member, 10));
	assert_true(origin_slots_should_yield(b.member, 20));
	assert_true(origin_slots_should_yield(a.member, 11));
	assert_true(origin_slots_is_wanted_elsewhere(a.member));

	origin_slots_give(&slots);
	assert_int_equal(calls(&c), 1);
	assert_int_equal(calls(&b), 0);
	origin_slots_give(&slots);
	origin_slots_give(&slots); /* c was told, so now it is b */
	assert_int_equal(calls(&c), 1);
	assert_int_equal(calls(&b), 1);
	origin_slots_pass_on(c.member);
	assert_int_equal(calls(&b), 1);
	assert_int_equal(calls(&c), 0);

	origin_slots_wait(c.member, 0);
	origin_slots_give(&slots);
	assert_int_equal(calls(&c), 0);
	assert_int_equal(calls(&b), 1);
	assert_false(origin_slots_is_wanted_elsewhere(b.member));
	assert_int_equal(calls(&a), 0);
	origin_slots_wait(b.member, 0);
	leave(&a);
	leave(&b);
	leave(&c);
	origin_slots_done(&slots);
}

static void who_waits_asks_one_who_has_idle_connections(void **state)
{
	(void)state;
	struct origin_slots slots;
	origin_slots_init(&slots);
	struct member a, b, c;
	join(&a, &slots);
	join(&b, &slots);
	join(&c, &slots);
	origin_slots_wait(a.member, 1);
	assert_int_equal(calls(&b) + calls(&c), 0);
	origin_slots_note_idle(a.member); /* its own are no help */
	origin_slots_note_idle(b.member);
	origin_slots_note_idle(c.member);
	origin_slots_wait(a.member, 1);
	assert_int_equal(calls(&b) + calls(&c), 1);
	origin_slots_forget_idle(b.member);
	origin_slots_wait(a.member, 1);
	assert_int_equal(calls(&b), 0);
	assert_int_equal(calls(&c), 1);
	assert_int_equal(calls(&a), 0);
	leave(&a);
	assert_int_equal(atomic_load(&slots.waiting), 0);
	leave(&b);
	leave(&c);
	origin_slots_done(&slots);
}

static void who_leaves_with_a_message_under_way_hears_nothing(void **state)
{
	(void)state;
	struct origin_slots slots;
	origin_slots_init(&slots);
	struct member a, b;
	join(&a, &slots);
	join(&b, &slots);
	assert_true(origin_slots_take(&slots, 0));
	origin_slots_wait(a.member, 1);
	origin_slots_wait(b.member, 2);
	origin_slots_give(&slots);
	leave(&a);
	assert_int_equal(a.calls, 0);
	assert_int_equal(calls(&b), 1); /* what a was told is passed on */
	leave(&b);
	origin_slots_leave(NULL);
	origin_slots_done(&slots);
}

/* Threads that want a place a thousand times each, with a cap of one. */
enum { THREADS = 3, ROUNDS = 1000 };

struct worker {
	struct member member;
	struct origin_slots *slots;
	atomic_uint *inside;
	unsigned rounds;
	bool has_place;
};

static void try_to_take(struct worker *worker)
{
	if (worker->has_place)
		return;
	worker->has_place = origin_slots_take(worker->slots, 1);
	if (worker->has_place)
		origin_slots_wait(worker->member.member, 0);
}

static void on_place(struct origin_slots_sink *sink)
{
	struct worker *worker = container_of(sink, struct worker, member.sink);
	try_to_take(worker);
	if (worker->has_place || worker->rounds == ROUNDS)
		origin_slots_pass_on(worker->member.member);
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct member *member = &worker->member;
	member->loop = loop_new();
	member->sink.on_slots = on_place;
	member->member = origin_slots_join(worker->slots, member->loop, &member->sink);
	for (; worker->rounds < ROUNDS; worker->rounds++) {
		worker->has_place = origin_slots_take(worker->slots, 1);
		if (!worker->has_place) {
			origin_slots_wait(member->member, worker->rounds + 1);
			try_to_take(worker);
		}
		/* A lost place would make this wait for its whole second. */
		for (int turns = 0; !worker->has_place && turns < 20; turns++)
			loop_turn(member->loop, 1000);
		CHECK(worker->has_place);
		CHECK(atomic_fetch_add(worker->inside, 1) == 0);
		CHECK(atomic_fetch_sub(worker->inside, 1) == 1);
		worker->has_place = false;
		origin_slots_give(worker->slots);
	}
	leave(member);
	return NULL;
}

static void no_place_is_lost_or_taken_twice_between_threads(void **state)
{
	(void)state;
	struct origin_slots slots;
	origin_slots_init(&slots);
	atomic_uint inside = 0;
	struct worker workers[THREADS] = {0};
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		workers[i].slots = &slots;
		workers[i].inside = &inside;
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&slots.open), 0);
	assert_int_equal(atomic_load(&slots.waiting), 0);
	origin_slots_done(&slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(places_are_counted_up_to_the_cap),
	        cmocka_unit_test(a_free_place_is_told_to_who_waits_longest),
	        cmocka_unit_test(who_waits_asks_one_who_has_idle_connections),
	        cmocka_unit_test(who_leaves_with_a_message_under_way_hears_nothing),
	        cmocka_unit_test(no_place_is_lost_or_taken_twice_between_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
