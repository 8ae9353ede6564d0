/* Detection: when addresses are blocked, for how long, and how they come back. */
#include "origin/health.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { START = 1000000 };

struct seen {
	struct origin_health_sink sink;
	_Atomic unsigned suspects, changes;
	_Atomic unsigned to[ORIGIN_RAMPING + 1];
	_Atomic unsigned last_reason;
};

static void on_suspect(struct origin_health_sink *self, struct origin_host *host)
{
	assert_non_null(host);
	container_of(self, struct seen, sink)->suspects++;
}

static void on_change(struct origin_health_sink *self, struct origin_host *host,
        struct origin_server *server, enum origin_state from, enum origin_state to,
        enum fault reason)
{
	struct seen *seen = container_of(self, struct seen, sink);
	assert_true((host == NULL) != (server == NULL));
	assert_int_not_equal(from, to);
	seen->changes++;
	seen->to[to]++;
	seen->last_reason = reason;
}

static const struct origin_health_options defaults = {
        .block_ms = 60000,
        .block_max_ms = 600000,
        .forgive_ms = 600000,
        .ramp_ms = 10000,
        .connection_failures = 3,
        .connection_window_ms = 60000,
        .response_failures = 6,
        .response_window = 20,
        .response_urls = 3,
        .trial_lease_ms = 30000,
};

struct bench {
	struct seen seen;
	struct origin_health *health;
	struct origin_host *host;
	struct origin_server *server;
};

static struct address address_of(const char *text)
{
	struct address address;
	assert_true(address_parse(str_of(text), &address));
	return address;
}

static int set_up(void **state)
{
	struct bench *bench = mem_new(struct bench);
	bench->seen.sink = (struct origin_health_sink){on_suspect, on_change};
	bench->health = origin_health_new(&defaults, &bench->seen.sink);
	struct address address = address_of("192.0.2.1:80");
	bench->host = origin_health_host(bench->health, &address);
	bench->server =
	        origin_health_server(bench->health, STR("a.test"), &address, MODEL_HTTP, STR_EMPTY);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;
	origin_health_server_unref(bench->server);
	origin_health_host_unref(bench->host);
	origin_health_free(bench->health);
	mem_free(bench);
	return 0;
}

static enum origin_standing standing(struct bench *bench, uint64_t now_ms)
{
	unsigned share;
	uint64_t until_ms;
	return origin_health_standing(bench->host, bench->server, now_ms, &share, &until_ms);
}

static unsigned share(struct bench *bench, uint64_t now_ms)
{
	unsigned part;
	uint64_t until_ms;
	assert_int_equal(
	        origin_health_standing(bench->host, bench->server, now_ms, &part, &until_ms),
	        ORIGIN_STANDING_GOOD);
	return part;
}

static struct origin_health_view view_host(struct bench *bench, uint64_t now_ms)
{
	struct origin_health_view view;
	origin_health_view_host(bench->host, now_ms, &view);
	return view;
}

static struct origin_health_view view_server(struct bench *bench, uint64_t now_ms)
{
	struct origin_health_view view;
	origin_health_view_server(bench->server, now_ms, &view);
	return view;
}

static void refuse(struct bench *bench, unsigned times, uint64_t now_ms)
{
	for (unsigned i = 0; i < times; i++)
		origin_health_note_connection(bench->host, FAULT_CONNECT_REFUSED, now_ms);
}

/* Blocks the host and lets the block end; returns the time after a good trial. */
static uint64_t recover_host(struct bench *bench)
{
	uint64_t now_ms = view_host(bench, 0).blocked_until_ms;
	assert_int_equal(origin_health_advance_host(bench->host, now_ms), ORIGIN_PROBING);
	origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
	origin_health_note_connection(bench->host, FAULT_NONE, now_ms);
	return now_ms;
}

static void a_new_address_is_good(void **state)
{
	assert_int_equal(standing(*state, START), ORIGIN_STANDING_GOOD);
	assert_int_equal(share(*state, START), 256);
	assert_false(origin_health_take_trial(
	        ((struct bench *)*state)->host, ((struct bench *)*state)->server, START));
}

static void three_connection_failures_within_the_window_block(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 2, START);
	assert_int_equal(standing(bench, START), ORIGIN_STANDING_GOOD);
	refuse(bench, 1, START + 59999);
	assert_int_equal(standing(bench, START + 59999), ORIGIN_STANDING_BLOCKED);
	assert_int_equal(view_host(bench, START).reason, FAULT_CONNECT_REFUSED);
	assert_int_equal(view_host(bench, START).failures, 3);
	assert_int_equal(bench->seen.to[ORIGIN_BLOCKED], 1);
	assert_int_equal(bench->seen.last_reason, FAULT_CONNECT_REFUSED);
}

