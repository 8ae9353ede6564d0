/*
 * A table with a lock for references alone; who has one uses its pace without any. Entries that
 * nobody has are in a list as well, in the order in which they were given back, and each visit
 * drops those of its front that are too old: nobody would want what they know.
 */
#include "origin/paces.h"

#include "base/hash.h"
#include "base/limit.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "origin/pace.h"

#include <pthread.h>

enum { KEPT_MS = 60000 };

struct origin_paces {
	pthread_mutex_t lock;
	struct map map;
	struct list idle; /* without references, the one that is so for longest first */
	unsigned idle_count;
};

struct origin_paces_entry {
	struct map_node node;
	struct list_node idle_node;
	struct origin_paces *paces;
	struct origin_pace *pace;
	struct text key;
	unsigned references; /* under the lock */
	uint64_t idle_since_ms;
};

static void lock(struct origin_paces *paces)
{
	CHECK(pthread_mutex_lock(&paces->lock) == 0);
}

static void unlock(struct origin_paces *paces)
{
	CHECK(pthread_mutex_unlock(&paces->lock) == 0);
}

struct origin_paces *origin_paces_new(void)
{
	struct origin_paces *paces = mem_new(struct origin_paces);
	CHECK(pthread_mutex_init(&paces->lock, NULL) == 0);
	list_init(&paces->idle);
	return paces;
}

/* ---- keys ---- */

static bool is_before(const struct model_address *one, const struct model_address *other)
{
	int order = strcmp(one->host, other->host);
	return order < 0 || (order == 0 && one->port < other->port);
}

/* The addresses, whose order and weights say nothing of who they are. */
static void add_addresses(const struct model_origin *origin, struct text *key)
{
	const struct model_address *sorted[LIMIT_ADDRESSES];
	CHECK(origin->address_count <= LIMIT_ADDRESSES);
	for (unsigned i = 0; i < origin->address_count; i++) {
		unsigned at = i;
		for (; at > 0 && is_before(&origin->addresses[i], sorted[at - 1]); at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &origin->addresses[i];
	}
	for (unsigned i = 0; i < origin->address_count; i++)
		text_addf(key, "%s %u\n", sorted[i]->host, sorted[i]->port);
}

static void add_word(struct text *key, const char *word)
{
	text_addf(key, "%s\n", word != NULL ? word : "");
}

/* No name or address has a line feed. */
static void make_key(const struct model_domain *domain, struct text *key)
{
	const struct model_origin *origin = &domain->origin;
	add_word(key, domain->name);
	add_word(key, origin->host);
	add_word(key, origin->tls.server_name);
	text_addf(key, "%u\n", origin->protocol);
	add_addresses(origin, key);
}

static bool is_key(const struct map_node *node, const void *key)
{
	const struct origin_paces_entry *entry =
	        container_of(node, const struct origin_paces_entry, node);
	return str_is_equal(text_str(&entry->key), *(const struct str *)key);
}

/* ---- entries ---- */

/* Takes one out that is idle; it is freed without the lock. */
static void take_out(
        struct origin_paces *paces, struct origin_paces_entry *entry, struct list *freed)
{
	CHECK(entry->references == 0);
	map_remove(&paces->map, &entry->node);
	list_remove(&entry->idle_node);
	paces->idle_count--;
	list_add_last(freed, &entry->idle_node);
}

static void take_out_old(struct origin_paces *paces, uint64_t now_ms, struct list *freed)
{
	struct list_node *node;
	while ((node = list_first(&paces->idle)) != NULL) {
		struct origin_paces_entry *entry =
		        container_of(node, struct origin_paces_entry, idle_node);
		if (now_ms < entry->idle_since_ms + KEPT_MS &&
		        paces->idle_count <= LIMIT_IDLE_PACES)
			break;
		take_out(paces, entry, freed);
	}
}

static void free_all(struct list *freed)
{
	struct list_node *node;
	while ((node = list_take_first(freed)) != NULL) {
		struct origin_paces_entry *entry =
		        container_of(node, struct origin_paces_entry, idle_node);
		origin_pace_free(entry->pace);
		text_done(&entry->key);
		mem_free(entry);
	}
}

void origin_paces_free(struct origin_paces *paces)
{
	struct list freed;
	if (paces == NULL)
		return;
	list_init(&freed);
	take_out_old(paces, UINT64_MAX, &freed);
	free_all(&freed);
	CHECK(paces->map.count == 0);
	map_done(&paces->map);
	pthread_mutex_destroy(&paces->lock);
	mem_free(paces);
}

/* Under the lock: the entry of a key, one that is idle no more, or a new one. */
static struct origin_paces_entry *find_or_make(
        struct origin_paces *paces, struct str key, uint64_t hash)
{
	struct map_node *node = map_find(&paces->map, hash, is_key, &key);
	if (node == NULL) {
		struct origin_paces_entry *made = mem_new(struct origin_paces_entry);
		made->paces = paces;
		made->pace = origin_pace_new();
		text_add(&made->key, key);
		map_add(&paces->map, &made->node, hash);
		return made;
	}
	struct origin_paces_entry *entry = container_of(node, struct origin_paces_entry, node);
	if (entry->references == 0) {
		list_remove(&entry->idle_node);
		paces->idle_count--;
	}
	return entry;
}

struct origin_paces_entry *origin_paces_get(
        struct origin_paces *paces, const struct model_domain *domain, uint64_t now_ms)
{
	struct text key = {.at = NULL};
	struct list freed;
	list_init(&freed);
	make_key(domain, &key);
	lock(paces);
	take_out_old(paces, now_ms, &freed);
	struct origin_paces_entry *entry =
	        find_or_make(paces, text_str(&key), hash_checksum(key.at, key.len));
	entry->references++;
	unlock(paces);
	free_all(&freed);
	text_done(&key);
	return entry;
}

void origin_paces_unref(struct origin_paces_entry *entry, uint64_t now_ms)
{
	struct list freed;
	if (entry == NULL)
		return;
	struct origin_paces *paces = entry->paces;
	list_init(&freed);
	lock(paces);
	CHECK(entry->references > 0);
	if (--entry->references == 0) {
		entry->idle_since_ms = now_ms;
		list_add_last(&paces->idle, &entry->idle_node);
		paces->idle_count++;
	}
	take_out_old(paces, now_ms, &freed);
	unlock(paces);
	free_all(&freed);
}

struct origin_pace *origin_paces_pace(const struct origin_paces_entry *entry)
{
	return entry->pace;
}
