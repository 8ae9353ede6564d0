/*
 * Each client has a text of its own, to which events are added; so one that reads slowly holds up
 * nobody, and what it costs is bounded. A comment every now and then shows to whoever is between
 * that the connection lives, and to us that the client does.
 */
#include "control/events.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/mem.h"

struct control_events {
	struct loop *loop;
	struct list clients;
	struct timer beat;
	unsigned count, most;
	bool is_over;
};

static void on_beat(struct timer *timer)
{
	struct control_events *events = container_of(timer, struct control_events, beat);
	loop_timer_start(events->loop, timer, clock_ms() + LIMIT_EVENT_BEAT_MS);
	list_each (node, &events->clients) {
		struct control_events_client *client =
		        container_of(node, struct control_events_client, node);
		/* Where something waits, that will do. */
		if (client->waiting.len == 0)
			text_add(&client->waiting, STR(":\n\n"));
		client->is_to_be_asked = true;
		loop_wake(events->loop, client->wake);
	}
}

struct control_events *control_events_new(struct loop *loop, unsigned most)
{
	struct control_events *events = mem_new(struct control_events);
	events->loop = loop;
	events->most = most;
	events->beat.on_expire = on_beat;
	list_init(&events->clients);
	return events;
}

void control_events_free(struct control_events *events)
{
	if (events == NULL)
		return;
	CHECK(events->count == 0);
	loop_timer_cancel(events->loop, &events->beat);
	mem_free(events);
}

bool control_events_open(struct control_events *events, struct control_events_client *client)
{
	CHECK(!list_has(&client->node));
	if (events->count >= events->most)
		return false;
	if (events->count++ == 0)
		loop_timer_start(events->loop, &events->beat, clock_ms() + LIMIT_EVENT_BEAT_MS);
	list_add_last(&events->clients, &client->node);
	client->is_over = events->is_over;
	return true;
}

void control_events_close(struct control_events *events, struct control_events_client *client)
{
	if (!list_has(&client->node))
		return;
	list_remove(&client->node);
	text_done(&client->waiting);
	if (--events->count == 0)
		loop_timer_cancel(events->loop, &events->beat);
}

unsigned control_events_count(const struct control_events *events)
{
	return events == NULL ? 0 : events->count;
}

void control_events_sent(struct control_events_client *client, size_t count)
{
	struct text *waiting = &client->waiting;
	CHECK(count <= waiting->len);
	waiting->len -= count;
	if (waiting->len > 0)
		memmove(waiting->at, waiting->at + count, waiting->len);
	else
		text_done(waiting);
}

void control_events_print(const char *name, struct str data, struct text *to)
{
	/* A line feed would end the data. */
	CHECK(str_find(data, '\n') < 0 && str_find(data, '\r') < 0);
	text_addf(to, "event: %s\ndata: ", name);
	text_add(to, data);
	text_add(to, STR("\n\n"));
}

struct control_events_client *control_events_next(
        const struct control_events *events, const struct control_events_client *client)
{
	struct list_node *node = client == NULL ? list_first(&events->clients)
	                                        : list_next(&events->clients, &client->node);
	return node == NULL ? NULL : container_of(node, struct control_events_client, node);
}

bool control_events_offer(
        struct control_events *events, struct control_events_client *client, struct str event)
{
	if (events->is_over || client->is_dropped)
		return true;
	if (client->waiting.len + event.len > LIMIT_EVENT_BYTES)
		return false;
	text_add(&client->waiting, event);
	loop_wake(events->loop, client->wake);
	return true;
}

void control_events_tell(struct control_events *events, const char *name, struct str data)
{
	struct text event = {0};
	if (control_events_count(events) == 0 || events->is_over)
		return;
	control_events_print(name, data, &event);
	list_each (node, &events->clients) {
		struct control_events_client *client =
		        container_of(node, struct control_events_client, node);
		if (control_events_offer(events, client, text_str(&event)))
			continue;
		client->is_dropped = true;
		text_done(&client->waiting);
		loop_wake(events->loop, client->wake);
	}
	text_done(&event);
}

void control_events_end(struct control_events *events)
{
	events->is_over = true;
	list_each (node, &events->clients) {
		struct control_events_client *client =
		        container_of(node, struct control_events_client, node);
		client->is_over = true;
		loop_wake(events->loop, client->wake);
	}
}
