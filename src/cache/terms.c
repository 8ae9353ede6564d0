/*
 * The clock of a response: what the origin says (Date, Age, lifetimes) and when we asked and were
 * answered. Every number that a peer sends is bounded before it is reckoned with, so that nothing
 * here overflows: seconds by HTTP_CACHE_CONTROL_MAX_S, dates by the year 9999.
 */
#include "cache/terms.h"

#include "http/condition.h"
#include "http/date.h"

#define BIT(id) ((uint64_t)1 << HTTP_NAME_##id)

enum {
	SECOND_MS = 1000,
	HEURISTIC_SHARE = 10,    /* a tenth of the time since it was modified (RFC 9111 4.2.2) */
	HEURISTIC_MAX_S = 86400, /* and at most a day */
	BACKUP_ERROR_MS = 1000,  /* origin-pull.md section 4 */
};

uint32_t cache_terms_read_age_s(const struct http_head *response)
{
	struct str value = http_head_get(response, HTTP_NAME_AGE), first;
	uint32_t age_s = 0;
	/* 5.1: of a list the first member counts. */
	if (!http_head_next_member(&value, &first) ||
	        !http_cache_control_parse_seconds(first, &age_s))
		return 0;
	return age_s;
}

int64_t cache_terms_read_date_s(
        const struct http_head *response, enum http_name field, uint64_t now_ms)
{
	int64_t date_s;
	if (!http_date_parse(
	            http_head_get(response, field), (int64_t)(now_ms / SECOND_MS), &date_s))
		return INT64_MIN;
	return date_s;
}

/* Milliseconds of the seconds from `from` to `to`, 0 where it is not later; both are dates. */
static uint64_t span_ms(int64_t from_s, int64_t to_s)
{
	return to_s > from_s ? (uint64_t)(to_s - from_s) * SECOND_MS : 0;
}

/* corrected_initial_age of RFC 9111 4.2.3, in its careful form. */
static uint64_t initial_age_ms(const struct cache_exchange *exchange, int64_t date_s)
{
	uint64_t received_ms = exchange->received_ms, delay_ms = 0;
	if (received_ms > exchange->requested_ms)
		delay_ms = received_ms - exchange->requested_ms;
	uint64_t corrected_ms =
	        (uint64_t)cache_terms_read_age_s(exchange->response) * SECOND_MS + delay_ms;
	uint64_t apparent_ms = span_ms(date_s, (int64_t)(received_ms / SECOND_MS));
	return apparent_ms > corrected_ms ? apparent_ms : corrected_ms;
}

/* Expires - Date (5.3). Of several the first is as good as none: it is stale (4.2.1). */
static uint64_t expires_ms(const struct http_head *response, int64_t date_s, uint64_t now_ms)
{
	int64_t expires_s = cache_terms_read_date_s(response, HTTP_NAME_EXPIRES, now_ms);
	if (expires_s == INT64_MIN || http_head_count(response, HTTP_NAME_EXPIRES) > 1)
		return 0;
	uint64_t lifetime_ms = span_ms(date_s, expires_s);
	uint64_t most_ms = (uint64_t)HTTP_CACHE_CONTROL_MAX_S * SECOND_MS;
	return lifetime_ms < most_ms ? lifetime_ms : most_ms;
}

/* What the origin says (4.2.1); false where it says nothing. */
static bool explicit_ms(const struct cache_exchange *exchange,
        const struct http_cache_control_response *control, int64_t date_s, uint64_t *ret_ms)
{
	if (http_cache_control_has(control->has, HTTP_DIRECTIVE_S_MAXAGE))
		*ret_ms = (uint64_t)control->s_maxage_s * SECOND_MS;
	else if (http_cache_control_has(control->has, HTTP_DIRECTIVE_MAX_AGE))
		*ret_ms = (uint64_t)control->max_age_s * SECOND_MS;
	else if (!control->is_targeted && http_head_has(exchange->response, HTTP_NAME_EXPIRES))
		*ret_ms = expires_ms(exchange->response, date_s, exchange->received_ms);
	else
		return false;
	return true;
}

