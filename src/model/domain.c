/*
 * The life of a domain: one allocation holds the struct and a first block for its strings and
 * arrays, which is enough for most; what does not fit goes to further blocks. In a block, arrays
 * grow from the front, where they are aligned, and strings from the back, where they need not be.
 */
#include "model/domain.h"

#include "base/mem.h"
#include "model/field.h"

/* A hundred thousand domains stand in memory at once; these say how large each is. */
enum { FIRST_BLOCK_BYTES = 208, BLOCK_BYTES = 320, BLOCK_ALIGN = 8 };

struct model_domain_memory {
	struct model_domain_memory *next; /* an older block, or NULL behind the first */
	uint32_t front, back;             /* free space in `bytes` */
	_Alignas(BLOCK_ALIGN) char bytes[];
};

/* A domain and its first block, whose bytes follow the struct. */
struct domain_and_memory {
	struct model_domain domain;
	struct model_domain_memory first;
};

_Static_assert(sizeof(struct model_domain) <= 560, "a hundred thousand domains must stay small");

struct model_domain *model_domain_new(void)
{
	struct domain_and_memory *whole = mem_alloc(sizeof(*whole) + FIRST_BLOCK_BYTES);
	whole->domain = *model_field_defaults();
	atomic_init(&whole->domain.references, 1);
	whole->first.next = NULL;
	whole->first.front = 0;
	whole->first.back = FIRST_BLOCK_BYTES;
	whole->domain.memory = &whole->first;
	return &whole->domain;
}

/* The newest block with room for `size` bytes. Room that an older one has left is given up: it is
 * less than a block for each. */
static struct model_domain_memory *block_with_room(struct model_domain *domain, size_t size)
{
	CHECK(size < UINT32_MAX / 2);
	struct model_domain_memory *block = domain->memory;
	if (size <= block->back - block->front)
		return block;
	size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
	struct model_domain_memory *added = mem_alloc(sizeof(*added) + bytes);
	added->next = block;
	added->front = 0;
	added->back = (uint32_t)bytes;
	domain->memory = added;
	return added;
}

void *model_domain_alloc(struct model_domain *domain, size_t size)
{
	size_t rounded = (size + BLOCK_ALIGN - 1) & ~(size_t)(BLOCK_ALIGN - 1);
	struct model_domain_memory *block = block_with_room(domain, rounded);
	void *memory = block->bytes + block->front;
	block->front += (uint32_t)rounded;
	return memory;
}

const char *model_domain_copy(struct model_domain *domain, struct str s)
{
	struct model_domain_memory *block = block_with_room(domain, s.len + 1);
	block->back -= (uint32_t)s.len + 1;
	char *copy = block->bytes + block->back;
	if (s.len != 0)
		memcpy(copy, s.at, s.len);
	copy[s.len] = '\0';
	return copy;
}

void model_domain_init_origin(struct model_origin *origin)
{
	*origin = model_field_defaults()->origin;
}

struct model_cache *model_domain_own_cache(struct model_domain *domain)
{
	const struct model_cache *shared = model_field_defaults()->cache;
	if (domain->cache == shared) {
		struct model_cache *own = model_domain_alloc(domain, sizeof(*own));
		*own = *shared;
		domain->cache = own;
	}
	/* It is this domain's, which is not const. */
	return (void *)(uintptr_t)domain->cache;
}

struct model_domain *model_domain_ref(struct model_domain *domain)
{
	atomic_fetch_add_explicit(&domain->references, 1, memory_order_relaxed);
	return domain;
}

void model_domain_unref(struct model_domain *domain)
{
	if (domain == NULL)
		return;
	unsigned before = atomic_fetch_sub_explicit(&domain->references, 1, memory_order_acq_rel);
	CHECK(before != 0);
	if (before != 1)
		return;
	struct domain_and_memory *whole = container_of(domain, struct domain_and_memory, domain);
	for (struct model_domain_memory *block = domain->memory; block != &whole->first;) {
		struct model_domain_memory *next = block->next;
		mem_free(block);
		block = next;
	}
	mem_free(whole);
}

struct model_origin *model_domain_origin(struct model_domain *domain, enum model_role role)
{
	switch (role) {
	case MODEL_MASTER:
		return &domain->origin;
	case MODEL_BACKUP:
		return domain->backup;
	case MODEL_ROLES:
		break;
	}
	CHECK(role < MODEL_ROLES);
	return NULL;
}

void model_statuses_set(struct model_statuses *statuses, unsigned first, unsigned last, bool on)
{
	CHECK(first >= 100 && first <= last && last <= 599);
	for (unsigned status = first; status <= last; status++) {
		uint64_t bit = (uint64_t)1 << ((status - 100) % 64);
		uint64_t *word = &statuses->bits[(status - 100) / 64];
		*word = on ? *word | bit : *word & ~bit;
	}
}
