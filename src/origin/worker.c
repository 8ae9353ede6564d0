/*
 * The parts of a worker belong to the files that use them; here they are only put together and
 * taken apart.
 */
#include "origin/worker.h"

#include "origin/pool.h"
#include "origin/worker_private.h"

struct origin_worker *origin_worker_new(const struct origin_worker_options *options)
{
	CHECK(options->loop != NULL && options->buffers != NULL && options->shared != NULL);
	struct origin_worker *worker = mem_new(struct origin_worker);
	worker->loop = options->loop;
	worker->buffers = options->buffers;
	worker->shared = options->shared;
	worker->idle_max = options->idle_max;
	slab_init(&worker->connections, sizeof(struct origin_connection));
	return worker;
}

void origin_worker_free(struct origin_worker *worker)
{
	if (worker == NULL)
		return;
	if (worker->drop_groups != NULL)
		worker->drop_groups(worker);
	origin_pool_free_all(worker);
	CHECK(worker->groups.count == 0 && worker->pools.count == 0);
	map_done(&worker->groups);
	map_done(&worker->pools);
	slab_done(&worker->connections);
	mem_free(worker);
}
