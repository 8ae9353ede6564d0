/* A whole list of domains: what differs is changed, all of it or nothing; and the list again. */
#include "fixture.h"

#define APPLY "/api/v1/apply"

static const char TWO[] = "domains:\n"
                          "- name: a.test\n"
                          "  origin: {addresses: [192.0.2.1]}\n"
                          "- name: b.test\n"
                          "  origin: {addresses: [192.0.2.1]}\n"
                          "  backup: {addresses: [192.0.2.2]}\n";

static void a_file_becomes_one_revision(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"192.0.2.9\"]}}");
	create(&fixture, "{\"name\":\"c.test\",\"origin\":{\"addresses\":[\"192.0.2.9\"]}}");
	expect(&fixture, 200, "POST", APPLY, TWO, NULL);
	expect_body(&fixture, "{\"dry_run\":false,\"revision\":3,\"changes\":[{\"name\":\"a.test\","
	                      "\"what\":\"changed\",\"diff\":[\"origin.addresses: 192.0.2.9 -> "
	                      "192.0.2.1\"]},{\"name\":\"b.test\",\"what\":\"created\",\"diff\":[");
	expect_text(fields_of(&fixture), "Headwater-Revision: 3\r\n");
	assert_int_equal(count_now(&fixture), 3);
	assert_int_equal(fixture.told, 3);
	expect_unchanged(&fixture, 3);
	/* The same again changes nothing. */
	expect(&fixture, 200, "POST", APPLY, TWO, NULL);
	assert_string_equal(body_of(&fixture), "{\"dry_run\":false,\"revision\":3,\"changes\":[]}");
	expect_unchanged(&fixture, 3);
	expect(&fixture, 200, "GET", "/api/v1/history?limit=1", NULL, NULL);
	expect_body(&fixture, "\"action\":\"apply\"");
	fixture_done(&fixture);
}

static void what_the_file_does_not_have_goes_when_it_is_pruned(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"c.test\",\"origin\":{\"addresses\":[\"192.0.2.9\"]}}");
	create(&fixture, "{\"name\":\"0.test\",\"origin\":{\"addresses\":[\"192.0.2.9\"]}}");
	expect(&fixture, 200, "POST", APPLY, TWO, NULL);
	assert_int_equal(count_now(&fixture), 4);
	expect(&fixture, 200, "POST", APPLY "?prune=1&dry_run=1", TWO, NULL);
	expect_body(&fixture, "{\"dry_run\":true,\"revision\":3,\"changes\":[{\"name\":\"0.test\","
	                      "\"what\":\"removed\",");
	expect_body(&fixture, "{\"name\":\"c.test\",\"what\":\"removed\",");
	expect_no_text(fields_of(&fixture), "Headwater-Revision");
	expect_unchanged(&fixture, 3);
	expect(&fixture, 200, "POST", APPLY "?prune=1", TWO, NULL);
	assert_int_equal(count_now(&fixture), 2);
	expect_unchanged(&fixture, 4);
	/* An empty list is one, too. */
	expect(&fixture, 200, "POST", APPLY, "domains: []", NULL);
	expect_unchanged(&fixture, 4);
	expect(&fixture, 200, "POST", APPLY "?prune=1", "domains: []", NULL);
	assert_int_equal(count_now(&fixture), 0);
	expect_unchanged(&fixture, 5);
	fixture_done(&fixture);
}

static void one_that_is_wrong_keeps_all_from_being_made(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *error;
	} ROWS[] = {
	        {"domains:\n- name: a.test\n  origin: {addresses: [192.0.2.9]}\n- name: b.test\n",
	                "\"pointer\":\"/domains/1/origin"},
	        {"domains:\n- name: a.test\n  origin: {addresses: [192.0.2.9]}\n- name: a.test\n"
	         "  origin: {addresses: [192.0.2.9]}\n",
	                "\"pointer\":\"/domains/1/name\""},
	        {"domains:\n- name: b.test\n  origin: {addresses: [192.0.2.9], protocol: https}\n"
	         "  backup: {addresses: [192.0.2.9]}\n",
	                "{\"pointer\":\"/domains/0/origin/"
	                "protocol\",\"rule\":\"R2\",\"detail\":\"R2: "
	                "HTTPS origin-pull (protocol https or follow) cannot be combined with a "
	                "hot "
	                "backup origin (the setting origin_rules: extended lifts "
	                "this)\",\"line\":3}"},
	        {"domains:\n- name: b.test\n  origin: {type: cos, bucket: {bucket: b-1, region: "
	         "r}}\n"
	         "  backup: {addresses: [192.0.2.9]}\n",
	                "\"rule\":\"R1\",\"detail\":\"R1: only a domain whose master origin is "
	                "self-owned has a hot backup origin (the setting origin_rules: extended "
	                "lifts "
	                "this)\""},
	        {"domains:\n- name: k.test\n  origin: {addresses: [192.0.2.9]}\n",
	                "{\"pointer\":\"/domains/0/kind\",\"rule\":\"R3\",\"detail\":\"R3: the "
	                "origin "
	                "of a domain that a bucket created by itself cannot be "
	                "modified\",\"line\":2}"},
	        {"domains:\n- name: b.test\n  revision: 1\n  origin: {addresses: [192.0.2.9]}\n",
	                "\"rule\":\"revision\",\"detail\":\"b.test was changed since revision 1\""},
	        {"domains:\n- name: n.test\n  revision: 1\n  origin: {addresses: [192.0.2.9]}\n",
	                "\"rule\":\"revision\""},
	        {"nothing: 1\n", "\"pointer\":\"/nothing\""},
	        {"domains: 1\n", "\"pointer\":\"/domains\""},
	        {"[", "\"rule\":\"syntax\""},
	        {"", "\"errors\":[{"},
	        {"domains: &a [*a]\n", "\"errors\":[{"},
	        {"domains: []\n---\ndomains: []\n", "\"errors\":[{"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"k.test\",\"kind\":\"bucket_default\","
	                 "\"origin\":{\"addresses\":[\"192.0.2.1\"]}}");
	create(&fixture, A_TEST);
	create(&fixture, B_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, 422, "POST", APPLY, ROWS[i].yaml, NULL);
		expect_problem(&fixture, "invalid");
		expect_body(&fixture, ROWS[i].error);
		expect(&fixture, 422, "POST", APPLY "?dry_run=1", ROWS[i].yaml, NULL);
	}
	expect_unchanged(&fixture, 3);
	assert_int_equal(fixture.told, 3);
	fixture_done(&fixture);
}

