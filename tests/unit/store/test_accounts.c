/* Accounts: passwords, roles, tokens, sessions, and that somebody is left who may change them. */
#include "store/accounts.h"
#include "stores.h"

#include <sodium.h>

#define PASSWORD STR("correct horse battery")
#define OTHER    STR("another password, as long")

static struct place place;
static struct store *store;

static int open_one(void **state)
{
	(void)state;
	place_init(&place);
	store = open_good(&place);
	return 0;
}

static int close_one(void **state)
{
	(void)state;
	store_close(store);
	place_done(&place);
	return 0;
}

static void add(const char *name, enum store_role role)
{
	assert_int_equal(
	        store_accounts_add(store, str_of(name), role, PASSWORD, false), STORE_DONE);
}

static enum store_failure verify(const char *name, struct str password)
{
	struct store_account account;
	enum store_failure failure = store_accounts_verify(store, str_of(name), password, &account);
	if (failure == STORE_DONE)
		assert_string_equal(account.name, name);
	return failure;
}

static enum store_failure set_role(const char *name, enum store_role role)
{
	const struct store_account_change change = {.has_role = true, .role = role};
	return store_accounts_change(store, str_of(name), &change);
}

static enum store_failure set_password(const char *name, struct str password)
{
	const struct store_account_change change = {.password = password};
	return store_accounts_change(store, str_of(name), &change);
}

static void the_right_password_opens_its_account(void **state)
{
	(void)state;
	struct store_account account;
	assert_int_equal(
	        store_accounts_add(store, STR("alice"), STORE_ADMIN, PASSWORD, true), STORE_DONE);
	add("bob", STORE_VIEWER);
	assert_int_equal(
	        store_accounts_verify(store, STR("alice"), PASSWORD, &account), STORE_DONE);
	assert_string_equal(account.name, "alice");
	assert_int_equal(account.role, STORE_ADMIN);
	assert_true(account.must_change);
	assert_true(account.created_ms > UINT64_C(1600000000000));
	assert_int_equal(verify("bob", PASSWORD), STORE_DONE);
	assert_int_equal(verify("bob", OTHER), STORE_ABSENT);
	assert_int_equal(verify("bob", STR_EMPTY), STORE_ABSENT);
	assert_int_equal(verify("Bob", PASSWORD), STORE_ABSENT);
	assert_int_equal(verify("nobody", PASSWORD), STORE_ABSENT);
	assert_int_equal(verify("", STR_EMPTY), STORE_ABSENT);
	assert_int_equal(
	        store_accounts_add(store, STR("bob"), STORE_ADMIN, OTHER, false), STORE_CONFLICT);
	assert_int_equal(verify("bob", OTHER), STORE_ABSENT);
}

/* What is compared with where there is no account takes as long as a real one. */
static void nobody_s_hash_is_one_like_the_others(void **state)
{
	(void)state;
	char hash[crypto_pwhash_STRBYTES] = STORE_NOBODY;
	assert_int_equal(crypto_pwhash_str_needs_rehash(hash, crypto_pwhash_OPSLIMIT_INTERACTIVE,
	                         crypto_pwhash_MEMLIMIT_INTERACTIVE),
	        0);
}

static void names_and_passwords_have_a_form(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"a", "Alice", "ops-1", "a.b@example.com", "1_x+y"};
	static const char *const BAD[] = {"", " ", "a b", "-a", ".a", "a/b", "\xc3\xa4", "a\n"};
	char text[LIMIT_PASSWORD_BYTES + 2];
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < ARRAY_LENGTH(GOOD); i++)
		assert_true(store_accounts_is_name(str_of(GOOD[i])));
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++)
		assert_false(store_accounts_is_name(str_of(BAD[i])));
	assert_true(store_accounts_is_name(str_make(text, LIMIT_ACCOUNT_BYTES)));
	assert_false(store_accounts_is_name(str_make(text, LIMIT_ACCOUNT_BYTES + 1)));
	assert_false(store_accounts_is_password(str_make(text, LIMIT_PASSWORD_BYTES_MIN - 1)));
	assert_true(store_accounts_is_password(str_make(text, LIMIT_PASSWORD_BYTES_MIN)));
	assert_true(store_accounts_is_password(str_make(text, LIMIT_PASSWORD_BYTES)));
	assert_false(store_accounts_is_password(str_make(text, LIMIT_PASSWORD_BYTES + 1)));
}

