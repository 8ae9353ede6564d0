/*
 * A whole file: what would change is asked for, shown and agreed to, then made for just the
 * revision that it was shown for; and then the edges are waited for.
 */
/* tidy: untested - it asks: tests/functional/test_cli_apply.py */
#include "base/limit.h"
#include "cli/file.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "cli/tree.h"
#include "cli/wait.h"

#include <stdio.h>
#include <unistd.h>

enum { APPLY_MS = 600000, WAIT_MS = 30000 };

/* ---- the edges ---- */

struct edges {
	size_t done, total;
	struct text refused; /* the first that refused the revision, and why */
};

static void count_edges(const struct model_node *answer, uint64_t revision, struct edges *edges)
{
	const struct model_node *edge = cli_tree_first(answer, "items");
	for (; edge != NULL; edge = edge->next) {
		edges->total++;
		edges->done += cli_tree_number(edge, "applied") >= revision;
		if (cli_tree_number(edge, "refused") >= revision && edges->refused.len == 0)
			text_addf(&edges->refused, "the edge %.*s refuses it: %.*s",
			        STR_ARG(cli_tree_text(edge, "id")),
			        STR_ARG(cli_tree_text(edge, "error")));
	}
}

static enum cli_exit look_at_edges(
        const struct cli_call *call, uint64_t revision, uint64_t left_ms, struct edges *edges)
{
	const struct cli_request request = {
	        .method = "GET", .path = "/edges", .timeout_ms = left_ms};
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &arena, &answer, &root);
	/* Where nobody answers, what was heard before is what is known. */
	if (code == CLI_EXIT_DONE) {
		text_done(&edges->refused);
		*edges = (struct edges){0};
		count_edges(root, revision, edges);
	}
	cli_client_forget(&answer);
	arena_reset(&arena);
	return code;
}

/* How many have it. */
static enum cli_exit wait_for_edges(const struct cli_call *call, uint64_t revision)
{
	uint64_t timeout_ms = cli_line_number(call->line, CLI_FLAG_TIMEOUT, WAIT_MS), left_ms;
	struct edges edges = {0};
	struct cli_wait wait;
	enum cli_exit code = CLI_EXIT_DONE;
	cli_wait_begin(&wait, timeout_ms);
	while ((left_ms = cli_wait_left_ms(&wait)) != 0) {
		code = look_at_edges(call, revision, left_ms, &edges);
		if (code != CLI_EXIT_DONE || edges.done == edges.total || edges.refused.len != 0)
			break;
		cli_terminal_draw(edges.done, edges.total, "edges have it");
		cli_wait_nap(&wait);
	}
	cli_terminal_clear();
	if (code != CLI_EXIT_DONE || (edges.done < edges.total && edges.refused.len == 0)) {
		cli_call_say(call,
		        "revision %llu is made, but %zu of %zu edges are known to have it",
		        (unsigned long long)revision, edges.done, edges.total);
		code = CLI_EXIT_LATE;
	} else if (edges.refused.len != 0) {
		cli_call_say(call, "revision %llu is made, but %s", (unsigned long long)revision,
		        text_c(&edges.refused));
		code = CLI_EXIT_LATE;
	} else if (timeout_ms != 0) {
		cli_call_say(call, "revision %llu is made; edges that have it: %zu of %zu",
		        (unsigned long long)revision, edges.done, edges.total);
	}
	text_done(&edges.refused);
	return code;
}

/* ---- the file ---- */

/* The revision of everything, before anybody looks at what would change. */
static enum cli_exit find_revision(struct cli_call *call, struct text *tag)
{
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	enum cli_exit code = cli_call_ask(
	        call, &(struct cli_request){.method = "GET", .path = "/status"}, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &root);
	if (code == CLI_EXIT_DONE)
		text_addf(tag, "\"store-%llu\"",
		        (unsigned long long)cli_tree_number(root, "revision"));
	cli_client_forget(&answer);
	return code;
}

struct applying {
	struct str content;
	struct text path, tag;
};

