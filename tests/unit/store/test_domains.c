/* Changes in one revision, what changed since one, history, secrets. */
#include "stores.h"

#include "base/clock.h"
#include "base/mem.h"

static const struct store_note NOTE = {.who = {"bob", 3}, .action = {"domain.switch", 13}};

static void a_change_is_read_back_whole(void **state)
{
	(void)state;
	struct place place;
	struct known known;
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.count, 0);
	assert_int_equal(known.revision, 0);
	assert_int_equal(commit_one(store, "a.test", 4, 0, &revision), STORE_DONE);
	assert_int_equal(revision, 1);
	store_close(store);
	store = open_good(&place);
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.count, 1);
	assert_string_equal(known.list[0].name, "a.test");
	assert_int_equal(known.list[0].attempts, 4);
	assert_int_equal(known.list[0].revision, 1);
	assert_int_equal(known.revision, 1);
	store_close(store);
	place_done(&place);
}

static void a_change_needs_the_revision_that_its_maker_saw(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision = 0;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(commit_one(store, "a.test", 1, 7, &revision), STORE_ABSENT);
	assert_int_equal(
	        commit_one(store, "a.test", 0, STORE_ANY_REVISION, &revision), STORE_ABSENT);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 2, 0, &revision), STORE_CONFLICT);
	assert_int_equal(commit_one(store, "b.test", 2, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 2, 2, &revision), STORE_CONFLICT);
	assert_int_equal(revision, 2);
	assert_int_equal(commit_one(store, "a.test", 2, 1, &revision), STORE_DONE);
	assert_int_equal(revision, 3);
	assert_int_equal(commit_one(store, "a.test", 0, 1, &revision), STORE_CONFLICT);
	assert_int_equal(commit_one(store, "a.test", 0, 3, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 0, 3, &revision), STORE_ABSENT);
	assert_int_equal(commit_one(store, "a.test", 5, STORE_ANY_REVISION, &revision), STORE_DONE);
	assert_int_equal(revision, 5);
	assert_int_equal(attempts_of(store, "a.test"), 5);
	store_close(store);
	place_done(&place);
}

static void many_changes_are_one_revision_or_none(void **state)
{
	(void)state;
	struct place place;
	struct known known;
	uint64_t revision = 0;
	size_t at = 99;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	struct model_domain *a = make_domain("a.test", 2), *b = make_domain("b.test", 3);
	struct store_change changes[] = {
	        {"a.test", a, 1},
	        {"b.test", b, 0},
	        {"c.test", NULL, 5},
	};
	assert_int_equal(
	        store_domains_commit(store, changes, 3, &NOTE, &revision, &at), STORE_ABSENT);
	assert_int_equal(at, 2);
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.count, 1);
	assert_int_equal(known.list[0].attempts, 1);
	assert_int_equal(known.revision, 1);

	assert_int_equal(
	        store_domains_commit(store, changes, 2, &NOTE, &revision, &at), STORE_DONE);
	assert_int_equal(revision, 2);
	assert_int_equal(a->revision, 2);
	assert_int_equal(b->revision, 2);
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.count, 2);
	assert_int_equal(known.list[0].attempts, 2);
	assert_int_equal(known.list[1].attempts, 3);
	model_domain_unref(a);
	model_domain_unref(b);
	store_close(store);
	place_done(&place);
}

static void who_knows_a_revision_is_told_the_rest(void **state)
{
	(void)state;
	struct place place;
	struct known known;
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "b.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "c.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 0, 1, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "b.test", 2, 2, &revision), STORE_DONE);

	assert_int_equal(read_known(store, 3, &known), STORE_DONE);
	assert_int_equal(known.count, 2);
	assert_string_equal(known.list[0].name, "a.test");
	assert_int_equal(known.list[0].attempts, 0);
	assert_int_equal(known.list[0].revision, 4);
	assert_string_equal(known.list[1].name, "b.test");
	assert_int_equal(known.list[1].attempts, 2);
	assert_int_equal(known.revision, 5);
	assert_int_equal(read_known(store, 5, &known), STORE_DONE);
	assert_int_equal(known.count, 0);
	/* From the beginning, what went is told, too. */
	assert_int_equal(read_known(store, 0, &known), STORE_DONE);
	assert_int_equal(known.count, 3);
	assert_string_equal(known.list[0].name, "c.test");
	assert_string_equal(known.list[1].name, "a.test");
	assert_int_equal(known.list[1].attempts, 0);
	store_close(store);
	place_done(&place);
}

/* ---- history ---- */

