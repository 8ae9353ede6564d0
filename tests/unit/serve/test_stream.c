/* One exchange: request bodies in, at every pace; answers of our own. */
#include "fixture.h"

#define HOST "Host: a.test\r\n"
#define GET  "GET /x HTTP/1.1\r\n" HOST "\r\n"

/* Request bodies as they are sent, and what the handler reads. */
static const struct {
	const char *fields, *sent, *body, *trailers;
} bodies[] = {
        {"", "", "", ""},
        {"Content-Length: 0\r\n", "", "", ""},
        {"Content-Length: 11\r\n", "hello world", "hello world", ""},
        {"Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "", ""},
        {"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n",
                "hello world", ""},
        {"Transfer-Encoding: chunked\r\n", "1\r\na\r\n1\r\nb\r\n0\r\nX-Sum: 12\r\nY: z\r\n\r\n",
                "ab", "X-Sum: 12\r\nY: z\r\n"},
        {"Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nContent-Length: 3\r\n\r\n", "a", ""},
};

/* How the handler and the client take it: read_room, and whether bytes are sent one by one. */
static const struct {
	size_t room;
	bool is_dripped;
} paces[] = {{0, false}, {1, false}, {3, true}, {0, true}};

static void request_bodies_arrive_whole_and_the_next_request_behind_them(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(bodies) * ARRAY_LENGTH(paces); i++) {
		size_t row = i / ARRAY_LENGTH(paces), pace = i % ARRAY_LENGTH(paces);
		struct client client;
		struct text request = {.at = NULL};
		fixture.script.read_room = paces[pace].room;
		text_addf(&request, "PUT /1 HTTP/1.1\r\n" HOST "%s\r\n%s" GET, bodies[row].fields,
		        bodies[row].sent);
		client_open(&client, &fixture);
		for (size_t at = 0; paces[pace].is_dripped && at < request.len; at++) {
			assert_true(client_send(&client, str_make(request.at + at, 1)));
			turn(&client, 0);
		}
		if (!paces[pace].is_dripped)
			assert_true(client_send(&client, text_str(&request)));
		ask(&client, "", 200);
		ask(&client, "", 200);
		const struct outcome *outcome = &fixture.outcomes[fixture.begun - 2];
		assert_string_equal(outcome->method, "PUT");
		assert_true(is_text(text_str(&outcome->body), bodies[row].body));
		assert_true(is_text(text_str(&outcome->trailers), bodies[row].trailers));
		text_done(&request);
		client_close(&client);
	}
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

static void a_large_request_body_arrives_whole(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	char head[128];
	fixture_start(&fixture);
	client_open(&client, &fixture);
	snprintf(head, sizeof(head), "PUT / HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
	        PATTERN_BYTES);
	client_say(&client, head);
	assert_true(client_send(&client, pattern_of(0, PATTERN_BYTES)));
	ask(&client, "", 200);
	assert_int_equal(fixture.outcomes[0].body.len, PATTERN_BYTES);
	assert_true(is_pattern(text_str(&fixture.outcomes[0].body)));
	client_close(&client);
	fixture_done(&fixture);
}

static void a_malformed_body_is_answered_400_and_ends_the_connection(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client,
	        "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n" GET);
	ask(&client, "", 400);
	turn_until(&client, client.has_end);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_BAD_REQUEST);
	assert_int_equal(fixture.begun, 1);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_body_that_the_client_breaks_off_is_no_body(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	turn_until(&client, fixture.ended == 1);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_CLIENT_GONE);
	turn_until(&client, client.has_end || client.has_reset);
	assert_int_equal(client.got.len, 0);
	client_close(&client);
	fixture_done(&fixture);
}

/* Who is told to go on: the request, what is sent with it, and whether "100 Continue" comes. */
static const struct {
	const char *request;
	bool ignores_body, is_told;
} expectations[] = {
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", false,
                true},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n", false,
                true},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n", false, false},
        {"PUT / HTTP/1.0\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", false,
                false},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\na", false,
                false},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", true,
                false},
};

static void a_client_that_waits_to_send_its_body_is_told_to(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(expectations); i++) {
		struct client client;
		struct str wanted = STR("HTTP/1.1 100 Continue\r\n\r\n");
		fixture.script.ignores_body = expectations[i].ignores_body;
		client_open(&client, &fixture);
		client_say(&client, expectations[i].request);
		turn_for(&client, 30);
		if (expectations[i].is_told) {
			assert_true(str_is_equal(text_str(&client.got), wanted));
			client.read = wanted.len;
		} else {
			assert_int_equal(client.got.len > 0, expectations[i].ignores_body ? 1 : 0);
		}
		if (!expectations[i].ignores_body)
			client_say(&client, "abc");
		ask(&client, "", 200);
		assert_int_equal(fixture.outcomes[i].is_finished, 1);
		client_close(&client);
	}
	fixture_done(&fixture);
}

