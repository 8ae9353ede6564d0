/*
 * Intrusive hash maps with chains: the caller owns the nodes and knows how to compare them. Grows
 * by doubling; never shrinks. Not thread-safe. Pure.
 */
#pragma once

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

/* All-zero is the empty map. */
struct map {
	struct map_node **slots; /* a power of two of them, or NULL */
	size_t slot_count, count;
};

/* Says whether `node` has the key that is looked for. */
typedef bool map_is_key(const struct map_node *node, const void *key);

/* The node with this hash for which is_key says true, or NULL. Hashes should be keyed
 * (base/hash.h). */
struct map_node *map_find(
        const struct map *map, uint64_t hash, map_is_key *is_key, const void *key);

/* Adds a node; the caller made sure that its key is not there yet. The node stays the caller's. */
void map_add(struct map *map, struct map_node *node, uint64_t hash);

/* Takes out a node that is in the map. */
void map_remove(struct map *map, struct map_node *node);

/* Frees the slots; the nodes are the caller's. */
void map_done(struct map *map);

/* The first node of the map (NULL when empty) and the one behind `node` (NULL at the end), in no
 * special order. The map must not change meanwhile, except that the node behind may be fetched
 * before `node` is removed. */
struct map_node *map_first(const struct map *map);
struct map_node *map_next(const struct map *map, const struct map_node *node);
