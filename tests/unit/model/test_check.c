/* The rules of whole domains made by hand, and of changes. What documents break is in test_read.c.
 */
#include "model/check.h"

#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct model_place PLACE = {"f", 3, "/domains/0"};

/* A domain whose fields are set by "path=value" texts; NULL ends them. */
static struct model_domain *make(const char *const *settings)
{
	struct model_domain *domain = model_domain_new();
	struct model_why why;
	for (; *settings != NULL; settings++) {
		struct str value = str_of(*settings);
		struct str path = str_cut(&value, '=');
		if (str_has_prefix(path, STR("backup.")) && domain->backup == NULL) {
			domain->backup = model_domain_alloc(domain, sizeof(*domain->backup));
			model_domain_init_origin(domain->backup);
		}
		assert_true(model_value_read(model_field_find(path), domain, value, &why));
	}
	return domain;
}

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_domain_made_by_hand_is_held_to_the_ranges(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domain *domain =
	        make(SETTINGS("name=edge.test", "origin.addresses=a", "backup.addresses=b"));
	assert_true(model_check_domain(domain, MODEL_CLASSIC, &PLACE, &problems));
	domain->backup->probe.rise = 0;
	domain->backup->probe.path = "/";
	domain->failover_attempts = 99;
	assert_false(model_check_domain(domain, MODEL_CLASSIC, &PLACE, &problems));
	assert_int_equal(problems.total, 2);
	assert_string_equal(problems.list[0].field, "/domains/0/backup/probe/rise");
	assert_string_equal(problems.list[0].message, "is not in 1-100");
	assert_string_equal(problems.list[1].field, "/domains/0/failover/attempts");
	assert_int_equal(problems.list[1].line, 3);
	model_problems_done(&problems);
	model_domain_unref(domain);
}

static void a_wildcard_loops_only_to_names_below_it(void **state)
{
	(void)state;
	static const struct {
		const char *name, *address;
		bool loops;
	} ROWS[] = {
	        {"name=*.edge.test", "origin.addresses=a.edge.test", true},
	        {"name=*.edge.test", "origin.addresses=edge.test", false},
	        {"name=*.edge.test", "origin.addresses=aedge.test", false},
	        {"name=edge.test", "origin.addresses=EDGE.test:8080", true},
	        {"name=edge.test", "origin.addresses=a.edge.test", false},
	        {"name=127.0.0.1", "origin.addresses=127.0.0.1:80", true},
	        {"name=127.0.0.1", "origin.addresses=127.0.0.2:80", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_problems problems = {0};
		struct model_domain *domain = make(SETTINGS(ROWS[i].name, ROWS[i].address));
		assert_int_equal(model_check_rules(domain, MODEL_CLASSIC, &PLACE, &problems),
		        !ROWS[i].loops);
		if (ROWS[i].loops)
			assert_string_equal(problems.list[0].rule, "loop");
		model_problems_done(&problems);
		model_domain_unref(domain);
	}
}

static void only_what_extended_rules_lift_is_asked_alone(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b, *c;
		const char *rules; /* that are broken */
	} ROWS[] = {
	        {"origin.addresses=x", "backup.addresses=y", "debug=on", ""},
	        {"origin.addresses=x", "origin.protocol=https", "debug=on", ""},
	        {"origin.addresses=x", "origin.protocol=https", "backup.addresses=y", "R2 "},
	        {"origin.addresses=x", "backup.protocol=follow", "backup.addresses=y", "R2 "},
	        {"origin.addresses=x", "backup.type=s3", "origin.protocol=follow", "R1 R2 "},
	        {"origin.type=cos", "backup.addresses=y", "debug=on", "R1 "},
	        /* Of other faults it says nothing: a loop, no address. */
	        {"origin.addresses=edge.test", "backup.addresses=y", "debug=on", ""},
	        {"debug=on", "backup.addresses=y", "status=online", ""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_problems problems = {0};
		struct text rules = {0};
		struct model_domain *domain =
		        make(SETTINGS("name=edge.test", ROWS[i].a, ROWS[i].b, ROWS[i].c));
		bool is_good = model_check_classic(domain, &PLACE, &problems);
		for (unsigned j = 0; j < problems.count; j++)
			text_addf(&rules, "%s ", problems.list[j].rule);
		assert_string_equal(text_c(&rules), ROWS[i].rules);
		assert_true(is_good == (ROWS[i].rules[0] == '\0'));
		text_done(&rules);
		model_problems_done(&problems);
		model_domain_unref(domain);
	}
}

static void drained_addresses_are_addresses(void **state)
{
	(void)state;
	struct model_problems problems = {0};
	struct model_domain *domain =
	        make(SETTINGS("name=edge.test", "origin.addresses=x::0,y::0"));
	assert_true(model_check_domain(domain, MODEL_CLASSIC, &PLACE, &problems));
	model_domain_unref(domain);
}

static void the_origin_of_a_buckets_own_domain_stays(void **state)
{
	(void)state;
	static const char *const BEFORE[] = {"name=edge.test", "kind=bucket_default",
	        "origin.addresses=a", "origin.bucket.secret=x", NULL};
	static const struct {
		const char *change, *field; /* NULL: allowed */
	} ROWS[] = {
	        {"debug=on", NULL},
	        {"status=offline", NULL},
	        {"origin.bucket.secret=y", NULL},
	        {"origin.bucket.key_id=y", NULL},
	        {"origin.addresses=b", "/domains/0/origin"},
	        {"origin.host=b", "/domains/0/origin"},
	        {"origin.protocol=https", "/domains/0/origin"},
	        {"origin.type=cos", "/domains/0/origin"},
	        {"kind=normal", "/domains/0/kind"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		struct model_problems problems = {0};
		struct model_domain *before = make(BEFORE);
		struct model_domain *after =
		        make(SETTINGS(BEFORE[0], BEFORE[1], BEFORE[2], BEFORE[3], ROWS[i].change));
		bool is_allowed = model_check_change(before, after, &PLACE, &problems);
		assert_int_equal(is_allowed, ROWS[i].field == NULL);
		if (!is_allowed) {
			assert_string_equal(problems.list[0].field, ROWS[i].field);
			assert_string_equal(problems.list[0].rule, "R3");
		}
		/* The other way about is no bucket's own domain, or the same change. */
		assert_true(before->kind == after->kind ||
		            model_check_change(after, before, &PLACE, &problems));
		model_problems_done(&problems);
		model_domain_unref(before);
		model_domain_unref(after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_domain_made_by_hand_is_held_to_the_ranges),
	        cmocka_unit_test(a_wildcard_loops_only_to_names_below_it),
	        cmocka_unit_test(only_what_extended_rules_lift_is_asked_alone),
	        cmocka_unit_test(drained_addresses_are_addresses),
	        cmocka_unit_test(the_origin_of_a_buckets_own_domain_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
