/*
 * That an edge has done a purge costs no row of its own: the number that it said last says it of
 * all before. Numbers leave no gaps, and what goes for its age or because there are too many goes
 * from the lower end, so that the oldest one tells whether an edge has missed any.
 */
#include "store/tasks.h"

#include "base/clock.h"
#include "store/store_private.h"

/* ---- adding ---- */

/* Runs a statement with a number for its parameter. */
static enum store_failure run_with(struct store *store, const char *sql, uint64_t number)
{
	struct store_statement statement = store_prepare(store, sql);
	store_bind_number(&statement, number);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

/* Takes back all with a lower number. */
static enum store_failure drop_below(struct store *store, uint64_t number)
{
	enum store_failure failure = run_with(store,
	        "UPDATE meta SET value = value - (SELECT coalesce(sum(length(CAST(what AS BLOB))),"
	        " 0) FROM purge WHERE number < ?) WHERE name = 'purge_bytes'",
	        number);
	if (failure == STORE_DONE)
		failure = run_with(store, "DELETE FROM purge WHERE number < ?", number);
	return failure == STORE_DONE
	               ? run_with(store, "DELETE FROM purge_failure WHERE number < ?", number)
	               : failure;
}

/* Raises *ret_number to where all from it on are no longer together than they may be. */
static enum store_failure find_first_that_fits(
        struct store *store, uint64_t bytes, uint64_t *ret_number)
{
	struct store_statement statement = store_prepare(
	        store, "SELECT number, length(CAST(what AS BLOB)) FROM purge ORDER BY number");
	enum store_failure failure = STORE_DONE;
	bool has_row = true;
	while (bytes > LIMIT_LINK_PURGES_BYTES && has_row && failure == STORE_DONE) {
		failure = store_step(&statement, &has_row);
		if (failure != STORE_DONE || !has_row)
			break;
		uint64_t length = store_column_number(&statement, 1);
		bytes -= length < bytes ? length : bytes;
		uint64_t next = store_column_number(&statement, 0) + 1;
		*ret_number = next > *ret_number ? next : *ret_number;
	}
	store_finalize(&statement);
	return failure;
}

/* Counts the bytes of one more, and drops the oldest where there are too many of them, or of
 * purges. */
static enum store_failure make_place(struct store *store, uint64_t number, size_t length)
{
	uint64_t bytes, first = number > LIMIT_PURGE_TASKS ? number - LIMIT_PURGE_TASKS + 1 : 0;
	enum store_failure failure = store_read_meta(store, "purge_bytes", &bytes);
	if (failure == STORE_DONE)
		failure = store_write_meta(store, "purge_bytes", bytes + length);
	if (failure == STORE_DONE && bytes + length > LIMIT_LINK_PURGES_BYTES)
		failure = find_first_that_fits(store, bytes + length, &first);
	return failure == STORE_DONE && first > 0 ? drop_below(store, first) : failure;
}

static enum store_failure insert(
        struct store *store, uint64_t number, struct str who, struct str what, uint64_t revision)
{
	struct store_statement statement = store_prepare(
	        store, "INSERT INTO purge(number, at, who, what, revision) VALUES(?,?,?,?,?)");
	store_bind_number(&statement, number);
	store_bind_number(&statement, clock_wall_ms());
	store_bind_text(&statement, who);
	store_bind_text(&statement, what);
	store_bind_number(&statement, revision);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

enum store_failure store_tasks_add(struct store *store, struct str who, struct str what,
        uint64_t *ret_number, uint64_t *ret_revision)
{
	uint64_t number = 0, revision;
	CHECK(what.len <= LIMIT_LINK_MESSAGE_BYTES);
	enum store_failure failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = store_read_domains_revision(store, &revision);
	if (failure == STORE_DONE)
		failure = store_read_meta(store, "purge", &number);
	number++;
	if (failure == STORE_DONE)
		failure = insert(store, number, who, what, revision);
	if (failure == STORE_DONE)
		failure = store_write_meta(store, "purge", number);
	if (failure == STORE_DONE)
		failure = make_place(store, number, what.len);
	failure = store_end(store, failure);
	if (failure == STORE_DONE) {
		*ret_number = number;
		*ret_revision = revision;
	}
	return failure;
}

/* ---- reading ---- */

#define COLUMNS "number, at, revision, who, what"

/* How far edges are with a purge, which is called `purge` in the statement. */
#define PROGRESS                                                                                   \
	"(SELECT count(*) FROM edge),"                                                             \
	"(SELECT count(*) FROM edge WHERE purged >= purge.number AND NOT EXISTS (SELECT 1 FROM "   \
	"purge_failure f WHERE f.number = purge.number AND f.edge = edge.name)),"                  \
	"(SELECT count(*) FROM purge_failure f WHERE f.number = purge.number)"

/* Shows the row to the sink. */
static void show(
        const struct store_statement *statement, bool has_progress, struct store_purge_sink *sink)
{
	struct store_purge purge = {
	        .number = store_column_number(statement, 0),
	        .at_ms = store_column_number(statement, 1),
	        .revision = store_column_number(statement, 2),
	        .who = store_column(statement, 3),
	        .what = store_column(statement, 4),
	};
	if (has_progress) {
		purge.edges = (unsigned)store_column_number(statement, 5);
		purge.done = (unsigned)store_column_number(statement, 6);
		purge.failed = (unsigned)store_column_number(statement, 7);
	}
	sink->on_purge(sink, &purge);
}

static enum store_failure show_all(
        struct store_statement *statement, bool has_progress, struct store_purge_sink *sink)
{
	enum store_failure failure;
	bool has_row;
	while ((failure = store_step(statement, &has_row)) == STORE_DONE && has_row)
		show(statement, has_progress, sink);
	return failure;
}

static enum store_failure read_span(struct store *store, struct store_purge_span *ret_span)
{
	struct store_statement statement = store_prepare(store, "SELECT min(number) FROM purge");
	bool has_row;
	uint64_t oldest = 0;
	enum store_failure failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row)
		oldest = store_column_number(&statement, 0); /* 0 where there is none */
	store_finalize(&statement);
	if (failure == STORE_DONE)
		failure = store_read_meta(store, "purge", &ret_span->last);
	ret_span->oldest = oldest != 0 ? oldest : ret_span->last + 1;
	return failure;
}

enum store_failure store_tasks_read_since(struct store *store, uint64_t number,
        struct store_purge_sink *sink, struct store_purge_span *ret_span)
{
	struct store_purge_span span = {0};
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE)
		failure = read_span(store, &span);
	if (failure == STORE_DONE) {
		struct store_statement statement = store_prepare(
		        store, "SELECT " COLUMNS " FROM purge WHERE number > ? ORDER BY number");
		store_bind_number(&statement, number);
		failure = show_all(&statement, false, sink);
		store_finalize(&statement);
	}
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_span = span;
	return failure;
}

