/*
 * What the feed of a domains file keeps in its journal: the last good list, which file and which
 * version of it the list was made from, and which version is held back.
 */
#pragma once

#include "link/journal.h"
#include "link/source.h"
#include "model/read.h"
#include "model/snapshot.h"

struct link_note {
	struct link_source_stamp live; /* what the list was made from */
	struct link_source_stamp held; /* what waits to be touched again; all-zero: nothing */
};

/* Replaces the journal with the domains and the revision of a snapshot; false with errno. */
MUST_CHECK bool link_note_write(const struct link_journal *journal, const char *source,
        const struct link_note *note, const struct model_snapshot *snapshot);

/* Reads it; false when there is none, when it was made from another source, or does not keep the
 * rules any more. The domains are the caller's to drop with model_domains_done. */
MUST_CHECK bool link_note_read(const struct link_journal *journal, const char *source,
        enum model_rules rules, struct link_note *ret_note, struct model_domains *ret_domains,
        uint64_t *ret_revision);
