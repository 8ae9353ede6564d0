/* What comes on an HTTP/2 connection and is wrong, too much, or changes what was said before. */
#include "h2_reference.h"

/* Heads of a request in HPACK without a table: what follows ":method GET, :scheme http". */
static void add_literal(struct text *block, const char *name, const char *value)
{
	char lengths[3] = {0, (char)strlen(name), (char)strlen(value)};
	text_add(block, str_make(lengths, 2));
	text_add(block, str_of(name));
	text_add(block, str_make(lengths + 2, 1));
	text_add(block, str_of(value));
}

static void send_frame(
        struct h2_client *h2, uint8_t type, uint8_t flags, int32_t id, struct str payload)
{
	const char head[9] = {(char)(payload.len >> 16), (char)(payload.len >> 8),
	        (char)payload.len, (char)type, (char)flags, (char)(id >> 24), (char)(id >> 16),
	        (char)(id >> 8), (char)id};
	assert_true(client_send(&h2->client, str_make(head, sizeof(head))));
	assert_true(client_send(&h2->client, payload));
}

/* Names and values behind the first two fields, and what comes of it: a status, or 0 for a reset.
 */
static const struct {
	const char *fields[12];
	unsigned status;
} HEADS[] = {
        {{":path", "/", ":authority", "a"}, 200},
        {{":path", "/", ":authority", "a", "te", "trailers"}, 200},
        {{":path", "/", ":authority", "a", "te", "gzip"}, 0},
        {{":path", "/", ":authority", "a", "connection", "x"}, 0},
        {{":path", "/", ":authority", "a", "transfer-encoding", "chunked"}, 0},
        {{":path", "/", ":authority", "a", "X-Upper", "x"}, 0},
        {{":path", "/", ":authority", "a", "x", "a\rb"}, 0},
        {{":path", "/", ":authority", "a", "x", "a\nb"}, 0},
        {{":path", "/", ":authority", "a", "host", "b"}, 0},
        {{":path", "/", ":authority", "a", ":path", "/"}, 0},
        {{":path", "/", "x", "y", ":authority", "a"}, 0},
        {{":path", "/", ":authority", "a", "content-length", "1"}, 0},
        {{":path", "/"}, 0},
        {{":path", "/#a", ":authority", "a"}, 400},
        {{":path", "/", ":authority", "a b"}, 0},
};

/* Sends the fields as a request without a body, of a stream that nghttp2's side knows too, so that
 * it reads what comes of it. */
