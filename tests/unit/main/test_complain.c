/* Problems as an operator reads them. */
#include "main/complain.h"

#include "spoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_problem_is_a_line_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		unsigned line;
		const char *field, *expected;
	} ROWS[] = {
	        {NULL, 0, "--listen",
	                "headwater serve: --listen: it is wrong [rule]; try headwater help "
	                "serve\n"},
	        {NULL, 0, "", "headwater serve: it is wrong [rule]; try headwater help serve\n"},
	        {"d.yaml", 7, "/domains/0", "d.yaml:7: /domains/0: it is wrong [rule]\n"},
	        {"d.yaml", 0, "/domains/0", "d.yaml: /domains/0: it is wrong [rule]\n"},
	        {"d.yaml", 7, "", "d.yaml:7: it is wrong [rule]\n"},
	};
	struct model_problems problems = {0};
	struct text expected = {0};
	struct spoken spoken;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		model_problems_add(&problems, ROWS[i].file, ROWS[i].line, ROWS[i].field, "rule",
		        "it is %s", "wrong");
		text_add(&expected, str_of(ROWS[i].expected));
	}
	spoken_begin(&spoken, STDERR_FILENO);
	int code = complain("serve", &problems);
	spoken_end(&spoken);
	assert_int_equal(code, 2);
	assert_string_equal(text_c(&spoken.text), text_c(&expected));
	text_done(&spoken.text);
	text_done(&expected);
	model_problems_done(&problems);
}

static void problems_that_were_not_kept_are_counted(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct spoken spoken;
	for (unsigned i = 0; i < MODEL_PROBLEMS + 3; i++)
		model_problems_add(&problems, "f", i + 1, "", "rule", "bad");
	spoken_begin(&spoken, STDERR_FILENO);
	complain("check", &problems);
	spoken_end(&spoken);
	unsigned lines = 0;
	for (size_t i = 0; i < spoken.text.len; i++)
		lines += spoken.text.at[i] == '\n';
	assert_int_equal(lines, MODEL_PROBLEMS + 1);
	assert_non_null(strstr(text_c(&spoken.text), "\nand 3 more problems\n"));
	text_done(&spoken.text);
	model_problems_done(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_problem_is_a_line_with_its_place),
	        cmocka_unit_test(problems_that_were_not_kept_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
