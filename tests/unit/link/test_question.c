/* What one can ask of a URL, and what cannot be read. */
#include "link/question.h"

#include "base/limit.h"
#include "model/json.h"
#include "model/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_question_is_read_and_reads_back(void **state)
{
	(void)state;
	const struct link_question_words words = {STR("HTTPS://WWW.A.test.:8443/b?c=\"d\""),
	        STR_EMPTY, STR("backup=503,master=refused")};
	struct link_question question, again;
	struct model_problems problems = {0};
	struct model_node *node;
	struct model_why why;
	struct text text = {0};
	struct arena arena;
	const char *place;
	arena_init(&arena, NULL, 0);
	assert_true(link_question_make(&arena, &words, &question, &place, &why));
	assert_true(question.is_https);
	assert_true(str_is_equal(question.host, STR("www.a.test")));
	assert_true(str_is_equal(question.target, STR("/b?c=\"d\"")));
	assert_true(str_is_equal(question.method, STR("GET")));
	assert_int_equal(question.fails[MODEL_MASTER].fault, FAULT_CONNECT_REFUSED);
	assert_int_equal(question.fails[MODEL_BACKUP].fault, FAULT_NONE);
	assert_int_equal(question.fails[MODEL_BACKUP].status, 503);
	link_question_print(&question, &text);
	assert_string_equal(text_c(&text),
	        "{\"url\":\"HTTPS://WWW.A.test.:8443/b?c=\\\"d\\\"\",\"method\":\"GET\","
	        "\"fail\":\"backup=503,master=refused\"}");
	assert_true(model_json_read(&arena, text_str(&text), &problems, &node));
	assert_true(link_question_read(&arena, node, &again));
	assert_true(str_is_equal(again.host, question.host));
	assert_memory_equal(again.fails, question.fails, sizeof(again.fails));
	text_done(&text);
	arena_reset(&arena);
}

static void an_empty_path_is_the_home_page(void **state)
{
	(void)state;
	const struct link_question_words words = {STR("http://a.test"), STR("HEAD"), STR_EMPTY};
	struct link_question question;
	struct model_why why;
	struct arena arena;
	const char *place;
	arena_init(&arena, NULL, 0);
	assert_true(link_question_make(&arena, &words, &question, &place, &why));
	assert_true(str_is_equal(question.target, STR("/")));
	assert_true(str_is_equal(question.method, STR("HEAD")));
	arena_reset(&arena);
}

static void failures_have_the_names_of_reasons(void **state)
{
	(void)state;
	static const struct {
		const char *word;
		enum fault fault;
		unsigned status;
	} ROWS[] = {
	        {"refused", FAULT_CONNECT_REFUSED, 0},
	        {"connect_refused", FAULT_CONNECT_REFUSED, 0},
	        {"timeout", FAULT_HEAD_TIMEOUT, 0},
	        {"connect_timeout", FAULT_CONNECT_TIMEOUT, 0},
	        {"tls", FAULT_TLS_HANDSHAKE, 0},
	        {"tls_name", FAULT_TLS_NAME, 0},
	        {"reset", FAULT_RESET, 0},
	        {"closed", FAULT_CLOSED, 0},
	        {"malformed", FAULT_MALFORMED, 0},
	        {"unreachable", FAULT_CONNECT_UNREACHABLE, 0},
	        {"200", FAULT_NONE, 200},
	        {"599", FAULT_NONE, 599},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct text fail = {0};
		struct link_question question;
		struct model_why why;
		struct arena arena;
		const char *place;
		arena_init(&arena, NULL, 0);
		text_addf(&fail, "master=%s", ROWS[i].word);
		const struct link_question_words words = {
		        STR("http://a.test/"), STR("GET"), text_str(&fail)};
		assert_true(link_question_make(&arena, &words, &question, &place, &why));
		assert_int_equal(question.fails[MODEL_MASTER].fault, ROWS[i].fault);
		assert_int_equal(question.fails[MODEL_MASTER].status, ROWS[i].status);
		text_done(&fail);
		arena_reset(&arena);
	}
}

