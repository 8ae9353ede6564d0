/* Accounts, as an admin has them. */
#include "fixture.h"

#include "store/failing.h"

#define USERS "/api/v1/users"

static bool is_password(struct fixture *fixture, const char *name, const char *password,
        struct store_account *ret_account)
{
	return store_accounts_verify(fixture_store(fixture), str_of(name), str_of(password),
	               ret_account) == STORE_DONE;
}

static void accounts_are_listed_by_name(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 200, "GET", USERS, NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"items\":[]}");
	add_account(&fixture, "bob", STORE_VIEWER);
	add_account(&fixture, "ada", STORE_ADMIN);
	expect(&fixture, 200, "GET", USERS, NULL, NULL);
	expect_body(&fixture,
	        "{\"items\":[{\"name\":\"ada\",\"role\":\"admin\",\"must_change\":false,"
	        "\"created_ms\":1");
	expect_body(&fixture, "},{\"name\":\"bob\",\"role\":\"viewer\",");
	expect_no_text(body_of(&fixture), "argon2");
	fixture_done(&fixture);
}

static void an_account_is_made_with_a_password_that_is_told_once(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_account account;
	char password[64];
	fixture_init(&fixture);
	expect(&fixture, 201, "POST", USERS, "{\"name\":\"bob\",\"role\":\"operator\"}", NULL);
	expect_text(fields_of(&fixture), "Location: /api/v1/users/bob\r\n");
	expect_body(&fixture, "{\"name\":\"bob\",\"role\":\"operator\",\"must_change\":true,");
	const char *made = strstr(body_of(&fixture), "\"password\":\"");
	assert_non_null(made);
	assert_int_equal(sscanf(made, "\"password\":\"%63[^\"]", password), 1);
	assert_true(is_password(&fixture, "bob", password, &account));
	assert_true(account.must_change);
	assert_int_equal(account.role, STORE_OPERATOR);
	expect(&fixture, 200, "GET", USERS, NULL, NULL);
	expect_no_text(body_of(&fixture), password);
	/* One that was given is not told. */
	expect(&fixture, 201, "POST", USERS,
	        "{\"name\":\"eve\",\"role\":\"viewer\",\"password\":\"correct horse battery\"}",
	        NULL);
	expect_no_text(body_of(&fixture), "password");
	assert_true(is_password(&fixture, "eve", "correct horse battery", &account));
	assert_true(account.must_change);
	fixture_done(&fixture);
}

static void what_cannot_be_an_account_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {"[]", 422, "{\"pointer\":\"\",\"rule\":\"type\""},
	        {"{\"role\":\"viewer\"}", 422, "{\"pointer\":\"/name\",\"rule\":\"missing\""},
	        {"{\"name\":\"eve\"}", 422, "{\"pointer\":\"/role\",\"rule\":\"missing\""},
	        {"{\"name\":\"eve\",\"role\":\"root\"}", 422,
	                "{\"pointer\":\"/role\",\"rule\":\"choice\""},
	        {"{\"name\":\"eve\",\"role\":\"Admin\"}", 422,
	                "{\"pointer\":\"/role\",\"rule\":\"choice\""},
	        {"{\"name\":\"\",\"role\":\"viewer\"}", 422,
	                "{\"pointer\":\"/name\",\"rule\":\"syntax\""},
	        {"{\"name\":\"e/ve\",\"role\":\"viewer\"}", 422,
	                "{\"pointer\":\"/name\",\"rule\":\"syntax\""},
	        {"{\"name\":\"-eve\",\"role\":\"viewer\"}", 422,
	                "{\"pointer\":\"/name\",\"rule\":\"syntax\""},
	        {"{\"name\":\"eve\\r\\nX: y\",\"role\":\"viewer\"}", 422,
	                "{\"pointer\":\"/name\",\"rule\":\"syntax\""},
	        {"{\"name\":\"eve\",\"role\":\"viewer\",\"password\":\"too short\"}", 422,
	                "{\"pointer\":\"/password\",\"rule\":\"length\""},
	        {"{\"name\":\"eve\",\"role\":\"viewer\",\"must_change\":false}", 422,
	                "{\"pointer\":\"/must_change\",\"rule\":\"unknown-field\""},
	        {"{\"name\":\"ada\",\"role\":\"viewer\"}", 409, "/problems/exists"},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "POST", USERS, ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].error);
	}
	expect(&fixture, 200, "GET", USERS, NULL, NULL);
	expect_no_text(body_of(&fixture), "eve");
	fixture_done(&fixture);
}

