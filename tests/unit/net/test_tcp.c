/* TCP on loopback: what each end sees, and what errors are called. */
#include "net/tcp.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WAIT_MS = 5000 };

static void wait_for(int fd, short events)
{
	struct pollfd poller = {.fd = fd, .events = events};
	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
}

static struct address parse(const char *text)
{
	struct address address;
	assert_true(address_parse(str_of(text), &address));
	return address;
}

/* A listener on a port that the kernel chose; *ret_address is where it is. */
static int listen_anywhere(const char *at, struct address *ret_address)
{
	struct address address = parse(at);
	int listener = tcp_listen(&address, 16);
	if (listener >= 0)
		assert_true(tcp_local_address(listener, ret_address));
	return listener;
}

/* A connection over loopback, with both of its ends. */
struct pair {
	int listener, client, server;
	struct address address, peer;
};

static void connect_pair(struct pair *pair)
{
	pair->listener = listen_anywhere("127.0.0.1:0", &pair->address);
	assert_true(pair->listener >= 0);
	assert_int_equal(tcp_connect(&pair->address, &pair->client), FAULT_NONE);
	wait_for(pair->client, POLLOUT);
	assert_int_equal(tcp_connect_result(pair->client), FAULT_NONE);
	wait_for(pair->listener, POLLIN);
	pair->server = tcp_accept(pair->listener, &pair->peer);
	assert_true(pair->server >= 0);
}

static void close_pair(struct pair *pair)
{
	const int fds[] = {pair->listener, pair->client, pair->server};
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);
	assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

