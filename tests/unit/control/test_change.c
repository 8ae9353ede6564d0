/* Versions and preconditions, rules, dry runs, secrets, and who did it. */
#include "fixture.h"

#include "control/change.h"
#include "model/check.h"
#include "store/failing.h"

static const char PATH[] = "/api/v1/domains/a.test";

/* ---- versions ---- */

static void a_precondition_holds_or_not(void **state)
{
	(void)state;
	enum { SET = 200, GONE = 204 };
	static const struct {
		const char *method, *fields;
		unsigned status;
	} ROWS[] = {
	        {"PUT", NULL, 428},
	        {"PUT", "If-Match: \"2\"\r\n", SET},
	        {"PUT", "If-Match: \"1\", \"2\"\r\n", SET},
	        {"PUT", "If-Match: \"1\"\r\nIf-Match: \"2\"\r\n", SET},
	        {"PUT", "If-Match: *\r\n", SET},
	        {"PUT", "If-Match: \"1\"\r\n", 412},
	        {"PUT", "If-Match: W/\"2\"\r\n", 412},
	        {"PUT", "If-Match: 2\r\n", 412},
	        {"PUT", "If-Match: \r\n", 412},
	        {"PUT", "If-Match: \"nonsense\"\r\n", 412},
	        {"PUT", "If-None-Match: *\r\n", 412},
	        {"PUT", "If-None-Match: \"2\"\r\n", 400},
	        {"PUT", "If-None-Match: W/\"2\"\r\n", 400},
	        {"PUT", "If-None-Match: \"1\"\r\n", 400},
	        {"PUT", "If-None-Match: \r\n", 400},
	        {"PUT", "If-Match: \"2\"\r\nIf-None-Match: *\r\n", 412},
	        {"PATCH", NULL, SET},
	        {"PATCH", "If-Match: \"2\"\r\n", SET},
	        {"PATCH", "If-Match: \"1\"\r\n", 412},
	        {"PATCH", "If-None-Match: *\r\n", 412},
	        {"DELETE", NULL, 428},
	        {"DELETE", "If-Match: \"1\"\r\n", 412},
	        {"DELETE", "If-Match: \"2\"\r\n", GONE},
	        {"DELETE", "If-Match: *\r\n", GONE},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		bool has_body = ROWS[i].method[0] == 'P';
		fixture_init(&fixture);
		create(&fixture, A_TEST);
		expect(&fixture, 200, "PATCH", PATH, "{\"debug\":true}", NULL);
		assert_int_equal(revision_now(&fixture), 2);
		if (ask_for(&fixture, ROWS[i].method, PATH, has_body ? A_TEST : NULL,
		            ROWS[i].fields) != ROWS[i].status)
			fail_msg("%s %s: %u and not %u: %s", ROWS[i].method, ROWS[i].fields,
			        fixture.answer.status, ROWS[i].status, body_of(&fixture));
		if (ROWS[i].status == 400)
			expect_problem(&fixture, "bad-request");
		if (ROWS[i].status == 428)
			expect_problem(&fixture, "precondition-required");
		if (ROWS[i].status == 412)
			expect_problem(&fixture, "precondition-failed");
		if (ROWS[i].status >= 300)
			expect_unchanged(&fixture, 2);
		fixture_done(&fixture);
	}
}

