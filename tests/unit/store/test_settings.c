/* What is set at run time: changed all at once, in the history, and there after a death. */
#include "failing.h"

#include "base/clock.h"
#include "store/settings.h"
#include "store/tasks.h"

static const struct store_note NOTE = {.who = {"alice", 5}, .action = {"settings.change", 15}};

static enum store_failure commit(struct store *store, const char *name, const char *value,
        uint64_t expected, uint64_t *ret_revision)
{
	const struct store_setting change = {name, str_of(value)};
	return store_settings_commit(store, &change, 1, expected, &NOTE, ret_revision);
}

/* Sets one; the revision that it makes. */
static uint64_t set(struct store *store, const char *name, const char *value, uint64_t expected)
{
	uint64_t revision = 0;
	assert_int_equal(commit(store, name, value, expected, &revision), STORE_DONE);
	return revision;
}

struct told {
	struct store_setting_sink sink;
	struct store_version_sink versions;
	struct text text;
};

static void on_setting(struct store_setting_sink *sink, struct str name, struct str value)
{
	text_addf(&container_of(sink, struct told, sink)->text, "%.*s=%.*s;", STR_ARG(name),
	        STR_ARG(value));
}

/* "a=1;b="x";@7" for what is set, and the revision. */
static void assert_set(struct store *store, const char *wanted)
{
	struct told told = {.sink = {.on_setting = on_setting}};
	uint64_t revision = 99;
	assert_int_equal(store_settings_read(store, &told.sink, &revision), STORE_DONE);
	text_addf(&told.text, "@%llu", (unsigned long long)revision);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void assert_version(struct store *store, uint64_t revision, const char *wanted)
{
	struct text body = {0};
	enum store_failure failure = store_settings_read_version(store, revision, &body);
	assert_int_equal(failure, wanted != NULL ? STORE_DONE : STORE_ABSENT);
	assert_string_equal(text_c(&body), wanted != NULL ? wanted : "");
	text_done(&body);
}

static void what_is_set_is_read_again(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_set(store, "@0");
	assert_int_equal(set(store, "b", "\"x\"", 0), 1);
	assert_int_equal(set(store, "a", "1", 1), 2);
	assert_set(store, "a=1;b=\"x\";@2");
	store_close(store);
	store = open_good(&place);
	assert_set(store, "a=1;b=\"x\";@2");
	assert_int_equal(set(store, "b", "\"y\"", 2), 3);
	assert_int_equal(set(store, "a", NULL, 3), 4);
	/* What is not set may be taken away, too. */
	assert_int_equal(set(store, "c", NULL, 4), 5);
	assert_set(store, "b=\"y\";@5");
	store_close(store);
	place_done(&place);
}

static void changes_are_made_together_or_not_at_all(void **state)
{
	(void)state;
	static const struct store_setting CHANGES[] = {{"a", {"1", 1}}, {"b", {"2", 1}}};
	struct place place;
	uint64_t revision = 77;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(store_settings_commit(store, CHANGES, 2, 0, &NOTE, &revision), STORE_DONE);
	assert_int_equal(revision, 1);
	assert_set(store, "a=1;b=2;@1");
	/* For another revision than there is. */
	revision = 77;
	assert_int_equal(commit(store, "a", "5", 0, &revision), STORE_CONFLICT);
	assert_int_equal(commit(store, "a", "5", 2, &revision), STORE_CONFLICT);
	assert_int_equal(revision, 77);
	assert_set(store, "a=1;b=2;@1");
	store_close(store);
	place_done(&place);
}

/* ---- beside domains ---- */

/* One counter for both, but what edges and purges go by is that of the domains. */
static void revisions_are_those_of_the_whole(void **state)
{
	(void)state;
	struct place place;
	struct known known;
	uint64_t revision, number;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(set(store, "a", "1", 0), 1);
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.count, 0);
	assert_int_equal(known.revision, 0);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(revision, 2);
	assert_int_equal(set(store, "a", "2", 1), 3);
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.revision, 2);
	assert_int_equal(
	        store_tasks_add(store, STR("alice"), STR("{}"), &number, &revision), STORE_DONE);
	assert_int_equal(revision, 2);
	/* That a domain went is one of a domain, too. */
	assert_int_equal(commit_one(store, "a.test", 0, 2, &revision), STORE_DONE);
	assert_int_equal(revision, 4);
	assert_int_equal(set(store, "a", "3", 3), 5);
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.revision, 4);
	store_close(store);
	place_done(&place);
}

/* "3 - alice settings.change {"a":2}<-{"a":1};" for each. */
static void on_version(struct store_version_sink *sink, const struct store_version *version)
{
	struct told *told = container_of(sink, struct told, versions);
	text_addf(&told->text, "%llu %s %s %s %.*s<-%.*s;", (unsigned long long)version->revision,
	        version->name != NULL ? version->name : "-", version->who, version->action,
	        STR_ARG(version->text_after), STR_ARG(version->text_before));
}

