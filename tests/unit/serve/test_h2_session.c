/* The life of an HTTP/2 connection: how it begins, waits, is drained, and ends. */
#include "h2_client.h"
#include "serve/h2.h"

static void the_preface_is_told_from_its_first_bytes(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	(void)state;
	for (size_t length = 1; length < sizeof(preface) - 1; length++)
		assert_int_equal(
		        serve_h2_preface_of(str_make(preface, length)), SERVE_H2_PREFACE_MORE);
	assert_int_equal(serve_h2_preface_of(str_of(preface)), SERVE_H2_PREFACE_YES);
	assert_int_equal(serve_h2_preface_of(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0")),
	        SERVE_H2_PREFACE_YES);
	assert_int_equal(
	        serve_h2_preface_of(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r.")), SERVE_H2_PREFACE_NO);
	assert_int_equal(serve_h2_preface_of(STR("PUT / HTTP/1.1")), SERVE_H2_PREFACE_NO);
}

static void it_begins_also_byte_by_byte(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	const uint8_t *bytes;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	h2_ask(&h2, "GET", "/abc", false, NULL, NULL);
	ssize_t length;
	while ((length = nghttp2_session_mem_send(h2.session, &bytes)) > 0)
		for (ssize_t i = 0; i < length; i++) {
			assert_true(client_send(&h2.client, str_make((const char *)bytes + i, 1)));
			turn(&h2.client, 0);
		}
	h2_until(&h2, h2_answer(&h2, 1)->is_closed);
	assert_int_equal(h2_answer(&h2, 1)->status, 200);
	assert_true(is_text(text_str(&h2_answer(&h2, 1)->body), "/abc"));
	h2_done(&h2, &fixture);
}

static void http_1_is_spoken_beside_it_and_where_it_is_not_allowed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct fixture fixture;
		struct client client;
		fixture_init(&fixture);
		fixture.options.is_http2 = i > 0;
		fixture.options.plain_h2 = i == 1 ? SERVE_PLAIN_H2_OFF : SERVE_PLAIN_H2_ON;
		fixture_listen(&fixture);
		client_open(&client, &fixture);
		ask(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200);
		ask(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200);
		client_close(&client);
		client_open(&client, &fixture);
		client_say(&client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		turn_until(&client, client.got.len > 20);
		bool is_http1 = str_has_prefix(text_str(&client.got), STR("HTTP/1.1 505"));
		assert_int_equal(is_http1, i < 2);
		client_close(&client);
		wait_until_alone(&fixture);
		fixture_done(&fixture);
	}
}

static void idle_connections_have_no_buffers_and_end_in_time(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	assert_int_equal(h2_get(&h2, "/abc")->status, 200);
	uint64_t began_ms = clock_ms();
	h2_for(&h2, 50);
	assert_int_equal(fixture.buffers.in_use, 0);
	/* Beside the blocks that the pool keeps. */
	buf_pool_done(&fixture.buffers);
	assert_in_range(atomic_load(&fixture.budget.used), 1, 32768);
	h2_until(&h2, h2.goaways > 0);
	assert_int_equal(h2.goaway, NGHTTP2_NO_ERROR);
	assert_in_range(clock_ms() - began_ms, KEEP_MS - 60, KEEP_MS + SLACK_MS);
	h2_until(&h2, h2.client.has_end);
	h2_done(&h2, &fixture);
}

static void who_says_no_settings_is_not_waited_for(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	h2_fixture_start(&fixture);
	client_open(&client, &fixture);
	client_say(&client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	uint64_t began_ms = clock_ms();
	turn_until(&client, client.has_end);
	assert_in_range(clock_ms() - began_ms, HEAD_MS - 20, HEAD_MS + SLACK_MS);
	client_close(&client);
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

static void a_drain_lets_streams_end_and_takes_those_on_their_way(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_start_held(&h2, &fixture);
	serve_server_drain(fixture.server);
	h2_until(&h2, h2.goaways == 1);
	assert_int_equal(h2.goaway_last, INT32_MAX);
	assert_int_equal(h2.goaway, NGHTTP2_NO_ERROR);
	h2_until(&h2, h2.goaways == 2);
	assert_int_equal(h2.goaway_last, 1);
	assert_false(h2.client.has_end);
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	h2_until(&h2, h2_answer(&h2, 1)->is_closed);
	assert_int_equal(h2_answer(&h2, 1)->status, 200);
	h2_until(&h2, h2.client.has_end);
	assert_int_equal(fixture.ended, 1);
	h2_done(&h2, &fixture);
}

/* What was said cannot be taken back (RFC 9113 section 6.8). */
static void a_drain_raises_no_last_stream(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	assert_int_equal(h2_get(&h2, "/abc")->status, 200);
	serve_h2_end(h2_session(&fixture), SERVE_H2_PROTOCOL_ERROR);
	serve_server_drain(fixture.server);
	turn_until(&h2.client, h2.client.has_end);
	/* It is the last thing that is said, once. */
	assert_true(str_has_suffix(
	        text_str(&h2.client.got), STR("\0\0\x8\7\0\0\0\0\0\0\0\0\1\0\0\0\1")));
	h2_done(&h2, &fixture);
}

/* A request that is not whole when the last one is told may be sent again elsewhere. */
static void a_head_that_is_coming_is_not_told_as_the_last(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_start_held(&h2, &fixture);
	assert_true(client_send(&h2.client, STR("\0\0\2\1\1\0\0\0\3\x82\x86")));
	turn_until(&h2.client, h2_session(&fixture)->has_open_head);
	serve_h2_end(h2_session(&fixture), SERVE_H2_NO_ERROR);
	h2_until(&h2, h2.client.has_end);
	assert_int_equal(h2.goaway_last, 1);
	h2_done(&h2, &fixture);
}

/* What the client has sent of it and we do not read, since it is slow to read us, is not missing.
 */
static void a_head_that_we_do_not_read_is_not_waited_for(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_start_held(&h2, &fixture);
	assert_true(client_send(&h2.client, STR("\0\0\2\1\5\0\0\0\3\x82")));
	struct serve_h2_session *session = h2_session(&fixture);
	turn_until(&h2.client, session->head_since_ms != 0);
	session->has_more = true;
	serve_h2_expired(session->connection, session->head_since_ms + HEAD_MS);
	assert_false(session->is_over);
	session->has_more = false;
	serve_h2_expired(session->connection, session->head_since_ms + HEAD_MS);
	h2_until(&h2, h2.client.has_end);
	assert_int_equal(h2.goaway, NGHTTP2_NO_ERROR);
	h2_done(&h2, &fixture);
}

static void without_memory_the_connection_ends(void **state)
{
	(void)state;
	struct fixture fixture;
	struct client client;
	for (size_t limit = 4096; limit < 200000; limit += 8192) {
		fixture_init(&fixture);
		fixture.options.is_http2 = true;
		fixture.options.plain_h2 = SERVE_PLAIN_H2_ON;
		fixture.budget.limit = limit;
		fixture_listen(&fixture);
		client_open(&client, &fixture);
		client_say(&client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		assert_true(client_send(&client, str_make("\0\0\0\4\0\0\0\0\0", 9)));
		turn_until(&client, client.has_end || client.has_reset || client.got.len >= 9);
		client_close(&client);
		wait_until_alone(&fixture);
		fixture_done(&fixture);
	}
}

static void a_server_may_end_with_connections_open(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.length = 200000;
	h2_open(&h2, &fixture, 1000);
	h2.holds_windows = true;
	h2_ask(&h2, "GET", "/a", false, NULL, NULL);
	h2_until(&h2, h2_answer(&h2, 1)->body.len == 1000);
	fixture_done(&fixture);
	h2_close(&h2);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_preface_is_told_from_its_first_bytes),
	        cmocka_unit_test(it_begins_also_byte_by_byte),
	        cmocka_unit_test(http_1_is_spoken_beside_it_and_where_it_is_not_allowed),
	        cmocka_unit_test(idle_connections_have_no_buffers_and_end_in_time),
	        cmocka_unit_test(who_says_no_settings_is_not_waited_for),
	        cmocka_unit_test(a_drain_lets_streams_end_and_takes_those_on_their_way),
	        cmocka_unit_test(a_drain_raises_no_last_stream),
	        cmocka_unit_test(a_head_that_is_coming_is_not_told_as_the_last),
	        cmocka_unit_test(a_head_that_we_do_not_read_is_not_waited_for),
	        cmocka_unit_test(without_memory_the_connection_ends),
	        cmocka_unit_test(a_server_may_end_with_connections_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
