/* Counters: what adds up to what, which have changed, and how many domains there may be. */
#include "edge/tally.h"

#include "base/hash.h"
#include "base/limit.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WORKERS = 2 };

static struct {
	struct edge_tally *tallies[WORKERS];
	struct edge_tally_sink sink;
	bool is_refusing;
	unsigned shown;
	struct edge_tally_sum last; /* of the domain that was asked for */
	const char *asked;
	uint64_t requests; /* of all that were shown */
} bench;

static bool on_sum(struct edge_tally_sink *sink, const struct edge_tally_sum *sum)
{
	assert_ptr_equal(sink, &bench.sink);
	bench.shown++;
	bench.requests += sum->client[COUNTER_REQUESTS];
	if (bench.asked != NULL && str_is_equal(sum->domain, str_of(bench.asked)))
		bench.last = *sum;
	return !bench.is_refusing;
}

/* How many are shown; the sum of one is kept. */
static unsigned show(bool is_all, const char *asked)
{
	bench.shown = 0;
	bench.requests = 0;
	bench.asked = asked;
	memset(&bench.last, 0, sizeof(bench.last));
	edge_tally_show(bench.tallies, WORKERS, is_all, &bench.sink);
	return bench.shown;
}

static int open_bench(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.sink.on_sum = on_sum;
	for (unsigned i = 0; i < WORKERS; i++)
		bench.tallies[i] = edge_tally_new();
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++)
		edge_tally_free(bench.tallies[i]);
	return 0;
}

static void add_request(unsigned worker, const char *domain, uint16_t status, uint8_t fault)
{
	const struct edge_tally_request request = {.is_hit = status == 304,
	        .status = status,
	        .fault = fault,
	        .bytes_in = 3,
	        .bytes_out = 100};
	edge_tally_add_request(bench.tallies[worker], str_of(domain), &request);
}

static void add_pull(
        unsigned worker, const char *domain, enum model_role role, uint16_t status, uint8_t fault)
{
	const struct edge_tally_pull pull = {
	        .role = role, .status = status, .fault = fault, .bytes = 10};
	edge_tally_add_pull(bench.tallies[worker], str_of(domain), &pull);
}

static uint64_t pulled(enum model_role role, enum counter counter)
{
	return bench.last.origin[role][counter - COUNTERS_CLIENT];
}

static void all_workers_are_added_up(void **state)
{
	(void)state;
	add_request(0, "a.test", 200, FAULT_NONE);
	add_request(1, "a.test", 304, FAULT_NONE);
	add_request(1, "a.test", 404, FAULT_NONE);
	add_request(1, "a.test", 0, FAULT_CLIENT_GONE);
	add_request(0, "a.test", 502, FAULT_CONNECT_REFUSED);
	add_request(0, "b.test", 200, FAULT_NONE);
	add_pull(0, "a.test", MODEL_MASTER, 200, FAULT_NONE);
	add_pull(1, "a.test", MODEL_MASTER, 0, FAULT_CONNECT_REFUSED);
	add_pull(1, "a.test", MODEL_BACKUP, 503, FAULT_NONE);
	assert_int_equal(show(true, "a.test"), 2);
	assert_int_equal(bench.last.client[COUNTER_REQUESTS], 5);
	assert_int_equal(bench.last.client[COUNTER_HITS], 1);
	assert_int_equal(bench.last.client[COUNTER_BYTES_IN], 15);
	assert_int_equal(bench.last.client[COUNTER_BYTES_OUT], 500);
	assert_int_equal(bench.last.client[COUNTER_STATUS_2XX], 1);
	assert_int_equal(bench.last.client[COUNTER_STATUS_3XX], 1);
	assert_int_equal(bench.last.client[COUNTER_STATUS_4XX], 1);
	assert_int_equal(bench.last.client[COUNTER_STATUS_5XX], 1);
	assert_int_equal(bench.last.client_faults[FAULT_CLIENT_GONE], 1);
	assert_int_equal(bench.last.client_faults[FAULT_CONNECT_REFUSED], 1);
	assert_int_equal(pulled(MODEL_MASTER, COUNTER_PULLS), 2);
	assert_int_equal(pulled(MODEL_MASTER, COUNTER_PULL_BYTES), 20);
	assert_int_equal(pulled(MODEL_MASTER, COUNTER_PULL_2XX), 1);
	assert_int_equal(bench.last.origin_faults[MODEL_MASTER][FAULT_CONNECT_REFUSED], 1);
	assert_int_equal(pulled(MODEL_BACKUP, COUNTER_PULLS), 1);
	assert_int_equal(pulled(MODEL_BACKUP, COUNTER_PULL_5XX), 1);
	assert_int_equal(bench.last.origin_faults[MODEL_BACKUP][FAULT_CONNECT_REFUSED], 0);
}

