/* Edges that come, say something, and go. */
#include "fixture.h"

#include <pthread.h>
#include <time.h>

enum { LEASE_MS = 50 };

static void outlast_lease(void)
{
	const struct timespec wait = {.tv_nsec = (LEASE_MS + 10) * 1000000L};
	nanosleep(&wait, NULL);
}

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
	struct control_fleet *fleet = control_fleet_new(LEASE_MS);
	struct link_hub_edge a = {.id = "a", .applied = 3, .run = "n", .error = ""};
	struct link_hub_edge b = {.id = "b\"", .applied = 0, .run = "n", .error = ""};
	expect_print(fleet, "[]");
	assert_int_equal(control_fleet_count(fleet), 0);
	control_fleet_set(fleet, &b, 1000);
	control_fleet_set(fleet, &a, 2000);
	assert_int_equal(control_fleet_count(fleet), 2);
	expect_print(fleet, "[{\"id\":\"b\\\"\",\"run\":\"n\",\"is_connected\":true,\"applied\":0,"
	                    "\"purged\":0,\"since_ms\":1000},"
	                    "{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":3,"
	                    "\"purged\":0,\"since_ms\":2000}]");
	control_fleet_remove(fleet, &b, 3000);
	control_fleet_remove(fleet, &b, 4000);
	assert_int_equal(control_fleet_count(fleet), 1);
	expect_print(fleet, "[{\"id\":\"b\\\"\",\"run\":\"n\",\"is_connected\":false,\"applied\":0,"
	                    "\"purged\":0,\"since_ms\":3000},"
	                    "{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":3,"
	                    "\"purged\":0,\"since_ms\":2000}]");
	outlast_lease();
	expect_print(fleet, "[{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":3,"
	                    "\"purged\":0,\"since_ms\":2000}]");
	assert_int_equal(control_fleet_count(fleet), 1);
	control_fleet_free(fleet);
	control_fleet_free(NULL);
}

static void what_an_edge_says_replaces_what_it_said(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new(LEASE_MS);
	struct link_hub_edge edge = {.id = "a", .applied = 3, .run = "n", .error = ""};
	control_fleet_set(fleet, &edge, 1000);
	edge.refused = 4;
	edge.error = "\xff is no \"UTF-8\"";
	control_fleet_set(fleet, &edge, 5000);
	expect_print(fleet, "[{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":3,"
	                    "\"purged\":0,\"since_ms\":"
	                    "1000,\"refused\":4,"
	                    "\"error\":\"\xef\xbf\xbd is no \\\"UTF-8\\\"\"}]");
	edge.refused = 0;
	edge.error = "";
	edge.applied = 5;
	control_fleet_set(fleet, &edge, 9000);
	expect_print(fleet, "[{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":5,"
	                    "\"purged\":0,\"since_ms\":1000}]");
	assert_int_equal(control_fleet_count(fleet), 1);
	control_fleet_free(fleet);
}

static void several_edges_may_have_one_id(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new(LEASE_MS);
	struct link_hub_edge old = {.id = "a", .applied = 1, .run = "n", .error = ""};
	struct link_hub_edge new = {.id = "a", .applied = 2, .run = "n", .error = ""};
	control_fleet_set(fleet, &old, 1);
	control_fleet_set(fleet, &new, 2);
	/* Who is followed by another is no edge of its own any more. */
	control_fleet_remove(fleet, &old, 3);
	expect_print(fleet, "[{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":2,"
	                    "\"purged\":0,\"since_ms\":2}]");
	control_fleet_free(fleet);
}

static void on_edge(struct control_fleet_sink *sink, const char *id, uint64_t purged,
        uint64_t applied, bool is_connected)
{
	(void)sink;
	assert_true(is_connected);
	assert_string_equal(id, "n");
	assert_true(purged == 4 || purged == 7);
	assert_int_equal(applied, 0);
}

