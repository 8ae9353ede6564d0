/* The choice of an address: shares, blocks, trials, what was tried, and what remains. */
#include "origin/group.h"

#include "base/random.h"
#include "stand.h"

#include <pthread.h>
#include <stdio.h>

enum { NOW = 1000000, MANY = 64 };

/* A group of one domain, and what the last choice came to. */
struct scene {
	struct stand *stand;
	struct model_domain *domain;
	struct origin_group *group;
	struct origin_choose options;
	struct origin_candidate *candidate;
	bool is_trial;
	uint64_t until_ms;
};

static struct scene scene_of(struct stand *stand, const char *addresses, const char *backup)
{
	struct scene scene = {.stand = stand, .options = {.now_ms = NOW}};
	scene.domain = stand_domain("a.test", addresses, backup);
	scene.group = origin_group_get(stand->worker, scene.domain, MODEL_MASTER, MODEL_HTTP);
	return scene;
}

static void scene_done(struct scene *scene)
{
	origin_group_unref(scene->group);
	origin_group_forget(scene->stand->worker, scene->domain);
	model_domain_unref(scene->domain);
}

static enum origin_choice choose(struct scene *scene)
{
	scene->candidate = NULL;
	enum origin_choice choice = origin_group_choose(scene->group, &scene->options,
	        &scene->candidate, &scene->is_trial, &scene->until_ms);
	assert_int_equal(choice == ORIGIN_CHOSEN, scene->candidate != NULL);
	if (scene->candidate != NULL)
		origin_group_candidate_unref(scene->candidate);
	return choice;
}

/* How often each last byte of the address is chosen in `count` choices. */
static void count_choices(struct scene *scene, unsigned count, unsigned *ret_counts)
{
	memset(ret_counts, 0, MANY * sizeof(*ret_counts));
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(choose(scene), ORIGIN_CHOSEN);
		assert_true(scene->candidate->address.ip[15] < MANY);
		ret_counts[scene->candidate->address.ip[15]]++;
	}
}

static struct origin_host *host_of(struct scene *scene, const char *address)
{
	struct address parsed = stand_address(address);
	return origin_health_host(origin_shared_health(scene->stand->shared), &parsed);
}

static void block_host(struct scene *scene, const char *address, uint64_t now_ms)
{
	struct origin_host *host = host_of(scene, address);
	origin_health_probed_host(host, false, FAULT_CONNECT_REFUSED, now_ms);
	origin_health_host_unref(host);
}

static struct origin_server *server_of(struct scene *scene, const char *address)
{
	struct address parsed = stand_address(address);
	return origin_health_server(origin_shared_health(scene->stand->shared), STR("a.test"),
	        &parsed, MODEL_HTTP, STR_EMPTY);
}

static void block_server(struct scene *scene, const char *address)
{
	struct origin_server *server = server_of(scene, address);
	origin_health_probed_server(server, false, FAULT_STATUS, NOW);
	origin_health_server_unref(server);
}

/* The host is blocked, and its block is over: READY. */
static void make_ready(struct scene *scene, const char *address)
{
	struct origin_host *host = host_of(scene, address);
	origin_health_probed_host(host, false, FAULT_CONNECT_REFUSED, NOW - 1000);
	assert_int_equal(origin_health_advance_host(host, NOW), ORIGIN_PROBING);
	origin_health_probed_host(host, true, FAULT_NONE, NOW);
	origin_health_host_unref(host);
}

static void shares_are_exact_at_the_end_of_each_round(void **state)
{
	struct scene scene =
	        scene_of(*state, "127.0.0.1::1 127.0.0.2::2 127.0.0.3::0 127.0.0.4::5", NULL);
	unsigned counts[MANY];
	for (unsigned round = 0; round < 20; round++) {
		count_choices(&scene, 8, counts);
		assert_int_equal(counts[1], 1);
		assert_int_equal(counts[2], 2);
		assert_int_equal(counts[3], 0);
		assert_int_equal(counts[4], 5);
	}
	scene_done(&scene);
}

