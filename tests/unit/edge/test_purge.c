/* What an operator's purge means for the store. */
#include "edge/purge.h"

#include "edge/stored.h"

/* The second domain has rules of its own for its keys. */
#define DOMAINS                                                                                    \
	"domains:\n"                                                                               \
	"- {name: a.test, origin: {addresses: [\"$0\"]}}\n"                                        \
	"- {name: b.test, origin: {addresses: [\"$0\"]}, cache: {ignore_case: on, query: "         \
	"ignore}}\n"                                                                               \
	"- {name: \"*.wild.test\", origin: {addresses: [\"$0\"]}}\n"
#define KEEP "HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n"

/* What the store has before each purge; the letters stand for them. */
static const struct {
	char letter;
	const char *key, *answer;
} objects[] = {
        {'x', "a.test/x", KEEP "\r\n"},
        {'q', "a.test/x?q", KEEP "\r\n"},
        {'1', "a.test/y/1", KEEP "Cache-Tag: red\r\n\r\n"},
        {'2', "a.test/y/2", KEEP "Surrogate-Key: blue red\r\n\r\n"},
        {'z', "b.test/y/z", KEEP "Cache-Tag: red\r\n\r\n"},
        {'w', "one.wild.test/y/w", KEEP "\r\n"},
        {'v', "two.wild.test/y/w", KEEP "Vary: X-Kind\r\n\r\n"},
};

/* What is purged, of which domain (tags), and the objects that are; where a part makes no sense
 * here, those of the rest. */
static const struct {
	enum link_purge_what what;
	const char *domain;
	const char *values[3];
	const char *purged;
	const char *error;
	const char *rest;
} rows[] = {
        {LINK_PURGE_URL, NULL, {"http://a.test/x"}, "x", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"https://a.test/x"}, "x", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://a.test/x?q", "http://a.test/y/1"}, "q1", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://a.test/X"}, "", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://b.test/Y/Z?any"}, "z", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://one.wild.test/y/w"}, "w", NULL, NULL},
        {LINK_PURGE_URL, NULL, {"http://two.wild.test/y/w"}, "v", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/y/"}, "12", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/x"}, "xq", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://b.test/Y"}, "z", NULL, NULL},
        /* A part of a query that is not a part of the keys: all that it may mean. */
        {LINK_PURGE_PREFIX, NULL, {"http://b.test/y/z?a="}, "z", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/x?"}, "q", NULL, NULL},
        {LINK_PURGE_PREFIX, NULL, {"http://one.wild.test/"}, "w", NULL, NULL},
        {LINK_PURGE_DOMAIN, NULL, {"a.test"}, "xq12", NULL, NULL},
        {LINK_PURGE_DOMAIN, NULL, {"*.wild.test", "b.test"}, "zwv", NULL, NULL},
        {LINK_PURGE_TAG, "a.test", {"red"}, "12", NULL, NULL},
        {LINK_PURGE_TAG, "a.test", {"blue"}, "2", NULL, NULL},
        {LINK_PURGE_TAG, "b.test", {"blue", "red"}, "z", NULL, NULL},
        /* Nothing at all where a part makes no sense. */
        {LINK_PURGE_URL, NULL, {"http://a.test/x", "http://c.test/x"}, "",
                "no domain serves c.test", "x"},
        {LINK_PURGE_PREFIX, NULL, {"http://a.test/", "http://c.test/"}, "",
                "no domain serves c.test", "xq12"},
        {LINK_PURGE_DOMAIN, NULL, {"a.test", "one.wild.test"}, "",
                "there is no domain one.wild.test", "xq12"},
        {LINK_PURGE_TAG, "c.test", {"red"}, "", "there is no domain c.test", ""},
};

static void purge(struct fixture *fixture, unsigned row, bool is_soft, bool is_rest)
{
	char room[2048];
	struct arena arena;
	struct link_purge request = {.what = rows[row].what, .is_soft = is_soft};
	struct model_why why;
	struct text error = {.at = NULL};
	unsigned count = 0;
	arena_init(&arena, room, sizeof(room));
	if (rows[row].domain != NULL)
		assert_true(
		        link_command_set_domain(&request, &arena, str_of(rows[row].domain), &why));
	for (; count < 3 && rows[row].values[count] != NULL; count++)
		assert_true(
		        link_command_add(&request, &arena, str_of(rows[row].values[count]), &why));
	struct cache_store *cache = fixture->shared.cache;
	const struct model_snapshot *snapshot = fixture->worker->snapshot;
	struct link_answer answer = is_rest ? edge_purge_rest(cache, snapshot, &request)
	                                    : edge_purge(cache, snapshot, &request, &error);
	bool is_refused = rows[row].error != NULL && !is_rest;
	assert_true(is_text(answer.error, is_refused ? rows[row].error : ""));
	if (rows[row].error == NULL || !is_rest)
		assert_int_equal(answer.purged, is_refused ? 0 : count);
	text_done(&error);
	arena_reset(&arena);
}

static void check(unsigned row, bool is_soft, bool is_rest)
{
	struct fixture fixture;
	const char *purged = is_rest && rows[row].error != NULL ? rows[row].rest : rows[row].purged;
	fixture_start_cached(&fixture, DOMAINS);
	for (unsigned k = 0; k < ARRAY_LENGTH(objects); k++)
		remember(&fixture, objects[k].key, PLAIN_REQUEST, objects[k].answer, 9);
	purge(&fixture, row, is_soft, is_rest);
	for (unsigned k = 0; k < ARRAY_LENGTH(objects); k++) {
		struct found found;
		bool is_purged = strchr(purged, objects[k].letter) != NULL;
		bool is_there = look_up(&fixture, objects[k].key, PLAIN_REQUEST, &found);
		if (is_there != (!is_purged || is_soft) ||
		        (is_there && found.entry.is_soft_purged != (is_purged && is_soft)))
			fail_msg("row %u, soft %u, rest %u: %s", row, is_soft, is_rest,
			        objects[k].key);
	}
	fixture_done(&fixture);
}

static void a_purge_covers_what_it_names_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++)
		for (unsigned is_soft = 0; is_soft < 2; is_soft++)
			check(i, is_soft, false);
}

/* One that the control plane tells: a domain of it may have gone since. */
static void a_purge_that_is_told_covers_what_there_is_of_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++)
		check(i, i % 2, true);
}

int main(void)
{
	begin();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_purge_covers_what_it_names_and_nothing_else),
	        cmocka_unit_test(a_purge_that_is_told_covers_what_there_is_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
