/* The domains in memory: one change at a time, in the store first; readers wait for nobody. */
#include "fixture.h"

#include "store/failing.h"

#include <pthread.h>

static const struct store_note NOTE = {.who = {"ada", 3}, .action = {"test", 4}};

/* One change from begin to end; attempts of 0 take the domain away. */
static enum store_failure change_one(
        struct fixture *fixture, const char *name, unsigned attempts, uint64_t expected)
{
	uint64_t revision;
	struct model_domain *domain = attempts > 0 ? make_domain(name, attempts) : NULL;
	const struct store_change change = {name, domain, expected};
	control_domains_begin(fixture->plane.domains);
	enum store_failure failure = control_domains_commit(
	        fixture->plane.domains, fixture_store(fixture), &change, 1, &NOTE, &revision);
	control_domains_end(fixture->plane.domains);
	if (failure == STORE_DONE)
		assert_int_equal(revision, revision_now(fixture));
	model_domain_unref(domain);
	return failure;
}

static void at_first_there_are_none(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	assert_int_equal(revision_now(&fixture), 0);
	assert_int_equal(count_now(&fixture), 0);
	assert_int_equal(fixture.told, 0);
	fixture_done(&fixture);
	control_domains_free(NULL);
}

static void a_change_is_in_the_store_and_here_and_told(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	assert_int_equal(change_one(&fixture, "a.test", 4, 0), STORE_DONE);
	struct model_domain *domain = domain_now(&fixture, "a.test");
	assert_int_equal(domain->failover_attempts, 4);
	assert_int_equal(domain->revision, 1);
	model_domain_unref(domain);
	assert_int_equal(attempts_of(fixture_store(&fixture), "a.test"), 4);
	assert_int_equal(fixture.told, 1);
	assert_int_equal(fixture.told_revision, 1);
	assert_int_equal(change_one(&fixture, "a.test", 0, 1), STORE_DONE);
	assert_int_equal(count_now(&fixture), 0);
	expect_unchanged(&fixture, 2);
	assert_int_equal(fixture.told, 2);
	fixture_done(&fixture);
}

static void what_the_store_refuses_is_not_here(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	assert_int_equal(change_one(&fixture, "a.test", 1, 0), STORE_DONE);
	assert_int_equal(change_one(&fixture, "a.test", 2, 7), STORE_CONFLICT);
	assert_int_equal(change_one(&fixture, "b.test", 2, 7), STORE_ABSENT);
	assert_int_equal(fixture.told, 1);
	expect_unchanged(&fixture, 1);
	struct model_domain *domain = domain_now(&fixture, "a.test");
	assert_int_equal(domain->failover_attempts, 1);
	model_domain_unref(domain);
	fixture_done(&fixture);
}

static void who_reads_keeps_what_was(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	assert_int_equal(change_one(&fixture, "a.test", 1, 0), STORE_DONE);
	struct model_snapshot *before = control_domains_now(fixture.plane.domains);
	assert_int_equal(change_one(&fixture, "a.test", 2, 1), STORE_DONE);
	assert_int_equal(model_snapshot_get(before, STR("a.test"))->failover_attempts, 1);
	assert_int_equal(model_snapshot_revision(before), 1);
	assert_int_equal(revision_now(&fixture), 2);
	/* Who changes does not hold up who reads. */
	control_domains_begin(fixture.plane.domains);
	assert_int_equal(revision_now(&fixture), 2);
	control_domains_end(fixture.plane.domains);
	model_snapshot_unref(before);
	fixture_done(&fixture);
}

static void what_is_so_already_is_taken(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct model_domain *domain = make_domain("a.test", 3);
	const struct model_change changes[] = {{"a.test", domain}};
	control_domains_begin(fixture.plane.domains);
	control_domains_take(fixture.plane.domains, changes, 1, 41);
	control_domains_end(fixture.plane.domains);
	model_domain_unref(domain);
	assert_int_equal(revision_now(&fixture), 41);
	assert_int_equal(count_now(&fixture), 1);
	assert_int_equal(fixture.told_revision, 41);
	/* The store knows nothing of it. */
	assert_int_equal(attempts_of(fixture_store(&fixture), "a.test"), 0);
	fixture_done(&fixture);
}

