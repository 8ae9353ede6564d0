/*
 * A group has an entry for each configured address; an entry has one candidate when the address is
 * an IP, and as many as its name resolves to otherwise. The bag counts turns of entries: a name's
 * turn goes to its candidates in rotation.
 *
 * References: an entry has one reference to each of its candidates. Any other reference to a
 * candidate is also one to its group, so a candidate that an attempt still holds may stay when its
 * name resolves to something else, and the group stays with it.
 *
 * A group without users stays in its worker's map, so that the bag goes on where it was, until it
 * was idle for IDLE_MS; one that was forgotten goes with its last user.
 */
#include "origin/group.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "origin/endpoint.h"
#include "origin/group_private.h"
#include "origin/pool.h"
#include "origin/retries.h"
#include "origin/trust.h"
#include "origin/worker_private.h"

enum {
	IDLE_MS = 300000,
	RETRY_PART =
	        5, /* one in five pulls in flight may be a retry, and ORIGIN_RETRIES_FREE more */
};

struct group_key {
	const struct model_domain *domain;
	enum model_role role;
	enum model_protocol protocol;
};

/* Waiting for a name; a thing of its own: its message may be on its way when the group goes. */
struct origin_group_name_wait {
	struct origin_name_waiter waiter;
	struct origin_group *group; /* NULL: nobody waits any more */
	unsigned entry;
};

/* ---- candidates ---- */

static struct origin_candidate *candidate_new(
        struct origin_group *group, const struct address *address)
{
	struct origin_health *health = origin_shared_health(group->worker->shared);
	enum model_protocol protocol = (enum model_protocol)group->protocol;
	struct str server_name =
	        origin_endpoint_server_name(group->domain, group->origin, protocol);
	struct origin_candidate *candidate = mem_new(struct origin_candidate);
	candidate->references = 1;
	candidate->address = *address;
	candidate->group = group;
	candidate->host = origin_health_host(health, address);
	candidate->server = origin_health_server(
	        health, str_of(group->domain->name), address, protocol, server_name);
	candidate->pool =
	        origin_pool_get(group->worker, address, protocol, server_name, group->trust);
	return candidate;
}

/* Drops one reference, not the group's that may go with it. */
static void candidate_drop(struct origin_candidate *candidate)
{
	CHECK(candidate->references > 0);
	if (--candidate->references != 0)
		return;
	if (candidate->attempts > 0)
		origin_health_note_attempts(candidate->server, candidate->attempts);
	origin_pool_unref(candidate->pool);
	origin_health_server_unref(candidate->server);
	origin_health_host_unref(candidate->host);
	mem_free(candidate);
}

void origin_group_candidate_ref(struct origin_candidate *candidate)
{
	candidate->references++;
	candidate->group->references++;
}

void origin_group_candidate_unref(struct origin_candidate *candidate)
{
	if (candidate == NULL)
		return;
	struct origin_group *group = candidate->group;
	candidate_drop(candidate);
	origin_group_unref(group);
}

void origin_group_count_attempt(struct origin_candidate *candidate, uint64_t now_ms)
{
	candidate->attempts++;
	if (candidate->attempts_at_ms == now_ms)
		return;
	origin_health_note_attempts(candidate->server, candidate->attempts);
	candidate->attempts = 0;
	candidate->attempts_at_ms = now_ms;
}

/* The candidate that the entry has for the address already, taken out of it, or a new one. */
static struct origin_candidate *keep_or_make(
        struct origin_group *group, struct origin_group_entry *entry, const struct address *address)
{
	for (unsigned i = 0; i < entry->count; i++) {
		struct origin_candidate *candidate = entry->candidates[i];
		if (candidate == NULL || !address_is_equal(&candidate->address, address))
			continue;
		entry->candidates[i] = NULL;
		return candidate;
	}
	return candidate_new(group, address);
}

static void drop_candidates(struct origin_group_entry *entry)
{
	for (unsigned i = 0; i < entry->count; i++)
		if (entry->candidates[i] != NULL)
			candidate_drop(entry->candidates[i]);
	mem_free(entry->candidates);
	entry->candidates = NULL;
	entry->count = 0;
}

/* Gives the entry candidates for exactly these addresses. */
static void set_candidates(struct origin_group *group, struct origin_group_entry *entry,
        const struct address *addresses, unsigned count)
{
	CHECK(count <= LIMIT_RESOLVED);
	struct origin_candidate **candidates =
	        count != 0 ? mem_zero(count * sizeof(struct origin_candidate *)) : NULL;
	for (unsigned i = 0; i < count; i++)
		candidates[i] = keep_or_make(group, entry, &addresses[i]);
	drop_candidates(entry);
	entry->candidates = candidates;
	entry->count = (uint8_t)count;
	/* Workers shall not all begin with the same one. */
	if (count != 0 && entry->next >= count)
		entry->next = (uint8_t)random_below(count);
}

