/*
 * Latch and hold-down of the hot backup (origin-pull.md section 3): once the master of a domain was
 * wholly blocked, its pulls go to the backup for a time, or until an operator says back. Shared by
 * all workers, by the domain's name; survives changes of configuration that keep a backup and the
 * mode.
 */
#pragma once

#include "model/domain.h"
#include "model/snapshot.h"
#include "origin/shared.h"

struct origin_latches;

/* The table; origin/shared.c makes it. */
struct origin_latches *origin_latch_table_new(void);
void origin_latch_table_free(struct origin_latches *latches);

/* Drops what domains have that are gone, have no backup any more, or are configured otherwise. */
void origin_latch_keep_only(struct origin_latches *latches, const struct model_snapshot *snapshot);

/* Whether the domain has a backup with a latch or a hold-down. */
bool origin_latch_is_configured(const struct model_domain *domain);

/* Whether pulls of the domain must begin at the backup now. A few loads when neither is configured.
 */
bool origin_latch_is_on_backup(
        struct origin_shared *shared, const struct model_domain *domain, uint64_t now_ms);

/* The master was found wholly blocked, since `since_ms`: latches or starts the hold-down as the
 * domain says. A block that was noted before changes nothing. */
void origin_latch_note_blocked(
        struct origin_shared *shared, const struct model_domain *domain, uint64_t since_ms);

/* An operator says back: the block that was noted last holds nobody any more. */
void origin_latch_release(struct origin_shared *shared, struct str domain);
