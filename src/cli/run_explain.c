/*
 * What would become of a request, as an edge tells it.
 */
/* tidy: untested - it asks: tests/functional/test_explain.py */
#include "cli/run.h"

enum cli_exit cli_run_explain(struct cli_call *call)
{
	struct text path = {0}, fail = {0};
	const char **fails = cli_line_values(call->line, CLI_FLAG_FAIL, &call->arena);
	for (size_t i = 0; fails[i] != NULL; i++)
		text_addf(&fail, "%s%s", i > 0 ? "," : "", fails[i]);
	text_add(&path, STR("/explain"));
	cli_call_add_query(&path, "url", call->line->arguments[0]);
	cli_call_add_flag(call, &path, CLI_FLAG_METHOD, "method");
	cli_call_add_flag(call, &path, CLI_FLAG_EDGE, "edge");
	cli_call_add_query(&path, "fail", fail.len != 0 ? text_c(&fail) : NULL);
	const struct cli_request request = {.method = "GET", .path = text_c(&path)};
	enum cli_exit code = cli_call_show(call, &request, cli_show_explanation, NULL);
	text_done(&fail);
	text_done(&path);
	return code;
}
