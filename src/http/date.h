/*
 * Dates of HTTP (RFC 9110 section 5.6.7). Pure.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum { HTTP_DATE_BYTES = 30 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL. */
void http_date_format(int64_t unix_s, char to[HTTP_DATE_BYTES]);

/* All three forms; a two-digit year more than 50 years ahead of now_s is in the past. */
MUST_CHECK bool http_date_parse(struct str text, int64_t now_s, int64_t *ret_unix_s);