static void old_connection_failures_do_not_count(void **state)
{
	struct bench *bench = *state;
	for (unsigned i = 0; i < 20; i++)
		refuse(bench, 1, START + i * 30000);
	assert_int_equal(standing(bench, START + 600000), ORIGIN_STANDING_GOOD);
}

static void successes_do_not_hide_connection_failures(void **state)
{
	struct bench *bench = *state;
	for (unsigned i = 0; i < 3; i++) {
		refuse(bench, 1, START);
		for (unsigned k = 0; k < 100; k++)
			origin_health_note_connection(bench->host, FAULT_NONE, START);
	}
	assert_int_equal(standing(bench, START), ORIGIN_STANDING_BLOCKED);
}

static void only_faults_of_their_kind_count(void **state)
{
	struct bench *bench = *state;
	for (unsigned fault = 0; fault < FAULT_COUNT; fault++) {
		bool is_connection = fault_info(fault)->retry == FAULT_RETRY_CONNECTION;
		bool is_response = fault_info(fault)->retry == FAULT_RETRY_RESPONSE;
		for (unsigned i = 0; i < 30; i++) {
			if (!is_connection)
				origin_health_note_connection(bench->host, fault, START);
			if (!is_response || fault == FAULT_TRUNCATED || fault == FAULT_BODY_TIMEOUT)
				origin_health_note_response(bench->server, fault, i, true, START);
		}
	}
	assert_int_equal(standing(bench, START), ORIGIN_STANDING_GOOD);
	assert_int_equal(bench->seen.suspects, 0);
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

static void a_suspect_is_told_of_once_a_second(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 1, START);
	refuse(bench, 1, START + 999);
	assert_int_equal(bench->seen.suspects, 1);
	assert_int_equal(standing(bench, START + 999), ORIGIN_STANDING_GOOD);
	refuse(bench, 1, START + 100000);
	assert_int_equal(bench->seen.suspects, 2);
	assert_int_equal(bench->seen.changes, 0);
}

/* `outcomes`: "f1" is a failure at URL 1, "s" a success, "n" a failure that may not block. */
static void play(struct bench *bench, const char *outcomes)
{
	for (const char *at = outcomes; *at != '\0'; at++) {
		if (*at == 's')
			origin_health_note_response(bench->server, FAULT_NONE, 0, true, START);
		else if (*at == 'f' || *at == 'n') {
			uint64_t url = (uint64_t)at[1];
			origin_health_note_response(
			        bench->server, FAULT_HEAD_TIMEOUT, url, *at == 'f', START);
			at++;
		}
	}
}

