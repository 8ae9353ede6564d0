/*
 * A purge takes the next sequence, and tells it last: what begins in between carries the old one
 * and is covered. The lock is held for a few entries of the index or one mark.
 */
#include "cache/purge.h"

#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/keeper_private.h"
#include "cache/mark_private.h"

static uint64_t next_sequence(const struct cache_store *store)
{
	return atomic_load_explicit(&store->shared->sequence, memory_order_relaxed) + 1;
}

/* Under the lock, when everything says that the purge was: from now on it is. */
static void finish(struct cache_store *store, uint64_t sequence)
{
	/* A floor that was raised meanwhile has taken higher ones. */
	if (cache_store_sequence(store) < sequence)
		atomic_store_explicit(&store->shared->sequence, sequence, memory_order_release);
	bool wants_sweep = cache_mark_wants_sweep(store);
	cache_store_unlock(store);
	if (wants_sweep)
		cache_keeper_wake(store);
}

static void finish_mark(struct cache_store *store, uint64_t sequence)
{
	atomic_store_explicit(&store->shared->mark_sequence, sequence, memory_order_release);
	finish(store, sequence);
}

/* One entry of the index, under the lock. */
static void purge_entry(
        struct cache_store *store, uint64_t hash, uint64_t sequence, enum cache_purge how)
{
	cache_mark_add_url(store, hash, sequence, how);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, hash, &record);
	cache_disk_forget_unscanned(store, hash);
	if (slot != NULL && how == CACHE_PURGE_HARD)
		cache_index_remove(store, slot, hash);
	else if (slot != NULL)
		cache_index_soften(store, slot, sequence);
	else
		cache_index_add_tomb(store, hash);
	/* What no slot tells from it goes, too: one of those may be it. */
	if (how == CACHE_PURGE_HARD)
		cache_index_remove_away(store, hash, NULL);
	else
		cache_index_soften_away(store, hash, slot);
}

void cache_purge_urls(struct cache_store *store, const struct cache_key *keys, unsigned count,
        enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	for (unsigned i = 0; i < count; i++)
		purge_entry(store, keys[i].hash, sequence, how);
	cache_disk_raise_moment(store);
	finish(store, sequence);
}

void cache_purge_url(struct cache_store *store, const struct cache_key *key, enum cache_purge how)
{
	cache_purge_urls(store, key, 1, how);
}

void cache_purge_variant(struct cache_store *store, const struct cache_key *key, uint64_t epoch,
        struct str variant, enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	purge_entry(store, cache_key_variant(store, key, epoch, variant), sequence, how);
	cache_disk_raise_moment(store);
	finish(store, sequence);
}

/* The same mark for what is on disks. */
static void mark_disks(struct cache_store *store, enum cache_mark_kind kind, uint64_t domain,
        uint64_t tag, struct str text, uint64_t sequence, enum cache_purge how)
{
	const struct cache_disk_mark mark = {
	        .domain = domain,
	        .tag = tag,
	        .kind = (uint8_t)kind,
	        .is_soft = how == CACHE_PURGE_SOFT,
	};
	cache_disk_add_mark(store, &mark, text, sequence);
}

void cache_purge_prefix(
        struct cache_store *store, uint64_t domain, struct str prefix, enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	cache_mark_add_prefix(store, domain, prefix, sequence, how);
	mark_disks(store, CACHE_MARK_PREFIX, domain, 0, prefix, sequence, how);
	finish_mark(store, sequence);
}

void cache_purge_domain(struct cache_store *store, uint64_t domain, enum cache_purge how)
{
	cache_purge_tag(store, domain, domain, how);
}

void cache_purge_tag(struct cache_store *store, uint64_t domain, uint64_t tag, enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	cache_mark_add(store, tag, domain, sequence, how);
	mark_disks(store, CACHE_MARK_TAG, domain, tag, STR_EMPTY, sequence, how);
	finish_mark(store, sequence);
}

void cache_purge_all(struct cache_store *store, enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	cache_mark_add_all(store, sequence, how);
	mark_disks(store, CACHE_MARK_ALL, 0, 0, STR_EMPTY, sequence, how);
	finish_mark(store, sequence);
}

enum cache_purged cache_purge_since(struct cache_store *store, const struct cache_key *key,
        uint64_t domain, const uint64_t *tags, unsigned tag_count, uint64_t sequence)
{
	if (cache_store_sequence(store) <= sequence)
		return CACHE_PURGED_NOT;
	const struct cache_mark_subject subject = {key->text, domain, tags, tag_count};
	cache_store_lock(store);
	enum cache_purged verdict =
	        cache_mark_since(store, key->hash, key->hash, &subject, sequence);
	cache_store_unlock(store);
	return verdict;
}
