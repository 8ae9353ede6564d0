/*
 * A list under a lock. The hub's struct of an edge is its name here: it stays where it is from the
 * edge's greeting to its end. Who is gone for too long is dropped by whoever looks next.
 */
#include "control/fleet.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#include <pthread.h>

struct member {
	struct list_node node;
	/* Never looked into but in control_fleet_set; NULL: it is gone. */
	const struct link_hub_edge *edge;
	char *id, *run, *error;
	char *from;    /* NULL: this machine */
	char *version; /* of its program; NULL: it is not known */
	uint64_t applied, refused, purged, since_ms;
	uint64_t shown;    /* of certificates */
	uint64_t until_ms; /* of one that is gone */
};

struct control_fleet {
	pthread_mutex_t lock;
	struct list members;
	size_t connected;
	uint32_t lease_ms;
};

struct control_fleet *control_fleet_new(uint32_t lease_ms)
{
	struct control_fleet *fleet = mem_new(struct control_fleet);
	CHECK(pthread_mutex_init(&fleet->lock, NULL) == 0);
	list_init(&fleet->members);
	fleet->lease_ms = lease_ms;
	return fleet;
}

static void forget(struct member *member)
{
	list_remove(&member->node);
	mem_free(member->id);
	mem_free(member->run);
	mem_free(member->from);
	mem_free(member->version);
	mem_free(member->error);
	mem_free(member);
}

/* Takes the lock, and drops who is gone for too long. */
static void begin(struct control_fleet *fleet)
{
	const uint64_t now_ms = clock_ms();
	CHECK(pthread_mutex_lock(&fleet->lock) == 0);
	list_each_safe (node, following, &fleet->members) {
		struct member *member = container_of(node, struct member, node);
		if (member->edge == NULL && member->until_ms <= now_ms)
			forget(member);
	}
}