static void both_ends_are_non_blocking_close_on_exec_and_without_delay(void **state)
{
	(void)state;
	struct pair pair;
	connect_pair(&pair);
	const int fds[] = {pair.listener, pair.client, pair.server};
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(option_of(fds[i], IPPROTO_TCP, TCP_NODELAY), 1);
	}
	assert_int_equal(option_of(pair.listener, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
	struct address local;
	assert_true(tcp_local_address(pair.client, &local));
	assert_true(address_is_equal(&local, &pair.peer));
	close_pair(&pair);
}

static void two_listeners_share_a_port(void **state)
{
	(void)state;
	struct address address;
	int first = listen_anywhere("127.0.0.1:0", &address);
	int second = tcp_listen(&address, 16);
	assert_true(first >= 0 && second >= 0);
	close(first);
	close(second);
}

static void an_ipv6_listener_leaves_ipv4_alone(void **state)
{
	(void)state;
	struct address address;
	int listener = listen_anywhere("[::1]:0", &address);
	if (listener < 0)
		skip();
	assert_int_equal(option_of(listener, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	int client;
	assert_int_equal(tcp_connect(&address, &client), FAULT_NONE);
	wait_for(listener, POLLIN);
	struct address peer;
	int server = tcp_accept(listener, &peer);
	assert_true(server >= 0 && !address_is_v4(&peer));
	close(server);
	close(client);
	close(listener);
}

static void a_foreign_address_cannot_be_listened_on(void **state)
{
	(void)state;
	struct address address = parse("192.0.2.1:0");
	errno = 0;
	assert_int_equal(tcp_listen(&address, 16), -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
}

static void an_empty_queue_has_nothing_to_accept(void **state)
{
	(void)state;
	struct address address, peer;
	int listener = listen_anywhere("127.0.0.1:0", &address);
	assert_int_equal(tcp_accept(listener, &peer), -1);
	assert_int_equal(errno, EAGAIN);
	close(listener);
}

static void a_closed_port_refuses(void **state)
{
	(void)state;
	struct address address;
	int listener = listen_anywhere("127.0.0.1:0", &address), client = -1;
	close(listener);
	enum fault fault = tcp_connect(&address, &client);
	if (fault == FAULT_NONE) {
		wait_for(client, POLLOUT);
		fault = tcp_connect_result(client);
		close(client);
	}
	assert_string_equal(fault_name(fault), "connect_refused");
}

/* What the kernel is to report for SO_ERROR; 0: what it has. */
static int reported_error;

/* In the place of the C library's: routers that send errors are hard to have. */
int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length)
{
	if (reported_error == 0 || level != SOL_SOCKET || name != SO_ERROR)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
	memcpy(value, &reported_error, sizeof(reported_error));
	return 0;
}

static void what_comes_back_from_the_network_is_no_fault_of_this_machine(void **state)
{
	(void)state;
	static const struct {
		int error;
		const char *fault;
	} rows[] = {
	        {ECONNREFUSED, "connect_refused"},
	        {ECONNRESET, "connect_reset"},
	        {ETIMEDOUT, "connect_timeout"},
	        {EHOSTUNREACH, "connect_unreachable"},
	        {ENETUNREACH, "connect_unreachable"},
	        {ENOBUFS, "local"},
	};
	struct pair pair;
	connect_pair(&pair);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		reported_error = rows[i].error;
		assert_string_equal(fault_name(tcp_connect_result(pair.client)), rows[i].fault);
	}
	reported_error = 0;
	close_pair(&pair);
}

static void bytes_move_until_there_are_none(void **state)
{
	(void)state;
	struct pair pair;
	connect_pair(&pair);
	char bytes[16];
	size_t count = 4711;
	assert_int_equal(tcp_read(pair.server, bytes, sizeof(bytes), &count), TCP_AGAIN);
	assert_int_equal(count, 4711);
	char hello[] = "hello ", world[] = "world";
	const struct iovec vectors[] = {{hello, 6}, {world, 5}};
	assert_int_equal(tcp_write(pair.client, vectors, 2, &count), TCP_DONE);
	assert_int_equal(count, 11);
	wait_for(pair.server, POLLIN);
	assert_int_equal(tcp_read(pair.server, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_int_equal(count, 11);
	assert_memory_equal(bytes, "hello world", 11);
	assert_int_equal(tcp_write(pair.client, vectors, 1, &count), TCP_DONE);
	assert_int_equal(count, 6);
	close_pair(&pair);
}

static void a_full_connection_takes_no_more(void **state)
{
	(void)state;
	struct pair pair;
	connect_pair(&pair);
	static char bytes[1 << 20];
	const struct iovec vector = {bytes, sizeof(bytes)};
	size_t count = 0;
	enum tcp_result result;
	int writes = 0;
	while ((result = tcp_write(pair.client, &vector, 1, &count)) == TCP_DONE)
		assert_true(count > 0 && ++writes < 10000);
	assert_int_equal(result, TCP_AGAIN);
	close_pair(&pair);
}

static void many_vectors_are_written_in_part(void **state)
{
	(void)state;
	struct pair pair;
	connect_pair(&pair);
	static struct iovec vectors[3000];
	char byte = 'x';
	for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++)
		vectors[i] = (struct iovec){&byte, 1};
	size_t count;
	assert_int_equal(tcp_write(pair.client, vectors, ARRAY_LENGTH(vectors), &count), TCP_DONE);
	assert_int_equal(count, 1024);
	close_pair(&pair);
}

static void an_end_and_a_reset_are_told_apart(void **state)
{
	(void)state;
	struct pair pair;
	char byte = 'x';
	size_t count;
	const struct iovec vector = {&byte, 1};

	connect_pair(&pair);
	tcp_send_fin(pair.client);
	wait_for(pair.server, POLLIN);
	assert_int_equal(tcp_read(pair.server, &byte, 1, &count), TCP_END);
	/* The other direction still stands. */
	assert_int_equal(tcp_write(pair.server, &vector, 1, &count), TCP_DONE);
	close_pair(&pair);

	connect_pair(&pair);
	tcp_abort(pair.client);
	pair.client = -1;
	wait_for(pair.server, POLLIN);
	assert_int_equal(tcp_read(pair.server, &byte, 1, &count), TCP_RESET);
	/* Without SIGPIPE. */
	assert_int_equal(tcp_write(pair.server, &vector, 1, &count), TCP_RESET);
	close_pair(&pair);
}

/* A file without a name of `length` bytes. */
static int open_file(const char *bytes, size_t length)
{
	int file = memfd_create("test", MFD_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(write(file, bytes, length), length);
	return file;
}

static void a_part_of_a_file_goes_out_behind_its_head(void **state)
{
	(void)state;
	struct pair pair;
	int file = open_file("0123456789", 10);
	char bytes[16];
	size_t count = 4711;
	connect_pair(&pair);
	assert_int_equal(tcp_send_file(pair.client, STR("head "), file, 3, 4, &count), TCP_DONE);
	assert_int_equal(count, 9);
	wait_for(pair.server, POLLIN);
	assert_int_equal(tcp_read(pair.server, bytes, sizeof(bytes), &count), TCP_DONE);
	assert_int_equal(count, 9);
	assert_memory_equal(bytes, "head 3456", 9);
	/* Without a head, and the file's own place is not touched. */
	assert_int_equal(tcp_send_file(pair.client, STR_EMPTY, file, 0, 3, &count), TCP_DONE);
	assert_int_equal(count, 3);
	assert_int_equal(lseek(file, 0, SEEK_CUR), 10);
	close(file);
	close_pair(&pair);
}

static void a_file_that_ends_or_cannot_be_read_is_told_from_a_connection_that_does(void **state)
{
	(void)state;
	struct pair pair;
	int file = open_file("0123456789", 10), folder = open("/", O_RDONLY);
	size_t count = 4711;
	connect_pair(&pair);
	assert_int_equal(tcp_send_file(pair.client, STR("head "), file, 8, 4, &count), TCP_DONE);
	assert_int_equal(count, 7);
	/* The head is told first, and why nothing follows it by the next call. */
	assert_int_equal(tcp_send_file(pair.client, STR("head "), file, 10, 2, &count), TCP_DONE);
	assert_int_equal(count, 5);
	assert_int_equal(tcp_send_file(pair.client, STR_EMPTY, file, 10, 2, &count), TCP_END);
	assert_int_equal(tcp_send_file(pair.client, STR_EMPTY, folder, 0, 2, &count), TCP_END);
	assert_int_equal(count, 5);
	tcp_abort(pair.server);
	pair.server = -1;
	wait_for(pair.client, POLLIN);
	assert_int_equal(tcp_send_file(pair.client, STR_EMPTY, file, 0, 2, &count), TCP_RESET);
	assert_int_equal(tcp_send_file(pair.client, STR_EMPTY, file, 0, 2, &count), TCP_RESET);
	assert_int_equal(tcp_send_file(pair.client, STR("head "), file, 0, 2, &count), TCP_RESET);
	close(file);
	close(folder);
	close_pair(&pair);
}

static void a_full_connection_takes_no_more_of_a_file(void **state)
{
	(void)state;
	struct pair pair;
	static char bytes[1 << 20];
	int file = open_file(bytes, sizeof(bytes)), sends = 0;
	size_t count = 0;
	enum tcp_result result;
	connect_pair(&pair);
	while ((result = tcp_send_file(
	                pair.client, STR("head "), file, 0, sizeof(bytes), &count)) == TCP_DONE)
		assert_true(count > 0 && ++sends < 10000);
	assert_int_equal(result, TCP_AGAIN);
	close(file);
	close_pair(&pair);
}

static void a_quiet_connection_has_neither_data_nor_an_end_nor_an_error(void **state)
{
	(void)state;
	struct pair pair;
	char byte = 'x';
	size_t count;
	const struct iovec vector = {&byte, 1};

	connect_pair(&pair);
	assert_true(tcp_is_quiet(pair.server));
	assert_int_equal(tcp_write(pair.client, &vector, 1, &count), TCP_DONE);
	wait_for(pair.server, POLLIN);
	assert_false(tcp_is_quiet(pair.server));
	/* It was only looked at. */
	assert_int_equal(tcp_read(pair.server, &byte, 1, &count), TCP_DONE);
	assert_true(tcp_is_quiet(pair.server));
	tcp_send_fin(pair.client);
	wait_for(pair.server, POLLIN);
	assert_false(tcp_is_quiet(pair.server));
	close_pair(&pair);

	connect_pair(&pair);
	tcp_abort(pair.client);
	pair.client = -1;
	wait_for(pair.server, POLLIN);
	assert_false(tcp_is_quiet(pair.server));
	close_pair(&pair);
}

static void running_out_of_descriptors_is_our_own_fault(void **state)
{
	(void)state;
	struct address address;
	int listener = listen_anywhere("127.0.0.1:0", &address), client;
	struct rlimit before, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	enum fault fault = tcp_connect(&address, &client);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(fault_name(fault), "local");
	close(listener);
}

int main(void)
{
	/* As the program does: sendfile has no flag for it. */
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_ends_are_non_blocking_close_on_exec_and_without_delay),
	        cmocka_unit_test(two_listeners_share_a_port),
	        cmocka_unit_test(an_ipv6_listener_leaves_ipv4_alone),
	        cmocka_unit_test(a_foreign_address_cannot_be_listened_on),
	        cmocka_unit_test(an_empty_queue_has_nothing_to_accept),
	        cmocka_unit_test(a_closed_port_refuses),
	        cmocka_unit_test(what_comes_back_from_the_network_is_no_fault_of_this_machine),
	        cmocka_unit_test(bytes_move_until_there_are_none),
	        cmocka_unit_test(a_full_connection_takes_no_more),
	        cmocka_unit_test(many_vectors_are_written_in_part),
	        cmocka_unit_test(an_end_and_a_reset_are_told_apart),
	        cmocka_unit_test(a_part_of_a_file_goes_out_behind_its_head),
	        cmocka_unit_test(
	                a_file_that_ends_or_cannot_be_read_is_told_from_a_connection_that_does),
	        cmocka_unit_test(a_full_connection_takes_no_more_of_a_file),
	        cmocka_unit_test(a_quiet_connection_has_neither_data_nor_an_end_nor_an_error),
	        cmocka_unit_test(running_out_of_descriptors_is_our_own_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
