/*
 * A table by domain and role, with a lock for references alone. A domain is told by its place: who
 * has an entry keeps the domain, so that no other can take that place.
 */
#include "origin/retries.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "origin/paces.h"

#include <pthread.h>
#include <stdatomic.h>

struct origin_retries_table {
	pthread_mutex_t lock;
	struct map map;
};

struct origin_retries {
	struct map_node node;
	struct origin_retries_table *table;
	const struct model_domain *domain;
	enum model_role role;
	unsigned references;              /* under the lock */
	struct origin_paces_entry *paced; /* NULL: nobody asks how soon it answers */
	atomic_uint taken;
};

struct key {
	const struct model_domain *domain;
	enum model_role role;
};

static bool is_key(const struct map_node *node, const void *key)
{
	const struct origin_retries *retries =
	        container_of(node, const struct origin_retries, node);
	const struct key *wanted = key;
	return retries->domain == wanted->domain && retries->role == wanted->role;
}

struct origin_retries_table *origin_retries_table_new(void)
{
	struct origin_retries_table *table = mem_new(struct origin_retries_table);
	CHECK(pthread_mutex_init(&table->lock, NULL) == 0);
	return table;
}

void origin_retries_table_free(struct origin_retries_table *table)
{
	if (table == NULL)
		return;
	CHECK(table->map.count == 0);
	map_done(&table->map);
	pthread_mutex_destroy(&table->lock);
	mem_free(table);
}

struct origin_retries *origin_retries_get(
        struct origin_shared *shared, const struct model_domain *domain, enum model_role role)
{
	struct origin_retries_table *table = origin_shared_retries(shared);
	struct key key = {domain, role};
	uint64_t hash = hash_mix((uintptr_t)domain, role);
	struct origin_retries *retries;
	CHECK(pthread_mutex_lock(&table->lock) == 0);
	struct map_node *node = map_find(&table->map, hash, is_key, &key);
	if (node != NULL) {
		retries = container_of(node, struct origin_retries, node);
	} else {
		retries = mem_new(struct origin_retries);
		retries->table = table;
		retries->domain = domain;
		retries->role = role;
		if (role == MODEL_MASTER && domain->hedge_after != MODEL_HEDGE_OFF)
			retries->paced =
			        origin_paces_get(origin_shared_paces(shared), domain, clock_ms());
		map_add(&table->map, &retries->node, hash);
	}
	retries->references++;
	CHECK(pthread_mutex_unlock(&table->lock) == 0);
	return retries;
}

void origin_retries_unref(struct origin_retries *retries)
{
	if (retries == NULL)
		return;
	struct origin_retries_table *table = retries->table;
	CHECK(pthread_mutex_lock(&table->lock) == 0);
	CHECK(retries->references > 0);
	bool is_last = --retries->references == 0;
	if (is_last)
		map_remove(&table->map, &retries->node);
	CHECK(pthread_mutex_unlock(&table->lock) == 0);
	if (!is_last)
		return;
	CHECK(atomic_load(&retries->taken) == 0);
	origin_paces_unref(retries->paced, clock_ms());
	mem_free(retries);
}

struct origin_pace *origin_retries_pace(const struct origin_retries *retries)
{
	return retries->paced != NULL ? origin_paces_pace(retries->paced) : NULL;
}

bool origin_retries_take(struct origin_retries *retries)
{
	unsigned taken = atomic_load_explicit(&retries->taken, memory_order_relaxed);
	do {
		if (taken >= ORIGIN_RETRIES_FREE)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	        &retries->taken, &taken, taken + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void origin_retries_give(struct origin_retries *retries)
{
	unsigned before = atomic_fetch_sub_explicit(&retries->taken, 1, memory_order_relaxed);
	CHECK(before > 0);
}
