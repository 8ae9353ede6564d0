/* Looking into answers of which nothing is believed. */
#include "cli/tree.h"

#include "answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char JSON[] = "{\"a\":{\"b\":\"text\",\"n\":7,\"t\":true,\"z\":null,\"neg\":-1},"
                           "\"l\":[\"x\",\"y\"],\"e\":[],\"on\":\"true\"}";

static void what_is_there_is_found(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const struct model_node *root = answer_of(&arena, JSON);
	assert_true(str_is_equal(cli_tree_text(root, "a.b"), STR("text")));
	assert_int_equal(cli_tree_number(root, "a.n"), 7);
	assert_true(cli_tree_is_true(root, "a.t"));
	assert_true(str_is_equal(cli_tree_first(root, "l")->text, STR("x")));
	arena_reset(&arena);
}

static void what_is_not_there_or_something_else_is_empty(void **state)
{
	(void)state;
	static const char *const PATHS[] = {
	        "", "x", "a", "a.x", "a.b.c", "a.z", "l", "l.x", "e", "a.", ".a"};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const struct model_node *root = answer_of(&arena, JSON);
	for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
		assert_int_equal(cli_tree_text(root, PATHS[i]).len, 0);
		assert_int_equal(cli_tree_number(root, PATHS[i]), 0);
		assert_false(cli_tree_is_true(root, PATHS[i]));
		assert_int_equal(cli_tree_text(NULL, PATHS[i]).len, 0);
	}
	assert_int_equal(cli_tree_number(root, "a.neg"), 0);
	assert_null(cli_tree_first(root, "a"));
	assert_null(cli_tree_first(root, "e"));
	assert_null(cli_tree_first(NULL, "e"));
	arena_reset(&arena);
}

static void values_are_words(void **state)
{
	(void)state;
	static const struct {
		const char *path, *words;
	} ROWS[] = {{"a.b", "text"}, {"a.n", "7"}, {"a.t", "on"}, {"a.z", ""}, {"l", "x, y"},
	        {"e", ""}, {"on", "true"}, {"a", ""}, {"nowhere", ""}};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const struct model_node *root = answer_of(&arena, JSON);
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text text = {0};
		cli_tree_add_value(cli_tree_find(root, str_of(ROWS[i].path)), &text);
		assert_string_equal(text_c(&text), ROWS[i].words);
		text_done(&text);
	}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_there_is_found),
	        cmocka_unit_test(what_is_not_there_or_something_else_is_empty),
	        cmocka_unit_test(values_are_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
