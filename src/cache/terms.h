/*
 * The terms under which a response is remembered: since when it counts, how long it is fresh, what
 * may be done with it when it is stale (RFC 9111 section 4.2, RFC 5861). They are computed once,
 * when it is stored or validated, and are all that a hit looks at. Pure: times are wall-clock
 * milliseconds and are given in.
 */
#pragma once

#include "http/cache_control.h"

enum cache_terms_flag {
	/* Never sent stale for a client's max-stale: must-revalidate, proxy-revalidate, s-maxage
	 * (RFC 9111 5.2.2.2, 5.2.2.8, 5.2.2.10), or a lifetime of 0. What stale_*_s say stands. */
	CACHE_MUST_REVALIDATE = 1,
	CACHE_NO_CACHE = 2,     /* never sent without a validation that succeeded (5.2.2.4) */
	CACHE_FROM_BACKUP = 4,  /* the hot backup origin answered */
	CACHE_HEURISTIC = 8,    /* fresh_ms is a guess (4.2.2) */
	CACHE_BY_RULE = 16,     /* fresh_ms is the operator's rule */
	CACHE_DATE_STRONG = 32, /* last_modified_s is a strong validator (RFC 9110 8.8.2.2) */
	CACHE_IS_PARTIAL = 64,  /* it came as a 206 and describes the whole */
};

struct cache_terms {
	uint64_t born_ms;     /* when it was made, as far as is known: its age is now - born */
	uint64_t received_ms; /* when it, or its last validation, came */
	uint64_t fresh_ms;    /* the freshness lifetime: stale from born + fresh on */
	uint32_t stale_while_revalidate_s; /* this and the next one: UINT32_MAX where nothing was */
	uint32_t stale_if_error_s;         /* said and the domain's default counts */
	int64_t last_modified_s;           /* INT64_MIN: none */
	uint16_t status;
	uint16_t flags; /* of enum cache_terms_flag */
};

enum { CACHE_AGE_MAX_S = HTTP_CACHE_CONTROL_MAX_S };

/* TTL of a response that says nothing of its freshness, by its status. */
struct cache_ttl {
	uint16_t first, last; /* statuses, both counted */
	uint32_t ttl_s;
};

enum cache_set_cookie {
	CACHE_SET_COOKIE_PASS,  /* a response that sets a cookie is not stored */
	CACHE_SET_COOKIE_STRIP, /* it is stored without its Set-Cookie fields */
};

/* What a domain's operator decides; made from the domain by the caller. */
struct cache_rules {
	bool has_client_directives; /* requests' directives count (RFC 9111 5.2.1); false: ignored
	                             */
	bool has_heuristics;        /* 4.2.2 */
	bool trusts_dates;          /* pieces may be told to be of one version by Last-Modified */
	uint8_t set_cookie;         /* enum cache_set_cookie */
	uint32_t stale_while_revalidate_s, stale_if_error_s; /* where a response says nothing */
	uint32_t backup_max_s;        /* backup.cache_max; UINT32_MAX: no cap */
	const struct cache_ttl *ttls; /* the first that fits counts; NULL: none */
	unsigned ttl_count;
};

/* A request, its response, and what happened between them. */
struct cache_exchange {
	const struct http_head *request, *response;
	uint64_t requested_ms,
	        received_ms; /* when the pull began, and when the response's head came */
	bool is_from_backup;
	bool is_after_failure; /* an attempt at the other origin failed before */
	bool is_piece;         /* the Range was ours: a 206 is a piece of what is remembered */
};

/* The terms of a response that may be stored. `control` is what its Cache-Control says. Returns
 * false, and leaves *ret_terms alone, where nothing tells its freshness and nothing may guess it.
 */
MUST_CHECK bool cache_terms_make(const struct cache_exchange *exchange,
        const struct http_cache_control_response *control, const struct cache_rules *rules,
        struct cache_terms *ret_terms);

/* Its age (RFC 9111 4.2.3), never below 0 whatever the clock does. */
static inline uint64_t cache_terms_age_ms(const struct cache_terms *terms, uint64_t now_ms)
{
	return now_ms > terms->born_ms ? now_ms - terms->born_ms : 0;
}

/* The value of the Age field to send (5.1). */
static inline uint32_t cache_terms_age_s(const struct cache_terms *terms, uint64_t now_ms)
{
	uint64_t age_s = cache_terms_age_ms(terms, now_ms) / 1000;
	return age_s < CACHE_AGE_MAX_S ? (uint32_t)age_s : CACHE_AGE_MAX_S;
}

/* The freshness that is left in seconds, for Cache-Status (RFC 9211 2.4); below 0: stale since. */
static inline int64_t cache_terms_ttl_s(const struct cache_terms *terms, uint64_t now_ms)
{
	int64_t left_ms = (int64_t)terms->fresh_ms - (int64_t)cache_terms_age_ms(terms, now_ms);
	return left_ms >= 0 ? left_ms / 1000 : -((-left_ms + 999) / 1000);
}

/* Whether no-cache or private, which `control` has, stands for the whole response: it names no
 * fields, or one that the response is nothing without (Content-Encoding, Vary, ETag and their kin).
 */
bool cache_terms_is_whole(const struct http_cache_control_names *names);

/* The Age field of a response in seconds; 0 where there is none or it cannot be read (5.1). */
uint32_t cache_terms_read_age_s(const struct http_head *response);

/* A field that is a date, in seconds; INT64_MIN where there is none or it cannot be read. */
int64_t cache_terms_read_date_s(
        const struct http_head *response, enum http_name field, uint64_t now_ms);
