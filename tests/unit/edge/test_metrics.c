/* The numbers of an edge, as a client of the steward's loop gets them. */
#include "edge/metrics.h"

#include "base/hash.h"
#include "net/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DONE "Connection: close\r\n\r\n"

struct bench {
	struct edge_metrics_source source;
	struct loop *loop;
	struct edge_tally *tallies[2];
	struct address address;
	int listener;
	bool serves;
	struct edge_metrics *metrics;
	struct text answer;
};

static void on_read(struct edge_metrics_source *source, uint64_t values[EDGE_METRICS])
{
	const struct bench *bench = container_of(source, const struct bench, source);
	values[EDGE_METRIC_SERVES] = bench->serves;
	values[EDGE_METRIC_MEMORY] = 4711;
}

static void bench_init(struct bench *bench)
{
	*bench = (struct bench){.source = {.on_read = on_read}, .serves = true};
	bench->loop = loop_new();
	for (unsigned i = 0; i < 2; i++)
		bench->tallies[i] = edge_tally_new();
	assert_true(address_parse(STR("127.0.0.1:0"), &bench->address));
	bench->listener = tcp_listen(&bench->address, 16);
	assert_true(bench->listener >= 0);
	assert_true(tcp_local_address(bench->listener, &bench->address));
	const struct edge_metrics_options options = {
	        .loop = bench->loop,
	        .listeners = &bench->listener,
	        .listener_count = 1,
	        .tallies = bench->tallies,
	        .tally_count = 2,
	        .source = &bench->source,
	};
	bench->metrics = edge_metrics_open(&options);
	assert_non_null(bench->metrics);
}

static void bench_done(struct bench *bench)
{
	edge_metrics_close(bench->metrics);
	close(bench->listener);
	for (unsigned i = 0; i < 2; i++)
		edge_tally_free(bench->tallies[i]);
	loop_free(bench->loop);
	text_done(&bench->answer);
}

static int connect_to(const struct bench *bench)
{
	union address_sockaddr to;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = address_to_sockaddr(&bench->address, &to);
	assert_int_equal(connect(fd, &to.any, length), 0);
	return fd;
}

/* Asks; all that came until the end of the connection is in bench->answer. */
static const char *ask(struct bench *bench, const char *request)
{
	char bytes[4096];
	int fd = connect_to(bench);
	ssize_t got = 1;
	text_clear(&bench->answer);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	while (got > 0) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		loop_turn(bench->loop, 1);
		if (poll(&ready, 1, 0) <= 0)
			continue;
		got = read(fd, bytes, sizeof(bytes));
		assert_true(got >= 0);
		text_add(&bench->answer, str_make(bytes, (size_t)got));
	}
	close(fd);
	return text_c(&bench->answer);
}

static void expect(const char *where, const char *what)
{
	if (strstr(where, what) == NULL)
		fail_msg("no %s in %s", what, where);
}

static void count(struct bench *bench, unsigned worker, const char *domain)
{
	const struct edge_tally_request request = {
	        .status = 503, .fault = FAULT_ALL_BLOCKED, .bytes_out = 10};
	const struct edge_tally_pull pull = {.role = MODEL_BACKUP, .fault = FAULT_CONNECT_REFUSED};
	edge_tally_add_request(bench->tallies[worker], str_of(domain), &request);
	edge_tally_add_pull(bench->tallies[worker], str_of(domain), &pull);
}

