/* Pieces: pulled where they are needed, of one version only. */
#include "edge/request_private.h"

#include "edge/asked.h"

#define FRESH    "Cache-Control: max-age=100\r\nETag: \"a\"\r\n"
#define ANSWER   "HTTP/1.1 200 OK\r\n" FRESH "\r\n"
#define FIRST_KB "Range: bytes=0-1023\r\n"

static void a_range_of_something_unknown_pulls_one_piece(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	char range[64];
	answers(&asker, "200 OK", FRESH, 2 * piece);
	asker.fixture.origins[0].answer.does_ranges = true;
	snprintf(range, sizeof(range), "Range: bytes=%zu-%zu\r\n", piece + 5, piece + 14);
	expect(&asker, "GET", range, 206, "MISS");
	assert_true(is_body(&asker, piece + 5, 10));
	expect(&asker, "GET", range, 206, "HIT");
	assert_true(is_body(&asker, piece + 5, 10));
	assert_int_equal(pulls(&asker), 1);
	/* The other piece is pulled for who needs it, and all of it is there then. */
	expect(&asker, "GET", "", 200, "MISS");
	assert_true(is_body(&asker, 0, 2 * piece));
	assert_int_equal(pulls(&asker), 2);
	expect(&asker, "GET", "", 200, "HIT");
	assert_int_equal(pulls(&asker), 2);
	asker_done(&asker);
}

static void an_origin_without_ranges_is_asked_for_the_whole(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", FRESH, 5000);
	expect(&asker, "GET", FIRST_KB, 206, "MISS");
	assert_true(is_body(&asker, 0, 1024));
	expect(&asker, "GET", "", 200, "HIT");
	assert_true(is_body(&asker, 0, 5000));
	assert_int_equal(pulls(&asker), 1);
	asker_done(&asker);
}

/* The head is there and the pieces are not: as after they were evicted. */
static void remember_without_pieces(struct asker *asker, size_t length)
{
	struct kept kept;
	kept_init(&kept, &asker->fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER);
	assert_int_equal(
	        edge_keep_object(&kept.keep, kept.loaded, length, NULL, 0), CACHE_PUT_DONE);
	kept_done(&kept);
}

static void pieces_that_are_gone_are_pulled_again(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	remember_without_pieces(&asker, 2 * piece + 10);
	answers(&asker, "200 OK", FRESH, 2 * piece + 10);
	asker.fixture.origins[0].answer.does_ranges = true;
	expect(&asker, "GET", "", 200, "MISS");
	assert_true(is_body(&asker, 0, 2 * piece + 10));
	assert_int_equal(pulls(&asker), 3);
	assert_non_null(strstr(text_c(&asker.fixture.origins[0].last), "If-Range: \"a\""));
	asker_done(&asker);
}

static void another_version_is_never_mixed_in(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	remember_without_pieces(&asker, 2 * piece);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\nETag: \"b\"\r\n", 5000);
	expect(&asker, "GET", "", 200, "MISS");
	assert_true(has_field(&asker.response, "ETag", "\"b\""));
	assert_true(is_body(&asker, 0, 5000));
	expect(&asker, "GET", "", 200, "HIT");
	assert_true(is_body(&asker, 0, 5000));
	asker_done(&asker);
}

/* What of an object of three pieces is there, and what the origin has meanwhile. */
static void remember_two_pieces(struct asker *asker, const char *answer, size_t piece)
{
	struct kept kept;
	kept_init(&kept, &asker->fixture, "a.test/x#http", PLAIN_REQUEST, answer);
	for (unsigned i = 0; i < 2; i++) {
		struct iovec body = {.iov_base = (void *)(uintptr_t)pattern_of(i * piece, piece).at,
		        .iov_len = piece};
		assert_int_equal(
		        cache_put_piece(asker->fixture.worker->cache, kept.loaded->id, i, &body, 1),
		        CACHE_PUT_DONE);
	}
	assert_int_equal(
	        edge_keep_object(&kept.keep, kept.loaded, 3 * piece, NULL, 0), CACHE_PUT_DONE);
	kept_done(&kept);
}

static void a_later_piece_is_pulled_when_it_is_its_turn(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	remember_two_pieces(&asker, ANSWER, piece);
	answers(&asker, "200 OK", FRESH, 3 * piece);
	asker.fixture.origins[0].answer.does_ranges = true;
	expect(&asker, "GET", FIRST_KB, 206, "HIT");
	assert_int_equal(pulls(&asker), 0);
	expect(&asker, "GET", "", 200, "HIT");
	assert_true(is_body(&asker, 0, 3 * piece));
	assert_int_equal(pulls(&asker), 1);
	expect(&asker, "GET", "", 200, "HIT");
	assert_int_equal(pulls(&asker), 1);
	asker_done(&asker);
}

