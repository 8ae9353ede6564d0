/*
 * Entity tags (RFC 9110 section 8.8.3) and lists of them (13.1.1, 13.1.2). Pure.
 */
#pragma once

#include "http/head.h"

struct http_etag {
	struct str opaque; /* with its quotes */
	bool is_weak;
};

/* One entity tag and nothing else. A backslash in it is a byte like any other. */
MUST_CHECK bool http_etag_parse(struct str text, struct http_etag *ret_etag);

/* RFC 9110 8.8.3.2: the opaque tags are equal, and for the strong comparison neither is weak. */
bool http_etag_is_strong_match(const struct http_etag *a, const struct http_etag *b);
bool http_etag_is_weak_match(const struct http_etag *a, const struct http_etag *b);

enum http_etag_comparison { HTTP_ETAG_STRONG, HTTP_ETAG_WEAK };

/* What a field that lists entity tags says of one. */
enum http_etag_listed {
	HTTP_ETAG_ANY,    /* the field is "*" */
	HTTP_ETAG_LISTED, /* a member matches */
	HTTP_ETAG_ABSENT, /* none does; also where the rest of a line cannot be read */
};

/* Looks for `etag` (NULL: there is none, which no member matches) in all lines of If-Match or
 * If-None-Match. */
enum http_etag_listed http_etag_find(const struct http_head *head, enum http_name field,
        const struct http_etag *etag, enum http_etag_comparison comparison);
