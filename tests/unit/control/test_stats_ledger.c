/* Reports of edges become counts of domains, once, whoever ends in between. */
#include "control/stats_private.h"

#include "base/hash.h"
#include "base/mem.h"
#include "store/stores.h"

#define NOW    UINT64_C(1700000000000)
#define MINUTE (NOW / STORE_MINUTE_MS * STORE_MINUTE_MS)

struct bench {
	struct place place;
	struct store *store;
	struct control_stats_ledger ledger;
	struct control_settings *settings;
};

static void bench_init(struct bench *bench)
{
	hash_init();
	place_init(&bench->place);
	bench->store = open_good(&bench->place);
	bench->settings = control_settings_new();
	control_stats_ledger_init(&bench->ledger);
	assert_int_equal(control_stats_ledger_load(&bench->ledger, bench->store), STORE_DONE);
}

static void bench_done(struct bench *bench)
{
	control_settings_free(bench->settings);
	control_stats_ledger_done(&bench->ledger);
	store_close(bench->store);
	place_done(&bench->place);
}

/* Another process goes on with the store. */
static void start_again(struct bench *bench)
{
	control_stats_ledger_done(&bench->ledger);
	store_close(bench->store);
	bench->store = open_good(&bench->place);
	control_stats_ledger_init(&bench->ledger);
	assert_int_equal(control_stats_ledger_load(&bench->ledger, bench->store), STORE_DONE);
}

static bool report_at(struct bench *bench, const char *run, const char *items, uint64_t at_ms)
{
	struct text payload = {0};
	text_addf(&payload, "{\"more\":false,\"dropped\":0,\"items\":[%s]}", items);
	bool is_right =
	        control_stats_ledger_add(&bench->ledger, str_of(run), text_str(&payload), at_ms);
	text_done(&payload);
	return is_right;
}

static void report(struct bench *bench, const char *run, const char *items)
{
	assert_true(report_at(bench, run, items, NOW));
}

/* So many requests to a domain since the run began. */
static void report_requests(struct bench *bench, const char *run, const char *name, unsigned count)
{
	struct text item = {0};
	text_addf(&item, "{\"domain\":\"%s\",\"requests\":%u}", name, count);
	report(bench, run, text_c(&item));
	text_done(&item);
}

static void write_all(struct bench *bench)
{
	assert_int_equal(control_stats_ledger_write(&bench->ledger, bench->store, bench->settings),
	        STORE_DONE);
	assert_false(bench->ledger.has_something);
}

/* What was counted since the process began: "a.test requests=1;b.test …". */
static void expect_totals(struct bench *bench, const char *wanted)
{
	struct text text = {0};
	list_each (node, &bench->ledger.order) {
		const struct control_stats_domain *domain =
		        container_of(node, const struct control_stats_domain, order);
		text_addf(&text, "%.*s ", (int)domain->name_len, domain->name);
		sums_print(&domain->total, &text);
		text_add_char(&text, ';');
	}
	assert_string_equal(text_c(&text), wanted);
	text_done(&text);
}

struct told {
	struct store_stats_sink sink;
	struct text text;
};

static void on_minute(struct store_stats_sink *sink, uint64_t at_ms, const struct sums *sums)
{
	struct told *told = container_of(sink, struct told, sink);
	text_addf(&told->text, "%llu: ", (unsigned long long)((at_ms - MINUTE) / STORE_MINUTE_MS));
	sums_print(sums, &told->text);
	text_add_char(&told->text, ';');
}

