/* Responses of HTTP/2: heads, bodies at every pace and from every source, their ends. */
#include "h2_client.h"

static void bodies_come_whole_whatever_they_are_made_of(void **state)
{
	static const size_t LENGTHS[] = {1, 511, 16384, 16385, 65535, 200000, 2000000};
	static const enum source SOURCES[] = {FROM_MEMORY, FROM_FILE, FROM_BOTH};
	static const size_t PIECES[] = {0, 300, 20000};
	static const uint32_t WINDOWS[] = {0, 1000, 1 << 24};
	(void)state;
	struct fixture fixture;
	h2_fixture_start(&fixture);
	fixture.script.file = file_of_pattern(2000000);
	for (size_t w = 0; w < ARRAY_LENGTH(WINDOWS); w++) {
		struct h2_client h2;
		h2_open(&h2, &fixture, WINDOWS[w]);
		for (size_t i = 0; i < ARRAY_LENGTH(LENGTHS) * 3; i++) {
			fixture.script.length = LENGTHS[i / 3];
			if (fixture.script.length > 200000 && (w == 1 || i % 3 == 1))
				continue;
			fixture.script.source = SOURCES[(i + w) % 3];
			fixture.script.piece = PIECES[i % 3];
			fixture.script.is_length_unknown = (i + w) % 2 == 0;
			fixture.script.flushes = i % 5 == 0;
			const struct h2_answer *answer = h2_get(&h2, "/x");
			assert_int_equal(answer->status, 200);
			assert_true(answer->is_whole);
			assert_int_equal(answer->reset, UINT32_MAX);
			assert_int_equal(answer->body.len, fixture.script.length);
			assert_true(is_pattern(text_str(&answer->body)));
			assert_int_equal(h2_has(answer, "content-length: "),
			        !fixture.script.is_length_unknown);
			assert_true(h2_has(answer, "x-cache: yes\n"));
			assert_int_equal(
			        fixture.outcomes[fixture.begun - 1].sent, fixture.script.length);
		}
		h2_close(&h2);
	}
	close(fixture.script.file);
	wait_until_alone(&fixture);
	fixture_done(&fixture);
}

static void many_at_once_come_whole(void **state)
{
	enum { COUNT = 100, LENGTH = 100000 };
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.length = LENGTH;
	fixture.script.piece = 30000;
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < COUNT; i++)
		h2_ask(&h2, "GET", "/", false, "priority",
		        i % 3 == 0   ? "u=1"
		        : i % 3 == 1 ? "i"
		                     : "u=7");
	for (unsigned i = 0; i < COUNT; i++) {
		h2_until(&h2, h2.answers[i].is_closed);
		assert_true(h2.answers[i].is_whole);
		assert_int_equal(h2.answers[i].body.len, LENGTH);
		assert_true(is_pattern(text_str(&h2.answers[i].body)));
	}
	h2_done(&h2, &fixture);
}

static void a_head_is_written_in_lower_case_without_what_http_2_has_no_use_for(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.added =
	        STR("X-Mixed-Case-Name-Long: A B\r\nConnection: close\r\nKeep-Alive: 1\r\n"
	            "Transfer-Encoding: chunked\r\nUpgrade: x\r\nProxy-Connection: y\r\n"
	            "Content-Length: 99\r\nEmpty:\r\nA:z\r\n");
	h2_open(&h2, &fixture, 0);
	const struct h2_answer *answer = h2_get(&h2, "/abc");
	assert_string_equal(answer->head,
	        ":status: 200\nx-mixed-case-name-long: A B\nempty: \na: z\n"
	        "x-cache: yes\ncontent-length: 4\n");
	assert_true(is_text(text_str(&answer->body), "/abc"));
	assert_int_equal(answer->frames, 1); /* its end came with it */
	h2_done(&h2, &fixture);
}

