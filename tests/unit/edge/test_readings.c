/* Where the numbers of an edge's parts are read off. */
#include "edge/readings.h"

#include "edge/stored.h"

#define DOMAINS "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define ANSWER  "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n\r\n"

static void what_the_cache_holds_is_told(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t values[EDGE_METRICS] = {0};
	fixture_start_cached(&fixture, DOMAINS);
	struct cache_store *cache = fixture.worker->cache;
	edge_readings_add_cache(cache, values);
	assert_int_equal(values[EDGE_METRIC_CACHE_OBJECTS], 0);
	assert_int_equal(values[EDGE_METRIC_CACHE_USED], 0);
	assert_true(values[EDGE_METRIC_CACHE_LIMIT] > 0);
	remember(&fixture, "a.test/x", PLAIN_REQUEST, ANSWER, 1000);
	remember(&fixture, "a.test/y", PLAIN_REQUEST, ANSWER, 1000);
	memset(values, 0, sizeof(values));
	edge_readings_add_cache(cache, values);
	assert_int_equal(values[EDGE_METRIC_CACHE_OBJECTS], 2);
	assert_true(values[EDGE_METRIC_CACHE_USED] > 2000);
	assert_true(values[EDGE_METRIC_CACHE_USED] < values[EDGE_METRIC_CACHE_LIMIT]);
	assert_int_equal(values[EDGE_METRIC_CACHE_DISKS], 0);
	fixture_done(&fixture);
}

static void without_a_cache_there_is_nothing_of_it(void **state)
{
	(void)state;
	uint64_t values[EDGE_METRICS] = {0}, none[EDGE_METRICS] = {0};
	edge_readings_add_cache(NULL, values);
	assert_memory_equal(values, none, sizeof(values));
}

static void workers_are_added_up(void **state)
{
	(void)state;
	struct fixture fixture;
	uint64_t values[EDGE_METRICS] = {0};
	fixture_start_cached(&fixture, DOMAINS);
	atomic_store(&fixture.worker->tunnels, 3);
	edge_readings_add_worker(fixture.worker, values);
	edge_readings_add_worker(fixture.worker, values);
	assert_int_equal(values[EDGE_METRIC_TUNNELS], 6);
	assert_int_equal(values[EDGE_METRIC_TLS_FULL], 0);
	atomic_store(&fixture.worker->tunnels, 0);
	fixture_done(&fixture);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_the_cache_holds_is_told),
	        cmocka_unit_test(without_a_cache_there_is_nothing_of_it),
	        cmocka_unit_test(workers_are_added_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
