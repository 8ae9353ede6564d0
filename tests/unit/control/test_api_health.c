/* How the edges find addresses, as the API tells it. */
#include "fixture.h"

static const struct link_hub_edge ONE = {.id = "one", .run = "r1", .error = ""};
static const struct link_hub_edge TWO = {.id = "two", .run = "r2", .error = ""};

static const char TOLD[] =
        "{\"more\":false,\"dropped\":2,\"items\":["
        "{\"domain\":\"b.test\",\"address\":\"192.0.2.1:80\",\"protocol\":\"http\",\"state\":"
        "\"blocked\",\"of\":\"server\",\"reason\":\"status\",\"blocked_since_ms\":5,\"left_ms\":"
        "60000,\"successes\":0,\"failures\":6,\"connection_failures\":0},"
        "{\"domain\":\"b.test\",\"address\":\"192.0.2.9:80\",\"protocol\":\"http\",\"state\":"
        "\"usable\",\"successes\":64,\"failures\":0,\"connection_failures\":0},"
        "{\"domain\":\"gone.test\",\"address\":\"192.0.2.3:80\",\"protocol\":\"http\",\"state\":"
        "\"ready\",\"of\":\"host\",\"reason\":\"refused\",\"successes\":0,\"failures\":0,"
        "\"connection_failures\":3}]}";

struct bench {
	struct fixture fixture;
	struct loop *loop;
	struct control_health_sink sink;
};

static void on_wanted(struct control_health_sink *sink, bool is_wanted)
{
	(void)sink;
	(void)is_wanted;
}

static void on_change(struct control_health_sink *sink, const struct control_health_change *change)
{
	(void)sink;
	(void)change;
}

static void begin(struct bench *bench)
{
	fixture_init(&bench->fixture);
	bench->loop = loop_new();
	bench->sink = (struct control_health_sink){.on_wanted = on_wanted, .on_change = on_change};
	struct control_health *health = bench->fixture.plane.health;
	control_health_begin(health, bench->loop, &bench->sink);
	control_health_watch(health);
	create(&bench->fixture, B_TEST);
}

static void end(struct bench *bench)
{
	control_health_unwatch(bench->fixture.plane.health);
	control_health_end(bench->fixture.plane.health);
	loop_turn(bench->loop, 0);
	loop_free(bench->loop);
	fixture_done(&bench->fixture);
}

static void what_is_exceptional_is_listed(void **state)
{
	(void)state;
	struct bench bench;
	struct fixture *fixture = &bench.fixture;
	begin(&bench);
	expect(fixture, 200, "GET", "/api/v1/health", NULL, NULL);
	assert_string_equal(body_of(fixture), "{\"edges\":[],\"items\":[],\"left_out\":0}");
	control_health_add(fixture->plane.health, &ONE);
	control_health_report(fixture->plane.health, &ONE, str_of(TOLD));
	expect(fixture, 200, "GET", "/api/v1/health", NULL, NULL);
	expect_body(fixture, "{\"edges\":[{\"id\":\"one\",\"run\":\"r1\",\"age_ms\":");
	expect_body(fixture, ",\"addresses\":3,\"exceptional\":2,\"dropped\":2}],\"items\":["
	                     "{\"edge\":\"one\",\"run\":\"r1\",\"domain\":\"b.test\",\"roles\":["
	                     "\"origin\"],\"address\":\"192.0.2.1:80\",\"protocol\":\"http\","
	                     "\"state\":\"blocked\",\"of\":\"server\",\"reason\":\"status\","
	                     "\"blocked_since_ms\":5,\"left_ms\":");
	/* Of a domain that is no more, no origin is known. */
	expect_body(fixture, "\"domain\":\"gone.test\",\"address\":\"192.0.2.3:80\"");
	expect_no_text(body_of(fixture), "192.0.2.9");
	expect_body(fixture, "\"left_out\":0}");
	expect(fixture, 200, "GET", "/api/v1/health?all=1&limit=1", NULL, NULL);
	expect_body(fixture, "\"left_out\":2}");
	expect(fixture, 400, "GET", "/api/v1/health?limit=0", NULL, NULL);
	end(&bench);
}

static void each_address_of_a_domain_is_told_by_each_edge(void **state)
{
	(void)state;
	struct bench bench;
	struct fixture *fixture = &bench.fixture;
	begin(&bench);
	control_health_add(fixture->plane.health, &ONE);
	control_health_add(fixture->plane.health, &TWO);
	control_health_report(fixture->plane.health, &ONE, str_of(TOLD));
	expect(fixture, 200, "GET", "/api/v1/domains/B.test/health", NULL, NULL);
	expect_body(fixture, "{\"name\":\"b.test\",\"revision\":1,\"edges\":[{\"id\":\"one\",");
	expect_body(fixture, "{\"id\":\"two\",\"run\":\"r2\"}],\"origin\":[{\"address\":"
	                     "\"192.0.2.1\",\"weight\":1,\"edges\":[{\"edge\":\"one\",\"run\":"
	                     "\"r1\",\"address\":\"192.0.2.1:80\",");
	/* One has not told anything, the other one has not pulled from there. */
	expect_body(fixture, "{\"edge\":\"two\",\"run\":\"r2\",\"state\":\"unknown\"}]}],"
	                     "\"backup\":[{\"address\":\"192.0.2.2\",\"weight\":1,\"edges\":["
	                     "{\"edge\":\"one\",\"run\":\"r1\",\"state\":\"unused\"},{\"edge\":"
	                     "\"two\",\"run\":\"r2\",\"state\":\"unknown\"}]}],\"others\":["
	                     "{\"edge\":\"one\",\"run\":\"r1\",\"address\":\"192.0.2.9:80\"");
	expect_no_text(body_of(fixture), "gone.test");
	create(fixture, A_TEST);
	expect(fixture, 200, "GET", "/api/v1/domains/a.test/health", NULL, NULL);
	expect_body(fixture, "\"backup\":null,\"others\":[]}");
	expect(fixture, 404, "GET", "/api/v1/domains/gone.test/health", NULL, NULL);
	expect_problem(fixture, "no-such-domain");
	end(&bench);
}

static void names_may_share_an_address(void **state)
{
	(void)state;
	struct bench bench;
	struct fixture *fixture = &bench.fixture;
	begin(&bench);
	create(fixture, "{\"name\":\"gone.test\",\"origin\":{\"addresses\":[\"x.test\","
	                "\"y.test\"]}}");
	control_health_add(fixture->plane.health, &ONE);
	control_health_report(fixture->plane.health, &ONE, str_of(TOLD));
	expect(fixture, 200, "GET", "/api/v1/domains/gone.test/health", NULL, NULL);
	expect_body(fixture, "{\"address\":\"x.test\",\"weight\":1,\"edges\":[{\"edge\":\"one\","
	                     "\"run\":\"r1\",\"is_certain\":false,\"address\":\"192.0.2.3:80\",");
	expect_body(fixture, "{\"address\":\"y.test\",\"weight\":1,\"edges\":[{\"edge\":\"one\","
	                     "\"run\":\"r1\",\"is_certain\":false,\"address\":\"192.0.2.3:80\",");
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_exceptional_is_listed),
	        cmocka_unit_test(each_address_of_a_domain_is_told_by_each_edge),
	        cmocka_unit_test(names_may_share_an_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