struct told {
	struct store_version_sink sink;
	struct text text;
};

/* "5 b.test alice domain.change 2<-1;" for each. */
static void on_version(struct store_version_sink *sink, const struct store_version *version)
{
	struct told *told = container_of(sink, struct told, sink);
	assert_true(version->at_ms > UINT64_C(1600000000000));
	text_addf(&told->text, "%u %s %s %s %u<-%u;", (unsigned)version->revision, version->name,
	        version->who, version->action,
	        version->after != NULL ? version->after->failover_attempts : 0,
	        version->before != NULL ? version->before->failover_attempts : 0);
}

static void assert_history(
        struct store *store, const struct store_history_query *query, const char *wanted)
{
	struct told told = {.sink = {.on_version = on_version}};
	assert_int_equal(store_domains_read_history(store, query, &told.sink), STORE_DONE);
	assert_string_equal(told.text.len > 0 ? text_c(&told.text) : "", wanted);
	text_done(&told.text);
}

static void history_tells_each_version_and_the_one_before(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_history(store, &(struct store_history_query){.limit = 10}, "");
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "b.test", 2, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 3, 1, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 0, 3, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 5, 0, &revision), STORE_DONE);
	assert_history(store, &(struct store_history_query){.limit = 10},
	        "5 a.test alice domain.change 5<-0;4 a.test alice domain.change 0<-3;"
	        "3 a.test alice domain.change 3<-1;2 b.test alice domain.change 2<-0;"
	        "1 a.test alice domain.change 1<-0;");
	assert_history(store, &(struct store_history_query){.name = "b.test", .limit = 10},
	        "2 b.test alice domain.change 2<-0;");
	assert_history(store,
	        &(struct store_history_query){.name = "a.test", .before = 5, .limit = 2},
	        "4 a.test alice domain.change 0<-3;3 a.test alice domain.change 3<-1;");
	assert_history(store, &(struct store_history_query){.name = "c.test", .limit = 10}, "");
	store_close(store);
	place_done(&place);
}

static void a_version_is_found_as_it_was_at_a_revision(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "b.test", 2, 0, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 3, 1, &revision), STORE_DONE);
	assert_int_equal(commit_one(store, "a.test", 0, 3, &revision), STORE_DONE);
	static const unsigned ATTEMPTS[] = {0, 1, 1, 3, 0, 0};
	for (uint64_t at = 0; at < ARRAY_LENGTH(ATTEMPTS); at++) {
		struct model_domain *domain = NULL;
		enum store_failure failure =
		        store_domains_read_version(store, "a.test", at, &domain);
		assert_int_equal(failure, ATTEMPTS[at] != 0 ? STORE_DONE : STORE_ABSENT);
		assert_int_equal(domain != NULL ? domain->failover_attempts : 0, ATTEMPTS[at]);
		model_domain_unref(domain);
	}
	store_close(store);
	place_done(&place);
}

