/*
 * A purge is a task for all edges: it is in the store before it is acknowledged, edges do it in
 * order, and who asks is told how far they are. What an edge that is connected has said counts
 * before what the store knows, which hears of it a moment later.
 */
#include "base/limit.h"
#include "base/mem.h"
#include "control/api.h"
#include "control/change.h"
#include "control/purges.h"
#include "link/command.h"

_Static_assert(LIMIT_PURGE_BYTES + 64 <= LIMIT_LINK_MESSAGE_BYTES, "as link/hub.h takes it");

/* ---- a new one ---- */

static bool read_what(
        const struct model_node *root, struct link_purge *purge, struct model_problems *problems)
{
	const struct model_node *node = model_node_get(root, STR("what"));
	if (node == NULL) {
		model_problems_add(problems, NULL, 0, "/what", "missing", "is missing");
		return false;
	}
	for (unsigned what = 0; what < LINK_PURGE_WHATS; what++)
		if (node->kind == MODEL_NODE_SCALAR && !node->is_plain &&
		        str_is_equal(
		                node->text, link_command_what_name((enum link_purge_what)what))) {
			purge->what = (enum link_purge_what)what;
			return true;
		}
	model_node_refuse(node, NULL, problems, "choice",
	        "is none of \"url\", \"prefix\", \"domain\" and \"tag\"");
	return false;
}

static void read_mode(
        const struct model_node *root, struct link_purge *purge, struct model_problems *problems)
{
	const struct model_node *node = model_node_get(root, STR("mode"));
	if (node == NULL)
		return;
	bool is_text = node->kind == MODEL_NODE_SCALAR && !node->is_plain;
	purge->is_soft = is_text && str_is_equal(node->text, STR("soft"));
	if (!purge->is_soft && (!is_text || !str_is_equal(node->text, STR("hard"))))
		model_node_refuse(
		        node, NULL, problems, "choice", "is none of \"hard\" and \"soft\"");
}

static void refuse_value(
        const struct model_node *node, const struct model_why *why, struct model_problems *problems)
{
	model_node_refuse(node, NULL, problems, why->rule, "\"%.*s\" %s%s%s", STR_ARG(node->text),
	        why->words, why->allowed == NULL ? "" : " ",
	        why->allowed == NULL ? "" : why->allowed);
}

/* Whether a domain serves what the item is of: nothing else can be in a cache. */
static bool is_served(struct control_call *call, const struct link_purge *purge,
        const struct link_purge_item *item)
{
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	bool is_served = true;
	switch (purge->what) {
	case LINK_PURGE_URL:
	case LINK_PURGE_PREFIX:
		is_served = model_snapshot_find(now, item->host) != NULL;
		break;
	case LINK_PURGE_DOMAIN:
		is_served = model_snapshot_get(now, item->name) != NULL;
		break;
	case LINK_PURGE_TAG:
	case LINK_PURGE_WHATS:
		break;
	}
	model_snapshot_unref(now);
	return is_served;
}

static void read_values(struct control_call *call, const struct model_node *root,
        struct link_purge *purge, struct model_problems *problems)
{
	const struct model_node *list = model_node_get(root, STR("values"));
	struct model_why why;
	if (list == NULL || list->kind != MODEL_NODE_LIST || list->count == 0) {
		model_problems_add(problems, NULL, 0, "/values", list == NULL ? "missing" : "type",
		        "must be a list of 1 to %d texts", LIMIT_PURGE_VALUES);
		return;
	}
	for (const struct model_node *item = list->first; item != NULL; item = item->next) {
		if (item->kind != MODEL_NODE_SCALAR || item->is_plain)
			model_node_refuse(item, NULL, problems, "type", "must be a text");
		else if (!link_command_add(purge, &call->arena, item->text, &why))
			refuse_value(item, &why, problems);
		else if (!is_served(call, purge, &purge->items[purge->count - 1]))
			model_node_refuse(item, NULL, problems, "unknown",
			        "\"%.*s\" is of no domain here", STR_ARG(item->text));
	}
}

static void read_domain(struct control_call *call, const struct model_node *root,
        struct link_purge *purge, struct model_problems *problems)
{
	const struct model_node *node = model_node_get(root, STR("domain"));
	struct model_why why;
	if (purge->what != LINK_PURGE_TAG) {
		if (node != NULL)
			model_node_refuse(
			        node, NULL, problems, "exclusive", "goes with tags alone");
		return;
	}
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || node->is_plain) {
		model_problems_add(problems, NULL, 0, "/domain", node == NULL ? "missing" : "type",
		        "must be the name of the tags' domain");
		return;
	}
	if (!link_command_set_domain(purge, &call->arena, node->text, &why)) {
		refuse_value(node, &why, problems);
		return;
	}
	const struct link_purge_item item = {.name = purge->domain};
	const struct link_purge whole = {.what = LINK_PURGE_DOMAIN};
	if (!is_served(call, &whole, &item))
		model_node_refuse(node, NULL, problems, "unknown", "\"%.*s\" is no domain here",
		        STR_ARG(node->text));
}

