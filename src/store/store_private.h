/*
 * The database as the files of this room use it: under one lock, in transactions, by statements
 * that are bound and read in order.
 */
#pragma once

#include "store/seal.h"
#include "store/store.h"

#include "base/limit.h"

#include <pthread.h>
#include <sqlite3.h>

/* What a file of ours was like when we last wrote to it. */
struct store_stamp {
	uint64_t inode, bytes, touched_ns; /* all 0: there is none */
};

enum { STORE_FILE, STORE_LOG, STORE_FILES };

struct store {
	sqlite3 *db;
	char *paths[STORE_FILES];
	struct store_stamp stamps[STORE_FILES];
	_Atomic uint64_t bytes; /* of all files, as of the last write */
	bool is_writing;        /* a transaction that writes was begun */
	pthread_mutex_t lock;
	struct store_seal *seal;
	char id[STORE_ID_BYTES];
	struct text detail; /* of the last failure */
};

/* Takes the lock, and a transaction, if the files are as we left them. */
MUST_CHECK enum store_failure store_begin(struct store *store, bool writes);

/* Ends what store_begin began, also when that failed: commits on DONE, else takes all back. Returns
 * the failure, or that of the commit. */
MUST_CHECK enum store_failure store_end(struct store *store, enum store_failure failure);

/* Remembers the details of a failure; returns it. Under the lock. */
enum store_failure store_fail(struct store *store, int code);
enum store_failure store_fail_with(
        struct store *store, enum store_failure failure, const char *format, ...) PRINTF_LIKE(3, 4);

/* ---- statements ---- */

/* A prepared statement, or one that could not be prepared: then all else says so, too. */
struct store_statement {
	struct store *store;
	sqlite3_stmt *handle;
	int code;
	int at; /* the next parameter */
};

struct store_statement store_prepare(struct store *store, const char *sql);
void store_bind_number(struct store_statement *statement, uint64_t number);

/* The text must stay until the statement was run. One with at == NULL is NULL. */
void store_bind_text(struct store_statement *statement, struct str text);
void store_bind_bytes(struct store_statement *statement, struct str bytes);

/* Runs it to the next row: DONE with *ret_has_row. At the end, and on a failure, it is as before
 * the first run, and can be bound anew. */
MUST_CHECK enum store_failure store_step(struct store_statement *statement, bool *ret_has_row);

/* Runs what has no rows. */
MUST_CHECK enum store_failure store_run(struct store_statement *statement);

/* Columns of the row; at == NULL for NULL. Until the next step. */
struct str store_column(const struct store_statement *statement, int column);
uint64_t store_column_number(const struct store_statement *statement, int column);

void store_finalize(struct store_statement *statement);

/* The numbers in the table `meta`; one that is not there is CORRUPT. In a transaction. */
MUST_CHECK enum store_failure store_read_meta(
        struct store *store, const char *name, uint64_t *ret_number);
MUST_CHECK enum store_failure store_write_meta(
        struct store *store, const char *name, uint64_t number);

/* The revision of all domains: of the last change that was of any. In a transaction. */
MUST_CHECK enum store_failure store_read_domains_revision(
        struct store *store, uint64_t *ret_revision);

/* ---- accounts ---- */

/* A hash that no password has, to be compared with where there is no account: it takes as long. */
#define STORE_NOBODY                                                                               \
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"                                   \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
