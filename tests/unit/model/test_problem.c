/* Problems: one line each, however odd what they quote. */
#include "model/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void each_problem_is_one_line_with_its_place(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct text printed = {0};
	model_problems_add(&problems, "domains.yaml", 12, "/domains/3/origin/addresses/0", "range",
	        "port %d is not in 1-65535", 70000);
	model_problems_add(&problems, "domains.yaml", 0, "", "syntax", "cannot be read");
	model_problems_add(
	        &problems, NULL, 0, "--origin", "name", "\"%s\" is no name", "a\nb\x1b[31m");
	model_problems_print(&problems, &printed);
	assert_string_equal(text_c(&printed),
	        "domains.yaml:12: /domains/3/origin/addresses/0: port 70000 is not in 1-65535 "
	        "[range]\n"
	        "domains.yaml: cannot be read [syntax]\n"
	        "--origin: \"a?b?[31m\" is no name [name]\n");
	text_done(&printed);
	model_problems_done(&problems);
	assert_int_equal(problems.count, 0);
}

static void only_the_first_hundred_are_kept(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct text printed = {0};
	for (unsigned i = 0; i < 250; i++)
		model_problems_add(&problems, NULL, 0, "x", "rule", "number %u", i);
	assert_int_equal(problems.count, MODEL_PROBLEMS);
	assert_int_equal(problems.total, 250);
	model_problems_print(&problems, &printed);
	assert_true(str_has_suffix(text_str(&printed), STR("and 150 more problems\n")));
	text_done(&printed);
	model_problems_done(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_problem_is_one_line_with_its_place),
	        cmocka_unit_test(only_the_first_hundred_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
