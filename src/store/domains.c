/*
 * A version is a text, in which secrets are masked, and beside it the secrets, sealed under the
 * domain's name.
 */
#include "store/domains.h"

#include "model/json.h"
#include "model/read.h"
#include "model/secrets.h"
#include "store/history_private.h"

/* ---- one domain ---- */

/* A version as columns: both empty for a domain that went. */
struct written {
	struct text body, sealed;
};

static void write_out(
        const struct store *store, const struct model_domain *domain, struct written *to)
{
	struct text secrets = {0};
	*to = (struct written){0};
	if (domain == NULL)
		return;
	model_json_print_domain(domain, MODEL_JSON_SET, MODEL_PRINT_MASKED, &to->body);
	if (model_secrets_print(domain, &secrets))
		store_seal_close(
		        store->seal, str_of(domain->name), text_str(&secrets), &to->sealed);
	store_seal_forget(&secrets);
}

static void written_done(struct written *written)
{
	text_done(&written->body);
	text_done(&written->sealed);
}

static enum store_failure unseal(
        struct store *store, struct model_domain *domain, struct str name, struct str sealed)
{
	struct text secrets = {0};
	if (sealed.at == NULL)
		return STORE_DONE;
	enum store_failure failure = STORE_DONE;
	if (!store_seal_break(store->seal, name, sealed, &secrets))
		failure = store_fail_with(store, STORE_KEY, "the secrets of %.*s", STR_ARG(name));
	else if (!model_secrets_read(domain, text_str(&secrets)))
		failure = store_fail_with(
		        store, STORE_CORRUPT, "the secrets of %.*s are none", STR_ARG(name));
	store_seal_forget(&secrets);
	return failure;
}

static enum store_failure read_body(
        struct store *store, struct str name, struct str body, struct model_domain **ret_domain)
{
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	struct model_domain *domain = NULL;
	enum store_failure failure = STORE_DONE;
	arena_init(&arena, NULL, 0);
	if (!model_json_read(&arena, body, &problems, &root) ||
	        !model_read_domain(root, NULL, MODEL_STORED, &problems, &domain)) {
		failure = store_fail_with(store, STORE_CORRUPT, "%.*s: %s %s", STR_ARG(name),
		        problems.list[0].field, problems.list[0].message);
	} else if (!str_is_equal(str_of(domain->name), name)) {
		failure = store_fail_with(
		        store, STORE_CORRUPT, "%.*s is called %s", STR_ARG(name), domain->name);
		model_domain_unref(domain);
	} else {
		*ret_domain = domain;
	}
	model_problems_done(&problems);
	arena_reset(&arena);
	return failure;
}

/* The domain of a row; NULL where its body is. The caller's reference. */
static enum store_failure read_in(struct store *store, struct str name, struct str body,
        struct str sealed, uint64_t revision, struct model_domain **ret_domain)
{
	*ret_domain = NULL;
	if (body.at == NULL)
		return STORE_DONE;
	enum store_failure failure = read_body(store, name, body, ret_domain);
	if (failure == STORE_DONE)
		failure = unseal(store, *ret_domain, name, sealed);
	if (failure == STORE_DONE)
		(*ret_domain)->revision = revision;
	if (failure != STORE_DONE) {
		model_domain_unref(*ret_domain);
		*ret_domain = NULL;
	}
	return failure;
}

/* ---- changes ---- */

/* The statements of a commit. */
struct commit {
	struct store_history history; /* begun by the commit */
	struct store_statement find, replace;
};

static void commit_init(struct commit *commit, struct store *store)
{
	commit->find = store_prepare(
	        store, "SELECT revision FROM domain WHERE name=? AND body IS NOT NULL");
	commit->replace = store_prepare(store,
	        "INSERT INTO domain(name, revision, body, sealed) VALUES(?1,?2,?3,?4) "
	        "ON CONFLICT(name) DO UPDATE SET revision=?2, body=?3, sealed=?4");
}

static void commit_done(struct commit *commit)
{
	store_finalize(&commit->find);
	store_finalize(&commit->replace);
	store_history_end(&commit->history);
}

/* Whether the change is made to what its maker saw. */
static enum store_failure check_revision(struct commit *commit, const struct store_change *change)
{
	bool is_there;
	store_bind_text(&commit->find, str_of(change->name));
	enum store_failure failure = store_step(&commit->find, &is_there);
	if (failure != STORE_DONE)
		return failure;
	uint64_t revision = is_there ? store_column_number(&commit->find, 0) : 0;
	if (is_there) {
		failure = store_run(&commit->find); /* to its end */
		if (failure != STORE_DONE)
			return failure;
	}
	if (!is_there && change->expected != 0 &&
	        (change->expected != STORE_ANY_REVISION || change->domain == NULL))
		return store_fail_with(
		        commit->history.store, STORE_ABSENT, "there is no domain %s", change->name);
	if (change->expected != STORE_ANY_REVISION && change->expected != revision)
		return store_fail_with(commit->history.store, STORE_CONFLICT,
		        "%s has revision %llu, not %llu", change->name,
		        (unsigned long long)revision, (unsigned long long)change->expected);
	return STORE_DONE;
}

