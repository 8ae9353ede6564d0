/*
 * References to URIs in fields like Location (RFC 3986 section 4.1), resolved against the target of
 * the request, as far as they lead to the same authority. Pure.
 */
#pragma once

#include "base/arena.h"
#include "http/uri.h"

struct http_reference_base {
	bool is_https;
	struct str host; /* authority of the request, as asked for or in normal form */
	struct str path; /* origin-form, with its query */
};

/*
 * The origin-form (path and query, without dot segments and fragment) that `reference` leads to
 * from `base`, in the arena; false where it leads to another scheme, host or port, or cannot be
 * read. The default ports are those of the schemes.
 */
MUST_CHECK bool http_reference_resolve(const struct http_reference_base *base, struct str reference,
        struct arena *arena, struct str *ret_path);
