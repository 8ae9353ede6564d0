/* The lines of an edge's UNIX socket: what is read, what each mistake is told with, what is
 * printed.
 */
#include "link/command.h"

#include "base/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define PURGE(what, values, rest)                                                                  \
	"{\"v\":1,\"do\":\"purge\",\"what\":\"" what "\",\"values\":[" values "]" rest "}"
#define HARD ",\"mode\":\"hard\""

static void requests_are_read_into_their_normal_form(void **state)
{
	(void)state;
	static const struct {
		const char *line, *printed;
	} ROWS[] = {
	        {PURGE("url", "\"http://www.example.com/a?b=c\"", HARD), NULL},
	        {PURGE("url", "\"HTTPS://WWW.Example.com.:8443/A%2f?\"", HARD),
	                PURGE("url", "\"https://www.example.com/A%2f?\"", HARD)},
	        {PURGE("url", "\"http://[2001:DB8::1]:80/\",\"http://h/'\\\"\\\\\"", HARD),
	                PURGE("url", "\"http://[2001:db8::1]/\",\"http://h/'\\\"\\\\\"", HARD)},
	        {PURGE("prefix", "\"https://h/img/\"", ",\"mode\":\"soft\""), NULL},
	        {PURGE("domain", "\"*.Example.com\",\"m\\u00fcnchen.test\"", HARD),
	                PURGE("domain", "\"*.example.com\",\"xn--mnchen-3ya.test\"", HARD)},
	        {PURGE("tag", "\"a b\"", HARD), ""},
	        {PURGE("tag", "\"Post-1\",\"x:y/z;\"", ",\"domain\":\"A.test\"" HARD),
	                PURGE("tag", "\"Post-1\",\"x:y/z;\"", ",\"domain\":\"a.test\"" HARD)},
	        {" { \"mode\" : \"soft\", \"values\" : [ \"http://h/\" ], \"what\" : \"url\", "
	         "\"do\" : \"purge\", \"v\" : 1 } \r",
	                PURGE("url", "\"http://h/\"", ",\"mode\":\"soft\"")},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct link_purge purge;
		struct text printed = {0}, error = {0};
		const char *expected = ROWS[i].printed != NULL ? ROWS[i].printed : ROWS[i].line;
		arena_init(&arena, NULL, 0);
		bool is_read = link_command_read(&arena, str_of(ROWS[i].line), &purge, &error);
		if (is_read != (expected[0] != '\0'))
			fail_msg("%s: %s", ROWS[i].line, text_c(&error));
		if (is_read) {
			link_command_print(&purge, &printed);
			assert_int_equal(printed.at[--printed.len], '\n');
			printed.at[printed.len] = '\0';
			assert_string_equal(text_c(&printed), expected);
		}
		text_done(&printed);
		text_done(&error);
		arena_reset(&arena);
	}
}

static void the_parts_of_a_purge_are_apart(void **state)
{
	(void)state;
	struct arena arena;
	struct link_purge purge;
	struct text error = {0};
	arena_init(&arena, NULL, 0);
	assert_true(link_command_read(&arena,
	        STR(PURGE(
	                "prefix", "\"https://A.test:1/b?c\",\"http://d/e\"", ",\"mode\":\"soft\"")),
	        &purge, &error));
	assert_int_equal(purge.what, LINK_PURGE_PREFIX);
	assert_true(purge.is_soft);
	assert_int_equal(purge.domain.len, 0);
	assert_int_equal(purge.count, 2);
	assert_true(purge.items[0].is_https);
	assert_true(str_is_equal(purge.items[0].host, STR("a.test")));
	assert_true(str_is_equal(purge.items[0].target, STR("/b?c")));
	assert_false(purge.items[1].is_https);
	assert_true(link_command_read(
	        &arena, STR(PURGE("tag", "\"t\"", ",\"domain\":\"a\"" HARD)), &purge, &error));
	assert_int_equal(purge.what, LINK_PURGE_TAG);
	assert_true(str_is_equal(purge.domain, STR("a")));
	assert_true(str_is_equal(purge.items[0].name, STR("t")));
	arena_reset(&arena);
}

