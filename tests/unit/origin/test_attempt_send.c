/* Writing a request with a body: framings, slow sources, slow origins, early answers. */
#include "fixture.h"

#define POST_HEAD    "POST / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 6\r\n\r\n"
#define CHUNKED_HEAD "POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n"
#define OK_RESPONSE  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* A source that has what the test gave it so far, in pieces of at most `piece` bytes. */
struct script {
	struct origin_source source;
	struct text bytes;
	size_t piece;
	bool is_ended, is_failed;
	const char *trailers;
	unsigned reads;
};

static enum origin_source_result script_read(
        struct origin_source *self, uint64_t offset, struct str *ret_bytes)
{
	struct script *script = container_of(self, struct script, source);
	script->reads++;
	if (script->is_failed)
		return ORIGIN_SOURCE_FAILED;
	assert_true(offset <= script->bytes.len);
	size_t left = script->bytes.len - offset;
	if (left == 0)
		return script->is_ended ? ORIGIN_SOURCE_END : ORIGIN_SOURCE_WAIT;
	if (script->piece != 0 && left > script->piece)
		left = script->piece;
	*ret_bytes = str_make(script->bytes.at + offset, left);
	return ORIGIN_SOURCE_DATA;
}

static struct str script_trailers(struct origin_source *self)
{
	return str_of(container_of(self, struct script, source)->trailers);
}

static void script_init(struct script *script, const char *bytes)
{
	*script = (struct script){
	        .source = {.read = script_read, .trailers = script_trailers},
	        .is_ended = bytes != NULL,
	};
	text_add(&script->bytes, str_of(bytes));
}

static void post_init(
        struct pull *pull, struct fixture *fixture, struct script *script, const char *head)
{
	pull_init(pull, fixture);
	pull->options.head = str_of(head);
	pull->options.method = HTTP_POST;
	pull->options.source = &script->source;
	pull->options.is_chunked = strcmp(head, CHUNKED_HEAD) == 0;
}

static void body_ready(struct pull *pull)
{
	pull->is_inside = true;
	origin_attempt_body_ready(&pull->attempt);
	pull->is_inside = false;
}

static void a_body_that_is_there_goes_out_with_the_head(void **state)
{
	(void)state;
	static const struct {
		const char *head, *body, *trailers;
		size_t piece;
		const char *expected;
	} ROWS[] = {
	        {POST_HEAD, "abcdef", NULL, 0, POST_HEAD "abcdef"},
	        {POST_HEAD, "abcdef", NULL, 4, POST_HEAD "abcdef"},
	        {CHUNKED_HEAD, "", NULL, 0, CHUNKED_HEAD "0\r\n\r\n"},
	        {CHUNKED_HEAD, "abcdef", NULL, 0, CHUNKED_HEAD "6\r\nabcdef\r\n0\r\n\r\n"},
	        {CHUNKED_HEAD, "abcdef", "A: b\r\n", 4,
	                CHUNKED_HEAD "4\r\nabcd\r\n2\r\nef\r\n0\r\nA: b\r\n\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct script script;
		script_init(&script, ROWS[i].body);
		script.trailers = ROWS[i].trailers;
		script.piece = ROWS[i].piece;
		struct pull pull;
		post_init(&pull, &fixture, &script, ROWS[i].head);
		pull_start(&pull);
		int fd = origin_accept(&fixture);
		origin_expect(&fixture, fd, str_of(ROWS[i].expected));
		pull_wait(&pull, ORIGIN_PHASE_HEAD);
		origin_send(fd, OK_RESPONSE);
		assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		pull_end(&pull);
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
		text_done(&script.bytes);
		close(fd);
		fixture_done(&fixture);
	}
}

static void a_body_that_few_expect_makes_the_connection_the_last(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		enum http_method method;
		bool is_chunked, is_kept;
	} ROWS[] = {
	        {"abcdef", HTTP_GET, false, false},
	        {"", HTTP_GET, false, true},
	        {"", HTTP_GET, true, false},
	        {"abcdef", HTTP_OPTIONS, true, false},
	        {"abcdef", HTTP_DELETE, false, true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct script script;
		script_init(&script, ROWS[i].body);
		struct pull pull;
		post_init(&pull, &fixture, &script, ROWS[i].is_chunked ? CHUNKED_HEAD : POST_HEAD);
		pull.options.method = ROWS[i].method;
		pull_start(&pull);
		int fd = origin_accept(&fixture);
		pull_wait(&pull, ORIGIN_PHASE_HEAD);
		origin_send(fd, OK_RESPONSE);
		assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		pull_end(&pull);
		assert_int_equal(
		        origin_pool_idle_count(fixture.candidate.pool), ROWS[i].is_kept ? 1 : 0);
		text_done(&script.bytes);
		close(fd);
		fixture_done(&fixture);
	}
}

static void a_slow_source_has_all_the_time(void **state)
{
	(void)state;
	static const char *const HEADS[] = {POST_HEAD, CHUNKED_HEAD};
	static const char *const EXPECTED[] = {
	        POST_HEAD "abcdef", CHUNKED_HEAD "2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(HEADS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct script script;
		script_init(&script, NULL);
		struct pull pull;
		post_init(&pull, &fixture, &script, HEADS[i]);
		pull_start(&pull);
		body_ready(&pull); /* too early; nothing happens */
		int fd = origin_accept(&fixture);
		fixture_pass(&fixture, HEAD_MS + 50);
		assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_SEND);
		text_add(&script.bytes, STR("ab"));
		body_ready(&pull);
		fixture_pass(&fixture, HEAD_MS + 50);
		assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_SEND);
		text_add(&script.bytes, STR("cdef"));
		body_ready(&pull);
		script.is_ended = true;
		body_ready(&pull);
		assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_HEAD);
		origin_expect(&fixture, fd, str_of(EXPECTED[i]));

		/* The head's time begins only now. */
		uint64_t began_ms = clock_ms();
		pull_wait_fault(&pull, FAULT_HEAD_TIMEOUT);
		assert_in_range(clock_ms() - began_ms, HEAD_MS - 20, HEAD_MS + SLACK_MS);
		pull_end(&pull);
		text_done(&script.bytes);
		close(fd);
		fixture_done(&fixture);
	}
}

