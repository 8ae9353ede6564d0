/* Requests of HTTP/2: bodies in, at every pace; their ends, whole or not. */
#include "h2_client.h"

static void request_bodies_arrive_whole_with_their_trailers(void **state)
{
	static const size_t SIZES[] = {0, 1, 5000, 65535, 65536, 300000, 3000000};
	static const size_t ROOMS[] = {0, 7, 5000};
	static const size_t PIECES[] = {0, 100};
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	nghttp2_nv trailer = h2_field("x-sum", "12");
	for (size_t i = 0; i < ARRAY_LENGTH(SIZES) * 6; i++) {
		size_t size = SIZES[i / 6];
		fixture.script.read_room = ROOMS[i % 3];
		h2.upload_piece = PIECES[i % 2];
		if (size > 300000 && i % 6 != 0)
			continue;
		h2.upload = pattern_of(0, size);
		h2.upload_trailers = i % 4 == 0 ? &trailer : NULL;
		int32_t id = h2_ask(&h2, "PUT", "/up", true, NULL, NULL);
		h2_until(&h2, h2_answer(&h2, id)->is_closed);
		assert_int_equal(h2_answer(&h2, id)->status, 200);
		const struct outcome *outcome = &fixture.outcomes[fixture.begun - 1];
		assert_string_equal(outcome->method, "PUT");
		assert_string_equal(outcome->host, "a.test");
		assert_int_equal(outcome->body.len, size);
		assert_true(is_pattern(text_str(&outcome->body)));
		assert_true(
		        is_text(text_str(&outcome->trailers), i % 4 == 0 ? "x-sum: 12\r\n" : ""));
	}
	h2_done(&h2, &fixture);
}

static void what_nobody_reads_is_kept_up_to_the_window(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.holds = true;
	h2_open(&h2, &fixture, 0);
	h2.upload = pattern_of(0, 1 << 20);
	h2_ask(&h2, "PUT", "/a", true, NULL, NULL);
	h2_until(&h2, h2.uploaded >= LIMIT_H2_WINDOW_BYTES);
	h2_for(&h2, 50);
	assert_int_equal(h2.uploaded, LIMIT_H2_WINDOW_BYTES);
	/* Somebody else has a window of its own. */
	fixture.script.holds = false;
	assert_int_equal(h2_get(&h2, "/b")->status, 200);
	wake_exchanges(&fixture);
	h2_until(&h2, h2_answer(&h2, 1)->is_closed);
	assert_int_equal(fixture.outcomes[0].body.len, 1 << 20);
	assert_true(is_pattern(text_str(&fixture.outcomes[0].body)));
	h2_done(&h2, &fixture);
}

/* Uploads whose reader keeps up, until it stops: what is on its way then is kept, all of it is read
 * in the end, and the next one has as much room again. */
static void windows_grow_where_bodies_are_read_as_they_come(void **state)
{
	enum { STREAMS = 3, SIZE = 8 << 20, MOST = 3 << 20 };
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.read_most = MOST;
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < STREAMS; i++) {
		h2.upload = pattern_of(0, SIZE);
		h2_ask(&h2, "PUT", "/a", true, NULL, NULL);
		h2_until(&h2, fixture.begun == i + 1 && fixture.outcomes[i].body.len >= MOST);
		h2_for(&h2, 50);
		size_t kept = h2.uploaded - fixture.outcomes[i].body.len;
		assert_in_range(kept, LIMIT_H2_WIDER_BYTES / 2,
		        LIMIT_H2_WIDER_BYTES + LIMIT_H2_WINDOW_BYTES);
		fixture.script.read_most = 0;
		wake_exchanges(&fixture);
		h2_until(&h2, h2_answer(&h2, (int32_t)(2 * i + 1))->is_closed);
		fixture.script.read_most = MOST;
		assert_int_equal(fixture.outcomes[i].body.len, SIZE);
		assert_true(is_pattern(text_str(&fixture.outcomes[i].body)));
	}
	h2_done(&h2, &fixture);
}

