/* Documents as trees: places, pointers, bounds, and what is refused. */
#include "model/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Reads and expects success; the arena is the caller's to reset. */
static struct model_node *read_good(struct arena *arena, const char *text)
{
	struct model_problems problems = {0};
	struct model_node *root;
	arena_init(arena, NULL, 0);
	if (!model_node_read(arena, str_of(text), "f", NULL, &problems, &root))
		fail_msg("%s", problems.list[0].message);
	model_problems_done(&problems);
	return root;
}

static void nodes_know_their_place(void **state)
{
	(void)state;
	struct arena arena;
	const struct model_node *root = read_good(&arena, "listen: [\"127.0.0.1:80\", '[::1]:80']\n"
	                                                  "# a comment\n"
	                                                  "tls:\n"
	                                                  "  cert: /a\n"
	                                                  "  a/b~c: x\n"
	                                                  "none: ~\n"
	                                                  "quoted: \"null\"\n"
	                                                  "empty:\n");
	assert_int_equal(root->kind, MODEL_NODE_MAPPING);
	assert_int_equal(root->count, 5);
	const struct model_node *listen = model_node_get(root, STR("listen"));
	assert_int_equal(listen->kind, MODEL_NODE_LIST);
	assert_int_equal(listen->count, 2);
	assert_true(str_is_equal(listen->first->next->text, STR("[::1]:80")));
	assert_int_equal(listen->first->next->index, 1);
	const struct model_node *odd =
	        model_node_get(model_node_get(root, STR("tls")), STR("a/b~c"));
	assert_int_equal(odd->line, 5);
	struct text pointer = {0};
	model_node_add_pointer(odd, &pointer);
	assert_string_equal(text_c(&pointer), "/tls/a~1b~0c");
	text_done(&pointer);
	assert_true(model_node_is_null(model_node_get(root, STR("none"))));
	assert_true(model_node_is_null(model_node_get(root, STR("empty"))));
	assert_false(model_node_is_null(model_node_get(root, STR("quoted"))));
	assert_null(model_node_get(root, STR("nobody")));
	assert_null(model_node_get(odd, STR("x")));
	assert_int_equal(model_node_line(root, STR("/tls/cert")), 4);
	assert_int_equal(model_node_line(root, STR("/tls/nobody/deeper")), 4);
	assert_int_equal(model_node_line(root, STR("/listen/1")), 1);
	assert_int_equal(model_node_line(root, STR("")), 1);
	arena_reset(&arena);
}

static void json_is_read_as_well(void **state)
{
	(void)state;
	struct arena arena;
	const struct model_node *root =
	        read_good(&arena, "{\"a\": [1, true, \"\\u00fc\"], \"b\": {}}");
	const struct model_node *list = model_node_get(root, STR("a"));
	assert_true(str_is_equal(list->first->text, STR("1")));
	assert_true(str_is_equal(list->first->next->next->text, STR("ü")));
	assert_int_equal(model_node_get(root, STR("b"))->kind, MODEL_NODE_MAPPING);
	arena_reset(&arena);
}

static void an_empty_document_is_nothing(void **state)
{
	(void)state;
	static const char *const ROWS[] = {"", "# a comment\n", "---\n", "\n\n", "\xef\xbb\xbf"};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		assert_true(model_node_is_null(read_good(&arena, ROWS[i])));
		arena_reset(&arena);
	}
}

static void what_is_refused_says_where(void **state)
{
	(void)state;
	static const struct {
		const char *text, *rule;
		unsigned line;
	} ROWS[] = {
	        {"a: 1\nb: [1,\n", "syntax", 3},
	        {"a: 1\n\tb: 2\n", "syntax", 2},
	        {"a: &x 1\n", "syntax", 1},
	        {"a: &x [1]\nb: *x\n", "syntax", 1},
	        {"a: 1\nb: *x\n", "syntax", 2},
	        {"a: !!binary aGk=\n", "syntax", 1},
	        {"a: !x {}\n", "syntax", 1},
	        {"&a a: 1\n", "syntax", 1},
	        {"[1, 2]: 3\n", "syntax", 1},
	        {"a: 1\n---\nb: 2\n", "syntax", 2},
	        {"a: 1\nb: 2\na: 3\n", "duplicate-field", 3},
	        {"a: 1\nb: {c: 1,\n c: 2}\n", "duplicate-field", 3},
	        {"a: \"x\\0y\"\n", "syntax", 1},
	        {"\"a\\0\": 1\n", "syntax", 1},
	        {"a: \x01\n", "syntax", 1},
	        {"a: \xff\n", "syntax", 1},
	        {"{a: {b: [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}\n", "syntax", 1},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct model_problems problems = {0};
		struct model_node *root;
		arena_init(&arena, NULL, 0);
		if (model_node_read(&arena, str_of(ROWS[i].text), "f", NULL, &problems, &root))
			fail_msg("%s was read", ROWS[i].text);
		assert_int_equal(problems.total, 1);
		assert_string_equal(problems.list[0].rule, ROWS[i].rule);
		if (problems.list[0].line != ROWS[i].line)
			fail_msg("%s: line %u: %s", ROWS[i].text, problems.list[0].line,
			        problems.list[0].message);
		model_problems_done(&problems);
		arena_reset(&arena);
	}
}

