/*
 * An edge and a control plane on one loop, for tests of what one hears of the other.
 */
#pragma once

#include "link/remote.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "link/certificate_lists.h"
#include "link/hub.h"
#include "link/scratch.h"
#include "net/local.h"

#include <unistd.h>

static const struct link_wire_times TIMES = {.ping_ms = 50, .lease_ms = 2000};

enum { DUE_MAX = 64 };

/* The edge as its sink sees it. */
struct told {
	struct link_sink sink;
	struct model_snapshot *snapshot;
	unsigned calls, changes, refused, troubles;
	uint64_t due[DUE_MAX]; /* revisions whose being live was not told yet */
	unsigned due_count;
	bool is_slow; /* it is told when the test says so */
};

/* Its cache: each purge has the next moment. */
struct cache {
	struct link_purge_sink sink;
	struct text done; /* "a.test b.test ", and "*" for all */
	uint64_t moment, durable;
};

static struct {
	struct scratch scratch;
	char path[128];
	struct loop *loop;
	struct link_hub *hub;
	struct link_hub_sink hub_sink;
	struct told told, other;
	struct cache cache;
	struct link_remote *remote;
	unsigned gone, applied; /* the latter as the control plane was told */
	uint64_t purged;        /* as the hub was told last */
	struct link_report_source reports;
	unsigned wanted, heard; /* kinds; messages */
	struct link_ask_sink asks;
	/* Who shows certificates: what it was told, and how often. */
	struct link_certificates_sink shower;
	struct link_certificates *told_certificates;
	unsigned told_lists;
	uint64_t shown;       /* as the hub was told last */
	uint64_t asked;       /* the number of the last question */
	unsigned forgotten;   /* how often */
	struct text said;     /* "5=error:answer;" */
	struct text failures; /* "5=why " */
} bench;

UNUSED static struct link_answer on_purge(
        struct link_purge_sink *sink, const struct link_purge *purge)
{
	struct cache *cache = container_of(sink, struct cache, sink);
	text_addf(&cache->done, "%.*s ", STR_ARG(purge->items[0].name));
	return (struct link_answer){.moment = ++cache->moment};
}

UNUSED static struct link_answer on_stale(struct link_purge_sink *sink)
{
	struct cache *cache = container_of(sink, struct cache, sink);
	text_add(&cache->done, STR("* "));
	return (struct link_answer){.moment = ++cache->moment};
}

UNUSED static bool is_durable(struct link_purge_sink *sink, uint64_t moment)
{
	return moment <= container_of(sink, struct cache, sink)->durable;
}

UNUSED static void on_purged(struct link_hub_sink *sink, const struct link_hub_edge *edge,
        uint64_t number, struct str error)
{
	(void)sink;
	bench.purged = edge->purged;
	if (error.len > 0)
		text_addf(&bench.failures, "%u=%.*s ", (unsigned)number, STR_ARG(error));
}

UNUSED static void on_changes(
        struct link_sink *sink, const struct model_change *changes, size_t count, uint64_t revision)
{
	struct told *told = container_of(sink, struct told, sink);
	struct model_snapshot *old = told->snapshot;
	assert_true(count > 0);
	told->snapshot = model_snapshot_with(old, changes, count, revision);
	model_snapshot_unref(old);
	assert_true(told->due_count < DUE_MAX);
	told->due[told->due_count++] = revision;
	told->calls++;
	told->changes += (unsigned)count;
}

UNUSED static void on_event(struct link_sink *sink, enum link_event event, const char *text)
{
	struct told *told = container_of(sink, struct told, sink);
	assert_true(text[0] != '\0');
	told->refused += event == LINK_REFUSED;
	told->troubles += event == LINK_TROUBLE;
}

/* Tells that the first of what is due is live, as the workers' last one would. */
UNUSED static void tell_live(struct told *told)
{
	if (told->due_count == 0)
		return;
	uint64_t revision = told->due[0];
	memmove(told->due, told->due + 1, --told->due_count * sizeof(told->due[0]));
	if (told->sink.live != NULL)
		told->sink.live->on_live(told->sink.live, revision);
}

