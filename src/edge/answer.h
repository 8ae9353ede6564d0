/*
 * The response as a client gets it: the origin's head without what belongs to the connection to the
 * origin, and our own fields behind it (origin-pull.md section 7). Pure.
 */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "http/hop.h"
#include "model/domain.h"
#include "serve/stream.h"

enum { EDGE_ANSWER_FIELDS = 6 };

/* What serve_response refers to, for as long as it is written. */
struct edge_answer {
	uint64_t drop[HTTP_MARK_WORDS];
	struct serve_field fields[EDGE_ANSWER_FIELDS];
	struct serve_response response;
};

struct edge_answer_options {
	const struct http_head *head; /* the origin's */
	enum http_method method;      /* the request's */
	bool is_not_modified;         /* a 304 in its place: the client has it already */
	uint64_t length;              /* of the body; UINT64_MAX where it is not known */
	struct str via, date, cache;  /* values; the date is used where the origin sent none */
	struct str status_line;       /* Cache-Status, serialised */
	struct str upgrade;           /* of a 101: the protocol that the connection changes to */
	struct str origin, timing;    /* X-Headwater-Origin and Server-Timing; empty: none */
	const struct model_headers *rules; /* of the domain, for clients; NULL: none */
	struct arena *arena;               /* for what rules write */
};

/* Fills in ret_answer; its response refers to it and to the options' strings. */
void edge_answer_make(const struct edge_answer_options *options, struct edge_answer *ret_answer);

/* Which fields of an interim response go on: ret_drop as of http_hop_mark. Of the rules, what they
 * delete or write afresh does not; they write nothing here. */
void edge_answer_mark_interim(const struct http_head *head, const struct model_headers *rules,
        uint64_t ret_drop[HTTP_MARK_WORDS]);
