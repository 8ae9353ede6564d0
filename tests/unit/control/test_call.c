/* What an operation finds in a request, and what becomes of its answers. */
#include "fixture.h"

#include "model/host.h"

/* A call that nobody has run. */
static void begin(struct fixture *fixture, struct control_call *call, const char *body)
{
	begin_call(fixture, call, "PATCH", "/api/v1/users/ada", body,
	        "X-CSRF-Token: abc\r\nx-other: \r\n");
}

static void a_switch_of_the_query_is_on_or_not(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		bool is_dry;
	} ROWS[] = {
	        {"/api/v1/domains", false},
	        {"/api/v1/domains?dry_run", true},
	        {"/api/v1/domains?dry_run=", true},
	        {"/api/v1/domains?dry_run=1", true},
	        {"/api/v1/domains?dry_run=true", true},
	        {"/api/v1/domains?dry_run=0", false},
	        {"/api/v1/domains?dry_run=false", false},
	};
	struct fixture fixture;
	struct control_call call;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		begin_call(&fixture, &call, "POST", ROWS[i].target, NULL, NULL);
		assert_int_equal(control_call_is_dry(&call), ROWS[i].is_dry);
		end_call(&fixture, &call);
	}
	fixture_done(&fixture);
}

static void fields_are_found_whatever_their_case(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_call call;
	fixture_init(&fixture);
	begin(&fixture, &call, NULL);
	assert_true(str_is_equal(control_call_field(&call, "x-csrf-token"), STR("abc")));
	assert_non_null(control_call_field(&call, "X-Other").at);
	assert_int_equal(control_call_field(&call, "X-Other").len, 0);
	assert_null(control_call_field(&call, "X-Csrf").at);
	end_call(&fixture, &call);
	fixture_done(&fixture);
}

static void the_domain_of_a_path_is_in_its_normal_form(void **state)
{
	(void)state;
	static const struct {
		const char *path, *name;
	} ROWS[] = {
	        {"/api/v1/domains/a.test", "a.test"},
	        {"/api/v1/domains/A.Test", "a.test"},
	        {"/api/v1/domains/%2a.Test", "*.test"},
	        {"/api/v1/domains/*.test", "*.test"},
	        {"/api/v1/domains/a.test.", "a.test"},
	        {"/api/v1/domains/a%20b", "a b"},
	        {"/api/v1/domains/..", ".."},
	};
	struct fixture fixture;
	struct control_call call;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		begin_call(&fixture, &call, "GET", ROWS[i].path, NULL, NULL);
		struct str name = control_call_domain(&call);
		/* It ends with a NUL. */
		assert_string_equal(name.at, ROWS[i].name);
		assert_int_equal(name.len, strlen(ROWS[i].name));
		end_call(&fixture, &call);
	}
	fixture_done(&fixture);
}

static void bodies_that_are_no_objects_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *body, *problem;
	} ROWS[] = {
	        {"", "malformed-json"},
	        {"{", "malformed-json"},
	        {"nonsense", "malformed-json"},
	        {"{\"a\":1,\"a\":2}", "malformed-json"},
	        {"{\"a\":\"\\u0000\"}", "malformed-json"},
	        {"{\"a\":\"\xff\"}", "malformed-json"},
	        {"{} {}", "malformed-json"},
	        {"[]", "invalid"},
	        {"null", "invalid"},
	        {"1", "invalid"},
	        {"\"{}\"", "invalid"},
	};
	struct fixture fixture;
	struct control_call call;
	struct model_node *root;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		begin(&fixture, &call, ROWS[i].body);
		assert_false(control_call_read_object(&call, &root));
		end_call(&fixture, &call);
		expect_problem(&fixture, ROWS[i].problem);
	}
	begin(&fixture, &call, " {\"a\":{}}\n");
	assert_true(control_call_read_object(&call, &root));
	assert_int_equal(root->count, 1);
	end_call(&fixture, &call);
	fixture_done(&fixture);
}

