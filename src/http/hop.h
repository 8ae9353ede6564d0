/*
 * What belongs to one connection and never travels (RFC 9110 section 7.6.1): hop-by-hop fields, and
 * whatever the Connection field names. Also the fields that tell who a request passed through.
 * Pure.
 */
#pragma once

#include "base/address.h"
#include "http/head.h"
#include "http/mark.h"

/* Which fields of `head` must not be forwarded: bit i of ret_drop[i / 64] is set for field i.
 * Fields that frame the message (Content-Length, Transfer-Encoding, Trailer) are dropped too, since
 * the sender writes them afresh; so are Host, Expect and, in requests, TE. */
enum { HTTP_HOP_WORDS = HTTP_MARK_WORDS };
void http_hop_mark(const struct http_head *head, uint64_t ret_drop[HTTP_HOP_WORDS]);

/* Whether a CDN-Loop field (RFC 8586: members `cdn-id *( OWS ";" OWS parameter )`) names `cdn_id`,
 * without regard to case. What stands behind the ";" is not looked at. */
bool http_hop_has_cdn_id(const struct http_head *head, struct str cdn_id);

typedef bool http_hop_is_trusted(const struct address *address, const void *context);

/*
 * The client behind trusted proxies: *address is the peer's at first, and the client's afterwards.
 * Walks the members of all X-Forwarded-For fields from the right as long as the address so far is
 * trusted, at most LIMIT_FORWARDED_HOPS. Returns false when a member that is needed is no IP
 * address (with or without port); *address is then left alone.
 */
bool http_hop_client(const struct http_head *head, http_hop_is_trusted *is_trusted,
        const void *context, struct address *address);
