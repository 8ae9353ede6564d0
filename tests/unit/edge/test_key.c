/*
 * Cache keys: what tells objects apart, and what does not.
 */
#include "edge/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const CHOSEN[] = {"a", "size"}, *const DOTTED[] = {"a.b", "%c3%A9"};

static const struct model_cache keep,
        sorted = {.query_sorted = true}, ignore = {.query = MODEL_QUERY_IGNORE},
        chosen = {.query = MODEL_QUERY_CHOSEN, .query_parameters = {CHOSEN, 2}},
        chosen_sorted = {.query = MODEL_QUERY_CHOSEN,
                .query_parameters = {CHOSEN, 2},
                .query_sorted = true},
        chosen_dotted = {.query = MODEL_QUERY_CHOSEN, .query_parameters = {DOTTED, 2}},
        chosen_nocase = {.query = MODEL_QUERY_CHOSEN,
                .query_parameters = {CHOSEN, 2},
                .ignore_case = true},
        nocase = {.ignore_case = true};

static const struct {
	const struct model_cache *rules;
	const char *target, *key;
} rows[] = {
        {&keep, "/", "h.test/"},
        {&keep, "/x?b=1&a=2", "h.test/x?b=1&a=2"},
        {&keep, "/x?", "h.test/x?"},
        {&keep, "/X%2f?Q", "h.test/X%2f?Q"},
        {&sorted, "/x?b=1&a=2", "h.test/x?a=2&b=1"},
        {&sorted, "/x?a=2&b=1", "h.test/x?a=2&b=1"},
        {&sorted, "/x?b&a=2&a=1&&a", "h.test/x?a=2&a=1&a&b"},
        {&sorted, "/x?", "h.test/x"},
        {&sorted, "/x", "h.test/x"},
        {&ignore, "/x?b=1&a=2", "h.test/x"},
        {&ignore, "/x", "h.test/x"},
        {&chosen, "/x?b=1&a=2&size=&A=1", "h.test/x?a=2&size="},
        {&chosen, "/x?size=3&a=2&a", "h.test/x?size=3&a=2&a"},
        {&chosen, "/x?b=1", "h.test/x"},
        {&chosen, "/x?a%3d=1", "h.test/x"},
        {&chosen, "/x?%61=1", "h.test/x?%61=1"},
        {&chosen, "/x?s%49ze=1&s%69ze=2&siz%", "h.test/x?s%69ze=2"},
        {&chosen, "/x?+a=1&%20a=2&+=3", "h.test/x?+a=1&%20a=2"},
        {&chosen, "/x?a[]=1&a%5Bk%5d=2&a]=3", "h.test/x?a[]=1&a%5Bk%5d=2"},
        {&chosen, "/x?a%00b=1&ab=2", "h.test/x?a%00b=1"},
        {&chosen, "/x?b=1;a=2&b;c", "h.test/x?b=1;a=2"},
        {&chosen_dotted, "/x?a_b=1&a.b=2&a+b=3&a%2eb=4&a-b=5",
                "h.test/x?a_b=1&a.b=2&a+b=3&a%2eb=4"},
        {&chosen_dotted, "/x?%c3%A9=1&%C3%A9=2&\xc3\xa9=3&%c3=4",
                "h.test/x?%c3%A9=1&%C3%A9=2&\xc3\xa9=3"},
        {&chosen_nocase, "/x?A=1&%41=2&SIZE=3&b", "h.test/x?a=1&%41=2&size=3"},
        {&chosen_sorted, "/x?size=3&b&a=2", "h.test/x?a=2&size=3"},
        {&nocase, "/X?Y=Z%2F", "h.test/x?y=z%2f"},
};

static void the_rules_make_the_key(void **state)
{
	(void)state;
	char room[4096];
	struct arena arena;
	arena_init(&arena, room, sizeof(room));
	for (unsigned i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str key = edge_key_make(rows[i].rules, EDGE_KEY_SHARED, STR("h.test"),
		        str_of(rows[i].target), &arena);
		if (!str_is_equal(key, str_of(rows[i].key)))
			fail_msg("%s: %.*s", rows[i].target, STR_ARG(key));
	}
	arena_reset(&arena);
}

static void a_query_of_too_many_parameters_is_a_key_as_it_is(void **state)
{
	(void)state;
	struct arena arena;
	struct text target = {0};
	arena_init(&arena, NULL, 0);
	text_add(&target, STR("/x?"));
	for (unsigned i = 0; i <= LIMIT_KEY_PARAMETERS; i++)
		text_add(&target, STR("b&"));
	struct str key =
	        edge_key_make(&sorted, EDGE_KEY_SHARED, STR("h"), text_str(&target), &arena);
	assert_int_equal(key.len, 1 + target.len);
	assert_true(str_has_suffix(key, text_str(&target)));
	text_done(&target);
	arena_reset(&arena);
}

static void the_scheme_tells_objects_apart_unless_it_is_shared(void **state)
{
	(void)state;
	static const struct model_cache shared = {.scheme = MODEL_SCHEME_SHARED};
	static const struct {
		const struct model_cache *rules;
		bool is_https;
		const char *key;
	} schemes[] = {
	        {&keep, false, "h.test/X?q#http"},
	        {&keep, true, "h.test/X?q#https"},
	        {&ignore, true, "h.test/X#https"},
	        {&nocase, false, "h.test/x?q#http"},
	        {&shared, false, "h.test/X?q"},
	        {&shared, true, "h.test/X?q"},
	};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (unsigned i = 0; i < ARRAY_LENGTH(schemes); i++) {
		enum edge_key_scheme scheme =
		        edge_key_scheme(schemes[i].rules, schemes[i].is_https);
		struct str key =
		        edge_key_make(schemes[i].rules, scheme, STR("h.test"), STR("/X?q"), &arena);
		assert_true(str_is_equal(key, str_of(schemes[i].key)));
		assert_true(key.len <= strlen("h.test/X?q") + EDGE_KEY_SCHEME_BYTES);
	}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_rules_make_the_key),
	        cmocka_unit_test(a_query_of_too_many_parameters_is_a_key_as_it_is),
	        cmocka_unit_test(the_scheme_tells_objects_apart_unless_it_is_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
