/* A 101 that was asked for: bytes both ways, ends, and what is held against nobody. */
#include "fixture.h"

#include "origin/tunnel.h"

#define ANSWER "HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

/* Asks for an upgrade; returns the origin's end once the request is there. */
static int ask(struct fixture *fixture, struct pull *pull)
{
	fixture_init(fixture);
	pull_init(pull, fixture);
	pull->options.upgrade = STR("echo");
	pull_start(pull);
	int fd = origin_accept(fixture);
	origin_expect(fixture, fd, STR(REQUEST));
	return fd;
}

static int begin(struct fixture *fixture, struct pull *pull, const char *answer)
{
	int fd = ask(fixture, pull);
	origin_send(fd, answer);
	pull_wait(pull, ORIGIN_PHASE_BODY);
	assert_true(pull->attempt.is_tunnel);
	return fd;
}

static void end(struct fixture *fixture, struct pull *pull, int fd)
{
	pull_end(pull);
	assert_int_equal(origin_pool_idle_count(fixture->candidate.pool), 0);
	if (fd >= 0)
		close(fd);
	fixture_done(fixture);
}

/* Reads until it comes to anything but data or waiting. */
static enum origin_read read_on(struct pull *pull, size_t wanted)
{
	enum origin_read result = ORIGIN_READ_WAIT;
	for (uint64_t end_ms = clock_ms() + PATIENCE_MS; clock_ms() < end_ms;) {
		struct str data;
		pull->is_inside = true;
		result = origin_tunnel_read(&pull->attempt, &data);
		pull->is_inside = false;
		if (result == ORIGIN_READ_DATA)
			text_add(&pull->body, data);
		else if (result != ORIGIN_READ_WAIT || pull->body.len == wanted)
			return result;
		else
			loop_turn(pull->fixture->loop, 1);
	}
	return result;
}

static void bytes_pass_both_ways_and_so_do_ends(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	size_t taken;
	int fd = begin(&fixture, &pull, ANSWER "early");
	assert_int_equal(pull.attempt.head.status, 101);
	assert_int_equal(read_on(&pull, 5), ORIGIN_READ_WAIT);
	assert_string_equal(text_c(&pull.body), "early");
	assert_true(origin_tunnel_write(&pull.attempt, STR("question"), &taken));
	assert_int_equal(taken, 8);
	origin_expect(&fixture, fd, STR("question"));
	for (unsigned i = 0; i < 1000 && origin_tunnel_backlog(&pull.attempt) != 0; i++)
		loop_turn(fixture.loop, 1);
	assert_int_equal(origin_tunnel_backlog(&pull.attempt), 0);
	assert_true(origin_tunnel_end(&pull.attempt));
	assert_true(origin_is_closed(&fixture, fd));
	origin_send(fd, " answer");
	tcp_send_fin(fd);
	assert_int_equal(read_on(&pull, SIZE_MAX), ORIGIN_READ_END);
	assert_string_equal(text_c(&pull.body), "early answer");
	assert_int_equal(pull.attempt.body_bytes, 12);
	origin_tunnel_finish(&pull.attempt);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_DONE);
	end(&fixture, &pull, fd);
}

/* The timeouts of bodies are none of its own. */
static void silence_is_for_others_to_end(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	int fd = begin(&fixture, &pull, ANSWER);
	assert_int_equal(read_on(&pull, 0), ORIGIN_READ_WAIT);
	fixture_pass(&fixture, IDLE_MS * 2 + HEAD_MS);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_BODY);
	unsigned calls = pull.calls;
	origin_send(fd, "x");
	assert_int_equal(read_on(&pull, 1), ORIGIN_READ_WAIT);
	assert_true(pull.calls > calls);
	end(&fixture, &pull, fd);
}

static void an_origin_that_dies_is_a_failure_but_not_of_its_answers(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	int fd = begin(&fixture, &pull, ANSWER);
	tcp_abort(fd);
	assert_int_equal(read_on(&pull, SIZE_MAX), ORIGIN_READ_FAILED);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_FAILED);
	assert_int_equal(pull.attempt.fault, FAULT_TRUNCATED);
	assert_int_equal(fixture_server(&fixture).failures, 0);
	end(&fixture, &pull, -1);
}

static void who_reads_nothing_takes_nothing_for_ever(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	static const char zeros[65536];
	size_t sent = 0, taken;
	int fd = begin(&fixture, &pull, ANSWER);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(
		        origin_tunnel_write(&pull.attempt, str_make(zeros, sizeof(zeros)), &taken));
		sent += taken;
		loop_turn(fixture.loop, 0);
		if (taken == 0 && !pull.attempt.connection->is_writable)
			break;
	}
	assert_true(sent < (size_t)1000 * sizeof(zeros));
	assert_true(origin_tunnel_backlog(&pull.attempt) > 0);
	unsigned calls = pull.calls;
	char piece[65536];
	for (uint64_t end_ms = clock_ms() + PATIENCE_MS;
	        pull.calls == calls && clock_ms() < end_ms;) {
		(void)!recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
		loop_turn(fixture.loop, 0);
	}
	assert_true(pull.calls > calls);
	tcp_abort(fd);
	for (unsigned i = 0; i < 100 && pull.attempt.phase == ORIGIN_PHASE_BODY; i++) {
		bool is_right =
		        origin_tunnel_write(&pull.attempt, str_make(zeros, sizeof(zeros)), &taken);
		assert_true(is_right == (pull.attempt.phase == ORIGIN_PHASE_BODY));
		if (is_right)
			loop_turn(fixture.loop, 1);
	}
	assert_int_equal(pull.attempt.fault, FAULT_TRUNCATED);
	end(&fixture, &pull, -1);
}

static void other_answers_are_as_ever_and_a_wrong_101_is_malformed(void **state)
{
	(void)state;
	static const char *const WRONG[] = {
	        "HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
	        "HTTP/1.1 101 A\r\nUpgrade: echo\r\n\r\n",
	        "HTTP/1.0 101 A\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
	        "HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: "
	        "3\r\n\r\n",
	};
	struct fixture fixture;
	struct pull pull;
	for (size_t i = 0; i < ARRAY_LENGTH(WRONG); i++) {
		int fd = ask(&fixture, &pull);
		origin_send(fd, WRONG[i]);
		pull_wait_fault(&pull, FAULT_MALFORMED);
		end(&fixture, &pull, fd);
	}
	int fd = ask(&fixture, &pull);
	origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	assert_false(pull.attempt.is_tunnel);
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	pull_end(&pull);
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
	close(fd);
	fixture_done(&fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bytes_pass_both_ways_and_so_do_ends),
	        cmocka_unit_test(silence_is_for_others_to_end),
	        cmocka_unit_test(an_origin_that_dies_is_a_failure_but_not_of_its_answers),
	        cmocka_unit_test(who_reads_nothing_takes_nothing_for_ever),
	        cmocka_unit_test(other_answers_are_as_ever_and_a_wrong_101_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