static void depth_is_bounded(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_call call;
	struct model_node *root;
	struct text body = {0};
	fixture_init(&fixture);
	for (unsigned i = 0; i < 100000; i++)
		text_add(&body, STR("{\"a\":"));
	begin(&fixture, &call, text_c(&body));
	assert_false(control_call_read_object(&call, &root));
	end_call(&fixture, &call);
	expect_problem(&fixture, "malformed-json");
	text_done(&body);
	fixture_done(&fixture);
}

enum { NAME, AGE, FIELDS };

static bool read_form(struct control_call *call, struct control_form_field *fields)
{
	static const struct control_form_field FORM[FIELDS] = {
	        [NAME] = {.name = "name", .is_required = true},
	        [AGE] = {.name = "age", .type = CONTROL_FORM_NUMBER},
	};
	memcpy(fields, FORM, sizeof(FORM));
	return control_call_read_form(call, fields, FIELDS);
}

static void forms_have_their_members_and_no_others(void **state)
{
	(void)state;
	static const struct {
		const char *body, *error;
	} ROWS[] = {
	        {"{}", "{\"pointer\":\"/name\",\"rule\":\"missing\",\"detail\":\"is missing\"}"},
	        {"{\"name\":null}", "{\"pointer\":\"/name\",\"rule\":\"missing\""},
	        {"{\"name\":1}", "{\"pointer\":\"/name\",\"rule\":\"type\""},
	        {"{\"name\":true}", "{\"pointer\":\"/name\",\"rule\":\"type\""},
	        {"{\"name\":[\"a\"]}", "{\"pointer\":\"/name\",\"rule\":\"type\""},
	        {"{\"name\":{}}", "{\"pointer\":\"/name\",\"rule\":\"type\""},
	        {"{\"name\":\"a\",\"age\":\"1\"}", "{\"pointer\":\"/age\",\"rule\":\"type\""},
	        {"{\"name\":\"a\",\"age\":-1}", "{\"pointer\":\"/age\",\"rule\":\"type\""},
	        {"{\"name\":\"a\",\"age\":1.5}", "{\"pointer\":\"/age\",\"rule\":\"type\""},
	        {"{\"name\":\"a\",\"age\":1e-3}", "{\"pointer\":\"/age\",\"rule\":\"type\""},
	        {"{\"name\":\"a\",\"age\":false}", "{\"pointer\":\"/age\",\"rule\":\"type\""},
	        {"{\"name\":\"a\",\"age\":[]}", "{\"pointer\":\"/age\",\"rule\":\"type\""},
	        {"{\"name\":\"a\",\"Name\":\"a\"}",
	                "{\"pointer\":\"/Name\",\"rule\":\"unknown-field\""},
	        {"{\"name\":\"a\",\"a/b~c\":1}",
	                "{\"pointer\":\"/a~1b~0c\",\"rule\":\"unknown-field\""},
	};
	struct fixture fixture;
	struct control_call call;
	struct control_form_field fields[FIELDS];
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		begin(&fixture, &call, ROWS[i].body);
		if (read_form(&call, fields))
			fail_msg("%s", ROWS[i].body);
		end_call(&fixture, &call);
		expect_problem(&fixture, "invalid");
		expect_body(&fixture, ROWS[i].error);
	}
	fixture_done(&fixture);
}

static void forms_are_read(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_call call;
	struct control_form_field fields[FIELDS];
	fixture_init(&fixture);
	begin(&fixture, &call, "{\"age\":18446744073709551615,\"name\":\"\"}");
	/* Numbers of JSON are read as far as they are told apart. */
	(void)!read_form(&call, fields);
	end_call(&fixture, &call);
	begin(&fixture, &call, "{\"age\":7,\"name\":\"\xc3\xa4\"}");
	assert_true(read_form(&call, fields));
	assert_string_equal(fields[NAME].text.at, "\xc3\xa4");
	assert_int_equal(fields[AGE].number, 7);
	assert_true(fields[NAME].is_there && fields[AGE].is_there);
	end_call(&fixture, &call);
	begin(&fixture, &call, "{\"age\":null,\"name\":\"\"}");
	assert_true(read_form(&call, fields));
	assert_true(fields[NAME].is_there);
	assert_false(fields[AGE].is_there);
	end_call(&fixture, &call);
	fixture_done(&fixture);
}

