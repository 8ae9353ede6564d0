/* One connection: what its flags say, its lazy timer, and its place in the cap. */
#include "origin/connection.h"

#include "fixture.h"

struct user {
	struct origin_connection_user user;
	unsigned readies, timeouts;
	uint64_t timeout_ms;
};

static void on_ready(struct origin_connection_user *user, struct origin_connection *connection)
{
	(void)connection;
	container_of(user, struct user, user)->readies++;
}

static void on_timeout(struct origin_connection_user *user, struct origin_connection *connection)
{
	(void)connection;
	struct user *self = container_of(user, struct user, user);
	self->timeouts++;
	self->timeout_ms = clock_ms();
}

static struct origin_connection *open_one(struct fixture *fixture, struct user *user, int *ret_fd)
{
	*user = (struct user){.user = {.on_ready = on_ready, .on_timeout = on_timeout}};
	struct origin_slots *slots = fixture_slots(fixture);
	assert_true(origin_slots_take(slots, 0));
	struct origin_connection *connection;
	assert_int_equal(origin_connection_open(fixture->worker, slots, &fixture->candidate.address,
	                         &user->user, &connection),
	        FAULT_NONE);
	assert_int_equal(user->readies, 0);
	*ret_fd = origin_accept(fixture);
	fixture_pass(fixture, 2);
	assert_true(connection->is_writable);
	assert_int_equal(tcp_connect_result(connection->watched.fd), FAULT_NONE);
	return connection;
}

static void flags_tell_what_reading_may_give(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct user user;
	int fd;
	struct origin_connection *connection = open_one(&fixture, &user, &fd);
	assert_false(connection->is_readable);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 1);

	char bytes[8];
	size_t count = 0;
	origin_send(fd, "abcdefghij");
	fixture_pass(&fixture, 2);
	assert_true(connection->is_readable);
	assert_int_equal(
	        origin_connection_read(connection, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_true(count == 8 && connection->is_readable); /* there may be more */
	assert_int_equal(
	        origin_connection_read(connection, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_true(count == 2 && !connection->is_readable); /* there was not */
	assert_int_equal(
	        origin_connection_read(connection, bytes, sizeof(bytes), &count), TCP_AGAIN);

	origin_send(fd, "k");
	tcp_send_fin(fd);
	fixture_pass(&fixture, 2);
	assert_true(connection->is_hangup && connection->is_readable);
	assert_int_equal(
	        origin_connection_read(connection, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_true(count == 1 && connection->is_readable); /* the end is still to come */
	assert_int_equal(origin_connection_read(connection, bytes, sizeof(bytes), &count), TCP_END);
	assert_false(connection->is_readable);

	struct iovec vector = {.iov_base = bytes, .iov_len = 1};
	assert_int_equal(origin_connection_write(connection, &vector, 1, &count), TCP_DONE);
	origin_connection_close(connection);
	origin_connection_close(NULL);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 0);
	close(fd);
	fixture_done(&fixture);
}

static void a_deadline_may_move_either_way(void **state)
{
	(void)state;
	static const struct {
		unsigned first_ms, then_ms; /* 0: never */
		unsigned expected_ms;       /* 0: it does not come within 120 ms */
	} ROWS[] = {
	        {30, 30, 30},
	        {20, 60, 60},
	        {900, 20, 20},
	        {20, 0, 0},
	        {0, 0, 0},
	        {0, 20, 20},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct user user;
		int fd;
		struct origin_connection *connection = open_one(&fixture, &user, &fd);
		uint64_t now_ms = loop_now_ms(fixture.loop);
		origin_connection_set_deadline(connection,
		        ROWS[i].first_ms == 0 ? CLOCK_NEVER : now_ms + ROWS[i].first_ms);
		origin_connection_set_deadline(
		        connection, ROWS[i].then_ms == 0 ? CLOCK_NEVER : now_ms + ROWS[i].then_ms);
		fixture_pass(&fixture, 120);
		assert_int_equal(user.timeouts, ROWS[i].expected_ms != 0 ? 1 : 0);
		if (user.timeouts != 0)
			assert_in_range(user.timeout_ms - now_ms, ROWS[i].expected_ms,
			        ROWS[i].expected_ms + 400);
		origin_connection_close(connection);
		close(fd);
		fixture_done(&fixture);
	}
}

static void a_failure_to_open_gives_the_place_back(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct address nowhere;
	assert_true(address_parse(STR("255.255.255.255:1"), &nowhere));
	struct user user = {.user = {.on_ready = on_ready, .on_timeout = on_timeout}};
	struct origin_slots *slots = fixture_slots(&fixture);
	assert_true(origin_slots_take(slots, 0));
	struct origin_connection *connection = NULL;
	assert_int_not_equal(
	        origin_connection_open(fixture.worker, slots, &nowhere, &user.user, &connection),
	        FAULT_NONE);
	assert_null(connection);
	assert_int_equal(atomic_load(&slots->open), 0);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(flags_tell_what_reading_may_give),
	        cmocka_unit_test(a_deadline_may_move_either_way),
	        cmocka_unit_test(a_failure_to_open_gives_the_place_back),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
