/* Pools: identity, what is kept and for how long, and the queue where connections_max is reached.
 */
#include "origin/pool.h"

#include "fixture.h"

#define OK_RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void a_pool_is_one_for_address_protocol_name_and_trust(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct origin_trust_sink sink = {.on_file = NULL};
	struct origin_trust_table *table = origin_trust_table_new(fixture.loop, &sink);
	struct origin_trust *strict = origin_trust_get(table, &(struct model_tls){.verify = true});
	struct origin_trust *loose = origin_trust_get(table, &(struct model_tls){.verify = false});
	struct address here = fixture.candidate.address, there = here;
	there.port++;
	static const char *const NAMES[] = {"a.test", "b.test"};
	struct origin_pool *pools[10];
	unsigned count = 0;
	pools[count++] = origin_pool_get(fixture.worker, &here, MODEL_HTTP, STR_EMPTY, NULL);
	pools[count++] = origin_pool_get(fixture.worker, &there, MODEL_HTTP, STR_EMPTY, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		struct str name = str_of(NAMES[i]);
		pools[count++] = origin_pool_get(fixture.worker, &here, MODEL_HTTPS, name, strict);
		pools[count++] = origin_pool_get(fixture.worker, &here, MODEL_HTTPS, name, loose);
		pools[count++] = origin_pool_get(fixture.worker, &there, MODEL_HTTPS, name, strict);
		pools[count++] = origin_pool_get(fixture.worker, &there, MODEL_HTTPS, name, loose);
	}
	for (unsigned i = 0; i < count; i++) {
		for (unsigned j = 0; j < i; j++)
			assert_ptr_not_equal(pools[i], pools[j]);
	}
	assert_ptr_equal(pools[0], fixture.candidate.pool);
	struct origin_pool *again =
	        origin_pool_get(fixture.worker, &there, MODEL_HTTPS, STR("b.test"), loose);
	assert_ptr_equal(again, pools[9]);
	origin_pool_unref(again);
	again = origin_pool_named(pools[2], STR("b.test"));
	assert_ptr_equal(again, pools[6]);
	origin_pool_unref(again);
	for (unsigned i = 0; i < count; i++)
		origin_pool_unref(pools[i]);
	origin_pool_unref(NULL);
	assert_int_equal(fixture.worker->pools.count, 1);
	origin_trust_unref(strict);
	origin_trust_unref(loose);
	origin_trust_table_free(table);
	fixture_done(&fixture);
}

static void idle_connections_outlive_their_users_for_a_while(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.keepalive_ms = 300;
	int fd = pull_exchange(&fixture, -1, OK_RESPONSE);
	origin_pool_unref(fixture.candidate.pool);
	assert_int_equal(fixture.worker->pools.count, 1);
	fixture_pass(&fixture, 50);
	assert_int_equal(fixture.worker->pools.count, 1);
	fixture_pass(&fixture, 350);
	assert_int_equal(fixture.worker->pools.count, 0);
	char byte;
	while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	fixture.candidate.pool = NULL;
	close(fd);
	fixture_done(&fixture);
}

static void a_connection_in_use_is_not_ended_by_an_earlier_deadline(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.keepalive_ms = 40;
	int fd = pull_exchange(&fixture, -1, OK_RESPONSE);
	struct pull pull;
	pull_get(&pull, &fixture);
	assert_true(pull.attempt.is_reused);
	fixture_pass(&fixture, 80); /* the idle one's time is over */
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_HEAD);
	fixture_pass(&fixture, HEAD_MS);
	pull_wait_fault(&pull, FAULT_HEAD_TIMEOUT);
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

static void the_last_used_goes_first_and_the_oldest_leaves(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	enum { COUNT = 6 }; /* two more than idle_max */
	struct pull pulls[COUNT];
	int fds[COUNT];
	for (int i = 0; i < COUNT; i++) {
		pull_get(&pulls[i], &fixture);
		fds[i] = origin_accept(&fixture);
		origin_expect(&fixture, fds[i], STR(REQUEST));
	}
	for (int i = 0; i < COUNT; i++) {
		origin_send(fds[i], OK_RESPONSE);
		assert_int_equal(pull_body(&pulls[i]), ORIGIN_READ_END);
		pull_end(&pulls[i]);
	}
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 4);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(origin_is_closed(&fixture, fds[i]), i < 2);
	pull_exchange(&fixture, fds[COUNT - 1], OK_RESPONSE);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	fixture_done(&fixture);
}

