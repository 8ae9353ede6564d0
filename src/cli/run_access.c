/*
 * Accounts and tokens.
 */
/* tidy: untested - it asks: tests/functional/test_cli_access.py */
#include "base/clock.h"
#include "cli/escape.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "cli/tree.h"

static const char JSON[] = "application/json";

/* ---- bodies ---- */

/* Opens the object with its first member, or goes on with the next one. */
static void add_member(struct text *body, const char *name, struct str value)
{
	text_addf(body, "%c\"%s\":", body->len == 0 ? '{' : ',', name);
	text_add_json(body, value);
}

static void add_flag(
        const struct cli_call *call, struct text *body, enum cli_flag_id id, const char *name)
{
	if (cli_line_has(call->line, id))
		add_member(body, name, str_of(cli_line_value(call->line, id)));
}

/* A password that somebody chose, where --password says so. */
static enum cli_exit add_password(const struct cli_call *call, struct text *body)
{
	struct text password = {0}, again = {0};
	bool is_good = true;
	if (!cli_line_has(call->line, CLI_FLAG_PASSWORD))
		return CLI_EXIT_DONE;
	if (!cli_terminal_ask("password of the account: ", CLI_TERMINAL_HIDDEN, &password)) {
		cli_terminal_wipe(&password);
		return cli_call_refuse(call, "password", "required", "nothing was said");
	}
	if (cli_terminal_is_attended())
		is_good = cli_terminal_ask("once more: ", CLI_TERMINAL_HIDDEN, &again) &&
		          str_is_equal(text_str(&password), text_str(&again));
	if (is_good)
		add_member(body, "password", text_str(&password));
	cli_terminal_wipe(&password);
	cli_terminal_wipe(&again);
	return is_good ? CLI_EXIT_DONE
	               : cli_call_refuse(call, "password", "value", "these were two");
}

static void add_path(const struct cli_call *call, const char *folder, struct text *path)
{
	text_add(path, str_of(folder));
	cli_client_add_part(path, str_of(call->line->arguments[0]));
}

/* ---- accounts ---- */

enum cli_exit cli_run_user_list(struct cli_call *call)
{
	const struct cli_request request = {.method = "GET", .path = "/users"};
	return cli_call_show(call, &request, cli_show_users, NULL);
}

static void show_account(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	struct str password = cli_tree_text(answer, "password");
	struct str role = cli_tree_text(answer, "role");
	text_add(to, str_of(show->name));
	text_add(to, STR(" is "));
	cli_escape_add(to, role.len != 0 ? role : STR("changed"));
	text_add_char(to, '\n');
	if (password.len == 0)
		return;
	text_add(to, STR("password (shown only now, to be changed at the first login): "));
	cli_escape_add(to, password);
	text_add_char(to, '\n');
}

enum cli_exit cli_run_user_add(struct cli_call *call)
{
	struct text body = {0};
	const char *name = call->line->arguments[0],
	           *role = cli_line_value(call->line, CLI_FLAG_ROLE);
	add_member(&body, "name", str_of(name));
	add_member(&body, "role", str_of(role != NULL ? role : "viewer"));
	enum cli_exit code = add_password(call, &body);
	text_add_char(&body, '}');
	const struct cli_request request = {
	        .method = "POST", .path = "/users", .type = JSON, .body = text_str(&body)};
	if (code == CLI_EXIT_DONE)
		code = cli_call_show(call, &request, show_account, name);
	cli_terminal_wipe(&body);
	return code;
}

enum cli_exit cli_run_user_set(struct cli_call *call)
{
	struct text body = {0}, path = {0};
	add_flag(call, &body, CLI_FLAG_ROLE, "role");
	enum cli_exit code = add_password(call, &body);
	if (code == CLI_EXIT_DONE && body.len == 0)
		code = cli_call_refuse(call, "--role", "required", "say what to change");
	text_add_char(&body, '}');
	add_path(call, "/users/", &path);
	const struct cli_request request = {
	        .method = "PATCH", .path = text_c(&path), .type = JSON, .body = text_str(&body)};
	if (code == CLI_EXIT_DONE)
		code = cli_call_show(call, &request, show_account, call->line->arguments[0]);
	cli_terminal_wipe(&body);
	text_done(&path);
	return code;
}

static void show_gone(const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	(void)answer;
	cli_escape_add(to, str_of(show->name));
	text_add(to, STR(" is removed\n"));
}

static enum cli_exit take_away(struct cli_call *call, const char *folder)
{
	struct text path = {0};
	add_path(call, folder, &path);
	const struct cli_request request = {.method = "DELETE", .path = text_c(&path)};
	enum cli_exit code = cli_call_show(call, &request, show_gone, call->line->arguments[0]);
	text_done(&path);
	return code;
}

enum cli_exit cli_run_user_remove(struct cli_call *call)
{
	return take_away(call, "/users/");
}

/* ---- tokens ---- */

enum cli_exit cli_run_token_list(struct cli_call *call)
{
	struct text path = {0};
	text_add(&path, STR("/tokens"));
	cli_call_add_flag(call, &path, CLI_FLAG_ACCOUNT, "account");
	const struct cli_request request = {.method = "GET", .path = text_c(&path)};
	enum cli_exit code = cli_call_show(call, &request, cli_show_tokens, NULL);
	text_done(&path);
	return code;
}

static void show_token(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	(void)show;
	cli_escape_add(to, cli_tree_text(answer, "token"));
	text_add_char(to, '\n');
}

enum cli_exit cli_run_token_add(struct cli_call *call)
{
	struct text body = {0};
	add_member(&body, "label", str_of(call->line->arguments[0]));
	add_flag(call, &body, CLI_FLAG_ROLE, "role");
	add_flag(call, &body, CLI_FLAG_ACCOUNT, "account");
	if (cli_line_has(call->line, CLI_FLAG_EXPIRES))
		text_addf(&body, ",\"expires_ms\":%llu",
		        (unsigned long long)(clock_wall_ms() +
		                             cli_line_number(call->line, CLI_FLAG_EXPIRES, 0)));
	text_add_char(&body, '}');
	const struct cli_request request = {
	        .method = "POST", .path = "/tokens", .type = JSON, .body = text_str(&body)};
	enum cli_exit code = cli_call_show(call, &request, show_token, NULL);
	if (code == CLI_EXIT_DONE && !call->is_json)
		cli_call_say(call, "the token is shown only now");
	text_done(&body);
	return code;
}

enum cli_exit cli_run_token_remove(struct cli_call *call)
{
	return take_away(call, "/tokens/");
}