/* What the operator says of a status. */
static bool rule_ms(const struct cache_rules *rules, unsigned status, uint64_t *ret_ms)
{
	for (unsigned i = 0; i < rules->ttl_count; i++) {
		if (status < rules->ttls[i].first || status > rules->ttls[i].last)
			continue;
		*ret_ms = (uint64_t)rules->ttls[i].ttl_s * SECOND_MS;
		return true;
	}
	return false;
}

/* Whether a response may be guessed to be fresh: by its status (RFC 9110 15.1) or because it is
 * public (RFC 9111 4.2.2). 206 is there as a piece. */
static bool may_guess(unsigned status, const struct http_cache_control_response *control)
{
	switch (status) {
	case 200:
	case 203:
	case 204:
	case 206:
	case 300:
	case 301:
	case 308:
	case 404:
	case 405:
	case 410:
	case 414:
	case 501:
		return true;
	default:
		return http_cache_control_has(control->has, HTTP_DIRECTIVE_PUBLIC);
	}
}

/* What its age at the origin lets one guess (4.2.2). */
static bool heuristic_ms(const struct cache_exchange *exchange,
        const struct http_cache_control_response *control, const struct cache_rules *rules,
        int64_t date_s, int64_t last_modified_s, uint64_t *ret_ms)
{
	if (!rules->has_heuristics || last_modified_s == INT64_MIN ||
	        !may_guess(exchange->response->status, control))
		return false;
	uint64_t lifetime_ms = span_ms(last_modified_s, date_s) / HEURISTIC_SHARE;
	uint64_t most_ms = (uint64_t)HEURISTIC_MAX_S * SECOND_MS;
	*ret_ms = lifetime_ms < most_ms ? lifetime_ms : most_ms;
	return true;
}

bool cache_terms_is_whole(const struct http_cache_control_names *names)
{
	static const uint64_t essential = BIT(CACHE_CONTROL) | BIT(CDN_CACHE_CONTROL) |
	                                  BIT(CONTENT_ENCODING) | BIT(CONTENT_LENGTH) |
	                                  BIT(CONTENT_RANGE) | BIT(CONTENT_TYPE) | BIT(DATE) |
	                                  BIT(ETAG) | BIT(EXPIRES) | BIT(LAST_MODIFIED) |
	                                  BIT(LOCATION) | BIT(TRANSFER_ENCODING) | BIT(VARY);
	unsigned list = 0;
	struct str rest = STR_EMPTY, name;
	while (http_cache_control_next_name(names, &list, &rest, &name)) {
		if ((essential >> http_name_of(name) & 1) != 0)
			return true;
	}
	return names->count == 0;
}

/*
 * Stale use (RFC 5861, RFC 9111 4.2.4). must-revalidate and proxy-revalidate forbid all of it, and
 * so does s-maxage, which implies the latter (5.2.2.10); but where the very response that has
 * s-maxage also says for how long it may be used stale, it is the origin that permits it, and that
 * is the more particular word. A lifetime of 0 says that the origin wants to be asked for each
 * request: what the domain allows by default is not meant for that.
 */
static void make_stale_terms(
        const struct http_cache_control_response *control, struct cache_terms *terms)
{
	bool is_forbidden = http_cache_control_has(control->has, HTTP_DIRECTIVE_MUST_REVALIDATE) ||
	                    http_cache_control_has(control->has, HTTP_DIRECTIVE_PROXY_REVALIDATE) ||
	                    (terms->flags & CACHE_NO_CACHE) != 0;
	bool is_shy = http_cache_control_has(control->has, HTTP_DIRECTIVE_S_MAXAGE) ||
	              terms->fresh_ms == 0;
	terms->stale_while_revalidate_s = terms->stale_if_error_s = UINT32_MAX;
	if (is_forbidden || is_shy) {
		terms->flags |= CACHE_MUST_REVALIDATE;
		terms->stale_while_revalidate_s = terms->stale_if_error_s = 0;
	}
	if (is_forbidden)
		return;
	if (http_cache_control_has(control->has, HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE))
		terms->stale_while_revalidate_s = control->stale_while_revalidate_s;
	if (http_cache_control_has(control->has, HTTP_DIRECTIVE_STALE_IF_ERROR))
		terms->stale_if_error_s = control->stale_if_error_s;
}