/* What would change, shown; *ret_has_changes is whether anything would. */
static enum cli_exit show_changes(
        struct cli_call *call, const struct applying *applying, bool *ret_has_changes)
{
	struct text path = {0}, text = {0};
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	const struct cli_show manner = cli_call_manner(call, NULL);
	text_add(&path, text_str(&applying->path));
	cli_call_add_query(&path, "dry_run", "1");
	const struct cli_request request = {.method = "POST",
	        .path = text_c(&path),
	        .type = "application/yaml",
	        .body = applying->content,
	        .answer_max = LIMIT_DOMAINS_FILE_BYTES,
	        .timeout_ms = APPLY_MS};
	bool is_all = cli_line_has(call->line, CLI_FLAG_DRY_RUN);
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &root);
	if (code == CLI_EXIT_DONE)
		*ret_has_changes = cli_show_changes(&manner, root, &text);
	/* Nothing comes behind it. */
	is_all = is_all || !*ret_has_changes;
	if (code == CLI_EXIT_DONE && call->is_json && is_all)
		code = cli_call_print_json(call, text_str(&answer.body));
	else if (code == CLI_EXIT_DONE && !call->is_json)
		code = cli_call_print(call, &text);
	text_done(&text);
	text_done(&path);
	cli_client_forget(&answer);
	return code;
}

static enum cli_exit make_changes(struct cli_call *call, const struct applying *applying)
{
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	const struct cli_request request = {.method = "POST",
	        .path = text_c(&applying->path),
	        .type = "application/yaml",
	        .body = applying->content,
	        .if_match = text_c(&applying->tag),
	        .answer_max = LIMIT_DOMAINS_FILE_BYTES,
	        .timeout_ms = APPLY_MS};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	uint64_t revision = answer.revision;
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &root);
	if (code == CLI_EXIT_DONE && cli_tree_number(root, "revision") != 0)
		revision = cli_tree_number(root, "revision");
	if (code == CLI_EXIT_DONE && call->is_json)
		code = cli_call_print_json(call, text_str(&answer.body));
	cli_client_forget(&answer);
	return code == CLI_EXIT_DONE ? wait_for_edges(call, revision) : code;
}

/* Whether somebody can see what would change and say yes, or has said it. */
static bool can_ask(const struct cli_call *call)
{
	return cli_line_has(call->line, CLI_FLAG_YES) ||
	       cli_line_has(call->line, CLI_FLAG_DRY_RUN) ||
	       (cli_terminal_is_attended() && !call->is_json);
}

static enum cli_exit agree(const struct cli_call *call)
{
	if (cli_line_has(call->line, CLI_FLAG_YES) || cli_terminal_confirm("Apply this? [y/N] "))
		return CLI_EXIT_DONE;
	cli_call_say(call, "nothing was changed");
	return CLI_EXIT_FAILED;
}

static enum cli_exit apply(struct cli_call *call, const struct applying *applying)
{
	bool has_changes = false;
	enum cli_exit code = show_changes(call, applying, &has_changes);
	if (code != CLI_EXIT_DONE)
		return code;
	if (!has_changes)
		cli_call_say(call, "nothing differs");
	if (cli_line_has(call->line, CLI_FLAG_DRY_RUN) || !has_changes)
		return CLI_EXIT_DONE;
	code = agree(call);
	return code == CLI_EXIT_DONE ? make_changes(call, applying) : code;
}

enum cli_exit cli_run_apply(struct cli_call *call)
{
	struct model_problems problems = {0};
	struct applying applying = {0};
	struct text content = {0};
	const char *file = cli_line_value(call->line, CLI_FLAG_FILE);
	if (!can_ask(call))
		return cli_call_refuse(
		        call, "--yes", "required", "nobody can be asked; see --dry-run, too");
	if (!cli_file_read(file, LIMIT_DOMAINS_FILE_BYTES, &content, &problems))
		return cli_call_complain(call, &problems);
	call->file = strcmp(file, "-") == 0 ? "standard input" : file;
	applying.content = text_str(&content);
	text_add(&applying.path, STR("/apply"));
	cli_call_add_flag(call, &applying.path, CLI_FLAG_PRUNE, "prune");
	enum cli_exit code = find_revision(call, &applying.tag);
	if (code == CLI_EXIT_DONE)
		code = apply(call, &applying);
	text_done(&applying.path);
	text_done(&applying.tag);
	text_done(&content);
	return code;
}
