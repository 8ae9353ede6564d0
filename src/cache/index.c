/*
 * Placement. An entry goes to its first bucket while that has a free slot, so that most finds touch
 * one line. Nothing is ever moved between buckets: with as many ghosts as entries there is always
 * something to drop first, and a find needs no retry.
 *
 * A ghost's time is the clock of evictions from probation in units that make the window (as many
 * segments as memory and disks have) about GHOST_WINDOW_UNITS; whoever changes a bucket clears
 * expired ghosts in it, so that none is there long enough to look young again.
 */
#include "cache/index_private.h"

#include "cache/disk_private.h"

enum {
	SLICE_SLOTS = 1 << 16,     /* of a walk, for which the lock is held */
	GHOST_WINDOW_UNITS = 1024, /* a quarter of what the time can tell apart, at most */
	GHOST_MORE_SHIFT = 64 - CACHE_SLOT_TAG_BITS - 26,
};

#define GHOST_TIME_MASK ((UINT64_C(1) << CACHE_GHOST_TIME_BITS) - 1)

/* ---- ghosts ---- */

/* Evictions in one unit of a ghost's time, as a power of two. */
static unsigned ghost_unit_shift(const struct cache_store *store)
{
	unsigned shift = 0;
	while (store->ghost_window >> shift > GHOST_WINDOW_UNITS)
		shift++;
	return shift;
}

static uint64_t ghost_age(const struct cache_store *store, uint64_t slot)
{
	uint64_t now = store->shared->ghost_clock >> ghost_unit_shift(store);
	return (now - slot) & GHOST_TIME_MASK;
}

static bool is_expired(const struct cache_store *store, uint64_t slot)
{
	return ghost_age(store, slot) > (store->ghost_window >> ghost_unit_shift(store));
}

static uint64_t ghost_without_time(uint64_t hash)
{
	uint64_t mixed = cache_slot_mixed(hash);
	uint64_t more = (mixed >> GHOST_MORE_SHIFT) & ((UINT64_C(1) << 26) - 1);
	uint64_t tag = mixed >> (64 - CACHE_SLOT_TAG_BITS);
	return (uint64_t)CACHE_SLOT_GHOST << CACHE_SLOT_KIND_SHIFT |
	       tag << CACHE_SLOT_LOCATION_BITS | more << CACHE_GHOST_TIME_BITS;
}

static bool is_ghost_of(uint64_t slot, uint64_t hash)
{
	return (slot & ~GHOST_TIME_MASK) == ghost_without_time(hash);
}

/* ---- tombs ---- */

static uint64_t tomb_of(uint64_t hash)
{
	uint64_t kinds = (uint64_t)(CACHE_SLOT_GHOST ^ CACHE_SLOT_TOMB) << CACHE_SLOT_KIND_SHIFT;
	return ghost_without_time(hash) ^ kinds;
}

static bool is_scanning(const struct cache_store *store)
{
	return store->disks != NULL &&
	       atomic_load_explicit(&store->disks->scanning, memory_order_relaxed) != 0;
}

/* ---- slots ---- */

static void set(_Atomic uint64_t *slot, uint64_t value)
{
	atomic_store_explicit(slot, value, memory_order_seq_cst);
}

static struct cache_segment *segment_of(struct cache_store *store, uint64_t location)
{
	uint32_t segment = cache_store_segment_of(store, location);
	return segment < store->geometry.segments ? &store->segments[segment] : NULL;
}

static void count_in(struct cache_store *store, uint64_t location, uint32_t bytes)
{
	struct cache_segment *segment = segment_of(store, location);
	if (segment == NULL) {
		store->shared->counters.away++;
		return;
	}
	segment->live++;
	store->shared->counters.objects++;
	store->shared->counters.bytes += bytes;
}

