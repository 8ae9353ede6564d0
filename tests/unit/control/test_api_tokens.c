/* Tokens: one's own, and for an admin those of others. */
#include "fixture.h"

#define TOKENS "/api/v1/tokens"

/* ada is an admin, olga an operator, vera a viewer; olga has the token 1, vera 2. */
static void begin_tokens(struct fixture *fixture)
{
	char secret[STORE_SECRET_BYTES];
	uint64_t id;
	fixture_init(fixture);
	add_account(fixture, "ada", STORE_ADMIN);
	add_account(fixture, "olga", STORE_OPERATOR);
	add_account(fixture, "vera", STORE_VIEWER);
	assert_int_equal(store_accounts_add_pass(fixture_store(fixture), STR("olga"), STR("ci"),
	                         STORE_VIEWER, 0, secret, &id),
	        STORE_DONE);
	assert_int_equal(id, 1);
	assert_int_equal(store_accounts_add_pass(fixture_store(fixture), STR("vera"), STR("tv"),
	                         STORE_VIEWER, 0, secret, &id),
	        STORE_DONE);
	assert_int_equal(id, 2);
}

static void one_sees_ones_own_and_an_admin_all(void **state)
{
	(void)state;
	static const struct {
		const char *account;
		enum store_role role;
		const char *query;
		unsigned status;
		bool has_olgas, has_veras;
	} ROWS[] = {
	        {"ada", STORE_ADMIN, "", 200, true, true},
	        {"ada", STORE_ADMIN, "?account=vera", 200, false, true},
	        {"ada", STORE_ADMIN, "?account=ada", 200, false, false},
	        {"ada", STORE_ADMIN, "?account=nobody", 200, false, false},
	        {"olga", STORE_OPERATOR, "", 200, true, false},
	        {"olga", STORE_OPERATOR, "?account=olga", 200, true, false},
	        {"olga", STORE_OPERATOR, "?account=vera", 403, false, false},
	        {"olga", STORE_OPERATOR, "?account=", 403, false, false},
	        {"vera", STORE_VIEWER, "", 200, false, true},
	        {"vera", STORE_VIEWER, "?account=ada", 403, false, false},
	};
	struct fixture fixture;
	begin_tokens(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		char target[64];
		snprintf(target, sizeof(target), "%s%s", TOKENS, ROWS[i].query);
		ask_as(&fixture, ROWS[i].account, ROWS[i].role);
		expect(&fixture, ROWS[i].status, "GET", target, NULL, NULL);
		bool has_olgas =
		        strstr(body_of(&fixture), "{\"id\":1,\"account\":\"olga\",\"label\":"
		                                  "\"ci\",\"role\":\"viewer\",") != NULL;
		bool has_veras =
		        strstr(body_of(&fixture), "{\"id\":2,\"account\":\"vera\"") != NULL;
		assert_int_equal(has_olgas, ROWS[i].has_olgas);
		assert_int_equal(has_veras, ROWS[i].has_veras);
		if (ROWS[i].status == 403)
			expect_problem(&fixture, "forbidden");
	}
	fixture_done(&fixture);
}

static void a_token_is_made_and_told_once(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char secret[STORE_SECRET_BYTES], body[128];
	begin_tokens(&fixture);
	ask_as(&fixture, "olga", STORE_OPERATOR);
	uint64_t expires_ms = clock_wall_ms() + 100000;
	snprintf(body, sizeof(body), "{\"label\":\"deploy\",\"expires_ms\":%llu}",
	        (unsigned long long)expires_ms);
	expect(&fixture, 201, "POST", TOKENS, body, NULL);
	expect_text(fields_of(&fixture), "Location: /api/v1/tokens/3\r\n");
	expect_body(&fixture,
	        "{\"id\":3,\"account\":\"olga\",\"label\":\"deploy\",\"role\":\"operator\",");
	const char *made = strstr(body_of(&fixture), "\"token\":\"");
	assert_non_null(made);
	snprintf(secret, sizeof(secret), "%s", made + 9);
	assert_int_equal(store_accounts_find_pass(
	                         fixture_store(&fixture), str_of(secret), expires_ms - 1, &pass),
	        STORE_DONE);
	assert_string_equal(pass.account, "olga");
	assert_string_equal(pass.label, "deploy");
	assert_int_equal(pass.role, STORE_OPERATOR);
	assert_int_equal(pass.expires_ms, expires_ms);
	assert_false(pass.is_session);
	expect(&fixture, 200, "GET", TOKENS, NULL, NULL);
	expect_body(&fixture, "\"deploy\"");
	expect_no_text(body_of(&fixture), secret);
	/* A lower role is as one likes. */
	expect(&fixture, 201, "POST", TOKENS, "{\"label\":\"x\",\"role\":\"viewer\"}", NULL);
	expect_body(&fixture, "\"role\":\"viewer\"");
	expect_body(&fixture, "\"expires_ms\":0");
	fixture_done(&fixture);
}

