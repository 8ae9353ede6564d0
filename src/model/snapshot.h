/*
 * A snapshot: an immutable table of all domains by host name, which a request keeps as it began
 * with it. The next snapshot shares every domain that did not change. Any thread may read; the last
 * reference frees it.
 */
#pragma once

#include "model/domain.h"

struct model_snapshot;

/* An empty one with one reference; revision 0. */
struct model_snapshot *model_snapshot_new(void);

/* A domain that replaces the one of its name, or (domain NULL) the removal of `name`. */
struct model_change {
	const char *name;
	struct model_domain *domain; /* the snapshot takes a reference of its own */
};

/* The snapshot after `count` changes, with `revision`; the old one stays as it is. */
struct model_snapshot *model_snapshot_with(const struct model_snapshot *old,
        const struct model_change *changes, size_t count, uint64_t revision);

struct model_snapshot *model_snapshot_ref(struct model_snapshot *snapshot);
void model_snapshot_unref(struct model_snapshot *snapshot);

/*
 * The domain for a host in normal form (lower case, no port, no trailing dot): the exact name, else
 * the longest wildcard "*.suffix" that has at least one label more, else NULL. Offline domains are
 * found too. No reference is taken: it lives as long as the snapshot.
 */
struct model_domain *model_snapshot_find(const struct model_snapshot *snapshot, struct str host);

/* The domain of exactly this name, which may be a wildcard's; NULL when there is none. */
struct model_domain *model_snapshot_get(const struct model_snapshot *snapshot, struct str name);

uint64_t model_snapshot_revision(const struct model_snapshot *snapshot);
size_t model_snapshot_count(const struct model_snapshot *snapshot);

/* The domain at `index` < count, in the order of names. */
struct model_domain *model_snapshot_at(const struct model_snapshot *snapshot, size_t index);