static void the_file_may_say_for_which_revision_it_is(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		unsigned status;
	} ROWS[] = {
	        {"If-Match: \"store-1\"\r\n", 412},
	        {"If-Match: \"2\"\r\n", 412},
	        {"If-Match: W/\"store-2\"\r\n", 412},
	        {"If-Match: store-2\r\n", 412},
	        {"If-Match: \"store-2\"\r\n", 200},
	        {"If-Match: *\r\n", 200},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	create(&fixture, B_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "POST", APPLY "?dry_run=1", "domains: []",
		        ROWS[i].fields);
		if (ROWS[i].status != 412)
			continue;
		expect_problem(&fixture, "precondition-failed");
		expect_text(fields_of(&fixture), "ETag: \"store-2\"\r\n");
	}
	expect(&fixture, 412, "POST", APPLY, "domains: []", "If-Match: \"store-1\"\r\n");
	expect_unchanged(&fixture, 2);
	fixture_done(&fixture);
}

static void masks_keep_the_secrets_that_are_there(void **state)
{
	(void)state;
	static const char MASKED[] =
	        "domains:\n- name: a.test\n  debug: on\n  origin:\n    type: s3\n"
	        "    bucket: {endpoint: m.s3, access: private, key_id: m, "
	        "secret: \"********\"}\n";
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.rules = MODEL_STORED;
	expect(&fixture, 422, "POST", APPLY, MASKED, NULL);
	expect_body(&fixture, "\"rule\":\"masked\"");
	create(&fixture, "{\"name\":\"a.test\",\"origin\":{\"type\":\"s3\",\"bucket\":{"
	                 "\"endpoint\":\"m.s3\","
	                 "\"access\":\"private\",\"key_id\":\"m\",\"secret\":\"hush\"}}}");
	expect(&fixture, 200, "POST", APPLY, MASKED, NULL);
	expect_body(&fixture, "\"diff\":[\"debug: off -> on\"]");
	struct model_domain *domain = domain_now(&fixture, "a.test");
	assert_string_equal(domain->origin.bucket.secret, "hush");
	model_domain_unref(domain);
	fixture_done(&fixture);
}

static void what_is_exported_can_be_applied(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text yaml = {0};
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", "/api/v1/export", NULL, NULL);
	assert_string_equal(fixture.answer.media, "application/yaml");
	expect_body(&fixture, "domains:");
	create(&fixture, A_TEST);
	create(&fixture, B_TEST);
	expect(&fixture, 200, "GET", "/api/v1/export", NULL, NULL);
	text_add(&yaml, text_str(&fixture.answer.body));
	expect_no_text(text_c(&yaml), "revision");
	expect(&fixture, 200, "POST", APPLY "?prune=1", text_c(&yaml), NULL);
	expect_body(&fixture, "\"changes\":[]}");
	/* Also when all of them have changed, or are gone. */
	expect(&fixture, 200, "POST", APPLY "?prune=1", "domains: []", NULL);
	expect(&fixture, 200, "POST", APPLY, text_c(&yaml), NULL);
	expect(&fixture, 200, "GET", "/api/v1/export", NULL, NULL);
	assert_string_equal(body_of(&fixture), text_c(&yaml));
	text_done(&yaml);
	fixture_done(&fixture);
}

static void a_store_that_fails_makes_none_of_them(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	assert_int_equal(unlink(fixture.place.path), 0);
	expect(&fixture, 503, "POST", APPLY "?prune=1",
	        "domains:\n- name: z.test\n  origin: {addresses: [192.0.2.9]}\n", NULL);
	expect_problem(&fixture, "store-unavailable");
	assert_int_equal(count_now(&fixture), 1);
	assert_int_equal(revision_now(&fixture), 1);
	assert_int_equal(fixture.told, 1);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_file_becomes_one_revision),
	        cmocka_unit_test(what_the_file_does_not_have_goes_when_it_is_pruned),
	        cmocka_unit_test(one_that_is_wrong_keeps_all_from_being_made),
	        cmocka_unit_test(the_file_may_say_for_which_revision_it_is),
	        cmocka_unit_test(masks_keep_the_secrets_that_are_there),
	        cmocka_unit_test(what_is_exported_can_be_applied),
	        cmocka_unit_test(a_store_that_fails_makes_none_of_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