static void roles_have_names(void **state)
{
	(void)state;
	enum store_role role;
	for (unsigned i = 0; i < STORE_ROLES; i++) {
		const char *name = store_accounts_role_name((enum store_role)i);
		assert_true(store_accounts_read_role(str_of(name), &role));
		assert_int_equal(role, i);
	}
	assert_false(store_accounts_read_role(STR("root"), &role));
	assert_true(STORE_VIEWER < STORE_OPERATOR && STORE_OPERATOR < STORE_ADMIN);
}

static void passwords_are_nowhere_in_the_clear(void **state)
{
	(void)state;
	char command[256];
	add("alice", STORE_ADMIN);
	snprintf(command, sizeof(command), "grep -qra 'horse battery' %s", place.folder);
	assert_int_not_equal(system(command), 0);
	snprintf(command, sizeof(command), "grep -qra 'argon2id' %s", place.folder);
	assert_int_equal(system(command), 0);
}

static void an_admin_is_left(void **state)
{
	(void)state;
	add("alice", STORE_ADMIN);
	add("bob", STORE_OPERATOR);
	assert_int_equal(set_role("alice", STORE_VIEWER), STORE_CONFLICT);
	assert_int_equal(store_accounts_remove(store, STR("alice")), STORE_CONFLICT);
	assert_int_equal(verify("alice", PASSWORD), STORE_DONE);
	assert_int_equal(set_role("bob", STORE_ADMIN), STORE_DONE);
	assert_int_equal(store_accounts_remove(store, STR("alice")), STORE_DONE);
	assert_int_equal(verify("alice", PASSWORD), STORE_ABSENT);
	assert_int_equal(store_accounts_remove(store, STR("alice")), STORE_ABSENT);
	assert_int_equal(set_role("carol", STORE_ADMIN), STORE_ABSENT);
}

struct listed {
	struct store_account_sink sink;
	struct store_pass_sink passes;
	struct text text;
};

static void on_account(struct store_account_sink *sink, const struct store_account *account)
{
	struct listed *listed = container_of(sink, struct listed, sink);
	text_addf(&listed->text, "%s:%s;", account->name, store_accounts_role_name(account->role));
}

static void on_pass(struct store_pass_sink *sink, const struct store_pass *pass)
{
	struct listed *listed = container_of(sink, struct listed, passes);
	assert_false(pass->is_session);
	text_addf(&listed->text, "%s:%s:%s;", pass->account, pass->label,
	        store_accounts_role_name(pass->role));
}

static void accounts_are_listed_by_name(void **state)
{
	(void)state;
	struct listed listed = {.sink = {.on_account = on_account}};
	add("bob", STORE_VIEWER);
	add("alice", STORE_ADMIN);
	assert_int_equal(store_accounts_list(store, &listed.sink), STORE_DONE);
	assert_string_equal(text_c(&listed.text), "alice:admin;bob:viewer;");
	text_done(&listed.text);
}

/* ---- tokens and sessions ---- */

static uint64_t add_pass(const char *account, const char *label, enum store_role role,
        uint64_t expires_ms, char secret[STORE_SECRET_BYTES])
{
	uint64_t id = 0;
	assert_int_equal(store_accounts_add_pass(store, str_of(account), str_of(label), role,
	                         expires_ms, secret, &id),
	        STORE_DONE);
	assert_int_equal(strlen(secret), STORE_SECRET_BYTES - 1);
	return id;
}

static enum store_failure find(const char *secret, uint64_t now_ms, struct store_pass *ret_pass)
{
	return store_accounts_find_pass(store, str_of(secret), now_ms, ret_pass);
}

static void a_secret_stands_for_its_account(void **state)
{
	(void)state;
	char token[STORE_SECRET_BYTES], session[STORE_SECRET_BYTES];
	struct store_pass pass;
	add("alice", STORE_ADMIN);
	uint64_t id = add_pass("alice", "deploys", STORE_OPERATOR, 0, token);
	add_pass("alice", "", STORE_ADMIN, 5000, session);
	assert_string_not_equal(token, session);
	assert_int_equal(find(token, 1000, &pass), STORE_DONE);
	assert_int_equal(pass.id, id);
	assert_string_equal(pass.account, "alice");
	assert_string_equal(pass.label, "deploys");
	assert_int_equal(pass.role, STORE_OPERATOR);
	assert_false(pass.is_session);
	assert_int_equal(find(session, 4999, &pass), STORE_DONE);
	assert_true(pass.is_session);
	assert_int_equal(pass.role, STORE_ADMIN);
	assert_int_equal(find(session, 5000, &pass), STORE_ABSENT);
	token[5] ^= 1;
	assert_int_equal(find(token, 1000, &pass), STORE_ABSENT);
	assert_int_equal(find("", 1000, &pass), STORE_ABSENT);
	assert_int_equal(find("hw", 1000, &pass), STORE_ABSENT);
}

