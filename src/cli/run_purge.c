/*
 * A purge is made once, and then asked for until every connected edge has done it. What is wrong
 * with a value is the control plane's to say; here it is only told which kind of values they are.
 */
/* tidy: untested - it asks: tests/functional/test_cli_purge.py */
#include "cli/run.h"
#include "cli/terminal.h"
#include "cli/tree.h"
#include "cli/wait.h"

enum { WAIT_MS = 30000 };

enum what { WHAT_URL, WHAT_PREFIX, WHAT_DOMAIN, WHAT_TAG, WHATS };

struct asked {
	const char **values[WHATS];
	enum what what;
};

/* ---- what is purged ---- */

/* Which kind of values there are; the domain of tags is none of its own. */
static enum cli_exit find_what(const struct cli_call *call, struct asked *asked)
{
	bool has_tags = asked->values[WHAT_TAG][0] != NULL;
	const char **domains = asked->values[WHAT_DOMAIN];
	unsigned kinds = 0;
	for (unsigned i = 0; i < WHATS; i++) {
		if (asked->values[i][0] == NULL || (i == WHAT_DOMAIN && has_tags))
			continue;
		asked->what = (enum what)i;
		kinds++;
	}
	if (kinds == 0)
		return cli_call_refuse(call, "URL", "required",
		        "purge what? URLs, or --prefix, --domain or --tag");
	if (kinds > 1)
		return cli_call_refuse(call, "URL", "exclusive",
		        "URLs, prefixes, domains and tags are purged one kind at a time");
	if (has_tags && (domains[0] == NULL || domains[1] != NULL))
		return cli_call_refuse(
		        call, "--tag", "required", "tags are those of one --domain NAME");
	return CLI_EXIT_DONE;
}

static void print(const struct cli_call *call, const struct asked *asked, struct text *body)
{
	static const char *const NAMES[] = {[WHAT_URL] = "url",
	        [WHAT_PREFIX] = "prefix",
	        [WHAT_DOMAIN] = "domain",
	        [WHAT_TAG] = "tag"};
	text_addf(body, "{\"what\":\"%s\",\"mode\":\"%s\"", NAMES[asked->what],
	        cli_line_has(call->line, CLI_FLAG_SOFT) ? "soft" : "hard");
	if (asked->what == WHAT_TAG) {
		text_add(body, STR(",\"domain\":"));
		text_add_json(body, str_of(asked->values[WHAT_DOMAIN][0]));
	}
	text_add(body, STR(",\"values\":["));
	for (const char **value = asked->values[asked->what]; *value != NULL; value++) {
		if (value != asked->values[asked->what])
			text_add_char(body, ',');
		text_add_json(body, str_of(*value));
	}
	text_add(body, STR("]}"));
}

/* ---- the edges ---- */

struct progress {
	size_t done, total; /* of the edges that are connected */
	bool is_ended;      /* nothing is waited for any more */
	struct text failed; /* the first that could not, and why */
	struct text json;
};

static void count_edges(const struct model_node *answer, struct progress *progress)
{
	const struct model_node *edge = cli_tree_first(answer, "edges");
	for (; edge != NULL; edge = edge->next) {
		struct str state = cli_tree_text(edge, "state");
		if (!cli_tree_is_true(edge, "is_connected"))
			continue;
		progress->total++;
		progress->done += str_is_equal(state, STR("done"));
		if (str_is_equal(state, STR("failed")) && progress->failed.len == 0)
			text_addf(&progress->failed, "the edge %.*s: %.*s",
			        STR_ARG(cli_tree_text(edge, "edge")),
			        STR_ARG(cli_tree_text(edge, "error")));
	}
	progress->is_ended = !str_is_equal(cli_tree_text(answer, "state"), STR("waits"));
}

