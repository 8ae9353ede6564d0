/*
 * Slabs as chunks of about SLAB_CHUNK bytes, cut into objects that are chained when the chunk
 * arrives, lowest address first.
 */
#include "base/slab.h"

#include <stdint.h>

enum { SLAB_ALIGN = 16, SLAB_CHUNK = 65536 };

struct slab_chunk {
	_Alignas(SLAB_ALIGN) struct slab_chunk *next;
};

void slab_init(struct slab *slab, size_t object_bytes)
{
	CHECK(object_bytes > 0 && object_bytes < SIZE_MAX / 2);
	object_bytes = (object_bytes + SLAB_ALIGN - 1) & ~(size_t)(SLAB_ALIGN - 1);
	*slab = (struct slab){.object_bytes = object_bytes};
}

void slab_add_chunk(struct slab *slab)
{
	size_t count = (SLAB_CHUNK - sizeof(struct slab_chunk)) / slab->object_bytes;
	if (count == 0)
		count = 1;
	struct slab_chunk *chunk = mem_alloc(sizeof(*chunk) + count * slab->object_bytes);
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	char *objects = (char *)(chunk + 1);
	for (size_t i = count; i-- > 0;) {
		struct slab_free *object = (void *)(objects + i * slab->object_bytes);
		object->next = slab->free;
		slab->free = object;
	}
	mem_poison(objects, count * slab->object_bytes);
}

void slab_done(struct slab *slab)
{
	CHECK(slab->in_use == 0);
	while (slab->chunks != NULL) {
		struct slab_chunk *chunk = slab->chunks;
		slab->chunks = chunk->next;
		mem_free(chunk);
	}
	slab->free = NULL;
}
