/* Differences of domains and of lists. */
#include "model/diff.h"

#include "base/hash.h"
#include "model/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct model_domains read_good(const char *text)
{
	struct model_problems problems = {0};
	struct model_domains domains;
	if (!model_read_domains(str_of(text), "f", MODEL_CLASSIC, &problems, &domains))
		fail_msg("%s in %s", problems.list[0].message, text);
	return domains;
}

#define ONE(rest) "domains: [{name: a.test, origin: {addresses: [\"x:1\"]" rest "}]"

static void each_field_that_differs_is_a_line(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after, *printed;
	} ROWS[] = {
	        {ONE("}"), ONE(", connect_timeout: 5s}, revision: 9"), ""},
	        {ONE("}"), ONE(", connect_timeout: 2s}, debug: on"),
	                "debug: off -> on\norigin.connect_timeout: 5s -> 2s\n"},
	        {ONE(", tls: {ca: /a}}"), ONE("}"), "origin.tls.ca: /a -> none\n"},
	        {ONE("}"),
	                ONE("}, backup: {addresses: [\"y:1:2\", z], head_timeout: 3s, latch: "
	                    "manual}"),
	                "backup.addresses: none -> y:1:2, z\nbackup.head_timeout: none -> 3s\n"
	                "backup.latch: off -> manual\n"},
	        {ONE("}, backup: {addresses: [y]}"), ONE("}"), "backup.addresses: y -> none\n"},
	        {ONE("}, detect: {statuses: \"500\"}"), ONE("}"), "detect.statuses: 500 -> none\n"},
	        {ONE("}, cache: {ttl_statuses: [\"404:1s\"]}"),
	                ONE("}, cache: {ttl_statuses: [\"404:1s\", \"410:1m\"], mode: on}"),
	                "cache.ttl_statuses: 404:1s -> 404:1s, 410:60s\n"},
	        {ONE("}, headers: {to_client: [delete A]}"),
	                ONE("}, headers: {to_client: [\"set A: b, c\", delete B]}"),
	                "headers.to_client: delete A -> \"set A: b, c\", delete B\n"},
	        {ONE("}, cache: {query: chosen, query_parameters: [a, b]}"), ONE("}"),
	                "cache.query: chosen -> keep\ncache.query_parameters: a, b -> none\n"},
	        {ONE("}, cache: {mode: on}, stale: {if_error: 24h}"), ONE("}"), ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_domains before = read_good(ROWS[i].before);
		struct model_domains after = read_good(ROWS[i].after);
		struct text printed = {0};
		model_diff_print(before.list[0], after.list[0], &printed);
		assert_string_equal(text_c(&printed), ROWS[i].printed);
		assert_int_equal(model_diff_is_equal(before.list[0], after.list[0]),
		        ROWS[i].printed[0] == '\0');
		text_done(&printed);
		model_domains_done(&before);
		model_domains_done(&after);
	}
}

static void what_is_created_or_removed_is_told_whole(void **state)
{
	(void)state;
	struct model_domains domains = read_good(ONE("}, debug: on"));
	struct text printed = {0};
	model_diff_print(NULL, domains.list[0], &printed);
	assert_string_equal(text_c(&printed),
	        "name: none -> a.test\ndebug: none -> on\norigin.addresses: none -> x:1\n");
	text_clear(&printed);
	model_diff_print(domains.list[0], NULL, &printed);
	assert_string_equal(text_c(&printed),
	        "name: a.test -> none\ndebug: on -> none\norigin.addresses: x:1 -> none\n");
	text_clear(&printed);
	model_diff_print(NULL, NULL, &printed);
	assert_int_equal(printed.len, 0);
	text_done(&printed);
	model_domains_done(&domains);
}

static void secrets_are_masked(void **state)
{
	(void)state;
	struct model_domain *before = model_domain_new(), *after = model_domain_new();
	struct text printed = {0};
	before->name = after->name = "a.test";
	before->origin.bucket.secret = "old";
	after->origin.bucket.secret = "new";
	after->origin.bucket.token = "token";
	model_diff_print(before, after, &printed);
	assert_string_equal(text_c(&printed), "origin.bucket.secret: ******** -> ********\n"
	                                      "origin.bucket.token: none -> ********\n");
	text_done(&printed);
	model_domain_unref(before);
	model_domain_unref(after);
}

static void lists_differ_by_name(void **state)
{
	(void)state;
	struct model_domains before = read_good("domains:\n"
	                                        "- {name: c.test, origin: {addresses: [x]}}\n"
	                                        "- {name: a.test, origin: {addresses: [x]}}\n"
	                                        "- {name: b.test, origin: {addresses: [x]}}\n");
	struct model_domains after = read_good("domains:\n"
	                                       "- {name: d.test, origin: {addresses: [x]}}\n"
	                                       "- {name: b.test, origin: {addresses: [y]}}\n"
	                                       "- {name: a.test, origin: {addresses: [x]}}\n");
	struct model_snapshot *empty = model_snapshot_new();
	struct model_diff diff;
	model_diff_from(empty, before.list, before.count, &diff);
	assert_int_equal(diff.count, 3);
	assert_int_equal(diff.added, 3);
	struct model_snapshot *snapshot = model_snapshot_with(empty, diff.changes, diff.count, 1);
	model_diff_done(&diff);

	model_diff_from(snapshot, before.list, before.count, &diff);
	assert_int_equal(diff.count, 0);
	model_diff_done(&diff);

	model_diff_from(snapshot, after.list, after.count, &diff);
	assert_int_equal(diff.count, 3);
	assert_int_equal(diff.added, 1);
	assert_int_equal(diff.changed, 1);
	assert_int_equal(diff.removed, 1);
	assert_string_equal(diff.changes[0].name, "b.test");
	assert_ptr_equal(diff.changes[0].domain, after.list[1]);
	assert_string_equal(diff.changes[1].name, "c.test");
	assert_null(diff.changes[1].domain);
	assert_string_equal(diff.changes[2].name, "d.test");
	struct model_snapshot *next = model_snapshot_with(snapshot, diff.changes, diff.count, 2);
	model_diff_done(&diff);
	/* What did not change is still the old one. */
	assert_ptr_equal(model_snapshot_get(next, STR("a.test")), before.list[1]);

	model_snapshot_unref(next);
	model_snapshot_unref(snapshot);
	model_snapshot_unref(empty);
	model_domains_done(&before);
	model_domains_done(&after);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_field_that_differs_is_a_line),
	        cmocka_unit_test(what_is_created_or_removed_is_told_whole),
	        cmocka_unit_test(secrets_are_masked),
	        cmocka_unit_test(lists_differ_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
