/* Names of origins: look-ups shared by all threads, TTLs, failures, waiting. */
#include "origin/names.h"

#include "stand.h"

#include <pthread.h>
#include <stdio.h>

struct room {
	struct loop *loop;
	struct stand_dns dns;
	struct origin_names *names;
};

static int set_up(void **state)
{
	struct room *room = mem_new(struct room);
	room->loop = loop_new();
	stand_dns_open(&room->dns, room->loop);
	room->names = origin_names_new(room->loop, room->dns.servers, 1, 2);
	*state = room;
	return 0;
}

static int tear_down(void **state)
{
	struct room *room = *state;
	origin_names_free(room->names);
	stand_dns_close(&room->dns);
	loop_free(room->loop);
	mem_free(room);
	return 0;
}

static void set_ips(struct room *room, const char *a, const char *b)
{
	room->dns.ips[0] = a;
	room->dns.ips[1] = b;
	room->dns.ips[2] = NULL;
}

static struct origin_name_set copy(struct origin_name *name)
{
	struct origin_name_set set;
	origin_names_copy(name, &set);
	return set;
}

static void a_name_resolves_once_for_all_its_users(void **state)
{
	struct room *room = *state;
	set_ips(room, "192.0.2.1", "192.0.2.2");
	struct origin_name *name = origin_names_get(room->names, STR("o.test"));
	assert_int_equal(origin_names_version(name), 0);
	assert_ptr_equal(origin_names_get(room->names, STR("o.test")), name);
	STAND_UNTIL(room->loop, origin_names_version(name) != 0);
	struct origin_name_set set = copy(name);
	assert_int_equal(set.version, origin_names_version(name));
	assert_false(set.failed);
	assert_int_equal(set.count, 2);
	struct address expected = stand_address("192.0.2.2:0");
	assert_true(address_is_equal(&set.addresses[0], &expected) ||
	            address_is_equal(&set.addresses[1], &expected));
	assert_int_equal(room->dns.asked, 1);
	origin_names_unref(name);
	origin_names_unref(name);
}

static void a_name_in_use_is_looked_up_again_after_its_ttl(void **state)
{
	struct room *room = *state;
	static const struct {
		uint32_t ttl_s;
		unsigned at_least_ms, at_most_ms;
	} rows[] = {{0, 950, 4000}, {1, 950, 4000}, {100, 1950, 5000}};
	struct origin_name *names[ARRAY_LENGTH(rows)];
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		static const char *const texts[] = {"a.test", "b.test", "c.test"};
		room->dns.ttl_s = rows[i].ttl_s;
		set_ips(room, "192.0.2.1", NULL);
		names[i] = origin_names_get(room->names, str_of(texts[i]));
		STAND_UNTIL(room->loop, origin_names_version(names[i]) != 0);
		uint64_t since_ms = clock_ms();
		set_ips(room, "192.0.2.7", NULL);
		unsigned before = origin_names_version(names[i]);
		STAND_UNTIL(room->loop, origin_names_version(names[i]) != before);
		assert_in_range(clock_ms() - since_ms, rows[i].at_least_ms, rows[i].at_most_ms);
		struct address expected = stand_address("192.0.2.7:0");
		struct origin_name_set set = copy(names[i]);
		assert_true(address_is_equal(&set.addresses[0], &expected));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		origin_names_unref(names[i]);
}

static void a_failure_keeps_the_last_good_set(void **state)
{
	struct room *room = *state;
	set_ips(room, "192.0.2.1", NULL);
	struct origin_name *name = origin_names_get(room->names, STR("o.test"));
	STAND_UNTIL(room->loop, origin_names_version(name) != 0);
	unsigned before = origin_names_version(name);
	room->dns.fails = true;
	STAND_UNTIL(room->loop, origin_names_version(name) != before);
	struct origin_name_set set = copy(name);
	assert_true(set.failed);
	assert_int_equal(set.count, 1);
	before = set.version;
	room->dns.fails = false;
	set_ips(room, "192.0.2.9", NULL);
	STAND_UNTIL(room->loop, origin_names_version(name) != before);
	set = copy(name);
	assert_false(set.failed);
	struct address expected = stand_address("192.0.2.9:0");
	assert_true(address_is_equal(&set.addresses[0], &expected));
	origin_names_unref(name);
}

