/*
 * An attempt whose answer was 101: bytes pass both ways, as they come. It is used by who used the
 * attempt, in its phase BODY; on_progress tells of anything that happens. One thread.
 */
#pragma once

#include "origin/attempt.h"

/* The next bytes of the origin. END: it will send no more; it may still read. FAILED: the phase is
 * FAILED. The socket is read only when everything that was received was handed out. */
enum origin_read origin_tunnel_read(struct origin_attempt *attempt, struct str *ret_data);

/* Sends bytes; *ret_taken is how many were taken, and may be none. False: the origin takes nothing
 * any more, and the phase is FAILED. */
MUST_CHECK bool origin_tunnel_write(
        struct origin_attempt *attempt, struct str data, size_t *ret_taken);

/* Tells the origin that nothing more comes. False: not yet; on_progress tells when to ask again. */
MUST_CHECK bool origin_tunnel_end(struct origin_attempt *attempt);

/* How many bytes the origin's side has not acknowledged. */
uint64_t origin_tunnel_backlog(const struct origin_attempt *attempt);

/* Both sides have ended: the phase is DONE, the connection closed. */
void origin_tunnel_finish(struct origin_attempt *attempt);
