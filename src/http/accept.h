/*
 * What a client takes (RFC 9110 section 12.5). Pure.
 */
#pragma once

#include "http/head.h"

enum { HTTP_ACCEPT_MOST = 1000 };

/* How much a client likes a content coding ("gzip"), in thousandths, by all lines of
 * Accept-Encoding (RFC 9110 section 12.5.3); 0: it is not to be used. What it does not tell of is
 * 0, and of "identity" the least that is not. A member that cannot be read is passed over. */
unsigned http_accept_coding(const struct http_head *head, struct str coding);
