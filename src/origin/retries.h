/*
 * What all workers of a process share of an origin: how soon it answers, where that is of interest,
 * and its retries (origin-pull.md section 4). A fifth of its own pulls in flight a worker may
 * repeat without asking anybody, and all of them together ORIGIN_RETRIES_FREE more at each origin.
 * So the sum holds, and pulls that succeed write nothing that is shared.
 */
#pragma once

#include "model/domain.h"
#include "origin/shared.h"

enum { ORIGIN_RETRIES_FREE = 10 };

struct origin_pace;
struct origin_retries_table;
struct origin_retries;

/* The table; origin/shared.c makes it. It is freed when nobody has anything of it any more. */
struct origin_retries_table *origin_retries_table_new(void);
void origin_retries_table_free(struct origin_retries_table *table);

/* What is shared for the origin (domain, role); one reference for the caller, who keeps the domain
 * as long as it has it. Any thread. */
struct origin_retries *origin_retries_get(
        struct origin_shared *shared, const struct model_domain *domain, enum model_role role);
void origin_retries_unref(struct origin_retries *retries);

/* How soon it answers, for a master whose domain hedges (`hedge.after`); else NULL. */
struct origin_pace *origin_retries_pace(const struct origin_retries *retries);

/* Takes one of the free retries, and gives it back. Lock-free. */
MUST_CHECK bool origin_retries_take(struct origin_retries *retries);
void origin_retries_give(struct origin_retries *retries);
