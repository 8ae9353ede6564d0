/*
 * The operator's single statuses come first, so that they win over the default for many.
 */
#include "edge/rules.h"

#include "cache/update.h"

/* Those that may be kept without being told so (RFC 9110 15.1). */
static const uint16_t BY_DEFAULT[] = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501};

_Static_assert(ARRAY_LENGTH(BY_DEFAULT) + LIMIT_STATUS_TTLS == EDGE_RULES_TTLS,
        "every status that may have a TTL has a row");

static uint32_t seconds_of(uint64_t ms)
{
	uint64_t s = ms / 1000;
	return s < HTTP_CACHE_CONTROL_MAX_S ? (uint32_t)s : HTTP_CACHE_CONTROL_MAX_S;
}

void edge_rules_make_for_hit(const struct model_cache *rules, struct cache_rules *ret_rules)
{
	*ret_rules = (struct cache_rules){
	        .has_client_directives = rules->client_directives,
	        .has_heuristics = rules->heuristics,
	        .set_cookie = rules->set_cookie == MODEL_SET_COOKIE_STRIP ? CACHE_SET_COOKIE_STRIP
	                                                                  : CACHE_SET_COOKIE_PASS,
	        .stale_while_revalidate_s = seconds_of(rules->stale_while_revalidate_ms),
	        .stale_if_error_s = seconds_of(rules->stale_if_error_ms),
	        .backup_max_s = UINT32_MAX,
	};
}

void edge_rules_make(const struct model_domain *domain, struct edge_rules *ret_rules)
{
	const struct model_cache *rules = domain->cache;
	unsigned count = 0;
	edge_rules_make_for_hit(rules, &ret_rules->cache);
	ret_rules->cache.trusts_dates = domain->resume_trusts_dates;
	if (domain->backup_cache_max_ms > 0)
		ret_rules->cache.backup_max_s = seconds_of(domain->backup_cache_max_ms);
	for (uint32_t i = 0; i < rules->ttl_statuses.count; i++) {
		const struct model_ttl *ttl = &rules->ttl_statuses.list[i];
		ret_rules->ttls[count++] = (struct cache_ttl){
		        .first = ttl->status,
		        .last = ttl->status,
		        .ttl_s = seconds_of(ttl->ttl_ms),
		};
	}
	for (size_t i = 0; rules->ttl_default_ms > 0 && i < ARRAY_LENGTH(BY_DEFAULT); i++)
		ret_rules->ttls[count++] = (struct cache_ttl){
		        .first = BY_DEFAULT[i],
		        .last = BY_DEFAULT[i],
		        .ttl_s = seconds_of(rules->ttl_default_ms),
		};
	ret_rules->cache.ttls = ret_rules->ttls;
	ret_rules->cache.ttl_count = count;
}

struct str edge_rules_piece_validator(
        const struct model_domain *domain, const struct http_head *head)
{
	return cache_update_piece_validator(head, domain->resume_trusts_dates);
}
