/*
 * Changes of domains. What is changed is asked for first, and the change is for that revision
 * alone, so that no edit of somebody else is lost.
 */
/* tidy: untested - it asks: tests/functional/test_cli_domains.py */
#include "cli/patch.h"
#include "cli/run.h"

#include "base/random.h"
#include "model/host.h"

/* A change of a domain or a part of it. */
struct change {
	const char *method;
	const char *below; /* "", "/origin", "/start" */
	const char *type;  /* of the body; NULL */
	struct str body;
	const char *tag;     /* the ETag of what is there, where it is known; NULL */
	bool is_conditional; /* made for the revision that is there, or that --revision says */
};

/* ---- preconditions ---- */

/* The ETag of what is there; none, and DONE, where nothing is and `accepted` says that this is
 * fine.
 */
static enum cli_exit find_tag(
        struct cli_call *call, const char *path, unsigned accepted, struct text *ret_tag)
{
	const struct cli_request request = {.method = "GET", .path = path, .accepted = accepted};
	struct cli_answer answer = {0};
	enum cli_exit code = cli_call_ask(call, &request, &answer);
	bool is_there = code == CLI_EXIT_DONE && answer.status != accepted;
	if (is_there && answer.etag.len == 0) {
		cli_call_say(call, "%s does not say which revision it has", call->place.api);
		code = CLI_EXIT_UNREACHABLE;
	} else if (is_there) {
		text_add(ret_tag, text_str(&answer.etag));
	}
	cli_client_forget(&answer);
	return code;
}

/* The precondition: --revision, what is known, or what is there where the change needs one. */
static enum cli_exit add_condition(
        struct cli_call *call, const char *path, const struct change *change, struct text *tag)
{
	if (cli_line_has(call->line, CLI_FLAG_REVISION))
		text_addf(tag, "\"%llu\"",
		        (unsigned long long)cli_line_number(call->line, CLI_FLAG_REVISION, 0));
	else if (change->tag != NULL)
		text_add(tag, str_of(change->tag));
	else if (change->is_conditional)
		return find_tag(call, path, 0, tag);
	return CLI_EXIT_DONE;
}

static void show_removed(
        const struct cli_show *show, const struct model_node *answer, struct text *to)
{
	if (model_node_get(answer, STR("changes")) != NULL)
		cli_show_change(show, answer, to);
	else
		text_addf(to, "%s is deleted\n", show->name);
}

static enum cli_exit make_change(struct cli_call *call, const struct change *change)
{
	const char *name = call->line->arguments[0];
	struct text path = {0}, tag = {0};
	bool is_whole_removed = strcmp(change->method, "DELETE") == 0 && change->below[0] == '\0';
	/* A part is asked for as itself: its tag is the domain's, and its absence is told. */
	bool is_part =
	        strcmp(change->below, "/origin") == 0 || strcmp(change->below, "/backup") == 0;
	enum cli_exit code = cli_call_add_domain(call, name, &path);
	if (is_part)
		text_add(&path, str_of(change->below));
	if (code == CLI_EXIT_DONE)
		code = add_condition(call, text_c(&path), change, &tag);
	if (!is_part)
		text_add(&path, str_of(change->below));
	cli_call_add_flag(call, &path, CLI_FLAG_DRY_RUN, "dry_run");
	cli_call_add_flag(call, &path, CLI_FLAG_REMOVE_BACKUP, "remove_backup");
	const struct cli_request request = {
	        .method = change->method,
	        .path = text_c(&path),
	        .type = change->type,
	        .body = change->body,
	        .if_match = tag.len != 0 ? text_c(&tag) : NULL,
	};
	if (code == CLI_EXIT_DONE)
		code = cli_call_show(
		        call, &request, is_whole_removed ? show_removed : cli_show_change, name);
	text_done(&path);
	text_done(&tag);
	return code;
}

/* ---- fields ---- */

static const char MERGE_PATCH[] = "application/merge-patch+json";

/* Puts arguments behind the name into a patch: FIELD=VALUE, and addresses where there is a path
 * for them. */
