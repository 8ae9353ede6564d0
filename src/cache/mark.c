/*
 * Two tables take turns. Marks go to the current one. A sweep makes the other one current and then
 * compares every record with both; at its end nothing in the old table can touch a record any more,
 * and it is forgotten as a whole, in one store. It is cleared, before it becomes current again,
 * when no reader can still be looking into it.
 *
 * What is forgotten may still cover a fill that began before: the floor says that it does. Purges
 * of URLs, which fills alone are compared with, are remembered by URL in buckets, each with a floor
 * of its own: many purges of a few URLs are no more to remember than one of each.
 *
 * Within a table entries are only added. A mark's sequences are written before its key, a prefix
 * before the count, and all before mark_sequence, which is where a find looks first.
 */
#include "cache/mark_private.h"

enum {
	SEARCH_MASK = CACHE_MARK_SLOTS - 1,
	/* A sweep begins with the first prefix, which every find must compare with, or when the map
	 * is this full. */
	SWEEP_AT = LIMIT_CACHE_MARKS / 2,
	/* In place of a hash: no domain has this one. */
	ALL = 0,
};

static struct cache_marks *table(const struct cache_store *store, bool is_old)
{
	uint32_t current =
	        atomic_load_explicit(&store->shared->marks_current, memory_order_acquire) & 1;
	return &store->marks[is_old ? !current : current];
}

static bool has_old(const struct cache_store *store)
{
	return atomic_load_explicit(&store->shared->marks_has_old, memory_order_acquire) != 0;
}

/* ---- comparing ---- */

static enum cache_purged mark_since(const struct cache_mark *mark, uint64_t sequence)
{
	if (atomic_load_explicit(&mark->hard, memory_order_acquire) > sequence)
		return CACHE_PURGED_HARD;
	if (atomic_load_explicit(&mark->soft, memory_order_acquire) > sequence)
		return CACHE_PURGED_SOFT;
	return CACHE_PURGED_NOT;
}

static enum cache_purged worse(enum cache_purged a, enum cache_purged b)
{
	return a > b ? a : b;
}

/* The entry of the key, or the free one where it would be. NULL when the table is full. */
static struct cache_mark *search(struct cache_marks *marks, uint64_t key)
{
	for (uint32_t i = 0; i < CACHE_MARK_SLOTS; i++) {
		struct cache_mark *mark = &marks->map[(key + i) & SEARCH_MASK];
		uint64_t there = atomic_load_explicit(&mark->key, memory_order_acquire);
		if (there == key || there == 0)
			return mark;
	}
	return NULL;
}

static enum cache_purged key_since(struct cache_marks *marks, uint64_t key, uint64_t sequence)
{
	if (atomic_load_explicit(&marks->count, memory_order_acquire) == 0)
		return CACHE_PURGED_NOT;
	const struct cache_mark *mark = search(marks, key);
	if (mark == NULL || atomic_load_explicit(&mark->key, memory_order_acquire) != key)
		return CACHE_PURGED_NOT;
	return mark_since(mark, sequence);
}

static uint32_t prefix_count(const struct cache_marks *marks)
{
	uint32_t count = atomic_load_explicit(&marks->prefix_count, memory_order_acquire);
	return count < LIMIT_CACHE_PREFIX_MARKS ? count : LIMIT_CACHE_PREFIX_MARKS;
}

static enum cache_purged prefixes_since(const struct cache_marks *marks,
        const struct cache_mark_subject *subject, uint64_t sequence)
{
	enum cache_purged verdict = CACHE_PURGED_NOT;
	for (uint32_t i = 0; i < prefix_count(marks); i++) {
		const struct cache_prefix_mark *mark = &marks->prefixes[i];
		if (mark->sequence <= sequence || mark->domain != subject->domain ||
		        mark->len > LIMIT_CACHE_PREFIX_BYTES)
			continue;
		if (str_has_prefix(subject->key, str_make(mark->text, mark->len)))
			verdict = worse(
			        verdict, mark->is_soft ? CACHE_PURGED_SOFT : CACHE_PURGED_HARD);
	}
	return verdict;
}

static enum cache_purged table_covers(
        struct cache_marks *marks, const struct cache_mark_subject *subject, uint64_t sequence)
{
	enum cache_purged verdict = mark_since(&marks->all, sequence);
	verdict = worse(verdict, key_since(marks, subject->domain, sequence));
	for (unsigned i = 0; i < subject->tag_count && verdict != CACHE_PURGED_HARD; i++)
		verdict = worse(verdict, key_since(marks, subject->tags[i], sequence));
	if (verdict != CACHE_PURGED_HARD)
		verdict = worse(verdict, prefixes_since(marks, subject, sequence));
	return verdict;
}

enum cache_purged cache_mark_covers(const struct cache_store *store,
        const struct cache_mark_subject *subject, uint64_t sequence)
{
	/* The old one first: what is current now may become old meanwhile, not the reverse. */
	enum cache_purged verdict = CACHE_PURGED_NOT;
	struct cache_marks *current = table(store, false), *old = table(store, true);
	if (has_old(store))
		verdict = table_covers(old, subject, sequence);
	if (verdict != CACHE_PURGED_HARD)
		verdict = worse(verdict, table_covers(current, subject, sequence));
	return verdict;
}

