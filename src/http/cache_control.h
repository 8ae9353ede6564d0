/*
 * Cache-Control of requests and responses (RFC 9111 section 5.2), with Pragma (5.4), the extensions
 * of RFC 5861, and CDN-Cache-Control (RFC 9213), as one small struct for each.
 *
 * What is said twice or in conflict, or with an argument that is none, is read in the most
 * restrictive way (4.2.1): the shortest lifetime, 0 where there is no number, the unqualified form
 * of no-cache and private. Seconds are at most HTTP_CACHE_CONTROL_MAX_S (1.2.2); they may stand in
 * quotes. Directives that are not known are skipped. Pure.
 */
#pragma once

#include "http/head.h"

enum http_directive {
	HTTP_DIRECTIVE_NO_STORE,
	HTTP_DIRECTIVE_NO_CACHE,
	HTTP_DIRECTIVE_NO_TRANSFORM,
	HTTP_DIRECTIVE_MAX_AGE,
	HTTP_DIRECTIVE_STALE_IF_ERROR,
	/* requests only */
	HTTP_DIRECTIVE_MIN_FRESH,
	HTTP_DIRECTIVE_MAX_STALE,
	HTTP_DIRECTIVE_ONLY_IF_CACHED,
	/* responses only */
	HTTP_DIRECTIVE_S_MAXAGE,
	HTTP_DIRECTIVE_STALE_WHILE_REVALIDATE,
	HTTP_DIRECTIVE_PRIVATE,
	HTTP_DIRECTIVE_PUBLIC,
	HTTP_DIRECTIVE_MUST_REVALIDATE,
	HTTP_DIRECTIVE_PROXY_REVALIDATE,
	HTTP_DIRECTIVE_MUST_UNDERSTAND,
	HTTP_DIRECTIVE_IMMUTABLE,
	HTTP_DIRECTIVES,
};

enum {
	/* The most seconds: 2^31 - 1, so that no sum of a few of them is too large for anybody. */
	HTTP_CACHE_CONTROL_MAX_S = INT32_MAX,
	/* The most lists of field names that are kept for a directive; one more makes it
	 * unqualified. */
	HTTP_CACHE_CONTROL_LISTS = 4,
};

/* What a request asks of a cache; all-zero: nothing. */
struct http_cache_control_request {
	uint32_t has;       /* bit n: the directive n is there */
	uint32_t max_age_s; /* this and the next ones: where `has` has the directive */
	uint32_t min_fresh_s;
	uint32_t max_stale_s; /* without an argument: HTTP_CACHE_CONTROL_MAX_S */
	uint32_t stale_if_error_s;
};

/* The field names of no-cache="..." or private="...", which refer to the head's bytes. */
struct http_cache_control_names {
	struct str lists[HTTP_CACHE_CONTROL_LISTS]; /* each a comma-separated list of tokens */
	uint8_t count;                              /* 0: the directive stands for the whole */
};

struct http_cache_control_response {
	uint32_t has;       /* bit n: the directive n is there */
	uint32_t max_age_s; /* this and the next ones: where `has` has the directive */
	uint32_t s_maxage_s;
	uint32_t stale_while_revalidate_s;
	uint32_t stale_if_error_s;
	bool is_targeted; /* all is from CDN-Cache-Control: Cache-Control and Expires do not count
	                   */
	struct http_cache_control_names no_cache, private; /* where `has` has the directive */
};

/* Reads the request's Cache-Control, or its Pragma where there is none (5.4). */
void http_cache_control_read_request(
        const struct http_head *head, struct http_cache_control_request *ret_control);

/* The same for the path of a hit: a request with neither field costs a test. */
static inline void http_cache_control_of_request(
        const struct http_head *head, struct http_cache_control_request *ret_control)
{
	const uint64_t fields =
	        (uint64_t)1 << HTTP_NAME_CACHE_CONTROL | (uint64_t)1 << HTTP_NAME_PRAGMA;
	if ((head->present & fields) != 0)
		http_cache_control_read_request(head, ret_control);
	else
		*ret_control = (struct http_cache_control_request){0};
}

/*
 * Reads CDN-Cache-Control where it is there, well-formed and not empty (RFC 9213 section 2.1); else
 * Cache-Control; else Pragma: no-cache as Cache-Control: no-cache, which RFC 9111 5.4 leaves open
 * and which is the careful reading. The field names refer to the head's bytes.
 */
void http_cache_control_of_response(
        const struct http_head *head, struct http_cache_control_response *ret_control);

static inline bool http_cache_control_has(uint32_t has, enum http_directive directive)
{
	return (has >> directive & 1) != 0;
}

/* Takes the next field name off the lists; *list and *rest are 0 and empty at first. False at the
 * end. */
bool http_cache_control_next_name(const struct http_cache_control_names *names, unsigned *list,
        struct str *rest, struct str *ret_name);

/* Reads delta-seconds (RFC 9111 1.2.2): digits only; what is larger becomes the most. */
MUST_CHECK bool http_cache_control_parse_seconds(struct str text, uint32_t *ret_s);