static enum cli_exit look(
        const struct cli_call *call, uint64_t number, uint64_t left_ms, struct progress *progress)
{
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	struct text path = {0};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	text_addf(&path, "/purges/%llu", (unsigned long long)number);
	const struct cli_request request = {
	        .method = "GET", .path = text_c(&path), .timeout_ms = left_ms};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &arena, &answer, &root);
	if (code == CLI_EXIT_DONE) {
		progress->done = progress->total = 0;
		text_clear(&progress->failed);
		text_clear(&progress->json);
		text_add(&progress->json, text_str(&answer.body));
		count_edges(root, progress);
	}
	cli_client_forget(&answer);
	text_done(&path);
	arena_reset(&arena);
	return code;
}

static enum cli_exit tell(
        const struct cli_call *call, uint64_t number, const struct progress *progress)
{
	if (progress->is_ended && progress->failed.len == 0) {
		cli_call_say(call, "purge %llu is done; edges that have done it: %zu of %zu",
		        (unsigned long long)number, progress->done, progress->total);
		return CLI_EXIT_DONE;
	}
	if (progress->failed.len != 0)
		cli_call_say(call, "purge %llu is made, but %s", (unsigned long long)number,
		        text_c(&progress->failed));
	else
		cli_call_say(call,
		        "purge %llu is made, but %zu of %zu edges are known to have "
		        "done it",
		        (unsigned long long)number, progress->done, progress->total);
	return CLI_EXIT_LATE;
}

static enum cli_exit wait_for_edges(
        const struct cli_call *call, uint64_t number, struct progress *progress)
{
	struct cli_wait wait;
	uint64_t left_ms;
	enum cli_exit code = CLI_EXIT_DONE;
	cli_wait_begin(&wait, cli_line_number(call->line, CLI_FLAG_TIMEOUT, WAIT_MS));
	while ((left_ms = cli_wait_left_ms(&wait)) != 0) {
		code = look(call, number, left_ms, progress);
		if (code != CLI_EXIT_DONE || progress->is_ended || progress->failed.len != 0)
			break;
		cli_terminal_draw(progress->done, progress->total, "edges have done it");
		cli_wait_nap(&wait);
	}
	cli_terminal_clear();
	/* The purge is made, whatever cannot be asked of it any more. */
	return code == CLI_EXIT_DONE ? tell(call, number, progress) : CLI_EXIT_LATE;
}

static enum cli_exit make(
        struct cli_call *call, struct str body, uint64_t *ret_number, struct text *ret_json)
{
	const struct cli_request request = {
	        .method = "POST", .path = "/purges", .type = "application/json", .body = body};
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &root);
	if (code == CLI_EXIT_DONE) {
		*ret_number = cli_tree_number(root, "number");
		text_add(ret_json, text_str(&answer.body));
	}
	cli_client_forget(&answer);
	return code;
}

enum cli_exit cli_run_purge(struct cli_call *call)
{
	struct asked asked = {.values = {call->line->arguments,
	                              cli_line_values(call->line, CLI_FLAG_PREFIX, &call->arena),
	                              cli_line_values(call->line, CLI_FLAG_DOMAIN, &call->arena),
	                              cli_line_values(call->line, CLI_FLAG_TAG, &call->arena)}};
	struct progress progress = {0};
	struct text body = {0};
	uint64_t number = 0;
	enum cli_exit code = find_what(call, &asked);
	if (code != CLI_EXIT_DONE)
		return code;
	print(call, &asked, &body);
	code = make(call, text_str(&body), &number, &progress.json);
	if (code == CLI_EXIT_DONE) {
		if (cli_line_number(call->line, CLI_FLAG_TIMEOUT, WAIT_MS) != 0)
			code = wait_for_edges(call, number, &progress);
		else
			cli_call_say(call, "purge %llu is made", (unsigned long long)number);
		if (call->is_json &&
		        cli_call_print_json(call, text_str(&progress.json)) != CLI_EXIT_DONE)
			code = CLI_EXIT_FAILED;
	}
	text_done(&progress.failed);
	text_done(&progress.json);
	text_done(&body);
	return code;
}