static const struct h2_answer *ask_raw(struct h2_client *h2, const char *const *fields)
{
	struct text block = {.at = NULL};
	text_add(&block, STR("\x82\x86"));
	for (size_t at = 0; fields[at] != NULL; at += 2)
		add_literal(&block, fields[at], fields[at + 1]);
	int32_t id = h2_ask(h2, "GET", "/known", false, NULL, NULL);
	const uint8_t *bytes;
	ssize_t length;
	while ((length = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
		if (bytes[3] != NGHTTP2_HEADERS)
			assert_true(client_send(
			        &h2->client, str_make((const char *)bytes, (size_t)length)));
	send_frame(h2, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, id,
	        text_str(&block));
	text_done(&block);
	h2_until(h2, h2_answer(h2, id)->is_closed);
	return h2_answer(h2, id);
}

static void malformed_heads_are_errors_of_their_streams(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(HEADS); i++) {
		const struct h2_answer *answer = ask_raw(&h2, HEADS[i].fields);
		assert_int_equal(answer->status, HEADS[i].status);
		if (HEADS[i].status == 0)
			assert_int_equal(answer->reset, NGHTTP2_PROTOCOL_ERROR);
	}
	assert_int_equal(h2.goaway, UINT32_MAX);
	h2_done(&h2, &fixture);
}

/* The head that was malformed is neither kept nor waited for. */
static void nothing_is_left_of_a_malformed_head(void **state)
{
	static const char *const fields[] = {":path", "/", ":authority", "a", "te", "gzip", NULL};
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	fixture_init(&fixture);
	fixture.options.is_http2 = true;
	fixture.options.plain_h2 = SERVE_PLAIN_H2_LOOPBACK;
	fixture.options.keepalive_timeout_ms = 60000;
	fixture_listen(&fixture);
	h2_open(&h2, &fixture, 0);
	assert_int_equal(h2_get(&h2, "/abc")->status, 200);
	assert_int_equal(ask_raw(&h2, fields)->reset, NGHTTP2_PROTOCOL_ERROR);
	h2_for(&h2, 50);
	assert_int_equal(fixture.buffers.in_use, 0);
	h2_for(&h2, HEAD_MS + SLACK_MS);
	assert_int_equal(h2.goaways, 0);
	assert_int_equal(h2_get(&h2, "/abc")->status, 200);
	h2_done(&h2, &fixture);
}

static void pings_are_answered_until_they_are_too_many(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < LIMIT_H2_PINGS; i++) {
		nghttp2_submit_ping(h2.session, NGHTTP2_FLAG_NONE, NULL);
		if (i % 50 == 0)
			h2_turn(&h2);
	}
	h2_until(&h2, h2.pings == LIMIT_H2_PINGS);
	assert_int_equal(serve_server_floods(fixture.server, SERVE_FLOOD_PINGS), 0);
	assert_int_equal(h2_get(&h2, "/a")->status, 200);
	nghttp2_submit_ping(h2.session, NGHTTP2_FLAG_NONE, NULL);
	h2_until(&h2, h2.goaways > 0);
	assert_int_equal(h2.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_int_equal(serve_server_floods(fixture.server, SERVE_FLOOD_PINGS), 1);
	h2_until(&h2, h2.client.has_end || h2.client.has_reset);
	h2_done(&h2, &fixture);
}

static void resets_are_counted_and_streams_let_go(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.holds = true;
	h2_open(&h2, &fixture, 0);
	h2_turn(&h2);
	struct text block = {.at = NULL};
	text_add(&block, STR("\x82\x86"));
	add_literal(&block, ":path", "/");
	add_literal(&block, ":authority", "a");
	for (int32_t id = 1; id < 2 * LIMIT_H2_RESETS + 1 && !h2.client.has_end; id += 2) {
		send_frame(&h2, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS,
		        id, text_str(&block));
		send_frame(&h2, NGHTTP2_RST_STREAM, 0, id, str_make("\0\0\0\x8", 4));
		turn(&h2.client, 0);
	}
	turn_for(&h2.client, 20);
	assert_int_equal(fixture.begun, LIMIT_H2_RESETS);
	assert_int_equal(fixture.ended, LIMIT_H2_RESETS);
	assert_false(h2.client.has_end);
	send_frame(&h2, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS,
	        2 * LIMIT_H2_RESETS + 1, text_str(&block));
	send_frame(&h2, NGHTTP2_RST_STREAM, 0, 2 * LIMIT_H2_RESETS + 1, str_make("\0\0\0\x8", 4));
	turn_until(&h2.client, h2.client.has_end || h2.client.has_reset);
	assert_int_equal(serve_server_floods(fixture.server, SERVE_FLOOD_RESETS), 1);
	text_done(&block);
	h2_done(&h2, &fixture);
}

static void more_streams_than_allowed_are_refused(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.holds = true;
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < LIMIT_H2_STREAMS + 10; i++)
		h2_ask(&h2, "GET", "/a", false, NULL, NULL);
	for (unsigned i = LIMIT_H2_STREAMS; i < LIMIT_H2_STREAMS + 10; i++) {
		h2_until(&h2,
		        h2.answers[i].reset != UINT32_MAX || fixture.begun == LIMIT_H2_STREAMS);
		if (h2.answers[i].reset != UINT32_MAX)
			assert_int_equal(h2.answers[i].reset, NGHTTP2_REFUSED_STREAM);
	}
	assert_int_equal(fixture.begun, LIMIT_H2_STREAMS);
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	for (unsigned i = 0; i < LIMIT_H2_STREAMS; i++) {
		h2_until(&h2, h2.answers[i].is_closed);
		assert_int_equal(h2.answers[i].status, 200);
	}
	h2_done(&h2, &fixture);
}

