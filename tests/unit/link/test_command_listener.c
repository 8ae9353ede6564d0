/* Connections to an edge's UNIX socket: good ones, slow ones, huge ones, many. */
#include "link/command_listener.h"

#include "base/clock.h"
#include "base/limit.h"
#include "link/scratch.h"
#include "net/local.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 500, DURABLE_MS = 700 };

static struct {
	struct scratch scratch;
	struct loop *loop;
	struct link_command_sink sink;
	struct link_command_listener *listener;
	unsigned purges;
	uint64_t moment; /* of the purges; durable is what is lower than the next */
	uint64_t durable;
	unsigned looks;
	struct text last; /* the target of the last one's first item */
} bench;

static struct link_answer on_purge(struct link_command_sink *self, const struct link_purge *purge)
{
	assert_ptr_equal(self, &bench.sink);
	bench.purges++;
	text_clear(&bench.last);
	text_add(&bench.last, purge->items[0].target);
	if (str_is_equal(purge->items[0].target, STR("/refused")))
		return (struct link_answer){.error = STR("not this one")};
	return (struct link_answer){.purged = purge->count, .moment = bench.moment};
}

static bool is_durable(struct link_command_sink *self, uint64_t moment)
{
	assert_ptr_equal(self, &bench.sink);
	assert_true(moment > 0);
	bench.looks++;
	return moment < bench.durable;
}

static int open_bench(void **state)
{
	(void)state;
	scratch_init(&bench.scratch);
	bench.loop = loop_new();
	bench.sink = (struct link_command_sink){
	        .on_purge = on_purge, .is_durable = is_durable, .durable_ms = DURABLE_MS};
	bench.purges = bench.looks = 0;
	bench.moment = bench.durable = 0;
	bench.listener = link_command_listener_open(
	        bench.loop, local_listen(bench.scratch.file, 64), TIMEOUT_MS, &bench.sink);
	return bench.listener == NULL;
}

static int close_bench(void **state)
{
	(void)state;
	link_command_listener_close(bench.listener);
	loop_free(bench.loop);
	text_done(&bench.last);
	scratch_done(&bench.scratch);
	return 0;
}

static void turn(unsigned turns)
{
	for (unsigned i = 0; i < turns; i++)
		loop_turn(bench.loop, 1);
}

