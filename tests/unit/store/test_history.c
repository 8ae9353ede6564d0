/* What becomes of versions that are too old. */
#include "failing.h"

#include "base/clock.h"
#include "store/settings.h"

#define DAY_MS UINT64_C(86400000)

struct bench {
	struct place place;
	struct store *store;
};

static void bench_init(struct bench *bench)
{
	place_init(&bench->place);
	bench->store = open_good(&bench->place);
	assert_int_equal(sqlite3_exec(bench->store->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL),
	        SQLITE_OK);
}

static void bench_done(struct bench *bench)
{
	store_close(bench->store);
	place_done(&bench->place);
}

static void run_sql(struct store *store, const char *sql)
{
	assert_int_equal(store_begin(store, true), STORE_DONE);
	assert_int_equal(sqlite3_exec(store->db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
}

/* Commits a version (attempts of 0: the domain goes) that is as old as that day, from 1 on. */
static void commit_at(struct bench *bench, const char *name, unsigned attempts, unsigned day)
{
	char sql[128];
	uint64_t revision;
	assert_int_equal(commit_one(bench->store, name, attempts, STORE_ANY_REVISION, &revision),
	        STORE_DONE);
	snprintf(sql, sizeof(sql), "UPDATE history SET at = %llu WHERE revision = %llu",
	        (unsigned long long)(day * DAY_MS), (unsigned long long)revision);
	run_sql(bench->store, sql);
}

struct told {
	struct store_version_sink sink;
	struct text text;
};

/* "5 b.test 2<-1;" for each. */
static void on_version(struct store_version_sink *sink, const struct store_version *version)
{
	text_addf(&container_of(sink, struct told, sink)->text, "%llu %s %u<-%u;",
	        (unsigned long long)version->revision, version->name != NULL ? version->name : "-",
	        version->after != NULL ? version->after->failover_attempts : 0,
	        version->before != NULL ? version->before->failover_attempts : 0);
}

static void assert_history(struct store *store, const char *wanted)
{
	struct told told = {.sink = {.on_version = on_version}};
	const struct store_history_query query = {.limit = 100};
	assert_int_equal(store_domains_read_history(store, &query, &told.sink), STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

/* Expires all up to the end of a day; in how many parts. */
static unsigned expire(struct bench *bench, unsigned day)
{
	bool is_done = false;
	unsigned parts = 0;
	while (!is_done) {
		assert_int_equal(
		        store_history_expire(bench->store, day * DAY_MS, &is_done), STORE_DONE);
		parts++;
	}
	return parts;
}

static void the_last_version_of_then_stays_and_those_before_go(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	commit_at(&bench, "a.test", 1, 1);
	commit_at(&bench, "a.test", 2, 2);
	commit_at(&bench, "b.test", 3, 2);
	commit_at(&bench, "a.test", 4, 5);
	commit_at(&bench, "a.test", 5, 9);
	assert_int_equal(expire(&bench, 1), 1);
	assert_history(bench.store,
	        "5 a.test 5<-4;4 a.test 4<-2;3 b.test 3<-0;2 a.test 2<-1;1 a.test 1<-0;");
	/* At day 4 the version of day 2 was the last one. */
	expire(&bench, 4);
	assert_history(bench.store, "5 a.test 5<-4;4 a.test 4<-2;3 b.test 3<-0;2 a.test 2<-0;");
	expire(&bench, 5);
	assert_history(bench.store, "5 a.test 5<-4;4 a.test 4<-0;3 b.test 3<-0;");
	/* Less than was done before is nothing. */
	expire(&bench, 3);
	assert_history(bench.store, "5 a.test 5<-4;4 a.test 4<-0;3 b.test 3<-0;");
	/* What there is stays, however old. */
	expire(&bench, 100);
	assert_history(bench.store, "5 a.test 5<-0;3 b.test 3<-0;");
	assert_int_equal(attempts_of(bench.store, "a.test"), 5);
	bench_done(&bench);
}

static void of_a_domain_that_went_nothing_stays(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	commit_at(&bench, "a.test", 1, 1);
	commit_at(&bench, "a.test", 0, 3);
	commit_at(&bench, "b.test", 2, 1);
	commit_at(&bench, "b.test", 0, 3);
	commit_at(&bench, "b.test", 6, 8);
	expire(&bench, 2);
	assert_history(bench.store,
	        "5 b.test 6<-0;4 b.test 0<-2;3 b.test 2<-0;2 a.test 0<-1;1 a.test 1<-0;");
	expire(&bench, 3);
	assert_history(bench.store, "5 b.test 6<-0;");
	/* Whoever knows a revision is told all the same that it went. */
	struct known known;
	assert_int_equal(read_known(bench.store, 1, &known), STORE_DONE);
	assert_int_equal(known.count, 2);
	assert_string_equal(known.list[0].name, "a.test");
	assert_int_equal(known.list[0].attempts, 0);
	bench_done(&bench);
}

static void versions_of_settings_go_as_those_of_domains(void **state)
{
	(void)state;
	static const struct store_note NOTE = {.who = {"alice", 5}, .action = {"x", 1}};
	static const struct store_setting CHANGE = {"a", {"1", 1}};
	struct bench bench;
	struct text body = {0};
	uint64_t revision = 0;
	bench_init(&bench);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		        store_settings_commit(bench.store, &CHANGE, 1, revision, &NOTE, &revision),
		        STORE_DONE);
	run_sql(bench.store, "UPDATE history SET at = 86400000 * revision");
	expire(&bench, 2);
	assert_history(bench.store, "3 - 0<-0;2 - 0<-0;");
	expire(&bench, 9);
	assert_history(bench.store, "3 - 0<-0;");
	assert_int_equal(store_settings_read_version(bench.store, 2, &body), STORE_ABSENT);
	assert_int_equal(store_settings_read_version(bench.store, 3, &body), STORE_DONE);
	text_done(&body);
	bench_done(&bench);
}

/* Others have the store between two parts. */
static void much_goes_part_by_part(void **state)
{
	(void)state;
	struct bench bench;
	struct text sql = {0};
	bench_init(&bench);
	commit_at(&bench, "a.test", 1, 1);
	/* As many versions of one name as there may be, one after the other, and some of others. */
	text_add(
	        &sql, STR("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
	                  "i < 2500) INSERT INTO history SELECT 'a.test', 10 + i, 86400000 + i,"
	                  " 'w', 'x', (SELECT body FROM history WHERE revision = 1), NULL FROM n"));
	run_sql(bench.store, text_c(&sql));
	assert_int_equal(expire(&bench, 3), 3);
	assert_history(bench.store, "2510 a.test 1<-0;");
	assert_int_equal(expire(&bench, 3), 1);
	text_done(&sql);
	bench_done(&bench);
}

static void a_write_that_fails_is_made_the_next_time(void **state)
{
	(void)state;
	bool was_reached = true;
	for (unsigned countdown = 1; was_reached; countdown++) {
		struct bench bench;
		bool is_done = false;
		bench_init(&bench);
		commit_at(&bench, "a.test", 1, 1);
		commit_at(&bench, "a.test", 2, 2);
		failing_arm(countdown, FAILING_HALF_DONE, SQLITE_FULL);
		enum store_failure failure =
		        store_history_expire(bench.store, 3 * DAY_MS, &is_done);
		was_reached = failing.has_failed;
		failing_arm(0, FAILING_NOTHING_DONE, 0);
		assert_true(is_done == (failure == STORE_DONE));
		if (failure != STORE_DONE)
			assert_history(bench.store, "2 a.test 2<-1;1 a.test 1<-0;");
		expire(&bench, 3);
		assert_history(bench.store, "2 a.test 2<-0;");
		bench_done(&bench);
	}
}

int main(void)
{
	failing_install();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_last_version_of_then_stays_and_those_before_go),
	        cmocka_unit_test(of_a_domain_that_went_nothing_stays),
	        cmocka_unit_test(versions_of_settings_go_as_those_of_domains),
	        cmocka_unit_test(much_goes_part_by_part),
	        cmocka_unit_test(a_write_that_fails_is_made_the_next_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
