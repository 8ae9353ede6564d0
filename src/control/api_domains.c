/*
 * Domains as a whole. Reading needs no lock: who reads has the snapshot of the moment.
 */
#include "control/api.h"
#include "control/change.h"
#include "model/host.h"

#include <stdlib.h>

/* ---- reading ---- */

void control_api_domains_read(struct control_call *call)
{
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	const struct model_domain *domain = model_snapshot_get(now, control_call_domain(call));
	if (domain != NULL)
		control_change_answer(call, domain, 200);
	else
		control_call_refuse_domain(call);
	model_snapshot_unref(now);
}

/* Which domains are listed; a text with at == NULL is whatever. */
struct filter {
	struct str search, status, type, backup, order, after;
	uint64_t limit, skip;
};

/* A parameter that must be one of two texts, or not there. */
static bool read_choice(
        struct control_call *call, const char *name, const char *allowed, struct str *ret_value)
{
	struct str value = control_query_get(&call->query, name), rest = str_of(allowed);
	*ret_value = value;
	if (value.at == NULL)
		return true;
	while (rest.len != 0)
		if (str_is_equal(str_cut(&rest, '|'), value))
			return true;
	control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST, "the query's \"%s\" is none of %s",
	        name, allowed);
	return false;
}

static bool is_choice(struct str value, const char *what)
{
	return value.at == NULL || str_is_equal(value, str_of(what));
}

static bool read_filter(struct control_call *call, struct filter *ret_filter)
{
	static const struct control_call_range LIMIT = {.min = 1, .max = 1000, .standard = 100},
	                                       SKIP = {.max = INT64_MAX};
	ret_filter->search = control_query_get(&call->query, "search");
	ret_filter->after = control_query_get(&call->query, "after");
	if (!read_choice(call, "status", "online|offline", &ret_filter->status) ||
	        !read_choice(call, "type", "self|cos|s3", &ret_filter->type) ||
	        !read_choice(call, "backup", "yes|no", &ret_filter->backup) ||
	        !read_choice(call, "order", "name|name_desc|newest|oldest", &ret_filter->order) ||
	        !control_call_read_number(call, "limit", LIMIT, &ret_filter->limit) ||
	        !control_call_read_number(call, "skip", SKIP, &ret_filter->skip))
		return false;
	if (ret_filter->after.at == NULL || is_choice(ret_filter->order, "name"))
		return true;
	control_call_refuse(call, CONTROL_PROBLEM_BAD_REQUEST,
	        "the query's \"after\" goes with the order of names alone; \"skip\" goes with all");
	return false;
}

static bool has_part(struct str whole, struct str part)
{
	if (part.len > whole.len)
		return false;
	for (size_t i = 0; i + part.len <= whole.len; i++)
		if (str_is_equal_nocase(str_make(whole.at + i, part.len), part))
			return true;
	return false;
}

/* Whether the search finds it: in its name, or in the name of an address. */
static bool is_found(struct model_domain *domain, struct str search)
{
	if (has_part(str_of(domain->name), search))
		return true;
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		const struct model_origin *origin =
		        model_domain_origin(domain, (enum model_role)role);
		for (unsigned i = 0; origin != NULL && i < origin->address_count; i++)
			if (has_part(str_of(origin->addresses[i].host), search))
				return true;
	}
	return false;
}

static bool is_listed(struct model_domain *domain, const struct filter *filter)
{
	static const char *const TYPES[] = {
	        [MODEL_SELF] = "self", [MODEL_COS] = "cos", [MODEL_S3] = "s3"};
	return is_choice(filter->status, domain->status == MODEL_ONLINE ? "online" : "offline") &&
	       is_choice(filter->type, TYPES[domain->origin.type]) &&
	       is_choice(filter->backup, domain->backup != NULL ? "yes" : "no") &&
	       (filter->search.len == 0 || is_found(domain, filter->search));
}

/* Whether it is asked for in that order, which is not the one without a word. */
static bool is_of(const struct filter *filter, const char *order)
{
	return filter->order.at != NULL && str_is_equal(filter->order, str_of(order));
}

/* For qsort, of pointers to domains: by revision, and by name where a change was of several. */
static int compare_newest(const void *left, const void *right)
{
	const struct model_domain *one = *(struct model_domain *const *)left,
	                          *other = *(struct model_domain *const *)right;
	if (one->revision != other->revision)
		return one->revision > other->revision ? -1 : 1;
	return strcmp(one->name, other->name);
}

