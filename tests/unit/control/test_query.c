/* Escapes in paths and queries; parameters that are known, and those that are not. */
#include "fixture.h"

static void escapes_are_decoded(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum control_query_part part;
		const char *decoded; /* NULL: refused */
	} ROWS[] = {
	        {"", CONTROL_QUERY_PAIR, ""},
	        {"a.test", CONTROL_QUERY_SEGMENT, "a.test"},
	        {"%2a.test", CONTROL_QUERY_SEGMENT, "*.test"},
	        {"%2A.test", CONTROL_QUERY_SEGMENT, "*.test"},
	        {"a%2Fb", CONTROL_QUERY_SEGMENT, "a/b"},
	        {"%25%32%35", CONTROL_QUERY_SEGMENT, "%25"},
	        {"a+b", CONTROL_QUERY_SEGMENT, "a+b"},
	        {"a+b", CONTROL_QUERY_PAIR, "a b"},
	        {"a%2Bb", CONTROL_QUERY_PAIR, "a+b"},
	        {"%c3%A4", CONTROL_QUERY_PAIR, "\xc3\xa4"},
	        {"\xff", CONTROL_QUERY_PAIR, "\xff"},
	        {"%", CONTROL_QUERY_PAIR, NULL},
	        {"a%2", CONTROL_QUERY_PAIR, NULL},
	        {"%%41", CONTROL_QUERY_PAIR, NULL},
	        {"%4g", CONTROL_QUERY_PAIR, NULL},
	        {"%g4", CONTROL_QUERY_SEGMENT, NULL},
	        {"%-1", CONTROL_QUERY_PAIR, NULL},
	        {"%00", CONTROL_QUERY_PAIR, NULL},
	        {"a%0ab", CONTROL_QUERY_SEGMENT, NULL},
	        {"%1f", CONTROL_QUERY_PAIR, NULL},
	        {"%7F", CONTROL_QUERY_PAIR, NULL},
	        {"a\tb", CONTROL_QUERY_PAIR, NULL},
	};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct str text = STR("untouched");
		bool is_read =
		        control_query_decode(&arena, str_of(ROWS[i].text), ROWS[i].part, &text);
		if (is_read != (ROWS[i].decoded != NULL))
			fail_msg("%s: %d", ROWS[i].text, is_read);
		assert_string_equal(text.at, is_read ? ROWS[i].decoded : "untouched");
		assert_int_equal(text.len, strlen(text.at));
	}
	arena_reset(&arena);
}

static void an_escape_does_not_reach_behind_its_text(void **state)
{
	(void)state;
	struct arena arena;
	struct str text;
	arena_init(&arena, NULL, 0);
	assert_false(control_query_decode(&arena, str_make("a%41", 2), CONTROL_QUERY_PAIR, &text));
	assert_false(control_query_decode(&arena, str_make("a%41", 3), CONTROL_QUERY_PAIR, &text));
	assert_true(control_query_decode(&arena, STR_EMPTY, CONTROL_QUERY_SEGMENT, &text));
	assert_int_equal(text.len, 0);
	arena_reset(&arena);
}

