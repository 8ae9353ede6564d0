/* Heads of HTTP/2 as they are sent: of every length, waiting and not, whatever the client does. */
#include "h2_client.h"

#include <stdlib.h>

static char words[65536];

static void fill_words(void)
{
	for (size_t i = 0; i < sizeof(words); i++)
		words[i] = (char)('!' + (i * 7 + i / 251) % 90);
}

/* "X-Large: …\r\n" with so many bytes of a value, and what the client's sum of the head is. */
static uint64_t add_large(struct text *lines, size_t length, size_t body)
{
	char digits[24];
	struct str value = str_make(words + length % 89, length);
	text_clear(lines);
	text_add(lines, STR("X-Large: "));
	text_add(lines, value);
	text_add(lines, STR("\r\n"));
	snprintf(digits, sizeof(digits), "%zu", body);
	uint64_t sum = h2_add_to_sum(0, STR(":status200x-large"));
	sum = h2_add_to_sum(h2_add_to_sum(sum, value), STR("x-cacheyescontent-length"));
	return h2_add_to_sum(sum, str_of(digits));
}

static void large_heads_come_in_several_frames(void **state)
{
	/* Around what one, two and three frames hold. */
	static const size_t LENGTHS[] = {16330, 32700, 49080};
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	struct text lines = {0};
	h2_fixture_start(&fixture);
	fill_words();
	for (size_t i = 0; i < ARRAY_LENGTH(LENGTHS); i++) {
		h2_open(&h2, &fixture, 0);
		for (size_t more = 0; more < 80; more++) {
			uint64_t sum = add_large(&lines, LENGTHS[i] + more, 4);
			fixture.script.added = text_str(&lines);
			const struct h2_answer *answer = h2_get(&h2, "/abc");
			assert_int_equal(answer->status, 200);
			assert_true(answer->is_whole);
			assert_true(answer->sum == sum);
		}
		h2_close(&h2);
	}
	wait_until_alone(&fixture);
	fixture_done(&fixture);
	text_done(&lines);
}

static void heads_that_find_no_room_wait(void **state)
{
	enum { COUNT = 60, LENGTH = 60000 };
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	struct text lines = {0};
	h2_fixture_start(&fixture);
	fill_words();
	uint64_t sum = add_large(&lines, LENGTH, 2000);
	fixture.script.added = text_str(&lines);
	fixture.script.length = 2000;
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < COUNT; i++)
		h2_ask(&h2, "GET", "/abc", false, NULL, NULL);
	for (unsigned i = 0; i < COUNT; i++) {
		h2_until(&h2, h2.answers[i].is_closed);
		assert_true(h2.answers[i].is_whole);
		assert_true(h2.answers[i].sum == sum);
		assert_int_equal(h2.answers[i].body.len, 2000);
	}
	text_done(&lines);
	h2_done(&h2, &fixture);
}

/* Sends what the client has to say, at once, and reads nothing. */
static void say(struct h2_client *h2)
{
	const uint8_t *bytes;
	ssize_t length;
	struct text all = {0};
	while ((length = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
		text_add(&all, str_make((const char *)bytes, (size_t)length));
	assert_true(client_send(&h2->client, text_str(&all)));
	text_done(&all);
}

static void those_of_streams_that_are_reset_leave_the_others_right(void **state)
{
	enum { COUNT = 100, LENGTH = 60000 };
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	struct text lines = {0};
	h2_fixture_start(&fixture);
	fill_words();
	uint64_t sum = add_large(&lines, LENGTH, 4);
	fixture.script.added = text_str(&lines);
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < COUNT; i++)
		h2_ask(&h2, "GET", "/abc", false, NULL, NULL);
	say(&h2);
	while (fixture.begun < COUNT)
		loop_turn(fixture.loop, 1);
	for (unsigned i = 0; i < COUNT; i++)
		if (i % 3 != 0)
			nghttp2_submit_rst_stream(h2.session, NGHTTP2_FLAG_NONE,
			        (int32_t)(2 * i + 1), NGHTTP2_CANCEL);
	say(&h2);
	for (unsigned i = 0; i < COUNT; i++) {
		h2_until(&h2, h2.answers[i].is_closed);
		if (i % 3 == 0) {
			assert_true(h2.answers[i].is_whole);
			assert_true(h2.answers[i].sum == sum);
		}
	}
	assert_true(h2_get(&h2, "/abc")->sum == sum);
	text_done(&lines);
	h2_done(&h2, &fixture);
}

static void the_client_says_how_much_it_remembers(void **state)
{
	static const uint32_t SIZES[] = {0, 1024, 100, 0, 4096, 200, 65536, 64, 0};
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.added = STR("Server: a\r\nX-Long: a value that is remembered\r\nVary: b\r\n"
	                           "Set-Cookie: a=b\r\n");
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < 60; i++) {
		nghttp2_settings_entry entries[2];
		for (size_t j = 0; j < 2; j++)
			entries[j] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_HEADER_TABLE_SIZE,
			        SIZES[(i + j * (i / 9)) % ARRAY_LENGTH(SIZES)]};
		if (i % 3 != 2)
			assert_int_equal(nghttp2_submit_settings(
			                         h2.session, NGHTTP2_FLAG_NONE, entries, 1 + i % 2),
			        0);
		assert_string_equal(h2_get(&h2, "/abc")->head,
		        ":status: 200\nserver: a\nx-long: a value that is remembered\nvary: b\n"
		        "set-cookie: a=b\nx-cache: yes\ncontent-length: 4\n");
	}
	h2_done(&h2, &fixture);
}