/* Each write and sync of a change fails once, in each way. */
static void a_store_that_fails_in_the_middle_leaves_all_as_it_was(void **state)
{
	(void)state;
	unsigned rounds = 0;
	failing_install();
	for (enum failing_how how = FAILING_NOTHING_DONE; how < FAILING_HOWS; how++) {
		struct fixture fixture;
		fixture_init(&fixture);
		assert_int_equal(change_one(&fixture, "a.test", 1, 0), STORE_DONE);
		for (unsigned countdown = 1;; countdown++) {
			unsigned told = fixture.told;
			uint64_t revision = revision_now(&fixture);
			failing_arm(countdown, how, SQLITE_IOERR_WRITE);
			enum store_failure failure =
			        change_one(&fixture, "a.test", 2 + countdown % 5, revision);
			failing_arm(0, how, 0);
			if (failure == STORE_DONE)
				break;
			assert_int_equal(revision_now(&fixture), revision);
			assert_int_equal(fixture.told, told);
			rounds++;
			assert_true(rounds < 1000);
			if (read_known(fixture_store(&fixture), 0, &(struct known){0}) !=
			        STORE_DONE)
				break;
			expect_unchanged(&fixture, revision);
		}
		fixture_done(&fixture);
	}
	assert_true(rounds > 0);
}

enum { CHANGES = 60, READERS = 2, WRITERS = 2 };

struct worker {
	struct fixture *fixture;
	const char *name;
	atomic_bool *is_over;
};

static void *change_often(void *argument)
{
	const struct worker *worker = argument;
	uint64_t expected = 0;
	for (unsigned i = 0; i < CHANGES; i++) {
		struct control_domains *domains = worker->fixture->plane.domains;
		struct model_domain *domain = make_domain(worker->name, i % 9 + 1);
		const struct store_change change = {worker->name, domain, expected};
		control_domains_begin(domains);
		CHECK(control_domains_commit(domains, fixture_store(worker->fixture), &change, 1,
		              &NOTE, &expected) == STORE_DONE);
		control_domains_end(domains);
		model_domain_unref(domain);
	}
	return NULL;
}

static void *read_often(void *argument)
{
	const struct worker *worker = argument;
	uint64_t last = 0;
	while (!atomic_load(worker->is_over)) {
		struct model_snapshot *now = control_domains_now(worker->fixture->plane.domains);
		CHECK(model_snapshot_revision(now) >= last);
		last = model_snapshot_revision(now);
		for (size_t i = 0; i < model_snapshot_count(now); i++)
			CHECK(model_snapshot_at(now, i)->revision <= last);
		model_snapshot_unref(now);
	}
	return NULL;
}

static void threads_change_and_read_at_once(void **state)
{
	(void)state;
	struct fixture fixture;
	pthread_t writers[WRITERS], readers[READERS];
	atomic_bool is_over = false;
	struct worker workers[WRITERS] = {
	        {&fixture, "a.test", &is_over}, {&fixture, "b.test", &is_over}};
	fixture_init(&fixture);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_often, &workers[0]), 0);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, change_often, &workers[i]), 0);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(fixture.told, WRITERS * CHANGES);
	expect_unchanged(&fixture, WRITERS * CHANGES);
	assert_int_equal(count_now(&fixture), 2);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(at_first_there_are_none),
	        cmocka_unit_test(a_change_is_in_the_store_and_here_and_told),
	        cmocka_unit_test(what_the_store_refuses_is_not_here),
	        cmocka_unit_test(who_reads_keeps_what_was),
	        cmocka_unit_test(what_is_so_already_is_taken),
	        cmocka_unit_test(a_store_that_fails_in_the_middle_leaves_all_as_it_was),
	        cmocka_unit_test(threads_change_and_read_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
