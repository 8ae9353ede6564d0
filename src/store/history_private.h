/*
 * How the files of this room add versions to the history, in a transaction of theirs.
 */
#pragma once

#include "store/history.h"
#include "store/store_private.h"

/* The name that versions of the settings have; no domain has it. */
#define STORE_HISTORY_SETTINGS "/settings"

/* What stands in front of the name of a certificate there. */
#define STORE_HISTORY_CERTIFICATES "/certificates/"

/* The versions of one revision. */
struct store_history {
	struct store *store;
	const struct store_note *note;
	uint64_t revision, at_ms;
	struct store_statement remember, forget;
};

/* Begins the next revision; to be ended also when that failed. */
MUST_CHECK enum store_failure store_history_begin(
        struct store_history *history, struct store *store, const struct store_note *note);

/* Adds a version of a name, and forgets the oldest where there are more than LIMIT_STORE_VERSIONS.
 */
MUST_CHECK enum store_failure store_history_add(
        struct store_history *history, const char *name, struct str body, struct str sealed);

/* Writes that this revision is the last one, and that the note's request, where it has a key, made
 * it, first of all of `name`. */
MUST_CHECK enum store_failure store_history_close(struct store_history *history, const char *name);

void store_history_end(struct store_history *history);