static void a_version_that_changed_meanwhile_breaks_the_response_off(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	remember_two_pieces(&asker, ANSWER, piece);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\nETag: \"b\"\r\n", 3 * piece);
	asker.fixture.origins[0].answer.does_ranges = true;
	client_say(&asker.client, PLAIN_REQUEST);
	turn_until(&asker.client, asker.client.has_end || asker.client.has_reset);
	assert_false(parse_response(&asker.client, HTTP_GET, &asker.response));
	assert_true(is_body(&asker, 0, 2 * piece));
	assert_false(has(&asker.fixture, "a.test/x#http"));
	/* It is the piece that was pulled ahead that has found it out. */
	log_until(&asker.client, 2);
	assert_log_has(&asker.fixture, 0, "\"cache\":\"BACKGROUND\"");
	for (unsigned i = 0; i < 2; i++)
		assert_log_has(&asker.fixture, i, "\"fault\":\"changed\"");
	assert_log_has(&asker.fixture, 1, "\"end\":\"truncated\"");
	asker_done(&asker);
}

static void without_a_validator_all_of_it_is_pulled(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	remember_two_pieces(&asker, "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n\r\n", piece);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 3 * piece);
	asker.fixture.origins[0].answer.does_ranges = true;
	expect(&asker, "GET", "", 200, "MISS");
	assert_true(is_body(&asker, 0, 3 * piece));
	assert_int_equal(pulls(&asker), 1);
	assert_false(origin_was_sent(&asker.fixture.origins[0], "Range:"));
	expect(&asker, "GET", "", 200, "HIT");
	assert_true(is_body(&asker, 0, 3 * piece));
	asker_done(&asker);
}

/* Puts another object in the place of one as soon as that is there, or is pulled of, before anybody
 * else has his turn. */
struct intruder {
	struct loop_task task;
	struct asker *asker;
	const char *answer;
	size_t from, length; /* of the pattern */
	unsigned pulls;      /* to wait for */
	bool is_done;
};

static void intrude(struct loop_task *task)
{
	struct intruder *intruder = container_of(task, struct intruder, task);
	struct fixture *fixture = &intruder->asker->fixture;
	struct kept kept;
	if (!has(fixture, "a.test/x#http") || fixture->origins[0].requests < intruder->pulls) {
		loop_wake(fixture->worker->loop, task);
		return;
	}
	struct str bytes = pattern_of(intruder->from, intruder->length);
	struct iovec body = {.iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.len};
	kept_init(&kept, fixture, "a.test/x#http", PLAIN_REQUEST, intruder->answer);
	assert_int_equal(
	        edge_keep_object(&kept.keep, kept.loaded, bytes.len, &body, 1), CACHE_PUT_DONE);
	kept_done(&kept);
	intruder->is_done = true;
}

static void a_piece_is_not_taken_for_another_object(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	struct intruder intruder = {
	        .task.on_run = intrude,
	        .asker = &asker,
	        .answer = "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nETag: \"b\"\r\n\r\n",
	        .from = 7,
	        .length = 4096,
	};
	answers(&asker, "200 OK", FRESH, 2 * piece);
	asker.fixture.origins[0].answer.does_ranges = true;
	loop_wake(asker.fixture.worker->loop, &intruder.task);
	fetch(&asker.client, "GET", FIRST_KB, &asker.response);
	assert_true(intruder.is_done);
	assert_int_equal(asker.response.head.status, 206);
	assert_true(has_field(&asker.response, "ETag", "\"b\""));
	assert_true(is_body(&asker, 7, 1024));
	asker_done(&asker);
}

static void a_version_that_came_in_place_of_one_that_is_gone_is_found(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	struct intruder intruder = {
	        .task.on_run = intrude,
	        .asker = &asker,
	        .answer = "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nETag: \"b\"\r\n\r\n",
	        .length = 5000,
	        .pulls = 1,
	};
	remember_without_pieces(&asker, 2 * piece);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\nETag: \"b\"\r\n", 5000);
	loop_wake(asker.fixture.worker->loop, &intruder.task);
	expect(&asker, "GET", "", 200, "HIT");
	assert_true(intruder.is_done);
	assert_true(has_field(&asker.response, "ETag", "\"b\""));
	assert_true(is_body(&asker, 0, 5000));
	assert_int_equal(pulls(&asker), 1);
	asker_done(&asker);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_range_of_something_unknown_pulls_one_piece),
	        cmocka_unit_test(an_origin_without_ranges_is_asked_for_the_whole),
	        cmocka_unit_test(a_piece_is_not_taken_for_another_object),
	        cmocka_unit_test(a_version_that_came_in_place_of_one_that_is_gone_is_found),
	        cmocka_unit_test(pieces_that_are_gone_are_pulled_again),
	        cmocka_unit_test(another_version_is_never_mixed_in),
	        cmocka_unit_test(a_later_piece_is_pulled_when_it_is_its_turn),
	        cmocka_unit_test(a_version_that_changed_meanwhile_breaks_the_response_off),
	        cmocka_unit_test(without_a_validator_all_of_it_is_pulled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