/* What there is not is not there, whatever is said of its version (RFC 9110, 13.2.1). */
static void what_there_is_not_is_not_found(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *body;
	} ROWS[] = {
	        {"PATCH", "/api/v1/domains/a.test", "{}"},
	        {"DELETE", "/api/v1/domains/a.test", NULL},
	        {"POST", "/api/v1/domains/a.test/start", NULL},
	        {"POST", "/api/v1/domains/a.test/stop", NULL},
	        {"POST", "/api/v1/domains/a.test/switch", NULL},
	        {"POST", "/api/v1/domains/a.test/weight",
	                "{\"role\":\"origin\",\"address\":\"192.0.2.1\",\"weight\":0}"},
	        {"PUT", "/api/v1/domains/a.test/origin", "{\"addresses\":[\"192.0.2.1\"]}"},
	        {"PATCH", "/api/v1/domains/a.test/origin", "{}"},
	        {"PUT", "/api/v1/domains/a.test/backup", "{\"addresses\":[\"192.0.2.1\"]}"},
	        {"PATCH", "/api/v1/domains/a.test/backup", "{}"},
	        {"DELETE", "/api/v1/domains/a.test/backup", NULL},
	};
	static const char *const FIELDS[] = {NULL, "If-Match: \"1\"\r\n", "If-Match: *\r\n"};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		for (size_t j = 0; j < ARRAY_LENGTH(FIELDS); j++) {
			expect(&fixture, 404, ROWS[i].method, ROWS[i].path, ROWS[i].body,
			        FIELDS[j]);
			expect_problem(&fixture, "no-such-domain");
		}
	}
	expect_unchanged(&fixture, 0);
	fixture_done(&fixture);
}

static void a_domain_is_put_where_there_is_none(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 412, "PUT", PATH, A_TEST, "If-Match: *\r\n");
	expect_body(&fixture, "\"detail\":\"there is no such domain (any more)\",\"revision\":0}");
	expect(&fixture, 412, "PUT", PATH, A_TEST, "If-Match: \"1\"\r\n");
	expect_unchanged(&fixture, 0);
	expect(&fixture, 201, "PUT", PATH, A_TEST, "If-None-Match: *\r\n");
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect_text(fields_of(&fixture), "Headwater-Revision: 1\r\n");
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

static void who_had_an_older_version_is_told_the_differences(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	expect(&fixture, 200, "PATCH", PATH, "{\"debug\":true}", NULL);
	expect(&fixture, 200, "PATCH", PATH, "{\"origin\":{\"connect_timeout\":\"2s\"}}", NULL);
	expect(&fixture, 412, "PATCH", PATH, "{\"status\":\"offline\"}", "If-Match: \"1\"\r\n");
	expect_problem(&fixture, "precondition-failed");
	expect_body(&fixture, "\"detail\":\"the domain has revision 3, not 1\",\"revision\":3,"
	                      "\"changes\":[\"debug: off -> on\","
	                      "\"origin.connect_timeout: 5s -> 2s\"]}");
	expect_text(fields_of(&fixture), "ETag: \"3\"\r\n");
	/* Of the version in between, what came behind it. */
	expect(&fixture, 412, "DELETE", PATH, NULL, "If-Match: \"2\"\r\n");
	expect_body(&fixture, "\"changes\":[\"origin.connect_timeout: 5s -> 2s\"]}");
	/* One that is not there yet, or is no number, tells no differences. */
	expect(&fixture, 412, "DELETE", PATH, NULL, "If-Match: \"nonsense\"\r\n");
	expect_body(&fixture, "\"detail\":\"the domain is there, at revision 3\",\"revision\":3}");
	expect_unchanged(&fixture, 3);
	fixture_done(&fixture);
}

static void a_revision_in_the_body_is_an_expectation_too(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	expect(&fixture, 200, "PATCH", PATH, "{\"debug\":true}", NULL);
	expect(&fixture, 412, "PATCH", PATH, "{\"revision\":1,\"status\":\"offline\"}", NULL);
	expect_problem(&fixture, "precondition-failed");
	expect_body(&fixture, "\"changes\":[\"debug: off -> on\"]}");
	expect(&fixture, 412, "PATCH", PATH, "{\"revision\":9}", NULL);
	expect(&fixture, 412, "PUT", PATH,
	        "{\"origin\":{\"addresses\":[\"192.0.2.9\"]},\"revision\":1}", "If-Match: *\r\n");
	expect(&fixture, 412, "PATCH", "/api/v1/domains/a.test?dry_run=1",
	        "{\"revision\":1,\"status\":\"offline\"}", NULL);
	expect(&fixture, 412, "PATCH", PATH, "{\"revision\":2,\"status\":\"offline\"}",
	        "If-Match: \"1\"\r\n");
	expect_unchanged(&fixture, 2);
	expect(&fixture, 200, "PATCH", PATH, "{\"revision\":2,\"status\":\"offline\"}", NULL);
	/* 0 and null say nothing. */
	expect(&fixture, 200, "PATCH", PATH, "{\"revision\":0,\"status\":\"online\"}", NULL);
	expect(&fixture, 200, "PATCH", PATH, "{\"revision\":null,\"debug\":false}", NULL);
	expect_unchanged(&fixture, 5);
	fixture_done(&fixture);
}

