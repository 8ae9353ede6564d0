/* One domain by flags. */
#include "link/fixed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LIST(...)                                                                                  \
	(const char *const[]){__VA_ARGS__},                                                        \
	        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

struct counting_sink {
	struct link_sink sink;
	unsigned calls;
	char name[64];
};

static void on_changes(
        struct link_sink *self, const struct model_change *changes, size_t count, uint64_t revision)
{
	struct counting_sink *sink = container_of(self, struct counting_sink, sink);
	assert_int_equal(count, 1);
	assert_int_equal(revision, 1);
	sink->calls++;
	snprintf(sink->name, sizeof(sink->name), "%s", changes[0].name);
}

static void flags_make_a_domain(void **state)
{
	(void)state;
	const struct link_fixed_options options = {"WWW.example.com",
	        LIST("203.0.113.10", "203.0.113.11:8080:2"), LIST("backup.example.net:8080"),
	        MODEL_CLASSIC};
	struct model_problems problems = {0};
	struct model_domain *domain;
	struct counting_sink sink = {.sink.on_changes = on_changes};
	assert_true(link_fixed_read(&options, &problems, &domain));
	assert_string_equal(domain->name, "www.example.com");
	assert_int_equal(domain->origin.address_count, 2);
	assert_int_equal(domain->origin.addresses[1].weight, 2);
	assert_string_equal(domain->backup->addresses[0].host, "backup.example.net");
	link_fixed_feed(domain, &sink.sink);
	assert_int_equal(sink.calls, 1);
	assert_string_equal(sink.name, "www.example.com");
	model_domain_unref(domain);
}

static void wrong_flags_are_told_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *domain, *origin, *backup, *printed;
	} ROWS[] = {
	        {"a b", "x", NULL,
	                "--domain: \"a b\" is no host name: a label has 1-63 letters, digits, "
	                "hyphens or underscores and no hyphen at its ends [name]\n"},
	        {"a.test", "x:70000", NULL,
	                "--origin: \"x:70000\" has a port that is not in 1-65535 [range]\n"},
	        {"a.test", "x", "y:1:101",
	                "--backup: \"y:1:101\" has a weight that is not in 0-100 [range]\n"},
	        {"a.test", "A.test:80", NULL,
	                "--origin: the address is the accelerated domain itself, so that requests "
	                "would come back here [loop]\n"},
	        {"a.test", NULL, NULL,
	                "--origin: a self-owned origin has 1-32 addresses [missing]\n"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct link_fixed_options options = {ROWS[i].domain, &ROWS[i].origin,
		        ROWS[i].origin != NULL, &ROWS[i].backup, ROWS[i].backup != NULL,
		        MODEL_CLASSIC};
		struct model_problems problems = {0};
		struct model_domain *domain;
		struct text printed = {0};
		assert_false(link_fixed_read(&options, &problems, &domain));
		model_problems_print(&problems, &printed);
		assert_string_equal(text_c(&printed), ROWS[i].printed);
		text_done(&printed);
		model_problems_done(&problems);
	}
}

static void thirty_three_addresses_are_too_many(void **state)
{
	(void)state;
	const char *many[33];
	for (size_t i = 0; i < ARRAY_LENGTH(many); i++)
		many[i] = "x";
	const struct link_fixed_options options = {
	        "a.test", many, ARRAY_LENGTH(many), NULL, 0, MODEL_CLASSIC};
	struct model_problems problems = {0};
	struct model_domain *domain;
	assert_false(link_fixed_read(&options, &problems, &domain));
	assert_int_equal(problems.total, 1);
	assert_string_equal(problems.list[0].rule, "range");
	model_problems_done(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(flags_make_a_domain),
	        cmocka_unit_test(wrong_flags_are_told_by_name),
	        cmocka_unit_test(thirty_three_addresses_are_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
