/* Requests: where they are routed, what they cost a client who errs, and their line in the log. */
#include "edge/request.h"

#include "edge/fixture.h"
#include "serve/connection_private.h"

#define DOMAINS                                                                                    \
	"domains:\n"                                                                               \
	"- {name: a.test, origin: {addresses: [\"$0\"]}, request_body_max: 1000}\n"                \
	"- {name: \"*.wild.test\", origin: {addresses: [\"$1\"]}}\n"                               \
	"- {name: off.test, status: offline, origin: {addresses: [\"$2\"]}}\n"                     \
	"- {name: debug.test, debug: on, origin: {addresses: [\"$2\"]}, backup: {addresses: "      \
	"[\"$3\"]}}\n"
#define GET "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

/* What is asked, who answers (an origin's number, or -1), the status and our fault. */
static const struct {
	const char *request;
	int origin;
	unsigned status;
	const char *fault;
	const char *log;
} routes[] = {
        {GET, 0, 200, NULL, "\"domain\":\"a.test\",\"host\":\"a.test\""},
        {"GET /x HTTP/1.1\r\nHost: A.Test.:8080\r\n\r\n", 0, 200, NULL, "\"host\":\"a.test\""},
        {"GET http://a.test/y?z HTTP/1.1\r\nHost: other.test\r\n\r\n", 0, 200, NULL,
                "\"path\":\"/y?z\""},
        {"GET / HTTP/1.1\r\nHost: b.wild.test\r\n\r\n", 1, 200, NULL,
                "\"domain\":\"*.wild.test\",\"host\":\"b.wild.test\""},
        {"GET / HTTP/1.1\r\nHost: wild.test\r\n\r\n", -1, 421, "unknown_host",
                "\"host\":\"wild.test\""},
        {"GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n", -1, 421, "unknown_host", "\"status\":421"},
        {"GET / HTTP/1.0\r\n\r\n", -1, 421, "unknown_host", "\"protocol\":\"HTTP/1.0\""},
        {"GET / HTTP/1.1\r\nHost: off.test\r\n\r\n", -1, 404, "offline", "\"domain\":\"off.test\""},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nCDN-Loop: other, Edge;x=y\r\n\r\n", -1, 508, "loop",
                "\"fault\":\"loop\""},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nCDN-Loop: other\r\n\r\n", 0, 200, NULL,
                "\"fault\":\"none\""},
        {"GET / HTTP/1.1\r\n\r\n", -1, 400, "bad_request", "\"fault\":\"bad_request\""},
        {"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", 0, 200, NULL, "\"path\":\"*\""},
        {"PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1001\r\n\r\n", -1, 413,
                "body_too_large", "\"status\":413"},
};

static void a_request_goes_where_its_host_says(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture, DOMAINS);
	for (unsigned i = 0; i < ARRAY_LENGTH(routes); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		unsigned before[ORIGINS];
		for (unsigned k = 0; k < ORIGINS; k++)
			before[k] = fixture.origins[k].requests;
		client_open(&client, &fixture);
		client_say(&client, routes[i].request);
		read_response(&client, HTTP_GET, &response);
		assert_int_equal(response.head.status, routes[i].status);
		assert_true(has_field(&response, "X-Headwater-Error", routes[i].fault));
		assert_true(has_field(&response, "X-Cache", "PASS"));
		for (int k = 0; k < ORIGINS; k++)
			assert_int_equal(
			        fixture.origins[k].requests, before[k] + (k == routes[i].origin));
		log_until(&client, i + 1);
		assert_log_has(&fixture, i, routes[i].log);
		response_done(&response);
		client_close(&client);
	}
	fixture_done(&fixture);
}

