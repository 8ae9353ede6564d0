/*
 * OpenMetrics has "# TYPE x counter" and samples "x_total"; Prometheus has the whole name in both.
 */
#include "base/metric.h"

enum metric_format metric_format_for(struct str accept)
{
	while (accept.len > 0) {
		struct str range = str_cut(&accept, ',');
		if (str_is_equal_nocase(
		            str_trim(str_cut(&range, ';')), STR("application/openmetrics-text")))
			return METRIC_OPENMETRICS;
	}
	return METRIC_PROMETHEUS;
}

const char *metric_media(enum metric_format format)
{
	return format == METRIC_OPENMETRICS
	               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	               : "text/plain; version=0.0.4; charset=utf-8";
}

static const char *suffix_of(const struct metric *metric)
{
	return metric->type == METRIC_COUNTER ? "_total" : "";
}

void metric_begin(const struct metric_writer *writer, const struct metric *metric)
{
	const bool is_open = writer->format == METRIC_OPENMETRICS;
	const char *suffix = is_open ? "" : suffix_of(metric);
	text_addf(writer->to, "# HELP %s%s %s.\n# TYPE %s%s %s\n", metric->name, suffix,
	        metric->words, metric->name, suffix,
	        metric->type == METRIC_COUNTER ? "counter" : "gauge");
	if (is_open && metric->unit[0] != '\0')
		text_addf(writer->to, "# UNIT %s %s\n", metric->name, metric->unit);
}

/* Both escape the same three bytes. */
static void add_value(struct text *to, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '\n') {
			text_add(to, STR("\\n"));
			continue;
		}
		if (value.at[i] == '"' || value.at[i] == '\\')
			text_add_char(to, '\\');
		text_add_char(to, value.at[i]);
	}
}

void metric_add(const struct metric_writer *writer, const struct metric *metric,
        const struct metric_label *labels, unsigned label_count, uint64_t value)
{
	struct text *to = writer->to;
	text_addf(to, "%s%s", metric->name, suffix_of(metric));
	for (unsigned i = 0; i < label_count; i++) {
		text_addf(to, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
		add_value(to, labels[i].value);
		text_add_char(to, '"');
	}
	text_addf(to, "%s %llu\n", label_count > 0 ? "}" : "", (unsigned long long)value);
}

void metric_add_one(const struct metric_writer *writer, const struct metric *metric, uint64_t value)
{
	metric_begin(writer, metric);
	metric_add(writer, metric, NULL, 0, value);
}

void metric_end(const struct metric_writer *writer)
{
	if (writer->format == METRIC_OPENMETRICS)
		text_add(writer->to, STR("# EOF\n"));
}
