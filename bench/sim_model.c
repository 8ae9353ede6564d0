/*
 * Both models are queues of objects with a map. LRU is the main queue alone, where a hit moves to
 * the front; S3-FIFO never moves on a hit, it only counts up to three.
 */
#include "sim_model.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

enum { FREQ_MAX = 3, SMALL_PERCENT = 10, PROMOTE_FREQ = 2 };

enum queue { SMALL, MAIN, GHOST, QUEUES };

struct object {
	struct map_node node;
	struct list_node place;
	uint64_t key;
	uint32_t bytes;
	uint8_t freq, queue;
};

struct sim_model {
	bool is_lru;
	uint64_t capacity[QUEUES];
	uint64_t bytes[QUEUES];
	struct list queues[QUEUES]; /* the newest first */
	struct map objects;
};

static bool has_key(const struct map_node *node, const void *key)
{
	return container_of(node, const struct object, node)->key == *(const uint64_t *)key;
}

static struct sim_model *model_new(uint64_t small, uint64_t main, uint64_t ghost)
{
	struct sim_model *model = mem_new(struct sim_model);
	model->capacity[SMALL] = small;
	model->capacity[MAIN] = main;
	model->capacity[GHOST] = ghost;
	for (int i = 0; i < QUEUES; i++)
		list_init(&model->queues[i]);
	return model;
}

struct sim_model *sim_model_new_lru(uint64_t capacity_bytes)
{
	struct sim_model *model = model_new(0, capacity_bytes, 0);
	model->is_lru = true;
	return model;
}

struct sim_model *sim_model_new_s3fifo(uint64_t capacity_bytes)
{
	uint64_t small = capacity_bytes * SMALL_PERCENT / 100;
	return model_new(small, capacity_bytes - small, capacity_bytes - small);
}

static void take_out(struct sim_model *model, struct object *object)
{
	list_remove(&object->place);
	model->bytes[object->queue] -= object->bytes;
}

static void put_in(struct sim_model *model, struct object *object, enum queue queue)
{
	object->queue = (uint8_t)queue;
	object->freq = 0;
	list_add_first(&model->queues[queue], &object->place);
	model->bytes[queue] += object->bytes;
}

static void forget(struct sim_model *model, struct object *object)
{
	take_out(model, object);
	map_remove(&model->objects, &object->node);
	mem_free(object);
}

static struct object *oldest(struct sim_model *model, enum queue queue)
{
	return container_of(list_last(&model->queues[queue]), struct object, place);
}

void sim_model_free(struct sim_model *model)
{
	for (int i = 0; i < QUEUES; i++)
		while (!list_is_empty(&model->queues[i]))
			forget(model, oldest(model, i));
	map_done(&model->objects);
	mem_free(model);
}

static void evict_small(struct sim_model *model)
{
	struct object *object = oldest(model, SMALL);
	bool is_used = object->freq >= PROMOTE_FREQ;
	take_out(model, object);
	put_in(model, object, is_used ? MAIN : GHOST);
	while (model->bytes[GHOST] > model->capacity[GHOST])
		forget(model, oldest(model, GHOST));
}

static void evict_main(struct sim_model *model)
{
	struct object *object = oldest(model, MAIN);
	if (model->is_lru || object->freq == 0) {
		forget(model, object);
		return;
	}
	uint8_t freq = object->freq;
	take_out(model, object);
	put_in(model, object, MAIN);
	object->freq = (uint8_t)(freq - 1);
}

static void make_room(struct sim_model *model, uint32_t bytes)
{
	uint64_t capacity = model->capacity[SMALL] + model->capacity[MAIN];
	while (model->bytes[SMALL] + model->bytes[MAIN] + bytes > capacity) {
		bool is_small_full = !list_is_empty(&model->queues[SMALL]) &&
		                     (model->bytes[SMALL] >= model->capacity[SMALL] ||
		                             list_is_empty(&model->queues[MAIN]));
		if (is_small_full)
			evict_small(model);
		else
			evict_main(model);
	}
}

static void hit(struct sim_model *model, struct object *object)
{
	if (model->is_lru) {
		take_out(model, object);
		put_in(model, object, MAIN);
	} else if (object->freq < FREQ_MAX) {
		object->freq++;
	}
}

bool sim_model_ask(struct sim_model *model, uint64_t key, uint32_t bytes)
{
	uint64_t hash = hash_mix(key, 0);
	struct map_node *node = map_find(&model->objects, hash, has_key, &key);
	struct object *object = node != NULL ? container_of(node, struct object, node) : NULL;
	if (object != NULL && object->queue != GHOST) {
		hit(model, object);
		return true;
	}
	enum queue queue = object != NULL || model->is_lru ? MAIN : SMALL;
	if (object != NULL)
		forget(model, object);
	if (bytes > model->capacity[SMALL] + model->capacity[MAIN])
		return false;
	make_room(model, bytes);
	object = mem_new(struct object);
	object->key = key;
	object->bytes = bytes;
	map_add(&model->objects, &object->node, hash);
	put_in(model, object, queue);
	return false;
}
