/*
 * What is set at run time. A change is made as one of domains is: nobody else changes anything from
 * where it looks to where it is made, so that no domain is held against rules that are about to
 * change.
 */
#include "control/api.h"
#include "control/change.h"

#include "base/log.h"
#include "http/etag.h"

#include <stdio.h>

enum { TAG_BYTES = 64, NAMES_MAX = 20 };

struct change {
	struct control_call *call;
	struct control_setting_set before, after;
	uint64_t revision; /* before */
	struct str key, fingerprint;
	const char *action;
};

/* ---- what is told ---- */

static const char *name_of_rules(enum model_rules rules)
{
	return rules == MODEL_EXTENDED ? "extended" : "classic";
}

/* What the process was given is in the answer, so it is in the tag: after another start the same
 * revision may be told in other words. */
static void print_tag(const struct control_plane *plane, uint64_t revision, char tag[TAG_BYTES])
{
	snprintf(tag, TAG_BYTES, "\"%llu-%s%s\"", (unsigned long long)revision,
	        name_of_rules(plane->rules), plane->file != NULL ? "-file" : "");
}

static void print_allowed(enum control_setting setting, struct text *to)
{
	const struct control_setting_row *row = control_setting_at(setting);
	struct str rest = str_of(row->allowed);
	uint64_t min, max;
	if (row->type == CONTROL_INTEGER) {
		control_setting_range(setting, &min, &max);
		text_addf(to, ",\"min\":%llu,\"max\":%llu", (unsigned long long)min,
		        (unsigned long long)max);
		return;
	}
	text_add(to, STR(",\"choices\":["));
	while (rest.at != NULL) {
		struct str choice = str_cut(&rest, '|');
		text_addf(to, "\"%.*s\"%s", STR_ARG(choice), rest.at != NULL ? "," : "");
	}
	text_add_char(to, ']');
}

static void print_one(const struct control_plane *plane, const struct control_setting_set *set,
        enum control_setting setting, struct text *to)
{
	const struct control_setting_row *row = control_setting_at(setting);
	const bool is_rules = setting == CONTROL_SETTING_ORIGIN_RULES;
	/* A file is held against what the process was given, by the edges as well. */
	const bool is_set = set->is_set[setting] && !(is_rules && plane->file != NULL);
	const uint64_t standard = is_rules && plane->rules == MODEL_EXTENDED
	                                  ? MODEL_EXTENDED
	                                  : control_setting_default(setting);
	text_addf(to, "{\"name\":\"%s\",\"value\":", row->name.at);
	control_setting_print(setting, is_set ? set->values[setting] : standard, to);
	text_add(to, STR(",\"default\":"));
	control_setting_print(setting, standard, to);
	text_addf(to, ",\"from\":\"%s\"", is_set ? "store" : is_rules ? "process" : "default");
	print_allowed(setting, to);
	text_add(to, STR(",\"words\":"));
	text_add_json(to, str_of(row->words));
	text_add_char(to, '}');
}

static void print_all(const struct control_plane *plane, const struct control_setting_set *set,
        uint64_t revision, struct text *to)
{
	text_addf(to, "{\"revision\":%llu,\"items\":[", (unsigned long long)revision);
	for (unsigned i = 0; i < CONTROL_SETTINGS; i++) {
		if (i > 0)
			text_add_char(to, ',');
		print_one(plane, set, (enum control_setting)i, to);
	}
	text_add(to, STR("]}"));
}

static void answer(
        struct control_call *call, const struct control_setting_set *set, uint64_t revision)
{
	char tag[TAG_BYTES];
	print_tag(call->plane, revision, tag);
	print_all(call->plane, set, revision, control_call_answer(call, 200));
	control_call_set_tag(call, tag);
}

void control_api_settings_read(struct control_call *call)
{
	struct control_setting_set set;
	/* Until the store is open, nobody knows. */
	if (atomic_load(&call->plane->store) == NULL) {
		control_call_refuse(
		        call, CONTROL_PROBLEM_STORE_UNAVAILABLE, "the store is not open");
		return;
	}
	uint64_t revision = control_settings_now(call->plane->settings, &set);
	answer(call, &set, revision);
}

/* ---- versions ---- */

/* What was set at the revision that a list of entity tags with one member names; false where it is
 * none of ours, or not kept any more. */
static bool find_known(
        const struct change *change, struct str field, struct control_setting_set *ret_known)
{
	struct store *store = atomic_load(&change->call->plane->store);
	struct str rest = str_trim(field);
	struct text body = {0};
	uint64_t revision;
	(void)str_cut(&rest, '"');
	if (!str_to_u64(str_cut(&rest, '-'), &revision) || revision >= change->revision)
		return false;
	/* At first nothing is set. */
	bool is_kept =
	        revision == 0 || store_settings_read_version(store, revision, &body) == STORE_DONE;
	control_setting_read_set(text_str(&body), ret_known);
	text_done(&body);
	return is_kept;
}