static void the_oldest_versions_go_first(void **state)
{
	(void)state;
	struct place place;
	struct model_domain *domain;
	uint64_t revision = 0;
	place_init(&place);
	struct store *store = open_good(&place);
	/* A flush for each would take too long. */
	assert_int_equal(
	        sqlite3_exec(store->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(commit_one(store, "b.test", 1, 0, &revision), STORE_DONE);
	for (unsigned i = 0; i < LIMIT_STORE_VERSIONS + 3; i++)
		assert_int_equal(
		        commit_one(store, "a.test", 1 + i % 10, STORE_ANY_REVISION, &revision),
		        STORE_DONE);
	assert_int_equal(store_domains_read_version(store, "a.test", 4, &domain), STORE_ABSENT);
	assert_int_equal(store_domains_read_version(store, "a.test", 5, &domain), STORE_DONE);
	model_domain_unref(domain);
	assert_int_equal(store_domains_read_version(store, "b.test", 1, &domain), STORE_DONE);
	model_domain_unref(domain);
	store_close(store);
	place_done(&place);
}

/* ---- secrets ---- */

/* ---- requests that are made once ---- */

/* Makes a domain by a request with a key. */
static uint64_t commit_with_key(
        struct store *store, const char *who, const char *name, const char *key)
{
	const struct store_note note = {.who = str_of(who),
	        .action = STR("domain.create"),
	        .key = str_of(key),
	        .fingerprint = str_of(name)};
	struct model_domain *domain = make_domain(name, 1);
	const struct store_change change = {name, domain, 0};
	uint64_t revision = 0;
	size_t at;
	assert_int_equal(
	        store_domains_commit(store, &change, 1, &note, &revision, &at), STORE_DONE);
	model_domain_unref(domain);
	return revision;
}

static enum store_failure find_request(struct store *store, const char *who, const char *key,
        const char *fingerprint, uint64_t now_ms)
{
	struct store_request request = {.who = str_of(who),
	        .key = str_of(key),
	        .fingerprint = str_of(fingerprint),
	        .now_ms = now_ms};
	enum store_failure failure = store_domains_find_request(store, &request);
	if (failure == STORE_DONE) {
		assert_string_equal(request.name, fingerprint);
		assert_int_equal(request.revision, 1);
	}
	return failure;
}

static void a_request_with_a_key_is_found_again(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	uint64_t now_ms = clock_wall_ms();
	assert_int_equal(find_request(store, "alice", "k", "a.test", now_ms), STORE_ABSENT);
	assert_int_equal(commit_with_key(store, "alice", "a.test", "k"), 1);
	assert_int_equal(commit_with_key(store, "alice", "b.test", ""), 2);
	assert_int_equal(find_request(store, "alice", "k", "a.test", now_ms), STORE_DONE);
	/* Another body, another key, another caller. */
	assert_int_equal(find_request(store, "alice", "k", "b.test", now_ms), STORE_CONFLICT);
	assert_int_equal(find_request(store, "alice", "K", "a.test", now_ms), STORE_ABSENT);
	assert_int_equal(find_request(store, "alice", "", "b.test", now_ms), STORE_ABSENT);
	assert_int_equal(find_request(store, "bob", "k", "a.test", now_ms), STORE_ABSENT);
	/* It outlives the process, but not its time. */
	store_close(store);
	store = open_good(&place);
	assert_int_equal(find_request(store, "alice", "k", "a.test", now_ms), STORE_DONE);
	assert_int_equal(find_request(store, "alice", "k", "a.test",
	                         now_ms + LIMIT_STORE_REQUEST_MS - 60000),
	        STORE_DONE);
	assert_int_equal(find_request(store, "alice", "k", "a.test",
	                         now_ms + LIMIT_STORE_REQUEST_MS + 60000),
	        STORE_ABSENT);
	store_close(store);
	place_done(&place);
}

static void a_request_that_was_not_made_is_not_remembered(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision = 0;
	size_t at;
	place_init(&place);
	struct store *store = open_good(&place);
	struct model_domain *domain = make_domain("a.test", 1);
	const struct store_note note = {.who = STR("alice"),
	        .action = STR("domain.create"),
	        .key = STR("k"),
	        .fingerprint = STR("a.test")};
	const struct store_change change = {"a.test", domain, 7};
	assert_int_equal(
	        store_domains_commit(store, &change, 1, &note, &revision, &at), STORE_ABSENT);
	assert_int_equal(
	        find_request(store, "alice", "k", "a.test", clock_wall_ms()), STORE_ABSENT);
	model_domain_unref(domain);
	store_close(store);
	place_done(&place);
}

/* What is too old makes room when the next one comes. */
static void old_requests_are_forgotten(void **state)
{
	(void)state;
	struct place place;
	sqlite3 *db;
	sqlite3_stmt *statement;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(commit_with_key(store, "alice", "a.test", "old"), 1);
	store_close(store);
	assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE request SET at=1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	store = open_good(&place);
	/* The key may be used again. */
	assert_int_equal(
	        find_request(store, "alice", "old", "b.test", clock_wall_ms()), STORE_ABSENT);
	assert_int_equal(commit_with_key(store, "alice", "b.test", "new"), 2);
	store_close(store);
	assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
	assert_int_equal(
	        sqlite3_prepare_v2(db, "SELECT key FROM request", -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_string_equal(sqlite3_column_text(statement, 0), "new");
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	place_done(&place);
}

static struct model_domain *make_secret(const char *secret)
{
	struct model_domain *domain = make_domain("a.test", 1);
	domain->origin.type = MODEL_S3;
	domain->origin.address_count = 0;
	domain->origin.bucket.endpoint = "origin.test";
	domain->origin.bucket.key_id = "key";
	domain->origin.bucket.is_private = true;
	domain->origin.bucket.secret = model_domain_copy(domain, str_of(secret));
	return domain;
}

static void assert_secret(struct store *store, uint64_t revision, const char *secret)
{
	struct model_domain *domain;
	assert_int_equal(
	        store_domains_read_version(store, "a.test", revision, &domain), STORE_DONE);
	assert_string_equal(domain->origin.bucket.secret, secret);
	model_domain_unref(domain);
}

/* Whether any file of the folder has the text. */
static bool is_written_anywhere(const struct place *place, const char *text)
{
	char command[256];
	snprintf(command, sizeof(command), "grep -qra '%s' %s", text, place->folder);
	return system(command) == 0;
}

static void secrets_come_back_and_are_nowhere_in_the_clear(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision;
	size_t at;
	place_init(&place);
	struct store *store = open_good(&place);
	for (unsigned i = 0; i < 2; i++) {
		struct model_domain *domain = make_secret(i == 0 ? "hush-hush" : "psst-psst");
		const struct store_change change = {"a.test", domain, STORE_ANY_REVISION};
		assert_int_equal(
		        store_domains_commit(store, &change, 1, &NOTE, &revision, &at), STORE_DONE);
		model_domain_unref(domain);
	}
	assert_true(is_written_anywhere(&place, "origin.test"));
	assert_false(is_written_anywhere(&place, "hush-hush"));
	assert_false(is_written_anywhere(&place, "psst-psst"));
	store_close(store);
	store = open_good(&place);
	assert_secret(store, 1, "hush-hush");
	assert_secret(store, 2, "psst-psst");
	assert_false(is_written_anywhere(&place, "psst-psst"));
	store_close(store);
	place_done(&place);
}

static void another_key_opens_no_secrets(void **state)
{
	(void)state;
	struct place place;
	uint64_t revision;
	size_t at;
	place_init(&place);
	struct store *store = open_good(&place);
	struct model_domain *domain = make_secret("hush-hush");
	const struct store_change change = {"a.test", domain, 0};
	assert_int_equal(
	        store_domains_commit(store, &change, 1, &NOTE, &revision, &at), STORE_DONE);
	model_domain_unref(domain);
	store_close(store);
	/* Neither is a new one made, nor is another taken. */
	assert_int_equal(unlink(place.key), 0);
	assert_int_equal(open_bad(&place), STORE_KEY);
	const char *why;
	struct store_seal *other = store_seal_open(place.key, true, &why);
	assert_non_null(other);
	store_seal_free(other);
	assert_int_equal(open_bad(&place), STORE_KEY);
	place_done(&place);
}

/* ---- what others wrote into the tables ---- */

static void rows_that_are_no_domains_are_told(void **state)
{
	(void)state;
	static const char *const CHANGES[] = {
	        "UPDATE domain SET body='nonsense'",
	        "UPDATE domain SET body='{}'",
	        "UPDATE domain SET body='{\"name\":\"b.test\",\"origin\":{\"addresses\":[\"o\"]}}'",
	        "UPDATE domain SET body='{\"name\":\"a.test\",\"later\":1}'",
	        "UPDATE domain SET body=x'ff'",
	        "DELETE FROM meta",
	        "DROP TABLE domain",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CHANGES); i++) {
		struct place place;
		struct known known;
		struct text detail = {0};
		uint64_t revision;
		place_init(&place);
		struct store *store = open_good(&place);
		assert_int_equal(commit_one(store, "a.test", 1, 0, &revision), STORE_DONE);
		assert_int_equal(sqlite3_exec(store->db, CHANGES[i], NULL, NULL, NULL), SQLITE_OK);
		store->stamps[STORE_LOG] = (struct store_stamp){0};
		store_close(store);
		enum store_failure failure = STORE_DONE;
		store = store_open(&place.options, &failure, &detail);
		if (store != NULL)
			failure = read_known(store, 0, &known);
		assert_int_equal(failure, STORE_CORRUPT);
		text_done(&detail);
		store_close(store);
		place_done(&place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_change_is_read_back_whole),
	        cmocka_unit_test(a_change_needs_the_revision_that_its_maker_saw),
	        cmocka_unit_test(many_changes_are_one_revision_or_none),
	        cmocka_unit_test(who_knows_a_revision_is_told_the_rest),
	        cmocka_unit_test(history_tells_each_version_and_the_one_before),
	        cmocka_unit_test(a_version_is_found_as_it_was_at_a_revision),
	        cmocka_unit_test(the_oldest_versions_go_first),
	        cmocka_unit_test(a_request_with_a_key_is_found_again),
	        cmocka_unit_test(a_request_that_was_not_made_is_not_remembered),
	        cmocka_unit_test(old_requests_are_forgotten),
	        cmocka_unit_test(secrets_come_back_and_are_nowhere_in_the_clear),
	        cmocka_unit_test(another_key_opens_no_secrets),
	        cmocka_unit_test(rows_that_are_no_domains_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
