/*
 * What a request that was not safe invalidates (RFC 9111 section 4.4). Pure.
 */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "http/reference.h"

enum { CACHE_INVALIDATE_MAX = 3 }; /* the target, Location, Content-Location */

/*
 * The origin-forms that are to be removed, all of base's authority, in the arena; returns how many.
 * None where the method is safe or the answer is an error. Location and Content-Location count
 * where they lead to the same scheme and authority: whoever can write at one host must not empty
 * another's cache. `base` is the request's target.
 */
unsigned cache_invalidate_targets(enum http_method method, const struct http_reference_base *base,
        const struct http_head *response, struct arena *arena,
        struct str ret_targets[CACHE_INVALIDATE_MAX]);