static void common_mistakes_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *hint; /* NULL: none */
	} ROWS[] = {
	        {"a: 1\n\tb: 2\n", "; indent with spaces, not with a tab"},
	        {"a:\n  \tb: [\n", "; indent with spaces, not with a tab"},
	        {"a: [::1]\n", "; an IPv6 address needs quotes"}, {"a: 1\nb: [:,\n", NULL},
	        {"a: \"::1\"\nb: [\n", NULL}, /* another line */
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct model_problems problems = {0};
		struct model_node *root;
		arena_init(&arena, NULL, 0);
		assert_false(
		        model_node_read(&arena, str_of(ROWS[i].text), "f", NULL, &problems, &root));
		const char *message = problems.list[0].message, *hint = strchr(message, ';');
		if (hint == NULL ? ROWS[i].hint != NULL
		                 : ROWS[i].hint == NULL || strcmp(hint, ROWS[i].hint) != 0)
			fail_msg("%s: %s", ROWS[i].text, message);
		model_problems_done(&problems);
		arena_reset(&arena);
	}
}

static void a_mapping_has_at_most_256_keys(void **state)
{
	(void)state;
	struct text text = {0};
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	for (unsigned i = 0; i < 256; i++)
		text_addf(&text, "k%u: 1\n", i);
	assert_int_equal(read_good(&arena, text_c(&text))->count, 256);
	arena_reset(&arena);
	text_add(&text, STR("k256: 1\n"));
	assert_false(model_node_read(&arena, text_str(&text), "f", NULL, &problems, &root));
	assert_string_equal(problems.list[0].rule, "syntax");
	model_problems_done(&problems);
	arena_reset(&arena);
	text_done(&text);
}

struct counted {
	struct model_node_list list;
	unsigned count;
	bool is_in_order;
};

static void on_item(struct model_node_list *self, const struct model_node *item)
{
	struct counted *counted = container_of(self, struct counted, list);
	struct text pointer = {0};
	char expected[32];
	snprintf(expected, sizeof(expected), "/many/%u", counted->count);
	model_node_add_pointer(item, &pointer);
	counted->is_in_order &= strcmp(text_c(&pointer), expected) == 0 &&
	                        model_node_get(item, STR("a")) != NULL &&
	                        item->line == counted->count + 2;
	text_done(&pointer);
	counted->count++;
}

static void a_long_list_is_shown_item_by_item(void **state)
{
	(void)state;
	struct counted counted = {{.key = "many", .on_item = on_item}, 0, true};
	struct text text = {0};
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	text_add(&text, STR("many:\n"));
	for (unsigned i = 0; i < 5000; i++)
		text_addf(&text, "  - {a: {many: [1, 2]}, b: \"%u\"}\n", i);
	text_add(&text, STR("few: [1]\n"));
	arena_init(&arena, NULL, 0);
	assert_true(model_node_read(&arena, text_str(&text), "f", &counted.list, &problems, &root));
	assert_int_equal(counted.count, 5000);
	assert_true(counted.is_in_order);
	assert_int_equal(model_node_get(root, STR("many"))->count, 5000);
	assert_null(model_node_get(root, STR("many"))->first);
	assert_int_equal(model_node_get(root, STR("few"))->count, 1);
	assert_true(arena.allocated < 100000);
	arena_reset(&arena);
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nodes_know_their_place),
	        cmocka_unit_test(json_is_read_as_well),
	        cmocka_unit_test(an_empty_document_is_nothing),
	        cmocka_unit_test(what_is_refused_says_where),
	        cmocka_unit_test(common_mistakes_are_named),
	        cmocka_unit_test(a_mapping_has_at_most_256_keys),
	        cmocka_unit_test(a_long_list_is_shown_item_by_item),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