static void a_pass_may_no_more_than_its_account(void **state)
{
	(void)state;
	char token[STORE_SECRET_BYTES];
	struct store_pass pass;
	add("alice", STORE_ADMIN);
	add("bob", STORE_OPERATOR);
	add_pass("bob", "too much", STORE_ADMIN, 0, token);
	assert_int_equal(find(token, 1, &pass), STORE_DONE);
	assert_int_equal(pass.role, STORE_OPERATOR);
	assert_int_equal(set_role("bob", STORE_VIEWER), STORE_DONE);
	assert_int_equal(find(token, 1, &pass), STORE_DONE);
	assert_int_equal(pass.role, STORE_VIEWER);
	assert_int_equal(store_accounts_remove(store, STR("bob")), STORE_DONE);
	assert_int_equal(find(token, 1, &pass), STORE_ABSENT);
	/* Not even when there is one of that name again. */
	add("bob", STORE_ADMIN);
	assert_int_equal(find(token, 1, &pass), STORE_ABSENT);
}

static void a_new_password_ends_sessions_and_leaves_tokens(void **state)
{
	(void)state;
	char token[STORE_SECRET_BYTES], session[STORE_SECRET_BYTES];
	struct store_pass pass;
	add("alice", STORE_ADMIN);
	add_pass("alice", "deploys", STORE_OPERATOR, 0, token);
	add_pass("alice", "", STORE_ADMIN, 0, session);
	assert_int_equal(set_password("alice", OTHER), STORE_DONE);
	assert_int_equal(verify("alice", OTHER), STORE_DONE);
	assert_int_equal(verify("alice", PASSWORD), STORE_ABSENT);
	assert_int_equal(find(token, 1, &pass), STORE_DONE);
	assert_int_equal(find(session, 1, &pass), STORE_ABSENT);
	assert_int_equal(set_password("carol", OTHER), STORE_ABSENT);
}

/* Between the two, somebody may have set another one: an admin who locks a thief out, for one. */
static void a_password_that_was_right_opens_nothing_behind_its_change(void **state)
{
	(void)state;
	char session[STORE_SECRET_BYTES];
	uint64_t id;
	struct store_account account;
	struct store_pass pass;
	add("alice", STORE_ADMIN);
	assert_int_equal(
	        store_accounts_verify(store, STR("alice"), PASSWORD, &account), STORE_DONE);
	const struct store_account_change own = {.password = PASSWORD, .verified = &account};
	assert_int_equal(set_password("alice", OTHER), STORE_DONE);
	assert_int_equal(
	        store_accounts_add_session(store, &account, 0, session, &id), STORE_ABSENT);
	assert_int_equal(store_accounts_change(store, STR("alice"), &own), STORE_ABSENT);
	assert_int_equal(verify("alice", OTHER), STORE_DONE);
	assert_int_equal(verify("alice", PASSWORD), STORE_ABSENT);
	/* The same password again is another one, too. */
	assert_int_equal(set_password("alice", PASSWORD), STORE_DONE);
	assert_int_equal(
	        store_accounts_add_session(store, &account, 0, session, &id), STORE_ABSENT);
	/* As long as it is what was verified, both go well. */
	assert_int_equal(
	        store_accounts_verify(store, STR("alice"), PASSWORD, &account), STORE_DONE);
	assert_int_equal(
	        store_accounts_add_session(store, &account, 5000, session, &id), STORE_DONE);
	assert_int_equal(find(session, 4999, &pass), STORE_DONE);
	assert_int_equal(pass.id, id);
	assert_true(pass.is_session);
	assert_int_equal(pass.role, STORE_ADMIN);
	const struct store_account_change next = {.password = OTHER, .verified = &account};
	assert_int_equal(store_accounts_change(store, STR("alice"), &next), STORE_DONE);
	assert_int_equal(verify("alice", OTHER), STORE_DONE);
	assert_int_equal(find(session, 4999, &pass), STORE_ABSENT);
}

static void a_role_and_a_password_are_changed_together(void **state)
{
	(void)state;
	struct store_account account;
	add("alice", STORE_ADMIN);
	struct store_account_change change = {
	        .has_role = true, .role = STORE_VIEWER, .password = OTHER, .must_change = true};
	assert_int_equal(store_accounts_change(store, STR("alice"), &change), STORE_CONFLICT);
	assert_int_equal(verify("alice", PASSWORD), STORE_DONE);
	add("bob", STORE_ADMIN);
	assert_int_equal(store_accounts_change(store, STR("alice"), &change), STORE_DONE);
	assert_int_equal(store_accounts_verify(store, STR("alice"), OTHER, &account), STORE_DONE);
	assert_int_equal(account.role, STORE_VIEWER);
	assert_true(account.must_change);
}

