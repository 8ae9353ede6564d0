/*
 * Domains in the store: their last versions, and each version that there was. A change of any
 * number of domains is one transaction and one revision, which all of them have from then on.
 */
#pragma once

#include "model/domain.h"
#include "store/history.h"

/* Whatever revision a domain has. */
#define STORE_ANY_REVISION UINT64_MAX

struct store_change {
	const char *name;
	struct model_domain *domain; /* NULL: it goes */
	uint64_t expected;           /* the revision that it must have; 0: there must be none */
};

/*
 * Makes all changes, or none. On DONE *ret_revision is the new revision, which the domains have
 * been given: nobody else may have them before. ABSENT and CONFLICT tell in *ret_at which change
 * could not be made: the name is not there (any more), or not at that revision.
 */
MUST_CHECK enum store_failure store_domains_commit(struct store *store,
        const struct store_change *changes, size_t count, const struct store_note *note,
        uint64_t *ret_revision, size_t *ret_at);

/* A request with a key that was made before, in the last LIMIT_STORE_REQUEST_MS. */
struct store_request {
	struct str who, key, fingerprint;
	uint64_t now_ms;
	/* what is found: */
	uint64_t revision;               /* that it made */
	char name[LIMIT_HOST_BYTES + 1]; /* of the first domain that it changed; of none where that
	                                  * were the settings, or a certificate */
};

/* Finds it: DONE; ABSENT: it was not made; CONFLICT: another one was, with the same key. */
MUST_CHECK enum store_failure store_domains_find_request(
        struct store *store, struct store_request *request);

/* What the readers below call, under the store's lock: it must not call the store. */
struct store_domain_sink {
	/* `domain` is borrowed, and NULL for a name that went with this revision. */
	void (*on_domain)(struct store_domain_sink *self, const char *name,
	        struct model_domain *domain, uint64_t revision);
};

/* Reads what changed after a revision (0: all that there is, and was), each name once, in the order
 * of revisions; *ret_revision is that of all domains: of the last change that was of any. */
MUST_CHECK enum store_failure store_domains_read_since(struct store *store, uint64_t revision,
        struct store_domain_sink *sink, uint64_t *ret_revision);

/* One version that a domain had, or the settings, or a certificate. */
struct store_version {
	enum { STORE_OF_DOMAIN, STORE_OF_SETTINGS, STORE_OF_CERTIFICATE } of;
	uint64_t revision, at_ms; /* at_ms: since 1970-01-01 UTC */
	const char *name;         /* of settings NULL */
	const char *who, *action;
	struct model_domain *before, *after; /* NULL: it was not there; or not kept any more */
	/* Of the settings, and of a certificate (store/certificates.h), objects in JSON; at NULL:
	 * the same. */
	struct str text_before, text_after;
};

struct store_version_sink {
	/* Everything is borrowed. */
	void (*on_version)(struct store_version_sink *self, const struct store_version *version);
};

struct store_history_query {
	const char *name; /* NULL: of all domains, settings, certificates */
	uint64_t before;  /* only lower revisions; 0: all */
	unsigned limit;
};

/* Reads versions, the newest first, those of one revision in the order of names. */
MUST_CHECK enum store_failure store_domains_read_history(struct store *store,
        const struct store_history_query *query, struct store_version_sink *sink);

/* The version that a domain had at a revision, with one reference for the caller; ABSENT when there
 * was none, or it is not kept any more. */
MUST_CHECK enum store_failure store_domains_read_version(
        struct store *store, const char *name, uint64_t revision, struct model_domain **ret_domain);
