/* Versions of the history go by the settings, on a thread, part by part. */
#include "control/forgetting.h"

#include "fixture.h"

struct bench {
	struct fixture fixture;
	struct loop *loop;
	struct disk *disk;
	struct control_forgetting *forgetting;
};

/* With two versions of a domain, both of long ago. */
static void bench_init(struct bench *bench)
{
	fixture_init(&bench->fixture);
	create(&bench->fixture, A_TEST);
	expect(&bench->fixture, 200, "PATCH", "/api/v1/domains/a.test", "{\"debug\":true}", NULL);
	struct store *store = fixture_store(&bench->fixture);
	assert_int_equal(store_begin(store, true), STORE_DONE);
	assert_int_equal(
	        sqlite3_exec(store->db, "UPDATE history SET at = revision", NULL, NULL, NULL),
	        SQLITE_OK);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
	bench->loop = loop_new();
	bench->disk = disk_new(1);
	bench->forgetting =
	        control_forgetting_new(bench->loop, bench->disk, bench->fixture.plane.settings);
}

static void bench_done(struct bench *bench)
{
	control_forgetting_end(bench->forgetting);
	disk_free(bench->disk);
	loop_turn(bench->loop, 0);
	control_forgetting_free(bench->forgetting);
	loop_free(bench->loop);
	fixture_done(&bench->fixture);
}

static void turn_until_idle(struct bench *bench)
{
	uint64_t until_ms = clock_ms() + 8000;
	while (control_forgetting_is_busy(bench->forgetting)) {
		assert_true(clock_ms() < until_ms);
		loop_turn(bench->loop, 5);
	}
}

static void keep_for(struct bench *bench, unsigned days)
{
	struct control_setting_set set = {0};
	set.is_set[CONTROL_SETTING_HISTORY_DAYS] = true;
	set.values[CONTROL_SETTING_HISTORY_DAYS] = days;
	control_settings_take(bench->fixture.plane.settings, &set, 1);
}

static void expect_versions(struct bench *bench, bool has_first)
{
	expect(&bench->fixture, 200, "GET", "/api/v1/history", NULL, NULL);
	expect_body(&bench->fixture, "\"revision\":2,");
	if (has_first)
		expect_body(&bench->fixture, "\"revision\":1,");
	else
		expect_no_text(body_of(&bench->fixture), "\"revision\":1,");
}

static void nothing_goes_until_the_settings_say_so(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	/* Before it has begun, it does nothing. */
	keep_for(&bench, 1);
	control_forgetting_wake(bench.forgetting);
	assert_false(control_forgetting_is_busy(bench.forgetting));
	keep_for(&bench, 0);
	control_forgetting_begin(bench.forgetting, fixture_store(&bench.fixture));
	turn_until_idle(&bench);
	expect_versions(&bench, true);
	keep_for(&bench, 1);
	control_forgetting_wake(bench.forgetting);
	assert_true(control_forgetting_is_busy(bench.forgetting));
	turn_until_idle(&bench);
	expect_versions(&bench, false);
	bench_done(&bench);
}

static void who_wakes_it_while_it_runs_is_heard(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	control_forgetting_begin(bench.forgetting, fixture_store(&bench.fixture));
	assert_true(control_forgetting_is_busy(bench.forgetting));
	keep_for(&bench, 1);
	control_forgetting_wake(bench.forgetting);
	turn_until_idle(&bench);
	expect_versions(&bench, false);
	bench_done(&bench);
}

static void a_store_that_does_not_work_is_not_asked_for_ever(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	keep_for(&bench, 1);
	assert_int_equal(unlink(bench.fixture.place.path), 0);
	control_forgetting_begin(bench.forgetting, fixture_store(&bench.fixture));
	turn_until_idle(&bench);
	bench_done(&bench);
}

static void nothing_is_begun_at_the_end(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	control_forgetting_end(bench.forgetting);
	control_forgetting_begin(bench.forgetting, fixture_store(&bench.fixture));
	control_forgetting_wake(bench.forgetting);
	assert_false(control_forgetting_is_busy(bench.forgetting));
	bench_done(&bench);
	control_forgetting_end(NULL);
	control_forgetting_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_goes_until_the_settings_say_so),
	        cmocka_unit_test(who_wakes_it_while_it_runs_is_heard),
	        cmocka_unit_test(a_store_that_does_not_work_is_not_asked_for_ever),
	        cmocka_unit_test(nothing_is_begun_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
