/*
 * Slabs: objects of one size for one thread, taken and given back in a few instructions. Objects
 * come from chunks that stay until slab_done. Under ASan, free objects are poisoned.
 */
#pragma once

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

/* The beginning of an object that is free. */
struct slab_free {
	struct slab_free *next;
};

struct slab_chunk;

struct slab {
	struct slab_free *free; /* last in, first out: what was given back last is warm */
	struct slab_chunk *chunks;
	size_t object_bytes;
	size_t in_use;
	bool is_sparse;
	char *fresh; /* sparse: objects of the newest chunk that nobody had yet */
	size_t fresh_count;
};

/* Objects of `object_bytes` bytes each, aligned for any type. */
void slab_init(struct slab *slab, size_t object_bytes);

/* Large objects, of whole pages, that are not written to in full: a page that no object at its
 * place ever wrote to takes no memory. */
void slab_init_sparse(struct slab *slab, size_t object_bytes);

/* What slab_take does when no object is free; not for anybody else. */
void slab_add_chunk(struct slab *slab);

/* An object, not zeroed; never NULL. */
static inline void *slab_take(struct slab *slab)
{
	if (__builtin_expect(slab->free == NULL, 0))
		slab_add_chunk(slab);
	struct slab_free *object = slab->free;
	mem_unpoison(object, slab->object_bytes);
	slab->free = object->next;
	slab->in_use++;
	return object;
}

/* Gives an object back; NULL is fine. */
static inline void slab_give(struct slab *slab, void *object)
{
	if (object == NULL)
		return;
	CHECK(slab->in_use > 0);
	slab->in_use--;
	struct slab_free *freed = object;
	freed->next = slab->free;
	slab->free = freed;
	mem_poison(object, slab->object_bytes);
}

/* Frees the chunks; no object may be in use. */
void slab_done(struct slab *slab);
