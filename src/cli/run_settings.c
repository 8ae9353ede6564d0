/*
 * Settings of the control plane. What they are is the control plane's to say: values are sent as
 * its answer has them, as numbers or as texts, and it refuses what makes no sense.
 */
/* tidy: untested - it asks: tests/functional/test_cli_settings.py */
#include "cli/run.h"
#include "cli/tree.h"

static const char PATH[] = "/settings";

enum cli_exit cli_run_settings_show(struct cli_call *call)
{
	const struct cli_request request = {.method = "GET", .path = PATH};
	return cli_call_show(call, &request, cli_show_settings, NULL);
}

/* ---- changes ---- */

static void show_made(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	if (cli_tree_find(answer, STR("changes")) != NULL)
		cli_show_change(show, answer, to);
	else
		text_addf(to, "the settings are at revision %llu\n",
		        (unsigned long long)cli_tree_number(answer, "revision"));
}

/* Sends a change, and tells what has become of it. */
static enum cli_exit make_change(struct cli_call *call, const struct cli_request *request)
{
	struct cli_request whole = *request;
	struct text path = {0};
	text_add(&path, str_of(request->path));
	cli_call_add_flag(call, &path, CLI_FLAG_DRY_RUN, "dry_run");
	whole.path = text_c(&path);
	enum cli_exit code = cli_call_show(call, &whole, show_made, NULL);
	text_done(&path);
	return code;
}

/* Whether the setting is a number, as far as is known. */
static bool is_number(const struct model_node *settings, struct str name)
{
	const struct model_node *item = cli_tree_first(settings, "items");
	for (; item != NULL; item = item->next)
		if (str_is_equal(cli_tree_text(item, "name"), name))
			return cli_tree_find(item, STR("min")) != NULL;
	return false;
}

static bool has_digits_alone(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	/* JSON has no zeros in front. */
	return text.len > 0 && (text.len == 1 || text.at[0] != '0');
}

/* Adds a member to a merge patch; a value with at NULL puts the default back. */
static void add_member(
        const struct model_node *settings, struct str name, struct str value, struct text *to)
{
	text_add_char(to, to->len == 0 ? '{' : ',');
	text_add_json(to, name);
	text_add_char(to, ':');
	if (value.len == 0)
		text_add(to, STR("null"));
	else if (is_number(settings, name) && has_digits_alone(value))
		text_add(to, value);
	else
		text_add_json(to, value);
}

/* How often a setting was typed, as NAME=VALUE or by --default. */
static unsigned count_of(const struct cli_line *line, const char **defaults, struct str name)
{
	unsigned count = 0;
	for (size_t i = 0; i < line->argument_count; i++) {
		struct str rest = str_of(line->arguments[i]);
		count += str_is_equal(str_cut(&rest, '='), name);
	}
	for (; *defaults != NULL; defaults++)
		count += str_is_equal(str_of(*defaults), name);
	return count;
}

/* The patch that was typed; it is empty where a word is none. */
static enum cli_exit add_patch(
        struct cli_call *call, const struct model_node *settings, struct text *to)
{
	const struct cli_line *line = call->line;
	const char **defaults = cli_line_values(line, CLI_FLAG_DEFAULT, &call->arena);
	for (size_t i = 0; i < line->argument_count; i++) {
		const char *word = line->arguments[i];
		struct str value = str_of(word), name = str_cut(&value, '=');
		if (value.at == NULL || name.len == 0)
			return cli_call_refuse(call, word, "syntax", "it is no NAME=VALUE");
		if (count_of(line, defaults, name) > 1)
			return cli_call_refuse(call, word, "doubled", "it is there already");
		add_member(settings, name, value, to);
	}
	for (size_t i = 0; defaults[i] != NULL; i++) {
		if (count_of(line, defaults, str_of(defaults[i])) > 1)
			return cli_call_refuse(call, defaults[i], "doubled", "it is there already");
		add_member(settings, str_of(defaults[i]), STR_EMPTY, to);
	}
	if (to->len == 0)
		return cli_call_refuse(call, "NAME=VALUE", "required", "say what to change");
	text_add_char(to, '}');
	return CLI_EXIT_DONE;
}

/* What is there is asked for first, and the change is for that revision alone, so that no edit of
 * somebody else is lost. */
enum cli_exit cli_run_settings_set(struct cli_call *call)
{
	const struct cli_request look = {.method = "GET", .path = PATH};
	const struct model_node *settings = NULL;
	struct cli_answer answer = {0};
	struct text body = {0};
	enum cli_exit code = add_patch(call, NULL, &body);
	if (code == CLI_EXIT_DONE)
		code = cli_call_ask(call, &look, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &settings);
	if (code == CLI_EXIT_DONE) {
		text_clear(&body);
		code = add_patch(call, settings, &body);
	}
	const struct cli_request change = {
	        .method = "PATCH",
	        .path = PATH,
	        .type = "application/merge-patch+json",
	        .body = text_str(&body),
	        .if_match = answer.etag.len != 0 ? text_c(&answer.etag) : NULL,
	};
	if (code == CLI_EXIT_DONE)
		code = make_change(call, &change);
	cli_client_forget(&answer);
	text_done(&body);
	return code;
}

enum cli_exit cli_run_settings_rollback(struct cli_call *call)
{
	struct text body = {0};
	uint64_t revision;
	if (!str_to_u64(str_of(call->line->arguments[0]), &revision))
		return cli_call_refuse(call, "REVISION", "syntax", "it is a number");
	text_addf(&body, "{\"revision\":%llu}", (unsigned long long)revision);
	const struct cli_request request = {.method = "POST",
	        .path = "/settings/rollback",
	        .type = "application/json",
	        .body = text_str(&body)};
	enum cli_exit code = make_change(call, &request);
	text_done(&body);
	return code;
}
