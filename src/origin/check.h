/*
 * One look at an address in the background: a TCP connection that is made and closed, or a small
 * GET whose answer is compared with what is expected. A checker runs a bounded number of them at a
 * time on its loop; the others wait for their turn.
 */
#pragma once

#include "model/domain.h"
#include "net/loop.h"
#include "origin/health.h"
#include "origin/trust.h"

enum {
	ORIGIN_CHECK_RUNNING_MAX = 64,   /* checks at a time; more wait */
	ORIGIN_CHECK_HEAD_BYTES = 16384, /* a longer response head is malformed */
	ORIGIN_CHECK_BODY_BYTES = 65536, /* how much of a body is searched */
};

struct origin_checker;

/* Runs on `loop`. */
struct origin_checker *origin_check_checker_new(struct loop *loop);

/* All checks have ended or were cancelled. NULL is fine. */
void origin_check_checker_free(struct origin_checker *checker);

/* What is asked for, and what the answer must be. Borrowed for as long as the check runs. */
struct origin_check_request {
	struct str host; /* the Host header */
	struct str path;
	struct model_statuses expect;
	struct str body_contains;          /* empty: any body */
	const struct model_origin *bucket; /* the request is to this one; NULL: to no bucket */
	/* Of HTTPS: whom to trust, and the name that is sent and verified; NULL: HTTP. */
	struct origin_trust *trust;
	const char *server_name;
};

struct origin_check_exchange;

/* Embedded in its owner; all-zero but for on_done. */
struct origin_check {
	/* FAULT_NONE: as expected. A connection or response fault: a bad one (STATUS: another
	 * status, or the text is missing). A fault of the kind LOCAL: no verdict at all. Never
	 * called before origin_check_start has returned, exactly once, never after a cancel; the
	 * owner may go then. */
	void (*on_done)(struct origin_check *self, enum fault fault);
	/* private */
	struct list_node node;
	struct origin_checker *checker; /* NULL: does not run */
	const struct origin_check_request *request;
	struct address address;
	uint32_t timeout_ms;
	int64_t clock_ahead_s; /* of a bucket against ours; stays from one check to the next */
	int64_t signed_s;      /* when the request was signed */
	uint8_t state;
	struct loop_fd watched;
	struct timer timer;
	struct tls *tls;                        /* NULL: plain TCP */
	struct origin_check_exchange *exchange; /* of HTTP only, while it runs */
};

/* Starts a check of `address`; `request` NULL: of the TCP connection alone. The time is counted
 * from its turn on. */
void origin_check_start(struct origin_checker *checker, struct origin_check *check,
        const struct address *address, const struct origin_check_request *request,
        uint32_t timeout_ms);

static inline bool origin_check_is_running(const struct origin_check *check)
{
	return check->checker != NULL;
}

/* Gives it up; nothing happens when it does not run. */
void origin_check_cancel(struct origin_check *check);
