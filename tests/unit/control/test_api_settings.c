/* What is set at run time: shown, changed, refused, told in the history, set back. */
#include "fixture.h"

#define PATH     "/api/v1/settings"
#define ROLLBACK "/api/v1/settings/rollback"

static const char C_TEST[] = "{\"name\":\"c.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"],"
                             "\"protocol\":\"https\"},\"backup\":{\"addresses\":["
                             "\"192.0.2.2\"]}}";

/* The settings are at the revision, here and in the store. */
static void expect_at(struct fixture *fixture, uint64_t revision)
{
	struct control_setting_set here, stored;
	struct text unusable = {0};
	uint64_t there = 99;
	assert_int_equal(control_settings_now(fixture->plane.settings, &here), revision);
	assert_int_equal(control_settings_read(fixture_store(fixture), &stored, &there, &unusable),
	        STORE_DONE);
	assert_int_equal(there, revision);
	assert_true(control_setting_is_equal(&here, &stored));
	text_done(&unusable);
}

static void change(struct fixture *fixture, const char *patch)
{
	expect(fixture, 200, "PATCH", PATH, patch, NULL);
}

/* ---- looking ---- */

static void each_is_told_with_its_default_and_where_it_comes_from(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", PATH, NULL, NULL);
	expect_body(&fixture, "{\"revision\":0,\"items\":[{\"name\":\"origin_rules\",\"value\":"
	                      "\"classic\",\"default\":\"classic\",\"from\":\"process\","
	                      "\"choices\":[\"classic\",\"extended\"],\"words\":\"");
	expect_body(&fixture, "{\"name\":\"stats_days\",\"value\":30,\"default\":30,\"from\":"
	                      "\"default\",\"min\":1,\"max\":366,\"words\":\"");
	expect_text(fields_of(&fixture), "ETag: \"0-classic\"\r\n");
	change(&fixture, "{\"stats_days\":60,\"origin_rules\":\"extended\"}");
	expect_body(&fixture, "{\"revision\":1,\"items\":[{\"name\":\"origin_rules\",\"value\":"
	                      "\"extended\",\"default\":\"classic\",\"from\":\"store\"");
	expect_body(&fixture, "\"stats_days\",\"value\":60,\"default\":30,\"from\":\"store\"");
	expect_text(fields_of(&fixture), "ETag: \"1-classic\"\r\n");
	expect_no_text(fields_of(&fixture), "Headwater-Revision");
	expect(&fixture, 304, "GET", PATH, NULL, "If-None-Match: \"1-classic\"\r\n");
	/* The same revision after a start with other rules is told in other words. */
	fixture.plane.rules = MODEL_EXTENDED;
	expect(&fixture, 200, "GET", PATH, NULL, "If-None-Match: \"1-classic\"\r\n");
	expect_text(fields_of(&fixture), "ETag: \"1-extended\"\r\n");
	expect_body(&fixture, "\"value\":\"extended\",\"default\":\"extended\",\"from\":\"store\"");
	fixture_done(&fixture);
}

static void until_the_store_is_open_nobody_knows(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct store *store = atomic_exchange(&fixture.plane.store, NULL);
	expect(&fixture, 503, "GET", PATH, NULL, NULL);
	expect_problem(&fixture, "store-unavailable");
	atomic_store(&fixture.plane.store, store);
	expect(&fixture, 200, "GET", PATH, NULL, NULL);
	fixture_done(&fixture);
}

/* ---- changes ---- */

static void null_puts_a_default_back(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	change(&fixture, "{\"stats_days\":60,\"history_days\":5}");
	change(&fixture, "{\"stats_days\":null}");
	expect_body(&fixture, "{\"revision\":2,");
	expect_body(&fixture, "\"stats_days\",\"value\":30,\"default\":30,\"from\":\"default\"");
	expect_body(&fixture, "\"history_days\",\"value\":5,\"default\":0,\"from\":\"store\"");
	/* To be set to the default is another thing than not to be set. */
	change(&fixture, "{\"stats_days\":30}");
	expect_body(&fixture, "\"stats_days\",\"value\":30,\"default\":30,\"from\":\"store\"");
	/* What changes nothing is no change. */
	change(&fixture, "{\"stats_days\":30,\"session_minutes\":null}");
	expect_body(&fixture, "{\"revision\":3,");
	change(&fixture, "{}");
	expect_at(&fixture, 3);
	assert_int_equal(fixture.told, 0);
	fixture_done(&fixture);
}

