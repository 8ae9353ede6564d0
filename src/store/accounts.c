/*
 * Hashing a password takes long on purpose, so it is done before or behind the transaction, never
 * in it: others would wait. What is done because a password was right holds its hash against what
 * was found then: it may have been changed meanwhile. Who asks for an account that is not there
 * waits as long.
 */
#include "store/accounts.h"

#include "base/clock.h"
#include "store/store_private.h"

#include <sodium.h>
#include <stdio.h>

enum { SECRET_RANDOM = 33, HASH_BYTES = 32 };
_Static_assert(STORE_PROOF_BYTES == crypto_pwhash_STRBYTES, "it is the hash");

/* ---- names ---- */

static const char *const ROLE_NAMES[STORE_ROLES] = {
        [STORE_VIEWER] = "viewer",
        [STORE_OPERATOR] = "operator",
        [STORE_ADMIN] = "admin",
};

const char *store_accounts_role_name(enum store_role role)
{
	return ROLE_NAMES[role];
}

bool store_accounts_read_role(struct str name, enum store_role *ret_role)
{
	for (unsigned i = 0; i < STORE_ROLES; i++) {
		if (!str_is_equal(name, str_of(ROLE_NAMES[i])))
			continue;
		*ret_role = (enum store_role)i;
		return true;
	}
	return false;
}

bool store_accounts_is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = str_lower(name.at[i]);
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!is_plain && (i == 0 || c == '\0' || strchr(".-_@+", c) == NULL))
			return false;
	}
	return name.len > 0 && name.len <= LIMIT_ACCOUNT_BYTES;
}

bool store_accounts_is_password(struct str password)
{
	return password.len >= LIMIT_PASSWORD_BYTES_MIN && password.len <= LIMIT_PASSWORD_BYTES;
}

static void copy(struct str text, char to[LIMIT_ACCOUNT_BYTES + 1])
{
	snprintf(to, LIMIT_ACCOUNT_BYTES + 1, "%.*s", STR_ARG(text));
}

/* ---- passwords ---- */

static bool hash_password(struct str password, char hash[crypto_pwhash_STRBYTES])
{
	return crypto_pwhash_str(hash, password.at, password.len,
	               crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
}

static enum store_failure no_memory(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	enum store_failure failure =
	        store_fail_with(store, STORE_SYSTEM, "no memory to hash a password");
	pthread_mutex_unlock(&store->lock);
	return failure;
}

/* ---- accounts ---- */

#define ACCOUNT_COLUMNS "name, role, must_change, created"

static void read_account(const struct store_statement *statement, struct store_account *ret_account)
{
	uint64_t role = store_column_number(statement, 1);
	copy(store_column(statement, 0), ret_account->name);
	ret_account->role = role < STORE_ROLES ? (enum store_role)role : STORE_VIEWER;
	ret_account->must_change = store_column_number(statement, 2) != 0;
	ret_account->created_ms = store_column_number(statement, 3);
}

/* How many rows a statement that is bound has changed; *ret_count on DONE. */
static enum store_failure run_and_count(struct store_statement *statement, uint64_t *ret_count)
{
	enum store_failure failure = store_run(statement);
	*ret_count = (uint64_t)sqlite3_changes64(statement->store->db);
	return failure;
}

enum store_failure store_accounts_add(struct store *store, struct str name, enum store_role role,
        struct str password, bool must_change)
{
	char hash[crypto_pwhash_STRBYTES];
	uint64_t count;
	CHECK(store_accounts_is_name(name) && store_accounts_is_password(password));
	if (!hash_password(password, hash))
		return no_memory(store);
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "INSERT INTO account(name, role, must_change, created, hash) "
	                             "VALUES(?,?,?,?,?) ON CONFLICT DO NOTHING");
	store_bind_text(&statement, name);
	store_bind_number(&statement, role);
	store_bind_number(&statement, must_change);
	store_bind_number(&statement, clock_wall_ms());
	store_bind_text(&statement, str_of(hash));
	failure = run_and_count(&statement, &count);
	if (failure == STORE_DONE && count == 0)
		failure = store_fail_with(
		        store, STORE_CONFLICT, "there is an account %.*s", STR_ARG(name));
	store_finalize(&statement);
	return store_end(store, failure);
}

