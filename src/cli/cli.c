/*
 * The line is read, the place found, and the function of the command's row called.
 */
/* tidy: untested - it calls what asks: tests/functional/test_cli_client.py */
#include "cli/cli.h"

#include "cli/complete.h"
#include "cli/help.h"
#include "cli/run.h"

#include <stdlib.h>

bool cli_has(struct str word)
{
	return cli_command_has_group(word);
}

struct str cli_name_at(size_t index)
{
	const struct cli_command *command;
	struct str last = STR_EMPTY;
	for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
		struct str group = cli_command_group(command);
		if (str_is_equal(group, last))
			continue;
		if (index-- == 0)
			return group;
		last = group;
	}
	return STR_EMPTY;
}

void cli_add_overview(struct text *to)
{
	cli_help_add_overview(to);
}

void cli_add_help(struct str word, struct text *to)
{
	cli_help_add(word, NULL, to);
}

/* ---- doing it ---- */

static const char *const *other_commands;

enum cli_exit cli_run_completion(struct cli_call *call)
{
	struct text text = {0};
	bool is_zsh = strcmp(call->line->arguments[0], "zsh") == 0;
	cli_complete_add(is_zsh ? CLI_COMPLETE_ZSH : CLI_COMPLETE_BASH, other_commands, &text);
	return cli_call_print(call, &text);
}

/* In the order of the table. */
static enum cli_exit (*const RUNS[])(struct cli_call *call) = {
#define COMMAND(id, ...) cli_run_##id,
#include "cli/command.def"
#undef COMMAND
};

static enum cli_exit ask(struct cli_call *call, size_t row)
{
	struct text why = {0};
	enum cli_exit code = CLI_EXIT_FAILED;
	bool is_login = RUNS[row] == cli_run_login;
	call->client = cli_client_new(
	        call->place.api, is_login ? STR_EMPTY : text_str(&call->place.token), &why);
	if (call->client != NULL)
		code = RUNS[row](call);
	else
		cli_call_say(call, "%s", text_c(&why));
	cli_client_free(call->client);
	text_done(&why);
	return code;
}

static enum cli_exit run(struct cli_call *call)
{
	size_t row = (size_t)(call->line->command - cli_command_at(0));
	struct model_problems problems = {0};
	CHECK(row < ARRAY_LENGTH(RUNS));
	if (RUNS[row] == cli_run_completion)
		return RUNS[row](call);
	bool is_found = cli_place_find(call->line, &call->arena, &call->place, &problems);
	enum cli_exit code = is_found ? ask(call, row) : cli_call_complain(call, &problems);
	cli_place_done(&call->place);
	return code;
}

static enum cli_exit help(struct cli_call *call)
{
	struct text text = {0};
	cli_help_add(call->line->group, call->line->command, &text);
	return cli_call_print(call, &text);
}

bool cli_has_place(char *const *words)
{
	struct model_problems problems = {0};
	struct cli_place place = {0};
	struct cli_line line;
	struct arena arena;
	const char *variable = getenv("HEADWATER_API");
	arena_init(&arena, NULL, 0);
	bool is_read = cli_line_read(&arena, words, &line, &problems);
	/* What is wrong is told by whoever asks. */
	bool has_place = cli_line_has(&line, CLI_FLAG_API) ||
	                 cli_line_has(&line, CLI_FLAG_TOKEN_FILE) ||
	                 (variable != NULL && variable[0] != '\0');
	if (is_read && !has_place)
		has_place =
		        !cli_place_find(&line, &arena, &place, &problems) || place.token.len != 0;
	cli_place_done(&place);
	model_problems_done(&problems);
	arena_reset(&arena);
	return has_place;
}

int cli_run(char *const *arguments, const char *const *others)
{
	struct model_problems problems = {0};
	struct cli_line line;
	struct cli_call call = {.line = &line};
	enum cli_exit code;
	arena_init(&call.arena, NULL, 0);
	other_commands = others;
	bool is_read = cli_line_read(&call.arena, arguments + 1, &line, &problems);
	struct str name = line.command != NULL ? line.command->name : line.group;
	call.command = arena_copy(&call.arena, name).at;
	call.is_json = cli_line_has(&line, CLI_FLAG_JSON);
	if (cli_line_has(&line, CLI_FLAG_HELP)) {
		model_problems_done(&problems);
		code = help(&call);
	} else if (!is_read) {
		code = cli_call_complain(&call, &problems);
	} else {
		code = run(&call);
	}
	arena_reset(&call.arena);
	return (int)code;
}
