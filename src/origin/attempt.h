/*
 * ONE attempt of an origin-pull at one address: a connection from the pool or a fresh one, the
 * request written, the response head read and judged for form only, then the body handed out as it
 * is asked for. It never decides what comes next, and never tries twice. It notes successes and
 * failures in the health tables itself. One thread.
 *
 * Phases: QUEUE (for a free connection, connections_max) -> CONNECT -> SEND -> HEAD -> BODY ->
 * DONE, and FAILED from each. SEND and HEAD overlap: an origin may answer before it has read the
 * whole request.
 */
#pragma once

#include "base/fault.h"
#include "http/body.h"
#include "http/head.h"
#include "http/write.h"
#include "origin/group.h"
#include "origin/pool.h"

enum origin_phase {
	ORIGIN_PHASE_IDLE,
	ORIGIN_PHASE_QUEUE,
	ORIGIN_PHASE_CONNECT,
	ORIGIN_PHASE_SEND,
	ORIGIN_PHASE_HEAD,
	ORIGIN_PHASE_BODY,   /* the head is there: attempt->head */
	ORIGIN_PHASE_DONE,   /* the body was read to its end */
	ORIGIN_PHASE_FAILED, /* attempt->fault says why */
};

/* "queue", "connect", … as in the access log. */
const char *origin_attempt_phase_name(enum origin_phase phase);

enum origin_source_result {
	ORIGIN_SOURCE_DATA,
	ORIGIN_SOURCE_WAIT, /* more will come: the owner then calls origin_attempt_body_ready */
	ORIGIN_SOURCE_END,
	ORIGIN_SOURCE_FAILED, /* the body will never be whole: the attempt fails with CLIENT_GONE */
};

/* Where a request's body comes from; the owner implements it. It can be read again from 0. */
struct origin_source {
	/* The bytes from `offset` on that are there in one piece, at least one for DATA; valid
	 * until the next call. */
	enum origin_source_result (*read)(
	        struct origin_source *self, uint64_t offset, struct str *ret_bytes);
	/* After END, chunked only: serialised trailer lines, or the empty str. */
	struct str (*trailers)(struct origin_source *self);
};

/* What the attempt tells its owner. Noting and waking only: from inside these calls no function of
 * the attempt may be called, except where it says so. */
struct origin_attempt_sink {
	/* The phase changed to BODY or FAILED, or (in BODY) there may be something to read. */
	void (*on_progress)(struct origin_attempt_sink *self);
	/* An interim response (1xx other than 100 and 101); head is valid during the call. May be
	 * NULL. */
	void (*on_interim)(struct origin_attempt_sink *self, const struct http_head *head);
};

struct origin_attempt_options {
	struct origin_candidate *candidate; /* the attempt takes a reference of its own */
	struct str head; /* the whole request head, valid until the attempt ends */
	enum http_method method;
	struct origin_source *source; /* NULL: no body */
	/* The protocol that the head asks to change to; empty: none, and a 101 is malformed. Valid
	 * until the attempt ends. */
	struct str upgrade;
	bool is_chunked;     /* the body is sent chunked; else its length is in the head */
	bool is_fresh_only;  /* do not use a kept connection at all */
	bool is_proven_only; /* a kept connection only if just used and proven quiet */
	bool is_trial;       /* always on a fresh connection */
	bool may_304;        /* the request has a condition that a 304 answers */
	bool may_206;        /* the request has a Range */
	/* Of HTTPS: the name that TLS asks for, where it is not the candidate's but the host that
	 * the client asked for; else empty. Valid until the attempt ends. */
	struct str server_name;
	uint64_t url_hash;
	/* Of the whole pull until a head (failover.budget); past it the fault is BUDGET, which is
	 * noted as no failure of the origin. It moves away while the source is waited for. May be
	 * CLOCK_NEVER. */
	uint64_t deadline_ms;
};

/* How far the request is sent; private. A frame is a piece of the body, with what the chunked
 * coding puts around it. */
struct origin_attempt_sending {
	uint64_t body_sent;  /* bytes of the source that the kernel took */
	uint64_t frame_left; /* bytes of the source in the open frame that it did not take yet */
	uint64_t waits_since_ms; /* for the source; 0: it does not */
	uint64_t waited_ms;      /* for the source, before that */
	uint32_t head_sent;
	uint32_t tail_sent; /* of the last chunk and the trailers */
	char line[HTTP_WRITE_CHUNK_LINE_BYTES];
	uint8_t line_len, line_sent;
	uint8_t frame_end_left; /* of the CRLF behind a chunk */
	bool is_source_ended;
	bool is_whole;   /* the kernel has everything */
	bool is_broken;  /* the origin takes no more; it may have answered */
	bool is_blocked; /* waits for the origin to read */
};

