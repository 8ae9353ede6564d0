/*
 * Rules for the header fields of what passes through: "set X-A: b", "add X-A: b", "delete X-A".
 * What a message cannot do without, what belongs to one connection, and what Headwater itself
 * writes is not for rules. Pure.
 */
#pragma once

#include "model/field.h"
#include "model/problem.h"

/* Empties a list (a field of type HEADERS) and gives it room for `count` rules. */
void model_headers_start(
        const struct model_field *field, struct model_domain *domain, size_t count);

/* Reads one rule more into a list, which was started with room for it; false adds none. */
MUST_CHECK bool model_headers_add(const struct model_field *field, struct model_domain *domain,
        struct str text, struct model_why *ret_why);

/* Makes the rules for clients that came by TLS, when all else of the domain is read: what HSTS says
 * goes first, so that the rules for all clients win over it. */
void model_headers_make_secure(struct model_domain *domain);

/* What is said of HSTS to clients that came by TLS: the value of Strict-Transport-Security; empty:
 * nothing, or a rule of the domain has taken it away. */
struct str model_headers_hsts(const struct model_domain *domain);

/* Adds the rule at `index` in its normal form. */
void model_headers_print(const struct model_headers *headers, size_t index, struct text *to);

/* How many rules there are; NULL is no list. */
size_t model_headers_count(const struct model_headers *headers);

/* Whether two rules are the same, names letter by letter. */
bool model_headers_is_equal(const struct model_header *a, const struct model_header *b);
