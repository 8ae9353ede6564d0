/*
 * Only the loop's thread changes anything, so it reads without the lock; the others take it. What
 * an edge tells in several messages is gathered, and takes the place of what it told before once it
 * is whole. Both are sorted, so that changes are found by going through them side by side.
 */
#include "control/health.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "model/node.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
	WAIT_MS = 1000, /* for all edges, by who asks first */
	LOOK_MS = 1000, /* whether somebody still asks */
	REASON_BYTES = 64,
	NAME_BYTES = 255,
};

struct items {
	struct control_health_item **list;
	size_t count, cap;
};

struct member {
	struct list_node node;
	const struct link_hub_edge *edge; /* its name here; never looked into */
	char *id, *run;
	struct items told, gathered;
	bool has_told;
	uint64_t told_ms, dropped, gathered_dropped;
};

struct control_health {
	/* the loop's */
	struct loop *loop; /* NULL: it has not begun */
	struct control_health_sink *sink;
	struct timer look;
	struct loop_message asked;
	unsigned watchers;
	size_t kept; /* items of all edges */
	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t has_told;
	struct list members;
	uint64_t asked_ms, wanted_since_ms;
	bool is_wanted, is_posted;
};

static void lock(struct control_health *health)
{
	CHECK(pthread_mutex_lock(&health->lock) == 0);
}

static void unlock(struct control_health *health)
{
	CHECK(pthread_mutex_unlock(&health->lock) == 0);
}

/* ---- items ---- */

static int compare_items(const struct control_health_item *a, const struct control_health_item *b)
{
	int order = str_compare(a->domain, b->domain);
	if (order == 0)
		order = memcmp(&a->address, &b->address, sizeof(a->address));
	if (order == 0)
		order = (int)a->protocol - (int)b->protocol;
	return order != 0 ? order : str_compare(a->server_name, b->server_name);
}

static int compare_places(const void *a, const void *b)
{
	return compare_items(*(const struct control_health_item *const *)a,
	        *(const struct control_health_item *const *)b);
}

static void forget_items(struct control_health *health, struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		mem_free(items->list[i]);
	health->kept -= items->count;
	mem_free(items->list);
	*items = (struct items){0};
}

/* ---- reading ---- */

/* A text of at most so many bytes; empty where it is not there. False for anything else. */
static bool read_text(
        const struct model_node *object, const char *key, size_t max, struct str *ret_text)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	*ret_text = STR_EMPTY;
	if (node == NULL)
		return true;
	if (node->kind != MODEL_NODE_SCALAR || node->is_plain || node->text.len > max)
		return false;
	*ret_text = node->text;
	return true;
}

static bool read_number(const struct model_node *object, const char *key, uint64_t *ret_number)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	*ret_number = 0;
	return node == NULL || (node->kind == MODEL_NODE_SCALAR && node->is_plain &&
	                               str_to_u64(node->text, ret_number));
}

static bool read_numbers(const struct model_node *object, struct control_health_item *item)
{
	uint64_t latency_us;
	bool is_read = read_number(object, "blocked_since_ms", &item->blocked_since_ms) &&
	               read_number(object, "left_ms", &item->left_ms) &&
	               read_number(object, "successes", &item->successes) &&
	               read_number(object, "failures", &item->failures) &&
	               read_number(object, "connection_failures", &item->connection_failures) &&
	               read_number(object, "attempts", &item->attempts) &&
	               read_number(object, "latency_us", &latency_us) && latency_us <= UINT32_MAX;
	if (is_read)
		item->latency_us = (uint32_t)latency_us;
	return is_read;
}

static bool read_state(struct str name, uint8_t *ret_state)
{
	for (unsigned i = ORIGIN_USABLE; i <= ORIGIN_RAMPING; i++)
		if (str_is_equal(name, str_of(origin_health_state_name((enum origin_state)i)))) {
			*ret_state = (uint8_t)i;
			return true;
		}
	return false;
}

/* Its texts are still those of the node. */
static bool read_item(const struct model_node *object, struct control_health_item *item)
{
	struct str address, protocol, state, of;
	*item = (struct control_health_item){0};
	if (object->kind != MODEL_NODE_MAPPING ||
	        !read_text(object, "domain", NAME_BYTES, &item->domain) ||
	        !read_text(object, "address", ADDRESS_TEXT_BYTES, &address) ||
	        !read_text(object, "protocol", NAME_BYTES, &protocol) ||
	        !read_text(object, "server_name", NAME_BYTES, &item->server_name) ||
	        !read_text(object, "state", NAME_BYTES, &state) ||
	        !read_text(object, "of", NAME_BYTES, &of) ||
	        !read_text(object, "reason", REASON_BYTES, &item->reason))
		return false;
	bool is_https = str_is_equal(protocol, STR("https"));
	item->protocol = is_https ? MODEL_HTTPS : MODEL_HTTP;
	item->is_of_host = str_is_equal(of, STR("host"));
	return item->domain.len > 0 && address_parse(address, &item->address) &&
	       (is_https || str_is_equal(protocol, STR("http"))) &&
	       read_state(state, &item->state) && read_numbers(object, item);
}

