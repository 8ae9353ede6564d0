/*
 * Revisions wait in a queue until the slowest worker has as many as lead to them.
 */
#include "edge/rollout.h"

#include "base/list.h"
#include "base/mem.h"

struct revision {
	struct list_node node;
	uint64_t number;
};

struct edge_rollout {
	struct list revisions; /* that not everybody has */
	uint64_t begun, done;  /* how many: the queue has those between */
	unsigned workers;
	uint64_t taken[]; /* by each worker; who has ended has all that there will be */
};

struct edge_rollout *edge_rollout_new(unsigned workers)
{
	struct edge_rollout *rollout =
	        mem_zero(sizeof(*rollout) + workers * sizeof(rollout->taken[0]));
	rollout->workers = workers;
	list_init(&rollout->revisions);
	return rollout;
}

static void free_first(struct edge_rollout *rollout)
{
	struct revision *first =
	        container_of(list_first(&rollout->revisions), struct revision, node);
	list_remove(&first->node);
	mem_free(first);
}

void edge_rollout_free(struct edge_rollout *rollout)
{
	if (rollout == NULL)
		return;
	while (!list_is_empty(&rollout->revisions))
		free_first(rollout);
	mem_free(rollout);
}

void edge_rollout_begin(struct edge_rollout *rollout, uint64_t number)
{
	struct revision *revision = mem_new(struct revision);
	revision->number = number;
	list_add_last(&rollout->revisions, &revision->node);
	rollout->begun++;
}

void edge_rollout_take(struct edge_rollout *rollout, unsigned worker)
{
	CHECK(worker < rollout->workers && rollout->taken[worker] < rollout->begun);
	rollout->taken[worker]++;
}

void edge_rollout_end(struct edge_rollout *rollout, unsigned worker)
{
	CHECK(worker < rollout->workers);
	rollout->taken[worker] = UINT64_MAX;
}

bool edge_rollout_next(struct edge_rollout *rollout, uint64_t *ret_revision)
{
	uint64_t slowest = rollout->begun;
	for (unsigned i = 0; i < rollout->workers; i++)
		if (rollout->taken[i] < slowest)
			slowest = rollout->taken[i];
	if (rollout->done == slowest)
		return false;
	*ret_revision =
	        container_of(list_first(&rollout->revisions), struct revision, node)->number;
	free_first(rollout);
	rollout->done++;
	return true;
}
