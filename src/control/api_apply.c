/*
 * A whole list of domains, as a file has it: what differs is changed, all of it or nothing.
 */
#include "control/api.h"
#include "control/change.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/etag.h"
#include "model/diff.h"

#include <stdio.h>

struct application {
	struct control_call *call;
	struct model_snapshot *before;
	struct model_domains wanted;
	struct model_problems problems;
	struct model_diff diff;
};

/* What a single domain of the list is held against: the one that is there. */
static void check(struct application *application, size_t index)
{
	struct model_domain *after = application->wanted.list[index];
	const struct model_domain *before =
	        model_snapshot_get(application->before, str_of(after->name));
	struct str pointer = arena_printf(&application->call->arena, "/domains/%zu", index);
	const struct model_place place = {
	        .line = application->wanted.lines[index], .pointer = pointer.at};
	control_change_keep_secrets(after, before, &place, &application->problems);
	if (before != NULL)
		(void)!model_check_change(before, after, &place, &application->problems);
	if (after->revision != 0 && (before == NULL || before->revision != after->revision))
		model_problems_add(&application->problems, NULL, place.line, pointer.at, "revision",
		        "%s was changed since revision %llu", after->name,
		        (unsigned long long)after->revision);
}

/* Reads the list; false after it was refused. */
static bool read(struct application *application)
{
	struct control_call *call = application->call;
	struct model_problems *problems = &application->problems;
	bool is_read = model_read_domains(text_str(&call->body), NULL,
	        control_plane_rules(call->plane), problems, &application->wanted);
	for (size_t i = 0; is_read && i < application->wanted.count; i++)
		check(application, i);
	if (problems->total == 0)
		return true;
	control_call_refuse_with(call, CONTROL_PROBLEM_INVALID, problems, STR_EMPTY,
	        "the file has %u problem%s", problems->total, problems->total == 1 ? "" : "s");
	return false;
}

/* The changes of the difference that are meant: without `prune` nothing is removed. */
static size_t choose(const struct application *application)
{
	bool prunes = control_query_is_on(&application->call->query, "prune");
	struct model_change *changes = application->diff.changes;
	size_t count = 0;
	for (size_t i = 0; i < application->diff.count; i++)
		if (prunes || changes[i].domain != NULL)
			changes[count++] = changes[i];
	return count;
}

static void answer(const struct application *application, size_t count, uint64_t revision)
{
	struct control_call *call = application->call;
	struct text *to = control_call_answer(call, 200);
	text_addf(to, "{\"dry_run\":%s,\"revision\":%llu,\"changes\":[",
	        control_call_is_dry(call) ? "true" : "false", (unsigned long long)revision);
	for (size_t i = 0; i < count; i++) {
		const struct model_change *change = &application->diff.changes[i];
		if (i > 0)
			text_add_char(to, ',');
		control_change_print(model_snapshot_get(application->before, str_of(change->name)),
		        change->domain, to);
	}
	text_add(to, STR("]}"));
	if (!control_call_is_dry(call))
		control_call_add_field(
		        call, "Headwater-Revision", "%llu", (unsigned long long)revision);
}

/* Makes them; false after that was refused. */
static bool keep(const struct application *application, size_t count, uint64_t *ret_revision)
{
	struct control_call *call = application->call;
	struct store_change *rows = mem_alloc(count * sizeof(*rows) + 1);
	const struct store_note note = {.who = control_change_who(call), .action = STR("apply")};
	for (size_t i = 0; i < count; i++) {
		const struct model_change *change = &application->diff.changes[i];
		const struct model_domain *before =
		        model_snapshot_get(application->before, str_of(change->name));
		rows[i] = (struct store_change){.name = change->name,
		        .domain = change->domain,
		        .expected = before != NULL ? before->revision : 0};
	}
	enum store_failure failure = control_domains_commit(call->plane->domains,
	        atomic_load(&call->plane->store), rows, count, &note, ret_revision);
	mem_free(rows);
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return false;
	}
	control_plane_set_trouble(call->plane, STR_EMPTY);
	log_info("%.*s: apply of %zu domains, revision %llu", STR_ARG(note.who), count,
	        (unsigned long long)*ret_revision);
	return true;
}

/* Whether If-Match, where it is there, names the revision of the whole. */
static bool is_version_right(const struct application *application, uint64_t revision)
{
	struct control_call *call = application->call;
	char text[48];
	snprintf(text, sizeof(text), "\"store-%llu\"", (unsigned long long)revision);
	const struct http_etag etag = {.opaque = str_of(text)};
	if (!http_head_has(&call->head, HTTP_NAME_IF_MATCH) ||
	        http_etag_find(&call->head, HTTP_NAME_IF_MATCH, &etag, HTTP_ETAG_STRONG) !=
	                HTTP_ETAG_ABSENT)
		return true;
	control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_FAILED,
	        "the store has revision %llu: its tag is %s", (unsigned long long)revision, text);
	control_call_add_field(call, "ETag", "%s", text);
	return false;
}

static void apply(struct application *application)
{
	uint64_t revision = model_snapshot_revision(application->before);
	if (!is_version_right(application, revision) || !read(application))
		return;
	model_diff_from(application->before, application->wanted.list, application->wanted.count,
	        &application->diff);
	size_t count = choose(application);
	if (count == 0 || control_call_is_dry(application->call) ||
	        keep(application, count, &revision))
		answer(application, count, revision);
	model_diff_done(&application->diff);
}

void control_api_apply_file(struct control_call *call)
{
	struct application application = {.call = call};
	if (!control_change_is_ours(call))
		return;
	control_domains_begin(call->plane->domains);
	application.before = control_domains_now(call->plane->domains);
	apply(&application);
	model_snapshot_unref(application.before);
	control_domains_end(call->plane->domains);
	model_domains_done(&application.wanted);
	model_problems_done(&application.problems);
}

void control_api_apply_export(struct control_call *call)
{
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	size_t count = model_snapshot_count(now);
	struct model_domain **list = mem_alloc(count * sizeof(struct model_domain *) + 1);
	for (size_t i = 0; i < count; i++)
		list[i] = model_snapshot_at(now, i);
	struct text *to = control_call_answer(call, 200);
	call->answer.media = "application/yaml";
	model_print_domains(list, count, MODEL_PRINT_EXPORT, to);
	mem_free(list);
	model_snapshot_unref(now);
}
