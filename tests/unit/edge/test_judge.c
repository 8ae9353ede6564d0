/*
 * The failover table of origin-pull.md section 4, row by row.
 */
#include "edge/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What differs from a safe request to a master that has a backup, with attempts and time left. */
enum {
	OF_BACKUP = 1 << 0, /* the backup was asked, and so was tried */
	LISTED = 1 << 1,    /* failover.statuses has the status */
	NO_BACKUP = 1 << 2,
	TRIED = 1 << 3, /* the backup was tried before */
	KEPT = 1 << 4,
	UNSAFE = 1 << 5,
	REPEAT = 1 << 6, /* failover.unsafe_methods */
	WRITTEN = 1 << 7,
	REFRESHED = 1 << 8,
	NO_ATTEMPT = 1 << 9,
	NO_TIME = 1 << 10,
};

struct row {
	const char *says;
	enum fault fault;
	unsigned status, differs;
	enum edge_verdict verdict;
};

static const struct row rows[] = {
        {"a good answer of the master is delivered", FAULT_NONE, 200, 0, EDGE_VERDICT_DELIVER},
        {"a redirect is delivered", FAULT_NONE, 302, 0, EDGE_VERDICT_DELIVER},
        {"a failing status of the master is kept while the backup is asked", FAULT_NONE, 503,
                LISTED, EDGE_VERDICT_KEEP},
        {"404 is a failing status too", FAULT_NONE, 404, LISTED, EDGE_VERDICT_KEEP},
        {"a status that is not listed is delivered", FAULT_NONE, 416, 0, EDGE_VERDICT_DELIVER},
        {"without a backup a failing status is passed as it is", FAULT_NONE, 503,
                LISTED | NO_BACKUP, EDGE_VERDICT_DELIVER},
        {"a status after the backup was tried is delivered", FAULT_NONE, 503, LISTED | TRIED,
                EDGE_VERDICT_DELIVER},
        {"the backup's good answer is delivered instead of the kept one", FAULT_NONE, 200,
                OF_BACKUP | KEPT, EDGE_VERDICT_DELIVER},
        {"when the backup says an error too the master's own answer is the one", FAULT_NONE, 500,
                OF_BACKUP | LISTED | KEPT, EDGE_VERDICT_KEPT},
        {"a failing backup leaves the master's kept answer", FAULT_CONNECT_REFUSED, 0,
                OF_BACKUP | KEPT, EDGE_VERDICT_KEPT},
        {"after a failed master the backup's error is the answer", FAULT_NONE, 404,
                OF_BACKUP | LISTED, EDGE_VERDICT_DELIVER},
        {"a refused connection goes directly to the backup", FAULT_CONNECT_REFUSED, 0, 0,
                EDGE_VERDICT_BACKUP},
        {"a head that is late goes to the backup", FAULT_HEAD_TIMEOUT, 0, WRITTEN,
                EDGE_VERDICT_BACKUP},
        {"a malformed head goes to the backup", FAULT_MALFORMED, 0, WRITTEN, EDGE_VERDICT_BACKUP},
        {"a family without a route is no failure of the master", FAULT_NO_ROUTE, 0, 0,
                EDGE_VERDICT_ROUTED},
        {"nor one of the backup", FAULT_NO_ROUTE, 0, OF_BACKUP, EDGE_VERDICT_ADDRESS},
        {"a full queue goes to the backup", FAULT_QUEUE_FULL, 0, 0, EDGE_VERDICT_BACKUP},
        {"when both failed the next address is asked", FAULT_RESET, 0, OF_BACKUP,
                EDGE_VERDICT_ADDRESS},
        {"without a backup another address of the master is asked", FAULT_RESET, 0, NO_BACKUP,
                EDGE_VERDICT_ADDRESS},
        {"without an attempt left it fails", FAULT_RESET, 0, NO_ATTEMPT, EDGE_VERDICT_FAIL},
        {"without time left it fails", FAULT_RESET, 0, NO_TIME, EDGE_VERDICT_FAIL},
        {"without time left a failing status is the answer", FAULT_NONE, 503, LISTED | NO_TIME,
                EDGE_VERDICT_DELIVER},
        {"a kept connection that was dead is tried once afresh", FAULT_STALE_CONNECTION, 0, WRITTEN,
                EDGE_VERDICT_FRESH},
        {"even when no attempt is left", FAULT_STALE_CONNECTION, 0, NO_ATTEMPT, EDGE_VERDICT_FRESH},
        {"but not twice", FAULT_STALE_CONNECTION, 0, REFRESHED, EDGE_VERDICT_BACKUP},
        {"a POST that was not written fails over", FAULT_CONNECT_TIMEOUT, 0, UNSAFE,
                EDGE_VERDICT_BACKUP},
        {"a POST that was written does not", FAULT_RESET, 0, UNSAFE | WRITTEN, EDGE_VERDICT_FAIL},
        {"a POST on a dead kept connection is not sent again", FAULT_STALE_CONNECTION, 0,
                UNSAFE | WRITTEN, EDGE_VERDICT_FAIL},
        {"a POST that got a failing status does not fail over", FAULT_NONE, 500,
                UNSAFE | WRITTEN | LISTED, EDGE_VERDICT_DELIVER},
        {"with unsafe_methods a POST fails over on statuses", FAULT_NONE, 500,
                UNSAFE | REPEAT | WRITTEN | LISTED, EDGE_VERDICT_KEEP},
        {"and on failures", FAULT_RESET, 0, UNSAFE | REPEAT | WRITTEN, EDGE_VERDICT_BACKUP},
        {"a client that left ends it", FAULT_CLIENT_GONE, 0, 0, EDGE_VERDICT_FAIL},
        {"a backup's 304 is delivered instead of the kept answer", FAULT_NONE, 304,
                OF_BACKUP | KEPT, EDGE_VERDICT_DELIVER},
        {"its 412 is no better than what the master said", FAULT_NONE, 412, OF_BACKUP | KEPT,
                EDGE_VERDICT_KEPT},
        {"nor is its 416, listed or not", FAULT_NONE, 416, OF_BACKUP | KEPT, EDGE_VERDICT_KEPT},
        {"after a failed master its 416 is the answer", FAULT_NONE, 416, OF_BACKUP,
                EDGE_VERDICT_DELIVER},
};

