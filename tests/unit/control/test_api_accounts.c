/* Signing in and out, one's own password, and who one is. */
#include "fixture.h"

#include "base/limit.h"

#define ADA_PASSWORD "ada-ada-ada-ada"

/* Who has the secret, as the store knows them; ABSENT: nobody. */
static enum store_failure find_pass(
        struct fixture *fixture, const char *secret, struct store_pass *ret_pass)
{
	return store_accounts_find_pass(
	        fixture_store(fixture), str_of(secret), clock_wall_ms(), ret_pass);
}

/* Signs in, and asks as that session from then on. */
static void sign_in(struct fixture *fixture, char secret[STORE_SECRET_BYTES])
{
	expect(fixture, 200, "POST", "/api/v1/login",
	        "{\"account\":\"ada\",\"password\":\"" ADA_PASSWORD "\"}", NULL);
	const char *cookie = strstr(fields_of(fixture), "Set-Cookie: headwater_session=");
	assert_non_null(cookie);
	snprintf(secret, STORE_SECRET_BYTES, "%s", cookie + 30);
	assert_true(control_guard_is_secret(str_of(secret)));
	assert_int_equal(find_pass(fixture, secret, &fixture->caller), STORE_DONE);
	fixture->secret = secret;
}

static void a_session_lasts_as_long_as_the_settings_say(void **state)
{
	(void)state;
	struct fixture fixture;
	char secret[STORE_SECRET_BYTES];
	fixture_init(&fixture);
	fixture.now_ms = clock_wall_ms();
	add_account(&fixture, "ada", STORE_ADMIN);
	sign_in(&fixture, secret);
	assert_int_equal(fixture.caller.expires_ms, fixture.now_ms + UINT64_C(720) * 60000);
	expect(&fixture, 200, "PATCH", "/api/v1/settings", "{\"session_minutes\":15}", NULL);
	/* Who is signed in stays so. */
	assert_int_equal(find_pass(&fixture, secret, &fixture.caller), STORE_DONE);
	assert_int_equal(fixture.caller.expires_ms, fixture.now_ms + UINT64_C(720) * 60000);
	sign_in(&fixture, secret);
	assert_int_equal(fixture.caller.expires_ms, fixture.now_ms + UINT64_C(15) * 60000);
	expect_text(fields_of(&fixture), "; Path=/; Max-Age=900; HttpOnly; SameSite=Strict\r\n");
	fixture_done(&fixture);
}

static void who_shows_the_password_gets_a_session(void **state)
{
	(void)state;
	struct fixture fixture;
	char secret[STORE_SECRET_BYTES], csrf[CONTROL_GUARD_CSRF_BYTES], expected[160];
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_OPERATOR);
	sign_in(&fixture, secret);
	expect_text(fields_of(&fixture), "; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict\r\n");
	control_guard_csrf(str_of(secret), csrf);
	snprintf(expected, sizeof(expected),
	        "{\"account\":\"ada\",\"role\":\"operator\",\"is_session\":true,\"must_change\":"
	        "false,"
	        "\"expires_ms\":%llu,\"csrf\":\"%s\"}",
	        (unsigned long long)fixture.caller.expires_ms, csrf);
	assert_string_equal(body_of(&fixture), expected);
	/* The secret is in the cookie alone. */
	expect_no_text(body_of(&fixture), secret);
	assert_true(fixture.caller.is_session);
	assert_int_equal(fixture.caller.role, STORE_OPERATOR);
	expect(&fixture, 200, "GET", "/api/v1/whoami", NULL, NULL);
	assert_string_equal(body_of(&fixture), expected);
	fixture_done(&fixture);
}

