/* The response head: what is accepted, what is malformed, interim responses, and what is kept. */
#include "fixture.h"

enum { CONDITIONAL = 1, RANGED = 2, HEAD_REQUEST = 4 };

/* Starts a pull on a fresh connection and sends `response`; returns the origin's end. */
static int answer(struct fixture *fixture, struct pull *pull, unsigned flags, struct str response)
{
	pull_init(pull, fixture);
	pull->options.may_304 = (flags & CONDITIONAL) != 0;
	pull->options.may_206 = (flags & RANGED) != 0;
	if ((flags & HEAD_REQUEST) != 0)
		pull->options.method = HTTP_HEAD;
	pull_start(pull);
	int fd = origin_accept(fixture);
	origin_expect(fixture, fd, STR(REQUEST));
	for (size_t at = 0; at < response.len;) {
		ssize_t count =
		        send(fd, response.at + at, response.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count > 0)
			at += (size_t)count;
		loop_turn(fixture->loop, 0);
		if (count < 0 && errno != EAGAIN)
			break; /* it had enough */
	}
	return fd;
}

static void malformed_heads_are_the_servers_failure(void **state)
{
	(void)state;
	static const struct {
		const char *response;
		unsigned flags;
	} ROWS[] = {
	        {"<html>an old server</html>", 0},
	        {"\x16\x03\x01", 0},
	        {"HTTP/2.0 200 OK\r\n\r\n", 0},
	        {"HTTP/1.1 99 Odd\r\n\r\n", 0},
	        {"HTTP/1.1 600 Odd\r\n\r\n", 0},
	        {"HTTP/1.1 200 OK\nA: b\n\n", 0},
	        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 0},
	        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", 0},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 0},
	        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
	        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 0},
	        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
	        {"HTTP/1.1 304 Not Modified\r\n\r\n", RANGED},
	        {"HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n", CONDITIONAL},
	        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 0},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct pull pull;
		int fd = answer(&fixture, &pull, ROWS[i].flags, str_of(ROWS[i].response));
		pull_wait_fault(&pull, FAULT_MALFORMED);
		pull_end(&pull);
		close(fd);
	}
	/* Noted once each; all from one URL, so that nobody is blocked. */
	assert_int_equal(fixture_server(&fixture).failures, ARRAY_LENGTH(ROWS));
	assert_int_equal(fixture_server(&fixture).state, ORIGIN_USABLE);
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 0);
	fixture_done(&fixture);
}

static void odd_but_legal_heads_are_fine(void **state)
{
	(void)state;
	static const struct {
		const char *response;
		unsigned flags, status;
		const char *body;
		bool is_kept;
	} ROWS[] = {
	        {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", 0, 200, "a", true},
	        {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 0, 200, "", true},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na", 0, 200, "a", true},
	        {"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", CONDITIONAL, 304, "", true},
	        {"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\na", RANGED, 206, "a",
	                true},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", HEAD_REQUEST, 200, "", true},
	        {"HTTP/1.1 204 No Content\r\n\r\n", 0, 204, "", true},
	        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 0, 204, "", true},
	        /* A body that cannot be may follow all the same. */
	        {"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n", 0, 204, "", false},
	        {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 204, "",
	                false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", 0, 200, "a",
	                false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: x, Close\r\n\r\na", 0, 200,
	                "a", false},
	        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 0, 200, "a", false},
	        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na", 0, 200,
	                "a", true},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nKeep-Alive: max=9, timeout=5\r\n\r\na", 0,
	                200, "a", true},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nKeep-Alive: timeout=1\r\n\r\na", 0, 200,
	                "a", false},
	        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0,
	                200, "a", true},
	        /* Bytes that nobody asked for: the response stands, the connection does not. */
	        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", 0, 200, "a", false},
	        {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n", 0, 204, "", false},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", HEAD_REQUEST, 200, "", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct pull pull;
		int fd = answer(&fixture, &pull, ROWS[i].flags, str_of(ROWS[i].response));
		assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		assert_int_equal(pull.attempt.head.status, ROWS[i].status);
		assert_string_equal(text_c(&pull.body), ROWS[i].body);
		pull_end(&pull);
		assert_int_equal(
		        origin_pool_idle_count(fixture.candidate.pool), ROWS[i].is_kept ? 1 : 0);
		assert_int_equal(origin_is_closed(&fixture, fd), !ROWS[i].is_kept);
		assert_int_equal(fixture_server(&fixture).failures, 0);
		close(fd);
		fixture_done(&fixture);
	}
}

