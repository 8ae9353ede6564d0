/* The bytes of a connection: the same with TLS and without. */
#include "../net/tls_ends.h"

#include "serve/wire.h"

#include <sys/mman.h>

static struct {
	struct text authority;
	struct tls_context *client, *server;
	struct mem_budget budget;
	struct buf_pool buffers;
} fixture;

static int set_up(void **state)
{
	(void)state;
	tls_issue_authority(10, &fixture.authority);
	fixture.client = context_of(text_str(&fixture.authority), "client");
	fixture.server = context_of(text_str(&fixture.authority), "server");
	fixture.budget = (struct mem_budget){.limit = 1 << 20};
	buf_pool_init(&fixture.buffers, &fixture.budget);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(fixture.buffers.in_use, 0);
	buf_pool_done(&fixture.buffers);
	tls_context_free(fixture.client);
	tls_context_free(fixture.server);
	text_done(&fixture.authority);
	return 0;
}

struct line {
	int sockets[2];
	struct serve_wire wire;
	struct tls *client; /* NULL: without */
};

static void begin(struct line *line, bool is_secure)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, line->sockets), 0);
	line->wire = (struct serve_wire){.fd = line->sockets[1]};
	line->client = NULL;
	if (!is_secure)
		return;
	assert_true(serve_wire_begin_tls(&line->wire, fixture.server, &fixture.buffers, STR_EMPTY));
	assert_false(serve_wire_is_open(&line->wire));
	line->client = tls_new(fixture.client, TLS_CLIENT, line->sockets[0], "server");
	for (unsigned i = 0; i < 10; i++) {
		char byte;
		size_t count;
		assert_int_equal(tls_read(line->client, &byte, 1, &count), TCP_AGAIN);
		serve_wire_ready(&line->wire, false);
		assert_int_equal(serve_wire_read(&line->wire, &byte, 1, &count), TCP_AGAIN);
	}
}

static void end(struct line *line)
{
	serve_wire_close(&line->wire);
	tls_free(line->client);
	close(line->sockets[0]);
	close(line->sockets[1]);
}

static enum tcp_result receive(struct line *line, char *to, size_t size, size_t *ret_count)
{
	return line->client != NULL ? tls_read(line->client, to, size, ret_count)
	                            : tcp_read(line->sockets[0], to, size, ret_count);
}

static void reads_and_writes(bool is_secure)
{
	struct line line;
	char room[64];
	size_t count;
	begin(&line, is_secure);
	assert_true(serve_wire_is_open(&line.wire));
	uint64_t before = serve_wire_sent(&line.wire);
	struct iovec vectors[] = {{"one ", 4}, {"two", 3}};
	assert_int_equal(serve_wire_write(&line.wire, vectors, 2, &count), TCP_DONE);
	assert_int_equal(count, 7);
	assert_true(serve_wire_sent(&line.wire) - before >= 7);
	assert_int_equal(receive(&line, room, sizeof(room), &count), TCP_DONE);
	assert_memory_equal(room, "one two", 7);
	if (is_secure)
		assert_int_equal(tls_write(line.client, STR("back"), &count), TCP_DONE);
	else
		assert_int_equal(write(line.sockets[0], "back", 4), 4);
	serve_wire_ready(&line.wire, false);
	assert_int_equal(serve_wire_read(&line.wire, room, sizeof(room), &count), TCP_DONE);
	assert_int_equal(count, 4);
	assert_true(serve_wire_flush(&line.wire));
	assert_false(serve_wire_has_unsent(&line.wire));
	end(&line);
}

static void a_plain_one_reads_and_writes(void **state)
{
	(void)state;
	reads_and_writes(false);
}

static void one_of_tls_reads_and_writes(void **state)
{
	(void)state;
	reads_and_writes(true);
}

static void sends_a_file(bool is_secure)
{
	struct line line;
	static char body[40000], got[50000];
	size_t count, sent = 0, received = 0;
	begin(&line, is_secure);
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 7 / 5);
	int file = memfd_create("body", MFD_CLOEXEC);
	assert_int_equal(write(file, body, sizeof(body)), sizeof(body));
	struct str head = STR("head");
	while (sent < sizeof(body) + 4) {
		size_t at = sent < 4 ? 0 : sent - 4;
		struct str rest = sent < 4 ? str_make(head.at + sent, 4 - sent) : STR_EMPTY;
		assert_int_equal(
		        serve_wire_send_file(&line.wire, rest, file, at, sizeof(body) - at, &count),
		        TCP_DONE);
		sent += count;
		while (receive(&line, got + received, sizeof(got) - received, &count) == TCP_DONE)
			received += count;
	}
	assert_int_equal(received, sizeof(body) + 4);
	assert_memory_equal(got, "head", 4);
	assert_memory_equal(got + 4, body, sizeof(body));
	/* There are no such bytes. */
	assert_int_equal(
	        serve_wire_send_file(&line.wire, STR_EMPTY, file, 40000, 10, &count), TCP_END);
	close(file);
	end(&line);
}

static void a_plain_one_sends_a_file(void **state)
{
	(void)state;
	sends_a_file(false);
}

static void one_of_tls_sends_a_file(void **state)
{
	(void)state;
	sends_a_file(true);
}

static void an_end_is_said_once_it_is_one(void **state)
{
	(void)state;
	for (unsigned says = 0; says < 2; says++) {
		struct line line;
		char byte;
		size_t count;
		begin(&line, true);
		if (says)
			serve_wire_end(&line.wire);
		serve_wire_close(&line.wire);
		shutdown(line.sockets[1], SHUT_WR);
		assert_int_equal(receive(&line, &byte, 1, &count), says ? TCP_END : TCP_RESET);
		end(&line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_plain_one_reads_and_writes),
	        cmocka_unit_test(one_of_tls_reads_and_writes),
	        cmocka_unit_test(a_plain_one_sends_a_file),
	        cmocka_unit_test(one_of_tls_sends_a_file),
	        cmocka_unit_test(an_end_is_said_once_it_is_one),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
