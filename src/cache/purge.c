/*
 * A purge takes the next sequence, and tells it last: what begins in between carries the old one
 * and is covered. The lock is held for one entry of the index or one mark.
 */
#include "cache/purge.h"

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

/* A soft purge of what is at the URL itself: of an object, or of a spec, for its older variants. */
static void soften(struct cache_record *record, uint64_t sequence)
{
	switch ((enum cache_kind)atomic_load_explicit(&record->kind, memory_order_relaxed)) {
	case CACHE_KIND_OBJECT:
		atomic_fetch_or_explicit(
		        &record->flags, CACHE_RECORD_IS_SOFT_PURGED, memory_order_relaxed);
		break;
	case CACHE_KIND_SPEC:
		atomic_store_explicit(&record->mark, sequence, memory_order_release);
		break;
	case CACHE_KIND_PIECE:
	case CACHE_KIND_ROOM:
		break;
	}
}

void cache_purge_url(struct cache_store *store, const struct cache_key *key, enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	cache_mark_add_url(store, key->hash, sequence, how);
	struct cache_record *record;
	_Atomic uint64_t *slot = cache_index_find(store, key->hash, &record);
	if (slot != NULL && how == CACHE_PURGE_HARD)
		cache_index_remove(store, slot);
	else if (slot != NULL)
		soften(record, sequence);
	finish(store, sequence);
}

void cache_purge_prefix(
        struct cache_store *store, uint64_t domain, struct str prefix, enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	cache_mark_add_prefix(store, domain, prefix, sequence, how);
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
	finish_mark(store, sequence);
}

void cache_purge_all(struct cache_store *store, enum cache_purge how)
{
	cache_store_lock(store);
	uint64_t sequence = next_sequence(store);
	cache_mark_add_all(store, sequence, how);
	finish_mark(store, sequence);
}

enum cache_purged cache_purge_since(struct cache_store *store, const struct cache_key *key,
        uint64_t domain, const uint64_t *tags, unsigned tag_count, uint64_t sequence)
{
	if (cache_store_sequence(store) <= sequence)
		return CACHE_PURGED_NOT;
	const struct cache_mark_subject subject = {key->text, domain, tags, tag_count};
	cache_store_lock(store);
	enum cache_purged verdict = cache_mark_since(store, key->hash, &subject, sequence);
	cache_store_unlock(store);
	return verdict;
}
