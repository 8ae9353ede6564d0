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