static void nobody_is_told_what_was_wrong(void **state)
{
	(void)state;
	static const char *const BODIES[] = {
	        "{\"account\":\"ada\",\"password\":\"ada-ada-ada-ad\"}",
	        "{\"account\":\"ada\",\"password\":\"\"}",
	        "{\"account\":\"Ada\",\"password\":\"" ADA_PASSWORD "\"}",
	        "{\"account\":\"nobody\",\"password\":\"" ADA_PASSWORD "\"}",
	        "{\"account\":\"\",\"password\":\"" ADA_PASSWORD "\"}",
	};
	struct fixture fixture;
	struct text first = {0};
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_OPERATOR);
	for (size_t i = 0; i < ARRAY_LENGTH(BODIES); i++) {
		expect(&fixture, 401, "POST", "/api/v1/login", BODIES[i], NULL);
		expect_problem(&fixture, "bad-credentials");
		expect_no_text(fields_of(&fixture), "Set-Cookie");
		if (i == 0)
			text_add(&first, text_str(&fixture.answer.body));
		assert_string_equal(body_of(&fixture), text_c(&first));
	}
	text_done(&first);
	fixture_done(&fixture);
}

static void forms_of_logins_are_checked(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	expect(&fixture, 400, "POST", "/api/v1/login", "nonsense", NULL);
	expect(&fixture, 422, "POST", "/api/v1/login", "{}", NULL);
	expect_body(&fixture, "{\"pointer\":\"/account\",\"rule\":\"missing\"");
	expect(&fixture, 422, "POST", "/api/v1/login", "{\"account\":\"ada\",\"password\":1}",
	        NULL);
	expect_body(&fixture, "{\"pointer\":\"/password\",\"rule\":\"type\"");
	expect(&fixture, 422, "POST", "/api/v1/login",
	        "{\"account\":\"ada\",\"password\":\"x\",\"remember\":true}", NULL);
	expect_body(&fixture, "{\"pointer\":\"/remember\",\"rule\":\"unknown-field\"");
	fixture_done(&fixture);
}

/* Fails until that is too often; on a slow machine there is room for one more now and then. */
static void fail_too_often(struct fixture *fixture, const char *path, const char *body)
{
	unsigned failures = 0;
	while (ask_for(fixture, "POST", path, body, NULL) == 401)
		assert_true(++failures < 10 * LIMIT_LOGIN_FAILURES);
	expect_status(fixture, 429, "POST", path);
	assert_true(failures >= LIMIT_LOGIN_FAILURES);
}

static void attempts_are_counted(void **state)
{
	(void)state;
	static const char WRONG[] = "{\"account\":\"ada\",\"password\":\"wrong wrong wrong\"}";
	struct fixture fixture;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_OPERATOR);
	fail_too_often(&fixture, "/api/v1/login", WRONG);
	expect_problem(&fixture, "too-many-attempts");
	expect_text(fields_of(&fixture), "Retry-After: ");
	unsigned long after = strtoul(strstr(fields_of(&fixture), "Retry-After: ") + 13, NULL, 10);
	assert_true(after > 0 && after <= LIMIT_LOGIN_WINDOW_MS / 1000);
	/* Also with the right one. */
	expect(&fixture, 429, "POST", "/api/v1/login",
	        "{\"account\":\"ada\",\"password\":\"" ADA_PASSWORD "\"}", NULL);
	/* Another client may. */
	assert_true(address_parse(STR("192.0.2.78:1"), &fixture.client));
	expect(&fixture, 200, "POST", "/api/v1/login",
	        "{\"account\":\"ada\",\"password\":\"" ADA_PASSWORD "\"}", NULL);
	fixture_done(&fixture);
}

/* Gives the account a thousand passes at once, behind the store's back, as it would take the disk
 * long. */
static void add_passes(struct fixture *fixture, const char *label, uint64_t expires_ms)
{
	sqlite3 *db;
	char sql[512];
	store_close(fixture_store(fixture));
	assert_int_equal(sqlite3_open(fixture->place.path, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql),
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT "
	        "INTO pass(hash, account, label, role, created, expires, is_session) SELECT "
	        "CAST('%s' || i AS BLOB), 'ada', '%s', 0, 1, %llu, %d FROM n",
	        label, label, (unsigned long long)expires_ms, label[0] == '\0');
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	atomic_store(&fixture->plane.store, open_good(&fixture->place));
}

