/*
 * Answers go to standard output, everything else to standard error.
 */
/* tidy: untested - it asks: tests/functional/test_cli_client.py */
#include "cli/call.h"

#include "cli/escape.h"
#include "cli/problem.h"
#include "cli/terminal.h"
#include "cli/tree.h"
#include "model/host.h"
#include "model/json.h"

#include <stdio.h>
#include <unistd.h>

static void tell(struct text *text)
{
	fputs(text_c(text), stderr);
	text_done(text);
}

void cli_call_say(const struct cli_call *call, const char *format, ...)
{
	struct text words = {0}, line = {0};
	va_list arguments;
	va_start(arguments, format);
	text_addv(&words, format, arguments);
	va_end(arguments);
	text_addf(&line, "headwater %s: ", call->command);
	cli_escape_add(&line, text_str(&words));
	text_add_char(&line, '\n');
	text_done(&words);
	tell(&line);
}

enum cli_exit cli_call_complain(const struct cli_call *call, struct model_problems *problems)
{
	struct text lines = {0};
	cli_problem_add_own(str_of(call->command), problems, &lines);
	tell(&lines);
	model_problems_done(problems);
	return CLI_EXIT_USAGE;
}

enum cli_exit cli_call_refuse(
        const struct cli_call *call, const char *word, const char *rule, const char *words)
{
	struct model_problems problems = {0};
	model_problems_add(&problems, NULL, 0, word, rule, "%s", words);
	return cli_call_complain(call, &problems);
}

/* ---- answers ---- */

static struct model_node *read_json(struct arena *arena, struct str body)
{
	struct model_problems problems = {0};
	struct model_node *root;
	bool is_read = model_json_read(arena, body, &problems, &root);
	model_problems_done(&problems);
	return is_read ? root : NULL;
}

/* The tree of the file that was sent, which knows lines; what is no tree has none. */
static const struct model_node *read_content(
        const struct cli_call *call, struct arena *arena, const struct cli_request *request)
{
	struct model_problems problems = {0};
	struct model_node *root = NULL;
	if (call->file == NULL ||
	        !model_node_read(arena, request->body, call->file, NULL, &problems, &root))
		root = NULL;
	model_problems_done(&problems);
	return root;
}

static enum cli_exit refuse_answer(const struct cli_call *call, const struct cli_request *request,
        const struct cli_answer *answer)
{
	struct text lines = {0};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const struct model_node *problem = read_json(&arena, text_str(&answer->body));
	const struct cli_problem_source source = {.command = call->command,
	        .file = call->file,
	        .content = problem != NULL && model_node_get(problem, STR("errors")) != NULL
	                           ? read_content(call, &arena, request)
	                           : NULL};
	cli_problem_add(&source, answer->status, problem, &lines);
	if (answer->retry_after_s != 0)
		text_addf(&lines, "Try again in %llu s.\n",
		        (unsigned long long)answer->retry_after_s);
	tell(&lines);
	if (call->is_json && problem != NULL)
		cli_call_print_json(call, text_str(&answer->body));
	arena_reset(&arena);
	return cli_problem_exit(answer->status);
}

enum cli_exit cli_call_ask(const struct cli_call *call, const struct cli_request *request,
        struct cli_answer *ret_answer)
{
	struct text why = {0};
	if (call->line->command->role[0] != '\0' && call->place.token.len == 0) {
		cli_call_say(call, "not signed in at %s; try headwater login", call->place.api);
		return CLI_EXIT_FORBIDDEN;
	}
	bool is_answered = cli_client_ask(call->client, request, ret_answer, &why);
	if (!is_answered)
		cli_call_say(call, "%s", text_c(&why));
	text_done(&why);
	if (!is_answered)
		return CLI_EXIT_UNREACHABLE;
	if ((ret_answer->status >= 200 && ret_answer->status < 300) ||
	        ret_answer->status == request->accepted)
		return CLI_EXIT_DONE;
	return refuse_answer(call, request, ret_answer);
}

enum cli_exit cli_call_read(const struct cli_call *call, struct arena *arena,
        const struct cli_answer *answer, const struct model_node **ret_root)
{
	struct str body = answer->body.len != 0 ? text_str(&answer->body) : STR("{}");
	const struct model_node *root = read_json(arena, body);
	if (root == NULL || root->kind != MODEL_NODE_MAPPING) {
		cli_call_say(call, "what %s answered makes no sense", call->place.api);
		return CLI_EXIT_UNREACHABLE;
	}
	*ret_root = root;
	return CLI_EXIT_DONE;
}

enum cli_exit cli_call_print(const struct cli_call *call, struct text *text)
{
	size_t count = fwrite(text_c(text), 1, text->len, stdout);
	bool is_printed = count == text->len && fflush(stdout) == 0;
	text_done(text);
	if (!is_printed)
		cli_call_say(call, "cannot write to standard output");
	return is_printed ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
}

enum cli_exit cli_call_print_json(const struct cli_call *call, struct str json)
{
	struct text text = {0};
	if (json.len == 0)
		return CLI_EXIT_DONE;
	if (isatty(STDOUT_FILENO) != 0)
		cli_escape_add_json(&text, json);
	else
		text_add(&text, json);
	if (json.at[json.len - 1] != '\n')
		text_add_char(&text, '\n');
	return cli_call_print(call, &text);
}

struct cli_show cli_call_manner(const struct cli_call *call, const char *name)
{
	return (struct cli_show){.is_coloured = cli_terminal_has_colours(STDOUT_FILENO),
	        .has_all = cli_line_has(call->line, CLI_FLAG_ALL),
	        .name = name};
}

enum cli_exit cli_call_show(struct cli_call *call, const struct cli_request *request,
        cli_show_function *show, const char *name)
{
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	enum cli_exit code = cli_call_ask(call, request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &root);
	if (code == CLI_EXIT_DONE && call->is_json) {
		code = cli_call_print_json(call, text_str(&answer.body));
	} else if (code == CLI_EXIT_DONE) {
		struct cli_show manner = cli_call_manner(call, name);
		struct text text = {0};
		manner.revision = answer.revision;
		show(&manner, root, &text);
		code = cli_call_print(call, &text);
	}
	cli_client_forget(&answer);
	return code;
}

/* ---- paths ---- */

void cli_call_add_query(struct text *path, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_addf(path, "%c%s=", strchr(text_c(path), '?') == NULL ? '?' : '&', name);
	cli_client_add_part(path, str_of(value));
}

void cli_call_add_flag(
        const struct cli_call *call, struct text *path, enum cli_flag_id id, const char *name)
{
	const char *value = cli_line_value(call->line, id);
	bool has_value = cli_command_flag_at(id)->value[0] != '\0';
	cli_call_add_query(path, name, value != NULL && !has_value ? "1" : value);
}

enum cli_exit cli_call_add_domain(const struct cli_call *call, const char *name, struct text *path)
{
	struct model_host host;
	struct model_why why;
	if (!model_host_read_pattern(str_of(name), &host, &why)) {
		struct model_problems problems = {0};
		model_problems_add(&problems, NULL, 0, "NAME", why.rule, "\"%s\" %s%s%s", name,
		        why.words, why.allowed != NULL ? " " : "",
		        why.allowed != NULL ? why.allowed : "");
		return cli_call_complain(call, &problems);
	}
	text_add(path, STR("/domains/"));
	cli_client_add_part(path, str_of(host.name));
	return CLI_EXIT_DONE;
}
