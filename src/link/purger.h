/*
 * The edge's end of purges that the control plane tells: they are done in their order, each as soon
 * as it comes, and answered in that order when a loss of power brings none of it back. What such a
 * number stands for is a cache, not a process: edges that share one may each do all of them. One
 * thread, that of its loop.
 */
#pragma once

#include "link/message.h"
#include "net/loop.h"

/* What has the cache; called on the loop's thread. */
struct link_purge_sink {
	/* Purges what of it there is here, and returns when that is in effect for whoever asks from
	 * now on; or tells in a sentence why it never will be, whose text stays until the next
	 * call. */
	struct link_answer (*on_purge)(
	        struct link_purge_sink *self, const struct link_purge *purge);
	/* The same for all that there is, which becomes stale: purges were missed. */
	struct link_answer (*on_stale)(struct link_purge_sink *self);
	/* Whether what was answered with this moment outlives the machine's death. Asked again and
	 * again; where it is not so within durable_ms, the control plane hears of that. */
	bool (*is_durable)(struct link_purge_sink *self, uint64_t moment);
	uint32_t durable_ms;
	/* What is purged here is purged in all that a later process could find: so the number may
	 * be kept for that one. Not so where this process has a cache of its own, or none. */
	bool is_kept;
};

/* Who wants to know what became of them. */
struct link_purger_sink {
	/* One is durable, has failed for good (purged is its number), or is not durable in time
	 * (purged is lower; more comes later). Never inside a call of this file. */
	void (*on_purged)(struct link_purger_sink *self, const struct link_purged *purged);
};

struct link_purger;

/* Begins at the number 0. Without a cache (NULL), all is done by doing nothing. Both must outlive
 * it. */
struct link_purger *link_purger_new(
        struct loop *loop, struct link_purge_sink *cache, struct link_purger_sink *sink);

/* NULL is fine. */
void link_purger_free(struct link_purger *purger);

/* All up to this number are durable, and the next one is the one after it. What is under way is
 * not waited for any more. */
void link_purger_begin(struct link_purger *purger, uint64_t number);

/* The purge up to which all are durable. */
uint64_t link_purger_number(const struct link_purger *purger);

/* All up to this number were missed: everything is stale, and the next one is the one after it. */
void link_purger_make_stale(struct link_purger *purger, uint64_t number);

/* Does the next one; one that could not be read (NULL) fails, with these words. False when it is
 * not the next one, or LIMIT_LINK_PURGES_WAITING wait already. */
MUST_CHECK bool link_purger_take(struct link_purger *purger, uint64_t number,
        const struct link_purge *purge, struct str why_not);