static void what_makes_no_sense_is_refused_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {"", 400, "/problems/malformed-json"},
	        {"[]", 422,
	                "{\"pointer\":\"\",\"rule\":\"type\",\"detail\":\"must be an object\"}"},
	        {"{\"stats_days\":0}", 422,
	                "{\"pointer\":\"/stats_days\",\"rule\":\"range\",\"detail\":\"is not a "
	                "whole "
	                "number in 1-366\"}"},
	        {"{\"stats_days\":\"60\"}", 422, "{\"pointer\":\"/stats_days\",\"rule\":\"type\""},
	        {"{\"origin_rules\":\"strict\"}", 422,
	                "{\"pointer\":\"/origin_rules\",\"rule\":\"value\",\"detail\":\"is not one "
	                "of classic|extended\"}"},
	        {"{\"origin_rules\":{\"a\":null}}", 422,
	                "{\"pointer\":\"/origin_rules\",\"rule\":\"type\""},
	        {"{\"stat_days\":null}", 422,
	                "{\"pointer\":\"/stat_days\",\"rule\":\"unknown-field\",\"detail\":\"is no "
	                "setting; did you mean stats_days?\"}"},
	        {"{\"revision\":0}", 422, "{\"pointer\":\"/revision\",\"rule\":\"unknown-field\""},
	        {"{\"stats_days\":60,\"x\":1}", 422, "{\"pointer\":\"/x\","},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "PATCH", PATH, ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].error);
		expect(&fixture, ROWS[i].status, "PATCH", PATH "?dry_run=1", ROWS[i].body, NULL);
	}
	expect_at(&fixture, 0);
	fixture_done(&fixture);
}

static void a_precondition_holds_or_not(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		unsigned status;
	} ROWS[] = {
	        {"If-Match: *\r\n", 200},
	        {"If-Match: \"2-classic\"\r\n", 200},
	        {"If-Match: \"1-classic\", \"2-classic\"\r\n", 200},
	        {"If-Match: \"1-classic\"\r\n", 412},
	        {"If-Match: \"2-extended\"\r\n", 412},
	        {"If-Match: \"2-classic-file\"\r\n", 412},
	        {"If-Match: \"2\"\r\n", 412},
	        {"If-Match: W/\"2-classic\"\r\n", 412},
	        {"If-Match: \"\"\r\n", 412},
	        {"If-Match: \r\n", 412},
	        {"If-None-Match: *\r\n", 412},
	        {"If-None-Match: \"2-classic\"\r\n", 400},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		change(&fixture, "{\"stats_days\":60}");
		change(&fixture, "{\"stats_days\":61}");
		ask_for(&fixture, "PATCH", PATH, "{\"stats_days\":62}", ROWS[i].fields);
		if (fixture.answer.status != ROWS[i].status)
			fail_msg("%s: %u", ROWS[i].fields, fixture.answer.status);
		expect_at(&fixture, ROWS[i].status == 200 ? 3 : 2);
		ask_for(&fixture, "POST", ROLLBACK, "{\"revision\":1}",
		        ROWS[i].status == 200 ? "If-Match: \"3-classic\"\r\n" : ROWS[i].fields);
		assert_int_equal(fixture.answer.status, ROWS[i].status);
		fixture_done(&fixture);
	}
}

