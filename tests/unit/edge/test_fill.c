/* A fill: what it hands to its reader, at the reader's pace, and its end at any moment. */
#include "edge/fill.h"

#include "edge/fixture.h"

#define ONE "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define BOTH                                                                                       \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, backup: {addresses: [\"$1\"]}}]"
#define GET "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

/* Responses of an origin, and how they reach a client of HTTP/1.1. */
static const struct {
	const char *method, *reply;
	bool ends; /* the origin closes behind it */
	unsigned status;
	const char *body, *trailer;
	bool has_length;
} replies[] = {
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, 200, "abc", "", true},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", "", true},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
                false, 200, "abc", "", false},
        {"GET",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: "
                "9\r\n\r\n",
                false, 200, "a", "X-Sum: 9", false},
        {"GET", "HTTP/1.1 200 OK\r\n\r\nabc", true, 200, "abc", "", false},
        {"GET", "HTTP/1.0 200 OK\r\n\r\nabc", true, 200, "abc", "", false},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", "", false},
        {"GET", "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", false, 302, "",
                "", true},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, 200, "", "", true},
        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200, "", "",
                false},
        {"OPTIONS", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", false, 200, "a", "", true},
};

static void every_framing_passes_through(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture, ONE);
	client_open(&client, &fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(replies); i++) {
		fixture.origins[0].reply = str_of(replies[i].reply);
		fixture.origins[0].ends = replies[i].ends;
		fetch(&client, replies[i].method, "", &response);
		assert_int_equal(response.head.status, replies[i].status);
		assert_true(is_text(text_str(&response.body), replies[i].body));
		assert_string_equal(response.trailer, replies[i].trailer);
		assert_int_equal(http_head_has(&response.head, HTTP_NAME_CONTENT_LENGTH),
		        replies[i].has_length);
		assert_int_equal(client.got.len, client.read);
	}
	/* One connection of the client for all, and of the origin as few as it allowed. */
	assert_int_equal(fixture.origins[0].accepted, 3);
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void an_http_1_0_client_gets_what_has_no_length_until_the_close(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture, ONE);
	fixture.origins[0].reply = str_of(replies[2].reply);
	client_open(&client, &fixture);
	client_say(&client, "GET /x HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
	read_response(&client, HTTP_GET, &response);
	assert_true(is_text(text_str(&response.body), "abc"));
	assert_false(http_head_has(&response.head, HTTP_NAME_TRANSFER_ENCODING));
	assert_true(client.has_end);
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void interim_responses_go_on_without_what_belongs_to_the_hop(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture, ONE);
	fixture.origins[0].reply =
	        STR("HTTP/1.1 100 Continue\r\n\r\n"
	            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: y\r\nConnection: x\r\n\r\n"
	            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
	client_open(&client, &fixture);
	fetch(&client, "GET", "", &response);
	assert_int_equal(response.head.status, 103);
	assert_true(has_field(&response, "Link", "</a>"));
	assert_true(has_field(&response, "X", NULL));
	assert_true(has_field(&response, "Connection", NULL));
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

enum { LARGE = 8000000 };

static void a_client_that_does_not_read_holds_the_origin_back(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	struct text reply = {.at = NULL};
	text_addf(&reply, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 4 * LARGE);
	for (unsigned i = 0; i < 4; i++)
		text_add(&reply, pattern_of(0, LARGE));
	fixture_start(&fixture, ONE);
	fixture.origins[0].reply = text_str(&reply);
	client_open_from(&client, &fixture, NULL, 65536);
	client.is_paused = true;
	client_say(&client, GET);
	/* Longer than the origin's idle_timeout: it is not the origin that is silent. */
	turn_for(&client, 2 * ORIGIN_IDLE_MS);
	const struct origin_peer *peer = &fixture.origins[0].peers[0];
	assert_true(peer->unsent.len > LARGE);
	assert_true(fixture.budget.used < 1 << 20);
	client.is_paused = false;
	turn_until(&client, client.got.len > 4 * LARGE);
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.body.len, 4 * LARGE);
	for (unsigned i = 0; i < 4; i++)
		assert_true(
		        is_pattern(str_make(text_c(&response.body) + (size_t)i * LARGE, LARGE)));
	text_done(&reply);
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_slow_client_does_not_hold_up_others(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client slow, quick;
	struct text reply = {.at = NULL};
	text_addf(&reply, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
	text_add(&reply, pattern_of(0, LARGE));
	fixture_start(&fixture,
	        "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}, {name: b.test, origin: "
	        "{addresses: [\"$1\"]}}]");
	fixture.origins[0].reply = text_str(&reply);
	client_open_from(&slow, &fixture, NULL, 4096);
	slow.is_paused = true;
	client_say(&slow, GET);
	turn_for(&slow, 50);
	client_open(&quick, &fixture);
	for (unsigned i = 0; i < 10; i++)
		ask(&quick, "GET /y HTTP/1.1\r\nHost: b.test\r\n\r\n", 200);
	text_done(&reply);
	client_close(&slow);
	client_close(&quick);
	fixture_done(&fixture);
}

/* Bodies that break off, and are neither held back nor resumed: how the client and the log see
 * them. */
#define EVENTS "Content-Type: text/event-stream\r\n"
static const struct {
	const char *reply;
	bool ends; /* else the origin falls silent */
	const char *fault;
} breaks[] = {
        {"HTTP/1.1 200 OK\r\n" EVENTS "Content-Length: 10\r\n\r\nabc", true, "truncated"},
        {"HTTP/1.1 200 OK\r\n" EVENTS "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true,
                "truncated"},
        {"HTTP/1.1 200 OK\r\n" EVENTS "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n", false,
                "malformed"},
        {"HTTP/1.1 200 OK\r\n" EVENTS "Content-Length: 10\r\n\r\nabc", false, "body_timeout"},
};

static void a_body_that_breaks_off_is_never_taken_for_a_whole_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(breaks) * 2; i++) {
		size_t row = i / 2;
		bool is_1_0 = i % 2 == 1;
		struct fixture fixture;
		struct client client;
		struct response response = {.body = {.at = NULL}};
		fixture_start(&fixture, BOTH);
		fixture.origins[0].reply = str_of(breaks[row].reply);
		fixture.origins[0].ends = breaks[row].ends;
		client_open(&client, &fixture);
		client_say(&client, is_1_0 ? "GET /x HTTP/1.0\r\nHost: a.test\r\n\r\n" : GET);
		turn_until(&client, client.has_end || client.has_reset);
		assert_int_equal(client.has_reset, is_1_0);
		if (!is_1_0) {
			assert_false(parse_response(&client, HTTP_GET, &response));
			assert_true(is_text(text_str(&response.body), "abc"));
		}
		assert_int_equal(fixture.origins[1].requests, 0);
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "\"fault\":\"%s\",\"end\":\"truncated\"",
		        breaks[row].fault);
		log_until(&client, 1);
		assert_log_has(&fixture, 0, wanted);
		response_done(&response);
		client_close(&client);
		fixture_done(&fixture);
	}
}