static void parameters_are_those_that_are_known(void **state)
{
	(void)state;
	static const struct {
		const char *text, *allowed, *why;
	} ROWS[] = {
	        {"", "", NULL},
	        {"", "dry_run", NULL},
	        {"dry_run=1", "dry_run", NULL},
	        {"&dry_run=1&", "dry_run", NULL},
	        {"after=b&limit=2", "search limit after", NULL},
	        {"dry_run=1", "", "has a parameter \"dry_run\", which is not known here"},
	        {"dryrun=1", "dry_run", "has a parameter \"dryrun\", which is not known here"},
	        {"dry_ru=1", "dry_run", "has a parameter \"dry_ru\","},
	        {"dry_run2=1", "dry_run", "has a parameter \"dry_run2\","},
	        {"Dry_run=1", "dry_run", "has a parameter \"Dry_run\","},
	        {"dry_run", "dry_run? prune?", NULL},
	        {"dry_run=&prune=0", "dry_run? prune?", NULL},
	        {"dry_run=true&prune=false", "dry_run? prune?", NULL},
	        {"dry_run=yes", "dry_run?", "\"dry_run\" is none of 1, true, 0 and false"},
	        {"dry_run=TRUE", "dry_run?", "\"dry_run\" is none of 1, true, 0 and false"},
	        {"dry_run=1&dry_run=1", "dry_run?", "has \"dry_run\" twice"},
	        {"dry_run%3f=1", "dry_run?", "has a parameter \"dry_run?\", which is not known"},
	        {"dry_run?", "dry_run?", "has a parameter \"dry_run?\", which is not known"},
	        {"?", "dry_run?", "has a parameter \"?\", which is not known"},
	        {"a+b=1", "a b", "has a parameter \"a b\","},
	        {"=1", "dry_run", "has a parameter \"\","},
	        {"=1", "", "has a parameter \"\","},
	        {"limit=1&limit=1", "limit", "has \"limit\" twice"},
	        {"limit&limit=1", "limit", "has \"limit\" twice"},
	        {"l%69mit=1&limit=1", "limit", "has \"limit\" twice"},
	        {"limit=%", "limit", "has an escape that is none, or a control byte"},
	        {"%zz", "limit", "has an escape that is none, or a control byte"},
	};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct control_query query;
		struct str why = STR_EMPTY;
		bool is_read = control_query_read(
		        &arena, str_of(ROWS[i].text), ROWS[i].allowed, &query, &why);
		if (is_read != (ROWS[i].why == NULL))
			fail_msg("%s: %d", ROWS[i].text, is_read);
		if (!is_read)
			expect_text(arena_copy(&arena, why).at, ROWS[i].why);
	}
	arena_reset(&arena);
}

static void values_are_found_by_their_names(void **state)
{
	(void)state;
	struct arena arena;
	struct control_query query;
	struct str why;
	arena_init(&arena, NULL, 0);
	assert_true(control_query_read(&arena, STR("after=b%2Etest&limit&search=x=y"),
	        "limit after search type", &query, &why));
	assert_int_equal(query.count, 3);
	assert_string_equal(control_query_get(&query, "after").at, "b.test");
	/* What is there without a value is there. */
	assert_string_equal(control_query_get(&query, "limit").at, "");
	assert_string_equal(control_query_get(&query, "search").at, "x=y");
	assert_null(control_query_get(&query, "type").at);
	assert_null(control_query_get(&query, "").at);
	arena_reset(&arena);
}

static void switches_are_on_or_off(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_on;
	} ROWS[] = {
	        {"", false},
	        {"dry_run", true},
	        {"dry_run=", true},
	        {"dry_run=1", true},
	        {"dry_run=true", true},
	        {"dry_run=0", false},
	        {"dry_run=false", false},
	        {"prune", false},
	};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct control_query query;
		struct str why;
		assert_true(control_query_read(
		        &arena, str_of(ROWS[i].text), "dry_run? prune?", &query, &why));
		assert_int_equal(control_query_is_on(&query, "dry_run"), ROWS[i].is_on);
	}
	arena_reset(&arena);
}

/* Each route's parameters fit. */
static void no_route_has_more_parameters_than_there_is_room_for(void **state)
{
	(void)state;
	const struct control_route *route;
	for (size_t i = 0; (route = control_route_at(i)) != NULL; i++) {
		struct str rest = str_of(route->queries);
		unsigned count = 0;
		while (rest.len != 0) {
			assert_true(str_cut(&rest, ' ').len > 0);
			count++;
		}
		assert_true(count <= CONTROL_QUERY_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(escapes_are_decoded),
	        cmocka_unit_test(an_escape_does_not_reach_behind_its_text),
	        cmocka_unit_test(parameters_are_those_that_are_known),
	        cmocka_unit_test(switches_are_on_or_off),
	        cmocka_unit_test(values_are_found_by_their_names),
	        cmocka_unit_test(no_route_has_more_parameters_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
