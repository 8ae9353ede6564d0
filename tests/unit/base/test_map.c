/* Hash maps. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { COUNT = 1000 };

struct item {
	unsigned key;
	struct map_node node;
};

static struct item items[COUNT];

static bool has_key(const struct map_node *node, const void *key)
{
	return container_of(node, const struct item, node)->key == *(const unsigned *)key;
}

static struct item *find(const struct map *map, unsigned key, uint64_t hash)
{
	struct map_node *node = map_find(map, hash, has_key, &key);
	return node == NULL ? NULL : container_of(node, struct item, node);
}

/* Hashes of which several collide, so that chains are used. */
static uint64_t hash_of(unsigned key)
{
	return key / 3 * 0x9e3779b97f4a7c15;
}

static void fill(struct map *map)
{
	for (unsigned i = 0; i < COUNT; i++) {
		items[i].key = i;
		map_add(map, &items[i].node, hash_of(i));
	}
}

static void the_empty_map_has_nothing(void **state)
{
	(void)state;
	struct map map = {0};
	assert_null(find(&map, 1, hash_of(1)));
	assert_null(map_first(&map));
	map_done(&map);
}

static void nodes_are_found_also_when_hashes_are_equal(void **state)
{
	(void)state;
	struct map map = {0};
	fill(&map);
	assert_int_equal(map.count, COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		assert_ptr_equal(find(&map, i, hash_of(i)), &items[i]);
	assert_null(find(&map, COUNT, hash_of(COUNT)));
	assert_null(find(&map, 1, hash_of(100)));
	map_done(&map);
}

static void removed_nodes_are_gone_and_the_others_stay(void **state)
{
	(void)state;
	struct map map = {0};
	fill(&map);
	for (unsigned i = 0; i < COUNT; i += 2)
		map_remove(&map, &items[i].node);
	assert_int_equal(map.count, COUNT / 2);
	for (unsigned i = 0; i < COUNT; i++)
		assert_ptr_equal(find(&map, i, hash_of(i)), i % 2 == 0 ? NULL : &items[i]);
	map_done(&map);
}

static void each_node_is_visited_once_and_may_be_removed_on_the_way(void **state)
{
	(void)state;
	struct map map = {0};
	fill(&map);
	static unsigned visits[COUNT];
	struct map_node *node = map_first(&map);
	while (node != NULL) {
		struct map_node *next = map_next(&map, node);
		visits[container_of(node, struct item, node)->key]++;
		map_remove(&map, node);
		node = next;
	}
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(visits[i], 1);
	assert_int_equal(map.count, 0);
	map_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_empty_map_has_nothing),
	        cmocka_unit_test(nodes_are_found_also_when_hashes_are_equal),
	        cmocka_unit_test(removed_nodes_are_gone_and_the_others_stay),
	        cmocka_unit_test(each_node_is_visited_once_and_may_be_removed_on_the_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
