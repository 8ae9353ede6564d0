/* What is refused before an edge is asked. */
#include "fixture.h"

static void what_makes_no_sense_asks_nobody(void **state)
{
	(void)state;
	static const char *const TARGETS[] = {
	        "/api/v1/explain",
	        "/api/v1/explain?url=",
	        "/api/v1/explain?url=/a",
	        "/api/v1/explain?url=http://a.test/&method=get",
	        "/api/v1/explain?url=http://a.test/&fail=refused",
	};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(TARGETS); i++) {
		expect(&fixture, 400, "GET", TARGETS[i], NULL, NULL);
		expect_problem(&fixture, "bad-request");
	}
	fixture_done(&fixture);
}

static void without_an_edge_nobody_is_asked(void **state)
{
	(void)state;
	struct fixture fixture;
	struct loop *loop = loop_new();
	fixture_init(&fixture);
	fixture.plane.asks = control_asks_new(loop);
	control_asks_end(fixture.plane.asks);
	expect(&fixture, 504, "GET", "/api/v1/explain?url=http://a.test/", NULL, NULL);
	expect_problem(&fixture, "no-answer");
	loop_turn(loop, 0);
	control_asks_free(fixture.plane.asks);
	loop_free(loop);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_makes_no_sense_asks_nobody),
	        cmocka_unit_test(without_an_edge_nobody_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
