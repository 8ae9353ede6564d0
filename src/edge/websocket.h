/*
 * The handshake of WebSocket (RFC 6455 section 4), where it is ours: towards an origin, for a
 * client of HTTP/2, which has none (RFC 8441 section 5). Pure, but for the randomness of keys.
 */
#pragma once

#include "base/arena.h"
#include "http/head.h"

/* A fresh value of Sec-WebSocket-Key, in the arena. */
struct str edge_websocket_key(struct arena *arena);

/* Whether the one Sec-WebSocket-Accept of a 101 is the answer to this key. */
bool edge_websocket_is_accepted(const struct http_head *head, struct str key);

/* Whether this is the field that a client of HTTP/2 does not get. */
bool edge_websocket_is_accept(struct str name);
