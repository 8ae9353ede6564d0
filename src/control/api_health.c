/*
 * How the edges find the addresses of origins.
 */
#include "control/api.h"
#include "control/match.h"
#include "model/value.h"

/* ---- of all domains ---- */

struct overview {
	struct control_health_visitor visitor;
	struct model_snapshot *now;
	struct text edges, items;
	uint64_t limit, shown, left_out;
	bool has_usable; /* those are shown as well */
};

static void add_edge(const struct control_health_view *view, struct text *to)
{
	text_addf(to, "%s{\"id\":", to->len == 0 ? "" : ",");
	text_add_json(to, str_of(view->id));
	text_add(to, STR(",\"run\":"));
	text_add_json(to, str_of(view->run));
	if (view->has_told)
		text_addf(to, ",\"age_ms\":%llu", (unsigned long long)view->age_ms);
}

static void add_name(const struct control_health_view *view, struct text *to)
{
	text_addf(to, "%s{\"edge\":", to->len == 0 ? "" : ",");
	text_add_json(to, str_of(view->id));
	text_add(to, STR(",\"run\":"));
	text_add_json(to, str_of(view->run));
}

static void add_item(struct overview *overview, const struct control_health_view *view,
        const struct control_health_item *item)
{
	struct text *to = &overview->items;
	struct model_domain *domain = model_snapshot_get(overview->now, item->domain);
	add_name(view, to);
	text_add(to, STR(",\"domain\":"));
	text_add_json(to, item->domain);
	if (domain != NULL)
		control_match_print_roles(domain, item, to);
	control_health_print_item(item, view->age_ms, to);
	text_add_char(to, '}');
}

static void on_overview(
        struct control_health_visitor *visitor, const struct control_health_view *view)
{
	struct overview *overview = container_of(visitor, struct overview, visitor);
	uint64_t exceptional = 0;
	for (size_t i = 0; i < view->count; i++) {
		const struct control_health_item *item = view->items[i];
		exceptional += item->state != ORIGIN_USABLE;
		if (item->state == ORIGIN_USABLE && !overview->has_usable)
			continue;
		if (overview->shown < overview->limit) {
			overview->shown++;
			add_item(overview, view, item);
		} else {
			overview->left_out++;
		}
	}
	add_edge(view, &overview->edges);
	text_addf(&overview->edges, ",\"addresses\":%zu,\"exceptional\":%llu,\"dropped\":%llu}",
	        view->count, (unsigned long long)exceptional, (unsigned long long)view->dropped);
}

void control_api_health_read(struct control_call *call)
{
	struct overview overview = {.visitor.on_edge = on_overview,
	        .has_usable = control_query_is_on(&call->query, "all")};
	const struct control_call_range range = {.min = 1, .max = 1000, .standard = 100};
	if (!control_call_read_number(call, "limit", range, &overview.limit))
		return;
	control_health_ask(call->plane->health);
	overview.now = control_domains_now(call->plane->domains);
	control_health_each(call->plane->health, STR_EMPTY, &overview.visitor);
	text_addf(control_call_answer(call, 200),
	        "{\"edges\":[%s],\"items\":[%s],\"left_out\":%llu}", text_c(&overview.edges),
	        text_c(&overview.items), (unsigned long long)overview.left_out);
	model_snapshot_unref(overview.now);
	text_done(&overview.edges);
	text_done(&overview.items);
}

/* ---- of one domain ---- */

struct detail {
	struct control_health_visitor visitor;
	struct model_domain *domain;
	struct text edges, others;
	struct text *of[MODEL_ROLES]; /* what the edges say of each address */
};

/* What one edge says of one address. */
static void add_told(struct detail *detail, const struct control_health_view *view,
        enum model_role role, unsigned index)
{
	struct text *to = &detail->of[role][index];
	bool is_there = false;
	for (size_t i = 0; i < view->count; i++) {
		enum control_match match =
		        control_match_address(detail->domain, role, index, view->items[i]);
		if (match == CONTROL_MATCH_NONE)
			continue;
		is_there = true;
		add_name(view, to);
		if (match == CONTROL_MATCH_MAYBE)
			text_add(to, STR(",\"is_certain\":false"));
		control_health_print_item(view->items[i], view->age_ms, to);
		text_add_char(to, '}');
	}
	if (is_there)
		return;
	add_name(view, to);
	text_addf(to, ",\"state\":\"%s\"}", view->has_told ? "unused" : "unknown");
}

