/*
 * The order of the questions is the order of the spec: a dead kept connection is no failure; an
 * answer is judged by its status; a failure by what may still be asked.
 */
#include "edge/judge.h"

/* Whether the request may be sent once more at all. */
static bool may_send_again(const struct edge_judge_facts *facts)
{
	if (!facts->has_attempts || !facts->has_time)
		return false;
	return facts->is_safe || facts->may_repeat || !facts->has_written;
}

static enum edge_verdict judge_status(const struct edge_judge_facts *facts)
{
	if (facts->role == MODEL_BACKUP)
		return facts->has_kept && facts->status >= 400 ? EDGE_VERDICT_KEPT
		                                               : EDGE_VERDICT_DELIVER;
	if (facts->status_fails && facts->has_backup && !facts->backup_was_tried &&
	        may_send_again(facts))
		return EDGE_VERDICT_KEEP;
	return EDGE_VERDICT_DELIVER;
}

static enum edge_verdict judge_fault(const struct edge_judge_facts *facts)
{
	if (facts->fault == FAULT_STALE_CONNECTION && !facts->was_refreshed && facts->has_time &&
	        (facts->is_safe || facts->may_repeat || !facts->has_written))
		return EDGE_VERDICT_FRESH;
	if (fault_info(facts->fault)->side == FAULT_SIDE_CLIENT)
		return EDGE_VERDICT_FAIL;
	if (facts->has_kept)
		return EDGE_VERDICT_KEPT;
	if (!may_send_again(facts))
		return EDGE_VERDICT_FAIL;
	/* An address that this machine cannot reach is left out: the master did not fail. */
	if (facts->role == MODEL_MASTER && facts->has_backup && !facts->backup_was_tried)
		return facts->fault == FAULT_NO_ROUTE ? EDGE_VERDICT_ROUTED : EDGE_VERDICT_BACKUP;
	return EDGE_VERDICT_ADDRESS;
}

enum edge_verdict edge_judge(const struct edge_judge_facts *facts)
{
	return facts->fault == FAULT_NONE ? judge_status(facts) : judge_fault(facts);
}
