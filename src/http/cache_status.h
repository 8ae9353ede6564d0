/*
 * Cache-Status (RFC 9211): what we did with a request, as one member of a list that every cache on
 * the way adds to. The key is never told. Pure.
 */
#pragma once

#include "http/write.h"

/* Why a request went on to the origin (section 2.2). */
enum http_cache_forward {
	HTTP_CACHE_FORWARD_HIT, /* it did not */
	HTTP_CACHE_FORWARD_BYPASS,
	HTTP_CACHE_FORWARD_METHOD,
	HTTP_CACHE_FORWARD_URI_MISS,
	HTTP_CACHE_FORWARD_VARY_MISS,
	HTTP_CACHE_FORWARD_MISS,
	HTTP_CACHE_FORWARD_REQUEST,
	HTTP_CACHE_FORWARD_STALE,
	HTTP_CACHE_FORWARD_PARTIAL,
};

struct http_cache_status {
	enum http_cache_forward forward;
	uint16_t forward_status; /* what the origin answered, where it is not what we answer; 0:
	                            omit */
	bool has_ttl;
	int64_t ttl_s;     /* freshness that is left; below 0: stale since */
	bool is_stored;    /* only where it went on */
	bool is_collapsed; /* only where it went on */
	struct str detail; /* %x20-7E; empty: omit */
};

/* Writes the field line "Cache-Status: name; hit; ttl=30". `name` says which cache we are: a token
 * or at least %x20-7E. It stands behind those of the origin's caches. */
void http_cache_status_write(
        struct http_writer *writer, struct str name, const struct http_cache_status *status);

/* The value alone. */
void http_cache_status_write_value(
        struct http_writer *writer, struct str name, const struct http_cache_status *status);
