/* Purges by the API: made, listed, and how far each edge is. */
#include "fixture.h"

#include "base/limit.h"
#include "control/purges.h"

#define PURGES "/api/v1/purges"

static void what_cannot_be_purged_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *body, *error;
	} ROWS[] = {
	        {"{}", "{\"pointer\":\"/what\",\"rule\":\"missing\""},
	        {"{\"what\":\"all\",\"values\":[\"x\"]}",
	                "{\"pointer\":\"/what\",\"rule\":\"choice\""},
	        {"{\"what\":1}", "{\"pointer\":\"/what\",\"rule\":\"choice\""},
	        {"{\"what\":\"domain\"}", "{\"pointer\":\"/values\",\"rule\":\"missing\""},
	        {"{\"what\":\"domain\",\"values\":[]}",
	                "{\"pointer\":\"/values\",\"rule\":\"type\""},
	        {"{\"what\":\"domain\",\"values\":\"a.test\"}",
	                "{\"pointer\":\"/values\",\"rule\":\"type\""},
	        {"{\"what\":\"domain\",\"values\":[1]}",
	                "{\"pointer\":\"/values/0\",\"rule\":\"type\""},
	        {"{\"what\":\"domain\",\"values\":[\"a.test\",\"c.test\"]}",
	                "{\"pointer\":\"/values/1\",\"rule\":\"unknown\""},
	        {"{\"what\":\"url\",\"values\":[\"http://c.test/x\"]}",
	                "{\"pointer\":\"/values/0\",\"rule\":\"unknown\""},
	        {"{\"what\":\"url\",\"values\":[\"nonsense\"]}", "{\"pointer\":\"/values/0\""},
	        {"{\"what\":\"domain\",\"values\":[\"a.test\"],\"mode\":\"gentle\"}",
	                "{\"pointer\":\"/mode\",\"rule\":\"choice\""},
	        {"{\"what\":\"domain\",\"values\":[\"a.test\"],\"domain\":\"a.test\"}",
	                "{\"pointer\":\"/domain\",\"rule\":\"exclusive\""},
	        {"{\"what\":\"tag\",\"values\":[\"t\"]}",
	                "{\"pointer\":\"/domain\",\"rule\":\"missing\""},
	        {"{\"what\":\"tag\",\"values\":[\"t\"],\"domain\":\"c.test\"}",
	                "{\"pointer\":\"/domain\",\"rule\":\"unknown\""},
	        {"{\"what\":\"domain\",\"values\":[\"a.test\"],\"x\":1}",
	                "{\"pointer\":\"/x\",\"rule\":\"unknown-field\""},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, 422, "POST", PURGES, ROWS[i].body, NULL);
		expect_problem(&fixture, "invalid");
		expect_body(&fixture, ROWS[i].error);
	}
	expect(&fixture, 400, "POST", PURGES, "nonsense", NULL);
	expect(&fixture, 200, "GET", PURGES, NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[]}");
	fixture_done(&fixture);
}

/* A purge of a URL which makes it so many bytes long; freed by the caller. */
static char *make_long(size_t bytes)
{
	static const char AS_TOLD[] = "{\"v\":1,\"do\":\"purge\",\"what\":\"url\",\"values\":["
	                              "\"http://a.test/\"],\"mode\":\"hard\"}";
	struct text body = {0};
	text_add(&body, STR("{\"what\":\"url\",\"values\":[\"http://a.test/"));
	for (size_t length = sizeof(AS_TOLD) - 1; length < bytes; length++)
		text_add_char(&body, 'x');
	text_add(&body, STR("\"]}"));
	return body.at;
}

/* Who connects must be told it in one message, after any restart. */
static void a_purge_that_no_message_holds_is_not_kept(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct loop *loop = loop_new();
	struct disk *disk = disk_new(1);
	fixture.plane.purges = control_purges_new(loop, disk);
	create(&fixture, A_TEST);
	static const size_t LENGTHS[] = {LIMIT_PURGE_BYTES + 1, LIMIT_LINK_MESSAGE_BYTES,
	        LIMIT_LINK_MESSAGE_BYTES + 1, LIMIT_API_BODY_BYTES};
	for (size_t i = 0; i < ARRAY_LENGTH(LENGTHS); i++) {
		char *body = make_long(LENGTHS[i]);
		expect(&fixture, 422, "POST", PURGES, body, NULL);
		expect_problem(&fixture, "invalid");
		expect_body(&fixture, "{\"pointer\":\"/values\",\"rule\":\"range\"");
		mem_free(body);
	}
	expect(&fixture, 200, "GET", PURGES, NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[]}");
	char *body = make_long(LIMIT_PURGE_BYTES);
	expect(&fixture, 202, "POST", PURGES, body, NULL);
	mem_free(body);
	disk_free(disk);
	loop_turn(loop, 0);
	control_purges_free(fixture.plane.purges);
	loop_free(loop);
	fixture_done(&fixture);
}

