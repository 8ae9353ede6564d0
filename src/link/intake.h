/*
 * What an edge makes of messages about domains: they are gathered until a COMMIT, and then are the
 * changes from one snapshot to the next, or nothing at all. Where the messages come from, a wire or
 * a file, is their bringer's business. Pure.
 */
#pragma once

#include "link/message.h"
#include "model/snapshot.h"

struct link_intake;

/* Begins with no domains and revision 0; hash_init was called. */
struct link_intake *link_intake_new(void);
void link_intake_free(struct link_intake *intake);

enum link_intake_take {
	LINK_INTAKE_MORE,   /* gathered */
	LINK_INTAKE_COMMIT, /* the snapshot is another one now */
	LINK_INTAKE_BAD,    /* what was gathered is dropped, and the snapshot stays */
};

/* Takes BEGIN, DOMAIN, GONE or COMMIT. On BAD a sentence that tells why is added to ret_error. */
MUST_CHECK enum link_intake_take link_intake_take(struct link_intake *intake,
        enum link_message_kind kind, struct str payload, struct text *ret_error);

/* Drops what was gathered: the rest of it will not come. */
void link_intake_drop(struct link_intake *intake);

/* After COMMIT, until the next call: what changed, which may be nothing. */
const struct model_change *link_intake_changes(const struct link_intake *intake, size_t *ret_count);

/* Borrowed, until the next COMMIT. */
const struct model_snapshot *link_intake_snapshot(const struct link_intake *intake);
