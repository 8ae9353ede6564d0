/* What lies on a disk is served as if it had never left the memory. */
#include "edge/request_private.h"

#include "edge/asked.h"

#include "cache/disk.h"
#include "cache/writer.h"

#define FRESH  "Cache-Control: max-age=100\r\nETag: \"a\"\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\n" FRESH "\r\n"

static void start(struct asker *asker, int disk)
{
	asker->response = (struct response){.body = {.at = NULL}};
	fixture_start_with_disk(&asker->fixture, ASKED_DOMAINS, disk);
	client_open(&asker->client, &asker->fixture);
}

/* What there is to do for the disk: reading, copying, removing. */
static void write_all(struct asker *asker)
{
	while (cache_writer_turn(asker->fixture.shared.cache, 0, true))
		;
}

/* Everything is copied, and then the memory is a new one. */
static void send_away(struct asker *asker)
{
	struct found found;
	write_all(asker);
	int disk = dup(asker->fixture.cache_disk);
	assert_true(disk >= 0);
	asker_done(asker);
	start(asker, disk);
	write_all(asker);
	assert_false(look_up(&asker->fixture, "a.test/x#http", PLAIN_REQUEST, &found));
	assert_int_equal(found.result, EDGE_LOOKUP_AWAY);
}

static void remember_one(struct asker *asker, size_t length)
{
	remember(&asker->fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER, length);
	send_away(asker);
}

static uint64_t recalled(const struct asker *asker)
{
	struct cache_disk_numbers numbers;
	cache_disk_numbers(asker->fixture.shared.cache, 0, &numbers);
	return numbers.recalled;
}

static void what_is_away_is_a_hit(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, make_disk());
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	const size_t lengths[] = {0, 1000, LIMIT_CACHE_INLINE_BYTES, piece, 3 * piece + 5};
	for (unsigned i = 0; i < ARRAY_LENGTH(lengths); i++) {
		remember_one(&asker, lengths[i]);
		expect(&asker, "GET", "", 200, "HIT");
		assert_true(is_body(&asker, 0, lengths[i]));
		uint64_t before = recalled(&asker);
		assert_true(before > 0);
		expect(&asker, "GET", "", 200, "HIT");
		assert_true(is_body(&asker, 0, lengths[i]));
		assert_int_equal(recalled(&asker), before);
	}
	assert_int_equal(pulls(&asker), 0);
	asker_done(&asker);
}

static void parts_and_heads_and_conditions_of_what_is_away(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, make_disk());
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	char range[64];
	for (unsigned i = 0; i < 2; i++) {
		size_t length = i == 0 ? 1000 : 2 * piece;
		remember_one(&asker, length);
		snprintf(range, sizeof(range), "Range: bytes=%zu-\r\n", length - 10);
		expect(&asker, "GET", range, 206, "HIT");
		assert_true(is_body(&asker, length - 10, 10));
		send_away(&asker);
		expect(&asker, "HEAD", "", 200, "HIT");
		send_away(&asker);
		expect(&asker, "GET", "If-None-Match: \"a\"\r\n", 304, "HIT");
		send_away(&asker);
		expect(&asker, "GET", "Cache-Control: only-if-cached\r\n", 200, "HIT");
		assert_true(is_body(&asker, 0, length));
	}
	assert_int_equal(pulls(&asker), 0);
	asker_done(&asker);
}

static void of_a_part_only_its_pieces_are_recalled(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, make_disk());
	size_t piece = cache_store_piece_bytes(asker.fixture.worker->cache);
	char range[64];
	remember_one(&asker, 6 * piece);
	uint64_t before = recalled(&asker);
	snprintf(range, sizeof(range), "Range: bytes=%zu-%zu\r\n", 2 * piece + 5, 3 * piece + 4);
	expect(&asker, "GET", range, 206, "HIT");
	assert_true(is_body(&asker, 2 * piece + 5, piece));
	assert_int_equal(recalled(&asker), before + 3); /* the head is one */
	asker_done(&asker);
}

static void what_is_damaged_is_pulled(void **state)
{
	(void)state;
	enum { STRIDE = 16384 };
	const char zeros[64] = {0};
	for (unsigned i = 0; i < 2; i++) {
		struct asker asker;
		start(&asker, make_disk());
		remember_one(&asker, 2 * STRIDE);
		/* Wherever it is, some of its body is lost. */
		for (off_t at = 0; at < CACHE_DISK_BYTES; at += STRIDE)
			assert_int_equal(pwrite(asker.fixture.cache_disk, zeros, 64, at), 64);
		answers(&asker, "200 OK", FRESH, 2000);
		if (i == 0) {
			expect(&asker, "GET", "Cache-Control: only-if-cached\r\n", 504, "MISS");
			assert_int_equal(pulls(&asker), 0);
		}
		expect(&asker, "GET", "", 200, "MISS");
		assert_true(is_body(&asker, 0, 2000));
		assert_int_equal(pulls(&asker), 1);
		asker_done(&asker);
	}
}

static void who_leaves_while_a_disk_is_asked_does_no_harm(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, make_disk());
	remember_one(&asker, 1000);
	for (unsigned turns = 0; turns < 6; turns++) {
		struct client other;
		client_open(&other, &asker.fixture);
		client_say(&other, PLAIN_REQUEST);
		for (unsigned i = 0; i < turns; i++)
			loop_turn(asker.fixture.worker->loop, 0);
		client_reset(&other);
		client_close(&other);
		fixture_turn(&asker.fixture, 1);
	}
	expect(&asker, "GET", "", 200, "HIT");
	assert_true(is_body(&asker, 0, 1000));
	/* The last one waits when everything ends. */
	send_away(&asker);
	client_say(&asker.client, PLAIN_REQUEST);
	/* Its connection is accepted, and its request read. */
	for (unsigned i = 0; i < 3; i++)
		loop_turn(asker.fixture.worker->loop, 0);
	asker_done(&asker);
}

static void what_a_write_made_invalid_is_told_to_the_disk_first(void **state)
{
	(void)state;
	struct asker asker;
	start(&asker, make_disk());
	remember(&asker.fixture, "a.test/x#http", PLAIN_REQUEST, ANSWER, 1000);
	write_all(&asker);
	answers(&asker, "204 No Content", "", 0);
	uint64_t begun_ms = clock_ms();
	expect(&asker, "DELETE", "", 204, "PASS");
	/* Nobody writes here, and the answer does not wait for ever. */
	assert_true(clock_ms() - begun_ms >= LIMIT_CACHE_DISK_HOLD_MS - 100);
	assert_false(has(&asker.fixture, "a.test/x#http"));
	struct cache_writer *writer = cache_writer_new(asker.fixture.shared.cache, 0);
	assert_non_null(writer);
	begun_ms = clock_ms();
	expect(&asker, "DELETE", "", 204, "PASS");
	assert_true(clock_ms() - begun_ms < LIMIT_CACHE_DISK_HOLD_MS - 100);
	cache_writer_free(writer);
	asker_done(&asker);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_away_is_a_hit),
	        cmocka_unit_test(parts_and_heads_and_conditions_of_what_is_away),
	        cmocka_unit_test(of_a_part_only_its_pieces_are_recalled),
	        cmocka_unit_test(what_is_damaged_is_pulled),
	        cmocka_unit_test(who_leaves_while_a_disk_is_asked_does_no_harm),
	        cmocka_unit_test(what_a_write_made_invalid_is_told_to_the_disk_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
