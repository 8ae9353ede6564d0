/* How the control plane is. */
#include "fixture.h"

static void the_status_tells_what_there_is(void **state)
{
	(void)state;
	struct fixture fixture;
	const struct link_hub_edge edge = {.id = "e", .applied = 1, .run = "n", .error = ""};
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	control_fleet_set(fixture.plane.fleet, &edge, 5);
	fixture.now_ms = 77;
	expect(&fixture, 200, "GET", "/api/v1/status", NULL, NULL);
	char wanted[512];
	snprintf(wanted, sizeof(wanted),
	        "{\"version\":\"" HEADWATER_VERSION "\",\"began_ms\":%llu,\"now_ms\":77,"
	        "\"rules\":\"classic\",\"managed_by\":\"store\",\"revision\":1,\"domains\":1,"
	        "\"edges\":1,\"store\":{\"works\":true,\"bytes\":%llu}}",
	        (unsigned long long)fixture.plane.metrics.began_ms,
	        (unsigned long long)store_bytes(fixture_store(&fixture)));
	assert_string_equal(body_of(&fixture), wanted);
	assert_true(store_bytes(fixture_store(&fixture)) > 4096);
	fixture.plane.rules = MODEL_EXTENDED;
	fixture.plane.file = "/etc/\"domains\".yaml";
	control_plane_set_trouble(&fixture.plane, STR("it is \"full\""));
	expect(&fixture, 200, "GET", "/api/v1/status", NULL, NULL);
	expect_body(
	        &fixture, "\"rules\":\"extended\",\"managed_by\":\"/etc/\\\"domains\\\".yaml\"");
	expect_body(&fixture, "\"store\":{\"works\":false,\"bytes\":");
	expect_body(&fixture, ",\"error\":\"it is \\\"full\\\"\"}}");
	fixture_done(&fixture);
}

static void edges_are_listed_with_what_they_have(void **state)
{
	(void)state;
	struct fixture fixture;
	const struct link_hub_edge edge = {
	        .id = "e", .applied = 1, .run = "n", .version = "9.9.9", .error = ""};
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", "/api/v1/edges", NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"revision\":0,\"items\":[]}");
	control_fleet_set(fixture.plane.fleet, &edge, 5);
	create(&fixture, A_TEST);
	create(&fixture, B_TEST);
	expect(&fixture, 200, "GET", "/api/v1/edges", NULL, NULL);
	assert_string_equal(body_of(&fixture),
	        "{\"revision\":2,\"items\":[{\"id\":\"e\",\"run\":"
	        "\"n\",\"version\":\"9.9.9\",\"is_connected\":true,\"applied\":1,\"purged\":0,"
	        "\"since_ms\":5}]}");
	fixture_done(&fixture);
}

static void health_is_a_line_of_words(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", "/healthz", NULL, NULL);
	assert_string_equal(body_of(&fixture), "ok\n");
	assert_string_equal(fixture.answer.media, "text/plain; charset=utf-8");
	control_plane_set_trouble(&fixture.plane, STR("it is full"));
	expect(&fixture, 503, "GET", "/healthz", NULL, NULL);
	assert_string_equal(body_of(&fixture), "the store does not work: it is full\n");
	fixture_done(&fixture);
}

static void the_description_of_the_api_is_served(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", "/api/v1/openapi.yaml", NULL, NULL);
	assert_string_equal(fixture.answer.media, "application/yaml");
	assert_memory_equal(body_of(&fixture), "openapi: 3.1.0\n", 15);
	assert_int_equal(fixture.answer.body.at[fixture.answer.body.len - 1], '\n');
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_status_tells_what_there_is),
	        cmocka_unit_test(edges_are_listed_with_what_they_have),
	        cmocka_unit_test(health_is_a_line_of_words),
	        cmocka_unit_test(the_description_of_the_api_is_served),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
