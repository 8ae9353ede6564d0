/*
 * A domain's rules for header fields at work on one message.
 */
#include "edge/headers.h"

#include "base/hash.h"
#include "model/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
	struct model_domain *domain;
	const struct model_headers *rules;
	struct http_field fields[64];
	struct http_head head;
	struct arena arena;
};

static void set_up(struct fixture *f, const char *rules, const char *lines)
{
	static const struct http_head_limits limits = {.head_bytes = 8192, .fields = 64};
	*f = (struct fixture){.head = {.fields = f->fields, .capacity = 64}};
	struct model_why why;
	arena_init(&f->arena, NULL, 0);
	f->domain = model_domain_new();
	if (!model_list_read(
	            model_field_find(STR("headers.to_client")), f->domain, str_of(rules), &why))
		fail_msg("%s: %s", rules, why.words);
	f->rules = f->domain->headers_to_client;
	struct str text = arena_printf(&f->arena, "HTTP/1.1 200 OK\r\n%s\r\n", lines);
	size_t scanned = 0;
	enum fault fault;
	assert_int_equal(http_head_parse_response(text, &scanned, &limits, &f->head, &fault),
	        HTTP_PARSE_DONE);
}

static void tear_down(struct fixture *f)
{
	arena_reset(&f->arena);
	model_domain_unref(f->domain);
}

/* The fields as they go on: those of the head that are not marked, then what is written. */
static struct str apply(struct fixture *f, uint64_t spared)
{
	uint64_t drop[HTTP_MARK_WORDS] = {0};
	struct http_writer writer, written;
	http_writer_init(&writer, arena_alloc(&f->arena, 8192), 8192);
	edge_headers_mark(f->rules, &f->head, spared, drop);
	for (unsigned i = 0; i < f->head.count; i++)
		if (!http_mark_has(drop, i))
			http_write_field(&writer, http_head_name(&f->head, &f->head.fields[i]),
			        http_head_value(&f->head, &f->head.fields[i]));
	size_t room = edge_headers_bytes(f->rules);
	http_writer_init(&written, arena_alloc(&f->arena, room + 1), room);
	edge_headers_write(f->rules, spared, &written);
	assert_false(written.full);
	http_write(&writer, http_writer_str(&written));
	return http_writer_str(&writer);
}

static void rules_change_the_fields_that_they_name(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *before, *after;
	} ROWS[] = {
	        {"", "A: 1\r\n", "A: 1\r\n"},
	        {"delete A", "", ""},
	        {"delete A", "A: 1\r\nB: 2\r\na: 3\r\nA: 4\r\n", "B: 2\r\n"},
	        {"delete server", "Server: x\r\nB: 2\r\n", "B: 2\r\n"},
	        {"set A: 9", "B: 2\r\n", "B: 2\r\nA: 9\r\n"},
	        {"set A: 9", "A: 1\r\nB: 2\r\nA: 3\r\n", "B: 2\r\nA: 9\r\n"},
	        {"set Vary: 9", "vary: 1\r\nB: 2\r\nVARY: 3\r\n", "B: 2\r\nVary: 9\r\n"},
	        {"add A: 9", "A: 1\r\nB: 2\r\n", "A: 1\r\nB: 2\r\nA: 9\r\n"},
	        {"add A: 9, add A: 8", "", "A: 9\r\nA: 8\r\n"},
	        {"add A: 9, delete A", "A: 1\r\n", ""},
	        {"add A: 9, set a: 8, add A: 7", "A: 1\r\n", "a: 8\r\nA: 7\r\n"},
	        {"delete A, add A: 8", "A: 1\r\nA: 2\r\n", "A: 8\r\n"},
	        {"delete AB", "A: 1\r\nABC: 2\r\n", "A: 1\r\nABC: 2\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture f;
		set_up(&f, ROWS[i].rules, ROWS[i].before);
		struct str after = apply(&f, 0);
		if (!str_is_equal(after, str_of(ROWS[i].after)))
			fail_msg("%s: %.*s", ROWS[i].rules, STR_ARG(after));
		tear_down(&f);
	}
}

