/* The numbers of the control plane. */
#include "fixture.h"

struct bench {
	struct fixture fixture;
	struct control_stats_sink sink;
	struct loop *loop;
};

static void bench_init(struct bench *bench)
{
	fixture_init(&bench->fixture);
	bench->loop = loop_new();
	bench->fixture.plane.stats = control_stats_new(bench->loop, &bench->sink);
}

static void bench_done(struct bench *bench)
{
	control_stats_free(bench->fixture.plane.stats);
	loop_free(bench->loop);
	fixture_done(&bench->fixture);
}

static void ask(struct bench *bench, const char *fields)
{
	expect(&bench->fixture, 200, "GET", "/metrics", NULL, fields);
}

static void what_there_is_is_told(void **state)
{
	(void)state;
	static const char *const WANTED[] = {
	        "# TYPE headwater_control_edges gauge\nheadwater_control_edges 2\n",
	        "\nheadwater_control_edges_behind 1\n",
	        "\nheadwater_control_applied_lag 2\n",
	        "\nheadwater_control_revision 2\n",
	        "\nheadwater_control_domains 2\n",
	        "\nheadwater_control_store_works 1\n",
	        "# TYPE headwater_control_store_errors_total counter\n"
	        "headwater_control_store_errors_total 0\n",
	        "\nheadwater_control_answers_total{status=\"200\"} 1\n"
	        "headwater_control_answers_total{status=\"404\"} 2\n#",
	        "# TYPE headwater_fleet_requests_total counter\n#",
	};
	struct bench bench;
	const struct link_hub_edge edges[] = {{.id = "e", .applied = 2, .run = "n", .error = ""},
	        {.id = "e", .applied = 0, .run = "m", .error = ""}};
	bench_init(&bench);
	create(&bench.fixture, A_TEST);
	create(&bench.fixture, B_TEST);
	control_fleet_set(bench.fixture.plane.fleet, &edges[0], 5);
	control_fleet_set(bench.fixture.plane.fleet, &edges[1], 5);
	control_metrics_add_answer(&bench.fixture.plane.metrics, 200);
	control_metrics_add_answer(&bench.fixture.plane.metrics, 404);
	control_metrics_add_answer(&bench.fixture.plane.metrics, 404);
	control_metrics_add_answer(&bench.fixture.plane.metrics, 600);
	ask(&bench, NULL);
	for (unsigned i = 0; i < ARRAY_LENGTH(WANTED); i++)
		expect_body(&bench.fixture, WANTED[i]);
	assert_string_equal(bench.fixture.answer.media, "text/plain; version=0.0.4; charset=utf-8");
	bench_done(&bench);
}

static void a_store_that_fails_is_told(void **state)
{
	(void)state;
	struct bench bench;
	char away[128];
	bench_init(&bench);
	snprintf(away, sizeof(away), "%s.away", bench.fixture.place.path);
	assert_int_equal(rename(bench.fixture.place.path, away), 0);
	expect(&bench.fixture, 503, "GET", "/api/v1/history", NULL, NULL);
	ask(&bench, NULL);
	expect_body(&bench.fixture, "\nheadwater_control_store_works 0\n");
	expect_body(&bench.fixture, "\nheadwater_control_store_errors_total 1\n");
	bench_done(&bench);
}

static void what_edges_count_is_told_by_domain(void **state)
{
	(void)state;
	static const char REPORT[] = "{\"more\":false,\"dropped\":0,\"items\":[{\"domain\":"
	                             "\"a.test\",\"requests\":5,\"backup\":{\"pulls\":2}}]}";
	struct bench bench;
	bench_init(&bench);
	control_stats_begin(bench.fixture.plane.stats, fixture_store(&bench.fixture),
	        bench.fixture.plane.settings);
	control_stats_report(bench.fixture.plane.stats, "r", STR(REPORT), clock_wall_ms());
	while (control_stats_is_busy(bench.fixture.plane.stats))
		loop_turn(bench.loop, 5);
	ask(&bench, "Accept: application/openmetrics-text\r\n");
	expect_body(&bench.fixture, "# TYPE headwater_fleet_requests counter\n"
	                            "headwater_fleet_requests_total{domain=\"a.test\"} 5\n#");
	expect_body(&bench.fixture,
	        "headwater_fleet_origin_pulls_total{domain=\"a.test\",role=\"backup\"} 2\n#");
	expect_body(&bench.fixture, "# UNIT headwater_control_start_time_seconds seconds\n");
	assert_true(str_has_suffix(text_str(&bench.fixture.answer.body), STR("\n# EOF\n")));
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_there_is_is_told),
	        cmocka_unit_test(a_store_that_fails_is_told),
	        cmocka_unit_test(what_edges_count_is_told_by_domain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
