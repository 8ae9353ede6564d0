/*
 * Who may: people with passwords, programs with tokens, and sessions of people who signed in.
 * Passwords are kept as Argon2id (libsodium); tokens and sessions, which are long and random, by
 * their hash. Nothing that is kept opens anything by itself.
 */
#pragma once

#include "store/store.h"

/* What each may is the control plane's to say; a higher one may all that a lower one may. */
enum store_role { STORE_VIEWER, STORE_OPERATOR, STORE_ADMIN, STORE_ROLES };

/* "viewer", "operator", "admin". */
const char *store_accounts_role_name(enum store_role role);
MUST_CHECK bool store_accounts_read_role(struct str name, enum store_role *ret_role);

enum { STORE_PROOF_BYTES = 128 };

struct store_account {
	char name[LIMIT_ACCOUNT_BYTES + 1];
	enum store_role role;
	bool must_change; /* the password is another's choice: nothing else before a new one */
	uint64_t created_ms;
	/* From store_accounts_verify alone: tells the password that was right from a later one. */
	char proof[STORE_PROOF_BYTES];
};

/* Letters, digits and ".-_@+", beginning with a letter or digit, at most LIMIT_ACCOUNT_BYTES. */
bool store_accounts_is_name(struct str name);

/* At least LIMIT_PASSWORD_BYTES_MIN bytes, at most LIMIT_PASSWORD_BYTES. */
bool store_accounts_is_password(struct str password);

/* Adds one, with a name and password that are some; CONFLICT: there is one of the name. Takes as
 * long as a verification. */
MUST_CHECK enum store_failure store_accounts_add(struct store *store, struct str name,
        enum store_role role, struct str password, bool must_change);

/* Whether it is the password: DONE with *ret_account, or ABSENT, which says neither whether there
 * is such an account nor, by the time it takes. Some tens of milliseconds and 64 MiB. */
MUST_CHECK enum store_failure store_accounts_verify(struct store *store, struct str name,
        struct str password, struct store_account *ret_account);

/* What becomes of an account. */
struct store_account_change {
	bool has_role;
	enum store_role role;
	struct str password; /* ends all sessions of the account; at NULL: it stays */
	/* With a password: */
	bool must_change;
	const struct store_account *verified; /* the one before must still be this one's, or NULL */
};

/* Makes all of it or nothing; ABSENT, and CONFLICT where nobody would be left who is an admin. */
MUST_CHECK enum store_failure store_accounts_change(
        struct store *store, struct str name, const struct store_account_change *change);

/* Takes the account away with its tokens and sessions; failures are the same. */
MUST_CHECK enum store_failure store_accounts_remove(struct store *store, struct str name);

struct store_account_sink {
	void (*on_account)(struct store_account_sink *self, const struct store_account *account);
};

/* All, in the order of names. */
MUST_CHECK enum store_failure store_accounts_list(
        struct store *store, struct store_account_sink *sink);

/* ---- tokens and sessions ---- */

enum { STORE_SECRET_BYTES = 47 }; /* "hw" and 44 characters, with the NUL */

struct store_pass {
	uint64_t id;
	char account[LIMIT_ACCOUNT_BYTES + 1];
	char label[LIMIT_ACCOUNT_BYTES + 1]; /* of a token; "" for a session */
	enum store_role role;                /* not above the account's */
	uint64_t created_ms, expires_ms;     /* expires_ms: 0 is never */
	bool is_session, must_change;
};

/* Gives a pass for an account: a token with a label and a role, or a session (label empty). ABSENT:
 * there is no such account; CONFLICT: it has LIMIT_ACCOUNT_PASSES of that kind. *ret_secret is
 * shown once and kept nowhere. */
MUST_CHECK enum store_failure store_accounts_add_pass(struct store *store, struct str account,
        struct str label, enum store_role role, uint64_t expires_ms,
        char ret_secret[STORE_SECRET_BYTES], uint64_t *ret_id);

/* Gives a session for an account whose password was verified; ABSENT also where that is not its
 * password any more: who changes it ends all sessions, also those that are just about to begin. */
MUST_CHECK enum store_failure store_accounts_add_session(struct store *store,
        const struct store_account *verified, uint64_t expires_ms,
        char ret_secret[STORE_SECRET_BYTES], uint64_t *ret_id);

/* Who a secret stands for, if it does at `now_ms`; ABSENT. */
MUST_CHECK enum store_failure store_accounts_find_pass(
        struct store *store, struct str secret, uint64_t now_ms, struct store_pass *ret_pass);

/* Takes one back; ABSENT. */
MUST_CHECK enum store_failure store_accounts_remove_pass(struct store *store, uint64_t id);

/* Takes back what has expired. */
MUST_CHECK enum store_failure store_accounts_expire(struct store *store, uint64_t now_ms);

struct store_pass_sink {
	void (*on_pass)(struct store_pass_sink *self, const struct store_pass *pass);
};

/* The tokens of an account (empty: of all), the oldest first. */
MUST_CHECK enum store_failure store_accounts_list_tokens(
        struct store *store, struct str account, struct store_pass_sink *sink);
