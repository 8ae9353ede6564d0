/* What an operator's purge means for the store. */
#include "edge/purge.h"

#include "edge/stored.h"

/* The second domain has rules of its own for its keys. */
#define DOMAINS                                                                                    \
	"domains:\n"                                                                               \
	"- {name: a.test, origin: {addresses: [\"$0\"]}}\n"                                        \
	"- {name: b.test, origin: {addresses: [\"$0\"]}, cache: {ignore_case: on, query: "         \
	"ignore}}\n"                                                                               \
	"- {name: \"*.wild.test\", origin: {addresses: [\"$0\"]}}\n"                               \
	"- {name: f.test, origin: {addresses: [\"$0\"]}, cache: {scheme: shared}}\n"
#define LEFT "domains: [{name: a.test, origin: {addresses: [\"$0\"]}}]"
#define KEEP "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n"

/* What the store has before each purge; the letters stand for them. */
static const struct {
	char letter;
	const char *key, *answer;
} objects[] = {
        {'x', "a.test/x#http", KEEP "\r\n"},
        {'q', "a.test/x?q#http", KEEP "\r\n"},
        {'1', "a.test/y/1#http", KEEP "Cache-Tag: red\r\n\r\n"},
        {'2', "a.test/y/2#http", KEEP "Surrogate-Key: blue red\r\n\r\n"},
        {'z', "b.test/y/z#http", KEEP "Cache-Tag: red\r\n\r\n"},
        {'w', "one.wild.test/y/w#http", KEEP "\r\n"},
        {'v', "two.wild.test/y/w#http", KEEP "Vary: X-Kind\r\n\r\n"},
        {'s', "a.test/x#https", KEEP "\r\n"},
        {'3', "a.test/y/1#https", KEEP "Cache-Tag: red\r\n\r\n"},
        /* What is kept for both schemes, and what is left of when it was not. */
        {'f', "f.test/x", KEEP "\r\n"},
        {'g', "f.test/x#http", KEEP "\r\n"},
        {'h', "f.test/x#https", KEEP "\r\n"},
};

/* What is purged, of which domain (tags), and the objects that are; where a part makes no sense
 * here, those of the rest. */
static const struct row {
	enum link_purge_what what;
	const char *domain;
	const char *values[3];
	const char *purged;
	const char *error;
	const char *rest;
} rows[] = {
        {LINK_PURGE_URL, NULL, {"http://a.test/x"}, "xs", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"https://a.test/x"}, "xs", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://a.test/x?q", "http://a.test/y/1"}, "q13", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://a.test/X"}, "", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://b.test/Y/Z?any"}, "z", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://one.wild.test/y/w"}, "w", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://two.wild.test/y/w"}, "v", NULL, NULL},
        /* What is kept for each scheme is one to who purges it. */
        {LINK_PURGE_URL, NULL, {"http://f.test/x"}, "fgh", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"https://f.test/x"}, "fgh", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"https://f.test/"}, "fgh", NULL, NULL},
        {LINK_PURGE_DOMAIN, NULL, {"f.test"}, "fgh", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/y/"}, "123", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/x"}, "xsq", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://b.test/Y"}, "z", NULL, NULL},
        /* A part of a query that is not a part of the keys: all that it may mean. */
        {LINK_PURGE_PREFIX, NULL, {"http://b.test/y/z?a="}, "z", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/x?"}, "q", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://one.wild.test/"}, "w", NULL, NULL},
        {LINK_PURGE_DOMAIN, NULL, {"a.test"}, "xsq123", NULL, NULL},
        {LINK_PURGE_DOMAIN, NULL, {"*.wild.test", "b.test"}, "zwv", NULL, NULL},
        {LINK_PURGE_TAG, "a.test", {"red"}, "123", NULL, NULL},
        {LINK_PURGE_TAG, "a.test", {"blue"}, "2", NULL, NULL},
        {LINK_PURGE_TAG, "b.test", {"blue", "red"}, "z", NULL, NULL},
        /* Nothing at all where a part makes no sense. */
        {LINK_PURGE_URL, NULL, {"http://a.test/x", "http://c.test/x"}, "",
                "no domain serves c.test", "xs"},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/", "http://c.test/"}, "",
                "no domain serves c.test", "xsq123"},
        {LINK_PURGE_DOMAIN, NULL, {"a.test", "one.wild.test"}, "",
                "there is no domain one.wild.test", "xsq123"},
        {LINK_PURGE_TAG, "c.test", {"red"}, "", "there is no domain c.test", ""},
};

