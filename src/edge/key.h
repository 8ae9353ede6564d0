/*
 * The cache key of a request: the text that tells objects apart, made of the host and the target by
 * the domain's rules (cache.query, cache.query_sorted, cache.ignore_case). Two requests with one
 * key are for one object. Pure.
 */
#pragma once

#include "base/arena.h"
#include "model/domain.h"

/* The key of a target ("/a?b=c") at a host in normal form ("www.example.com"), as in
 * "www.example.com/a?b=c"; in the arena. */
struct str edge_key_make(
        const struct model_cache *rules, struct str host, struct str target, struct arena *arena);