static bool read_words(struct cli_call *call, struct cli_patch *patch, const char *group,
        const char *addresses_path, struct model_problems *problems)
{
	const struct cli_line *line = call->line;
	const char **addresses =
	        arena_zero(&call->arena, (line->argument_count + 1) * sizeof(*addresses));
	size_t address_count = 0;
	bool is_good = true;
	for (size_t i = 1; i < line->argument_count; i++) {
		const char *word = line->arguments[i];
		if (addresses_path != NULL && strchr(word, '=') == NULL)
			addresses[address_count++] = word;
		else
			is_good = cli_patch_set(patch, str_of(group), str_of(word), problems) &&
			          is_good;
	}
	if (addresses_path == NULL)
		return is_good;
	return cli_patch_set_addresses(patch, addresses_path, addresses, problems) && is_good;
}

enum cli_exit cli_run_domain_set(struct cli_call *call)
{
	struct model_problems problems = {0};
	struct cli_patch patch;
	struct text body = {0};
	enum cli_exit code;
	cli_patch_init(&patch, &call->arena);
	if (!read_words(call, &patch, "", NULL, &problems)) {
		code = cli_call_complain(call, &problems);
	} else if (cli_patch_is_empty(&patch)) {
		code = cli_call_refuse(call, "FIELD=VALUE", "required", "say what to change");
	} else {
		cli_patch_print(&patch, STR_EMPTY, &body);
		code = make_change(call, &(struct change){.method = "PATCH",
		                                 .below = "",
		                                 .type = MERGE_PATCH,
		                                 .body = text_str(&body),
		                                 .is_conditional = true});
	}
	cli_patch_done(&patch);
	text_done(&body);
	return code;
}

/* ---- creating ---- */

/* {"name":"a.example", and what the patch has. */
static void add_whole(const struct cli_patch *patch, const char *name, struct text *to)
{
	struct text fields = {0};
	text_add(to, STR("{\"name\":"));
	text_add_json(to, str_of(name));
	cli_patch_print(patch, STR_EMPTY, &fields);
	if (!cli_patch_is_empty(patch)) {
		text_add_char(to, ',');
		text_add(to, str_make(fields.at + 1, fields.len - 1));
	} else {
		text_add_char(to, '}');
	}
	text_done(&fields);
}

static enum cli_exit create(struct cli_call *call, const struct cli_patch *patch)
{
	const char *name = call->line->arguments[0];
	struct text body = {0}, path = {0}, key = {0};
	struct model_host host;
	struct model_why why;
	/* Should the answer be lost, it is asked for again; the key makes that one domain. */
	text_addf(&key, "%016llx%016llx", (unsigned long long)random_u64(),
	        (unsigned long long)random_u64());
	bool is_name = model_host_read_pattern(str_of(name), &host, &why);
	add_whole(patch, is_name ? host.name : name, &body);
	text_add(&path, STR("/domains"));
	cli_call_add_flag(call, &path, CLI_FLAG_DRY_RUN, "dry_run");
	const struct cli_request request = {
	        .method = "POST",
	        .path = text_c(&path),
	        .type = "application/json",
	        .body = text_str(&body),
	        .idempotency_key = text_c(&key),
	};
	enum cli_exit code =
	        cli_call_show(call, &request, cli_show_change, is_name ? host.name : name);
	text_done(&body);
	text_done(&path);
	text_done(&key);
	return code;
}

enum cli_exit cli_run_domain_create(struct cli_call *call)
{
	struct model_problems problems = {0};
	struct cli_patch patch;
	enum cli_exit code;
	cli_patch_init(&patch, &call->arena);
	bool is_good = read_words(call, &patch, "", NULL, &problems);
	is_good = cli_patch_set_addresses(&patch, "origin.addresses",
	                  cli_line_values(call->line, CLI_FLAG_ORIGIN, &call->arena), &problems) &&
	          is_good;
	is_good = cli_patch_set_addresses(&patch, "backup.addresses",
	                  cli_line_values(call->line, CLI_FLAG_BACKUP, &call->arena), &problems) &&
	          is_good;
	code = is_good ? create(call, &patch) : cli_call_complain(call, &problems);
	cli_patch_done(&patch);
	return code;
}

/* ---- origins ---- */

static enum cli_exit set_origin(struct cli_call *call, const struct cli_patch *patch)
{
	struct text body = {0};
	cli_patch_print(patch, STR("origin"), &body);
	enum cli_exit code = make_change(call, &(struct change){.method = "PATCH",
	                                               .below = "/origin",
	                                               .type = MERGE_PATCH,
	                                               .body = text_str(&body),
	                                               .is_conditional = true});
	text_done(&body);
	return code;
}

