/*
 * What was counted: sums over a span of time, and over steps of it, for clients, the origin and the
 * backup each. The store has minutes; they are added up to steps as they are read.
 */
#include "base/limit.h"
#include "base/mem.h"
#include "control/api.h"
#include "model/host.h"

enum { HOUR_MS = 60 * STORE_MINUTE_MS, RECENT_MINUTES = 60 };

/* Numbers that fit what programs in JavaScript count with. */
static const uint64_t LATEST_MS = UINT64_C(9007199254740991);

struct point {
	uint64_t at_ms;
	struct sums sums;
};

struct reading {
	struct store_stats_sink sink;
	struct store_stats_span span;
	uint64_t step_ms;
	struct sums total;
	struct point *points; /* in their order; only those with something */
	size_t count, cap;
};

/* Of its step; a minute that is not written yet may come behind later ones. */
static struct point *find_point(struct reading *reading, uint64_t at_ms)
{
	size_t at = reading->count;
	while (at > 0 && reading->points[at - 1].at_ms > at_ms)
		at--;
	if (at > 0 && reading->points[at - 1].at_ms == at_ms)
		return &reading->points[at - 1];
	if (reading->count == reading->cap) {
		reading->cap = reading->cap == 0 ? 64 : reading->cap * 2;
		reading->points =
		        mem_resize(reading->points, reading->cap * sizeof(reading->points[0]));
	}
	memmove(&reading->points[at + 1], &reading->points[at],
	        (reading->count - at) * sizeof(reading->points[0]));
	reading->points[at] = (struct point){.at_ms = at_ms};
	reading->count++;
	return &reading->points[at];
}

/* How long requests took, where there were any. */
static void add_percentiles(const struct sums *sums, struct text *to)
{
	static const unsigned SHOWN[] = {50, 95, 99};
	uint64_t counts[LATENCY_BUCKETS];
	for (unsigned i = 0; i < COUNTER_LATENCIES; i++) {
		uint64_t all = sums_get_latency(sums, (enum counter_latency)i, counts);
		if (all == 0)
			continue;
		text_addf(to, ",\"%s_us\":{\"count\":%llu",
		        counter_latency_name((enum counter_latency)i), (unsigned long long)all);
		for (size_t j = 0; j < ARRAY_LENGTH(SHOWN); j++)
			text_addf(to, ",\"p%u\":%llu", SHOWN[j],
			        (unsigned long long)latency_percentile(counts, SHOWN[j] * 10));
		text_add_char(to, '}');
	}
}

/* The steps that are over and of which nothing is known, those beside each other as one. */
static void add_gaps(const struct reading *reading, uint64_t now_ms, struct text *to)
{
	const uint64_t now_minute_ms = now_ms - now_ms % STORE_MINUTE_MS;
	uint64_t from_ms = 0;
	const char *before = "";
	size_t at = 0;
	bool is_in_gap = false;
	text_add(to, STR(",\"gaps\":["));
	for (uint64_t step_ms = reading->span.from_ms;; step_ms += reading->step_ms) {
		while (at < reading->count && reading->points[at].at_ms < step_ms)
			at++;
		const bool is_known = at < reading->count && reading->points[at].at_ms == step_ms;
		const bool is_last = step_ms >= reading->span.to_ms ||
		                     step_ms + reading->step_ms > now_minute_ms;
		if (is_in_gap && (is_known || is_last)) {
			text_addf(to, "%s{\"from_ms\":%llu,\"to_ms\":%llu}", before,
			        (unsigned long long)from_ms, (unsigned long long)step_ms);
			before = ",";
		}
		if (!is_in_gap)
			from_ms = step_ms;
		is_in_gap = !is_known;
		if (is_last)
			break;
	}
	text_add_char(to, ']');
}

static void on_minute(struct store_stats_sink *sink, uint64_t at_ms, const struct sums *sums)
{
	struct reading *reading = container_of(sink, struct reading, sink);
	uint64_t step = (at_ms - reading->span.from_ms) / reading->step_ms;
	sums_merge(&reading->total, sums);
	sums_merge(
	        &find_point(reading, reading->span.from_ms + step * reading->step_ms)->sums, sums);
}

static void reading_done(struct reading *reading)
{
	for (size_t i = 0; i < reading->count; i++)
		sums_done(&reading->points[i].sums);
	mem_free(reading->points);
	sums_done(&reading->total);
}

/* ---- the answer ---- */

