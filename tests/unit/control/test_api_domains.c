/* Domains as a whole: listed, made once, read, replaced, patched, removed, started and stopped. */
#include "fixture.h"

static const char LIST[] = "/api/v1/domains";

static void a_domain_is_made_and_read_and_removed(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 201, "POST", LIST, A_TEST, NULL);
	assert_string_equal(fixture.answer.media, "application/json");
	expect_body(&fixture, "{\"name\":\"a.test\",\"status\":\"online\"");
	expect_body(&fixture, "\"revision\":1");
	expect_body(&fixture, "\"backup\":null");
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect_text(fields_of(&fixture), "Headwater-Revision: 1\r\n");
	expect_text(fields_of(&fixture), "Location: /api/v1/domains/a.test\r\n");
	expect(&fixture, 200, "GET", "/api/v1/domains/a.test", NULL, NULL);
	expect_body(&fixture, "{\"name\":\"a.test\",");
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect(&fixture, 200, "GET", "/api/v1/domains/A.TEST", NULL, NULL);
	expect(&fixture, 204, "DELETE", "/api/v1/domains/a.test", NULL, "If-Match: \"1\"\r\n");
	assert_string_equal(body_of(&fixture), "");
	expect_text(fields_of(&fixture), "Headwater-Revision: 2\r\n");
	expect(&fixture, 404, "GET", "/api/v1/domains/a.test", NULL, NULL);
	expect_problem(&fixture, "no-such-domain");
	expect_unchanged(&fixture, 2);
	/* Made again, it is a new one. */
	create(&fixture, A_TEST);
	expect_body(&fixture, "\"revision\":3");
	fixture_done(&fixture);
}

static void what_cannot_be_made_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {"nonsense", 400, "/problems/malformed-json"},
	        {"[]", 422, "{\"pointer\":\"\",\"rule\":\"type\""},
	        {"{}", 422, "{\"pointer\":\"/name\",\"rule\":\"missing\""},
	        {"{\"name\":null}", 422, "{\"pointer\":\"/name\",\"rule\":\"missing\""},
	        {"{\"name\":5}", 422, "{\"pointer\":\"/name\""},
	        {"{\"name\":{}}", 422, "{\"pointer\":\"/name\""},
	        {"{\"name\":\"\"}", 422, "{\"pointer\":\"/name\""},
	        {"{\"name\":\"a b\"}", 422, "{\"pointer\":\"/name\""},
	        {"{\"name\":\"192.0.2.1\",\"nothing\":1}", 422, "/nothing"},
	        {"{\"name\":\"c.test\"}", 422, "{\"pointer\":\"/origin"},
	        {"{\"name\":\"c.test\",\"origin\":{\"addresses\":[]}}", 422, "/origin/addresses"},
	        {"{\"name\":\"c.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]},\"revision\":1}",
	                422, "{\"pointer\":\"/revision\",\"rule\":\"read-only\""},
	        {A_TEST, 409, "/problems/exists"},
	        {"{\"name\":\"A.Test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]}}", 409,
	                "/problems/exists"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "POST", LIST, ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].error);
	}
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

static void a_wildcard_is_a_domain(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, "{\"name\":\"*.A.test\",\"origin\":{\"addresses\":[\"192.0.2.1\"]}}");
	expect_text(fields_of(&fixture), "Location: /api/v1/domains/*.a.test\r\n");
	expect(&fixture, 200, "GET", "/api/v1/domains/%2A.a.test", NULL, NULL);
	expect(&fixture, 200, "GET", "/api/v1/domains/*.a.test", NULL, NULL);
	/* It is not what its names are. */
	expect(&fixture, 404, "GET", "/api/v1/domains/b.a.test", NULL, NULL);
	fixture_done(&fixture);
}

/* ---- once ---- */

