/*
 * The domains file as a feed: read at the start, watched, and read again when it may have changed.
 * An invalid file is refused as a whole and the domains stay as they are. The last list that was
 * good is kept in the journal, so that a restart finds it even while the file is broken.
 *
 * A change is held (LINK_HELD) when it removes more than a fifth of the domains; a new name for a
 * domain removes the old one. It is taken when the file is touched or replaced again with the same
 * content; until then, also over restarts, the domains stay.
 */
#pragma once

#include "link/feed.h"
#include "link/journal.h"
#include "model/read.h"
#include "net/loop.h"

struct link_file;

struct link_file_options {
	const char *path;                   /* the domains file */
	const struct link_journal *journal; /* where the last good list is kept; NULL: nowhere */
	enum model_rules rules;
	bool force; /* a change may remove any number of domains */
};

/*
 * Reads the file once and hands its domains to the sink before returning. When the file is invalid
 * or missing and the journal has a good list of the same path, that is used, and on_event says so
 * (LINK_REFUSED, LINK_TROUBLE); without one, NULL is returned and *problems tells why. Then
 * watches. `sink` must outlive the feed; hash_init was called.
 */
struct link_file *link_file_open(struct loop *loop, const struct link_file_options *options,
        struct link_sink *sink, struct model_problems *problems);

/* NULL is fine. The domains that the sink was given stay. */
void link_file_close(struct link_file *feed);

/* Reads the file now, whether it changed or not (SIGHUP and tests); what is wrong is told again. */
void link_file_reload(struct link_file *feed);