static void the_addresses_of_a_name_share_its_weight(void **state)
{
	struct stand *stand = *state;
	static const char *const ips[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
	memcpy(stand->dns.ips, ips, sizeof(ips));
	struct scene scene = scene_of(stand, "o.test::3 127.0.0.9::2", NULL);
	/* While the name resolves, the IP serves alone; then a new round begins. */
	for (unsigned from_name = 0; from_name == 0;) {
		loop_turn(stand->loop, 5);
		assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
		from_name = scene.candidate->address.ip[15] != 9;
	}
	unsigned counts[MANY];
	count_choices(&scene, 5 * 30, counts);
	assert_in_range(counts[9], 58, 62);
	unsigned low = counts[1] < counts[2] ? counts[1] : counts[2];
	unsigned high = counts[1] > counts[2] ? counts[1] : counts[2];
	low = counts[3] < low ? counts[3] : low;
	high = counts[3] > high ? counts[3] : high;
	assert_true(high - low <= 1);

	block_host(&scene, "127.0.0.2:80", NOW);
	count_choices(&scene, 5 * 20, counts);
	assert_int_equal(counts[2], 0);
	assert_in_range(counts[9], 38, 42);
	assert_true(counts[1] + 1 >= counts[3] && counts[3] + 1 >= counts[1]);
	scene_done(&scene);
}

static bool was_all_blocked(const struct scene *scene)
{
	uint64_t since_ms;
	return origin_group_was_all_blocked(scene->group, NOW, &since_ms);
}

static void a_blocked_address_is_skipped(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1 127.0.0.2", NULL);
	block_host(&scene, "127.0.0.1:80", NOW);
	unsigned counts[MANY];
	count_choices(&scene, 20, counts);
	assert_int_equal(counts[2], 20);
	assert_false(was_all_blocked(&scene));
	scene_done(&scene);
}

static void what_was_tried_is_left_out(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1 127.0.0.2 127.0.0.1", NULL);
	const struct address tried[] = {
	        stand_address("127.0.0.1:80"), stand_address("127.0.0.2:80")};
	scene.options.tried = tried;
	scene.options.tried_count = 1;
	unsigned counts[MANY];
	count_choices(&scene, 10, counts);
	assert_int_equal(counts[2], 10);
	scene.options.tried_count = 2;
	assert_int_equal(choose(&scene), ORIGIN_ALL_TRIED);
	/* What was tried does not count where all others are blocked. */
	scene.options.tried_count = 1;
	block_host(&scene, "127.0.0.2:80", NOW);
	assert_int_equal(choose(&scene), ORIGIN_ALL_BLOCKED);
	scene_done(&scene);
}

static void when_all_are_blocked_the_first_end_is_told_and_may_be_tried(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1 127.0.0.2 127.0.0.3", NULL);
	block_host(&scene, "127.0.0.1:80", NOW);
	block_host(&scene, "127.0.0.2:80", NOW - 50);
	block_host(&scene, "127.0.0.3:80", NOW);
	assert_true(was_all_blocked(&scene));
	assert_int_equal(choose(&scene), ORIGIN_ALL_BLOCKED);
	assert_in_range(scene.until_ms, NOW + 40, NOW + 60);
	scene.options.despite_block = true;
	assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
	assert_int_equal(scene.candidate->address.ip[15], 2);
	assert_false(scene.is_trial);
	scene_done(&scene);
}

static void a_block_that_is_over_is_tried_by_one_pull(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1 127.0.0.2", NULL);
	make_ready(&scene, "127.0.0.1:80");
	assert_false(was_all_blocked(&scene));
	unsigned trials = 0;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
		assert_int_equal(scene.is_trial, scene.candidate->address.ip[15] == 1);
		trials += scene.is_trial;
	}
	assert_int_equal(trials, 1);
	scene_done(&scene);
}

static void the_only_address_on_trial_is_blocked_for_all_others(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1", NULL);
	make_ready(&scene, "127.0.0.1:80");
	assert_true(was_all_blocked(&scene));
	assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
	assert_true(scene.is_trial);
	assert_int_equal(choose(&scene), ORIGIN_ALL_BLOCKED);
	assert_true(was_all_blocked(&scene));
	assert_int_equal(scene.until_ms, NOW + stand_health.trial_lease_ms);
	/* Its lease ran out. */
	scene.options.now_ms = NOW + stand_health.trial_lease_ms;
	assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
	assert_true(scene.is_trial);
	scene_done(&scene);
}

static void slow_start_is_a_smaller_share(void **state)
{
	static const enum model_policy policies[] = {MODEL_POLLING, MODEL_LEAST_LOAD, MODEL_HASH};
	for (size_t i = 0; i < ARRAY_LENGTH(policies); i++) {
		struct scene scene = scene_of(*state, "127.0.0.1 127.0.0.2", NULL);
		scene.domain->origin.policy = (uint8_t)policies[i];
		scene.options.now_ms = NOW;
		make_ready(&scene, "127.0.0.1:80");
		while (!scene.is_trial) {
			scene.options.key++;
			assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
		}
		struct origin_server *server = server_of(&scene, "127.0.0.1:80");
		origin_health_note_response(server, FAULT_NONE, 1, true, NOW);
		unsigned ramping = 0;
		scene.options.now_ms = NOW + stand_health.ramp_ms / 4;
		random_seed(9);
		for (unsigned k = 0; k < 1000; k++) {
			scene.options.key = hash_mix(k, 3);
			assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
			ramping += scene.candidate->address.ip[15] == 1;
		}
		/* A quarter against a whole: one in five, or a quarter of its half. */
		assert_in_range(ramping, 90, 250);
		scene.options.now_ms = NOW + stand_health.ramp_ms;
		origin_health_note_response(server, FAULT_NONE, 1, true, scene.options.now_ms);
		origin_health_server_unref(server);
		struct origin_host *host = host_of(&scene, "127.0.0.1:80");
		assert_int_equal(
		        origin_health_advance_host(host, scene.options.now_ms), ORIGIN_USABLE);
		origin_health_host_unref(host);
		scene_done(&scene);
	}
}

