/*
 * Readers' lines, and pins. How epochs work is told in reader_private.h.
 */
#include "cache/reader_private.h"

#include "base/mem.h"
#include "cache/segment_private.h"

struct cache_reader *cache_reader_new(struct cache_store *store)
{
	struct cache_shared *shared = store->shared;
	struct cache_reader *reader = NULL;
	cache_store_lock(store);
	for (uint32_t i = 0; i < LIMIT_CACHE_READERS && reader == NULL; i++) {
		struct cache_reader_line *line = &shared->readers[i];
		if (atomic_load_explicit(&line->owner, memory_order_relaxed) != 0)
			continue;
		atomic_store_explicit(&line->epoch, 0, memory_order_release);
		atomic_store_explicit(&line->owner, store->process + 1, memory_order_relaxed);
		if (atomic_load_explicit(&shared->reader_lines, memory_order_relaxed) <= i)
			atomic_store_explicit(&shared->reader_lines, i + 1, memory_order_release);
		reader = mem_new(struct cache_reader);
		reader->store = store;
		reader->line = line;
	}
	cache_store_unlock(store);
	return reader;
}

void cache_reader_free(struct cache_reader *reader)
{
	if (reader == NULL)
		return;
	cache_store_lock(reader->store);
	atomic_store_explicit(&reader->line->epoch, 0, memory_order_release);
	atomic_store_explicit(&reader->line->owner, 0, memory_order_relaxed);
	cache_store_unlock(reader->store);
	mem_free(reader);
}

void cache_reader_quiet(struct cache_reader *reader)
{
	if (!reader->is_inside)
		return;
	reader->is_inside = false;
	atomic_store_explicit(&reader->line->epoch, 0, memory_order_release);
}

uint64_t cache_reader_oldest(const struct cache_store *store)
{
	struct cache_shared *shared = store->shared;
	uint32_t lines = atomic_load_explicit(&shared->reader_lines, memory_order_acquire);
	uint64_t oldest = UINT64_MAX;
	for (uint32_t i = 0; i < lines && i < LIMIT_CACHE_READERS; i++) {
		uint64_t epoch =
		        atomic_load_explicit(&shared->readers[i].epoch, memory_order_seq_cst);
		if (epoch != 0 && epoch < oldest)
			oldest = epoch;
	}
	return oldest;
}

bool cache_reader_pin(struct cache_reader *reader, const struct cache_place *place)
{
	CHECK(reader->is_inside);
	struct cache_store *store = reader->store;
	uint64_t pinned = 0;
	for (uint32_t i = 0; i < LIMIT_CACHE_PROCESSES; i++)
		pinned += atomic_load_explicit(&store->shared->pinned[i], memory_order_relaxed);
	if (pinned > store->geometry.segments / 2 &&
	        !cache_segment_is_pinned(store, place->segment))
		return false;
	cache_segment_pin(store, place->segment);
	return true;
}

void cache_reader_unpin(struct cache_reader *reader, uint32_t segment)
{
	cache_segment_unpin(reader->store, segment);
}
