/* Which revisions every worker has. */
#include "edge/rollout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_next(struct edge_rollout *rollout, uint64_t wanted)
{
	uint64_t revision = 0;
	assert_true(edge_rollout_next(rollout, &revision));
	assert_int_equal(revision, wanted);
}

static void assert_none(struct edge_rollout *rollout)
{
	uint64_t revision = 0;
	assert_false(edge_rollout_next(rollout, &revision));
	assert_int_equal(revision, 0);
}

static void a_revision_is_taken_when_the_last_worker_has_it(void **state)
{
	(void)state;
	struct edge_rollout *rollout = edge_rollout_new(3);
	assert_none(rollout);
	edge_rollout_begin(rollout, 7);
	edge_rollout_take(rollout, 2);
	edge_rollout_take(rollout, 0);
	assert_none(rollout);
	edge_rollout_take(rollout, 1);
	assert_next(rollout, 7);
	assert_none(rollout);
	edge_rollout_free(rollout);
}

/* Also where a later one has a lower number, as of another store. */
static void revisions_come_each_once_and_in_their_order(void **state)
{
	(void)state;
	struct edge_rollout *rollout = edge_rollout_new(2);
	edge_rollout_begin(rollout, 10);
	edge_rollout_begin(rollout, 12);
	edge_rollout_begin(rollout, 3);
	for (unsigned i = 0; i < 3; i++)
		edge_rollout_take(rollout, 0);
	assert_none(rollout);
	edge_rollout_take(rollout, 1);
	edge_rollout_take(rollout, 1);
	assert_next(rollout, 10);
	assert_next(rollout, 12);
	assert_none(rollout);
	edge_rollout_take(rollout, 1);
	assert_next(rollout, 3);
	assert_none(rollout);
	edge_rollout_free(rollout);
}

static void nobody_waits_for_a_worker_that_has_ended(void **state)
{
	(void)state;
	struct edge_rollout *rollout = edge_rollout_new(2);
	edge_rollout_begin(rollout, 1);
	edge_rollout_take(rollout, 0);
	assert_none(rollout);
	edge_rollout_end(rollout, 1);
	assert_next(rollout, 1);
	edge_rollout_begin(rollout, 2);
	assert_none(rollout);
	edge_rollout_take(rollout, 0);
	assert_next(rollout, 2);
	edge_rollout_begin(rollout, 3);
	edge_rollout_end(rollout, 0);
	assert_next(rollout, 3);
	edge_rollout_begin(rollout, 4); /* and freed with it */
	edge_rollout_free(rollout);
	edge_rollout_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_revision_is_taken_when_the_last_worker_has_it),
	        cmocka_unit_test(revisions_come_each_once_and_in_their_order),
	        cmocka_unit_test(nobody_waits_for_a_worker_that_has_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
