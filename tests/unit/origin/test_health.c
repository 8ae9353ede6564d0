/* Detection: how long a block lasts, how it ends, and who may try. */
#include "health_bench.h"

#include <pthread.h>

static void a_new_address_is_good(void **state)
{
	assert_int_equal(standing(*state, START), ORIGIN_STANDING_GOOD);
	assert_int_equal(share(*state, START), 256);
	assert_false(origin_health_take_trial(
	        ((struct bench *)*state)->host, ((struct bench *)*state)->server, START));
}

static void a_host_is_shared_by_all_domains(void **state)
{
	struct bench *bench = *state;
	struct address address = *origin_health_host_address(bench->host);
	struct origin_server *other = origin_health_server(
	        bench->health, STR("b.test"), &address, MODEL_HTTPS, STR("b.test"));
	assert_ptr_not_equal(other, bench->server);
	assert_ptr_equal(origin_health_server_host(other), bench->host);
	refuse(bench, 3, START);
	unsigned part;
	uint64_t until_ms;
	assert_int_equal(origin_health_standing(bench->host, other, START, &part, &until_ms),
	        ORIGIN_STANDING_BLOCKED);
	assert_in_range(until_ms, START + 54000, START + 66000);
	origin_health_server_unref(other);
}

static void servers_are_told_apart_by_all_of_their_key(void **state)
{
	struct bench *bench = *state;
	struct address one = address_of("192.0.2.1:80"), two = address_of("192.0.2.1:81");
	const struct {
		struct str domain;
		struct address *address;
		enum model_protocol protocol;
		struct str server_name;
		bool is_same;
	} rows[] = {
	        {STR("a.test"), &one, MODEL_HTTP, STR_EMPTY, true},
	        {STR("b.test"), &one, MODEL_HTTP, STR_EMPTY, false},
	        {STR("a.test"), &two, MODEL_HTTP, STR_EMPTY, false},
	        {STR("a.test"), &one, MODEL_HTTPS, STR_EMPTY, false},
	        {STR("a.test"), &one, MODEL_HTTP, STR("a.test"), false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct origin_server *server = origin_health_server(bench->health, rows[i].domain,
		        rows[i].address, rows[i].protocol, rows[i].server_name);
		assert_int_equal(server == bench->server, rows[i].is_same);
		assert_true(str_is_equal(origin_health_server_domain(server), rows[i].domain));
		origin_health_server_unref(server);
	}
}

static void a_server_blocks_for_its_domain_alone(void **state)
{
	struct bench *bench = *state;
	struct address address = *origin_health_host_address(bench->host);
	struct origin_server *other =
	        origin_health_server(bench->health, STR("b.test"), &address, MODEL_HTTP, STR_EMPTY);
	play(bench, "f1f2f3f1f2f3");
	unsigned part;
	uint64_t until_ms;
	assert_int_equal(standing(bench, START), ORIGIN_STANDING_BLOCKED);
	assert_int_equal(origin_health_standing(bench->host, other, START, &part, &until_ms),
	        ORIGIN_STANDING_GOOD);
	assert_int_equal(view_server(bench, START).reason, FAULT_HEAD_TIMEOUT);
	origin_health_server_unref(other);
}

static void a_block_ends_with_a_probe_one_trial_and_a_slow_start(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 3, START);
	uint64_t until_ms = view_host(bench, START).blocked_until_ms;
	assert_in_range(until_ms, START + 54000, START + 66000);
	assert_int_equal(origin_health_advance_host(bench->host, until_ms - 1), ORIGIN_BLOCKED);
	assert_int_equal(origin_health_advance_host(bench->host, until_ms), ORIGIN_PROBING);
	assert_int_equal(standing(bench, until_ms), ORIGIN_STANDING_BLOCKED);
	assert_false(origin_health_take_trial(bench->host, bench->server, until_ms));
	origin_health_probed_host(bench->host, true, FAULT_NONE, until_ms);
	assert_int_equal(standing(bench, until_ms), ORIGIN_STANDING_TRIAL);
	assert_true(origin_health_take_trial(bench->host, bench->server, until_ms));
	assert_false(origin_health_take_trial(bench->host, bench->server, until_ms));
	assert_int_equal(standing(bench, until_ms), ORIGIN_STANDING_BLOCKED);
	origin_health_note_connection(bench->host, FAULT_NONE, until_ms);
	assert_int_equal(standing(bench, until_ms), ORIGIN_STANDING_BLOCKED);
	origin_health_note_response(bench->server, FAULT_NONE, 1, true, until_ms);
	assert_int_equal(share(bench, until_ms), 1);
	assert_in_range(share(bench, until_ms + 5000), 127, 129);
	assert_int_equal(share(bench, until_ms + 10000), 256);
	assert_int_equal(view_host(bench, until_ms + 10000).state, ORIGIN_USABLE);
	assert_int_equal(origin_health_advance_host(bench->host, until_ms + 10000), ORIGIN_USABLE);
	for (unsigned to = ORIGIN_USABLE; to <= ORIGIN_RAMPING; to++)
		assert_int_equal(bench->seen.to[to], 1);
}

