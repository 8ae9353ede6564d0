/* What was counted of domains, as metrics. */
#include "base/metric_sums.h"

#include "base/hash.h"
#include "base/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static void add(struct metric_sums *sums, const char *domain, const char *counts)
{
	struct sums read = {0};
	sums_read(str_of(counts), &read);
	metric_sums_add(sums, str_of(domain), &read);
	sums_done(&read);
}

/* Also drops them. */
static void print(struct metric_sums *sums, struct text *to)
{
	const struct metric_writer writer = {to, METRIC_PROMETHEUS};
	metric_sums_print(sums, "p_", &writer);
	metric_sums_done(sums);
}

static void expect(const struct text *text, const char *what)
{
	if (strstr(text_c(text), what) == NULL)
		fail_msg("no %s in %s", what, text_c(text));
}

static void each_family_has_all_domains(void **state)
{
	(void)state;
	struct metric_sums sums;
	struct text text = {0};
	metric_sums_init(&sums);
	add(&sums, "a.test",
	        "requests=5 faults.range=2 origin.pulls=3 backup.pulls=1 "
	        "backup.faults.dns=1");
	add(&sums, "", "requests=1");
	print(&sums, &text);
	expect(&text, "# HELP p_requests_total requests, whatever became of them.\n"
	              "# TYPE p_requests_total counter\n"
	              "p_requests_total{domain=\"a.test\"} 5\np_requests_total{domain=\"\"} 1\n#");
	expect(&text, "p_hits_total{domain=\"a.test\"} 0\np_hits_total{domain=\"\"} 0\n#");
	/* Who was never pulled from has no series. */
	expect(&text, "# TYPE p_origin_pulls_total counter\n"
	              "p_origin_pulls_total{domain=\"a.test\",role=\"origin\"} 3\n"
	              "p_origin_pulls_total{domain=\"a.test\",role=\"backup\"} 1\n#");
	expect(&text, "p_failures_total{domain=\"a.test\",reason=\"range\"} 2\n#");
	expect(&text,
	        "p_origin_failures_total{domain=\"a.test\",role=\"backup\",reason=\"dns\"} 1\n");
	text_done(&text);
}

static void domains_that_are_too_many_are_added_up(void **state)
{
	(void)state;
	struct metric_sums sums;
	struct text text = {0};
	char name[24];
	metric_sums_init(&sums);
	add(&sums, "*", "requests=10");
	for (unsigned i = 0; i < LIMIT_METRICS_DOMAINS + 5; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		add(&sums, name, "requests=1");
	}
	print(&sums, &text);
	expect(&text, "p_requests_total{domain=\"d999.test\"} 1\n"
	              "p_requests_total{domain=\"*\"} 15\n#");
	text_done(&text);
}

static void nothing_is_families_without_samples(void **state)
{
	(void)state;
	struct metric_sums sums;
	struct text text = {0};
	metric_sums_init(&sums);
	print(&sums, &text);
	assert_null(strchr(text_c(&text), '{'));
	expect(&text, "# TYPE p_origin_failures_total counter\n");
	text_done(&text);
}

static void domains_that_are_told_stay_the_same(void **state)
{
	(void)state;
	struct metric_sums sums;
	struct text text = {0};
	char name[24];
	metric_sums_init(&sums);
	for (unsigned i = 0; i < LIMIT_METRICS_DOMAINS; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		add(&sums, name, "requests=1");
	}
	metric_sums_reset(&sums);
	add(&sums, "new.test", "requests=2");
	add(&sums, "d5.test", "requests=3");
	print(&sums, &text);
	expect(&text, "p_requests_total{domain=\"d5.test\"} 3\n");
	expect(&text, "p_requests_total{domain=\"*\"} 2\n#");
	assert_null(strstr(text_c(&text), "new.test"));
	text_done(&text);
}

int main(void)
{
	hash_init();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_family_has_all_domains),
	        cmocka_unit_test(domains_that_are_too_many_are_added_up),
	        cmocka_unit_test(domains_that_are_told_stay_the_same),
	        cmocka_unit_test(nothing_is_families_without_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
