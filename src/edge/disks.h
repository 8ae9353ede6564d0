/*
 * What happens to the disks of the cache, told to the log: one that is given up, and what was found
 * on one after a start. On the steward's thread.
 */
#pragma once

#include "cache/disk.h"
#include "net/loop.h"

struct edge_disks;

/* Looks at them once a second from now on. Both must outlive it. */
struct edge_disks *edge_disks_new(struct loop *loop, struct cache_store *store);

/* NULL is fine. */
void edge_disks_free(struct edge_disks *disks);