static void a_lease_expires(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 3, START);
	uint64_t now_ms = view_host(bench, START).blocked_until_ms;
	origin_health_advance_host(bench->host, now_ms);
	origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
	assert_false(origin_health_take_trial(bench->host, bench->server, now_ms + 29999));
	assert_int_equal(standing(bench, now_ms + 30000), ORIGIN_STANDING_TRIAL);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms + 30000));
	assert_false(origin_health_take_trial(bench->host, bench->server, now_ms + 30000));
}

static void a_lease_can_be_given_back(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 3, START);
	uint64_t now_ms = view_host(bench, START).blocked_until_ms;
	origin_health_advance_host(bench->host, now_ms);
	origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
	origin_health_give_back_trial(bench->host, bench->server);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
	refuse(bench, 1, now_ms);
	origin_health_give_back_trial(bench->host, bench->server);
	assert_int_equal(view_host(bench, now_ms).state, ORIGIN_BLOCKED);
}

static void host_and_server_need_both_leases(void **state)
{
	struct bench *bench = *state;
	play(bench, "f1f2f3f1f2f3");
	refuse(bench, 3, START);
	uint64_t now_ms = START + 70000;
	origin_health_advance_host(bench->host, now_ms);
	origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
	assert_int_equal(standing(bench, now_ms), ORIGIN_STANDING_BLOCKED);
	assert_false(origin_health_take_trial(bench->host, bench->server, now_ms));
	assert_int_equal(view_host(bench, now_ms).state, ORIGIN_READY);
	origin_health_advance_server(bench->server, now_ms);
	origin_health_probed_server(bench->server, true, FAULT_NONE, now_ms);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
	origin_health_note_connection(bench->host, FAULT_NONE, now_ms);
	assert_int_equal(standing(bench, now_ms), ORIGIN_STANDING_BLOCKED);
	origin_health_note_response(bench->server, FAULT_NONE, 1, true, now_ms);
	assert_int_equal(standing(bench, now_ms), ORIGIN_STANDING_GOOD);
}

static void blocks_double_up_to_the_maximum_with_jitter(void **state)
{
	struct bench *bench = *state;
	static const unsigned expected_s[] = {60, 120, 240, 480, 600, 600};
	uint64_t now_ms = START;
	refuse(bench, 3, now_ms);
	for (size_t i = 0; i < ARRAY_LENGTH(expected_s); i++) {
		struct origin_health_view view = view_host(bench, now_ms);
		uint64_t lasted = view.blocked_until_ms - view.blocked_since_ms;
		assert_in_range(lasted, expected_s[i] * 900, expected_s[i] * 1100);
		now_ms = view.blocked_until_ms;
		origin_health_advance_host(bench->host, now_ms);
		if (i % 2 == 0) {
			origin_health_probed_host(
			        bench->host, false, FAULT_CONNECT_TIMEOUT, now_ms);
		} else {
			origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
			assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
			refuse(bench, 1, now_ms);
		}
		assert_int_equal(view_host(bench, now_ms).state, ORIGIN_BLOCKED);
	}
}

