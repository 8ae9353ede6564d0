/*
 * Hash maps: an array of chains, doubled when there are as many nodes as slots. A node keeps its
 * whole hash, so that growing asks nobody and a comparison is called only where the hashes are
 * equal.
 */
#include "base/map.h"

#include "base/mem.h"

enum { SLOTS_MIN = 16 };

struct map_node *map_find(const struct map *map, uint64_t hash, map_is_key *is_key, const void *key)
{
	if (map->count == 0)
		return NULL;
	struct map_node *node = map->slots[hash & (map->slot_count - 1)];
	while (node != NULL && !(node->hash == hash && is_key(node, key)))
		node = node->next;
	return node;
}

static void grow(struct map *map)
{
	size_t slot_count = map->slot_count != 0 ? map->slot_count * 2 : SLOTS_MIN;
	struct map_node **slots = mem_zero(slot_count * sizeof(struct map_node *));
	for (size_t i = 0; i < map->slot_count; i++) {
		struct map_node *node = map->slots[i];
		while (node != NULL) {
			struct map_node *next = node->next;
			struct map_node **slot = &slots[node->hash & (slot_count - 1)];
			node->next = *slot;
			*slot = node;
			node = next;
		}
	}
	mem_free(map->slots);
	map->slots = slots;
	map->slot_count = slot_count;
}

void map_add(struct map *map, struct map_node *node, uint64_t hash)
{
	if (map->count == map->slot_count)
		grow(map);
	struct map_node **slot = &map->slots[hash & (map->slot_count - 1)];
	node->hash = hash;
	node->next = *slot;
	*slot = node;
	map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
	CHECK(map->count > 0);
	struct map_node **link = &map->slots[node->hash & (map->slot_count - 1)];
	while (*link != node) {
		CHECK(*link != NULL);
		link = &(*link)->next;
	}
	*link = node->next;
	node->next = NULL;
	map->count--;
}

void map_done(struct map *map)
{
	mem_free(map->slots);
	*map = (struct map){0};
}

/* The first node in slot `slot` or one behind it. */
static struct map_node *first_from(const struct map *map, size_t slot)
{
	while (slot < map->slot_count && map->slots[slot] == NULL)
		slot++;
	return slot < map->slot_count ? map->slots[slot] : NULL;
}

struct map_node *map_first(const struct map *map)
{
	return first_from(map, 0);
}

struct map_node *map_next(const struct map *map, const struct map_node *node)
{
	if (node->next != NULL)
		return node->next;
	return first_from(map, (size_t)(node->hash & (map->slot_count - 1)) + 1);
}