/* The account and the hash of its password; ABSENT with the hash that nothing has. */
static enum store_failure find_hash(struct store *store, struct str name,
        struct store_account *ret_account, char hash[crypto_pwhash_STRBYTES])
{
	bool has_row;
	snprintf(hash, crypto_pwhash_STRBYTES, "%s", STORE_NOBODY);
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "SELECT " ACCOUNT_COLUMNS ", hash FROM account WHERE name=?");
	store_bind_text(&statement, name);
	failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row) {
		read_account(&statement, ret_account);
		snprintf(
		        hash, crypto_pwhash_STRBYTES, "%.*s", STR_ARG(store_column(&statement, 4)));
	} else if (failure == STORE_DONE) {
		failure = store_fail_with(store, STORE_ABSENT, "no such account");
	}
	store_finalize(&statement);
	return store_end(store, failure);
}

enum store_failure store_accounts_verify(struct store *store, struct str name, struct str password,
        struct store_account *ret_account)
{
	char hash[crypto_pwhash_STRBYTES];
	struct store_account account = {0};
	enum store_failure failure = find_hash(store, name, &account, hash);
	if (failure != STORE_DONE && failure != STORE_ABSENT)
		return failure;
	if (password.len > LIMIT_PASSWORD_BYTES)
		password.len = 0;
	bool is_right = crypto_pwhash_str_verify(
	                        hash, password.len == 0 ? "" : password.at, password.len) == 0;
	if (failure != STORE_DONE || !is_right)
		return STORE_ABSENT;
	*ret_account = account;
	memcpy(ret_account->proof, hash, sizeof(hash));
	return STORE_DONE;
}

/* Runs a statement with the account's name as its last parameter; ABSENT when it changes nothing.
 */
static enum store_failure change_account(
        struct store *store, struct store_statement *statement, struct str name)
{
	uint64_t count;
	store_bind_text(statement, name);
	enum store_failure failure = run_and_count(statement, &count);
	if (failure == STORE_DONE && count == 0)
		failure = store_fail_with(
		        store, STORE_ABSENT, "there is no account %.*s", STR_ARG(name));
	store_finalize(statement);
	return failure;
}

static enum store_failure remove_passes(struct store *store, struct str account, bool tokens_too)
{
	struct store_statement statement =
	        store_prepare(store, "DELETE FROM pass WHERE account=? AND (is_session OR ?)");
	store_bind_text(&statement, account);
	store_bind_number(&statement, tokens_too);
	enum store_failure failure = store_run(&statement);
	store_finalize(&statement);
	return failure;
}

/* Somebody must be left who may change that. */
static enum store_failure check_admins(struct store *store)
{
	bool has_row;
	struct store_statement statement =
	        store_prepare(store, "SELECT 1 FROM account WHERE role=? LIMIT 1");
	store_bind_number(&statement, STORE_ADMIN);
	enum store_failure failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && !has_row)
		failure =
		        store_fail_with(store, STORE_CONFLICT, "nobody would be left as an admin");
	store_finalize(&statement);
	return failure;
}

/* The part of an account that a verified password must be the same of; at is NULL: of none. */
static struct str proof_of(const struct store_account *verified)
{
	return verified == NULL ? STR_EMPTY : str_of(verified->proof);
}

static enum store_failure write_password(struct store *store, struct str name,
        const struct store_account_change *change, const char *hash)
{
	struct store_statement statement = store_prepare(store,
	        "UPDATE account SET hash=?, must_change=? WHERE (?3 IS NULL OR hash=?3) AND "
	        "name=?");
	store_bind_text(&statement, str_of(hash));
	store_bind_number(&statement, change->must_change);
	store_bind_text(&statement, proof_of(change->verified));
	enum store_failure failure = change_account(store, &statement, name);
	return failure == STORE_DONE ? remove_passes(store, name, false) : failure;
}

static enum store_failure write_role(struct store *store, struct str name, enum store_role role)
{
	struct store_statement statement =
	        store_prepare(store, "UPDATE account SET role=? WHERE name=?");
	store_bind_number(&statement, role);
	enum store_failure failure = change_account(store, &statement, name);
	return failure == STORE_DONE ? check_admins(store) : failure;
}

enum store_failure store_accounts_change(
        struct store *store, struct str name, const struct store_account_change *change)
{
	char hash[crypto_pwhash_STRBYTES];
	const bool has_password = change->password.at != NULL;
	CHECK(change->has_role || has_password);
	CHECK(!has_password || store_accounts_is_password(change->password));
	if (has_password && !hash_password(change->password, hash))
		return no_memory(store);
	enum store_failure failure = store_begin(store, true);
	if (failure == STORE_DONE && has_password)
		failure = write_password(store, name, change, hash);
	if (failure == STORE_DONE && change->has_role)
		failure = write_role(store, name, change->role);
	return store_end(store, failure);
}