/* The request is for another version than there is. */
static void refuse_version(struct change *change, const char *tag)
{
	struct control_call *call = change->call;
	struct control_setting_set known;
	control_call_refuse(call, CONTROL_PROBLEM_PRECONDITION_FAILED,
	        "the settings have revision %llu: their tag is %s",
	        (unsigned long long)change->revision, tag);
	struct text *to = &call->answer.body;
	to->len--; /* the bracket at the end */
	text_addf(to, ",\"revision\":%llu", (unsigned long long)change->revision);
	if (find_known(change, http_head_get(&call->head, HTTP_NAME_IF_MATCH), &known)) {
		text_add(to, STR(",\"changes\":"));
		control_setting_print_diff(&known, &change->before, to);
	}
	text_add_char(to, '}');
	control_call_add_field(call, "ETag", "%s", tag);
}

static bool is_version_right(struct change *change)
{
	const struct http_head *head = &change->call->head;
	char tag[TAG_BYTES];
	print_tag(change->call->plane, change->revision, tag);
	const struct http_etag etag = {.opaque = str_of(tag)};
	bool is_right = !http_head_has(head, HTTP_NAME_IF_MATCH) ||
	                http_etag_find(head, HTTP_NAME_IF_MATCH, &etag, HTTP_ETAG_STRONG) !=
	                        HTTP_ETAG_ABSENT;
	/* They are always there. */
	bool must_be_new = http_head_has(head, HTTP_NAME_IF_NONE_MATCH);
	if (must_be_new && !str_is_equal(http_head_get(head, HTTP_NAME_IF_NONE_MATCH), STR("*")))
		control_call_refuse(change->call, CONTROL_PROBLEM_BAD_REQUEST,
		        "a change takes no If-None-Match but \"*\": that there is none yet");
	else if (must_be_new || !is_right)
		refuse_version(change, tag);
	return is_right && !must_be_new;
}

/* ---- rules ---- */

/* Domains that break the rules that are to hold. */
struct broken {
	size_t count;
	struct text names; /* of the first NAMES_MAX */
	struct model_problems problems;
};

static void add_broken(
        struct broken *broken, const struct model_domain *domain, struct model_problems *problems)
{
	if (broken->count++ >= NAMES_MAX)
		return;
	text_addf(&broken->names, "%s%s", broken->count > 1 ? ", " : "", domain->name);
	for (unsigned i = 0; i < problems->count; i++)
		model_problems_add(&broken->problems, NULL, 0, "/origin_rules",
		        problems->list[i].rule, "%s: %s", domain->name, problems->list[i].message);
}

static void find_broken(struct control_plane *plane, struct broken *broken)
{
	static const struct model_place PLACE = {.pointer = ""};
	struct model_snapshot *now = control_domains_now(plane->domains);
	for (size_t i = 0; i < model_snapshot_count(now); i++) {
		const struct model_domain *domain = model_snapshot_at(now, i);
		struct model_problems problems = {0};
		if (!model_check_classic(domain, &PLACE, &problems))
			add_broken(broken, domain, &problems);
		model_problems_done(&problems);
	}
	model_snapshot_unref(now);
}

/* No domain may be left that could not be made any more. */
static bool check_domains(struct change *change)
{
	struct broken broken = {0};
	find_broken(change->call->plane, &broken);
	if (broken.count > NAMES_MAX)
		text_addf(&broken.names, ", and %zu more", broken.count - NAMES_MAX);
	if (broken.count > 0)
		control_call_refuse_with(change->call, CONTROL_PROBLEM_RULES_BROKEN,
		        &broken.problems, STR_EMPTY, "%zu domain%s the classic rules: %s",
		        broken.count, broken.count == 1 ? " breaks" : "s break",
		        text_c(&broken.names));
	model_problems_done(&broken.problems);
	text_done(&broken.names);
	return broken.count == 0;
}

/* What holds of a set, where the store has the domains. */
static enum model_rules rules_in(
        const struct control_plane *plane, const struct control_setting_set *set)
{
	const enum control_setting rules = CONTROL_SETTING_ORIGIN_RULES;
	return set->is_set[rules] ? (enum model_rules)set->values[rules] : plane->rules;
}

static bool check_rules(struct change *change)
{
	const struct control_plane *plane = change->call->plane;
	if (control_setting_is_same(&change->before, &change->after, CONTROL_SETTING_ORIGIN_RULES))
		return true;
	if (plane->file != NULL) {
		control_call_refuse(change->call, CONTROL_PROBLEM_MANAGED_BY_FILE,
		        "the domains are managed by %s, by the origin_rules that the server was "
		        "started with",
		        plane->file);
		return false;
	}
	const bool was_classic = rules_in(plane, &change->before) == MODEL_CLASSIC;
	const bool is_classic = rules_in(plane, &change->after) == MODEL_CLASSIC;
	return was_classic || !is_classic || check_domains(change);
}