/* Takes a name's answer over if there is a new one. */
static void refresh_entry(struct origin_group *group, unsigned i)
{
	struct origin_group_entry *entry = &group->entries[i];
	if (origin_names_version(entry->name) == entry->version)
		return;
	struct origin_name_set set;
	origin_names_copy(entry->name, &set);
	entry->version = set.version;
	uint16_t port = origin_endpoint_port(
	        &group->origin->addresses[i], (enum model_protocol)group->protocol);
	for (unsigned k = 0; k < set.count; k++)
		set.addresses[k].port = port;
	set_candidates(group, entry, set.addresses, set.count);
}

void origin_group_refresh(struct origin_group *group)
{
	for (unsigned i = 0; i < group->count; i++)
		if (group->entries[i].name != NULL)
			refresh_entry(group, i);
}

/* ---- the life of a group ---- */

static void on_idle_timer(struct timer *timer);
static void tell_waits(struct loop_task *task);

static void init_entry(struct origin_group *group, unsigned i)
{
	const struct model_address *address = &group->origin->addresses[i];
	struct origin_group_entry *entry = &group->entries[i];
	uint16_t port = origin_endpoint_port(address, (enum model_protocol)group->protocol);
	group->weights[i] = address->weight;
	entry->seed = hash_mix(hash_checksum(address->host, str_of(address->host).len), port);
	entry->next = UINT8_MAX;
	if (address->weight == 0)
		return; /* drained: never looked at */
	if (address->is_ip) {
		struct address ip = address->ip;
		ip.port = port;
		set_candidates(group, entry, &ip, 1);
	} else {
		struct origin_names *names = origin_shared_names(group->worker->shared);
		entry->name = origin_names_get(names, str_of(address->host));
	}
}

static struct origin_group *group_new(struct origin_worker *worker, struct model_domain *domain,
        struct model_origin *origin, const struct group_key *key)
{
	CHECK(origin->address_count <= LIMIT_ADDRESSES);
	struct origin_group *group = mem_zero(
	        sizeof(*group) + origin->address_count * sizeof(struct origin_group_entry));
	group->worker = worker;
	group->domain = model_domain_ref(domain);
	group->shared_retries = origin_retries_get(worker->shared, domain, key->role);
	group->origin = origin;
	group->role = (uint8_t)key->role;
	group->protocol = (uint8_t)key->protocol;
	if (key->protocol == MODEL_HTTPS)
		group->trust = origin_trust_get(origin_shared_trusts(worker->shared), &origin->tls);
	group->count = origin->address_count;
	group->timer.on_expire = on_idle_timer;
	group->tell.on_run = tell_waits;
	list_init(&group->waits);
	for (unsigned i = 0; i < group->count; i++)
		init_entry(group, i);
	origin_polling_fill(&group->bag, group->weights, group->count);
	return group;
}

static void drop_wait(struct origin_group_entry *entry)
{
	struct origin_group_name_wait *wait = entry->wait;
	if (wait == NULL)
		return;
	entry->wait = NULL;
	wait->group = NULL;
	if (origin_names_unwait(entry->name, &wait->waiter))
		mem_free(wait); /* else when the message arrives */
}

static void group_free(struct origin_group *group)
{
	CHECK(group->references == 0 && list_is_empty(&group->waits));
	CHECK(group->pulls == 0 && group->retries == 0);
	loop_timer_cancel(group->worker->loop, &group->timer);
	loop_unwake(&group->tell);
	for (unsigned i = 0; i < group->count; i++) {
		drop_wait(&group->entries[i]);
		drop_candidates(&group->entries[i]);
		origin_names_unref(group->entries[i].name);
	}
	origin_retries_unref(group->shared_retries);
	origin_trust_unref(group->trust);
	model_domain_unref(group->domain);
	mem_free(group);
}

static void leave_map(struct origin_group *group)
{
	map_remove(&group->worker->groups, &group->node);
	group->is_forgotten = true;
}

static void on_idle_timer(struct timer *timer)
{
	struct origin_group *group = container_of(timer, struct origin_group, timer);
	struct loop *loop = group->worker->loop;
	uint64_t now_ms = loop_now_ms(loop);
	if (group->references != 0) {
		loop_timer_start(loop, timer, now_ms + IDLE_MS);
	} else if (now_ms < group->used_ms + IDLE_MS) {
		loop_timer_start(loop, timer, group->used_ms + IDLE_MS);
	} else {
		leave_map(group);
		group_free(group);
	}
}

static bool group_has_key(const struct map_node *node, const void *key)
{
	const struct origin_group *group = container_of(node, const struct origin_group, node);
	const struct group_key *wanted = key;
	return group->domain == wanted->domain && group->role == wanted->role &&
	       group->protocol == wanted->protocol;
}

static uint64_t hash_of_key(const struct group_key *key)
{
	return hash_mix((uintptr_t)key->domain, (uint64_t)key->role << 1 | key->protocol);
}

static void drop_groups(struct origin_worker *worker)
{
	struct map_node *node;
	while ((node = map_first(&worker->groups)) != NULL) {
		struct origin_group *group = container_of(node, struct origin_group, node);
		leave_map(group);
		group_free(group);
	}
}

