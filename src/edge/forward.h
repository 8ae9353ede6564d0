/*
 * The request as an origin gets it, written afresh from the parsed head: nothing that was not
 * parsed ever travels (origin-pull.md section 7). Pure.
 */
#pragma once

#include "base/address.h"
#include "base/arena.h"
#include "cache/vary.h"
#include "http/body.h"
#include "http/head.h"
#include "model/domain.h"

struct edge_forward {
	const struct http_head *head;
	struct str target;          /* origin-form */
	struct str host;            /* asked for, in normal form */
	const struct address *peer; /* the connection's other end */
	bool is_peer_trusted;       /* then its X-Forwarded-For and kin are kept and extended */
	bool is_https;
	bool has_body, is_length_known;
	uint64_t body_length;
	struct str cdn_id;
	struct str websocket_key; /* Sec-WebSocket-Key in place of the client's; empty: the client's
	                             own */
	struct str upgrade; /* the protocol that the connection is to change to; empty: none */
	const struct model_domain *domain;
	const struct model_origin *origin;
	int64_t time_s; /* now by the clock of the origin, for what is signed for a bucket */
};

/* The request as the domain's origins are asked it, for what their answers vary on. */
struct cache_vary_asked edge_forward_asked(const struct http_head *head,
        const struct model_domain *domain, bool is_https, bool is_peer_trusted);

/*
 * The GET that asks for the rest of what a GET was answered: the same, with the lines of `more` in
 * place of what asked for a part, or for all only if it changed, whatever the client has named in
 * Connection. In the arena; false when it is
 * larger than a head may be.
 */
MUST_CHECK bool edge_forward_rest(const struct http_head *head, struct str more,
        struct arena *arena, struct http_head *ret_head);

/* How many fields edge_forward_shared adds at most: Accept-Encoding, and two of `more`. */
enum { EDGE_FORWARD_SHARED_FIELDS = 3 };

/* The whole head, in the arena. One for a private bucket is signed, and good for one attempt. Of a
 * bucket, the target is http_uri_is_plain. */
struct str edge_forward_head(const struct edge_forward *forward, struct arena *arena);

/* Signs a head anew, for another time, in the place of one that edge_forward_head made of the same
 * and that is not being sent any more. */
struct str edge_forward_again(const struct edge_forward *forward, struct str head);

/*
 * The GET of a pull whose answer may be shared, made of a client's GET or HEAD: without what asks
 * for a part of the response, or for one only if it changed, and without what some servers take for
 * another method or URL (X-HTTP-Method-Override, X-Original-URL and their kin); with
 * `accept_encoding` in place of what the client sent of Accept-Encoding, if anything; and with the
 * lines of `more`, whatever the client has named in Connection. In the arena; false when it is
 * larger than a head may be.
 */
MUST_CHECK bool edge_forward_shared(const struct http_head *head, struct str accept_encoding,
        struct str more, struct arena *arena, struct http_head *ret_head);