/* Failures by their reason, where there are any. */
static void add_faults(const struct sums *sums, enum counter_part part, struct text *to)
{
	const char *before = ",\"faults\":{";
	for (unsigned i = 0; i < sums->count; i++) {
		enum fault fault;
		if (counter_cell_part(sums->list[i].cell) != part ||
		        !counter_cell_is_fault(sums->list[i].cell, &fault))
			continue;
		text_addf(to, "%s\"%s\":%llu", before, fault_name(fault),
		        (unsigned long long)sums->list[i].value);
		before = ",";
	}
	if (before[1] == '\0')
		text_add_char(to, '}');
}

/* The counters of a part, behind other members or none. */
static void add_counters(
        const struct sums *sums, enum counter_part part, const char *before, struct text *to)
{
	unsigned first = part == COUNTER_CLIENT ? 0 : COUNTERS_CLIENT;
	unsigned end = part == COUNTER_CLIENT ? COUNTERS_CLIENT : COUNTERS;
	for (unsigned i = first; i < end; i++) {
		text_addf(to, "%s\"%s\":%llu", before, counter_name((enum counter)i),
		        (unsigned long long)sums_get(sums, counter_cell(part, (enum counter)i)));
		before = ",";
	}
	add_faults(sums, part, to);
	if (part == COUNTER_CLIENT)
		add_percentiles(sums, to);
}

static bool has_part(const struct sums *sums, enum counter_part part)
{
	for (unsigned i = 0; i < sums->count; i++)
		if (counter_cell_part(sums->list[i].cell) == part)
			return true;
	return false;
}

static void add_part(const struct reading *reading, enum counter_part part, struct text *to)
{
	const char *before = "";
	text_addf(to, ",\"%s\":{\"total\":{", counter_part_name(part));
	add_counters(&reading->total, part, "", to);
	text_add(to, STR("},\"series\":["));
	for (size_t i = 0; i < reading->count; i++) {
		const struct point *point = &reading->points[i];
		if (!has_part(&point->sums, part))
			continue;
		text_addf(to, "%s{\"at_ms\":%llu", before, (unsigned long long)point->at_ms);
		add_counters(&point->sums, part, ",", to);
		text_add_char(to, '}');
		before = ",";
	}
	text_add(to, STR("]}"));
}

/* ---- what is asked for ---- */

static uint64_t round_up(uint64_t number, uint64_t to)
{
	return (number + to - 1) / to * to;
}

/* The span and its steps; false after it was refused. */
static bool read_span(struct control_call *call, struct reading *reading)
{
	const struct control_call_range until = {.max = LATEST_MS, .standard = call->now_ms};
	struct control_call_range from = {.max = LATEST_MS}, step = {.max = LATEST_MS};
	struct store_stats_span *span = &reading->span;
	if (!control_call_read_number(call, "to_ms", until, &span->to_ms))
		return false;
	from.standard = span->to_ms > HOUR_MS ? span->to_ms - HOUR_MS : 0;
	if (!control_call_read_number(call, "from_ms", from, &span->from_ms))
		return false;
	if (span->from_ms > span->to_ms) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "the query's \"from_ms\" is behind its \"to_ms\"");
		return false;
	}
	const uint64_t length_ms = span->to_ms - span->from_ms;
	const uint64_t least_ms = round_up(length_ms / LIMIT_STATS_POINTS + 1, STORE_MINUTE_MS);
	step.standard = least_ms;
	step.min = STORE_MINUTE_MS;
	if (!control_call_read_number(call, "step", step, &reading->step_ms))
		return false;
	if (reading->step_ms % STORE_MINUTE_MS != 0 || reading->step_ms < least_ms) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "the query's \"step\" is no multiple of a minute (60000) from %llu on, "
		        "with which the span has at most %d steps",
		        (unsigned long long)least_ms, LIMIT_STATS_POINTS);
		return false;
	}
	span->from_ms -= span->from_ms % reading->step_ms;
	span->to_ms = round_up(span->to_ms, STORE_MINUTE_MS);
	return true;
}

/* A name in the form in which names are kept, where it is one of a domain. */
static struct str normal_name(struct control_call *call, struct str name)
{
	struct model_host host;
	struct model_why why;
	if (name.len > 0 && model_host_read_pattern(name, &host, &why))
		return arena_copy(&call->arena, str_of(host.name));
	return name;
}

/* Whose; false where it is of all. */
static bool read_domain(struct control_call *call, struct str *ret_name)
{
	struct str name = control_query_get(&call->query, "domain");
	*ret_name = name.at == NULL ? STR(STORE_STATS_ALL) : normal_name(call, name);
	return name.at != NULL;
}