static void sessions_that_have_ended_make_room(void **state)
{
	(void)state;
	struct fixture fixture;
	char secret[STORE_SECRET_BYTES];
	uint64_t id;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_OPERATOR);
	add_passes(&fixture, "", 1000);
	assert_int_equal(store_accounts_add_pass(fixture_store(&fixture), STR("ada"), STR_EMPTY,
	                         STORE_VIEWER, 0, secret, &id),
	        STORE_CONFLICT);
	sign_in(&fixture, secret);
	fixture_done(&fixture);
}

/* A program that was given a token to look may make more of them, and must not shut people out. */
static void tokens_keep_nobody_from_signing_in(void **state)
{
	(void)state;
	struct fixture fixture;
	char secret[STORE_SECRET_BYTES];
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_OPERATOR);
	add_passes(&fixture, "ci", 0);
	ask_as(&fixture, "ada", STORE_VIEWER);
	expect(&fixture, 409, "POST", "/api/v1/tokens", "{\"label\":\"more\"}", NULL);
	expect_problem(&fixture, "too-many");
	sign_in(&fixture, secret);
	add_passes(&fixture, "", clock_wall_ms() + 100000);
	expect(&fixture, 409, "POST", "/api/v1/login",
	        "{\"account\":\"ada\",\"password\":\"" ADA_PASSWORD "\"}", NULL);
	expect_problem(&fixture, "too-many");
	fixture_done(&fixture);
}

static void a_session_ends_when_one_signs_out(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char secret[STORE_SECRET_BYTES];
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_OPERATOR);
	sign_in(&fixture, secret);
	assert_int_equal(control_guard_ask(fixture.plane.guard, fixture_store(&fixture),
	                         str_of(secret), clock_wall_ms(), &pass),
	        STORE_DONE);
	expect(&fixture, 204, "POST", "/api/v1/logout", NULL, NULL);
	assert_string_equal(fields_of(&fixture),
	        "Set-Cookie: headwater_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict\r\n");
	assert_int_equal(find_pass(&fixture, secret, &pass), STORE_ABSENT);
	assert_false(
	        control_guard_look(fixture.plane.guard, str_of(secret), clock_wall_ms(), &pass));
	/* Twice is no failure. */
	expect(&fixture, 204, "POST", "/api/v1/logout", NULL, NULL);
	fixture_done(&fixture);
}

static void a_token_is_taken_back_by_itself(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	char secret[STORE_SECRET_BYTES];
	uint64_t id;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_OPERATOR);
	assert_int_equal(store_accounts_add_pass(fixture_store(&fixture), STR("ada"), STR("ci"),
	                         STORE_VIEWER, 0, secret, &id),
	        STORE_DONE);
	assert_int_equal(find_pass(&fixture, secret, &fixture.caller), STORE_DONE);
	fixture.secret = secret;
	expect(&fixture, 200, "GET", "/api/v1/whoami", NULL, NULL);
	assert_string_equal(body_of(&fixture), "{\"account\":\"ada\",\"role\":\"viewer\",\"is_"
	                                       "session\":false,\"must_change\":false,"
	                                       "\"expires_ms\":0,\"label\":\"ci\"}");
	expect(&fixture, 204, "POST", "/api/v1/logout", NULL, NULL);
	assert_string_equal(fields_of(&fixture), "");
	assert_int_equal(find_pass(&fixture, secret, &pass), STORE_ABSENT);
	fixture_done(&fixture);
}

