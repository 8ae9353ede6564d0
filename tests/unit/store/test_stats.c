/* What was counted: added to its minute, read again, and gone in time; how far runs of edges are.
 */
#include "stores.h"

#include "base/mem.h"
#include "store/stats.h"

#define DAY_MS    UINT64_C(86400000)
#define HOUR_MS   UINT64_C(3600000)
#define NOW       UINT64_C(1700000000000) /* 20 s into a minute */
#define KEPT_DAYS UINT64_C(30)
#define MINUTE    (NOW / STORE_MINUTE_MS * STORE_MINUTE_MS)

static struct sums sums_of(const char *text)
{
	struct sums sums = {0};
	sums_read(str_of(text), &sums);
	return sums;
}

static enum store_failure add(
        struct store *store, uint64_t now_ms, const char *domain, const char *counts)
{
	struct sums sums = sums_of(counts);
	const struct store_stats_row row = {str_of(domain), &sums};
	const struct store_stats_batch batch = {.now_ms = now_ms,
	        .until_ms = now_ms - KEPT_DAYS * DAY_MS,
	        .rows = &row,
	        .row_count = 1};
	enum store_failure failure = store_stats_add(store, &batch);
	sums_done(&sums);
	return failure;
}

struct told {
	struct store_stats_sink sink;
	struct store_stats_run_sink runs;
	struct text text;
};

static void on_minute(struct store_stats_sink *sink, uint64_t at_ms, const struct sums *sums)
{
	struct told *told = container_of(sink, struct told, sink);
	assert_int_equal(at_ms % STORE_MINUTE_MS, 0);
	text_addf(&told->text, "%lld: ", ((long long)at_ms - (long long)MINUTE) / STORE_MINUTE_MS);
	sums_print(sums, &told->text);
	text_add_char(&told->text, ';');
}

static void on_base(
        struct store_stats_run_sink *sink, const struct store_stats_base *base, uint64_t heard_ms)
{
	struct told *told = container_of(sink, struct told, runs);
	text_addf(&told->text, "%.*s@%llu %.*s: ", STR_ARG(base->run),
	        (unsigned long long)(heard_ms / DAY_MS), STR_ARG(base->domain));
	sums_print(base->sums, &told->text);
	text_add_char(&told->text, ';');
}