static void what_makes_no_sense_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *line, *words;
	} ROWS[] = {
	        {"", "JSON object"},
	        {"GET / HTTP/1.1", "JSON object"},
	        {"[1]", "JSON object"},
	        {"{\"v\":1", "line of JSON"},
	        {"{\"v\":1,\"v\":1}", "is here twice"},
	        {"{}", "v is not 1"},
	        {"{\"v\":2,\"later\":1}", "v is not 1"},
	        {"{\"v\":\"1\",\"do\":\"purge\"}", "v is not 1"},
	        {"{\"v\":[1]}", "v is not 1"},
	        {"{\"v\":1}", "do is not purge"},
	        {"{\"v\":1,\"do\":\"burn\"}", "do is not purge"},
	        {PURGE("url", "\"http://h/\"", HARD ",\"x\":1"), "\"x\" is no field"},
	        {PURGE("url", "\"http://h/\"", ""), "mode is neither"},
	        {PURGE("url", "\"http://h/\"", ",\"mode\":\"HARD\""), "mode is neither"},
	        {PURGE("urls", "\"http://h/\"", HARD), "what is not one of"},
	        {PURGE("url", "", HARD), "no list of 1 to 128"},
	        {PURGE("url", "null", HARD), "no list of 1 to 128"},
	        {PURGE("url", "[\"http://h/\"]", HARD), "no list of 1 to 128"},
	        {"{\"v\":1,\"do\":\"purge\",\"what\":\"url\",\"values\":\"http://h/\"" HARD "}",
	                "no list of 1 to 128"},
	        {PURGE("url", "\"http://h/\"", ",\"domain\":\"h\"" HARD), "only a purge of tags"},
	        {PURGE("tag", "\"t\"", HARD), "tags has a domain"},
	        {PURGE("tag", "\"t\"", ",\"domain\":[]" HARD), "tags has a domain"},
	        {PURGE("tag", "\"t\"", ",\"domain\":\"a..b\"" HARD), "\"a..b\""},
	        {PURGE("tag", "\"\"", ",\"domain\":\"a\"" HARD), "1-1024"},
	        {PURGE("tag", "\"a,b\"", ",\"domain\":\"a\"" HARD), "is no tag"},
	        {PURGE("domain", "\"http://h/\"", HARD), "\"http://h/\""},
	        {PURGE("url", "\"h/a\"", HARD), "\"h/a\" is no URL"},
	        {PURGE("url", "\"ftp://h/a\"", HARD), "is no URL"},
	        {PURGE("url", "\"http:///a\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://u@h/a\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://h/a#b\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://h/a b\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://h/\\n\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://h/\\u00e4\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://h:0/\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://h?x\"", HARD), "is no URL"},
	        {PURGE("url", "\"http://h\"", HARD), "has no path"},
	        {PURGE("url", "\"http://h/\",\"http://h:80\"", HARD), "has no path"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct link_purge purge = {.count = 77};
		struct text error = {0};
		arena_init(&arena, NULL, 0);
		if (link_command_read(&arena, str_of(ROWS[i].line), &purge, &error))
			fail_msg("%s was read", ROWS[i].line);
		if (strstr(text_c(&error), ROWS[i].words) == NULL)
			fail_msg("%s: %s", ROWS[i].line, text_c(&error));
		assert_int_equal(purge.count, 77);
		text_done(&error);
		arena_reset(&arena);
	}
}