/* Where clients leave: what the master and the backup do meanwhile. */
static const struct {
	enum origin_manner master, backup;
	const char *master_reply;
	const char *request;
} departures[] = {
        {ORIGIN_HANGS, ORIGIN_ANSWERS, NULL, GET},
        {ORIGIN_ANSWERS, ORIGIN_HANGS, "HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nabc", GET},
        {ORIGIN_ANSWERS, ORIGIN_HANGS, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", GET},
        {ORIGIN_ANSWERS, ORIGIN_HANGS,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", GET},
        {ORIGIN_HANGS, ORIGIN_ANSWERS, NULL,
                "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nabc"},
        {ORIGIN_CLOSES, ORIGIN_HANGS, NULL, GET},
};

static void a_client_may_leave_at_any_moment(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(departures); i++) {
		struct fixture fixture;
		struct client client;
		fixture_start(&fixture, BOTH);
		fixture.origins[0].manner = departures[i].master;
		fixture.origins[1].manner = departures[i].backup;
		if (departures[i].master_reply != NULL)
			fixture.origins[0].reply = str_of(departures[i].master_reply);
		client_open(&client, &fixture);
		client_say(&client, departures[i].request);
		turn_for(&client, 60);
		client_reset(&client);
		turn_until(&client, serve_server_connections(fixture.worker->server) == 0);
		/* What was asked of the origins is given up with it. */
		turn_until(&client, origin_connections(&fixture.origins[0]) +
		                                    origin_connections(&fixture.origins[1]) ==
		                            0);
		log_until(&client, 1);
		assert_log_has(&fixture, 0, "\"end\":\"aborted\"");
		assert_log_has(&fixture, 0, "\"fault\":\"client_gone\"");
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void an_early_answer_ends_the_sending_of_the_body(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture, ONE);
	fixture.origins[0].early = true;
	fixture.origins[0].reply = STR("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
	client_open(&client, &fixture);
	client_say(
	        &client, "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nabc");
	ask(&client, "", 413);
	turn_until(&client, client.has_end);
	client_close(&client);
	fixture_done(&fixture);
}

static void the_steps_explain_themselves(void **state)
{
	(void)state;
	struct text text = {.at = NULL};
	edge_fill_explain(&text);
	static const char *const steps[] = {
	        "choose", "attempt", "judge", "hold", "stream", "resume", "match", "fail"};
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
		assert_non_null(strstr(text_c(&text), steps[i]));
	text_done(&text);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_framing_passes_through),
	        cmocka_unit_test(an_http_1_0_client_gets_what_has_no_length_until_the_close),
	        cmocka_unit_test(interim_responses_go_on_without_what_belongs_to_the_hop),
	        cmocka_unit_test(a_client_that_does_not_read_holds_the_origin_back),
	        cmocka_unit_test(a_slow_client_does_not_hold_up_others),
	        cmocka_unit_test(a_body_that_breaks_off_is_never_taken_for_a_whole_one),
	        cmocka_unit_test(a_client_may_leave_at_any_moment),
	        cmocka_unit_test(an_early_answer_ends_the_sending_of_the_body),
	        cmocka_unit_test(the_steps_explain_themselves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