static void what_becomes_no_stream_is_answered_between_the_others(void **state)
{
	(void)state;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.added = STR("Server: a\r\n");
	h2_open(&h2, &fixture, 0);
	for (unsigned i = 0; i < 40; i++)
		h2_ask(&h2, "GET", i % 2 == 0 ? "/abc" : "/a#b", false, NULL, NULL);
	for (unsigned i = 0; i < 40; i++) {
		const struct h2_answer *answer = &h2.answers[i];
		h2_until(&h2, answer->is_closed);
		assert_true(answer->is_whole);
		assert_int_equal(answer->status, i % 2 == 0 ? 200 : 400);
		assert_int_equal(answer->body.len, i % 2 == 0 ? 4 : 0);
		if (i % 2 == 1) {
			assert_true(h2_has(answer, "date: "));
			assert_true(h2_has(answer, "cache-control: no-store\n"));
			assert_true(h2_has(answer, "x-headwater-error: bad_request\n"));
			assert_true(h2_has(answer, "content-length: 0\n"));
		}
	}
	assert_int_equal(fixture.begun, 20);
	h2_done(&h2, &fixture);
}

static void interims_and_trailers_keep_their_places_without_room(void **state)
{
	enum { COUNT = 80 };
	(void)state;
	struct parsed_trailers trailers;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.interim = 103;
	fixture.script.is_length_unknown = true;
	fixture.script.trailers =
	        parse_trailers(&trailers, "X-Sum: 1\r\nConnection: close\r\n\r\n");
	fixture.script.length = 30000;
	h2_open(&h2, &fixture, 5000);
	for (unsigned i = 0; i < COUNT; i++)
		h2_ask(&h2, "GET", "/abc", false, NULL, NULL);
	for (unsigned i = 0; i < COUNT; i++) {
		const struct h2_answer *answer = &h2.answers[i];
		h2_until(&h2, answer->is_closed);
		assert_int_equal(answer->interims, 1);
		assert_int_equal(answer->status, 200);
		assert_string_equal(answer->trailers, "x-sum: 1\n");
		assert_int_equal(answer->body.len, 30000);
		assert_true(answer->is_whole);
	}
	h2_done(&h2, &fixture);
}

static void trailers_of_which_nothing_is_left_are_none(void **state)
{
	(void)state;
	struct parsed_trailers trailers;
	struct fixture fixture;
	struct h2_client h2;
	h2_fixture_start(&fixture);
	fixture.script.is_length_unknown = true;
	fixture.script.trailers =
	        parse_trailers(&trailers, "Connection: close\r\nUpgrade: x\r\n\r\n");
	h2_open(&h2, &fixture, 0);
	const struct h2_answer *answer = h2_get(&h2, "/abc");
	assert_string_equal(answer->trailers, "");
	assert_true(answer->is_whole);
	h2_done(&h2, &fixture);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(large_heads_come_in_several_frames),
	        cmocka_unit_test(heads_that_find_no_room_wait),
	        cmocka_unit_test(those_of_streams_that_are_reset_leave_the_others_right),
	        cmocka_unit_test(the_client_says_how_much_it_remembers),
	        cmocka_unit_test(what_becomes_no_stream_is_answered_between_the_others),
	        cmocka_unit_test(interims_and_trailers_keep_their_places_without_room),
	        cmocka_unit_test(trailers_of_which_nothing_is_left_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
