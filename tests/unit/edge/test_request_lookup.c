/* What is remembered, and what a request may have of it. */
#include "edge/request_private.h"

#include "edge/asked.h"

#include <pthread.h>
#include <stdatomic.h>

/* How an object was stored, how the origin is afterwards, what is asked, what comes of it, and how
 * often the origin is asked in all. */
static const struct {
	const char *rule;            /* of the domain */
	const char *stored;          /* field lines of the first answer */
	const char *status, *fields; /* of the second; NULL: the origin hangs */
	const char *asked;
	unsigned expected;
	const char *word;
	unsigned pulls;
} rows[] = {
        {"", "Cache-Control: max-age=100\r\n", "500 No", "", "", 200, "HIT", 1},
        {"", "Cache-Control: max-age=100\r\n", "200 OK", "", "Cache-Control: no-cache\r\n", 200,
                "PASS", 2},
        {"cache: {client_directives: off}", "Cache-Control: max-age=100\r\n", "200 OK", "",
                "Cache-Control: no-cache\r\n", 200, "HIT", 1},
        {"", "Cache-Control: max-age=100\r\n", "200 OK", "", "Cache-Control: no-store\r\n", 200,
                "PASS", 2},
        {"", "Cache-Control: max-age=100\r\n", "200 OK", "", "Cache-Control: only-if-cached\r\n",
                200, "HIT", 1},
        {"", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"a\"\r\n", "200 OK", "",
                "Cache-Control: only-if-cached\r\n", 504, "MISS", 1},
        {"", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"a\"\r\n", "304 Not Modified",
                "ETag: \"a\"\r\nCache-Control: max-age=100\r\n", "", 200, "REVALIDATED", 2},
        {"", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"a\"\r\n", "503 No", "", "", 200,
                "STALE", 2},
        {"", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"a\"\r\n", NULL, "", "", 200, "STALE",
                2},
        {"", "Cache-Control: max-age=1, must-revalidate\r\nAge: 5\r\nETag: \"a\"\r\n", "503 No", "",
                "", 503, "MISS", 2},
        {"", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"a\"\r\n", "404 Not Found", "", "", 404,
                "MISS", 2},
        {"",
                "Cache-Control: max-age=1, stale-while-revalidate=100\r\nAge: 5\r\nETag: "
                "\"a\"\r\n",
                "200 OK", "", "", 200, "STALE", 2},
        {"", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"a\"\r\n", "503 No", "",
                "Cache-Control: max-stale=100\r\n", 200, "STALE", 2},
};

static void a_request_gets_what_it_may_have(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct asker asker;
		char document[256];
		snprintf(document, sizeof(document),
		        "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, stale: {wait_ms: "
		        "50}%s%s}]",
		        rows[i].rule[0] != '\0' ? ", " : "", rows[i].rule);
		asker_start(&asker, document);
		answers(&asker, "200 OK", rows[i].stored, 100);
		expect(&asker, "GET", "", 200, "MISS");
		if (rows[i].status != NULL)
			answers(&asker, rows[i].status, rows[i].fields,
			        strncmp(rows[i].status, "304", 3) == 0 ? 0 : 100);
		else
			asker.fixture.origins[0].manner = ORIGIN_HANGS;
		expect(&asker, "GET", rows[i].asked, rows[i].expected, rows[i].word);
		turn_for(&asker.client, 30); /* what goes on in the background */
		if (pulls(&asker) != rows[i].pulls)
			fail_msg("row %u: %u pulls", i, pulls(&asker));
		asker_done(&asker);
	}
}

static void nothing_remembered_and_nothing_wanted_is_504(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	expect(&asker, "GET", "Cache-Control: only-if-cached\r\n", 504, "MISS");
	assert_true(has_field(&asker.response, "X-Headwater-Error", "only_if_cached"));
	assert_int_equal(pulls(&asker), 0);
	asker_done(&asker);
}

static void variants_are_told_apart(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\nVary: X-Kind\r\n", 10);
	expect(&asker, "GET", "X-Kind: a\r\n", 200, "MISS");
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\nVary: X-Kind\r\n", 20);
	expect(&asker, "GET", "X-Kind: b\r\n", 200, "MISS");
	expect(&asker, "GET", "X-Kind: a\r\n", 200, "HIT");
	assert_true(is_body(&asker, 0, 10));
	expect(&asker, "GET", "X-Kind: b\r\n", 200, "HIT");
	assert_true(is_body(&asker, 0, 20));
	expect(&asker, "GET", "", 200, "MISS");
	assert_int_equal(pulls(&asker), 3);
	asker_done(&asker);
}

static void a_failed_pull_is_an_honest_error(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	asker.fixture.origins[0].manner = ORIGIN_CLOSES;
	expect(&asker, "GET", "", 502, "MISS");
	assert_true(has_field(&asker.response, "X-Headwater-Error", "closed"));
	log_until(&asker.client, 1);
	assert_log_has(&asker.fixture, 0, "\"reason\":\"closed\"");
	asker_done(&asker);
}