static void count_out(struct cache_store *store, uint64_t location)
{
	struct cache_segment *segment = segment_of(store, location);
	const struct cache_record *record = cache_store_record(store, location);
	if (segment == NULL) {
		store->shared->counters.away--;
		return;
	}
	if (segment->live > 0)
		segment->live--;
	store->shared->counters.objects--;
	if (record != NULL)
		store->shared->counters.bytes -= record->bytes;
}

/* Removes from its disk what a slot led to, or the copy of that. */
static void forget(struct cache_store *store, uint64_t location)
{
	if (store->disks == NULL)
		return;
	const struct cache_record *record = cache_store_record(store, location);
	if (cache_location_is_disk(location))
		cache_disk_forget(store, location);
	else if (record != NULL)
		cache_disk_forget(store, cache_record_copy(record));
	else /* damaged: where its copy is can't be told */
		cache_disk_raise_floor(store, cache_store_sequence(store) + 1);
}

/* ---- looking ---- */

_Atomic uint64_t *cache_index_find(
        const struct cache_store *store, uint64_t hash, struct cache_record **ret_record)
{
	uint64_t wanted = cache_slot_wanted(hash);
	_Atomic uint64_t *away = NULL;
	for (unsigned which = 0; which < 2; which++) {
		_Atomic uint64_t *bucket = cache_index_bucket(store, hash, which);
		for (unsigned i = 0; i < CACHE_BUCKET_SLOTS; i++) {
			uint64_t slot = cache_slot_load(&bucket[i]);
			if ((slot & CACHE_SLOT_MATCH_MASK) != wanted)
				continue;
			uint64_t location = cache_slot_location(slot);
			struct cache_record *record = cache_store_record(store, location);
			if (record != NULL && record->hash == hash) {
				*ret_record = record;
				return &bucket[i];
			}
			if (record == NULL && cache_disk_is_readable(store, location))
				away = &bucket[i];
		}
	}
	*ret_record = NULL;
	return away;
}

_Atomic uint64_t *cache_index_find_location(
        const struct cache_store *store, uint64_t hash, uint64_t location)
{
	uint64_t wanted = cache_slot_wanted(hash) | location;
	for (unsigned which = 0; which < 2; which++) {
		_Atomic uint64_t *bucket = cache_index_bucket(store, hash, which);
		for (unsigned i = 0; i < CACHE_BUCKET_SLOTS; i++) {
			uint64_t slot = cache_slot_load(&bucket[i]);
			if ((slot & (CACHE_SLOT_MATCH_MASK | CACHE_SLOT_LOCATION_MASK)) == wanted)
				return &bucket[i];
		}
	}
	return NULL;
}

static _Atomic uint64_t *find_tomb(const struct cache_store *store, uint64_t hash)
{
	uint64_t tomb = tomb_of(hash);
	for (unsigned which = 0; which < 2; which++) {
		_Atomic uint64_t *bucket = cache_index_bucket(store, hash, which);
		for (unsigned i = 0; i < CACHE_BUCKET_SLOTS; i++)
			if (cache_slot_load(&bucket[i]) == tomb)
				return &bucket[i];
	}
	return NULL;
}

bool cache_index_has_tomb(const struct cache_store *store, uint64_t hash)
{
	return find_tomb(store, hash) != NULL;
}

static _Atomic uint64_t *find_ghost(const struct cache_store *store, uint64_t hash)
{
	for (unsigned which = 0; which < 2; which++) {
		_Atomic uint64_t *bucket = cache_index_bucket(store, hash, which);
		for (unsigned i = 0; i < CACHE_BUCKET_SLOTS; i++)
			if (is_ghost_of(cache_slot_load(&bucket[i]), hash))
				return &bucket[i];
	}
	return NULL;
}

bool cache_index_has_ghost(const struct cache_store *store, uint64_t hash)
{
	_Atomic uint64_t *slot = find_ghost(store, hash);
	return slot != NULL && !is_expired(store, cache_slot_load(slot));
}

/* ---- changing ---- */

/* What it costs to lose a slot: nothing (0) for a free one, and for an expired ghost, a tomb that
 * guards nothing any more and what leads nowhere, which it clears; the less the older for a ghost;
 * then entries by use; and a tomb last. */
