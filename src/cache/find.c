/*
 * A find: the slots of a bucket whose tag matches, the record behind, the whole key; then whether
 * it is undamaged (once for each generation of processes) and whether a purge mark touches it (once
 * for each mark; the record remembers up to which it is known not to). All but the first of these
 * are in the header's cache line. Only where no record in memory is the one, a slot counts that
 * leads to a disk: of these nothing but the tag is known here.
 */
#include "cache/find.h"

#include "cache/disk_private.h"
#include "cache/index_private.h"
#include "cache/mark_private.h"
#include "cache/reader_private.h"

enum { PREFETCHED_LINES = 4 };

enum where { NOWHERE, HERE, AWAY };

/* An entry on its way to the caller. */
struct hit {
	_Atomic uint64_t *slot;
	uint64_t value; /* of the slot when it was found */
	struct cache_record *record;
};

/* Takes an entry out of the index whose record is not what was written. */
static void drop(struct cache_store *store, const struct hit *hit, bool is_damage)
{
	uint64_t location = cache_slot_location(hit->value);
	cache_store_lock(store);
	uint64_t now = cache_slot_load(hit->slot);
	if (cache_slot_kind(now) == CACHE_SLOT_ENTRY && cache_slot_location(now) == location) {
		cache_index_remove(store, hit->slot, hit->record->hash);
		store->shared->counters.damaged += is_damage;
	}
	cache_store_unlock(store);
}

/* Has the processor fetch at once what a find reads of most records: the header, an object's fixed
 * part, the key. Else each would be waited for after the other. */
static void prefetch(const struct cache_record *record)
{
	for (unsigned line = 0; line < PREFETCHED_LINES; line++)
		__builtin_prefetch((const char *)record + line * CACHE_LINE);
}

/* One bucket. The index has no two records with the same hash: a put replaces what has it. A slot
 * on the way that may lead to it on a disk is noted in *away. Each slot is loaded once: it may turn
 * from the disk to the memory, or back, at any time, and who looks for the one and then for the
 * other misses both. */
static bool look(const struct cache_store *store, uint64_t hash, unsigned which,
        struct hit *ret_hit, struct hit *away)
{
	uint64_t match = cache_slot_wanted(hash);
	_Atomic uint64_t *bucket = cache_index_bucket(store, hash, which);
	for (unsigned i = 0; i < CACHE_BUCKET_SLOTS; i++) {
		uint64_t slot = cache_slot_load(&bucket[i]);
		if ((slot & CACHE_SLOT_MATCH_MASK) != match)
			continue;
		uint64_t location = cache_slot_location(slot);
		struct cache_record *record = cache_store_at(store, location);
		if (record == NULL) {
			if (away->slot == NULL && cache_disk_is_readable(store, location))
				*away = (struct hit){&bucket[i], slot, NULL};
			continue;
		}
		prefetch(record);
		record = cache_store_record(store, location);
		if (record == NULL || record->hash != hash)
			continue;
		*ret_hit = (struct hit){&bucket[i], slot, record};
		return true;
	}
	return false;
}

/* One more use, up to what the counter can say. A lost race was another use, or the end. */
static void use(const struct hit *hit)
{
	uint64_t value = hit->value;
	if (cache_slot_freq(value) < CACHE_SLOT_FREQ_MAX)
		atomic_compare_exchange_strong_explicit(hit->slot, &value,
		        value + CACHE_SLOT_ONE_USE, memory_order_relaxed, memory_order_relaxed);
}

/* The entry of a hash: HERE with *ret_hit, undamaged, or AWAY with reader->away. */
static enum where find(struct cache_reader *reader, uint64_t hash, bool is_use, struct hit *ret_hit)
{
	struct cache_store *store = reader->store;
	struct hit away = {.slot = NULL};
	cache_reader_enter(reader);
	if (look(store, hash, 0, ret_hit, &away) || look(store, hash, 1, ret_hit, &away)) {
		if (cache_store_is_whole(
		            store, ret_hit->record, cache_slot_location(ret_hit->value)))
			return HERE;
		drop(store, ret_hit, true);
		return NOWHERE;
	}
	if (away.slot == NULL)
		return NOWHERE;
	if (is_use)
		use(&away);
	reader->away = (struct cache_away){hash, cache_slot_location(away.value)};
	return AWAY;
}

struct cache_away cache_find_away(const struct cache_reader *reader)
{
	return reader->away;
}

/* ---- purge marks ---- */

/* Compares with the marks that it was not yet compared with; what is found out is kept. */
static enum cache_purged compare(const struct cache_store *store, struct cache_record *record,
        const struct cache_record_object *object, uint64_t sequence, uint64_t last)
{
	const struct cache_mark_subject subject = {
	        .key = object->key,
	        .domain = object->object->domain,
	        .tags = object->tags,
	        .tag_count = object->object->tag_count,
	};
	enum cache_purged verdict = cache_mark_covers(store, &subject, sequence);
	switch (verdict) {
	case CACHE_PURGED_HARD:
		return verdict;
	case CACHE_PURGED_SOFT:
		atomic_fetch_or_explicit(
		        &record->flags, CACHE_RECORD_IS_SOFT_PURGED, memory_order_relaxed);
		break;
	case CACHE_PURGED_NOT:
		break;
	}
	atomic_store_explicit(&record->mark, last, memory_order_release);
	return verdict;
}

/* False when it is gone. */
static bool pass_marks(const struct cache_store *store, const struct hit *hit,
        const struct cache_record_object *object)
{
	struct cache_record *record = hit->record;
	uint64_t last = atomic_load_explicit(&store->shared->mark_sequence, memory_order_acquire);
	uint64_t known = atomic_load_explicit(&record->mark, memory_order_acquire);
	uint64_t sequence = record->sequence > known ? record->sequence : known;
	return sequence >= last ||
	       compare(store, record, object, sequence, last) != CACHE_PURGED_HARD;
}

