/*
 * The texts are the control plane's, and are escaped as anybody's.
 */
#include "cli/problem.h"

#include "cli/escape.h"
#include "cli/tree.h"
#include "http/status.h"

enum cli_exit cli_problem_exit(unsigned status)
{
	switch (status) {
	case 401:
	case 403:
		return CLI_EXIT_FORBIDDEN;
	case 404:
		return CLI_EXIT_ABSENT;
	case 409:
	case 412:
	case 428:
		return CLI_EXIT_CONFLICT;
	default:
		return status >= 400 && status < 600 ? CLI_EXIT_FAILED : CLI_EXIT_UNREACHABLE;
	}
}

/* "no-backup" of "/problems/no-backup". */
static struct str name_of(const struct model_node *problem)
{
	struct str rest = cli_tree_text(problem, "type"), name = STR_EMPTY;
	while (rest.at != NULL)
		name = str_cut(&rest, '/');
	return name;
}

static void add_rule(struct text *to, struct str rule)
{
	if (rule.len == 0)
		return;
	text_add(to, STR(" ["));
	cli_escape_add(to, rule);
	text_add_char(to, ']');
}

static void add_error(
        const struct cli_problem_source *source, const struct model_node *error, struct text *to)
{
	struct str pointer = cli_tree_text(error, "pointer");
	if (source->file != NULL) {
		unsigned line =
		        source->content == NULL ? 0 : model_node_line(source->content, pointer);
		text_addf(to, "%s:", source->file);
		if (line != 0)
			text_addf(to, "%u:", line);
		text_add_char(to, ' ');
	}
	cli_escape_add(to, pointer);
	if (pointer.len != 0)
		text_add(to, STR(": "));
	cli_escape_add(to, cli_tree_text(error, "detail"));
	add_rule(to, cli_tree_text(error, "rule"));
	text_add_char(to, '\n');
}

static void add_changes(const struct model_node *problem, struct text *to)
{
	const struct model_node *change = cli_tree_first(problem, "changes");
	if (change != NULL)
		text_add(to, STR("What has changed:\n"));
	for (; change != NULL; change = change->next) {
		text_add(to, STR("    "));
		cli_escape_add(to, change->text);
		text_add_char(to, '\n');
	}
}

static void add_whole(unsigned status, const struct model_node *problem, struct text *to)
{
	/* Where there are errors, they are the details. */
	bool has_errors = cli_tree_first(problem, "errors") != NULL;
	struct str title = cli_tree_text(problem, "title");
	struct str detail = has_errors ? STR_EMPTY : cli_tree_text(problem, "detail");
	if (title.len == 0 && detail.len == 0)
		text_addf(to, "the control plane answered %u (%.*s)", status,
		        STR_ARG(http_status_reason(status)));
	cli_escape_add(to, title);
	if (title.len != 0 && detail.len != 0)
		text_add(to, STR(": "));
	cli_escape_add(to, detail);
	add_rule(to, name_of(problem));
	if (status == 401)
		text_add(to, STR("; try headwater login"));
	text_add_char(to, '\n');
}

void cli_problem_add(const struct cli_problem_source *source, unsigned status,
        const struct model_node *problem, struct text *to)
{
	const struct model_node *error = cli_tree_first(problem, "errors");
	text_addf(to, "headwater %s: ", source->command);
	add_whole(status, problem, to);
	for (; error != NULL; error = error->next)
		add_error(source, error, to);
	if (status == 412)
		add_changes(problem, to);
}

void cli_problem_add_own(struct str command, const struct model_problems *problems, struct text *to)
{
	for (unsigned i = 0; i < problems->count; i++) {
		const struct model_problem *problem = &problems->list[i];
		if (problem->file == NULL)
			text_addf(to, "headwater %.*s: ", STR_ARG(command));
		else if (problem->line != 0)
			text_addf(to, "%s:%u: ", problem->file, problem->line);
		else
			text_addf(to, "%s: ", problem->file);
		cli_escape_add(to, str_of(problem->field));
		text_add(to, problem->field[0] != '\0' ? STR(": ") : STR_EMPTY);
		cli_escape_add(to, str_of(problem->message));
		text_addf(to, " [%s]", problem->rule);
		if (problem->file == NULL)
			text_addf(to, "; try headwater help %.*s", STR_ARG(command));
		text_add_char(to, '\n');
	}
	if (problems->total > problems->count)
		text_addf(to, "and %u more problems\n", problems->total - problems->count);
}
