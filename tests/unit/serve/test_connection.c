/* The life of a client connection: heads however they come, keep-alive, refusals, timeouts, ends.
 */
#include "fixture.h"

#define HOST "Host: a.test\r\n"
#define GET  "GET /x HTTP/1.1\r\n" HOST "\r\n"

static void a_request_is_answered(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "GET /hello?a=b HTTP/1.1\r\nHost: A.test:80\r\n\r\n");
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	assert_true(is_text(response_field(&response, HTTP_NAME_CONTENT_LENGTH), "10"));
	assert_false(http_head_has(&response.head, HTTP_NAME_CONNECTION));
	assert_true(is_text(text_str(&response.body), "/hello?a=b"));
	assert_string_equal(fixture.outcomes[0].method, "GET");
	assert_string_equal(fixture.outcomes[0].host, "A.test:80");
	assert_false(client.has_end);
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_head_may_come_byte_by_byte(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct str request = STR(GET);
	fixture_start(&fixture);
	client_open(&client, &fixture);
	for (size_t i = 0; i < request.len; i++) {
		assert_int_equal(fixture.begun, 0);
		assert_true(client_send(&client, str_make(request.at + i, 1)));
		turn(&client, 1);
	}
	ask(&client, "", 200);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_long_head_grows_its_buffer(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	struct text request = {.at = NULL};
	fixture_start(&fixture);
	text_addf(&request, "GET /x HTTP/1.1\r\n" HOST);
	for (unsigned i = 0; i < 20; i++) {
		text_addf(&request, "X-Field-%u: ", i);
		text_add(&request, pattern_of(0, 1500));
		text_add(&request, STR("\r\n"));
	}
	text_add(&request, STR("\r\n" GET));
	client_open(&client, &fixture);
	assert_true(client_send(&client, text_str(&request)));
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	read_response(&client, HTTP_GET, &response);
	assert_int_equal(response.head.status, 200);
	response_done(&response);
	text_done(&request);
	client_close(&client);
	fixture_done(&fixture);
}

static void requests_on_a_kept_connection_are_answered_in_turn(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	for (unsigned i = 0; i < 20; i++)
		ask(&client, GET, 200);
	assert_int_equal(fixture.ended, 20);
	assert_int_equal(fixture.buffers.in_use, 0); /* idle: no block is held */
	client_close(&client);
	turn_until(&client, is_alone(&fixture));
	fixture_done(&fixture);
}

enum { BATCH = 1000 };

/* Sends a batch of requests at once, and the FIN right behind them where `ends` says so. */
static void send_batch(struct client *client, unsigned count, bool ends)
{
	struct text batch = {.at = NULL};
	for (unsigned i = 0; i < count; i++)
		text_addf(&batch, "GET /%u HTTP/1.1\r\n" HOST "\r\n", i);
	assert_true(client_send(client, text_str(&batch)));
	if (ends)
		assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
	text_done(&batch);
}

static void expect_batch(struct client *client, unsigned count)
{
	struct response response = {.body = {.at = NULL}};
	for (unsigned i = 0; i < count; i++) {
		char path[16];
		snprintf(path, sizeof(path), "/%u", i);
		read_response(client, HTTP_GET, &response);
		assert_int_equal(response.head.status, 200);
		assert_true(is_text(text_str(&response.body), path));
	}
	response_done(&response);
}

static void pipelined_requests_are_all_answered_in_order(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	send_batch(&client, BATCH, false);
	expect_batch(&client, BATCH);
	assert_false(client.has_end);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_batch_with_a_fin_behind_it_is_all_answered(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	send_batch(&client, BATCH, true);
	expect_batch(&client, BATCH);
	turn_until(&client, client.has_end || client.has_reset);
	assert_false(client.has_reset);
	assert_true(is_alone(&fixture));
	client_close(&client);
	fixture_done(&fixture);
}

/* Who keeps a connection: what is asked, and whether it stays open. */
static const struct {
	const char *request;
	const char *connection; /* the response's Connection field */
	bool is_kept;
} persistences[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", "", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "close", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: Close, x\r\n\r\n", "close", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", "", true},
        {"GET / HTTP/1.0\r\n" HOST "\r\n", "close", false},
        {"GET / HTTP/1.0\r\n\r\n", "close", false},
        {"GET / HTTP/1.0\r\n" HOST "Connection: Keep-Alive\r\n\r\n", "keep-alive", true},
        {"GET / HTTP/1.0\r\n" HOST "Connection: keep-alive, close\r\n\r\n", "close", false},
};

static void connections_are_kept_as_their_requests_say(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(persistences); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		client_open(&client, &fixture);
		client_say(&client, persistences[i].request);
		read_response(&client, HTTP_GET, &response);
		assert_true(is_text(response_field(&response, HTTP_NAME_CONNECTION),
		        persistences[i].connection));
		if (persistences[i].is_kept) {
			ask(&client, GET, 200);
			assert_false(client.has_end);
		} else {
			turn_until(&client, client.has_end);
		}
		response_done(&response);
		client_close(&client);
		turn_until(&client, is_alone(&fixture));
	}
	fixture_done(&fixture);
}

static void nothing_behind_a_last_request_is_answered(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "GET /1 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET);
	ask(&client, "", 200);
	turn_until(&client, client.has_end);
	assert_int_equal(fixture.begun, 1);
	client_close(&client);
	fixture_done(&fixture);
}

/* What is no request: the status and the fault it is answered with. */
static const struct {
	const char *request;
	unsigned status;
	enum fault fault;
} refusals[] = {
        {"\x16\x03\x01", 400, FAULT_BAD_REQUEST},
        {"GET / HTTP/1.1\r\n\r\n", 400, FAULT_BAD_REQUEST},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, FAULT_BAD_REQUEST},
        {"GET / HTTP/1.1\n", 400, FAULT_BAD_REQUEST},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505, FAULT_BAD_VERSION},
        {"CONNECT a.test:80 HTTP/1.1\r\n" HOST "\r\n", 501, FAULT_BAD_METHOD},
        {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400, FAULT_BAD_REQUEST},
        {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
                FAULT_BAD_CODING},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                FAULT_BAD_REQUEST},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: pigs\r\n\r\n", 417,
                FAULT_EXPECTATION},
        {"PUT / HTTP/1.1\r\n" HOST
         "Content-Length: 1\r\nExpect: 100-continue\r\nExpect: pigs\r\n\r\n",
                417, FAULT_EXPECTATION},
};