static struct str take_text(char **at, struct str text)
{
	struct str taken = {.at = *at, .len = text.len};
	if (text.len > 0)
		memcpy(*at, text.at, text.len);
	*at += text.len;
	return taken;
}

/* With its texts behind it. */
static struct control_health_item *keep_item(const struct control_health_item *read)
{
	struct control_health_item *item = mem_alloc(
	        sizeof(*item) + read->domain.len + read->server_name.len + read->reason.len);
	char *at = (char *)(item + 1);
	*item = *read;
	item->domain = take_text(&at, read->domain);
	item->server_name = take_text(&at, read->server_name);
	item->reason = take_text(&at, read->reason);
	return item;
}

static void gather(
        struct control_health *health, struct member *member, const struct model_node *node)
{
	struct control_health_item read;
	struct items *items = &member->gathered;
	if (health->kept >= LIMIT_HEALTH_ADDRESSES || !read_item(node, &read)) {
		member->gathered_dropped++;
		return;
	}
	if (items->count == items->cap) {
		items->cap = items->cap == 0 ? 16 : 2 * items->cap;
		items->list = mem_resize(items->list, items->cap * sizeof(items->list[0]));
	}
	items->list[items->count++] = keep_item(&read);
	health->kept++;
}

/* ---- what has changed ---- */

static void tell_changes(
        struct control_health *health, struct member *member, const struct items *before)
{
	const struct items *now = &member->told;
	struct control_health_change change = {.id = member->id, .run = member->run};
	size_t told = 0;
	for (size_t i = 0, j = 0; i < now->count; i++) {
		const struct control_health_item *item = now->list[i];
		while (j < before->count && compare_items(before->list[j], item) < 0)
			j++;
		bool was_there = j < before->count && compare_items(before->list[j], item) == 0;
		uint8_t was = was_there ? before->list[j]->state : ORIGIN_USABLE;
		if (was == item->state)
			continue;
		change.item = item;
		change.was = (enum origin_state)was;
		if (told++ < LIMIT_EVENT_CHANGES)
			health->sink->on_change(health->sink, &change);
	}
	if (told <= LIMIT_EVENT_CHANGES)
		return;
	change.item = NULL;
	change.left_out = told - LIMIT_EVENT_CHANGES;
	health->sink->on_change(health->sink, &change);
}

/* How many attempts there were since the edge told before. Both lists are sorted. */
static void set_rates(const struct member *member, uint64_t now_ms)
{
	const struct items *now = &member->gathered, *before = &member->told;
	const uint64_t ms = now_ms - member->told_ms;
	if (!member->has_told || ms == 0)
		return;
	for (size_t i = 0, j = 0; i < now->count; i++) {
		struct control_health_item *item = now->list[i];
		uint64_t attempts = item->attempts;
		while (j < before->count && compare_items(before->list[j], item) < 0)
			j++;
		/* What is less began anew. */
		if (j < before->count && compare_items(before->list[j], item) == 0 &&
		        before->list[j]->attempts <= attempts)
			attempts -= before->list[j]->attempts;
		item->has_rate = true;
		item->rate_milli = attempts < UINT32_MAX ? attempts * 1000000 / ms : UINT32_MAX;
	}
}

/* What was gathered is all. */
static void take(struct control_health *health, struct member *member, uint64_t dropped)
{
	struct items before = member->told;
	bool had_told = member->has_told;
	if (member->gathered.count > 0)
		qsort(member->gathered.list, member->gathered.count,
		        sizeof(member->gathered.list[0]), compare_places);
	set_rates(member, clock_ms());
	lock(health);
	member->told = member->gathered;
	member->gathered = (struct items){0};
	member->dropped = member->gathered_dropped + dropped;
	member->gathered_dropped = 0;
	member->has_told = true;
	member->told_ms = clock_ms();
	CHECK(pthread_cond_broadcast(&health->has_told) == 0);
	unlock(health);
	/* What an edge tells first is what the others are compared with. */
	if (had_told)
		tell_changes(health, member, &before);
	if (health->sink->on_told != NULL)
		health->sink->on_told(health->sink, member->id, member->run);
	forget_items(health, &before);
}

/* ---- edges ---- */

static struct member *find(const struct control_health *health, const struct link_hub_edge *edge)
{
	list_each (node, &health->members) {
		struct member *member = container_of(node, struct member, node);
		if (member->edge == edge)
			return member;
	}
	return NULL;
}

