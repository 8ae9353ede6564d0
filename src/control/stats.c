/*
 * Reports are gathered while the thread adds up those before. The first report of another minute
 * has what was counted before it written; the timer does that where none comes. What cannot be
 * written stays, and is written as of the minute in which it can be.
 *
 * Two locks: that of the ledger for the domains, which nobody holds for long, and `writing`, held
 * while a minute is on its way to the store, so that a reader finds it in one place and not in two
 * or none.
 */
#include "control/stats.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/stats_private.h"
#include "net/disk.h"

#include <stdatomic.h>

enum { DAY_MS = 24 * 60 * STORE_MINUTE_MS };

struct report {
	struct list_node node;
	uint64_t at_ms;
	char *run;
	size_t len;
	char payload[];
};

struct control_stats {
	struct loop *loop;
	struct disk *disk;
	struct control_stats_sink *sink;
	struct store *store; /* NULL: it has not begun */
	struct control_settings *settings;
	struct list gathered, taken;                 /* the second are the thread's */
	size_t waiting;                              /* bytes, of both */
	bool is_running, is_ending, is_over, is_due; /* due: what there is, is to be written */
	struct disk_operation operation;
	struct timer minute;
	/* the thread's, while it runs: */
	struct control_stats_ledger ledger;
	bool is_loaded, writes_all, is_silent;
	pthread_mutex_t writing;
	atomic_bool has_missed;
	_Atomic uint64_t unwritten, missed;
};

/* Any thread. */
static void miss(struct control_stats *stats)
{
	atomic_store(&stats->has_missed, true);
	atomic_fetch_add(&stats->missed, 1);
}

/* ---- on the thread ---- */

static void write_on(struct control_stats *stats)
{
	struct text detail = {0};
	if (!stats->ledger.has_something)
		return;
	CHECK(pthread_mutex_lock(&stats->writing) == 0);
	enum store_failure failure =
	        control_stats_ledger_write(&stats->ledger, stats->store, stats->settings);
	pthread_mutex_unlock(&stats->writing);
	if (failure != STORE_DONE) {
		atomic_fetch_add(&stats->unwritten, 1);
		store_add_detail(stats->store, &detail);
	}
	/* Once for as long as it lasts. */
	if (failure != STORE_DONE && !stats->is_silent)
		log_error("what edges have counted cannot be written: %s: %s",
		        store_failure_words(failure), text_c(&detail));
	stats->is_silent = failure != STORE_DONE;
	text_done(&detail);
}

static void add(struct control_stats *stats, const struct report *report)
{
	struct control_stats_ledger *ledger = &stats->ledger;
	if (report->at_ms / STORE_MINUTE_MS != ledger->at_ms / STORE_MINUTE_MS)
		write_on(stats);
	if (!control_stats_ledger_add(ledger, str_of(report->run),
	            str_make(report->payload, report->len), report->at_ms))
		log_error("run %s of an edge reports counters that are none", report->run);
}

static void run(struct disk_operation *operation)
{
	struct control_stats *stats = container_of(operation, struct control_stats, operation);
	/* Without knowing how far runs were, nothing can be added. */
	if (!stats->is_loaded)
		stats->is_loaded =
		        control_stats_ledger_load(&stats->ledger, stats->store) == STORE_DONE;
	list_each (node, &stats->taken)
		if (stats->is_loaded)
			add(stats, container_of(node, struct report, node));
		else
			miss(stats);
	if (stats->writes_all)
		write_on(stats);
}

/* ---- on the loop's ---- */

static void drop_reports(struct control_stats *stats, struct list *reports)
{
	list_each_safe (node, following, reports) {
		struct report *report = container_of(node, struct report, node);
		stats->waiting -= report->len;
		list_remove(&report->node);
		mem_free(report->run);
		mem_free(report);
	}
}

static void go_on(struct control_stats *stats);

static void on_ran(struct disk_operation *operation)
{
	struct control_stats *stats = container_of(operation, struct control_stats, operation);
	stats->is_running = false;
	drop_reports(stats, &stats->taken);
	go_on(stats);
}

static void go_on(struct control_stats *stats)
{
	if (stats->is_running || stats->is_over || stats->store == NULL ||
	        (list_is_empty(&stats->gathered) && !stats->is_due))
		return;
	list_move_all(&stats->taken, &stats->gathered);
	stats->writes_all = stats->is_due;
	stats->is_due = false;
	stats->is_running = true;
	stats->operation =
	        (struct disk_operation){.verb = DISK_CALL, .call = run, .on_done = on_ran};
	disk_submit(stats->disk, stats->loop, &stats->operation);
}

static void start_minute(struct control_stats *stats)
{
	loop_timer_start(stats->loop, &stats->minute,
	        clock_ms() + STORE_MINUTE_MS - clock_wall_ms() % STORE_MINUTE_MS);
}

static void on_minute(struct timer *timer)
{
	struct control_stats *stats = container_of(timer, struct control_stats, minute);
	/* Asked for once a minute, or who is too slow would be told ever more. */
	if (atomic_exchange(&stats->has_missed, false))
		stats->sink->on_missed(stats->sink);
	stats->is_due = true;
	go_on(stats);
	start_minute(stats);
}

