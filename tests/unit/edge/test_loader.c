/* The life of a pull for the cache: what it asks for, who may join it, who may leave it. */
#include "edge/loader_private.h"

#include "edge/pull.h"

#define DOMAINS "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define KEEP    "Cache-Control: max-age=100\r\n"
#define KEY     "a.test/x"
#define WHOLE   "HTTP/1.1 200 OK\r\n" KEEP

/* What the store has, what a client asks, and what the origin is asked. */
static const struct {
	const char *stored, *request;
	const char *sent[2], *not_sent[3];
} asks[] = {
        {NULL, "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Own: 1\r\n\r\n",
                {"Accept-Encoding: identity\r\n", "X-Own: 1\r\n"}, {"If-"}},
        /* One client's conditions and ranges are not everybody's. */
        {NULL, "GET /x HTTP/1.1\r\nHost: a.test\r\nIf-None-Match: \"z\"\r\nRange: bytes=1-\r\n\r\n",
                {"GET /x HTTP/1.1\r\n"}, {"If-None-Match", "Range"}},
        {NULL, "GET /x HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: zstd, gzip;q=0.3\r\n\r\n",
                {"Accept-Encoding: gzip\r\n"}, {"zstd", "q="}},
        {WHOLE "ETag: W/\"a\"\r\n\r\n",
                "GET /x HTTP/1.1\r\nHost: a.test\r\nIf-Match: \"z\"\r\n\r\n",
                {"If-None-Match: W/\"a\"\r\n"}, {"\"z\"", "If-Modified"}},
        {WHOLE "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n", PLAIN_REQUEST,
                {"If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"}, {"If-None-Match"}},
        {WHOLE "\r\n", PLAIN_REQUEST, {"GET /x HTTP/1.1\r\n"}, {"If-"}},
};

static void the_origin_is_asked_for_what_all_may_have(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(asks); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.request = asks[i].request,
		        .validates = asks[i].stored != NULL,
		        .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		if (asks[i].stored != NULL)
			remember(&fixture, KEY, PLAIN_REQUEST, asks[i].stored, 9);
		origin_says(&fixture.origins[0], "200 OK", KEEP, STR("all"));
		pull_start(&pull, &fixture, &options);
		assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
		for (unsigned k = 0; k < 2 && asks[i].sent[k] != NULL; k++)
			if (!origin_was_sent(&fixture.origins[0], asks[i].sent[k]))
				fail_msg("row %u: no %s", i, asks[i].sent[k]);
		for (unsigned k = 0; k < 3 && asks[i].not_sent[k] != NULL; k++)
			if (origin_was_sent(&fixture.origins[0], asks[i].not_sent[k]))
				fail_msg("row %u: %s", i, asks[i].not_sent[k]);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/* Pieces of 64 KiB: the range and the condition for one of them. */
static const struct {
	struct edge_piece piece;
	const char *range;
	const char *condition; /* NULL: none */
} ranges[] = {
        {{.length = UINT64_MAX}, "Range: bytes=0-65535\r\n", NULL},
        {{.id = 7, .number = 2, .length = 999999, .validator = STR("\"a\"")},
                "Range: bytes=131072-196607\r\n", "If-Range: \"a\"\r\n"},
        {{.id = 7, .number = 2, .length = 131073, .validator = STR("\"a\"")},
                "Range: bytes=131072-131072\r\n", "If-Range: \"a\"\r\n"},
};

static void a_piece_is_asked_for_by_its_range(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(ranges); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.piece = &ranges[i].piece, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, fixture.origins[0].requests == 1);
		assert_true(origin_was_sent(&fixture.origins[0], ranges[i].range));
		assert_int_equal(origin_was_sent(&fixture.origins[0], "If-Range"),
		        ranges[i].condition != NULL);
		if (ranges[i].condition != NULL)
			assert_true(origin_was_sent(&fixture.origins[0], ranges[i].condition));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void every_object_variant_and_piece_has_a_key_of_its_own(void **state)
{
	(void)state;
	char room[2048];
	struct arena arena;
	struct fixture fixture;
	struct str keys[6];
	uint64_t hashes[6];
	static const struct edge_piece first = {.number = 0}, second = {.number = 1},
	                               other = {.id = 1, .number = 1};
	fixture_start_cached(&fixture, DOMAINS);
	arena_init(&arena, room, sizeof(room));
	struct cache_key key = cache_key_make(fixture.worker->cache, STR(KEY));
	keys[0] = edge_loader_flight_key(&key, STR_EMPTY, &arena, &hashes[0]);
	keys[1] = edge_loader_flight_key(&key, STR("1:a"), &arena, &hashes[1]);
	keys[2] = edge_loader_piece_key(&key, STR_EMPTY, &first, &arena, &hashes[2]);
	keys[3] = edge_loader_piece_key(&key, STR_EMPTY, &second, &arena, &hashes[3]);
	keys[4] = edge_loader_piece_key(&key, STR_EMPTY, &other, &arena, &hashes[4]);
	keys[5] = edge_loader_piece_key(&key, STR("1:a"), &first, &arena, &hashes[5]);
	assert_true(is_text(keys[0], KEY));
	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = 0; k < i; k++) {
			assert_false(str_is_equal(keys[i], keys[k]));
			assert_int_not_equal(hashes[i], hashes[k]);
		}
	arena_reset(&arena);
	fixture_done(&fixture);
}

