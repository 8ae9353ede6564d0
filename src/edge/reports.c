/*
 * Each item is printed into one text and handed over. Times of the health tables are those of a
 * clock that only this machine knows; they are told by the wall clock, and what is left in
 * milliseconds.
 */
#include "edge/reports.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"

struct edge_reports {
	struct edge_reports_options options;
	struct link_report_source source;
	struct origin_health_list_sink servers;
	struct edge_tally_sink sums;
	struct link_report *report; /* that is being made */
	uint64_t now_ms, wall_ms;
	bool has_told_counters; /* since somebody began to want them */
	struct text item, lines;
};

/* ---- health ---- */

/* What is further from being used as always. */
static unsigned badness_of(enum origin_state state)
{
	static const uint8_t BADNESS[] = {
	        [ORIGIN_USABLE] = 0,
	        [ORIGIN_RAMPING] = 1,
	        [ORIGIN_ON_TRIAL] = 2,
	        [ORIGIN_READY] = 3,
	        [ORIGIN_PROBING] = 4,
	        [ORIGIN_BLOCKED] = 5,
	};
	CHECK(state < ARRAY_LENGTH(BADNESS));
	return BADNESS[state];
}

static void add_text(struct text *to, const char *key, struct str value)
{
	text_addf(to, ",\"%s\":", key);
	text_add_json(to, value);
}

static void add_number(struct text *to, const char *key, uint64_t value)
{
	text_addf(to, ",\"%s\":%llu", key, (unsigned long long)value);
}

/* The state of an address for a domain is the worse one of the host's and the server's. */
static void add_state(const struct edge_reports *reports, const struct origin_health_view *host,
        const struct origin_health_view *server, struct text *to)
{
	bool is_host = badness_of(host->state) > badness_of(server->state);
	const struct origin_health_view *view = is_host ? host : server;
	uint64_t since_ms = view->blocked_since_ms;
	add_text(to, "state", str_of(origin_health_state_name(view->state)));
	if (view->state == ORIGIN_USABLE)
		return;
	add_text(to, "of", is_host ? STR("host") : STR("server"));
	add_text(to, "reason", str_of(fault_name(view->reason)));
	if (since_ms > 0 && since_ms <= reports->now_ms)
		add_number(to, "blocked_since_ms", reports->wall_ms - (reports->now_ms - since_ms));
	if (view->state == ORIGIN_BLOCKED)
		add_number(to, "left_ms",
		        view->blocked_until_ms > reports->now_ms
		                ? view->blocked_until_ms - reports->now_ms
		                : 0);
}

static void on_server(struct origin_health_list_sink *sink, const struct origin_server *server)
{
	struct edge_reports *reports = container_of(sink, struct edge_reports, servers);
	const struct origin_host *host = origin_health_server_host(server);
	struct origin_health_view host_view, view;
	char address[ADDRESS_TEXT_BYTES];
	struct text *item = &reports->item;
	bool is_https = origin_health_server_protocol(server) == MODEL_HTTPS;
	origin_health_view_host(host, reports->now_ms, &host_view);
	origin_health_view_server(server, reports->now_ms, &view);
	text_clear(item);
	text_add(item, STR("{\"domain\":"));
	text_add_json(item, origin_health_server_domain(server));
	add_text(
	        item, "address", str_of(address_format(origin_health_host_address(host), address)));
	add_text(item, "protocol", is_https ? STR("https") : STR("http"));
	if (origin_health_server_name(server).len > 0)
		add_text(item, "server_name", origin_health_server_name(server));
	add_state(reports, &host_view, &view, item);
	add_number(item, "successes", view.successes);
	add_number(item, "failures", view.failures);
	add_number(item, "connection_failures", host_view.failures);
	if (view.attempts > 0)
		add_number(item, "attempts", view.attempts);
	if (view.latency_us > 0)
		add_number(item, "latency_us", view.latency_us);
	text_add_char(item, '}');
	/* What there is no room for is counted there. */
	(void)!link_reporter_add(reports->report, text_str(item));
}

/* ---- counters ---- */

/* Those that are not 0: most domains need few of them. */
static void add_counters(struct text *to, unsigned first, unsigned count, const uint64_t *values)
{
	for (unsigned i = 0; i < count; i++)
		if (values[i] != 0)
			add_number(to, counter_name((enum counter)(first + i)), values[i]);
}

static void add_faults(struct text *to, const uint64_t counts[FAULT_COUNT])
{
	bool has_any = false;
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		if (counts[i] == 0)
			continue;
		text_addf(to, "%s\"%s\":%llu", has_any ? "," : ",\"faults\":{",
		        fault_name((enum fault)i), (unsigned long long)counts[i]);
		has_any = true;
	}
	if (has_any)
		text_add_char(to, '}');
}

