/*
 * Slabs as chunks of about SLAB_CHUNK bytes, cut into objects that are chained when the chunk
 * arrives, lowest address first. Chunks of a sparse one are pages of the kernel's, and an object of
 * such a chunk is chained no sooner than it is needed, since that writes to it.
 */
#include "base/slab.h"

#include <stdint.h>
#include <sys/mman.h>

enum { SLAB_ALIGN = 16, SLAB_CHUNK = 65536, SPARSE_CHUNK = 1 << 20, PAGE = 4096 };

struct slab_chunk {
	_Alignas(SLAB_ALIGN) struct slab_chunk *next;
};

void slab_init(struct slab *slab, size_t object_bytes)
{
	CHECK(object_bytes > 0 && object_bytes < SIZE_MAX / 2);
	object_bytes = (object_bytes + SLAB_ALIGN - 1) & ~(size_t)(SLAB_ALIGN - 1);
	*slab = (struct slab){.object_bytes = object_bytes};
}

void slab_init_sparse(struct slab *slab, size_t object_bytes)
{
	CHECK(object_bytes > 0 && object_bytes <= SPARSE_CHUNK - PAGE);
	object_bytes = (object_bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
	*slab = (struct slab){.object_bytes = object_bytes, .is_sparse = true};
}

/* Its first page has its place in the list. */
static void add_sparse_chunk(struct slab *slab)
{
	void *at = mmap(
	        NULL, SPARSE_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	madvise(at, SPARSE_CHUNK, MADV_NOHUGEPAGE);
	struct slab_chunk *chunk = at;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	slab->fresh = (char *)at + PAGE;
	slab->fresh_count = (SPARSE_CHUNK - PAGE) / slab->object_bytes;
	mem_poison(slab->fresh, SPARSE_CHUNK - PAGE);
}

static void add_sparse_object(struct slab *slab)
{
	if (slab->fresh_count == 0)
		add_sparse_chunk(slab);
	struct slab_free *object = (void *)slab->fresh;
	slab->fresh += slab->object_bytes;
	slab->fresh_count--;
	mem_unpoison(object, sizeof(*object));
	object->next = slab->free;
	slab->free = object;
}

void slab_add_chunk(struct slab *slab)
{
	if (slab->is_sparse) {
		add_sparse_object(slab);
		return;
	}
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
		if (slab->is_sparse) {
			mem_unpoison(chunk, SPARSE_CHUNK);
			munmap(chunk, SPARSE_CHUNK);
		} else {
			mem_free(chunk);
		}
	}
	slab->free = NULL;
	slab->fresh_count = 0;
}
