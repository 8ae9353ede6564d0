/*
 * Keys and certificates for the machines of one fleet, by an authority of its own: what
 * tls_context_mutual takes. Elliptic keys (P-256), signed with SHA-256. Any thread.
 */
#pragma once

#include "base/str.h"

/* Adds a new authority: its private key and its certificate, which signs itself, as PEM. Whoever
 * has it can be any machine of the fleet. */
void tls_issue_authority(unsigned days, struct text *to);

/*
 * Adds a new private key, a certificate for the names (host names or IP addresses, at least one),
 * and that of the authority, as PEM. `authority` is as tls_issue_authority made it, or any key with
 * a certificate that signs itself. On false nothing was added, and *ret_why has a phrase behind
 * "the authority ".
 */
MUST_CHECK bool tls_issue_identity(struct str authority, const char *const *names, unsigned count,
        unsigned days, struct text *to, struct text *ret_why);
