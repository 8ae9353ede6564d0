/*
 * Problems come in their order; all lines are one write.
 */
#include "main/complain.h"

#include <stdio.h>

static void add_problem(struct text *to, const char *command, const struct model_problem *problem)
{
	if (problem->file == NULL)
		text_addf(to, "headwater %s: ", command);
	else if (problem->line != 0)
		text_addf(to, "%s:%u: ", problem->file, problem->line);
	else
		text_addf(to, "%s: ", problem->file);
	if (problem->field[0] != '\0')
		text_addf(to, "%s: ", problem->field);
	text_addf(to, "%s [%s]", problem->message, problem->rule);
	if (problem->file == NULL)
		text_addf(to, "; try headwater help %s", command);
	text_add_char(to, '\n');
}

int complain(const char *command, const struct model_problems *problems)
{
	struct text lines = {0};
	for (unsigned i = 0; i < problems->count; i++)
		add_problem(&lines, command, &problems->list[i]);
	if (problems->total > problems->count)
		text_addf(&lines, "and %u more problems\n", problems->total - problems->count);
	fputs(text_c(&lines), stderr);
	text_done(&lines);
	return COMPLAIN_EXIT_USAGE;
}