static void a_priority_can_be_changed(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.holds = true;
	h2_open(&h2, &fixture, 0);
	h2_ask(&h2, "GET", "/a", false, "priority", "u=5, i");
	h2_until(&h2, fixture.begun == 1);
	const struct exchange *exchange =
	        container_of(list_first(&fixture.exchanges), struct exchange, node);
	const struct serve_h2_stream *stream = serve_h2_of(exchange->stream);
	assert_int_equal(stream->urgency, 5);
	assert_true(stream->is_incremental);
	send_frame(&h2, NGHTTP2_PRIORITY_UPDATE, 0, 0, str_make("\0\0\0\1u=1", 7));
	h2_until(&h2, stream->urgency == 1);
	assert_false(stream->is_incremental);
	/* Of a stream that there is not, it says nothing. */
	send_frame(&h2, NGHTTP2_PRIORITY_UPDATE, 0, 0, str_make("\0\0\0\x65u=1", 7));
	fixture.script.holds = false;
	wake_exchanges(&fixture);
	h2_until(&h2, h2_answer(&h2, 1)->is_closed);
	h2_done(&h2, &fixture);
}

/* A request of which the head alone is sent, and that nobody answers yet. */
static void begin_held(struct h2_client *h2, struct fixture *fixture, int32_t id, uint8_t flags)
{
	struct text block = {.at = NULL};
	unsigned begun = fixture->begun;
	text_add(&block, STR("\x83\x86"));
	add_literal(&block, ":path", "/held");
	add_literal(&block, ":authority", "a");
	send_frame(h2, NGHTTP2_HEADERS, flags | NGHTTP2_FLAG_END_HEADERS, id, text_str(&block));
	text_done(&block);
	turn_until(&h2->client, fixture->begun == begun + 1);
}

/* What a client may send on a stream counts no more once that is closed. */
static void the_window_of_a_closed_stream_cannot_be_too_large(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_start(&h2, &fixture);
	fixture.script.holds = true;
	begin_held(&h2, &fixture, 1, NGHTTP2_FLAG_END_STREAM);
	struct text frames = {.at = NULL};
	text_add(&frames, STR("\0\0\4\x8\0\0\0\0\1\x7f\xff\0\0"));
	text_add(&frames, STR("\0\0\4\3\0\0\0\0\1\0\0\0\x8"));
	text_add(&frames, STR("\0\0\6\4\0\0\0\0\0\0\4\0\2\0\0"));
	assert_true(client_send(&h2.client, text_str(&frames)));
	text_done(&frames);
	turn_until(&h2.client, fixture.ended == 1);
	assert_false(h2_session(&fixture)->is_over);
	fixture.script.holds = false;
	begin_held(&h2, &fixture, 3, NGHTTP2_FLAG_END_STREAM);
	turn_until(&h2.client, fixture.ended == 2);
	h2_done(&h2, &fixture);
}

/* The connection's window is the same for both sides (RFC 9113 section 6.9). */
static void bodies_that_nobody_wants_count(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_start(&h2, &fixture);
	fixture.script.holds = true;
	begin_held(&h2, &fixture, 1, NGHTTP2_FLAG_END_STREAM);
	const struct serve_h2_session *session = h2_session(&fixture);
	/* An error of the stream, and then one that is closed. */
	send_frame(&h2, NGHTTP2_DATA, 0, 1, pattern_of(0, 1000));
	send_frame(&h2, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, pattern_of(0, 100));
	turn_until(&h2.client, session->came >= 100 && fixture.ended == 1);
	turn_for(&h2.client, 20);
	assert_int_equal(session->came, 1100);
	h2_done(&h2, &fixture);
}

