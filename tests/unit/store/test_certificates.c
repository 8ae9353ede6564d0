/* Certificates: kept with their keys sealed, changed one at a time, in the history without keys. */
#include "failing.h"

#include "base/mem.h"
#include "store/certificates.h"
#include "store/settings.h"

static const struct store_note NOTE = {.who = {"alice", 5}, .action = {"certificate.create", 18}};

#define KEY   "-----the-secret-of-a-key-----"
#define CHAIN "-----a-chain-that-all-may-see-----"

static enum store_failure commit(struct store *store, const char *name, const char *key,
        uint64_t expected, uint64_t *ret_revision)
{
	struct text about = {0};
	struct store_certificate change = {.name = name};
	text_addf(&about, "{\"names\":[\"%s.test\"]}", name);
	if (key != NULL) {
		change.chain = STR(CHAIN);
		change.key = str_of(key);
		change.about = text_str(&about);
	}
	enum store_failure failure =
	        store_certificates_commit(store, &change, expected, &NOTE, ret_revision);
	text_done(&about);
	return failure;
}

static uint64_t put(struct store *store, const char *name, const char *key, uint64_t expected)
{
	uint64_t revision = 0;
	assert_int_equal(commit(store, name, key, expected, &revision), STORE_DONE);
	return revision;
}

struct told {
	struct store_certificate_sink sink;
	struct store_version_sink versions;
	struct text text;
};

static void on_certificate(
        struct store_certificate_sink *sink, const struct store_certificate *certificate)
{
	text_addf(&container_of(sink, struct told, sink)->text, "%s@%u=%.*s;", certificate->name,
	        (unsigned)certificate->revision, STR_ARG(certificate->key));
	assert_string_equal(certificate->chain.at, CHAIN);
	assert_non_null(strstr(certificate->about.at, certificate->name));
}

static void assert_kept(struct store *store, const char *wanted)
{
	struct told told = {.sink = {.on_certificate = on_certificate}};
	uint64_t revision = 99;
	assert_int_equal(store_certificates_read(store, &told.sink, &revision), STORE_DONE);
	text_addf(&told.text, "@%u", (unsigned)revision);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void what_is_put_is_read_again(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_kept(store, "@0");
	assert_int_equal(put(store, "b", KEY, 0), 1);
	assert_int_equal(put(store, "a", "2", 0), 2);
	assert_int_equal(put(store, "b", "3", 1), 3);
	store_close(store);
	store = open_good(&place);
	assert_kept(store, "a@2=2;b@3=3;@3");
	assert_int_equal(put(store, "a", NULL, 2), 4);
	assert_kept(store, "b@3=3;@4");
	store_close(store);
	place_done(&place);
}

static void a_change_is_of_what_its_maker_saw(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision = 77;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(commit(store, "a", NULL, 0, &revision), STORE_ABSENT);
	assert_int_equal(commit(store, "a", "1", 5, &revision), STORE_CONFLICT);
	assert_int_equal(put(store, "a", "1", 0), 1);
	assert_int_equal(commit(store, "a", "2", 0, &revision), STORE_CONFLICT);
	assert_int_equal(commit(store, "a", "2", 2, &revision), STORE_CONFLICT);
	assert_int_equal(commit(store, "a", NULL, 2, &revision), STORE_CONFLICT);
	assert_int_equal(revision, 77);
	assert_kept(store, "a@1=1;@1");
	store_close(store);
	place_done(&place);
}

/* ---- secrets ---- */

/* Whether any file of the folder has the bytes. */
static bool is_anywhere(const struct place *place, const char *bytes)
{
	char command[256];
	snprintf(command, sizeof(command), "grep -rqaF -e %s %s", bytes, place->folder);
	return system(command) == 0;
}

static void a_key_is_nowhere_in_the_clear(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	put(store, "a", KEY, 0);
	put(store, "a", KEY, 1);
	put(store, "a", NULL, 2);
	put(store, "b", KEY, 0);
	assert_true(is_anywhere(&place, CHAIN));
	assert_false(is_anywhere(&place, KEY));
	store_close(store);
	assert_false(is_anywhere(&place, KEY));
	place_done(&place);
}

/* A row of one is worth nothing in the place of another's. */
static void a_key_belongs_to_its_name(void **state)
{
	(void)state;
	struct place place;
	struct told told = {.sink = {.on_certificate = on_certificate}};
	uint64_t revision;
	sqlite3 *db;
	place_init(&place);
	struct store *store = open_good(&place);
	put(store, "a", KEY, 0);
	put(store, "b", "other", 0);
	store_close(store);
	assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
	                         "PRAGMA locking_mode=EXCLUSIVE; UPDATE certificate SET sealed="
	                         "(SELECT sealed FROM certificate WHERE name='a') WHERE name='b'",
	                         NULL, NULL, NULL),
	        SQLITE_OK);
	sqlite3_close(db);
	store = open_good(&place);
	assert_int_equal(store_certificates_read(store, &told.sink, &revision), STORE_KEY);
	text_done(&told.text);
	store_close(store);
	place_done(&place);
}