static void a_purge_has_at_most_128_values(void **state)
{
	(void)state;
	struct arena arena;
	struct link_purge purge = {.what = LINK_PURGE_TAG}, again;
	struct model_why why;
	struct text line = {0}, error = {0};
	arena_init(&arena, NULL, 0);
	assert_true(link_command_set_domain(&purge, &arena, STR("a"), &why));
	for (unsigned i = 0; i < LIMIT_PURGE_VALUES; i++)
		assert_true(link_command_add(&purge, &arena, STR("t"), &why));
	assert_false(link_command_add(&purge, &arena, STR("t"), &why));
	assert_string_equal(why.rule, "limit");
	assert_int_equal(purge.count, LIMIT_PURGE_VALUES);
	link_command_print(&purge, &line);
	line.len--;
	assert_true(link_command_read(&arena, text_str(&line), &again, &error));
	assert_int_equal(again.count, LIMIT_PURGE_VALUES);
	text_clear(&line);
	text_add(&line, STR("{\"v\":1,\"do\":\"purge\",\"what\":\"tag\",\"values\":["));
	for (unsigned i = 0; i <= LIMIT_PURGE_VALUES; i++)
		text_addf(&line, "%st", i == 0 ? "" : ",");
	text_add(&line, STR("],\"domain\":\"a\"" HARD "}"));
	assert_false(link_command_read(&arena, text_str(&line), &again, &error));
	text_done(&line);
	text_done(&error);
	arena_reset(&arena);
}

static void a_tag_has_at_most_1024_bytes(void **state)
{
	(void)state;
	struct arena arena;
	struct link_purge purge = {.what = LINK_PURGE_TAG};
	struct model_why why;
	char tag[LIMIT_TAG_BYTES + 1];
	arena_init(&arena, NULL, 0);
	memset(tag, 't', sizeof(tag));
	assert_true(link_command_add(&purge, &arena, str_make(tag, sizeof(tag) - 1), &why));
	assert_false(link_command_add(&purge, &arena, str_make(tag, sizeof(tag)), &why));
	assert_string_equal(why.rule, "range");
	arena_reset(&arena);
}

static void answers_read_back(void **state)
{
	(void)state;
	static const struct {
		struct link_answer answer;
		const char *line;
	} ROWS[] = {
	        {{.purged = 0}, "{\"ok\":true,\"purged\":0}\n"},
	        {{.purged = UINT64_MAX}, "{\"ok\":true,\"purged\":18446744073709551615}\n"},
	        {{.error = {"a \"b\"\n", 6}}, "{\"ok\":false,\"error\":\"a \\\"b\\\"\\n\"}\n"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct text line = {0};
		struct link_answer answer;
		arena_init(&arena, NULL, 0);
		link_command_print_answer(&ROWS[i].answer, &line);
		assert_string_equal(text_c(&line), ROWS[i].line);
		assert_true(
		        link_command_read_answer(&arena, str_make(line.at, line.len - 1), &answer));
		assert_true(answer.purged == ROWS[i].answer.purged);
		assert_true(str_is_equal(answer.error, ROWS[i].answer.error));
		text_done(&line);
		arena_reset(&arena);
	}
}

static void what_is_no_answer_is_none(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        "",
	        "HTTP/1.1 400 Bad Request",
	        "{",
	        "[]",
	        "{\"purged\":1}",
	        "{\"ok\":1,\"purged\":1}",
	        "{\"ok\":\"true\",\"purged\":1}",
	        "{\"ok\":true}",
	        "{\"ok\":true,\"purged\":-1}",
	        "{\"ok\":true,\"purged\":[]}",
	        "{\"ok\":false}",
	        "{\"ok\":false,\"error\":\"\"}",
	        "{\"ok\":false,\"error\":{}}",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct link_answer answer;
		arena_init(&arena, NULL, 0);
		if (link_command_read_answer(&arena, str_of(ROWS[i]), &answer))
			fail_msg("%s", ROWS[i]);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(requests_are_read_into_their_normal_form),
	        cmocka_unit_test(the_parts_of_a_purge_are_apart),
	        cmocka_unit_test(what_makes_no_sense_is_told),
	        cmocka_unit_test(a_purge_has_at_most_128_values),
	        cmocka_unit_test(a_tag_has_at_most_1024_bytes),
	        cmocka_unit_test(answers_read_back),
	        cmocka_unit_test(what_is_no_answer_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
