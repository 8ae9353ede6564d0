/*
 * What the two tables of steps (request_steps.def, fill_steps.def) have in common: a row for each
 * step, and what a step says to its dispatcher. Pure.
 */
#pragma once

#include "base/str.h"

enum edge_turn {
	EDGE_GO,   /* run the next step now */
	EDGE_PARK, /* wait until something wakes the task */
	EDGE_END,  /* it is gone */
};

struct edge_turn_step {
	const char *name, *words;
	unsigned may_lead_to; /* a set of step numbers */
};

/* Whether the table has an edge from one step to another. */
static inline bool edge_turn_may_go(const struct edge_turn_step *steps, unsigned from, unsigned to)
{
	return steps[from].may_lead_to >> to & 1;
}

/* Adds the table as text: two lines for each step. */
void edge_turn_explain(const struct edge_turn_step *steps, unsigned count, struct text *to);
