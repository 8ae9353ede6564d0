/*
 * The failover table (origin-pull.md section 4): what follows from the outcome of one attempt.
 * Pure: facts in, verdict out, so that the whole table is tested as a table.
 */
#pragma once

#include "base/fault.h"
#include "model/domain.h"

#include <stdbool.h>

struct edge_judge_facts {
	enum model_role role; /* who was asked */
	enum fault fault;     /* NONE: a head came, with `status` */
	unsigned status;
	bool status_fails; /* failover.statuses has it */
	bool has_backup;
	bool backup_was_tried;
	bool has_kept;      /* the master's answer with a failing status is kept */
	bool is_safe;       /* the method */
	bool may_repeat;    /* failover.unsafe_methods: as if every method were safe */
	bool has_written;   /* a byte of the request may have reached this origin */
	bool was_refreshed; /* this address was asked on a fresh connection, after a kept one */
	bool has_attempts;  /* failover.attempts leaves one more */
	bool has_time;      /* failover.budget leaves some */
};

enum edge_verdict {
	EDGE_VERDICT_DELIVER, /* this answer is the one */
	EDGE_VERDICT_FRESH,   /* the same address again, on a fresh connection */
	EDGE_VERDICT_KEEP,    /* keep this answer and ask the backup */
	EDGE_VERDICT_BACKUP,  /* ask the backup */
	EDGE_VERDICT_ROUTED,  /* ask another address of the master with a route, else the backup */
	EDGE_VERDICT_ADDRESS, /* ask the next untried address, of the backup first */
	EDGE_VERDICT_KEPT,    /* the master's kept answer is the one */
	EDGE_VERDICT_FAIL,    /* there is no answer */
};

enum edge_verdict edge_judge(const struct edge_judge_facts *facts);
