/*
 * The edges that are connected, as the link's hub tells of them, for whoever asks. Any thread.
 */
#pragma once

#include "base/str.h"
#include "link/hub.h"

struct control_fleet;

struct control_fleet *control_fleet_new(void);
void control_fleet_free(struct control_fleet *fleet);

/* An edge has come, or has said something; `at_ms` since 1970-01-01 UTC. Several may have one id.
 */
void control_fleet_set(
        struct control_fleet *fleet, const struct link_hub_edge *edge, uint64_t at_ms);

/* It is gone. */
void control_fleet_remove(struct control_fleet *fleet, const struct link_hub_edge *edge);

size_t control_fleet_count(struct control_fleet *fleet);

/* Adds a JSON list of them, in the order in which they came. */
void control_fleet_print(struct control_fleet *fleet, struct text *to);
