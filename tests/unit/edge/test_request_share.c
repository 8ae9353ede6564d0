/* A shared answer: one pull, everybody gets it as it comes. */
#include "edge/request_private.h"

#include "edge/asked.h"

#define FRESH "Cache-Control: max-age=100\r\nETag: \"a\"\r\n"
#define GET   "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

enum { CROWD = 5 };

struct crowd {
	struct asker asker;
	struct client others[CROWD];
};

static void crowd_start(struct crowd *crowd)
{
	asker_start(&crowd->asker, ASKED_DOMAINS);
	for (unsigned i = 0; i < CROWD; i++)
		client_open(&crowd->others[i], &crowd->asker.fixture);
}

/* Everybody asks, and whoever came later than the first has joined it. */
static void crowd_say(struct crowd *crowd, const char *request)
{
	for (unsigned i = 0; i < CROWD; i++)
		client_say(&crowd->others[i], request);
	turn_for(&crowd->others[0], 30);
}

static void crowd_expect(struct crowd *crowd, unsigned status, size_t length)
{
	for (unsigned i = 0; i < CROWD; i++) {
		struct response *response = &crowd->asker.response;
		read_response(&crowd->others[i], HTTP_GET, response);
		assert_int_equal(response->head.status, status);
		assert_true(is_body(&crowd->asker, 0, length));
	}
}

static void crowd_done(struct crowd *crowd)
{
	for (unsigned i = 0; i < CROWD; i++)
		client_close(&crowd->others[i]);
	asker_done(&crowd->asker);
}

/* Bodies that are inline, and that are pieces; with and without a length. */
static const struct {
	size_t length;
	bool is_chunked;
} bodies[] = {{0, false}, {100, false}, {100, true}, {200000, false}, {200000, true}};

static void a_crowd_costs_one_pull(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(bodies); i++) {
		struct crowd crowd;
		crowd_start(&crowd);
		answers(&crowd.asker, "200 OK", FRESH, bodies[i].length);
		crowd.asker.fixture.origins[0].answer.is_chunked = bodies[i].is_chunked;
		if (bodies[i].length == 0 && bodies[i].is_chunked)
			continue;
		crowd_say(&crowd, GET);
		crowd_expect(&crowd, 200, bodies[i].length);
		assert_int_equal(pulls(&crowd.asker), 1);
		expect(&crowd.asker, "GET", "", 200, "HIT");
		assert_true(is_body(&crowd.asker, 0, bodies[i].length));
		crowd_done(&crowd);
	}
}

static void an_error_that_is_nobodys_secret_is_shared_but_not_kept(void **state)
{
	(void)state;
	struct crowd crowd;
	crowd_start(&crowd);
	answers(&crowd.asker, "503 Unavailable", "", 50);
	crowd.asker.fixture.origins[0].held = 1; /* until everybody has joined */
	crowd_say(&crowd, GET);
	crowd.asker.fixture.origins[0].held = 0;
	crowd_expect(&crowd, 503, 50);
	assert_int_equal(pulls(&crowd.asker), 1);
	expect(&crowd.asker, "GET", "", 503, "MISS");
	assert_int_equal(pulls(&crowd.asker), 2);
	crowd_done(&crowd);
}

static void who_asks_for_a_part_of_what_comes_gets_that_part(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", FRESH, 5000);
	expect(&asker, "GET", "Range: bytes=0-\r\n", 206, "MISS");
	assert_true(has_field(&asker.response, "Content-Range", "bytes 0-4999/5000"));
	assert_true(is_body(&asker, 0, 5000));
	asker_done(&asker);
}

static void a_body_that_breaks_off_is_seen_to_and_is_not_kept(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", FRESH, 5000);
	asker.fixture.origins[0].held = 1000;
	client_say(&asker.client, GET);
	turn_for(&asker.client, 50);
	origin_cut(&asker.fixture.origins[0]);
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (!asker.client.has_end && !asker.client.has_reset && clock_ms() < until_ms)
		turn(&asker.client, 5);
	assert_true(asker.client.has_end || asker.client.has_reset);
	assert_false(has(&asker.fixture, "a.test/x#http"));
	log_until(&asker.client, 1);
	assert_log_has(&asker.fixture, 0, "\"end\":\"truncated\"");
	asker_done(&asker);
}

/* More than the sockets on the way take, for a client that does not read. */
enum { LARGE = 7 << 20 };

#define AHEAD                                                                                      \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, failover: {attempts: 1}, fill: "  \
	"{ahead: 1m}}]"
#define WITHOUT "Cache-Control: max-age=100\r\n" /* a validator */

