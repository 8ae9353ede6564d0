/*
 * The domains as they are now, in memory, and the one way to change them: one change at a time, of
 * any number of domains, which is in the store before anybody sees it. Any thread.
 */
#pragma once

#include "model/read.h"
#include "model/snapshot.h"
#include "store/domains.h"

struct control_domains;

/* Who is told of each change, in their order. */
struct control_domains_sink {
	/* On the thread that changes, while no other change can be made. Everything is borrowed. */
	void (*on_changes)(struct control_domains_sink *self, const struct model_change *changes,
	        size_t count, uint64_t revision);
};

/* None, at revision 0. `sink` must outlive it. */
struct control_domains *control_domains_new(struct control_domains_sink *sink);
void control_domains_free(struct control_domains *domains);

/* The domains as they are: one reference for the caller. */
struct model_snapshot *control_domains_now(struct control_domains *domains);

/* Changes may be made from here on by this thread alone, which may wait for others. */
void control_domains_begin(struct control_domains *domains);
void control_domains_end(struct control_domains *domains);

/* Between the two: makes the changes in the store and then here. The domains get the revision; they
 * must be nobody else's. Failures are those of store_domains_commit; nothing has happened then. */
MUST_CHECK enum store_failure control_domains_commit(struct control_domains *domains,
        struct store *store, const struct store_change *changes, size_t count,
        const struct store_note *note, uint64_t *ret_revision);

/* Between the two: what is so already, in the store or in a file, becomes what is known here. */
void control_domains_take(struct control_domains *domains, const struct model_change *changes,
        size_t count, uint64_t revision);
