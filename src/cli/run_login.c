/*
 * Signing in: a session by account and password, in it a token for the commands that follow, and
 * the session's end. Where standard input is no terminal, its lines are account, password, and a
 * new password.
 */
/* tidy: untested - it asks: tests/functional/test_cli_login.py */
#include "base/clock.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "cli/tree.h"

#include <ctype.h>
#include <errno.h>
#include <unistd.h>

static const char JSON[] = "application/json";

struct login {
	struct text account, password;
	struct text role;
	bool must_change;
};

static enum cli_exit end_of_input(const struct cli_call *call, const char *what)
{
	return cli_call_refuse(call, what, "required", "nothing was said");
}

/* A session; what the control plane says of the account is kept in `login`. */
static enum cli_exit open_session(struct cli_call *call, struct login *login)
{
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	struct text body = {0};
	text_add(&body, STR("{\"account\":"));
	text_add_json(&body, text_str(&login->account));
	text_add(&body, STR(",\"password\":"));
	text_add_json(&body, text_str(&login->password));
	text_add_char(&body, '}');
	const struct cli_request request = {
	        .method = "POST", .path = "/login", .type = JSON, .body = text_str(&body)};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &root);
	if (code == CLI_EXIT_DONE) {
		cli_client_set_csrf(call->client, cli_tree_text(root, "csrf"));
		login->must_change = cli_tree_is_true(root, "must_change");
		text_clear(&login->role);
		text_add(&login->role, cli_tree_text(root, "role"));
	}
	cli_client_forget(&answer);
	cli_terminal_wipe(&body);
	return code;
}

/* Asks for a new password, on a terminal twice. */
static enum cli_exit ask_new(struct cli_call *call, struct text *password)
{
	struct text again = {0};
	if (!cli_terminal_ask("new password: ", CLI_TERMINAL_HIDDEN, password))
		return end_of_input(call, "new password");
	if (!cli_terminal_is_attended())
		return CLI_EXIT_DONE;
	bool is_same = cli_terminal_ask("once more: ", CLI_TERMINAL_HIDDEN, &again) &&
	               str_is_equal(text_str(password), text_str(&again));
	cli_terminal_wipe(&again);
	if (!is_same)
		return cli_call_refuse(call, "new password", "value", "these were two");
	return CLI_EXIT_DONE;
}

static enum cli_exit send_password(const struct cli_call *call, struct str old, struct str password)
{
	struct cli_answer answer = {0};
	struct text body = {0};
	text_add(&body, STR("{\"old\":"));
	text_add_json(&body, old);
	text_add(&body, STR(",\"new\":"));
	text_add_json(&body, password);
	text_add_char(&body, '}');
	const struct cli_request request = {
	        .method = "POST", .path = "/password", .type = JSON, .body = text_str(&body)};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	cli_client_forget(&answer);
	cli_terminal_wipe(&body);
	return code;
}

/* Another's choice of a password is good for nothing but a new one. */
static enum cli_exit change_password(struct cli_call *call, struct login *login)
{
	struct text password = {0};
	if (cli_terminal_is_attended())
		cli_call_say(call, "the password must be changed");
	enum cli_exit code = ask_new(call, &password);
	if (code == CLI_EXIT_DONE)
		code = send_password(call, text_str(&login->password), text_str(&password));
	cli_terminal_wipe(&login->password);
	login->password = password;
	/* That has ended all sessions. */
	return code == CLI_EXIT_DONE ? open_session(call, login) : code;
}