static void the_origin_is_sent_what_is_for_it(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture, DOMAINS);
	client_open(&client, &fixture);
	client_say(&client,
	        "GET http://a.test/p?q HTTP/1.1\r\nHost: a.test\r\nConnection: x, keep-alive\r\n"
	        "X: secret\r\nY: yes\r\nX-Forwarded-For: 1.2.3.4\r\nTE: trailers\r\n\r\n");
	read_response(&client, HTTP_GET, &response);
	const struct origin *origin = &fixture.origins[0];
	assert_true(str_has_prefix(text_str(&origin->last), STR("GET /p?q HTTP/1.1\r\n")));
	assert_true(origin_was_sent(origin, "\r\nHost: a.test\r\n"));
	assert_true(origin_was_sent(origin, "\r\nY: yes\r\n"));
	assert_true(origin_was_sent(origin, "\r\nX-Forwarded-For: 127.0.0.1\r\n"));
	assert_true(origin_was_sent(origin, "\r\nX-Forwarded-Proto: http\r\n"));
	assert_true(origin_was_sent(origin, "\r\nVia: 1.1 edge\r\n"));
	assert_true(origin_was_sent(origin, "\r\nCDN-Loop: edge\r\n"));
	assert_false(origin_was_sent(origin, "secret"));
	assert_false(origin_was_sent(origin, "1.2.3.4"));
	assert_false(origin_was_sent(origin, "Connection"));
	assert_false(origin_was_sent(origin, "TE:"));
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_trusted_proxy_says_who_asks(void **state)
{
	(void)state;
	for (unsigned is_trusted = 0; is_trusted < 2; is_trusted++) {
		struct fixture fixture;
		struct client client;
		struct address_prefix trusted;
		fixture_init(&fixture);
		assert_true(address_prefix_parse(
		        is_trusted ? STR("127.0.0.0/8") : STR("10.0.0.0/8"), &trusted));
		fixture.options.trusted = &trusted;
		fixture.options.trusted_count = 1;
		fixture_serve(&fixture, DOMAINS);
		client_open(&client, &fixture);
		ask(&client,
		        "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 9.9.9.9, "
		        "192.0.2.7\r\n\r\n",
		        200);
		log_until(&client, 1);
		assert_log_has(&fixture, 0,
		        is_trusted ? "\"client\":\"192.0.2.7\"" : "\"client\":\"127.0.0.1\"");
		assert_true(origin_was_sent(&fixture.origins[0],
		        is_trusted ? "X-Forwarded-For: 9.9.9.9, 192.0.2.7, 127.0.0.1\r\n"
		                   : "X-Forwarded-For: 127.0.0.1\r\n"));
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void debug_tells_who_answered_and_how_long_it_took(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	char wanted[80];
	fixture_start(&fixture, DOMAINS);
	client_open(&client, &fixture);
	for (unsigned fails = 0; fails < 2; fails++) {
		fixture.origins[2].manner = fails ? ORIGIN_CLOSES : ORIGIN_ANSWERS;
		client_say(&client, "GET / HTTP/1.1\r\nHost: debug.test\r\n\r\n");
		read_response(&client, HTTP_GET, &response);
		snprintf(wanted, sizeof(wanted), "%s %s", fails ? "backup" : "master",
		        fixture.origins[2 + fails].where);
		assert_true(has_field(&response, "X-Headwater-Origin", wanted));
		assert_true(http_head_has(&response.head, HTTP_NAME_SERVER_TIMING));
	}
	client_say(&client, GET);
	read_response(&client, HTTP_GET, &response);
	assert_true(has_field(&response, "X-Headwater-Origin", NULL));
	assert_false(http_head_has(&response.head, HTTP_NAME_SERVER_TIMING));
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_line_of_the_log_has_everything_about_a_request(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, DOMAINS);
	fixture.origins[0].reply = STR("HTTP/1.1 201 Made\r\nContent-Length: 5\r\n\r\nhello");
	client_open(&client, &fixture);
	ask(&client, "POST /p?q=\"1\" HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc",
	        201);
	log_until(&client, 1);
	static const char *const parts[] = {"\"client\":\"127.0.0.1\"", "\"domain\":\"a.test\"",
	        "\"method\":\"POST\"", "\"path\":\"/p?q=\\\"1\\\"\"", "\"protocol\":\"HTTP/1.1\"",
	        "\"status\":201", "\"cache\":\"PASS\"", "\"bytes_in\":3", "\"bytes_out\":5",
	        "\"fault\":\"none\"", "\"end\":\"complete\"", "\"role\":\"master\"",
	        "\"phase\":\"done\"", "\"reused\":false", "\"next\":\"deliver\""};
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
		assert_log_has(&fixture, 0, parts[i]);
	assert_log_has(&fixture, 0, fixture.origins[0].where);
	client_close(&client);
	fixture_done(&fixture);
}

static void pipelined_requests_are_answered_in_order_by_different_origins(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture, DOMAINS);
	fixture.origins[0].reply = STR("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
	fixture.origins[1].reply =
	        STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n");
	client_open(&client, &fixture);
	for (unsigned i = 0; i < 5; i++)
		client_say(&client, GET "GET / HTTP/1.1\r\nHost: b.wild.test\r\n\r\n"
		                        "GET / HTTP/1.1\r\nHost: c.test\r\n\r\n");
	for (unsigned i = 0; i < 5; i++) {
		read_response(&client, HTTP_GET, &response);
		assert_true(is_text(text_str(&response.body), "one"));
		read_response(&client, HTTP_GET, &response);
		assert_true(is_text(text_str(&response.body), "two"));
		read_response(&client, HTTP_GET, &response);
		assert_int_equal(response.head.status, 421);
	}
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_body_over_the_limit_that_was_not_announced_is_refused_where_it_crosses_it(
        void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, DOMAINS);
	client_open(&client, &fixture);
	client_say(&client,
	        "PUT /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
	assert_true(client_send(&client, pattern_of(0, 1001)));
	ask(&client, "", 413);
	turn_until(&client, client.has_end);
	assert_int_equal(fixture.origins[0].requests, 0); /* never whole */
	client_close(&client);
	fixture_done(&fixture);
}

static void a_client_that_waits_to_be_told_is_told_once_the_origin_is_there(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, DOMAINS);
	client_open(&client, &fixture);
	client_say(&client, "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: "
	                    "100-continue\r\n\r\n");
	turn_until(&client, client.got.len > 0);
	assert_true(is_text(text_str(&client.got), "HTTP/1.1 100 Continue\r\n\r\n"));
	client.read = client.got.len;
	client_say(&client, "abc");
	ask(&client, "", 200);
	assert_false(origin_was_sent(&fixture.origins[0], "Expect"));
	/* … and is not where there is none. */
	origin_stop_listening(&fixture.origins[0]);
	client_close(&client);
	client_open(&client, &fixture);
	ask(&client,
	        "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: "
	        "100-continue\r\n\r\n",
	        502);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_slow_body_is_the_client_s_fault(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	fixture.options.body_timeout_ms = 100;
	fixture_serve(&fixture, DOMAINS);
	client_open(&client, &fixture);
	client_say(&client, "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nabc");
	ask(&client, "", 408);
	log_until(&client, 1);
	assert_log_has(&fixture, 0, "\"fault\":\"body_slow\"");
	client_close(&client);
	fixture_done(&fixture);
}

static void a_body_that_waits_for_the_second_origin_is_not_slow(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	fixture.options.body_timeout_ms = ORIGIN_HEAD_MS / 2;
	fixture_serve(&fixture,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: "
	        "[\"$1\"]}}]");
	fixture.origins[0].manner = ORIGIN_HANGS;
	client_open(&client, &fixture);
	/* The master takes it all and says nothing; the client has done its part. */
	client_say(
	        &client, "GET /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nabcdefghi");
	ask(&client, "", 200);
	assert_true(origin_was_sent(&fixture.origins[1], "abcdefghi"));
	client_close(&client);
	fixture_done(&fixture);
}

static void a_response_that_the_budget_refuses_is_no_half_answer(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, DOMAINS);
	fixture.budget.limit = 3 * BUF_SMALL;
	client_open(&client, &fixture);
	client_say(&client, GET);
	turn_until(&client, client.got.len > 0 || client.has_end || client.has_reset);
	turn_for(&client, 20);
	if (client.got.len > 0)
		assert_true(str_has_prefix(text_str(&client.got), STR("HTTP/1.1 503 ")));
	fixture.budget.limit = 64U << 20;
	client_close(&client);
	client_open(&client, &fixture);
	ask(&client, GET, 200);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_fast_body_leaves_turns_to_others(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct text reply = {.at = NULL};
	struct response response = {.body = {.at = NULL}};
	size_t length = 4 << 20, piece = 5 * BUF_LARGE;
	text_addf(&reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
	text_add(&reply, pattern_of(0, length));
	fixture_start(&fixture, DOMAINS);
	fixture.origins[0].manner = ORIGIN_HANGS;
	client_open(&client, &fixture);
	client.is_paused = true;
	client_say(&client, GET);
	turn_until(&client, fixture.origins[0].requests == 1);
	/* All of it is there, and there is room for it; still a turn moves a part. */
	struct origin_peer *peer = &fixture.origins[0].peers[0];
	peer->unsent = text_str(&reply);
	origin_play_peer(&fixture.origins[0], peer);
	const struct serve_connection *connection = container_of(
	        list_first(&fixture.worker->server->connections), struct serve_connection, node);
	uint64_t before = connection->wire.sent;
	for (unsigned i = 0; i < 3; i++) {
		loop_turn(fixture.worker->loop, 0);
		assert_true(connection->wire.sent - before <= piece);
		before = connection->wire.sent;
	}
	assert_true(before > 0);
	client.is_paused = false;
	read_response(&client, HTTP_GET, &response);
	assert_true(is_pattern(text_str(&response.body)));
	response_done(&response);
	text_done(&reply);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_fast_request_body_leaves_turns_to_others(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]");
	client_open(&client, &fixture);
	client_say(&client, "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4000000\r\n\r\n");
	turn_until(&client, fixture.origins[0].accepted == 1);
	ssize_t sent = send(client.fd, pattern_of(0, 4000000).at, 4000000, MSG_DONTWAIT);
	assert_true(sent > 2000000);
	const struct serve_connection *connection = container_of(
	        list_first(&fixture.worker->server->connections), struct serve_connection, node);
	uint64_t before = connection->stream->body_received;
	for (unsigned i = 0; i < 3; i++) {
		loop_turn(fixture.worker->loop, 0);
		assert_true(connection->stream->body_received - before <= 6 * BUF_LARGE);
		before = connection->stream->body_received;
	}
	assert_true(before > 0);
	assert_true(client_send(&client, pattern_of((size_t)sent, 4000000 - (size_t)sent)));
	ask(&client, "", 200);
	assert_true(str_has_suffix(text_str(&fixture.origins[0].last), pattern_of(0, 4000000)));
	client_close(&client);
	fixture_done(&fixture);
}

/* All that is counted, of all domains. */
struct counted {
	struct edge_tally_sink sink;
	uint64_t first_bytes, wholes;
	uint64_t requests, hits, faults, pulls, answered, ours; /* `ours`: of a.test */
};

static bool on_sum(struct edge_tally_sink *sink, const struct edge_tally_sum *sum)
{
	struct counted *counted = container_of(sink, struct counted, sink);
	counted->requests += sum->client[COUNTER_REQUESTS];
	counted->hits += sum->client[COUNTER_HITS];
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		counted->first_bytes += sum->latencies[COUNTER_FIRST_BYTE][i];
		counted->wholes += sum->latencies[COUNTER_WHOLE][i];
	}
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		counted->faults += sum->client_faults[i];
	counted->pulls += sum->origin[MODEL_MASTER][COUNTER_PULLS - COUNTERS_CLIENT];
	counted->answered += sum->origin[MODEL_MASTER][COUNTER_PULL_2XX - COUNTERS_CLIENT];
	if (str_is_equal(sum->domain, STR("a.test")))
		counted->ours = sum->client[COUNTER_REQUESTS];
	return true;
}

static void requests_are_counted_and_told_to_who_watches(void **state)
{
	static const struct link_filter ALL = {.status_max = 0};
	(void)state;
	struct fixture fixture;
	struct counted counted = {.sink = {on_sum}};
	struct text lines = {.at = NULL};
	uint64_t dropped;
	unsigned pulls = 0, faults = 0, count = 0;
	fixture_start(&fixture, DOMAINS);
	edge_tail_want(fixture.shared.tail, &ALL, 1);
	for (unsigned i = 0; i < ARRAY_LENGTH(routes); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		client_open(&client, &fixture);
		client_say(&client, routes[i].request);
		read_response(&client, HTTP_GET, &response);
		log_until(&client, i + 1);
		response_done(&response);
		client_close(&client);
		pulls += routes[i].origin >= 0;
		faults += routes[i].fault != NULL;
	}
	edge_tally_show(&fixture.worker->tally, 1, true, &counted.sink);
	assert_int_equal(counted.requests, ARRAY_LENGTH(routes));
	assert_int_equal(counted.hits, 0);
	/* One of them has no Host, and so never became a request. */
	assert_int_equal(counted.first_bytes, ARRAY_LENGTH(routes) - 1);
	assert_int_equal(counted.wholes, ARRAY_LENGTH(routes) - 1);
	assert_int_equal(counted.faults, faults);
	assert_int_equal(counted.pulls, pulls);
	assert_int_equal(counted.answered, pulls);
	assert_true(counted.ours >= 5);
	edge_tail_take(fixture.shared.tail, &lines, &dropped);
	for (size_t i = 0; i < lines.len; i++)
		count += lines.at[i] == '\n';
	assert_int_equal(count, ARRAY_LENGTH(routes));
	assert_int_equal(dropped, 0);
	text_done(&lines);
	fixture_done(&fixture);
}

static void the_steps_explain_themselves(void **state)
{
	(void)state;
	struct text text = {.at = NULL};
	edge_request_explain(&text);
	static const char *const steps[] = {
	        "receive", "route", "pass", "deliver", "fail", "finish"};
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
		assert_non_null(strstr(text_c(&text), steps[i]));
	text_done(&text);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_goes_where_its_host_says),
	        cmocka_unit_test(the_origin_is_sent_what_is_for_it),
	        cmocka_unit_test(a_trusted_proxy_says_who_asks),
	        cmocka_unit_test(debug_tells_who_answered_and_how_long_it_took),
	        cmocka_unit_test(a_line_of_the_log_has_everything_about_a_request),
	        cmocka_unit_test(pipelined_requests_are_answered_in_order_by_different_origins),
	        cmocka_unit_test(
	                a_body_over_the_limit_that_was_not_announced_is_refused_where_it_crosses_it),
	        cmocka_unit_test(a_client_that_waits_to_be_told_is_told_once_the_origin_is_there),
	        cmocka_unit_test(a_slow_body_is_the_client_s_fault),
	        cmocka_unit_test(a_body_that_waits_for_the_second_origin_is_not_slow),
	        cmocka_unit_test(a_response_that_the_budget_refuses_is_no_half_answer),
	        cmocka_unit_test(a_fast_body_leaves_turns_to_others),
	        cmocka_unit_test(a_fast_request_body_leaves_turns_to_others),
	        cmocka_unit_test(requests_are_counted_and_told_to_who_watches),
	        cmocka_unit_test(the_steps_explain_themselves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
