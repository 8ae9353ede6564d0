/* The master origin, the hot backup, the switch between them, and drained addresses. */
#include "fixture.h"

#define ORIGIN "/api/v1/domains/b.test/origin"
#define BACKUP "/api/v1/domains/b.test/backup"
#define SWITCH "/api/v1/domains/b.test/switch"
#define WEIGHT "/api/v1/domains/b.test/weight"
#define ANY    "If-Match: *\r\n"

static void the_parts_of_a_domain_are_read(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, B_TEST);
	create(&fixture, A_TEST);
	expect(&fixture, 200, "GET", ORIGIN, NULL, NULL);
	expect_body(&fixture, "{\"type\":\"self\",\"addresses\":[\"192.0.2.1\"],");
	expect_no_text(body_of(&fixture), "latch");
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect(&fixture, 200, "GET", BACKUP, NULL, NULL);
	expect_body(&fixture, "{\"type\":\"self\",\"addresses\":[\"192.0.2.2\"],");
	expect_body(&fixture, "\"latch\":\"off\"");
	expect(&fixture, 404, "GET", "/api/v1/domains/a.test/backup", NULL, NULL);
	expect_problem(&fixture, "no-backup");
	expect(&fixture, 404, "GET", "/api/v1/domains/c.test/origin", NULL, NULL);
	expect_problem(&fixture, "no-such-domain");
	expect(&fixture, 404, "GET", "/api/v1/domains/c.test/backup", NULL, NULL);
	expect_problem(&fixture, "no-such-domain");
	fixture_done(&fixture);
}

static void the_master_is_modified(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, B_TEST);
	expect(&fixture, 428, "PUT", ORIGIN, "{\"addresses\":[\"192.0.2.9\"]}", NULL);
	expect(&fixture, 200, "PUT", ORIGIN, "{\"addresses\":[\"192.0.2.9\"],\"policy\":\"hash\"}",
	        "If-Match: \"1\"\r\n");
	expect_body(
	        &fixture, "{\"type\":\"self\",\"addresses\":[\"192.0.2.9\"],\"policy\":\"hash\"");
	expect_text(fields_of(&fixture), "ETag: \"2\"\r\n");
	expect_text(fields_of(&fixture), "Headwater-Revision: 2\r\n");
	expect(&fixture, 200, "PATCH", ORIGIN, "{\"probe\":{\"path\":\"/up\"}}", NULL);
	expect_body(&fixture, "\"policy\":\"hash\"");
	expect_body(&fixture, "\"path\":\"/up\"");
	/* A whole one is at its defaults where it says nothing; the backup stays. */
	expect(&fixture, 200, "PUT", ORIGIN, "{\"addresses\":[\"192.0.2.9\"],\"host\":null}", ANY);
	expect_body(&fixture, "\"policy\":\"polling\"");
	expect_no_text(body_of(&fixture), "/up");
	expect(&fixture, 200, "GET", BACKUP, NULL, NULL);
	/* The same again is no change. */
	expect(&fixture, 200, "PUT", ORIGIN, "{\"addresses\":[\"192.0.2.9\"]}", ANY);
	expect_body(&fixture, "{\"type\":\"self\",\"addresses\":[\"192.0.2.9\"],");
	expect_unchanged(&fixture, 4);
	fixture_done(&fixture);
}

