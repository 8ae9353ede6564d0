/* The life of an attempt: connecting, deadlines, reuse, what is noted about the origin, ending. */
#include "origin/attempt.h"

#include "tls_server.h"

#define OK_RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void phases_have_the_names_of_the_access_log(void **state)
{
	(void)state;
	assert_string_equal(origin_attempt_phase_name(ORIGIN_PHASE_QUEUE), "queue");
	assert_string_equal(origin_attempt_phase_name(ORIGIN_PHASE_DONE), "done");
	assert_string_equal(origin_attempt_phase_name(ORIGIN_PHASE_FAILED), "failed");
}

static void a_response_is_read_whole_and_its_connection_kept(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	pull_get(&pull, &fixture);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_CONNECT);
	assert_int_equal(fixture.candidate.in_flight, 1);
	int fd = origin_accept(&fixture);
	origin_expect(&fixture, fd, STR(REQUEST));
	pull_wait(&pull, ORIGIN_PHASE_HEAD);
	assert_true(pull.attempt.has_written);
	assert_int_equal(pull.calls, 0);

	origin_send(fd, OK_RESPONSE);
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	assert_int_equal(pull.calls, 1);
	assert_int_equal(pull.attempt.head.status, 200);
	assert_int_equal(pull.attempt.body.framing, HTTP_FRAMING_LENGTH);
	assert_true(pull.attempt.head_us > 0);
	/* All of it is here, so the connection is free before anything was read. */
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
	assert_int_equal(pull_drain(&pull), ORIGIN_READ_END);
	assert_string_equal(text_c(&pull.body), "hello");
	assert_int_equal(pull.attempt.body_bytes, 5);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_DONE);
	assert_int_equal(pull.attempt.reached, ORIGIN_PHASE_DONE);
	assert_false(pull.attempt.is_reused);
	assert_int_equal(pull_read(&pull), ORIGIN_READ_END);
	assert_int_equal(fixture.candidate.in_flight, 0);
	assert_true(fixture.candidate.latency_us > 0);
	assert_memory_equal(http_head_get(&pull.attempt.head, HTTP_NAME_CONTENT_LENGTH).at, "5", 1);
	pull_end(&pull);

	/* The second one goes over the same connection. */
	pull_get(&pull, &fixture);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_HEAD);
	assert_true(pull.attempt.is_reused);
	origin_expect(&fixture, fd, STR(REQUEST));
	origin_send(fd, OK_RESPONSE);
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	pull_end(&pull);
	assert_false(origin_has_visitor(&fixture));
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 1);
	close(fd);
	fixture_done(&fixture);
}

static void a_refused_connection_is_the_hosts_failure(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	close(fixture.listener);
	fixture.listener = -1;
	struct pull pull;
	pull_get(&pull, &fixture);
	assert_int_equal(pull.calls, 0);
	pull_wait_fault(&pull, FAULT_CONNECT_REFUSED);
	assert_int_equal(pull.attempt.reached, ORIGIN_PHASE_CONNECT);
	assert_false(pull.attempt.has_written);
	assert_int_equal(fixture_host(&fixture).failures, 1);
	assert_int_equal(fixture_server(&fixture).failures, 0);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 0);
	pull_end(&pull);
	assert_int_equal(pull.calls, 1);
	fixture_done(&fixture);
}

static void a_family_without_a_route_is_told_to_the_group_and_nobodys_failure(void **state)
{
	(void)state;
	struct address address;
	assert_true(address_parse(STR("255.255.255.255:9"), &address)); /* as for such a family */
	struct fixture fixture;
	fixture_init_at(&fixture, &address);
	struct pull pull;
	pull_get(&pull, &fixture);
	assert_int_equal(pull.attempt.phase, ORIGIN_PHASE_CONNECT);
	pull_wait_fault(&pull, FAULT_NO_ROUTE);
	assert_int_equal(fixture.group.no_routes, 1);
	assert_int_equal(fixture_host(&fixture).failures, 0);
	pull_end(&pull);
	fixture_done(&fixture);
}