enum store_failure store_accounts_remove(struct store *store, struct str name)
{
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement = store_prepare(store, "DELETE FROM account WHERE name=?");
	failure = change_account(store, &statement, name);
	if (failure == STORE_DONE)
		failure = remove_passes(store, name, true);
	if (failure == STORE_DONE)
		failure = check_admins(store);
	return store_end(store, failure);
}

enum store_failure store_accounts_list(struct store *store, struct store_account_sink *sink)
{
	bool has_row;
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "SELECT " ACCOUNT_COLUMNS " FROM account ORDER BY name");
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row) {
		struct store_account account = {.proof = ""};
		read_account(&statement, &account);
		sink->on_account(sink, &account);
	}
	store_finalize(&statement);
	return store_end(store, failure);
}

/* ---- tokens and sessions ---- */

#define PASS_COLUMNS                                                                               \
	"pass.id, pass.account, pass.label, min(pass.role, account.role), pass.created, "          \
	"pass.expires, pass.is_session, account.must_change"
#define PASS_TABLES "pass JOIN account ON account.name = pass.account"

static void read_pass(const struct store_statement *statement, struct store_pass *ret_pass)
{
	uint64_t role = store_column_number(statement, 3);
	ret_pass->id = store_column_number(statement, 0);
	copy(store_column(statement, 1), ret_pass->account);
	copy(store_column(statement, 2), ret_pass->label);
	ret_pass->role = role < STORE_ROLES ? (enum store_role)role : STORE_VIEWER;
	ret_pass->created_ms = store_column_number(statement, 4);
	ret_pass->expires_ms = store_column_number(statement, 5);
	ret_pass->is_session = store_column_number(statement, 6) != 0;
	ret_pass->must_change = store_column_number(statement, 7) != 0;
}

static void make_secret(char secret[STORE_SECRET_BYTES])
{
	unsigned char bytes[SECRET_RANDOM];
	randombytes_buf(bytes, sizeof(bytes));
	memcpy(secret, "hw", 2);
	sodium_bin2base64(secret + 2, STORE_SECRET_BYTES - 2, bytes, sizeof(bytes),
	        sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof(bytes));
}

static void hash_secret(struct str secret, unsigned char hash[HASH_BYTES])
{
	crypto_generichash(hash, HASH_BYTES, (const unsigned char *)secret.at, secret.len, NULL, 0);
}

/* A pass that is to be. */
struct new_pass {
	struct str account, label, proof; /* proof at NULL: none is needed */
	enum store_role role;
	uint64_t expires_ms;
};

/* Whether the account is there, and may have one pass more. Sessions and tokens are counted each by
 * themselves: who has but a token must not be able to keep people from signing in. */
static enum store_failure check_room(struct store *store, const struct new_pass *pass)
{
	bool has_row;
	bool is_session = pass->label.len == 0;
	struct store_statement statement = store_prepare(store,
	        "SELECT (SELECT count(*) FROM pass WHERE account=?1 AND is_session=?2) FROM "
	        "account WHERE name=?1 AND (?3 IS NULL OR hash=?3)");
	store_bind_text(&statement, pass->account);
	store_bind_number(&statement, is_session);
	store_bind_text(&statement, pass->proof);
	enum store_failure failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && !has_row)
		failure = store_fail_with(store, STORE_ABSENT,
		        "there is no account %.*s, or it has another password",
		        STR_ARG(pass->account));
	else if (failure == STORE_DONE &&
	         store_column_number(&statement, 0) >= LIMIT_ACCOUNT_PASSES)
		failure = store_fail_with(store, STORE_CONFLICT, "%.*s has %d %s",
		        STR_ARG(pass->account), LIMIT_ACCOUNT_PASSES,
		        is_session ? "sessions" : "tokens");
	store_finalize(&statement);
	return failure;
}

static enum store_failure insert_pass(struct store *store, const struct new_pass *pass,
        const unsigned char hash[HASH_BYTES], uint64_t *ret_id)
{
	struct store_statement statement = store_prepare(store,
	        "INSERT INTO pass(hash, account, label, role, created, expires, is_session) "
	        "VALUES(?,?,?,?,?,?,?)");
	store_bind_bytes(&statement, str_make((const char *)hash, HASH_BYTES));
	store_bind_text(&statement, pass->account);
	store_bind_text(&statement, pass->label.len == 0 ? STR("") : pass->label);
	store_bind_number(&statement, pass->role);
	store_bind_number(&statement, clock_wall_ms());
	store_bind_number(&statement, pass->expires_ms);
	store_bind_number(&statement, pass->label.len == 0);
	enum store_failure failure = store_run(&statement);
	*ret_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	store_finalize(&statement);
	return failure;
}