static void a_request_with_a_key_is_made_once(void **state)
{
	(void)state;
	static const char KEY[] = "Idempotency-Key: k-1\r\n";
	struct fixture fixture;
	struct text first = {0}, fields = {0};
	fixture_init(&fixture);
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	text_add(&first, text_str(&fixture.answer.body));
	text_add(&fields, text_str(&fixture.answer.fields));
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	assert_string_equal(body_of(&fixture), text_c(&first));
	/* Also the fields, whatever their order. */
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect_text(fields_of(&fixture), "Location: /api/v1/domains/a.test\r\n");
	expect_text(fields_of(&fixture), "Headwater-Revision: 1\r\n");
	assert_int_equal(fields.len, fixture.answer.fields.len);
	expect_unchanged(&fixture, 1);
	/* It is answered as it was then, whatever has become of the domain. */
	expect(&fixture, 200, "PATCH", "/api/v1/domains/a.test", "{\"debug\":true}", NULL);
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	assert_string_equal(body_of(&fixture), text_c(&first));
	expect(&fixture, 204, "DELETE", "/api/v1/domains/a.test", NULL, "If-Match: *\r\n");
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	assert_string_equal(body_of(&fixture), text_c(&first));
	expect_unchanged(&fixture, 3);
	text_done(&first);
	text_done(&fields);
	fixture_done(&fixture);
}

/* Who did not get the answer says the same again, also that there must be none yet. */
static void a_request_with_a_key_and_a_version_is_made_once(void **state)
{
	(void)state;
	static const char FIELDS[] = "Idempotency-Key: k-1\r\nIf-None-Match: *\r\n";
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 201, "POST", LIST, A_TEST, FIELDS);
	expect(&fixture, 201, "POST", LIST, A_TEST, FIELDS);
	expect_text(fields_of(&fixture), "ETag: \"1\"\r\n");
	expect_unchanged(&fixture, 1);
	/* For another request it holds. */
	expect(&fixture, 412, "POST", LIST, A_TEST, "Idempotency-Key: k-2\r\nIf-None-Match: *\r\n");
	expect_problem(&fixture, "precondition-failed");
	expect(&fixture, 412, "POST", LIST, B_TEST, "Idempotency-Key: k-3\r\nIf-Match: \"1\"\r\n");
	expect(&fixture, 412, "POST", LIST, A_TEST, "If-None-Match: *\r\n");
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

static void a_key_is_for_one_body_of_one_caller(void **state)
{
	(void)state;
	static const char KEY[] = "Idempotency-Key: k-1\r\n";
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	expect(&fixture, 422, "POST", LIST, B_TEST, KEY);
	expect_problem(&fixture, "idempotency-key-reused");
	expect(&fixture, 422, "POST", LIST, "{}", KEY);
	expect_problem(&fixture, "idempotency-key-reused");
	expect(&fixture, 409, "POST", LIST, A_TEST, "Idempotency-Key: k-2\r\n");
	ask_as(&fixture, "bob", STORE_ADMIN);
	expect(&fixture, 409, "POST", LIST, A_TEST, KEY);
	expect_problem(&fixture, "exists");
	expect(&fixture, 201, "POST", LIST, B_TEST, KEY);
	expect_unchanged(&fixture, 2);
	fixture_done(&fixture);
}

static void a_key_is_remembered_for_a_day(void **state)
{
	(void)state;
	static const char KEY[] = "Idempotency-Key: k-1\r\n";
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	fixture.now_ms = clock_wall_ms() + LIMIT_STORE_REQUEST_MS - 60000;
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	fixture.now_ms = clock_wall_ms() + LIMIT_STORE_REQUEST_MS + 1;
	expect(&fixture, 409, "POST", LIST, A_TEST, KEY);
	fixture_done(&fixture);
}

static void keys_have_their_form(void **state)
{
	(void)state;
	struct fixture fixture;
	char longest[160] = "Idempotency-Key: ";
	fixture_init(&fixture);
	expect(&fixture, 400, "POST", LIST, A_TEST, "Idempotency-Key: \r\n");
	expect_problem(&fixture, "bad-request");
	expect(&fixture, 400, "POST", LIST, A_TEST, "Idempotency-Key: a b\r\n");
	expect(&fixture, 400, "POST", LIST, A_TEST, "Idempotency-Key: \xc3\xa4\r\n");
	memset(longest + 17, 'k', 129);
	strcpy(longest + 17 + 129, "\r\n");
	expect(&fixture, 400, "POST", LIST, A_TEST, longest);
	expect_unchanged(&fixture, 0);
	strcpy(longest + 17 + 128, "\r\n");
	expect(&fixture, 201, "POST", LIST, A_TEST, longest);
	expect(&fixture, 201, "POST", LIST, A_TEST, longest);
	fixture_done(&fixture);
}

