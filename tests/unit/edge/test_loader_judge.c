/* What becomes of an answer to a pull for the cache. */
#include "edge/loader_private.h"

#include "edge/pull.h"

#define DOMAINS                                                                                    \
	"domains: [{name: a.test, origin: {addresses: [\"$0\"]}, failover: {attempts: 1}, cache: " \
	"{object_max: 500k}}]"
#define KEEP  "Cache-Control: max-age=100\r\n"
#define STALE "Cache-Control: max-age=10\r\nAge: 50\r\n"
#define KEY   "a.test/x"

enum { BYTES = 100, PIECE = LIMIT_CACHE_INLINE_BYTES };

/* An answer to an ordinary pull; what the flight ends as, whether the store has it then, and
 * whether who asks next waits for anybody. */
static const struct {
	const char *request, *status, *fields;
	size_t length;
	enum edge_flight_stage stage;
	bool is_stored, is_unshared;
} answers[] = {
        {NULL, "200 OK", KEEP, BYTES, EDGE_FLIGHT_WHOLE, true, false},
        {NULL, "404 None", KEEP, BYTES, EDGE_FLIGHT_WHOLE, true, false},
        {NULL, "301 There", KEEP "Location: /y\r\n", 0, EDGE_FLIGHT_WHOLE, true, false},
        {NULL, "200 OK", KEEP "Cache-Tag: a, b\r\n", BYTES, EDGE_FLIGHT_WHOLE, true, false},
        {NULL, "200 OK", "Cache-Control: max-age=0\r\nETag: \"a\"\r\n", BYTES, EDGE_FLIGHT_WHOLE,
                true, false},
        /* Errors that nobody called private go to those who wait, and are not remembered. */
        {NULL, "404 None", "", BYTES, EDGE_FLIGHT_WHOLE, false, false},
        {NULL, "503 Busy", "", BYTES, EDGE_FLIGHT_WHOLE, false, false},
        {NULL, "410 Gone", "", BYTES, EDGE_FLIGHT_WHOLE, false, false},
        /* Those that tell of the request are the leader's, and nothing is known of other requests.
         */
        {NULL, "400 Odd", KEEP, BYTES, EDGE_FLIGHT_RELEASED, false, false},
        {NULL, "429 Many", "", BYTES, EDGE_FLIGHT_RELEASED, false, false},
        {NULL, "431 Large", "Cache-Control: private\r\n", BYTES, EDGE_FLIGHT_RELEASED, false,
                false},
        {NULL, "416 Beyond", "", BYTES, EDGE_FLIGHT_RELEASED, false, false},
        /* All else is nobody's but the leader's. */
        {NULL, "404 None", "Cache-Control: private\r\n", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {NULL, "503 Busy", "Cache-Control: no-store\r\n", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {NULL, "401 Who", "", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {NULL, "403 No", "", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {NULL, "200 OK", "", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {NULL, "200 OK", "Cache-Control: no-store\r\n", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {NULL, "200 OK", KEEP "Set-Cookie: a=b\r\n", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {NULL, "200 OK", KEEP "Vary: *\r\n", BYTES, EDGE_FLIGHT_RELEASED, false, true},
        {"GET /x HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic eDp5\r\n\r\n", "200 OK", KEEP,
                BYTES, EDGE_FLIGHT_RELEASED, false, false},
        {NULL, "200 OK", KEEP, 500 * 1024 + 1, EDGE_FLIGHT_RELEASED, false, true},
};

static bool is_unshared(struct fixture *fixture)
{
	struct edge_worker *worker = fixture->worker;
	struct cache_key key = cache_key_make(worker->cache, STR(KEY));
	return edge_unshared_has(worker->unshared, key.hash, loop_now_ms(worker->loop));
}

static void an_answer_is_stored_shared_or_its_leaders_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(answers); i++) {
		for (unsigned is_led = 0; is_led < 2; is_led++) {
			struct fixture fixture;
			struct pull pull;
			struct pull_options options = {.request = answers[i].request,
			        .is_led = is_led,
			        .has_reader = true};
			fixture_start_cached(&fixture, DOMAINS);
			origin_says(&fixture.origins[0], answers[i].status, answers[i].fields,
			        pattern_of(0, answers[i].length));
			pull_start(&pull, &fixture, &options);
			wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
			if (pull_stage(&pull) != answers[i].stage)
				fail_msg("row %u: stage %u", i, pull_stage(&pull));
			if (answers[i].stage == EDGE_FLIGHT_WHOLE) {
				assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
				assert_int_equal(pull.body.len, answers[i].length);
				assert_true(is_pattern(text_str(&pull.body)));
			}
			assert_int_equal(has(&fixture, KEY), answers[i].is_stored);
			assert_int_equal(is_unshared(&fixture), answers[i].is_unshared);
			/* Only what was released to a leader waits for that. */
			bool waits = is_led && answers[i].stage == EDGE_FLIGHT_RELEASED;
			assert_int_equal(is_pull_over(&pull), !waits);
			assert_int_equal(pull.ends, is_led && !waits);
			if (waits)
				edge_loader_abandon(pull.loader);
			assert_true(is_pull_over(&pull));
			pull_done(&pull);
			fixture_done(&fixture);
		}
	}
}

static void a_body_that_ends_with_its_connection_is_not_for_sharing(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.has_reader = true};
	fixture_start_cached(&fixture, DOMAINS);
	fixture.origins[0].reply = STR("HTTP/1.1 200 OK\r\n" KEEP "\r\nhello");
	fixture.origins[0].ends = true;
	pull_start(&pull, &fixture, &options);
	wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_RELEASED);
	assert_false(has(&fixture, KEY));
	pull_done(&pull);
	fixture_done(&fixture);
}

static void a_leader_takes_the_released_pull_as_its_own(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct pull_options options = {.is_led = true, .has_reader = true};
	struct edge_fill_reader nobody = {.on_progress = NULL};
	enum http_framing framing;
	uint64_t length;
	struct str data;
	fixture_start_cached(&fixture, DOMAINS);
	origin_says(&fixture.origins[0], "200 OK", "Cache-Control: private\r\n", STR("secret"));
	pull_start(&pull, &fixture, &options);
	wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_RELEASED);
	pull_leave(&pull);
	struct edge_fill *fill = edge_loader_take(pull.loader, &nobody);
	assert_int_equal(edge_fill_head(fill, &framing, &length)->status, 200);
	assert_int_equal(length, 6);
	assert_int_equal(edge_fill_read(fill, &data), ORIGIN_READ_DATA);
	assert_true(is_text(data, "secret"));
	edge_loader_end(pull.loader);
	assert_int_equal(fixture.origins[0].requests, 1);
	pull_done(&pull);
	fixture_done(&fixture);
}

static void what_varies_is_listed_for_who_asks_for_the_same_variant(void **state)
{
	(void)state;
	static const char A[] = "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Kind: a\r\n\r\n";
	struct fixture fixture;
	struct pull pull;
	struct found found;
	struct pull_options options = {.request = A, .has_reader = true};
	char room[512];
	struct arena arena;
	uint64_t hash;
	fixture_start_cached(&fixture, DOMAINS);
	arena_init(&arena, room, sizeof(room));
	origin_says(&fixture.origins[0], "200 OK", KEEP "ETag: \"v\"\r\nVary: X-Kind\r\n",
	        pattern_of(0, BYTES));
	fixture.origins[0].held = 1;
	pull_start(&pull, &fixture, &options);
	const struct model_domain *domain = domain_of_key(&fixture, KEY);
	assert_true(may_join(&fixture, str_of(KEY), pull.key.hash, domain));
	wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
	/* What it varies on can be told from now on, although it is not there. */
	assert_false(look_up(&fixture, KEY, A, &found));
	assert_int_equal(found.lookup.vary.count, 1);
	struct str key = edge_loader_flight_key(&found.key, found.lookup.variant, &arena, &hash);
	assert_true(may_join(&fixture, key, hash, domain));
	assert_false(may_join(&fixture, str_of(KEY), pull.key.hash, domain));
	fixture.origins[0].held = 0;
	assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
	assert_true(look_up(&fixture, KEY, A, &found));
	pull_done(&pull);
	arena_reset(&arena);
	fixture_done(&fixture);
}

/* What an origin says of a stale "a", and what comes of it. The second answer is to the pull of
 * all, where there is one. */
static const struct {
	const char *status, *fields;
	enum edge_flight_stage stage;
	unsigned requests;
	const char *etag; /* of what is stored in the end; NULL: nothing is */
} validations[] = {
        {"304 No", "ETag: \"a\"\r\n" KEEP, EDGE_FLIGHT_STORED, 1, "\"a\""},
        {"304 No", KEEP, EDGE_FLIGHT_STORED, 1, "\"a\""},
        {"304 No", "ETag: \"other\"\r\n" KEEP, EDGE_FLIGHT_WHOLE, 2, "\"b\""},
        {"200 OK", "ETag: \"b\"\r\n" KEEP, EDGE_FLIGHT_WHOLE, 1, "\"b\""},
        /* What must not be stored is in place of what was, all the same. */
        {"200 OK", "ETag: \"b\"\r\nCache-Control: no-store\r\n", EDGE_FLIGHT_RELEASED, 1, NULL},
        {"404 None", "", EDGE_FLIGHT_WHOLE, 1, NULL},
        /* A failure says nothing of it. */
        {"503 Busy", "", EDGE_FLIGHT_WHOLE, 1, "\"a\""},
        {"500 Bad", "Cache-Control: no-store\r\n", EDGE_FLIGHT_RELEASED, 1, "\"a\""},
};

static bool has_etag(struct fixture *fixture, const char *etag)
{
	struct found found;
	if (!look_up(fixture, KEY, PLAIN_REQUEST, &found))
		return etag == NULL;
	return etag != NULL && is_text(http_head_get(&found.entry.head, HTTP_NAME_ETAG), etag) &&
	       has_pattern(fixture, &found.entry);
}

static void what_is_stale_is_validated(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(validations); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.validates = true, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		remember(&fixture, KEY, PLAIN_REQUEST,
		        "HTTP/1.1 200 OK\r\n" STALE "ETag: \"a\"\r\n\r\n", BYTES);
		origin_says(
		        origin, validations[i].status, validations[i].fields, pattern_of(0, BYTES));
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, origin->requests == 1);
		assert_true(origin_was_sent(origin, "\r\nIf-None-Match: \"a\"\r\n"));
		origin_says(origin, "200 OK", "ETag: \"b\"\r\n" KEEP, pattern_of(0, BYTES));
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		if (pull_stage(&pull) != validations[i].stage)
			fail_msg("row %u: stage %u", i, pull_stage(&pull));
		assert_int_equal(origin->requests, validations[i].requests);
		assert_int_equal(
		        origin_was_sent(origin, "If-None-Match"), validations[i].requests == 1);
		if (!has_etag(&fixture, validations[i].etag))
			fail_msg("row %u: there is something else", i);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void a_304_for_what_is_gone_has_all_of_it_pulled(void **state)
{
	(void)state;
	for (unsigned is_replaced = 0; is_replaced < 2; is_replaced++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.validates = true, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		remember(&fixture, KEY, PLAIN_REQUEST,
		        "HTTP/1.1 200 OK\r\n" STALE "ETag: \"a\"\r\n\r\n", BYTES);
		origin->manner = ORIGIN_HANGS;
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, origin->requests == 1);
		if (is_replaced)
			remember(&fixture, KEY, PLAIN_REQUEST,
			        "HTTP/1.1 200 OK\r\n" STALE "ETag: \"c\"\r\n\r\n", BYTES);
		else
			cache_purge_url(fixture.worker->cache, &pull.key, CACHE_PURGE_HARD);
		origin->manner = ORIGIN_ANSWERS;
		origin_says(origin, "200 OK", "ETag: \"b\"\r\n" KEEP, pattern_of(0, BYTES));
		struct origin_peer *peer = &origin->peers[0];
		peer->unsent = STR("HTTP/1.1 304 No\r\n\r\n");
		peer->is_answered = true;
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		assert_int_equal(pull_stage(&pull), EDGE_FLIGHT_WHOLE);
		assert_int_equal(origin->requests, 2);
		assert_false(origin_was_sent(origin, "If-None-Match"));
		/* The pull began before the purge. */
		assert_true(has_etag(&fixture, is_replaced ? "\"b\"" : NULL));
		assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
		assert_int_equal(pull.body.len, BYTES);
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

static void an_answer_to_what_was_not_asked_is_none(void **state)
{
	(void)state;
	static const char *const replies[] = {
	        "HTTP/1.1 304 No\r\n" KEEP "\r\n",
	        "HTTP/1.1 206 Part\r\n" KEEP
	        "ETag: \"a\"\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2\r\n\r\nab",
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(replies); i++) {
		struct fixture fixture;
		struct pull pull;
		struct pull_options options = {.has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		fixture.origins[0].reply = str_of(replies[i]);
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		assert_int_equal(pull_stage(&pull), EDGE_FLIGHT_FAILED);
		assert_int_equal(edge_flight_fault(pull.flight), FAULT_MALFORMED);
		assert_false(has(&fixture, KEY));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/*
 * Pieces.
 */

#define WHOLE  "200 OK"
#define PART   "206 Part"
#define SAME   KEEP "ETag: \"a\"\r\n"
#define SECOND "Content-Range: bytes 65536-131071/300000\r\n"

_Static_assert(PIECE == 65536, "the second piece is what SECOND says");

enum { LENGTH = 300000 };

/* Answers to who asks for the second piece of an object of 300000 bytes that is known as "a". */
static const struct {
	const char *status, *fields;
	size_t from, length; /* the body's bytes of the pattern */
	enum edge_flight_stage stage;
	enum fault fault;
	bool is_there; /* the object, afterwards */
} pieces[] = {
        {PART, SAME SECOND, PIECE, PIECE, EDGE_FLIGHT_WHOLE, FAULT_NONE, true},
        {PART, SAME "Content-Range: bytes 65536-131070/300000\r\n", PIECE, PIECE - 1,
                EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {PART, SAME "Content-Range: bytes 65537-131071/300000\r\n", PIECE, PIECE - 1,
                EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {PART, SAME "Content-Range: bytes 65536-131071/300001\r\n", PIECE, PIECE,
                EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {PART, SAME "Content-Range: bytes 65536-131071/*\r\n", PIECE, PIECE, EDGE_FLIGHT_FAILED,
                FAULT_CHANGED, false},
        {PART, SAME SECOND, PIECE, PIECE - 1, EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {PART, SAME SECOND SECOND, PIECE, PIECE, EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {PART, SAME, PIECE, PIECE, EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {PART, KEEP SECOND, PIECE, PIECE, EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {PART, KEEP "ETag: \"b\"\r\n" SECOND, PIECE, PIECE, EDGE_FLIGHT_FAILED, FAULT_CHANGED,
                false},
        {PART, KEEP "ETag: W/\"a\"\r\n" SECOND, PIECE, PIECE, EDGE_FLIGHT_FAILED, FAULT_CHANGED,
                false},
        {PART, SAME SECOND "Content-Encoding: gzip\r\n", PIECE, PIECE, EDGE_FLIGHT_FAILED,
                FAULT_CHANGED, false},
        /* All of the same version: what lies before is skipped. */
        {WHOLE, SAME, 0, LENGTH, EDGE_FLIGHT_WHOLE, FAULT_NONE, true},
        {WHOLE, KEEP "ETag: \"b\"\r\n", 0, LENGTH, EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {WHOLE, SAME "Content-Encoding: gzip\r\n", 0, LENGTH, EDGE_FLIGHT_FAILED, FAULT_CHANGED,
                false},
        {WHOLE, SAME, 0, LENGTH - 1, EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {"404 None", "", 0, BYTES, EDGE_FLIGHT_FAILED, FAULT_CHANGED, false},
        {"416 None", "Content-Range: bytes */9\r\n", 0, BYTES, EDGE_FLIGHT_FAILED, FAULT_CHANGED,
                false},
        /* A failure says nothing of what is remembered. */
        {"503 Busy", "", 0, BYTES, EDGE_FLIGHT_FAILED, FAULT_STATUS, true},
};

/* An object "a" of which nothing is there but the head; returns its id. */
static uint64_t remember_head(struct fixture *fixture, uint64_t length)
{
	struct kept kept;
	kept_init(&kept, fixture, KEY, PLAIN_REQUEST,
	        "HTTP/1.1 200 OK\r\n" KEEP "ETag: \"a\"\r\n\r\n");
	assert_int_equal(
	        edge_keep_object(&kept.keep, kept.loaded, length, NULL, 0), CACHE_PUT_DONE);
	uint64_t id = kept.loaded->id;
	kept_done(&kept);
	return id;
}

static bool has_piece(struct fixture *fixture, uint64_t id, uint64_t number, size_t length)
{
	struct cache_place place;
	return cache_find_piece(fixture->worker->cache_reader, id, number, &place) &&
	       str_is_equal(str_make(place.at, place.len), pattern_of(number * PIECE, length));
}

static void a_piece_is_taken_of_the_version_that_is_known_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(pieces); i++) {
		struct fixture fixture;
		struct pull pull;
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		uint64_t id = remember_head(&fixture, LENGTH);
		struct edge_piece piece = {
		        .id = id, .number = 1, .length = LENGTH, .validator = STR("\"a\"")};
		struct pull_options options = {.piece = &piece, .has_reader = true};
		origin_says(origin, pieces[i].status, pieces[i].fields,
		        pattern_of(pieces[i].from, pieces[i].length));
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		assert_true(origin_was_sent(origin, "\r\nRange: bytes=65536-131071\r\n"));
		assert_true(origin_was_sent(origin, "\r\nIf-Range: \"a\"\r\n"));
		if (pull_stage(&pull) != pieces[i].stage)
			fail_msg("row %u: stage %u", i, pull_stage(&pull));
		assert_int_equal(edge_flight_fault(pull.flight), pieces[i].fault);
		assert_int_equal(has(&fixture, KEY), pieces[i].is_there);
		assert_int_equal(
		        has_piece(&fixture, id, 1, PIECE), pieces[i].stage == EDGE_FLIGHT_WHOLE);
		if (pieces[i].stage == EDGE_FLIGHT_WHOLE) {
			assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
			assert_true(str_is_equal(text_str(&pull.body), pattern_of(PIECE, PIECE)));
		}
		assert_true(is_pull_over(&pull));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/* In place of a piece comes all of it: how far may what lies before be skipped? */
static void not_more_than_a_bound_is_skipped_to_get_at_a_piece(void **state)
{
	(void)state;
	static const uint64_t last = LIMIT_SKIP_BYTES / PIECE;
	for (uint64_t number = last; number <= last + 1; number++) {
		struct fixture fixture;
		struct pull pull;
		struct text reply = {.at = NULL};
		size_t length = (size_t)(number + 1) * PIECE;
		fixture_start_cached(&fixture,
		        "domains: [{name: a.test, origin: {addresses: [\"$0\"]}, failover: "
		        "{attempts: 1}}]");
		uint64_t id = remember_head(&fixture, length);
		struct edge_piece piece = {
		        .id = id, .number = number, .length = length, .validator = STR("\"a\"")};
		struct pull_options options = {.piece = &piece, .has_reader = true};
		text_addf(&reply, "HTTP/1.1 200 OK\r\n" SAME "Content-Length: %zu\r\n\r\n", length);
		text_add(&reply, pattern_of(0, PATTERN_BYTES));
		text_add(&reply, pattern_of(0, length - PATTERN_BYTES));
		fixture.origins[0].reply = text_str(&reply);
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		if (number == last) {
			assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
			assert_true(is_pattern(text_str(&pull.body)));
		} else {
			assert_int_equal(pull_stage(&pull), EDGE_FLIGHT_FAILED);
			assert_int_equal(edge_flight_fault(pull.flight), FAULT_STORED);
		}
		assert_true(has(&fixture, KEY));
		pull_done(&pull);
		fixture_done(&fixture);
		text_done(&reply);
	}
}

/* Answers to who asks for the second piece of something that nothing is known of. */
static const struct {
	const char *status, *fields;
	size_t from, length;
	enum edge_flight_stage stage;
	bool is_piece;   /* else all of it was pulled, where it is stored */
	uint64_t object; /* the length of what is stored; 0: nothing is */
} first_pieces[] = {
        {PART, SAME SECOND, PIECE, PIECE, EDGE_FLIGHT_WHOLE, true, LENGTH},
        {PART, SAME "Content-Range: bytes 65536-65635/65636\r\n", PIECE, 100, EDGE_FLIGHT_WHOLE,
                true, PIECE + 100},
        {PART, KEEP "ETag: W/\"a\"\r\n" SECOND, PIECE, PIECE, EDGE_FLIGHT_RELEASED, false, 0},
        {PART, SAME "Content-Range: bytes 65536-65635/300000\r\n", PIECE, 100, EDGE_FLIGHT_RELEASED,
                false, 0},
        {PART, "ETag: \"a\"\r\nCache-Control: no-store\r\n" SECOND, PIECE, PIECE,
                EDGE_FLIGHT_RELEASED, false, 0},
        {PART, SAME "Content-Range: bytes 65536-131071/600000\r\n", PIECE, PIECE,
                EDGE_FLIGHT_RELEASED, false, 0}, /* above object_max */
        {WHOLE, SAME, 0, LENGTH, EDGE_FLIGHT_WHOLE, false, LENGTH},
        {WHOLE, "Cache-Control: no-store\r\n", 0, LENGTH, EDGE_FLIGHT_RELEASED, false, 0},
        {"404 None", "", 0, BYTES, EDGE_FLIGHT_WHOLE, false, 0},
};

static void the_first_piece_of_what_is_not_known_tells_what_it_is_of(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(first_pieces); i++) {
		struct fixture fixture;
		struct pull pull;
		struct found found;
		struct edge_piece piece = {.number = 1, .length = UINT64_MAX};
		struct pull_options options = {.piece = &piece, .is_led = true, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		origin_says(&fixture.origins[0], first_pieces[i].status, first_pieces[i].fields,
		        pattern_of(first_pieces[i].from, first_pieces[i].length));
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		assert_true(
		        origin_was_sent(&fixture.origins[0], "\r\nRange: bytes=65536-131071\r\n"));
		assert_false(origin_was_sent(&fixture.origins[0], "If-Range"));
		if (pull_stage(&pull) != first_pieces[i].stage)
			fail_msg("row %u: stage %u", i, pull_stage(&pull));
		if (first_pieces[i].stage == EDGE_FLIGHT_WHOLE) {
			const struct edge_loaded *loaded = container_of(
			        edge_flight_answer(pull.flight), struct edge_loaded, answer);
			assert_int_equal(loaded->is_piece, first_pieces[i].is_piece);
			assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
			assert_true(str_is_equal(text_str(&pull.body),
			        pattern_of(first_pieces[i].from, first_pieces[i].length)));
		}
		assert_int_equal(
		        look_up(&fixture, KEY, PLAIN_REQUEST, &found), first_pieces[i].object > 0);
		if (first_pieces[i].object > 0) {
			assert_int_equal(found.entry.object->length, first_pieces[i].object);
			assert_int_equal(found.entry.head.status, 200);
			if (first_pieces[i].is_piece)
				assert_true(has_piece(
				        &fixture, found.entry.id, 1, first_pieces[i].length));
			else
				assert_true(has_pattern(&fixture, &found.entry));
		}
		/* A leader who wants other bytes is left nothing. */
		assert_int_equal(pull.ends, 1);
		assert_true(is_pull_over(&pull));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/* Answers to who asks for the last piece of something that nothing is known of: the bytes of the
 * body as they lie in the object, and which piece that was. */
static const struct {
	const char *status, *fields;
	size_t from, length;
	enum edge_flight_stage stage;
	uint64_t number, object; /* 0: nothing is stored */
} last_pieces[] = {
        {PART, SAME "Content-Range: bytes 234464-299999/300000\r\n", 234464, PIECE,
                EDGE_FLIGHT_WHOLE, 4, LENGTH},
        {PART, SAME "Content-Range: bytes 65536-131071/131072\r\n", PIECE, PIECE, EDGE_FLIGHT_WHOLE,
                1, 2 * PIECE},
        {PART, SAME "Content-Range: bytes 1-65536/65537\r\n", 1, PIECE, EDGE_FLIGHT_WHOLE, 1,
                PIECE + 1},
        {PART, SAME "Content-Range: bytes 0-99/100\r\n", 0, BYTES, EDGE_FLIGHT_WHOLE, 0, BYTES},
        /* Not all of the last piece, or not its end. */
        {PART, SAME "Content-Range: bytes 262145-299999/300000\r\n", 262145, 37855,
                EDGE_FLIGHT_RELEASED, 0, 0},
        {PART, SAME "Content-Range: bytes 234463-299998/300000\r\n", 234463, PIECE,
                EDGE_FLIGHT_RELEASED, 0, 0},
        {PART, SAME "Content-Range: bytes 234464-299999/*\r\n", 234464, PIECE, EDGE_FLIGHT_RELEASED,
                0, 0},
        {PART, KEEP "ETag: W/\"a\"\r\nContent-Range: bytes 0-99/100\r\n", 0, BYTES,
                EDGE_FLIGHT_RELEASED, 0, 0},
        /* That tells nothing of ranges that are reckoned from the beginning. */
        {"416 None", "Content-Range: bytes */300000\r\n", 0, 0, EDGE_FLIGHT_RELEASED, 0, 0},
        {WHOLE, SAME, 0, LENGTH, EDGE_FLIGHT_WHOLE, 0, LENGTH},
};

static void the_last_piece_of_what_is_not_known_tells_which_one_it_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(last_pieces); i++) {
		struct fixture fixture;
		struct pull pull;
		struct found found;
		struct edge_piece piece = {.number = EDGE_PIECE_LAST, .length = UINT64_MAX};
		struct pull_options options = {.piece = &piece, .is_led = true, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		origin_says(&fixture.origins[0], last_pieces[i].status, last_pieces[i].fields,
		        pattern_of(last_pieces[i].from, last_pieces[i].length));
		pull_start(&pull, &fixture, &options);
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		assert_true(origin_was_sent(&fixture.origins[0], "\r\nRange: bytes=-65536\r\n"));
		if (pull_stage(&pull) != last_pieces[i].stage)
			fail_msg("row %u: stage %u", i, pull_stage(&pull));
		assert_int_equal(
		        look_up(&fixture, KEY, PLAIN_REQUEST, &found), last_pieces[i].object > 0);
		if (last_pieces[i].object > 0) {
			const struct edge_loaded *loaded = container_of(
			        edge_flight_answer(pull.flight), struct edge_loaded, answer);
			uint64_t first = last_pieces[i].number * PIECE;
			uint64_t length = last_pieces[i].object - first;
			assert_int_equal(found.entry.object->length, last_pieces[i].object);
			assert_int_equal(loaded->number, last_pieces[i].number);
			assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
			assert_true(str_is_equal(
			        text_str(&pull.body), pattern_of(first, (size_t)length)));
			assert_true(!loaded->is_piece || has_piece(&fixture, found.entry.id,
			                                         loaded->number, (size_t)length));
		}
		assert_true(is_pull_over(&pull));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/* Answers to who asks whether "a" is still right, and else for the second piece of what is. */
static const struct {
	const char *status, *fields;
	size_t from, length;
	enum edge_flight_stage stage;
	const char *etag; /* of what is stored in the end; NULL: nothing is */
	bool is_asked_again;
} stale_pieces[] = {
        {"304 No", KEEP "ETag: \"a\"\r\n", 0, 0, EDGE_FLIGHT_STORED, "\"a\"", false},
        {PART, KEEP "ETag: \"b\"\r\n" SECOND, PIECE, PIECE, EDGE_FLIGHT_WHOLE, "\"b\"", false},
        {WHOLE, KEEP "ETag: \"b\"\r\n", 0, LENGTH, EDGE_FLIGHT_WHOLE, "\"b\"", false},
        /* Not for sharing: what was there is the origin's no more. */
        {PART, "Cache-Control: private\r\nETag: \"b\"\r\n" SECOND, PIECE, PIECE,
                EDGE_FLIGHT_RELEASED, NULL, false},
        {PART, KEEP "ETag: W/\"b\"\r\n" SECOND, PIECE, PIECE, EDGE_FLIGHT_RELEASED, NULL, false},
        {"403 No", "", 0, BYTES, EDGE_FLIGHT_RELEASED, NULL, false},
        /* A failure, and what is due to this range, say nothing of it. */
        {"503 Busy", "", 0, BYTES, EDGE_FLIGHT_WHOLE, "\"a\"", false},
        {"416 None", "Content-Range: bytes */100\r\n", 0, 0, EDGE_FLIGHT_RELEASED, "\"a\"", false},
        /* Of another version: once more, and for no more than the piece. */
        {"304 No", KEEP "ETag: \"c\"\r\n", 0, 0, EDGE_FLIGHT_WHOLE, "\"b\"", true},
};

static void what_is_stale_is_validated_by_asking_for_a_part_of_what_is_new(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(stale_pieces); i++) {
		struct fixture fixture;
		struct pull pull;
		struct found found;
		struct edge_piece piece = {.number = 1, .length = UINT64_MAX};
		struct pull_options options = {
		        .piece = &piece, .validates = true, .has_reader = true};
		fixture_start_cached(&fixture, DOMAINS);
		struct origin *origin = &fixture.origins[0];
		remember(&fixture, KEY, PLAIN_REQUEST,
		        "HTTP/1.1 200 OK\r\n" STALE "ETag: \"a\"\r\n\r\n", LENGTH);
		origin_says(origin, stale_pieces[i].status, stale_pieces[i].fields,
		        pattern_of(stale_pieces[i].from, stale_pieces[i].length));
		pull_start(&pull, &fixture, &options);
		/* Whoever asks for it waits for the same. */
		assert_true(
		        may_join(&fixture, STR(KEY), pull.key.hash, domain_of_key(&fixture, KEY)));
		wait_until(&fixture, origin->requests == 1);
		assert_true(origin_was_sent(origin, "\r\nIf-None-Match: \"a\"\r\n"));
		assert_true(origin_was_sent(origin, "\r\nRange: bytes=65536-131071\r\n"));
		assert_false(origin_was_sent(origin, "If-Range"));
		origin_says(origin, PART, KEEP "ETag: \"b\"\r\n" SECOND, pattern_of(PIECE, PIECE));
		wait_until(&fixture, pull_stage(&pull) > EDGE_FLIGHT_BODY);
		if (pull_stage(&pull) != stale_pieces[i].stage)
			fail_msg("row %u: stage %u", i, pull_stage(&pull));
		assert_int_equal(origin->requests, 1 + stale_pieces[i].is_asked_again);
		if (stale_pieces[i].is_asked_again) {
			assert_false(origin_was_sent(origin, "If-None-Match"));
			assert_true(origin_was_sent(origin, "\r\nRange: bytes=65536-131071\r\n"));
		}
		bool is_there = look_up(&fixture, KEY, PLAIN_REQUEST, &found);
		assert_int_equal(is_there, stale_pieces[i].etag != NULL);
		if (is_there)
			assert_true(is_text(http_head_get(&found.entry.head, HTTP_NAME_ETAG),
			        stale_pieces[i].etag));
		pull_done(&pull);
		fixture_done(&fixture);
	}
}

/* From the head on it is known what object the piece is of, and who needs it finds its pull. */
static void a_first_piece_is_listed_as_one_of_what_is_known_now(void **state)
{
	(void)state;
	struct fixture fixture;
	struct pull pull;
	struct found found;
	char room[512];
	struct arena arena;
	uint64_t hash;
	struct edge_piece piece = {.number = EDGE_PIECE_LAST, .length = UINT64_MAX};
	struct pull_options options = {.piece = &piece, .has_reader = true};
	fixture_start_cached(&fixture, DOMAINS);
	arena_init(&arena, room, sizeof(room));
	origin_says(&fixture.origins[0], PART, SAME "Content-Range: bytes 234464-299999/300000\r\n",
	        pattern_of(234464, PIECE));
	fixture.origins[0].held = 1;
	pull_start(&pull, &fixture, &options);
	const struct model_domain *domain = domain_of_key(&fixture, KEY);
	struct str key = edge_loader_piece_key(&pull.key, STR_EMPTY, &piece, &arena, &hash);
	assert_true(may_join(&fixture, key, hash, domain));
	wait_until(&fixture, pull_stage(&pull) == EDGE_FLIGHT_BODY);
	assert_false(may_join(&fixture, key, hash, domain));
	assert_true(look_up(&fixture, KEY, PLAIN_REQUEST, &found));
	piece = (struct edge_piece){.id = found.entry.id, .number = 4};
	key = edge_loader_piece_key(&pull.key, STR_EMPTY, &piece, &arena, &hash);
	assert_true(may_join(&fixture, key, hash, domain));
	fixture.origins[0].held = 0;
	assert_int_equal(pull_read_all(&pull), EDGE_FLIGHT_READ_END);
	assert_true(has_piece(&fixture, found.entry.id, 4, LENGTH - 4 * PIECE));
	pull_done(&pull);
	arena_reset(&arena);
	fixture_done(&fixture);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_answer_is_stored_shared_or_its_leaders_alone),
	        cmocka_unit_test(a_body_that_ends_with_its_connection_is_not_for_sharing),
	        cmocka_unit_test(a_leader_takes_the_released_pull_as_its_own),
	        cmocka_unit_test(what_varies_is_listed_for_who_asks_for_the_same_variant),
	        cmocka_unit_test(what_is_stale_is_validated),
	        cmocka_unit_test(a_304_for_what_is_gone_has_all_of_it_pulled),
	        cmocka_unit_test(an_answer_to_what_was_not_asked_is_none),
	        cmocka_unit_test(a_piece_is_taken_of_the_version_that_is_known_alone),
	        cmocka_unit_test(not_more_than_a_bound_is_skipped_to_get_at_a_piece),
	        cmocka_unit_test(the_first_piece_of_what_is_not_known_tells_what_it_is_of),
	        cmocka_unit_test(the_last_piece_of_what_is_not_known_tells_which_one_it_is),
	        cmocka_unit_test(what_is_stale_is_validated_by_asking_for_a_part_of_what_is_new),
	        cmocka_unit_test(a_first_piece_is_listed_as_one_of_what_is_known_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
