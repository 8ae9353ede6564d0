/*
 * The edges that are connected, as the link's hub tells of them, for whoever asks. Any thread.
 */
#pragma once

#include "base/str.h"
#include "link/hub.h"

struct control_fleet;

struct control_fleet *control_fleet_new(void);
void control_fleet_free(struct control_fleet *fleet);

/* An edge has come, which returns true, or has said something; `at_ms` since 1970-01-01 UTC.
 * Several may have one id, as during an upgrade. */
bool control_fleet_set(
        struct control_fleet *fleet, const struct link_hub_edge *edge, uint64_t at_ms);

/* It is gone. */
void control_fleet_remove(struct control_fleet *fleet, const struct link_hub_edge *edge);

size_t control_fleet_count(struct control_fleet *fleet);

/* Whether an edge of this name is connected, and up to which number it has done purges: the lowest
 * of all of the name. */
MUST_CHECK bool control_fleet_find(
        struct control_fleet *fleet, struct str id, uint64_t *ret_purged);

/* Called by control_fleet_each for each edge, under a lock: it must not call the fleet. */
struct control_fleet_sink {
	void (*on_edge)(
	        struct control_fleet_sink *self, const char *id, uint64_t purged, uint64_t applied);
};
void control_fleet_each(struct control_fleet *fleet, struct control_fleet_sink *sink);

/* Adds a JSON list of them, in the order in which they came. */
void control_fleet_print(struct control_fleet *fleet, struct text *to);