static void nobody_joins_a_pull_of_another_configuration_or_from_before_a_purge(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.has_reader = true};
	fixture_start_cached(&fixture, DOMAINS);
	struct cache_store *cache = fixture.worker->cache;
	fixture.origins[0].manner = ORIGIN_HANGS;
	pull_start(&pull, &fixture, &options);
	const struct edge_flights_entry *entry = edge_loader_entry(pull.loader);
	const struct model_domain *domain = domain_of_key(&fixture, KEY);
	assert_true(edge_loader_may_join(entry, domain));
	/* The same words, and yet another one. */
	struct model_snapshot *next = make_snapshot(&fixture, DOMAINS);
	assert_false(edge_loader_may_join(entry, model_snapshot_find(next, STR("a.test"))));
	struct cache_key other = cache_key_make(cache, STR("a.test/other"));
	cache_purge_url(cache, &other, CACHE_PURGE_HARD);
	assert_true(edge_loader_may_join(entry, domain));
	cache_purge_url(cache, &pull.key, CACHE_PURGE_SOFT);
	assert_false(edge_loader_may_join(entry, domain));
	model_snapshot_unref(next);
	pull_done(&pull);
	fixture_done(&fixture);
}

static void a_leader_hears_interim_responses_and_the_end(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.is_led = true, .has_reader = true};
	fixture_start_cached(&fixture, DOMAINS);
	fixture.origins[0].reply =
	        STR("HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n" KEEP
	            "Content-Length: 2\r\n\r\nok");
	pull_start(&pull, &fixture, &options);
	assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
	assert_int_equal(pull.interims, 1);
	assert_int_equal(pull.ends, 1);
	assert_int_equal(pull.attempts, 1);
	assert_true(is_pull_over(&pull));
	pull_done(&pull);
	fixture_done(&fixture);
}

static void without_an_answer_the_flight_fails_with_its_fault(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.is_led = true, .has_reader = true};
	fixture_start_cached(&fixture, DOMAINS);
	fixture.origins[0].manner = ORIGIN_REFUSES;
	fixture_turn(&fixture, 1);
	pull_start(&pull, &fixture, &options);
	wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_FAILED);
	assert_int_equal(edge_flight_fault(pull.flight), FAULT_CONNECT_REFUSED);
	assert_int_equal(pull.ends, 1);
	assert_true(pull.attempts > 0);
	struct cache_key key = cache_key_make(fixture.worker->cache, STR(KEY));
	assert_false(may_join(&fixture, str_of(KEY), key.hash, domain_of_key(&fixture, KEY)));
	pull_done(&pull);
	fixture_done(&fixture);
}

/* Who is there while there is no answer yet: does the pull go on? */
static const struct {
	bool is_led, has_reader, is_background, goes_on;
} waiting[] = {
        {true, true, false, true},
        {false, true, false, true}, /* the one who began it may leave */
        {true, false, false, false},
        {false, false, false, false},
        {false, false, true, true},
};