static void places_of_problems_are_those_of_the_body(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *body, *error;
	} ROWS[] = {
	        {"PUT", ORIGIN, "{\"addresses\":[\"192.0.2.9\",\"b.test\"]}",
	                "{\"pointer\":\"/addresses/1\",\"rule\":\"loop\""},
	        {"PUT", ORIGIN, "{}", "{\"pointer\":\"/addresses\",\"rule\":\"missing\""},
	        {"PUT", ORIGIN, "{\"latch\":\"off\"}",
	                "{\"pointer\":\"/latch\",\"rule\":\"unknown-field\""},
	        {"PATCH", ORIGIN, "{\"nothing\":1}",
	                "{\"pointer\":\"/nothing\",\"rule\":\"unknown-field\""},
	        {"PATCH", ORIGIN, "{\"revision\":1}",
	                "{\"pointer\":\"/revision\",\"rule\":\"unknown-field\""},
	        {"PATCH", BACKUP, "{\"latch\":\"maybe\"}", "{\"pointer\":\"/latch\""},
	        {"PUT", BACKUP, "{\"addresses\":[]}", "{\"pointer\":\"/addresses\""},
	        {"PATCH", BACKUP, "{\"addresses\":null}", "{\"pointer\":\"/addresses\""},
	        {"PATCH", BACKUP, "{\"protocol\":\"https\"}",
	                "{\"pointer\":\"/protocol\",\"rule\":\"R2\""},
	        {"PATCH", ORIGIN, "{\"protocol\":\"https\"}",
	                "{\"pointer\":\"/protocol\",\"rule\":\"R2\""},
	        {"PUT", BACKUP,
	                "{\"type\":\"cos\",\"bucket\":{\"bucket\":\"b-1\",\"region\":\"r\"}}",
	                "{\"pointer\":\"/type\",\"rule\":\"R1\""},
	        /* Modify -> COS with a backup: what is at fault is the backup, outside the body. */
	        {"PUT", ORIGIN,
	                "{\"type\":\"cos\",\"bucket\":{\"bucket\":\"b-1\",\"region\":\"r\"}}",
	                "{\"pointer\":\"/backup\",\"rule\":\"R1\",\"detail\":\"R1: only a domain "
	                "whose "
	                "master origin is self-owned has a hot backup origin (the setting "
	                "origin_rules: extended lifts this)\"}"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, B_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, 422, ROWS[i].method, ROWS[i].path, ROWS[i].body, ANY);
		expect_problem(&fixture, "invalid");
		expect_body(&fixture, ROWS[i].error);
	}
	expect(&fixture, 400, "PUT", ORIGIN, "nonsense", ANY);
	expect(&fixture, 422, "PUT", ORIGIN, "[]", ANY);
	expect_body(&fixture, "{\"pointer\":\"\",\"rule\":\"type\"");
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

static void the_backup_goes_and_the_master_is_modified_at_once(void **state)
{
	(void)state;
	static const char COS[] =
	        "{\"type\":\"cos\",\"bucket\":{\"bucket\":\"b-1\",\"region\":\"r\"}}";
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, B_TEST);
	expect(&fixture, 422, "PUT", ORIGIN, COS, ANY);
	expect_body(&fixture, "{\"pointer\":\"/backup\",\"rule\":\"R1\"");
	expect(&fixture, 200, "PUT", ORIGIN "?remove_backup=1&dry_run=1", COS, ANY);
	expect_body(&fixture, "\"domain\":{\"name\":\"b.test\"");
	expect_unchanged(&fixture, 1);
	expect(&fixture, 200, "PUT", ORIGIN "?remove_backup=1", COS, ANY);
	expect_body(&fixture, "{\"type\":\"cos\",\"addresses\":[]");
	expect_unchanged(&fixture, 2);
	expect(&fixture, 404, "GET", BACKUP, NULL, NULL);
	/* The host that is made of a bucket is no address of it. */
	expect(&fixture, 422, "POST", "/api/v1/domains/b.test/weight",
	        "{\"role\":\"origin\",\"address\":\"b-1.cos.r.myqcloud.com\",\"weight\":0}", NULL);
	expect_body(&fixture, "{\"pointer\":\"/address\",\"rule\":\"unknown\"");
	expect(&fixture, 200, "PUT", ORIGIN, "{\"addresses\":[\"192.0.2.9\"]}", ANY);
	expect_body(&fixture, "{\"type\":\"self\",\"addresses\":[\"192.0.2.9\"]");
	fixture_done(&fixture);
}

static void a_backup_comes_and_changes_and_goes(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"b.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]}}");
	expect(&fixture, 404, "PATCH", BACKUP, "{\"latch\":\"manual\"}", NULL);
	expect_problem(&fixture, "no-backup");
	expect(&fixture, 404, "DELETE", BACKUP, NULL, NULL);
	expect_problem(&fixture, "no-backup");
	/* The first needs no precondition; what replaces it does. */
	expect(&fixture, 201, "PUT", BACKUP,
	        "{\"addresses\":[\"192.0.2.2\"],\"latch\":\"manual\",\"hold_down_s\":30}", NULL);
	expect_body(&fixture, "\"latch\":\"manual\",\"latch_ends\":0,\"hold_down_s\":30");
	expect_text(fields_of(&fixture), "ETag: \"2\"\r\n");
	expect(&fixture, 428, "PUT", BACKUP, "{\"addresses\":[\"192.0.2.3\"]}", NULL);
	expect(&fixture, 412, "PUT", BACKUP, "{\"addresses\":[\"192.0.2.3\"]}",
	        "If-Match: \"1\"\r\n");
	expect(&fixture, 200, "PATCH", BACKUP, "{\"cache_max_s\":60}", NULL);
	expect_body(&fixture, "\"hold_down_s\":30,\"cache_max_s\":60");
	expect(&fixture, 200, "PUT", BACKUP, "{\"addresses\":[\"192.0.2.3\"]}",
	        "If-Match: \"3\"\r\n");
	expect_body(&fixture, "\"addresses\":[\"192.0.2.3\"]");
	expect_body(&fixture, "\"latch\":\"off\"");
	expect(&fixture, 200, "DELETE", BACKUP "?dry_run=1", NULL, ANY);
	expect_body(&fixture, "\"what\":\"changed\"");
	expect_unchanged(&fixture, 4);
	expect(&fixture, 204, "DELETE", BACKUP, NULL, ANY);
	assert_string_equal(body_of(&fixture), "");
	expect(&fixture, 404, "GET", BACKUP, NULL, NULL);
	expect_unchanged(&fixture, 5);
	fixture_done(&fixture);
}

