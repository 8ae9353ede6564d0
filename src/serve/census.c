/*
 * The census of client connections: one counter for all, and a map from client addresses to counts
 * behind a mutex. An IPv6 client is its /64, since one person has that many addresses.
 */
#include "base/address.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "serve/server.h"

#include <pthread.h>

struct client_count {
	struct map_node node;
	uint8_t ip[16];
	uint32_t connections;
};

struct serve_census {
	uint32_t connections_max, per_client_max;
	atomic_uint connections;
	pthread_mutex_t lock;
	struct map clients;
};

struct serve_census *serve_census_new(uint32_t connections_max, uint32_t connections_per_address)
{
	struct serve_census *census = mem_new(struct serve_census);
	census->connections_max = connections_max;
	census->per_client_max = connections_per_address;
	pthread_mutex_init(&census->lock, NULL);
	return census;
}

void serve_census_free(struct serve_census *census)
{
	if (census == NULL)
		return;
	struct map_node *node;
	while ((node = map_first(&census->clients)) != NULL) {
		map_remove(&census->clients, node);
		mem_free(container_of(node, struct client_count, node));
	}
	map_done(&census->clients);
	pthread_mutex_destroy(&census->lock);
	mem_free(census);
}

bool serve_census_enter(struct serve_census *census)
{
	if (atomic_fetch_add(&census->connections, 1) < census->connections_max)
		return true;
	atomic_fetch_sub(&census->connections, 1);
	return false;
}

void serve_census_leave(struct serve_census *census)
{
	atomic_fetch_sub(&census->connections, 1);
}

unsigned serve_census_count(struct serve_census *census)
{
	return atomic_load(&census->connections);
}

static void network_of(const struct address *client, uint8_t to[16])
{
	memcpy(to, client->ip, 16);
	if (!address_is_v4(client))
		memset(to + 8, 0, 8);
}

static bool is_client(const struct map_node *node, const void *key)
{
	return memcmp(container_of(node, const struct client_count, node)->ip, key, 16) == 0;
}

static struct client_count *find(struct serve_census *census, const uint8_t ip[16], uint64_t hash)
{
	struct map_node *node = map_find(&census->clients, hash, is_client, ip);
	return node != NULL ? container_of(node, struct client_count, node) : NULL;
}

bool serve_census_enter_client(struct serve_census *census, const struct address *client)
{
	uint8_t ip[16];
	network_of(client, ip);
	uint64_t hash = hash_keyed(ip, sizeof(ip));
	pthread_mutex_lock(&census->lock);
	struct client_count *count = find(census, ip, hash);
	bool may = count == NULL || count->connections < census->per_client_max;
	if (may && count == NULL) {
		count = mem_new(struct client_count);
		memcpy(count->ip, ip, sizeof(ip));
		map_add(&census->clients, &count->node, hash);
	}
	if (may)
		count->connections++;
	pthread_mutex_unlock(&census->lock);
	return may;
}

void serve_census_leave_client(struct serve_census *census, const struct address *client)
{
	uint8_t ip[16];
	network_of(client, ip);
	uint64_t hash = hash_keyed(ip, sizeof(ip));
	pthread_mutex_lock(&census->lock);
	struct client_count *count = find(census, ip, hash);
	CHECK(count != NULL && count->connections > 0);
	if (--count->connections == 0) {
		map_remove(&census->clients, &count->node);
		mem_free(count);
	}
	pthread_mutex_unlock(&census->lock);
}
