/* Putting answers into the store: objects, what they vary on, and new heads for old objects. */
#include "edge/keep.h"

#include "edge/stored.h"

#define DOMAINS "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define KEY     "a.test/x"
#define ANSWER                                                                                     \
	"HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nETag: \"a\"\r\nX-Old: 1\r\n"             \
	"Cache-Tag: red, blue\r\n\r\n"
#define VARYING                                                                                    \
	"HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nETag: \"a\"\r\nVary: X-Kind\r\n\r\n"
#define OF_KIND(kind) "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Kind: " kind "\r\n\r\n"

static const size_t lengths[] = {
        0, 1, LIMIT_CACHE_INLINE_BYTES, LIMIT_CACHE_INLINE_BYTES + 1, 5 * LIMIT_CACHE_INLINE_BYTES};

static void an_object_is_found_as_it_was_kept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(lengths); i++) {
		struct fixture fixture;
		struct found found;
		struct kept kept;
		fixture_start_cached(&fixture, DOMAINS);
		kept_init(&kept, &fixture, KEY, PLAIN_REQUEST, ANSWER);
		assert_int_equal(kept_put(&kept, lengths[i]), CACHE_PUT_DONE);
		assert_true(look_up(&fixture, KEY, PLAIN_REQUEST, &found));
		const struct cache_entry *entry = &found.entry;
		assert_int_equal(entry->id, kept.loaded->id);
		assert_int_equal(entry->object->length, lengths[i]);
		assert_int_equal(entry->object->is_inline, lengths[i] <= LIMIT_CACHE_INLINE_BYTES);
		assert_true(has_pattern(&fixture, entry));
		assert_int_equal(entry->object->terms.fresh_ms, 100000);
		assert_int_equal(entry->object->tag_count, 2);
		assert_true(is_text(str_make(entry->head.base + entry->object->etag_at,
		                            entry->object->etag_len),
		        "\"a\""));
		kept_done(&kept);
		fixture_done(&fixture);
	}
}

static void what_varies_is_found_by_requests_of_its_variant_alone(void **state)
{
	(void)state;
	struct fixture fixture;
	struct found found;
	fixture_start_cached(&fixture, DOMAINS);
	remember(&fixture, KEY, OF_KIND("a"), VARYING, 10);
	remember(&fixture, KEY, OF_KIND("b"), VARYING, 20);
	assert_true(look_up(&fixture, KEY, OF_KIND("a"), &found));
	assert_int_equal(found.entry.object->length, 10);
	assert_true(look_up(&fixture, KEY, OF_KIND("b"), &found));
	assert_int_equal(found.entry.object->length, 20);
	assert_false(look_up(&fixture, KEY, OF_KIND("c"), &found));
	fixture_done(&fixture);
}

static void a_spec_that_says_the_same_is_left_as_it_is(void **state)
{
	(void)state;
	struct fixture fixture;
	struct kept same, again, plain;
	uint64_t first, second, none;
	fixture_start_cached(&fixture, DOMAINS);
	kept_init(&same, &fixture, KEY, OF_KIND("a"), VARYING);
	kept_init(&again, &fixture, KEY, OF_KIND("b"), VARYING);
	kept_init(&plain, &fixture, KEY, PLAIN_REQUEST, ANSWER);
	assert_true(edge_keep_spec(&same.keep, same.loaded, &first));
	assert_true(edge_keep_spec(&again.keep, again.loaded, &second));
	assert_true(edge_keep_spec(&plain.keep, plain.loaded, &none));
	assert_int_not_equal(first, 0);
	assert_int_equal(first, second);
	assert_int_equal(none, 0);
	kept_done(&same);
	kept_done(&again);
	kept_done(&plain);
	fixture_done(&fixture);
}

static void what_was_purged_since_its_pull_began_is_not_kept(void **state)
{
	(void)state;
	static const char *const answers[] = {ANSWER, VARYING};
	for (unsigned i = 0; i < ARRAY_LENGTH(answers); i++) {
		struct fixture fixture;
		struct found found;
		struct kept kept;
		uint64_t epoch;
		fixture_start_cached(&fixture, DOMAINS);
		kept_init(&kept, &fixture, KEY, OF_KIND("a"), answers[i]);
		cache_purge_url(fixture.worker->cache, &kept.key, CACHE_PURGE_HARD);
		/* Without Vary there is no spec that could be refused. */
		assert_int_equal(edge_keep_spec(&kept.keep, kept.loaded, &epoch), i == 0);
		assert_int_equal(kept_put(&kept, 10), CACHE_PUT_PURGED);
		assert_false(look_up(&fixture, KEY, OF_KIND("a"), &found));
		kept_done(&kept);
		fixture_done(&fixture);
	}
}

static bool refresh(struct fixture *fixture, const char *request, const char *answer, uint64_t id)
{
	struct parsed asked, said;
	char room[4096];
	struct arena arena;
	arena_init(&arena, room, sizeof(room));
	struct cache_key key = cache_key_make(fixture->worker->cache, STR(KEY));
	struct edge_keep keep = {
	        .worker = fixture->worker,
	        .domain = domain_of_key(fixture, KEY),
	        .key = &key,
	        .sequence = cache_store_sequence(fixture->worker->cache),
	        .arena = &arena,
	};
	keep.asked = edge_forward_asked(request_head(&asked, request), keep.domain, false, false);
	uint64_t now_ms = clock_wall_ms();
	struct cache_exchange exchange = {
	        .request = keep.asked.head,
	        .response = answer_head(&said, answer),
	        .requested_ms = now_ms,
	        .received_ms = now_ms,
	};
	bool is_done = edge_keep_refresh(&keep, &exchange, id);
	arena_reset(&arena);
	return is_done;
}