static void a_pull_without_an_answer_goes_on_while_somebody_waits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(waiting); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.is_led = true,
		        .has_reader = true,
		        .is_background = waiting[i].is_background};
		fixture_start_cached(&fixture, DOMAINS);
		origin_says(&fixture.origins[0], "200 OK", KEEP, STR("all"));
		fixture.origins[0].held = 1000;
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, fixture.origins[0].requests == 1);
		if (!waiting[i].is_led)
			edge_loader_abandon(pull.loader);
		if (!waiting[i].has_reader)
			pull_leave(&pull);
		wait_for(&fixture, 10);
		assert_int_equal(is_pull_over(&pull), !waiting[i].goes_on);
		fixture.origins[0].held = 0;
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		assert_int_equal(has(&fixture, KEY), waiting[i].goes_on);
		assert_int_equal(edge_flight_fault(pull.flight),
		        waiting[i].goes_on ? FAULT_NONE : FAULT_CLIENT_GONE);
		assert_int_equal(pull.ends, waiting[i].is_led);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void one_that_does_not_begin_leaves_nothing(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.is_led = true};
	fixture_start_cached(&fixture, DOMAINS);
	pull_init(&pull, &fixture, &options);
	edge_flights_remove(fixture.worker->flights, edge_loader_entry(pull.loader));
	edge_loader_free(pull.loader);
	assert_true(is_pull_over(&pull));
	assert_int_equal(fixture.worker->loader_count, 0);
	assert_int_equal(pull.ends, 0);
	assert_int_equal(fixture.origins[0].accepted, 0);
	pull_done(&pull);
	fixture_done(&fixture);
}

static void a_large_head_is_charged_or_refused(void **state)
{
	(void)state;
	for (unsigned is_refused = 0; is_refused < 2; is_refused++) {
		struct fixture fixture;
		struct pull pull;
		struct text request = {.at = NULL};
		text_addf(&request, "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Large: ");
		text_add(&request, pattern_of(0, 20000));
		text_addf(&request, "\r\n\r\n");
		struct pull_options options = {
		        .request = text_c(&request), .is_led = true, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		origin_says(&fixture.origins[0], "200 OK", KEEP, STR("all"));
		pull_init(&pull, &fixture, &options);
		size_t before = fixture.budget.used;
		if (is_refused)
			fixture.budget.limit = before;
		edge_loader_start(pull.loader);
		if (is_refused) {
			assert_int_equal(pull_stage(&pull), EDGE_FLIGHT_FAILED);
			assert_int_equal(edge_flight_fault(pull.flight), FAULT_MEMORY);
			fixture.budget.limit = 64U << 20;
		} else {
			assert_true(fixture.budget.used - before >= 20000);
			assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
		}
		assert_int_equal(pull.ends, 1);
		pull_done(&pull);
		fixture_done(&fixture);
		text_done(&request);
	}
}

static void a_worker_that_goes_home_ends_what_nobody_waits_for(void **state)
{
	(void)state;
	for (unsigned has_reader = 0; has_reader < 2; has_reader++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.is_background = true, .has_reader = has_reader};
		fixture_start_cached(&fixture, DOMAINS);
		fixture.origins[0].manner = ORIGIN_HANGS;
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, fixture.origins[0].requests == 1);
		edge_loader_cut_idle(fixture.worker);
		assert_int_equal(is_pull_over(&pull), !has_reader);
		edge_loader_cut_all(fixture.worker);
		assert_true(is_pull_over(&pull));
		assert_int_equal(edge_flight_fault(pull.flight),
		        has_reader ? FAULT_DRAINING : FAULT_CLIENT_GONE);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_origin_is_asked_for_what_all_may_have),
	        cmocka_unit_test(a_piece_is_asked_for_by_its_range),
	        cmocka_unit_test(every_object_variant_and_piece_has_a_key_of_its_own),
	        cmocka_unit_test(
	                nobody_joins_a_pull_of_another_configuration_or_from_before_a_purge),
	        cmocka_unit_test(a_leader_hears_interim_responses_and_the_end),
	        cmocka_unit_test(without_an_answer_the_flight_fails_with_its_fault),
	        cmocka_unit_test(a_pull_without_an_answer_goes_on_while_somebody_waits),
	        cmocka_unit_test(one_that_does_not_begin_leaves_nothing),
	        cmocka_unit_test(a_large_head_is_charged_or_refused),
	        cmocka_unit_test(a_worker_that_goes_home_ends_what_nobody_waits_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
