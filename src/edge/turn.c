/*
 * The tables of steps as text, for `headwater explain --steps`.
 */
#include "edge/turn.h"

void edge_turn_explain(const struct edge_turn_step *steps, unsigned count, struct text *to)
{
	for (unsigned i = 0; i < count; i++) {
		text_addf(to, "  %-9s %s\n", steps[i].name, steps[i].words);
		text_addf(to, "  %-9s ->", "");
		for (unsigned next = 0; next < count; next++)
			if (edge_turn_may_go(steps, i, next))
				text_addf(to, " %s", steps[next].name);
		text_add(to, steps[i].may_lead_to != 0 ? STR("\n") : STR(" (end)\n"));
	}
}
