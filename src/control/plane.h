/*
 * What the operations of the API work on: shared by all threads of the process, each part with a
 * lock of its own.
 */
#pragma once

#include "control/asks.h"
#include "control/certificates.h"
#include "control/console.h"
#include "control/domains.h"
#include "control/fleet.h"
#include "control/guard.h"
#include "control/health.h"
#include "control/metrics.h"
#include "control/purges.h"
#include "control/settings.h"
#include "control/stats.h"
#include "control/throttle.h"

#include <pthread.h>

struct control_plane {
	enum model_rules rules; /* that the process was given; control_plane_rules has what holds */
	const char *file;       /* that manages the domains; NULL: the store */
	/* NULL until it is open; then it stays. */
	_Atomic(struct store *) store;
	struct control_settings *settings;
	struct control_domains *domains;
	struct control_certificates *certificates;
	struct control_fleet *fleet;
	struct control_health *health;
	struct control_guard *guard;
	struct control_throttle *throttle;
	struct control_stats *stats;   /* whose readers are for all threads; its owner's to free */
	struct control_purges *purges; /* whose sink is for all threads; its owner's to free */
	struct control_asks *asks;     /* its owner's to free */
	struct control_console *console; /* its owner's to free; NULL: there is none */
	struct control_metrics metrics;
	pthread_mutex_t trouble_lock;
	struct text trouble; /* why the store does not work, as far as is known; empty: it does */
};

/* `sink` hears of every change of the domains, and must outlive the plane. */
void control_plane_init(struct control_plane *plane, struct control_domains_sink *sink);

/* The store is the caller's to close. */
void control_plane_done(struct control_plane *plane);

/* The rules that domains are held against: those of the settings, where they have some, and no file
 * manages the domains. For a change of domains to be read between control_domains_begin and _end.
 */
enum model_rules control_plane_rules(const struct control_plane *plane);

/* What is told of the store from now on; empty: it works. */
void control_plane_set_trouble(struct control_plane *plane, struct str words);

/* Adds what is told; false, and nothing is added, when it works. */
MUST_CHECK bool control_plane_has_trouble(struct control_plane *plane, struct text *to);