static void who_comes_too_late_is_told_the_difference(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	change(&fixture, "{\"stats_days\":60}");
	create(&fixture, A_TEST);
	change(&fixture, "{\"stats_days\":null,\"history_days\":9}");
	expect(&fixture, 412, "PATCH", PATH, "{\"stats_days\":7}", "If-Match: \"1-classic\"\r\n");
	expect_problem(&fixture, "precondition-failed");
	expect_body(&fixture, "\"detail\":\"the settings have revision 3: their tag is "
	                      "\\\"3-classic\\\"\",\"revision\":3,\"changes\":[\"stats_days: 60 -> "
	                      "default\",\"history_days: default -> 9\"]}");
	expect_text(fields_of(&fixture), "ETag: \"3-classic\"\r\n");
	expect(&fixture, 412, "PATCH", PATH, "{}", "If-Match: \"0-classic\"\r\n");
	expect_body(&fixture, "\"changes\":[\"history_days: default -> 9\"]}");
	/* What never was has no difference. */
	expect(&fixture, 412, "PATCH", PATH, "{}", "If-Match: \"99-classic\"\r\n");
	expect_no_text(body_of(&fixture), "changes");
	expect_body(&fixture, ",\"revision\":3}");
	fixture_done(&fixture);
}

static void a_dry_run_changes_nothing(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	change(&fixture, "{\"stats_days\":60}");
	expect(&fixture, 200, "PATCH", PATH "?dry_run=1", "{\"stats_days\":null,\"purge_days\":1}",
	        "Idempotency-Key: k\r\n");
	expect_body(&fixture, "{\"dry_run\":true,\"changes\":[{\"name\":\"settings\",\"what\":"
	                      "\"changed\",\"diff\":[\"stats_days: 60 -> default\",\"purge_days: "
	                      "default -> 1\"]}],\"settings\":{\"revision\":1,\"items\":[");
	expect_body(&fixture, "\"purge_days\",\"value\":1,");
	expect_no_text(fields_of(&fixture), "ETag");
	expect(&fixture, 200, "PATCH", PATH "?dry_run=1", "{\"stats_days\":60}", NULL);
	expect_body(&fixture, "{\"dry_run\":true,\"changes\":[],");
	expect(&fixture, 412, "PATCH", PATH "?dry_run=1", "{}", "If-Match: \"5-classic\"\r\n");
	expect_at(&fixture, 1);
	fixture_done(&fixture);
}

static void a_request_with_a_key_is_made_once(void **state)
{
	(void)state;
	static const char KEY[] = "Idempotency-Key: k-1\r\n";
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "PATCH", PATH, "{\"stats_days\":60}", KEY);
	change(&fixture, "{\"stats_days\":61}");
	/* As it was then, also where it is for a version that is no more. */
	expect(&fixture, 200, "PATCH", PATH, "{\"stats_days\":60}",
	        "Idempotency-Key: k-1\r\nIf-Match: \"0-classic\"\r\n");
	expect_body(&fixture, "{\"revision\":1,");
	expect_body(&fixture, "\"stats_days\",\"value\":60,");
	expect_text(fields_of(&fixture), "ETag: \"1-classic\"\r\n");
	expect_at(&fixture, 2);
	expect(&fixture, 422, "PATCH", PATH, "{\"stats_days\":62}", KEY);
	expect_problem(&fixture, "idempotency-key-reused");
	/* Neither is a domain made by it. */
	expect(&fixture, 422, "POST", "/api/v1/domains", A_TEST, KEY);
	expect_problem(&fixture, "idempotency-key-reused");
	expect(&fixture, 201, "POST", "/api/v1/domains", A_TEST, "Idempotency-Key: k-2\r\n");
	expect(&fixture, 422, "PATCH", PATH, "{\"stats_days\":62}", "Idempotency-Key: k-2\r\n");
	expect(&fixture, 400, "PATCH", PATH, "{\"stats_days\":62}", "Idempotency-Key: a b\r\n");
	/* It is another's. */
	ask_as(&fixture, "bob", STORE_ADMIN);
	expect(&fixture, 200, "PATCH", PATH, "{\"stats_days\":62}", KEY);
	expect_at(&fixture, 4);
	fixture_done(&fixture);
}

/* ---- rules ---- */