static void a_connection_that_nobody_accepts_times_out(void **state)
{
	(void)state;
	struct address address;
	assert_true(address_parse(STR("127.0.0.1:0"), &address));
	int listener = tcp_listen(&address, 0);
	assert_true(listener >= 0 && tcp_local_address(listener, &address));
	int fillers[2];
	for (size_t i = 0; i < ARRAY_LENGTH(fillers); i++)
		assert_int_equal(tcp_connect(&address, &fillers[i]), FAULT_NONE);

	struct fixture fixture;
	fixture_init_at(&fixture, &address);
	struct pull pull;
	uint64_t began_ms = clock_ms();
	pull_get(&pull, &fixture);
	pull_wait_fault(&pull, FAULT_CONNECT_TIMEOUT);
	assert_in_range(clock_ms() - began_ms, CONNECT_MS - 2, CONNECT_MS + SLACK_MS);
	assert_int_equal(fixture_host(&fixture).failures, 1);
	pull_end(&pull);
	for (size_t i = 0; i < ARRAY_LENGTH(fillers); i++)
		close(fillers[i]);
	close(listener);
	fixture_done(&fixture);
}

static void a_silent_origin_times_out_and_is_noted(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	uint64_t began_ms = clock_ms();
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	pull_wait_fault(&pull, FAULT_HEAD_TIMEOUT);
	assert_in_range(clock_ms() - began_ms, HEAD_MS - 2, HEAD_MS + SLACK_MS);
	assert_int_equal(pull.attempt.reached, ORIGIN_PHASE_HEAD);
	assert_int_equal(fixture_server(&fixture).failures, 1);
	assert_int_equal(fixture_host(&fixture).failures, 0);
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

static void a_head_that_drips_times_out_all_the_same(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	pull_get(&pull, &fixture);
	int fd = origin_accept(&fixture);
	pull_wait(&pull, ORIGIN_PHASE_HEAD);
	uint64_t began_ms = clock_ms();
	const char *drops =
	        "HTTP/1.1 200 OK\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	for (size_t i = 0; pull.attempt.phase == ORIGIN_PHASE_HEAD; i++) {
		assert_true(drops[i] != '\0');
		const char drop[] = {drops[i], '\0'};
		origin_send(fd, drop);
		fixture_pass(&fixture, 10);
	}
	pull_wait_fault(&pull, FAULT_HEAD_TIMEOUT);
	assert_in_range(clock_ms() - began_ms, HEAD_MS - 20, HEAD_MS + SLACK_MS);
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

static void the_time_of_the_whole_pull_caps_an_attempt_and_is_no_failure(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;
	pull_init(&pull, &fixture);
	loop_turn(fixture.loop, 0);
	pull.options.deadline_ms = loop_now_ms(fixture.loop) + 40;
	uint64_t began_ms = clock_ms();
	pull_start(&pull);
	int fd = origin_accept(&fixture);
	pull_wait_fault(&pull, FAULT_BUDGET);
	assert_in_range(clock_ms() - began_ms, 30, HEAD_MS - 20);
	assert_int_equal(fixture_server(&fixture).failures, 0);
	assert_int_equal(fixture_host(&fixture).failures, 0);
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

enum ending { ENDING_FIN, ENDING_RESET };

static void close_as(int fd, enum ending ending)
{
	if (ending == ENDING_RESET)
		tcp_abort(fd);
	else
		close(fd);
}

static void the_end_before_a_whole_head_has_its_fault(void **state)
{
	(void)state;
	static const struct {
		const char *sent;
		enum ending ending;
		bool is_reused;
		enum fault fault;
		unsigned failures; /* noted about the server */
	} ROWS[] = {
	        {"", ENDING_FIN, false, FAULT_CLOSED, 1},
	        {"", ENDING_RESET, false, FAULT_RESET, 1},
	        {"HTTP/1.1 200 OK\r\nA: b", ENDING_FIN, false, FAULT_CLOSED, 1},
	        {"HTTP/1.1 200 OK\r\nA: b", ENDING_RESET, false, FAULT_RESET, 1},
	        {"HTTP/1.1 100 Continue\r\n\r\n", ENDING_FIN, false, FAULT_CLOSED, 1},
	        {"", ENDING_FIN, true, FAULT_STALE_CONNECTION, 0},
	        {"", ENDING_RESET, true, FAULT_STALE_CONNECTION, 0},
	        {"HTTP/1.1 200 OK\r\nA: b", ENDING_FIN, true, FAULT_CLOSED, 1},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		int fd = ROWS[i].is_reused ? pull_exchange(&fixture, -1, OK_RESPONSE) : -1;
		struct pull pull;
		pull_get(&pull, &fixture);
		if (fd < 0)
			fd = origin_accept(&fixture);
		origin_expect(&fixture, fd, STR(REQUEST));
		assert_int_equal(pull.attempt.is_reused, ROWS[i].is_reused);
		origin_send(fd, ROWS[i].sent);
		close_as(fd, ROWS[i].ending);
		pull_wait_fault(&pull, ROWS[i].fault);
		assert_int_equal(fixture_server(&fixture).failures, ROWS[i].failures);
		assert_int_equal(fixture_host(&fixture).failures, 0);
		pull_end(&pull);
		fixture_done(&fixture);
	}
}

static void a_kept_connection_that_died_unnoticed_is_stale(void **state)
{
	(void)state;
	static const enum ending ENDINGS[] = {ENDING_FIN, ENDING_RESET};
	for (size_t i = 0; i < ARRAY_LENGTH(ENDINGS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		int fd = pull_exchange(&fixture, -1, OK_RESPONSE);
		/* The loop has no turn in which it could see it. */
		close_as(fd, ENDINGS[i]);
		struct pull pull;
		pull_get(&pull, &fixture);
		assert_true(pull.attempt.is_reused);
		pull_wait_fault(&pull, FAULT_STALE_CONNECTION);
		assert_int_equal(fixture_server(&fixture).failures, 0);
		pull_end(&pull);
		fixture_done(&fixture);
	}
}

static void an_idle_connection_that_stirs_is_closed_at_once(void **state)
{
	(void)state;
	static const char *const STIRS[] = {NULL, "HTTP/1.1 408 Request Timeout\r\n\r\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(STIRS); i++) {
		struct fixture fixture;
		fixture_init(&fixture);
		int fd = pull_exchange(&fixture, -1, OK_RESPONSE);
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
		if (STIRS[i] != NULL)
			origin_send(fd, STIRS[i]);
		else
			tcp_send_fin(fd);
		assert_true(origin_is_closed(&fixture, fd));
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 0);
		assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 0);
		close(fd);
		fixture_done(&fixture);
	}
}

static void a_fresh_connection_is_had_where_one_is_asked_for(void **state)
{
	(void)state;
	for (int is_trial = 0; is_trial < 2; is_trial++) {
		struct fixture fixture;
		fixture_init(&fixture);
		int kept = pull_exchange(&fixture, -1, OK_RESPONSE);
		struct pull pull;
		pull_init(&pull, &fixture);
		pull.options.is_trial = is_trial != 0;
		pull.options.is_fresh_only = is_trial == 0;
		pull_start(&pull);
		assert_false(pull.attempt.is_reused);
		int fd = origin_accept(&fixture);
		origin_send(fd, OK_RESPONSE);
		assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		pull_end(&pull);
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 2);
		close(fd);
		close(kept);
		fixture_done(&fixture);
	}
}