static void how_long_requests_took_is_counted_by_buckets(void **state)
{
	(void)state;
	const uint64_t first[] = {1, 70, 0, 5000, 70000000}, whole[] = {100, 0, 0, 5000, 70000000};
	for (unsigned i = 0; i < ARRAY_LENGTH(first); i++) {
		const struct edge_tally_request request = {
		        .status = 200, .first_byte_us = first[i], .whole_us = whole[i]};
		edge_tally_add_request(bench.tallies[i % WORKERS], STR("a.test"), &request);
	}
	assert_int_equal(show(true, "a.test"), 1);
	uint64_t *told = bench.last.latencies[COUNTER_FIRST_BYTE];
	assert_true(told[0] == 1 && told[latency_bucket(70)] == 1 &&
	            told[latency_bucket(5000)] == 1 && told[LATENCY_BUCKETS - 1] == 1);
	told = bench.last.latencies[COUNTER_WHOLE];
	assert_true(told[0] == 0 && told[latency_bucket(100)] == 1 &&
	            told[latency_bucket(5000)] == 1 && told[LATENCY_BUCKETS - 1] == 1);
}

static void bodies_that_broke_off_and_their_rests_are_counted(void **state)
{
	(void)state;
	const struct edge_tally_pull pulls[] = {
	        {.role = MODEL_MASTER, .status = 200, .fault = FAULT_TRUNCATED, .has_broken = true},
	        {.role = MODEL_BACKUP, .status = 206, .gives_rest = true},
	        {.role = MODEL_BACKUP, .status = 206, .gives_rest = true, .has_broken = true},
	        {.role = MODEL_MASTER, .status = 200, .is_unsure = true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(pulls); i++)
		edge_tally_add_pull(bench.tallies[i % WORKERS], STR("a.test"), &pulls[i]);
	assert_int_equal(show(true, "a.test"), 1);
	assert_int_equal(pulled(MODEL_MASTER, COUNTER_BROKEN), 1);
	assert_int_equal(pulled(MODEL_MASTER, COUNTER_RESUMED), 0);
	assert_int_equal(pulled(MODEL_MASTER, COUNTER_UNSURE), 1);
	assert_int_equal(pulled(MODEL_BACKUP, COUNTER_BROKEN), 1);
	assert_int_equal(pulled(MODEL_BACKUP, COUNTER_RESUMED), 2);
	assert_int_equal(pulled(MODEL_BACKUP, COUNTER_PULLS), 2);
}

static void who_could_not_be_asked_is_no_pull(void **state)
{
	(void)state;
	const struct edge_tally_pull pull = {
	        .role = MODEL_MASTER, .is_unasked = true, .fault = FAULT_DNS};
	edge_tally_add_pull(bench.tallies[0], STR("a.test"), &pull);
	assert_int_equal(show(false, "a.test"), 1);
	assert_int_equal(pulled(MODEL_MASTER, COUNTER_PULLS), 0);
	assert_int_equal(bench.last.origin_faults[MODEL_MASTER][FAULT_DNS], 1);
}

static void what_has_not_changed_is_not_shown_again(void **state)
{
	(void)state;
	add_request(0, "a.test", 200, FAULT_NONE);
	add_request(1, "b.test", 200, FAULT_NONE);
	add_request(0, "", 400, FAULT_NONE);
	assert_int_equal(show(false, ""), 3);
	assert_int_equal(bench.last.client[COUNTER_STATUS_4XX], 1);
	assert_int_equal(show(false, NULL), 0);
	add_request(1, "a.test", 200, FAULT_NONE);
	assert_int_equal(show(false, "a.test"), 1);
	assert_int_equal(bench.last.client[COUNTER_REQUESTS], 2);
	assert_int_equal(show(true, NULL), 3);
	/* What was shown in vain has not been. */
	bench.is_refusing = true;
	assert_int_equal(show(true, NULL), 3);
	bench.is_refusing = false;
	assert_int_equal(show(false, NULL), 3);
	assert_int_equal(show(false, NULL), 0);
}

/* A domain that was replaced has its name elsewhere; another may lie where it was. */
static void a_name_is_what_counts_and_not_its_place(void **state)
{
	(void)state;
	char name[16] = "a.test", copy[16] = "a.test";
	const struct edge_tally_request request = {.status = 200};
	edge_tally_add_request(bench.tallies[0], str_of(name), &request);
	edge_tally_add_request(bench.tallies[0], str_of(copy), &request);
	memcpy(name, "b.test", 6);
	edge_tally_add_request(bench.tallies[0], str_of(name), &request);
	assert_int_equal(show(true, "a.test"), 2);
	assert_int_equal(bench.last.client[COUNTER_REQUESTS], 2);
	show(true, "b.test");
	assert_int_equal(bench.last.client[COUNTER_REQUESTS], 1);
}

static void past_the_limit_domains_are_counted_together(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LIMIT_COUNTED_DOMAINS + 10; i++) {
		char name[32];
		snprintf(name, sizeof(name), "d%u.test", i);
		add_request(0, name, 200, FAULT_NONE);
	}
	add_request(0, "d0.test", 200, FAULT_NONE);
	add_request(1, "d50000.test", 200, FAULT_NONE);
	assert_int_equal(show(false, "*"), LIMIT_COUNTED_DOMAINS + 2);
	assert_int_equal(bench.last.client[COUNTER_REQUESTS], 10);
	assert_int_equal(bench.requests, LIMIT_COUNTED_DOMAINS + 12);
}

