/*
 * What a client gets of an answer that is remembered or shared: the whole, the news that nothing
 * changed (304), a part or several (206), or that a condition or a range does not hold (412, 416).
 * Pure.
 */
#pragma once

#include "base/arena.h"
#include "cache/terms.h"
#include "http/cache_status.h"
#include "http/hop.h"
#include "http/range.h"
#include "model/domain.h"
#include "serve/stream.h"

/* A stretch of the body, behind a text of ours. */
struct edge_reply_part {
	struct str text;
	uint64_t at, end; /* bytes of the stored body */
};

enum { EDGE_REPLY_FIELDS = 7 };

/* What serve_response refers to, for as long as it is written; and what follows it. */
struct edge_reply {
	struct serve_response response;
	struct serve_field fields[EDGE_REPLY_FIELDS];
	uint64_t drop[HTTP_MARK_WORDS];
	struct edge_reply_part *parts; /* in the arena, or `whole` */
	unsigned part_count;
	struct edge_reply_part whole;
	struct str lines; /* of an error response: Content-Range, Cache-Status */
};

struct edge_reply_options {
	const struct http_head *request;
	const struct http_head *head; /* as it is stored (edge/loaded.h) */
	const struct cache_terms *terms;
	struct str etag;
	struct str own;            /* lines for this client alone, beside the head's */
	uint64_t length;           /* UINT64_MAX: not known yet, and then ranges do not count */
	bool is_one_way;           /* the body comes once, in order: not several ranges */
	bool has_age;              /* it comes from the store */
	uint64_t now_ms;           /* wall clock */
	struct str via, cache;     /* values */
	struct str origin, timing; /* X-Headwater-Origin and Server-Timing; empty: none */
	struct str name;           /* ours, for Cache-Status */
	struct http_cache_status status;
	uint64_t boundary; /* of several ranges: drawn, so that no part has it but by a chance that
	                      nobody can use */
	const struct model_headers *rules; /* of the domain, for clients; NULL: none */
	struct arena *arena;
};

enum edge_reply_verdict {
	EDGE_REPLY_SEND,         /* *ret_reply is the response and its body */
	EDGE_REPLY_PRECONDITION, /* FAULT_PRECONDITION is the answer, with ret_reply->lines */
	EDGE_REPLY_RANGE,        /* FAULT_RANGE is, with the same */
};

enum edge_reply_verdict edge_reply_make(
        const struct edge_reply_options *options, struct edge_reply *ret_reply);