static void assert_history(
        struct store *store, const struct store_history_query *query, const char *wanted)
{
	struct told told = {.versions = {.on_version = on_version}};
	assert_int_equal(store_domains_read_history(store, query, &told.versions), STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void the_history_has_them_among_domains(void **state)
{
	(void)state;
	struct place place;
	struct model_domain *domain = NULL;
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	set(store, "a", "1", 0);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	set(store, "b", "\"x\"", 1);
	set(store, "a", NULL, 3);
	set(store, "b", NULL, 4);
	assert_history(store, &(struct store_history_query){.limit = 10},
	        "5 - alice settings.change {}<-{\"b\":\"x\"};"
	        "4 - alice settings.change {\"b\":\"x\"}<-{\"a\":1,\"b\":\"x\"};"
	        "3 - alice settings.change {\"a\":1,\"b\":\"x\"}<-{\"a\":1};"
	        "2 a.test alice domain.change <-;"
	        "1 - alice settings.change {\"a\":1}<-;");
	assert_history(store, &(struct store_history_query){.limit = 2, .before = 4},
	        "3 - alice settings.change {\"a\":1,\"b\":\"x\"}<-{\"a\":1};"
	        "2 a.test alice domain.change <-;");
	assert_history(store, &(struct store_history_query){.name = "a.test", .limit = 10},
	        "2 a.test alice domain.change <-;");
	/* By no name that somebody asks for are they taken for a domain. */
	assert_history(store, &(struct store_history_query){.name = "/settings", .limit = 10}, "");
	assert_int_equal(store_domains_read_version(store, "/settings", 5, &domain), STORE_ABSENT);
	assert_null(domain);
	assert_version(store, 0, NULL);
	assert_version(store, 1, "{\"a\":1}");
	assert_version(store, 2, "{\"a\":1}");
	assert_version(store, 3, "{\"a\":1,\"b\":\"x\"}");
	assert_version(store, 5, "{}");
	assert_version(store, 6, NULL);
	assert_version(store, UINT64_MAX, NULL);
	store_close(store);
	place_done(&place);
}

static void the_oldest_versions_go_first(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	/* A flush for each would take too long. */
	assert_int_equal(
	        sqlite3_exec(store->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
	for (unsigned i = 0; i < LIMIT_STORE_VERSIONS + 2; i++)
		set(store, "a", i % 2 == 0 ? "1" : "2", i);
	assert_version(store, 2, NULL);
	assert_version(store, 3, "{\"a\":1}");
	store_close(store);
	place_done(&place);
}

static void a_request_with_a_key_is_found_again(void **state)
{
	(void)state;
	static const struct store_note KEYED = {.who = {"alice", 5},
	        .action = {"settings.change", 15},
	        .key = {"k", 1},
	        .fingerprint = {"f", 1}};
	static const struct store_setting CHANGE = {"a", {"1", 1}};
	struct place place;
	uint64_t revision;
	struct store_request request = {.who = STR("alice"),
	        .key = STR("k"),
	        .fingerprint = STR("f"),
	        .now_ms = clock_wall_ms()};
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(store_domains_find_request(store, &request), STORE_ABSENT);
	assert_int_equal(
	        store_settings_commit(store, &CHANGE, 1, 0, &KEYED, &revision), STORE_DONE);
	assert_int_equal(store_domains_find_request(store, &request), STORE_DONE);
	assert_int_equal(request.revision, 1);
	request.fingerprint = STR("g");
	assert_int_equal(store_domains_find_request(store, &request), STORE_CONFLICT);
	store_close(store);
	place_done(&place);
}

/* ---- a disk that fails ---- */

static void a_write_that_fails_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned how = 0; how < FAILING_HOWS; how++) {
		bool was_reached = true;
		for (unsigned countdown = 1; was_reached; countdown++) {
			struct place place;
			uint64_t revision;
			place_init(&place);
			struct store *store = open_good(&place);
			set(store, "a", "1", 0);
			failing_arm(countdown, (enum failing_how)how, SQLITE_FULL);
			enum store_failure failure = commit(store, "a", "2", 1, &revision);
			was_reached = failing.has_failed;
			failing_arm(0, FAILING_NOTHING_DONE, 0);
			assert_true(failure == STORE_DONE || was_reached);
			const char *wanted = failure == STORE_DONE ? "a=2;@2" : "a=1;@1";
			assert_set(store, wanted);
			assert_version(store, 2, failure == STORE_DONE ? "{\"a\":2}" : NULL);
			store_close(store);
			store = open_good(&place);
			assert_set(store, wanted);
			store_close(store);
			place_done(&place);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_set_is_read_again),
	        cmocka_unit_test(changes_are_made_together_or_not_at_all),
	        cmocka_unit_test(revisions_are_those_of_the_whole),
	        cmocka_unit_test(the_history_has_them_among_domains),
	        cmocka_unit_test(the_oldest_versions_go_first),
	        cmocka_unit_test(a_request_with_a_key_is_found_again),
	        cmocka_unit_test(a_write_that_fails_leaves_nothing),
	};
	failing_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