void control_api_stats_read(struct control_call *call)
{
	struct reading reading = {.sink = {.on_minute = on_minute}};
	struct str name;
	if (!read_span(call, &reading))
		return;
	bool is_one = read_domain(call, &name);
	enum store_failure failure = control_stats_read(call->plane->stats,
	        atomic_load(&call->plane->store), name, reading.span, &reading.sink);
	if (failure == STORE_DONE) {
		struct text *to = control_call_answer(call, 200);
		text_addf(to, "{\"from_ms\":%llu,\"to_ms\":%llu,\"step\":%llu",
		        (unsigned long long)reading.span.from_ms,
		        (unsigned long long)reading.span.to_ms,
		        (unsigned long long)reading.step_ms);
		if (is_one) {
			text_add(to, STR(",\"domain\":"));
			text_add_json(to, name);
		}
		add_gaps(&reading, call->now_ms, to);
		for (unsigned part = 0; part < COUNTER_PARTS; part++)
			add_part(&reading, (enum counter_part)part, to);
		text_add_char(to, '}');
	} else {
		control_call_refuse_store(call, failure);
	}
	reading_done(&reading);
}

/* ---- many domains ---- */

/* The last hour of a domain, by minutes that are over. */
struct recent {
	struct store_stats_sink sink;
	struct store_stats_span span;
	bool is_known[RECENT_MINUTES];
	uint64_t requests[RECENT_MINUTES];
	uint64_t total, failed, hits;
};

static void on_recent(struct store_stats_sink *sink, uint64_t at_ms, const struct sums *sums)
{
	struct recent *recent = container_of(sink, struct recent, sink);
	if (at_ms < recent->span.from_ms || at_ms >= recent->span.to_ms)
		return;
	uint64_t minute = (at_ms - recent->span.from_ms) / STORE_MINUTE_MS;
	uint64_t requests = sums_get(sums, counter_cell(COUNTER_CLIENT, COUNTER_REQUESTS));
	recent->is_known[minute] = true;
	recent->requests[minute] += requests;
	recent->total += requests;
	recent->failed += sums_get(sums, counter_cell(COUNTER_CLIENT, COUNTER_STATUS_5XX));
	recent->hits += sums_get(sums, counter_cell(COUNTER_CLIENT, COUNTER_HITS));
}

static void print_recent(struct str name, const struct recent *recent, struct text *to)
{
	text_add(to, STR("{\"domain\":"));
	text_add_json(to, name);
	text_addf(to, ",\"total\":%llu,\"hits\":%llu,\"status_5xx\":%llu,\"requests\":[",
	        (unsigned long long)recent->total, (unsigned long long)recent->hits,
	        (unsigned long long)recent->failed);
	for (unsigned i = 0; i < RECENT_MINUTES; i++) {
		if (i > 0)
			text_add_char(to, ',');
		if (recent->is_known[i])
			text_addf(to, "%llu", (unsigned long long)recent->requests[i]);
		else
			text_add(to, STR("null"));
	}
	text_add(to, STR("]}"));
}

static bool refuse_names(struct control_call *call)
{
	control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
	        "the query's \"domains\" are not 1 to %d names with commas between them",
	        LIMIT_STATS_NAMES);
	return false;
}

static bool check_names(struct control_call *call, struct str names)
{
	unsigned count = 0;
	if (names.len == 0)
		return refuse_names(call);
	while (names.at != NULL) {
		struct str name = str_cut(&names, ',');
		if (name.len == 0 || name.len > LIMIT_HOST_BYTES || ++count > LIMIT_STATS_NAMES)
			return refuse_names(call);
	}
	return true;
}

void control_api_stats_recent(struct control_call *call)
{
	struct str names = control_query_get(&call->query, "domains");
	struct store *store = atomic_load(&call->plane->store);
	const uint64_t to_ms = call->now_ms - call->now_ms % STORE_MINUTE_MS;
	const struct store_stats_span span = {to_ms - RECENT_MINUTES * STORE_MINUTE_MS, to_ms};
	const char *before = "";
	if (!check_names(call, names))
		return;
	struct text *to = control_call_answer(call, 200);
	text_addf(to, "{\"from_ms\":%llu,\"to_ms\":%llu,\"step\":%d,\"items\":[",
	        (unsigned long long)span.from_ms, (unsigned long long)span.to_ms, STORE_MINUTE_MS);
	while (names.at != NULL) {
		struct recent recent = {.sink = {.on_minute = on_recent}, .span = span};
		struct str name = normal_name(call, str_cut(&names, ','));
		enum store_failure failure =
		        control_stats_read(call->plane->stats, store, name, span, &recent.sink);
		if (failure != STORE_DONE) {
			control_call_refuse_store(call, failure);
			return;
		}
		text_add(to, str_of(before));
		print_recent(name, &recent, to);
		before = ",";
	}
	text_add(to, STR("]}"));
}
