/*
 * What an operator's purge means for the store: which domain serves a URL, and what its objects'
 * keys are. Any thread.
 */
#pragma once

#include "cache/purge.h"
#include "link/command.h"
#include "model/snapshot.h"

/* A URL at a host in normal form, of a domain, with all its variants: what clients of either scheme
 * have of it, and what both had while cache.scheme was the other one. One removal. */
void edge_purge_url(struct cache_store *store, const struct model_domain *domain, struct str host,
        struct str target, enum cache_purge how);

/* Purges all of it, or nothing where a part of it makes no sense here. In effect for every request
 * that begins after it has returned; durable once the disks have reached the answer's moment. */
struct link_answer edge_purge(struct cache_store *store, const struct model_snapshot *snapshot,
        const struct link_purge *purge, struct text *error);

/* Purges what of it there is here. What made sense where it was asked may have lost a domain since,
 * which may come back: by its name all of it is purged. A URL or prefix of a host that nobody
 * serves purges all of each domain that may have served it: that is more than was asked for, and of
 * domains that are not there alone. */
struct link_answer edge_purge_rest(struct cache_store *store, const struct model_snapshot *snapshot,
        const struct link_purge *purge);
