/*
 * The secrets of a domain apart from it: what is shown or written has masks in their places
 * (MODEL_PRINT_MASK), and who has them puts them back. Pure.
 */
#pragma once

#include "model/domain.h"

/* Adds an object with the secrets, {"origin.bucket.secret":"..."}; false, and nothing is added,
 * when there are none. */
MUST_CHECK bool model_secrets_print(const struct model_domain *domain, struct text *to);

/* Sets the secrets of such an object in a domain that is being made. False when it is none, or has
 * one for a field that the domain does not have. */
MUST_CHECK bool model_secrets_read(struct model_domain *domain, struct str text);

/* Puts what was there before in the places of masks, in a domain that is being made; `before` may
 * be NULL. Returns the path of the first field whose mask stands for nothing, or an empty one. */
struct str model_secrets_keep(struct model_domain *domain, const struct model_domain *before);
