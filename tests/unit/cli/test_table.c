/* Rows in columns. */
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	(void)state;
	static const char *const TITLES[] = {"NAME", "N", "REST", NULL};
	struct cli_table table;
	struct text text = {0};
	cli_table_begin(&table, TITLES);
	cli_table_add(&table, STR("a.example"));
	cli_table_add(&table, STR("1"));
	cli_table_add(&table, STR("what follows"));
	cli_table_add(&table, STR("b"));
	cli_table_add(&table, STR_EMPTY);
	cli_table_add(&table, STR("\x1b\xc3\xa4"));
	cli_table_end(&table, &text);
	assert_string_equal(text_c(&text), "NAME       N  REST\n"
	                                   "a.example  1  what follows\n"
	                                   "b          -  \\x1b\xc3\xa4\n");
	text_done(&text);
}

static void a_table_may_have_its_titles_alone(void **state)
{
	(void)state;
	static const char *const TITLES[] = {"A", "B", NULL};
	struct cli_table table;
	struct text text = {0};
	cli_table_begin(&table, TITLES);
	cli_table_end(&table, &text);
	assert_string_equal(text_c(&text), "A  B\n");
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
	        cmocka_unit_test(a_table_may_have_its_titles_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
