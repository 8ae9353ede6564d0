/* What a pull would do, by the choices of a fill and the failover table. */
#include "edge/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct edge_plan_address GOOD[] = {{true, 0}, {true, 0}};
static const struct edge_plan_address HALF[] = {{false, 9}, {true, 0}};
static const struct edge_plan_address BAD[] = {{false, 9}, {false, 7}};
static const struct edge_plan_address WORSE[] = {{false, 20}, {false, 30}};

/* "M" or "B", the address, and the first letter of why: "M0k B0d". */
static void print(const struct edge_plan *plan, char to[128])
{
	size_t at = 0;
	to[0] = '\0';
	for (unsigned i = 0; i < plan->count; i++) {
		static const char WHY[] = "dkbatnslu";
		const struct edge_plan_attempt *attempt = &plan->attempts[i];
		at += (size_t)snprintf(to + at, 128 - at, "%s%c%u%c%s", i > 0 ? " " : "",
		        attempt->role == MODEL_MASTER ? 'M' : 'B', attempt->address,
		        WHY[attempt->why], attempt->is_despite_block ? "!" : "");
	}
}

struct row {
	const char *name;
	const struct edge_plan_address *master, *backup; /* two each; NULL: none */
	const char *attempts;
	enum fault master_fault, backup_fault;
	unsigned master_status, backup_status; /* 0: 200 */
	int answer;                            /* -1: none */
	enum fault fault;
	bool is_unsafe, may_repeat, is_on_backup, all_blocked_fails;
	unsigned attempts_max; /* 0: 3 */
	uint32_t budget_ms;    /* 0: 30 s */
};

static const struct row ROWS[] = {
        {"the master answers", GOOD, GOOD, "M0d", .answer = 0},
        {"its status is passed on without a backup", GOOD, NULL, "M0d", .master_status = 503},
        {"a failure of it leads to the backup", GOOD, GOOD, "M0b B0d",
                .master_fault = FAULT_CONNECT_REFUSED, .answer = 1},
        {"a status of it is kept", GOOD, GOOD, "M0k B0d", .master_status = 503, .answer = 1},
        {"and taken when the backup is no better", GOOD, GOOD, "M0k B0t", .master_status = 503,
                .backup_status = 500},
        {"or fails", GOOD, GOOD, "M0k B0t", .master_status = 503, .backup_fault = FAULT_RESET},
        {"412 answers the client's condition", GOOD, GOOD, "M0d", .master_status = 412},
        {"a failure of both leads to the next address", GOOD, GOOD, "M0b B0a B1s",
                .master_fault = FAULT_RESET, .backup_fault = FAULT_RESET, .answer = -1,
                .fault = FAULT_RESET},
        {"of the backup first, then of the master", GOOD, GOOD, "M0b B0a B1a M1n",
                .master_fault = FAULT_RESET, .backup_fault = FAULT_CLOSED, .answer = -1,
                .fault = FAULT_RESET, .attempts_max = 10},
        {"the backup's status is its answer", GOOD, GOOD, "M0b B0d", .master_fault = FAULT_RESET,
                .backup_status = 404, .answer = 1},
        {"without a backup another address is asked", GOOD, NULL, "M0a M1n",
                .master_fault = FAULT_CONNECT_REFUSED, .answer = -1,
                .fault = FAULT_CONNECT_REFUSED},
        {"a blocked address is left out", HALF, NULL, "M1d", .answer = 0},
        {"a blocked master is skipped", BAD, GOOD, "B0d", .answer = 0},
        {"who is blocked is not asked at the end either", BAD, GOOD, "B0a B1n",
                .backup_fault = FAULT_RESET, .answer = -1, .fault = FAULT_RESET},
        {"where all are blocked, the first end is tried", BAD, WORSE, "M1d!", .answer = 0},
        {"which may be the backup's", WORSE, BAD, "B1d!", .answer = 0},
        {"or nobody is", BAD, WORSE, "", .all_blocked_fails = true, .answer = -1,
                .fault = FAULT_ALL_BLOCKED},
        {"a latch begins at the backup", GOOD, GOOD, "B0d", .is_on_backup = true},
        {"and at the master where that is blocked", GOOD, BAD, "M0d", .is_on_backup = true},
        {"an unsafe method is not sent twice", GOOD, GOOD, "M0u", .is_unsafe = true,
                .master_fault = FAULT_HEAD_TIMEOUT, .answer = -1, .fault = FAULT_HEAD_TIMEOUT},
        {"but where nothing was sent", GOOD, GOOD, "M0b B0d", .is_unsafe = true,
                .master_fault = FAULT_TLS_NAME, .answer = 1},
        {"its status is the answer", GOOD, GOOD, "M0d", .is_unsafe = true, .master_status = 500},
        {"unless the operator allows it", GOOD, GOOD, "M0k B0d", .is_unsafe = true,
                .may_repeat = true, .master_status = 500, .answer = 1},
        {"one attempt is one", GOOD, GOOD, "M0s", .master_fault = FAULT_RESET, .answer = -1,
                .fault = FAULT_RESET, .attempts_max = 1},
        {"timeouts use up the budget", GOOD, GOOD, "M0l", .master_fault = FAULT_HEAD_TIMEOUT,
                .answer = -1, .fault = FAULT_HEAD_TIMEOUT, .budget_ms = 10000},
};

