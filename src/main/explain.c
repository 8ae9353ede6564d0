/*
 * The tables print themselves; here they get their titles.
 */
#include "main/explain.h"

#include "edge/fill.h"
#include "edge/request.h"
#include "main/complain.h"

#include <stdio.h>

int explain_steps(void)
{
	struct text text = {0};
	text_add(&text, STR("The life of a client's request:\n\n"));
	edge_request_explain(&text);
	text_add(&text, STR("\nThe life of an origin-pull:\n\n"));
	edge_fill_explain(&text);
	bool is_printed = fputs(text_c(&text), stdout) != EOF && fflush(stdout) == 0;
	text_done(&text);
	return is_printed ? COMPLAIN_EXIT_DONE : COMPLAIN_EXIT_FAILED;
}
