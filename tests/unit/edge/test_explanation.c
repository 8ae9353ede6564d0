/* What would become of a request, told. */
#include "edge/explanation.h"

#include "edge/stored.h"
#include "model/json.h"
#include "model/node.h"

static struct {
	struct fixture fixture;
	struct cache_reader *reader;
	struct text told;
	uint64_t later_ms; /* how long after now it is */
} bench;

static int open_bench(void **state)
{
	(void)state;
	fixture_start_cached(&bench.fixture,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: "
	        "[\"$1\"]}}, {name: \"*.b.test\", origin: {addresses: [\"$0\"]}, cache: {mode: "
	        "\"off\"}}, {name: c.test, status: offline, origin: {addresses: [\"$0\"]}}, {name: "
	        "d.test, "
	        "https: {redirect: 308}, origin: {addresses: [\"$0\"]}}, {name: e.test, origin: "
	        "{addresses: [\"$0\"]}, "
	        "resume: {attempts: 0}}]");
	bench.reader = cache_reader_new(bench.fixture.shared.cache);
	assert_non_null(bench.reader);
	bench.later_ms = 0;
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	cache_reader_free(bench.reader);
	text_done(&bench.told);
	fixture_done(&bench.fixture);
	return 0;
}

/* What is told of it. */
static void tell(const char *url, const char *method, const char *fail)
{
	const struct link_question_words words = {str_of(url), str_of(method), str_of(fail)};
	struct link_question question;
	struct model_why why;
	struct arena arena;
	const char *place;
	arena_init(&arena, NULL, 0);
	const struct edge_explanation explanation = {
	        .cache = bench.fixture.shared.cache,
	        .reader = bench.reader,
	        .origins = bench.fixture.shared.origins,
	        .snapshot = bench.fixture.worker->snapshot,
	        .now_ms = clock_ms(),
	        .wall_ms = clock_wall_ms() + bench.later_ms,
	        .arena = &arena,
	};
	assert_true(link_question_make(&arena, &words, &question, &place, &why));
	assert_false(edge_explanation_waits(&explanation, &question));
	text_clear(&bench.told);
	edge_explanation_print(&explanation, &question, &bench.told);
	struct model_problems problems = {0};
	struct model_node *root;
	assert_true(model_json_read(&arena, text_str(&bench.told), &problems, &root));
	arena_reset(&arena);
}

static void expect(const char *what)
{
	if (strstr(text_c(&bench.told), what) == NULL)
		fail_msg("no %s in %s", what, text_c(&bench.told));
}

static void who_has_no_domain_is_told_so(void **state)
{
	(void)state;
	tell("http://x.test/", "GET", "");
	expect("\"outcome\":{\"status\":421,\"x_cache\":\"PASS\",\"from\":\"edge\",\"reason\":"
	       "\"unknown_host\"");
	tell("http://c.test/", "GET", "");
	expect("\"domain\":\"c.test\"");
	expect("\"outcome\":{\"status\":404");
}

static void what_is_not_cached_is_pulled(void **state)
{
	(void)state;
	tell("http://a.test:8080/x?y=z", "GET", "");
	expect("\"cache\":{\"state\":\"missing\",\"key\":\"a.test/x?y=z#http\"}");
	expect("\"is_pulled\":true,\"attempts\":[{\"role\":\"origin\"");
	expect("\"outcome\":{\"status\":200,\"x_cache\":\"MISS\",\"from\":\"origin\"");
	tell("http://a.test/x", "HEAD", "");
	expect("\"x_cache\":\"PASS\"");
	tell("http://a.test/x", "POST", "");
	expect("\"state\":\"not_looked_up\"");
	tell("http://www.b.test/x", "GET", "master=404");
	expect("\"domain\":\"*.b.test\"");
	expect("\"state\":\"off\"");
	expect("\"outcome\":{\"status\":404,\"x_cache\":\"PASS\",\"from\":\"origin\"");
}

static void failures_lead_where_the_table_says(void **state)
{
	(void)state;
	tell("http://a.test/x", "GET", "master=refused,backup=404");
	expect("\"reason\":\"connect_refused\",\"then\":\"the hot backup origin is asked\"}");
	expect("\"outcome\":{\"status\":404,\"x_cache\":\"MISS\",\"from\":\"backup\"");
	tell("http://a.test/x", "GET", "master=503,backup=reset");
	expect("\"outcome\":{\"status\":503,\"x_cache\":\"MISS\",\"from\":\"origin\"");
	tell("http://a.test/x", "GET", "master=refused,backup=timeout");
	expect("\"outcome\":{\"status\":504,\"x_cache\":\"MISS\",\"from\":\"edge\",\"reason\":"
	       "\"head_timeout\"");
	tell("http://a.test/x", "PUT", "master=closed");
	expect("so it is not sent again");
}