static void a_name_that_never_resolved_has_an_empty_failed_set(void **state)
{
	struct room *room = *state;
	room->dns.fails = true;
	struct origin_name *name = origin_names_get(room->names, STR("o.test"));
	STAND_UNTIL(room->loop, origin_names_version(name) != 0);
	assert_true(copy(name).failed);
	assert_int_equal(copy(name).count, 0);
	origin_names_unref(name);
}

struct waiter {
	struct origin_name_waiter waiter;
	unsigned told;
};

static void on_told(struct loop_message *message)
{
	struct origin_name_waiter *waiter =
	        container_of(message, struct origin_name_waiter, message);
	container_of(waiter, struct waiter, waiter)->told++;
}

static struct waiter waiter_on(struct loop *loop)
{
	return (struct waiter){.waiter = {.loop = loop, .message = {.on_receive = on_told}}};
}

static void waiters_are_told_of_the_first_answer(void **state)
{
	struct room *room = *state;
	set_ips(room, "192.0.2.1", NULL);
	struct origin_name *name = origin_names_get(room->names, STR("o.test"));
	struct waiter first = waiter_on(room->loop), second = waiter_on(room->loop);
	struct waiter gone = waiter_on(room->loop), late = waiter_on(room->loop);
	assert_true(origin_names_wait(name, &first.waiter));
	assert_true(origin_names_wait(name, &gone.waiter));
	assert_true(origin_names_wait(name, &second.waiter));
	assert_true(origin_names_unwait(name, &gone.waiter));
	STAND_UNTIL(room->loop, first.told + second.told == 2);
	assert_false(origin_names_unwait(name, &first.waiter));
	assert_false(origin_names_wait(name, &late.waiter));
	stand_pass(room->loop, 20);
	assert_int_equal(first.told, 1);
	assert_int_equal(gone.told + late.told, 0);
	origin_names_unref(name);
}

static void waiters_are_told_of_a_failure_too(void **state)
{
	struct room *room = *state;
	room->dns.fails = true;
	struct origin_name *name = origin_names_get(room->names, STR("o.test"));
	struct waiter waiter = waiter_on(room->loop);
	assert_true(origin_names_wait(name, &waiter.waiter));
	STAND_UNTIL(room->loop, waiter.told == 1);
	origin_names_unref(name);
}

static void a_table_ends_while_look_ups_run(void **state)
{
	struct room *room = *state;
	room->dns.is_mute = true;
	struct origin_name *name = origin_names_get(room->names, STR("o.test"));
	stand_pass(room->loop, 20);
	origin_names_unref(name);
	name = origin_names_get(room->names, STR("never-received.test"));
	origin_names_unref(name);
}

/* ---- several threads ---- */

enum { THREADS = 3, NAMES = 20 };

static struct room *shared_room;
static _Atomic unsigned finished;

static void *use_names(void *unused)
{
	(void)unused;
	struct loop *loop = loop_new();
	for (unsigned i = 0; i < NAMES; i++) {
		char text[16];
		snprintf(text, sizeof(text), "n%u.test", i);
		struct origin_name *name = origin_names_get(shared_room->names, str_of(text));
		struct waiter waiter = waiter_on(loop);
		bool must_wait = origin_names_wait(name, &waiter.waiter);
		while (must_wait && waiter.told == 0)
			loop_turn(loop, 5);
		struct origin_name_set set = copy(name);
		CHECK(set.version != 0 && set.count == 1);
		CHECK(origin_names_version(name) != 0);
		origin_names_unref(name);
	}
	loop_free(loop);
	finished++;
	return NULL;
}

static void names_are_shared_by_threads(void **state)
{
	shared_room = *state;
	set_ips(shared_room, "192.0.2.1", NULL);
	finished = 0;
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_names, NULL), 0);
	STAND_UNTIL(shared_room->loop, finished == THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(shared_room->dns.asked, NAMES);
}

#define NAMES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        NAMES_TEST(a_name_resolves_once_for_all_its_users),
	        NAMES_TEST(a_name_in_use_is_looked_up_again_after_its_ttl),
	        NAMES_TEST(a_failure_keeps_the_last_good_set),
	        NAMES_TEST(a_name_that_never_resolved_has_an_empty_failed_set),
	        NAMES_TEST(waiters_are_told_of_the_first_answer),
	        NAMES_TEST(waiters_are_told_of_a_failure_too),
	        NAMES_TEST(a_table_ends_while_look_ups_run),
	        NAMES_TEST(names_are_shared_by_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