struct control_stats *control_stats_new(struct loop *loop, struct control_stats_sink *sink)
{
	struct control_stats *stats = mem_new(struct control_stats);
	stats->loop = loop;
	stats->sink = sink;
	stats->disk = disk_new(1);
	stats->minute.on_expire = on_minute;
	list_init(&stats->gathered);
	list_init(&stats->taken);
	CHECK(pthread_mutex_init(&stats->writing, NULL) == 0);
	control_stats_ledger_init(&stats->ledger);
	return stats;
}

void control_stats_begin(
        struct control_stats *stats, struct store *store, struct control_settings *settings)
{
	stats->store = store;
	stats->settings = settings;
	start_minute(stats);
}

void control_stats_report(
        struct control_stats *stats, const char *run_name, struct str payload, uint64_t at_ms)
{
	if (stats->is_ending || stats->store == NULL)
		return;
	if (payload.len > LIMIT_STATS_WAITING_BYTES - stats->waiting) {
		log_warning("too many reports of counters wait: one is dropped");
		miss(stats);
		return;
	}
	struct report *report = mem_zero(sizeof(*report) + payload.len);
	report->at_ms = at_ms;
	report->run = mem_copy(run_name, strlen(run_name));
	report->len = payload.len;
	memcpy(report->payload, payload.at, payload.len);
	stats->waiting += payload.len;
	list_add_last(&stats->gathered, &report->node);
	go_on(stats);
}

void control_stats_end(struct control_stats *stats)
{
	if (stats == NULL || stats->is_ending)
		return;
	stats->is_ending = stats->is_due = true;
	loop_timer_cancel(stats->loop, &stats->minute);
	go_on(stats);
}

bool control_stats_is_busy(const struct control_stats *stats)
{
	return stats->is_running;
}

void control_stats_free(struct control_stats *stats)
{
	if (stats == NULL)
		return;
	/* Nothing is given to the thread any more. */
	stats->is_over = true;
	loop_timer_cancel(stats->loop, &stats->minute);
	disk_free(stats->disk);
	loop_turn(stats->loop, 0);
	CHECK(!stats->is_running);
	drop_reports(stats, &stats->gathered);
	control_stats_ledger_done(&stats->ledger);
	pthread_mutex_destroy(&stats->writing);
	mem_free(stats);
}

/* ---- any thread ---- */

/* What is not written yet, as of the minute that it will be written to. */
static void read_fresh(struct control_stats *stats, struct str name, struct store_stats_span span,
        struct store_stats_sink *sink)
{
	struct sums sums = {0};
	const struct control_stats_ledger *ledger = &stats->ledger;
	uint64_t at_ms = ledger->at_ms / STORE_MINUTE_MS * STORE_MINUTE_MS;
	if (at_ms == 0 || at_ms < span.from_ms || at_ms >= span.to_ms)
		return;
	if (str_is_equal(name, STR(STORE_STATS_ALL))) {
		list_each (node, &ledger->order)
			sums_merge(&sums,
			        &container_of(node, struct control_stats_domain, order)->fresh);
	} else {
		const struct control_stats_domain *domain = control_stats_ledger_find(ledger, name);
		if (domain != NULL)
			sums_merge(&sums, &domain->fresh);
	}
	sink->on_minute(sink, at_ms, &sums);
	sums_done(&sums);
}

enum store_failure control_stats_read(struct control_stats *stats, struct store *store,
        struct str domain, struct store_stats_span span, struct store_stats_sink *sink)
{
	struct store_stats_span there, part;
	span.from_ms -= span.from_ms % STORE_MINUTE_MS;
	CHECK(pthread_mutex_lock(&stats->writing) == 0);
	enum store_failure failure = store_stats_bounds(store, &there);
	if (failure == STORE_DONE) {
		/* Whoever asks for all times asks for no more than there is. */
		there.from_ms = there.from_ms > span.from_ms ? there.from_ms : span.from_ms;
		there.to_ms = there.to_ms < span.to_ms ? there.to_ms : span.to_ms;
		part.to_ms = there.from_ms;
	}
	/* A day at a time: others want the store, too. */
	while (failure == STORE_DONE && part.to_ms < there.to_ms) {
		part.from_ms = part.to_ms;
		part.to_ms =
		        there.to_ms - part.from_ms > DAY_MS ? part.from_ms + DAY_MS : there.to_ms;
		failure = store_stats_read(store, domain, part, sink);
	}
	if (failure == STORE_DONE) {
		CHECK(pthread_mutex_lock(&stats->ledger.lock) == 0);
		read_fresh(stats, domain, span, sink);
		pthread_mutex_unlock(&stats->ledger.lock);
	}
	pthread_mutex_unlock(&stats->writing);
	return failure;
}

void control_stats_watch(struct control_stats *stats, struct control_stats_watcher *watcher)
{
	CHECK(pthread_mutex_lock(&stats->ledger.lock) == 0);
	list_each (node, &stats->ledger.order) {
		struct control_stats_domain *domain =
		        container_of(node, struct control_stats_domain, order);
		watcher->on_domain(
		        watcher, str_make(domain->name, domain->name_len), &domain->total);
	}
	pthread_mutex_unlock(&stats->ledger.lock);
}

struct control_stats_troubles control_stats_troubles(struct control_stats *stats)
{
	return (struct control_stats_troubles){
	        .unwritten = atomic_load(&stats->unwritten),
	        .missed = atomic_load(&stats->missed),
	};
}