static void rules_hold_from_the_change_on(void **state)
{
	(void)state;
	static const char *const R2 = "\"rule\":\"R2\",\"detail\":\"R2: HTTPS origin-pull "
	                              "(protocol https or follow) cannot "
	                              "be combined with a hot backup origin (the setting "
	                              "origin_rules: extended lifts this)\"";
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 422, "POST", "/api/v1/domains", C_TEST, NULL);
	expect_body(&fixture, R2);
	change(&fixture, "{\"origin_rules\":\"extended\"}");
	expect(&fixture, 201, "POST", "/api/v1/domains", C_TEST, NULL);
	expect(&fixture, 204, "DELETE", "/api/v1/domains/c.test", NULL, "If-Match: *\r\n");
	expect(&fixture, 200, "GET", "/api/v1/status", NULL, NULL);
	expect_body(&fixture, "\"rules\":\"extended\"");
	change(&fixture, "{\"origin_rules\":null}");
	expect(&fixture, 422, "POST", "/api/v1/domains", C_TEST, NULL);
	expect_body(&fixture, R2);
	expect(&fixture, 422, "POST", "/api/v1/apply",
	        "domains:\n- name: c.test\n  origin: {addresses: [192.0.2.1], protocol: https}\n  "
	        "backup: {addresses: [192.0.2.2]}\n",
	        NULL);
	expect_body(&fixture, R2);
	fixture_done(&fixture);
}

/* Domains that break R2, and one that breaks R1 as well. */
static void create_broken(struct fixture *fixture, unsigned count)
{
	char json[256];
	for (unsigned i = 0; i < count; i++) {
		snprintf(json, sizeof(json),
		        "{\"name\":\"n%02u.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"],"
		        "\"protocol\":\"https\"},\"backup\":{\"addresses\":[\"192.0.2.2\"]}}",
		        i);
		create(fixture, json);
	}
}

static void rules_do_not_become_narrower_than_domains_are(void **state)
{
	(void)state;
	static const char *const PATCHES[] = {
	        "{\"origin_rules\":\"classic\"}", "{\"origin_rules\":null,\"stats_days\":60}"};
	struct fixture fixture;
	fixture_init(&fixture);
	/* A process that lifts all rules makes what this version cannot serve yet. */
	fixture.plane.rules = MODEL_STORED;
	create(&fixture, A_TEST);
	create_broken(&fixture, 1);
	create(&fixture, "{\"name\":\"both.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"],"
	                 "\"protocol\":\"follow\"},\"backup\":{\"type\":\"s3\",\"bucket\":{"
	                 "\"endpoint\":\"b.s3\"}}}");
	fixture.plane.rules = MODEL_CLASSIC;
	change(&fixture, "{\"origin_rules\":\"extended\"}");
	for (size_t i = 0; i < ARRAY_LENGTH(PATCHES); i++) {
		expect(&fixture, 409, "PATCH", PATH, PATCHES[i], NULL);
		expect_problem(&fixture, "rules-broken");
		expect_body(&fixture,
		        "\"detail\":\"2 domains break the classic rules: both.test, n00.test\"");
		expect_body(&fixture,
		        "{\"pointer\":\"/origin_rules\",\"rule\":\"R1\",\"detail\":\"both.test: "
		        "R1: "
		        "a hot backup origin is itself self-owned only, IP addresses or a domain "
		        "name (the setting origin_rules: extended lifts this)\"}");
		expect_body(&fixture, "\"rule\":\"R2\",\"detail\":\"both.test: R2: HTTPS");
		expect_body(&fixture, "\"rule\":\"R2\",\"detail\":\"n00.test: R2: HTTPS");
		expect_no_text(body_of(&fixture), "a.test");
		expect(&fixture, 409, "PATCH", PATH "?dry_run=1", PATCHES[i], NULL);
		expect_at(&fixture, 4);
	}
	/* Other settings are changed as ever, and the rules once nothing breaks them. */
	change(&fixture, "{\"origin_rules\":\"extended\",\"stats_days\":60}");
	expect(&fixture, 204, "DELETE", "/api/v1/domains/both.test", NULL, "If-Match: *\r\n");
	expect(&fixture, 409, "PATCH", PATH, PATCHES[0], NULL);
	expect_body(&fixture, "\"detail\":\"1 domain breaks the classic rules: n00.test\"");
	expect(&fixture, 204, "DELETE", "/api/v1/domains/n00.test", NULL, "If-Match: *\r\n");
	change(&fixture, PATCHES[0]);
	fixture_done(&fixture);
}