static void a_proven_connection_is_quiet_and_just_used(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	int kept = pull_exchange(&fixture, -1, OK_RESPONSE);
	struct pull pull;
	pull_init(&pull, &fixture);
	pull.options.is_proven_only = true;
	pull_start(&pull);
	assert_true(pull.attempt.is_reused);
	origin_send(kept, OK_RESPONSE);
	assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
	pull_end(&pull);

	/* The loop has not seen the end of it yet, but who asks is told. */
	close(kept);
	pull_init(&pull, &fixture);
	pull.options.is_proven_only = true;
	pull_start(&pull);
	assert_false(pull.attempt.is_reused);
	pull_end(&pull);
	fixture_done(&fixture);
}

static void an_attempt_can_be_ended_in_every_phase(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct pull pull;

	pull_get(&pull, &fixture); /* CONNECT */
	pull_end(&pull);
	fixture_pass(&fixture, 5);

	static const struct {
		const char *sent;
		enum origin_phase phase;
	} ROWS[] = {
	        {"", ORIGIN_PHASE_HEAD},
	        {"HTTP/1.1 200", ORIGIN_PHASE_HEAD},
	        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", ORIGIN_PHASE_BODY},
	        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\n",
	                ORIGIN_PHASE_BODY},
	};
	close(origin_accept(&fixture)); /* the one of CONNECT */
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		pull_get(&pull, &fixture);
		int fd = origin_accept(&fixture);
		pull_wait(&pull, ORIGIN_PHASE_HEAD);
		origin_send(fd, ROWS[i].sent);
		fixture_pass(&fixture, 5);
		assert_int_equal(pull.attempt.phase, ROWS[i].phase);
		if (ROWS[i].phase == ORIGIN_PHASE_BODY)
			assert_int_equal(pull_drain(&pull), ORIGIN_READ_WAIT);
		pull_end(&pull);
		origin_expect(&fixture, fd, STR(REQUEST));
		assert_true(origin_is_closed(&fixture, fd));
		close(fd);
	}
	assert_int_equal(fixture_server(&fixture).failures, 0);
	assert_int_equal(atomic_load(&fixture_slots(&fixture)->open), 0);
	pull_end(&(struct pull){0}); /* nothing happens */
	fixture_done(&fixture);
}