/* Embedded in its owner; all-zero is IDLE. What stands behind "private" is the attempt's own. */
struct origin_attempt {
	struct origin_attempt_sink *sink;
	/* for the owner to read */
	enum origin_phase phase;   /* now */
	enum origin_phase reached; /* the farthest one before FAILED */
	enum fault fault;
	const char *detail;    /* in FAILED: what broke TLS, a phrase; NULL: nothing did */
	bool is_reused;        /* a kept connection was used */
	bool is_tunnel;        /* from BODY on: a 101 was the answer (origin/tunnel.h) */
	bool is_unsure;        /* in DONE: that the body was whole, nobody has said */
	bool has_written;      /* at least one byte of the request may have left */
	struct http_head head; /* the final response, from BODY on, until the attempt ends */
	struct http_body body; /* its framing */
	uint64_t length; /* of the body, or what Content-Length said to a HEAD; UINT64_MAX: not
	                    known */
	uint64_t started_ms, head_us; /* head_us: from start to the whole head */
	uint64_t body_bytes;          /* read so far */
	/* private */
	struct origin_attempt_options options;
	const struct model_origin *origin; /* the candidate's */
	struct origin_worker *worker;
	struct origin_candidate *candidate;
	struct origin_pool *pool;             /* the candidate's, or that of server_name */
	struct origin_connection *connection; /* until the whole response was received */
	struct origin_connection_user user;
	struct origin_pool_waiter waiter;
	struct timer timer;            /* QUEUE only; the connection has one for the rest */
	struct loop_task task;         /* tells what happened inside a call of the owner */
	enum fault pending;            /* to be told by the task */
	struct buf in;                 /* received, and not handed out but for the last piece */
	struct buf head_bytes, fields; /* what head refers to */
	struct origin_attempt_sending sending;
	uint64_t started_us;
	uint64_t deadline_ms; /* of the phase, without options.deadline_ms */
	size_t scanned;
	/* Of min_rate: where its window begins, when this waiting began, and how long before it. */
	uint64_t rate_mark, waits_since_ms, rate_waited_ms;
	uint32_t keep_ms; /* how long the connection may be idle afterwards; 0: it is closed */
	uint8_t interims;
	bool has_received; /* at least one byte */
	bool has_noted_response;
	bool is_waiting;  /* the last read came to WAIT, and nothing arrived since */
	bool is_rate_due; /* the deadline is that of min_rate */
	bool is_told;     /* on_progress was called since the last read */
	bool is_bad;      /* what follows the last piece is malformed */
	bool is_active;   /* counted in candidate->in_flight */
};

/* Begins. Never reports before it returned. `attempt` is IDLE. */
void origin_attempt_start(struct origin_attempt *attempt, struct origin_worker *worker,
        struct origin_attempt_sink *sink, const struct origin_attempt_options *options);

/* How long the attempt waited for its source: time that is not the origin's. */
uint64_t origin_attempt_waited_ms(const struct origin_attempt *attempt);

/* The source has more, or its end. */
void origin_attempt_body_ready(struct origin_attempt *attempt);

enum origin_read {
	ORIGIN_READ_DATA, /* *ret_data is valid until the next call for this attempt */
	ORIGIN_READ_WAIT, /* on_progress will tell */
	ORIGIN_READ_END,  /* the body is whole: phase DONE; the connection went back to the pool */
	ORIGIN_READ_FAILED, /* phase FAILED: TRUNCATED, BODY_TIMEOUT, BODY_RATE or MALFORMED */
};

/* In BODY (or DONE): the next piece of the body. Reads from the socket only when it has nothing
 * left, so that a reader who does not ask holds the origin back. idle_timeout and min_rate count
 * only while somebody waits, from a WAIT on. */
enum origin_read origin_attempt_read(struct origin_attempt *attempt, struct str *ret_data);

/* Trailers of a chunked body after END; false when there are none. The head's fields live as long
 * as the attempt's. */
bool origin_attempt_trailers(struct origin_attempt *attempt, struct http_head *ret_trailers);

/* Ends it in any phase: what is not finished is cancelled (its connection closed), everything is
 * given back, the phase is IDLE. No calls to the sink after it. */
void origin_attempt_end(struct origin_attempt *attempt);