static void a_relapse_doubles_until_ten_good_minutes_have_passed(void **state)
{
	static const struct {
		uint64_t good_ms;
		unsigned expected_s;
	} rows[] = {{0, 120}, {599999, 120}, {600000, 60}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		void *fresh;
		assert_int_equal(set_up(&fresh), 0);
		refuse(fresh, 3, START);
		uint64_t now_ms = recover_host(fresh) + rows[i].good_ms;
		refuse(fresh, 3, now_ms);
		uint64_t lasts = view_host(fresh, now_ms).blocked_until_ms - now_ms;
		assert_in_range(lasts, rows[i].expected_s * 900, rows[i].expected_s * 1100);
		assert_int_equal(tear_down(&fresh), 0);
	}
}

static void a_confirmed_probe_blocks_at_once(void **state)
{
	struct bench *bench = *state;
	origin_health_probed_host(bench->host, true, FAULT_NONE, START);
	assert_int_equal(bench->seen.changes, 0);
	origin_health_probed_host(bench->host, false, FAULT_CONNECT_TIMEOUT, START);
	assert_int_equal(standing(bench, START), ORIGIN_STANDING_BLOCKED);
	uint64_t until_ms = view_host(bench, START).blocked_until_ms;
	origin_health_probed_host(bench->host, false, FAULT_CONNECT_TIMEOUT, START + 1000);
	assert_int_equal(view_host(bench, START).blocked_until_ms, until_ms);
	origin_health_probed_server(bench->server, false, FAULT_STATUS, START);
	assert_int_equal(view_server(bench, START).state, ORIGIN_BLOCKED);
	assert_int_equal(view_server(bench, START).reason, FAULT_STATUS);
}

struct listed {
	struct origin_health_list_sink sink;
	unsigned count;
	const struct origin_server *last;
};

static void on_listed(struct origin_health_list_sink *self, const struct origin_server *server)
{
	struct listed *listed = container_of(self, struct listed, sink);
	listed->count++;
	listed->last = server;
}

static void all_servers_are_listed(void **state)
{
	struct bench *bench = *state;
	struct address address = address_of("192.0.2.2:443");
	struct listed listed = {.sink = {on_listed}};
	origin_health_list(bench->health, &listed.sink);
	assert_int_equal(listed.count, 1);
	assert_ptr_equal(listed.last, bench->server);
	struct origin_server *other = origin_health_server(
	        bench->health, STR("b.test"), &address, MODEL_HTTPS, STR("b.test"));
	assert_int_equal(origin_health_server_protocol(other), MODEL_HTTPS);
	assert_true(str_is_equal(origin_health_server_name(other), STR("b.test")));
	origin_health_list(bench->health, &listed.sink);
	assert_int_equal(listed.count, 3);
	origin_health_server_unref(other);
	origin_health_list(bench->health, &listed.sink);
	assert_int_equal(listed.count, 4);
}

static void every_state_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(origin_health_state_name(ORIGIN_USABLE), "usable");
	assert_string_equal(origin_health_state_name(ORIGIN_RAMPING), "ramping");
}

/* ---- several threads ---- */

enum { THREADS = 4, ROUNDS = 300 };

static struct {
	struct bench *bench;
	pthread_barrier_t barrier;
	_Atomic unsigned winners;
	_Atomic uint64_t now_ms;
} race;

static void *race_for_leases(void *unused)
{
	(void)unused;
	for (unsigned round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&race.barrier);
		if (origin_health_take_trial(race.bench->host, race.bench->server, race.now_ms))
			race.winners++;
		pthread_barrier_wait(&race.barrier);
	}
	return NULL;
}

