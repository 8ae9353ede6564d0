/*
 * The life of an origin-pull: choose an address, attempt, judge, and stream what was accepted to
 * whoever reads it. It belongs to one worker and to no request; what it needs of one it is given in
 * its options. The steps are one table, fill_steps.def.
 */
#pragma once

#include "edge/access_log.h"
#include "edge/forward.h"
#include "edge/worker.h"
#include "origin/attempt.h"

struct edge_fill;

/* Who waits for a fill. Noting and waking only. */
struct edge_fill_reader {
	/* The stage changed, or there may be something to read. */
	void (*on_progress)(struct edge_fill_reader *self);
	/* An interim response for the client; head is valid during the call. */
	void (*on_interim)(struct edge_fill_reader *self, const struct http_head *head);
};

struct edge_fill_options {
	struct edge_worker *worker;
	struct edge_fill_reader *reader;
	struct arena *arena; /* for the heads that are sent; lives as long as the fill */
	struct edge_forward
	        forward; /* `origin` is the fill's to set; the domain is kept by the fill */
	struct origin_source *source; /* the request body; NULL: none */
	struct str key; /* of the policy `hash`, and what tells URLs apart: the target */
};

enum edge_fill_stage {
	EDGE_FILL_PULLING,
	EDGE_FILL_HEAD,   /* there is an answer: edge_fill_head, edge_fill_read */
	EDGE_FILL_FAILED, /* there is none, or it broke off: edge_fill_fault */
};

/* Begins; reports after it returned. */
struct edge_fill *edge_fill_start(const struct edge_fill_options *options);

/* Another reader takes over; what it is told from now on is what it would be told next. */
void edge_fill_set_reader(struct edge_fill *fill, struct edge_fill_reader *reader);

/* The reader leaves: the fill ends, and what it holds is given back. NULL is fine. */
void edge_fill_leave(struct edge_fill *fill);

enum edge_fill_stage edge_fill_stage(const struct edge_fill *fill);

/* In HEAD: the answer's head, valid as long as the fill, and its body's framing; length is
 * UINT64_MAX where it is not known. */
const struct http_head *edge_fill_head(
        const struct edge_fill *fill, enum http_framing *ret_framing, uint64_t *ret_length);

/* In HEAD: the next piece of the body, as origin_attempt_read gives it. */
enum origin_read edge_fill_read(struct edge_fill *fill, struct str *ret_data);

/* In HEAD: the attempt that has become a tunnel (origin/tunnel.h), in its phase BODY; NULL: the
 * answer is no 101. */
struct origin_attempt *edge_fill_tunnel(struct edge_fill *fill);

/* The tunnel has ended: its row of the log is filled in. Why it broke, or NONE. */
enum fault edge_fill_end_tunnel(struct edge_fill *fill);

/* After the head: whether the body's end will be told from a break. Bodies that end with their
 * connection do only where that is TLS. */
bool edge_fill_tells_end(const struct edge_fill *fill);

/* After the END of a body: whether it is whole only as far as anybody can tell. */
bool edge_fill_is_end_unsure(const struct edge_fill *fill);

/* After the END of a body. */
bool edge_fill_trailers(struct edge_fill *fill, struct http_head *ret_trailers);

/* In FAILED: why. */
enum fault edge_fill_fault(const struct edge_fill *fill);

/* The request body has more, or its end. */
void edge_fill_body_ready(struct edge_fill *fill);

/* Whether the request body may still be sent from its beginning. */
bool edge_fill_may_rewind(const struct edge_fill *fill);

/* Who answered: its role and address, "" before there is an answer. */
enum model_role edge_fill_origin(const struct edge_fill *fill, struct address *ret_address);

/* In HEAD: whether the other origin failed, or could not be asked, before this answer. */
bool edge_fill_is_after_failure(const struct edge_fill *fill);

/* In HEAD: whether the body broke off, and others give its rest. */
bool edge_fill_is_resumed(const struct edge_fill *fill);

/* Every attempt so far, for the log; one that still runs with what is known of it now. */
const struct edge_log_attempt *edge_fill_attempts(struct edge_fill *fill, unsigned *ret_count);

/* How large a fill is, for its slab. */
size_t edge_fill_bytes(void);

/* The table of steps, as text. */
void edge_fill_explain(struct text *to);