/* ---- the switch ---- */

static void the_switch_exchanges_the_origins(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture,
	        "{\"name\":\"b.test\",\"origin\":{\"addresses\":[\"192.0.2.1:81:3\"],\"host\":\"m."
	        "test\","
	        "\"policy\":\"hash\",\"connect_timeout\":\"2s\",\"probe\":{\"path\":\"/m\"}},"
	        "\"backup\":{\"addresses\":[\"192.0.2.2\",\"s.test\"],\"host\":\"s.test\","
	        "\"latch\":\"manual\",\"latch_ends\":0,\"hold_down_s\":30,\"cache_max_s\":60},"
	        "\"debug\":true}");
	ask_as(&fixture, "olga", STORE_OPERATOR);
	struct model_domain *before = domain_now(&fixture, "b.test");
	expect(&fixture, 200, "POST", SWITCH, NULL, "If-Match: \"1\"\r\n");
	expect_text(fields_of(&fixture), "ETag: \"2\"\r\n");
	struct model_domain *after = domain_now(&fixture, "b.test");
	assert_int_equal(after->origin.address_count, 2);
	assert_string_equal(after->origin.addresses[1].host, "s.test");
	assert_string_equal(after->origin.host, "s.test");
	assert_int_equal(after->origin.policy, MODEL_POLLING);
	assert_null(after->origin.probe.path);
	assert_string_equal(after->backup->addresses[0].host, "192.0.2.1");
	assert_int_equal(after->backup->addresses[0].port, 81);
	assert_int_equal(after->backup->addresses[0].weight, 3);
	assert_string_equal(after->backup->probe.path, "/m");
	assert_int_equal(after->backup->connect_timeout_ms, 2000);
	/* What is the role's stays with the role. */
	assert_int_equal(after->latch, MODEL_LATCH_MANUAL);
	assert_int_equal(after->hold_down_ms, 30000);
	assert_int_equal(after->backup_cache_max_ms, 60000);
	assert_true(after->debug);
	model_domain_unref(after);
	/* And back: all is as it was, at another revision. */
	expect(&fixture, 200, "POST", SWITCH, NULL, NULL);
	after = domain_now(&fixture, "b.test");
	assert_true(model_diff_is_equal(before, after));
	assert_int_equal(after->revision, 3);
	model_domain_unref(after);
	model_domain_unref(before);
	expect_unchanged(&fixture, 3);
	expect(&fixture, 200, "GET", "/api/v1/history?limit=1", NULL, NULL);
	expect_body(&fixture, "\"who\":\"olga\",\"action\":\"domain.switch\"");
	fixture_done(&fixture);
}

static void a_switch_needs_a_backup_and_the_right_version(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	create(&fixture, B_TEST);
	expect(&fixture, 409, "POST", "/api/v1/domains/a.test/switch", NULL, NULL);
	expect_problem(&fixture, "nothing-to-switch");
	expect(&fixture, 412, "POST", SWITCH, NULL, "If-Match: \"1\"\r\n");
	expect(&fixture, 200, "POST", SWITCH "?dry_run=1", NULL, NULL);
	expect_body(&fixture, "\"diff\":[\"origin.addresses: 192.0.2.1 -> 192.0.2.2\","
	                      "\"backup.addresses: 192.0.2.2 -> 192.0.2.1\"]");
	expect_unchanged(&fixture, 2);
	fixture_done(&fixture);
}