static struct edge_judge_facts facts_of(const struct row *row)
{
	unsigned differs = row->differs;
	return (struct edge_judge_facts){
	        .role = differs & OF_BACKUP ? MODEL_BACKUP : MODEL_MASTER,
	        .fault = row->fault,
	        .status = row->status,
	        .status_fails = differs & LISTED,
	        .has_backup = !(differs & NO_BACKUP),
	        .backup_was_tried = differs & (TRIED | OF_BACKUP),
	        .has_kept = differs & KEPT,
	        .is_safe = !(differs & UNSAFE),
	        .may_repeat = differs & REPEAT,
	        .has_written = differs & WRITTEN,
	        .was_refreshed = differs & REFRESHED,
	        .has_attempts = !(differs & NO_ATTEMPT),
	        .has_time = !(differs & NO_TIME),
	};
}

static void the_table_says_what_the_spec_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct edge_judge_facts facts = facts_of(&rows[i]);
		if (edge_judge(&facts) != rows[i].verdict)
			fail_msg("%s: %d is not %d", rows[i].says, edge_judge(&facts),
			        rows[i].verdict);
	}
}

/* Every combination of facts: what must never be decided, whatever the rest says. */
static void a_written_unsafe_request_is_never_sent_again(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 1u << 8; bits++)
		for (unsigned fault = 0; fault < FAULT_COUNT; fault++) {
			struct edge_judge_facts facts = {
			        .fault = fault,
			        .status = 503,
			        .has_written = true,
			        .role = bits & 1 ? MODEL_BACKUP : MODEL_MASTER,
			        .status_fails = bits >> 1 & 1,
			        .has_backup = bits >> 2 & 1,
			        .backup_was_tried = bits >> 3 & 1,
			        .has_kept = bits >> 4 & 1,
			        .was_refreshed = bits >> 5 & 1,
			        .has_attempts = bits >> 6 & 1,
			        .has_time = bits >> 7 & 1,
			};
			enum edge_verdict verdict = edge_judge(&facts);
			assert_true(verdict == EDGE_VERDICT_DELIVER ||
			            verdict == EDGE_VERDICT_KEPT || verdict == EDGE_VERDICT_FAIL);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_table_says_what_the_spec_says),
	        cmocka_unit_test(a_written_unsafe_request_is_never_sent_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