/* ---- URLs ---- */

static struct cache_url_purges *url_bucket(const struct cache_store *store, uint64_t hash)
{
	return &store->shared->url_purges[hash % CACHE_URL_PURGE_BUCKETS];
}

static uint64_t last_of(const struct cache_url_purge *purge)
{
	return purge->hard > purge->soft ? purge->hard : purge->soft;
}

/* The entry of the URL, or the one that is longest ago. */
static struct cache_url_purge *find_url(struct cache_url_purges *purges, uint64_t hash)
{
	struct cache_url_purge *oldest = &purges->last[0];
	for (unsigned i = 0; i < CACHE_URL_PURGE_WAYS; i++) {
		struct cache_url_purge *purge = &purges->last[i];
		if (purge->hash == hash && last_of(purge) != 0)
			return purge;
		if (last_of(purge) < last_of(oldest))
			oldest = purge;
	}
	return oldest;
}

void cache_mark_add_url(
        struct cache_store *store, uint64_t hash, uint64_t sequence, enum cache_purge how)
{
	struct cache_url_purges *purges = url_bucket(store, hash);
	struct cache_url_purge *purge = find_url(purges, hash);
	/* A process may die between any two instructions: what is forgotten is below the floor
	 * first. */
	if (purge->hash != hash && last_of(purge) > purges->floor)
		purges->floor = last_of(purge);
	atomic_signal_fence(memory_order_release);
	if (purge->hash != hash)
		*purge = (struct cache_url_purge){.hash = hash};
	atomic_signal_fence(memory_order_release);
	switch (how) {
	case CACHE_PURGE_HARD:
		purge->hard = sequence;
		break;
	case CACHE_PURGE_SOFT:
		purge->soft = sequence;
		break;
	}
}

static enum cache_purged one_url_since(
        const struct cache_store *store, uint64_t hash, uint64_t sequence)
{
	struct cache_url_purges *purges = url_bucket(store, hash);
	const struct cache_url_purge *purge = find_url(purges, hash);
	if (purges->floor > sequence || (purge->hash == hash && purge->hard > sequence))
		return CACHE_PURGED_HARD;
	return purge->hash == hash && purge->soft > sequence ? CACHE_PURGED_SOFT : CACHE_PURGED_NOT;
}

enum cache_purged cache_mark_url_since(
        const struct cache_store *store, uint64_t url, uint64_t variant, uint64_t sequence)
{
	enum cache_purged verdict = one_url_since(store, url, sequence);
	if (variant != url && verdict != CACHE_PURGED_HARD)
		verdict = worse(verdict, one_url_since(store, variant, sequence));
	return verdict;
}

/* ---- adding ---- */

static void raise_mark(struct cache_mark *mark, uint64_t sequence, enum cache_purge how)
{
	switch (how) {
	case CACHE_PURGE_HARD:
		atomic_store_explicit(&mark->hard, sequence, memory_order_release);
		break;
	case CACHE_PURGE_SOFT:
		atomic_store_explicit(&mark->soft, sequence, memory_order_release);
		break;
	}
}

/* For fills, once the mark itself is forgotten: of the domain, or of all. What it was is not known
 * then, so it counts as hard. */
static void note(struct cache_store *store, uint64_t domain, uint64_t sequence)
{
	cache_mark_add_url(store, domain, sequence, CACHE_PURGE_HARD);
}

static bool is_noted(const struct cache_store *store, uint64_t domain, uint64_t sequence)
{
	return cache_mark_url_since(store, domain, ALL, sequence) != CACHE_PURGED_NOT;
}

void cache_mark_add_all(struct cache_store *store, uint64_t sequence, enum cache_purge how)
{
	note(store, ALL, sequence);
	raise_mark(&table(store, false)->all, sequence, how);
}

/* False when the map has no room for a key that is new to it. */
static bool add_key(
        struct cache_store *store, uint64_t key, uint64_t sequence, enum cache_purge how)
{
	struct cache_marks *marks = table(store, false);
	struct cache_mark *mark = search(marks, key);
	uint32_t count = atomic_load_explicit(&marks->count, memory_order_relaxed);
	if (mark == NULL)
		return false;
	bool is_new = atomic_load_explicit(&mark->key, memory_order_relaxed) == 0;
	if (is_new && count >= LIMIT_CACHE_MARKS)
		return false;
	raise_mark(mark, sequence, how);
	if (is_new) {
		atomic_store_explicit(&mark->key, key, memory_order_release);
		atomic_store_explicit(&marks->count, count + 1, memory_order_release);
	}
	return true;
}

void cache_mark_add(struct cache_store *store, uint64_t key, uint64_t domain, uint64_t sequence,
        enum cache_purge how)
{
	note(store, domain, sequence);
	if (!add_key(store, key, sequence, how) && !add_key(store, domain, sequence, how))
		cache_mark_add_all(store, sequence, how);
}

