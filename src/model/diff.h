/*
 * What differs between two lists of domains, and between two domains. Pure.
 */
#pragma once

#include "model/domain.h"
#include "model/snapshot.h"

/* Whether every field is equal; `revision` is not compared. */
bool model_diff_is_equal(const struct model_domain *a, const struct model_domain *b);

/* One line for each field that differs, "origin.connect_timeout: 5s -> 2s"; secrets are masked.
 * Either may be NULL (created, removed). */
void model_diff_print(
        const struct model_domain *before, const struct model_domain *after, struct text *to);

struct model_diff {
	struct model_change *changes; /* borrowed names and domains */
	size_t count, added, changed, removed;
};

/* The changes that lead from a snapshot to the domains in `list`. Freed by model_diff_done. */
void model_diff_from(const struct model_snapshot *old, struct model_domain *const *list,
        size_t count, struct model_diff *ret_diff);
void model_diff_done(struct model_diff *diff);