static void a_purge_is_made_and_listed_and_read(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct loop *loop = loop_new();
	struct disk *disk = disk_new(1);
	fixture.plane.purges = control_purges_new(loop, disk);
	create(&fixture, A_TEST);
	for (unsigned i = 0; i < 3; i++)
		expect(&fixture, 202, "POST", PURGES,
		        "{\"what\":\"url\",\"values\":[\"http://a.test/x\"],\"mode\":\"soft\"}",
		        NULL);
	expect_body(&fixture, "{\"number\":3,\"revision\":1,\"purge\":{");
	expect_text(fields_of(&fixture), "Location: /api/v1/purges/3\r\n");
	expect(&fixture, 200, "GET", PURGES "?limit=2", NULL, NULL);
	expect_body(&fixture, "{\"items\":[{\"number\":3,");
	expect_body(&fixture, "\"who\":\"ada\"");
	expect_body(&fixture, "],\"next\":2}");
	expect(&fixture, 200, "GET", PURGES "?before=2", NULL, NULL);
	expect_body(&fixture, "{\"items\":[{\"number\":1,");
	expect_no_text(body_of(&fixture), "next");
	expect(&fixture, 200, "GET", PURGES "/1", NULL, NULL);
	expect_body(&fixture, "\"state\":\"done\",\"edges\":[]}");
	/* What a connected edge has said counts before the store has heard of it. */
	const struct store_acknowledgement known = {.edge = "n"};
	assert_int_equal(store_tasks_acknowledge(fixture_store(&fixture), &known, 1), STORE_DONE);
	struct link_hub_edge edge = {.id = "n", .run = "e", .purged = 1, .error = ""};
	assert_true(control_fleet_set(fixture.plane.fleet, &edge, 5));
	expect(&fixture, 200, "GET", PURGES "/1", NULL, NULL);
	expect_body(&fixture, "\"state\":\"done\",\"edges\":[{\"edge\":\"n\",\"state\":\"done\","
	                      "\"is_connected\":true}]}");
	expect(&fixture, 200, "GET", PURGES "/2", NULL, NULL);
	expect_body(&fixture, "\"state\":\"waits\",\"edges\":[{\"edge\":\"n\",\"state\":\"waits\"");
	/* One that has just come, or could not be noted, has to do it as well. */
	struct link_hub_edge late = {.id = "m", .run = "f", .purged = 1, .error = ""};
	assert_true(control_fleet_set(fixture.plane.fleet, &late, 6));
	edge.purged = 2;
	assert_false(control_fleet_set(fixture.plane.fleet, &edge, 7));
	expect(&fixture, 200, "GET", PURGES "/2", NULL, NULL);
	expect_body(&fixture, "\"state\":\"waits\",\"edges\":[{\"edge\":\"n\",\"state\":\"done\","
	                      "\"is_connected\":true},{\"edge\":\"m\",\"state\":\"waits\","
	                      "\"is_connected\":true}]}");
	late.purged = 2;
	assert_false(control_fleet_set(fixture.plane.fleet, &late, 8));
	expect(&fixture, 200, "GET", PURGES "/2", NULL, NULL);
	expect_body(&fixture, "\"state\":\"done\",\"edges\":[{\"edge\":\"n\"");
	static const char *const NOWHERE[] = {"/0", "/4", "/x", "/18446744073709551615"};
	for (size_t i = 0; i < ARRAY_LENGTH(NOWHERE); i++) {
		char path[64];
		snprintf(path, sizeof(path), "%s%s", PURGES, NOWHERE[i]);
		expect(&fixture, 404, "GET", path, NULL, NULL);
		expect_problem(&fixture, "not-found");
	}
	expect(&fixture, 400, "GET", PURGES "?limit=0", NULL, NULL);
	disk_free(disk);
	loop_turn(loop, 0);
	control_purges_free(fixture.plane.purges);
	loop_free(loop);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_cannot_be_purged_is_refused),
	        cmocka_unit_test(a_purge_that_no_message_holds_is_not_kept),
	        cmocka_unit_test(a_purge_is_made_and_listed_and_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
