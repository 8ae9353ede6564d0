/*
 * Which revisions of the domains every worker has taken. Workers take them in order, so for each a
 * number is enough. The steward's alone. Pure.
 */
#pragma once

#include "base/check.h"

#include <stdint.h>

struct edge_rollout;

struct edge_rollout *edge_rollout_new(unsigned workers);

/* NULL is fine. */
void edge_rollout_free(struct edge_rollout *rollout);

/* A revision is on its way to all workers. */
void edge_rollout_begin(struct edge_rollout *rollout, uint64_t revision);

/* A worker has taken the first of those that it had not. */
void edge_rollout_take(struct edge_rollout *rollout, unsigned worker);

/* A worker has ended: nobody waits for it any more. */
void edge_rollout_end(struct edge_rollout *rollout, unsigned worker);

/* The next revision that all have taken, each once, in order; false when there is none. */
MUST_CHECK bool edge_rollout_next(struct edge_rollout *rollout, uint64_t *ret_revision);
