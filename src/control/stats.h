/*
 * What edges count, added up: by domain and minute for the store, and since this process began for
 * whoever watches. Counters of an edge are numbers since its run began; what is added is by how
 * much they have risen since they were heard of before, also by a process before this one.
 *
 * Reports are added up, and written once a minute, on a thread of its own. On the loop's thread,
 * but for the readers, which say so.
 */
#pragma once

#include "base/sums.h"
#include "control/settings.h"
#include "net/loop.h"
#include "store/stats.h"

struct control_stats;

struct control_stats_sink {
	/* Reports were lost: all counters are to be reported once more, whatever was before. */
	void (*on_missed)(struct control_stats_sink *self);
};

/* `sink` must outlive it. */
struct control_stats *control_stats_new(struct loop *loop, struct control_stats_sink *sink);

/* Begins to add up, and to write to the store, where the settings say how long it is kept; both
 * must outlive it. */
void control_stats_begin(
        struct control_stats *stats, struct store *store, struct control_settings *settings);

/* A message of a report of counters by a run of an edge (link_hub_sink); `at_ms` since 1970-01-01
 * UTC. */
void control_stats_report(
        struct control_stats *stats, const char *run, struct str payload, uint64_t at_ms);

/* Writes what there is, and hears of nothing more. NULL is fine. */
void control_stats_end(struct control_stats *stats);

/* Whether something is on its way to the store. */
bool control_stats_is_busy(const struct control_stats *stats);

/* Waits for what is being done, and turns the loop once. NULL is fine. */
void control_stats_free(struct control_stats *stats);

/* ---- any thread ---- */

/* Reads what a domain had (STORE_STATS_ALL: all of them) in each minute in which edges were heard
 * of, also what is not written yet. Waits for the store. */
MUST_CHECK enum store_failure control_stats_read(struct control_stats *stats, struct store *store,
        struct str domain, struct store_stats_span span, struct store_stats_sink *sink);

struct control_stats_watcher {
	/* What was counted of a domain since this process began; under a lock: it must not call
	 * back. `domain` is empty for requests to none, and "*" for those of all that are not
	 * counted each by itself. */
	void (*on_domain)(
	        struct control_stats_watcher *self, struct str domain, const struct sums *sums);
};

/* Shows each domain that was counted, in the order in which they were first. Waits for nothing. */
void control_stats_watch(struct control_stats *stats, struct control_stats_watcher *watcher);

/* How often what was counted could not be written; reports that were lost. */
struct control_stats_troubles {
	uint64_t unwritten, missed;
};
struct control_stats_troubles control_stats_troubles(struct control_stats *stats);
