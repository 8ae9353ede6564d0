/* The counter table, and its cells. */
#include "base/counter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_counter_has_a_whole_row(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNTERS; i++) {
		const struct counter_info *info = counter_info((enum counter)i);
		assert_true(
		        info->name[0] != '\0' && info->unit[0] != '\0' && info->words[0] != '\0');
		assert_ptr_equal(counter_name((enum counter)i), info->name);
	}
	assert_string_equal(counter_name(COUNTER_REQUESTS), "requests");
	assert_string_equal(counter_name(COUNTER_PULLS), "pulls");
}

/* A cell that is found by the name of its counter or fault is the one that has it. */
static void check_cell(unsigned part, bool is_fault, const char *name, unsigned cell)
{
	unsigned found;
	enum fault fault;
	assert_true(counter_cell_find((enum counter_part)part, is_fault, str_of(name), &found));
	assert_int_equal(found, cell);
	assert_true(cell < COUNTER_CELLS);
	assert_int_equal(counter_cell_part(cell), part);
	assert_int_equal(counter_cell_is_fault(cell, &fault), is_fault);
	if (is_fault)
		assert_string_equal(fault_name(fault), name);
	else
		assert_string_equal(counter_name(counter_cell_counter(cell)), name);
}

static void cells_are_found_by_their_names(void **state)
{
	(void)state;
	for (unsigned part = 0; part < COUNTER_PARTS; part++) {
		unsigned begin = part == COUNTER_CLIENT ? 0 : COUNTERS_CLIENT;
		unsigned end = part == COUNTER_CLIENT ? COUNTERS_CLIENT : COUNTERS;
		for (unsigned i = begin; i < end; i++)
			check_cell(part, false, counter_name((enum counter)i),
			        counter_cell((enum counter_part)part, (enum counter)i));
		for (unsigned i = 0; i < FAULT_COUNT; i++)
			check_cell(part, true, fault_name((enum fault)i),
			        counter_cell_of_fault((enum counter_part)part, (enum fault)i));
	}
}

static void buckets_of_times_have_cells_of_their_own(void **state)
{
	(void)state;
	unsigned bucket, next = COUNTER_LATENCY_CELLS;
	enum counter_latency latency, found;
	enum fault fault;
	for (unsigned i = 0; i < COUNTER_LATENCIES; i++) {
		assert_true(counter_latency_find(
		        str_of(counter_latency_name((enum counter_latency)i)), &found));
		assert_int_equal(found, i);
		for (unsigned j = 0; j < LATENCY_BUCKETS; j++, next++) {
			assert_int_equal(counter_cell_of_latency((enum counter_latency)i, j), next);
			assert_true(counter_cell_is_latency(next, &latency, &bucket));
			assert_true(latency == i && bucket == j);
			assert_false(counter_cell_is_fault(next, &fault));
			assert_int_equal(counter_cell_part(next), COUNTER_CLIENT);
		}
	}
	assert_int_equal(next, COUNTER_CELLS);
	for (unsigned cell = 0; cell < COUNTER_LATENCY_CELLS; cell++)
		assert_false(counter_cell_is_latency(cell, &latency, &bucket));
	assert_false(counter_latency_find(STR("requests"), &found));
}

static void what_has_no_cell_is_not_found(void **state)
{
	(void)state;
	unsigned cell;
	assert_false(counter_cell_find(COUNTER_CLIENT, false, STR("pulls"), &cell));
	assert_false(counter_cell_find(COUNTER_ORIGIN, false, STR("requests"), &cell));
	assert_false(counter_cell_find(COUNTER_ORIGIN, false, STR("dns"), &cell));
	assert_false(counter_cell_find(COUNTER_ORIGIN, true, STR("pulls"), &cell));
	assert_false(counter_cell_find(COUNTER_BACKUP, true, STR(""), &cell));
}

static void parts_have_names(void **state)
{
	(void)state;
	assert_string_equal(counter_part_name(COUNTER_CLIENT), "client");
	assert_string_equal(counter_part_name(COUNTER_ORIGIN), "origin");
	assert_string_equal(counter_part_name(COUNTER_BACKUP), "backup");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_counter_has_a_whole_row),
	        cmocka_unit_test(cells_are_found_by_their_names),
	        cmocka_unit_test(buckets_of_times_have_cells_of_their_own),
	        cmocka_unit_test(what_has_no_cell_is_not_found),
	        cmocka_unit_test(parts_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