/* Or whoever has one for an hour would have one for ever. */
static void a_token_makes_none_that_lasts_longer(void **state)
{
	(void)state;
	struct fixture fixture;
	char body[128], expected[64];
	begin_tokens(&fixture);
	ask_as(&fixture, "olga", STORE_OPERATOR);
	const uint64_t end_ms = clock_wall_ms() + 3600000;
	fixture.caller.is_session = false;
	fixture.caller.expires_ms = end_ms;
	snprintf(expected, sizeof(expected), "\"expires_ms\":%llu,", (unsigned long long)end_ms);
	expect(&fixture, 201, "POST", TOKENS, "{\"label\":\"a\"}", NULL);
	expect_body(&fixture, expected);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(body, sizeof(body), "{\"label\":\"b\",\"expires_ms\":%llu}",
		        (unsigned long long)end_ms - i);
		snprintf(expected, sizeof(expected), "\"expires_ms\":%llu,",
		        (unsigned long long)end_ms - i);
		expect(&fixture, 201, "POST", TOKENS, body, NULL);
		expect_body(&fixture, expected);
	}
	snprintf(body, sizeof(body), "{\"label\":\"c\",\"expires_ms\":%llu}",
	        (unsigned long long)end_ms + 1);
	expect(&fixture, 422, "POST", TOKENS, body, NULL);
	expect_body(&fixture, "{\"pointer\":\"/expires_ms\",\"rule\":\"range\"");
	expect(&fixture, 422, "POST", TOKENS, "{\"label\":\"c\",\"expires_ms\":0}", NULL);
	expect_body(&fixture, "{\"pointer\":\"/expires_ms\",\"rule\":\"range\"");
	/* A session is a person's, who may make what outlasts the evening. */
	fixture.caller.is_session = true;
	expect(&fixture, 201, "POST", TOKENS, "{\"label\":\"c\"}", NULL);
	expect_body(&fixture, "\"expires_ms\":0,");
	fixture_done(&fixture);
}

static void what_cannot_be_a_token_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *account;
		enum store_role role;
		const char *body;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {"olga", STORE_OPERATOR, "{}", 422, "{\"pointer\":\"/label\",\"rule\":\"missing\""},
	        {"olga", STORE_OPERATOR, "{\"label\":\"\"}", 422,
	                "{\"pointer\":\"/label\",\"rule\":\"syntax\""},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a/b\"}", 422,
	                "{\"pointer\":\"/label\",\"rule\":\"syntax\""},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a\",\"role\":\"\"}", 422,
	                "{\"pointer\":\"/role\",\"rule\":\"choice\""},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a\",\"role\":\"admin\"}", 403,
	                "/problems/forbidden"},
	        {"vera", STORE_VIEWER, "{\"label\":\"a\",\"role\":\"operator\"}", 403,
	                "/problems/forbidden"},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a\",\"expires_ms\":1}", 422,
	                "{\"pointer\":\"/expires_ms\",\"rule\":\"range\""},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a\",\"expires_ms\":\"never\"}", 422,
	                "{\"pointer\":\"/expires_ms\",\"rule\":\"type\""},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a\",\"account\":\"vera\"}", 403,
	                "/problems/forbidden"},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a\",\"account\":\"nobody\"}", 403,
	                "/problems/forbidden"},
	        {"ada", STORE_ADMIN, "{\"label\":\"a\",\"account\":\"nobody\"}", 404,
	                "/problems/no-such-account"},
	        {"olga", STORE_OPERATOR, "{\"label\":\"a\",\"id\":7}", 422,
	                "{\"pointer\":\"/id\",\"rule\":\"unknown-field\""},
	};
	struct fixture fixture;
	begin_tokens(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		ask_as(&fixture, ROWS[i].account, ROWS[i].role);
		expect(&fixture, ROWS[i].status, "POST", TOKENS, ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].error);
	}
	ask_as(&fixture, "ada", STORE_ADMIN);
	expect(&fixture, 200, "GET", TOKENS, NULL, NULL);
	expect_no_text(body_of(&fixture), "\"id\":3");
	fixture_done(&fixture);
}

/* A token may not more than its account, and says so. */
static void a_token_for_another_has_no_more_than_that_account(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char secret[STORE_SECRET_BYTES];
	begin_tokens(&fixture);
	expect(&fixture, 201, "POST", TOKENS, "{\"label\":\"a\",\"account\":\"vera\"}", NULL);
	expect_body(&fixture, "\"account\":\"vera\",\"label\":\"a\",\"role\":\"viewer\"");
	snprintf(secret, sizeof(secret), "%s", strstr(body_of(&fixture), "\"token\":\"") + 9);
	assert_int_equal(
	        store_accounts_find_pass(fixture_store(&fixture), str_of(secret), 1, &pass),
	        STORE_DONE);
	assert_int_equal(pass.role, STORE_VIEWER);
	/* Nor when the account may more some day. */
	const struct store_account_change change = {.has_role = true, .role = STORE_ADMIN};
	assert_int_equal(
	        store_accounts_change(fixture_store(&fixture), STR("vera"), &change), STORE_DONE);
	assert_int_equal(
	        store_accounts_find_pass(fixture_store(&fixture), str_of(secret), 1, &pass),
	        STORE_DONE);
	assert_int_equal(pass.role, STORE_VIEWER);
	expect(&fixture, 422, "POST", TOKENS,
	        "{\"label\":\"a\",\"account\":\"olga\",\"role\":\"admin\"}", NULL);
	expect_body(&fixture, "{\"pointer\":\"/role\",\"rule\":\"range\"");
	fixture_done(&fixture);
}