/* Whether it is of none of the domain's addresses; they may have been others before. */
static bool is_other(struct model_domain *domain, const struct control_health_item *item)
{
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		const struct model_origin *origin =
		        model_domain_origin(domain, (enum model_role)role);
		for (unsigned i = 0; origin != NULL && i < origin->address_count; i++)
			if (control_match_address(domain, (enum model_role)role, i, item) !=
			        CONTROL_MATCH_NONE)
				return false;
	}
	return true;
}

static void on_detail(
        struct control_health_visitor *visitor, const struct control_health_view *view)
{
	struct detail *detail = container_of(visitor, struct detail, visitor);
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		const struct model_origin *origin =
		        model_domain_origin(detail->domain, (enum model_role)role);
		for (unsigned i = 0; origin != NULL && i < origin->address_count; i++)
			add_told(detail, view, (enum model_role)role, i);
	}
	for (size_t i = 0; i < view->count; i++) {
		if (!is_other(detail->domain, view->items[i]))
			continue;
		add_name(view, &detail->others);
		control_health_print_item(view->items[i], view->age_ms, &detail->others);
		text_add_char(&detail->others, '}');
	}
	add_edge(view, &detail->edges);
	text_add_char(&detail->edges, '}');
}

static void print_origin(const struct model_origin *origin, const struct text *of, struct text *to)
{
	if (origin == NULL) {
		text_add(to, STR("null"));
		return;
	}
	text_add_char(to, '[');
	for (unsigned i = 0; i < origin->address_count; i++) {
		struct text address = {0};
		model_value_print_address(&origin->addresses[i], &address);
		text_addf(to, "%s{\"address\":", i == 0 ? "" : ",");
		text_add_json(to, text_str(&address));
		text_addf(to, ",\"weight\":%u,\"edges\":[", origin->addresses[i].weight);
		text_add(to, text_str(&of[i]));
		text_add(to, STR("]}"));
		text_done(&address);
	}
	text_add_char(to, ']');
}

static void print_detail(const struct detail *detail, struct text *to)
{
	text_add(to, STR("{\"name\":"));
	text_add_json(to, str_of(detail->domain->name));
	text_addf(
	        to, ",\"revision\":%llu,\"edges\":[", (unsigned long long)detail->domain->revision);
	text_add(to, text_str(&detail->edges));
	text_add(to, STR("],\"origin\":"));
	print_origin(&detail->domain->origin, detail->of[MODEL_MASTER], to);
	text_add(to, STR(",\"backup\":"));
	print_origin(detail->domain->backup, detail->of[MODEL_BACKUP], to);
	text_add(to, STR(",\"others\":["));
	text_add(to, text_str(&detail->others));
	text_add(to, STR("]}"));
}

static void answer_detail(struct control_call *call, struct model_domain *domain)
{
	struct detail detail = {.visitor.on_edge = on_detail, .domain = domain};
	unsigned counts[MODEL_ROLES] = {0};
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		const struct model_origin *origin =
		        model_domain_origin(domain, (enum model_role)role);
		counts[role] = origin == NULL ? 0 : origin->address_count;
		detail.of[role] =
		        arena_zero(&call->arena, (counts[role] + 1) * sizeof(detail.of[role][0]));
	}
	control_health_each(call->plane->health, str_of(domain->name), &detail.visitor);
	print_detail(&detail, control_call_answer(call, 200));
	for (unsigned role = 0; role < MODEL_ROLES; role++)
		for (unsigned i = 0; i < counts[role]; i++)
			text_done(&detail.of[role][i]);
	text_done(&detail.edges);
	text_done(&detail.others);
}

void control_api_health_of(struct control_call *call)
{
	struct str name = control_call_domain(call);
	struct model_snapshot *now = control_domains_now(call->plane->domains);
	struct model_domain *domain = model_snapshot_get(now, name);
	if (domain == NULL) {
		control_call_refuse_domain(call);
	} else {
		control_health_ask(call->plane->health);
		answer_detail(call, domain);
	}
	model_snapshot_unref(now);
}