static void what_was_refused_is_not_remembered(void **state)
{
	(void)state;
	static const char KEY[] = "Idempotency-Key: k-1\r\n";
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 422, "POST", LIST, "{}", KEY);
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	fixture_done(&fixture);
}

static void a_dry_run_neither_uses_a_key_nor_answers_by_one(void **state)
{
	(void)state;
	static const char KEY[] = "Idempotency-Key: k-1\r\n";
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "POST", "/api/v1/domains?dry_run=1", A_TEST, KEY);
	expect_body(&fixture, "{\"dry_run\":true,");
	expect(&fixture, 201, "POST", LIST, A_TEST, KEY);
	/* What is there is there. */
	expect(&fixture, 409, "POST", "/api/v1/domains?dry_run=1", A_TEST, KEY);
	fixture_done(&fixture);
}

/* ---- changes ---- */

static void a_domain_is_replaced_whole(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, B_TEST);
	expect(&fixture, 200, "PATCH", "/api/v1/domains/b.test", "{\"debug\":true}", NULL);
	/* Without a name it is that of the path; what is not said, or null, is at its default. */
	expect(&fixture, 200, "PUT", "/api/v1/domains/B.test",
	        "{\"origin\":{\"addresses\":[\"192.0.2.9\"],\"host\":null},\"status\":null}",
	        "If-Match: \"2\"\r\n");
	expect_body(&fixture, "\"addresses\":[\"192.0.2.9\"]");
	expect_body(&fixture, "\"backup\":null");
	expect_body(&fixture, "\"debug\":false");
	expect_text(fields_of(&fixture), "ETag: \"3\"\r\n");
	expect_unchanged(&fixture, 3);
	expect(&fixture, 422, "PUT", "/api/v1/domains/b.test", A_TEST, "If-Match: *\r\n");
	expect_body(&fixture, "{\"pointer\":\"/name\",\"rule\":\"name\",\"detail\":\"must be "
	                      "\\\"b.test\\\", as in the path\"}");
	expect(&fixture, 422, "PUT", "/api/v1/domains/a%20b",
	        "{\"origin\":{\"addresses\":[\"192.0.2.9\"]}}", "If-None-Match: *\r\n");
	expect_body(&fixture, "{\"pointer\":\"/name\"");
	expect_unchanged(&fixture, 3);
	fixture_done(&fixture);
}

static void fields_are_patched(void **state)
{
	(void)state;
	static const struct {
		const char *patch, *what;
	} ROWS[] = {
	        {"{\"debug\":true}", "\"debug\":true"},
	        {"{\"debug\":null}", "\"debug\":false"},
	        {"{\"origin\":{\"connect_timeout\":\"2s\"}}", "\"connect_timeout\":\"2s\""},
	        {"{\"origin\":{\"addresses\":[\"192.0.2.7:81:3\"]}}",
	                "\"addresses\":[\"192.0.2.7:81:3\"]"},
	        {"{\"backup\":{\"latch\":\"manual\"}}", "\"latch\":\"manual\""},
	        {"{\"backup\":null}", "\"backup\":null"},
	        {"{\"backup\":{\"addresses\":[\"192.0.2.8\"],\"hold_down_s\":9}}",
	                "\"hold_down_s\":9"},
	        {"{\"name\":\"B.test\",\"status\":\"offline\"}", "\"status\":\"offline\""},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, B_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, 200, "PATCH", "/api/v1/domains/b.test", ROWS[i].patch, NULL);
		expect_body(&fixture, ROWS[i].what);
		expect_unchanged(&fixture, 2 + i);
	}
	fixture_done(&fixture);
}

static void a_name_cannot_be_changed(void **state)
{
	(void)state;
	static const char *const PATCHES[] = {
	        "{\"name\":\"b.test\"}", "{\"name\":null}", "{\"name\":\"\"}", "{\"name\":1}"};
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	for (size_t i = 0; i < ARRAY_LENGTH(PATCHES); i++) {
		expect(&fixture, 422, "PATCH", "/api/v1/domains/a.test", PATCHES[i], NULL);
		expect_body(&fixture, "{\"pointer\":\"/name\",\"rule\":\"name\",");
	}
	expect_unchanged(&fixture, 1);
	fixture_done(&fixture);
}