static void tokens_are_taken_back_by_whoever_has_them(void **state)
{
	(void)state;
	static const struct {
		const char *account;
		enum store_role role;
		const char *path;
		unsigned status;
	} ROWS[] = {
	        {"vera", STORE_VIEWER, TOKENS "/1", 404},
	        {"vera", STORE_VIEWER, TOKENS "/3", 404},
	        {"vera", STORE_VIEWER, TOKENS "/0", 404},
	        {"vera", STORE_VIEWER, TOKENS "/x", 404},
	        {"vera", STORE_VIEWER, TOKENS "/-1", 404},
	        {"vera", STORE_VIEWER, TOKENS "/18446744073709551616", 404},
	        {"vera", STORE_VIEWER, TOKENS "/18446744073709551615", 404},
	        {"vera", STORE_VIEWER, TOKENS "/2", 204},
	        {"vera", STORE_VIEWER, TOKENS "/2", 404},
	        {"ada", STORE_ADMIN, TOKENS "/1", 204},
	        {"ada", STORE_ADMIN, TOKENS "/1", 404},
	};
	struct fixture fixture;
	begin_tokens(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		ask_as(&fixture, ROWS[i].account, ROWS[i].role);
		expect(&fixture, ROWS[i].status, "DELETE", ROWS[i].path, NULL, NULL);
		if (ROWS[i].status == 404)
			expect_problem(&fixture, "not-found");
	}
	fixture_done(&fixture);
}

static void a_session_is_no_token_to_be_taken_back(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char secret[STORE_SECRET_BYTES];
	uint64_t id;
	begin_tokens(&fixture);
	assert_int_equal(store_accounts_add_pass(fixture_store(&fixture), STR("vera"), STR_EMPTY,
	                         STORE_VIEWER, 0, secret, &id),
	        STORE_DONE);
	expect(&fixture, 404, "DELETE", TOKENS "/3", NULL, NULL);
	assert_int_equal(
	        store_accounts_find_pass(fixture_store(&fixture), str_of(secret), 1, &pass),
	        STORE_DONE);
	fixture_done(&fixture);
}

static void what_was_taken_back_is_not_remembered(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char secret[STORE_SECRET_BYTES], path[64];
	uint64_t id;
	begin_tokens(&fixture);
	assert_int_equal(store_accounts_add_pass(fixture_store(&fixture), STR("vera"), STR("x"),
	                         STORE_VIEWER, 0, secret, &id),
	        STORE_DONE);
	assert_int_equal(control_guard_ask(fixture.plane.guard, fixture_store(&fixture),
	                         str_of(secret), 1, &pass),
	        STORE_DONE);
	snprintf(path, sizeof(path), TOKENS "/%llu", (unsigned long long)id);
	expect(&fixture, 204, "DELETE", path, NULL, NULL);
	assert_false(control_guard_look(fixture.plane.guard, str_of(secret), 1, &pass));
	fixture_done(&fixture);
}

static void a_store_that_is_gone_is_told(void **state)
{
	(void)state;
	struct fixture fixture;
	begin_tokens(&fixture);
	assert_int_equal(unlink(fixture.place.path), 0);
	expect(&fixture, 503, "GET", TOKENS, NULL, NULL);
	expect(&fixture, 503, "POST", TOKENS, "{\"label\":\"a\",\"account\":\"ada\"}", NULL);
	expect_no_text(body_of(&fixture), "\"token\"");
	expect(&fixture, 503, "DELETE", TOKENS "/1", NULL, NULL);
	expect_problem(&fixture, "store-unavailable");
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_sees_ones_own_and_an_admin_all),
	        cmocka_unit_test(a_token_is_made_and_told_once),
	        cmocka_unit_test(a_token_makes_none_that_lasts_longer),
	        cmocka_unit_test(what_cannot_be_a_token_is_refused),
	        cmocka_unit_test(a_token_for_another_has_no_more_than_that_account),
	        cmocka_unit_test(tokens_are_taken_back_by_whoever_has_them),
	        cmocka_unit_test(a_session_is_no_token_to_be_taken_back),
	        cmocka_unit_test(what_was_taken_back_is_not_remembered),
	        cmocka_unit_test(a_store_that_is_gone_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
