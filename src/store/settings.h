/*
 * What is set at run time: names with values, which this room does not understand. A change of any
 * number of them is a revision of the whole and a version in the history, as one of domains is; the
 * edges have nothing of it.
 */
#pragma once

#include "store/history.h"

struct store_setting {
	const char *name;
	struct str value; /* in JSON; at NULL: nothing is set any more */
};

/*
 * Makes all changes, or none, where the settings have the revision `expected` (0: there never was a
 * change). On DONE *ret_revision is the new one. CONFLICT: they have another one.
 */
MUST_CHECK enum store_failure store_settings_commit(struct store *store,
        const struct store_setting *changes, size_t count, uint64_t expected,
        const struct store_note *note, uint64_t *ret_revision);

/* What the reader calls, under the store's lock: it must not call the store. */
struct store_setting_sink {
	/* Both are borrowed. */
	void (*on_setting)(struct store_setting_sink *self, struct str name, struct str value);
};

/* Reads all that is set, in the order of names; *ret_revision is that of the last change, or 0. */
MUST_CHECK enum store_failure store_settings_read(
        struct store *store, struct store_setting_sink *sink, uint64_t *ret_revision);

/* Adds to ret_body what was set at a revision, as an object in JSON; ABSENT: nothing had been set
 * by then, or it is not kept any more. */
MUST_CHECK enum store_failure store_settings_read_version(
        struct store *store, uint64_t revision, struct text *ret_body);