static void what_is_stored_is_told_with_its_age(void **state)
{
	(void)state;
	remember(&bench.fixture, "a.test/x#http", PLAIN_REQUEST,
	        "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nVary: X-Kind\r\n\r\n", 7);
	tell("http://a.test/x", "GET", "");
	expect("\"state\":\"fresh\"");
	expect("\"status\":200,\"length\":7,\"age_s\":");
	expect("\"may_be_sent\":\"fresh\",\"vary\":[\"x-kind\"]}");
	expect("\"is_pulled\":false");
	expect("\"outcome\":{\"status\":200,\"x_cache\":\"HIT\",\"from\":\"cache\"");
}

static void what_is_stale_stands_in_where_the_origins_fail(void **state)
{
	(void)state;
	remember(&bench.fixture, "a.test/x#http", PLAIN_REQUEST,
	        "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n\r\n", 7);
	remember(&bench.fixture, "a.test/y#http", PLAIN_REQUEST,
	        "HTTP/1.1 200 OK\r\nCache-Control: max-age=100, must-revalidate\r\n\r\n", 7);
	bench.later_ms = 200000;
	tell("http://a.test/x", "GET", "");
	expect("\"state\":\"stale\"");
	expect("\"fresh_for_s\":-1");
	expect("\"may_be_sent\":\"on_error\"");
	expect("\"x_cache\":\"MISS\"");
	tell("http://a.test/x", "GET", "master=refused,backup=503");
	expect("\"outcome\":{\"status\":200,\"x_cache\":\"STALE\",\"from\":\"cache\",\"words\":"
	       "\"the status is one of stale.statuses");
	tell("http://a.test/x", "GET", "master=refused,backup=refused");
	expect("the origins fail, so the stale copy is sent");
	tell("http://a.test/x", "GET", "master=404");
	expect("\"x_cache\":\"MISS\",\"from\":\"backup\"");
	tell("http://a.test/y", "GET", "master=refused,backup=refused");
	expect("\"may_be_sent\":\"");
	expect("\"state\":\"stale\"");
}

static void blocks_are_told(void **state)
{
	(void)state;
	struct origin_health *health = origin_shared_health(bench.fixture.shared.origins);
	struct address address;
	assert_true(address_parse(str_of(bench.fixture.origins[0].where), &address));
	struct origin_host *host = origin_health_host(health, &address);
	origin_health_probed_host(host, false, FAULT_CONNECT_TIMEOUT, clock_ms());
	tell("http://a.test/x", "GET", "");
	expect("\"state\":\"blocked\",\"is_usable\":false,\"of\":\"host\",\"reason\":\"connect_"
	       "timeout\",\"left_ms\":");
	expect("\"attempts\":[{\"role\":\"backup\"");
	expect("Every address of the master is blocked.");
	origin_health_host_unref(host);
}

static void who_comes_without_tls_may_be_sent_away(void **state)
{
	(void)state;
	tell("http://d.test/x", "GET", "");
	expect("\"outcome\":{\"status\":308,\"x_cache\":\"PASS\",\"from\":\"edge\",\"words\":\"who "
	       "comes without TLS");
	tell("https://d.test/x", "GET", "");
	expect("\"outcome\":{\"status\":200,\"x_cache\":\"MISS\",\"from\":\"origin\"");
}

static void what_becomes_of_a_body_that_breaks_off_is_told(void **state)
{
	(void)state;
	tell("http://a.test/", "GET", "");
	expect("Should the body break off, its rest is asked for where a strong ETag tells the "
	       "version: at the same address, 0 more of the master, and 1 of the other origin; 3 "
	       "attempts at most");
	tell("http://x.b.test/", "GET", "");
	expect("0 more of the master, and 0 of the other origin");
	tell("http://e.test/", "GET", "");
	expect("so does the response: resume.attempts is 0.");
	tell("http://a.test/", "HEAD", "");
	assert_null(strstr(text_c(&bench.told), "break off"));
	tell("http://a.test/", "GET", "master=404,backup=404");
	assert_null(strstr(text_c(&bench.told), "break off"));
}

int main(void)
{
	hash_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
	const struct CMUnitTest tests[] = {
	        TEST(who_has_no_domain_is_told_so),
	        TEST(what_is_not_cached_is_pulled),
	        TEST(failures_lead_where_the_table_says),
	        TEST(what_is_stored_is_told_with_its_age),
	        TEST(what_is_stale_stands_in_where_the_origins_fail),
	        TEST(blocks_are_told),
	        TEST(what_becomes_of_a_body_that_breaks_off_is_told),
	        TEST(who_comes_without_tls_may_be_sent_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