/* All that are listed, on whatever page, in their order; of the call's arena. */
static struct model_domain **gather(struct control_call *call, const struct filter *filter,
        const struct model_snapshot *now, size_t *ret_count)
{
	size_t count = 0, all = model_snapshot_count(now);
	struct model_domain **found = arena_alloc(&call->arena, (all + 1) * sizeof *found);
	for (size_t i = 0; i < all; i++) {
		struct model_domain *domain = model_snapshot_at(now, i);
		if (is_listed(domain, filter))
			found[count++] = domain;
	}
	if (is_of(filter, "newest") || is_of(filter, "oldest"))
		qsort(found, count, sizeof *found, compare_newest);
	*ret_count = count;
	return found;
}

/* Where the page begins: so many from the front, or behind a name. */
static size_t first_of(const struct filter *filter, struct model_domain **found, size_t count)
{
	size_t first = 0;
	while (filter->after.at != NULL && first < count &&
	        str_compare(str_of(found[first]->name), filter->after) <= 0)
		first++;
	return filter->skip < count - first ? first + (size_t)filter->skip : count;
}

void control_api_domains_list(struct control_call *call)
{
	struct filter filter;
	size_t count;
	if (!read_filter(call, &filter))
		return;
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	struct model_domain **found = gather(call, &filter, now, &count);
	bool is_backwards = is_of(&filter, "oldest") || is_of(&filter, "name_desc");
	struct text *to = control_call_answer(call, 200);
	text_add(to, STR("{\"items\":["));
	size_t first = first_of(&filter, found, count), next = first;
	for (; next < count && next - first < filter.limit; next++) {
		if (next > first)
			text_add_char(to, ',');
		model_json_print_domain(found[is_backwards ? count - 1 - next : next],
		        MODEL_JSON_ALL, MODEL_PRINT_MASKED, to);
	}
	text_addf(to, "],\"total\":%llu,\"revision\":%llu", (unsigned long long)count,
	        (unsigned long long)model_snapshot_revision(now));
	if (is_choice(filter.order, "name") && next < count && next > first) {
		text_add(to, STR(",\"next\":"));
		text_add_json(to, str_of(found[next - 1]->name));
	}
	text_add_char(to, '}');
	model_snapshot_unref(now);
}

/* ---- whole ones ---- */

/* A member of an object that is a text, as the form in which names are kept, where it has one; at
 * is NULL when it is not there. */
static struct str name_in(struct control_call *call, const struct model_node *root)
{
	const struct model_node *node = model_node_get(root, STR("name"));
	struct model_host host;
	struct model_why why;
	if (node == NULL || node->kind != MODEL_NODE_SCALAR)
		return STR_EMPTY;
	if (node->is_plain || !model_host_read_pattern(node->text, &host, &why))
		return node->text;
	return arena_copy(&call->arena, str_of(host.name));
}

/* Gives an object the name. */
static struct model_node *name_it(
        struct control_call *call, struct model_node *root, struct str name)
{
	struct model_node *patch;
	struct model_problems problems = {0};
	struct text json = {0};
	text_add(&json, STR("{\"name\":"));
	text_add_json(&json, name);
	text_add_char(&json, '}');
	CHECK(model_json_read(&call->arena, text_str(&json), &problems, &patch));
	text_done(&json);
	return model_json_merge(&call->arena, root, patch);
}

static void replace(struct control_change *change, struct model_node *root)
{
	struct model_domain *after;
	struct str name = name_in(change->call, root);
	bool is_new = change->before == NULL;
	if (name.at != NULL && !str_is_equal(name, change->name)) {
		control_call_refuse_field(change->call, "/name", "name",
		        "must be \"%.*s\", as in the path", STR_ARG(change->name));
		return;
	}
	if (model_node_get(root, STR("name")) == NULL)
		root = name_it(change->call, root, change->name);
	if (control_change_read(change, root, STR_EMPTY, &after))
		control_change_commit(change, after, is_new ? "domain.create" : "domain.replace",
		        is_new ? 201 : 200);
}

void control_api_domains_replace(struct control_call *call)
{
	struct control_change change;
	struct model_node *root;
	if (!control_change_read_body(call, STR_EMPTY, &root))
		return;
	/* What is null is as if it were not there (RFC 7396). */
	root = model_json_merge(&call->arena, NULL, root);
	if (control_change_begin_any(&change, call, control_call_domain(call)) &&
	        control_change_must_say(&change))
		replace(&change, root);
	control_change_end(&change);
}

