/* What a stream of events begins with. */
#include "fixture.h"

static void it_begins_with_how_things_are(void **state)
{
	(void)state;
	struct fixture fixture;
	const struct link_hub_edge edge = {.id = "e", .applied = 1, .run = "n", .error = ""};
	fixture_init(&fixture);
	fixture.now_ms = 77;
	control_fleet_set(fixture.plane.fleet, &edge, 5);
	expect(&fixture, 200, "GET", "/api/v1/events", NULL, NULL);
	assert_string_equal(body_of(&fixture),
	        "retry: 2000\n\nevent: begin\ndata: {\"at_ms\":77,\"revision\":0,\"edges\":["
	        "{\"id\":\"e\",\"run\":\"n\",\"is_connected\":true,\"applied\":1,\"purged\":0,"
	        "\"since_ms\":5}]}\n\n");
	assert_string_equal(fixture.answer.media, "text/event-stream");
	assert_true(fixture.answer.is_stream);
	assert_string_equal(fields_of(&fixture), "X-Accel-Buffering: no\r\n");
	assert_int_equal(fixture.answer.domain.len, 0);
	struct control_call call;
	begin_call(&fixture, &call, "GET", "/api/v1/events?domain=A.test.", NULL, NULL);
	call.route->run(&call);
	assert_true(str_is_equal(call.answer.domain, STR("a.test")));
	end_call(&fixture, &call);
	/* No other answer is one. */
	expect(&fixture, 200, "GET", "/api/v1/status", NULL, NULL);
	assert_false(fixture.answer.is_stream);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_begins_with_how_things_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
