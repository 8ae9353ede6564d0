/* Reports on their way to the store, and what readers see of them meanwhile. */
#include "control/stats.h"

#include "base/clock.h"
#include "base/hash.h"
#include "store/stores.h"

#define NOW    UINT64_C(1700000000000)
#define MINUTE (NOW / STORE_MINUTE_MS * STORE_MINUTE_MS)

struct bench {
	struct control_stats_sink sink;
	struct place place;
	struct store *store;
	struct control_settings *settings;
	struct loop *loop;
	struct control_stats *stats;
	unsigned missed;
};

static void on_missed(struct control_stats_sink *sink)
{
	container_of(sink, struct bench, sink)->missed++;
}

static void bench_init(struct bench *bench)
{
	*bench = (struct bench){.sink = {.on_missed = on_missed}};
	hash_init();
	place_init(&bench->place);
	bench->store = open_good(&bench->place);
	bench->settings = control_settings_new();
	bench->loop = loop_new();
	bench->stats = control_stats_new(bench->loop, &bench->sink);
}

static void bench_done(struct bench *bench)
{
	control_stats_free(bench->stats);
	loop_free(bench->loop);
	control_settings_free(bench->settings);
	store_close(bench->store);
	place_done(&bench->place);
}

static void turn_until_idle(struct bench *bench)
{
	uint64_t until_ms = clock_ms() + 30000;
	while (control_stats_is_busy(bench->stats)) {
		assert_true(clock_ms() < until_ms);
		loop_turn(bench->loop, 5);
	}
}

static void report(struct bench *bench, const char *run, unsigned requests, uint64_t at_ms)
{
	struct text payload = {0};
	text_addf(&payload,
	        "{\"more\":false,\"dropped\":0,\"items\":[{\"domain\":\"a.test\",\"requests\":%u}]"
	        "}",
	        requests);
	control_stats_report(bench->stats, run, text_str(&payload), at_ms);
	text_done(&payload);
}

struct told {
	struct store_stats_sink sink;
	struct control_stats_watcher watcher;
	struct text text;
};

static void on_minute(struct store_stats_sink *sink, uint64_t at_ms, const struct sums *sums)
{
	struct told *told = container_of(sink, struct told, sink);
	text_addf(&told->text, "%llu: ", (unsigned long long)((at_ms - MINUTE) / STORE_MINUTE_MS));
	sums_print(sums, &told->text);
	text_add_char(&told->text, ';');
}

