/*
 * What an edge was told, kept in a file: a base, which is a whole list, and each revision that came
 * after it. An edge that starts while no control plane answers serves what it finds there. A
 * revision costs as much as it changes; when those outweigh the base, a new one is begun. What does
 * not check out is never used: the file ends in front of it.
 *
 * Several processes may have one file, as two edges do during an upgrade: who finds that another
 * has written begins a new base. Who is leaving begins none: it adds to what is there as long as
 * that is its own, and then leaves it to its successor, who served before and hears all of it, too.
 * So what is older never comes last. One thread.
 */
#pragma once

#include "link/certificates.h"
#include "link/intake.h"
#include "link/journal.h"

struct link_ledger;

/* The place as of a journal: a path, which gets mode 0600 for there are secrets in it, or a file
 * without a name. Nothing is opened yet. The path is copied; the descriptor stays the caller's. */
struct link_ledger *link_ledger_new(const struct link_journal *place);

/* NULL is fine. */
void link_ledger_free(struct link_ledger *ledger);

/* Has the intake take all that is in there, adds the store that it is of, and tells the purge of
 * that store that was kept last; false when there is nothing, and then the intake is as it was. */
MUST_CHECK bool link_ledger_read(struct link_ledger *ledger, struct link_intake *intake,
        struct text *ret_store, uint64_t *ret_purged);

/* Keeps the revision that the intake has just taken, or leaves that to another; false with errno,
 * and what was kept before stays. */
MUST_CHECK bool link_ledger_add(
        struct link_ledger *ledger, struct str store, const struct link_intake *intake);

/* The certificates that are in there, as they were read or kept last; borrowed. NULL: none were. */
struct link_certificates *link_ledger_certificates(const struct link_ledger *ledger);

/* Keeps certificates in the place of those before; takes its own reference. Where it has to begin a
 * base, that is of the intake's domains. False with errno, and what was kept before stays. */
MUST_CHECK bool link_ledger_keep_certificates(struct link_ledger *ledger, struct str store,
        const struct link_intake *intake, struct link_certificates *list);

/* Keeps the number of a purge of the store that the intake's revision is of; false with errno. What
 * is on the disk may be an earlier one after a loss of power. Where it takes a new base, which is
 * as much work as there are domains, it is EAGAIN unless `may_rewrite`. */
MUST_CHECK bool link_ledger_keep_purged(struct link_ledger *ledger, struct str store,
        const struct link_intake *intake, uint64_t purged, bool may_rewrite);
