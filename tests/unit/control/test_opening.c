/* What is done before a store is used; and a store that cannot be. */
#include "control/opening.h"

#include "base/mem.h"
#include "store/accounts.h"
#include "store/stores.h"

static void a_new_store_gets_a_first_account(void **state)
{
	(void)state;
	struct place place;
	struct store_account account;
	place_init(&place);
	struct control_opening opening = {.options = place.options};
	control_opening_run(&opening);
	assert_non_null(opening.store);
	assert_int_equal(opening.error.len, 0);
	assert_int_equal(opening.count, 0);
	assert_int_equal(opening.gone_count, 0);
	assert_int_equal(opening.revision, 0);
	assert_int_equal(strlen(opening.password), CONTROL_OPENING_PASSWORD_BYTES - 1);
	assert_int_equal(store_accounts_verify(
	                         opening.store, STR("admin"), str_of(opening.password), &account),
	        STORE_DONE);
	assert_int_equal(account.role, STORE_ADMIN);
	assert_true(account.must_change);
	control_opening_done(&opening);
	/* It is told once. */
	opening.options = place.options;
	control_opening_run(&opening);
	assert_non_null(opening.store);
	assert_string_equal(opening.password, "");
	control_opening_done(&opening);
	place_done(&place);
}

static void an_account_that_is_there_is_enough(void **state)
{
	(void)state;
	struct place place;
	struct store_account account;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(
	        store_accounts_add(store, STR("ada"), STORE_ADMIN, STR("a long password"), false),
	        STORE_DONE);
	store_close(store);
	struct control_opening opening = {.options = place.options};
	control_opening_run(&opening);
	assert_non_null(opening.store);
	assert_string_equal(opening.password, "");
	assert_int_equal(store_accounts_verify(opening.store, STR("admin"), STR("admin"), &account),
	        STORE_ABSENT);
	control_opening_done(&opening);
	place_done(&place);
}

static void touch(const char *path)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
}

/* Who has lost the password, and may write where the database is. */
static void a_file_asks_for_a_new_password_once(void **state)
{
	(void)state;
	struct place place;
	struct store_account account;
	char path[96], first[CONTROL_OPENING_PASSWORD_BYTES];
	place_init(&place);
	snprintf(path, sizeof(path), "%s/reset-admin", place.folder);
	/* At a first start there is nothing to reset, and it is not taken for later. */
	struct control_opening opening = {.options = place.options, .reset_path = path};
	control_opening_run(&opening);
	assert_false(opening.is_reset);
	memcpy(first, opening.password, sizeof(first));
	assert_int_equal(store_accounts_add(opening.store, STR("ada"), STORE_ADMIN,
	                         STR("a long password"), false),
	        STORE_DONE);
	const struct store_account_change viewer = {.has_role = true, .role = STORE_VIEWER};
	assert_int_equal(store_accounts_change(opening.store, STR("admin"), &viewer), STORE_DONE);
	control_opening_done(&opening);
	for (unsigned i = 0; i < 2; i++) {
		touch(path);
		opening.options = place.options;
		opening.reset_path = path;
		control_opening_run(&opening);
		assert_true(opening.is_reset);
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(
		        store_accounts_verify(opening.store, STR("admin"), str_of(first), &account),
		        STORE_ABSENT);
		assert_int_equal(store_accounts_verify(opening.store, STR("admin"),
		                         str_of(opening.password), &account),
		        STORE_DONE);
		assert_int_equal(account.role, STORE_ADMIN);
		assert_true(account.must_change);
		/* The next time there is no such account at all. */
		assert_int_equal(store_accounts_remove(opening.store, STR("admin")), STORE_DONE);
		control_opening_done(&opening);
	}
	opening.options = place.options;
	opening.reset_path = path;
	control_opening_run(&opening);
	assert_false(opening.is_reset);
	assert_string_equal(opening.password, "");
	control_opening_done(&opening);
	place_done(&place);
}

static void all_domains_and_what_went_is_read(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	for (unsigned i = 0; i < 40; i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%02u.test", i);
		assert_int_equal(commit_one(store, name, 1 + i % 9, 0, &revision), STORE_DONE);
	}
	for (unsigned i = 0; i < 20; i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%02u.test", i);
		assert_int_equal(
		        commit_one(store, name, 0, STORE_ANY_REVISION, &revision), STORE_DONE);
	}
	store_close(store);
	struct control_opening opening = {.options = place.options};
	control_opening_run(&opening);
	assert_non_null(opening.store);
	assert_int_equal(opening.revision, 60);
	assert_int_equal(opening.count, 20);
	assert_string_equal(opening.changes[0].name, "n20.test");
	assert_int_equal(opening.changes[0].domain->revision, 21);
	assert_int_equal(opening.gone_count, 20);
	assert_string_equal(opening.gone[0].name, "n00.test");
	assert_int_equal(opening.gone[0].revision, 41);
	assert_int_equal(opening.gone[19].revision, 60);
	control_opening_done(&opening);
	place_done(&place);
}

