/* The body: every framing, its ends, back-pressure, silence, and what becomes of the connection. */
#include "fixture.h"

enum ending { ENDING_NONE, ENDING_FIN, ENDING_RESET };

static void close_as(int fd, enum ending ending)
{
	if (ending == ENDING_FIN)
		tcp_send_fin(fd);
	if (ending == ENDING_RESET)
		tcp_abort(fd);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void bodies_end_as_their_framing_says(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second; /* with a pause between them */
		enum ending ending;
		const char *body;
		enum fault fault;
		bool is_kept;
	} ROWS[] = {
	        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", "cd", ENDING_NONE, "abcd",
	                FAULT_NONE, true},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "abcd", ENDING_FIN, "abcd",
	                FAULT_NONE, false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "abcdX", ENDING_NONE, "abcd",
	                FAULT_NONE, false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", "c", ENDING_FIN, "abc",
	                FAULT_TRUNCATED, false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", "", ENDING_RESET, "ab",
	                FAULT_TRUNCATED, false},
	        {CHUNKED "2\r\nab\r\n", "2;x=y\r\ncd\r\n0\r\n\r\n", ENDING_NONE, "abcd", FAULT_NONE,
	                true},
	        {CHUNKED "2\r\na", "b\r\n0\r\nA: b\r\n\r\n", ENDING_NONE, "ab", FAULT_NONE, true},
	        {CHUNKED "2\r\nab\r\n", "0\r\n\r\nX", ENDING_NONE, "ab", FAULT_NONE, false},
	        {CHUNKED "2\r\nab\r\n", "0\r\n", ENDING_FIN, "ab", FAULT_TRUNCATED, false},
	        {CHUNKED "2\r\nab\r\n", "5\r\ncd", ENDING_RESET, "ab", FAULT_TRUNCATED, false},
	        {CHUNKED "2\r\nab\r\n", "zz\r\n", ENDING_NONE, "ab", FAULT_MALFORMED, false},
	        {"HTTP/1.1 200 OK\r\n\r\nab", "cd", ENDING_FIN, "abcd", FAULT_NONE, false},
	        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nab", "", ENDING_FIN, "ab",
	                FAULT_NONE, false},
	        {"HTTP/1.1 200 OK\r\n\r\nab", "", ENDING_RESET, "ab", FAULT_TRUNCATED, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct pull pull;
		pull_get(&pull, &fixture);
		int fd = origin_accept(&fixture);
		origin_expect(&fixture, fd, STR(REQUEST));
		origin_send(fd, ROWS[i].first);
		pull_wait(&pull, ORIGIN_PHASE_BODY);
		assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
		origin_send(fd, ROWS[i].second);
		close_as(fd, ROWS[i].ending);
		bool is_whole = ROWS[i].fault == FAULT_NONE;
		assert_int_equal(pull_body(&pull), is_whole ? ORIGIN_READ_END : ORIGIN_READ_FAILED);
		assert_int_equal(
		        pull.attempt.phase, is_whole ? ORIGIN_PHASE_DONE : ORIGIN_PHASE_FAILED);
		assert_int_equal(
		        pull.attempt.reached, is_whole ? ORIGIN_PHASE_DONE : ORIGIN_PHASE_BODY);
		assert_string_equal(fault_name(pull.attempt.fault), fault_name(ROWS[i].fault));
		/* After a reset the kernel may have dropped what was not read yet. */
		if (ROWS[i].ending != ENDING_RESET)
			assert_string_equal(text_c(&pull.body), ROWS[i].body);
		assert_int_equal(pull_read(&pull), is_whole ? ORIGIN_READ_END : ORIGIN_READ_FAILED);
		assert_int_equal(pull.attempt.head.status, 200);
		pull_end(&pull);
		assert_int_equal(
		        origin_pool_idle_count(fixture.candidate.pool), ROWS[i].is_kept ? 1 : 0);
		/* The head was fine: a body that breaks off is not held against the server, unless
		 * what came was no HTTP. */
		assert_int_equal(
		        fixture_server(&fixture).failures, ROWS[i].fault == FAULT_MALFORMED);
		if (ROWS[i].ending != ENDING_RESET)
			close(fd);
		fixture_done(&fixture);
	}
}

