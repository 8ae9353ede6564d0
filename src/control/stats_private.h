/*
 * What one thread knows of the counters of edges: how far each run is, what was counted of each
 * domain. For stats.c and stats_ledger.c.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/sums.h"
#include "control/settings.h"
#include "store/stats.h"

#include <pthread.h>

/* A domain. */
struct control_stats_domain {
	struct map_node node;
	struct list_node order;
	struct sums total; /* since this process began */
	struct sums fresh; /* not written yet */
	struct sums taken; /* being written */
	size_t name_len;
	char name[];
};

/* How far a domain is in a run. */
struct control_stats_base {
	struct map_node node;
	struct sums sums;
	bool is_changed; /* since it was written */
	size_t name_len;
	char name[];
};

struct control_stats_run {
	struct list_node node;
	struct map bases;
	uint64_t heard_ms, saved_ms; /* saved: as the store has it */
	bool is_gone;                /* it is to be forgotten by the store, too */
	bool is_changed;
	char name[];
};

struct control_stats_ledger {
	pthread_mutex_t lock; /* of the domains, and of at_ms where another thread reads it */
	struct map domains;
	struct list order;
	uint64_t at_ms; /* of what was added last */
	/* the thread's alone: */
	struct list runs; /* the one that was heard of last is the last */
	size_t base_count;
	bool has_something; /* to write */
	bool is_full;       /* that was told */
};

void control_stats_ledger_init(struct control_stats_ledger *ledger);
void control_stats_ledger_done(struct control_stats_ledger *ledger);

/* Takes what the store knows of runs. */
MUST_CHECK enum store_failure control_stats_ledger_load(
        struct control_stats_ledger *ledger, struct store *store);

/* Adds a message of a report; false: it is none, or something of it is none. */
MUST_CHECK bool control_stats_ledger_add(
        struct control_stats_ledger *ledger, struct str run, struct str payload, uint64_t at_ms);

/* The domain of a name, under the lock; NULL: nothing was counted of it. */
const struct control_stats_domain *control_stats_ledger_find(
        const struct control_stats_ledger *ledger, struct str name);

/* Writes what has changed, and has the store drop what is kept no longer by the settings; on a
 * failure it is all there as before. */
MUST_CHECK enum store_failure control_stats_ledger_write(struct control_stats_ledger *ledger,
        struct store *store, struct control_settings *settings);
