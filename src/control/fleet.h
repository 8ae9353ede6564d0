/*
 * The edges, as the link's hub tells of them, for whoever asks: those that are connected, and for a
 * while those that were. An edge that has lost its control plane serves on, so what it has not done
 * is not done; most often it is back in a moment. Any thread.
 */
#pragma once

#include "base/str.h"
#include "link/hub.h"

struct control_fleet;

/* Who is gone stays an edge for `lease_ms`. */
struct control_fleet *control_fleet_new(uint32_t lease_ms);
void control_fleet_free(struct control_fleet *fleet);

/* An edge that may be there, as far as is known, and has done purges up to this: it counts as one
 * that has just gone. */
void control_fleet_expect(
        struct control_fleet *fleet, struct str id, uint64_t purged, uint64_t at_ms);

/* An edge has come, which returns true, or has said something; `at_ms` since 1970-01-01 UTC.
 * Several may have one id, as during an upgrade. What an edge could not read stays known, also when
 * it goes and comes again, until it has applied that revision or a later one. */
bool control_fleet_set(
        struct control_fleet *fleet, const struct link_hub_edge *edge, uint64_t at_ms);

/* It is gone. */
void control_fleet_remove(
        struct control_fleet *fleet, const struct link_hub_edge *edge, uint64_t at_ms);

/* How many are connected. */
size_t control_fleet_count(struct control_fleet *fleet);

/* Whether there is an edge of this name, whether it is connected, and up to which number it has
 * done purges: the lowest of all of the name. */
MUST_CHECK bool control_fleet_find(
        struct control_fleet *fleet, struct str id, uint64_t *ret_purged, bool *ret_is_connected);

/* Called by control_fleet_each for each edge, under a lock: it must not call the fleet. */
struct control_fleet_sink {
	void (*on_edge)(struct control_fleet_sink *self, const char *id, uint64_t purged,
	        uint64_t applied, bool is_connected);
};
void control_fleet_each(struct control_fleet *fleet, struct control_fleet_sink *sink);

/* Adds a JSON list of them, in the order in which they came. */
void control_fleet_print(struct control_fleet *fleet, struct text *to);
