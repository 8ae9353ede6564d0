/*
 * What the control plane refuses (RFC 9457), as lines for standard error and as an exit code. Pure.
 */
#pragma once

#include "cli/command.h"
#include "model/node.h"

struct cli_problem_source {
	const char *command;              /* "domain set" */
	const char *file;                 /* whose content was sent; NULL: none */
	const struct model_node *content; /* the tree of it, which knows lines; NULL */
};

/* The exit code for a status of an answer that is no success. */
enum cli_exit cli_problem_exit(unsigned status);

/* Adds what the answer says: `problem` is its JSON, NULL where it has none. A line for the whole,
 * one for each error with its field and rule, and what changed meanwhile. */
void cli_problem_add(const struct cli_problem_source *source, unsigned status,
        const struct model_node *problem, struct text *to);

/* Adds problems of what was typed, a line for each, with the words of `headwater check`. */
void cli_problem_add_own(
        struct str command, const struct model_problems *problems, struct text *to);