static void numbers_of_the_query_are_within_bounds(void **state)
{
	(void)state;
	static const struct control_call_range RANGE = {.min = 1, .max = 1000, .standard = 100};
	static const struct {
		const char *query;
		uint64_t number; /* 0: refused */
	} ROWS[] = {
	        {"", 100},
	        {"?limit=1", 1},
	        {"?limit=1000", 1000},
	        {"?limit=0", 0},
	        {"?limit=1001", 0},
	        {"?limit=-1", 0},
	        {"?limit=", 0},
	        {"?limit", 0},
	        {"?limit=1.0", 0},
	        {"?limit=+1", 0},
	        {"?limit=99999999999999999999", 0},
	};
	struct fixture fixture;
	struct control_call call;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		char target[64];
		uint64_t number = 0;
		snprintf(target, sizeof(target), "/api/v1/history%s", ROWS[i].query);
		begin_call(&fixture, &call, "GET", target, NULL, NULL);
		bool is_read = control_call_read_number(&call, "limit", RANGE, &number);
		if (is_read != (ROWS[i].number != 0) || number != ROWS[i].number)
			fail_msg("%s: %llu", target, (unsigned long long)number);
		end_call(&fixture, &call);
		if (is_read)
			continue;
		expect_problem(&fixture, "bad-request");
		expect_body(&fixture, "the query's \\\"limit\\\" is no number from 1 to 1000");
	}
	fixture_done(&fixture);
}

static void a_problem_drops_what_was_answered_before(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_call call;
	fixture_init(&fixture);
	begin(&fixture, &call, NULL);
	text_add(control_call_answer(&call, 200), STR("{\"secret\":1}"));
	control_call_add_field(&call, "ETag", "\"%d\"", 7);
	control_call_refuse(&call, CONTROL_PROBLEM_NOT_FOUND, "there is no \"%s\"", "x");
	end_call(&fixture, &call);
	assert_int_equal(fixture.answer.status, 404);
	assert_string_equal(body_of(&fixture),
	        "{\"type\":\"/problems/not-found\",\"title\":\"There is nothing here\","
	        "\"status\":404,\"detail\":\"there is no \\\"x\\\"\"}");
	assert_string_equal(fields_of(&fixture), "");
	fixture_done(&fixture);
}

static void who_is_nobody_is_told_how_to_be_somebody(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_call call;
	fixture_init(&fixture);
	begin(&fixture, &call, NULL);
	control_call_refuse(&call, CONTROL_PROBLEM_UNAUTHENTICATED, "who");
	end_call(&fixture, &call);
	assert_int_equal(fixture.answer.status, 401);
	assert_string_equal(
	        fields_of(&fixture), "WWW-Authenticate: Bearer realm=\"headwater\"\r\n");
	fixture_done(&fixture);
}

static void places_are_told_below_the_body(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_call call;
	struct model_problems problems = {0};
	fixture_init(&fixture);
	model_problems_add(&problems, NULL, 0, "/origin/host", "host", "is \"wrong\"");
	model_problems_add(&problems, NULL, 3, "/name", "name", "is taken");
	model_problems_add(&problems, NULL, 0, "/origin", "R3", "cannot be");
	begin(&fixture, &call, NULL);
	control_call_refuse_with(
	        &call, CONTROL_PROBLEM_INVALID, &problems, STR("/origin"), "%u", problems.total);
	end_call(&fixture, &call);
	expect_body(&fixture,
	        "\"detail\":\"3\",\"errors\":["
	        "{\"pointer\":\"/host\",\"rule\":\"host\",\"detail\":\"is \\\"wrong\\\"\"},"
	        "{\"pointer\":\"/name\",\"rule\":\"name\",\"detail\":\"is taken\",\"line\":3},"
	        "{\"pointer\":\"\",\"rule\":\"R3\",\"detail\":\"cannot be\"}]}");
	model_problems_done(&problems);
	fixture_done(&fixture);
}