static void check_names(const struct model_node *root, struct model_problems *problems)
{
	static const char *const KNOWN[] = {"what", "values", "domain", "mode"};
	for (const struct model_node *node = root->first; node != NULL; node = node->next) {
		bool is_known = false;
		for (size_t i = 0; i < ARRAY_LENGTH(KNOWN); i++)
			is_known |= str_is_equal(node->key, str_of(KNOWN[i]));
		if (!is_known)
			model_node_refuse(
			        node, NULL, problems, "unknown-field", "is no field of a purge");
	}
}

/* The body as a purge that makes sense here; false after it was refused. */
static bool read(struct control_call *call, struct link_purge *ret_purge)
{
	struct model_problems problems = {0};
	struct model_node *root;
	if (!control_call_read_object(call, &root))
		return false;
	check_names(root, &problems);
	if (read_what(root, ret_purge, &problems)) {
		read_mode(root, ret_purge, &problems);
		read_domain(call, root, ret_purge, &problems);
		read_values(call, root, ret_purge, &problems);
	}
	return control_call_has_none(call, &problems, STR_EMPTY);
}

/* Keeps it, tells it, and answers. */
static void make(struct control_call *call, struct str what)
{
	uint64_t number, revision;
	enum store_failure failure = store_tasks_add(atomic_load(&call->plane->store),
	        control_change_who(call), what, &number, &revision);
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return;
	}
	control_purges_tell(
	        call->plane->purges, number, call->plane->file == NULL ? revision : 0, what);
	struct text *to = control_call_answer(call, 202);
	text_addf(to, "{\"number\":%llu,\"revision\":%llu,\"purge\":%.*s}",
	        (unsigned long long)number, (unsigned long long)revision, STR_ARG(what));
	control_call_add_field(call, "Location", "/api/v1/purges/%llu", (unsigned long long)number);
}

void control_api_purges_create(struct control_call *call)
{
	struct link_purge purge = {.is_soft = false};
	struct text line = {0};
	if (!read(call, &purge))
		return;
	link_command_print(&purge, &line);
	struct str what = str_make(line.at, line.len - 1); /* without its line feed */
	/* What the link cannot carry must not be kept: it would be told at every start. */
	if (what.len <= LIMIT_PURGE_BYTES)
		make(call, what);
	else
		control_call_refuse_field(call, "/values", "range",
		        "are too long together: the purge has %zu bytes, and %d are allowed",
		        what.len, LIMIT_PURGE_BYTES);
	text_done(&line);
}

/* ---- those that were made ---- */

static void print(const struct store_purge *purge, struct text *to)
{
	text_addf(to, "{\"number\":%llu,\"at_ms\":%llu,\"revision\":%llu,\"who\":",
	        (unsigned long long)purge->number, (unsigned long long)purge->at_ms,
	        (unsigned long long)purge->revision);
	text_add_json(to, purge->who);
	text_add(to, STR(",\"purge\":"));
	text_add(to, purge->what);
}

struct listing {
	struct store_purge_sink sink;
	struct text *to;
	uint64_t last, count;
};

static void on_listed(struct store_purge_sink *sink, const struct store_purge *purge)
{
	struct listing *listing = container_of(sink, struct listing, sink);
	if (listing->count++ > 0)
		text_add_char(listing->to, ',');
	print(purge, listing->to);
	text_addf(listing->to, ",\"edges\":%u,\"done\":%u,\"failed\":%u}", purge->edges,
	        purge->done, purge->failed);
	listing->last = purge->number;
}

void control_api_purges_list(struct control_call *call)
{
	static const struct control_call_range LIMIT = {.min = 1, .max = 1000, .standard = 50};
	static const struct control_call_range BEFORE = {.min = 0, .max = INT64_MAX};
	struct listing listing = {.sink = {.on_purge = on_listed}};
	uint64_t limit, before;
	if (!control_call_read_number(call, "limit", LIMIT, &limit) ||
	        !control_call_read_number(call, "before", BEFORE, &before))
		return;
	listing.to = control_call_answer(call, 200);
	text_add(listing.to, STR("{\"items\":["));
	enum store_failure failure = store_tasks_list(
	        atomic_load(&call->plane->store), before, (unsigned)limit, &listing.sink);
	if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
		return;
	}
	text_add_char(listing.to, ']');
	if (listing.count == limit && listing.last > 1)
		text_addf(listing.to, ",\"next\":%llu", (unsigned long long)listing.last);
	text_add_char(listing.to, '}');
}

