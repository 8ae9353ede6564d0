/*
 * What the files of an attempt share: attempt.c (its life), attempt_send.c (the request),
 * attempt_head.c (the response head), attempt_read.c (the body).
 */
#pragma once

#include "origin/attempt.h"
#include "origin/worker_private.h"

/* Moves to a phase; which may follow which is a table. */
void origin_attempt_set_phase(struct origin_attempt *attempt, enum origin_phase phase);

/* When the phase's own time is over; CLOCK_NEVER: it has none. */
void origin_attempt_set_deadline(struct origin_attempt *attempt, uint64_t at_ms);

/* Ends in FAILED: notes it, closes the connection. Tells nobody. */
void origin_attempt_fail(struct origin_attempt *attempt, enum fault fault);

/* Ends in DONE. */
void origin_attempt_finish(struct origin_attempt *attempt);

/* Notes, once, what came of the request: FAULT_NONE or a fault of the kind RESPONSE. */
void origin_attempt_note_response(struct origin_attempt *attempt, enum fault fault);

/* The whole response was received, and `extra` bytes more: the connection is kept or closed. */
void origin_attempt_let_go(struct origin_attempt *attempt, size_t extra);

/* What the reader waited for is there, or no more. */
void origin_attempt_end_wait(struct origin_attempt *attempt);

/* Reads from the connection into attempt->in once. False: the memory budget says no. */
MUST_CHECK bool origin_attempt_fill(struct origin_attempt *attempt, enum tcp_result *ret_result);

/* Sends what can be sent now. SEND becomes HEAD when all was sent. A connection that takes no more
 * is no fault here: reading tells. The only fault: CLIENT_GONE. */
MUST_CHECK enum fault origin_attempt_send_more(struct origin_attempt *attempt);

/* In SEND or HEAD: reads what there is; the phase is BODY when the final head was whole. */
MUST_CHECK enum fault origin_attempt_head_read(struct origin_attempt *attempt);
