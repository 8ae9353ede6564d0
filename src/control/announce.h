/*
 * What there is to tell as events (control/events.h), in JSON: of edges, revisions, addresses. The
 * loop's thread.
 */
#pragma once

#include "control/events.h"
#include "control/health.h"
#include "control/plane.h"

/* An edge has come, is gone (`words` say why), or cannot read a revision (they say what is wrong).
 */
enum control_announce_edge {
	CONTROL_ANNOUNCE_CAME,
	CONTROL_ANNOUNCE_GONE,
	CONTROL_ANNOUNCE_REFUSED,
};
void control_announce_edge(struct control_events *events, const struct link_hub_edge *edge,
        enum control_announce_edge what, const char *words);

/* A revision was made, of so many domains. */
void control_announce_made(struct control_events *events, uint64_t revision, size_t domains);

/* All edges have it live; so many they are. */
void control_announce_applied(struct control_events *events, uint64_t revision, unsigned edges);

/* A run of an edge has told how it finds addresses: whoever wants to know of a domain's is told of
 * those. */
void control_announce_addresses(struct control_events *events, struct control_plane *plane,
        const char *id, const char *run);

/* An address has another state. */
void control_announce_health(struct control_events *events, struct control_plane *plane,
        const struct control_health_change *change);