static void a_switch_takes_each_origins_secrets_along(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.rules = MODEL_STORED;
	create(&fixture,
	        "{\"name\":\"b.test\",\"origin\":{\"type\":\"s3\",\"bucket\":{\"endpoint\":\"m."
	        "s3\","
	        "\"access\":\"private\",\"key_id\":\"m\",\"secret\":\"hush-m\"}},\"backup\":{"
	        "\"type\":"
	        "\"s3\",\"bucket\":{\"endpoint\":\"s.s3\",\"access\":\"private\",\"key_id\":\"s\","
	        "\"secret\":\"hush-s\",\"token\":\"psst\"}}}");
	expect(&fixture, 200, "POST", SWITCH, NULL, NULL);
	expect_no_text(body_of(&fixture), "hush");
	struct model_domain *after = domain_now(&fixture, "b.test");
	assert_string_equal(after->origin.bucket.endpoint, "s.s3");
	assert_string_equal(after->origin.bucket.secret, "hush-s");
	assert_string_equal(after->origin.bucket.token, "psst");
	assert_string_equal(after->backup->bucket.secret, "hush-m");
	assert_null(after->backup->bucket.token);
	model_domain_unref(after);
	/* The store has them so, too. */
	assert_int_equal(store_domains_read_version(fixture_store(&fixture), "b.test", 2, &after),
	        STORE_DONE);
	assert_string_equal(after->origin.bucket.secret, "hush-s");
	assert_string_equal(after->backup->bucket.secret, "hush-m");
	model_domain_unref(after);
	fixture_done(&fixture);
}

/* ---- weights ---- */

static void an_address_is_drained_and_given_back(void **state)
{
	(void)state;
	static const struct {
		const char *body, *address;
	} ROWS[] = {
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1\",\"weight\":0}",
	                "\"192.0.2.1::0\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1\",\"weight\":100}",
	                "\"192.0.2.1::100\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1::7\",\"weight\":1}",
	                "\"addresses\":[\"192.0.2.1\","},
	        {"{\"role\":\"origin\",\"address\":\"O.test:81\",\"weight\":5}", "\"o.test:81:5\""},
	        {"{\"role\":\"origin\",\"address\":\"[2001:DB8::1]:80\",\"weight\":5}",
	                "\"[2001:db8::1]:80:5\""},
	        {"{\"role\":\"backup\",\"address\":\"192.0.2.2\",\"weight\":0}",
	                "\"192.0.2.2::0\""},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture,
	        "{\"name\":\"b.test\",\"origin\":{\"addresses\":[\"192.0.2.1\",\"o.test:81\","
	        "\"[2001:db8::1]:80\"]},\"backup\":{\"addresses\":[\"192.0.2.2\"]}}");
	ask_as(&fixture, "olga", STORE_OPERATOR);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, 200, "POST", WEIGHT, ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].address);
		expect_unchanged(&fixture, 2 + i);
	}
	expect(&fixture, 200, "POST", WEIGHT "?dry_run=1", ROWS[1].body, NULL);
	expect_body(&fixture, "{\"dry_run\":true");
	expect_unchanged(&fixture, 1 + ARRAY_LENGTH(ROWS));
	fixture_done(&fixture);
}

static void weights_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {"{}", 422, "{\"pointer\":\"/role\",\"rule\":\"missing\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1\"}", 422,
	                "{\"pointer\":\"/weight\",\"rule\":\"missing\""},
	        {"{\"role\":\"master\",\"address\":\"192.0.2.1\",\"weight\":0}", 422,
	                "{\"pointer\":\"/role\",\"rule\":\"choice\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1\",\"weight\":101}", 422,
	                "{\"pointer\":\"/weight\",\"rule\":\"range\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1\",\"weight\":-1}", 422,
	                "{\"pointer\":\"/weight\",\"rule\":\"type\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1\",\"weight\":256}", 422,
	                "{\"pointer\":\"/weight\",\"rule\":\"range\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.2\",\"weight\":1}", 422,
	                "{\"pointer\":\"/address\",\"rule\":\"unknown\""},
	        {"{\"role\":\"origin\",\"address\":\"192.0.2.1:80\",\"weight\":1}", 422,
	                "{\"pointer\":\"/address\",\"rule\":\"unknown\""},
	        {"{\"role\":\"origin\",\"address\":\"no address\",\"weight\":1}", 422,
	                "{\"pointer\":\"/address\",\"rule\":\"unknown\""},
	        {"{\"role\":\"backup\",\"address\":\"192.0.2.1\",\"weight\":1}", 404,
	                "/problems/no-backup"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"b.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]}}");
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "POST", WEIGHT, ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].error);
	}
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_parts_of_a_domain_are_read),
	        cmocka_unit_test(the_master_is_modified),
	        cmocka_unit_test(places_of_problems_are_those_of_the_body),
	        cmocka_unit_test(the_backup_goes_and_the_master_is_modified_at_once),
	        cmocka_unit_test(a_backup_comes_and_changes_and_goes),
	        cmocka_unit_test(the_switch_exchanges_the_origins),
	        cmocka_unit_test(a_switch_needs_a_backup_and_the_right_version),
	        cmocka_unit_test(a_switch_takes_each_origins_secrets_along),
	        cmocka_unit_test(an_address_is_drained_and_given_back),
	        cmocka_unit_test(weights_that_cannot_be_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