static void end(struct control_fleet *fleet)
{
	pthread_mutex_unlock(&fleet->lock);
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

/* One of this name that is connected, or that is not, beside `other`; NULL. */
static struct member *find_other(const struct control_fleet *fleet, struct str id,
        bool is_connected, const struct member *other)
{
	list_each (node, &fleet->members) {
		struct member *member = container_of(node, struct member, node);
		if (member != other && (member->edge != NULL) == is_connected &&
		        str_is_equal(str_of(member->id), id))
			return member;
	}
	return NULL;
}

void control_fleet_free(struct control_fleet *fleet)
{
	if (fleet == NULL)
		return;
	list_each_safe (node, following, &fleet->members)
		forget(container_of(node, struct member, node));
	pthread_mutex_destroy(&fleet->lock);
	mem_free(fleet);
}

static struct member *add(
        struct control_fleet *fleet, struct str id, struct str run, uint64_t at_ms)
{
	struct member *member = mem_new(struct member);
	member->id = mem_copy(id.at, id.len);
	member->run = mem_copy(run.at, run.len);
	member->error = mem_copy("", 0);
	member->since_ms = at_ms;
	list_add_last(&fleet->members, &member->node);
	return member;
}

static void set_gone(struct control_fleet *fleet, struct member *member, uint64_t at_ms)
{
	member->edge = NULL;
	member->since_ms = at_ms;
	member->until_ms = clock_ms() + fleet->lease_ms;
}

void control_fleet_expect(
        struct control_fleet *fleet, struct str id, uint64_t purged, uint64_t at_ms)
{
	begin(fleet);
	if (find_other(fleet, id, true, NULL) == NULL &&
	        find_other(fleet, id, false, NULL) == NULL) {
		struct member *member = add(fleet, id, STR_EMPTY, at_ms);
		member->purged = purged;
		set_gone(fleet, member, at_ms);
	}
	end(fleet);
}

static void set_refused(struct member *member, uint64_t refused, const char *error)
{
	member->refused = refused;
	mem_free(member->error);
	member->error = mem_copy(error, strlen(error));
}

/* It is there again, and what it could not read is still not read. */
static void come_back(struct member *member, struct member *gone)
{
	set_refused(member, gone->refused, gone->error);
	forget(gone);
}

bool control_fleet_set(
        struct control_fleet *fleet, const struct link_hub_edge *edge, uint64_t at_ms)
{
	begin(fleet);
	struct member *member = find(fleet, edge);
	bool is_new = member == NULL;
	if (is_new) {
		struct str id = str_of(edge->id);
		struct member *gone = find_other(fleet, id, false, NULL);
		member = add(fleet, id, str_of(edge->run), at_ms);
		member->edge = edge;
		if (edge->from != NULL)
			member->from = mem_copy(edge->from, strlen(edge->from));
		if (edge->version != NULL && edge->version[0] != '\0')
			member->version = mem_copy(edge->version, strlen(edge->version));
		if (gone != NULL)
			come_back(member, gone);
		fleet->connected++;
	}
	member->applied = edge->applied;
	member->purged = edge->purged;
	member->shown = edge->shown;
	if (edge->refused != 0)
		set_refused(member, edge->refused, edge->error);
	else if (edge->applied >= member->refused)
		set_refused(member, 0, "");
	end(fleet);
	return is_new;
}

void control_fleet_remove(
        struct control_fleet *fleet, const struct link_hub_edge *edge, uint64_t at_ms)
{
	begin(fleet);
	struct member *member = find(fleet, edge);
	if (member != NULL) {
		fleet->connected--;
		if (find_other(fleet, str_of(member->id), true, member) != NULL)
			forget(member);
		else
			set_gone(fleet, member, at_ms);
	}
	end(fleet);
}

size_t control_fleet_count(struct control_fleet *fleet)
{
	begin(fleet);
	size_t count = fleet->connected;
	end(fleet);
	return count;
}

bool control_fleet_find(
        struct control_fleet *fleet, struct str id, uint64_t *ret_purged, bool *ret_is_connected)
{
	bool is_found = false;
	*ret_is_connected = false;
	begin(fleet);
	list_each (node, &fleet->members) {
		const struct member *member = container_of(node, struct member, node);
		if (!str_is_equal(str_of(member->id), id))
			continue;
		if (!is_found || member->purged < *ret_purged)
			*ret_purged = member->purged;
		*ret_is_connected |= member->edge != NULL;
		is_found = true;
	}
	end(fleet);
	return is_found;
}

void control_fleet_each(struct control_fleet *fleet, struct control_fleet_sink *sink)
{
	begin(fleet);
	list_each (node, &fleet->members) {
		const struct member *member = container_of(node, struct member, node);
		sink->on_edge(
		        sink, member->id, member->purged, member->applied, member->edge != NULL);
	}
	end(fleet);
}

void control_fleet_print(struct control_fleet *fleet, struct text *to)
{
	const char *before = "";
	text_add_char(to, '[');
	begin(fleet);
	list_each (node, &fleet->members) {
		const struct member *member = container_of(node, struct member, node);
		text_addf(to, "%s{\"id\":", before);
		text_add_json(to, str_of(member->id));
		if (member->run[0] != '\0') {
			text_add(to, STR(",\"run\":"));
			text_add_json(to, str_of(member->run));
		}
		if (member->version != NULL) {
			text_add(to, STR(",\"version\":"));
			text_add_json(to, str_of(member->version));
		}
		text_addf(to, ",\"is_connected\":%s", member->edge != NULL ? "true" : "false");
		text_addf(to, ",\"applied\":%llu,\"purged\":%llu,\"since_ms\":%llu",
		        (unsigned long long)member->applied, (unsigned long long)member->purged,
		        (unsigned long long)member->since_ms);
		if (member->shown != 0)
			text_addf(to, ",\"shown\":%llu", (unsigned long long)member->shown);
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
	end(fleet);
	text_add_char(to, ']');
}
