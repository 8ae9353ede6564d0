/*
 * The paces (origin/pace.h) of all masters that are hedged, by what they are: the domain's name and
 * the addresses that it asks. So what is known of a master outlives a change of its domain that
 * leaves these as they are, as its blocks do. Any thread.
 */
#pragma once

#include "model/domain.h"

#include <stdint.h>

struct origin_pace;
struct origin_paces;       /* the table; origin/shared.c makes it */
struct origin_paces_entry; /* one master's */

struct origin_paces *origin_paces_new(void);

/* Nobody has an entry any more. NULL is fine. */
void origin_paces_free(struct origin_paces *paces);

/* That of a domain's master, found or new; one reference for the caller. What nobody has had for a
 * minute is forgotten, and of more than LIMIT_IDLE_PACES the oldest. now_ms rises, but threads may
 * be a little apart. */
struct origin_paces_entry *origin_paces_get(
        struct origin_paces *paces, const struct model_domain *domain, uint64_t now_ms);

/* Gives the reference back; NULL is fine. */
void origin_paces_unref(struct origin_paces_entry *entry, uint64_t now_ms);

/* Lives as long as the reference. */
struct origin_pace *origin_paces_pace(const struct origin_paces_entry *entry);
