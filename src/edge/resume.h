/*
 * What a response whose body broke off may be finished with (origin-pull.md section 4): what is
 * known of it, what its rest is asked for by, and which answers have that rest. Nothing is ever put
 * together that is not said to be of one version, in one coding, at the right place. Pure.
 *
 * Places are those of the whole representation: byte 0 of a 206 for "bytes 100-199/500" is byte
 * 100.
 */
#pragma once

#include "base/arena.h"
#include "base/fault.h"
#include "http/body.h"
#include "http/head.h"

/* How much of what is there already is asked for once more, to be compared. */
enum { EDGE_RESUME_OVERLAP = 4096 };

/* What is known of a response whose body is on its way. Its texts are those of its head. */
struct edge_resume {
	struct str etag;     /* strong; empty: only `modified` tells the version */
	struct str modified; /* Last-Modified, where it is as good as a strong tag */
	struct str coding;   /* Content-Encoding */
	uint64_t first;      /* where the body begins, */
	uint64_t end;        /* and where it ends: behind its last byte; UINT64_MAX: not known */
	uint64_t complete;   /* length of the representation; UINT64_MAX: not known */
	bool tells_end;      /* its end can be told from a break: by its framing, or (for the caller
	                        to set) by TLS */
};

/* Reads what is known of an answer to a GET, whose body has this framing and length (UINT64_MAX:
 * not known). False where nothing tells its version, or its body is not one piece of a
 * representation: then its rest cannot be asked for. */
MUST_CHECK bool edge_resume_read(const struct http_head *head, enum http_framing framing,
        uint64_t length, struct edge_resume *ret_resume);

/* The fields that ask for what comes from `from` on, Range and If-Range as lines, in the arena. */
struct str edge_resume_lines(const struct edge_resume *resume, uint64_t from, struct arena *arena);

/* An answer to that, and what may be made of it. */
struct edge_resume_answer {
	const struct http_head *head;
	bool tells_end;    /* as above */
	uint64_t length;   /* of its body; UINT64_MAX: not known */
	uint64_t from;     /* what was asked for */
	uint64_t at;       /* where what is there ends, and the rest begins */
	uint64_t skip_max; /* how much of a whole representation may be dropped (resume.skip_max) */
};

/*
 * Whether its body has the rest: NONE, with *ret_place where in the representation its body begins,
 * and what it says of the end noted in *resume; or why not: RESUME_STATUS, RESUME_ETAG,
 * RESUME_CODING, RESUME_RANGE, RESUME_SKIP. Of a 206 that is `from`; of a 200, which has all of it,
 * 0.
 */
MUST_CHECK enum fault edge_resume_accept(
        struct edge_resume *resume, const struct edge_resume_answer *answer, uint64_t *ret_place);
