/*
 * One command while it is done: its line, the control plane that it asks, and how its outcome is
 * told. Functions that return an exit code have told why when it is not CLI_EXIT_DONE.
 */
#pragma once

#include "cli/client.h"
#include "cli/line.h"
#include "cli/place.h"
#include "cli/show.h"

struct cli_call {
	const struct cli_line *line;
	const char *command; /* its name */
	struct cli_place place;
	struct cli_client *client;
	struct arena arena;               /* of what lives as long as the command */
	const char *file;                 /* whose content is sent; NULL */
	const struct model_node *content; /* its tree, once somebody asks for lines */
	bool is_json;
};

/* A line on standard error: "headwater domain set: …". Escaped. */
void cli_call_say(const struct cli_call *call, const char *format, ...) PRINTF_LIKE(2, 3);

/* What was typed makes no sense. */
enum cli_exit cli_call_refuse(
        const struct cli_call *call, const char *word, const char *rule, const char *words);

/* The same for a list of problems, which is freed. */
enum cli_exit cli_call_complain(const struct cli_call *call, struct model_problems *problems);

/* Asks, and tells what the control plane refuses; the answer is to be forgotten in any case. */
MUST_CHECK enum cli_exit cli_call_ask(const struct cli_call *call,
        const struct cli_request *request, struct cli_answer *ret_answer);

/* The JSON of an answer, in the arena; a mapping without members where it has none. */
MUST_CHECK enum cli_exit cli_call_read(const struct cli_call *call, struct arena *arena,
        const struct cli_answer *answer, const struct model_node **ret_root);

/* Writes to standard output and frees the text. */
enum cli_exit cli_call_print(const struct cli_call *call, struct text *text);

/* Writes JSON as it is; harmless on a terminal. */
enum cli_exit cli_call_print_json(const struct cli_call *call, struct str json);

/* Asks, and shows the answer; `name` is what it is about, or NULL. */
enum cli_exit cli_call_show(struct cli_call *call, const struct cli_request *request,
        cli_show_function *show, const char *name);

/* How answers are shown. */
struct cli_show cli_call_manner(const struct cli_call *call, const char *name);

/* Adds "?name=value", or "&name=value" behind another; nothing where the value is NULL. */
void cli_call_add_query(struct text *path, const char *name, const char *value);

/* The query of flags: of each that was given, its name without dashes. */
void cli_call_add_flag(
        const struct cli_call *call, struct text *path, enum cli_flag_id id, const char *name);

/* Adds "/domains/NAME" for a name as it was typed. */
MUST_CHECK enum cli_exit cli_call_add_domain(
        const struct cli_call *call, const char *name, struct text *path);
