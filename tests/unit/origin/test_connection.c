/* One connection: what its flags say, its lazy timer, and its place in the cap. */
#include "origin/connection.h"

#include "tls_server.h"

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

/* ---- TLS ---- */

struct secure {
	struct fixture fixture;
	struct tls_server server;
	struct tls_trust trust;
	struct user user;
	struct origin_connection *connection;
};

/* A connection whose handshake is done. */
static void open_secure(struct secure *secure)
{
	fixture_init(&secure->fixture);
	tls_server_init(&secure->server);
	tls_trust_init(&secure->trust, &secure->fixture, &(struct model_tls){.verify = false});
	secure->user = (struct user){.user = {.on_ready = on_ready, .on_timeout = on_timeout}};
	struct origin_slots *slots = fixture_slots(&secure->fixture);
	assert_true(origin_slots_take(slots, 0));
	assert_int_equal(origin_connection_open(secure->fixture.worker, slots,
	                         &secure->fixture.candidate.address, &secure->user.user,
	                         &secure->connection),
	        FAULT_NONE);
	struct tls *tls = origin_trust_connect(
	        secure->trust.trust, secure->connection->watched.fd, "o.test", NULL);
	origin_connection_set_tls(secure->connection, tls);
	bool is_done = true;
	assert_int_equal(origin_connection_finish(secure->connection, &is_done), FAULT_NONE);
	assert_false(is_done || secure->connection->has_connected);
	secure->server.fd = origin_accept(&secure->fixture);
	secure->server.ssl = SSL_new(secure->server.context);
	assert_int_equal(SSL_set_fd(secure->server.ssl, secure->server.fd), 1);
	SSL_set_accept_state(secure->server.ssl);
	unsigned turns = 0;
	while (!is_done && turns++ < 1000) {
		loop_turn(secure->fixture.loop, 1);
		assert_int_equal(
		        origin_connection_finish(secure->connection, &is_done), FAULT_NONE);
		SSL_do_handshake(secure->server.ssl);
	}
	assert_true(is_done && secure->connection->has_connected);
	assert_true(secure->connection->is_readable && secure->connection->is_writable);
	assert_string_equal(origin_connection_why(secure->connection), "");
	assert_int_equal(SSL_do_handshake(secure->server.ssl), 1);
}

static void close_secure(struct secure *secure)
{
	origin_connection_close(secure->connection);
	tls_server_done(&secure->server);
	tls_trust_done(&secure->trust, &secure->fixture);
	fixture_done(&secure->fixture);
}

