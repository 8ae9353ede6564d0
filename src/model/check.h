/*
 * The rules that a whole domain must keep: R1–R3, ranges, loops (origin-pull.md section 1). One
 * code for file, flags, API and CLI. Pure.
 */
#pragma once

#include "model/domain.h"
#include "model/problem.h"
#include "model/read.h"

/* Where a domain stands: what its problems are told with. */
struct model_place {
	const char *file;    /* NULL where there is none */
	unsigned line;       /* 0: unknown */
	const char *pointer; /* a JSON Pointer, "/domains/3", below which the fields are */
};

/* Adds every rule that the domain breaks to problems; true when there was none. */
MUST_CHECK bool model_check_domain(const struct model_domain *domain, enum model_rules rules,
        const struct model_place *place, struct model_problems *problems);

/* Only R1, R2 and loops, which can be judged also where other fields could not be read. */
MUST_CHECK bool model_check_rules(const struct model_domain *domain, enum model_rules rules,
        const struct model_place *place, struct model_problems *problems);

/* Only what classic rules refuse and extended ones lift: R1 and R2. */
MUST_CHECK bool model_check_classic(const struct model_domain *domain,
        const struct model_place *place, struct model_problems *problems);

/* What may not change: R3, the origin of a bucket's default domain (keys may be rotated) and that
 * it is one. Both domains have the same name. */
MUST_CHECK bool model_check_change(const struct model_domain *before,
        const struct model_domain *after, const struct model_place *place,
        struct model_problems *problems);