static void a_body_that_nobody_reads_stays_with_the_client(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	char head[128];
	size_t length = 64U << 20, sent = 0;
	fixture_start(&fixture);
	fixture.script.holds = true;
	client_open(&client, &fixture);
	snprintf(head, sizeof(head), "PUT / HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
	        length);
	client_say(&client, head);
	turn_until(&client, fixture.begun == 1);
	for (unsigned i = 0; i < 100; i++) {
		ssize_t count = send(
		        client.fd, pattern_of(0, 1 << 20).at, 1 << 20, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += count > 0 ? (size_t)count : 0;
		turn(&client, 5);
	}
	assert_true(sent < length / 2);
	assert_true(fixture.budget.used <= BUF_LARGE);
	/* That took longer than body_timeout, and is not the client's fault. */
	turn_for(&client, BODY_MS);
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	turn_for(&client, 100);
	assert_int_equal(fixture.ended, 0);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_NONE);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_client_is_not_slow_while_its_bytes_wait_for_us(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nabc");
	turn_until(&client, fixture.begun == 1 && fixture.outcomes[0].body.len == 3);
	/* The handler waits for more, but when more is there it is busy with something else. */
	fixture.script.holds = true;
	client_say(&client, "def");
	turn_for(&client, BODY_MS * 3 / 2);
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	ask(&client, "", 200);
	client_close(&client);
	fixture_done(&fixture);
}

/* Bodies that come too slowly: so much at first, then so much each 10 ms. */
static const struct {
	size_t first, drip;
	const char *framing;
	const char *piece;
} slow_bodies[] = {
        {0, 0, "Content-Length: 100000", "x"},
        {0, 1, "Content-Length: 100000", "x"},
        {50000, 0, "Content-Length: 100000", "x"},
        {50000, 5, "Content-Length: 100000", "x"},
        {0, 1, "Transfer-Encoding: chunked", "1\r\nx\r\n"},
};

static void a_slow_body_is_answered_408(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (unsigned i = 0; i < ARRAY_LENGTH(slow_bodies); i++) {
		struct client client;
		char head[128];
		client_open(&client, &fixture);
		snprintf(head, sizeof(head), "PUT / HTTP/1.1\r\n" HOST "%s\r\n\r\n",
		        slow_bodies[i].framing);
		client_say(&client, head);
		assert_true(client_send(&client, pattern_of(0, slow_bodies[i].first)));
		uint64_t begun_ms = clock_ms();
		while (fixture.ended == i) {
			for (size_t drop = 0; drop < slow_bodies[i].drip; drop++)
				client_say(&client, slow_bodies[i].piece);
			turn_for(&client, 10);
			assert_true(clock_ms() < begun_ms + PATIENCE_MS);
		}
		uint64_t ms = clock_ms() - begun_ms;
		assert_true(ms + 20 >= BODY_MS && ms < BODY_MS + SLACK_MS);
		assert_int_equal(fixture.outcomes[i].fault, FAULT_BODY_SLOW);
		ask(&client, "", 408);
		client_close(&client);
	}
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

static void a_body_that_is_just_fast_enough_is_read_to_its_end(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 30000\r\n\r\n");
	for (unsigned i = 0; i < 30; i++) {
		assert_true(client_send(&client, pattern_of(1000 * i, 1000)));
		turn_for(&client, 40);
	}
	ask(&client, "", 200);
	assert_true(is_pattern(text_str(&fixture.outcomes[0].body)));
	client_close(&client);
	fixture_done(&fixture);
}

static void a_refused_body_does_not_destroy_the_answer(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	char head[128];
	fixture_start(&fixture);
	fixture.script = (struct script){
	        .ignores_body = true, .is_error = true, .fault = FAULT_BODY_TOO_LARGE};
	client_open(&client, &fixture);
	client.is_paused = true;
	snprintf(head, sizeof(head), "PUT / HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
	        PATTERN_BYTES);
	client_say(&client, head);
	assert_true(client_send(&client, pattern_of(0, PATTERN_BYTES)));
	assert_int_equal(fixture.ended, 1);
	client.is_paused = false;
	ask(&client, "", 413);
	turn_until(&client, client.has_end);
	client_close(&client);
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

static void a_head_beyond_the_memory_budget_is_answered_503(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct text request = {.at = NULL};
	fixture_init(&fixture);
	/* Buffers for the head and an answer, but not for a copy of the head. */
	fixture.budget.limit = BUF_SMALL + BUF_MIDDLE + BUF_SMALL + 4096;
	fixture_listen(&fixture);
	text_addf(&request, "GET / HTTP/1.1\r\n" HOST "X: ");
	text_add(&request, pattern_of(0, 12000));
	text_add(&request, STR("\r\n\r\n"));
	client_open(&client, &fixture);
	assert_true(client_send(&client, text_str(&request)));
	ask(&client, "", 503);
	assert_int_equal(fixture.last_refused, FAULT_MEMORY);
	text_done(&request);
	client_close(&client);
	fixture_done(&fixture);
}

static void errors_have_no_body_for_head(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture);
	fixture.script = (struct script){.is_error = true, .fault = FAULT_UNKNOWN_HOST};
	client_open(&client, &fixture);
	client_say(&client, "HEAD / HTTP/1.1\r\n" HOST "\r\n" GET);
	read_response(&client, HTTP_HEAD, &response);
	assert_int_equal(response.head.status, 421);
	assert_true(
	        is_text(response_field(&response, HTTP_NAME_X_HEADWATER_ERROR), "unknown_host"));
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 421);
	assert_true(response.body.len > 0);
	assert_false(client.has_end);
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(request_bodies_arrive_whole_and_the_next_request_behind_them),
	        cmocka_unit_test(a_large_request_body_arrives_whole),
	        cmocka_unit_test(a_malformed_body_is_answered_400_and_ends_the_connection),
	        cmocka_unit_test(a_body_that_the_client_breaks_off_is_no_body),
	        cmocka_unit_test(a_client_that_waits_to_send_its_body_is_told_to),
	        cmocka_unit_test(a_body_that_nobody_reads_stays_with_the_client),
	        cmocka_unit_test(a_client_is_not_slow_while_its_bytes_wait_for_us),
	        cmocka_unit_test(a_slow_body_is_answered_408),
	        cmocka_unit_test(a_body_that_is_just_fast_enough_is_read_to_its_end),
	        cmocka_unit_test(a_refused_body_does_not_destroy_the_answer),
	        cmocka_unit_test(a_head_beyond_the_memory_budget_is_answered_503),
	        cmocka_unit_test(errors_have_no_body_for_head),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
