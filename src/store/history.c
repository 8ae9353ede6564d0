/*
 * What is too old is found by its time, and each version is looked at once: up to which time that
 * was done is kept (`history_until` of meta), as versions that stay are as old as those that go.
 */
#include "store/history_private.h"

#include "base/clock.h"

/* How many versions are looked at in one transaction, but for those of one moment, which are looked
 * at together. */
enum { VERSIONS_AT_ONCE = 1000 };

/* ---- adding ---- */

enum store_failure store_history_begin(
        struct store_history *history, struct store *store, const struct store_note *note)
{
	*history = (struct store_history){
	        .store = store,
	        .note = note,
	        .at_ms = clock_wall_ms(),
	        .remember = store_prepare(store,
	                "INSERT INTO history(name, revision, body, sealed, at, who, action) "
	                "VALUES(?,?,?,?,?,?,?)"),
	        .forget = store_prepare(store,
	                "DELETE FROM history WHERE name=?1 AND revision <= (SELECT revision FROM "
	                "history WHERE name=?1 ORDER BY revision DESC LIMIT 1 OFFSET ?2)"),
	};
	enum store_failure failure = store_read_meta(store, "revision", &history->revision);
	history->revision++;
	return failure;
}

enum store_failure store_history_add(
        struct store_history *history, const char *name, struct str body, struct str sealed)
{
	store_bind_text(&history->remember, str_of(name));
	store_bind_number(&history->remember, history->revision);
	store_bind_text(&history->remember, body);
	store_bind_bytes(&history->remember, sealed);
	store_bind_number(&history->remember, history->at_ms);
	store_bind_text(&history->remember, history->note->who);
	store_bind_text(&history->remember, history->note->action);
	enum store_failure failure = store_run(&history->remember);
	if (failure != STORE_DONE)
		return failure;
	store_bind_text(&history->forget, str_of(name));
	store_bind_number(&history->forget, LIMIT_STORE_VERSIONS);
	return store_run(&history->forget);
}

/* That a request with a key made this revision; and what is too old is forgotten. */
static enum store_failure write_request(const struct store_history *history, const char *name)
{
	struct store *store = history->store;
	const struct store_note *note = history->note;
	uint64_t oldest_ms = history->at_ms - LIMIT_STORE_REQUEST_MS;
	if (note->key.len == 0)
		return STORE_DONE;
	struct store_statement statement = store_prepare(store, "DELETE FROM request WHERE at<=?");
	store_bind_number(&statement, oldest_ms);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	if (failure != STORE_DONE)
		return failure;
	statement = store_prepare(store,
	        "INSERT OR REPLACE INTO request(who, key, fingerprint, revision, name, at) "
	        "VALUES(?,?,?,?,?,?)");
	store_bind_text(&statement, note->who);
	store_bind_text(&statement, note->key);
	store_bind_bytes(&statement, note->fingerprint);
	store_bind_number(&statement, history->revision);
	store_bind_text(&statement, str_of(name));
	store_bind_number(&statement, history->at_ms);
	failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

enum store_failure store_history_close(struct store_history *history, const char *name)
{
	enum store_failure failure = write_request(history, name);
	return failure == STORE_DONE
	               ? store_write_meta(history->store, "revision", history->revision)
	               : failure;
}

void store_history_end(struct store_history *history)
{
	store_finalize(&history->remember);
	store_finalize(&history->forget);
}

/* ---- age ---- */

/* The next part: versions after `from_ms` and up to *ret_to_ms. */
static enum store_failure find_part(struct store *store, uint64_t from_ms, uint64_t until_ms,
        uint64_t *ret_count, uint64_t *ret_to_ms)
{
	struct store_statement statement = store_prepare(store,
	        "SELECT count(*), max(at) FROM (SELECT at FROM history WHERE at > ? AND at <= ? "
	        "ORDER BY at LIMIT ?)");
	bool has_row;
	store_bind_number(&statement, from_ms);
	store_bind_number(&statement, until_ms);
	store_bind_number(&statement, VERSIONS_AT_ONCE);
	enum store_failure failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row) {
		*ret_count = store_column_number(&statement, 0);
		*ret_to_ms = store_column_number(&statement, 1);
	}
	store_finalize(&statement);
	return failure;
}

/* Of each name that has a version in the part, what came before the last one at its end. */
static enum store_failure forget_part(struct store *store, uint64_t from_ms, uint64_t to_ms)
{
	struct store_statement statement = store_prepare(store,
	        "DELETE FROM history WHERE at <= ?2 AND name IN (SELECT name FROM history WHERE "
	        "at > ?1 AND at <= ?2) AND (body IS NULL OR EXISTS (SELECT 1 FROM history later "
	        "WHERE later.name = history.name AND later.revision > history.revision AND "
	        "later.at <= ?2))");
	store_bind_number(&statement, from_ms);
	store_bind_number(&statement, to_ms);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

enum store_failure store_history_expire(struct store *store, uint64_t until_ms, bool *ret_is_done)
{
	uint64_t from_ms = 0, to_ms = 0, count = 0;
	enum store_failure failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = store_read_meta(store, "history_until", &from_ms);
	if (failure == STORE_DONE)
		failure = find_part(store, from_ms, until_ms, &count, &to_ms);
	if (failure == STORE_DONE && count > 0)
		failure = forget_part(store, from_ms, to_ms);
	if (failure == STORE_DONE && count > 0)
		failure = store_write_meta(store, "history_until", to_ms);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_is_done = count < VERSIONS_AT_ONCE;
	return failure;
}
