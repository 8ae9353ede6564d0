/*
 * What an edge is told: domains, as whole lists or as changes, with a revision. Every kind of feed
 * (a watched file, flags, later the control plane) hands its domains to the edge through this one
 * interface; the edge acknowledges what it applied. Feeds live on one thread's loop, the edge's
 * steward.
 */
#pragma once

#include "model/diff.h"
#include "model/problem.h"

enum link_event {
	LINK_APPLIED, /* a new list is live; text tells what changed */
	LINK_REFUSED, /* a new list was refused, the old one stays; text tells every problem */
	LINK_HELD, /* a list removes more than a fifth of the domains: touch the file again to mean
	              it */
	LINK_TROUBLE, /* the source cannot be read at the moment; the old list stays */
};

/* What a feed calls, on its loop's thread. */
struct link_sink {
	/* Makes `changes` live as `revision`; called with at least one change. Afterwards the names
	 * and domains are the feed's again (the sink took its own references). */
	void (*on_changes)(struct link_sink *self, const struct model_change *changes, size_t count,
	        uint64_t revision);
	/* Something that the operator should hear. */
	void (*on_event)(struct link_sink *self, enum link_event event, const char *text);
};