static uint64_t price(struct cache_store *store, _Atomic uint64_t *slot)
{
	uint64_t value = cache_slot_load(slot);
	uint64_t location = cache_slot_location(value);
	switch (cache_slot_kind(value)) {
	case CACHE_SLOT_EMPTY:
		return 0;
	case CACHE_SLOT_GHOST:
		if (!is_expired(store, value))
			return GHOST_TIME_MASK + 1 - ghost_age(store, value);
		break;
	case CACHE_SLOT_TOMB:
		if (is_scanning(store))
			return UINT64_MAX - 1;
		break;
	case CACHE_SLOT_ENTRY:
		if (!cache_location_is_disk(location) || cache_disk_is_readable(store, location))
			return GHOST_TIME_MASK + 2 + cache_slot_freq(value);
		count_out(store, location);
		break;
	}
	set(slot, 0);
	return 0;
}

static _Atomic uint64_t *cheapest(struct cache_store *store, uint64_t hash)
{
	_Atomic uint64_t *best = NULL;
	uint64_t best_price = UINT64_MAX;
	for (unsigned which = 0; which < 2; which++) {
		_Atomic uint64_t *bucket = cache_index_bucket(store, hash, which);
		for (unsigned i = 0; i < CACHE_BUCKET_SLOTS; i++) {
			uint64_t this_price = price(store, &bucket[i]);
			if (this_price >= best_price)
				continue;
			best_price = this_price;
			best = &bucket[i];
		}
		if (best_price == 0)
			break;
	}
	return best;
}

/* A slot for the hash, whose ghost or tomb goes; what was in it is lost. */
static _Atomic uint64_t *take_slot(struct cache_store *store, uint64_t hash)
{
	_Atomic uint64_t *slot = find_ghost(store, hash);
	if (slot != NULL)
		set(slot, 0);
	slot = find_tomb(store, hash);
	if (slot != NULL)
		set(slot, 0);
	slot = cheapest(store, hash);
	uint64_t lost = cache_slot_load(slot);
	enum cache_slot_kind kind = cache_slot_kind(lost);
	if (kind == CACHE_SLOT_ENTRY) {
		forget(store, cache_slot_location(lost));
		count_out(store, cache_slot_location(lost));
		store->shared->counters.index_drops++;
	}
	if ((kind == CACHE_SLOT_ENTRY || kind == CACHE_SLOT_TOMB) && is_scanning(store))
		cache_disk_stop_scans(store);
	return slot;
}

void cache_index_add(struct cache_store *store, uint64_t hash, uint64_t location, uint32_t bytes)
{
	CHECK(location <= CACHE_SLOT_LOCATION_MASK);
	set(take_slot(store, hash), cache_slot_wanted(hash) | location);
	count_in(store, location, bytes);
}

bool cache_index_add_known(struct cache_store *store, uint64_t hash, uint64_t location)
{
	_Atomic uint64_t *slot = find_ghost(store, hash);
	if (slot == NULL)
		slot = cheapest(store, hash);
	enum cache_slot_kind kind = cache_slot_kind(cache_slot_load(slot));
	if (kind == CACHE_SLOT_ENTRY || kind == CACHE_SLOT_TOMB) {
		store->shared->counters.index_drops++;
		return false;
	}
	set(slot, cache_slot_wanted(hash) | location);
	count_in(store, location, 0);
	return true;
}

void cache_index_add_tomb(struct cache_store *store, uint64_t hash)
{
	if (is_scanning(store))
		set(take_slot(store, hash), tomb_of(hash));
}

static void empty(struct cache_store *store, _Atomic uint64_t *slot, uint64_t vacant)
{
	uint64_t value = cache_slot_load(slot);
	set(slot, vacant);
	count_out(store, cache_slot_location(value));
}

void cache_index_drop(struct cache_store *store, _Atomic uint64_t *slot)
{
	empty(store, slot, 0);
}

