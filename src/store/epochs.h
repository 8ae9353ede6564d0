/*
 * The epochs of a database. Each control plane that opens it begins one, with the revision and the
 * purge that there are; so whoever was told something by a database that was later put back from a
 * copy is told apart from those who know what the copy has: the copy's next epoch begins before
 * what they know.
 */
#pragma once

#include "store/store.h"

enum { STORE_EPOCH_BYTES = 17 };

struct store_epoch {
	char name[STORE_EPOCH_BYTES]; /* that no other epoch has */
	/* The last ones that were made in it; of the epoch that was begun, those that there are. */
	uint64_t revision, purge;
};

/* Begins one; *ret_count of at most LIMIT_LINK_EPOCHS are filled in, the new one last. Where
 * nothing can be written it is begun all the same: nothing will be made in it. */
MUST_CHECK enum store_failure store_epochs_begin(
        struct store *store, struct store_epoch *ret_epochs, unsigned *ret_count);
