/*
 * Variants (RFC 9111 section 4.1): which request fields a URL's responses vary on, and the text
 * that two requests share exactly when they may share a response. Pure.
 *
 * Values are made equal only where the RFC says that they are: several lines are one list; white
 * space between words is one space; Accept-Encoding is which of br, gzip and identity are
 * acceptable; Accept-Language and the media ranges of Accept have no case, and no space around
 * their commas and semicolons. All else is compared as it is.
 *
 * What counts is what the origin is told. A field that the client has named in Connection, and one
 * that only a trusted proxy may say, never gets there: were it looked at, a client could have the
 * answer to one request kept for those who make another.
 */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "http/write.h"

struct cache_vary {
	unsigned count;
	struct str names[LIMIT_VARY_NAMES]; /* different without regard to case */
};

/* A request as its origin is asked it. */
struct cache_vary_asked {
	const struct http_head *head; /* the client's */
	/* Its X-Forwarded-Proto and X-Forwarded-Host go on as they are; else the latter does not.
	 */
	bool is_trusted;
	struct str proto; /* the X-Forwarded-Proto that goes on else; empty: none does */
};

enum cache_vary_result {
	CACHE_VARY_DONE,
	/* "*", or what tells one client from all others (Forwarded, X-Forwarded-For): no other
	 * request may have this response */
	CACHE_VARY_ANY,
	CACHE_VARY_LIMIT, /* more than LIMIT_VARY_NAMES names; or a text longer than a variant may
	                     be */
};

/* Adds the names of the response's Vary to *vary, which may have some already: once a URL's
 * responses vary on a field, all are told apart by it. Names that are no tokens are ANY. The names
 * refer to the head's bytes. *vary is left alone unless the result is DONE. */
enum cache_vary_result cache_vary_add(struct cache_vary *vary, const struct http_head *response);

/* Adds one name; false where there is no room. */
MUST_CHECK bool cache_vary_add_name(struct cache_vary *vary, struct str name);

/*
 * Writes the variant of a request for these names: of each, in their order, the length and the
 * normal value, or a mark that it is missing, so that no value can pass for another's end. Returns
 * LIMIT where LIMIT_VARIANT_BYTES do not suffice: such a request is passed on. Never ANY.
 */
enum cache_vary_result cache_vary_write(const struct cache_vary *vary,
        const struct cache_vary_asked *asked, char to[LIMIT_VARIANT_BYTES], struct str *ret_text);

/*
 * The Accept-Encoding that stands for the request's: "br, gzip", "gzip", "br", "identity", or one
 * of these with "identity;q=0". It is what must be sent to the origin when the answer may be
 * stored, since the origin must not choose by what we do not tell apart (a coding that we do not
 * know).
 */
struct str cache_vary_accept_encoding(const struct http_head *request);
