/*
 * The row of all domains is there for each minute in which any edge was heard of, so that one in
 * which nothing happened can be told from one of which nothing is known.
 *
 * Counts are texts (base/sums.h): most counters of a domain are 0, and a table of them that grows
 * needs no new columns. The row of all domains is one more, by a name that no domain has, so that
 * who asks for all of them reads no more rows than who asks for one. Rows lie in the order of
 * minutes, so that a batch is written, and taken away, in one piece; a reader finds its domain in
 * each minute.
 */
#include "store/stats.h"

#include "store/store_private.h"

enum { MINUTES_A_DAY = 24 * 60, MS_A_DAY = MINUTES_A_DAY * STORE_MINUTE_MS, MINUTES_AT_ONCE = 60 };

struct adding {
	struct store *store;
	uint64_t minute, added;
	struct store_statement insert, read, update;
	struct text text;
};

static void adding_init(struct adding *adding)
{
	struct store *store = adding->store;
	adding->insert = store_prepare(store,
	        "INSERT INTO stats(domain, minute, counts) VALUES(?, ?, ?) ON CONFLICT DO NOTHING");
	adding->read =
	        store_prepare(store, "SELECT counts FROM stats WHERE domain = ? AND minute = ?");
	adding->update = store_prepare(
	        store, "UPDATE stats SET counts = ?3 WHERE domain = ?1 AND minute = ?2");
}

static void adding_done(struct adding *adding)
{
	store_finalize(&adding->insert);
	store_finalize(&adding->read);
	store_finalize(&adding->update);
	text_done(&adding->text);
}

static void bind(struct adding *adding, struct store_statement *statement, struct str domain)
{
	store_bind_text(statement, domain);
	store_bind_number(statement, adding->minute);
}

/* Of a minute in which nothing happened it is empty, which is no NULL. */
static void bind_counts(struct store_statement *statement, const struct text *counts)
{
	store_bind_text(statement, counts->len > 0 ? text_str(counts) : STR(""));
}

/* Adds to a row that is there. */
static enum store_failure add_to_row(
        struct adding *adding, struct str domain, const struct sums *sums)
{
	struct sums whole = {0};
	bool has_row;
	bind(adding, &adding->read, domain);
	enum store_failure failure = store_step(&adding->read, &has_row);
	if (failure == STORE_DONE && has_row) {
		sums_read(store_column(&adding->read, 0), &whole);
		failure = store_run(&adding->read);
	}
	sums_merge(&whole, sums);
	text_clear(&adding->text);
	sums_print(&whole, &adding->text);
	sums_done(&whole);
	if (failure != STORE_DONE)
		return failure;
	bind(adding, &adding->update, domain);
	bind_counts(&adding->update, &adding->text);
	return store_run(&adding->update);
}

static enum store_failure add_row(struct adding *adding, struct str domain, const struct sums *sums)
{
	text_clear(&adding->text);
	sums_print(sums, &adding->text);
	/* Requests to no domain have an empty name, which is no NULL. */
	if (domain.at == NULL)
		domain = STR("");
	bind(adding, &adding->insert, domain);
	bind_counts(&adding->insert, &adding->text);
	enum store_failure failure = store_run(&adding->insert);
	if (failure != STORE_DONE)
		return failure;
	if (sqlite3_changes64(adding->store->db) == 0)
		return add_to_row(adding, domain, sums);
	adding->added++;
	return STORE_DONE;
}

static enum store_failure add_rows(struct adding *adding, const struct store_stats_batch *batch)
{
	enum store_failure failure = STORE_DONE;
	struct sums all = {0};
	for (size_t i = 0; i < batch->row_count && failure == STORE_DONE; i++) {
		const struct store_stats_row *row = &batch->rows[i];
		if (row->sums->count == 0)
			continue;
		failure = add_row(adding, row->domain, row->sums);
		sums_merge(&all, row->sums);
	}
	if ((all.count > 0 || batch->is_heard) && failure == STORE_DONE)
		failure = add_row(adding, STR(STORE_STATS_ALL), &all);
	sums_done(&all);
	return failure;
}

/* ---- how far runs are ---- */

