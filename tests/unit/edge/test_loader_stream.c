/* The body of a shared answer: to who reads it, and into the store. */
#include "edge/loader_private.h"

#include "cache/keeper.h"

#include "edge/pull.h"

#define KEEP "Cache-Control: max-age=100\r\nETag: \"a\"\r\n"
#define KEY  "a.test/x"

#define DOMAIN(rules)                                                                              \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, failover: {attempts: 1}, " rules  \
	"}]"
#define DOMAINS DOMAIN("cache: {object_max: 500k}")

enum { PIECE = LIMIT_CACHE_INLINE_BYTES, OBJECT_MAX = 500 * 1024 };

static const struct {
	size_t length;
	bool is_chunked;
	bool is_stored;
} bodies[] = {
        {0, false, true},
        {0, true, true},
        {1, false, true},
        {PIECE, false, true},
        {PIECE, true, true},
        {PIECE + 1, false, true},
        {PIECE + 1, true, true},
        {3 * PIECE, true, true},
        {OBJECT_MAX, false, true},
        {OBJECT_MAX, true, true},
        /* One whose length is not known is found too large on its way. */
        {OBJECT_MAX + 1, true, false},
};

static void a_body_is_read_and_stored_as_it_was_sent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(bodies); i++) {
		struct fixture fixture;
		struct pull pull;
		struct found found;
		struct pull_options options = {.has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		origin_says(&fixture.origins[0], "200 OK", KEEP, pattern_of(0, bodies[i].length));
		/* One chunk of no bytes would be the last one. */
		fixture.origins[0].answer.is_chunked = bodies[i].is_chunked && bodies[i].length > 0;
		if (bodies[i].is_chunked && bodies[i].length == 0) {
			fixture.origins[0].answer.status = NULL;
			fixture.origins[0].reply =
			        STR("HTTP/1.1 200 OK\r\n" KEEP
			            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
		}
		pull_start(&pull, &fixture, &options);
		assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
		assert_int_equal(pull.body.len, bodies[i].length);
		assert_true(is_pattern(text_str(&pull.body)));
		assert_int_equal(
		        look_up(&fixture, KEY, PLAIN_REQUEST, &found), bodies[i].is_stored);
		if (bodies[i].is_stored) {
			assert_int_equal(found.entry.object->length, bodies[i].length);
			assert_int_equal(found.entry.object->is_inline, bodies[i].length <= PIECE);
			assert_true(has_pattern(&fixture, &found.entry));
		}
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/* Bodies that break off: after how many bytes of how many. */
static const struct {
	size_t length, held;
	bool is_chunked;
} broken[] = {
        {100, 1, false},
        {100, 7, true}, /* all of it but the last chunk */
        {3 * PIECE, PIECE, false},
        {3 * PIECE, 1, false},
        {3 * PIECE, 5, true},
};

static void a_body_that_breaks_off_is_never_found(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(broken); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.is_led = true, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		origin_says(origin, "200 OK", KEEP, pattern_of(0, broken[i].length));
		origin->answer.is_chunked = broken[i].is_chunked;
		origin->held = broken[i].held;
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
		wait_until(&fixture, origin->peers[0].unsent.len == broken[i].held);
		wait_for(&fixture, 5);
		assert_false(has(&fixture, KEY));
		origin_stop_listening(origin); /* and nobody has the rest */
		assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_FAILED);
		assert_int_equal(edge_flight_fault(pull.flight), FAULT_TRUNCATED);
		assert_true(is_pattern(text_str(&pull.body)));
		assert_false(has(&fixture, KEY));
		assert_int_equal(pull.ends, 1);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void a_body_that_is_taken_up_again_is_stored_whole(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(broken); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.is_led = true, .has_reader = true};
		struct found found;
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		origin_says(origin, "200 OK", KEEP, pattern_of(0, broken[i].length));
		origin->answer.is_chunked = broken[i].is_chunked;
		origin->answer.does_ranges = true;
		origin->held = broken[i].held;
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
		wait_until(&fixture, origin->peers[0].unsent.len == broken[i].held);
		origin_cut(origin);
		origin->held = 0;
		assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
		assert_true(str_is_equal(text_str(&pull.body), pattern_of(0, broken[i].length)));
		assert_true(look_up(&fixture, KEY, PLAIN_REQUEST, &found));
		assert_int_equal(found.entry.object->length, broken[i].length);
		assert_true(has_pattern(&fixture, &found.entry));
		assert_int_equal(origin->requests, 2);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void a_piece_that_breaks_off_is_stored_where_its_rest_comes(void **state)
{
	(void)state;
	for (unsigned is_gone = 0; is_gone < 2; is_gone++) {
		struct fixture fixture;
		struct pull pull;
		struct edge_piece piece = {
		        .id = 77, .number = 1, .length = 3 * PIECE, .validator = STR("\"a\"")};
		struct pull_options options = {.piece = &piece, .has_reader = true};
		struct cache_place place;
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		origin_says(origin, "200 OK", KEEP, pattern_of(0, 3 * PIECE));
		origin->answer.does_ranges = true;
		origin->held = 1;
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
		wait_until(&fixture, origin->peers[0].unsent.len == 1);
		if (is_gone)
			origin_stop_listening(origin);
		else
			origin_cut(origin);
		origin->held = 0;
		assert_int_equal(pull_read_all(&pull),
		        is_gone ? EDGE_FLIGHT_READ_FAILED : EDGE_FLIGHT_READ_END);
		assert_true(str_is_equal(
		        text_str(&pull.body), pattern_of(PIECE, PIECE - (is_gone ? 1 : 0))));
		assert_int_equal(cache_find_piece(fixture.worker->cache_reader, 77, 1, &place),
		        is_gone ? CACHE_FOUND_NOTHING : CACHE_FOUND_PIECE);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/* With a store that takes nothing, whoever is there in time gets it all. */
static void where_the_store_is_full_the_answer_is_shared_alone(void **state)
{
	(void)state;
	static const size_t lengths[] = {100, 4 * PIECE};
	for (unsigned i = 0; i < ARRAY_LENGTH(lengths); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		const struct model_domain *domain = domain_of_key(&fixture, KEY);
		struct origin *origin = &fixture.origins[0];
		origin_says(origin, "200 OK", KEEP, pattern_of(0, lengths[i]));
		origin->held = 10;
		fill_store(&fixture);
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
		wait_until(&fixture, origin->peers[0].unsent.len == 10);
		wait_for(&fixture, 10);
		/* Nothing of it was let go of. */
		assert_true(may_join(&fixture, str_of(KEY), pull.key.hash, domain));
		origin->held = 0;
		assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
		assert_int_equal(pull.body.len, lengths[i]);
		assert_true(is_pattern(text_str(&pull.body)));
		assert_false(has(&fixture, KEY));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void an_answer_waits_for_the_room_that_comes(void **state)
{
	(void)state;
	static const size_t lengths[] = {100, 4 * PIECE};
	static const size_t waits[] = {0, 10}; /* of the body, until there is room */
	for (unsigned i = 0; i < ARRAY_LENGTH(lengths) * ARRAY_LENGTH(waits); i++) {
		struct fixture fixture;
		struct pull pull;
		struct found found;
		struct pull_options options = {.has_reader = true};
		size_t length = lengths[i / ARRAY_LENGTH(waits)];
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		origin_says(origin, "200 OK", KEEP, pattern_of(0, length));
		origin->held = waits[i % ARRAY_LENGTH(waits)];
		fill_store(&fixture);
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
		wait_for(&fixture, 10);
		assert_false(has(&fixture, KEY));
		for (unsigned k = 0; k < 100; k++) {
			cache_keeper_turn(fixture.worker->cache);
			fixture_turn(&fixture, 0); /* the reader has its pause */
		}
		origin->held = 0;
		assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
		assert_true(is_pattern(text_str(&pull.body)) && pull.body.len == length);
		assert_true(look_up(&fixture, KEY, PLAIN_REQUEST, &found));
		assert_true(has_pattern(&fixture, &found.entry));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void a_piece_that_finds_no_room_is_read_all_the_same(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct edge_piece piece = {
	        .id = 77, .number = 1, .length = 3 * PIECE, .validator = STR("\"a\"")};
	struct pull_options options = {.piece = &piece, .has_reader = true};
	struct cache_place place;
	fixture_start_cached(&fixture, DOMAINS);
	origin_says(&fixture.origins[0], "200 OK", KEEP, pattern_of(0, 3 * PIECE));
	fixture.origins[0].answer.does_ranges = true;
	fill_store(&fixture);
	pull_start(&pull, &fixture, &options);
	assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
	assert_true(str_is_equal(text_str(&pull.body), pattern_of(PIECE, PIECE)));
	assert_false(cache_find_piece(fixture.worker->cache_reader, 77, 1, &place));
	pull_done(&pull);
	fixture_done(&fixture);
}

/* Everybody leaves in the middle of a body: is it pulled to its end? */
static const struct {
	const char *document;
	size_t length;
	bool is_chunked, is_background;
	bool is_finished;
} left[] = {
        {DOMAIN("fill: {finish_bytes: 256k}"), 256 * 1024, false, false, true},
        {DOMAIN("fill: {finish_bytes: 256k}"), 256 * 1024 + 1, false, false, false},
        {DOMAIN("fill: {finish_bytes: 256k}"), 256 * 1024, true, false, true},
        {DOMAIN("fill: {finish_bytes: 256k}"), 512 * 1024, true, false, false},
        {DOMAIN("fill: {finish_bytes: 0}"), 512 * 1024, false, true, true},
        {DOMAIN("fill: {finish_bytes: 0}"), 1000, false, false, false},
};

static void what_nobody_waits_for_is_finished_where_it_is_worth_that(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(left); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {
		        .has_reader = true, .is_background = left[i].is_background};
		struct str data;
		fixture_start_cached(&fixture, left[i].document);
		struct origin *origin = &fixture.origins[0];
		origin_says(origin, "200 OK", KEEP, pattern_of(0, left[i].length));
		origin->answer.is_chunked = left[i].is_chunked;
		origin->held = left[i].length - 100;
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
		wait_until(&fixture,
		        edge_flight_read(&pull.reader, 10, &data) == EDGE_FLIGHT_READ_DATA);
		pull_leave(&pull);
		origin->held = 0;
		wait_until(&fixture, is_pull_over(&pull));
		if ((pull_stage(&pull) == EDGE_FLIGHT_WHOLE) != left[i].is_finished)
			fail_msg("row %u: stage %u", i, pull_stage(&pull));
		assert_int_equal(has(&fixture, KEY), left[i].is_finished);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void an_error_that_is_only_shared_ends_with_its_last_reader(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.has_reader = true};
	fixture_start_cached(&fixture, DOMAINS);
	origin_says(&fixture.origins[0], "404 None", "", pattern_of(0, PIECE));
	fixture.origins[0].held = PIECE - 100;
	pull_start(&pull, &fixture, &options);
	wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
	pull_leave(&pull);
	wait_until(&fixture, is_pull_over(&pull));
	assert_int_equal(edge_flight_fault(pull.flight), FAULT_CLIENT_GONE);
	pull_done(&pull);
	fixture_done(&fixture);
}

static void a_pull_runs_ahead_of_its_reader_by_a_bound(void **state)
{
	(void)state;
	enum { AHEAD = 1 << 20, LENGTH = 6 << 20 };
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.has_reader = true};
	fixture_start_cached(&fixture, DOMAIN("fill: {ahead: 1m}"));
	origin_says(&fixture.origins[0], "200 OK", KEEP, pattern_of(0, LENGTH));
	pull_start(&pull, &fixture, &options);
	wait_until(&fixture, edge_flight_length(pull.flight) >= AHEAD);
	wait_for(&fixture, 50);
	uint64_t length = edge_flight_length(pull.flight);
	assert_true(length < AHEAD + (128 << 10));
	/* Who reads lets it go on. */
	assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
	assert_int_equal(pull.body.len, LENGTH);
	assert_true(is_pattern(text_str(&pull.body)));
	pull_done(&pull);
	fixture_done(&fixture);
}

static void a_body_that_the_budget_refuses_breaks_off(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.has_reader = true};
	fixture_start_cached(&fixture, DOMAINS);
	origin_says(&fixture.origins[0], "200 OK", KEEP, pattern_of(0, 4 * PIECE));
	fixture.origins[0].held = 3 * PIECE;
	pull_start(&pull, &fixture, &options);
	wait_until(&fixture, edge_flight_length(pull.flight) >= PIECE);
	fixture.budget.limit = fixture.budget.used;
	fixture.origins[0].held = 0;
	wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_FAILED);
	assert_int_equal(edge_flight_fault(pull.flight), FAULT_MEMORY);
	assert_false(has(&fixture, KEY));
	pull_done(&pull);
	fixture_done(&fixture);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_body_is_read_and_stored_as_it_was_sent),
	        cmocka_unit_test(a_body_that_breaks_off_is_never_found),
	        cmocka_unit_test(a_body_that_is_taken_up_again_is_stored_whole),
	        cmocka_unit_test(a_piece_that_breaks_off_is_stored_where_its_rest_comes),
	        cmocka_unit_test(where_the_store_is_full_the_answer_is_shared_alone),
	        cmocka_unit_test(an_answer_waits_for_the_room_that_comes),
	        cmocka_unit_test(a_piece_that_finds_no_room_is_read_all_the_same),
	        cmocka_unit_test(what_nobody_waits_for_is_finished_where_it_is_worth_that),
	        cmocka_unit_test(an_error_that_is_only_shared_ends_with_its_last_reader),
	        cmocka_unit_test(a_pull_runs_ahead_of_its_reader_by_a_bound),
	        cmocka_unit_test(a_body_that_the_budget_refuses_breaks_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
