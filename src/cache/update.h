/*
 * What a later answer says of a remembered response: a 304 that validates it (RFC 9111 4.3.4), the
 * head made of both (3.2), and an answer to HEAD (4.3.5). Pure.
 */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "http/write.h"

/* Whether a 304 speaks of the remembered response: its validators, where it has some, are the
 * remembered one's. Otherwise the 304 must not update it, and it is to be pulled again. A 304
 * without any does speak of it, as the request had this one's validators and no other's. */
MUST_CHECK bool cache_update_is_match(
        const struct http_head *stored, const struct http_head *not_modified);

/*
 * The head of the remembered response, updated: each field of `update` replaces those of its name
 * (3.2), but those of the connection, Content-Length, Content-Encoding, Content-Range and
 * Set-Cookie. Content-Type is replaced, as the RFC says. Content-Encoding is left alone because the
 * remembered bytes depend on it. Age and Date are the update's, so that the new terms can be made
 * from the result as from a response that just came.
 *
 * Parses into *ret_head, whose fields and bytes are in the arena. False where the result is larger
 * than a head may be (LIMIT_RESPONSE_HEAD_BYTES, LIMIT_HEAD_FIELDS): then it is pulled again.
 */
MUST_CHECK bool cache_update_merge(const struct http_head *stored, const struct http_head *update,
        struct arena *arena, struct http_head *ret_head);

enum cache_update_effect {
	CACHE_UPDATE_NOTHING, /* the answer says nothing of it */
	CACHE_UPDATE_HEAD,    /* merge it */
	CACHE_UPDATE_STALE,   /* it speaks of another representation: the remembered one is stale */
};

/* What an answer to HEAD does to the remembered response to GET of `length` bytes (4.3.5). */
enum cache_update_effect cache_update_by_head(
        const struct http_head *stored, uint64_t length, const struct http_head *answer);

/* Whether a response has a validator that a request can be made of: an entity tag or a date. */
bool cache_update_has_validator(const struct http_head *response);

/* Writes the validators of a remembered response as fields of the request that validates it
 * (4.3.1): If-None-Match, If-Modified-Since. Returns whether there is any. */
bool cache_update_write_conditions(const struct http_head *stored, struct http_writer *writer);

/* Its strong validator, which is what If-Range needs: its ETag where that is strong, else its
 * Last-Modified where that is (RFC 9110 8.8.2.2); empty where there is none. */
struct str cache_update_strong_validator(const struct http_head *stored);

/* The one that pieces of it must agree on, whichever address they come from: files that differ may
 * have one date on two machines, so that is only trusted where it is to be. */
struct str cache_update_piece_validator(const struct http_head *stored, bool trusts_dates);