static void what_has_no_body_ends_with_its_head(void **state)
{
	static const unsigned STATUSES[] = {200, 204, 304};
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.is_bodiless = true;
	h2_open(&h2, &fixture, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(STATUSES); i++) {
		fixture.script.status = STATUSES[i];
		fixture.script.is_length_unknown = i > 0;
		int32_t id = h2_ask(&h2, i == 0 ? "HEAD" : "GET", "/abc", false, NULL, NULL);
		h2_until(&h2, h2_answer(&h2, id)->is_closed);
		assert_int_equal(h2_answer(&h2, id)->status, STATUSES[i]);
		assert_true(h2_answer(&h2, id)->is_whole);
		assert_int_equal(h2_answer(&h2, id)->frames, 0);
	}
	h2_done(&h2, &fixture);
}

static void interim_responses_and_trailers_stand_around_it(void **state)
{
	(void)state;
	struct parsed_trailers trailers;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.interim = 103;
	fixture.script.is_length_unknown = true;
	fixture.script.trailers =
	        parse_trailers(&trailers, "X-Sum: 1\r\nConnection: close\r\n\r\n");
	h2_open(&h2, &fixture, 0);
	const struct h2_answer *answer = h2_get(&h2, "/abc");
	assert_int_equal(answer->interims, 1);
	assert_int_equal(answer->status, 200);
	assert_string_equal(answer->trailers, "x-sum: 1\n");
	assert_true(answer->is_whole);
	/* There is no switching of protocols. */
	fixture.script.interim = 101;
	assert_int_equal(h2_get(&h2, "/abc")->interims, 0);
	h2_done(&h2, &fixture);
}

static void what_is_broken_off_is_reset(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < 2; i++) {
		fixture.script = (struct script){
		        .length = 5000, .abort_at = 1000, .is_length_unknown = i == 1};
		const struct h2_answer *answer = h2_get(&h2, "/abc");
		assert_false(answer->is_whole);
		assert_int_equal(answer->reset, NGHTTP2_INTERNAL_ERROR);
	}
	/* A file that is shorter than it was said to be. */
	fixture.script = (struct script){
	        .length = 50000, .source = FROM_FILE, .file = file_of_pattern(20000)};
	const struct h2_answer *answer = h2_get(&h2, "/abc");
	assert_false(answer->is_whole);
	assert_int_equal(answer->reset, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(fixture.outcomes[2].fault, FAULT_STORED);
	close(fixture.script.file);
	fixture.script = (struct script){.status = 200};
	assert_int_equal(h2_get(&h2, "/abc")->status, 200);
	h2_done(&h2, &fixture);
}

static void errors_of_ours_have_words_also_without_room(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.is_error = true;
	fixture.script.fault = FAULT_UNKNOWN_HOST;
	h2_open(&h2, &fixture, 1); /* one byte at a time */
	const struct h2_answer *answer = h2_get(&h2, "/abc");
	assert_int_equal(answer->status, 421);
	assert_true(h2_has(answer, "x-headwater-error: unknown_host\nx-cache: MISS\n") ||
	            h2_has(answer, "x-cache: MISS\n"));
	assert_true(answer->is_whole);
	assert_true(answer->frames > 40);
	assert_true(str_has_suffix(text_str(&answer->body), STR("no domain here has this name\n")));
	int32_t id = h2_ask(&h2, "HEAD", "/abc", false, NULL, NULL);
	h2_until(&h2, h2_answer(&h2, id)->is_closed);
	assert_int_equal(h2_answer(&h2, id)->status, 421);
	assert_int_equal(h2_answer(&h2, id)->body.len, 0);
	h2_done(&h2, &fixture);
}