static void expect_read(struct bench *bench, const char *domain, const char *wanted)
{
	struct told told = {.sink = {.on_minute = on_minute}};
	const struct store_stats_span span = {NOW, NOW + 3 * UINT64_C(86400000) + 1};
	assert_int_equal(
	        control_stats_read(bench->stats, bench->store, str_of(domain), span, &told.sink),
	        STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void expect_stored(struct bench *bench, const char *wanted)
{
	struct told told = {.sink = {.on_minute = on_minute}};
	const struct store_stats_span span = {NOW, INT64_MAX};
	assert_int_equal(
	        store_stats_read(bench->store, STR("a.test"), span, &told.sink), STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void on_domain(
        struct control_stats_watcher *watcher, struct str domain, const struct sums *sums)
{
	struct told *told = container_of(watcher, struct told, watcher);
	text_addf(&told->text, "%.*s ", STR_ARG(domain));
	sums_print(sums, &told->text);
}

static void expect_watched(struct bench *bench, const char *wanted)
{
	struct told told = {.watcher = {.on_domain = on_domain}};
	control_stats_watch(bench->stats, &told.watcher);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void a_minute_is_written_when_the_next_one_has_begun(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	control_stats_begin(bench.stats, bench.store, bench.settings);
	report(&bench, "r1", 5, NOW);
	report(&bench, "r1", 7, NOW + 10000);
	turn_until_idle(&bench);
	expect_stored(&bench, "");
	expect_read(&bench, "a.test", "0: requests=7;");
	expect_read(&bench, STORE_STATS_ALL, "0: requests=7;");
	expect_read(&bench, "b.test", "0: ;");
	report(&bench, "r1", 8, NOW + 60000);
	turn_until_idle(&bench);
	expect_stored(&bench, "0: requests=7;");
	expect_read(&bench, "a.test", "0: requests=7;1: requests=1;");
	expect_watched(&bench, "a.test requests=8");
	bench_done(&bench);
}

static void a_day_after_the_other_is_read_without_a_gap(void **state)
{
	(void)state;
	struct bench bench;
	const uint64_t day_ms = 86400000;
	bench_init(&bench);
	control_stats_begin(bench.stats, bench.store, bench.settings);
	for (unsigned i = 0; i < 4; i++)
		report(&bench, "r1", i + 1, NOW + i * day_ms);
	turn_until_idle(&bench);
	expect_read(&bench, "a.test",
	        "0: requests=1;1440: requests=1;2880: requests=1;4320: requests=1;");
	bench_done(&bench);
}

static void the_end_writes_what_there_is(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	control_stats_begin(bench.stats, bench.store, bench.settings);
	report(&bench, "r1", 5, NOW);
	report(&bench, "r2", 1, NOW);
	control_stats_end(bench.stats);
	/* Too late. */
	report(&bench, "r1", 9, NOW);
	turn_until_idle(&bench);
	expect_stored(&bench, "0: requests=6;");
	bench_done(&bench);
}

static void what_comes_before_the_store_is_dropped(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	report(&bench, "r1", 5, NOW);
	assert_false(control_stats_is_busy(bench.stats));
	control_stats_end(bench.stats);
	assert_false(control_stats_is_busy(bench.stats));
	expect_watched(&bench, "");
	bench_done(&bench);
}

static void reports_that_are_too_many_are_lost_and_told(void **state)
{
	(void)state;
	struct bench bench;
	struct text payload = {0};
	bench_init(&bench);
	control_stats_begin(bench.stats, bench.store, bench.settings);
	for (unsigned i = 0; i < LIMIT_STATS_WAITING_BYTES / 4; i++)
		text_add(&payload, STR("    "));
	control_stats_report(bench.stats, "r1", text_str(&payload), NOW);
	assert_int_equal(control_stats_troubles(bench.stats).missed, 0);
	report(&bench, "r1", 5, NOW);
	assert_int_equal(control_stats_troubles(bench.stats).missed, 1);
	turn_until_idle(&bench);
	report(&bench, "r1", 5, NOW);
	turn_until_idle(&bench);
	expect_watched(&bench, "a.test requests=5");
	text_done(&payload);
	bench_done(&bench);
}

static void a_store_that_fails_is_counted(void **state)
{
	(void)state;
	struct bench bench;
	char away[128];
	bench_init(&bench);
	snprintf(away, sizeof(away), "%s.away", bench.place.path);
	control_stats_begin(bench.stats, bench.store, bench.settings);
	report(&bench, "r1", 5, NOW);
	turn_until_idle(&bench);
	assert_int_equal(rename(bench.place.path, away), 0);
	report(&bench, "r1", 6, NOW + 60000);
	turn_until_idle(&bench);
	assert_int_equal(control_stats_troubles(bench.stats).unwritten, 1);
	struct told told = {.sink = {.on_minute = on_minute}};
	const struct store_stats_span span = {NOW, NOW + 1};
	assert_int_equal(
	        control_stats_read(bench.stats, bench.store, STR("a.test"), span, &told.sink),
	        STORE_MOVED);
	assert_int_equal(rename(away, bench.place.path), 0);
	report(&bench, "r1", 8, NOW + 120000);
	turn_until_idle(&bench);
	expect_read(&bench, "a.test", "1: requests=6;2: requests=2;");
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_minute_is_written_when_the_next_one_has_begun),
	        cmocka_unit_test(a_day_after_the_other_is_read_without_a_gap),
	        cmocka_unit_test(the_end_writes_what_there_is),
	        cmocka_unit_test(what_comes_before_the_store_is_dropped),
	        cmocka_unit_test(reports_that_are_too_many_are_lost_and_told),
	        cmocka_unit_test(a_store_that_fails_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