static enum store_failure add_pass(struct store *store, const struct new_pass *pass,
        char ret_secret[STORE_SECRET_BYTES], uint64_t *ret_id)
{
	char secret[STORE_SECRET_BYTES];
	unsigned char hash[HASH_BYTES];
	uint64_t id = 0;
	CHECK(pass->label.len <= LIMIT_ACCOUNT_BYTES);
	make_secret(secret);
	hash_secret(str_of(secret), hash);
	enum store_failure failure = store_begin(store, true);
	if (failure == STORE_DONE)
		failure = check_room(store, pass);
	if (failure == STORE_DONE)
		failure = insert_pass(store, pass, hash, &id);
	failure = store_end(store, failure);
	if (failure == STORE_DONE) {
		memcpy(ret_secret, secret, sizeof(secret));
		*ret_id = id;
	}
	sodium_memzero(secret, sizeof(secret));
	return failure;
}

enum store_failure store_accounts_add_pass(struct store *store, struct str account,
        struct str label, enum store_role role, uint64_t expires_ms,
        char ret_secret[STORE_SECRET_BYTES], uint64_t *ret_id)
{
	const struct new_pass pass = {
	        .account = account, .label = label, .role = role, .expires_ms = expires_ms};
	return add_pass(store, &pass, ret_secret, ret_id);
}

enum store_failure store_accounts_add_session(struct store *store,
        const struct store_account *verified, uint64_t expires_ms,
        char ret_secret[STORE_SECRET_BYTES], uint64_t *ret_id)
{
	const struct new_pass pass = {
	        .account = str_of(verified->name),
	        .proof = proof_of(verified),
	        .role = verified->role,
	        .expires_ms = expires_ms,
	};
	return add_pass(store, &pass, ret_secret, ret_id);
}

enum store_failure store_accounts_find_pass(
        struct store *store, struct str secret, uint64_t now_ms, struct store_pass *ret_pass)
{
	unsigned char hash[HASH_BYTES];
	bool has_row;
	if (secret.len != STORE_SECRET_BYTES - 1)
		return STORE_ABSENT;
	hash_secret(secret, hash);
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "SELECT " PASS_COLUMNS " FROM " PASS_TABLES
	                             " WHERE pass.hash=? AND (pass.expires=0 OR pass.expires>?)");
	store_bind_bytes(&statement, str_make((const char *)hash, sizeof(hash)));
	store_bind_number(&statement, now_ms);
	failure = store_step(&statement, &has_row);
	if (failure == STORE_DONE && has_row)
		read_pass(&statement, ret_pass);
	else if (failure == STORE_DONE)
		failure = store_fail_with(store, STORE_ABSENT, "no such token or session");
	store_finalize(&statement);
	return store_end(store, failure);
}

enum store_failure store_accounts_remove_pass(struct store *store, uint64_t id)
{
	uint64_t count;
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement = store_prepare(store, "DELETE FROM pass WHERE id=?");
	store_bind_number(&statement, id);
	failure = run_and_count(&statement, &count);
	if (failure == STORE_DONE && count == 0)
		failure = store_fail_with(store, STORE_ABSENT, "no such token or session");
	store_finalize(&statement);
	return store_end(store, failure);
}

enum store_failure store_accounts_expire(struct store *store, uint64_t now_ms)
{
	enum store_failure failure = store_begin(store, true);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement =
	        store_prepare(store, "DELETE FROM pass WHERE expires > 0 AND expires <= ?");
	store_bind_number(&statement, now_ms);
	failure = store_run(&statement);
	store_finalize(&statement);
	return store_end(store, failure);
}

enum store_failure store_accounts_list_tokens(
        struct store *store, struct str account, struct store_pass_sink *sink)
{
	bool has_row;
	enum store_failure failure = store_begin(store, false);
	if (failure != STORE_DONE)
		return store_end(store, failure);
	struct store_statement statement = store_prepare(store,
	        "SELECT " PASS_COLUMNS " FROM " PASS_TABLES
	        " WHERE NOT pass.is_session AND (?1 IS NULL OR pass.account=?1) ORDER BY pass.id");
	store_bind_text(&statement, account.len == 0 ? STR_EMPTY : account);
	while ((failure = store_step(&statement, &has_row)) == STORE_DONE && has_row) {
		struct store_pass pass;
		read_pass(&statement, &pass);
		sink->on_pass(sink, &pass);
	}
	store_finalize(&statement);
	return store_end(store, failure);
}