static void what_makes_no_sense_is_told_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *url, *method, *fail, *place;
	} ROWS[] = {
	        {"", "", "", "url"},
	        {"/a", "", "", "url"},
	        {"ftp://a.test/", "", "", "url"},
	        {"http:///a", "", "", "url"},
	        {"http://a.test/#b", "", "", "url"},
	        {"http://a.test/ b", "", "", "url"},
	        {"http://a.test/\xc3\xa4", "", "", "url"},
	        {"http://u@a.test/", "", "", "url"},
	        {"http://a.test/", "get", "", "method"},
	        {"http://a.test/", "TRACE", "", "method"},
	        {"http://a.test/", "CONNECT", "", "method"},
	        {"http://a.test/", "BREW", "", "method"},
	        {"http://a.test/", "", "refused", "fail"},
	        {"http://a.test/", "", "master", "fail"},
	        {"http://a.test/", "", "slave=refused", "fail"},
	        {"http://a.test/", "", "master=", "fail"},
	        {"http://a.test/", "", "master=100", "fail"},
	        {"http://a.test/", "", "master=600", "fail"},
	        {"http://a.test/", "", "master=0200", "fail"},
	        {"http://a.test/", "", "master=dns", "fail"},
	        {"http://a.test/", "", "master=bad_request", "fail"},
	        {"http://a.test/", "", "master=truncated", "fail"},
	        {"http://a.test/", "", "master=none", "fail"},
	        {"http://a.test/", "", "master=503,master=503", "fail"},
	        {"http://a.test/", "", "master=503,,backup=503", "fail"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct link_question_words words = {
		        str_of(ROWS[i].url), str_of(ROWS[i].method), str_of(ROWS[i].fail)};
		struct link_question question;
		struct model_why why = {0};
		struct arena arena;
		const char *place = NULL;
		arena_init(&arena, NULL, 0);
		assert_false(link_question_make(&arena, &words, &question, &place, &why));
		assert_string_equal(place, ROWS[i].place);
		assert_true(why.rule[0] != '\0' && why.words[0] != '\0');
		arena_reset(&arena);
	}
}

static void a_url_has_a_longest_length(void **state)
{
	(void)state;
	struct text url = {0};
	struct link_question question;
	struct model_why why;
	struct arena arena;
	const char *place;
	arena_init(&arena, NULL, 0);
	text_add(&url, STR("http://a.test/"));
	while (url.len < LIMIT_EXPLAIN_URL_BYTES)
		text_add_char(&url, 'a');
	struct link_question_words words = {.url = text_str(&url)};
	assert_true(link_question_make(&arena, &words, &question, &place, &why));
	text_add_char(&url, 'a');
	words.url = text_str(&url);
	assert_false(link_question_make(&arena, &words, &question, &place, &why));
	text_done(&url);
	arena_reset(&arena);
}

static void what_is_no_object_of_a_question_is_none(void **state)
{
	(void)state;
	static const char *const ROWS[] = {
	        "[]",
	        "{}",
	        "{\"url\":\"http://a.test/\",\"method\":\"GET\"}",
	        "{\"url\":\"http://a.test/\",\"method\":\"GET\",\"fail\":7}",
	        "{\"url\":\"nonsense\",\"method\":\"GET\",\"fail\":\"\"}",
	        "{\"url\":\"http://a.test/\",\"method\":\"GET\",\"fail\":\"\",\"more\":1}",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct link_question question;
		struct model_problems problems = {0};
		struct model_node *node;
		struct arena arena;
		arena_init(&arena, NULL, 0);
		assert_true(model_json_read(&arena, str_of(ROWS[i]), &problems, &node));
		assert_false(link_question_read(&arena, node, &question));
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_question_is_read_and_reads_back),
	        cmocka_unit_test(an_empty_path_is_the_home_page),
	        cmocka_unit_test(failures_have_the_names_of_reasons),
	        cmocka_unit_test(what_makes_no_sense_is_told_with_its_place),
	        cmocka_unit_test(a_url_has_a_longest_length),
	        cmocka_unit_test(what_is_no_object_of_a_question_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