static void the_length_is_what_the_head_announces(void **state)
{
	(void)state;
	static const struct {
		const char *response;
		unsigned flags;
		uint64_t length;
	} ROWS[] = {
	        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 0, 7},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", HEAD_REQUEST, 7},
	        {"HTTP/1.1 200 OK\r\n\r\n", HEAD_REQUEST, UINT64_MAX},
	        {"HTTP/1.1 200 OK\r\n\r\n", 0, UINT64_MAX},
	        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, UINT64_MAX},
	};
	struct fixture fixture;
	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct pull pull;
		int fd = answer(&fixture, &pull, ROWS[i].flags, str_of(ROWS[i].response));
		pull_wait(&pull, ORIGIN_PHASE_BODY);
		assert_true(pull.attempt.length == ROWS[i].length);
		pull_end(&pull);
		close(fd);
		fixture_pass(&fixture, 2);
	}
	fixture_done(&fixture);
}

static void a_head_may_come_byte_by_byte(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.head_timeout_ms = PATIENCE_MS;
	const char *response = "HTTP/1.1 103 Early Hints\r\nServer: a\r\n\r\n"
	                       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
	struct pull pull;
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	for (const char *at = response; *at != '\0'; at++) {
		const char byte[] = {*at, '\0'};
		origin_send(fd, byte);
		loop_turn(fixture.loop, 1);
	}
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	assert_string_equal(text_c(&pull.interims), "103 a;");
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

static void interim_responses_are_passed_on_but_for_100(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	int fd = answer(&fixture, &pull, 0,
	        STR("HTTP/1.1 100 Continue\r\nServer: a\r\n\r\n"
	            "HTTP/1.1 102 Processing\r\nServer: b\r\n\r\n"
	            "HTTP/1.1 103 Early Hints\r\nServer: c\r\n\r\n"
	            "HTTP/1.1 200 OK\r\nServer: d\r\nContent-Length: 0\r\n\r\n"));
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	assert_string_equal(text_c(&pull.interims), "102 b;103 c;");
	struct str server = http_head_get(&pull.attempt.head, HTTP_NAME_SERVER);
	assert_true(str_is_equal(server, STR("d")));
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

/* 1xx have no body, so that what is announced as one could be read as the next response. */
static void an_interim_response_that_announces_a_body_is_malformed(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		bool is_good;
	} ROWS[] = {
	        {"Content-Length: 0\r\n", true},
	        {"Content-Length: 5\r\n", false},
	        {"Content-Length: x\r\n", false},
	        {"Content-Length: 0\r\nContent-Length: 1\r\n", false},
	        {"Transfer-Encoding: chunked\r\n", false},
	        {"Transfer-Encoding: gzip\r\n", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct text response = {0};
		text_addf(&response,
		        "HTTP/1.1 103 Early Hints\r\n%s\r\n"
		        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		        ROWS[i].fields);
		struct pull pull;
		int fd = answer(&fixture, &pull, 0, text_str(&response));
		if (ROWS[i].is_good)
			assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		else
			pull_wait_fault(&pull, FAULT_MALFORMED);
		pull_end(&pull);
		text_done(&response);
		close(fd);
		fixture_done(&fixture);
	}
}

static void a_flood_of_interim_responses_is_malformed(void **state)
{
	(void)state;
	for (int too_many = 0; too_many < 2; too_many++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct text response = {0};
		for (int i = 0; i < LIMIT_INTERIM_RESPONSES + too_many; i++)
			text_add(&response, STR("HTTP/1.1 102 Processing\r\n\r\n"));
		text_add(&response, STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
		struct pull pull;
		int fd = answer(&fixture, &pull, 0, text_str(&response));
		if (too_many)
			pull_wait_fault(&pull, FAULT_MALFORMED);
		else
			assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		pull_end(&pull);
		text_done(&response);
		close(fd);
		fixture_done(&fixture);
	}
}

/* A response head of about `bytes` bytes in `fields` fields. */
static struct text make_head(unsigned bytes, unsigned fields)
{
	struct text head = {0};
	text_add(&head, STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"));
	for (unsigned i = 1; i < fields; i++) {
		text_addf(&head, "X-%u: ", i);
		while (head.len + 4 < (size_t)bytes * i / (fields - 1))
			text_add_char(&head, 'v');
		text_add(&head, STR("\r\n"));
	}
	text_add(&head, STR("\r\n"));
	return head;
}

static void a_head_has_limits(void **state)
{
	(void)state;
	static const struct {
		unsigned bytes, fields;
		bool is_fine;
	} ROWS[] = {
	        {LIMIT_RESPONSE_HEAD_BYTES - 100, LIMIT_HEAD_FIELDS, true},
	        {LIMIT_RESPONSE_HEAD_BYTES + 100, 20, false},
	        {10 * LIMIT_RESPONSE_HEAD_BYTES, 2, false},
	        {1000, LIMIT_HEAD_FIELDS + 1, false},
	        {1000000, 50000, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct text response = make_head(ROWS[i].bytes, ROWS[i].fields);
		text_add_char(&response, 'b');
		struct pull pull;
		int fd = answer(&fixture, &pull, 0, text_str(&response));
		if (ROWS[i].is_fine) {
			assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
			assert_string_equal(text_c(&pull.body), "b");
			assert_int_equal(pull.attempt.head.count, ROWS[i].fields);
		} else {
			pull_wait_fault(&pull, FAULT_MALFORMED);
		}
		pull_end(&pull);
		text_done(&response);
		close(fd);
		fixture_done(&fixture);
	}
}

static void the_head_stays_while_the_body_moves_on(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	int fd = answer(&fixture, &pull, 0,
	        STR("HTTP/1.1 200 Fine\r\nETag: \"x\"\r\nContent-Length: 4\r\n\r\nab"));
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	struct str etag = http_head_get(&pull.attempt.head, HTTP_NAME_ETAG);
	assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
	origin_send(fd, "cd");
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	assert_true(str_is_equal(etag, STR("\"x\"")));
	assert_true(str_is_equal(http_head_reason(&pull.attempt.head), STR("Fine")));
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

static void an_exhausted_memory_budget_is_our_own_fault(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.budget.limit = BUF_SMALL;
	struct pull pull;
	int fd = answer(&fixture, &pull, 0, STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	pull_wait_fault(&pull, FAULT_MEMORY);
	assert_int_equal(fixture_server(&fixture).failures, 0);
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(malformed_heads_are_the_servers_failure),
	        cmocka_unit_test(odd_but_legal_heads_are_fine),
	        cmocka_unit_test(the_length_is_what_the_head_announces),
	        cmocka_unit_test(a_head_may_come_byte_by_byte),
	        cmocka_unit_test(interim_responses_are_passed_on_but_for_100),
	        cmocka_unit_test(an_interim_response_that_announces_a_body_is_malformed),
	        cmocka_unit_test(a_flood_of_interim_responses_is_malformed),
	        cmocka_unit_test(a_head_has_limits),
	        cmocka_unit_test(the_head_stays_while_the_body_moves_on),
	        cmocka_unit_test(an_exhausted_memory_budget_is_our_own_fault),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
