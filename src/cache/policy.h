/*
 * What may be stored, and what of it (RFC 9111 section 3). Pure.
 *
 * Beyond the RFC: a response that sets a cookie is not stored unless the domain says that the
 * cookie may be cut off (rules.set_cookie). The RFC would let it be stored; but a cookie is nearly
 * always one client's, an origin that forgot to say so would give one visitor's session to all, and
 * no other mistake of a cache is worse. `public` does not excuse it: frameworks set both by
 * default. Answers that tell of the request and not of its target (400, 408, 431 and their kin) are
 * not stored either, whatever they say of themselves: one malformed request must not become
 * everybody's answer.
 */
#pragma once

#include "cache/terms.h"
#include "http/mark.h"

enum cache_verdict {
#define CACHE_VERDICT(id, name, words) CACHE_VERDICT_##id,
#include "cache/verdict.def"
#undef CACHE_VERDICT
};

/* What becomes of a response; where it is STORE, *ret_terms is made, else it is left alone. */
enum cache_verdict cache_policy_may_store(const struct cache_exchange *exchange,
        const struct cache_rules *rules, struct cache_terms *ret_terms);

/* Whether a status tells of the request that was sent, or of the connection, and nothing of the
 * target: one client's request must not decide what others get. 304 and 416 are such, as answers to
 * conditions and ranges. */
bool cache_policy_is_of_request(unsigned status);

/* The verdict's name for logs, and its words for people. */
struct str cache_policy_name(enum cache_verdict verdict);
struct str cache_policy_words(enum cache_verdict verdict);

/*
 * Which fields of a response's head are not stored: bit i of ret_drop[i / 64] is set for field i.
 * Those of the connection (3.1), the body's length (an object knows it), Age (it is computed anew),
 * Content-Range but of a 416, Set-Cookie, the fields that no-cache="..." or private="..." name, and
 * what only we may say (X-Cache and its kin).
 */
void cache_policy_mark(const struct http_head *response, uint64_t ret_drop[HTTP_MARK_WORDS]);

/* Which of these are meant for the client for whom the response was pulled: the named ones, and
 * Set-Cookie. False where there are none; then nothing is written. */
MUST_CHECK bool cache_policy_mark_own(
        const struct http_head *response, uint64_t ret_own[HTTP_MARK_WORDS]);