/* Fills `out` with frames that nobody knows, but for about so many bytes of its room. */
static void fill(struct serve_h2_session *session, size_t left)
{
	static const char zeros[16000];
	size_t room;
	while ((room = serve_h2_room(session)) > left) {
		size_t whole = room + SERVE_H2_FRAME_HEAD_BYTES - left;
		size_t bytes = whole < sizeof(zeros) ? whole : sizeof(zeros);
		serve_h2_put(session, (struct serve_h2_frame){.type = 0xfa},
		        str_make(zeros, bytes - SERVE_H2_FRAME_HEAD_BYTES));
	}
}

static void words_wait_where_the_room_is_less_than_they_need(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	h2_open(&h2, &fixture, 0);
	/* Their head takes some of it, less when it was sent before. */
	for (size_t left = 0; left < 600; left += 12) {
		fixture.script = (struct script){.holds = true};
		int32_t id = h2_ask(&h2, "GET", "/abc", false, NULL, NULL);
		h2_until(&h2, list_first(&fixture.exchanges) != NULL);
		fixture.script = (struct script){.is_error = true, .fault = FAULT_UNKNOWN_HOST};
		struct exchange *exchange =
		        container_of(list_first(&fixture.exchanges), struct exchange, node);
		fill(h2_session(&fixture), left);
		run_exchange(&exchange->task);
		h2_until(&h2, h2_answer(&h2, id)->is_closed);
		assert_int_equal(h2_answer(&h2, id)->status, 421);
		assert_true(h2_answer(&h2, id)->is_whole);
		assert_true(str_has_suffix(text_str(&h2_answer(&h2, id)->body),
		        STR("no domain here has this name\n")));
	}
	h2_done(&h2, &fixture);
}

static void an_answer_before_the_body_ends_that_without_an_error(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.ignores_body = true;
	h2_open(&h2, &fixture, 0);
	h2.upload = pattern_of(0, 1 << 20);
	int32_t id = h2_ask(&h2, "PUT", "/abc", true, NULL, NULL);
	h2_until(&h2, h2_answer(&h2, id)->is_closed);
	assert_int_equal(h2_answer(&h2, id)->status, 200);
	assert_true(h2_answer(&h2, id)->is_whole);
	assert_int_equal(h2_answer(&h2, id)->reset, NGHTTP2_NO_ERROR);
	assert_int_equal(h2_get(&h2, "/abc")->status, 200);
	h2_done(&h2, &fixture);
}

static void who_makes_no_room_is_cut_off_alone(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.length = 500000;
	h2_open(&h2, &fixture, 20000);
	h2_open_wide(&h2);
	h2.holds_windows = true;
	int32_t id = h2_ask(&h2, "GET", "/abc", false, NULL, NULL);
	uint64_t began_ms = clock_ms();
	h2_until(&h2, h2_answer(&h2, id)->is_closed);
	assert_in_range(clock_ms() - began_ms, WRITE_MS, WRITE_MS + WRITE_MS / 8 + SLACK_MS);
	assert_int_equal(h2_answer(&h2, id)->body.len, 20000);
	assert_int_equal(h2_answer(&h2, id)->reset, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_int_equal(fixture.outcomes[0].fault, FAULT_WRITE_SLOW);
	h2.holds_windows = false;
	fixture.script.length = 5000;
	assert_true(h2_get(&h2, "/abc")->is_whole);
	h2_done(&h2, &fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bodies_come_whole_whatever_they_are_made_of),
	        cmocka_unit_test(many_at_once_come_whole),
	        cmocka_unit_test(
	                a_head_is_written_in_lower_case_without_what_http_2_has_no_use_for),
	        cmocka_unit_test(what_has_no_body_ends_with_its_head),
	        cmocka_unit_test(interim_responses_and_trailers_stand_around_it),
	        cmocka_unit_test(what_is_broken_off_is_reset),
	        cmocka_unit_test(errors_of_ours_have_words_also_without_room),
	        cmocka_unit_test(words_wait_where_the_room_is_less_than_they_need),
	        cmocka_unit_test(an_answer_before_the_body_ends_that_without_an_error),
	        cmocka_unit_test(who_makes_no_room_is_cut_off_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
