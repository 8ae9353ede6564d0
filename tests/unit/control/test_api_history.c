/* What was changed, by whom, page by page; and back to a version from before. */
#include "fixture.h"

#define PATH     "/api/v1/domains/a.test"
#define ROLLBACK "/api/v1/domains/a.test/rollback"

static void the_history_tells_each_change(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", "/api/v1/history", NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[]}");
	create(&fixture, A_TEST);
	expect(&fixture, 200, "PATCH", PATH, "{\"debug\":true}", NULL);
	expect(&fixture, 204, "DELETE", PATH, NULL, "If-Match: *\r\n");
	create(&fixture, B_TEST);
	expect(&fixture, 200, "GET", "/api/v1/domains/A.test/history", NULL, NULL);
	expect_body(&fixture, "{\"items\":[{\"revision\":3,\"at_ms\":1");
	expect_body(&fixture, "\"of\":\"domain\",\"name\":\"a.test\",\"who\":\"ada\",\"action\":"
	                      "\"domain.delete\","
	                      "\"what\":\"removed\",\"diff\":[");
	expect_body(&fixture,
	        "\"action\":\"domain.change\",\"what\":\"changed\",\"diff\":[\"debug: off "
	        "-> on\"]}");
	expect_body(&fixture, "\"action\":\"domain.create\",\"what\":\"created\",\"diff\":[");
	expect_no_text(body_of(&fixture), "b.test");
	expect_no_text(body_of(&fixture), "next");
	expect(&fixture, 200, "GET", "/api/v1/history", NULL, NULL);
	expect_body(&fixture, "{\"items\":[{\"revision\":4,");
	expect_body(&fixture, "{\"revision\":1,");
	/* Of a name that there never was, there is none. */
	expect(&fixture, 200, "GET", "/api/v1/domains/c.test/history", NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[]}");
	fixture_done(&fixture);
}

/* How often a text is in another. */
static unsigned count_of(const char *where, const char *what)
{
	unsigned count = 0;
	for (; (where = strstr(where, what)) != NULL; where += strlen(what))
		count++;
	return count;
}

static void pages_of_the_history_have_all_and_each_once(void **state)
{
	(void)state;
	static const char *const PATHS[] = {"/api/v1/history", "/api/v1/domains/a.test/history"};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	for (unsigned i = 0; i < 9; i++)
		expect(&fixture, 200, "PATCH", PATH,
		        i % 2 == 0 ? "{\"debug\":true}" : "{\"debug\":false}", NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
		unsigned long long before = 0;
		unsigned seen = 0, pages = 0;
		for (;;) {
			char target[96];
			snprintf(
			        target, sizeof(target), "%s?limit=4&before=%llu", PATHS[i], before);
			expect(&fixture, 200, "GET", target, NULL, NULL);
			seen += count_of(body_of(&fixture), "\"revision\":");
			pages++;
			const char *next = strstr(body_of(&fixture), "\"next\":");
			if (next == NULL)
				break;
			before = strtoull(next + 7, NULL, 10);
		}
		assert_int_equal(seen, 10);
		assert_int_equal(pages, 3);
	}
	fixture_done(&fixture);
}

/* Domains of one file, which change in one revision. */
static void apply_many(struct fixture *fixture, unsigned count, const char *debug)
{
	struct text yaml = {0};
	text_add(&yaml, STR("domains:\n"));
	for (unsigned i = 0; i < count; i++)
		text_addf(&yaml,
		        "- name: n%04u.test\n  debug: %s\n  origin: {addresses: [192.0.2.1]}\n", i,
		        debug);
	expect(fixture, 200, "POST", "/api/v1/apply", text_c(&yaml), NULL);
	text_done(&yaml);
}

static void a_change_of_many_domains_is_on_one_page(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	apply_many(&fixture, 30, "off");
	apply_many(&fixture, 30, "on");
	expect(&fixture, 200, "GET", "/api/v1/history?limit=7", NULL, NULL);
	assert_int_equal(count_of(body_of(&fixture), "\"revision\":3,"), 30);
	assert_int_equal(count_of(body_of(&fixture), "\"revision\":2,"), 0);
	expect_body(&fixture, "],\"next\":3}");
	expect(&fixture, 200, "GET", "/api/v1/history?limit=31&before=3", NULL, NULL);
	assert_int_equal(count_of(body_of(&fixture), "\"revision\":2,"), 30);
	assert_int_equal(count_of(body_of(&fixture), "\"revision\":1,"), 1);
	expect_no_text(body_of(&fixture), "next");
	fixture_done(&fixture);
}

static void a_change_of_more_domains_than_a_page_has_ends_with_the_next_revision(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	apply_many(&fixture, LIMIT_HISTORY_TOGETHER + 100, "off");
	expect(&fixture, 200, "GET", "/api/v1/history?limit=1", NULL, NULL);
	assert_int_equal(
	        count_of(body_of(&fixture), "\"revision\":2,"), LIMIT_HISTORY_TOGETHER + 1);
	expect_body(&fixture, "],\"next\":2}");
	expect(&fixture, 200, "GET", "/api/v1/history?limit=1&before=2", NULL, NULL);
	assert_int_equal(count_of(body_of(&fixture), "\"revision\":"), 1);
	expect_no_text(body_of(&fixture), "next");
	fixture_done(&fixture);
}

static void bounds_of_pages_are_told(void **state)
{
	(void)state;
	static const char *const QUERIES[] = {"limit=0", "limit=1001", "limit=", "before=x",
	        "before=9223372036854775808", "before=-1"};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
		char target[96];
		snprintf(target, sizeof(target), "/api/v1/history?%s", QUERIES[i]);
		expect(&fixture, 400, "GET", target, NULL, NULL);
		expect_problem(&fixture, "bad-request");
	}
	expect(&fixture, 200, "GET", "/api/v1/history?before=9223372036854775807", NULL, NULL);
	fixture_done(&fixture);
}