static enum store_failure set_bases(struct store *store, const struct store_stats_batch *batch)
{
	struct store_statement set = store_prepare(store,
	        "INSERT INTO stats_base(run, domain, counts) VALUES(?1, ?2, ?3) ON CONFLICT DO "
	        "UPDATE SET counts = ?3");
	struct text text = {0};
	enum store_failure failure = STORE_DONE;
	for (size_t i = 0; i < batch->base_count && failure == STORE_DONE; i++) {
		const struct store_stats_base *base = &batch->bases[i];
		text_clear(&text);
		sums_print(base->sums, &text);
		store_bind_text(&set, base->run);
		store_bind_text(&set, base->domain.at == NULL ? STR("") : base->domain);
		store_bind_text(&set, text_str(&text));
		failure = store_run(&set);
	}
	store_finalize(&set);
	text_done(&text);
	return failure;
}

static enum store_failure set_runs(struct store *store, const struct store_stats_batch *batch)
{
	struct store_statement set = store_prepare(store,
	        "INSERT INTO stats_run(name, heard) VALUES(?1, ?2) ON CONFLICT DO UPDATE SET "
	        "heard = ?2");
	enum store_failure failure = STORE_DONE;
	for (size_t i = 0; i < batch->run_count && failure == STORE_DONE; i++) {
		store_bind_text(&set, batch->runs[i].name);
		store_bind_number(&set, batch->runs[i].heard_ms);
		failure = store_run(&set);
	}
	store_finalize(&set);
	return failure;
}

/* Runs a statement with a number for its parameter; adds up how many rows it has changed. */
static enum store_failure run_with(
        struct store *store, const char *sql, uint64_t number, uint64_t *changed)
{
	struct store_statement statement = store_prepare(store, sql);
	store_bind_number(&statement, number);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	if (failure == STORE_DONE)
		*changed += (uint64_t)sqlite3_changes64(store->db);
	return failure;
}