static void an_account_gets_another_role_or_password(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_account account;
	struct store_pass pass;
	char token[STORE_SECRET_BYTES], session[STORE_SECRET_BYTES];
	uint64_t id;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	add_account(&fixture, "bob", STORE_OPERATOR);
	struct store *store = fixture_store(&fixture);
	assert_int_equal(store_accounts_add_pass(
	                         store, STR("bob"), STR("ci"), STORE_OPERATOR, 0, token, &id),
	        STORE_DONE);
	assert_int_equal(store_accounts_add_pass(store, STR("bob"), STR_EMPTY, STORE_OPERATOR,
	                         clock_wall_ms() + 100000, session, &id),
	        STORE_DONE);
	assert_int_equal(
	        control_guard_ask(fixture.plane.guard, store, str_of(token), 1, &pass), STORE_DONE);
	expect(&fixture, 204, "PATCH", USERS "/bob", "{\"role\":\"viewer\"}", NULL);
	/* What was remembered of the token counts no more. */
	assert_false(control_guard_look(fixture.plane.guard, str_of(token), 1, &pass));
	assert_int_equal(
	        control_guard_ask(fixture.plane.guard, store, str_of(token), 1, &pass), STORE_DONE);
	assert_int_equal(pass.role, STORE_VIEWER);
	assert_int_equal(control_guard_ask(fixture.plane.guard, store, str_of(session), 1, &pass),
	        STORE_DONE);
	expect(&fixture, 204, "PATCH", USERS "/bob",
	        "{\"name\":\"bob\",\"role\":\"admin\",\"password\":\"correct horse battery\"}",
	        NULL);
	assert_true(is_password(&fixture, "bob", "correct horse battery", &account));
	assert_true(account.must_change);
	assert_int_equal(account.role, STORE_ADMIN);
	assert_false(control_guard_look(fixture.plane.guard, str_of(session), 1, &pass));
	assert_int_equal(control_guard_ask(fixture.plane.guard, store, str_of(session), 1, &pass),
	        STORE_ABSENT);
	fixture_done(&fixture);
}

static void changes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *path, *body;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {USERS "/bob", "{}", 422, "{\"pointer\":\"\",\"rule\":\"missing\""},
	        {USERS "/bob", "{\"role\":null}", 422, "{\"pointer\":\"\",\"rule\":\"missing\""},
	        {USERS "/bob", "{\"role\":\"king\"}", 422, "{\"pointer\":\"/role\""},
	        {USERS "/bob", "{\"password\":\"short\"}", 422, "{\"pointer\":\"/password\""},
	        {USERS "/bob", "{\"name\":\"eve\",\"role\":\"viewer\"}", 422,
	                "{\"pointer\":\"/name\",\"rule\":\"name\""},
	        {USERS "/eve", "{\"role\":\"viewer\"}", 404, "/problems/no-such-account"},
	        {USERS "/eve", "{\"password\":\"correct horse battery\"}", 404,
	                "/problems/no-such-account"},
	        {USERS "/Bob", "{\"role\":\"viewer\"}", 404, "/problems/no-such-account"},
	        {USERS "/ada", "{\"role\":\"operator\"}", 409, "/problems/last-admin"},
	};
	struct fixture fixture;
	struct store_account account;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	add_account(&fixture, "bob", STORE_OPERATOR);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "PATCH", ROWS[i].path, ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].error);
	}
	assert_true(is_password(&fixture, "bob", "bob-bob-bob-bob", &account));
	assert_int_equal(account.role, STORE_OPERATOR);
	assert_true(is_password(&fixture, "ada", "ada-ada-ada-ada", &account));
	assert_int_equal(account.role, STORE_ADMIN);
	fixture_done(&fixture);
}