/* "cli@HOST", with what a label may have. */
static void add_label(struct text *to)
{
	enum { LABEL_BYTES = 64 };
	char host[LABEL_BYTES - sizeof("cli@") + 1] = "";
	if (gethostname(host, sizeof(host)) != 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	text_add(to, STR("cli@"));
	for (const char *at = host; *at != '\0'; at++) {
		bool is_plain = isalnum((unsigned char)*at) || strchr("._-", *at) != NULL;
		text_add_char(to, is_plain ? *at : '-');
	}
}

static void add_token_wish(const struct cli_call *call, struct text *body)
{
	struct text label = {0};
	add_label(&label);
	text_add(body, STR("{\"label\":"));
	text_add_json(body, text_str(&label));
	if (cli_line_has(call->line, CLI_FLAG_EXPIRES))
		text_addf(body, ",\"expires_ms\":%llu",
		        (unsigned long long)(clock_wall_ms() +
		                             cli_line_number(call->line, CLI_FLAG_EXPIRES, 0)));
	text_add_char(body, '}');
	text_done(&label);
}

static enum cli_exit keep_token(struct cli_call *call)
{
	struct cli_answer answer = {0};
	const struct model_node *root = NULL;
	struct text body = {0};
	add_token_wish(call, &body);
	const struct cli_request request = {
	        .method = "POST", .path = "/tokens", .type = JSON, .body = text_str(&body)};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		code = cli_call_read(call, &call->arena, &answer, &root);
	if (code == CLI_EXIT_DONE && cli_tree_text(root, "token").len == 0) {
		cli_call_say(call, "%s gives no token", call->place.api);
		code = CLI_EXIT_UNREACHABLE;
	} else if (code == CLI_EXIT_DONE &&
	           !cli_place_keep(&call->place, cli_tree_text(root, "token"))) {
		cli_call_say(call, "cannot keep the token at %s: %s", text_c(&call->place.path),
		        strerror(errno));
		code = CLI_EXIT_FAILED;
	}
	cli_client_forget(&answer);
	text_done(&body);
	return code;
}

/* The token of an earlier login opens nothing any more; should that fail, `token list` has it. */
static void give_back_old(const struct cli_call *call)
{
	struct cli_answer answer = {0};
	struct text why = {0};
	struct cli_client *client =
	        cli_client_new(call->place.api, text_str(&call->place.token), &why);
	if (client != NULL &&
	        cli_client_ask(client, &(struct cli_request){.method = "POST", .path = "/logout"},
	                &answer, &why))
		cli_client_forget(&answer);
	cli_client_free(client);
	text_done(&why);
}

static enum cli_exit sign_in(struct cli_call *call, struct login *login)
{
	struct cli_answer answer = {0};
	struct text why = {0};
	enum cli_exit code = open_session(call, login);
	if (code == CLI_EXIT_DONE && login->must_change)
		code = change_password(call, login);
	if (code != CLI_EXIT_DONE)
		return code;
	code = keep_token(call);
	if (code == CLI_EXIT_DONE && call->place.is_stored && call->place.token.len != 0)
		give_back_old(call);
	/* Should that fail, the session ends by its own time. */
	if (!cli_client_ask(call->client,
	            &(struct cli_request){.method = "POST", .path = "/logout"}, &answer, &why))
		answer.status = 0;
	cli_client_forget(&answer);
	text_done(&why);
	return code;
}

enum cli_exit cli_run_login(struct cli_call *call)
{
	struct login login = {0};
	enum cli_exit code = CLI_EXIT_DONE;
	if (!cli_place_is_private(str_of(call->place.api)))
		cli_call_say(call, "what is said to %s can be read on the way: it has no TLS",
		        call->place.api);
	if (!cli_terminal_ask("account: ", CLI_TERMINAL_SHOWN, &login.account))
		code = end_of_input(call, "account");
	else if (!cli_terminal_ask("password: ", CLI_TERMINAL_HIDDEN, &login.password))
		code = end_of_input(call, "password");
	if (code == CLI_EXIT_DONE)
		code = sign_in(call, &login);
	if (code == CLI_EXIT_DONE)
		cli_call_say(call, "signed in at %s as %s (%s); the token is in %s",
		        call->place.api, text_c(&login.account), text_c(&login.role),
		        text_c(&call->place.path));
	text_done(&login.account);
	cli_terminal_wipe(&login.password);
	text_done(&login.role);
	return code;
}

enum cli_exit cli_run_logout(struct cli_call *call)
{
	enum { UNAUTHENTICATED = 401 };
	const struct cli_request request = {
	        .method = "POST", .path = "/logout", .accepted = UNAUTHENTICATED};
	struct cli_answer answer = {0};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	/* A token that opened nothing any more is gone as well. */
	if (code == CLI_EXIT_DONE && call->place.is_stored)
		cli_place_forget(&call->place);
	if (code == CLI_EXIT_DONE)
		cli_call_say(call, answer.status == UNAUTHENTICATED
		                           ? "the token opened nothing any more"
		                           : "signed out");
	cli_client_forget(&answer);
	return code;
}

enum cli_exit cli_run_password(struct cli_call *call)
{
	struct text old = {0}, password = {0};
	enum cli_exit code = CLI_EXIT_DONE;
	if (!cli_terminal_ask("old password: ", CLI_TERMINAL_HIDDEN, &old))
		code = end_of_input(call, "old password");
	if (code == CLI_EXIT_DONE)
		code = ask_new(call, &password);
	if (code == CLI_EXIT_DONE)
		code = send_password(call, text_str(&old), text_str(&password));
	if (code == CLI_EXIT_DONE)
		cli_call_say(call, "the password is changed");
	cli_terminal_wipe(&old);
	cli_terminal_wipe(&password);
	return code;
}