static void a_read_takes_all_records_that_there_are(void **state)
{
	(void)state;
	struct secure secure;
	open_secure(&secure);
	struct origin_connection *connection = secure.connection;
	char bytes[32];
	size_t count;
	/* Tickets are no bytes. */
	assert_int_equal(
	        origin_connection_read(connection, bytes, sizeof(bytes), &count), TCP_AGAIN);
	assert_false(connection->is_readable);
	tls_server_send(&secure.server, "one");
	tls_server_send(&secure.server, "two");
	tls_server_send(&secure.server, "three");
	fixture_pass(&secure.fixture, 2);
	assert_true(connection->is_readable);
	assert_int_equal(origin_connection_read(connection, bytes, 4, &count), TCP_DONE);
	assert_true(count == 4 && connection->is_readable); /* TLS holds more */
	assert_memory_equal(bytes, "onet", 4);
	assert_int_equal(
	        origin_connection_read(connection, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_true(count == 7 && !connection->is_readable);
	assert_memory_equal(bytes, "wothree", 7);
	assert_true(origin_connection_is_quiet(connection));
	tls_server_send(&secure.server, "x");
	fixture_pass(&secure.fixture, 2);
	assert_false(origin_connection_is_quiet(connection));
	close_secure(&secure);
}

static void only_a_goodbye_is_an_end(void **state)
{
	(void)state;
	for (unsigned says_goodbye = 0; says_goodbye < 2; says_goodbye++) {
		struct secure secure;
		open_secure(&secure);
		char bytes[8];
		size_t count;
		tls_server_send(&secure.server, "last");
		if (says_goodbye)
			SSL_shutdown(secure.server.ssl);
		tcp_send_fin(secure.server.fd);
		fixture_pass(&secure.fixture, 2);
		assert_int_equal(
		        origin_connection_read(secure.connection, bytes, sizeof(bytes), &count),
		        TCP_DONE);
		assert_true(count == 4 && secure.connection->is_readable);
		assert_int_equal(
		        origin_connection_read(secure.connection, bytes, sizeof(bytes), &count),
		        says_goodbye ? TCP_END : TCP_RESET);
		assert_true(secure.connection->is_hangup && !secure.connection->is_readable);
		assert_false(origin_connection_is_quiet(secure.connection));
		assert_false(origin_connection_is_tls_fault(secure.connection));
		close_secure(&secure);
	}
}

static char nth_byte(size_t n)
{
	return (char)('a' + (n * 7 + n / 251) % 26);
}

/* The origin reads nothing at first; what is offered again is cut in other places than before. */
static void what_tls_has_taken_leaves_by_itself(void **state)
{
	(void)state;
	enum { ALL = 4000000, PIECE = 5000 };
	struct secure secure;
	open_secure(&secure);
	struct origin_connection *connection = secure.connection;
	/* Or a kernel that remembers how fast this way is takes all of it. */
	int buffer = 65536;
	assert_int_equal(
	        setsockopt(connection->watched.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)),
	        0);
	char *sent = mem_alloc(ALL);
	for (size_t i = 0; i < ALL; i++)
		sent[i] = nth_byte(i);
	size_t taken = 0;
	while (taken < ALL && connection->is_writable) {
		/* Head and tail of what is left, so that records end anywhere. */
		size_t left = ALL - taken, first = left < 700 ? left : 700;
		struct iovec vectors[2] = {{.iov_base = sent + taken, .iov_len = first},
		        {.iov_base = sent + taken + first, .iov_len = left - first}};
		if (taken % 3 == 0) {
			vectors[0].iov_len = left;
			vectors[1].iov_len = 0;
		}
		size_t count = 0;
		assert_int_equal(origin_connection_write(connection, vectors, 2, &count), TCP_DONE);
		taken += count;
	}
	assert_true(taken < ALL && connection->unsent != NULL);
	assert_false(origin_connection_is_quiet(connection));
	struct iovec more = {.iov_base = sent + taken, .iov_len = PIECE};
	size_t count = 0;
	assert_int_equal(origin_connection_write(connection, &more, 1, &count), TCP_AGAIN);
	/* All that was taken arrives, although nobody writes again. */
	struct text got = tls_server_read(&secure.server, &secure.fixture, taken);
	assert_memory_equal(got.at, sent, taken);
	text_done(&got);
	assert_null(connection->unsent);
	assert_true(connection->is_writable);
	assert_int_equal(origin_connection_write(connection, &more, 1, &count), TCP_DONE);
	assert_int_equal(count, PIECE);
	got = tls_server_read(&secure.server, &secure.fixture, PIECE);
	assert_memory_equal(got.at, sent + taken, PIECE);
	text_done(&got);
	mem_free(sent);
	close_secure(&secure);
}

static void new_keys_are_no_news(void **state)
{
	(void)state;
	struct secure secure;
	open_secure(&secure);
	char bytes[8];
	size_t count;
	struct iovec vector = {.iov_base = bytes, .iov_len = 4};
	assert_true(origin_connection_is_quiet(secure.connection));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(SSL_key_update(secure.server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(secure.server.ssl), 1);
		fixture_pass(&secure.fixture, 2);
		assert_true(secure.connection->is_readable);
		assert_true(origin_connection_is_quiet(secure.connection));
		memcpy(bytes, "ping", 4);
		assert_int_equal(
		        origin_connection_write(secure.connection, &vector, 1, &count), TCP_DONE);
		struct text got = tls_server_read(&secure.server, &secure.fixture, 4);
		assert_memory_equal(got.at, "ping", 4);
		text_done(&got);
		tls_server_send(&secure.server, "pong");
		fixture_pass(&secure.fixture, 2);
		assert_int_equal(
		        origin_connection_read(secure.connection, bytes, sizeof(bytes), &count),
		        TCP_DONE);
		assert_int_equal(count, 4);
	}
	close_secure(&secure);
}

/* An origin may answer and close before it has read the whole request. */
static void an_early_answer_is_read_although_writing_fails(void **state)
{
	(void)state;
	struct secure secure;
	open_secure(&secure);
	char bytes[16384] = {0};
	size_t count;
	struct iovec vector = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	tls_server_send(&secure.server, "413");
	SSL_shutdown(secure.server.ssl);
	tcp_send_fin(secure.server.fd);
	shutdown(secure.connection->watched.fd, SHUT_WR); /* as if it had been reset behind that */
	assert_int_equal(origin_connection_write(secure.connection, &vector, 1, &count), TCP_RESET);
	assert_true(secure.connection->is_readable && !secure.connection->is_writable);
	assert_int_equal(origin_connection_write(secure.connection, &vector, 1, &count), TCP_RESET);
	assert_int_equal(
	        origin_connection_read(secure.connection, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_int_equal(count, 3);
	assert_int_equal(
	        origin_connection_read(secure.connection, bytes, sizeof(bytes), &count), TCP_END);
	close_secure(&secure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(flags_tell_what_reading_may_give),
	        cmocka_unit_test(a_deadline_may_move_either_way),
	        cmocka_unit_test(a_failure_to_open_gives_the_place_back),
	        cmocka_unit_test(a_read_takes_all_records_that_there_are),
	        cmocka_unit_test(only_a_goodbye_is_an_end),
	        cmocka_unit_test(what_tls_has_taken_leaves_by_itself),
	        cmocka_unit_test(new_keys_are_no_news),
	        cmocka_unit_test(an_early_answer_is_read_although_writing_fails),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