static int connect_client(void)
{
	int fd = local_connect(bench.scratch.file, 0);
	assert_true(fd >= 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What came, with "<end>" behind it when the other side has closed. */
static void expect(int fd, const char *expected)
{
	struct text got = {0};
	char bytes[4096];
	ssize_t count;
	turn(10);
	while ((count = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		text_add(&got, str_make(bytes, (size_t)count));
	if (count == 0 || errno == ECONNRESET)
		text_add(&got, STR("<end>"));
	assert_string_equal(text_c(&got), expected);
	text_done(&got);
}

#define URL(target)                                                                                \
	"{\"v\":1,\"do\":\"purge\",\"what\":\"url\",\"values\":[\"http://h" target                 \
	"\"],\"mode\":\"hard\"}\n"
#define DONE "{\"ok\":true,\"purged\":1}\n"

static void a_request_is_done_and_answered(void **state)
{
	(void)state;
	int fd = connect_client();
	send_text(fd, URL("/a"));
	expect(fd, DONE);
	assert_string_equal(text_c(&bench.last), "/a");
	send_text(fd, URL("/refused"));
	expect(fd, "{\"ok\":false,\"error\":\"not this one\"}\n");
	/* What was refused ends nothing. */
	send_text(fd, URL("/b"));
	expect(fd, DONE);
	assert_int_equal(bench.purges, 3);
	close(fd);
}

static void requests_behind_each_other_are_answered_in_order(void **state)
{
	(void)state;
	int fd = connect_client();
	send_text(fd, URL("/a") URL("/refused") URL("/c"));
	shutdown(fd, SHUT_WR);
	expect(fd, DONE "{\"ok\":false,\"error\":\"not this one\"}\n" DONE "<end>");
	close(fd);
}

static void an_answer_is_held_back_until_its_purge_is_durable(void **state)
{
	(void)state;
	int fd = connect_client(), other = connect_client();
	bench.moment = 5;
	send_text(fd, URL("/a") URL("/b"));
	expect(fd, "");
	assert_int_equal(bench.purges, 1);
	assert_true(bench.looks > 0);
	bench.moment = 0; /* nobody else waits for that */
	send_text(other, URL("/c"));
	expect(other, DONE);
	bench.durable = 6;
	for (uint64_t end = clock_ms() + 5000; bench.purges < 3 && clock_ms() < end;)
		turn(1);
	expect(fd, DONE DONE);
	assert_string_equal(text_c(&bench.last), "/b");
	/* What is durable at once is answered at once. */
	bench.moment = 5;
	send_text(fd, URL("/d"));
	expect(fd, DONE);
	close(fd);
	close(other);
}

static void a_purge_that_does_not_become_durable_is_told_so(void **state)
{
	(void)state;
	int fd = connect_client(), gone = connect_client();
	bench.moment = 5;
	send_text(fd, URL("/a"));
	send_text(gone, URL("/b"));
	turn(10);
	close(gone);
	uint64_t begun_ms = clock_ms();
	struct text got = {0};
	while (got.len == 0 && clock_ms() < begun_ms + 10 * DURABLE_MS) {
		char bytes[1024];
		loop_turn(bench.loop, 10);
		ssize_t count = recv(fd, bytes, sizeof(bytes), 0);
		if (count > 0)
			text_add(&got, str_make(bytes, (size_t)count));
	}
	assert_true(clock_ms() - begun_ms >= TIMEOUT_MS);
	assert_non_null(strstr(text_c(&got), "\"ok\":false"));
	assert_non_null(strstr(text_c(&got), "purge it again"));
	/* The connection is as good as before. */
	bench.durable = 6;
	send_text(fd, URL("/a"));
	expect(fd, DONE);
	text_done(&got);
	close(fd);
}

static void closing_closes_what_is_held_back(void **state)
{
	(void)state;
	int fd = connect_client();
	bench.moment = 5;
	send_text(fd, URL("/a"));
	turn(10);
	assert_int_equal(bench.purges, 1);
	link_command_listener_close(bench.listener);
	bench.listener = NULL;
	expect(fd, "<end>");
	close(fd);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	(void)state;
	int fd = connect_client();
	for (const char *at = URL("/slow"); *at != '\0'; at++) {
		assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
		turn(1);
	}
	expect(fd, DONE);
	close(fd);
}

static void garbage_is_told_and_ends_the_connection(void **state)
{
	(void)state;
	static const struct {
		const char *text, *answer;
	} ROWS[] = {
	        {"\n", "{\"ok\":false,\"error\":\"a request is a JSON object\"}\n<end>"},
	        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	                "{\"ok\":false,\"error\":\"a request is a JSON object\"}\n<end>"},
	        {"x\n" URL("/a"), "{\"ok\":false,\"error\":\"a request is a JSON object\"}\n<end>"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		int fd = connect_client();
		send_text(fd, ROWS[i].text);
		expect(fd, ROWS[i].answer);
		close(fd);
	}
	assert_int_equal(bench.purges, 0);
}

static void half_a_request_is_none(void **state)
{
	(void)state;
	int fd = connect_client();
	send_text(fd, "{\"v\":1");
	shutdown(fd, SHUT_WR);
	expect(fd, "{\"ok\":false,\"error\":\"a request ends with a line feed\"}\n<end>");
	close(fd);
	fd = connect_client();
	shutdown(fd, SHUT_WR);
	expect(fd, "<end>");
	close(fd);
	assert_int_equal(bench.purges, 0);
}

static void a_line_that_is_too_long_is_not_read_to_its_end(void **state)
{
	(void)state;
	int fd = connect_client();
	char bytes[4096];
	size_t sent = 0;
	memset(bytes, ' ', sizeof(bytes));
	for (unsigned i = 0; i < 100; i++) {
		ssize_t count = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		if (count > 0)
			sent += (size_t)count;
		turn(1);
	}
	assert_true(sent > LIMIT_COMMAND_BYTES);
	expect(fd, "{\"ok\":false,\"error\":\"a request is longer than 64 KiB\"}\n<end>");
	close(fd);
}

static void the_longest_line_is_read(void **state)
{
	(void)state;
	const struct {
		unsigned more;
		const char *answer;
	} ROWS[] = {
	        {0, DONE},
	        {1, "{\"ok\":false,\"error\":\"a request is longer than 64 KiB\"}\n<end>"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text line = {0};
		int fd = connect_client();
		text_add(&line, STR(URL("/a")));
		line.len--;
		while (line.len < LIMIT_COMMAND_BYTES + ROWS[i].more)
			text_add_char(&line, ' ');
		text_add_char(&line, '\n');
		for (size_t at = 0; at < line.len;) {
			ssize_t count = send(fd, line.at + at, line.len - at, MSG_NOSIGNAL);
			at += count > 0 ? (size_t)count : 0;
			turn(1);
		}
		expect(fd, ROWS[i].answer);
		text_done(&line);
		close(fd);
	}
}

static void one_connection_too_many_is_told(void **state)
{
	(void)state;
	int fds[LIMIT_COMMAND_CONNECTIONS + 1];
	for (unsigned i = 0; i <= LIMIT_COMMAND_CONNECTIONS; i++) {
		fds[i] = connect_client();
		turn(2);
	}
	expect(fds[LIMIT_COMMAND_CONNECTIONS],
	        "{\"ok\":false,\"error\":\"too many connections; try again\"}\n<end>");
	close(fds[LIMIT_COMMAND_CONNECTIONS]);
	/* Those that are there go on, and one that ends makes room. */
	send_text(fds[1], URL("/a"));
	expect(fds[1], DONE);
	close(fds[0]);
	turn(4);
	fds[0] = connect_client();
	send_text(fds[0], URL("/b"));
	expect(fds[0], DONE);
	for (unsigned i = 0; i < LIMIT_COMMAND_CONNECTIONS; i++)
		close(fds[i]);
}

static void who_does_not_read_is_not_read(void **state)
{
	(void)state;
	int fd = connect_client();
	unsigned sent = 0, silent = 0;
	static const char LINE[] = URL("/a");
	/* Until its answers fill the socket, and then its requests do. */
	while (silent < 50) {
		bool is_sent =
		        send(fd, LINE, sizeof(LINE) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(LINE) - 1;
		sent += is_sent;
		silent = is_sent ? 0 : silent + 1;
		assert_true(sent < 100000);
		turn(1);
	}
	unsigned done = bench.purges;
	assert_true(done < sent);
	turn(20);
	assert_int_equal(bench.purges, done);
	close(fd);
	turn(4);
}

static void who_is_silent_is_closed_in_time(void **state)
{
	(void)state;
	int silent = connect_client(), slow = connect_client();
	uint64_t start_ms = clock_ms(), sent_ms = 0;
	char byte;
	ssize_t count = -1;
	errno = EAGAIN;
	while (count < 0 && errno == EAGAIN && clock_ms() < start_ms + 10 * TIMEOUT_MS) {
		/* A byte now and then buys no time. */
		if (clock_ms() > sent_ms + 20 && send(slow, " ", 1, MSG_NOSIGNAL) == 1)
			sent_ms = clock_ms();
		loop_turn(bench.loop, 10);
		count = recv(slow, &byte, 1, 0);
	}
	uint64_t took_ms = clock_ms() - start_ms;
	assert_in_range(took_ms, TIMEOUT_MS - 10, 5 * TIMEOUT_MS);
	expect(silent, "<end>");
	close(silent);
	close(slow);
}

static void closing_closes_all(void **state)
{
	(void)state;
	int fd = connect_client(), other = connect_client();
	send_text(fd, "{");
	turn(4);
	link_command_listener_close(bench.listener);
	bench.listener = NULL;
	expect(fd, "<end>");
	expect(other, "<end>");
	assert_int_equal(local_connect(bench.scratch.file, 0), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	close(other);
}

#define AT_THE_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        AT_THE_BENCH(a_request_is_done_and_answered),
	        AT_THE_BENCH(requests_behind_each_other_are_answered_in_order),
	        AT_THE_BENCH(an_answer_is_held_back_until_its_purge_is_durable),
	        AT_THE_BENCH(a_purge_that_does_not_become_durable_is_told_so),
	        AT_THE_BENCH(closing_closes_what_is_held_back),
	        AT_THE_BENCH(a_request_may_come_byte_by_byte),
	        AT_THE_BENCH(garbage_is_told_and_ends_the_connection),
	        AT_THE_BENCH(half_a_request_is_none),
	        AT_THE_BENCH(a_line_that_is_too_long_is_not_read_to_its_end),
	        AT_THE_BENCH(the_longest_line_is_read),
	        AT_THE_BENCH(one_connection_too_many_is_told),
	        AT_THE_BENCH(who_does_not_read_is_not_read),
	        AT_THE_BENCH(who_is_silent_is_closed_in_time),
	        AT_THE_BENCH(closing_closes_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