static void a_pull_is_planned(void **state)
{
	(void)state;
	struct model_statuses statuses = {{0}};
	model_statuses_set(&statuses, 400, 599, true);
	model_statuses_set(&statuses, 412, 412, false);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *row = &ROWS[i];
		struct edge_plan plan;
		char attempts[128];
		const struct edge_plan_facts facts = {
		        .origins = {[MODEL_MASTER] = {true, row->master, 2, false,
		                            row->master_fault,
		                            row->master_status != 0 ? row->master_status : 200,
		                            5000, 10000},
		                [MODEL_BACKUP] = {row->backup != NULL, row->backup,
		                        row->backup != NULL ? 2 : 0, false, row->backup_fault,
		                        row->backup_status != 0 ? row->backup_status : 200, 5000,
		                        10000}},
		        .is_safe = !row->is_unsafe,
		        .may_repeat = row->may_repeat,
		        .is_on_backup = row->is_on_backup,
		        .all_blocked_fails = row->all_blocked_fails,
		        .attempts_max = row->attempts_max != 0 ? row->attempts_max : 3,
		        .budget_ms = row->budget_ms != 0 ? row->budget_ms : 30000,
		        .failover_statuses = &statuses,
		};
		edge_plan_make(&facts, &plan);
		print(&plan, attempts);
		if (strcmp(attempts, row->attempts) != 0)
			fail_msg("%s: %s", row->name, attempts);
		assert_ptr_equal(
		        plan.answer, row->answer >= 0 ? &plan.attempts[row->answer] : NULL);
		assert_int_equal(plan.fault, row->fault);
	}
}

static void who_has_no_address_is_not_asked(void **state)
{
	(void)state;
	const struct model_statuses statuses = {{0}};
	struct edge_plan_facts facts = {.origins = {[MODEL_MASTER] = {.is_there = true}},
	        .is_safe = true,
	        .attempts_max = 3,
	        .budget_ms = 30000,
	        .failover_statuses = &statuses};
	struct edge_plan plan;
	edge_plan_make(&facts, &plan);
	assert_int_equal(plan.count, 0);
	assert_int_equal(plan.fault, FAULT_NO_ADDRESS);
	facts.origins[MODEL_MASTER].is_unresolved = true;
	edge_plan_make(&facts, &plan);
	assert_int_equal(plan.fault, FAULT_DNS);
}

static void choices_and_waits_are_counted(void **state)
{
	(void)state;
	struct model_statuses statuses = {{0}};
	const struct edge_plan_facts facts = {
	        .origins = {[MODEL_MASTER] = {true, GOOD, 2, false, FAULT_CONNECT_TIMEOUT, 200,
	                            5000, 10000}},
	        .is_safe = true,
	        .attempts_max = 3,
	        .budget_ms = 30000,
	        .failover_statuses = &statuses};
	struct edge_plan plan;
	edge_plan_make(&facts, &plan);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.attempts[0].choices, 2);
	assert_int_equal(plan.attempts[1].choices, 1);
	assert_int_equal(plan.ms, 10000);
	for (unsigned why = EDGE_PLAN_DELIVERED; why <= EDGE_PLAN_UNSAFE; why++)
		assert_true(strlen(edge_plan_words((enum edge_plan_why)why)) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_pull_is_planned),
	        cmocka_unit_test(who_has_no_address_is_not_asked),
	        cmocka_unit_test(choices_and_waits_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
