/*
 * What the files of the room know of a worker: the maps of its groups and pools, and where memory
 * for connections comes from. One thread, the worker's; nothing here is shared.
 */
#pragma once

#include "base/map.h"
#include "base/slab.h"
#include "origin/worker.h"

struct origin_worker {
	struct loop *loop;
	struct buf_pool *buffers;
	struct origin_shared *shared;
	unsigned idle_max;
	struct map groups;       /* group.c's, by domain and role */
	struct map pools;        /* pool.c's, by address, protocol, server name and trust */
	unsigned named_idle;     /* idle connections of pools that clients have named */
	struct slab connections; /* connection.c's */
	/* Frees the groups that are left; set by group.c with the first of them, so that a worker
	 * ends without knowing what a group is. NULL: there are none. */
	void (*drop_groups)(struct origin_worker *worker);
};
