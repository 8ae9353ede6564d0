/*
 * A list under a lock. The hub's struct of an edge is its name here: it stays where it is from the
 * edge's greeting to its end.
 */
#include "control/fleet.h"

#include "base/list.h"
#include "base/mem.h"

#include <pthread.h>

struct member {
	struct list_node node;
	const struct link_hub_edge *edge; /* never looked into but in control_fleet_set */
	char *id, *run, *error;
	char *from; /* NULL: this machine */
	uint64_t applied, refused, purged, since_ms;
};

struct control_fleet {
	pthread_mutex_t lock;
	struct list members;
	size_t count;
};

struct control_fleet *control_fleet_new(void)
{
	struct control_fleet *fleet = mem_new(struct control_fleet);
	CHECK(pthread_mutex_init(&fleet->lock, NULL) == 0);
	list_init(&fleet->members);
	return fleet;
}

static struct member *find(const struct control_fleet *fleet, const struct link_hub_edge *edge)
{
	list_each (node, &fleet->members) {
		struct member *member = container_of(node, struct member, node);
		if (member->edge == edge)
			return member;
	}
	return NULL;
}

static void forget(struct control_fleet *fleet, struct member *member)
{
	list_remove(&member->node);
	fleet->count--;
	mem_free(member->id);
	mem_free(member->run);
	mem_free(member->from);
	mem_free(member->error);
	mem_free(member);
}

void control_fleet_free(struct control_fleet *fleet)
{
	if (fleet == NULL)
		return;
	list_each_safe (node, following, &fleet->members)
		forget(fleet, container_of(node, struct member, node));
	pthread_mutex_destroy(&fleet->lock);
	mem_free(fleet);
}

bool control_fleet_set(
        struct control_fleet *fleet, const struct link_hub_edge *edge, uint64_t at_ms)
{
	CHECK(pthread_mutex_lock(&fleet->lock) == 0);
	struct member *member = find(fleet, edge);
	bool is_new = member == NULL;
	if (is_new) {
		member = mem_new(struct member);
		member->edge = edge;
		member->id = mem_copy(edge->id, strlen(edge->id));
		member->run = mem_copy(edge->run, strlen(edge->run));
		if (edge->from != NULL)
			member->from = mem_copy(edge->from, strlen(edge->from));
		member->since_ms = at_ms;
		list_add_last(&fleet->members, &member->node);
		fleet->count++;
	}
	member->applied = edge->applied;
	member->refused = edge->refused;
	member->purged = edge->purged;
	mem_free(member->error);
	member->error = mem_copy(edge->error, strlen(edge->error));
	pthread_mutex_unlock(&fleet->lock);
	return is_new;
}

void control_fleet_remove(struct control_fleet *fleet, const struct link_hub_edge *edge)
{
	CHECK(pthread_mutex_lock(&fleet->lock) == 0);
	struct member *member = find(fleet, edge);
	if (member != NULL)
		forget(fleet, member);
	pthread_mutex_unlock(&fleet->lock);
}

size_t control_fleet_count(struct control_fleet *fleet)
{
	CHECK(pthread_mutex_lock(&fleet->lock) == 0);
	size_t count = fleet->count;
	pthread_mutex_unlock(&fleet->lock);
	return count;
}

bool control_fleet_find(struct control_fleet *fleet, struct str id, uint64_t *ret_purged)
{
	bool is_found = false;
	CHECK(pthread_mutex_lock(&fleet->lock) == 0);
	list_each (node, &fleet->members) {
		const struct member *member = container_of(node, struct member, node);
		if (!str_is_equal(str_of(member->id), id))
			continue;
		if (!is_found || member->purged < *ret_purged)
			*ret_purged = member->purged;
		is_found = true;
	}
	pthread_mutex_unlock(&fleet->lock);
	return is_found;
}

void control_fleet_each(struct control_fleet *fleet, struct control_fleet_sink *sink)
{
	CHECK(pthread_mutex_lock(&fleet->lock) == 0);
	list_each (node, &fleet->members) {
		const struct member *member = container_of(node, struct member, node);
		sink->on_edge(sink, member->id, member->purged, member->applied);
	}
	pthread_mutex_unlock(&fleet->lock);
}

void control_fleet_print(struct control_fleet *fleet, struct text *to)
{
	const char *before = "";
	text_add_char(to, '[');
	CHECK(pthread_mutex_lock(&fleet->lock) == 0);
	list_each (node, &fleet->members) {
		const struct member *member = container_of(node, struct member, node);
		text_addf(to, "%s{\"id\":", before);
		text_add_json(to, str_of(member->id));
		text_add(to, STR(",\"run\":"));
		text_add_json(to, str_of(member->run));
		text_addf(to, ",\"applied\":%llu,\"purged\":%llu,\"since_ms\":%llu",
		        (unsigned long long)member->applied, (unsigned long long)member->purged,
		        (unsigned long long)member->since_ms);
		if (member->from != NULL) {
			text_add(to, STR(",\"from\":"));
			text_add_json(to, str_of(member->from));
		}
		if (member->refused != 0) {
			text_addf(to, ",\"refused\":%llu,\"error\":",
			        (unsigned long long)member->refused);
			text_add_json(to, str_of(member->error));
		}
		text_add_char(to, '}');
		before = ",";
	}
	pthread_mutex_unlock(&fleet->lock);
	text_add_char(to, ']');
}
