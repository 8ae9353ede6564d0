/* Numbers as Prometheus and OpenMetrics have them. */
#include "base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_format_is_what_the_client_names(void **state)
{
	(void)state;
	static const struct {
		const char *accept;
		enum metric_format format;
	} ROWS[] = {
	        {NULL, METRIC_PROMETHEUS},
	        {"", METRIC_PROMETHEUS},
	        {"*/*", METRIC_PROMETHEUS},
	        {"text/plain;version=0.0.4;q=0.5,*/*;q=0.1", METRIC_PROMETHEUS},
	        {"application/openmetrics-text;version=1.0.0,text/plain;q=0.5", METRIC_OPENMETRICS},
	        {"text/plain , Application/OpenMetrics-Text", METRIC_OPENMETRICS},
	        {"application/openmetrics-text2", METRIC_PROMETHEUS},
	};
	for (unsigned i = 0; i < ARRAY_LENGTH(ROWS); i++)
		assert_int_equal(metric_format_for(str_of(ROWS[i].accept)), ROWS[i].format);
	assert_string_equal(
	        metric_media(METRIC_PROMETHEUS), "text/plain; version=0.0.4; charset=utf-8");
	assert_string_equal(metric_media(METRIC_OPENMETRICS),
	        "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static void print(enum metric_format format, struct text *to)
{
	static const struct metric ONE = {"a_bytes", METRIC_GAUGE, "bytes", "what is there"};
	static const struct metric MANY = {"b", METRIC_COUNTER, "", "what came"};
	const struct metric_writer writer = {to, format};
	const struct metric_label labels[] = {{"x", STR("say \"\\\"\n")}, {"y", STR_EMPTY}};
	metric_add_one(&writer, &ONE, 7);
	metric_begin(&writer, &MANY);
	metric_add(&writer, &MANY, labels, 2, UINT64_MAX);
	metric_add(&writer, &MANY, labels, 1, 0);
	metric_end(&writer);
}

static void families_are_printed_in_both_formats(void **state)
{
	(void)state;
	struct text text = {0};
	print(METRIC_PROMETHEUS, &text);
	assert_string_equal(text_c(&text),
	        "# HELP a_bytes what is there.\n# TYPE a_bytes gauge\na_bytes 7\n"
	        "# HELP b_total what came.\n# TYPE b_total counter\n"
	        "b_total{x=\"say \\\"\\\\\\\"\\n\",y=\"\"} 18446744073709551615\n"
	        "b_total{x=\"say \\\"\\\\\\\"\\n\"} 0\n");
	text_clear(&text);
	print(METRIC_OPENMETRICS, &text);
	assert_string_equal(text_c(&text),
	        "# HELP a_bytes what is there.\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n"
	        "a_bytes 7\n# HELP b what came.\n# TYPE b counter\n"
	        "b_total{x=\"say \\\"\\\\\\\"\\n\",y=\"\"} 18446744073709551615\n"
	        "b_total{x=\"say \\\"\\\\\\\"\\n\"} 0\n# EOF\n");
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_format_is_what_the_client_names),
	        cmocka_unit_test(families_are_printed_in_both_formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
