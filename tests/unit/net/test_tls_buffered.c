/* A server's end that buffers: records, what waits for the socket, and what came before TLS. */
#include "tls_ends.h"

#include "net/tls_private.h"

#include <openssl/tls1.h>

static struct {
	struct text authority;
	struct tls_context *edge, *control;
	struct mem_budget budget;
	struct buf_pool buffers;
} fleet;

static int make_fleet(void **state)
{
	(void)state;
	tls_issue_authority(10, &fleet.authority);
	fleet.edge = context_of(text_str(&fleet.authority), "edge-1");
	fleet.control = context_of(text_str(&fleet.authority), "control.test");
	fleet.budget = (struct mem_budget){.limit = 1 << 20};
	buf_pool_init(&fleet.buffers, &fleet.budget);
	return 0;
}

static int free_fleet(void **state)
{
	(void)state;
	assert_int_equal(fleet.buffers.in_use, 0);
	buf_pool_done(&fleet.buffers);
	tls_context_free(fleet.edge);
	tls_context_free(fleet.control);
	text_done(&fleet.authority);
	return 0;
}

/* Turns both; the loop would tell the server of each arrival. */
static void turn(struct ends *ends)
{
	char byte;
	size_t count;
	for (unsigned i = 0; i < 20; i++) {
		ends->client_saw = tls_read(ends->client, &byte, 1, &count);
		tls_ready(ends->server, false);
		ends->server_saw = tls_read(ends->server, &byte, 1, &count);
	}
}

/* With a client that wants records of so many bytes at most; 0: it does not mind. */
static void begin_with(struct ends *ends, unsigned char fragments)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends->sockets), 0);
	ends->client = tls_new(fleet.edge, TLS_CLIENT, ends->sockets[0], "control.test");
	if (fragments != TLSEXT_max_fragment_length_DISABLED)
		assert_int_equal(
		        SSL_set_tlsext_max_fragment_length(ends->client->ssl, fragments), 1);
	ends->server = tls_new_buffered(fleet.control, ends->sockets[1], &fleet.buffers);
	assert_false(tls_is_open(ends->server));
	turn(ends);
	assert_true(tls_is_open(ends->server));
	assert_false(tls_has_unsent(ends->server));
}

static void begin(struct ends *ends)
{
	begin_with(ends, TLSEXT_max_fragment_length_DISABLED);
}

/* Reads what the client gets until nothing more comes; returns how much it was, all of it `byte`.
 */
static size_t read_all(struct ends *ends, char byte)
{
	static char room[100000];
	size_t sum = 0, count;
	while (tls_read(ends->client, room, sizeof(room), &count) == TCP_DONE) {
		for (size_t i = 0; i < count; i++)
			assert_int_equal(room[i], byte);
		sum += count;
	}
	return sum;
}

static void parts_leave_together(void **state)
{
	(void)state;
	struct ends ends;
	char room[100];
	size_t count;
	begin(&ends);
	struct iovec vectors[] = {{"head ", 5}, {"", 0}, {"and body", 8}};
	assert_int_equal(tls_write_vectors(ends.server, vectors, 3, &count), TCP_DONE);
	assert_int_equal(count, 13);
	/* One record has them. */
	assert_int_equal(tls_read(ends.client, room, sizeof(room), &count), TCP_DONE);
	assert_int_equal(count, 13);
	assert_memory_equal(room, "head and body", 13);
	close_ends(&ends);
}

static void the_socket_does_not_take_all(unsigned char fragments)
{
	struct ends ends;
	static char body[3000000];
	memset(body, 'b', sizeof(body));
	begin_with(&ends, fragments);
	size_t sent = 0, received = 0;
	while (sent < sizeof(body)) {
		struct iovec vectors[] = {
		        {body, sent < sizeof(body) ? 1 : 0},
		        {body, sizeof(body) - sent - 1},
		};
		size_t count;
		enum tcp_result result = tls_write_vectors(ends.server, vectors, 2, &count);
		if (result == TCP_DONE) {
			assert_true(count > 0);
			sent += count;
			continue;
		}
		assert_int_equal(result, TCP_AGAIN);
		assert_true(tls_has_unsent(ends.server));
		assert_int_equal(tls_flush(ends.server), TCP_AGAIN);
		received += read_all(&ends, 'b');
		assert_int_equal(tls_flush(ends.server), TCP_DONE);
	}
	while (tls_has_unsent(ends.server)) {
		received += read_all(&ends, 'b');
		assert_int_not_equal(tls_flush(ends.server), TCP_RESET);
	}
	received += read_all(&ends, 'b');
	assert_int_equal(received, sizeof(body));
	assert_true(tls_sent(ends.server) > sizeof(body));
	close_ends(&ends);
}

static void what_the_socket_does_not_take_waits(void **state)
{
	(void)state;
	the_socket_does_not_take_all(TLSEXT_max_fragment_length_DISABLED);
}

