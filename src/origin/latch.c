/*
 * A table by name, with a lock; only domains that have a latch or a hold-down come as far as the
 * lock, and while nobody is latched not even they. A latch is dropped when a snapshot no longer
 * asks for it. An operator says back by a change of the domain (backup.latch_ends), so that edges
 * that were away hear of it as well.
 */
#include "origin/latch.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

struct latch {
	struct map_node node;
	uint64_t since_ms;  /* the block that was noted last */
	uint64_t until_ms;  /* the end of the hold-down */
	uint16_t ends;      /* backup.latch_ends as the domain had it then */
	bool is_latched;    /* until an operator says back */
	unsigned wanted_at; /* the round of keep_only that found its domain */
	struct str name;    /* behind the struct */
};

struct origin_latches {
	pthread_mutex_t lock;
	struct map map;
	atomic_uint count; /* of the map, to be read without the lock */
	unsigned round;
};

struct origin_latches *origin_latch_table_new(void)
{
	struct origin_latches *latches = mem_new(struct origin_latches);
	CHECK(pthread_mutex_init(&latches->lock, NULL) == 0);
	return latches;
}

static void drop(struct origin_latches *latches, struct latch *latch)
{
	map_remove(&latches->map, &latch->node);
	atomic_fetch_sub_explicit(&latches->count, 1, memory_order_relaxed);
	mem_free(latch);
}

void origin_latch_table_free(struct origin_latches *latches)
{
	if (latches == NULL)
		return;
	struct map_node *node;
	while ((node = map_first(&latches->map)) != NULL)
		drop(latches, container_of(node, struct latch, node));
	map_done(&latches->map);
	pthread_mutex_destroy(&latches->lock);
	mem_free(latches);
}

static bool has_name(const struct map_node *node, const void *key)
{
	const struct str *name = key;
	return str_is_equal(container_of(node, const struct latch, node)->name, *name);
}

/* Under the lock. */
static struct latch *find(struct origin_latches *latches, struct str name)
{
	struct map_node *node =
	        map_find(&latches->map, hash_keyed(name.at, name.len), has_name, &name);
	return node == NULL ? NULL : container_of(node, struct latch, node);
}

static struct latch *find_or_add(struct origin_latches *latches, struct str name)
{
	struct latch *latch = find(latches, name);
	if (latch != NULL)
		return latch;
	latch = mem_zero(sizeof(*latch) + name.len);
	memcpy(latch + 1, name.at, name.len);
	latch->name = str_make((char *)(latch + 1), name.len);
	map_add(&latches->map, &latch->node, hash_keyed(name.at, name.len));
	atomic_fetch_add_explicit(&latches->count, 1, memory_order_relaxed);
	return latch;
}

/* The block that was noted last holds nobody any more. */
static void release(struct latch *latch)
{
	latch->is_latched = false;
	latch->until_ms = 0;
}

bool origin_latch_is_configured(const struct model_domain *domain)
{
	return domain->backup != NULL &&
	       (domain->latch == MODEL_LATCH_MANUAL || domain->hold_down_ms != 0);
}

void origin_latch_keep_only(struct origin_latches *latches, const struct model_snapshot *snapshot)
{
	if (atomic_load_explicit(&latches->count, memory_order_relaxed) == 0)
		return;
	CHECK(pthread_mutex_lock(&latches->lock) == 0);
	latches->round++;
	for (size_t i = 0; i < model_snapshot_count(snapshot); i++) {
		const struct model_domain *domain = model_snapshot_at(snapshot, i);
		struct latch *latch = origin_latch_is_configured(domain)
		                              ? find(latches, str_of(domain->name))
		                              : NULL;
		if (latch == NULL)
			continue;
		latch->wanted_at = latches->round;
		/* A mode that was switched off does not come back latched. */
		latch->is_latched = latch->is_latched && domain->latch == MODEL_LATCH_MANUAL;
		if (latch->ends != domain->latch_ends)
			release(latch);
		latch->ends = domain->latch_ends;
	}
	struct map_node *following = NULL;
	for (struct map_node *node = map_first(&latches->map); node != NULL; node = following) {
		following = map_next(&latches->map, node);
		struct latch *latch = container_of(node, struct latch, node);
		if (latch->wanted_at != latches->round)
			drop(latches, latch);
	}
	CHECK(pthread_mutex_unlock(&latches->lock) == 0);
}

bool origin_latch_is_on_backup(
        struct origin_shared *shared, const struct model_domain *domain, uint64_t now_ms)
{
	if (!origin_latch_is_configured(domain))
		return false;
	struct origin_latches *latches = origin_shared_latches(shared);
	if (atomic_load_explicit(&latches->count, memory_order_relaxed) == 0)
		return false;
	CHECK(pthread_mutex_lock(&latches->lock) == 0);
	const struct latch *latch = find(latches, str_of(domain->name));
	bool is_on =
	        latch != NULL && ((latch->is_latched && domain->latch == MODEL_LATCH_MANUAL) ||
	                                 (now_ms < latch->until_ms && domain->hold_down_ms != 0));
	CHECK(pthread_mutex_unlock(&latches->lock) == 0);
	return is_on;
}

void origin_latch_note_blocked(
        struct origin_shared *shared, const struct model_domain *domain, uint64_t since_ms)
{
	if (!origin_latch_is_configured(domain))
		return;
	struct origin_latches *latches = origin_shared_latches(shared);
	CHECK(pthread_mutex_lock(&latches->lock) == 0);
	struct latch *latch = find_or_add(latches, str_of(domain->name));
	if (latch->since_ms < since_ms) {
		latch->since_ms = since_ms;
		latch->ends = domain->latch_ends;
		latch->is_latched = domain->latch == MODEL_LATCH_MANUAL;
		latch->until_ms = since_ms + domain->hold_down_ms;
	}
	CHECK(pthread_mutex_unlock(&latches->lock) == 0);
}

void origin_latch_release(struct origin_shared *shared, struct str domain)
{
	struct origin_latches *latches = origin_shared_latches(shared);
	CHECK(pthread_mutex_lock(&latches->lock) == 0);
	struct latch *latch = find(latches, domain);
	if (latch != NULL)
		release(latch);
	CHECK(pthread_mutex_unlock(&latches->lock) == 0);
}
