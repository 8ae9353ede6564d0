/* What is remembered goes to clients: all of it, parts of it, at any pace. */
#include "edge/request_private.h"

#include "edge/asked.h"

#define FRESH  "Cache-Control: max-age=100\r\nETag: \"a\"\r\nContent-Type: text/plain\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\n" FRESH "\r\n"

/* More than the kernel takes of a response whose client does not read. */
enum { LARGE = 6000000 };

static const size_t lengths[] = {
        0, 1, 4096, 16384, 16385, LIMIT_CACHE_INLINE_BYTES, LIMIT_CACHE_INLINE_BYTES + 1, 700000};

static void every_byte_of_it_is_sent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(lengths); i++) {
		struct asker asker;
		asker_start(&asker, ASKED_DOMAINS);
		remember(&asker.fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER, lengths[i]);
		expect(&asker, "GET", "", 200, "HIT");
		assert_true(is_body(&asker, 0, lengths[i]));
		expect(&asker, "GET", "", 200, "HIT"); /* on the same connection */
		assert_true(is_body(&asker, 0, lengths[i]));
		assert_int_equal(pulls(&asker), 0);
		asker_done(&asker);
	}
}

/* What is asked besides, and what comes of it. */
static const struct {
	const char *fields;
	unsigned status;
	const char *word;
	size_t from, length;
} rows[] = {
        {"Range: bytes=5-9\r\n", 206, "HIT", 5, 5},
        {"Range: bytes=-3\r\n", 206, "HIT", 699997, 3},
        {"Range: bytes=524280-524299\r\n", 206, "HIT", 524280, 20},
        {"Range: bytes=700000-\r\n", 416, "HIT", 0, SIZE_MAX},
        {"If-None-Match: \"a\"\r\n", 304, "HIT", 0, 0},
        {"If-Match: \"b\"\r\n", 412, "HIT", 0, SIZE_MAX},
};

static void parts_and_conditions_are_answered(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	remember(&asker.fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER, 700000);
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
		expect(&asker, "GET", rows[i].fields, rows[i].status, rows[i].word);
		if (rows[i].length != SIZE_MAX)
			assert_true(is_body(&asker, rows[i].from, rows[i].length));
	}
	assert_int_equal(pulls(&asker), 0);
	asker_done(&asker);
}

static void several_ranges_come_in_parts(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	remember(&asker.fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER, 700000);
	expect(&asker, "GET", "Range: bytes=0-9,600000-600009\r\n", 206, "HIT");
	struct str body = text_str(&asker.response.body);
	struct str first = pattern_of(0, 10), second = pattern_of(600000, 10);
	assert_non_null(memmem(body.at, body.len, first.at, first.len));
	assert_non_null(memmem(body.at, body.len, second.at, second.len));
	assert_non_null(memmem(body.at, body.len, "Content-Range: bytes 600000-600009/700000", 41));
	asker_done(&asker);
}

/* The rest lies pinned in the store meanwhile, or is found again. */
static void a_client_that_reads_slowly_gets_every_byte(void **state)
{
	(void)state;
	struct asker asker;
	struct client slow;
	asker_start(&asker, ASKED_DOMAINS);
	remember(&asker.fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER, LARGE);
	client_open_from(&slow, &asker.fixture, NULL, 4096);
	slow.is_paused = true;
	client_say(&slow, PLAIN_REQUEST);
	for (unsigned i = 0; i < 20; i++)
		turn(&slow, 5);
	struct cache_store_numbers numbers;
	cache_store_count(asker.fixture.worker->cache, false, &numbers);
	assert_true(numbers.segments_pinned > 0);
	slow.is_paused = false;
	read_response(&slow, HTTP_GET, &asker.response);
	assert_true(is_body(&asker, 0, LARGE));
	turn_for(&slow, 10);
	cache_store_count(asker.fixture.worker->cache, false, &numbers);
	assert_int_equal(numbers.segments_pinned, 0);
	client_close(&slow);
	asker_done(&asker);
}

static void a_client_that_leaves_gives_back_what_it_held(void **state)
{
	(void)state;
	struct asker asker;
	struct client slow;
	struct cache_store_numbers numbers;
	asker_start(&asker, ASKED_DOMAINS);
	remember(&asker.fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER, LARGE);
	client_open_from(&slow, &asker.fixture, NULL, 4096);
	slow.is_paused = true;
	client_say(&slow, PLAIN_REQUEST);
	for (unsigned i = 0; i < 20; i++)
		turn(&slow, 5);
	client_reset(&slow);
	turn_for(&asker.client, 50);
	cache_store_count(asker.fixture.worker->cache, false, &numbers);
	assert_int_equal(numbers.segments_pinned, 0);
	asker_done(&asker);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_byte_of_it_is_sent),
	        cmocka_unit_test(parts_and_conditions_are_answered),
	        cmocka_unit_test(several_ranges_come_in_parts),
	        cmocka_unit_test(a_client_that_reads_slowly_gets_every_byte),
	        cmocka_unit_test(a_client_that_leaves_gives_back_what_it_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
