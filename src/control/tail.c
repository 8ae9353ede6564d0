/*
 * A line is an object of the edge's access log; what is not is passed over, as an edge may be of
 * another version. It is printed again for who wants it, so that nothing of what came is sent on
 * unparsed, and only once for all of them.
 */
#include "control/tail.h"

#include "base/clock.h"
#include "base/mem.h"
#include "link/message.h"
#include "model/json.h"

struct control_tail {
	struct control_events *events;
	struct control_tail_sink *sink; /* NULL: nobody */
};

struct control_tail *control_tail_new(struct loop *loop)
{
	struct control_tail *tail = mem_new(struct control_tail);
	tail->events = control_events_new(loop, LIMIT_TAIL_STREAMS);
	return tail;
}

void control_tail_free(struct control_tail *tail)
{
	if (tail == NULL)
		return;
	control_events_free(tail->events);
	mem_free(tail);
}

/* ---- who listens ---- */

static struct control_tail_listener *listener_of(struct control_events_client *client)
{
	return client == NULL ? NULL : container_of(client, struct control_tail_listener, client);
}

static struct control_tail_listener *next(
        const struct control_tail *tail, const struct control_tail_listener *listener)
{
	return listener_of(
	        control_events_next(tail->events, listener == NULL ? NULL : &listener->client));
}

static void tell_wanted(struct control_tail *tail)
{
	struct link_filter filters[LIMIT_TAIL_STREAMS];
	unsigned count = 0;
	if (tail->sink == NULL)
		return;
	for (struct control_tail_listener *at = next(tail, NULL); at != NULL; at = next(tail, at))
		memcpy(&filters[count++], &at->filter, sizeof(filters[0]));
	tail->sink->on_wanted(tail->sink, filters, count);
}

void control_tail_ask(struct control_tail *tail, struct control_tail_sink *sink)
{
	tail->sink = sink;
}

bool control_tail_open(struct control_tail *tail, struct control_tail_listener *listener)
{
	listener->left_out = 0;
	if (!control_events_open(tail->events, &listener->client))
		return false;
	tell_wanted(tail);
	return true;
}

void control_tail_close(struct control_tail *tail, struct control_tail_listener *listener)
{
	if (!list_has(&listener->client.node))
		return;
	control_events_close(tail->events, &listener->client);
	tell_wanted(tail);
}

void control_tail_end(struct control_tail *tail)
{
	control_events_end(tail->events);
}

/* ---- what is told ---- */

/* Tells a listener an event; before it, if there is room, of what it was not told. */
static void tell(struct control_tail *tail, struct control_tail_listener *listener,
        struct str event, uint64_t weight)
{
	struct text text = {0}, data = {0};
	if (listener->left_out > 0) {
		text_addf(&data, "{\"at_ms\":%llu,\"left_out\":%llu}",
		        (unsigned long long)clock_wall_ms(),
		        (unsigned long long)listener->left_out);
		control_events_print("left_out", text_str(&data), &text);
		if (control_events_offer(tail->events, &listener->client, text_str(&text)))
			listener->left_out = 0;
	}
	if (listener->left_out > 0 || !control_events_offer(tail->events, &listener->client, event))
		listener->left_out += weight;
	text_done(&data);
	text_done(&text);
}

static void begin(const struct link_hub_edge *edge, struct text *to)
{
	text_add(to, STR("{\"edge\":"));
	text_add_json(to, str_of(edge->id));
	text_add(to, STR(",\"run\":"));
	text_add_json(to, str_of(edge->run));
}

static void print_request(
        const struct link_hub_edge *edge, const struct model_node *item, struct text *to)
{
	struct text data = {0};
	begin(edge, &data);
	for (const struct model_node *node = item->first; node != NULL; node = node->next) {
		if (str_is_equal(node->key, STR("edge")) || str_is_equal(node->key, STR("run")))
			continue;
		text_add_char(&data, ',');
		text_add_json(&data, node->key);
		text_add_char(&data, ':');
		model_json_print_node(node, &data);
	}
	text_add_char(&data, '}');
	control_events_print("request", text_str(&data), to);
	text_done(&data);
}

/* ---- lines ---- */

static struct str text_of(const struct model_node *object, const char *key)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	return node == NULL || node->kind != MODEL_NODE_SCALAR ? STR_EMPTY : node->text;
}

static void read_attempts(const struct model_node *list, struct link_filter_subject *subject)
{
	if (list == NULL || list->kind != MODEL_NODE_LIST)
		return;
	subject->is_retried = list->count > 1;
	for (const struct model_node *node = list->first; node != NULL; node = node->next)
		subject->is_backup |= str_is_equal(text_of(node, "role"), STR("backup"));
}

/* False for what is no line. */
static bool read_line(const struct model_node *item, struct link_filter_subject *ret_subject)
{
	struct link_filter_subject subject = {
	        .domain = text_of(item, "domain"),
	        .path = text_of(item, "path"),
	        .cache = text_of(item, "cache"),
	};
	uint64_t status;
	if (item->kind != MODEL_NODE_MAPPING || !str_to_u64(text_of(item, "status"), &status) ||
	        status > 999 || !address_parse_ip(text_of(item, "client"), 0, &subject.client))
		return false;
	subject.status = (unsigned)status;
	subject.is_failed = !str_is_equal(text_of(item, "fault"), STR("none"));
	read_attempts(model_node_get(item, STR("attempts")), &subject);
	*ret_subject = subject;
	return true;
}

static void take_line(
        struct control_tail *tail, const struct link_hub_edge *edge, const struct model_node *item)
{
	struct link_filter_subject subject;
	struct text event = {0};
	if (!read_line(item, &subject))
		return;
	for (struct control_tail_listener *at = next(tail, NULL); at != NULL; at = next(tail, at)) {
		if (!link_filter_is_match(&at->filter, &subject))
			continue;
		if (event.len == 0)
			print_request(edge, item, &event);
		tell(tail, at, text_str(&event), 1);
	}
	text_done(&event);
}

/* It may have been anybody's. */
static void tell_dropped(
        struct control_tail *tail, const struct link_hub_edge *edge, uint64_t dropped)
{
	struct text data = {0}, event = {0};
	begin(edge, &data);
	text_addf(&data, ",\"at_ms\":%llu,\"left_out\":%llu}", (unsigned long long)clock_wall_ms(),
	        (unsigned long long)dropped);
	control_events_print("left_out", text_str(&data), &event);
	for (struct control_tail_listener *at = next(tail, NULL); at != NULL; at = next(tail, at))
		tell(tail, at, text_str(&event), dropped);
	text_done(&data);
	text_done(&event);
}

void control_tail_report(
        struct control_tail *tail, const struct link_hub_edge *edge, struct str payload)
{
	struct link_report_head head;
	const struct model_node *items;
	struct arena arena;
	if (control_events_count(tail->events) == 0)
		return;
	arena_init(&arena, NULL, 0);
	if (link_message_read_report(&arena, payload, &head, &items)) {
		for (const struct model_node *item = items->first; item != NULL; item = item->next)
			take_line(tail, edge, item);
		if (head.dropped > 0)
			tell_dropped(tail, edge, head.dropped);
	}
	arena_reset(&arena);
}