static void least_load_prefers_the_idle_one(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1 127.0.0.2", NULL);
	scene.domain->origin.policy = MODEL_LEAST_LOAD;
	struct origin_candidate *busy = NULL;
	while (busy == NULL) {
		assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
		if (scene.candidate->address.ip[15] == 1)
			busy = scene.candidate;
	}
	busy->in_flight = 5;
	unsigned counts[MANY];
	count_choices(&scene, 20, counts);
	assert_int_equal(counts[2], 20);
	busy->in_flight = 0;
	scene_done(&scene);
}

static void a_latency_that_nobody_sees_any_more_fades(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1 127.0.0.2", NULL);
	scene.domain->origin.policy = MODEL_LEAST_LOAD;
	struct origin_candidate *candidates[2] = {NULL};
	while (candidates[0] == NULL || candidates[1] == NULL) {
		assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
		candidates[scene.candidate->address.ip[15] - 1] = scene.candidate;
	}
	candidates[0]->latency_us = 5000;
	candidates[1]->latency_us = 100000;
	candidates[0]->latency_at_ms = candidates[1]->latency_at_ms = NOW;
	for (unsigned halves = 0; halves < 100; halves++) {
		scene.options.now_ms = NOW + halves * 10000;
		candidates[0]->latency_at_ms = scene.options.now_ms; /* asked all the time */
		unsigned counts[MANY];
		count_choices(&scene, 10, counts);
		assert_int_equal(counts[halves < 5 ? 1 : 2], 10);
	}
	scene_done(&scene);
}

static void hashing_sends_a_key_always_to_the_same_address(void **state)
{
	struct stand *stand = *state;
	stand->dns.ips[0] = "127.0.0.1";
	stand->dns.ips[1] = "127.0.0.2";
	struct scene scene = scene_of(stand, "o.test 127.0.0.3", NULL);
	scene.domain->origin.policy = MODEL_HASH;
	struct origin_name *name =
	        origin_names_get(origin_shared_names(stand->shared), STR("o.test"));
	STAND_UNTIL(stand->loop, origin_names_version(name) != 0);
	origin_names_unref(name);
	unsigned seen[4] = {0};
	for (uint64_t key = 0; key < 200; key++) {
		scene.options.key = hash_mix(key, 7);
		assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
		const struct origin_candidate *first = scene.candidate;
		for (unsigned again = 0; again < 3; again++) {
			assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
			assert_ptr_equal(scene.candidate, first);
		}
		seen[first->address.ip[15]]++;
	}
	assert_true(seen[1] > 20 && seen[2] > 20 && seen[3] > 50);
	scene_done(&scene);
}

static void a_family_without_a_route_is_left_out_for_a_while(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1 [2001:db8::2]", NULL);
	struct origin_candidate *v6 = NULL;
	while (v6 == NULL) {
		assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
		if (!address_is_v4(&scene.candidate->address))
			v6 = scene.candidate;
	}
	origin_group_note_no_route(v6, NOW);
	unsigned counts[MANY];
	count_choices(&scene, 20, counts);
	assert_int_equal(counts[1], 20);
	assert_int_equal(stand_host_state(*state, &v6->address), ORIGIN_USABLE);

	/* It does not help where all others are blocked, but it is tried when nothing else is
	 * there. */
	const struct address tried[] = {stand_address("127.0.0.1:80")};
	scene.options.tried = tried;
	scene.options.tried_count = 1;
	assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
	assert_ptr_equal(scene.candidate, v6);
	scene.options.needs_route = true;
	assert_int_equal(choose(&scene), ORIGIN_ALL_TRIED);
	scene.options.needs_route = false;
	scene.options.tried_count = 0;
	block_host(&scene, "127.0.0.1:80", NOW);
	assert_int_equal(choose(&scene), ORIGIN_ALL_BLOCKED);
	assert_true(was_all_blocked(&scene));

	scene.options.now_ms = NOW + 30000;
	assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
	assert_ptr_equal(scene.candidate, v6);
	scene_done(&scene);
}

static void a_drained_origin_says_so(void **state)
{
	struct scene scene = scene_of(*state, "127.0.0.1::0 o.test::0", NULL);
	assert_int_equal(choose(&scene), ORIGIN_DRAINED);
	assert_false(was_all_blocked(&scene));
	scene_done(&scene);
}