static void a_body_that_does_not_come_fails_alone(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	const nghttp2_nv fields[] = {h2_field(":method", "POST"), h2_field(":scheme", "http"),
	        h2_field(":authority", "a.test"), h2_field(":path", "/")};
	assert_int_equal(nghttp2_submit_headers(h2.session, NGHTTP2_FLAG_NONE, -1, NULL, fields,
	                         ARRAY_LENGTH(fields), NULL),
	        1);
	uint64_t began_ms = clock_ms();
	h2_until(&h2, h2_answer(&h2, 1)->is_whole);
	assert_in_range(clock_ms() - began_ms, BODY_MS, BODY_MS + SLACK_MS);
	assert_int_equal(h2_answer(&h2, 1)->status, 408);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_BODY_SLOW);
	assert_int_equal(h2_get(&h2, "/b")->status, 200);
	h2_done(&h2, &fixture);
}

static void a_reset_is_a_client_that_left(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_start_held(&h2, &fixture);
	nghttp2_submit_rst_stream(h2.session, NGHTTP2_FLAG_NONE, 1, NGHTTP2_CANCEL);
	h2_until(&h2, fixture.ended == 1);
	assert_true(fixture.outcomes[0].is_gone);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_CLIENT_GONE);
	fixture.script.holds = false;
	assert_int_equal(h2_get(&h2, "/b")->status, 200);
	h2_done(&h2, &fixture);
}

static void who_waits_for_it_is_told_to_go_on(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	const nghttp2_nv fields[] = {h2_field(":method", "POST"), h2_field(":scheme", "http"),
	        h2_field(":authority", "a.test"), h2_field(":path", "/"),
	        h2_field("expect", "100-continue")};
	nghttp2_submit_headers(
	        h2.session, NGHTTP2_FLAG_NONE, -1, NULL, fields, ARRAY_LENGTH(fields), NULL);
	h2_until(&h2, h2_answer(&h2, 1)->interims == 1);
	assert_int_equal(h2_answer(&h2, 1)->status, 100);
	nghttp2_data_provider provider = {.read_callback = h2_on_upload};
	h2.upload = STR("hello");
	nghttp2_submit_data(h2.session, NGHTTP2_FLAG_END_STREAM, 1, &provider);
	h2_until(&h2, h2_answer(&h2, 1)->is_closed);
	assert_int_equal(h2_answer(&h2, 1)->status, 200);
	assert_true(is_text(text_str(&fixture.outcomes[0].body), "hello"));
	/* Whatever else is expected cannot be met. */
	int32_t id = h2_ask(&h2, "GET", "/", false, "expect", "gold");
	h2_until(&h2, h2_answer(&h2, id)->is_closed);
	assert_int_equal(h2_answer(&h2, id)->status, 417);
	assert_int_equal(fixture.last_refused, FAULT_EXPECTATION);
	h2_done(&h2, &fixture);
}

static void a_connection_that_breaks_takes_all_streams_with_it(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.holds = true;
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < 20; i++)
		h2_ask(&h2, "GET", "/a", false, NULL, NULL);
	h2_until(&h2, fixture.begun == 20);
	client_reset(&h2.client);
	wait_until_alone(&fixture);
	assert_int_equal(fixture.ended, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(fixture.outcomes[i].fault, FAULT_CLIENT_GONE);
	h2_done(&h2, &fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(request_bodies_arrive_whole_with_their_trailers),
	        cmocka_unit_test(what_nobody_reads_is_kept_up_to_the_window),
	        cmocka_unit_test(windows_grow_where_bodies_are_read_as_they_come),
	        cmocka_unit_test(a_body_that_does_not_come_fails_alone),
	        cmocka_unit_test(a_reset_is_a_client_that_left),
	        cmocka_unit_test(who_waits_for_it_is_told_to_go_on),
	        cmocka_unit_test(a_connection_that_breaks_takes_all_streams_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
