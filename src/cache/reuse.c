/*
 * Freshness, then what client and origin say of it (RFC 9111 4.2.4, 5.2.1). A client's wish can
 * make a fresh response one that is validated first, and a stale one usable; it never makes one
 * usable that the origin forbids. An age is compared in milliseconds, so that max-age=0, with which
 * browsers reload, always asks the origin.
 */
#include "cache/reuse.h"

enum { SECOND_MS = 1000 };

static bool is_within(uint64_t span_ms, uint64_t limit_s)
{
	return span_ms <= limit_s * SECOND_MS;
}

/* The seconds that count: what was said, or the domain's default. */
static uint32_t said_or(uint32_t said_s, uint32_t default_s)
{
	return said_s == UINT32_MAX ? default_s : said_s;
}

static bool has(const struct http_cache_control_request *asked, enum http_directive directive)
{
	return http_cache_control_has(asked->has, directive);
}

/* Whether the client wants the response to be validated, fresh or not (5.2.1.1, 5.2.1.4). */
static bool is_refused(const struct http_cache_control_request *asked, uint64_t age_ms)
{
	if (has(asked, HTTP_DIRECTIVE_NO_CACHE))
		return true;
	return has(asked, HTTP_DIRECTIVE_MAX_AGE) &&
	       (asked->max_age_s == 0 || !is_within(age_ms, asked->max_age_s));
}

/* Whether what is left of a fresh response is too little for the client (5.2.1.3). */
static bool is_too_near_its_end(const struct http_cache_control_request *asked,
        const struct cache_terms *terms, uint64_t age_ms)
{
	return has(asked, HTTP_DIRECTIVE_MIN_FRESH) &&
	       age_ms + (uint64_t)asked->min_fresh_s * SECOND_MS > terms->fresh_ms;
}

/* Whether a response that is stale for so long may be sent at once, by the origin's or the domain's
 * word. A client that speaks of ages does not want a stale one, unless it says so (5.2.1.1). */
static bool may_be_revalidated_behind(const struct http_cache_control_request *asked,
        const struct cache_terms *terms, const struct cache_rules *rules, uint64_t stale_ms)
{
	if (has(asked, HTTP_DIRECTIVE_MAX_AGE) || has(asked, HTTP_DIRECTIVE_MIN_FRESH))
		return false;
	uint32_t window_s =
	        said_or(terms->stale_while_revalidate_s, rules->stale_while_revalidate_s);
	return window_s > 0 && is_within(stale_ms, window_s);
}

/* Whether a stale response may be sent at once because the client accepts it (5.2.1.2). */
static bool is_accepted_stale(const struct http_cache_control_request *asked,
        const struct cache_terms *terms, uint64_t stale_ms)
{
	return has(asked, HTTP_DIRECTIVE_MAX_STALE) &&
	       (terms->flags & CACHE_MUST_REVALIDATE) == 0 &&
	       is_within(stale_ms, asked->max_stale_s);
}

/* Whether a stale response may be sent when the origin fails (RFC 5861 section 4). */
static bool may_stand_in(const struct http_cache_control_request *asked,
        const struct cache_terms *terms, const struct cache_rules *rules, uint64_t stale_ms)
{
	uint32_t window_s = said_or(terms->stale_if_error_s, rules->stale_if_error_s);
	if (has(asked, HTTP_DIRECTIVE_STALE_IF_ERROR) && asked->stale_if_error_s < window_s)
		window_s = asked->stale_if_error_s;
	return window_s > 0 && is_within(stale_ms, window_s);
}

enum cache_reuse cache_reuse_judge(const struct cache_terms *terms, bool is_soft_purged,
        const struct http_cache_control_request *asked, const struct cache_rules *rules,
        uint64_t now_ms)
{
	static const struct http_cache_control_request nothing;
	uint64_t age_ms = cache_terms_age_ms(terms, now_ms);
	bool is_fresh = age_ms < terms->fresh_ms && !is_soft_purged;
	if (!rules->has_client_directives)
		asked = &nothing;
	if ((terms->flags & CACHE_NO_CACHE) != 0)
		return CACHE_REUSE_NEVER;
	if (is_fresh && asked->has == 0)
		return CACHE_REUSE_FRESH;

	bool is_wanted = !is_refused(asked, age_ms);
	if (is_fresh)
		return is_wanted && !is_too_near_its_end(asked, terms, age_ms)
		               ? CACHE_REUSE_FRESH
		               : CACHE_REUSE_IF_ERROR;
	uint64_t stale_ms = age_ms > terms->fresh_ms ? age_ms - terms->fresh_ms : 0;
	if (is_wanted && (may_be_revalidated_behind(asked, terms, rules, stale_ms) ||
	                         is_accepted_stale(asked, terms, stale_ms)))
		return CACHE_REUSE_STALE;
	return may_stand_in(asked, terms, rules, stale_ms) ? CACHE_REUSE_IF_ERROR
	                                                   : CACHE_REUSE_NEVER;
}
