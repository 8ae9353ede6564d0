/* A worker's parts are put together, and taken apart with whatever is left in them. */
#include "origin/worker.h"

#include "fixture.h"

static void an_unused_worker_is_freed(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	origin_worker_free(NULL);
	fixture_done(&fixture);
}

static void idle_connections_are_closed_with_their_worker(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	int fd = pull_exchange(&fixture, -1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
	fixture_done(&fixture);
	char byte;
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	close(fd);
}

static unsigned drops;

static void drop_groups(struct origin_worker *worker)
{
	assert_non_null(worker->loop);
	drops++;
}

static void groups_are_dropped_before_the_pools(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.worker->drop_groups = drop_groups;
	fixture_done(&fixture);
	assert_int_equal(drops, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_unused_worker_is_freed),
	        cmocka_unit_test(idle_connections_are_closed_with_their_worker),
	        cmocka_unit_test(groups_are_dropped_before_the_pools),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
