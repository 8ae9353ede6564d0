/*
 * How the edges find the addresses of origins: the latest report of each edge
 * (docs/internals/link.md), for whoever asks. Reports are wanted of the edges only while somebody
 * does, and a moment longer. The first who asks waits until all edges have told, for a second at
 * most.
 */
#pragma once

#include "link/hub.h"
#include "net/loop.h"
#include "origin/health.h"

struct control_health;

/* How often edges report while somebody asks; at once when a state changes. */
enum { CONTROL_HEALTH_REPORT_MS = 1000 };

/* One address, as an edge has it for one domain. */
struct control_health_item {
	struct str domain, server_name; /* the second is empty for HTTP */
	struct str reason;              /* of base/fault.def by name; empty while it is usable */
	struct address address;
	uint8_t protocol;          /* enum model_protocol */
	uint8_t state;             /* enum origin_state */
	bool is_of_host;           /* the state is that of the address for all domains */
	uint64_t blocked_since_ms; /* since 1970-01-01 UTC; 0: never */
	uint64_t left_ms;          /* of the block, as it was when the edge told */
	uint64_t successes, failures, connection_failures;
	uint64_t attempts;
	uint64_t rate_milli; /* attempts in a thousand seconds, since the edge told before */
	bool has_rate;       /* it has told before */
	uint32_t latency_us; /* 0: not known */
};

/* What an edge has told last. */
struct control_health_view {
	const char *id, *run;
	bool has_told;    /* since somebody began to ask */
	uint64_t age_ms;  /* of that, where it has */
	uint64_t dropped; /* how many addresses there was no room for */
	const struct control_health_item *const *items; /* sorted by domain, then by address */
	size_t count;
};

/* An address has another state than the edge told before. */
struct control_health_change {
	const char *id, *run;
	const struct control_health_item *item; /* NULL: there are `left_out` changes more */
	enum origin_state was;
	size_t left_out;
};

/* Called on the loop's thread, without locks. */
struct control_health_sink {
	/* Reports are wanted of all edges from now on, or not any more. */
	void (*on_wanted)(struct control_health_sink *self, bool is_wanted);
	/* At most LIMIT_EVENT_CHANGES for one report, and one with what is left out. */
	void (*on_change)(
	        struct control_health_sink *self, const struct control_health_change *change);
	/* A run of an edge has told all anew; may be NULL. */
	void (*on_told)(struct control_health_sink *self, const char *id, const char *run);
};

/* Until control_health_begin, nothing is ever wanted, and nobody waits. */
struct control_health *control_health_new(void);

/* NULL is fine. */
void control_health_free(struct control_health *health);

/* ---- the loop's thread ---- */

/* `sink` must outlive what happens until control_health_end. */
void control_health_begin(
        struct control_health *health, struct loop *loop, struct control_health_sink *sink);

/* Nothing is wanted any more; the loop must turn once more before the end. */
void control_health_end(struct control_health *health);

/* An edge has come; nothing happens for one that is known. */
void control_health_add(struct control_health *health, const struct link_hub_edge *edge);
void control_health_remove(struct control_health *health, const struct link_hub_edge *edge);

/* A message of a report of an edge. */
void control_health_report(
        struct control_health *health, const struct link_hub_edge *edge, struct str payload);

/* Somebody wants to hear of changes from now on, or not any more; as often as it was said. */
void control_health_watch(struct control_health *health);
void control_health_unwatch(struct control_health *health);

/* ---- any thread ---- */

/* Asks, and waits until there is what can be told. */
void control_health_ask(struct control_health *health);

/* Called by control_health_each for each edge, under a lock: it must not call this file. */
struct control_health_visitor {
	void (*on_edge)(
	        struct control_health_visitor *self, const struct control_health_view *view);
};

/* Shows what each edge has told, in the order in which they came; of one domain, or of all where
 * that is empty. */
void control_health_each(
        struct control_health *health, struct str domain, struct control_health_visitor *visitor);

/* Adds members of a JSON object, ",\"state\":…", for an item that was told `age_ms` ago: all but
 * the domain. */
void control_health_print_item(
        const struct control_health_item *item, uint64_t age_ms, struct text *to);