/* The same of domains that were there when the objects were stored, and are not there now. */
static const struct row gone[] = {
        {LINK_PURGE_URL, NULL, {"http://b.test/Y/Z?any"}, "z", NULL, NULL},
        /* The rules of its keys are not known any more: all that it may mean. */
        {LINK_PURGE_URL, NULL, {"http://b.test/other", "http://b.test/third"}, "z", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/y/", "http://b.test/y"}, "123z", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://one.wild.test/y/w"}, "wv", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://more.one.wild.test/"}, "wv", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://wild.test/y/w", "http://c.test/"}, "", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://f.test/x"}, "fgh", NULL, NULL},
        {LINK_PURGE_DOMAIN, NULL, {"b.test", "a.test"}, "xsq123z", NULL, NULL},
        {LINK_PURGE_DOMAIN, NULL, {"*.wild.test"}, "wv", NULL, NULL},
        {LINK_PURGE_TAG, "b.test", {"red"}, "z", NULL, NULL},
        {LINK_PURGE_TAG, "b.test", {"blue"}, "", NULL, NULL},
};

static void purge(struct fixture *fixture, const struct row *row, bool is_soft, bool is_rest)
{
	char room[2048];
	struct arena arena;
	struct link_purge request = {.what = row->what, .is_soft = is_soft};
	struct model_why why;
	struct text error = {.at = NULL};
	unsigned count = 0;
	arena_init(&arena, room, sizeof(room));
	if (row->domain != NULL)
		assert_true(link_command_set_domain(&request, &arena, str_of(row->domain), &why));
	for (; count < 3 && row->values[count] != NULL; count++)
		assert_true(link_command_add(&request, &arena, str_of(row->values[count]), &why));
	struct cache_store *cache = fixture->shared.cache;
	const struct model_snapshot *snapshot = fixture->worker->snapshot;
	struct link_answer answer = is_rest ? edge_purge_rest(cache, snapshot, &request)
	                                    : edge_purge(cache, snapshot, &request, &error);
	bool is_refused = row->error != NULL && !is_rest;
	assert_true(is_text(answer.error, is_refused ? row->error : ""));
	assert_int_equal(answer.purged, is_refused ? 0 : count);
	text_done(&error);
	arena_reset(&arena);
}

static void start(struct fixture *fixture)
{
	fixture_start_cached(fixture, DOMAINS);
	for (unsigned k = 0; k < ARRAY_LENGTH(objects); k++)
		remember(fixture, objects[k].key, PLAIN_REQUEST, objects[k].answer, 9);
}

/* Holds what there is against the letters of what was purged. */
static void check(struct fixture *fixture, const char *purged, bool is_soft)
{
	for (unsigned k = 0; k < ARRAY_LENGTH(objects); k++) {
		struct found found;
		bool is_purged = strchr(purged, objects[k].letter) != NULL;
		bool is_there = look_up(fixture, objects[k].key, PLAIN_REQUEST, &found);
		if (is_there != (!is_purged || is_soft) ||
		        (is_there && found.entry.is_soft_purged != (is_purged && is_soft)))
			fail_msg("\"%s\" purged, soft %u: %s", purged, is_soft, objects[k].key);
	}
}

static void a_purge_covers_what_it_names_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_LENGTH(rows); i++) {
		struct fixture fixture;
		start(&fixture);
		purge(&fixture, &rows[i / 2], i % 2, false);
		check(&fixture, rows[i / 2].purged, i % 2);
		fixture_done(&fixture);
	}
}

/* One that the control plane tells: a domain of it may have gone since. */
static void a_purge_that_is_told_covers_what_there_is_of_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct fixture fixture;
		start(&fixture);
		purge(&fixture, &rows[i], i % 2, true);
		check(&fixture, rows[i].error != NULL ? rows[i].rest : rows[i].purged, i % 2);
		fixture_done(&fixture);
	}
}

/* And come back behind it. */
static void what_a_domain_that_is_gone_left_is_purged_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_LENGTH(gone); i++) {
		struct fixture fixture;
		start(&fixture);
		edge_worker_set_snapshot(fixture.worker, make_snapshot(&fixture, LEFT));
		purge(&fixture, &gone[i / 2], i % 2, true);
		edge_worker_set_snapshot(fixture.worker, make_snapshot(&fixture, DOMAINS));
		check(&fixture, gone[i / 2].purged, i % 2);
		fixture_done(&fixture);
	}
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_purge_covers_what_it_names_and_nothing_else),
	        cmocka_unit_test(a_purge_that_is_told_covers_what_there_is_of_it),
	        cmocka_unit_test(what_a_domain_that_is_gone_left_is_purged_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