/* The caps on answers that stand in for a master's (origin-pull.md section 4). What is left of the
 * lifetime is capped, since a part of it was over when the response came. */
static void cap(const struct cache_exchange *exchange, const struct cache_rules *rules,
        struct cache_terms *terms)
{
	uint64_t left_ms = UINT64_MAX;
	if (exchange->is_from_backup) {
		terms->flags |= CACHE_FROM_BACKUP;
		if (rules->backup_max_s != UINT32_MAX)
			left_ms = (uint64_t)rules->backup_max_s * SECOND_MS;
	}
	bool is_error =
	        terms->status >= 400 && (exchange->is_from_backup || exchange->is_after_failure);
	if (is_error && left_ms > BACKUP_ERROR_MS)
		left_ms = BACKUP_ERROR_MS;
	if (left_ms == UINT64_MAX)
		return;
	uint64_t age_ms = cache_terms_age_ms(terms, terms->received_ms);
	if (terms->fresh_ms > age_ms + left_ms)
		terms->fresh_ms = age_ms + left_ms;
	/* Past the cap the master is to be asked; while it fails, a good answer may still help. */
	terms->stale_while_revalidate_s = 0;
	if (is_error) {
		terms->stale_if_error_s = 0;
		terms->flags |= CACHE_MUST_REVALIDATE;
	}
}

bool cache_terms_make(const struct cache_exchange *exchange,
        const struct http_cache_control_response *control, const struct cache_rules *rules,
        struct cache_terms *ret_terms)
{
	const struct http_head *response = exchange->response;
	uint64_t now_ms = exchange->received_ms;
	int64_t dated_s = cache_terms_read_date_s(response, HTTP_NAME_DATE, now_ms);
	int64_t date_s = dated_s != INT64_MIN ? dated_s : (int64_t)(now_ms / SECOND_MS);
	struct cache_terms terms = {
	        .received_ms = now_ms,
	        .last_modified_s =
	                cache_terms_read_date_s(response, HTTP_NAME_LAST_MODIFIED, now_ms),
	        .status = response->status == 206 ? 200 : response->status,
	        .flags = response->status == 206 ? CACHE_IS_PARTIAL : 0,
	};
	if (http_condition_is_date_strong(terms.last_modified_s, dated_s))
		terms.flags |= CACHE_DATE_STRONG;
	if (http_cache_control_has(control->has, HTTP_DIRECTIVE_NO_CACHE) &&
	        cache_terms_is_whole(&control->no_cache))
		terms.flags |= CACHE_NO_CACHE;
	uint64_t age_ms = initial_age_ms(exchange, date_s);
	terms.born_ms = age_ms < now_ms ? now_ms - age_ms : 0;

	if (!explicit_ms(exchange, control, date_s, &terms.fresh_ms)) {
		if (rule_ms(rules, terms.status, &terms.fresh_ms))
			terms.flags |= CACHE_BY_RULE;
		else if (heuristic_ms(exchange, control, rules, date_s, terms.last_modified_s,
		                 &terms.fresh_ms))
			terms.flags |= CACHE_HEURISTIC;
		else if ((terms.flags & CACHE_NO_CACHE) == 0 || !may_guess(terms.status, control))
			return false;
	}
	make_stale_terms(control, &terms);
	cap(exchange, rules, &terms);
	*ret_terms = terms;
	return true;
}