static void statuses_that_are_detected_are_noted(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct model_domain *domain = fixture.group.domain;
	model_statuses_set(&domain->detect_statuses, 503, 503, true);
	const char *response = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
	int fd = pull_exchange(&fixture, -1, response);
	assert_int_equal(fixture_server(&fixture).failures, 1);
	pull_exchange(&fixture, fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(fixture_server(&fixture).failures, 1);
	close(fd);
	fixture_done(&fixture);
}

static void three_refused_connections_block_and_a_trial_that_succeeds_frees(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	struct origin_candidate *candidate = &fixture.candidate;
	for (int i = 0; i < 3; i++)
		origin_health_note_connection(candidate->host, FAULT_CONNECT_REFUSED, clock_ms());
	assert_int_equal(fixture_host(&fixture).state, ORIGIN_BLOCKED);
	uint64_t later_ms = clock_ms() + 70000;
	assert_int_equal(origin_health_advance_host(candidate->host, later_ms), ORIGIN_PROBING);
	origin_health_probed_host(candidate->host, true, FAULT_NONE, later_ms);
	assert_int_equal(fixture_host(&fixture).state, ORIGIN_READY);

	/* A client that leaves gives the trial back. */
	assert_true(origin_health_take_trial(candidate->host, candidate->server, clock_ms()));
	struct pull pull;
	pull_init(&pull, &fixture);
	pull.options.is_trial = true;
	pull_start(&pull);
	pull_end(&pull);
	close(origin_accept(&fixture));
	assert_int_equal(fixture_host(&fixture).state, ORIGIN_READY);

	assert_true(origin_health_take_trial(candidate->host, candidate->server, clock_ms()));
	pull_init(&pull, &fixture);
	pull.options.is_trial = true;
	pull_start(&pull);
	int fd = origin_accept(&fixture);
	origin_send(fd, OK_RESPONSE);
	pull_wait(&pull, ORIGIN_PHASE_BODY);
	assert_int_equal(fixture_host(&fixture).state, ORIGIN_RAMPING);
	pull_end(&pull);
	close(fd);
	fixture_done(&fixture);
}

static void an_attempt_that_failed_inside_a_call_can_be_ended_before_it_is_told(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture.group.domain->origin.connections_max = 1;
	fixture.group.domain->origin.queue_max = 0;
	struct pull first, second;
	pull_get(&first, &fixture);
	pull_get(&second, &fixture); /* QUEUE_FULL, to be told */
	pull_end(&second);
	fixture_pass(&fixture, 5);
	assert_int_equal(second.calls, 0);
	pull_end(&first);
	fixture_done(&fixture);
}

/* ---- TLS ---- */

/* What comes of a fresh connection on which the origin does as it is told. */
static void expect_tls_failure(const char *said, const struct model_tls *settings, enum fault fault,
        bool is_noted, const char *detail)
{
	struct fixture fixture;
	struct tls_trust trust;
	fixture_init(&fixture);
	fixture.group.may_block = true;
	tls_trust_init(&trust, &fixture, settings);
	struct pull pull;
	pull_get(&pull, &fixture);
	int fd = said != NULL ? origin_accept(&fixture) : -1;
	if (said != NULL && said[0] != '\0')
		origin_send(fd, said);
	pull_wait_fault(&pull, fault);
	assert_int_equal(pull.attempt.reached, ORIGIN_PHASE_CONNECT);
	assert_false(pull.attempt.has_written);
	if (detail != NULL)
		assert_string_equal(pull.attempt.detail, detail);
	else
		assert_null(pull.attempt.detail);
	assert_int_equal(fixture_host(&fixture).failures, 0);
	assert_int_equal(fixture_server(&fixture).failures, is_noted);
	pull_end(&pull);
	if (fd >= 0)
		close(fd);
	tls_trust_done(&trust, &fixture);
	fixture_done(&fixture);
}

static void a_failed_handshake_is_the_servers_failure_and_not_the_hosts(void **state)
{
	(void)state;
	struct model_tls any = {.verify = false};
	struct model_tls unread = {.verify = true, .ca = "/nowhere/ca.pem"};
	expect_tls_failure("HTTP/1.1 400 Bad Request\r\n\r\n", &any, FAULT_TLS_HANDSHAKE, true,
	        "TLS: wrong version number");
	/* Silence. */
	expect_tls_failure(
	        "", &any, FAULT_CONNECT_TIMEOUT, true, "the TLS handshake was not done in time");
	/* Nothing was asked of it: we are at fault. */
	expect_tls_failure(NULL, &unread, FAULT_TLS_FILE, false, NULL);
}

static void a_certificate_that_is_not_accepted_has_its_own_fault(void **state)
{
	(void)state;
	struct fixture fixture;
	struct tls_server server;
	struct tls_trust trust;
	fixture_init(&fixture);
	tls_server_init(&server);
	tls_trust_init(&trust, &fixture, &(struct model_tls){.verify = true});
	struct pull pull;
	pull_get(&pull, &fixture);
	server.fd = origin_accept(&fixture);
	server.ssl = SSL_new(server.context);
	assert_int_equal(SSL_set_fd(server.ssl, server.fd), 1);
	SSL_set_accept_state(server.ssl);
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (pull.attempt.phase != ORIGIN_PHASE_FAILED && clock_ms() < until_ms) {
		SSL_do_handshake(server.ssl);
		loop_turn(fixture.loop, 1);
	}
	pull_wait_fault(&pull, FAULT_TLS_NAME);
	assert_non_null(strstr(pull.attempt.detail, "its certificate is not accepted: "));
	assert_int_equal(fixture_server(&fixture).failures, 1);
	assert_int_equal(fixture_host(&fixture).failures, 0);
	pull_end(&pull);
	tls_server_done(&server);
	tls_trust_done(&trust, &fixture);
	fixture_done(&fixture);
}

static void a_response_in_tls_is_read_and_its_connection_kept(void **state)
{
	(void)state;
	struct fixture fixture;
	struct tls_server server;
	struct tls_trust trust;
	fixture_init(&fixture);
	tls_server_init(&server);
	tls_trust_init(&trust, &fixture, &(struct model_tls){.verify = false});
	for (unsigned i = 0; i < 3; i++) {
		struct pull pull;
		pull_get(&pull, &fixture);
		if (i == 0)
			tls_server_accept(&server, &fixture);
		struct text request = tls_server_read(&server, &fixture, strlen(REQUEST));
		assert_memory_equal(request.at, REQUEST, request.len);
		text_done(&request);
		tls_server_send(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
		tls_server_send(&server, "llo");
		assert_int_equal(pull_body(&pull), ORIGIN_READ_END);
		assert_string_equal(text_c(&pull.body), "hello");
		assert_int_equal(pull.attempt.is_reused, i > 0);
		pull_end(&pull);
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
		/* New keys are no reason to give it up, while it is idle. */
		assert_int_equal(SSL_key_update(server.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(server.ssl), 1);
		fixture_pass(&fixture, 5);
		assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 1);
	}
	/* An end is. */
	SSL_shutdown(server.ssl);
	tcp_send_fin(server.fd);
	fixture_pass(&fixture, 5);
	assert_int_equal(origin_pool_idle_count(fixture.candidate.pool), 0);
	tls_server_done(&server);
	tls_trust_done(&trust, &fixture);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(phases_have_the_names_of_the_access_log),
	        cmocka_unit_test(a_response_is_read_whole_and_its_connection_kept),
	        cmocka_unit_test(a_refused_connection_is_the_hosts_failure),
	        cmocka_unit_test(a_family_without_a_route_is_told_to_the_group_and_nobodys_failure),
	        cmocka_unit_test(a_connection_that_nobody_accepts_times_out),
	        cmocka_unit_test(a_silent_origin_times_out_and_is_noted),
	        cmocka_unit_test(a_head_that_drips_times_out_all_the_same),
	        cmocka_unit_test(the_time_of_the_whole_pull_caps_an_attempt_and_is_no_failure),
	        cmocka_unit_test(the_end_before_a_whole_head_has_its_fault),
	        cmocka_unit_test(a_kept_connection_that_died_unnoticed_is_stale),
	        cmocka_unit_test(an_idle_connection_that_stirs_is_closed_at_once),
	        cmocka_unit_test(a_fresh_connection_is_had_where_one_is_asked_for),
	        cmocka_unit_test(a_proven_connection_is_quiet_and_just_used),
	        cmocka_unit_test(an_attempt_can_be_ended_in_every_phase),
	        cmocka_unit_test(statuses_that_are_detected_are_noted),
	        cmocka_unit_test(three_refused_connections_block_and_a_trial_that_succeeds_frees),
	        cmocka_unit_test(
	                an_attempt_that_failed_inside_a_call_can_be_ended_before_it_is_told),
	        cmocka_unit_test(a_failed_handshake_is_the_servers_failure_and_not_the_hosts),
	        cmocka_unit_test(a_certificate_that_is_not_accepted_has_its_own_fault),
	        cmocka_unit_test(a_response_in_tls_is_read_and_its_connection_kept),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