/* In the words of sums_read_latency, where there are any. */
static void add_latency(
        struct text *to, enum counter_latency latency, const uint64_t counts[LATENCY_BUCKETS])
{
	bool has_any = false;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (counts[i] == 0)
			continue;
		if (has_any)
			text_add_char(to, ',');
		else
			text_addf(to, ",\"%s\":\"", counter_latency_name(latency));
		text_addf(to, "%u:%llu", i, (unsigned long long)counts[i]);
		has_any = true;
	}
	if (has_any)
		text_add_char(to, '"');
}

static bool on_sum(struct edge_tally_sink *sink, const struct edge_tally_sum *sum)
{
	static const char *const ROLES[MODEL_ROLES] = {
	        [MODEL_MASTER] = "origin", [MODEL_BACKUP] = "backup"};
	struct edge_reports *reports = container_of(sink, struct edge_reports, sums);
	struct text *item = &reports->item;
	text_clear(item);
	text_add(item, STR("{\"domain\":"));
	text_add_json(item, sum->domain);
	add_counters(item, 0, COUNTERS_CLIENT, sum->client);
	add_faults(item, sum->client_faults);
	for (unsigned i = 0; i < COUNTER_LATENCIES; i++)
		add_latency(item, (enum counter_latency)i, sum->latencies[i]);
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		size_t before = item->len;
		text_addf(item, ",\"%s\":{", ROLES[role]);
		size_t begun = item->len;
		add_counters(item, COUNTERS_CLIENT, COUNTERS - COUNTERS_CLIENT, sum->origin[role]);
		add_faults(item, sum->origin_faults[role]);
		if (item->len == begun) {
			item->len = before;
			continue;
		}
		/* The comma in front of the first one. */
		memmove(item->at + begun, item->at + begun + 1, item->len - begun - 1);
		item->at[item->len - 1] = '}';
	}
	text_add_char(item, '}');
	return link_reporter_add(reports->report, text_str(item));
}

/* ---- the log ---- */

static void report_log(struct edge_reports *reports)
{
	uint64_t dropped;
	edge_tail_take(reports->options.tail, &reports->lines, &dropped);
	struct str rest = text_str(&reports->lines);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		(void)!link_reporter_add(reports->report, line);
	}
	link_reporter_drop(reports->report, dropped);
}

/* ---- the source ---- */

static void on_report(
        struct link_report_source *source, enum link_report_kind kind, struct link_report *report)
{
	struct edge_reports *reports = container_of(source, struct edge_reports, source);
	const struct edge_reports_options *options = &reports->options;
	reports->report = report;
	reports->now_ms = clock_ms();
	reports->wall_ms = clock_wall_ms();
	switch (kind) {
	case LINK_REPORT_HEALTH:
		origin_health_list(options->health, &reports->servers);
		break;
	case LINK_REPORT_COUNTERS:
		edge_tally_show(options->tallies, options->tally_count, !reports->has_told_counters,
		        &reports->sums);
		reports->has_told_counters = true;
		break;
	case LINK_REPORT_LOG:
		report_log(reports);
		break;
	case LINK_REPORTS:
		break;
	}
	reports->report = NULL;
}

static void on_wanted(struct link_report_source *source, enum link_report_kind kind,
        const struct link_subscription *subscription)
{
	struct edge_reports *reports = container_of(source, struct edge_reports, source);
	if (kind == LINK_REPORT_LOG)
		edge_tail_want(reports->options.tail, subscription->filters,
		        subscription->every_ms[kind] > 0 ? subscription->filter_count : 0);
	if (kind == LINK_REPORT_COUNTERS)
		reports->has_told_counters = false;
}

struct edge_reports *edge_reports_new(const struct edge_reports_options *options)
{
	struct edge_reports *reports = mem_new(struct edge_reports);
	reports->options = *options;
	reports->source =
	        (struct link_report_source){.on_report = on_report, .on_wanted = on_wanted};
	reports->servers.on_server = on_server;
	reports->sums.on_sum = on_sum;
	return reports;
}

void edge_reports_free(struct edge_reports *reports)
{
	if (reports == NULL)
		return;
	text_done(&reports->item);
	text_done(&reports->lines);
	mem_free(reports);
}

void edge_reports_note_health(struct edge_reports *reports)
{
	link_reporter_hurry(&reports->source, LINK_REPORT_HEALTH);
}

struct link_report_source *edge_reports_source(struct edge_reports *reports)
{
	return &reports->source;
}
