/* Refusals as lines and exit codes. */
#include "cli/problem.h"

#include "answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_status_has_its_exit_code(void **state)
{
	(void)state;
	static const struct {
		unsigned status;
		enum cli_exit code;
	} ROWS[] = {{400, CLI_EXIT_FAILED}, {401, CLI_EXIT_FORBIDDEN}, {403, CLI_EXIT_FORBIDDEN},
	        {404, CLI_EXIT_ABSENT}, {409, CLI_EXIT_CONFLICT}, {412, CLI_EXIT_CONFLICT},
	        {422, CLI_EXIT_FAILED}, {428, CLI_EXIT_CONFLICT}, {429, CLI_EXIT_FAILED},
	        {500, CLI_EXIT_FAILED}, {503, CLI_EXIT_FAILED}, {302, CLI_EXIT_UNREACHABLE},
	        {0, CLI_EXIT_UNREACHABLE}, {600, CLI_EXIT_UNREACHABLE}};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
		assert_int_equal(cli_problem_exit(ROWS[i].status), ROWS[i].code);
}

static void an_answer_is_told_as_check_tells_it(void **state)
{
	(void)state;
	static const struct {
		unsigned status;
		const char *json, *lines;
	} ROWS[] = {
	        {404,
	                "{\"type\":\"/problems/no-such-domain\",\"title\":\"There is none\","
	                "\"detail\":\"there is no domain a.test\"}",
	                "headwater domain set: There is none: there is no domain a.test "
	                "[no-such-domain]\n"},
	        {422,
	                "{\"type\":\"/problems/invalid\",\"title\":\"It breaks a rule\",\"detail\":"
	                "\"wrong\",\"errors\":[{\"pointer\":\"/origin/host\",\"rule\":\"R2\","
	                "\"detail\":\"wrong\"},{\"detail\":\"bad\"},7]}",
	                "headwater domain set: It breaks a rule [invalid]\n/origin/host: wrong "
	                "[R2]\n"
	                "bad\n\n"},
	        {401, "{\"type\":\"/problems/unauthenticated\",\"title\":\"Who?\"}",
	                "headwater domain set: Who? [unauthenticated]; try headwater login\n"},
	        {412,
	                "{\"type\":\"/problems/precondition-failed\",\"title\":\"Late\","
	                "\"revision\":7,\"changes\":[\"debug: off -> on\"]}",
	                "headwater domain set: Late [precondition-failed]\nWhat has changed:\n"
	                "    debug: off -> on\n"},
	        {502, NULL, "headwater domain set: the control plane answered 502 (Bad Gateway)\n"},
	        {302, "{}", "headwater domain set: the control plane answered 302 (Found)\n"},
	        {400, "[]", "headwater domain set: the control plane answered 400 (Bad Request)\n"},
	        {400, "{\"title\":\"\\u001b[2J\\n\",\"errors\":[{\"pointer\":\"/\\u009b\"}]}",
	                "headwater domain set: \\x1b[2J\\x0a\n/\\u009b: \n"},
	};
	const struct cli_problem_source source = {.command = "domain set"};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct arena arena;
		struct text lines = {0};
		arena_init(&arena, NULL, 0);
		cli_problem_add(&source, ROWS[i].status,
		        ROWS[i].json == NULL ? NULL : answer_of(&arena, ROWS[i].json), &lines);
		assert_string_equal(text_c(&lines), ROWS[i].lines);
		text_done(&lines);
		arena_reset(&arena);
	}
}

static void what_was_in_a_file_is_told_with_its_line(void **state)
{
	(void)state;
	static const char FILE_TEXT[] = "domains:\n- name: a.test\n  origin:\n    host: b\n";
	struct model_problems problems = {0};
	struct model_node *content;
	struct text lines = {0};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	assert_true(model_node_read(&arena, STR(FILE_TEXT), "d.yaml", NULL, &problems, &content));
	const struct cli_problem_source source = {
	        .command = "apply", .file = "d.yaml", .content = content};
	cli_problem_add(&source, 422,
	        answer_of(&arena,
	                "{\"title\":\"No\",\"errors\":[{\"pointer\":"
	                "\"/domains/0/origin/host\",\"rule\":\"x\",\"detail\":\"bad\"}]}"),
	        &lines);
	assert_string_equal(
	        text_c(&lines), "headwater apply: No\nd.yaml:4: /domains/0/origin/host: bad [x]\n");
	text_done(&lines);
	arena_reset(&arena);
}

static void ones_own_mistakes_say_where_help_is(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct text lines = {0};
	model_problems_add(&problems, NULL, 0, "--limit", "syntax", "it is a number");
	model_problems_add(&problems, "d.yaml", 0, "", "file", "cannot be read");
	cli_problem_add_own(STR("domain list"), &problems, &lines);
	assert_string_equal(text_c(&lines),
	        "headwater domain list: --limit: it is a number [syntax]; try headwater help "
	        "domain list\nd.yaml: cannot be read [file]\n");
	text_done(&lines);
	model_problems_done(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_status_has_its_exit_code),
	        cmocka_unit_test(an_answer_is_told_as_check_tells_it),
	        cmocka_unit_test(what_was_in_a_file_is_told_with_its_line),
	        cmocka_unit_test(ones_own_mistakes_say_where_help_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