/* A body that no socket buffer holds. */
static void fill_script(struct script *script, size_t bytes)
{
	script_init(script, "");
	char line[64];
	memset(line, 'x', sizeof(line));
	for (size_t i = 0; i < bytes / sizeof(line); i++) {
		line[0] = (char)('a' + i % 26);
		text_add(&script->bytes, str_make(line, sizeof(line)));
	}
}

static void large_bodies_arrive_whole(void **state)
{
	(void)state;
	for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
		struct fixture fixture;
		fixture_init(&fixture);
		fixture.group.domain->origin.idle_timeout_ms = PATIENCE_MS;
		struct script script;
		fill_script(&script, 12 << 20);
		script.piece = 1234567;
		struct pull pull;
		post_init(&pull, &fixture, &script, is_chunked ? CHUNKED_HEAD : POST_HEAD);
		pull_start(&pull);
		int fd = origin_accept(&fixture);
		fixture_pass(&fixture, 5);
		assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_SEND);

		struct text expected = {0};
		text_add(&expected, pull.options.head);
		for (size_t at = 0; at < script.bytes.len; at += script.piece) {
			size_t size = script.bytes.len - at;
			if (size > script.piece)
				size = script.piece;
			if (is_chunked)
				text_addf(&expected, "%zx\r\n", size);
			text_add(&expected, str_make(script.bytes.at + at, size));
			if (is_chunked)
				text_add(&expected, STR("\r\n"));
		}
		if (is_chunked)
			text_add(&expected, STR("0\r\n\r\n"));
		origin_expect(&fixture, fd, text_str(&expected));
		pull_wait(&pull, ORIGIN_PHASE_HEAD);
		assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_HEAD);
		pull_end(&pull);
		text_done(&expected);
		text_done(&script.bytes);
		close(fd);
		fixture_done(&fixture);
	}
}

static void an_origin_that_does_not_read_times_out(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct script script;
	fill_script(&script, 12 << 20);
	struct pull pull;
	post_init(&pull, &fixture, &script, POST_HEAD);
	uint64_t began_ms = clock_ms();
	pull_start(&pull);
	int fd = origin_accept(&fixture);
	pull_wait_fault(&pull, FAULT_HEAD_TIMEOUT);
	assert_in_range(clock_ms() - began_ms, IDLE_MS - 3, IDLE_MS + SLACK_MS);
	assert_int_equal(pull.attempt.reached, ORIGIN_PHASE_SEND);
	assert_int_equal(fixture_server(&fixture).failures, 1);
	pull_end(&pull);
	text_done(&script.bytes);
	close(fd);
	fixture_done(&fixture);
}