enum store_failure store_tasks_list(
        struct store *store, uint64_t before, unsigned limit, struct store_purge_sink *sink)
{
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "SELECT " COLUMNS "," PROGRESS " FROM purge WHERE number < ? "
	                             "ORDER BY number DESC LIMIT ?");
	store_bind_number(&statement, before != 0 ? before : INT64_MAX);
	store_bind_number(&statement, limit);
	failure = show_all(&statement, true, sink);
	store_finalize(&statement);
	return store_end(store, failure);
}

static enum store_failure show_one(
        struct store *store, uint64_t number, struct store_purge_sink *sink)
{
	struct store_statement statement =
	        store_prepare(store, "SELECT " COLUMNS "," PROGRESS " FROM purge WHERE number = ?");
	bool has_row;
	store_bind_number(&statement, number);
	enum store_failure failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row)
		show(&statement, true, sink);
	else if (failure == STORE_DONE)
		failure = store_fail_with(
		        store, STORE_ABSENT, "there is no purge %llu", (unsigned long long)number);
	store_finalize(&statement);
	return failure;
}

static enum store_failure show_edges(
        struct store *store, uint64_t number, struct store_purge_edge_sink *sink)
{
	struct store_statement statement = store_prepare(store,
	        "SELECT name, purged >= ?1, coalesce(f.at, edge.at), f.error FROM edge LEFT JOIN "
	        "purge_failure f ON f.number = ?1 AND f.edge = name ORDER BY name");
	enum store_failure failure;
	bool has_row;
	store_bind_number(&statement, number);
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row) {
		struct str error = store_column(&statement, 3);
		bool is_done = store_column_number(&statement, 1) != 0;
		enum store_purge_state state = error.at != NULL ? STORE_PURGE_FAILED
		                               : is_done        ? STORE_PURGE_DONE
		                                                : STORE_PURGE_WAITS;
		sink->on_edge(sink, store_column(&statement, 0), state, error,
		        store_column_number(&statement, 2));
	}
	store_finalize(&statement);
	return failure;
}

enum store_failure store_tasks_read(struct store *store, uint64_t number,
        struct store_purge_sink *sink, struct store_purge_edge_sink *edges)
{
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE)
		failure = show_one(store, number, sink);
	if (failure == STORE_DONE)
		failure = show_edges(store, number, edges);
	return store_end(store, failure);
}

enum store_failure store_tasks_edges(
        struct store *store, uint64_t since_ms, struct store_edge_sink *sink)
{
	bool has_row;
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "SELECT name, purged FROM edge WHERE at >= ? ORDER BY name");
	store_bind_number(&statement, since_ms);
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row)
		sink->on_edge(
		        sink, store_column(&statement, 0), store_column_number(&statement, 1));
	store_finalize(&statement);
	return store_end(store, failure);
}

