/* JSON: documents as trees, merge patches, domains as objects that read back to the same. */
#include "model/json.h"

#include "model/diff.h"
#include "model/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct model_node *read_good(struct arena *arena, const char *text)
{
	struct model_problems problems = {0};
	struct model_node *root;
	if (!model_json_read(arena, str_of(text), &problems, &root))
		fail_msg("%s in %s", problems.list[0].message, text);
	return root;
}

/* The tree as JSON. */
static void print_tree(const struct model_node *node, struct text *to)
{
	if (node->kind == MODEL_NODE_SCALAR && node->is_plain)
		text_add(to, node->text);
	else if (node->kind == MODEL_NODE_SCALAR)
		text_add_json(to, node->text);
	if (node->kind == MODEL_NODE_SCALAR)
		return;
	bool is_list = node->kind == MODEL_NODE_LIST;
	uint32_t count = 0;
	text_add_char(to, is_list ? '[' : '{');
	for (const struct model_node *child = node->first; child != NULL; child = child->next) {
		assert_ptr_equal(child->parent, node);
		if (count++ > 0)
			text_add_char(to, ',');
		if (!is_list) {
			text_add_json(to, child->key);
			text_add_char(to, ':');
		}
		print_tree(child, to);
	}
	assert_int_equal(count, node->count);
	text_add_char(to, is_list ? ']' : '}');
}

static void documents_become_trees(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
	        "{}",
	        "[]",
	        "null",
	        "\"a\\nb\\\"c\"",
	        "{\"a\":[1,-2,true,false,null,\"1\"],\"b\":{\"c\":{}}}",
	        "[9007199254740991,0.5,\"\xc3\xa4\"]",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
		struct arena arena;
		struct text printed = {0};
		arena_init(&arena, NULL, 0);
		print_tree(read_good(&arena, TEXTS[i]), &printed);
		assert_string_equal(text_c(&printed), TEXTS[i]);
		text_done(&printed);
		arena_reset(&arena);
	}
}

static void trees_are_printed_as_they_were_read(void **state)
{
	(void)state;
	static const struct {
		const char *text, *printed; /* NULL: as it was */
	} ROWS[] = {
	        {"{}", NULL},
	        {"[]", NULL},
	        {"null", NULL},
	        {"true", NULL},
	        {"-1", NULL},
	        {"\"\"", NULL},
	        /* Texts that look like something else stay texts. */
	        {"[\"null\",\"1\",\"true\",\"~\",\"{}\"]", NULL},
	        {"{\"\":1,\"a\\\"b\":\"c\\nd\"}", NULL},
	        {"{\"a\":[{\"b\":[[],{}]},null],\"c\":{\"d\":false}}", NULL},
	        {" { \"a\" : [ 1 , 2 ] }\n", "{\"a\":[1,2]}"},
	        {"\"\\u00e4\\/\"", "\"\xc3\xa4/\""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct text once = {0}, twice = {0};
		arena_init(&arena, NULL, 0);
		text_add(&once, STR("before "));
		model_json_print_node(read_good(&arena, ROWS[i].text), &once);
		assert_memory_equal(text_c(&once), "before ", 7);
		assert_string_equal(text_c(&once) + 7,
		        ROWS[i].printed == NULL ? ROWS[i].text : ROWS[i].printed);
		model_json_print_node(read_good(&arena, text_c(&once) + 7), &twice);
		assert_string_equal(text_c(&twice), text_c(&once) + 7);
		text_done(&once);
		text_done(&twice);
		arena_reset(&arena);
	}
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} CASES[] = {
	        {"", "is no JSON"},
	        {"a: b", "is no JSON"},
	        {"{\"a\":1,}", "is no JSON"},
	        {"{\"a\":1} {}", "is no JSON"},
	        {"{'a':1}", "is no JSON"},
	        {"{\"a\":1,\"a\":2}", "duplicate"},
	        {"[\"\\u0000\"]", "is no JSON"},
	        {"[\"\xff\"]", "is no JSON"},
	        {"[1e999]", "is no JSON"},
	        {"[99999999999999999999]", "is no JSON"},
	        {"[NaN]", "is no JSON"},
	        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "nested too deeply"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct arena arena;
		struct model_problems problems = {0};
		struct model_node *root;
		arena_init(&arena, NULL, 0);
		assert_false(model_json_read(&arena, str_of(CASES[i].text), &problems, &root));
		assert_int_equal(problems.total, 1);
		assert_string_equal(problems.list[0].rule, "syntax");
		if (strstr(problems.list[0].message, CASES[i].words) == NULL)
			fail_msg("%s: %s", CASES[i].text, problems.list[0].message);
		model_problems_done(&problems);
		arena_reset(&arena);
	}
}

