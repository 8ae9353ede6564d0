/*
 * Where the configuration lives: one SQLite file. What a call of the store has acknowledged
 * outlives the process and the machine; what it refused has left nothing behind.
 *
 * Any thread may use a store. Calls wait for each other and for the disk, so they are for threads
 * of a pool, never for an event loop. One process has a file at a time.
 */
#pragma once

#include "base/limit.h"
#include "store/failure.h"

#include <stdint.h>

struct store;

struct store_options {
	const char *path; /* of the database; made (mode 0600) if there is none */
	const char *
	        key_path; /* of the key that secrets are sealed with (store/seal.h); made with it */
};

enum { STORE_ID_BYTES = 33 };

/* Opens it. NULL with *ret_failure, and what there is to tell besides is added to ret_detail. */
MUST_CHECK struct store *store_open(const struct store_options *options,
        enum store_failure *ret_failure, struct text *ret_detail);

/* No call runs. NULL is fine. */
void store_close(struct store *store);

/* 32 hexadecimal digits that no other database has: revisions of another one mean nothing here. */
const char *store_id(const struct store *store);

/* How many bytes its files have, as of the last time that something was written. Any thread, also
 * while another waits for the disk. */
uint64_t store_bytes(const struct store *store);

/* Whether it can be written to: writes something that means nothing. */
MUST_CHECK enum store_failure store_try(struct store *store);

/* Adds what SQLite or the kernel said of the last call that failed. */
void store_add_detail(struct store *store, struct text *to);