static void records_are_as_short_as_the_client_wants_them(void **state)
{
	(void)state;
	const unsigned char lengths[] = {TLSEXT_max_fragment_length_512,
	        TLSEXT_max_fragment_length_1024, TLSEXT_max_fragment_length_4096};
	for (unsigned i = 0; i < ARRAY_LENGTH(lengths); i++)
		the_socket_does_not_take_all(lengths[i]);
	struct ends ends;
	char room[2000];
	size_t count;
	begin_with(&ends, TLSEXT_max_fragment_length_512);
	struct iovec vectors[] = {{"head ", 5}, {room, 1000}};
	memset(room, 'b', sizeof(room));
	assert_int_equal(tls_write_vectors(ends.server, vectors, 2, &count), TCP_DONE);
	assert_int_equal(count, 1005);
	assert_int_equal(tls_read(ends.client, room, sizeof(room), &count), TCP_DONE);
	assert_int_equal(count, 512);
	assert_memory_equal(room, "head b", 6);
	assert_int_equal(read_all(&ends, 'b'), 1005 - 512);
	close_ends(&ends);
}

/* What a handshake's first bytes were read as something else. */
static void what_came_before_is_not_lost(void **state)
{
	(void)state;
	struct ends ends;
	char early[10000];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.sockets), 0);
	ends.client = tls_new(fleet.edge, TLS_CLIENT, ends.sockets[0], "control.test");
	size_t count;
	assert_int_equal(tls_read(ends.client, early, 1, &count), TCP_AGAIN);
	ssize_t got = recv(ends.sockets[1], early, sizeof(early), 0);
	assert_true(got > 100);
	ends.server = tls_new_buffered(fleet.control, ends.sockets[1], &fleet.buffers);
	assert_true(tls_give(ends.server, str_make(early, 50)));
	assert_true(tls_give(ends.server, str_make(early + 50, (size_t)got - 50)));
	turn(&ends);
	assert_true(tls_is_open(ends.server));
	close_ends(&ends);
}

static void an_empty_socket_is_not_asked_again(void **state)
{
	(void)state;
	struct ends ends;
	char room[10];
	size_t count;
	begin(&ends);
	assert_int_equal(tls_read(ends.server, room, sizeof(room), &count), TCP_AGAIN);
	assert_int_equal(tls_write(ends.client, STR("x"), &count), TCP_DONE);
	assert_int_equal(tls_read(ends.server, room, sizeof(room), &count), TCP_AGAIN);
	tls_ready(ends.server, false);
	assert_int_equal(tls_read(ends.server, room, sizeof(room), &count), TCP_DONE);
	assert_int_equal(count, 1);
	close_ends(&ends);
}

static void who_breaks_off_says_nothing(void **state)
{
	(void)state;
	struct ends ends;
	char room[10];
	size_t count;
	begin(&ends);
	tls_break(ends.server);
	struct iovec vector = {"x", 1};
	assert_int_equal(tls_write_vectors(ends.server, &vector, 1, &count), TCP_RESET);
	tls_close(ends.server);
	shutdown(ends.sockets[1], SHUT_WR);
	assert_int_equal(tls_read(ends.client, room, sizeof(room), &count), TCP_RESET);
	close_ends(&ends);
	begin(&ends);
	tls_close(ends.server);
	assert_int_equal(tls_read(ends.client, room, sizeof(room), &count), TCP_END);
	close_ends(&ends);
}

static void without_memory_it_breaks(void **state)
{
	(void)state;
	struct ends ends;
	size_t count;
	begin(&ends);
	buf_pool_done(&fleet.buffers);
	buf_pool_init(&fleet.buffers, &fleet.budget);
	assert_true(mem_budget_take(&fleet.budget, (1 << 20) - 8192));
	static char body[20000];
	struct iovec vector = {body, sizeof(body)};
	assert_int_equal(tls_write_vectors(ends.server, &vector, 1, &count), TCP_RESET);
	mem_budget_give(&fleet.budget, (1 << 20) - 8192);
	close_ends(&ends);
}

static void a_peer_that_is_gone_is_a_reset(void **state)
{
	(void)state;
	struct ends ends;
	size_t count;
	static char body[20000];
	begin(&ends);
	close(ends.sockets[0]);
	struct iovec vector = {body, sizeof(body)};
	assert_int_equal(tls_write_vectors(ends.server, &vector, 1, &count), TCP_RESET);
	assert_int_equal(tls_flush(ends.server), TCP_DONE);
	ends.sockets[0] = open("/dev/null", O_RDONLY);
	tls_break(ends.client);
	close_ends(&ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(parts_leave_together),
	        cmocka_unit_test(what_the_socket_does_not_take_waits),
	        cmocka_unit_test(records_are_as_short_as_the_client_wants_them),
	        cmocka_unit_test(what_came_before_is_not_lost),
	        cmocka_unit_test(an_empty_socket_is_not_asked_again),
	        cmocka_unit_test(who_breaks_off_says_nothing),
	        cmocka_unit_test(without_memory_it_breaks),
	        cmocka_unit_test(a_peer_that_is_gone_is_a_reset),
	};
	return cmocka_run_group_tests(tests, make_fleet, free_fleet);
}