static void a_domain_is_stopped_and_started(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	create(&fixture, A_TEST);
	expect(&fixture, 200, "POST", "/api/v1/domains/a.test/stop", NULL, NULL);
	expect_body(&fixture, "\"status\":\"offline\"");
	expect(&fixture, 200, "POST", "/api/v1/domains/a.test/stop", NULL, NULL);
	expect_unchanged(&fixture, 2);
	expect(&fixture, 200, "POST", "/api/v1/domains/a.test/start?dry_run=1", NULL, NULL);
	expect_body(&fixture, "\"diff\":[\"status: offline -> online\"]");
	expect(&fixture, 412, "POST", "/api/v1/domains/a.test/start", NULL, "If-Match: \"1\"\r\n");
	expect(&fixture, 200, "POST", "/api/v1/domains/a.test/start", NULL, "If-Match: \"2\"\r\n");
	expect_body(&fixture, "\"status\":\"online\"");
	expect_unchanged(&fixture, 3);
	fixture_done(&fixture);
}

/* ---- lists ---- */

/* n0.test … as many as there shall be, and b.test, which has a backup. */
static void make_many(struct fixture *fixture, unsigned count)
{
	create(fixture, B_TEST);
	for (unsigned i = 0; i < count; i++) {
		char json[160];
		snprintf(json, sizeof(json),
		        "{\"name\":\"n%u.test\",\"status\":\"%s\",\"origin\":{\"addresses\":[\"%"
		        "s\"]}}",
		        i, i % 2 == 0 ? "online" : "offline", i == 3 ? "o.other" : "192.0.2.1");
		create(fixture, json);
	}
}

/* The names in a list, with spaces between them. */
static void add_names(const struct fixture *fixture, struct text *to)
{
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	arena_init(&arena, NULL, 0);
	assert_true(model_json_read(&arena, text_str(&fixture->answer.body), &problems, &root));
	const struct model_node *items = model_node_get(root, STR("items"));
	text_clear(to);
	for (const struct model_node *item = items->first; item != NULL; item = item->next) {
		text_add(to, item == items->first ? STR("") : STR(" "));
		text_add(to, model_node_get(item, STR("name"))->text);
	}
	arena_reset(&arena);
}

static void lists_have_what_is_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *query, *names, *total;
	} ROWS[] = {
	        {"", "b.test n0.test n1.test n2.test n3.test", "\"total\":5,\"revision\":5}"},
	        {"?search=N", "n0.test n1.test n2.test n3.test", "\"total\":4,"},
	        {"?search=other", "n3.test", "\"total\":1,"},
	        {"?search=192.0.2.2", "b.test", "\"total\":1,"},
	        {"?search=", "b.test n0.test n1.test n2.test n3.test", "\"total\":5,"},
	        {"?search=a.test-is-not-there-and-longer-than-all", "", "\"total\":0,"},
	        {"?status=offline", "n1.test n3.test", "\"total\":2,"},
	        {"?status=online&search=n", "n0.test n2.test", "\"total\":2,"},
	        {"?type=self", "b.test n0.test n1.test n2.test n3.test", "\"total\":5,"},
	        {"?type=cos", "", "\"total\":0,"},
	        {"?backup=yes", "b.test", "\"total\":1,"},
	        {"?backup=no&limit=2", "n0.test n1.test",
	                "\"total\":4,\"revision\":5,\"next\":\"n1.test\"}"},
	        {"?backup=no&limit=2&after=n1.test", "n2.test n3.test",
	                "\"total\":4,\"revision\":5}"},
	        {"?limit=5", "b.test n0.test n1.test n2.test n3.test",
	                "\"total\":5,\"revision\":5}"},
	        {"?limit=4", "b.test n0.test n1.test n2.test", "\"next\":\"n2.test\"}"},
	        {"?after=c", "n0.test n1.test n2.test n3.test", "\"total\":5,"},
	        {"?after=z", "", "\"total\":5,\"revision\":5}"},
	        {"?order=name&limit=1", "b.test", "\"next\":\"b.test\"}"},
	        {"?order=name_desc", "n3.test n2.test n1.test n0.test b.test",
	                "\"total\":5,\"revision\":5}"},
	        {"?order=newest", "n3.test n2.test n1.test n0.test b.test", "\"total\":5,"},
	        {"?order=oldest&limit=2", "b.test n0.test",
	                "\"total\":5,\"revision\":5}"},
	        {"?order=oldest&limit=2&skip=3", "n2.test n3.test", "\"total\":5,"},
	        {"?skip=1&limit=2", "n0.test n1.test", "\"next\":\"n1.test\"}"},
	        {"?skip=1&after=n0.test", "n2.test n3.test", "\"total\":5,"},
	        {"?skip=5", "", "\"total\":5,\"revision\":5}"},
	        {"?skip=9007199254740991", "", "\"total\":5,"},
	        {"?order=newest&status=offline&skip=1", "n1.test", "\"total\":2,"},
	};
	struct fixture fixture;
	struct text names = {0};
	fixture_init(&fixture);
	make_many(&fixture, 4);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		char target[96];
		snprintf(target, sizeof(target), "%s%s", LIST, ROWS[i].query);
		expect(&fixture, 200, "GET", target, NULL, NULL);
		add_names(&fixture, &names);
		if (strcmp(text_c(&names), ROWS[i].names) != 0)
			fail_msg("%s: %s", target, text_c(&names));
		expect_body(&fixture, ROWS[i].total);
	}
	text_done(&names);
	fixture_done(&fixture);
}

