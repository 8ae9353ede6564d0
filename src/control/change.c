/*
 * If-Match and If-None-Match are held against the domain's revision (RFC 9110, 13.1), and so is a
 * `revision` in the body. Who is refused for it is told what changed since the version that they
 * had.
 */
#include "control/change.h"

#include "base/log.h"
#include "http/etag.h"
#include "model/diff.h"
#include "model/secrets.h"

#include <sodium.h>
#include <stdio.h>

enum { KEY_BYTES_MAX = 128 };

struct str control_change_who(struct control_call *call)
{
	const struct store_pass *caller = &call->caller;
	if (caller->label[0] == '\0')
		return str_of(caller->account);
	return arena_printf(&call->arena, "%s/%s", caller->account, caller->label);
}

bool control_change_read_key(
        struct control_call *call, struct str *ret_key, struct str *ret_fingerprint)
{
	struct str key = control_call_field(call, "Idempotency-Key");
	unsigned char *hash = arena_alloc(&call->arena, crypto_generichash_BYTES);
	crypto_generichash_state state;
	bool is_good = key.len > 0 && key.len <= KEY_BYTES_MAX;
	*ret_key = *ret_fingerprint = STR_EMPTY;
	if (key.at == NULL)
		return true;
	for (size_t i = 0; i < key.len; i++)
		is_good &= key.at[i] > ' ' && key.at[i] < 0x7f;
	if (!is_good) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "Idempotency-Key has 1 to %d visible characters", KEY_BYTES_MAX);
		return false;
	}
	/* The operation, with the NUL that ends its name, and the body. */
	const char *id = call->route->id;
	CHECK(crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES) == 0);
	CHECK(crypto_generichash_update(&state, (const unsigned char *)id, strlen(id) + 1) == 0);
	CHECK(crypto_generichash_update(
	              &state, (const unsigned char *)call->body.at, call->body.len) == 0);
	CHECK(crypto_generichash_final(&state, hash, crypto_generichash_BYTES) == 0);
	*ret_key = key;
	*ret_fingerprint = str_make((const char *)hash, crypto_generichash_BYTES);
	return true;
}

enum store_failure control_change_find_made(struct control_call *call, struct str key,
        struct str fingerprint, struct store_request *ret_request)
{
	/* A dry run makes nothing, so it is never one that was made. */
	if (key.len == 0 || control_call_is_dry(call))
		return STORE_ABSENT;
	*ret_request = (struct store_request){.who = control_change_who(call),
	        .key = key,
	        .fingerprint = fingerprint,
	        .now_ms = call->now_ms};
	enum store_failure failure =
	        store_domains_find_request(atomic_load(&call->plane->store), ret_request);
	if (failure == STORE_CONFLICT)
		control_call_refuse(
		        call, CONTROL_PROBLEM_KEY_REUSED, "the key was used for another request");
	else if (failure != STORE_DONE && failure != STORE_ABSENT)
		control_call_refuse_store(call, failure);
	return failure;
}

void control_change_refuse_made(struct control_call *call, enum store_failure failure)
{
	if (failure == STORE_ABSENT)
		control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_VERSION,
		        "it was made by this request, and is not kept any more");
	else
		control_call_refuse_store(call, failure);
}

bool control_change_is_ours(struct control_call *call)
{
	if (call->plane->file != NULL)
		control_call_refuse(call, CONTROL_PROBLEM_MANAGED_BY_FILE,
		        "the domains are managed by %s", call->plane->file);
	return call->plane->file == NULL;
}

/* ---- what is told ---- */

void control_change_print_diff(
        const struct model_domain *before, const struct model_domain *after, struct text *to)
{
	struct text lines = {0};
	model_diff_print(before, after, &lines);
	struct str rest = text_str(&lines);
	text_add_char(to, '[');
	for (unsigned i = 0; rest.len != 0; i++) {
		if (i > 0)
			text_add_char(to, ',');
		text_add_json(to, str_cut(&rest, '\n'));
	}
	text_add_char(to, ']');
	text_done(&lines);
}

void control_change_print(
        const struct model_domain *before, const struct model_domain *after, struct text *to)
{
	text_add(to, STR("{\"name\":"));
	text_add_json(to, str_of(before != NULL ? before->name : after->name));
	text_addf(to, ",\"what\":\"%s\",\"diff\":",
	        before == NULL  ? "created"
	        : after == NULL ? "removed"
	                        : "changed");
	control_change_print_diff(before, after, to);
	text_add_char(to, '}');
}

void control_change_answer(
        struct control_call *call, const struct model_domain *domain, unsigned status)
{
	struct text *to = control_call_answer(call, status);
	model_json_print_domain(domain, MODEL_JSON_ALL, MODEL_PRINT_MASKED, to);
	control_call_set_etag(call, domain->revision);
}

/* ---- versions ---- */

