/*
 * The rules that a whole domain must keep: R1–R3, ranges, loops (origin-pull.md section 1). One
 * code for file, flags, API and CLI. Pure.
 */
#pragma once

#include "model/domain.h"
#include "model/problem.h"
#include "model/read.h"

/* Adds every rule that the domain breaks to problems, with field pointers below `pointer`
 * ("/domains/3") and the place; true when there was none. */
MUST_CHECK bool model_check_domain(const struct model_domain *domain, enum model_rules rules,
        const char *file, unsigned line, const char *pointer, struct model_problems *problems);