void control_health_add(struct control_health *health, const struct link_hub_edge *edge)
{
	if (find(health, edge) != NULL)
		return;
	struct member *member = mem_new(struct member);
	member->edge = edge;
	member->id = mem_copy(edge->id, strlen(edge->id));
	member->run = mem_copy(edge->run, strlen(edge->run));
	lock(health);
	list_add_last(&health->members, &member->node);
	unlock(health);
}

static void forget(struct control_health *health, struct member *member)
{
	lock(health);
	list_remove(&member->node);
	CHECK(pthread_cond_broadcast(&health->has_told) == 0);
	unlock(health);
	forget_items(health, &member->told);
	forget_items(health, &member->gathered);
	mem_free(member->id);
	mem_free(member->run);
	mem_free(member);
}

void control_health_remove(struct control_health *health, const struct link_hub_edge *edge)
{
	struct member *member = find(health, edge);
	if (member != NULL)
		forget(health, member);
}

void control_health_report(
        struct control_health *health, const struct link_hub_edge *edge, struct str payload)
{
	struct member *member = find(health, edge);
	struct link_report_head head;
	const struct model_node *items;
	struct arena arena;
	if (member == NULL || !health->is_wanted)
		return;
	arena_init(&arena, NULL, 0);
	if (link_message_read_report(&arena, payload, &head, &items)) {
		for (const struct model_node *node = items->first; node != NULL; node = node->next)
			gather(health, member, node);
		if (!head.has_more)
			take(health, member, head.dropped);
	}
	arena_reset(&arena);
}

/* ---- whether somebody asks ---- */

/* What was told before is no more compared with, nor shown. */
static void forget_told(struct control_health *health)
{
	list_each (node, &health->members) {
		struct member *member = container_of(node, struct member, node);
		struct items told = member->told;
		lock(health);
		member->told = (struct items){0};
		member->has_told = false;
		unlock(health);
		forget_items(health, &told);
		forget_items(health, &member->gathered);
		member->gathered_dropped = 0;
	}
}

static void want(struct control_health *health, bool is_wanted)
{
	uint64_t now_ms = clock_ms();
	forget_told(health);
	lock(health);
	health->is_wanted = is_wanted;
	health->wanted_since_ms = now_ms;
	unlock(health);
	health->sink->on_wanted(health->sink, is_wanted);
	if (is_wanted)
		loop_timer_start(health->loop, &health->look, now_ms + LOOK_MS);
	else
		loop_timer_cancel(health->loop, &health->look);
}

static void on_look(struct timer *timer)
{
	struct control_health *health = container_of(timer, struct control_health, look);
	uint64_t now_ms = clock_ms();
	lock(health);
	bool was_asked = health->asked_ms + LIMIT_HEALTH_KEEP_MS > now_ms;
	bool is_over = health->watchers == 0 && !was_asked;
	/* Whoever asks from here on begins anew. */
	health->is_wanted = !is_over;
	unlock(health);
	if (is_over)
		want(health, false);
	else
		loop_timer_start(health->loop, timer, now_ms + LOOK_MS);
}

static void on_asked(struct loop_message *message)
{
	struct control_health *health = container_of(message, struct control_health, asked);
	lock(health);
	health->is_posted = false;
	unlock(health);
	/* It may have ended meanwhile. */
	if (health->sink != NULL && !health->is_wanted)
		want(health, true);
}

void control_health_watch(struct control_health *health)
{
	health->watchers++;
	if (health->sink != NULL && !health->is_wanted)
		want(health, true);
}

void control_health_unwatch(struct control_health *health)
{
	CHECK(health->watchers > 0);
	health->watchers--;
}

/* Under the lock. */
static bool is_settled(const struct control_health *health, uint64_t now_ms)
{
	if (health->loop == NULL || list_is_empty(&health->members))
		return true;
	if (!health->is_wanted)
		return false;
	if (now_ms >= health->wanted_since_ms + WAIT_MS)
		return true;
	list_each (node, &health->members)
		if (!container_of(node, struct member, node)->has_told)
			return false;
	return true;
}

/* Waits for a change; at most until a time. Under the lock. */
static void wait_until(struct control_health *health, uint64_t now_ms, uint64_t until_ms)
{
	struct timespec at;
	uint64_t ms = until_ms - now_ms;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
	at.tv_sec += (time_t)(ms / 1000);
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	(void)!pthread_cond_timedwait(&health->has_told, &health->lock, &at);
}

void control_health_ask(struct control_health *health)
{
	uint64_t now_ms = clock_ms(), until_ms = now_ms + WAIT_MS;
	lock(health);
	health->asked_ms = now_ms;
	if (health->loop != NULL && !health->is_wanted && !health->is_posted) {
		health->is_posted = true;
		loop_post(health->loop, &health->asked);
	}
	while (now_ms < until_ms && !is_settled(health, now_ms)) {
		wait_until(health, now_ms, until_ms);
		now_ms = clock_ms();
	}
	unlock(health);
}