/* Changes the backup that is there, or adds one. */
static enum cli_exit set_backup(struct cli_call *call, const struct cli_patch *patch)
{
	enum { NOT_FOUND = 404 };
	struct text body = {0}, path = {0}, tag = {0};
	enum cli_exit code = cli_call_add_domain(call, call->line->arguments[0], &path);
	text_add(&path, STR("/backup"));
	if (code == CLI_EXIT_DONE)
		code = find_tag(call, text_c(&path), NOT_FOUND, &tag);
	bool is_there = tag.len != 0;
	cli_patch_print(patch, STR("backup"), &body);
	if (code == CLI_EXIT_DONE)
		code = make_change(
		        call, &(struct change){.method = is_there ? "PATCH" : "PUT",
		                      .below = "/backup",
		                      .type = is_there ? MERGE_PATCH : "application/json",
		                      .body = text_str(&body),
		                      .tag = is_there ? text_c(&tag) : NULL});
	text_done(&body);
	text_done(&path);
	text_done(&tag);
	return code;
}

static enum cli_exit set_part(struct cli_call *call, const char *group, const char *addresses_path,
        enum cli_exit (*send)(struct cli_call *call, const struct cli_patch *patch))
{
	struct model_problems problems = {0};
	struct cli_patch patch;
	enum cli_exit code;
	cli_patch_init(&patch, &call->arena);
	if (!read_words(call, &patch, group, addresses_path, &problems))
		code = cli_call_complain(call, &problems);
	else if (cli_patch_is_empty(&patch) && !cli_line_has(call->line, CLI_FLAG_REMOVE_BACKUP))
		code = cli_call_refuse(call, "ADDRESS", "required", "say what to change");
	else
		code = send(call, &patch);
	cli_patch_done(&patch);
	return code;
}

enum cli_exit cli_run_origin_set(struct cli_call *call)
{
	return set_part(call, "origin", "origin.addresses", set_origin);
}

enum cli_exit cli_run_backup_set(struct cli_call *call)
{
	return set_part(call, "backup", "backup.addresses", set_backup);
}

/* ---- the others ---- */

enum cli_exit cli_run_domain_delete(struct cli_call *call)
{
	return make_change(
	        call, &(struct change){.method = "DELETE", .below = "", .is_conditional = true});
}

enum cli_exit cli_run_backup_remove(struct cli_call *call)
{
	return make_change(call,
	        &(struct change){.method = "DELETE", .below = "/backup", .is_conditional = true});
}

enum cli_exit cli_run_domain_start(struct cli_call *call)
{
	return make_change(call, &(struct change){.method = "POST", .below = "/start"});
}

enum cli_exit cli_run_domain_stop(struct cli_call *call)
{
	return make_change(call, &(struct change){.method = "POST", .below = "/stop"});
}

enum cli_exit cli_run_switch(struct cli_call *call)
{
	return make_change(call, &(struct change){.method = "POST", .below = "/switch"});
}

enum cli_exit cli_run_back(struct cli_call *call)
{
	return make_change(call, &(struct change){.method = "POST", .below = "/back"});
}

enum cli_exit cli_run_weight(struct cli_call *call)
{
	struct text body = {0};
	uint64_t weight;
	if (!str_to_u64(str_of(call->line->arguments[2]), &weight))
		return cli_call_refuse(call, "WEIGHT", "syntax", "it is a number");
	text_addf(&body, "{\"role\":\"%s\",\"address\":",
	        cli_line_has(call->line, CLI_FLAG_OF_BACKUP) ? "backup" : "origin");
	text_add_json(&body, str_of(call->line->arguments[1]));
	text_addf(&body, ",\"weight\":%llu}", (unsigned long long)weight);
	enum cli_exit code = make_change(call, &(struct change){.method = "POST",
	                                               .below = "/weight",
	                                               .type = "application/json",
	                                               .body = text_str(&body)});
	text_done(&body);
	return code;
}

enum cli_exit cli_run_rollback(struct cli_call *call)
{
	struct text body = {0};
	uint64_t revision;
	if (!str_to_u64(str_of(call->line->arguments[1]), &revision))
		return cli_call_refuse(call, "REVISION", "syntax", "it is a number");
	text_addf(&body, "{\"revision\":%llu}", (unsigned long long)revision);
	enum cli_exit code = make_change(call, &(struct change){.method = "POST",
	                                               .below = "/rollback",
	                                               .type = "application/json",
	                                               .body = text_str(&body)});
	text_done(&body);
	return code;
}