static void names_that_are_spared_are_left_alone(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, "set Content-Type: a, delete Content-Encoding, set X: b",
	        "Content-Type: t\r\nContent-Encoding: e\r\nX: x\r\n");
	assert_true(str_is_equal(apply(&f, EDGE_HEADERS_CONTENT),
	        STR("Content-Type: t\r\nContent-Encoding: e\r\nX: b\r\n")));
	assert_true(str_is_equal(apply(&f, EDGE_HEADERS_TYPE), STR("Content-Type: t\r\nX: b\r\n")));
	assert_true(str_is_equal(apply(&f, 0), STR("Content-Type: a\r\nX: b\r\n")));
	tear_down(&f);
}

static void marks_that_are_there_stay(void **state)
{
	(void)state;
	struct fixture f;
	uint64_t drop[HTTP_MARK_WORDS] = {1};
	set_up(&f, "delete B", "A: 1\r\nB: 2\r\nC: 3\r\n");
	edge_headers_mark(f.rules, &f.head, 0, drop);
	assert_int_equal(drop[0], 3);
	edge_headers_mark(NULL, &f.head, 0, drop);
	assert_int_equal(drop[0], 3);
	assert_int_equal(edge_headers_bytes(NULL), 0);
	tear_down(&f);
}

static void fields_that_may_be_taken_for_a_rules_are_marked(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *before;
		uint64_t marked;
	} ROWS[] = {
	        {"", "X_Key: 1\r\n", 0},
	        {"set X-Key: a", "X_Key: 1\r\nX_Ke: 2\r\nx_kEY: 3\r\nX-Key: 4\r\n", 13},
	        {"set X_Key: a", "X-Key: 1\r\nXxKey: 2\r\n", 1},
	        {"delete A-B_C", "A_B-C: 1\r\nA_B-D: 2\r\nA-B: 3\r\n", 1},
	        {"set User_Agent: a", "A: 1\r\nUser-Agent: 2\r\n", 2},
	        {"add X-Key: a", "X_Key: 1\r\n", 0},
	        {"set Key: a", "KEY: 1\r\n", 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture f;
		uint64_t drop[HTTP_MARK_WORDS] = {0};
		set_up(&f, ROWS[i].rules, ROWS[i].before);
		edge_headers_mark_alike(f.rules, &f.head, drop);
		assert_int_equal(drop[0], ROWS[i].marked);
		tear_down(&f);
	}
}

static void lines_are_filtered_by_their_names(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *before, *after;
	} ROWS[] = {
	        {"", "A: 1\r\n", "A: 1\r\n"},
	        {"delete A", "", ""},
	        {"delete Set-Cookie", "Set-Cookie: a=b\r\nA: 1\r\nset-cookie: c:d\r\n", "A: 1\r\n"},
	        {"set A: 9", "A: 1\r\nAB: 2\r\n", "AB: 2\r\n"},
	        {"add A: 9", "A: 1\r\n", "A: 1\r\n"},
	        {"delete A", "A:\r\n", ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture f;
		set_up(&f, ROWS[i].rules, "");
		struct str after = edge_headers_filter(f.rules, str_of(ROWS[i].before), &f.arena);
		if (!str_is_equal(after, str_of(ROWS[i].after)))
			fail_msg("%s: %.*s", ROWS[i].rules, STR_ARG(after));
		tear_down(&f);
	}
}

static void one_value_is_told_by_itself(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *after;
	} ROWS[] = {
	        {"", "text/a"},
	        {"set X: b", "text/a"},
	        {"set Content-Type: text/b", "text/b"},
	        {"set Content-Type: text/b, set content-type: text/c", "text/c"},
	        {"delete Content-Type", ""},
	        {"set Content-Type: text/b, delete Content-Type", ""},
	        {"delete Content-Type, set Content-Type: text/b", "text/b"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct fixture f;
		set_up(&f, ROWS[i].rules, "");
		struct str after =
		        edge_headers_value(f.rules, HTTP_NAME_CONTENT_TYPE, STR("text/a"));
		if (!str_is_equal(after, str_of(ROWS[i].after)))
			fail_msg("%s: %.*s", ROWS[i].rules, STR_ARG(after));
		tear_down(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rules_change_the_fields_that_they_name),
	        cmocka_unit_test(names_that_are_spared_are_left_alone),
	        cmocka_unit_test(marks_that_are_there_stay),
	        cmocka_unit_test(fields_that_may_be_taken_for_a_rules_are_marked),
	        cmocka_unit_test(lines_are_filtered_by_their_names),
	        cmocka_unit_test(one_value_is_told_by_itself),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