static void what_all_workers_count_is_told(void **state)
{
	(void)state;
	static const char *const WANTED[] = {
	        "HTTP/1.1 200 OK\r\n",
	        "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
	        "# TYPE headwater_edge_memory_used_bytes gauge\n"
	        "headwater_edge_memory_used_bytes 4711\n",
	        "headwater_requests_total{domain=\"a.test\"} 3\n",
	        "headwater_requests_total{domain=\"\"} 1\n",
	        "headwater_bytes_out_total{domain=\"a.test\"} 30\n",
	        "headwater_status_5xx_total{domain=\"a.test\"} 3\n",
	        "headwater_failures_total{domain=\"a.test\",reason=\"all_blocked\"} 3\n",
	        "headwater_origin_pulls_total{domain=\"a.test\",role=\"backup\"} 3\n",
	        "headwater_origin_failures_total{domain=\"a.test\",role=\"backup\",reason="
	        "\"connect_"
	        "refused\"} 3\n",
	};
	static const char *const names[] = {"a.test", "a.test"};
	struct bench bench;
	bench_init(&bench);
	count(&bench, 0, names[0]);
	count(&bench, 0, names[0]);
	count(&bench, 1, names[1]);
	count(&bench, 1, "");
	/* Again: looking changes nothing. */
	for (unsigned i = 0; i < 2; i++) {
		const char *answer = ask(&bench, "GET /metrics HTTP/1.1\r\nHost: a\r\n" DONE);
		for (unsigned j = 0; j < ARRAY_LENGTH(WANTED); j++)
			expect(answer, WANTED[j]);
	}
	bench_done(&bench);
}

static void requests_are_answered_by_their_path_and_method(void **state)
{
	(void)state;
	static const struct {
		const char *request, *wanted;
	} ROWS[] = {
	        {"GET /healthz HTTP/1.1\r\nHost: a\r\n" DONE, "\r\n\r\nok\n"},
	        {"GET /healthz?x=1 HTTP/1.1\r\nHost: a\r\n" DONE, "\r\n\r\nok\n"},
	        {"HEAD /healthz HTTP/1.1\r\nHost: a\r\n" DONE, "Content-Length: 3\r\n"},
	        {"GET / HTTP/1.1\r\nHost: a\r\n" DONE, "HTTP/1.1 404 "},
	        {"GET /metrics/ HTTP/1.1\r\nHost: a\r\n" DONE, "HTTP/1.1 404 "},
	        {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" DONE "xx",
	                "Allow: GET, HEAD\r\n"},
	        {"DELETE /healthz HTTP/1.1\r\nHost: a\r\n" DONE, "HTTP/1.1 405 "},
	        {"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: "
	         "application/openmetrics-text\r\n" DONE,
	                "\n# EOF\n"},
	        {"GET /metrics\r\n\r\n", "HTTP/1.1 400 "},
	};
	struct bench bench;
	bench_init(&bench);
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++)
		expect(ask(&bench, ROWS[i].request), ROWS[i].wanted);
	assert_null(strstr(ask(&bench, ROWS[2].request), "\r\n\r\nok"));
	bench_done(&bench);
}

static void who_does_not_serve_says_so(void **state)
{
	(void)state;
	struct bench bench;
	bench_init(&bench);
	bench.serves = false;
	expect(ask(&bench, "GET /healthz HTTP/1.1\r\nHost: a\r\n" DONE), "HTTP/1.1 503 ");
	bench_done(&bench);
}

/* One who asks for much and reads nothing is there at the end. */
static void a_client_that_reads_nothing_holds_up_nobody(void **state)
{
	(void)state;
	static const char REQUEST[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
	struct bench bench;
	char name[1000][24];
	bench_init(&bench);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name[i], sizeof(name[i]), "d%u.test", i);
		count(&bench, 0, name[i]);
	}
	int slow = connect_to(&bench);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(write(slow, REQUEST, strlen(REQUEST)), strlen(REQUEST));
	for (unsigned i = 0; i < 50; i++)
		loop_turn(bench.loop, 1);
	expect(ask(&bench, "GET /metrics HTTP/1.1\r\nHost: a\r\n" DONE),
	        "headwater_requests_total{domain=\"d999.test\"} 1\n");
	bench_done(&bench);
	close(slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_all_workers_count_is_told),
	        cmocka_unit_test(requests_are_answered_by_their_path_and_method),
	        cmocka_unit_test(who_does_not_serve_says_so),
	        cmocka_unit_test(a_client_that_reads_nothing_holds_up_nobody),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