/* 16 levels of brackets are read, a megabyte of them is refused and nothing else. */
static void nothing_stands_behind_a_nul(void **state)
{
	(void)state;
	static const char TEXT[] = "{\"a\":1}\0{\"a\":2}";
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	arena_init(&arena, NULL, 0);
	assert_false(model_json_read(&arena, STR(TEXT), &problems, &root));
	assert_string_equal(problems.list[0].message, "is no JSON: it has a NUL");
	model_problems_done(&problems);
	arena_reset(&arena);
}

static void depth_is_bounded(void **state)
{
	(void)state;
	struct text text = {0};
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	arena_init(&arena, NULL, 0);
	read_good(&arena, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
	for (unsigned i = 0; i < 1 << 20; i++)
		text_add_char(&text, '[');
	assert_false(model_json_read(&arena, text_str(&text), &problems, &root));
	model_problems_done(&problems);
	text_done(&text);
	arena_reset(&arena);
}

static void a_mapping_has_at_most_256_keys(void **state)
{
	(void)state;
	struct text text = {0};
	struct arena arena;
	struct model_problems problems = {0};
	struct model_node *root;
	arena_init(&arena, NULL, 0);
	for (unsigned i = 0; i < 257; i++)
		text_addf(&text, "%c\"k%u\":1", i == 0 ? '{' : ',', i);
	text_add_char(&text, '}');
	assert_false(model_json_read(&arena, text_str(&text), &problems, &root));
	assert_string_equal(problems.list[0].message, "has more than 256 keys");
	model_problems_done(&problems);
	text_done(&text);
	arena_reset(&arena);
}

/* The cases of RFC 7396, appendix A, that have an object, and some of ours. */
static void patches_merge(void **state)
{
	(void)state;
	static const struct {
		const char *target, *patch, *merged;
	} CASES[] = {
	        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
	                "{\"a\":{\"b\":\"d\"}}"},
	        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
	        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
	        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
	        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	        {"{\"a\":1,\"b\":2,\"c\":3}", "{\"b\":{\"x\":1},\"a\":null,\"d\":4}",
	                "{\"b\":{\"x\":1},\"c\":3,\"d\":4}"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct arena arena;
		struct text printed = {0};
		arena_init(&arena, NULL, 0);
		struct model_node *target = read_good(&arena, CASES[i].target);
		struct model_node *patch = read_good(&arena, CASES[i].patch);
		print_tree(model_json_merge(&arena, target, patch), &printed);
		assert_string_equal(text_c(&printed), CASES[i].merged);
		text_done(&printed);
		arena_reset(&arena);
	}
}

static void a_patch_of_null_takes_all_away(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	assert_null(model_json_merge(
	        &arena, read_good(&arena, "{\"a\":1}"), read_good(&arena, "null")));
	arena_reset(&arena);
}

/* ---- domains ---- */

static struct model_domain *domain_of(const char *text, struct model_problems *problems)
{
	struct arena arena;
	struct model_domain *domain;
	arena_init(&arena, NULL, 0);
	bool is_read =
	        model_read_domain(read_good(&arena, text), NULL, MODEL_CLASSIC, problems, &domain);
	arena_reset(&arena);
	return is_read ? domain : NULL;
}

static const char *const CANONICAL =
        "{\"name\":\"edge.test\",\"status\":\"offline\",\"revision\":7,\"debug\":true,"
        "\"origin\":{\"addresses\":[\"127.0.0.1:9001\", \"[::1]:9002:3\", \"origin.test::0\"],"
        "\"host\":\"origin.test:8080\",\"tls\":{\"verify\":false,\"ca\":\"/a \\\"b\\\\c\"},"
        "\"connect_timeout\":\"1500ms\",\"queue_s\":0.5,"
        "\"probe\":{\"path\":\"/null\",\"expect\":\"204\",\"body_contains\":\"null\"}},"
        "\"backup\":{\"addresses\":[\"127.0.0.1:9003\"],\"latch\":\"manual\","
        "\"hold_down_s\":30},"
        "\"failover\":{\"statuses\":\"500-599\",\"attempts\":2},\"all_blocked\":\"fail\","
        "\"headers\":{\"to_origin\":[\"set A: b, \\\"c\\\"\", \"delete D\"]},"
        "\"cache\":{\"mode\":\"off\",\"ttl_statuses\":[\"404:10s\", \"301:1500ms\"],"
        "\"object_max\":\"1m\"},\"stale\":{\"wait_ms\":0}}";

static void domains_are_printed_as_they_were_read(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domain *domain = domain_of(CANONICAL, &problems);
	assert_non_null(domain);
	struct text printed = {0};
	model_json_print_domain(domain, MODEL_JSON_SET, MODEL_PRINT_SECRETS, &printed);
	assert_string_equal(text_c(&printed), CANONICAL);
	text_done(&printed);
	model_domain_unref(domain);
}

/* With all fields, too, it reads back to the same; nothing is null but what is absent. */
static void all_fields_read_back(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domain *domain = domain_of(CANONICAL, &problems);
	struct text printed = {0};
	model_json_print_domain(domain, MODEL_JSON_ALL, MODEL_PRINT_SECRETS, &printed);
	struct model_domain *again = domain_of(text_c(&printed), &problems);
	assert_non_null(again);
	assert_true(model_diff_is_equal(domain, again));
	assert_int_equal(again->revision, 7);
	assert_non_null(strstr(text_c(&printed), "\"kind\":\"normal\""));
	assert_non_null(strstr(text_c(&printed), "\"server_name\":null"));
	assert_non_null(strstr(text_c(&printed), "\"bucket\":{\"endpoint\":null"));
	assert_non_null(strstr(text_c(&printed), "\"query_parameters\":[]"));
	assert_non_null(strstr(text_c(&printed), "\"to_client\":[]"));
	text_done(&printed);
	model_domain_unref(again);
	model_domain_unref(domain);
}

static void no_backup_is_null_when_all_is_told(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domain *domain = domain_of(
	        "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"b.test\"]},\"backup\":null}",
	        &problems);
	assert_non_null(domain);
	assert_null(domain->backup);
	struct text set = {0}, all = {0};
	model_json_print_domain(domain, MODEL_JSON_SET, MODEL_PRINT_SECRETS, &set);
	assert_string_equal(
	        text_c(&set), "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"b.test\"]}}");
	model_json_print_domain(domain, MODEL_JSON_ALL, MODEL_PRINT_SECRETS, &all);
	assert_non_null(strstr(text_c(&all), "},\"backup\":null,\"failover\":{"));
	struct model_domain *again = domain_of(text_c(&all), &problems);
	assert_non_null(again);
	assert_true(model_diff_is_equal(domain, again));
	model_domain_unref(again);
	text_done(&all);
	text_done(&set);
	model_domain_unref(domain);
}

static void secrets_are_masked(void **state)
{
	(void)state;
	struct model_domain *domain = model_domain_new();
	domain->name = "a.test";
	domain->origin.bucket.secret = "hush";
	struct text printed = {0};
	model_json_print_domain(domain, MODEL_JSON_ALL, MODEL_PRINT_MASKED, &printed);
	assert_null(strstr(text_c(&printed), "hush"));
	assert_non_null(strstr(text_c(&printed), "\"secret\":\"********\",\"token\":null"));
	text_done(&printed);
	model_domain_unref(domain);
}

/* What YAML leaves to the reader JSON says: a text is no number, and a number no text. */
static void types_are_what_they_are(void **state)
{
	(void)state;
	static const struct {
		const char *fields, *pointer, *message;
	} CASES[] = {
	        {"\"debug\":\"on\"", "/debug", "must be true or false"},
	        {"\"debug\":1", "/debug", "must be true or false"},
	        {"\"status\":true", "/status", "must be a text"},
	        {"\"failover\":{\"attempts\":\"3\"}", "/failover/attempts", "must be a number"},
	        {"\"failover\":{\"attempts\":true}", "/failover/attempts", "must be a number"},
	        {"\"failover\":{\"attempts\":2.5}", "/failover/attempts", "\"2.5\" is no number"},
	        {"\"failover\":{\"budget_s\":\"3\"}", "/failover/budget_s", "must be a number"},
	        {"\"failover\":[]", "/failover", "must be a mapping of fields"},
	        {"\"failover\":3", "/failover", "must be a mapping of fields"},
	        {"\"detect\":{\"statuses\":true}", "/detect/statuses",
	                "must be a text or a number"},
	        {"\"detect\":{\"statuses\":[true]}", "/detect/statuses/0",
	                "each item of this list is a text"},
	        {"\"cache\":{\"query_parameters\":\"a\"}", "/cache/query_parameters",
	                "must be a list of texts"},
	        {"\"headers\":{\"to_client\":\"delete A\"}", "/headers/to_client",
	                "must be a list of texts"},
	        {"\"headers\":{\"to_client\":[\"delete A\",\"delete Via\"]}",
	                "/headers/to_client/1",
	                "\"delete Via\" names a field that Headwater itself writes, against loops"},
	        {"\"headers\":{\"to_client\":[\"set A: b\\r\\nC: d\"]}", "/headers/to_client/0",
	                "\"set A: b??C: d\" has a value with line ends, control characters or "
	                "letters "
	                "beyond ASCII"},
	        {"\"cache\":{\"ttl_statuses\":[404]}", "/cache/ttl_statuses/0",
	                "each item of this list is a text"},
	        {"\"stale\":{\"if_error\":5}", "/stale/if_error", "must be a text"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct text text = {0};
		struct model_problems problems = {0};
		text_addf(&text, "{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"b.test\"]},%s}",
		        CASES[i].fields);
		assert_null(domain_of(text_c(&text), &problems));
		assert_string_equal(problems.list[0].field, CASES[i].pointer);
		assert_string_equal(problems.list[0].message, CASES[i].message);
		model_problems_done(&problems);
		text_done(&text);
	}
}

static void every_fraction_of_a_second_reads_back(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	for (uint32_t ms = 1; ms < 30000; ms += ms < 1000 ? 1 : 97) {
		struct text text = {0};
		struct model_domain *domain = model_domain_new();
		domain->name = "a.test";
		domain->origin.addresses = &(struct model_address){.host = "b.test", .weight = 1};
		domain->origin.address_count = 1;
		domain->origin.queue_ms = ms;
		model_json_print_domain(domain, MODEL_JSON_SET, MODEL_PRINT_SECRETS, &text);
		struct model_domain *again = domain_of(text_c(&text), &problems);
		if (again == NULL)
			fail_msg("%s in %s", problems.list[0].message, text_c(&text));
		assert_int_equal(again->origin.queue_ms, ms);
		model_domain_unref(again);
		model_domain_unref(domain);
		text_done(&text);
	}
}

static void numbers_may_stand_for_sizes_and_statuses(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domain *domain =
	        domain_of("{\"name\":\"a.test\",\"origin\":{\"addresses\":[\"b.test\"]},"
	                  "\"request_body_max\":1024,\"detect\":{\"statuses\":[500,\"502-503\"]},"
	                  "\"failover\":{\"statuses\":404,\"budget_s\":1.5}}",
	                &problems);
	assert_non_null(domain);
	assert_int_equal(domain->request_body_max, 1024);
	assert_true(model_statuses_has(&domain->detect_statuses, 500));
	assert_true(model_statuses_has(&domain->detect_statuses, 503));
	assert_false(model_statuses_has(&domain->detect_statuses, 501));
	assert_true(model_statuses_has(&domain->failover_statuses, 404));
	assert_int_equal(domain->failover_budget_ms, 1500);
	model_domain_unref(domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(documents_become_trees),
	        cmocka_unit_test(trees_are_printed_as_they_were_read),
	        cmocka_unit_test(what_is_no_json_is_refused),
	        cmocka_unit_test(nothing_stands_behind_a_nul),
	        cmocka_unit_test(depth_is_bounded),
	        cmocka_unit_test(a_mapping_has_at_most_256_keys),
	        cmocka_unit_test(patches_merge),
	        cmocka_unit_test(a_patch_of_null_takes_all_away),
	        cmocka_unit_test(domains_are_printed_as_they_were_read),
	        cmocka_unit_test(all_fields_read_back),
	        cmocka_unit_test(no_backup_is_null_when_all_is_told),
	        cmocka_unit_test(secrets_are_masked),
	        cmocka_unit_test(types_are_what_they_are),
	        cmocka_unit_test(every_fraction_of_a_second_reads_back),
	        cmocka_unit_test(numbers_may_stand_for_sizes_and_statuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