struct origin_group *origin_group_get(struct origin_worker *worker, struct model_domain *domain,
        enum model_role role, enum model_protocol scheme)
{
	struct model_origin *origin = model_domain_origin(domain, role);
	if (origin == NULL)
		return NULL;
	struct group_key key = {domain, role, origin_endpoint_protocol(origin, scheme)};
	uint64_t hash = hash_of_key(&key);
	struct map_node *node = map_find(&worker->groups, hash, group_has_key, &key);
	struct origin_group *group;
	if (node != NULL) {
		group = container_of(node, struct origin_group, node);
	} else {
		group = group_new(worker, domain, origin, &key);
		map_add(&worker->groups, &group->node, hash);
		worker->drop_groups = drop_groups;
		loop_timer_start(worker->loop, &group->timer, loop_now_ms(worker->loop) + IDLE_MS);
	}
	group->references++;
	return group;
}

void origin_group_unref(struct origin_group *group)
{
	if (group == NULL)
		return;
	CHECK(group->references > 0);
	if (--group->references != 0)
		return;
	group->used_ms = loop_now_ms(group->worker->loop);
	if (group->is_forgotten)
		group_free(group);
}

static void forget(struct origin_worker *worker, const struct group_key *key)
{
	struct map_node *node = map_find(&worker->groups, hash_of_key(key), group_has_key, key);
	if (node == NULL)
		return;
	struct origin_group *group = container_of(node, struct origin_group, node);
	leave_map(group);
	if (group->references == 0)
		group_free(group);
}

void origin_group_forget(struct origin_worker *worker, const struct model_domain *domain)
{
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		forget(worker, &(struct group_key){domain, role, MODEL_HTTP});
		forget(worker, &(struct group_key){domain, role, MODEL_HTTPS});
	}
}

struct model_origin *origin_group_origin(struct origin_group *group)
{
	return group->origin;
}

struct model_domain *origin_group_domain(struct origin_group *group)
{
	return group->domain;
}

enum model_role origin_group_role(const struct origin_group *group)
{
	return group->role;
}

enum model_protocol origin_group_protocol(const struct origin_group *group)
{
	return (enum model_protocol)group->protocol;
}

struct origin_pace *origin_group_pace(const struct origin_group *group)
{
	return origin_retries_pace(group->shared_retries);
}

/* ---- waiting for names ---- */

static void tell_all(struct origin_group *group)
{
	struct list told;
	list_init(&told);
	list_move_all(&told, &group->waits);
	group->references++;
	struct list_node *node;
	while ((node = list_take_first(&told)) != NULL) {
		struct origin_group_wait *wait = container_of(node, struct origin_group_wait, node);
		wait->on_resolved(wait);
	}
	origin_group_unref(group);
}

static void tell_waits(struct loop_task *task)
{
	tell_all(container_of(task, struct origin_group, tell));
}

static void on_name(struct loop_message *message)
{
	struct origin_name_waiter *waiter =
	        container_of(message, struct origin_name_waiter, message);
	struct origin_group_name_wait *wait =
	        container_of(waiter, struct origin_group_name_wait, waiter);
	struct origin_group *group = wait->group;
	if (group != NULL)
		group->entries[wait->entry].wait = NULL;
	mem_free(wait);
	if (group != NULL)
		tell_all(group);
}

/* Waits for one name; false when its answer is there already. */
static bool wait_for_name(struct origin_group *group, unsigned i)
{
	struct origin_group_entry *entry = &group->entries[i];
	if (entry->wait != NULL)
		return true;
	struct origin_group_name_wait *wait = mem_new(struct origin_group_name_wait);
	wait->group = group;
	wait->entry = i;
	wait->waiter.loop = group->worker->loop;
	wait->waiter.message.on_receive = on_name;
	if (!origin_names_wait(entry->name, &wait->waiter)) {
		mem_free(wait);
		return false;
	}
	entry->wait = wait;
	return true;
}

void origin_group_wait_start(struct origin_group *group, struct origin_group_wait *wait)
{
	CHECK(group->references > 0);
	list_add_last(&group->waits, &wait->node);
	bool must_wait = false, has_answer = false;
	for (unsigned i = 0; i < group->count; i++) {
		if (group->entries[i].name == NULL || group->entries[i].version != 0)
			continue;
		if (wait_for_name(group, i))
			must_wait = true;
		else
			has_answer = true;
	}
	if (has_answer || !must_wait)
		loop_wake(group->worker->loop, &group->tell);
}

void origin_group_wait_cancel(struct origin_group_wait *wait)
{
	list_remove(&wait->node);
}

/* ---- the retry budget ---- */

void origin_group_pull_begin(struct origin_group *group)
{
	group->pulls++;
}

void origin_group_pull_end(struct origin_group *group)
{
	CHECK(group->pulls > 0);
	group->pulls--;
}

bool origin_group_retry_begin(struct origin_group *group)
{
	if (group->retries - group->free_retries >= group->pulls / RETRY_PART) {
		if (!origin_retries_take(group->shared_retries))
			return false;
		group->free_retries++;
	}
	group->retries++;
	return true;
}

void origin_group_retry_end(struct origin_group *group)
{
	CHECK(group->retries > 0);
	group->retries--;
	if (group->free_retries > 0) {
		group->free_retries--;
		origin_retries_give(group->shared_retries);
	}
}