static void response_failures_block_by_number_share_and_urls(void **state)
{
	(void)state;
	static const struct {
		const char *outcomes;
		bool is_blocked;
	} rows[] = {
	        {"f1f2f3f1f2", false},
	        {"f1f2f3f1f2f3", true},
	        {"f1f2f1f2f1f2f1f2f1f2f1f2", false},
	        {"f1f1f1f1f1f2f3", true},
	        {"f1f2f3f1f2ssssssf3", true},                       /* 6 of 12 */
	        {"f1f2f3f1f2sssssssf3", false},                     /* 6 of 13 */
	        {"ssssssssssssssssssssf1f2f3f1f2f3f1f2f3", false},  /* 9 of 20 */
	        {"ssssssssssssssssssssf1f2f3f1f2f3f1f2f3f1", true}, /* 10 of 20 */
	        {"ssssssssssssssssssssssssssssssssf1f2f3f1f2f3f1f2f3f1", true},
	        {"f1f2f3f4f5sssssssssssssssssssssf1f2f3f4f5",
	                false}, /* the first left the window */
	        {"f1f2f3ssssssssssssssssssssf4f4f4f4f4f4f4f4f4f4f4", false}, /* so did their URLs */
	        {"n1n2n3n1n2n3n1n2n3n1n2n3", false},
	        {"n1n2n3n1n2n3n1n2n3n1n2n3f1", true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		void *fresh;
		assert_int_equal(set_up(&fresh), 0);
		play(fresh, rows[i].outcomes);
		assert_int_equal(
		        standing(fresh, START) == ORIGIN_STANDING_BLOCKED, rows[i].is_blocked);
		assert_int_equal(tear_down(&fresh), 0);
	}
}

static void five_slow_urls_do_not_block_a_healthy_server(void **state)
{
	struct bench *bench = *state;
	for (unsigned i = 0; i < 1000; i++)
		play(bench, i % 2 == 0 ? "sf1sf2s" : "sf3sf4ssf5");
	assert_int_equal(standing(bench, START), ORIGIN_STANDING_GOOD);
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
	assert_int_equal(share(bench, until_ms), 1);
	assert_in_range(share(bench, until_ms + 5000), 127, 129);
	assert_int_equal(share(bench, until_ms + 10000), 256);
	assert_int_equal(view_host(bench, until_ms + 10000).state, ORIGIN_USABLE);
	assert_int_equal(origin_health_advance_host(bench->host, until_ms + 10000), ORIGIN_USABLE);
	for (unsigned to = ORIGIN_USABLE; to <= ORIGIN_RAMPING; to++)
		assert_int_equal(bench->seen.to[to], 1);
}

static void a_response_ends_the_trial_of_its_host_too(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 3, START);
	uint64_t now_ms = view_host(bench, START).blocked_until_ms;
	origin_health_advance_host(bench->host, now_ms);
	origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
	assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
	origin_health_note_response(bench->server, FAULT_NONE, 1, true, now_ms);
	assert_int_equal(view_host(bench, now_ms).state, ORIGIN_RAMPING);
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

static void after_a_block_the_failures_are_counted_afresh(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 3, START);
	uint64_t now_ms = recover_host(bench);
	refuse(bench, 2, now_ms);
	assert_int_equal(standing(bench, now_ms), ORIGIN_STANDING_GOOD);
	refuse(bench, 1, now_ms);
	assert_int_equal(standing(bench, now_ms), ORIGIN_STANDING_BLOCKED);
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

static void stragglers_change_nothing_while_blocked(void **state)
{
	struct bench *bench = *state;
	refuse(bench, 3, START);
	play(bench, "f1f2f3f1f2f3");
	uint64_t until_ms = view_host(bench, START).blocked_until_ms;
	origin_health_note_connection(bench->host, FAULT_NONE, START + 1);
	refuse(bench, 5, START + 1);
	play(bench, "sf1f2f3f4f5f6f7s");
	assert_int_equal(view_host(bench, START).state, ORIGIN_BLOCKED);
	assert_int_equal(view_host(bench, START).blocked_until_ms, until_ms);
	assert_int_equal(view_server(bench, START).state, ORIGIN_BLOCKED);
	assert_int_equal(bench->seen.changes, 2);
}

static void successes_are_estimated(void **state)
{
	struct bench *bench = *state;
	for (unsigned i = 0; i < 64000; i++)
		origin_health_note_response(bench->server, FAULT_NONE, i, true, START);
	assert_in_range(view_server(bench, START).successes, 54000, 74000);
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

#define HEALTH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        HEALTH_TEST(a_new_address_is_good),
	        HEALTH_TEST(three_connection_failures_within_the_window_block),
	        HEALTH_TEST(old_connection_failures_do_not_count),
	        HEALTH_TEST(successes_do_not_hide_connection_failures),
	        HEALTH_TEST(only_faults_of_their_kind_count),
	        HEALTH_TEST(a_host_is_shared_by_all_domains),
	        HEALTH_TEST(servers_are_told_apart_by_all_of_their_key),
	        HEALTH_TEST(a_suspect_is_told_of_once_a_second),
	        HEALTH_TEST(response_failures_block_by_number_share_and_urls),
	        HEALTH_TEST(five_slow_urls_do_not_block_a_healthy_server),
	        HEALTH_TEST(a_server_blocks_for_its_domain_alone),
	        HEALTH_TEST(a_block_ends_with_a_probe_one_trial_and_a_slow_start),
	        HEALTH_TEST(a_response_ends_the_trial_of_its_host_too),
	        HEALTH_TEST(a_lease_expires),
	        HEALTH_TEST(a_lease_can_be_given_back),
	        HEALTH_TEST(host_and_server_need_both_leases),
	        HEALTH_TEST(blocks_double_up_to_the_maximum_with_jitter),
	        HEALTH_TEST(a_relapse_doubles_until_ten_good_minutes_have_passed),
	        HEALTH_TEST(after_a_block_the_failures_are_counted_afresh),
	        HEALTH_TEST(a_confirmed_probe_blocks_at_once),
	        HEALTH_TEST(stragglers_change_nothing_while_blocked),
	        HEALTH_TEST(successes_are_estimated),
	        HEALTH_TEST(every_state_has_a_name),
	        HEALTH_TEST(exactly_one_thread_wins_each_lease),
	        HEALTH_TEST(notes_of_many_threads_go_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
