/*
 * Commands that only look.
 */
/* tidy: untested - it asks: tests/functional/test_cli_domains.py */
#include "cli/escape.h"
#include "cli/run.h"
#include "cli/tree.h"

#include "base/limit.h"
#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

/* Far more than a list of domains can have; a server that always has a next page ends here. */
enum { PAGES_MAX = 100000 };

/* ---- the list of domains, page by page ---- */

struct pages {
	const struct model_node **list; /* those that are shown at the end; as JSON, none */
	size_t count;
	uint64_t left;    /* how many more are wanted */
	struct text next; /* where the next one begins; empty at the end */
};

static void add_list_path(
        const struct cli_call *call, const struct pages *pages, const char *after, struct text *to)
{
	char limit[24];
	text_add(to, STR("/domains"));
	cli_call_add_flag(call, to, CLI_FLAG_SEARCH, "search");
	cli_call_add_flag(call, to, CLI_FLAG_STATUS, "status");
	cli_call_add_flag(call, to, CLI_FLAG_TYPE, "type");
	cli_call_add_flag(call, to, CLI_FLAG_WITH_BACKUP, "backup");
	snprintf(limit, sizeof(limit), "%llu",
	        (unsigned long long)(pages->left < 1000 ? pages->left : 1000));
	cli_call_add_query(to, "limit", limit);
	cli_call_add_query(to, "after", after);
}

/* Takes one page. What is printed at once is not kept: there may be any number of them. */
static enum cli_exit take_page(struct cli_call *call, struct pages *pages, const char *after)
{
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	struct text path = {0};
	struct arena page, *arena = call->is_json ? &page : &call->arena;
	arena_init(&page, NULL, 0);
	add_list_path(call, pages, after, &path);
	text_clear(&pages->next);
	enum cli_exit code = cli_call_ask(
	        call, &(struct cli_request){.method = "GET", .path = text_c(&path)}, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, arena, &answer, &root);
	if (code == CLI_EXIT_DONE && call->is_json)
		code = cli_call_print_json(call, text_str(&answer.body));
	if (code == CLI_EXIT_DONE) {
		const struct model_node *items = model_node_get(root, STR("items"));
		uint64_t count = items != NULL ? items->count : 0;
		pages->count++;
		pages->left -= count < pages->left ? count : pages->left;
		if (count != 0 && pages->left != 0)
			text_add(&pages->next, cli_tree_text(root, "next"));
	}
	if (code == CLI_EXIT_DONE && !call->is_json) {
		pages->list = mem_resize(pages->list, pages->count * sizeof(*pages->list));
		pages->list[pages->count - 1] = root;
	}
	cli_client_forget(&answer);
	text_done(&path);
	arena_reset(&page);
	return code;
}

enum cli_exit cli_run_domain_list(struct cli_call *call)
{
	struct pages pages = {.left = cli_line_number(call->line, CLI_FLAG_LIMIT, UINT64_MAX)};
	if (pages.left == 0)
		return cli_call_refuse(call, "--limit", "range", "0 is none");
	enum cli_exit code = take_page(call, &pages, cli_line_value(call->line, CLI_FLAG_AFTER));
	while (code == CLI_EXIT_DONE && pages.next.len != 0 && pages.count < PAGES_MAX)
		code = take_page(call, &pages, text_c(&pages.next));
	if (code == CLI_EXIT_DONE && !call->is_json) {
		struct text text = {0};
		cli_show_domains(pages.list, pages.count, &text);
		code = cli_call_print(call, &text);
	}
	mem_free(pages.list);
	text_done(&pages.next);
	return code;
}

/* ---- one answer ---- */

static enum cli_exit look(struct cli_call *call, const char *path, cli_show_function *show)
{
	return cli_call_show(
	        call, &(struct cli_request){.method = "GET", .path = path}, show, NULL);
}

enum cli_exit cli_run_domain_show(struct cli_call *call)
{
	struct text path = {0};
	enum cli_exit code = cli_call_add_domain(call, call->line->arguments[0], &path);
	if (code == CLI_EXIT_DONE)
		code = look(call, text_c(&path), cli_show_domain);
	text_done(&path);
	return code;
}

enum cli_exit cli_run_history(struct cli_call *call)
{
	struct text path = {0};
	enum cli_exit code = CLI_EXIT_DONE;
	if (call->line->argument_count != 0)
		code = cli_call_add_domain(call, call->line->arguments[0], &path);
	text_add(&path, STR("/history"));
	cli_call_add_flag(call, &path, CLI_FLAG_LIMIT, "limit");
	cli_call_add_flag(call, &path, CLI_FLAG_BEFORE, "before");
	if (code == CLI_EXIT_DONE)
		code = look(call, text_c(&path), cli_show_history);
	text_done(&path);
	return code;
}

enum cli_exit cli_run_whoami(struct cli_call *call)
{
	const struct cli_request request = {.method = "GET", .path = "/whoami"};
	return cli_call_show(call, &request, cli_show_whoami, call->place.api);
}

enum cli_exit cli_run_status(struct cli_call *call)
{
	return look(call, "/status", cli_show_status);
}

enum cli_exit cli_run_edges(struct cli_call *call)
{
	return look(call, "/edges", cli_show_edges);
}

enum cli_exit cli_run_export(struct cli_call *call)
{
	const struct cli_request request = {
	        .method = "GET", .path = "/export", .answer_max = LIMIT_DOMAINS_FILE_BYTES};
	struct cli_answer answer = {0};
	struct text text = {0};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	/* A terminal is not steered by what somebody has put into a domain. */
	if (isatty(STDOUT_FILENO) != 0)
		cli_escape_add_lines(&text, text_str(&answer.body));
	else
		text_add(&text, text_str(&answer.body));
	if (code == CLI_EXIT_DONE)
		code = cli_call_print(call, &text);
	text_done(&text);
	cli_client_forget(&answer);
	return code;
}
