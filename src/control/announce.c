/*
 * Each event is printed into one text and told.
 */
#include "control/announce.h"

#include "base/clock.h"
#include "control/match.h"

static void begin(struct text *to)
{
	text_addf(to, "{\"at_ms\":%llu", (unsigned long long)clock_wall_ms());
}

static void add(struct text *to, const char *key, const char *value)
{
	text_addf(to, ",\"%s\":", key);
	text_add_json(to, str_of(value));
}

static void end(struct control_events *events, const char *name, struct text *text)
{
	text_add_char(text, '}');
	control_events_tell(events, name, text_str(text));
	text_done(text);
}

void control_announce_edge(struct control_events *events, const struct link_hub_edge *edge,
        enum control_announce_edge what, const char *words)
{
	static const char *const NAMES[] = {
	        [CONTROL_ANNOUNCE_CAME] = "came",
	        [CONTROL_ANNOUNCE_GONE] = "gone",
	        [CONTROL_ANNOUNCE_REFUSED] = "refused",
	};
	struct text text = {0};
	begin(&text);
	add(&text, "what", NAMES[what]);
	add(&text, "id", edge->id);
	add(&text, "run", edge->run);
	text_addf(&text, ",\"applied\":%llu", (unsigned long long)edge->applied);
	if (what == CONTROL_ANNOUNCE_REFUSED)
		text_addf(&text, ",\"refused\":%llu", (unsigned long long)edge->refused);
	if (words != NULL)
		add(&text, what == CONTROL_ANNOUNCE_REFUSED ? "error" : "why", words);
	end(events, "edge", &text);
}

void control_announce_made(struct control_events *events, uint64_t revision, size_t domains)
{
	struct text text = {0};
	begin(&text);
	text_addf(&text, ",\"what\":\"made\",\"revision\":%llu,\"domains\":%zu",
	        (unsigned long long)revision, domains);
	end(events, "revision", &text);
}

void control_announce_applied(struct control_events *events, uint64_t revision, unsigned edges)
{
	struct text text = {0};
	begin(&text);
	text_addf(&text, ",\"what\":\"applied\",\"revision\":%llu,\"edges\":%u",
	        (unsigned long long)revision, edges);
	end(events, "revision", &text);
}

void control_announce_health(struct control_events *events, struct control_plane *plane,
        const struct control_health_change *change)
{
	const struct control_health_item *item = change->item;
	struct text text = {0};
	if (control_events_count(events) == 0)
		return;
	begin(&text);
	add(&text, "edge", change->id);
	add(&text, "run", change->run);
	if (item == NULL) {
		text_addf(&text, ",\"left_out\":%zu", change->left_out);
		end(events, "health", &text);
		return;
	}
	struct model_snapshot *now = control_domains_now(plane->domains);
	struct model_domain *domain = model_snapshot_get(now, item->domain);
	text_add(&text, STR(",\"domain\":"));
	text_add_json(&text, item->domain);
	add(&text, "was", origin_health_state_name(change->was));
	if (domain != NULL)
		control_match_print_roles(domain, item, &text);
	control_health_print_item(item, 0, &text);
	model_snapshot_unref(now);
	end(events, "health", &text);
}

/* What one run of an edge tells of a domain. */
struct told {
	struct control_health_visitor visitor;
	const char *id, *run;
	struct model_domain *domain; /* NULL: there is none */
	struct text items;
};

static void on_told(struct control_health_visitor *visitor, const struct control_health_view *view)
{
	struct told *told = container_of(visitor, struct told, visitor);
	if (strcmp(view->id, told->id) != 0 || strcmp(view->run, told->run) != 0)
		return;
	for (size_t i = 0; i < view->count; i++) {
		text_addf(&told->items, "%s{\"edge\":", i == 0 ? "" : ",");
		text_add_json(&told->items, str_of(told->id));
		add(&told->items, "run", told->run);
		if (told->domain != NULL)
			control_match_print_roles(told->domain, view->items[i], &told->items);
		control_health_print_item(view->items[i], view->age_ms, &told->items);
		text_add_char(&told->items, '}');
	}
}

static void tell_addresses(struct control_events *events, struct control_events_client *client,
        struct control_plane *plane, struct told *told)
{
	struct text data = {0}, event = {0};
	control_health_each(plane->health, client->domain, &told->visitor);
	begin(&data);
	add(&data, "edge", told->id);
	add(&data, "run", told->run);
	text_add(&data, STR(",\"domain\":"));
	text_add_json(&data, client->domain);
	text_addf(&data, ",\"items\":[%s]}", text_c(&told->items));
	control_events_print("addresses", text_str(&data), &event);
	/* Who has much to read yet needs no more of these: the next one is newer. */
	(void)!control_events_offer(events, client, text_str(&event));
	text_done(&data);
	text_done(&event);
	text_clear(&told->items);
}

void control_announce_addresses(
        struct control_events *events, struct control_plane *plane, const char *id, const char *run)
{
	struct told told = {.visitor.on_edge = on_told, .id = id, .run = run};
	struct control_events_client *client = NULL;
	if (control_events_count(events) == 0)
		return;
	struct model_snapshot *now = control_domains_now(plane->domains);
	while ((client = control_events_next(events, client)) != NULL) {
		if (client->domain.len == 0)
			continue;
		told.domain = model_snapshot_get(now, client->domain);
		tell_addresses(events, client, plane, &told);
	}
	model_snapshot_unref(now);
	text_done(&told.items);
}