static void an_early_answer_is_delivered_and_its_connection_not_kept(void **state)
{
	(void)state;
	static const bool CLOSES[] = {false, true};
	for (size_t i = 0; i < ARRAY_LENGTH(CLOSES); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		struct script script;
		fill_script(&script, 12 << 20);
		struct pull pull;
		post_init(&pull, &fixture, &script, POST_HEAD);
		pull_start(&pull);
		int fd = origin_accept(&fixture);
		fixture_pass(&fixture, 5);
		origin_send(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
		if (CLOSES[i])
			tcp_send_fin(fd);
		assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		assert_int_equal(pull.attempt.head.status, 413);
		assert_string_equal(text_c(&pull.body), "big");
		pull_end(&pull);
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 0);
		assert_int_equal(fixture_server(&fixture).failures, 0);
		text_done(&script.bytes);
		close(fd);
		fixture_done(&fixture);
	}
}

static void an_answer_before_a_reset_is_found(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct script script;
	script_init(&script, NULL);
	struct pull pull;
	post_init(&pull, &fixture, &script, POST_HEAD);
	pull_start(&pull);
	int fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(POST_HEAD));
	/* It answers, closes both ways, and resets what still comes; the loop sees none of it
	 * before the next bytes are sent. */
	origin_send(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
	close(fd);
	text_add(&script.bytes, STR("ab"));
	body_ready(&pull);
	usleep(1000);
	text_add(&script.bytes, STR("cd"));
	body_ready(&pull);
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	assert_int_equal(pull.attempt.head.status, 413);
	assert_string_equal(text_c(&pull.body), "big");
	pull_end(&pull);
	text_done(&script.bytes);
	fixture_done(&fixture);
}

static void a_reset_while_sending_is_a_reset(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct script script;
	script_init(&script, NULL);
	struct pull pull;
	post_init(&pull, &fixture, &script, POST_HEAD);
	pull_start(&pull);
	int fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(POST_HEAD));
	tcp_abort(fd);
	text_add(&script.bytes, STR("ab"));
	body_ready(&pull);
	assert_int_equal(pull.calls, 0);
	pull_wait_fault(&pull, FAULT_RESET);
	assert_true(pull.attempt.has_written);
	pull_end(&pull);
	text_done(&script.bytes);
	fixture_done(&fixture);
}

static void a_body_that_breaks_off_is_the_clients_fault(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct script script;
	script_init(&script, NULL);
	struct pull pull;
	post_init(&pull, &fixture, &script, POST_HEAD);
	pull_start(&pull);
	int fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(POST_HEAD));
	script.is_failed = true;
	body_ready(&pull);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_SEND);
	pull_wait_fault(&pull, FAULT_CLIENT_GONE);
	assert_int_equal(fixture_server(&fixture).failures, 0);
	assert_true(origin_is_closed(&fixture, fd));
	pull_end(&pull);
	text_done(&script.bytes);
	close(fd);
	fixture_done(&fixture);
}

static void the_rest_is_sent_while_an_early_answer_is_read(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct script script;
	script_init(&script, NULL);
	struct pull pull;
	post_init(&pull, &fixture, &script, POST_HEAD);
	pull_start(&pull);
	int fd = origin_accept(&fixture);
	origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
	text_add(&script.bytes, STR("abcdef"));
	script.is_ended = true;
	body_ready(&pull);
	origin_expect(&fixture, fd, STR(POST_HEAD "abcdef"));
	origin_send(fd, "abcdef"); /* an echo */
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	assert_string_equal(text_c(&pull.body), "abcdef");
	pull_end(&pull);
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
	text_done(&script.bytes);
	close(fd);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_body_that_is_there_goes_out_with_the_head),
	        cmocka_unit_test(a_body_that_few_expect_makes_the_connection_the_last),
	        cmocka_unit_test(a_slow_source_has_all_the_time),
	        cmocka_unit_test(large_bodies_arrive_whole),
	        cmocka_unit_test(an_origin_that_does_not_read_times_out),
	        cmocka_unit_test(an_early_answer_is_delivered_and_its_connection_not_kept),
	        cmocka_unit_test(an_answer_before_a_reset_is_found),
	        cmocka_unit_test(a_reset_while_sending_is_a_reset),
	        cmocka_unit_test(a_body_that_breaks_off_is_the_clients_fault),
	        cmocka_unit_test(the_rest_is_sent_while_an_early_answer_is_read),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