static void of_many_domains_twenty_are_named(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.rules = MODEL_STORED;
	create_broken(&fixture, 23);
	expect(&fixture, 409, "PATCH", PATH, "{\"origin_rules\":\"classic\"}", NULL);
	expect_body(
	        &fixture, "\"detail\":\"23 domains break the classic rules: n00.test, n01.test");
	expect_body(&fixture, "n18.test, n19.test, and 3 more\"");
	expect_body(&fixture, "\"detail\":\"n19.test: R2: ");
	expect_no_text(body_of(&fixture), "n20.test");
	expect_at(&fixture, 0);
	fixture_done(&fixture);
}

static void where_a_file_has_the_domains_its_rules_are_the_processes(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	change(&fixture, "{\"origin_rules\":\"extended\"}");
	fixture.plane.file = "/etc/domains.yaml";
	expect(&fixture, 200, "GET", PATH, NULL, NULL);
	expect_body(&fixture, "\"origin_rules\",\"value\":\"classic\",\"default\":\"classic\","
	                      "\"from\":\"process\"");
	expect_text(fields_of(&fixture), "ETag: \"1-classic-file\"\r\n");
	expect(&fixture, 409, "PATCH", PATH, "{\"stats_days\":60,\"origin_rules\":\"classic\"}",
	        NULL);
	expect_problem(&fixture, "managed-by-file");
	expect_body(&fixture, "\"detail\":\"the domains are managed by /etc/domains.yaml, by the "
	                      "origin_rules that the server was started with\"");
	expect(&fixture, 409, "PATCH", PATH, "{\"origin_rules\":null}", NULL);
	expect_at(&fixture, 1);
	/* The others are nothing to the file. */
	change(&fixture, "{\"stats_days\":60}");
	expect(&fixture, 200, "POST", ROLLBACK "?dry_run=1", "{\"revision\":1}", NULL);
	fixture_done(&fixture);
}

/* ---- history ---- */

static void the_history_says_that_it_is_of_settings(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	change(&fixture, "{\"origin_rules\":\"extended\",\"stats_days\":60}");
	change(&fixture, "{\"stats_days\":null}");
	expect(&fixture, 200, "GET", "/api/v1/history", NULL, NULL);
	expect_body(&fixture, "{\"items\":[{\"revision\":3,\"at_ms\":1");
	expect_body(&fixture,
	        "\"of\":\"settings\",\"name\":\"settings\",\"who\":\"ada\",\"action\":"
	        "\"settings.change\",\"what\":\"changed\",\"diff\":[\"stats_days: 60 "
	        "-> default\"]}");
	expect_body(&fixture,
	        "\"diff\":[\"origin_rules: default -> extended\",\"stats_days: default "
	        "-> 60\"]}");
	expect_body(&fixture, "\"of\":\"domain\",\"name\":\"a.test\"");
	expect(&fixture, 200, "GET", "/api/v1/history?limit=1&before=3", NULL, NULL);
	expect_body(&fixture, "{\"items\":[{\"revision\":2,");
	expect_body(&fixture, "],\"next\":2}");
	/* A domain of this name is another thing. */
	expect(&fixture, 200, "GET", "/api/v1/domains/settings/history", NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[]}");
	expect(&fixture, 200, "GET", "/api/v1/domains/%2Fsettings/history", NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[]}");
	expect(&fixture, 404, "POST", "/api/v1/domains/%2Fsettings/rollback", "{\"revision\":2}",
	        NULL);
	expect_problem(&fixture, "no-such-version");
	/* Of a domain there is what it was at a revision of the settings, too. */
	expect(&fixture, 200, "PATCH", "/api/v1/domains/a.test", "{\"debug\":true}", NULL);
	expect(&fixture, 200, "POST", "/api/v1/domains/a.test/rollback", "{\"revision\":3}", NULL);
	expect_body(&fixture, "\"debug\":false");
	fixture_done(&fixture);
}