/* What a domain had from an hour before now on. */
static void assert_read(struct store *store, const char *domain, const char *wanted)
{
	struct told told = {.sink = {.on_minute = on_minute}};
	const struct store_stats_span span = {NOW - HOUR_MS, NOW + 60 * DAY_MS};
	assert_int_equal(store_stats_read(store, str_of(domain), span, &told.sink), STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static void assert_runs(struct store *store, const char *wanted)
{
	struct told told = {.runs = {.on_base = on_base}};
	assert_int_equal(store_stats_read_runs(store, &told.runs), STORE_DONE);
	assert_string_equal(text_c(&told.text), wanted);
	text_done(&told.text);
}

static uint64_t row_count(struct store *store)
{
	uint64_t rows = 0;
	assert_int_equal(store_begin(store, false), STORE_DONE);
	assert_int_equal(store_read_meta(store, "stats_rows", &rows), STORE_DONE);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
	return rows;
}

static void counts_are_added_to_their_minute(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(add(store, NOW, "a.test", "requests=1 origin.pulls=1"), STORE_DONE);
	assert_int_equal(add(store, NOW + 5000, "a.test", "requests=2 hits=1"), STORE_DONE);
	assert_int_equal(add(store, NOW + 60000, "a.test", "requests=4"), STORE_DONE);
	assert_int_equal(add(store, NOW, "b.test", "requests=8"), STORE_DONE);
	assert_int_equal(add(store, NOW, "", "requests=16 faults.unknown_host=16"), STORE_DONE);
	/* Nothing is no row. */
	assert_int_equal(add(store, NOW, "c.test", ""), STORE_DONE);
	store_close(store);
	store = open_good(&place);
	assert_read(store, "a.test", "0: requests=3 hits=1 origin.pulls=1;1: requests=4;");
	assert_read(store, "b.test", "0: requests=8;1: ;");
	assert_read(store, "", "0: requests=16 faults.unknown_host=16;1: ;");
	assert_read(store, "c.test", "0: ;1: ;");
	assert_read(store, STORE_STATS_ALL,
	        "0: requests=27 hits=1 faults.unknown_host=16 origin.pulls=1;1: requests=4;");
	assert_int_equal(row_count(store), 6);
	store_close(store);
	place_done(&place);
}

/* Else nobody could tell it from one of which nothing is known. */
static void a_minute_without_requests_is_there_when_edges_were_heard(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	struct store_stats_batch batch = {.now_ms = NOW, .is_heard = true};
	for (unsigned twice = 0; twice < 2; twice++)
		assert_int_equal(store_stats_add(store, &batch), STORE_DONE);
	batch.now_ms = NOW + 60000;
	batch.is_heard = false;
	assert_int_equal(store_stats_add(store, &batch), STORE_DONE);
	assert_read(store, "a.test", "0: ;");
	assert_read(store, STORE_STATS_ALL, "0: ;");
	assert_int_equal(row_count(store), 1);
	assert_int_equal(add(store, NOW, "a.test", "requests=1 whole=3:1"), STORE_DONE);
	assert_read(store, "a.test", "0: requests=1 whole=3:1;");
	assert_read(store, STORE_STATS_ALL, "0: requests=1 whole=3:1;");
	store_close(store);
	place_done(&place);
}

static void a_span_ends_before_its_end(void **state)
{
	(void)state;
	static const struct {
		uint64_t from_ms, to_ms;
		const char *wanted;
	} ROWS[] = {
	        {MINUTE, MINUTE, ""},
	        {MINUTE, MINUTE + 1, "0: requests=1;"},
	        {MINUTE + 59999, MINUTE + 60000, "0: requests=1;"},
	        {MINUTE + 60000, MINUTE + 120000, "1: requests=2;"},
	        {0, INT64_MAX, "0: requests=1;1: requests=2;"},
	};
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(add(store, NOW, "a.test", "requests=1"), STORE_DONE);
	assert_int_equal(add(store, NOW + 60000, "a.test", "requests=2"), STORE_DONE);
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct told told = {.sink = {.on_minute = on_minute}};
		const struct store_stats_span span = {ROWS[i].from_ms, ROWS[i].to_ms};
		assert_int_equal(
		        store_stats_read(store, STR("a.test"), span, &told.sink), STORE_DONE);
		assert_string_equal(text_c(&told.text), ROWS[i].wanted);
		text_done(&told.text);
	}
	store_close(store);
	place_done(&place);
}

static void minutes_go_after_their_days(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(add(store, NOW, "a.test", "requests=1"), STORE_DONE);
	assert_int_equal(add(store, NOW + 60000, "a.test", "requests=2"), STORE_DONE);
	assert_int_equal(add(store, NOW + KEPT_DAYS * DAY_MS, "b.test", "hits=1"), STORE_DONE);
	assert_read(store, "a.test", "0: requests=1;1: requests=2;43200: ;");
	assert_int_equal(
	        add(store, NOW + KEPT_DAYS * DAY_MS + 60000, "b.test", "hits=1"), STORE_DONE);
	assert_read(store, "a.test", "1: requests=2;43200: ;43201: ;");
	assert_int_equal(row_count(store), 6);
	store_close(store);
	place_done(&place);
}

/* Who keeps less than before does not have the store for as long as all of it takes. */
static void what_is_too_old_goes_a_day_at_a_time(void **state)
{
	(void)state;
	const uint64_t now_ms = NOW + 100 * DAY_MS;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	for (unsigned day = 0; day < 4; day++) {
		struct sums sums = sums_of("requests=1");
		const struct store_stats_row row = {STR("a.test"), &sums};
		/* Nothing is too old. */
		const struct store_stats_batch batch = {
		        .now_ms = NOW + 3 * day * DAY_MS, .rows = &row, .row_count = 1};
		assert_int_equal(store_stats_add(store, &batch), STORE_DONE);
		sums_done(&sums);
	}
	assert_int_equal(row_count(store), 8);
	for (unsigned left = 4; left > 0; left--) {
		assert_int_equal(row_count(store), left * 2 + (left < 4 ? 2 : 0));
		assert_int_equal(add(store, now_ms, "b.test", "hits=1"), STORE_DONE);
	}
	assert_int_equal(row_count(store), 2);
	store_close(store);
	place_done(&place);
}

/* Has the store believe that it has so many rows more. */
static void pretend_rows(struct store *store, uint64_t more)
{
	assert_int_equal(store_begin(store, true), STORE_DONE);
	assert_int_equal(store_write_meta(store, "stats_rows", more), STORE_DONE);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
}

static void the_oldest_minutes_go_when_there_are_too_many(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(add(store, NOW, "a.test", "requests=1"), STORE_DONE);
	assert_int_equal(add(store, NOW + 2 * HOUR_MS, "a.test", "requests=2"), STORE_DONE);
	pretend_rows(store, LIMIT_STATS_ROWS - 2);
	assert_int_equal(add(store, NOW + 4 * HOUR_MS, "a.test", "requests=4"), STORE_DONE);
	assert_read(store, "a.test", "0: requests=1;120: requests=2;240: requests=4;");
	assert_int_equal(add(store, NOW + 4 * HOUR_MS, "b.test", "requests=8"), STORE_DONE);
	assert_read(store, "a.test", "120: requests=2;240: requests=4;");
	assert_int_equal(row_count(store), LIMIT_STATS_ROWS - 1);
	/* A number that is wrong ends at the last row, and not in a loop. */
	pretend_rows(store, LIMIT_STATS_ROWS * UINT64_C(2));
	assert_int_equal(add(store, NOW + 4 * HOUR_MS, "c.test", "requests=8"), STORE_CORRUPT);
	store_close(store);
	place_done(&place);
}

static enum store_failure add_base(struct store *store, uint64_t now_ms, const char *run,
        uint64_t heard_ms, const char *domain, const char *counts)
{
	struct sums sums = sums_of(counts);
	const struct store_stats_base base = {str_of(run), str_of(domain), &sums};
	const struct store_stats_run heard = {str_of(run), heard_ms};
	const struct store_stats_batch batch = {
	        .now_ms = now_ms, .bases = &base, .base_count = 1, .runs = &heard, .run_count = 1};
	enum store_failure failure = store_stats_add(store, &batch);
	sums_done(&sums);
	return failure;
}

static void how_far_runs_are_is_remembered_until_they_are_silent(void **state)
{
	(void)state;
	const uint64_t day = NOW / DAY_MS * DAY_MS;
	struct place place;
	struct text wanted = {0};
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(add_base(store, day, "r1", day, "a.test", "requests=1"), STORE_DONE);
	assert_int_equal(add_base(store, day, "r1", day, "", "requests=2"), STORE_DONE);
	assert_int_equal(add_base(store, day, "r1", day, "a.test", "requests=3"), STORE_DONE);
	store_close(store);
	store = open_good(&place);
	text_addf(&wanted, "r1@%llu : requests=2;r1@%llu a.test: requests=3;",
	        (unsigned long long)(day / DAY_MS), (unsigned long long)(day / DAY_MS));
	assert_runs(store, text_c(&wanted));
	/* Another one is heard, and after some days only that. */
	const uint64_t later = day + LIMIT_STATS_RUN_DAYS * DAY_MS;
	assert_int_equal(add_base(store, later, "r2", later, "a.test", "hits=1"), STORE_DONE);
	text_clear(&wanted);
	text_addf(&wanted, "r2@%llu a.test: hits=1;", (unsigned long long)(later / DAY_MS));
	assert_runs(store, text_c(&wanted));
	/* One that is to be forgotten. */
	assert_int_equal(add_base(store, later, "r2", 0, "a.test", "hits=1"), STORE_DONE);
	assert_runs(store, "");
	text_done(&wanted);
	store_close(store);
	place_done(&place);
}

static void what_was_refused_has_left_nothing(void **state)
{
	(void)state;
	struct place place;
	place_init(&place);
	struct store *store = open_good(&place);
	assert_int_equal(add(store, NOW, "a.test", "requests=1"), STORE_DONE);
	assert_int_equal(store_begin(store, true), STORE_DONE);
	assert_int_equal(sqlite3_exec(store->db, "DROP TABLE stats_run", NULL, NULL, NULL), 0);
	assert_int_equal(store_end(store, STORE_DONE), STORE_DONE);
	assert_int_equal(add(store, NOW, "a.test", "requests=2"), STORE_CORRUPT);
	assert_read(store, "a.test", "0: requests=1;");
	assert_int_equal(row_count(store), 2);
	store_close(store);
	place_done(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(counts_are_added_to_their_minute),
	        cmocka_unit_test(a_minute_without_requests_is_there_when_edges_were_heard),
	        cmocka_unit_test(a_span_ends_before_its_end),
	        cmocka_unit_test(minutes_go_after_their_days),
	        cmocka_unit_test(what_is_too_old_goes_a_day_at_a_time),
	        cmocka_unit_test(the_oldest_minutes_go_when_there_are_too_many),
	        cmocka_unit_test(how_far_runs_are_is_remembered_until_they_are_silent),
	        cmocka_unit_test(what_was_refused_has_left_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
