/* What was counted, as the API tells it. */
#include "base/limit.h"
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
	"\"hedges_won\":0,\"broken\":0,\"resumed\":0,\"unsure\":0}"
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
	        "\"domain\":\"a.test\",\"gaps\":[],\"client\":{\"total\":{\"requests\":7,\"hits\":"
	        "1,"
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
	expect_body(&bench.fixture,
	        "\"step\":60000,\"gaps\":[{\"from_ms\":1699996380000,\"to_ms\":1699999860000}],"
	        "\"client\":{\"total\":{\"requests\":107,");
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
	expect_body(&bench.fixture, "\"client\":{\"total\":{\"requests\":5,");
	ask(&bench, 200, "?domain=*&to_ms=1700000040000");
	expect_body(&bench.fixture, "\"domain\":\"*\",\"gaps\":");
	expect_body(&bench.fixture, "\"client\":{\"total\":{\"requests\":6,");
	ask(&bench, 200, "?domain=absent.test");
	expect_body(&bench.fixture, "\"domain\":\"absent.test\",\"gaps\":");
	expect_body(&bench.fixture, "\"client\":{\"total\":{\"requests\":0,");
	bench_done(&bench);
}

static void gaps_are_steps_of_which_nothing_is_known(void **state)
{
	(void)state;
	static const struct {
		const char *query, *gaps;
	} ROWS[] = {
	        /* minutes: -6 known, -5 and -4 not, -3 known, -2 not, -1 not, now not over */
	        {"?from_ms=1699999620000&to_ms=1700000040000",
	                "[{\"from_ms\":1699999680000,\"to_ms\":1699999800000},"
	                "{\"from_ms\":1699999860000,\"to_ms\":1699999980000}]"},
	        {"?from_ms=1699999680000&to_ms=1699999740000",
	                "[{\"from_ms\":1699999680000,\"to_ms\":1699999740000}]"},
	        {"?from_ms=1699999620000&to_ms=1699999680000", "[]"},
	        {"?from_ms=1699999980000&to_ms=1700000100000", "[]"},
	        {"?from_ms=1700010000000&to_ms=1700020000000", "[]"},
	        {"?from_ms=1699999560000&to_ms=1699999980000&step=180000", "[]"},
	};
	struct bench bench;
	bench_init(&bench);
	const struct store_stats_batch heard = {.now_ms = MINUTE - 360000, .is_heard = true};
	assert_int_equal(store_stats_add(fixture_store(&bench.fixture), &heard), STORE_DONE);
	add(&bench, "b.test", MINUTE - 180000, "requests=1");
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		char wanted[256];
		char query[160];
		snprintf(query, sizeof(query), "%s&domain=a.test", ROWS[i].query);
		snprintf(wanted, sizeof(wanted), "\"gaps\":%s,\"client\"", ROWS[i].gaps);
		ask(&bench, 200, query);
		expect_body(&bench.fixture, wanted);
		expect_body(&bench.fixture, "\"requests\":0,");
	}
	bench_done(&bench);
}

static void how_long_requests_took_is_told_by_percentiles(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	/* Buckets 17 and 18 begin at 1024 and 1280 us. */
	add(&bench, "a.test", MINUTE - 120000, "requests=60 first_byte=17:60 whole=18:60");
	add(&bench, "a.test", MINUTE - 60000, "requests=40 first_byte=17:40 whole=18:39,81:1");
	ask(&bench, 200, "?domain=a.test");
	expect_body(&bench.fixture, "\"first_byte_us\":{\"count\":100,\"p50\":1152,"
	                            "\"p95\":1267,\"p99\":1277},"
	                            "\"whole_us\":{\"count\":100,\"p50\":1409,"
	                            "\"p95\":1525,\"p99\":1536}},\"series\":[");
	expect_body(&bench.fixture, "\"whole_us\":{\"count\":60,\"p50\":1408,");
	ask(&bench, 200, "?domain=b.test");
	expect_no_text(body_of(&bench.fixture), "_us\":{");
	bench_done(&bench);
}

static void the_last_hour_of_many_domains_is_told_at_once(void **state)
{
	(void)state;
	struct bench bench;
	struct text nulls = {0}, wanted = {0};
	bench_init(&bench);
	add(&bench, "a.test", MINUTE - 3660000, "requests=1000");
	add(&bench, "a.test", MINUTE - 3600000, "requests=3 hits=2");
	add(&bench, "a.test", MINUTE - 60000, "requests=4 status_5xx=1");
	add(&bench, "a.test", MINUTE, "requests=2000");
	for (unsigned i = 0; i < 58; i++)
		text_add(&nulls, STR("null,"));
	text_addf(&wanted,
	        "{\"from_ms\":1699996380000,\"to_ms\":1699999980000,\"step\":60000,\"items\":["
	        "{\"domain\":\"a.test\",\"total\":7,\"hits\":2,\"status_5xx\":1,"
	        "\"requests\":[3,%s4]},"
	        "{\"domain\":\"b.test\",\"total\":0,\"hits\":0,\"status_5xx\":0,"
	        "\"requests\":[0,%s0]}]}",
	        text_c(&nulls), text_c(&nulls));
	expect(&bench.fixture, 200, "GET", PATH "/recent?domains=A.test,b.test", NULL, NULL);
	assert_string_equal(body_of(&bench.fixture), text_c(&wanted));
	text_done(&nulls);
	text_done(&wanted);
	bench_done(&bench);
}

static void so_many_names_can_be_asked_for(void **state)
{
	(void)state;
	struct bench bench;
	struct text target = {0};
	static const char *const ROWS[] = {
	        "", "?domains=", "?domains=,", "?domains=a.test,", "?domains=a.test,,b.test"};
	bench_init(&bench);
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		text_clear(&target);
		text_addf(&target, PATH "/recent%s", ROWS[i]);
		expect(&bench.fixture, 400, "GET", text_c(&target), NULL, NULL);
		expect_problem(&bench.fixture, "bad-request");
	}
	text_clear(&target);
	text_add(&target, STR(PATH "/recent?domains=a"));
	for (unsigned i = 1; i < LIMIT_STATS_NAMES; i++)
		text_add(&target, STR(",a"));
	expect(&bench.fixture, 200, "GET", text_c(&target), NULL, NULL);
	text_add(&target, STR(",a"));
	expect(&bench.fixture, 400, "GET", text_c(&target), NULL, NULL);
	text_done(&target);
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
	        cmocka_unit_test(gaps_are_steps_of_which_nothing_is_known),
	        cmocka_unit_test(how_long_requests_took_is_told_by_percentiles),
	        cmocka_unit_test(the_last_hour_of_many_domains_is_told_at_once),
	        cmocka_unit_test(so_many_names_can_be_asked_for),
	        cmocka_unit_test(a_span_has_bounds),
	        cmocka_unit_test(a_store_that_fails_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