static void what_cannot_be_asked_for_is_refused(void **state)
{
	(void)state;
	static const char *const QUERIES[] = {
	        "limit=0",
	        "limit=1001",
	        "limit=x",
	        "status=on",
	        "status=",
	        "status",
	        "status=online%7Coffline",
	        "type=SELF",
	        "backup=maybe",
	        "order=revision",
	        "order=",
	        "skip=-1",
	        "skip=x",
	        "order=newest&after=a",
	};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
		char target[64];
		snprintf(target, sizeof(target), "%s?%s", LIST, QUERIES[i]);
		expect(&fixture, 400, "GET", target, NULL, NULL);
		expect_problem(&fixture, "bad-request");
	}
	fixture_done(&fixture);
}

static void pages_have_all_and_each_once(void **state)
{
	(void)state;
	struct fixture fixture;
	struct text names = {0}, all = {0};
	char after[64] = "";
	unsigned pages = 0;
	fixture_init(&fixture);
	make_many(&fixture, 20);
	for (;;) {
		char target[128];
		snprintf(target, sizeof(target), "%s?limit=3%s%s", LIST,
		        after[0] == '\0' ? "" : "&after=", after);
		expect(&fixture, 200, "GET", target, NULL, NULL);
		add_names(&fixture, &names);
		text_addf(&all, " %s", text_c(&names));
		pages++;
		const char *next = strstr(body_of(&fixture), "\"next\":\"");
		if (next == NULL)
			break;
		assert_int_equal(sscanf(next, "\"next\":\"%63[^\"]", after), 1);
	}
	assert_int_equal(pages, 7);
	assert_string_equal(text_c(&all),
	        " b.test n0.test n1.test n10.test n11.test n12.test n13.test n14.test n15.test "
	        "n16.test n17.test n18.test n19.test n2.test n3.test n4.test n5.test n6.test "
	        "n7.test "
	        "n8.test n9.test");
	text_done(&names);
	text_done(&all);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_domain_is_made_and_read_and_removed),
	        cmocka_unit_test(what_cannot_be_made_is_refused),
	        cmocka_unit_test(a_wildcard_is_a_domain),
	        cmocka_unit_test(a_request_with_a_key_is_made_once),
	        cmocka_unit_test(a_request_with_a_key_and_a_version_is_made_once),
	        cmocka_unit_test(a_key_is_for_one_body_of_one_caller),
	        cmocka_unit_test(a_key_is_remembered_for_a_day),
	        cmocka_unit_test(keys_have_their_form),
	        cmocka_unit_test(what_was_refused_is_not_remembered),
	        cmocka_unit_test(a_dry_run_neither_uses_a_key_nor_answers_by_one),
	        cmocka_unit_test(a_domain_is_replaced_whole),
	        cmocka_unit_test(fields_are_patched),
	        cmocka_unit_test(a_name_cannot_be_changed),
	        cmocka_unit_test(a_domain_is_stopped_and_started),
	        cmocka_unit_test(lists_have_what_is_asked_for),
	        cmocka_unit_test(what_cannot_be_asked_for_is_refused),
	        cmocka_unit_test(pages_have_all_and_each_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
