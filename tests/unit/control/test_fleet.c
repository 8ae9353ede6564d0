/* Edges that come, say something, and go. */
#include "fixture.h"

#include <pthread.h>

static void expect_print(struct control_fleet *fleet, const char *expected)
{
	struct text text = {0};
	control_fleet_print(fleet, &text);
	assert_string_equal(text_c(&text), expected);
	text_done(&text);
}

static void edges_are_told_in_the_order_in_which_they_came(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new();
	struct link_hub_edge a = {.id = "a", .applied = 3, .run = "n", .error = ""};
	struct link_hub_edge b = {.id = "b\"", .applied = 0, .run = "n", .error = ""};
	expect_print(fleet, "[]");
	assert_int_equal(control_fleet_count(fleet), 0);
	control_fleet_set(fleet, &b, 1000);
	control_fleet_set(fleet, &a, 2000);
	assert_int_equal(control_fleet_count(fleet), 2);
	expect_print(fleet,
	        "[{\"id\":\"b\\\"\",\"run\":\"n\",\"applied\":0,\"purged\":0,\"since_ms\":1000},"
	        "{\"id\":\"a\",\"run\":\"n\",\"applied\":3,\"purged\":0,\"since_ms\":2000}]");
	control_fleet_remove(fleet, &b);
	control_fleet_remove(fleet, &b);
	expect_print(fleet,
	        "[{\"id\":\"a\",\"run\":\"n\",\"applied\":3,\"purged\":0,\"since_ms\":2000}]");
	assert_int_equal(control_fleet_count(fleet), 1);
	control_fleet_free(fleet);
	control_fleet_free(NULL);
}

static void what_an_edge_says_replaces_what_it_said(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new();
	struct link_hub_edge edge = {.id = "a", .applied = 3, .run = "n", .error = ""};
	control_fleet_set(fleet, &edge, 1000);
	edge.refused = 4;
	edge.error = "\xff is no \"UTF-8\"";
	control_fleet_set(fleet, &edge, 5000);
	expect_print(fleet, "[{\"id\":\"a\",\"run\":\"n\",\"applied\":3,\"purged\":0,\"since_ms\":"
	                    "1000,\"refused\":4,"
	                    "\"error\":\"\xef\xbf\xbd is no \\\"UTF-8\\\"\"}]");
	edge.refused = 0;
	edge.error = "";
	edge.applied = 5;
	control_fleet_set(fleet, &edge, 9000);
	expect_print(fleet,
	        "[{\"id\":\"a\",\"run\":\"n\",\"applied\":5,\"purged\":0,\"since_ms\":1000}]");
	assert_int_equal(control_fleet_count(fleet), 1);
	control_fleet_free(fleet);
}

static void several_edges_may_have_one_id(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new();
	struct link_hub_edge old = {.id = "a", .applied = 1, .run = "n", .error = ""};
	struct link_hub_edge new = {.id = "a", .applied = 2, .run = "n", .error = ""};
	control_fleet_set(fleet, &old, 1);
	control_fleet_set(fleet, &new, 2);
	control_fleet_remove(fleet, &old);
	expect_print(
	        fleet, "[{\"id\":\"a\",\"run\":\"n\",\"applied\":2,\"purged\":0,\"since_ms\":2}]");
	control_fleet_free(fleet);
}

static void on_edge(
        struct control_fleet_sink *sink, const char *id, uint64_t purged, uint64_t applied)
{
	(void)sink;
	assert_string_equal(id, "n");
	assert_true(purged == 4 || purged == 7);
	assert_int_equal(applied, 0);
}

/* Of several of one name, the slowest counts. */
static void an_edge_is_found_by_its_name(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new();
	struct control_fleet_sink sink = {.on_edge = on_edge};
	struct link_hub_edge old = {.id = "n", .run = "a", .purged = 7, .error = ""};
	struct link_hub_edge new = {.id = "n", .run = "b", .purged = 4, .error = ""};
	uint64_t purged = 0;
	assert_false(control_fleet_find(fleet, STR("n"), &purged));
	assert_true(control_fleet_set(fleet, &old, 1));
	assert_true(control_fleet_find(fleet, STR("n"), &purged));
	assert_int_equal(purged, 7);
	assert_true(control_fleet_set(fleet, &new, 2));
	assert_false(control_fleet_set(fleet, &new, 3));
	assert_true(control_fleet_find(fleet, STR("n"), &purged));
	assert_int_equal(purged, 4);
	assert_false(control_fleet_find(fleet, STR("a"), &purged));
	control_fleet_each(fleet, &sink);
	control_fleet_free(fleet);
}

static void *come_and_go(void *argument)
{
	struct link_hub_edge edge = {.id = "a", .run = "n", .error = ""};
	for (unsigned i = 0; i < 500; i++) {
		edge.applied = i;
		control_fleet_set(argument, &edge, i);
		if (i % 3 == 0)
			control_fleet_remove(argument, &edge);
	}
	control_fleet_remove(argument, &edge);
	return NULL;
}

static void threads_may_look_while_edges_come_and_go(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new();
	pthread_t threads[2];
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, fleet), 0);
	for (unsigned i = 0; i < 500; i++) {
		struct text text = {0};
		control_fleet_print(fleet, &text);
		assert_int_equal(text.at[text.len - 1], ']');
		assert_true(control_fleet_count(fleet) <= 2);
		text_done(&text);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	expect_print(fleet, "[]");
	control_fleet_free(fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(edges_are_told_in_the_order_in_which_they_came),
	        cmocka_unit_test(what_an_edge_says_replaces_what_it_said),
	        cmocka_unit_test(several_edges_may_have_one_id),
	        cmocka_unit_test(an_edge_is_found_by_its_name),
	        cmocka_unit_test(threads_may_look_while_edges_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