#define STALE "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"a\"\r\n"

static void nobody_waits_for_origins_that_are_known_to_be_blocked(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, stale: "
	                    "{wait_ms: 6000}}]");
	answers(&asker, "200 OK", STALE, 100);
	expect(&asker, "GET", "", 200, "MISS");
	struct origin *origin = &asker.fixture.origins[0];
	origin_stop_listening(origin);
	for (unsigned i = 0; i < 3; i++)
		expect(&asker, "GET", "", 200, "STALE");
	/* It would take long now. */
	origin_listen_again(origin);
	origin->manner = ORIGIN_HANGS;
	uint64_t begun_ms = clock_ms();
	expect(&asker, "GET", "", 200, "STALE");
	assert_true(is_body(&asker, 0, 100));
	assert_true(clock_ms() - begun_ms < ORIGIN_HEAD_MS);
	asker_done(&asker);
}

static void a_client_gets_what_is_stale_when_the_origin_is_late(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", STALE, 100);
	expect(&asker, "GET", "", 200, "MISS");
	answers(&asker, "304 No", "Cache-Control: max-age=100\r\n", 0);
	asker.fixture.origins[0].held = 1000;
	uint64_t begun_ms = clock_ms();
	expect(&asker, "GET", "", 200, "STALE");
	assert_true(clock_ms() - begun_ms >= 50); /* stale.wait_ms */
	/* What was asked is still wanted. */
	asker.fixture.origins[0].held = 0;
	turn_for(&asker.client, 20);
	expect(&asker, "GET", "", 200, "HIT");
	assert_int_equal(pulls(&asker), 2);
	asker_done(&asker);
}

static void what_is_not_for_sharing_is_not_waited_for_the_next_time(void **state)
{
	(void)state;
	struct asker asker;
	struct client second;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: private\r\n", 100);
	expect(&asker, "GET", "", 200, "PASS");
	asker.fixture.origins[0].held = 1000;
	client_open(&second, &asker.fixture);
	client_say(&second, PLAIN_REQUEST);
	client_say(&asker.client, PLAIN_REQUEST);
	turn_until(&second, pulls(&asker) == 3); /* both at once */
	asker.fixture.origins[0].held = 0;
	read_response(&second, HTTP_GET, &asker.response);
	read_response(&asker.client, HTTP_GET, &asker.response);
	client_close(&second);
	asker_done(&asker);
}

static void a_variant_that_cannot_be_told_is_passed_on(void **state)
{
	(void)state;
	struct asker asker;
	struct text request = {.at = NULL};
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\nVary: X-Kind\r\n", 10);
	expect(&asker, "GET", "", 200, "MISS");
	text_addf(&request, "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Kind: ");
	text_add(&request, pattern_of(0, LIMIT_VARIANT_BYTES));
	text_addf(&request, "\r\n\r\n");
	for (unsigned i = 0; i < 2; i++) {
		client_say(&asker.client, text_c(&request));
		read_response(&asker.client, HTTP_GET, &asker.response);
		assert_true(has_field(&asker.response, "X-Cache", "PASS"));
		assert_true(has_field(&asker.response, "Cache-Status", "edge; fwd=bypass"));
	}
	assert_int_equal(pulls(&asker), 3);
	text_done(&request);
	asker_done(&asker);
}

static void a_head_of_something_unknown_is_passed_on(void **state)
{
	(void)state;
	struct asker asker;
	asker_start(&asker, ASKED_DOMAINS);
	answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 10);
	expect(&asker, "HEAD", "", 200, "PASS");
	assert_true(origin_was_sent(&asker.fixture.origins[0], "HEAD /x HTTP/1.1\r\n"));
	assert_false(has(&asker.fixture, "a.test/x#http"));
	asker_done(&asker);
}

static bool waits(const struct fixture *fixture, unsigned count)
{
	list_each (node, &fixture->worker->requests)
		count -= container_of(node, struct edge_request, node)->step == EDGE_REQUEST_JOIN;
	return count == 0;
}

/* A domain gets another origin, and what the old one gave is purged. Who asked before keeps what it
 * began with, and nobody after it gets that. */