static void what_is_no_request_is_answered_and_the_connection_ends(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
		struct client client;
		struct response response = {.body = {.at = NULL}};
		client_open(&client, &fixture);
		client_say(&client, GET);
		ask(&client, "", 200);
		client_say(&client, refusals[i].request);
		read_response(&client, HTTP_GET, &response);
		assert_int_equal(response.head.status, refusals[i].status);
		assert_true(is_text(response_field(&response, HTTP_NAME_X_HEADWATER_ERROR),
		        fault_name(refusals[i].fault)));
		assert_true(is_text(response_field(&response, HTTP_NAME_X_CACHE), "PASS"));
		assert_true(is_text(response_field(&response, HTTP_NAME_CONNECTION), "close"));
		turn_until(&client, client.has_end);
		assert_int_equal(fixture.refused, i + 1);
		assert_int_equal(fixture.last_refused, refusals[i].fault);
		response_done(&response);
		client_close(&client);
		turn_until(&client, is_alone(&fixture));
	}
	fixture_done(&fixture);
}

static void a_refusal_survives_what_the_client_still_sends(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client.is_paused = true;
	client_say(&client, "BAD\r\n\r\n");
	turn_until(&client, fixture.refused == 1);
	/* Unread bytes at the close would be answered by a reset, which destroys what waits. */
	for (unsigned i = 0; i < 50; i++)
		client_send(&client, pattern_of(0, 65536));
	client.is_paused = false;
	ask(&client, "", 400);
	turn_until(&client, client.has_end);
	client_close(&client);
	turn_until(&client, is_alone(&fixture));
	fixture_done(&fixture);
}