static void chunks_that_came_together_are_one_piece(void **state)
{
	(void)state;
	static const struct {
		const char *rest; /* behind two small chunks */
		enum origin_read then;
		bool is_kept;
	} ROWS[] = {
	        {"", ORIGIN_READ_WAIT, false},
	        {"5\r\n", ORIGIN_READ_WAIT, false},
	        {"0\r\nA: b", ORIGIN_READ_WAIT, false},
	        {"0\r\nA: b\r\n\r\n", ORIGIN_READ_END, true},
	        {"0\r\n\r\nX", ORIGIN_READ_END, false},
	        {"X\r\n", ORIGIN_READ_FAILED, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct text response = {0};
		text_addf(&response, "%s1\r\na\r\n3;x=y\r\nbcd\r\n%s", CHUNKED, ROWS[i].rest);
		struct pull pull;
		pull_get(&pull, &fixture);
		int fd = origin_accept(&fixture);
		origin_send(fd, text_c(&response));
		pull_wait(&pull, ORIGIN_PHASE_BODY);
		assert_int_equal(pull_read(&pull), ORIGIN_READ_DATA);
		assert_string_equal(text_c(&pull.body), "abcd");
		assert_int_equal(pull.attempt.body_bytes, 4);
		/* With the end received, the connection is free before the end is read. */
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), ROWS[i].is_kept);
		assert_int_equal(pull_read(&pull), ROWS[i].then);
		if (ROWS[i].then == ORIGIN_READ_FAILED)
			assert_int_equal(pull.attempt.fault, FAULT_MALFORMED);
		pull_end(&pull);
		text_done(&response);
		close(fd);
		fixture_done(&fixture);
	}
}

static void silence_counts_only_while_somebody_waits(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	fixture_pass(&fixture, IDLE_MS + 50); /* nobody asks */
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_BODY);
	assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
	fixture_pass(&fixture, IDLE_MS / 2);
	assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT); /* asking again is no progress */
	origin_send(fd, "cd");
	fixture_pass(&fixture, IDLE_MS + 50); /* it is the reader's turn */
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_BODY);
	assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
	uint64_t began_ms = clock_ms();
	pull_wait(&pull, ORIGIN_PHASE_FAILED);
	assert_in_range(clock_ms() - began_ms, IDLE_MS - 3, IDLE_MS + SLACK_MS);
	assert_int_equal(pull.attempt.fault, FAULT_BODY_TIMEOUT);
	assert_int_equal(pull_read(&pull), ORIGIN_READ_FAILED);
	assert_string_equal(text_c(&pull.body), "abcd");
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

/* An origin that sends `count` bytes each 20 ms, for a second and more, to a reader who waits for
 * them; false when that gave it up. */
static bool is_fast_enough(struct fixture *fixture, struct pull *pull, int fd, unsigned count)
{
	static const char bytes[1000];
	for (unsigned i = 0; i < 50; i++) {
		if (pull_drain(pull) != ORIGIN_READ_WAIT)
			return false;
		uint64_t until_ms = clock_ms() + 20;
		while (clock_ms() < until_ms)
			loop_turn(fixture->loop, 1);
		unsigned calls = pull->calls;
		if (send(fd, bytes, count, MSG_NOSIGNAL) != count)
			return false;
		while (pull->attempt.phase == ORIGIN_PHASE_BODY && pull->calls == calls)
			loop_turn(fixture->loop, 1);
	}
	return true;
}

static void a_body_that_comes_too_slowly_breaks_off(void **state)
{
	(void)state;
	static const struct {
		unsigned count;
		bool is_fast;
	} ROWS[] = {{1, false}, {1000, true}};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		struct pull pull;
		fixture_init(&fixture);
		fixture.group.domain->origin.min_rate = 2000;
		fixture.group.domain->origin.min_rate_window_ms = 300;
		pull_get(&pull, &fixture);
		int fd = origin_accept(&fixture);
		origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
		pull_wait(&pull, ORIGIN_PHASE_BODY);
		uint64_t began_ms = clock_ms();
		assert_int_equal(
		        is_fast_enough(&fixture, &pull, fd, ROWS[i].count), ROWS[i].is_fast);
		if (!ROWS[i].is_fast) {
			pull_wait(&pull, ORIGIN_PHASE_FAILED);
			assert_in_range(clock_ms() - began_ms, 295, 300 + SLACK_MS);
			assert_int_equal(pull.attempt.fault, FAULT_BODY_RATE);
			assert_int_equal(fixture_server(&fixture).failures, 0);
		}
		pull_end(&pull);
		close(fd);
		fixture_done(&fixture);
	}
}

static void time_in_which_nobody_reads_is_not_the_origins(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	fixture_init(&fixture);
	fixture.group.domain->origin.min_rate = 100;
	fixture.group.domain->origin.min_rate_window_ms = 150;
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
		origin_send(fd, "ab");
		fixture_pass(&fixture, 200); /* nobody reads */
		assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_BODY);
	}
	origin_send(fd, "cde");
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