/* What an answer does to ANSWER, and for how many seconds that is fresh then. */
static const struct {
	const char *answer;
	bool is_refreshed;
	uint64_t fresh_s;
	const char *old; /* X-Old */
} refreshes[] = {
        {"HTTP/1.1 304 No\r\nCache-Control: max-age=7\r\nETag: \"a\"\r\n\r\n", true, 7, "1"},
        {"HTTP/1.1 304 No\r\nCache-Control: max-age=7\r\n\r\n", true, 7, "1"},
        {"HTTP/1.1 304 No\r\nX-Old: 2\r\n\r\n", true, 100, "2"},
        {"HTTP/1.1 304 No\r\nCache-Control: max-age=7\r\nVary: X-Kind\r\n\r\n", true, 7, "1"},
        {"HTTP/1.1 200 OK\r\nCache-Control: max-age=7\r\nETag: \"a\"\r\n\r\n", true, 7, "1"},
        {"HTTP/1.1 304 No\r\nCache-Control: max-age=7\r\nETag: \"b\"\r\n\r\n", false, 100, "1"},
        {"HTTP/1.1 304 No\r\nCache-Control: no-store\r\n\r\n", false, 100, "1"},
        {"HTTP/1.1 304 No\r\nCache-Control: private\r\n\r\n", false, 100, "1"},
        {"HTTP/1.1 304 No\r\nVary: *\r\n\r\n", false, 100, "1"},
};

static void a_new_head_is_made_of_the_old_one_and_the_answer(void **state)
{
	(void)state;
	static const size_t sizes[] = {100, 3 * LIMIT_CACHE_INLINE_BYTES};
	for (unsigned i = 0; i < ARRAY_LENGTH(refreshes); i++) {
		for (unsigned k = 0; k < ARRAY_LENGTH(sizes); k++) {
			struct fixture fixture;
			struct found found;
			fixture_start_cached(&fixture, DOMAINS);
			remember(&fixture, KEY, PLAIN_REQUEST, ANSWER, sizes[k]);
			assert_true(look_up(&fixture, KEY, PLAIN_REQUEST, &found));
			uint64_t id = found.entry.id;
			assert_int_equal(refresh(&fixture, PLAIN_REQUEST, refreshes[i].answer, id),
			        refreshes[i].is_refreshed);
			assert_true(look_up(&fixture, KEY, PLAIN_REQUEST, &found));
			const struct cache_entry *entry = &found.entry;
			assert_int_equal(entry->id, id);
			assert_int_equal(
			        entry->object->terms.fresh_ms, 1000 * refreshes[i].fresh_s);
			assert_int_equal(entry->object->tag_count, 2);
			struct http_field *field = &entry->head.fields[0];
			while (!is_text(http_head_name(&entry->head, field), "X-Old"))
				field++;
			assert_true(
			        is_text(http_head_value(&entry->head, field), refreshes[i].old));
			assert_true(has_pattern(&fixture, entry));
			fixture_done(&fixture);
		}
	}
}

static void only_what_was_asked_about_gets_a_new_head(void **state)
{
	(void)state;
	static const char SAME[] = "HTTP/1.1 304 No\r\nCache-Control: max-age=7\r\n\r\n";
	struct fixture fixture;
	struct found found;
	fixture_start_cached(&fixture, DOMAINS);
	assert_false(refresh(&fixture, PLAIN_REQUEST, SAME, 0));
	remember(&fixture, KEY, OF_KIND("a"), VARYING, 10);
	assert_true(look_up(&fixture, KEY, OF_KIND("a"), &found));
	assert_false(refresh(&fixture, OF_KIND("b"), SAME, 0));
	assert_false(refresh(&fixture, OF_KIND("a"), SAME, found.entry.id + 1));
	assert_true(look_up(&fixture, KEY, OF_KIND("a"), &found));
	assert_int_equal(found.entry.object->terms.fresh_ms, 100000);
	assert_true(refresh(&fixture, OF_KIND("a"), SAME, 0)); /* whatever is there */
	assert_true(look_up(&fixture, KEY, OF_KIND("a"), &found));
	assert_int_equal(found.entry.object->terms.fresh_ms, 7000);
	fixture_done(&fixture);
}

static void where_there_is_no_room_what_is_there_stays(void **state)
{
	(void)state;
	struct fixture fixture;
	struct found found;
	fixture_start_cached(&fixture, DOMAINS);
	remember(&fixture, KEY, PLAIN_REQUEST, ANSWER, 100);
	fill_store(&fixture);
	assert_true(refresh(
	        &fixture, PLAIN_REQUEST, "HTTP/1.1 304 No\r\nCache-Control: max-age=7\r\n\r\n", 0));
	assert_true(look_up(&fixture, KEY, PLAIN_REQUEST, &found));
	assert_int_equal(found.entry.object->terms.fresh_ms, 100000);
	assert_true(has_pattern(&fixture, &found.entry));
	fixture_done(&fixture);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_object_is_found_as_it_was_kept),
	        cmocka_unit_test(what_varies_is_found_by_requests_of_its_variant_alone),
	        cmocka_unit_test(a_spec_that_says_the_same_is_left_as_it_is),
	        cmocka_unit_test(what_was_purged_since_its_pull_began_is_not_kept),
	        cmocka_unit_test(a_new_head_is_made_of_the_old_one_and_the_answer),
	        cmocka_unit_test(only_what_was_asked_about_gets_a_new_head),
	        cmocka_unit_test(where_there_is_no_room_what_is_there_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