void cache_index_let_go(struct cache_store *store, _Atomic uint64_t *slot, uint64_t hash)
{
	empty(store, slot, is_scanning(store) ? tomb_of(hash) : 0);
}

void cache_index_remove(struct cache_store *store, _Atomic uint64_t *slot, uint64_t hash)
{
	forget(store, cache_slot_location(cache_slot_load(slot)));
	cache_index_let_go(store, slot, hash);
}

void cache_index_make_ghost(struct cache_store *store, _Atomic uint64_t *slot, uint64_t hash)
{
	uint64_t now = store->shared->ghost_clock >> ghost_unit_shift(store);
	uint64_t ghost = ghost_without_time(hash) | (now & GHOST_TIME_MASK);
	empty(store, slot, is_scanning(store) ? tomb_of(hash) : ghost);
}

static void lead(
        struct cache_store *store, _Atomic uint64_t *slot, uint64_t location, uint64_t bits)
{
	const struct cache_record *record = cache_store_record(store, location);
	CHECK(record != NULL || cache_location_is_disk(location));
	uint64_t value = cache_slot_load(slot);
	set(slot, (value & CACHE_SLOT_MATCH_MASK) | bits | location);
	count_out(store, cache_slot_location(value));
	count_in(store, location, record == NULL ? 0 : record->bytes);
}

void cache_index_move(struct cache_store *store, _Atomic uint64_t *slot, uint64_t location,
        unsigned freq, bool is_soft)
{
	CHECK(freq <= CACHE_SLOT_FREQ_MAX);
	uint64_t bits = (uint64_t)freq << CACHE_SLOT_FREQ_SHIFT;
	if (is_soft && cache_location_is_disk(location))
		bits |= CACHE_SLOT_IS_SOFT;
	lead(store, slot, location, bits);
}

void cache_index_replace(struct cache_store *store, _Atomic uint64_t *slot, uint64_t location)
{
	uint64_t value = cache_slot_load(slot);
	forget(store, cache_slot_location(value));
	lead(store, slot, location,
	        value & ((uint64_t)CACHE_SLOT_FREQ_MAX << CACHE_SLOT_FREQ_SHIFT));
}

void cache_index_set_soft(_Atomic uint64_t *slot)
{
	atomic_fetch_or_explicit(slot, CACHE_SLOT_IS_SOFT, memory_order_seq_cst);
}

void cache_index_soften(struct cache_store *store, _Atomic uint64_t *slot, uint64_t sequence)
{
	uint64_t location = cache_slot_location(cache_slot_load(slot));
	struct cache_record *record = cache_store_record(store, location);
	if (record == NULL) {
		cache_index_set_soft(slot);
		cache_disk_soften(store, location);
		return;
	}
	cache_record_soften(record, sequence);
	cache_disk_soften(store, cache_record_copy(record));
}

/* ---- what may be of a hash ---- */

/* The next slot from *at on that leads to a disk and may be of the hash; NULL at the end. */
static _Atomic uint64_t *next_away(const struct cache_store *store, uint64_t hash, unsigned *at)
{
	uint64_t wanted = cache_slot_wanted(hash);
	while (*at < 2 * CACHE_BUCKET_SLOTS) {
		_Atomic uint64_t *bucket =
		        cache_index_bucket(store, hash, *at / CACHE_BUCKET_SLOTS);
		_Atomic uint64_t *slot = &bucket[(*at)++ % CACHE_BUCKET_SLOTS];
		uint64_t value = cache_slot_load(slot);
		if ((value & CACHE_SLOT_MATCH_MASK) == wanted &&
		        cache_location_is_disk(cache_slot_location(value)))
			return slot;
	}
	return NULL;
}

