/*
 * The cache key of a request: the text that tells objects apart, made of the host and the target by
 * the domain's rules (cache.query, cache.query_sorted, cache.ignore_case). Two requests with one
 * key are for one object. Pure.
 */
#pragma once

#include "base/arena.h"
#include "model/domain.h"

/* What stands for the host in the keys of a request: the host, and "https://" before it where the
 * domain's origins are asked by the client's scheme (`follow`), and may answer otherwise, such as
 * with a redirect to the other one. In the arena, or the host itself. */
struct str edge_key_host(
        const struct model_domain *domain, struct str host, bool is_https, struct arena *arena);

/* Whether the two schemes have keys of their own. */
bool edge_key_is_by_scheme(const struct model_domain *domain);

/* The key of a target ("/a?b=c") at a host in normal form ("www.example.com"), as in
 * "www.example.com/a?b=c"; in the arena. */
struct str edge_key_make(
        const struct model_cache *rules, struct str host, struct str target, struct arena *arena);
