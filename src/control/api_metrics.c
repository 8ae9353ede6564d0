/*
 * The numbers for whoever watches, made from the table and from what edges have counted.
 */
#include "base/metric_sums.h"
#include "control/api.h"

#include <stdio.h>

enum metric_id {
#define METRIC(id, type, name, unit, words) ID_##id,
#include "control/metric.def"
#undef METRIC
	METRICS
};

static const struct metric TABLE[METRICS] = {
#define METRIC(id, type_id, text, unit_text, sentence)                                             \
	[ID_##id] = {.name = "headwater_control_" text,                                            \
	        .type = METRIC_##type_id,                                                          \
	        .unit = (unit_text),                                                               \
	        .words = (sentence)},
#include "control/metric.def"
#undef METRIC
};

/* How far edges are. */
struct lagging {
	struct control_fleet_sink sink;
	uint64_t revision;
	unsigned edges, behind;
	uint64_t lag;
};

static void on_edge(struct control_fleet_sink *sink, const char *id, uint64_t purged,
        uint64_t applied, bool is_connected)
{
	struct lagging *lagging = container_of(sink, struct lagging, sink);
	(void)id;
	(void)purged;
	if (!is_connected)
		return;
	lagging->edges++;
	if (applied >= lagging->revision)
		return;
	lagging->behind++;
	if (lagging->revision - applied > lagging->lag)
		lagging->lag = lagging->revision - applied;
}

static void gather(struct control_call *call, uint64_t values[METRICS])
{
	struct control_plane *plane = call->plane;
	struct model_snapshot *now = control_domains_now(plane->domains);
	struct lagging lagging = {.sink = {.on_edge = on_edge},
	        /* With a file, edges have revisions of their own. */
	        .revision = plane->file == NULL ? model_snapshot_revision(now) : 0};
	struct control_stats_troubles troubles = control_stats_troubles(plane->stats);
	struct text trouble = {0};
	control_fleet_each(plane->fleet, &lagging.sink);
	values[ID_START] = plane->metrics.began_ms / 1000;
	values[ID_EDGES] = lagging.edges;
	values[ID_EDGES_BEHIND] = lagging.behind;
	values[ID_APPLIED_LAG] = lagging.lag;
	values[ID_REVISION] = lagging.revision;
	values[ID_DOMAINS] = model_snapshot_count(now);
	values[ID_STORE_WORKS] = !control_plane_has_trouble(plane, &trouble);
	values[ID_STORE_ERRORS] = atomic_load(&plane->metrics.store_errors);
	values[ID_STATS_UNWRITTEN] = troubles.unwritten;
	values[ID_STATS_MISSED] = troubles.missed;
	text_done(&trouble);
	model_snapshot_unref(now);
}

static void add_answers(struct control_metrics *metrics, const struct metric_writer *writer)
{
	static const struct metric ANSWERS = {"headwater_control_answers", METRIC_COUNTER, "",
	        "answers to requests of the API, by their status"};
	metric_begin(writer, &ANSWERS);
	for (unsigned status = 0; status <= CONTROL_METRICS_STATUS_MAX; status++) {
		char text[8];
		uint64_t count = atomic_load(&metrics->answers[status]);
		if (count == 0)
			continue;
		snprintf(text, sizeof(text), "%u", status);
		const struct metric_label label = {"status", str_of(text)};
		metric_add(writer, &ANSWERS, &label, 1, count);
	}
}

struct watching {
	struct control_stats_watcher watcher;
	struct metric_sums sums;
};

static void on_domain(
        struct control_stats_watcher *watcher, struct str domain, const struct sums *sums)
{
	metric_sums_add(&container_of(watcher, struct watching, watcher)->sums, domain, sums);
}

static void add_domains(struct control_stats *stats, const struct metric_writer *writer)
{
	struct watching watching = {.watcher = {.on_domain = on_domain}};
	metric_sums_init(&watching.sums);
	control_stats_watch(stats, &watching.watcher);
	metric_sums_print(&watching.sums, "headwater_fleet_", writer);
	metric_sums_done(&watching.sums);
}

void control_api_metrics_read(struct control_call *call)
{
	uint64_t values[METRICS] = {0};
	const struct metric_writer writer = {
	        .to = control_call_answer(call, 200),
	        .format = metric_format_for(control_call_field(call, "Accept")),
	};
	call->answer.media = metric_media(writer.format);
	gather(call, values);
	for (unsigned i = 0; i < METRICS; i++)
		metric_add_one(&writer, &TABLE[i], values[i]);
	add_answers(&call->plane->metrics, &writer);
	add_domains(call->plane->stats, &writer);
	metric_end(&writer);
}