static void padding_is_room_again_also_where_nothing_else_comes(void **state)
{
	char padding[256] = {(char)255};
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_start(&h2, &fixture);
	begin_held(&h2, &fixture, 1, 0);
	const struct serve_h2_stream *stream = serve_h2_stream_find(h2_session(&fixture), 1);
	for (unsigned i = 0; i < 2 * LIMIT_H2_WINDOW_BYTES / 3 / sizeof(padding); i++)
		send_frame(&h2, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1,
		        str_make(padding, sizeof(padding)));
	send_frame(&h2, NGHTTP2_DATA, 0, 1, STR("abc"));
	turn_until(&h2.client, stream->came == 3);
	assert_in_range(stream->room_left, LIMIT_H2_WINDOW_BYTES / 2, LIMIT_H2_WINDOW_BYTES - 3);
	send_frame(&h2, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, STR("def"));
	turn_until(&h2.client, fixture.ended == 1);
	assert_true(is_text(text_str(&fixture.outcomes[0].body), "abcdef"));
	h2_done(&h2, &fixture);
}

/* What became of the streams of all talks that did not end with an error, and how many did. */
struct outcomes {
	unsigned over, answered, reset;
};

/* nghttp2 makes an error of the connection of some that we make one of a stream (RFC 9113 section
 * 5.4.1). */
static void compare(const struct reference_verdict *wanted, const struct reference_verdict *ours,
        unsigned seed, struct outcomes *outcomes)
{
	bool has_reset = false, is_over = wanted->is_over || ours->is_over;
	for (unsigned i = 0; i < REFERENCE_STREAMS; i++) {
		has_reset |= ours->reset[i] != 0;
		if (is_over)
			continue;
		outcomes->answered += ours->is_answered[i];
		outcomes->reset += ours->reset[i] != 0;
		if (ours->is_answered[i] != wanted->is_answered[i] ||
		        ours->reset[i] != wanted->reset[i])
			fail_msg("talk %u: stream %u is answered: %d, reset: %u", seed, 2 * i + 1,
			        ours->is_answered[i], ours->reset[i]);
	}
	outcomes->over += ours->is_over;
	if (ours->is_over != wanted->is_over && (ours->is_over || !has_reset))
		fail_msg("talk %u: is over: %d", seed, ours->is_over);
}

static void what_nghttp2_says_we_say(void **state)
{
	enum { TALKS = 1000, TALKS_OF_ONE = 50 };
	(void)state;
	struct fixture fixture;
	struct outcomes outcomes = {.over = 0};
	for (unsigned seed = 0; seed < TALKS; seed++) {
		struct reference_talk talk;
		struct reference_verdict wanted, ours;
		if (seed % TALKS_OF_ONE == 0)
			h2_fixture_start(&fixture);
		unsigned refused = fixture.refused;
		reference_talk_make(&talk, seed);
		reference_ask_nghttp2(text_str(&talk.bytes), &wanted);
		reference_ask_us(&fixture, text_str(&talk.bytes), &wanted, &ours);
		text_done(&talk.bytes);
		wait_until_alone(&fixture);
		/* What we answer for what a head says is no matter of frames. */
		if (fixture.refused == refused)
			compare(&wanted, &ours, seed, &outcomes);
		if (seed % TALKS_OF_ONE == TALKS_OF_ONE - 1)
			fixture_done(&fixture);
	}
	assert_true(outcomes.over > TALKS / 10);
	assert_true(outcomes.answered > TALKS && outcomes.reset > TALKS / 10);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(malformed_heads_are_errors_of_their_streams),
	        cmocka_unit_test(nothing_is_left_of_a_malformed_head),
	        cmocka_unit_test(pings_are_answered_until_they_are_too_many),
	        cmocka_unit_test(resets_are_counted_and_streams_let_go),
	        cmocka_unit_test(more_streams_than_allowed_are_refused),
	        cmocka_unit_test(a_priority_can_be_changed),
	        cmocka_unit_test(the_window_of_a_closed_stream_cannot_be_too_large),
	        cmocka_unit_test(bodies_that_nobody_wants_count),
	        cmocka_unit_test(padding_is_room_again_also_where_nothing_else_comes),
	        cmocka_unit_test(what_nghttp2_says_we_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
