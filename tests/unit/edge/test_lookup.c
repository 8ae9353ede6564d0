/* Looking a request up: by its key alone, and by its variant. */
#include "edge/lookup.h"

#include "edge/stored.h"

#define DOMAINS     "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define KEY         "a.test/x"
#define ASK(fields) "GET /x HTTP/1.1\r\nHost: a.test\r\n" fields "\r\n"
#define KEEP        "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n"

/* What is there after answers were kept for some requests, and what another request finds. */
static const struct {
	const char *asked, *answer; /* NULL: nothing was kept */
	const char *request;
	enum edge_lookup_result result;
	unsigned names; /* that the URL's responses vary on */
	bool has_variant;
} rows[] = {
        {NULL, NULL, ASK(""), EDGE_LOOKUP_NOTHING, 0, false},
        {ASK(""), KEEP "\r\n", ASK(""), EDGE_LOOKUP_FOUND, 0, false},
        {ASK(""), KEEP "\r\n", ASK("X-Kind: a\r\n"), EDGE_LOOKUP_FOUND, 0, false},
        {ASK(""), KEEP "Vary: X-Kind\r\n\r\n", ASK(""), EDGE_LOOKUP_FOUND, 1, true},
        {ASK(""), KEEP "Vary: X-Kind\r\n\r\n", ASK("X-Kind: a\r\n"), EDGE_LOOKUP_NOTHING, 1, true},
        {ASK("X-Kind: a\r\n"), KEEP "Vary: X-Kind\r\n\r\n", ASK("X-Kind: a\r\nY: b\r\n"),
                EDGE_LOOKUP_FOUND, 1, true},
        {ASK("X-Kind: a\r\n"), KEEP "Vary: X-Kind, X-Other\r\n\r\n",
                ASK("X-Kind: a\r\nX-Other: b\r\n"), EDGE_LOOKUP_NOTHING, 2, true},
        {ASK("Accept-Encoding: gzip\r\n"), KEEP "Vary: Accept-Encoding\r\n\r\n",
                ASK("Accept-Encoding: gzip;q=0.5\r\n"), EDGE_LOOKUP_FOUND, 1, true},
};

static void a_request_finds_what_was_kept_for_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct fixture fixture;
		struct found found;
		fixture_start_cached(&fixture, DOMAINS);
		if (rows[i].answer != NULL)
			remember(&fixture, KEY, rows[i].asked, rows[i].answer, 7);
		look_up(&fixture, KEY, rows[i].request, &found);
		assert_int_equal(found.result, rows[i].result);
		assert_int_equal(found.lookup.vary.count, rows[i].names);
		assert_int_equal(found.lookup.variant.len > 0, rows[i].has_variant);
		if (found.result == EDGE_LOOKUP_FOUND)
			assert_int_equal(found.entry.object->length, 7);
		fixture_done(&fixture);
	}
}

static void a_variant_that_is_too_long_cannot_be_told(void **state)
{
	(void)state;
	struct fixture fixture;
	struct found found;
	struct text request = {.at = NULL};
	fixture_start_cached(&fixture, DOMAINS);
	remember(&fixture, KEY, ASK(""), KEEP "Vary: X-Kind\r\n\r\n", 7);
	text_addf(&request, "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Kind: ");
	text_add(&request, pattern_of(0, LIMIT_VARIANT_BYTES));
	text_addf(&request, "\r\n\r\n");
	look_up(&fixture, KEY, text_c(&request), &found);
	assert_int_equal(found.result, EDGE_LOOKUP_UNTELLABLE);
	text_done(&request);
	fixture_done(&fixture);
}

static void what_was_another_domains_is_not_found(void **state)
{
	(void)state;
	static const char *const answers[] = {KEEP "\r\n", KEEP "Vary: X-Kind\r\n\r\n"};
	for (unsigned i = 0; i < ARRAY_LENGTH(answers); i++) {
		struct fixture fixture;
		struct found found;
		fixture_start_cached(&fixture, DOMAINS);
		remember(&fixture, KEY, ASK(""), answers[i], 7);
		assert_true(look_up(&fixture, KEY, ASK(""), &found));
		found.lookup.domain = cache_key_domain(fixture.worker->cache, STR("*.test"));
		assert_int_equal(
		        edge_lookup_find(&found.lookup, &found.entry), EDGE_LOOKUP_NOTHING);
		fixture_done(&fixture);
	}
}

static void a_look_up_forgets_what_the_one_before_found(void **state)
{
	(void)state;
	struct fixture fixture;
	struct found found;
	fixture_start_cached(&fixture, DOMAINS);
	remember(&fixture, KEY, ASK(""), KEEP "Vary: X-Kind\r\n\r\n", 7);
	assert_true(look_up(&fixture, KEY, ASK(""), &found));
	cache_purge_url(fixture.worker->cache, &found.key, CACHE_PURGE_HARD);
	assert_int_equal(edge_lookup_find(&found.lookup, &found.entry), EDGE_LOOKUP_NOTHING);
	assert_int_equal(found.lookup.vary.count, 0);
	assert_int_equal(found.lookup.variant.len, 0);
	fixture_done(&fixture);
}

/* A variant is removed, or the only response; what varies is named by what the URL had before. */
static void what_was_looked_up_is_removed_and_nothing_else(void **state)
{
	(void)state;
	for (int how = CACHE_PURGE_HARD; how <= CACHE_PURGE_SOFT; how++) {
		struct fixture fixture;
		struct found found;
		fixture_start_cached(&fixture, DOMAINS);
		remember(&fixture, KEY, ASK("X-Kind: a\r\n"), KEEP "Vary: X-Kind\r\n\r\n", 7);
		remember(&fixture, KEY, ASK("X-Kind: b\r\n"), KEEP "Vary: X-Kind\r\n\r\n", 7);
		assert_true(look_up(&fixture, KEY, ASK("X-Kind: a\r\n"), &found));
		edge_lookup_purge(&found.lookup, fixture.worker->cache, how);
		bool is_there = look_up(&fixture, KEY, ASK("X-Kind: a\r\n"), &found);
		assert_int_equal(is_there, how == CACHE_PURGE_SOFT);
		assert_true(!is_there || found.entry.is_soft_purged);
		assert_true(look_up(&fixture, KEY, ASK("X-Kind: b\r\n"), &found));
		assert_false(found.entry.is_soft_purged);

		remember(&fixture, "a.test/y", PLAIN_REQUEST, KEEP "\r\n", 7);
		assert_true(look_up(&fixture, "a.test/y", PLAIN_REQUEST, &found));
		edge_lookup_purge(&found.lookup, fixture.worker->cache, how);
		assert_int_equal(look_up(&fixture, "a.test/y", PLAIN_REQUEST, &found),
		        how == CACHE_PURGE_SOFT);
		fixture_done(&fixture);
	}
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_request_finds_what_was_kept_for_it),
	        cmocka_unit_test(a_variant_that_is_too_long_cannot_be_told),
	        cmocka_unit_test(what_was_another_domains_is_not_found),
	        cmocka_unit_test(a_look_up_forgets_what_the_one_before_found),
	        cmocka_unit_test(what_was_looked_up_is_removed_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