static void settings_are_read_and_hold_at_once(void **state)
{
	(void)state;
	static const struct store_note NOTE = {.who = {"ada", 3}, .action = {"x", 1}};
	static const struct store_setting CHANGES[] = {{"purge_days", {"1", 1}},
	        {"stats_days", {"60", 2}}, {"from_another_version", {"[]", 2}}};
	struct place place;
	uint64_t revision, number;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(
	        store_settings_commit(store, CHANGES, ARRAY_LENGTH(CHANGES), 0, &NOTE, &revision),
	        STORE_DONE);
	assert_int_equal(
	        store_tasks_add(store, STR("ada"), STR("{}"), &number, &revision), STORE_DONE);
	assert_int_equal(store_begin(store, true), STORE_DONE);
	/* Two days old. */
	assert_int_equal(
	        sqlite3_exec(store->db, "UPDATE purge SET at = at - 172800000", NULL, NULL, NULL),
	        SQLITE_OK);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
	store_close(store);
	struct control_opening opening = {.options = place.options};
	control_opening_run(&opening);
	assert_non_null(opening.store);
	assert_int_equal(opening.settings_revision, 1);
	assert_int_equal(opening.revision, 0);
	assert_int_equal(control_setting_get(&opening.settings, CONTROL_SETTING_STATS_DAYS), 60);
	assert_string_equal(text_c(&opening.unusable), "from_another_version ");
	assert_int_equal(opening.purge_count, 0);
	assert_int_equal(opening.span.oldest, number + 1);
	control_opening_done(&opening);
	place_done(&place);
}

/* Writes a file. */
static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void execute_there(const struct place *place, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Opening fails with these words, and leaves nothing. */
static void expect_error(const struct place *place, const char *words)
{
	struct control_opening opening = {.options = place->options};
	control_opening_run(&opening);
	assert_null(opening.store);
	assert_string_equal(opening.password, "");
	if (strstr(text_c(&opening.error), words) == NULL)
		fail_msg("%s", text_c(&opening.error));
	control_opening_done(&opening);
}

static void a_store_that_cannot_be_used_says_why(void **state)
{
	(void)state;
	static const struct {
		const char *sql, *words;
	} ROWS[] = {
	        {"PRAGMA user_version=99", "the database was written by a later version: "},
	        {"UPDATE domain SET body='nonsense'", "the database is damaged, or is none: "},
	        {"UPDATE domain SET sealed=x'00'", "the key file does not open the secrets"},
	        {"DROP TABLE account", "the database is damaged, or is none: "},
	        {"DROP TABLE domain", "the database is damaged, or is none: "},
	        {"DELETE FROM meta WHERE name='revision'", "it has no revision"},
	        {"UPDATE meta SET value=0 WHERE name='revision'", "a domain has revision 1"},
	        {"DELETE FROM meta WHERE name='settings'", "it has no settings"},
	        {"DROP TABLE setting", "the database is damaged, or is none: "},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct place place;
		uint64_t revision;
		place_init(&place);
		struct store *store = open_good(&place);
		assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
		store_close(store);
		execute_there(&place, ROWS[i].sql);
		expect_error(&place, ROWS[i].words);
		/* And says it again. */
		expect_error(&place, ROWS[i].words);
		place_done(&place);
	}
}

static void files_that_are_no_store_say_so(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	write_file(
	        place.path, "this is no database, but a text that is long enough for its head ...");
	expect_error(&place, "the database is damaged, or is none: ");
	assert_int_equal(unlink(place.path), 0);
	assert_int_equal(mkdir(place.path, 0700), 0);
	expect_error(&place, ": ");
	assert_int_equal(rmdir(place.path), 0);
	write_file(place.key, "no key");
	expect_error(&place, "the key file does not open the secrets in the database: ");
	assert_int_equal(unlink(place.key), 0);
	/* Nothing of that is left: it can be opened in the end. */
	struct control_opening opening = {.options = place.options};
	control_opening_run(&opening);
	assert_non_null(opening.store);
	/* Who has it has it alone. */
	expect_error(&place, "another program has the database");
	control_opening_done(&opening);
	place_done(&place);
}

static void no_two_passwords_are_alike(void **state)
{
	(void)state;
	char a[CONTROL_OPENING_PASSWORD_BYTES], b[CONTROL_OPENING_PASSWORD_BYTES];
	for (unsigned i = 0; i < 100; i++) {
		control_opening_make_password(a);
		control_opening_make_password(b);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), CONTROL_OPENING_PASSWORD_BYTES - 1);
		assert_int_equal(strspn(a, "abcdefghijkmnpqrstuvwxyz23456789"), strlen(a));
		assert_true(store_accounts_is_password(str_of(a)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_new_store_gets_a_first_account),
	        cmocka_unit_test(an_account_that_is_there_is_enough),
	        cmocka_unit_test(a_file_asks_for_a_new_password_once),
	        cmocka_unit_test(all_domains_and_what_went_is_read),
	        cmocka_unit_test(settings_are_read_and_hold_at_once),
	        cmocka_unit_test(a_store_that_cannot_be_used_says_why),
	        cmocka_unit_test(files_that_are_no_store_say_so),
	        cmocka_unit_test(no_two_passwords_are_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