static enum store_failure write_version(struct commit *commit, const struct store_change *change)
{
	struct store_history *history = &commit->history;
	struct written written;
	if (change->domain != NULL)
		change->domain->revision = history->revision;
	write_out(history->store, change->domain, &written);
	store_bind_text(&commit->replace, str_of(change->name));
	store_bind_number(&commit->replace, history->revision);
	store_bind_text(&commit->replace, text_str(&written.body));
	store_bind_bytes(&commit->replace, text_str(&written.sealed));
	enum store_failure failure = store_run(&commit->replace);
	if (failure == STORE_DONE)
		failure = store_history_add(
		        history, change->name, text_str(&written.body), text_str(&written.sealed));
	written_done(&written);
	return failure;
}

static enum store_failure make_changes(
        struct commit *commit, const struct store_change *changes, size_t count, size_t *ret_at)
{
	enum store_failure failure = STORE_DONE;
	for (size_t i = 0; i < count && failure == STORE_DONE; i++) {
		*ret_at = i;
		failure = check_revision(commit, &changes[i]);
		if (failure == STORE_DONE)
			failure = write_version(commit, &changes[i]);
	}
	return failure == STORE_DONE ? store_history_close(&commit->history, changes[0].name)
	                             : failure;
}

enum store_failure store_domains_commit(struct store *store, const struct store_change *changes,
        size_t count, const struct store_note *note, uint64_t *ret_revision, size_t *ret_at)
{
	struct commit commit;
	CHECK(count > 0);
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	failure = store_history_begin(&commit.history, store, note);
	commit_init(&commit, store);
	if (failure == STORE_DONE)
		failure = make_changes(&commit, changes, count, ret_at);
	commit_done(&commit);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_revision = commit.history.revision;
	return failure;
}

static enum store_failure read_request(
        struct store_statement *statement, struct store_request *request)
{
	bool has_row;
	enum store_failure failure = store_step(statement, &has_row);
	if (failure != STORE_DONE || !has_row)
		return failure == STORE_DONE ? STORE_ABSENT : failure;
	struct str name = store_column(statement, 2);
	if (!str_is_equal(store_column(statement, 0), request->fingerprint))
		return STORE_CONFLICT;
	if (name.len >= sizeof(request->name))
		return STORE_CORRUPT;
	request->revision = store_column_number(statement, 1);
	memcpy(request->name, name.at, name.len + 1);
	return STORE_DONE;
}

enum store_failure store_domains_find_request(struct store *store, struct store_request *request)
{
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE) {
		struct store_statement statement =
		        store_prepare(store, "SELECT fingerprint, revision, name FROM request "
		                             "WHERE who=? AND key=? AND at>?");
		store_bind_text(&statement, request->who);
		store_bind_text(&statement, request->key);
		store_bind_number(&statement, request->now_ms - LIMIT_STORE_REQUEST_MS);
		failure = read_request(&statement, request);
		store_finalize(&statement);
	}
	return store_end(store, failure);
}

/* ---- reading ---- */

static enum store_failure read_domains(
        struct store *store, struct store_statement *statement, struct store_domain_sink *sink)
{
	enum store_failure failure;
	bool has_row;
	while ((failure = store_step(statement, &has_row)) == STORE_DONE && has_row) {
		struct model_domain *domain;
		uint64_t revision = store_column_number(statement, 1);
		struct str name = store_column(statement, 0);
		failure = read_in(store, name, store_column(statement, 2),
		        store_column(statement, 3), revision, &domain);
		if (failure != STORE_DONE)
			break;
		/* SQLite ends texts with a NUL. */
		sink->on_domain(sink, name.at, domain, revision);
		model_domain_unref(domain);
	}
	return failure;
}

enum store_failure store_domains_read_since(struct store *store, uint64_t revision,
        struct store_domain_sink *sink, uint64_t *ret_revision)
{
	uint64_t now;
	enum store_failure failure = store_begin(store, false);
	if (failure == STORE_DONE)
		failure = store_read_domains_revision(store, &now);
	if (failure == STORE_DONE) {
		struct store_statement statement = store_prepare(store,
		        "SELECT name, revision, body, sealed FROM domain WHERE revision > ? "
		        "ORDER BY revision, name");
		store_bind_number(&statement, revision);
		failure = read_domains(store, &statement, sink);
		store_finalize(&statement);
	}
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_revision = now;
	return failure;
}