static void what_an_old_origin_answers_is_not_remembered_behind_a_purge(void **state)
{
	(void)state;
	for (enum cache_purge how = CACHE_PURGE_HARD; how <= CACHE_PURGE_SOFT; how++) {
		struct asker asker;
		struct client second, third;
		asker_start(&asker, ASKED_DOMAINS);
		struct fixture *fixture = &asker.fixture;
		struct origin *old = &fixture->origins[0], *new = &fixture->origins[1];
		struct cache_key key = cache_key_make(fixture->shared.cache, STR("a.test/x#http"));
		client_open(&second, fixture);
		client_open(&third, fixture);
		old->manner = ORIGIN_HANGS;
		client_say(&asker.client, PLAIN_REQUEST);
		turn_until(&asker.client, pulls(&asker) == 1);
		client_say(&second, PLAIN_REQUEST);
		turn_until(&second, waits(fixture, 2));
		edge_worker_set_snapshot(fixture->worker,
		        make_snapshot(fixture,
		                "domains: [{name: a.test, origin: {addresses: [\"$1\"]}}]"));
		cache_purge_url(fixture->shared.cache, &key, how);
		/* What the first one gets is for itself, so the second one asks again. */
		answers(&asker, "400 Bad Request", "", 0);
		origin_answer_now(old);
		old->manner = ORIGIN_ANSWERS;
		answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 10);
		read_response(&asker.client, HTTP_GET, &asker.response);
		assert_int_equal(asker.response.head.status, 400);
		read_response(&second, HTTP_GET, &asker.response);
		assert_true(is_body(&asker, 0, 10));
		assert_int_equal(pulls(&asker), 2);
		origin_says(new, "200 OK", "Cache-Control: max-age=100\r\n", pattern_of(0, 20));
		for (unsigned i = 0; i < 2; i++) {
			client_say(&third, PLAIN_REQUEST);
			read_response(&third, HTTP_GET, &asker.response);
			assert_true(has_field(&asker.response, "X-Cache", i == 0 ? "MISS" : "HIT"));
			assert_true(is_body(&asker, 0, 20));
		}
		client_close(&second);
		client_close(&third);
		asker_done(&asker);
	}
}

/* Another worker's pull, which ends between a request's look-up and its search for who pulls. */
struct ending {
	struct asker *asker;
	struct kept kept;
	struct edge_flights_entry entry;
	size_t length;
	atomic_bool is_held; /* the lock of the flights */
};

/* The request looks up what is not there yet, and waits for the lock then; where it does not come
 * so far in time it finds what is stored, which is right, too. */
static bool end_meanwhile(const struct edge_flights_entry *entry, const void *context)
{
	struct ending *ending = (struct ending *)(uintptr_t)context;
	const struct timespec pause = {.tv_nsec = 200 * 1000000L};
	assert_ptr_equal(entry, &ending->entry);
	atomic_store(&ending->is_held, true);
	nanosleep(&pause, NULL);
	assert_int_equal(kept_put(&ending->kept, ending->length), CACHE_PUT_DONE);
	return false;
}

static void *end_pull(void *context)
{
	struct ending *ending = context;
	const struct edge_flights_join join = {
	        .key = ending->entry.key,
	        .hash = ending->entry.hash,
	        .may_join = end_meanwhile,
	        .context = ending,
	};
	assert_false(edge_flights_join(ending->asker->fixture.shared.flights, &join, NULL));
	return NULL;
}

static void what_is_stored_between_looking_and_waiting_is_not_pulled_again(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		unsigned status;
		size_t from, length;
	} asks[] = {{"", 200, 0, 5000}, {"If-None-Match: \"a\"\r\n", 304, 0, 0}};
	for (unsigned i = 0; i < ARRAY_LENGTH(asks); i++) {
		struct asker asker;
		struct ending ending = {.asker = &asker, .length = 5000};
		pthread_t thread;
		asker_start(&asker, ASKED_DOMAINS);
		struct fixture *fixture = &asker.fixture;
		kept_init(&ending.kept, fixture, "a.test/x#http", PLAIN_REQUEST,
		        "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nETag: \"a\"\r\n\r\n");
		ending.entry.key = edge_loader_flight_key(
		        &ending.kept.key, STR_EMPTY, &ending.kept.arena, &ending.entry.hash);
		edge_flights_add(fixture->shared.flights, &ending.entry);
		answers(&asker, "200 OK", "Cache-Control: max-age=100\r\n", 7);
		assert_int_equal(pthread_create(&thread, NULL, end_pull, &ending), 0);
		while (!atomic_load(&ending.is_held))
			sched_yield();
		expect(&asker, "GET", asks[i].fields, asks[i].status, "HIT");
		assert_true(is_body(&asker, asks[i].from, asks[i].length));
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(pulls(&asker), 0);
		kept_done(&ending.kept);
		asker_done(&asker);
	}
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_gets_what_it_may_have),
	        cmocka_unit_test(nothing_remembered_and_nothing_wanted_is_504),
	        cmocka_unit_test(what_is_stored_between_looking_and_waiting_is_not_pulled_again),
	        cmocka_unit_test(variants_are_told_apart),
	        cmocka_unit_test(a_failed_pull_is_an_honest_error),
	        cmocka_unit_test(nobody_waits_for_origins_that_are_known_to_be_blocked),
	        cmocka_unit_test(a_client_gets_what_is_stale_when_the_origin_is_late),
	        cmocka_unit_test(what_is_not_for_sharing_is_not_waited_for_the_next_time),
	        cmocka_unit_test(a_variant_that_cannot_be_told_is_passed_on),
	        cmocka_unit_test(a_head_of_something_unknown_is_passed_on),
	        cmocka_unit_test(what_an_old_origin_answers_is_not_remembered_behind_a_purge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