static void expect_stored(struct bench *bench, const char *domain, const char *wanted)
{
	struct told told = {.sink = {.on_minute = on_minute}};
	const struct store_stats_span span = {NOW - STORE_MINUTE_MS, INT64_MAX};
	assert_int_equal(
	        store_stats_read(bench->store, str_of(domain), span, &told.sink), STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void a_report_is_all_that_was_counted_since_the_one_before(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	report(&bench, "r1",
	        "{\"domain\":\"a.test\",\"requests\":5,\"hits\":2,\"faults\":{\"range\":1},"
	        "\"origin\":{\"pulls\":3,\"faults\":{\"dns\":1}},\"backup\":{\"bytes\":9}},"
	        "{\"domain\":\"\",\"requests\":1}");
	expect_totals(&bench, "a.test requests=5 hits=2 faults.range=1 origin.pulls=3 "
	                      "origin.faults.dns=1 backup.bytes=9; requests=1;");
	report(&bench, "r1",
	        "{\"domain\":\"a.test\",\"requests\":8,\"hits\":2,\"faults\":{\"range\":1},"
	        "\"origin\":{\"pulls\":4,\"faults\":{\"dns\":1}},\"backup\":{\"bytes\":9}}");
	expect_totals(&bench, "a.test requests=8 hits=2 faults.range=1 origin.pulls=4 "
	                      "origin.faults.dns=1 backup.bytes=9; requests=1;");
	write_all(&bench);
	expect_stored(&bench, "a.test",
	        "0: requests=8 hits=2 faults.range=1 origin.pulls=4 origin.faults.dns=1 "
	        "backup.bytes=9;");
	expect_stored(&bench, "", "0: requests=1;");
	bench_done(&bench);
}

static void runs_are_counted_each_from_its_beginning(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	report_requests(&bench, "r1", "a.test", 10);
	report_requests(&bench, "r2", "a.test", 3);
	report_requests(&bench, "r1", "a.test", 11);
	report_requests(&bench, "r2", "a.test", 3);
	write_all(&bench);
	report_requests(&bench, "r3", "a.test", 2);
	write_all(&bench);
	expect_totals(&bench, "a.test requests=16;");
	expect_stored(&bench, "a.test", "0: requests=16;");
	bench_done(&bench);
}

static void another_process_goes_on_where_the_one_before_ended(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	report_requests(&bench, "r1", "a.test", 10);
	write_all(&bench);
	/* This is lost with the process, and heard again. */
	report_requests(&bench, "r1", "a.test", 15);
	start_again(&bench);
	report_requests(&bench, "r1", "a.test", 18);
	report_requests(&bench, "r1", "b.test", 1);
	expect_totals(&bench, "a.test requests=8;b.test requests=1;");
	write_all(&bench);
	expect_stored(&bench, "a.test", "0: requests=18;");
	expect_stored(&bench, "b.test", "0: requests=1;");
	expect_stored(&bench, STORE_STATS_ALL, "0: requests=19;");
	bench_done(&bench);
}

static void what_cannot_be_written_is_written_later(void **state)
{
	(void)state;
	struct bench bench;
	char away[128];
	bench_init(&bench);
	snprintf(away, sizeof(away), "%s.away", bench.place.path);
	report_requests(&bench, "r1", "a.test", 10);
	/* Somebody takes the file away for a while. */
	assert_int_equal(rename(bench.place.path, away), 0);
	assert_int_equal(control_stats_ledger_write(&bench.ledger, bench.store, bench.settings),
	        STORE_MOVED);
	report_requests(&bench, "r1", "a.test", 12);
	assert_int_equal(control_stats_ledger_write(&bench.ledger, bench.store, bench.settings),
	        STORE_MOVED);
	assert_true(bench.ledger.has_something);
	assert_int_equal(rename(away, bench.place.path), 0);
	write_all(&bench);
	expect_stored(&bench, "a.test", "0: requests=12;");
	start_again(&bench);
	report_requests(&bench, "r1", "a.test", 13);
	expect_totals(&bench, "a.test requests=1;");
	bench_done(&bench);
}

/* Else it would be unknown after a week without requests, and counted twice. */
static void a_run_that_counts_nothing_is_still_remembered(void **state)
{
	(void)state;
	struct bench bench;
	const uint64_t week_ms = LIMIT_STATS_RUN_DAYS * UINT64_C(86400000);
	bench_init(&bench);
	report_requests(&bench, "r1", "a.test", 10);
	report_requests(&bench, "r2", "a.test", 20);
	write_all(&bench);
	for (unsigned hour = 1; hour < 2 * LIMIT_STATS_RUN_DAYS * 24; hour++) {
		assert_true(report_at(&bench, "r1", "", NOW + hour * UINT64_C(3600000)));
		assert_true(bench.ledger.has_something);
		write_all(&bench);
	}
	start_again(&bench);
	assert_true(report_at(
	        &bench, "r1", "{\"domain\":\"a.test\",\"requests\":11}", NOW + 2 * week_ms));
	expect_totals(&bench, "a.test requests=1;");
	/* The other one was not heard of, and is another one now. */
	assert_true(report_at(
	        &bench, "r2", "{\"domain\":\"a.test\",\"requests\":21}", NOW + 2 * week_ms));
	expect_totals(&bench, "a.test requests=22;");
	bench_done(&bench);
}

static void what_is_no_report_is_told_and_the_rest_is_taken(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        "5",
	        "{}",
	        "{\"domain\":5,\"requests\":1}",
	        "{\"domain\":null,\"requests\":1}",
	        "{\"domain\":\"/\",\"requests\":1}",
	        "{\"domain\":{\"a\":1},\"requests\":1}",
	};
	static const char RIGHT[] =
	        "{\"domain\":\"a.test\",\"requests\":\"7\",\"hits\":3,\"bytes_in\":-1,\"later\":5,"
	        "\"bytes_out\":1.5,\"pulls\":4,\"origin\":5,\"backup\":{\"faults\":{\"later\":1,"
	        "\"faults\":{\"dns\":1}},\"requests\":2},\"faults\":[1]}";
	struct bench bench;
	struct text text = {0};
	bench_init(&bench);
	assert_false(control_stats_ledger_add(&bench.ledger, STR("r1"), STR("{}"), NOW));
	assert_false(control_stats_ledger_add(&bench.ledger, STR("r1"), STR("["), NOW));
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		text_clear(&text);
		text_addf(&text, "%s,%s", ROWS[i], RIGHT);
		assert_false(report_at(&bench, "r1", text_c(&text), NOW));
	}
	expect_totals(&bench, "a.test hits=3;");
	text_done(&text);
	bench_done(&bench);
}

static void domains_that_are_too_many_are_counted_together(void **state)
{
	(void)state;
	struct bench bench;
	char name[24];
	bench_init(&bench);
	for (unsigned i = 0; i < LIMIT_STATS_DOMAINS + 3; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		report_requests(&bench, "r1", name, 1);
	}
	const struct control_stats_domain *rest = container_of(
	        list_last(&bench.ledger.order), const struct control_stats_domain, order);
	assert_true(str_is_equal(str_make(rest->name, rest->name_len), STR("*")));
	assert_int_equal(sums_get(&rest->total, counter_cell(COUNTER_CLIENT, COUNTER_REQUESTS)), 3);
	assert_int_equal(bench.ledger.domains.count, LIMIT_STATS_DOMAINS + 1);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_report_is_all_that_was_counted_since_the_one_before),
	        cmocka_unit_test(runs_are_counted_each_from_its_beginning),
	        cmocka_unit_test(another_process_goes_on_where_the_one_before_ended),
	        cmocka_unit_test(what_cannot_be_written_is_written_later),
	        cmocka_unit_test(a_run_that_counts_nothing_is_still_remembered),
	        cmocka_unit_test(what_is_no_report_is_told_and_the_rest_is_taken),
	        cmocka_unit_test(domains_that_are_too_many_are_counted_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