void cache_mark_add_prefix(struct cache_store *store, uint64_t domain, struct str prefix,
        uint64_t sequence, enum cache_purge how)
{
	struct cache_marks *marks = table(store, false);
	uint32_t count = prefix_count(marks);
	uint32_t old_count = has_old(store) ? prefix_count(table(store, true)) : 0;
	if (prefix.len > LIMIT_CACHE_PREFIX_BYTES ||
	        count + old_count >= LIMIT_CACHE_PREFIX_MARKS) {
		cache_mark_add(store, domain, domain, sequence, how);
		return;
	}
	note(store, domain, sequence);
	struct cache_prefix_mark *mark = &marks->prefixes[count];
	mark->domain = domain;
	mark->sequence = sequence;
	mark->len = (uint32_t)prefix.len;
	mark->is_soft = how == CACHE_PURGE_SOFT;
	if (prefix.len != 0)
		memcpy(mark->text, prefix.at, prefix.len);
	atomic_store_explicit(&marks->prefix_count, count + 1, memory_order_release);
}

enum cache_purged cache_mark_since(const struct cache_store *store, uint64_t url, uint64_t variant,
        const struct cache_mark_subject *subject, uint64_t sequence)
{
	const struct cache_shared *shared = store->shared;
	if (sequence >= atomic_load_explicit(&shared->sequence, memory_order_relaxed))
		return CACHE_PURGED_NOT;
	if (sequence < shared->marks_floor && is_noted(store, subject->domain, sequence))
		return CACHE_PURGED_HARD;
	return worse(cache_mark_url_since(store, url, variant, sequence),
	        cache_mark_covers(store, subject, sequence));
}

/* ---- sweeps ---- */

bool cache_mark_wants_sweep(const struct cache_store *store)
{
	const struct cache_marks *marks = table(store, false);
	return store->shared->sweep_until == 0 &&
	       (prefix_count(marks) > 0 ||
	               atomic_load_explicit(&marks->count, memory_order_relaxed) >= SWEEP_AT);
}

static void clear_mark(struct cache_mark *mark)
{
	atomic_store_explicit(&mark->key, 0, memory_order_relaxed);
	atomic_store_explicit(&mark->hard, 0, memory_order_relaxed);
	atomic_store_explicit(&mark->soft, 0, memory_order_relaxed);
}

static void clear_table(struct cache_marks *marks)
{
	atomic_store_explicit(&marks->count, 0, memory_order_relaxed);
	atomic_store_explicit(&marks->prefix_count, 0, memory_order_relaxed);
	clear_mark(&marks->all);
	for (uint32_t i = 0; i < CACHE_MARK_SLOTS; i++)
		clear_mark(&marks->map[i]);
}

/* The epoch from which on nobody looks at what is not reachable now. */
static uint64_t raise_epoch(struct cache_store *store)
{
	return atomic_fetch_add_explicit(&store->shared->epoch, 1, memory_order_seq_cst) + 1;
}

bool cache_mark_begin_sweep(struct cache_store *store, uint64_t oldest)
{
	struct cache_shared *shared = store->shared;
	if (shared->marks_spare > oldest)
		return false;
	clear_table(table(store, true));
	shared->marks_spare = 0;
	uint32_t current = atomic_load_explicit(&shared->marks_current, memory_order_relaxed);
	/* The order in which readers load them: for a moment the empty table counts as the old one,
	 * which does no harm. */
	atomic_store_explicit(&shared->marks_has_old, 1, memory_order_release);
	atomic_store_explicit(&shared->marks_current, !(current & 1), memory_order_release);
	shared->sweep_until = atomic_load_explicit(&shared->sequence, memory_order_relaxed);
	shared->sweep_at = shared->sweep_done = 0;
	return true;
}

void cache_mark_swept(struct cache_store *store)
{
	/* Who found a record before the sweep removed it may not yet have compared it. */
	store->shared->sweep_done = raise_epoch(store);
}

bool cache_mark_end_sweep(struct cache_store *store, uint64_t oldest)
{
	struct cache_shared *shared = store->shared;
	if (shared->sweep_done > oldest)
		return false;
	shared->marks_floor = shared->sweep_until;
	shared->marks_spare = UINT64_MAX; /* until we know better */
	atomic_store_explicit(&shared->marks_has_old, 0, memory_order_release);
	shared->marks_spare = raise_epoch(store);
	shared->sweep_until = shared->sweep_done = 0;
	return true;
}

void cache_mark_repair(struct cache_store *store)
{
	struct cache_shared *shared = store->shared;
	uint32_t count = 0;
	for (uint32_t i = 0; i < CACHE_MARK_SLOTS; i++)
		count += atomic_load_explicit(
		                 &table(store, false)->map[i].key, memory_order_relaxed) != 0;
	atomic_store_explicit(&table(store, false)->count, count, memory_order_relaxed);
	/* A table that counts as the old one is swept, perhaps once more, before it is cleared. */
	shared->sweep_until = shared->sweep_done = shared->sweep_at = 0;
	if (has_old(store))
		shared->sweep_until = atomic_load_explicit(&shared->sequence, memory_order_relaxed);
	else
		shared->marks_spare = raise_epoch(store);
}
