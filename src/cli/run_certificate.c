/*
 * Certificates of the control plane. What is replaced or deleted is asked for first, and the change
 * is for that revision alone, so that nothing of somebody else is lost.
 */
/* tidy: untested - it asks: tests/functional/test_api_certificates.py */
#include "cli/run.h"

#include "base/limit.h"
#include "cli/file.h"
#include "cli/terminal.h"
#include "cli/tree.h"

static void add_path(const char *name, struct text *path)
{
	text_add(path, STR("/certificates/"));
	cli_client_add_part(path, str_of(name));
}

enum cli_exit cli_run_certificate_list(struct cli_call *call)
{
	const struct cli_request request = {.method = "GET", .path = "/certificates"};
	return cli_call_show(call, &request, cli_show_certificates, NULL);
}

enum cli_exit cli_run_certificate_show(struct cli_call *call)
{
	struct text path = {0};
	add_path(call->line->arguments[0], &path);
	const struct cli_request request = {.method = "GET", .path = text_c(&path)};
	enum cli_exit code = cli_call_show(call, &request, cli_show_certificate, NULL);
	text_done(&path);
	return code;
}

/* ---- changes ---- */

/* The ETag of what is there, or of the revision that was typed; none, and DONE, where nothing is
 * and `accepted` says that this is fine. */
static enum cli_exit find_tag(
        struct cli_call *call, const char *path, unsigned accepted, struct text *tag)
{
	const struct cli_request request = {.method = "GET", .path = path, .accepted = accepted};
	struct cli_answer answer = {0};
	if (cli_line_has(call->line, CLI_FLAG_REVISION)) {
		text_addf(tag, "\"%llu\"",
		        (unsigned long long)cli_line_number(call->line, CLI_FLAG_REVISION, 0));
		return CLI_EXIT_DONE;
	}
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	if (code == CLI_EXIT_DONE)
		text_add(tag, text_str(&answer.etag));
	cli_client_forget(&answer);
	return code;
}

static void show_deleted(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	if (cli_tree_find(answer, STR("changes")) != NULL)
		cli_show_change(show, answer, to);
	else
		text_addf(to, "%s is deleted\n", show->name);
}

/* Sends it; what is not there yet must not be there then, either. */
static enum cli_exit make_change(struct cli_call *call, const char *method, struct str body)
{
	const char *name = call->line->arguments[0];
	const bool is_put = body.at != NULL;
	struct text path = {0}, tag = {0};
	add_path(name, &path);
	enum cli_exit code = find_tag(call, text_c(&path), is_put ? 404 : 0, &tag);
	cli_call_add_flag(call, &path, CLI_FLAG_DRY_RUN, "dry_run");
	const struct cli_request request = {
	        .method = method,
	        .path = text_c(&path),
	        .type = is_put ? "application/json" : NULL,
	        .body = body,
	        .if_match = tag.len != 0 ? text_c(&tag) : NULL,
	        .is_new = is_put && tag.len == 0,
	};
	if (code == CLI_EXIT_DONE)
		code = cli_call_show(call, &request, is_put ? cli_show_change : show_deleted, name);
	text_done(&path);
	text_done(&tag);
	return code;
}

/* Adds a member with a file's content. */
static bool add_file(struct cli_call *call, enum cli_flag_id flag, size_t size_max,
        const char *member, struct text *to, struct model_problems *problems)
{
	struct text content = {0};
	bool is_read =
	        cli_file_read(cli_line_value(call->line, flag), size_max, &content, problems);
	text_addf(to, "%c\"%s\":", to->len == 0 ? '{' : ',', member);
	if (is_read)
		text_add_json(to, text_str(&content));
	cli_terminal_wipe(&content);
	return is_read;
}

enum cli_exit cli_run_certificate_put(struct cli_call *call)
{
	struct text body = {0};
	struct model_problems problems = {0};
	bool is_read =
	        add_file(call, CLI_FLAG_CERTIFICATE, LIMIT_CERTIFICATE_BYTES, "certificate", &body,
	                &problems) &&
	        add_file(call, CLI_FLAG_KEY, LIMIT_CERTIFICATE_KEY_BYTES, "key", &body, &problems);
	text_add_char(&body, '}');
	enum cli_exit code = is_read ? make_change(call, "PUT", text_str(&body))
	                             : cli_call_complain(call, &problems);
	cli_terminal_wipe(&body);
	return code;
}

enum cli_exit cli_run_certificate_delete(struct cli_call *call)
{
	return make_change(call, "DELETE", STR_EMPTY);
}