/* Fills the kernel's buffers from a client to the server. */
static void stuff(const struct client *client)
{
	struct str bytes = pattern_of(0, 1 << 20);
	while (send(client->fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

/* What is in them. */
static int stuffed(const struct client *client, const struct serve_connection *connection)
{
	int unsent = 0, unread = 0;
	assert_int_equal(ioctl(client->fd, SIOCOUTQ, &unsent), 0);
	assert_int_equal(ioctl(connection->watched.fd, FIONREAD, &unread), 0);
	return unsent + unread;
}

static void a_client_that_never_stops_sending_waits_for_its_turn(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "BAD\r\n\r\n");
	turn_until(&client, fixture.refused == 1);
	const struct serve_connection *connection = container_of(
	        list_first(&fixture.server->connections), struct serve_connection, node);
	assert_int_equal(connection->state, CONNECTION_LINGER);
	stuff(&client);
	int before = stuffed(&client, connection);
	assert_true(before > 3 << 20);
	loop_turn(fixture.loop, 100);
	assert_true(stuffed(&client, connection) > before / 2);
	/* … and the rest needs no further event. */
	turn_until(&client, stuffed(&client, connection) == 0);
	assert_int_equal(serve_server_connections(fixture.server), 1);
	assert_int_equal(fixture.buffers.in_use, 0);
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	turn_until(&client, is_alone(&fixture));
	client_close(&client);
	fixture_done(&fixture);
}

static void a_slow_head_is_answered_408(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (unsigned is_dripping = 0; is_dripping < 2; is_dripping++) {
		struct client client;
		client_open(&client, &fixture);
		client_say(&client, "GET / HTTP/1.1\r\nX-Long: ");
		uint64_t begun_ms = clock_ms();
		while (fixture.refused == is_dripping) {
			assert_true(clock_ms() < begun_ms + PATIENCE_MS);
			if (is_dripping)
				client_say(&client, "x");
			turn_for(&client, 5);
		}
		uint64_t ms = clock_ms() - begun_ms;
		assert_true(ms + 20 >= HEAD_MS && ms < HEAD_MS + SLACK_MS);
		ask(&client, "", 408);
		assert_int_equal(fixture.last_refused, FAULT_HEAD_SLOW);
		client_close(&client);
		turn_until(&client, is_alone(&fixture));
	}
	assert_int_equal(fixture.begun, 0);
	fixture_done(&fixture);
}

static void an_idle_connection_is_closed_after_its_time(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_start(&fixture);
	for (unsigned requests = 0; requests < 2; requests++) {
		struct client client;
		client_open(&client, &fixture);
		uint64_t begun_ms = clock_ms();
		if (requests > 0)
			ask(&client, GET, 200);
		turn_until(&client, client.has_end);
		uint64_t ms = clock_ms() - begun_ms, wanted = requests > 0 ? KEEP_MS : HEAD_MS;
		assert_true(ms + 20 >= wanted && ms < wanted + SLACK_MS);
		assert_int_equal(client.got.len > 0, requests > 0); /* no 408: nothing was asked */
		client_close(&client);
	}
	assert_int_equal(fixture.refused, 0);
	fixture_done(&fixture);
}

static void a_keep_alive_time_begins_anew_with_each_request(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	for (unsigned i = 0; i < 4; i++) {
		ask(&client, GET, 200);
		turn_for(&client, KEEP_MS / 2);
		assert_false(client.has_end);
	}
	client_close(&client);
	fixture_done(&fixture);
}

/* Where a client resets: after sending this, once so many requests have begun. */
static const struct {
	const char *sent;
	unsigned begun;
	bool holds, holds_after_head;
	size_t length;
} resets[] = {
        {"", 0, false, false, 0}, {"GET /", 0, false, false, 0},
        {GET, 1, false, false, 0},             /* idle between requests */
        {GET, 1, true, false, 0},              /* while it is thought about */
        {GET GET GET, 1, true, false, 0},      /* … with others behind it */
        {GET, 1, false, true, 100},            /* after the head */
        {GET, 1, false, false, PATTERN_BYTES}, /* while the body is written */
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc", 1, false, false, 0},
        {"BAD\r\n\r\n", 0, false, false, 0}, /* in the lingering end */
};

static void a_reset_is_noticed_in_every_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(resets); i++) {
		struct fixture fixture;
		struct client client;
		fixture_init(&fixture);
		fixture.options.head_timeout_ms = fixture.options.body_timeout_ms =
		        fixture.options.write_timeout_ms = fixture.options.keepalive_timeout_ms =
		                60000;
		fixture_listen(&fixture);
		fixture.script.holds = resets[i].holds;
		fixture.script.holds_after_head = resets[i].holds_after_head;
		fixture.script.length = resets[i].length;
		client_open(&client, &fixture);
		client.is_paused = true;
		client_say(&client, resets[i].sent);
		turn_until(&client, fixture.begun == resets[i].begun);
		turn_for(&client, 20);
		assert_int_equal(serve_server_connections(fixture.server), 1);
		client_reset(&client);
		turn_until(&client, is_alone(&fixture));
		assert_int_equal(fixture.ended, fixture.begun);
		client_close(&client);
		fixture_done(&fixture);
	}
}

