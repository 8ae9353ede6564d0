/*
 * The cache key of a request: the text that tells objects apart, made of the host, the target and
 * the client's scheme by the domain's rules (cache.scheme, cache.query, cache.query_sorted,
 * cache.ignore_case). Two requests with one key are for one object. Pure.
 *
 * The scheme stands at the end, so that what begins with a URL begins so for either scheme.
 */
#pragma once

#include "base/arena.h"
#include "model/domain.h"

/* Whose object it is. The three never meet: what was kept for both while a domain's schemes were
 * shared is nobody's once they are split, and the reverse. */
enum edge_key_scheme { EDGE_KEY_SHARED, EDGE_KEY_HTTP, EDGE_KEY_HTTPS, EDGE_KEY_SCHEMES };

enum { EDGE_KEY_SCHEME_BYTES = 6 }; /* at most, in a key */

/* That of a client's requests. */
static inline enum edge_key_scheme edge_key_scheme(const struct model_cache *rules, bool is_https)
{
	if (rules->scheme == MODEL_SCHEME_SHARED)
		return EDGE_KEY_SHARED;
	return is_https ? EDGE_KEY_HTTPS : EDGE_KEY_HTTP;
}

/* The key of a target ("/a?b=c") at a host in normal form ("www.example.com"), as in
 * "www.example.com/a?b=c#https"; in the arena. */
struct str edge_key_make(const struct model_cache *rules, enum edge_key_scheme scheme,
        struct str host, struct str target, struct arena *arena);