/* ---- history ---- */

enum {
	COLUMN_NAME,
	COLUMN_REVISION,
	COLUMN_AT,
	COLUMN_WHO,
	COLUMN_ACTION,
	COLUMN_BODY,
	COLUMN_SEALED,
	COLUMN_BEFORE,
	COLUMN_BEFORE_SEALED,
	COLUMN_BEFORE_REVISION,
};

/* Versions of the settings and of certificates are in the same table, by names that no domain has.
 */
static bool is_of_domain(struct str name)
{
	return name.len == 0 || name.at[0] != '/';
}

static enum store_failure read_version(struct store *store, const struct store_statement *statement,
        struct store_version_sink *sink)
{
	struct str name = store_column(statement, COLUMN_NAME);
	struct store_version version = {
	        .revision = store_column_number(statement, COLUMN_REVISION),
	        .at_ms = store_column_number(statement, COLUMN_AT),
	        .name = name.at,
	        .who = store_column(statement, COLUMN_WHO).at,
	        .action = store_column(statement, COLUMN_ACTION).at,
	};
	if (!is_of_domain(name)) {
		const struct str prefix = STR(STORE_HISTORY_CERTIFICATES);
		const bool is_certificate = str_has_prefix(name, prefix);
		version.of = is_certificate ? STORE_OF_CERTIFICATE : STORE_OF_SETTINGS;
		version.name = is_certificate ? name.at + prefix.len : NULL;
		version.text_before = store_column(statement, COLUMN_BEFORE);
		version.text_after = store_column(statement, COLUMN_BODY);
		sink->on_version(sink, &version);
		return STORE_DONE;
	}
	enum store_failure failure = read_in(store, name, store_column(statement, COLUMN_BODY),
	        store_column(statement, COLUMN_SEALED), version.revision, &version.after);
	if (failure == STORE_DONE)
		failure = read_in(store, name, store_column(statement, COLUMN_BEFORE),
		        store_column(statement, COLUMN_BEFORE_SEALED),
		        store_column_number(statement, COLUMN_BEFORE_REVISION), &version.before);
	if (failure == STORE_DONE)
		sink->on_version(sink, &version);
	model_domain_unref(version.after);
	model_domain_unref(version.before);
	return failure;
}

enum store_failure store_domains_read_history(struct store *store,
        const struct store_history_query *query, struct store_version_sink *sink)
{
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement = store_prepare(store,
	        "SELECT a.name, a.revision, a.at, a.who, a.action, a.body, a.sealed, b.body, "
	        "b.sealed, b.revision FROM history a LEFT JOIN history b ON b.name = a.name AND "
	        "b.revision = (SELECT max(revision) FROM history c WHERE c.name = a.name AND "
	        "c.revision < a.revision) WHERE (?1 IS NULL OR (a.name = ?1 AND "
	        "a.name NOT LIKE '/%')) AND a.revision < ?2 "
	        "ORDER BY a.revision DESC, a.name LIMIT ?3");
	store_bind_text(&statement, query->name != NULL ? str_of(query->name) : STR_EMPTY);
	store_bind_number(&statement, query->before != 0 ? query->before : INT64_MAX);
	store_bind_number(&statement, query->limit);
	bool has_row;
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row) {
		failure = read_version(store, &statement, sink);
		if (failure != STORE_DONE)
			break;
	}
	store_finalize(&statement);
	return store_end(store, failure);
}

enum store_failure store_domains_read_version(
        struct store *store, const char *name, uint64_t revision, struct model_domain **ret_domain)
{
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement = store_prepare(store,
	        "SELECT revision, body, sealed FROM history WHERE name=? AND revision<=? "
	        "ORDER BY revision DESC LIMIT 1");
	store_bind_text(&statement, str_of(name));
	store_bind_number(&statement, revision);
	bool has_row;
	struct model_domain *domain = NULL;
	failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row && is_of_domain(str_of(name)))
		failure = read_in(store, str_of(name), store_column(&statement, 1),
		        store_column(&statement, 2), store_column_number(&statement, 0), &domain);
	if (failure == STORE_DONE && domain == NULL)
		failure = store_fail_with(store, STORE_ABSENT, "%s had no version at revision %llu",
		        name, (unsigned long long)revision);
	store_finalize(&statement);
	failure = store_end(store, failure);
	if (failure == STORE_DONE)
		*ret_domain = domain;
	else
		model_domain_unref(domain);
	return failure;
}