static void exactly_one_thread_wins_each_lease(void **state)
{
	struct bench *bench = *state;
	race.bench = bench;
	pthread_t threads[THREADS];
	assert_int_equal(pthread_barrier_init(&race.barrier, NULL, THREADS + 1), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race_for_leases, NULL), 0);

	/* Each round is one of three: a free lease of the host, of both, an expired one. */
	uint64_t now_ms = START;
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (round % 3 != 2) {
			origin_health_probed_host(bench->host, false, FAULT_CONNECT_RESET, now_ms);
			if (round % 3 == 1)
				origin_health_probed_server(
				        bench->server, false, FAULT_STATUS, now_ms);
			now_ms += 700000;
			origin_health_advance_host(bench->host, now_ms);
			origin_health_advance_server(bench->server, now_ms);
			origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
			origin_health_probed_server(bench->server, true, FAULT_NONE, now_ms);
		} else {
			now_ms += 40000;
		}
		race.now_ms = now_ms;
		race.winners = 0;
		pthread_barrier_wait(&race.barrier);
		pthread_barrier_wait(&race.barrier);
		assert_int_equal(race.winners, 1);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.barrier);
}

static void *note_everything(void *unused)
{
	(void)unused;
	struct bench *bench = race.bench;
	struct address address = *origin_health_host_address(bench->host);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t now_ms = atomic_fetch_add(&race.now_ms, 200);
		uint64_t dice = random_below(64);
		struct origin_health_view view;
		if (dice == 0)
			origin_health_note_connection(bench->host, FAULT_CONNECT_RESET, now_ms);
		else if (dice <= 4)
			origin_health_note_response(bench->server, FAULT_RESET, dice, true, now_ms);
		else if (dice == 5)
			origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
		else if (dice == 6)
			origin_health_probed_server(bench->server, true, FAULT_NONE, now_ms);
		else if (dice == 7)
			origin_health_advance_host(bench->host, now_ms);
		else if (dice == 8)
			origin_health_advance_server(bench->server, now_ms);
		else if (dice == 9)
			origin_health_view_server(bench->server, now_ms, &view);
		else if (dice == 10) {
			struct origin_server *server = origin_health_server(bench->health,
			        i % 2 == 0 ? STR("a.test") : STR("other.test"), &address,
			        MODEL_HTTP, STR_EMPTY);
			origin_health_note_response(server, FAULT_NONE, i, true, now_ms);
			origin_health_server_unref(server);
		} else if (standing(bench, now_ms) == ORIGIN_STANDING_GOOD) {
			origin_health_note_connection(bench->host, FAULT_NONE, now_ms);
			origin_health_note_response(bench->server, FAULT_NONE, i, true, now_ms);
		} else if (origin_health_take_trial(bench->host, bench->server, now_ms)) {
			if (dice == 11)
				origin_health_give_back_trial(bench->host, bench->server);
			else
				origin_health_note_response(
				        bench->server, FAULT_NONE, i, true, now_ms);
		}
	}
	return NULL;
}

static void notes_of_many_threads_go_together(void **state)
{
	struct bench *bench = *state;
	race.bench = bench;
	race.now_ms = START;
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, note_everything, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(bench->seen.to[ORIGIN_BLOCKED] > 0);
	assert_true(bench->seen.to[ORIGIN_USABLE] > 0);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        HEALTH_TEST(a_new_address_is_good),
	        HEALTH_TEST(a_host_is_shared_by_all_domains),
	        HEALTH_TEST(servers_are_told_apart_by_all_of_their_key),
	        HEALTH_TEST(a_server_blocks_for_its_domain_alone),
	        HEALTH_TEST(a_block_ends_with_a_probe_one_trial_and_a_slow_start),
	        HEALTH_TEST(a_lease_expires),
	        HEALTH_TEST(a_lease_can_be_given_back),
	        HEALTH_TEST(host_and_server_need_both_leases),
	        HEALTH_TEST(blocks_double_up_to_the_maximum_with_jitter),
	        HEALTH_TEST(a_relapse_doubles_until_ten_good_minutes_have_passed),
	        HEALTH_TEST(a_confirmed_probe_blocks_at_once),
	        HEALTH_TEST(all_servers_are_listed),
	        HEALTH_TEST(every_state_has_a_name),
	        HEALTH_TEST(exactly_one_thread_wins_each_lease),
	        HEALTH_TEST(notes_of_many_threads_go_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
