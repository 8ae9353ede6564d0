/*
 * Parts of URIs (RFC 3986) that a request line or a Host field may have. Pure.
 */
#pragma once

#include "base/limit.h"
#include "base/str.h"

#include <stdint.h>

/* An authority, "host" or "host:port", cut in two. An IPv6 literal keeps its brackets. */
struct http_authority {
	struct str host;
	uint16_t port; /* 0: none was written */
};

/* Cuts and checks: the host is a reg-name of the characters that host names have (letters, digits,
 * "-",
 * ".", "_"), an IPv4 address, or an IP literal; no user information; at most LIMIT_HOST_BYTES.
 * A trailing dot is accepted. An empty port ("host:") is accepted as none. */
MUST_CHECK bool http_uri_parse_authority(struct str text, struct http_authority *ret_authority);

/* Lower case, without the trailing dot, into `to` (LIMIT_HOST_BYTES + 1 bytes, NUL-terminated). */
struct str http_uri_normal_host(struct str host, char *to);

/* An absolute-form target, "http://authority/path?query": its authority and what follows ("/" is
 * put in where the path is empty, by pointing ret_path at a constant or, when a query follows an
 * empty path, it is refused). Schemes http and https only, without regard to case; no fragment. */
MUST_CHECK bool http_uri_parse_absolute(
        struct str target, struct str *ret_authority, struct str *ret_path);

/* Path and query of an origin-form target; the query is without its "?". */
void http_uri_cut_query(struct str target, struct str *ret_path, struct str *ret_query);

/* Whether the path of an origin-form target can be taken for one thing only, by whoever decodes or
 * resolves it: it begins with "/", every "%" is followed by two hexadecimal digits, and decoded it
 * has no control characters, and no segment that is "." or "..". */
bool http_uri_is_plain(struct str target);

/* Adds a path with every escape as the byte that it stands for. A "%" that begins none stays. */
void http_uri_decode(struct str path, struct text *to);

/* Whether every "%" is followed by two hexadecimal digits. */
bool http_uri_has_valid_escapes(struct str target);