/* ---- the history ---- */

static void on_version(struct store_version_sink *sink, const struct store_version *version)
{
	struct text *to = &container_of(sink, struct told, versions)->text;
	text_addf(to, "%u %u %s %s %.*s<-%.*s;", (unsigned)version->revision, (unsigned)version->of,
	        version->name != NULL ? version->name : "-", version->who,
	        STR_ARG(version->text_after), STR_ARG(version->text_before));
}

static void assert_history(struct store *store, const char *name, const char *wanted)
{
	struct told told = {.versions = {.on_version = on_version}};
	const struct store_history_query query = {.name = name, .limit = 10};
	assert_int_equal(store_domains_read_history(store, &query, &told.versions), STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void the_history_tells_of_them_beside_domains(void **state)
{
	(void)state;
	struct place place;
	struct model_domain *domain;
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	put(store, "a", KEY, 0);
	put(store, "a", NULL, 1);
	assert_history(store, NULL,
	        "2 2 a alice <-{\"names\":[\"a.test\"]};1 2 a alice {\"names\":[\"a.test\"]}<-;");
	/* No domain has such a name. */
	assert_history(store, "/certificates/a", "");
	assert_int_equal(
	        store_domains_read_version(store, "/certificates/a", 1, &domain), STORE_ABSENT);
	/* What edges go by is that of the domains. */
	struct known known;
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.revision, 0);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(revision, 3);
	store_close(store);
	place_done(&place);
}

/* At whatever step: all of it or nothing. */
static void a_commit_that_fails_has_changed_nothing(void **state)
{
	(void)state;
	bool was_reached = true;
	for (unsigned countdown = 1; was_reached; countdown++) {
		struct place place;
		uint64_t revision = 77;
		place_init(&place);
		struct store *store = open_good(&place);
		put(store, "a", "1", 0);
		failing_arm(countdown, FAILING_HALF_DONE, SQLITE_FULL);
		enum store_failure failure = commit(store, "a", "2", 1, &revision);
		was_reached = failing.has_failed;
		failing_arm(0, FAILING_NOTHING_DONE, 0);
		assert_true(failure == STORE_DONE || failure == STORE_FULL);
		assert_kept(store, failure == STORE_DONE ? "a@2=2;@2" : "a@1=1;@1");
		store_close(store);
		place_done(&place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_put_is_read_again),
	        cmocka_unit_test(a_change_is_of_what_its_maker_saw),
	        cmocka_unit_test(a_key_is_nowhere_in_the_clear),
	        cmocka_unit_test(a_key_belongs_to_its_name),
	        cmocka_unit_test(the_history_tells_of_them_beside_domains),
	        cmocka_unit_test(a_commit_that_fails_has_changed_nothing),
	};
	failing_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