static void passes_are_taken_back_and_expire(void **state)
{
	(void)state;
	char first[STORE_SECRET_BYTES], second[STORE_SECRET_BYTES], third[STORE_SECRET_BYTES];
	struct store_pass pass;
	struct listed listed = {.passes = {.on_pass = on_pass}};
	add("alice", STORE_ADMIN);
	uint64_t id = add_pass("alice", "one", STORE_VIEWER, 0, first);
	add_pass("alice", "two", STORE_VIEWER, 2000, second);
	add_pass("alice", "three", STORE_OPERATOR, 0, third);
	add_pass("alice", "", STORE_ADMIN, 0, second);
	assert_int_equal(store_accounts_remove_pass(store, id), STORE_DONE);
	assert_int_equal(store_accounts_remove_pass(store, id), STORE_ABSENT);
	assert_int_equal(find(first, 1, &pass), STORE_ABSENT);
	assert_int_equal(store_accounts_expire(store, 2000), STORE_DONE);
	assert_int_equal(
	        store_accounts_list_tokens(store, STR("alice"), &listed.passes), STORE_DONE);
	assert_string_equal(text_c(&listed.text), "alice:three:operator;");
	text_clear(&listed.text);
	assert_int_equal(store_accounts_list_tokens(store, STR_EMPTY, &listed.passes), STORE_DONE);
	assert_string_equal(text_c(&listed.text), "alice:three:operator;");
	text_clear(&listed.text);
	assert_int_equal(store_accounts_list_tokens(store, STR("bob"), &listed.passes), STORE_DONE);
	assert_int_equal(listed.text.len, 0);
	text_done(&listed.text);
}

static void an_account_has_so_many_passes(void **state)
{
	(void)state;
	char secret[STORE_SECRET_BYTES];
	uint64_t id;
	assert_int_equal(
	        sqlite3_exec(store->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
	add("alice", STORE_ADMIN);
	for (unsigned i = 0; i < LIMIT_ACCOUNT_PASSES; i++)
		add_pass("alice", "again", STORE_VIEWER, 0, secret);
	assert_int_equal(store_accounts_add_pass(
	                         store, STR("alice"), STR("more"), STORE_VIEWER, 0, secret, &id),
	        STORE_CONFLICT);
	assert_int_equal(store_accounts_add_pass(
	                         store, STR("bob"), STR("more"), STORE_VIEWER, 0, secret, &id),
	        STORE_ABSENT);
	/* As many sessions have room beside them. */
	for (unsigned i = 0; i < LIMIT_ACCOUNT_PASSES; i++)
		add_pass("alice", "", STORE_VIEWER, 0, secret);
	assert_int_equal(store_accounts_add_pass(
	                         store, STR("alice"), STR_EMPTY, STORE_VIEWER, 0, secret, &id),
	        STORE_CONFLICT);
}

static void secrets_are_nowhere_in_the_clear(void **state)
{
	(void)state;
	char secret[STORE_SECRET_BYTES], command[256];
	add("alice", STORE_ADMIN);
	add_pass("alice", "deploys", STORE_VIEWER, 0, secret);
	snprintf(command, sizeof(command), "grep -qraF -e '%s' %s", secret + 2, place.folder);
	assert_int_not_equal(system(command), 0);
	snprintf(command, sizeof(command), "grep -qraF -e 'deploys' %s", place.folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_one, close_one)
	const struct CMUnitTest tests[] = {
	        TEST(the_right_password_opens_its_account),
	        TEST(nobody_s_hash_is_one_like_the_others),
	        TEST(names_and_passwords_have_a_form),
	        TEST(roles_have_names),
	        TEST(passwords_are_nowhere_in_the_clear),
	        TEST(an_admin_is_left),
	        TEST(accounts_are_listed_by_name),
	        TEST(a_secret_stands_for_its_account),
	        TEST(a_pass_may_no_more_than_its_account),
	        TEST(a_new_password_ends_sessions_and_leaves_tokens),
	        TEST(a_password_that_was_right_opens_nothing_behind_its_change),
	        TEST(a_role_and_a_password_are_changed_together),
	        TEST(passes_are_taken_back_and_expire),
	        TEST(an_account_has_so_many_passes),
	        TEST(secrets_are_nowhere_in_the_clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