/* ---- what edges say ---- */

/* The statements of what edges say. */
struct noting {
	uint64_t at_ms, last;
	struct store_statement hear, fail, mend;
};

static void noting_init(struct noting *noting, struct store *store)
{
	noting->hear = store_prepare(store,
	        "INSERT INTO edge(name, purged, at) VALUES(?1, ?2, ?3) ON CONFLICT(name) DO UPDATE "
	        "SET purged = max(purged, ?2), at = ?3");
	noting->fail = store_prepare(store,
	        "INSERT INTO purge_failure(number, edge, at, error) SELECT number, ?2, ?3, ?4 FROM "
	        "purge WHERE number = ?1 ON CONFLICT DO UPDATE SET at = ?3, error = ?4");
	noting->mend =
	        store_prepare(store, "DELETE FROM purge_failure WHERE number = ? AND edge = ?");
}

static void noting_done(struct noting *noting)
{
	store_finalize(&noting->hear);
	store_finalize(&noting->fail);
	store_finalize(&noting->mend);
}

static enum store_failure note(struct noting *noting, const struct store_acknowledgement *said)
{
	const bool has_failed = said->error != NULL && said->error[0] != '\0';
	const uint64_t done = has_failed ? 0 : said->number;
	store_bind_text(&noting->hear, str_of(said->edge));
	store_bind_number(&noting->hear, done < noting->last ? done : noting->last);
	store_bind_number(&noting->hear, noting->at_ms);
	enum store_failure failure = store_run(&noting->hear);
	if (failure != STORE_DONE || said->error == NULL)
		return failure;
	struct store_statement *statement = has_failed ? &noting->fail : &noting->mend;
	store_bind_number(statement, said->number);
	store_bind_text(statement, str_of(said->edge));
	if (has_failed) {
		store_bind_number(statement, noting->at_ms);
		store_bind_text(statement, str_of(said->error));
	}
	return store_run(statement);
}

/* What edges that are not known any more said of failures is of no use. */
static enum store_failure forget_their_failures(struct store *store)
{
	struct store_statement statement = store_prepare(
	        store, "DELETE FROM purge_failure WHERE edge NOT IN (SELECT name FROM edge)");
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

/* Forgets who was not heard of for longest, when there are too many. */
static enum store_failure make_room(struct store *store)
{
	enum store_failure failure = run_with(store,
	        "DELETE FROM edge WHERE name IN (SELECT name FROM edge ORDER BY at, name "
	        "LIMIT max(0, (SELECT count(*) FROM edge) - ?))",
	        LIMIT_PURGE_EDGES);
	if (failure == STORE_DONE && sqlite3_changes64(store->db) > 0)
		failure = forget_their_failures(store);
	return failure;
}

enum store_failure store_tasks_acknowledge(
        struct store *store, const struct store_acknowledgement *list, size_t count)
{
	struct noting noting = {.at_ms = clock_wall_ms()};
	enum store_failure failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = store_read_meta(store, "purge", &noting.last);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	noting_init(&noting, store);
	for (size_t i = 0; i < count && failure == STORE_DONE; i++)
		failure = note(&noting, &list[i]);
	noting_done(&noting);
	if (failure == STORE_DONE)
		failure = make_room(store);
	return store_end(store, failure);
}

/* ---- age ---- */

/* The clock may have been set back: what is above a young one is not old, whatever it says. */
static enum store_failure expire_purges(struct store *store, uint64_t until_ms)
{
	struct store_statement statement = store_prepare(store,
	        "SELECT coalesce((SELECT min(number) FROM purge WHERE at > ?), "
	        "(SELECT max(number) + 1 FROM purge), 0)");
	bool has_row;
	store_bind_number(&statement, until_ms);
	enum store_failure failure = store_step(&statement, &has_row);
	uint64_t first = failure == STORE_DONE && has_row ? store_column_number(&statement, 0) : 0;
	store_finalize(&statement);
	return failure == STORE_DONE && first > 0 ? drop_below(store, first) : failure;
}

enum store_failure store_tasks_expire(
        struct store *store, uint64_t until_ms, struct store_purge_span *ret_span)
{
	struct store_purge_span span = {0};
	enum store_failure failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = expire_purges(store, until_ms);
	if (failure == STORE_DONE)
		failure = run_with(store, "DELETE FROM edge WHERE at <= ?", until_ms);
	if (failure == STORE_DONE)
		failure = forget_their_failures(store);
	if (failure == STORE_DONE)
		failure = read_span(store, &span);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_span = span;
	return failure;
}