/* ---- a new one, once ---- */

static void tell_location(struct control_call *call, const char *name)
{
	if (call->answer.status == 201)
		control_call_add_field(call, "Location", "/api/v1/domains/%s", name);
}

/* Answers a request that was answered before as it was then; false when it was not. */
static bool answer_again(struct control_change *change)
{
	struct control_call *call = change->call;
	struct store_request request;
	struct model_domain *domain = NULL;
	enum store_failure failure =
	        control_change_find_made(call, change->key, change->fingerprint, &request);
	if (failure != STORE_DONE)
		return failure != STORE_ABSENT;
	failure = store_domains_read_version(
	        atomic_load(&call->plane->store), request.name, request.revision, &domain);
	if (failure != STORE_DONE) {
		control_change_refuse_made(call, failure);
		return true;
	}
	control_change_answer(call, domain, 201);
	tell_location(call, request.name);
	control_call_add_field(
	        call, "Headwater-Revision", "%llu", (unsigned long long)request.revision);
	model_domain_unref(domain);
	return true;
}

/* Whether it is still to be made; else it is answered. */
static bool is_first(struct control_change *change)
{
	return control_change_read_key(change->call, &change->key, &change->fingerprint) &&
	       !answer_again(change);
}

static void create(struct control_change *change, struct model_node *root)
{
	struct control_call *call = change->call;
	struct model_domain *after;
	if (change->before != NULL) {
		control_call_refuse(call, CONTROL_PROBLEM_EXISTS, "there is a domain %.*s already",
		        STR_ARG(change->name));
		return;
	}
	if (model_node_get(root, STR("revision")) != NULL) {
		control_call_refuse_field(call, "/revision", "read-only",
		        "is given by the server: there is none yet");
		return;
	}
	if (!control_change_read(change, root, STR_EMPTY, &after))
		return;
	struct str name = arena_copy(&call->arena, str_of(after->name));
	control_change_commit(change, after, "domain.create", 201);
	tell_location(call, name.at);
}

void control_api_domains_create(struct control_call *call)
{
	struct control_change change;
	struct model_node *root;
	if (!control_change_read_body(call, STR_EMPTY, &root))
		return;
	root = model_json_merge(&call->arena, NULL, root);
	bool is_right = control_change_begin_any(&change, call, name_in(call, root));
	/* What the request said of versions held when it was made: "*" of none, for one. */
	if (change.has_begun && is_first(&change) && is_right)
		create(&change, root);
	control_change_end(&change);
}

/* ---- changes ---- */

/* Changes fields of the domain of the path. */
static void merge(struct control_call *call, struct model_node *patch, const char *action)
{
	struct control_change change;
	struct model_domain *after;
	if (control_change_begin(&change, call)) {
		struct model_node *node = control_change_node(&change, MODEL_PRINT_MASKED);
		node = model_json_merge(&call->arena, node, patch);
		if (!str_is_equal(name_in(call, node), change.name))
			control_call_refuse_field(call, "/name", "name",
			        "cannot be changed: make another domain, and delete this one");
		else if (control_change_read(&change, node, STR_EMPTY, &after))
			control_change_commit(&change, after, action, 200);
	}
	control_change_end(&change);
}

void control_api_domains_patch(struct control_call *call)
{
	struct model_node *root;
	if (control_change_read_body(call, STR_EMPTY, &root))
		merge(call, root, "domain.change");
}

static void set_status(struct control_call *call, struct str json, const char *action)
{
	struct model_problems problems = {0};
	struct model_node *root;
	CHECK(model_json_read(&call->arena, json, &problems, &root));
	merge(call, root, action);
}

void control_api_domains_start(struct control_call *call)
{
	set_status(call, STR("{\"status\":\"online\"}"), "domain.start");
}

void control_api_domains_stop(struct control_call *call)
{
	set_status(call, STR("{\"status\":\"offline\"}"), "domain.stop");
}

void control_api_domains_delete(struct control_call *call)
{
	struct control_change change;
	if (control_change_begin(&change, call) && control_change_must_say(&change))
		control_change_commit(&change, NULL, "domain.delete", 204);
	control_change_end(&change);
}
