/*
 * How the edges find the addresses of origins, once or again and again.
 */
/* tidy: untested - it asks: tests/functional/test_cli_health.py */
#include "cli/run.h"

#include <time.h>
#include <unistd.h>

/* Asks once, and shows it. Nothing of it is kept: it may be done for days. */
static enum cli_exit look(struct cli_call *call, const char *path, cli_show_function *show)
{
	const struct cli_request request = {.method = "GET", .path = path};
	const struct model_node *root = NULL;
	struct cli_answer answer = {0};
	struct text text = {0};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &arena, &answer, &root);
	if (code == CLI_EXIT_DONE && call->is_json) {
		code = cli_call_print_json(call, text_str(&answer.body));
	} else if (code == CLI_EXIT_DONE) {
		struct cli_show manner = cli_call_manner(call, NULL);
		bool is_watching = cli_line_has(call->line, CLI_FLAG_WATCH);
		/* In the place of what was there before; elsewhere, behind it. */
		if (is_watching && isatty(STDOUT_FILENO) != 0)
			text_add(&text, STR("\x1b[H\x1b[2J"));
		show(&manner, root, &text);
		if (is_watching && isatty(STDOUT_FILENO) == 0)
			text_add_char(&text, '\n');
		code = cli_call_print(call, &text);
	}
	text_done(&text);
	cli_client_forget(&answer);
	arena_reset(&arena);
	return code;
}

enum cli_exit cli_run_health(struct cli_call *call)
{
	static const struct timespec SECOND = {.tv_sec = 1};
	bool is_of_domain = call->line->argument_count != 0;
	struct text path = {0};
	enum cli_exit code = CLI_EXIT_DONE;
	if (is_of_domain && cli_line_has(call->line, CLI_FLAG_LIMIT))
		return cli_call_refuse(
		        call, "--limit", "unknown-flag", "is for all domains, without a NAME");
	if (is_of_domain)
		code = cli_call_add_domain(call, call->line->arguments[0], &path);
	text_add(&path, STR("/health"));
	cli_call_add_flag(call, &path, CLI_FLAG_LIMIT, "limit");
	while (code == CLI_EXIT_DONE) {
		code = look(call, text_c(&path),
		        is_of_domain ? cli_show_domain_health : cli_show_health);
		if (code != CLI_EXIT_DONE || !cli_line_has(call->line, CLI_FLAG_WATCH))
			break;
		nanosleep(&SECOND, NULL);
	}
	text_done(&path);
	return code;
}