/* A role and a password are changed together or not at all. */
static void nothing_is_half_done(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_account account;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	expect(&fixture, 409, "PATCH", USERS "/ada",
	        "{\"role\":\"viewer\",\"password\":\"correct horse battery\"}", NULL);
	expect_problem(&fixture, "last-admin");
	assert_true(is_password(&fixture, "ada", "ada-ada-ada-ada", &account));
	assert_int_equal(account.role, STORE_ADMIN);
	/* Wherever the disk has no more room. */
	add_account(&fixture, "bob", STORE_OPERATOR);
	unsigned failures = 0;
	for (unsigned status = 503; status != 204; failures += status == 503) {
		failing_arm(failures + 1, FAILING_NOTHING_DONE, SQLITE_FULL);
		status = ask_for(&fixture, "PATCH", USERS "/bob",
		        "{\"role\":\"viewer\",\"password\":\"correct horse battery\"}", NULL);
		failing_arm(0, FAILING_NOTHING_DONE, 0);
		bool is_made = is_password(&fixture, "bob", "correct horse battery", &account);
		assert_int_equal(is_made, status == 204);
		assert_true(is_made || is_password(&fixture, "bob", "bob-bob-bob-bob", &account));
		assert_int_equal(account.role, is_made ? STORE_VIEWER : STORE_OPERATOR);
	}
	assert_true(failures > 2);
	fixture_done(&fixture);
}

static void an_account_goes_with_all_it_had(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char token[STORE_SECRET_BYTES];
	uint64_t id;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	add_account(&fixture, "bob", STORE_ADMIN);
	assert_int_equal(store_accounts_add_pass(fixture_store(&fixture), STR("bob"), STR("ci"),
	                         STORE_ADMIN, 0, token, &id),
	        STORE_DONE);
	assert_int_equal(control_guard_ask(fixture.plane.guard, fixture_store(&fixture),
	                         str_of(token), 1, &pass),
	        STORE_DONE);
	expect(&fixture, 204, "DELETE", USERS "/bob", NULL, NULL);
	assert_false(control_guard_look(fixture.plane.guard, str_of(token), 1, &pass));
	expect(&fixture, 404, "DELETE", USERS "/bob", NULL, NULL);
	expect_problem(&fixture, "no-such-account");
	expect(&fixture, 409, "DELETE", USERS "/ada", NULL, NULL);
	expect_problem(&fixture, "last-admin");
	expect(&fixture, 200, "GET", USERS, NULL, NULL);
	expect_body(&fixture, "\"ada\"");
	fixture_done(&fixture);
}

static void a_store_that_is_gone_is_told(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	assert_int_equal(unlink(fixture.place.path), 0);
	expect(&fixture, 503, "GET", USERS, NULL, NULL);
	expect_problem(&fixture, "store-unavailable");
	expect(&fixture, 503, "POST", USERS, "{\"name\":\"eve\",\"role\":\"viewer\"}", NULL);
	expect_problem(&fixture, "store-unavailable");
	expect(&fixture, 503, "PATCH", USERS "/ada", "{\"role\":\"viewer\"}", NULL);
	expect_problem(&fixture, "store-unavailable");
	expect(&fixture, 503, "DELETE", USERS "/ada", NULL, NULL);
	expect_problem(&fixture, "store-unavailable");
	fixture_done(&fixture);
}

int main(void)
{
	failing_install();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(accounts_are_listed_by_name),
	        cmocka_unit_test(an_account_is_made_with_a_password_that_is_told_once),
	        cmocka_unit_test(what_cannot_be_an_account_is_refused),
	        cmocka_unit_test(an_account_gets_another_role_or_password),
	        cmocka_unit_test(changes_that_cannot_be_are_refused),
	        cmocka_unit_test(nothing_is_half_done),
	        cmocka_unit_test(an_account_goes_with_all_it_had),
	        cmocka_unit_test(a_store_that_is_gone_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