void cache_index_remove_away(struct cache_store *store, uint64_t hash, const _Atomic uint64_t *kept)
{
	_Atomic uint64_t *slot;
	if (store->disks == NULL)
		return;
	for (unsigned at = 0; (slot = next_away(store, hash, &at)) != NULL;) {
		if (slot == kept)
			continue;
		uint64_t location = cache_slot_location(cache_slot_load(slot));
		const struct cache_disk_shared *disk = cache_disk_of(store, location);
		/* Of which hash it was can't be said for sure, so it leaves no tomb. Where it was
		 * found by a scan, no other disk has one before it that was not removed there. */
		if (disk == NULL || atomic_load_explicit(&disk->state, memory_order_relaxed) ==
		                            CACHE_DISK_READY)
			cache_disk_stop_scans(store);
		forget(store, location);
		cache_index_drop(store, slot);
	}
}

void cache_index_soften_away(struct cache_store *store, uint64_t hash, const _Atomic uint64_t *kept)
{
	_Atomic uint64_t *slot;
	if (store->disks == NULL)
		return;
	for (unsigned at = 0; (slot = next_away(store, hash, &at)) != NULL;)
		if (slot != kept)
			cache_index_soften(store, slot, 0);
}

/* ---- walks ---- */

static uint64_t slot_count(const struct cache_store *store)
{
	return store->geometry.buckets * CACHE_BUCKET_SLOTS;
}

void cache_index_remove_segment(struct cache_store *store, uint32_t segment)
{
	for (uint64_t i = 0; i < slot_count(store); i++) {
		uint64_t slot = cache_slot_load(&store->slots[i]);
		uint64_t location = cache_slot_location(slot);
		if (cache_slot_kind(slot) != CACHE_SLOT_ENTRY ||
		        cache_store_segment_of(store, location) != segment)
			continue;
		/* Of which hash it was can't be said for sure. */
		cache_disk_stop_scans(store);
		forget(store, location);
		cache_index_drop(store, &store->slots[i]);
	}
}

/* One slot of a walk that removes what leads to a segment. */
static void leave_segment(struct cache_store *store, _Atomic uint64_t *slot, uint32_t segment)
{
	uint64_t value = cache_slot_load(slot);
	if (cache_slot_kind(value) != CACHE_SLOT_ENTRY)
		return;
	uint64_t location = cache_slot_location(value);
	struct cache_record *record = cache_store_record(store, location);
	uint64_t copy = record != NULL ? cache_record_copy(record) : location;
	if (!cache_location_is_disk(copy) || cache_disk_segment_of(copy) != segment)
		return;
	if (record != NULL)
		cache_record_set_copy(record, 0);
	else
		cache_index_drop(store, slot);
}

void cache_index_leave_disk_segment(struct cache_store *store, uint32_t segment)
{
	for (uint64_t from = 0; from < slot_count(store); from += SLICE_SLOTS) {
		uint64_t end = from + SLICE_SLOTS;
		if (end > slot_count(store))
			end = slot_count(store);
		cache_store_lock(store);
		/* Of which hash an entry was can't be said for sure. */
		if (from == 0 && is_scanning(store))
			cache_disk_stop_scans(store);
		for (uint64_t i = from; i < end; i++)
			leave_segment(store, &store->slots[i], segment);
		cache_store_unlock(store);
	}
}

void cache_index_recount(struct cache_store *store)
{
	for (uint32_t i = 0; i < store->geometry.segments; i++)
		store->segments[i].live = 0;
	store->shared->counters.objects = store->shared->counters.away = 0;
	for (uint64_t i = 0; i < slot_count(store); i++) {
		uint64_t slot = cache_slot_load(&store->slots[i]);
		if (cache_slot_kind(slot) == CACHE_SLOT_ENTRY)
			count_in(store, cache_slot_location(slot), 0);
	}
}

uint64_t cache_index_count_ghosts(const struct cache_store *store)
{
	uint64_t ghosts = 0;
	for (uint64_t i = 0; i < slot_count(store); i++)
		ghosts += cache_slot_kind(cache_slot_load(&store->slots[i])) == CACHE_SLOT_GHOST;
	return ghosts;
}
