/*
 * Which of a domain's addresses an edge speaks of: it tells the address that it has connected to,
 * and an origin may have names, whose addresses only edges know. Pure.
 */
#pragma once

#include "control/health.h"
#include "model/domain.h"

enum control_match {
	CONTROL_MATCH_NONE,
	CONTROL_MATCH_MAYBE, /* it is a name, and not the only one that may have the address */
	CONTROL_MATCH_CERTAIN,
};

/* Whether what an edge tells is of this address of the domain's origin in a role, which it has. */
enum control_match control_match_address(struct model_domain *domain, enum model_role role,
        unsigned index, const struct control_health_item *item);

/* Adds ",\"roles\":[\"origin\",\"backup\"]": the origins that have, or may have, the address. */
void control_match_print_roles(
        struct model_domain *domain, const struct control_health_item *item, struct text *to);