static void a_reader_who_does_not_ask_holds_the_origin_back(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	enum { BODY = 40 << 20 };
	struct text head = {0};
	text_addf(&head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
	origin_send(fd, text_c(&head));
	text_done(&head);
	pull_wait(&pull, ORIGIN_PHASE_BODY);

	/* The origin sends until the kernel's buffers are full. */
	static char piece[65536];
	size_t sent = 0;
	for (int quiet = 0; quiet < 20;) {
		ssize_t count = send(fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
		quiet = count > 0 ? 0 : quiet + 1;
		sent += count > 0 ? (size_t)count : 0;
		loop_turn(fixture.loop, 1);
	}
	assert_true(sent < BODY);
	assert_true(fixture.buffers.in_use <= 3);
	assert_true(pull.calls <= 2);

	/* And goes on when the reader does. */
	uint64_t got = 0;
	unsigned pieces = 0;
	for (;;) {
		struct str data;
		enum origin_read read = origin_attempt_read(&pull.attempt, &data);
		if (read == ORIGIN_READ_DATA) {
			got += data.len;
			pieces++;
		} else if (read != ORIGIN_READ_WAIT) {
			assert_int_equal(read, ORIGIN_READ_END);
			break;
		} else {
			size_t left = BODY - sent;
			ssize_t count = send(fd, piece, left < sizeof(piece) ? left : sizeof(piece),
			        MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += count > 0 ? (size_t)count : 0;
			loop_turn(fixture.loop, 1);
		}
	}
	assert_true(got == BODY && pull.attempt.body_bytes == BODY);
	assert_true(pieces < 4 * (BODY / BUF_LARGE));
	pull_end(&pull);
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
	close(fd);
	fixture_done(&fixture);
}

static void an_end_that_came_with_the_data_is_not_lost(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(REQUEST));
	pull_wait(&pull, ORIGIN_PHASE_HEAD);
	/* Everything is there before the loop looks: one report for all of it. */
	origin_send(fd, "HTTP/1.1 200 OK\r\n\r\nall of it");
	close(fd);
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	assert_string_equal(text_c(&pull.body), "all of it");
	pull_end(&pull);
	fixture_done(&fixture);
}

static void trailers_are_there_after_the_end(void **state)
{
	(void)state;
	static const struct {
		const char *response;
		const char *etag; /* NULL: no trailers */
	} ROWS[] = {
	        {CHUNKED "1\r\na\r\n0\r\nETag: \"late\"\r\nHost: no\r\n\r\n", "\"late\""},
	        {CHUNKED "1\r\na\r\n0\r\n\r\n", NULL},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct pull pull;
		pull_get(&pull, &fixture);
		int fd = origin_accept(&fixture);
		origin_send(fd, ROWS[i].response);
		assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		struct http_head trailers;
		bool has_trailers = origin_attempt_trailers(&pull.attempt, &trailers);
		assert_int_equal(has_trailers, ROWS[i].etag != NULL);
		if (has_trailers) {
			assert_int_equal(trailers.count, 1);
			assert_true(str_is_equal(
			        http_head_get(&trailers, HTTP_NAME_ETAG), str_of(ROWS[i].etag)));
			/* The head is as it was. */
			assert_true(http_head_has(&pull.attempt.head, HTTP_NAME_TRANSFER_ENCODING));
			assert_false(http_head_has(&pull.attempt.head, HTTP_NAME_ETAG));
		}
		pull_end(&pull);
		close(fd);
		fixture_done(&fixture);
	}
}

static void a_long_wait_holds_no_large_block(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	origin_send(fd, CHUNKED "1\r\na\r\n");
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
	assert_int_equal(fixture.buffers.in_use, 2); /* of the head, both small */
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bodies_end_as_their_framing_says),
	        cmocka_unit_test(chunks_that_came_together_are_one_piece),
	        cmocka_unit_test(silence_counts_only_while_somebody_waits),
	        cmocka_unit_test(a_body_that_comes_too_slowly_breaks_off),
	        cmocka_unit_test(time_in_which_nobody_reads_is_not_the_origins),
	        cmocka_unit_test(a_reader_who_does_not_ask_holds_the_origin_back),
	        cmocka_unit_test(an_end_that_came_with_the_data_is_not_lost),
	        cmocka_unit_test(trailers_are_there_after_the_end),
	        cmocka_unit_test(a_long_wait_holds_no_large_block),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
