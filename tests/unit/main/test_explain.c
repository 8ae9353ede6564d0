/* What the program prints of its own tables. */
#include "main/explain.h"

#include "spoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_step_of_both_tables_is_printed(void **state)
{
	(void)state;
	static const char *const LINES[] = {
#define REQUEST_STEP(id, name, next, words) name,
#include "edge/request_steps.def"
#undef REQUEST_STEP
#define FILL_STEP(id, name, next, words) name,
#include "edge/fill_steps.def"
#undef FILL_STEP
	};
	struct spoken spoken;
	spoken_begin(&spoken, STDOUT_FILENO);
	int code = explain_steps();
	spoken_end(&spoken);
	assert_int_equal(code, 0);
	assert_non_null(strstr(text_c(&spoken.text), "client's request:\n"));
	assert_non_null(strstr(text_c(&spoken.text), "origin-pull:\n"));
	for (size_t i = 0; i < ARRAY_LENGTH(LINES); i++)
		assert_non_null(strstr(text_c(&spoken.text), LINES[i]));
	text_done(&spoken.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_step_of_both_tables_is_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