/* The request is for another version than there is: `expected` where it is known which. */
static void refuse_version(struct control_change *change, uint64_t expected)
{
	struct control_call *call = change->call;
	struct model_domain *known = NULL;
	unsigned long long revision = change->before != NULL ? change->before->revision : 0;
	if (change->before == NULL)
		control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_FAILED,
		        "there is no such domain (any more)");
	else if (expected == 0)
		control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_FAILED,
		        "the domain is there, at revision %llu", revision);
	else
		control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_FAILED,
		        "the domain has revision %llu, not %llu", revision,
		        (unsigned long long)expected);
	struct text *to = &call->answer.body;
	to->len--; /* the bracket at the end */
	text_addf(to, ",\"revision\":%llu", revision);
	if (expected != 0 && change->before != NULL &&
	        store_domains_read_version(atomic_load(&call->plane->store), change->before->name,
	                expected, &known) == STORE_DONE) {
		text_add(to, STR(",\"changes\":"));
		control_change_print_diff(known, change->before, to);
		model_domain_unref(known);
	}
	text_add_char(to, '}');
	if (change->before != NULL)
		control_call_add_field(call, "ETag", "\"%llu\"", revision);
}

/* The revision that a list of entity tags with one member names; 0 where it is none of ours. */
static uint64_t revision_of(struct str field)
{
	uint64_t revision = 0;
	struct str tag = str_trim(field);
	if (tag.len < 2 || tag.at[0] != '"' || tag.at[tag.len - 1] != '"' ||
	        !str_to_u64(str_make(tag.at + 1, tag.len - 2), &revision))
		return 0;
	return revision;
}

static bool is_version_right(struct control_change *change)
{
	struct control_call *call = change->call;
	const struct http_head *head = &call->head;
	const struct model_domain *before = change->before;
	bool has_match = http_head_has(head, HTTP_NAME_IF_MATCH);
	bool has_none_match = http_head_has(head, HTTP_NAME_IF_NONE_MATCH);
	char text[32];
	struct http_etag etag = {0};
	if (has_none_match &&
	        !str_is_equal(http_head_get(head, HTTP_NAME_IF_NONE_MATCH), STR("*"))) {
		control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
		        "a change takes no If-None-Match but \"*\": that there is none yet");
		return false;
	}
	if (before != NULL) {
		snprintf(text, sizeof(text), "\"%llu\"", (unsigned long long)before->revision);
		etag.opaque = str_of(text);
	}
	const struct http_etag *current = before != NULL ? &etag : NULL;
	enum http_etag_listed match =
	        http_etag_find(head, HTTP_NAME_IF_MATCH, current, HTTP_ETAG_STRONG);
	if (has_match && (before == NULL || match == HTTP_ETAG_ABSENT)) {
		refuse_version(change, revision_of(http_head_get(head, HTTP_NAME_IF_MATCH)));
		return false;
	}
	if (has_none_match && before != NULL) {
		refuse_version(change, 0);
		return false;
	}
	return true;
}

bool control_change_must_say(struct control_change *change)
{
	const struct http_head *head = &change->call->head;
	if (http_head_has(head, HTTP_NAME_IF_MATCH) || http_head_has(head, HTTP_NAME_IF_NONE_MATCH))
		return true;
	control_call_refuse(change->call, CONTROL_PROBLEM_PRECONDITION_REQUIRED,
	        "the field If-Match says which version is meant (\"*\": any)");
	return false;
}

/* ---- from begin to end ---- */

/* Finds the domain; all domains are this thread's to change from here on. False after the call was
 * refused. */
static bool find(struct control_change *change, struct control_call *call, struct str name)
{
	*change = (struct control_change){.call = call, .name = name};
	if (!control_change_is_ours(call))
		return false;
	control_domains_begin(call->plane->domains);
	change->has_begun = true;
	change->snapshot = control_domains_now(call->plane->domains);
	change->before = model_snapshot_get(change->snapshot, name);
	return true;
}

bool control_change_begin_any(
        struct control_change *change, struct control_call *call, struct str name)
{
	return find(change, call, name) && is_version_right(change);
}

bool control_change_begin(struct control_change *change, struct control_call *call)
{
	if (!find(change, call, control_call_domain(call)))
		return false;
	if (change->before != NULL)
		return is_version_right(change);
	/* What is not there is not found, whatever is said of its version (RFC 9110, 13.2.1). */
	control_call_refuse_domain(call);
	return false;
}

void control_change_end(struct control_change *change)
{
	model_snapshot_unref(change->snapshot);
	if (change->has_begun)
		control_domains_end(change->call->plane->domains);
	change->has_begun = false;
	change->snapshot = NULL;
}

struct model_node *control_change_node(
        struct control_change *change, enum model_print_secrets secrets)
{
	struct model_problems problems = {0};
	struct model_node *node;
	struct text json = {0};
	model_json_print_domain(change->before, MODEL_JSON_SET, secrets, &json);
	CHECK(model_json_read(&change->call->arena, text_str(&json), &problems, &node));
	text_done(&json);
	return node;
}

/* ---- what is made ---- */

bool control_change_read_body(
        struct control_call *call, struct str group, struct model_node **ret_root)
{
	struct model_problems problems = {0};
	struct model_node *root;
	if (!control_call_read_object(call, &root))
		return false;
	if (model_read_check_nulls(root, group, &problems))
		*ret_root = root;
	return control_call_has_none(call, &problems, STR_EMPTY);
}

