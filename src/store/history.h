/*
 * The history: each version that a domain had, and the settings (store/settings.h), with who made
 * it. Versions are read where they are known: store/domains.h, store/settings.h.
 */
#pragma once

#include "store/store.h"

/* Who changed something, and what they did: "alice", "domain.switch". */
struct store_note {
	struct str who, action;
	/* Where the request has a key, so that it is made once however often it is sent: that, and
	 * what tells it from another one with the same key. */
	struct str key, fingerprint;
};

/*
 * Forgets versions that were no longer the last ones at `until_ms` (since 1970-01-01 UTC): of each
 * name the one that it had then stays, however old it is, unless that is that it went. Does a part
 * at a time, so that others have the store, too; *ret_is_done says that nothing is left.
 */
MUST_CHECK enum store_failure store_history_expire(
        struct store *store, uint64_t until_ms, bool *ret_is_done);
