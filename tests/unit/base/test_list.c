/* Intrusive lists. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
	int number;
	struct list_node node;
};

static struct item items[6];

static void fill(struct list *list, int from, int to)
{
	list_init(list);
	for (int i = from; i < to; i++) {
		items[i] = (struct item){.number = i};
		list_add_last(list, &items[i].node);
	}
}

/* The numbers in the list as decimal digits, in order. */
static int digits(const struct list *list)
{
	int all = 0;
	for (struct list_node *node = list_first(list); node != NULL; node = list_next(list, node))
		all = all * 10 + container_of(node, struct item, node)->number;
	return all;
}

static void nodes_keep_their_order(void **state)
{
	(void)state;
	struct list list;
	fill(&list, 1, 4);
	items[4] = (struct item){.number = 4};
	list_add_first(&list, &items[4].node);
	assert_int_equal(digits(&list), 4123);
	assert_ptr_equal(list_last(&list), &items[3].node);
	assert_ptr_equal(list_take_first(&list), &items[4].node);
	assert_int_equal(digits(&list), 123);
}

static void a_removed_node_is_in_no_list_and_may_be_removed_again(void **state)
{
	(void)state;
	struct list list;
	fill(&list, 1, 4);
	assert_true(list_has(&items[2].node));
	list_remove(&items[2].node);
	list_remove(&items[2].node);
	assert_false(list_has(&items[2].node));
	assert_int_equal(digits(&list), 13);
}

static void an_empty_list_has_no_first_and_no_last(void **state)
{
	(void)state;
	struct list list;
	list_init(&list);
	assert_true(list_is_empty(&list));
	assert_null(list_first(&list));
	assert_null(list_last(&list));
	assert_null(list_take_first(&list));
}

static void all_nodes_move_behind_those_of_another_list(void **state)
{
	(void)state;
	struct list to, from;
	fill(&to, 1, 3);
	fill(&from, 3, 6);
	list_move_all(&to, &from);
	assert_int_equal(digits(&to), 12345);
	assert_true(list_is_empty(&from));
	list_move_all(&to, &from);
	assert_int_equal(digits(&to), 12345);
	list_move_all(&from, &to);
	assert_int_equal(digits(&from), 12345);
}

static void the_visited_node_may_be_removed(void **state)
{
	(void)state;
	struct list list;
	fill(&list, 1, 6);
	list_each_safe (node, following, &list) {
		if (container_of(node, struct item, node)->number % 2 == 0)
			list_remove(node);
	}
	assert_int_equal(digits(&list), 135);
	int sum = 0;
	list_each (node, &list)
		sum += container_of(node, struct item, node)->number;
	assert_int_equal(sum, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nodes_keep_their_order),
	        cmocka_unit_test(a_removed_node_is_in_no_list_and_may_be_removed_again),
	        cmocka_unit_test(an_empty_list_has_no_first_and_no_last),
	        cmocka_unit_test(all_nodes_move_behind_those_of_another_list),
	        cmocka_unit_test(the_visited_node_may_be_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