/* ---- while it is written to ---- */

enum { ROUNDS = 200000 };

static void *count(void *argument)
{
	static const char *const NAMES[] = {"a.test", "b.test", "c.test"};
	const unsigned worker = (unsigned)(uintptr_t)argument;
	for (unsigned i = 0; i < ROUNDS; i++) {
		add_request(worker, NAMES[i % 3], 200, i % 100 == 0 ? FAULT_DNS : FAULT_NONE);
		if (i % 5 == 0)
			add_pull(worker, NAMES[i % 3], MODEL_MASTER, 200, FAULT_NONE);
	}
	return NULL;
}

static void sums_are_right_while_workers_count(void **state)
{
	(void)state;
	pthread_t threads[WORKERS];
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, (void *)i), 0);
	uint64_t before = 0;
	for (unsigned i = 0; i < 300; i++) {
		show(true, NULL);
		assert_true(bench.requests >= before);
		before = bench.requests;
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	show(true, "a.test");
	assert_int_equal(bench.requests, WORKERS * ROUNDS);
	assert_int_equal(show(false, NULL), 0);
}

static void counters_have_names(void **state)
{
	(void)state;
	assert_string_equal(counter_name(COUNTER_REQUESTS), "requests");
	assert_string_equal(counter_name(COUNTER_PULLS), "pulls");
	assert_int_equal(COUNTER_PULLS, COUNTERS_CLIENT);
	for (unsigned i = 0; i < COUNTERS; i++)
		assert_true(counter_name((enum counter)i)[0] != '\0');
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(all_workers_are_added_up),
	        TEST(how_long_requests_took_is_counted_by_buckets),
	        TEST(bodies_that_broke_off_and_their_rests_are_counted),
	        TEST(who_could_not_be_asked_is_no_pull),
	        TEST(what_has_not_changed_is_not_shown_again),
	        TEST(a_name_is_what_counts_and_not_its_place),
	        TEST(past_the_limit_domains_are_counted_together),
	        TEST(sums_are_right_while_workers_count),
	        TEST(counters_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