/* ---- for who asks ---- */

/* The first item that is not before the domain, or (`is_behind`) that is behind all of it. */
static size_t find_domain(const struct items *items, struct str domain, bool is_behind)
{
	size_t low = 0, high = items->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_compare(items->list[middle]->domain, domain);
		if (order < 0 || (is_behind && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void control_health_each(
        struct control_health *health, struct str domain, struct control_health_visitor *visitor)
{
	uint64_t now_ms = clock_ms();
	lock(health);
	list_each (node, &health->members) {
		const struct member *member = container_of(node, struct member, node);
		const struct items *told = &member->told;
		size_t first = domain.len == 0 ? 0 : find_domain(told, domain, false);
		size_t end = domain.len == 0 ? told->count : find_domain(told, domain, true);
		const struct control_health_view view = {
		        .id = member->id,
		        .run = member->run,
		        .has_told = member->has_told,
		        .age_ms = member->has_told && now_ms > member->told_ms
		                          ? now_ms - member->told_ms
		                          : 0,
		        .dropped = member->dropped,
		        .items = told->count == 0
		                         ? NULL
		                         : (const struct control_health_item *const *)told->list +
		                                   first,
		        .count = end - first,
		};
		visitor->on_edge(visitor, &view);
	}
	unlock(health);
}

static void add_number(struct text *to, const char *key, uint64_t number)
{
	text_addf(to, ",\"%s\":%llu", key, (unsigned long long)number);
}

void control_health_print_item(
        const struct control_health_item *item, uint64_t age_ms, struct text *to)
{
	char address[ADDRESS_TEXT_BYTES];
	text_addf(to, ",\"address\":\"%s\",\"protocol\":\"%s\"",
	        address_format(&item->address, address),
	        item->protocol == MODEL_HTTPS ? "https" : "http");
	if (item->server_name.len > 0) {
		text_add(to, STR(",\"server_name\":"));
		text_add_json(to, item->server_name);
	}
	text_addf(
	        to, ",\"state\":\"%s\"", origin_health_state_name((enum origin_state)item->state));
	if (item->state != ORIGIN_USABLE) {
		text_addf(to, ",\"of\":\"%s\"", item->is_of_host ? "host" : "server");
		text_add(to, STR(",\"reason\":"));
		text_add_json(to, item->reason);
		if (item->blocked_since_ms != 0)
			add_number(to, "blocked_since_ms", item->blocked_since_ms);
	}
	if (item->state == ORIGIN_BLOCKED)
		add_number(to, "left_ms", item->left_ms > age_ms ? item->left_ms - age_ms : 0);
	add_number(to, "successes", item->successes);
	add_number(to, "failures", item->failures);
	add_number(to, "connection_failures", item->connection_failures);
	if (item->attempts != 0)
		add_number(to, "attempts", item->attempts);
	if (item->attempts != 0 && item->has_rate)
		text_addf(to, ",\"attempts_per_s\":%llu.%03u",
		        (unsigned long long)(item->rate_milli / 1000),
		        (unsigned)(item->rate_milli % 1000));
	if (item->latency_us != 0)
		add_number(to, "latency_us", item->latency_us);
}

/* ---- all of it ---- */

struct control_health *control_health_new(void)
{
	struct control_health *health = mem_new(struct control_health);
	pthread_condattr_t attributes;
	CHECK(pthread_mutex_init(&health->lock, NULL) == 0);
	CHECK(pthread_condattr_init(&attributes) == 0);
	CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&health->has_told, &attributes) == 0);
	CHECK(pthread_condattr_destroy(&attributes) == 0);
	list_init(&health->members);
	health->look.on_expire = on_look;
	health->asked.on_receive = on_asked;
	return health;
}

void control_health_begin(
        struct control_health *health, struct loop *loop, struct control_health_sink *sink)
{
	CHECK(health->sink == NULL);
	health->sink = sink;
	lock(health);
	health->loop = loop;
	unlock(health);
}

void control_health_end(struct control_health *health)
{
	if (health->sink == NULL)
		return;
	if (health->is_wanted)
		want(health, false);
	health->sink = NULL;
	lock(health);
	health->loop = NULL;
	CHECK(pthread_cond_broadcast(&health->has_told) == 0);
	unlock(health);
}

void control_health_free(struct control_health *health)
{
	if (health == NULL)
		return;
	control_health_end(health);
	CHECK(!health->is_posted);
	list_each_safe (node, following, &health->members)
		forget(health, container_of(node, struct member, node));
	pthread_cond_destroy(&health->has_told);
	pthread_mutex_destroy(&health->lock);
	mem_free(health);
}
