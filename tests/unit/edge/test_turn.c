/*
 * Tables of steps.
 */
#include "edge/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct edge_turn_step steps[] = {
        {"begin", "it begins", 1u << 1 | 1u << 2},
        {"go on", "it goes on", 1u << 2},
        {"end", "it ends", 0},
};

static void only_the_edges_of_the_table_may_be_gone(void **state)
{
	(void)state;
	assert_true(edge_turn_may_go(steps, 0, 1));
	assert_true(edge_turn_may_go(steps, 0, 2));
	assert_false(edge_turn_may_go(steps, 0, 0));
	assert_false(edge_turn_may_go(steps, 1, 0));
	assert_false(edge_turn_may_go(steps, 2, 0));
}

static void a_table_tells_its_steps_and_where_they_lead(void **state)
{
	(void)state;
	struct text text = {.at = NULL};
	edge_turn_explain(steps, ARRAY_LENGTH(steps), &text);
	assert_string_equal(text_c(&text), "  begin     it begins\n"
	                                   "            -> go on end\n"
	                                   "  go on     it goes on\n"
	                                   "            -> end\n"
	                                   "  end       it ends\n"
	                                   "            -> (end)\n");
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_the_edges_of_the_table_may_be_gone),
	        cmocka_unit_test(a_table_tells_its_steps_and_where_they_lead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
