/*
 * What an edge is told: domains, as whole lists or as changes, with a revision. Every kind of feed
 * (a watched file, flags, the control plane) hands its domains to the edge through this one
 * interface; the edge says when they are live, to a feed that wants to hear it. Feeds live on one
 * thread's loop, the edge's steward.
 */
#pragma once

#include "model/diff.h"
#include "model/problem.h"

enum link_event {
	LINK_APPLIED, /* a new list was taken; text tells what changed */
	LINK_REFUSED, /* a new list was refused, the old one stays; text tells every problem */
	LINK_HELD, /* a list removes more than a fifth of the domains: touch the file again to mean
	              it */
	LINK_TROUBLE, /* the source cannot be read at the moment; the old list stays */
};

/* A feed that has to know when its changes are live, embedded in it. */
struct link_live {
	/* Once for each call of on_changes, in their order, and never inside one: from now on every
	 * request begins with this revision, or a later one. */
	void (*on_live)(struct link_live *self, uint64_t revision);
};

/* What a feed calls, on its loop's thread. */
struct link_sink {
	/* Whom to tell; NULL: nobody. The feed that has the sink sets it before its first changes,
	 * and takes it away at its end. */
	struct link_live *live;
	/* Makes `changes` live as `revision`; called with at least one change. Afterwards the names
	 * and domains are the feed's again (the sink took its own references). */
	void (*on_changes)(struct link_sink *self, const struct model_change *changes, size_t count,
	        uint64_t revision);
	/* Something that the operator should hear. */
	void (*on_event)(struct link_sink *self, enum link_event event, const char *text);
};
