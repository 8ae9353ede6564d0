/*
 * A domain's rules in the cache's own terms. Pure.
 */
#pragma once

#include "cache/terms.h"
#include "model/domain.h"

/* Room for what cache_rules refers to: one TTL for each status that may have one. */
enum { EDGE_RULES_TTLS = LIMIT_STATUS_TTLS + 12 };

struct edge_rules {
	struct cache_rules cache;
	struct cache_ttl ttls[EDGE_RULES_TTLS];
};

/* What a hit needs: everything but the TTLs. */
void edge_rules_make_for_hit(const struct model_cache *rules, struct cache_rules *ret_rules);

/* All of them. */
void edge_rules_make(const struct model_domain *domain, struct edge_rules *ret_rules);

/* The validator that pieces of a response must agree on, or empty (cache/update.h). */
struct str edge_rules_piece_validator(
        const struct model_domain *domain, const struct http_head *head);