/* ---- results ---- */

static struct cache_place place(
        const struct cache_store *store, const struct hit *hit, uint32_t at, uint32_t len)
{
	const char *bytes = (const char *)hit->record + at;
	return (struct cache_place){
	        .at = bytes,
	        .offset = (uint64_t)(bytes - store->base),
	        .len = len,
	        .segment = cache_store_segment_of(store, cache_slot_location(hit->value)),
	        .fd = store->fd,
	};
}

/* Fills in the entry if it is the variant of the key and not purged. `soft_since`: older ones are
 * soft-purged. */
static bool take_object(struct cache_reader *reader, const struct hit *hit,
        const struct cache_key *key, struct str variant, uint64_t soft_since,
        struct cache_entry *ret_entry)
{
	const struct cache_store *store = reader->store;
	const struct cache_record *record = hit->record;
	struct cache_record_object object;
	if (!cache_record_read_object(record, &object) || !str_is_equal(object.key, key->text) ||
	        !str_is_equal(object.variant, variant))
		return false;
	if (!pass_marks(store, hit, &object)) {
		drop(reader->store, hit, false);
		return false;
	}
	use(hit);
	*ret_entry = (struct cache_entry){
	        .object = object.object,
	        .head = object.head,
	        .key = object.key,
	        .variant = object.variant,
	        .tags = object.tags,
	        .body = place(store, hit, object.inline_at, object.object->inline_len),
	        .id = record->id,
	        .sequence = record->sequence,
	        .is_soft_purged =
	                cache_record_is_soft_purged(record) || record->sequence < soft_since,
	};
	return true;
}

static bool take_variants(
        const struct hit *hit, const struct cache_key *key, struct cache_variants *ret_variants)
{
	struct cache_record_spec spec;
	if (!cache_record_read_spec(hit->record, &spec) || !str_is_equal(spec.key, key->text))
		return false;
	use(hit);
	*ret_variants = (struct cache_variants){
	        .names = spec.names,
	        .epoch = hit->record->id,
	        .soft_sequence = atomic_load_explicit(&hit->record->mark, memory_order_acquire),
	};
	return true;
}

enum cache_found cache_find(struct cache_reader *reader, const struct cache_key *key,
        struct cache_entry *ret_entry, struct cache_variants *ret_variants)
{
	struct hit hit;
	switch (find(reader, key->hash, true, &hit)) {
	case NOWHERE:
		return CACHE_FOUND_NOTHING;
	case AWAY:
		return CACHE_FOUND_AWAY;
	case HERE:
		break;
	}
	switch (cache_record_kind(hit.record)) {
	case CACHE_KIND_OBJECT:
		if (take_object(reader, &hit, key, STR_EMPTY, 0, ret_entry))
			return CACHE_FOUND_OBJECT;
		break;
	case CACHE_KIND_SPEC:
		if (take_variants(&hit, key, ret_variants))
			return CACHE_FOUND_SPEC;
		break;
	case CACHE_KIND_PIECE:
	case CACHE_KIND_ROOM:
	case CACHE_KIND_REMOVALS:
	case CACHE_KIND_MARK:
		break;
	}
	return CACHE_FOUND_NOTHING;
}

enum cache_found cache_find_variant(struct cache_reader *reader, const struct cache_key *key,
        const struct cache_variants *variants, struct str variant, struct cache_entry *ret_entry)
{
	uint64_t hash = cache_key_variant(reader->store, key, variants->epoch, variant);
	struct hit hit;
	switch (find(reader, hash, true, &hit)) {
	case NOWHERE:
		break;
	case AWAY:
		return CACHE_FOUND_AWAY;
	case HERE:
		if (take_object(reader, &hit, key, variant, variants->soft_sequence, ret_entry))
			return CACHE_FOUND_OBJECT;
		break;
	}
	return CACHE_FOUND_NOTHING;
}

static enum where find_piece(
        struct cache_reader *reader, uint64_t id, uint64_t number, bool is_use, struct hit *ret_hit)
{
	uint64_t hash = cache_key_piece(reader->store, id, number);
	enum where where = find(reader, hash, is_use, ret_hit);
	if (where != HERE)
		return where;
	const struct cache_record *record = ret_hit->record;
	bool is_it = cache_record_kind(record) == CACHE_KIND_PIECE && record->id == id &&
	             record->primary == number;
	return is_it ? HERE : NOWHERE;
}

enum cache_found cache_find_piece(
        struct cache_reader *reader, uint64_t id, uint64_t number, struct cache_place *ret_place)
{
	struct hit hit;
	switch (find_piece(reader, id, number, true, &hit)) {
	case NOWHERE:
		break;
	case AWAY:
		return CACHE_FOUND_AWAY;
	case HERE:
		use(&hit);
		*ret_place = place(reader->store, &hit, sizeof(*hit.record),
		        hit.record->bytes - (uint32_t)sizeof(*hit.record));
		return CACHE_FOUND_PIECE;
	}
	return CACHE_FOUND_NOTHING;
}

enum cache_found cache_find_has_piece(struct cache_reader *reader, uint64_t id, uint64_t number)
{
	struct hit hit;
	switch (find_piece(reader, id, number, false, &hit)) {
	case NOWHERE:
		break;
	case AWAY:
		return CACHE_FOUND_AWAY;
	case HERE:
		return CACHE_FOUND_PIECE;
	}
	return CACHE_FOUND_NOTHING;
}