/* A slow client beside a fast one, or alone: does it get every byte, and who has what it missed? */
static const struct {
	const char *fields;
	bool is_full; /* the store takes nothing */
	bool has_fast;
	bool is_whole;
	bool is_pulled_again;
} laggards[] = {
        {FRESH, false, true, true, false},
        {WITHOUT, false, true, true, false},
        {FRESH, false, false, true, false},
        {FRESH, true, true, true, true},
        {WITHOUT, true, true, false, false},
        /* Nobody leaves it behind. */
        {FRESH, true, false, true, false},
        {WITHOUT, true, false, true, false},
};

static void a_laggard_gets_every_byte_or_sees_that_it_does_not(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(laggards); i++) {
		struct asker asker;
		struct client slow;
		asker_start(&asker, AHEAD);
		if (laggards[i].is_full)
			fill_store(&asker.fixture);
		answers(&asker, "200 OK", laggards[i].fields, LARGE);
		asker.fixture.origins[0].answer.does_ranges = true;
		asker.fixture.origins[0].held = LARGE - 1000;
		client_open_from(&slow, &asker.fixture, NULL, 4096);
		slow.is_paused = true;
		client_say(&slow, GET);
		if (laggards[i].has_fast)
			client_say(&asker.client, GET);
		turn_for(&asker.client, 30);
		asker.fixture.origins[0].held = 0;
		if (laggards[i].has_fast) {
			read_response(&asker.client, HTTP_GET, &asker.response);
			assert_true(is_body(&asker, 0, LARGE));
		} else {
			turn_for(&asker.client, 100);
		}
		assert_int_equal(pulls(&asker), 1);
		slow.is_paused = false;
		if (laggards[i].is_whole) {
			read_response(&slow, HTTP_GET, &asker.response);
			assert_true(is_body(&asker, 0, LARGE));
		} else {
			turn_until(&slow, slow.has_end || slow.has_reset);
			assert_false(parse_response(&slow, HTTP_GET, &asker.response));
		}
		if ((pulls(&asker) > 1) != laggards[i].is_pulled_again)
			fail_msg("row %u: %u pulls", i, pulls(&asker));
		client_close(&slow);
		asker_done(&asker);
	}
}

static void whoever_began_it_may_leave(void **state)
{
	(void)state;
	struct crowd crowd;
	crowd_start(&crowd);
	answers(&crowd.asker, "200 OK", FRESH, 200000);
	crowd.asker.fixture.origins[0].held = 100000;
	client_say(&crowd.asker.client, GET);
	turn_for(&crowd.asker.client, 20);
	crowd_say(&crowd, GET);
	client_reset(&crowd.asker.client);
	turn_for(&crowd.others[0], 20);
	crowd.asker.fixture.origins[0].held = 0;
	crowd_expect(&crowd, 200, 200000);
	assert_int_equal(pulls(&crowd.asker), 1);
	crowd_done(&crowd);
}

/* Nobody knows yet that the answers differ: each finds out when the first one comes. */
static void who_wants_another_variant_asks_again(void **state)
{
	(void)state;
	struct crowd crowd;
	crowd_start(&crowd);
	answers(&crowd.asker, "200 OK", FRESH "Vary: X-Kind\r\n", 300);
	crowd.asker.fixture.origins[0].manner = ORIGIN_HANGS;
	for (unsigned i = 0; i < CROWD; i++) {
		char request[128];
		snprintf(request, sizeof(request),
		        "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Kind: %u\r\n\r\n", i);
		client_say(&crowd.others[i], request);
	}
	turn_for(&crowd.others[0], 30);
	assert_int_equal(pulls(&crowd.asker), 1);
	crowd.asker.fixture.origins[0].manner = ORIGIN_ANSWERS;
	origin_answer_now(&crowd.asker.fixture.origins[0]);
	crowd_expect(&crowd, 200, 300);
	assert_int_equal(pulls(&crowd.asker), CROWD);
	for (unsigned i = 0; i < CROWD; i++) {
		struct found found;
		char request[128];
		snprintf(request, sizeof(request),
		        "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Kind: %u\r\n\r\n", i);
		assert_true(look_up(&crowd.asker.fixture, "a.test/x#http", request, &found));
	}
	crowd_done(&crowd);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_crowd_costs_one_pull),
	        cmocka_unit_test(an_error_that_is_nobodys_secret_is_shared_but_not_kept),
	        cmocka_unit_test(who_asks_for_a_part_of_what_comes_gets_that_part),
	        cmocka_unit_test(a_body_that_breaks_off_is_seen_to_and_is_not_kept),
	        cmocka_unit_test(a_laggard_gets_every_byte_or_sees_that_it_does_not),
	        cmocka_unit_test(whoever_began_it_may_leave),
	        cmocka_unit_test(who_wants_another_variant_asks_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
