/*
 * What is wrong with a document: a list of problems, each with its place, its field and the rule
 * that it breaks, so that a file's reader, the API and the CLI say the same words. Pure.
 */
#pragma once

#include "base/str.h"

struct model_problem {
	const char *file;  /* NULL where there is none */
	unsigned line;     /* from 1; 0: unknown */
	const char *field; /* a JSON Pointer: "/domains/3/origin/addresses/0" */
	const char *rule;  /* a short name: "R1", "unknown-field", "range", "loop", "syntax", … */
	const char *message; /* one sentence without a final stop */
};

/* Why a value is refused, for those who know where it stands. The words continue "<value> …",
 * `allowed` is what follows them or NULL; all are constants. */
struct model_why {
	const char *rule, *words, *allowed;
};

/* All-zero is the empty list. At most MODEL_PROBLEMS are kept, the rest is counted. */
enum { MODEL_PROBLEMS = 100 };

struct model_problems {
	struct model_problem *list;
	unsigned count, total;
};

/* Copies what it is given. */
void model_problems_add(struct model_problems *problems, const char *file, unsigned line,
        const char *field, const char *rule, const char *format, ...) PRINTF_LIKE(6, 7);
void model_problems_done(struct model_problems *problems);

/* "domains.yaml:12: /domains/3/origin/addresses/0: port 70000 is not in 1-65535 [range]" and a line
 * feed for each. */
void model_problems_print(const struct model_problems *problems, struct text *to);