static enum store_failure forget_runs(struct store *store, uint64_t until_ms)
{
	uint64_t changed = 0;
	enum store_failure failure =
	        run_with(store, "DELETE FROM stats_run WHERE heard <= ?", until_ms, &changed);
	if (failure != STORE_DONE || changed == 0)
		return failure;
	struct store_statement statement = store_prepare(
	        store, "DELETE FROM stats_base WHERE run NOT IN (SELECT name FROM stats_run)");
	failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

/* ---- what goes ---- */

/* Takes away the oldest minutes, some at once, until no more rows are left than there may be. */
static enum store_failure make_room(struct store *store, uint64_t *rows)
{
	enum store_failure failure = STORE_DONE;
	while (*rows > LIMIT_STATS_ROWS && failure == STORE_DONE) {
		uint64_t gone = 0;
		failure = run_with(store,
		        "DELETE FROM stats WHERE minute < (SELECT min(minute) FROM stats) + ?",
		        MINUTES_AT_ONCE, &gone);
		if (failure == STORE_DONE && gone == 0)
			return store_fail_with(
			        store, STORE_CORRUPT, "it has fewer minutes than it says");
		*rows -= gone < *rows ? gone : *rows;
	}
	return failure;
}

/* What is older than it may be; no more than a day of it, as there is much where it was kept for
 * longer before. */
static enum store_failure drop_old(struct store *store, uint64_t until_minute, uint64_t *gone)
{
	struct store_statement statement = store_prepare(store,
	        "DELETE FROM stats WHERE minute < min(?, (SELECT min(minute) FROM stats) + ?)");
	store_bind_number(&statement, until_minute);
	store_bind_number(&statement, MINUTES_A_DAY);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	if (failure == STORE_DONE)
		*gone += (uint64_t)sqlite3_changes64(store->db);
	return failure;
}

static enum store_failure expire(
        struct store *store, const struct store_stats_batch *batch, uint64_t added)
{
	const uint64_t now_ms = batch->now_ms;
	const uint64_t heard_ms = (uint64_t)LIMIT_STATS_RUN_DAYS * MS_A_DAY;
	uint64_t rows, gone = 0;
	enum store_failure failure = store_read_meta(store, "stats_rows", &rows);
	if (failure == STORE_DONE && batch->until_ms > 0)
		failure = drop_old(store, batch->until_ms / STORE_MINUTE_MS, &gone);
	if (failure != STORE_DONE)
		return failure;
	rows += added;
	rows -= gone < rows ? gone : rows;
	failure = make_room(store, &rows);
	if (failure == STORE_DONE)
		failure = store_write_meta(store, "stats_rows", rows);
	return failure == STORE_DONE ? forget_runs(store, now_ms > heard_ms ? now_ms - heard_ms : 0)
	                             : failure;
}

enum store_failure store_stats_add(struct store *store, const struct store_stats_batch *batch)
{
	struct adding adding = {.store = store, .minute = batch->now_ms / STORE_MINUTE_MS};
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	adding_init(&adding);
	failure = add_rows(&adding, batch);
	adding_done(&adding);
	if (failure == STORE_DONE)
		failure = set_bases(store, batch);
	if (failure == STORE_DONE)
		failure = set_runs(store, batch);
	if (failure == STORE_DONE)
		failure = expire(store, batch, adding.added);
	return store_end(store, failure);
}

/* ---- reading ---- */

/* The statements of a reader. */
struct reading {
	struct store_statement here, next;
	struct str domain;
	struct store_stats_sink *sink;
};

/* Shows the minute, which has a row of anybody. */
static enum store_failure show_minute(struct reading *reading, uint64_t minute)
{
	struct sums sums = {0};
	bool has_row;
	store_bind_number(&reading->here, minute);
	store_bind_text(&reading->here, reading->domain);
	enum store_failure failure = store_step(&reading->here, &has_row);
	if (failure != STORE_DONE)
		return failure;
	if (!has_row) {
		reading->sink->on_minute(reading->sink, minute * STORE_MINUTE_MS, &sums);
		return STORE_DONE;
	}
	sums_read(store_column(&reading->here, 0), &sums);
	reading->sink->on_minute(reading->sink, minute * STORE_MINUTE_MS, &sums);
	sums_done(&sums);
	return store_run(&reading->here);
}

/* The next minute from *minute on in which any domain has a row; false where there is none. */
static enum store_failure find_minute(struct reading *reading, uint64_t *minute, bool *ret_is_there)
{
	bool has_row;
	store_bind_number(&reading->next, *minute);
	enum store_failure failure = store_step(&reading->next, &has_row);
	*ret_is_there =
	        failure == STORE_DONE && has_row && store_column(&reading->next, 0).at != NULL;
	if (failure != STORE_DONE || !has_row)
		return failure;
	if (*ret_is_there)
		*minute = store_column_number(&reading->next, 0);
	return store_run(&reading->next);
}

static enum store_failure show_minutes(struct reading *reading, uint64_t minute, uint64_t end)
{
	enum store_failure failure = STORE_DONE;
	bool is_there = true;
	while (failure == STORE_DONE && is_there) {
		failure = find_minute(reading, &minute, &is_there);
		is_there = is_there && minute < end;
		if (failure == STORE_DONE && is_there)
			failure = show_minute(reading, minute++);
	}
	return failure;
}

enum store_failure store_stats_bounds(struct store *store, struct store_stats_span *ret_span)
{
	struct store_stats_span span = {0};
	bool has_row;
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "SELECT min(minute), max(minute) + 1 FROM stats");
	failure = store_step(&statement, &has_row);
	/* Without rows both are NULL, which reads as 0. */
	if (failure == STORE_DONE && has_row)
		span = (struct store_stats_span){
		        .from_ms = store_column_number(&statement, 0) * STORE_MINUTE_MS,
		        .to_ms = store_column_number(&statement, 1) * STORE_MINUTE_MS,
		};
	store_finalize(&statement);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_span = span;
	return failure;
}

enum store_failure store_stats_read(struct store *store, struct str domain,
        struct store_stats_span span, struct store_stats_sink *sink)
{
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct reading reading = {
	        .here = store_prepare(
	                store, "SELECT counts FROM stats WHERE minute = ? AND domain = ?"),
	        .next = store_prepare(store, "SELECT min(minute) FROM stats WHERE minute >= ?"),
	        .domain = domain.at == NULL ? STR("") : domain,
	        .sink = sink,
	};
	failure = show_minutes(&reading, span.from_ms / STORE_MINUTE_MS,
	        span.to_ms / STORE_MINUTE_MS + (span.to_ms % STORE_MINUTE_MS != 0));
	store_finalize(&reading.here);
	store_finalize(&reading.next);
	return store_end(store, failure);
}

enum store_failure store_stats_read_runs(struct store *store, struct store_stats_run_sink *sink)
{
	bool has_row;
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement = store_prepare(store,
	        "SELECT run, domain, counts, heard FROM stats_base JOIN stats_run ON name = run");
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row) {
		struct sums sums = {0};
		sums_read(store_column(&statement, 2), &sums);
		const struct store_stats_base base = {
		        store_column(&statement, 0), store_column(&statement, 1), &sums};
		sink->on_base(sink, &base, store_column_number(&statement, 3));
		sums_done(&sums);
	}
	store_finalize(&statement);
	return store_end(store, failure);
}
