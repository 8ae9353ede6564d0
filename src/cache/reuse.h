/*
 * What may be done with a remembered response for a request, now (RFC 9111 section 4). Pure.
 */
#pragma once

#include "cache/terms.h"

enum cache_reuse {
	CACHE_REUSE_FRESH, /* send it */
	/* Send it, stale as it is, and validate it meanwhile: stale-while-revalidate, or the
	 * client's max-stale. */
	CACHE_REUSE_STALE,
	/* Validate it first; where that ends in an error, it may be sent (stale-if-error). */
	CACHE_REUSE_IF_ERROR,
	CACHE_REUSE_NEVER, /* validate it first; it must not be sent without */
};

/*
 * `asked` is what the request's Cache-Control says; it is not looked at where the domain ignores
 * clients' directives. A soft-purged response is stale from now on. A request with only-if-cached
 * is answered 504 unless the result is FRESH or STALE (5.2.1.7), which is for the caller to do.
 */
enum cache_reuse cache_reuse_judge(const struct cache_terms *terms, bool is_soft_purged,
        const struct http_cache_control_request *asked, const struct cache_rules *rules,
        uint64_t now_ms);