/* ---- back ---- */

static void a_version_from_before_comes_back_as_a_new_one(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	expect(&fixture, 200, "PATCH", PATH, "{\"debug\":true}", NULL);
	expect(&fixture, 200, "PATCH", PATH, "{\"origin\":{\"connect_timeout\":\"2s\"}}", NULL);
	expect(&fixture, 200, "POST", ROLLBACK "?dry_run=1", "{\"revision\":1}", NULL);
	expect_body(
	        &fixture, "\"diff\":[\"debug: on -> off\",\"origin.connect_timeout: 2s -> 5s\"]");
	expect_unchanged(&fixture, 3);
	expect(&fixture, 200, "POST", ROLLBACK, "{\"revision\":1}", "If-Match: \"3\"\r\n");
	expect_body(&fixture, "\"revision\":4");
	expect_body(&fixture, "\"debug\":false");
	expect_text(fields_of(&fixture), "ETag: \"4\"\r\n");
	expect(&fixture, 200, "GET", "/api/v1/history?limit=1", NULL, NULL);
	expect_body(&fixture, "\"action\":\"domain.rollback\",\"what\":\"changed\"");
	/* To what it is, nothing changes. */
	expect(&fixture, 200, "POST", ROLLBACK, "{\"revision\":4}", NULL);
	expect_unchanged(&fixture, 4);
	fixture_done(&fixture);
}

static void a_domain_that_went_comes_back(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	expect(&fixture, 204, "DELETE", PATH, NULL, "If-Match: *\r\n");
	expect(&fixture, 404, "POST", ROLLBACK, "{\"revision\":2}", NULL);
	expect_problem(&fixture, "no-such-version");
	expect(&fixture, 200, "POST", ROLLBACK, "{\"revision\":1}", NULL);
	expect_body(&fixture, "\"revision\":3");
	expect_unchanged(&fixture, 3);
	fixture_done(&fixture);
}

static void what_there_was_not_does_not_come_back(void **state)
{
	(void)state;
	static const struct {
		const char *body, *fields;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {"{}", NULL, 422, "{\"pointer\":\"/revision\",\"rule\":\"missing\""},
	        {"{\"revision\":\"1\"}", NULL, 422, "{\"pointer\":\"/revision\",\"rule\":\"type\""},
	        {"{\"revision\":0}", NULL, 404, "/problems/no-such-version"},
	        {"{\"revision\":1}", NULL, 404, "/problems/no-such-version"},
	        {"{\"revision\":2}", "If-Match: \"1\"\r\n", 412, "/problems/precondition-failed"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, B_TEST);
	create(&fixture, A_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "POST", ROLLBACK, ROWS[i].body, ROWS[i].fields);
		expect_body(&fixture, ROWS[i].error);
	}
	expect(&fixture, 404, "POST", "/api/v1/domains/c.test/rollback", "{\"revision\":1}", NULL);
	expect_unchanged(&fixture, 2);
	fixture_done(&fixture);
}

/* A version that was right under other rules is not made again under these. */
static void rules_hold_for_what_comes_back_too(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.rules = MODEL_STORED;
	create(&fixture,
	        "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"],\"protocol\":"
	        "\"https\"},\"backup\":{\"addresses\":[\"192.0.2.2\"]}}");
	expect(&fixture, 200, "PATCH", PATH, "{\"origin\":{\"protocol\":\"http\"}}", NULL);
	fixture.plane.rules = MODEL_CLASSIC;
	expect(&fixture, 422, "POST", ROLLBACK, "{\"revision\":1}", NULL);
	expect_body(
	        &fixture, "{\"pointer\":\"/origin/protocol\",\"rule\":\"R2\",\"detail\":\"R2: ");
	expect_unchanged(&fixture, 2);
	fixture_done(&fixture);
}

static void secrets_come_back_with_their_version(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.rules = MODEL_STORED;
	create(&fixture, "{\"name\":\"a.test\",\"origin\":{\"type\":\"s3\",\"bucket\":{"
	                 "\"endpoint\":\"m.s3\","
	                 "\"access\":\"private\",\"key_id\":\"m\",\"secret\":\"hush-1\"}}}");
	expect(&fixture, 200, "PATCH", PATH, "{\"origin\":{\"bucket\":{\"secret\":\"hush-2\"}}}",
	        NULL);
	expect(&fixture, 200, "POST", ROLLBACK, "{\"revision\":1}", NULL);
	expect_no_text(body_of(&fixture), "hush");
	struct model_domain *domain = domain_now(&fixture, "a.test");
	assert_string_equal(domain->origin.bucket.secret, "hush-1");
	model_domain_unref(domain);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_history_tells_each_change),
	        cmocka_unit_test(pages_of_the_history_have_all_and_each_once),
	        cmocka_unit_test(a_change_of_many_domains_is_on_one_page),
	        cmocka_unit_test(
	                a_change_of_more_domains_than_a_page_has_ends_with_the_next_revision),
	        cmocka_unit_test(bounds_of_pages_are_told),
	        cmocka_unit_test(a_version_from_before_comes_back_as_a_new_one),
	        cmocka_unit_test(a_domain_that_went_comes_back),
	        cmocka_unit_test(what_there_was_not_does_not_come_back),
	        cmocka_unit_test(rules_hold_for_what_comes_back_too),
	        cmocka_unit_test(secrets_come_back_with_their_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