static void a_new_password_ends_all_sessions(void **state)
{
	(void)state;
	struct fixture fixture;
	struct store_pass pass;
	struct store_account account;
	char secret[STORE_SECRET_BYTES], other[STORE_SECRET_BYTES];
	fixture_init(&fixture);
	assert_int_equal(store_accounts_add(fixture_store(&fixture), STR("ada"), STORE_ADMIN,
	                         STR(ADA_PASSWORD), true),
	        STORE_DONE);
	sign_in(&fixture, other);
	sign_in(&fixture, secret);
	expect_body(&fixture, "\"must_change\":true");
	assert_true(fixture.caller.must_change);
	assert_int_equal(control_guard_ask(fixture.plane.guard, fixture_store(&fixture),
	                         str_of(other), clock_wall_ms(), &pass),
	        STORE_DONE);
	expect(&fixture, 204, "POST", "/api/v1/password",
	        "{\"old\":\"" ADA_PASSWORD "\",\"new\":\"correct horse battery\"}", NULL);
	assert_int_equal(find_pass(&fixture, secret, &pass), STORE_ABSENT);
	assert_int_equal(find_pass(&fixture, other, &pass), STORE_ABSENT);
	assert_false(
	        control_guard_look(fixture.plane.guard, str_of(other), clock_wall_ms(), &pass));
	assert_int_equal(store_accounts_verify(fixture_store(&fixture), STR("ada"),
	                         STR("correct horse battery"), &account),
	        STORE_DONE);
	assert_false(account.must_change);
	fixture_done(&fixture);
}

static void a_new_password_has_its_rules(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		unsigned status;
		const char *error;
	} ROWS[] = {
	        {"{\"old\":\"" ADA_PASSWORD "\"}", 422,
	                "{\"pointer\":\"/new\",\"rule\":\"missing\""},
	        {"{\"old\":\"" ADA_PASSWORD "\",\"new\":\"too short\"}", 422,
	                "{\"pointer\":\"/new\",\"rule\":\"length\",\"detail\":\"has not 12 to 1024 "
	                "bytes\"}"},
	        {"{\"old\":\"" ADA_PASSWORD "\",\"new\":\"" ADA_PASSWORD "\"}", 422,
	                "{\"pointer\":\"/new\",\"rule\":\"unchanged\""},
	        {"{\"old\":\"wrong wrong wrong\",\"new\":\"correct horse battery\"}", 401,
	                "/problems/bad-credentials"},
	};
	struct fixture fixture;
	struct store_account account;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		expect(&fixture, ROWS[i].status, "POST", "/api/v1/password", ROWS[i].body, NULL);
		expect_body(&fixture, ROWS[i].error);
	}
	assert_int_equal(store_accounts_verify(
	                         fixture_store(&fixture), STR("ada"), STR(ADA_PASSWORD), &account),
	        STORE_DONE);
	/* Guesses of the old one are counted as those of a login are. */
	assert_true(address_parse(STR("192.0.2.78:1"), &fixture.client));
	fail_too_often(&fixture, "/api/v1/password", ROWS[3].body);
	fixture_done(&fixture);
}

static void a_store_that_is_gone_lets_nobody_in(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	add_account(&fixture, "ada", STORE_ADMIN);
	assert_int_equal(unlink(fixture.place.path), 0);
	/* Nor does it count against whoever tries. */
	for (unsigned i = 0; i < 2 * LIMIT_LOGIN_FAILURES; i++) {
		expect(&fixture, 503, "POST", "/api/v1/login",
		        "{\"account\":\"ada\",\"password\":\"" ADA_PASSWORD "\"}", NULL);
		expect_problem(&fixture, "store-unavailable");
	}
	expect(&fixture, 503, "POST", "/api/v1/logout", NULL, NULL);
	expect(&fixture, 503, "POST", "/api/v1/password",
	        "{\"old\":\"" ADA_PASSWORD "\",\"new\":\"correct horse battery\"}", NULL);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_session_lasts_as_long_as_the_settings_say),
	        cmocka_unit_test(who_shows_the_password_gets_a_session),
	        cmocka_unit_test(nobody_is_told_what_was_wrong),
	        cmocka_unit_test(forms_of_logins_are_checked),
	        cmocka_unit_test(attempts_are_counted),
	        cmocka_unit_test(sessions_that_have_ended_make_room),
	        cmocka_unit_test(tokens_keep_nobody_from_signing_in),
	        cmocka_unit_test(a_session_ends_when_one_signs_out),
	        cmocka_unit_test(a_token_is_taken_back_by_itself),
	        cmocka_unit_test(a_new_password_ends_all_sessions),
	        cmocka_unit_test(a_new_password_has_its_rules),
	        cmocka_unit_test(a_store_that_is_gone_lets_nobody_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