/* An edge that is there and was listed. */
struct listed {
	struct listed *next;
	struct str edge;
};

/* One, and what each edge made of it. */
struct progress {
	struct store_purge_sink sink;
	struct store_purge_edge_sink edges;
	struct control_fleet_sink fleet;
	struct control_call *call;
	struct text head, list;
	struct listed *listed;
	uint64_t number;
	unsigned count, waiting, failed; /* the last two: of edges that are there */
};

static void on_read(struct store_purge_sink *sink, const struct store_purge *purge)
{
	print(purge, &container_of(sink, struct progress, sink)->head);
}

static void add_edge(struct progress *progress, struct str edge, enum store_purge_state state,
        struct str error, bool is_there, bool is_connected)
{
	static const char *const NAMES[] = {[STORE_PURGE_WAITS] = "waits",
	        [STORE_PURGE_DONE] = "done",
	        [STORE_PURGE_FAILED] = "failed"};
	struct text *to = &progress->list;
	text_addf(to, "%s{\"edge\":", progress->count++ == 0 ? "" : ",");
	text_add_json(to, edge);
	text_addf(to, ",\"state\":\"%s\",\"is_connected\":%s", NAMES[state],
	        is_connected ? "true" : "false");
	if (state == STORE_PURGE_FAILED) {
		text_add(to, STR(",\"error\":"));
		text_add_json(to, error);
	}
	text_add_char(to, '}');
	if (!is_there)
		return;
	progress->waiting += state == STORE_PURGE_WAITS;
	progress->failed += state == STORE_PURGE_FAILED;
	struct listed *listed = arena_new(&progress->call->arena, struct listed);
	listed->edge = arena_copy(&progress->call->arena, edge);
	listed->next = progress->listed;
	progress->listed = listed;
}

static void on_edge(struct store_purge_edge_sink *sink, struct str edge,
        enum store_purge_state state, struct str error, uint64_t at_ms)
{
	struct progress *progress = container_of(sink, struct progress, edges);
	uint64_t purged = 0;
	bool is_connected;
	bool is_there =
	        control_fleet_find(progress->call->plane->fleet, edge, &purged, &is_connected);
	(void)at_ms;
	if (is_there && state == STORE_PURGE_WAITS && purged >= progress->number)
		state = STORE_PURGE_DONE;
	add_edge(progress, edge, state, error, is_there, is_connected);
}

/* One that the store has not heard of yet: it is there, so it has to do the purge as well. */
static void on_there(struct control_fleet_sink *sink, const char *id, uint64_t purged,
        uint64_t applied, bool is_connected)
{
	struct progress *progress = container_of(sink, struct progress, fleet);
	(void)applied;
	for (struct listed *listed = progress->listed; listed != NULL; listed = listed->next)
		if (str_is_equal(listed->edge, str_of(id)))
			return;
	add_edge(progress, str_of(id),
	        purged >= progress->number ? STORE_PURGE_DONE : STORE_PURGE_WAITS, STR_EMPTY, true,
	        is_connected);
}

void control_api_purges_read(struct control_call *call)
{
	struct progress progress = {.sink = {.on_purge = on_read},
	        .edges = {.on_edge = on_edge},
	        .fleet = {.on_edge = on_there},
	        .call = call};
	enum store_failure failure = STORE_ABSENT;
	if (str_to_u64(call->names[0], &progress.number))
		failure = store_tasks_read(atomic_load(&call->plane->store), progress.number,
		        &progress.sink, &progress.edges);
	if (failure == STORE_ABSENT) {
		control_call_refuse(call, CONTROL_PROBLEM_NOT_FOUND,
		        "there is no purge %.*s, or it is not kept any more",
		        STR_ARG(call->names[0]));
	} else if (failure != STORE_DONE) {
		control_call_refuse_store(call, failure);
	} else {
		control_fleet_each(call->plane->fleet, &progress.fleet);
		struct text *to = control_call_answer(call, 200);
		text_addf(to, "%s,\"state\":\"%s\",\"edges\":[%s]}", text_c(&progress.head),
		        progress.failed > 0    ? "failed"
		        : progress.waiting > 0 ? "waits"
		                               : "done",
		        text_c(&progress.list));
	}
	text_done(&progress.head);
	text_done(&progress.list);
}