static void attempts_beyond_the_cap_wait_their_turn(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.connections_max = 1;
	fixture.group.domain->origin.queue_ms = PATIENCE_MS;
	struct pull pulls[4];
	for (int i = 0; i < 4; i++) {
		pull_get(&pulls[i], &fixture);
		assert_int_equal(
		        pulls[i].attempt.phase, i == 0 ? ORIGIN_PHASE_CONNECT : ORIGIN_PHASE_QUEUE);
	}
	/* queue_max is 2. */
	pull_wait_fault(&pulls[3], FAULT_QUEUE_FULL);
	assert_int_equal(pulls[3].attempt.reached, ORIGIN_PHASE_QUEUE);
	pull_end(&pulls[3]);

	/* A kept connection goes to the oldest. */
	int fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(REQUEST));
	origin_send(fd, OK_RESPONSE);
	assert_int_equal(pull_body(&pulls[0]), ORIGIN_READ_END);
	pull_end(&pulls[0]);
	assert_int_equal(pulls[1].attempt.phase, ORIGIN_PHASE_HEAD);
	assert_int_equal(pulls[2].attempt.phase, ORIGIN_PHASE_QUEUE);
	origin_expect(&fixture, fd, STR(REQUEST));
	assert_true(pulls[1].attempt.is_reused);

	/* A closed one leaves its place. */
	origin_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(pull_body(&pulls[1]), ORIGIN_READ_END);
	pull_end(&pulls[1]);
	close(fd);
	fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(REQUEST));
	assert_false(pulls[2].attempt.is_reused);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 1);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->queued), 0);
	pull_end(&pulls[2]);
	assert_int_equal(fixture_server(&fixture).failures, 0);
	close(fd);
	fixture_done(&fixture);
}

static void waiting_ends_in_time_and_is_no_failure_of_the_origin(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.connections_max = 1;
	fixture.group.domain->origin.head_timeout_ms = PATIENCE_MS;
	struct pull first, second, third;
	pull_get(&first, &fixture);
	int fd = origin_accept(&fixture);
	uint64_t began_ms = clock_ms();
	pull_get(&second, &fixture);
	pull_init(&third, &fixture);
	third.options.deadline_ms = loop_now_ms(fixture.loop) + QUEUE_MS / 3;
	pull_start(&third);
	pull_wait_fault(&third, FAULT_BUDGET);
	pull_end(&third);
	pull_wait_fault(&second, FAULT_QUEUE_TIMEOUT);
	assert_in_range(clock_ms() - began_ms, QUEUE_MS - 3, QUEUE_MS + SLACK_MS);
	pull_end(&second);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->queued), 0);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->waiting), 0);
	pull_end(&first);
	assert_int_equal(fixture_host(&fixture).failures, 0);
	assert_int_equal(fixture_server(&fixture).failures, 0);
	close(fd);
	fixture_done(&fixture);
}

static void a_fresh_connection_takes_the_place_of_an_idle_one(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.connections_max = 1;
	int kept = pull_exchange(&fixture, -1, OK_RESPONSE);
	struct pull pull;
	pull_init(&pull, &fixture);
	pull.options.is_fresh_only = true;
	pull_start(&pull);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_CONNECT);
	int fd = origin_accept(&fixture);
	assert_true(origin_is_closed(&fixture, kept));
	pull_end(&pull);
	close(fd);
	close(kept);
	fixture_done(&fixture);
}

static void who_leaves_the_queue_is_forgotten(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.connections_max = 1;
	struct pull first, second, third;
	pull_get(&first, &fixture);
	pull_get(&second, &fixture);
	pull_get(&third, &fixture);
	pull_end(&second);
	int fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(REQUEST));
	origin_send(fd, OK_RESPONSE);
	assert_int_equal(pull_body(&first), ORIGIN_READ_END);
	assert_int_equal(third.attempt.phase, ORIGIN_PHASE_HEAD);
	pull_end(&first);
	pull_end(&third);
	close(fd);
	fixture_done(&fixture);
}

/* A second worker of the same process, on a loop of its own. */
struct neighbour {
	struct loop *loop;
	struct origin_worker *worker;
	struct origin_candidate candidate;
};

static void neighbour_init(struct neighbour *neighbour, struct fixture *fixture)
{
	neighbour->loop = loop_new();
	neighbour->worker = origin_worker_new(&(struct origin_worker_options){
	        .loop = neighbour->loop,
	        .buffers = &fixture->buffers,
	        .shared = &fixture->shared,
	        .idle_max = 4,
	});
	neighbour->candidate = fixture->candidate;
	neighbour->candidate.references = 1;
	neighbour->candidate.pool = origin_pool_get(
	        neighbour->worker, &neighbour->candidate.address, MODEL_HTTP, STR_EMPTY, NULL);
}

