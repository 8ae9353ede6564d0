/*
 * What a request needs of the cache and is away, on a disk, is recalled into the memory, and looked
 * up again. That may be in vain, and what was recalled may be gone again before the request had its
 * turn; so each look-up, and each piece of a body, has but so many recalls. What can't be had is
 * treated as what was never there.
 */
#include "edge/request_private.h"

enum { RECALLS_MAX = 8 };

bool edge_request_recall(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	struct cache_away away = cache_find_away(worker->cache_reader);
	if (worker->recalls == NULL || request->is_lost || request->recalls == RECALLS_MAX)
		return false;
	request->recalls++;
	edge_request_keep_domain(request);
	edge_request_sequence(request);
	return edge_recalls_join(
	        worker->recalls, &away, &request->recall, worker->index, &request->task);
}

bool edge_request_waits_for_recall(struct edge_request *request)
{
	switch (edge_recalls_take(&request->recall)) {
	case EDGE_RECALL_RUNS:
		return true;
	case EDGE_RECALL_LOST:
		request->is_lost = true;
		return false;
	case EDGE_RECALL_NONE:
	case EDGE_RECALL_DONE:
		break;
	}
	return false;
}

void edge_request_end_recalls(struct edge_request *request)
{
	request->is_lost = false;
	request->recalls = 0;
}

void edge_request_recall_ahead(struct edge_request *request, uint64_t number)
{
	struct edge_worker *worker = request->worker;
	if (worker->recalls == NULL || cache_find_has_piece(worker->cache_reader,
	                                       request->object.id, number) != CACHE_FOUND_AWAY)
		return;
	struct cache_away away = cache_find_away(worker->cache_reader);
	edge_recalls_begin(worker->recalls, &away, worker->index);
}