static void what_was_set_once_is_set_again(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	change(&fixture, "{\"stats_days\":60,\"purge_days\":3}");
	create(&fixture, A_TEST);
	change(&fixture, "{\"stats_days\":90,\"purge_days\":null,\"history_days\":9}");
	expect(&fixture, 200, "POST", ROLLBACK "?dry_run=1", "{\"revision\":2}", NULL);
	expect_body(&fixture, "\"diff\":[\"stats_days: 90 -> 60\",\"history_days: 9 -> default\","
	                      "\"purge_days: default -> 3\"]");
	expect_at(&fixture, 3);
	expect(&fixture, 200, "POST", ROLLBACK, "{\"revision\":2}", NULL);
	expect_body(&fixture, "{\"revision\":4,");
	expect_body(&fixture, "\"stats_days\",\"value\":60,");
	expect_at(&fixture, 4);
	expect(&fixture, 200, "GET", "/api/v1/history?limit=1", NULL, NULL);
	expect_body(&fixture, "\"action\":\"settings.rollback\"");
	/* To what it is, nothing changes. */
	expect(&fixture, 200, "POST", ROLLBACK, "{\"revision\":4}", NULL);
	expect_at(&fixture, 4);
	static const char *const NONE[] = {
	        "{\"revision\":0}", "{\"revision\":5}", "{\"revision\":9223372036854775807}"};
	for (size_t i = 0; i < ARRAY_LENGTH(NONE); i++) {
		expect(&fixture, 404, "POST", ROLLBACK, NONE[i], NULL);
		expect_problem(&fixture, "no-such-version");
	}
	expect(&fixture, 422, "POST", ROLLBACK, "{}", NULL);
	fixture_done(&fixture);
}

static void rules_hold_for_what_is_set_again(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	change(&fixture, "{\"origin_rules\":\"classic\"}");
	change(&fixture, "{\"origin_rules\":\"extended\"}");
	/* By the way of one that knows no rules. */
	struct control_setting_set set, none = {0};
	uint64_t revision = control_settings_now(fixture.plane.settings, &set);
	control_settings_take(fixture.plane.settings, &none, revision);
	fixture.plane.rules = MODEL_STORED;
	create_broken(&fixture, 1);
	fixture.plane.rules = MODEL_CLASSIC;
	control_settings_take(fixture.plane.settings, &set, revision);
	expect(&fixture, 409, "POST", ROLLBACK, "{\"revision\":1}", NULL);
	expect_problem(&fixture, "rules-broken");
	expect_at(&fixture, 2);
	fixture_done(&fixture);
}

/* ---- a store that does not work ---- */

static void what_cannot_be_kept_does_not_hold(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	assert_int_equal(unlink(fixture.place.path), 0);
	expect(&fixture, 503, "PATCH", PATH, "{\"stats_days\":60}", NULL);
	expect_problem(&fixture, "store-unavailable");
	expect(&fixture, 503, "POST", ROLLBACK, "{\"revision\":1}", NULL);
	expect(&fixture, 200, "GET", PATH, NULL, NULL);
	expect_body(&fixture, "{\"revision\":0,");
	expect_body(&fixture, "\"stats_days\",\"value\":30,");
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_is_told_with_its_default_and_where_it_comes_from),
	        cmocka_unit_test(until_the_store_is_open_nobody_knows),
	        cmocka_unit_test(null_puts_a_default_back),
	        cmocka_unit_test(what_makes_no_sense_is_refused_with_its_place),
	        cmocka_unit_test(a_precondition_holds_or_not),
	        cmocka_unit_test(who_comes_too_late_is_told_the_difference),
	        cmocka_unit_test(a_dry_run_changes_nothing),
	        cmocka_unit_test(a_request_with_a_key_is_made_once),
	        cmocka_unit_test(rules_hold_from_the_change_on),
	        cmocka_unit_test(rules_do_not_become_narrower_than_domains_are),
	        cmocka_unit_test(of_many_domains_twenty_are_named),
	        cmocka_unit_test(where_a_file_has_the_domains_its_rules_are_the_processes),
	        cmocka_unit_test(the_history_says_that_it_is_of_settings),
	        cmocka_unit_test(what_was_set_once_is_set_again),
	        cmocka_unit_test(rules_hold_for_what_is_set_again),
	        cmocka_unit_test(what_cannot_be_kept_does_not_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