static void a_failure_of_the_store_is_told_from_then_on(void **state)
{
	(void)state;
	struct fixture fixture;
	struct control_call call;
	struct text words = {0};
	fixture_init(&fixture);
	begin(&fixture, &call, NULL);
	control_call_refuse_store(&call, STORE_FULL);
	end_call(&fixture, &call);
	assert_int_equal(fixture.answer.status, 503);
	expect_problem(&fixture, "store-unavailable");
	expect_body(&fixture, "the disk has no room for the database");
	assert_true(control_plane_has_trouble(&fixture.plane, &words));
	expect_text(text_c(&words), "the disk has no room for the database");
	text_done(&words);
	fixture_done(&fixture);
}

/* Every name, and the status that goes with it. */
static void problems_have_the_names_and_statuses_of_the_contract(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned status;
	} CONTRACT[] = {
	        {"malformed-json", 400},
	        {"bad-request", 400},
	        {"unauthenticated", 401},
	        {"bad-credentials", 401},
	        {"forbidden", 403},
	        {"csrf", 403},
	        {"password-change-required", 403},
	        {"not-found", 404},
	        {"no-such-domain", 404},
	        {"no-backup", 404},
	        {"method-not-allowed", 405},
	        {"exists", 409},
	        {"last-admin", 409},
	        {"managed-by-file", 409},
	        {"precondition-failed", 412},
	        {"body-too-large", 413},
	        {"unsupported-media-type", 415},
	        {"invalid", 422},
	        {"idempotency-key-reused", 422},
	        {"precondition-required", 428},
	        {"too-many-attempts", 429},
	        {"store-unavailable", 503},
	        {"overloaded", 503},
	};
	struct fixture fixture;
	unsigned seen = 0;
	fixture_init(&fixture);
	for (int id = 0; id < CONTROL_PROBLEMS; id++) {
		struct control_call call;
		begin(&fixture, &call, NULL);
		control_call_refuse(&call, (enum control_problem)id, "x");
		end_call(&fixture, &call);
		for (size_t i = 0; i < ARRAY_LENGTH(CONTRACT); i++) {
			char type[96];
			snprintf(type, sizeof(type), "/problems/%s\"", CONTRACT[i].name);
			if (strstr(body_of(&fixture), type) == NULL)
				continue;
			assert_int_equal(fixture.answer.status, CONTRACT[i].status);
			expect_problem(&fixture, CONTRACT[i].name);
			seen++;
		}
	}
	assert_int_equal(seen, ARRAY_LENGTH(CONTRACT));
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_switch_of_the_query_is_on_or_not),
	        cmocka_unit_test(fields_are_found_whatever_their_case),
	        cmocka_unit_test(the_domain_of_a_path_is_in_its_normal_form),
	        cmocka_unit_test(bodies_that_are_no_objects_are_refused),
	        cmocka_unit_test(depth_is_bounded),
	        cmocka_unit_test(forms_have_their_members_and_no_others),
	        cmocka_unit_test(forms_are_read),
	        cmocka_unit_test(numbers_of_the_query_are_within_bounds),
	        cmocka_unit_test(a_problem_drops_what_was_answered_before),
	        cmocka_unit_test(who_is_nobody_is_told_how_to_be_somebody),
	        cmocka_unit_test(places_are_told_below_the_body),
	        cmocka_unit_test(a_failure_of_the_store_is_told_from_then_on),
	        cmocka_unit_test(problems_have_the_names_and_statuses_of_the_contract),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