static void neighbour_done(struct neighbour *neighbour)
{
	origin_pool_unref(neighbour->candidate.pool);
	origin_worker_free(neighbour->worker);
	loop_free(neighbour->loop);
}

static void neighbour_start(struct pull *pull, struct neighbour *neighbour, struct fixture *fixture)
{
	pull_init(pull, fixture);
	pull->options.candidate = &neighbour->candidate;
	pull->is_inside = true;
	origin_attempt_start(&pull->attempt, neighbour->worker, &pull->sink, &pull->options);
	pull->is_inside = false;
}

/* Turns both loops until the attempt is in `phase` or behind it. */
static void turn_both(struct fixture *fixture, struct neighbour *neighbour, struct pull *pull,
        enum origin_phase phase)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (pull->attempt.phase < phase && clock_ms() < until_ms) {
		loop_turn(neighbour->loop, 1);
		loop_turn(fixture->loop, 1);
	}
	assert_true(pull->attempt.phase >= phase);
}

static void another_workers_idle_connection_is_given_up(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.connections_max = 1;
	fixture.group.domain->origin.queue_ms = PATIENCE_MS;
	struct neighbour neighbour;
	neighbour_init(&neighbour, &fixture);
	int kept = pull_exchange(&fixture, -1, OK_RESPONSE);
	struct pull pull;
	neighbour_start(&pull, &neighbour, &fixture);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_QUEUE);
	turn_both(&fixture, &neighbour, &pull, ORIGIN_PHASE_HEAD);
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 0);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 1);
	pull_end(&pull);
	close(kept);
	neighbour_done(&neighbour);
	fixture_done(&fixture);
}

static void another_worker_that_waits_longer_gets_the_place(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.connections_max = 1;
	fixture.group.domain->origin.queue_ms = PATIENCE_MS;
	fixture.group.domain->origin.head_timeout_ms = PATIENCE_MS;
	struct neighbour neighbour;
	neighbour_init(&neighbour, &fixture);
	struct pull here, theirs, later;
	pull_get(&here, &fixture);
	int fd = origin_accept(&fixture);
	pull_wait(&here, ORIGIN_PHASE_HEAD);
	neighbour_start(&theirs, &neighbour, &fixture);
	fixture_pass(&fixture, 10);
	pull_get(&later, &fixture);
	assert_int_equal(later.attempt.phase, ORIGIN_PHASE_QUEUE);

	origin_send(fd, OK_RESPONSE); /* may be kept, but is not */
	pull_wait(&here, ORIGIN_PHASE_BODY);
	assert_int_equal(later.attempt.phase, ORIGIN_PHASE_QUEUE);
	turn_both(&fixture, &neighbour, &theirs, ORIGIN_PHASE_HEAD);
	assert_int_equal(later.attempt.phase, ORIGIN_PHASE_QUEUE);
	pull_end(&here);
	close(fd);

	/* Theirs is kept by a worker that has no use for it, and so goes to the one that waits. */
	fd = origin_accept(&fixture);
	origin_send(fd, OK_RESPONSE);
	turn_both(&fixture, &neighbour, &theirs, ORIGIN_PHASE_BODY);
	turn_both(&fixture, &neighbour, &later, ORIGIN_PHASE_HEAD);
	pull_end(&theirs);
	pull_end(&later);
	close(fd);
	neighbour_done(&neighbour);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_pool_is_one_for_address_protocol_name_and_trust),
	        cmocka_unit_test(idle_connections_outlive_their_users_for_a_while),
	        cmocka_unit_test(a_connection_in_use_is_not_ended_by_an_earlier_deadline),
	        cmocka_unit_test(the_last_used_goes_first_and_the_oldest_leaves),
	        cmocka_unit_test(attempts_beyond_the_cap_wait_their_turn),
	        cmocka_unit_test(waiting_ends_in_time_and_is_no_failure_of_the_origin),
	        cmocka_unit_test(a_fresh_connection_takes_the_place_of_an_idle_one),
	        cmocka_unit_test(who_leaves_the_queue_is_forgotten),
	        cmocka_unit_test(another_workers_idle_connection_is_given_up),
	        cmocka_unit_test(another_worker_that_waits_longer_gets_the_place),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
