/*
 * An entry that may not be joined any more (what it pulls was purged meanwhile) is taken out of the
 * map by who finds it so, and is still its writer's.
 */
#include "edge/flights.h"

#include "base/mem.h"

#include <pthread.h>

enum { SHARDS = 64 };

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct map map;
};

struct edge_flights {
	struct shard shards[SHARDS];
};

static struct shard *shard_of(struct edge_flights *flights, uint64_t hash)
{
	/* The map uses the low bits. */
	return &flights->shards[hash >> 58];
}

struct edge_flights *edge_flights_new(void)
{
	struct edge_flights *flights =
	        mem_aligned(_Alignof(struct edge_flights), sizeof(struct edge_flights));
	for (unsigned i = 0; i < SHARDS; i++) {
		flights->shards[i].map = (struct map){0};
		CHECK(pthread_mutex_init(&flights->shards[i].lock, NULL) == 0);
	}
	return flights;
}

void edge_flights_free(struct edge_flights *flights)
{
	if (flights == NULL)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		CHECK(flights->shards[i].map.count == 0);
		map_done(&flights->shards[i].map);
		pthread_mutex_destroy(&flights->shards[i].lock);
	}
	mem_free(flights);
}

static bool is_key(const struct map_node *node, const void *key)
{
	const struct edge_flights_entry *entry =
	        container_of(node, struct edge_flights_entry, node);
	return str_is_equal(entry->key, *(const struct str *)key);
}

static void unlist(struct shard *shard, struct edge_flights_entry *entry)
{
	map_remove(&shard->map, &entry->node);
	entry->is_listed = false;
}

bool edge_flights_join(struct edge_flights *flights, const struct edge_flights_join *join,
        struct edge_flights_entry *mine)
{
	bool is_others = false;
	struct shard *shard = shard_of(flights, join->hash);
	pthread_mutex_lock(&shard->lock);
	struct map_node *node = map_find(&shard->map, join->hash, is_key, &join->key);
	if (node != NULL) {
		struct edge_flights_entry *entry =
		        container_of(node, struct edge_flights_entry, node);
		is_others = join->may_join(entry, join->context);
		if (is_others)
			edge_flight_join(entry->flight, join->reader, join->worker, join->task);
		else
			unlist(shard, entry);
	}
	if (!is_others && mine != NULL) {
		CHECK(mine->hash == join->hash);
		map_add(&shard->map, &mine->node, join->hash);
		mine->is_listed = true;
		edge_flight_join(mine->flight, join->reader, join->worker, join->task);
	}
	pthread_mutex_unlock(&shard->lock);
	return is_others;
}

void edge_flights_add(struct edge_flights *flights, struct edge_flights_entry *entry)
{
	struct shard *shard = shard_of(flights, entry->hash);
	CHECK(!entry->is_listed);
	pthread_mutex_lock(&shard->lock);
	if (map_find(&shard->map, entry->hash, is_key, &entry->key) == NULL) {
		map_add(&shard->map, &entry->node, entry->hash);
		entry->is_listed = true;
	}
	pthread_mutex_unlock(&shard->lock);
}

void edge_flights_remove(struct edge_flights *flights, struct edge_flights_entry *entry)
{
	struct shard *shard = shard_of(flights, entry->hash);
	pthread_mutex_lock(&shard->lock);
	if (entry->is_listed)
		unlist(shard, entry);
	pthread_mutex_unlock(&shard->lock);
}
