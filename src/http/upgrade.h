/*
 * Changing to another protocol on the same connection (RFC 9110 section 7.8): what a request asks
 * for, and whether a 101 is the answer to that. Pure.
 */
#pragma once

#include "http/head.h"

/* Which of `count` protocols the request changes to: that of the first member of its Upgrade fields
 * which is among them, without regard to case. -1: none; nor where Connection does not name
 * Upgrade, and in HTTP/1.0. */
int http_upgrade_choose(const struct http_head *head, const char *const *protocols, unsigned count);

/* Whether this head changes to `protocol`, and to nothing else: a 101 of HTTP/1.1 with that one
 * member in one Upgrade field, which Connection names, and without what announces a body. */
bool http_upgrade_is_answer(const struct http_head *head, struct str protocol);