/* ---- changes ---- */

static void answer_dry(const struct change *change)
{
	struct text *to = control_call_answer(change->call, 200);
	text_add(to, STR("{\"dry_run\":true,\"changes\":["));
	if (!control_setting_is_equal(&change->before, &change->after)) {
		text_add(to, STR("{\"name\":\"settings\",\"what\":\"changed\",\"diff\":"));
		control_setting_print_diff(&change->before, &change->after, to);
		text_add_char(to, '}');
	}
	text_add(to, STR("],\"settings\":"));
	print_all(change->call->plane, &change->after, change->revision, to);
	text_add_char(to, '}');
}

/* Makes it; false after that was refused. */
static bool keep(struct change *change)
{
	struct control_call *call = change->call;
	const struct store_note note = {
	        .who = control_change_who(call),
	        .action = str_of(change->action),
	        .key = change->key,
	        .fingerprint = change->fingerprint,
	};
	enum store_failure failure = control_settings_commit(call->plane->settings,
	        atomic_load(&call->plane->store), &change->after, &note, &change->revision);
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return false;
	}
	control_plane_set_trouble(call->plane, STR_EMPTY);
	log_info("%.*s: %s, revision %llu", STR_ARG(note.who), change->action,
	        (unsigned long long)change->revision);
	return true;
}

static void make(struct change *change)
{
	if (!check_rules(change))
		return;
	if (control_call_is_dry(change->call))
		answer_dry(change);
	else if (control_setting_is_equal(&change->before, &change->after) || keep(change))
		answer(change->call, &change->after, change->revision);
}

/* Nobody else changes anything from here on, up to the end. */
static void begin(struct change *change)
{
	struct control_plane *plane = change->call->plane;
	control_domains_begin(plane->domains);
	change->revision = control_settings_now(plane->settings, &change->before);
	change->after = change->before;
}

static void end(struct change *change)
{
	control_domains_end(change->call->plane->domains);
}

/* Answers a request that was answered before as it was then; false when it was not. */
static bool answer_again(struct change *change)
{
	struct control_call *call = change->call;
	struct store_request request;
	struct control_setting_set then;
	struct text body = {0};
	enum store_failure failure =
	        control_change_find_made(call, change->key, change->fingerprint, &request);
	if (failure != STORE_DONE)
		return failure != STORE_ABSENT;
	failure = store_settings_read_version(
	        atomic_load(&call->plane->store), request.revision, &body);
	if (failure == STORE_DONE) {
		control_setting_read_set(text_str(&body), &then);
		answer(call, &then, request.revision);
	} else {
		control_change_refuse_made(call, failure);
	}
	text_done(&body);
	return true;
}

/* The patch, held against the table; false after it was refused. What it makes of which settings is
 * found out later. */
static bool read_patch(struct control_call *call, struct model_node **ret_patch)
{
	struct model_problems problems = {0};
	struct control_setting_set any = {0};
	if (!control_call_read_object(call, ret_patch))
		return false;
	bool is_right = control_setting_patch(&any, *ret_patch, &problems);
	return control_call_has_none(call, &problems, STR_EMPTY) && is_right;
}

void control_api_settings_change(struct control_call *call)
{
	struct change change = {.call = call, .action = "settings.change"};
	struct model_problems problems = {0};
	struct model_node *patch;
	if (!read_patch(call, &patch) ||
	        !control_change_read_key(call, &change.key, &change.fingerprint))
		return;
	begin(&change);
	/* One that was made is told again, whatever became of the version that it was made for. */
	if (!answer_again(&change) && is_version_right(&change)) {
		CHECK(control_setting_patch(&change.after, patch, &problems));
		make(&change);
	}
	end(&change);
}

/* ---- back ---- */

static void roll_back(struct change *change, uint64_t revision)
{
	struct control_call *call = change->call;
	struct text body = {0};
	enum store_failure failure =
	        store_settings_read_version(atomic_load(&call->plane->store), revision, &body);
	if (failure == STORE_DONE) {
		control_setting_read_set(text_str(&body), &change->after);
		make(change);
	} else if (failure == STORE_ABSENT) {
		control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_VERSION,
		        "the settings had no version at revision %llu, or it is not kept any more",
		        (unsigned long long)revision);
	} else {
		control_call_refuse_store(call, failure);
	}
	text_done(&body);
}

void control_api_settings_rollback(struct control_call *call)
{
	struct control_form_field revision = {
	        .name = "revision", .type = CONTROL_FORM_NUMBER, .is_required = true};
	struct change change = {.call = call, .action = "settings.rollback"};
	if (!control_call_read_form(call, &revision, 1))
		return;
	begin(&change);
	if (is_version_right(&change))
		roll_back(&change, revision.number);
	end(&change);
}