static void a_client_that_only_stops_asking_is_answered(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	fixture.script.holds = true;
	client_open(&client, &fixture);
	client_say(&client, GET);
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	turn_until(&client, fixture.begun == 1);
	turn_for(&client, 30);
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	ask(&client, "", 200);
	turn_until(&client, client.has_end);
	assert_false(fixture.outcomes[0].is_gone);
	client_close(&client);
	fixture_done(&fixture);
}

static void half_a_head_and_a_fin_are_no_request(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "GET / HTTP/1.1\r\nHost: a");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	turn_until(&client, client.has_end);
	assert_int_equal(client.got.len, 0);
	assert_int_equal(fixture.begun, 0);
	assert_int_equal(fixture.last_refused, FAULT_CLIENT_GONE);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_response_that_waits_for_room_is_flushed_before_the_next_request(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	struct response response = {.body = {.at = NULL}};
	fixture_start(&fixture);
	fixture.script.length = PATTERN_BYTES;
	fixture.script.is_length_unknown = true; /* so that a last chunk is left at the end */
	client_open_from(&client, &fixture, NULL, 8192);
	client.is_paused = true;
	client_say(&client, GET GET);
	for (unsigned i = 0; i < 2; i++) {
		while (!parse_response(&client, HTTP_GET, &response)) {
			turn(&client, 1);
			client_take(&client, 65536);
		}
		assert_int_equal(response.body.len, PATTERN_BYTES);
		assert_true(is_pattern(text_str(&response.body)));
	}
	response_done(&response);
	client_close(&client);
	fixture_done(&fixture);
}

static void a_connection_without_memory_for_its_head_is_given_up(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	fixture_init(&fixture);
	fixture.budget.limit = 1000;
	fixture_listen(&fixture);
	client_open(&client, &fixture);
	client_say(&client, GET);
	turn_until(&client, client.has_end || client.has_reset);
	assert_int_equal(fixture.begun, 0);
	client_close(&client);
	fixture_done(&fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_is_answered),
	        cmocka_unit_test(a_head_may_come_byte_by_byte),
	        cmocka_unit_test(a_long_head_grows_its_buffer),
	        cmocka_unit_test(requests_on_a_kept_connection_are_answered_in_turn),
	        cmocka_unit_test(pipelined_requests_are_all_answered_in_order),
	        cmocka_unit_test(a_batch_with_a_fin_behind_it_is_all_answered),
	        cmocka_unit_test(connections_are_kept_as_their_requests_say),
	        cmocka_unit_test(nothing_behind_a_last_request_is_answered),
	        cmocka_unit_test(what_is_no_request_is_answered_and_the_connection_ends),
	        cmocka_unit_test(a_refusal_survives_what_the_client_still_sends),
	        cmocka_unit_test(a_client_that_never_stops_sending_waits_for_its_turn),
	        cmocka_unit_test(a_slow_head_is_answered_408),
	        cmocka_unit_test(an_idle_connection_is_closed_after_its_time),
	        cmocka_unit_test(a_keep_alive_time_begins_anew_with_each_request),
	        cmocka_unit_test(a_reset_is_noticed_in_every_state),
	        cmocka_unit_test(a_client_that_only_stops_asking_is_answered),
	        cmocka_unit_test(half_a_head_and_a_fin_are_no_request),
	        cmocka_unit_test(a_response_that_waits_for_room_is_flushed_before_the_next_request),
	        cmocka_unit_test(a_connection_without_memory_for_its_head_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