void control_change_keep_secrets(struct model_domain *after, const struct model_domain *before,
        const struct model_place *place, struct model_problems *problems)
{
	struct str path = model_secrets_keep(after, before);
	struct text pointer = {0};
	if (path.len == 0)
		return;
	text_addf(&pointer, "%s/", place->pointer);
	for (size_t i = 0; i < path.len; i++)
		text_add_char(&pointer, path.at[i] == '.' ? '/' : path.at[i]);
	model_problems_add(problems, NULL, place->line, text_c(&pointer), "masked",
	        "is the mask of a secret, and there is none");
	text_done(&pointer);
}

bool control_change_read(struct control_change *change, const struct model_node *node,
        struct str prefix, struct model_domain **ret_after)
{
	static const struct model_place PLACE = {.pointer = ""};
	struct model_problems problems = {0};
	struct model_domain *after = NULL;
	bool is_read = model_read_domain(
	        node, NULL, control_plane_rules(change->call->plane), &problems, &after);
	if (is_read) {
		control_change_keep_secrets(after, change->before, &PLACE, &problems);
		is_read = change->before == NULL ||
		          model_check_change(change->before, after, &PLACE, &problems);
	}
	if (control_call_has_none(change->call, &problems, prefix) && is_read) {
		*ret_after = after;
		return true;
	}
	model_domain_unref(after);
	return false;
}

bool control_change_check(struct control_change *change, const struct model_domain *after)
{
	static const struct model_place PLACE = {.pointer = ""};
	struct model_problems problems = {0};
	bool is_good = model_check_domain(
	        after, control_plane_rules(change->call->plane), &PLACE, &problems);
	if (change->before != NULL)
		is_good &= model_check_change(change->before, after, &PLACE, &problems);
	return control_call_has_none(change->call, &problems, STR_EMPTY) && is_good;
}

/* ---- what is kept ---- */

static void answer_dry(struct control_change *change, const struct model_domain *after)
{
	struct text *to = control_call_answer(change->call, 200);
	text_add(to, STR("{\"dry_run\":true,\"changes\":["));
	bool is_same = change->before != NULL && after != NULL &&
	               model_diff_is_equal(change->before, after);
	if (!is_same && (change->before != NULL || after != NULL))
		control_change_print(change->before, after, to);
	text_add(to, STR("]"));
	if (after != NULL) {
		text_add(to, STR(",\"domain\":"));
		model_json_print_domain(after, MODEL_JSON_ALL, MODEL_PRINT_MASKED, to);
	}
	text_add_char(to, '}');
}

/* Whether the version that the body names is that from before. */
static bool is_meant(struct control_change *change, const struct model_domain *after)
{
	uint64_t before = change->before != NULL ? change->before->revision : 0;
	if (after == NULL || after->revision == 0 || after->revision == before)
		return true;
	refuse_version(change, after->revision);
	return false;
}

static bool keep(struct control_change *change, struct model_domain *after, const char *action)
{
	struct control_call *call = change->call;
	const struct store_change row = {
	        .name = after != NULL ? after->name : change->before->name,
	        .domain = after,
	        .expected = change->before != NULL ? change->before->revision : 0,
	};
	const struct store_note note = {
	        .who = control_change_who(call),
	        .action = str_of(action),
	        .key = change->key,
	        .fingerprint = change->fingerprint,
	};
	uint64_t revision;
	enum store_failure failure = control_domains_commit(
	        call->plane->domains, atomic_load(&call->plane->store), &row, 1, &note, &revision);
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return false;
	}
	control_plane_set_trouble(call->plane, STR_EMPTY);
	log_info("%.*s: %s of %s, revision %llu", STR_ARG(note.who), action, row.name,
	        (unsigned long long)revision);
	return true;
}

/* The revision that all domains have together. */
static void tell_revision(struct control_call *call)
{
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	control_call_add_field(call, "Headwater-Revision", "%llu",
	        (unsigned long long)model_snapshot_revision(now));
	model_snapshot_unref(now);
}

static void make_live(struct control_change *change, struct model_domain *after, const char *action,
        unsigned status)
{
	struct control_call *call = change->call;
	bool is_same = after != NULL && change->before != NULL &&
	               model_diff_is_equal(change->before, after);
	if (!is_same && !keep(change, after, action))
		return;
	if (status == 204)
		control_call_answer_nothing(call);
	else
		control_change_answer(call, is_same ? change->before : after, status);
	if (after != NULL && status == 204)
		control_call_add_field(
		        call, "ETag", "\"%llu\"", (unsigned long long)after->revision);
	tell_revision(call);
}

void control_change_commit(struct control_change *change, struct model_domain *after,
        const char *action, unsigned status)
{
	if (is_meant(change, after)) {
		if (control_call_is_dry(change->call))
			answer_dry(change, after);
		else
			make_live(change, after, action, status);
	}
	model_domain_unref(after);
}
