/*
 * Methods (RFC 9110 section 9, RFC 5789). Pure.
 */
#pragma once

#include "base/str.h"

/* OTHER is any valid token that is not in the list; it is treated as not safe. */
enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_OPTIONS,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_PATCH,
	HTTP_TRACE,
	HTTP_CONNECT,
	HTTP_OTHER,
};

/* Case-sensitive (RFC 9110 9.1). */
enum http_method http_method_of(struct str name);

/* GET, HEAD, OPTIONS, TRACE: it changes nothing, so sending it twice does no harm, and nothing that
 * is remembered is invalidated by it (RFC 9110 9.2.1). */
bool http_method_is_safe(enum http_method method);