static void what_changes_nothing_is_no_change(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	expect(&fixture, 200, "PATCH", PATH, "{}", NULL);
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect_text(fields_of(&fixture), "Headwater-Revision: 1\r\n");
	expect_body(&fixture, "\"revision\":1");
	expect(&fixture, 200, "PATCH", PATH, "{\"debug\":false,\"backup\":null}", NULL);
	expect(&fixture, 200, "PUT", PATH, A_TEST, "If-Match: *\r\n");
	expect(&fixture, 200, "POST", "/api/v1/domains/a.test/start", NULL, NULL);
	assert_int_equal(fixture.told, 1);
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

/* ---- rules ---- */

/* What the rules say of a domain, as errors of a problem. */
static void add_rules(const char *json, struct text *to)
{
	static const struct model_place PLACE = {.pointer = ""};
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	struct model_domain *domain;
	arena_init(&arena, NULL, 0);
	assert_true(model_json_read(&arena, str_of(json), &problems, &root));
	if (model_read_domain(root, NULL, MODEL_EXTENDED, &problems, &domain))
		model_domain_unref(domain);
	else
		assert_string_equal(problems.list[0].rule, "not-yet");
	model_problems_done(&problems);
	assert_true(model_read_domain(root, NULL, MODEL_STORED, &problems, &domain));
	assert_false(model_check_domain(domain, MODEL_CLASSIC, &PLACE, &problems));
	text_add(to, STR("\"errors\":["));
	for (unsigned i = 0; i < problems.count; i++) {
		text_add(to, i == 0 ? STR("{\"pointer\":") : STR(",{\"pointer\":"));
		text_add_json(to, str_of(problems.list[i].field));
		text_addf(to, ",\"rule\":\"%s\",\"detail\":", problems.list[i].rule);
		text_add_json(to, str_of(problems.list[i].message));
		text_add_char(to, '}');
	}
	text_add(to, STR("]}"));
	model_problems_done(&problems);
	model_domain_unref(domain);
	arena_reset(&arena);
}

#define SELF               "{\"addresses\":[\"192.0.2.1\"]}"
#define SECURE             "{\"addresses\":[\"192.0.2.1\"],\"protocol\":\"https\"}"
#define FOLLOW             "{\"addresses\":[\"192.0.2.1\"],\"protocol\":\"follow\"}"
#define COS                "{\"type\":\"cos\",\"bucket\":{\"bucket\":\"b-1\",\"region\":\"r\"}}"
#define S3                 "{\"type\":\"s3\",\"bucket\":{\"endpoint\":\"s3.test\"}}"
#define OF(origin, backup) "{\"name\":\"a.test\",\"origin\":" origin ",\"backup\":" backup "}"

/* R1 and R2 from both sides, word for word, on each way there is. */
static void rules_are_told_in_the_words_of_the_model(void **state)
{
	(void)state;
	static const struct {
		const char *json, *origin, *backup, *rule;
	} ROWS[] = {
	        {OF(COS, SELF), COS, SELF, "R1"},
	        {OF(S3, SELF), S3, SELF, "R1"},
	        {OF(SELF, COS), SELF, COS, "R1"},
	        {OF(SELF, S3), SELF, S3, "R1"},
	        {OF(COS, S3), COS, S3, "R1"},
	        {OF(SECURE, SELF), SECURE, SELF, "R2"},
	        {OF(FOLLOW, SELF), FOLLOW, SELF, "R2"},
	        {OF(SELF, SECURE), SELF, SECURE, "R2"},
	        {OF(SELF, FOLLOW), SELF, FOLLOW, "R2"},
	        {OF(SECURE, FOLLOW), SECURE, FOLLOW, "R2"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		struct text errors = {0}, patch = {0};
		fixture_init(&fixture);
		add_rules(ROWS[i].json, &errors);
		expect_text(text_c(&errors), ROWS[i].rule);
		expect(&fixture, 422, "POST", "/api/v1/domains", ROWS[i].json, NULL);
		expect_body(&fixture, text_c(&errors));
		expect(&fixture, 422, "PUT", PATH, ROWS[i].json, "If-None-Match: *\r\n");
		expect_body(&fixture, text_c(&errors));
		create(&fixture, A_TEST);
		text_addf(&patch, "{\"origin\":%s,\"backup\":%s}", ROWS[i].origin, ROWS[i].backup);
		if (ROWS[i].origin[2] == 't')
			text_clear(&patch), text_add(&patch, str_of(ROWS[i].json));
		expect(&fixture, 422, ROWS[i].origin[2] == 't' ? "PUT" : "PATCH", PATH,
		        text_c(&patch), "If-Match: *\r\n");
		expect_body(&fixture, text_c(&errors));
		expect_problem(&fixture, "invalid");
		expect_unchanged(&fixture, 1);
		text_done(&errors);
		text_done(&patch);
		fixture_done(&fixture);
	}
}

static void the_origin_of_a_buckets_own_domain_cannot_be_modified(void **state)
{
	(void)state;
	static const char BUCKETS[] = "{\"name\":\"a.test\",\"kind\":\"bucket_default\","
	                              "\"origin\":{\"addresses\":[\"192.0.2.1\"]}}";
	static const char R3[] =
	        "R3: the origin of a domain that a bucket created by itself cannot "
	        "be modified";
	static const struct {
		const char *method, *path, *body, *pointer;
	} ROWS[] = {
	        {"PATCH", "/api/v1/domains/a.test", "{\"origin\":{\"connect_timeout\":\"2s\"}}",
	                "/origin"},
	        {"PATCH", "/api/v1/domains/a.test", "{\"kind\":\"normal\"}", "/kind"},
	        {"PATCH", "/api/v1/domains/a.test", "{\"kind\":null}", "/kind"},
	        {"PUT", "/api/v1/domains/a.test", A_TEST, "/kind"},
	        {"PUT", "/api/v1/domains/a.test/origin", "{\"addresses\":[\"192.0.2.2\"]}", ""},
	        {"PATCH", "/api/v1/domains/a.test/origin", "{\"host\":\"b.test\"}", ""},
	        {"POST", "/api/v1/domains/a.test/weight",
	                "{\"role\":\"origin\",\"address\":\"192.0.2.1\",\"weight\":5}", "/origin"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, BUCKETS);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		char error[256];
		snprintf(error, sizeof(error),
		        "\"errors\":[{\"pointer\":\"%s\",\"rule\":\"R3\",\"detail\":\"%s\"}]}",
		        ROWS[i].pointer, R3);
		expect(&fixture, 422, ROWS[i].method, ROWS[i].path, ROWS[i].body,
		        "If-Match: *\r\n");
		expect_problem(&fixture, "invalid");
		expect_body(&fixture, error);
	}
	expect_unchanged(&fixture, 1);
	/* All else may change. */
	expect(&fixture, 200, "PATCH", PATH, "{\"debug\":true}", NULL);
	fixture_done(&fixture);
}

static void bad_fields_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *body, *pointer, *rule;
	} ROWS[] = {
	        {"{\"nothing\":1}", "/nothing", "unknown-field"},
	        {"{\"origin\":{\"nothing\":1}}", "/origin/nothing", "unknown-field"},
	        {"{\"origin\":null}", "/origin/addresses", "missing"},
	        {"{\"origin\":[]}", "/origin", "type"},
	        {"{\"origin\":{\"addresses\":[\"192.0.2.1:70000\"]}}", "/origin/addresses/0",
	                "range"},
	        {"{\"origin\":{\"addresses\":[\"a.test\"]}}", "/origin/addresses/0", "loop"},
	        {"{\"debug\":\"maybe\"}", "/debug", NULL},
	        {"{\"debug\":1}", "/debug", NULL},
	        {"{\"origin\":{\"latch\":\"off\"}}", "/origin/latch", "unknown-field"},
	        {"{\"origin\":{\"protocol\":\"https\",\"tls\":{\"ca\":\"ca.pem\"}}}",
	                "/origin/tls/ca", "value"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		char error[128];
		snprintf(error, sizeof(error), "{\"pointer\":\"%s\",\"rule\":\"%s", ROWS[i].pointer,
		        ROWS[i].rule == NULL ? "" : ROWS[i].rule);
		expect(&fixture, 422, "PATCH", PATH, ROWS[i].body, NULL);
		expect_problem(&fixture, "invalid");
		expect_body(&fixture, error);
	}
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

/* ---- dry runs ---- */

static void a_dry_run_tells_and_changes_nothing(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "POST", "/api/v1/domains?dry_run=1", A_TEST, NULL);
	expect_body(&fixture, "{\"dry_run\":true,\"changes\":[{\"name\":\"a.test\",\"what\":"
	                      "\"created\",\"diff\":[");
	expect_body(&fixture, "],\"domain\":{\"name\":\"a.test\",");
	expect_unchanged(&fixture, 0);
	create(&fixture, A_TEST);
	expect(&fixture, 200, "PATCH", "/api/v1/domains/a.test?dry_run=1", "{\"debug\":true}",
	        NULL);
	expect_body(&fixture, "{\"dry_run\":true,\"changes\":[{\"name\":\"a.test\",\"what\":"
	                      "\"changed\",\"diff\":[\"debug: off -> on\"]}],\"domain\":{");
	expect(&fixture, 200, "PATCH", "/api/v1/domains/a.test?dry_run=1", "{}", NULL);
	expect_body(&fixture, "{\"dry_run\":true,\"changes\":[],\"domain\":{");
	expect(&fixture, 200, "DELETE", "/api/v1/domains/a.test?dry_run=1", NULL,
	        "If-Match: *\r\n");
	expect_body(&fixture, "\"what\":\"removed\",\"diff\":[");
	expect_no_text(body_of(&fixture), "\"domain\"");
	/* What would be refused is refused. */
	expect(&fixture, 422, "PATCH", "/api/v1/domains/a.test?dry_run=1", "{\"x\":1}", NULL);
	expect(&fixture, 412, "DELETE", "/api/v1/domains/a.test?dry_run=1", NULL,
	        "If-Match: \"7\"\r\n");
	expect(&fixture, 409, "POST", "/api/v1/domains?dry_run=1", A_TEST, NULL);
	assert_int_equal(fixture.told, 1);
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

/* ---- secrets ---- */

#define PRIVATE(secret)                                                                            \
	"{\"type\":\"s3\",\"bucket\":{\"endpoint\":\"s3.test\",\"access\":\"private\","            \
	"\"key_id\":\"id\",\"secret\":\"" secret "\"}}"

static void expect_secret(struct fixture *fixture, const char *secret)
{
	struct model_domain *domain = domain_now(fixture, "a.test");
	assert_string_equal(domain->origin.bucket.secret, secret);
	model_domain_unref(domain);
}

static void secrets_are_masked_and_kept(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *body, *secret;
	} ROWS[] = {
	        {"PATCH", "/api/v1/domains/a.test", "{\"debug\":true}", "hush"},
	        {"PUT", "/api/v1/domains/a.test", "{\"origin\":" PRIVATE(MODEL_PRINT_MASK) "}",
	                "hush"},
	        {"PUT", "/api/v1/domains/a.test", "{\"origin\":" PRIVATE("psst") "}", "psst"},
	        {"PUT", "/api/v1/domains/a.test/origin", PRIVATE("sesame"), "sesame"},
	        {"PUT", "/api/v1/domains/a.test/origin", PRIVATE(MODEL_PRINT_MASK), "sesame"},
	        {"PATCH", "/api/v1/domains/a.test/origin",
	                "{\"bucket\":{\"secret\":\"" MODEL_PRINT_MASK "\",\"key_id\":\"two\"}}",
	                "sesame"},
	        {"POST", "/api/v1/domains/a.test/stop", NULL, "sesame"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	/* Buckets are not served yet; what was stored before only has its form. */
	fixture.plane.rules = MODEL_STORED;
	create(&fixture, "{\"name\":\"a.test\",\"origin\":" PRIVATE("hush") "}");
	expect_body(&fixture, "\"secret\":\"" MODEL_PRINT_MASK "\"");
	expect_secret(&fixture, "hush");
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, 200, ROWS[i].method, ROWS[i].path, ROWS[i].body,
		        "If-Match: *\r\n");
		expect_no_text(body_of(&fixture), ROWS[i].secret);
		expect_secret(&fixture, ROWS[i].secret);
	}
	expect(&fixture, 200, "GET", "/api/v1/domains/a.test/history", NULL, NULL);
	expect_no_text(body_of(&fixture), "psst");
	expect_body(&fixture, "origin.bucket.secret");
	expect(&fixture, 200, "GET", "/api/v1/export", NULL, NULL);
	expect_no_text(body_of(&fixture), "sesame");
	fixture_done(&fixture);
}

static void a_mask_of_no_secret_is_refused(void **state)
{
	(void)state;
	static const char ERROR[] = "\"errors\":[{\"pointer\":\"/origin/bucket/secret\",\"rule\":"
	                            "\"masked\",\"detail\":\"is the mask of a secret, and there is "
	                            "none\"}]}";
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.plane.rules = MODEL_STORED;
	expect(&fixture, 422, "POST", "/api/v1/domains",
	        "{\"name\":\"a.test\",\"origin\":" PRIVATE(MODEL_PRINT_MASK) "}", NULL);
	expect_body(&fixture, ERROR);
	create(&fixture, A_TEST);
	expect(&fixture, 422, "PUT", PATH, "{\"origin\":" PRIVATE(MODEL_PRINT_MASK) "}",
	        "If-Match: *\r\n");
	expect_body(&fixture, ERROR);
	expect(&fixture, 422, "PUT", "/api/v1/domains/a.test/origin", PRIVATE(MODEL_PRINT_MASK),
	        "If-Match: *\r\n");
	expect_body(&fixture, "\"errors\":[{\"pointer\":\"/bucket/secret\",\"rule\":\"masked\"");
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

/* ---- who, and whose ---- */

static void the_history_says_who_did_what(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	ask_as(&fixture, "deploy", STORE_ADMIN);
	snprintf(fixture.caller.label, sizeof(fixture.caller.label), "ci");
	fixture.caller.is_session = false;
	expect(&fixture, 200, "POST", "/api/v1/domains/a.test/stop", NULL, NULL);
	expect(&fixture, 200, "GET", "/api/v1/history", NULL, NULL);
	expect_body(&fixture, "\"who\":\"deploy/ci\",\"action\":\"domain.stop\"");
	expect_body(&fixture, "\"who\":\"ada\",\"action\":\"domain.create\"");
	fixture_done(&fixture);
}

static void what_a_file_manages_is_not_changed_here(void **state)
{
	(void)state;
	struct fixture fixture;
	const struct control_route *route;
	unsigned seen = 0;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	fixture.plane.file = "/etc/domains.yaml";
	for (size_t i = 0; (route = control_route_at(i)) != NULL; i++) {
		char path[64];
		static const char *const BODIES[] = {
		        [CONTROL_NONE] = NULL,
		        [CONTROL_JSON] = A_TEST,
		        [CONTROL_PATCH] = "{}",
		        [CONTROL_YAML] = "domains: []",
		};
		const char *body = route->body == CONTROL_FORM ? NULL : BODIES[route->body];
		if (route->method == HTTP_GET || strstr(route->queries, "dry_run") == NULL)
			continue;
		/* What is set at run time is no file's; its rules are (test_api_settings.c). Nor
		 * are certificates (test_api_certificates.c). */
		if (str_has_prefix(str_of(route->id), STR("settings_")) ||
		        str_has_prefix(str_of(route->id), STR("certificates_")))
			continue;
		if (route->body == CONTROL_FORM)
			body = strstr(route->id, "weight") != NULL
			               ? "{\"role\":\"origin\",\"address\":\"192.0.2.1\","
			                 "\"weight\":1}"
			               : "{\"revision\":1}";
		const char *name = strstr(route->path.at, "{}");
		if (name == NULL)
			snprintf(path, sizeof(path), "%s", route->path.at);
		else
			snprintf(path, sizeof(path), "%.*sa.test%s", (int)(name - route->path.at),
			        route->path.at, name + 2);
		expect(&fixture, 409, control_route_method(route), path, body, "If-Match: *\r\n");
		expect_problem(&fixture, "managed-by-file");
		expect_body(&fixture, "the domains are managed by /etc/domains.yaml");
		seen++;
	}
	assert_true(seen >= 15);
	expect_unchanged(&fixture, 1);
	expect(&fixture, 200, "GET", "/api/v1/domains/a.test", NULL, NULL);
	fixture_done(&fixture);
}

/* ---- a store that fails ---- */

static void a_change_that_the_store_cannot_keep_is_none(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text words = {0};
	failing_install();
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	failing_arm(1, FAILING_NOTHING_DONE, SQLITE_FULL);
	expect(&fixture, 503, "PATCH", PATH, "{\"debug\":true}", NULL);
	expect_problem(&fixture, "store-unavailable");
	failing_arm(0, FAILING_NOTHING_DONE, 0);
	assert_true(control_plane_has_trouble(&fixture.plane, &words));
	expect_unchanged(&fixture, 1);
	assert_int_equal(fixture.told, 1);
	/* The next one is made, and all is well. */
	expect(&fixture, 200, "PATCH", PATH, "{\"debug\":true}", NULL);
	assert_false(control_plane_has_trouble(&fixture.plane, &words));
	expect_unchanged(&fixture, 2);
	text_done(&words);
	fixture_done(&fixture);
}

static void a_database_that_is_taken_away_is_told(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	assert_int_equal(unlink(fixture.place.path), 0);
	expect(&fixture, 503, "PATCH", PATH, "{\"debug\":true}", NULL);
	expect_body(&fixture, "the database file was removed or replaced while it was in use");
	expect(&fixture, 503, "GET", "/api/v1/history", NULL, NULL);
	expect(&fixture, 503, "GET", "/healthz", NULL, NULL);
	/* What is in memory is shown. */
	expect(&fixture, 200, "GET", "/api/v1/domains/a.test", NULL, NULL);
	assert_int_equal(revision_now(&fixture), 1);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_precondition_holds_or_not),
	        cmocka_unit_test(what_there_is_not_is_not_found),
	        cmocka_unit_test(a_domain_is_put_where_there_is_none),
	        cmocka_unit_test(who_had_an_older_version_is_told_the_differences),
	        cmocka_unit_test(a_revision_in_the_body_is_an_expectation_too),
	        cmocka_unit_test(what_changes_nothing_is_no_change),
	        cmocka_unit_test(rules_are_told_in_the_words_of_the_model),
	        cmocka_unit_test(the_origin_of_a_buckets_own_domain_cannot_be_modified),
	        cmocka_unit_test(bad_fields_are_named),
	        cmocka_unit_test(a_dry_run_tells_and_changes_nothing),
	        cmocka_unit_test(secrets_are_masked_and_kept),
	        cmocka_unit_test(a_mask_of_no_secret_is_refused),
	        cmocka_unit_test(the_history_says_who_did_what),
	        cmocka_unit_test(what_a_file_manages_is_not_changed_here),
	        cmocka_unit_test(a_change_that_the_store_cannot_keep_is_none),
	        cmocka_unit_test(a_database_that_is_taken_away_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
