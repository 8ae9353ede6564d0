/*
 * What was changed, by whom, and back to a version from before; of settings, that is in
 * api_settings.c, and of certificates there is no way back, as their keys are gone.
 */
#include "control/api.h"
#include "control/change.h"

static const struct control_call_range LIMIT = {.min = 1, .max = 1000, .standard = 50};
static const struct control_call_range BEFORE = {.min = 0, .max = INT64_MAX, .standard = 0};

struct listing {
	struct store_version_sink sink;
	struct text *to;
	uint64_t count, seen, limit, last; /* last: the revision of the last one */
	bool has_more;
};

static void print_of_domain(const struct store_version *version, struct text *to)
{
	text_addf(to, "\"%s\",\"diff\":",
	        version->before == NULL  ? "created"
	        : version->after == NULL ? "removed"
	                                 : "changed");
	control_change_print_diff(version->before, version->after, to);
}

static void print_of_settings(const struct store_version *version, struct text *to)
{
	struct control_setting_set before, after;
	control_setting_read_set(version->text_before, &before);
	control_setting_read_set(version->text_after, &after);
	text_add(to, STR("\"changed\",\"diff\":"));
	control_setting_print_diff(&before, &after, to);
}

static void print_of_certificate(const struct store_version *version, struct text *to)
{
	text_addf(to, "\"%s\",\"diff\":",
	        version->text_before.at == NULL  ? "created"
	        : version->text_after.at == NULL ? "removed"
	                                         : "changed");
	control_certificates_print_diff(version->text_before, version->text_after, to);
}

static void on_version(struct store_version_sink *sink, const struct store_version *version)
{
	struct listing *listing = container_of(sink, struct listing, sink);
	listing->seen++;
	/* All versions of one revision are on one page, so that the next begins behind it. */
	if (listing->count >= listing->limit && version->revision != listing->last) {
		listing->has_more = true;
		return;
	}
	if (listing->has_more)
		return;
	struct text *to = listing->to;
	static const char *const OF[] = {[STORE_OF_DOMAIN] = "domain",
	        [STORE_OF_SETTINGS] = "settings",
	        [STORE_OF_CERTIFICATE] = "certificate"};
	text_addf(to, "%s{\"revision\":%llu,\"at_ms\":%llu,\"of\":\"%s\",\"name\":",
	        listing->count++ == 0 ? "" : ",", (unsigned long long)version->revision,
	        (unsigned long long)version->at_ms, OF[version->of]);
	text_add_json(to, version->name != NULL ? str_of(version->name) : STR("settings"));
	text_add(to, STR(",\"who\":"));
	text_add_json(to, str_of(version->who));
	text_add(to, STR(",\"action\":"));
	text_add_json(to, str_of(version->action));
	text_add(to, STR(",\"what\":"));
	switch (version->of) {
	case STORE_OF_DOMAIN:
		print_of_domain(version, to);
		break;
	case STORE_OF_SETTINGS:
		print_of_settings(version, to);
		break;
	case STORE_OF_CERTIFICATE:
		print_of_certificate(version, to);
		break;
	}
	text_add_char(to, '}');
	listing->last = version->revision;
}

/* `name` may be NULL: all, and the settings. */
static void list(struct control_call *call, const char *name)
{
	struct listing listing = {.sink = {.on_version = on_version}};
	struct store_history_query query = {.name = name};
	if (!control_call_read_number(call, "limit", LIMIT, &listing.limit) ||
	        !control_call_read_number(call, "before", BEFORE, &query.before))
		return;
	/* One change may be of so many domains; and one more tells whether there are more. */
	query.limit = (unsigned)listing.limit + LIMIT_HISTORY_TOGETHER;
	listing.to = control_call_answer(call, 200);
	text_add(listing.to, STR("{\"items\":["));
	enum store_failure failure =
	        store_domains_read_history(atomic_load(&call->plane->store), &query, &listing.sink);
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return;
	}
	text_add_char(listing.to, ']');
	if (listing.has_more || listing.seen == query.limit)
		text_addf(listing.to, ",\"next\":%llu", (unsigned long long)listing.last);
	text_add_char(listing.to, '}');
}

void control_api_history_list(struct control_call *call)
{
	list(call, NULL);
}

void control_api_history_of(struct control_call *call)
{
	list(call, control_call_domain(call).at);
}

/* ---- back ---- */

static void roll_back(struct control_change *change, uint64_t revision)
{
	struct control_call *call = change->call;
	struct model_domain *after = NULL;
	enum store_failure failure = STORE_ABSENT;
	if (revision <= model_snapshot_revision(change->snapshot))
		failure = store_domains_read_version(
		        atomic_load(&call->plane->store), change->name.at, revision, &after);
	if (failure == STORE_ABSENT)
		control_call_refuse(call, CONTROL_PROBLEM_NO_SUCH_VERSION,
		        "%.*s had no version at revision %llu, or it is not kept any more",
		        STR_ARG(change->name), (unsigned long long)revision);
	else if (failure != STORE_DONE)
		control_call_refuse_store(call, failure);
	if (failure != STORE_DONE)
		return;
	/* It is a new version: the old number is nobody's expectation. */
	after->revision = 0;
	if (control_change_check(change, after))
		control_change_commit(change, after, "domain.rollback", 200);
	else
		model_domain_unref(after);
}

void control_api_history_rollback(struct control_call *call)
{
	struct control_form_field revision = {
	        .name = "revision", .type = CONTROL_FORM_NUMBER, .is_required = true};
	struct control_change change;
	if (!control_call_read_form(call, &revision, 1))
		return;
	if (control_change_begin_any(&change, call, control_call_domain(call)))
		roll_back(&change, revision.number);
	control_change_end(&change);
}