static void without_a_backup_at_most_half_may_be_blocked(void **state)
{
	static const struct {
		const char *addresses, *backup;
		unsigned blocked;
		bool expected;
	} rows[] = {
	        {"127.0.0.1", NULL, 0, false},
	        {"127.0.0.1 127.0.0.2", NULL, 0, true},
	        {"127.0.0.1 127.0.0.2", NULL, 1, false},
	        {"127.0.0.1 127.0.0.2 127.0.0.3", NULL, 1, false},
	        {"127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4", NULL, 1, true},
	        {"127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4", NULL, 2, false},
	        {"127.0.0.1 127.0.0.2::0", NULL, 0, false},
	        {"127.0.0.1", "127.0.0.9", 0, true},
	        {"127.0.0.1 127.0.0.2", "127.0.0.9", 1, true},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		void *fresh;
		assert_int_equal(stand_set_up(&fresh), 0);
		struct scene scene = scene_of(fresh, rows[i].addresses, rows[i].backup);
		static const char *const each[] = {"127.0.0.1:80", "127.0.0.2:80"};
		for (unsigned k = 0; k < rows[i].blocked; k++)
			block_server(&scene, each[k]);
		assert_int_equal(origin_group_may_block(scene.group, NOW), rows[i].expected);
		if (rows[i].backup != NULL) {
			struct origin_group *backup = origin_group_get(
			        scene.stand->worker, scene.domain, MODEL_BACKUP, MODEL_HTTP);
			assert_false(origin_group_may_block(backup, NOW));
			origin_group_unref(backup);
		}
		scene_done(&scene);
		assert_int_equal(stand_tear_down(&fresh), 0);
	}
}

/* A worker that notes one failure more at one of two addresses. */
struct racer {
	pthread_barrier_t *start;
	struct origin_candidate *candidate;
};

static void *note_the_last_failure(void *context)
{
	const struct racer *racer = context;
	pthread_barrier_wait(racer->start);
	origin_group_note_response(racer->candidate, FAULT_MALFORMED, 6, NOW);
	return NULL;
}

static void two_workers_do_not_block_more_than_half_together(void **state)
{
	struct stand *stand = *state;
	pthread_barrier_t start;
	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	for (unsigned round = 0; round < 500; round++) {
		char name[16];
		snprintf(name, sizeof(name), "a%u.test", round);
		struct scene scene = {.stand = stand, .options = {.now_ms = NOW}};
		scene.domain = stand_domain(name, "127.0.0.1 127.0.0.2", NULL);
		scene.group =
		        origin_group_get(stand->worker, scene.domain, MODEL_MASTER, MODEL_HTTP);
		struct racer racers[2] = {{.start = &start}, {.start = &start}};
		while (racers[0].candidate == NULL || racers[1].candidate == NULL) {
			assert_int_equal(choose(&scene), ORIGIN_CHOSEN);
			racers[scene.candidate->address.ip[15] - 1].candidate = scene.candidate;
		}
		pthread_t threads[2];
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned url = 1; url < stand_health.response_failures; url++)
				origin_group_note_response(
				        racers[i].candidate, FAULT_MALFORMED, url, NOW);
			assert_int_equal(pthread_create(&threads[i], NULL, note_the_last_failure,
			                         &racers[i]),
			        0);
		}
		unsigned blocked = 0;
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		for (unsigned i = 0; i < 2; i++) {
			struct origin_health_view view;
			origin_health_view_server(racers[i].candidate->server, NOW, &view);
			blocked += view.state == ORIGIN_BLOCKED;
		}
		assert_int_equal(blocked, 1);
		scene_done(&scene);
	}
	pthread_barrier_destroy(&start);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        STAND_TEST(shares_are_exact_at_the_end_of_each_round),
	        STAND_TEST(the_addresses_of_a_name_share_its_weight),
	        STAND_TEST(a_blocked_address_is_skipped),
	        STAND_TEST(what_was_tried_is_left_out),
	        STAND_TEST(when_all_are_blocked_the_first_end_is_told_and_may_be_tried),
	        STAND_TEST(a_block_that_is_over_is_tried_by_one_pull),
	        STAND_TEST(the_only_address_on_trial_is_blocked_for_all_others),
	        STAND_TEST(slow_start_is_a_smaller_share),
	        STAND_TEST(least_load_prefers_the_idle_one),
	        STAND_TEST(a_latency_that_nobody_sees_any_more_fades),
	        STAND_TEST(hashing_sends_a_key_always_to_the_same_address),
	        STAND_TEST(a_family_without_a_route_is_left_out_for_a_while),
	        STAND_TEST(a_drained_origin_says_so),
	        STAND_TEST(two_workers_do_not_block_more_than_half_together),
	        STAND_TEST(without_a_backup_at_most_half_may_be_blocked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