UNUSED static void turn(void)
{
	loop_turn(bench.loop, 5);
	if (!bench.told.is_slow)
		tell_live(&bench.told);
	tell_live(&bench.other);
}

UNUSED static void on_edge(struct link_hub_sink *sink, const struct link_hub_edge *edge)
{
	(void)sink;
	assert_string_equal(edge->id, "edge-1");
	assert_string_equal(edge->version, HEADWATER_VERSION);
	bench.purged = edge->purged;
	bench.shown = edge->shown;
	bench.applied = (unsigned)edge->applied;
}

UNUSED static void on_gone(
        struct link_hub_sink *sink, const struct link_hub_edge *edge, const char *why)
{
	(void)sink;
	assert_string_equal(edge->id, "edge-1");
	assert_true(why[0] != '\0');
	bench.gone++;
}

UNUSED static void on_report(
        struct link_report_source *source, enum link_report_kind kind, struct link_report *report)
{
	(void)source;
	assert_int_equal(kind, LINK_REPORT_HEALTH);
	assert_true(link_reporter_add(report, STR("{\"domain\":\"a.test\"}")));
}

UNUSED static void on_wanted(struct link_report_source *source, enum link_report_kind kind,
        const struct link_subscription *subscription)
{
	(void)source;
	bench.wanted += subscription->every_ms[kind] > 0 ? 1 : (unsigned)-1;
}

UNUSED static void on_heard(struct link_hub_sink *sink, const struct link_hub_edge *edge,
        enum link_report_kind kind, struct str payload)
{
	(void)sink;
	assert_string_equal(edge->id, "edge-1");
	assert_int_equal(kind, LINK_REPORT_HEALTH);
	assert_true(str_is_equal(payload,
	        STR("{\"more\":false,\"dropped\":0,\"items\":[{\"domain\":\"a.test\"}]}")));
	bench.heard++;
}

UNUSED static void on_ask(struct link_ask_sink *sink, uint64_t number, struct str what,
        const struct model_node *question)
{
	bench.asked = number;
	if (str_is_equal(what, STR("now")))
		link_asked_answer(sink->asked,
		        &(struct link_told){.number = number, .answer = STR("{\"b\":2}")});
	assert_non_null(question);
}

UNUSED static void on_forget(struct link_ask_sink *sink)
{
	(void)sink;
	bench.forgotten++;
}

UNUSED static void on_answer(
        struct link_hub_sink *sink, const struct link_hub_edge *edge, const struct link_told *told)
{
	(void)sink;
	(void)edge;
	text_addf(&bench.said, "%u=%.*s:%.*s;", (unsigned)told->number, STR_ARG(told->error),
	        STR_ARG(told->answer));
}

UNUSED static void open_hub_with_past(
        const char *store, const struct link_past *past, unsigned past_count)
{
	int socket = local_listen(bench.path, 16);
	assert_true(socket >= 0);
	const struct link_hub_options options = {.id = "control-1",
	        .store = store,
	        .past = past,
	        .past_count = past_count,
	        .times = TIMES};
	bench.hub_sink = (struct link_hub_sink){.on_edge = on_edge,
	        .on_gone = on_gone,
	        .on_purged = on_purged,
	        .on_report = on_heard,
	        .on_answer = on_answer};
	bench.hub = link_hub_open(bench.loop, socket, &options, &bench.hub_sink);
	assert_non_null(bench.hub);
}

UNUSED static void open_hub(const char *store)
{
	open_hub_with_past(store, NULL, 0);
}

UNUSED static void close_hub(void)
{
	link_hub_close(bench.hub);
	bench.hub = NULL;
	unlink(bench.path);
}

UNUSED static void on_certificates(
        struct link_certificates_sink *sink, struct link_certificates *list)
{
	assert_ptr_equal(sink, &bench.shower);
	link_certificates_unref(bench.told_certificates);
	bench.told_certificates = link_certificates_ref(list);
	bench.told_lists++;
}

/* They are shown now. */
UNUSED static void tell_shown(void)
{
	bench.shower.shown->on_shown(bench.shower.shown, bench.told_certificates);
}

