/* What was counted, as the API tells it. */
#include "fixture.h"

#define NOW    UINT64_C(1700000000000)
#define MINUTE (NOW / STORE_MINUTE_MS * STORE_MINUTE_MS)
#define PATH   "/api/v1/stats"

struct bench {
	struct fixture fixture;
	struct control_stats_sink sink;
	struct loop *loop;
};

static void bench_init(struct bench *bench)
{
	fixture_init(&bench->fixture);
	bench->fixture.now_ms = NOW;
	bench->loop = loop_new();
	bench->fixture.plane.stats = control_stats_new(bench->loop, &bench->sink);
}

static void bench_done(struct bench *bench)
{
	control_stats_free(bench->fixture.plane.stats);
	loop_free(bench->loop);
	fixture_done(&bench->fixture);
}

static void add(struct bench *bench, const char *domain, uint64_t at_ms, const char *counts)
{
	struct sums sums = {0};
	sums_read(str_of(counts), &sums);
	const struct store_stats_row row = {str_of(domain), &sums};
	const struct store_stats_batch batch = {.now_ms = at_ms, .rows = &row, .row_count = 1};
	assert_int_equal(store_stats_add(fixture_store(&bench->fixture), &batch), STORE_DONE);
	sums_done(&sums);
}

static void ask(struct bench *bench, unsigned status, const char *query)
{
	char target[160];
	snprintf(target, sizeof(target), PATH "%s", query);
	expect(&bench->fixture, status, "GET", target, NULL, NULL);
}

/* What an origin counts behind its bytes. */
#define NOTHING_ELSE                                                                               \
	"\"status_2xx\":0,\"status_3xx\":0,\"status_4xx\":0,\"status_5xx\":0,\"hedges\":0,"        \
	"\"hedges_won\":0}"
#define NO_PULLS "{\"total\":{\"pulls\":0,\"bytes\":0," NOTHING_ELSE ",\"series\":[]}"

static void sums_and_series_are_told_by_domain_and_role(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	add(&bench, "a.test", MINUTE - 120000, "requests=3 hits=1 faults.range=2 origin.pulls=2");
	add(&bench, "a.test", MINUTE - 60000, "requests=4 bytes_out=9");
	add(&bench, "b.test", MINUTE - 60000, "requests=100");
	ask(&bench, 200, "?domain=A.test&from_ms=1699999860000&to_ms=1699999980000");
	assert_string_equal(body_of(&bench.fixture),
	        "{\"from_ms\":1699999860000,\"to_ms\":1699999980000,\"step\":60000,"
	        "\"domain\":\"a.test\",\"client\":{\"total\":{\"requests\":7,\"hits\":1,"
	        "\"bytes_in\":0,\"bytes_out\":9,\"status_2xx\":0,\"status_3xx\":0,"
	        "\"status_4xx\":0,\"status_5xx\":0,\"faults\":{\"range\":2}},\"series\":["
	        "{\"at_ms\":1699999860000,\"requests\":3,\"hits\":1,\"bytes_in\":0,"
	        "\"bytes_out\":0,\"status_2xx\":0,\"status_3xx\":0,\"status_4xx\":0,"
	        "\"status_5xx\":0,\"faults\":{\"range\":2}},"
	        "{\"at_ms\":1699999920000,\"requests\":4,\"hits\":0,\"bytes_in\":0,"
	        "\"bytes_out\":9,\"status_2xx\":0,\"status_3xx\":0,\"status_4xx\":0,"
	        "\"status_5xx\":0}]},\"origin\":{\"total\":{\"pulls\":2,\"bytes\":0," NOTHING_ELSE
	        ",\"series\":[{\"at_ms\":1699999860000,\"pulls\":2,\"bytes\":0," NOTHING_ELSE
	        "]},\"backup\":" NO_PULLS "}");
	/* Without more, the last hour of all. */
	ask(&bench, 200, "");
	expect_body(&bench.fixture, "\"step\":60000,\"client\":{\"total\":{\"requests\":107,");
	expect_no_text(body_of(&bench.fixture), "\"domain\"");
	bench_done(&bench);
}

static void minutes_are_added_up_to_steps(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	/* An hour begins at ...2000 s. */
	add(&bench, "a.test", UINT64_C(1699999200000), "requests=1");
	add(&bench, "a.test", UINT64_C(1699999200000) + 3540000, "requests=2");
	add(&bench, "a.test", UINT64_C(1699999200000) + 3600000, "requests=4");
	ask(&bench, 200, "?domain=a.test&from_ms=1699999300000&to_ms=1700010000000&step=3600000");
	expect_body(&bench.fixture, "{\"from_ms\":1699999200000,\"to_ms\":1700010000000,");
	expect_body(&bench.fixture, "\"series\":[{\"at_ms\":1699999200000,\"requests\":3,");
	expect_body(&bench.fixture, "{\"at_ms\":1700002800000,\"requests\":4,");
	bench_done(&bench);
}

static void requests_to_no_domain_have_an_empty_name(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	add(&bench, "", NOW, "requests=5");
	add(&bench, "*", NOW, "requests=6");
	ask(&bench, 200, "?domain=&to_ms=1700000040000");
	expect_body(&bench.fixture, "\"domain\":\"\",\"client\":{\"total\":{\"requests\":5,");
	ask(&bench, 200, "?domain=*&to_ms=1700000040000");
	expect_body(&bench.fixture, "\"domain\":\"*\",\"client\":{\"total\":{\"requests\":6,");
	ask(&bench, 200, "?domain=absent.test");
	expect_body(&bench.fixture,
	        "\"domain\":\"absent.test\",\"client\":{\"total\":{\"requests\":0,");
	bench_done(&bench);
}

static void a_span_has_bounds(void **state)
{
	(void)state;
	static const struct {
		unsigned status;
		const char *query;
	} ROWS[] = {
	        {400, "?from_ms=x"},
	        {400, "?from_ms=-1"},
	        {400, "?from_ms=9007199254740992"},
	        {400, "?from_ms=1700000000001"},
	        {400, "?from_ms=20&to_ms=10"},
	        {400, "?step=0"},
	        {400, "?step=59999"},
	        {400, "?step=60001"},
	        {400, "?step="},
	        {400, "?from_ms=0&to_ms=120000000&step=60000"},
	        {200, "?from_ms=0&to_ms=119999999&step=60000"},
	        {200, "?from_ms=0&to_ms=9007199254740991"},
	        {200, "?from_ms=9007199254740991&to_ms=9007199254740991"},
	        {200, "?to_ms=0"},
	        {200, "?step=9007199254740000"},
	};
	struct bench bench;
	bench_init(&bench);
	add(&bench, "a.test", NOW, "requests=5");
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		ask(&bench, ROWS[i].status, ROWS[i].query);
		if (ROWS[i].status == 400)
			expect_problem(&bench.fixture, "bad-request");
	}
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
	ask(&bench, 503, "");
	expect_problem(&bench.fixture, "store-unavailable");
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sums_and_series_are_told_by_domain_and_role),
	        cmocka_unit_test(minutes_are_added_up_to_steps),
	        cmocka_unit_test(requests_to_no_domain_have_an_empty_name),
	        cmocka_unit_test(a_span_has_bounds),
	        cmocka_unit_test(a_store_that_fails_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
