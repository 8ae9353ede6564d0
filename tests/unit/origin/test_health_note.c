/* Detection: which failures count, and how many are too many. */
#include "health_bench.h"

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
			if (!is_response || fault == FAULT_TRUNCATED ||
			        fault == FAULT_BODY_TIMEOUT || fault == FAULT_BODY_RATE)
				origin_health_note_response(bench->server, fault, i, true, START);
		}
	}
	assert_int_equal(standing(bench, START), ORIGIN_STANDING_GOOD);
	assert_int_equal(bench->seen.suspects, 0);
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

static void a_response_ends_the_trial_of_its_host_whatever_it_is(void **state)
{
	(void)state;
	static const enum fault outcomes[] = {FAULT_NONE, FAULT_HEAD_TIMEOUT, FAULT_MALFORMED};
	for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++) {
		void *fresh;
		assert_int_equal(set_up(&fresh), 0);
		struct bench *bench = fresh;
		refuse(bench, 3, START);
		uint64_t now_ms = view_host(bench, START).blocked_until_ms;
		origin_health_advance_host(bench->host, now_ms);
		origin_health_probed_host(bench->host, true, FAULT_NONE, now_ms);
		assert_true(origin_health_take_trial(bench->host, bench->server, now_ms));
		origin_health_note_connection(bench->host, FAULT_NONE, now_ms);
		assert_int_equal(view_host(bench, now_ms).state, ORIGIN_ON_TRIAL);
		origin_health_note_response(bench->server, outcomes[i], 1, true, now_ms);
		assert_int_equal(view_host(bench, now_ms).state, ORIGIN_RAMPING);
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

/* The first is known at once, and later ones one day. */
static void a_latency_is_seen_now_and_then(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(view_server(bench, START).latency_us, 0);
	origin_health_note_latency(bench->server, 1000);
	assert_int_equal(view_server(bench, START).latency_us, 1000);
	unsigned calls = 0;
	while (view_server(bench, START).latency_us != 2000 && calls < 100000) {
		origin_health_note_latency(bench->server, 2000);
		calls++;
	}
	assert_in_range(calls, 1, 99999);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        HEALTH_TEST(three_connection_failures_within_the_window_block),
	        HEALTH_TEST(old_connection_failures_do_not_count),
	        HEALTH_TEST(successes_do_not_hide_connection_failures),
	        HEALTH_TEST(only_faults_of_their_kind_count),
	        HEALTH_TEST(a_suspect_is_told_of_once_a_second),
	        HEALTH_TEST(response_failures_block_by_number_share_and_urls),
	        HEALTH_TEST(five_slow_urls_do_not_block_a_healthy_server),
	        HEALTH_TEST(a_response_ends_the_trial_of_its_host_whatever_it_is),
	        HEALTH_TEST(after_a_block_the_failures_are_counted_afresh),
	        HEALTH_TEST(stragglers_change_nothing_while_blocked),
	        HEALTH_TEST(successes_are_estimated),
	        HEALTH_TEST(a_latency_is_seen_now_and_then),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
