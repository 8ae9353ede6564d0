/*
 * A key is sealed under the name that its versions have in the history, which is no domain's.
 */
#include "store/certificates.h"

#include "store/history_private.h"

#include <stdio.h>

enum { HISTORY_NAME_BYTES = sizeof(STORE_HISTORY_CERTIFICATES) + LIMIT_CERTIFICATE_NAME_BYTES };

static void print_history_name(const char *name, char to[HISTORY_NAME_BYTES])
{
	CHECK(strlen(name) <= LIMIT_CERTIFICATE_NAME_BYTES);
	snprintf(to, HISTORY_NAME_BYTES, STORE_HISTORY_CERTIFICATES "%s", name);
}

/* ---- changes ---- */

static enum store_failure check_revision(
        struct store *store, const struct store_certificate *certificate, uint64_t expected)
{
	bool has_row = false;
	struct store_statement statement =
	        store_prepare(store, "SELECT revision FROM certificate WHERE name=?");
	store_bind_text(&statement, str_of(certificate->name));
	enum store_failure failure = store_step(&statement, &has_row);
	const uint64_t revision = has_row ? store_column_number(&statement, 0) : 0;
	store_finalize(&statement);
	if (failure != STORE_DONE)
		return failure;
	if (!has_row && certificate->chain.at == NULL)
		return store_fail_with(
		        store, STORE_ABSENT, "there is no certificate %s", certificate->name);
	if (revision != expected)
		return store_fail_with(store, STORE_CONFLICT,
		        "certificate %s has revision %llu, not %llu", certificate->name,
		        (unsigned long long)revision, (unsigned long long)expected);
	return STORE_DONE;
}

static enum store_failure write_one(struct store_history *history,
        const struct store_certificate *certificate, const char *history_name)
{
	struct text sealed = {0};
	const bool is_gone = certificate->chain.at == NULL;
	struct store_statement statement =
	        store_prepare(history->store, is_gone ? "DELETE FROM certificate WHERE name=?"
	                                              : "INSERT OR REPLACE INTO certificate(name, "
	                                                "revision, chain, about, sealed) "
	                                                "VALUES(?,?,?,?,?)");
	store_bind_text(&statement, str_of(certificate->name));
	if (!is_gone) {
		store_seal_close(
		        history->store->seal, str_of(history_name), certificate->key, &sealed);
		store_bind_number(&statement, history->revision);
		store_bind_text(&statement, certificate->chain);
		store_bind_text(&statement, certificate->about);
		store_bind_bytes(&statement, text_str(&sealed));
	}
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	text_done(&sealed);
	return failure;
}

static enum store_failure write_version(struct store_history *history,
        const struct store_certificate *certificate, const char *history_name)
{
	const bool is_gone = certificate->chain.at == NULL;
	enum store_failure failure = write_one(history, certificate, history_name);
	if (failure == STORE_DONE)
		failure = store_history_add(
		        history, history_name, is_gone ? STR_EMPTY : certificate->about, STR_EMPTY);
	if (failure == STORE_DONE)
		failure = store_write_meta(history->store, "certificates", history->revision);
	return failure;
}

enum store_failure store_certificates_commit(struct store *store,
        const struct store_certificate *certificate, uint64_t expected,
        const struct store_note *note, uint64_t *ret_revision)
{
	struct store_history history;
	char name[HISTORY_NAME_BYTES];
	print_history_name(certificate->name, name);
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	failure = store_history_begin(&history, store, note);
	if (failure == STORE_DONE)
		failure = check_revision(store, certificate, expected);
	if (failure == STORE_DONE)
		failure = write_version(&history, certificate, name);
	if (failure == STORE_DONE)
		failure = store_history_close(&history, name);
	store_history_end(&history);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_revision = history.revision;
	return failure;
}

/* ---- reading ---- */

/* Tells one row. */
static enum store_failure read_one(struct store *store, const struct store_statement *statement,
        struct store_certificate_sink *sink)
{
	char history_name[HISTORY_NAME_BYTES];
	struct text key = {0};
	struct store_certificate certificate = {
	        .name = store_column(statement, 0).at, /* SQLite ends texts with a NUL */
	        .revision = store_column_number(statement, 1),
	        .chain = store_column(statement, 2),
	        .about = store_column(statement, 3),
	};
	const struct str sealed = store_column(statement, 4);
	if (certificate.name == NULL || strlen(certificate.name) > LIMIT_CERTIFICATE_NAME_BYTES)
		return store_fail_with(store, STORE_CORRUPT, "a certificate's name is none");
	print_history_name(certificate.name, history_name);
	if (!store_seal_break(store->seal, str_of(history_name), sealed, &key))
		return store_fail_with(
		        store, STORE_KEY, "the key of certificate %s", certificate.name);
	certificate.key = text_str(&key);
	sink->on_certificate(sink, &certificate);
	store_seal_forget(&key);
	return STORE_DONE;
}

static enum store_failure read_all(struct store *store, struct store_certificate_sink *sink)
{
	struct store_statement statement = store_prepare(store,
	        "SELECT name, revision, chain, about, sealed FROM certificate ORDER BY name");
	enum store_failure failure;
	bool has_row;
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row) {
		failure = read_one(store, &statement, sink);
		if (failure != STORE_DONE)
			break;
	}
	store_finalize(&statement);
	return failure;
}

enum store_failure store_certificates_read(
        struct store *store, struct store_certificate_sink *sink, uint64_t *ret_revision)
{
	uint64_t revision = 0;
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE)
		failure = store_read_meta(store, "certificates", &revision);
	if (failure == STORE_DONE)
		failure = read_all(store, sink);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_revision = revision;
	return failure;
}