UNUSED static struct link_remote *open_for(struct told *told)
{
	const struct link_remote_options options = {
	        .path = bench.path,
	        .id = "edge-1",
	        .times = TIMES,
	        .retry_ms = 20,
	        .ledger = &bench.scratch.place,
	        .purges = &bench.cache.sink,
	        .reports = &bench.reports,
	        .certificates = bench.shower.on_certificates != NULL ? &bench.shower : NULL,
	        .asks = bench.asks.on_ask != NULL ? &bench.asks : NULL,
	};
	bench.reports = (struct link_report_source){.on_report = on_report, .on_wanted = on_wanted};
	return link_remote_open(bench.loop, &options, &told->sink);
}

UNUSED static void open_remote(void)
{
	bench.remote = open_for(&bench.told);
}

/* It is told nothing any more of what is due. */
UNUSED static void close_remote(void)
{
	link_remote_close(bench.remote);
	bench.remote = NULL;
	assert_null(bench.told.sink.live);
	bench.told.due_count = 0;
}

UNUSED static void init_told(struct told *told)
{
	*told = (struct told){.sink = {.on_changes = on_changes, .on_event = on_event}};
	told->snapshot = model_snapshot_new();
}

UNUSED static int open_bench(void **state)
{
	(void)state;
	scratch_init(&bench.scratch);
	snprintf(bench.path, sizeof(bench.path), "%s/link", bench.scratch.folder);
	bench.loop = loop_new();
	init_told(&bench.told);
	init_told(&bench.other);
	bench.cache = (struct cache){.durable = UINT64_MAX};
	bench.cache.sink = (struct link_purge_sink){.on_purge = on_purge,
	        .on_stale = on_stale,
	        .is_durable = is_durable,
	        .durable_ms = 60000,
	        .is_kept = true};
	bench.gone = bench.applied = 0;
	bench.purged = 0;
	open_hub("store-1");
	return 0;
}

UNUSED static int close_bench(void **state)
{
	(void)state;
	close_remote();
	close_hub();
	text_done(&bench.cache.done);
	text_done(&bench.failures);
	text_done(&bench.said);
	bench.asks = (struct link_ask_sink){.on_ask = NULL};
	bench.shower = (struct link_certificates_sink){.on_certificates = NULL};
	link_certificates_unref(bench.told_certificates);
	bench.told_certificates = NULL;
	bench.told_lists = 0;
	bench.shown = 0;
	model_snapshot_unref(bench.told.snapshot);
	model_snapshot_unref(bench.other.snapshot);
	loop_free(bench.loop);
	scratch_done(&bench.scratch);
	return 0;
}

/* Changes one domain; attempts of 0 take it away. */
UNUSED static void change(const char *name, unsigned attempts, uint64_t revision)
{
	struct model_domain *domain = attempts > 0 ? make_domain(name, attempts, revision) : NULL;
	const struct model_change one = {name, domain};
	link_hub_change(bench.hub, &one, 1, revision);
	model_domain_unref(domain);
}

/* Many domains "00000.test" … with these attempts, as one revision. */
UNUSED static void change_many(unsigned count, unsigned attempts, uint64_t revision)
{
	struct model_change *changes = mem_alloc(count * sizeof(*changes));
	for (unsigned i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%05u.test", i);
		changes[i].domain = make_domain(name, attempts, revision);
		changes[i].name = changes[i].domain->name;
	}
	link_hub_change(bench.hub, changes, count, revision);
	for (unsigned i = 0; i < count; i++)
		model_domain_unref(changes[i].domain);
	mem_free(changes);
}

#define TURN_UNTIL(condition)                                                                      \
	do {                                                                                       \
		for (unsigned turns = 0; turns < 4000 && !(condition); turns++)                    \
			turn();                                                                    \
		assert_true(condition);                                                            \
	} while (0)

/* Until the edge has it, and the hub knows. */
UNUSED static void wait_for(uint64_t revision)
{
	TURN_UNTIL(link_hub_edge_count(bench.hub) == 1 && link_hub_applied(bench.hub) == revision &&
	           link_remote_revision(bench.remote) == revision);
}