/* Of several of one name, the slowest counts. */
static void an_edge_is_found_by_its_name(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new(LEASE_MS);
	struct control_fleet_sink sink = {.on_edge = on_edge};
	struct link_hub_edge old = {.id = "n", .run = "a", .purged = 7, .error = ""};
	struct link_hub_edge new = {.id = "n", .run = "b", .purged = 4, .error = ""};
	uint64_t purged = 0;
	bool is_connected;
	assert_false(control_fleet_find(fleet, STR("n"), &purged, &is_connected));
	assert_true(control_fleet_set(fleet, &old, 1));
	assert_true(control_fleet_find(fleet, STR("n"), &purged, &is_connected));
	assert_int_equal(purged, 7);
	assert_true(control_fleet_set(fleet, &new, 2));
	assert_false(control_fleet_set(fleet, &new, 3));
	assert_true(control_fleet_find(fleet, STR("n"), &purged, &is_connected));
	assert_int_equal(purged, 4);
	assert_false(control_fleet_find(fleet, STR("a"), &purged, &is_connected));
	control_fleet_each(fleet, &sink);
	control_fleet_free(fleet);
}

/* It serves what it knows, and is most often back in a moment. */
static void who_is_gone_counts_for_a_while(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new(LEASE_MS);
	struct link_hub_edge edge = {.id = "n", .run = "a", .purged = 7, .error = ""};
	struct link_hub_edge again = {.id = "n", .run = "b", .purged = 8, .error = ""};
	uint64_t purged = 0;
	bool is_connected;
	control_fleet_expect(fleet, STR("e"), 5, 1);
	control_fleet_set(fleet, &edge, 2);
	control_fleet_expect(fleet, STR("n"), 5, 3);
	assert_int_equal(control_fleet_count(fleet), 1);
	assert_true(control_fleet_find(fleet, STR("e"), &purged, &is_connected));
	assert_false(is_connected);
	assert_int_equal(purged, 5);
	assert_true(control_fleet_find(fleet, STR("n"), &purged, &is_connected));
	assert_true(is_connected);
	assert_int_equal(purged, 7);
	control_fleet_remove(fleet, &edge, 4);
	assert_true(control_fleet_find(fleet, STR("n"), &purged, &is_connected));
	assert_false(is_connected);
	assert_true(control_fleet_set(fleet, &again, 5));
	assert_true(control_fleet_find(fleet, STR("n"), &purged, &is_connected));
	assert_true(is_connected);
	assert_int_equal(purged, 8);
	outlast_lease();
	assert_false(control_fleet_find(fleet, STR("e"), &purged, &is_connected));
	assert_true(control_fleet_find(fleet, STR("n"), &purged, &is_connected));
	control_fleet_free(fleet);
}

/* An edge that has refused ends the connection, and is told the same again when it is back. */
static void what_was_refused_stays_known(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new(LEASE_MS);
	struct link_hub_edge edge = {.id = "a", .applied = 3, .run = "n", .error = ""};
	struct link_hub_edge again = edge;
	control_fleet_set(fleet, &edge, 1);
	edge.refused = 4;
	edge.error = "why";
	control_fleet_set(fleet, &edge, 2);
	control_fleet_remove(fleet, &edge, 3);
	control_fleet_set(fleet, &again, 4);
	control_fleet_set(fleet, &again, 5);
	expect_print(fleet,
	        "[{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":3,\"purged\":0,"
	        "\"since_ms\":4,\"refused\":4,\"error\":\"why\"}]");
	again.applied = 5;
	control_fleet_set(fleet, &again, 6);
	expect_print(fleet,
	        "[{\"id\":\"a\",\"run\":\"n\",\"is_connected\":true,\"applied\":5,\"purged\":0,"
	        "\"since_ms\":4}]");
	control_fleet_free(fleet);
}

static void *come_and_go(void *argument)
{
	struct link_hub_edge edge = {.id = "a", .run = "n", .error = ""};
	for (unsigned i = 0; i < 500; i++) {
		edge.applied = i;
		control_fleet_set(argument, &edge, i);
		if (i % 3 == 0)
			control_fleet_remove(argument, &edge, i);
	}
	control_fleet_remove(argument, &edge, 0);
	return NULL;
}

static void threads_may_look_while_edges_come_and_go(void **state)
{
	(void)state;
	struct control_fleet *fleet = control_fleet_new(LEASE_MS);
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
	outlast_lease();
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
	        cmocka_unit_test(who_is_gone_counts_for_a_while),
	        cmocka_unit_test(what_was_refused_stays_known),
	        cmocka_unit_test(threads_may_look_while_edges_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
