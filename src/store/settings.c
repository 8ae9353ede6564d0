/*
 * A version is an object of all that is set, as it stands in the answers of the history: settings
 * are few, and who rolls back wants all of them.
 */
#include "store/settings.h"

#include "store/history_private.h"

/* ---- changes ---- */

static enum store_failure check_revision(struct store *store, uint64_t expected)
{
	uint64_t revision;
	enum store_failure failure = store_read_meta(store, "settings", &revision);
	if (failure == STORE_DONE && revision != expected)
		return store_fail_with(store, STORE_CONFLICT,
		        "the settings have revision %llu, not %llu", (unsigned long long)revision,
		        (unsigned long long)expected);
	return failure;
}

static enum store_failure write_one(struct store *store, const struct store_setting *change)
{
	const bool is_set = change->value.at != NULL;
	struct store_statement statement = store_prepare(
	        store, is_set ? "INSERT OR REPLACE INTO setting(name, value) VALUES(?, ?)"
	                      : "DELETE FROM setting WHERE name = ?");
	store_bind_text(&statement, str_of(change->name));
	if (is_set)
		store_bind_text(&statement, change->value);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

static enum store_failure read_all(struct store *store, struct store_setting_sink *sink)
{
	struct store_statement statement =
	        store_prepare(store, "SELECT name, value FROM setting ORDER BY name");
	enum store_failure failure;
	bool has_row;
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row)
		sink->on_setting(sink, store_column(&statement, 0), store_column(&statement, 1));
	store_finalize(&statement);
	return failure;
}

struct printing {
	struct store_setting_sink sink;
	struct text text;
};

static void on_printed(struct store_setting_sink *sink, struct str name, struct str value)
{
	struct text *to = &container_of(sink, struct printing, sink)->text;
	text_add_char(to, to->len == 0 ? '{' : ',');
	text_add_json(to, name);
	text_add_char(to, ':');
	text_add(to, value);
}

/* What is set now becomes a version. */
static enum store_failure write_version(struct store_history *history)
{
	struct printing printing = {.sink = {.on_setting = on_printed}};
	enum store_failure failure = read_all(history->store, &printing.sink);
	text_add(&printing.text, printing.text.len == 0 ? STR("{}") : STR("}"));
	if (failure == STORE_DONE)
		failure = store_history_add(
		        history, STORE_HISTORY_SETTINGS, text_str(&printing.text), STR_EMPTY);
	if (failure == STORE_DONE)
		failure = store_write_meta(history->store, "settings", history->revision);
	text_done(&printing.text);
	return failure;
}

enum store_failure store_settings_commit(struct store *store, const struct store_setting *changes,
        size_t count, uint64_t expected, const struct store_note *note, uint64_t *ret_revision)
{
	struct store_history history;
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	failure = store_history_begin(&history, store, note);
	if (failure == STORE_DONE)
		failure = check_revision(store, expected);
	for (size_t i = 0; i < count && failure == STORE_DONE; i++)
		failure = write_one(store, &changes[i]);
	if (failure == STORE_DONE)
		failure = write_version(&history);
	if (failure == STORE_DONE)
		failure = store_history_close(&history, STORE_HISTORY_SETTINGS);
	store_history_end(&history);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_revision = history.revision;
	return failure;
}

/* ---- reading ---- */

enum store_failure store_settings_read(
        struct store *store, struct store_setting_sink *sink, uint64_t *ret_revision)
{
	uint64_t revision = 0;
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE)
		failure = store_read_meta(store, "settings", &revision);
	if (failure == STORE_DONE)
		failure = read_all(store, sink);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_revision = revision;
	return failure;
}

enum store_failure store_settings_read_version(
        struct store *store, uint64_t revision, struct text *ret_body)
{
	uint64_t last = 0;
	bool has_row = false;
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE)
		failure = store_read_meta(store, "revision", &last);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement = store_prepare(store,
	        "SELECT body FROM history WHERE name=? AND revision<=? ORDER BY revision DESC "
	        "LIMIT 1");
	store_bind_text(&statement, STR(STORE_HISTORY_SETTINGS));
	store_bind_number(&statement, revision);
	/* Nothing was at a revision that is still to come. */
	if (revision <= last)
		failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row)
		text_add(ret_body, store_column(&statement, 0));
	else if (failure == STORE_DONE)
		failure = store_fail_with(store, STORE_ABSENT,
		        "the settings had no version at revision %llu",
		        (unsigned long long)revision);
	store_finalize(&statement);
	return store_end(store, failure);
}
