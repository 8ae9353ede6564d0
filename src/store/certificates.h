/*
 * Certificates with their keys, by names that an operator gives them. The chain of each is kept in
 * the clear, its key sealed (store/seal.h). A change of one is a revision of the whole, and a
 * version in the history, which tells what the certificate was and never has a key: what is
 * replaced or removed is gone.
 */
#pragma once

#include "store/history.h"

struct store_certificate {
	const char *name;
	uint64_t revision;     /* of its last change */
	struct str chain, key; /* in PEM; of a change, at NULL: it goes */
	struct str about;      /* an object in JSON for people; of a change, never at NULL */
};

/*
 * Puts it in the place of one of the name with the revision `expected` (0: there must be none), or
 * takes that away, where its chain's at is NULL. On DONE *ret_revision is the new one. CONFLICT: it
 * has another one. ABSENT: there is none to take away.
 */
MUST_CHECK enum store_failure store_certificates_commit(struct store *store,
        const struct store_certificate *certificate, uint64_t expected,
        const struct store_note *note, uint64_t *ret_revision);

/* What the reader calls, under the store's lock: it must not call the store. */
struct store_certificate_sink {
	/* Everything is borrowed. */
	void (*on_certificate)(
	        struct store_certificate_sink *self, const struct store_certificate *certificate);
};

/* Reads all, in the order of their names; *ret_revision is that of the last change of any, or 0. */
MUST_CHECK enum store_failure store_certificates_read(
        struct store *store, struct store_certificate_sink *sink, uint64_t *ret_revision);
