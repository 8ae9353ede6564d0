/*
 * An entry for each domain, found by the place of its name, which is the same as long as the domain
 * is: a small table by places leads to the entry whose name it was last, so that a request costs a
 * comparison of names and a few additions to memory of the worker's own. Entries never go, and hang
 * in a list that only grows at its head, so that another thread may walk it at any time; it reads
 * cells that are written whole.
 *
 * Of how long requests took, a domain has few of the many buckets: they are made as they are
 * needed, a cache line of them at a time.
 *
 * What was shown is remembered by the number of changes that an entry had then. Entries of several
 * workers for one domain are tied together while they are shown.
 */
#include "edge/tally.h"

#include "base/hash.h"
#include "base/limit.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdatomic.h>

enum { PLACE_BITS = 10, CACHE_LINE = 64, ORIGIN_COUNTERS = COUNTERS - COUNTERS_CLIENT };

enum { CHUNK_BUCKETS = 8, CHUNKS = (LATENCY_BUCKETS + CHUNK_BUCKETS - 1) / CHUNK_BUCKETS };

/* Neighbours among the buckets. */
struct chunk {
	_Atomic uint64_t counts[CHUNK_BUCKETS];
};

struct faults {
	_Atomic uint64_t counts[FAULT_COUNT];
};

struct entry {
	struct map_node node; /* the worker's */
	struct entry *next;   /* constant once it is in the list */
	/* the steward's */
	struct map_node sum_node;
	struct entry *same;   /* of another worker */
	uint64_t known, seen; /* changes: that were shown; that are being shown */
	char apart[CACHE_LINE];
	/* written by the worker, read by the steward */
	_Atomic uint64_t changes;
	_Atomic uint64_t client[COUNTERS_CLIENT];
	_Atomic uint64_t origin[MODEL_ROLES][ORIGIN_COUNTERS];
	struct faults *_Atomic client_faults; /* NULL until there is one */
	struct faults *_Atomic origin_faults[MODEL_ROLES];
	struct chunk *_Atomic latencies[COUNTER_LATENCIES][CHUNKS];
	size_t name_len;
	char name[];
};

struct edge_tally {
	struct entry *places[1 << PLACE_BITS];
	struct map entries;
	struct entry *rest; /* of the domains that there is no entry for; NULL: there are none */
	struct entry *_Atomic list;
};

struct edge_tally *edge_tally_new(void)
{
	return mem_new(struct edge_tally);
}

static void free_entry(struct entry *entry)
{
	mem_free(atomic_load(&entry->client_faults));
	for (unsigned i = 0; i < MODEL_ROLES; i++)
		mem_free(atomic_load(&entry->origin_faults[i]));
	for (unsigned i = 0; i < COUNTER_LATENCIES; i++)
		for (unsigned j = 0; j < CHUNKS; j++)
			mem_free(atomic_load(&entry->latencies[i][j]));
	mem_free(entry);
}

void edge_tally_free(struct edge_tally *tally)
{
	if (tally == NULL)
		return;
	struct entry *entry = atomic_load(&tally->list);
	while (entry != NULL) {
		struct entry *next = entry->next;
		free_entry(entry);
		entry = next;
	}
	map_done(&tally->entries);
	mem_free(tally);
}

/* ---- the worker's thread ---- */

/* Nobody else writes to it. */
static void add(_Atomic uint64_t *to, uint64_t amount)
{
	uint64_t before = atomic_load_explicit(to, memory_order_relaxed);
	atomic_store_explicit(to, before + amount, memory_order_relaxed);
}

/* After all that has changed. */
static void note_change(struct entry *entry)
{
	uint64_t before = atomic_load_explicit(&entry->changes, memory_order_relaxed);
	atomic_store_explicit(&entry->changes, before + 1, memory_order_release);
}

static void add_fault(struct faults *_Atomic *to, uint8_t fault)
{
	struct faults *faults = atomic_load_explicit(to, memory_order_relaxed);
	if (faults == NULL) {
		faults = mem_new(struct faults);
		atomic_store_explicit(to, faults, memory_order_release);
	}
	add(&faults->counts[fault], 1);
}

static void add_latency(struct entry *entry, enum counter_latency latency, uint64_t us)
{
	const unsigned bucket = latency_bucket(us);
	struct chunk *_Atomic *to = &entry->latencies[latency][bucket / CHUNK_BUCKETS];
	struct chunk *chunk = atomic_load_explicit(to, memory_order_relaxed);
	if (chunk == NULL) {
		chunk = mem_new(struct chunk);
		atomic_store_explicit(to, chunk, memory_order_release);
	}
	add(&chunk->counts[bucket % CHUNK_BUCKETS], 1);
}

static bool has_name(const struct entry *entry, struct str name)
{
	return str_is_equal(str_make(entry->name, entry->name_len), name);
}

static bool is_entry(const struct map_node *node, const void *key)
{
	return has_name(container_of(node, const struct entry, node), *(const struct str *)key);
}

static struct entry *add_entry(struct edge_tally *tally, struct str name)
{
	struct entry *entry = mem_zero(sizeof(*entry) + name.len);
	if (name.len > 0)
		memcpy(entry->name, name.at, name.len);
	entry->name_len = name.len;
	entry->next = atomic_load_explicit(&tally->list, memory_order_relaxed);
	atomic_store_explicit(&tally->list, entry, memory_order_release);
	return entry;
}

static struct entry *look_up(struct edge_tally *tally, struct str name)
{
	const uint64_t hash = hash_keyed(name.at, name.len);
	struct map_node *node = map_find(&tally->entries, hash, is_entry, &name);
	if (node != NULL)
		return container_of(node, struct entry, node);
	if (tally->entries.count < LIMIT_COUNTED_DOMAINS) {
		struct entry *entry = add_entry(tally, name);
		map_add(&tally->entries, &entry->node, hash);
		return entry;
	}
	if (tally->rest == NULL)
		tally->rest = add_entry(tally, STR("*"));
	return tally->rest;
}

/* Fibonacci hashing (Knuth, volume 3, 6.4): names lie anywhere. */
static unsigned place_of(struct str name)
{
	return (unsigned)((uint64_t)(uintptr_t)name.at * UINT64_C(0x9e3779b97f4a7c15) >>
	                  (64 - PLACE_BITS));
}

static struct entry *find(struct edge_tally *tally, struct str name)
{
	struct entry **place = &tally->places[place_of(name)];
	if (*place == NULL || !has_name(*place, name))
		*place = look_up(tally, name);
	return *place;
}

/* The counter of a status' class, `first` being that of 2xx; -1: it has none. */
static int status_counter(int first, uint16_t status)
{
	return status >= 200 && status < 600 ? first + status / 100 - 2 : -1;
}

void edge_tally_add_request(
        struct edge_tally *tally, struct str domain, const struct edge_tally_request *request)
{
	struct entry *entry = find(tally, domain);
	int counter = status_counter(COUNTER_STATUS_2XX, request->status);
	add(&entry->client[COUNTER_REQUESTS], 1);
	if (request->is_hit)
		add(&entry->client[COUNTER_HITS], 1);
	if (request->bytes_in > 0)
		add(&entry->client[COUNTER_BYTES_IN], request->bytes_in);
	add(&entry->client[COUNTER_BYTES_OUT], request->bytes_out);
	if (counter >= 0)
		add(&entry->client[counter], 1);
	if (request->fault != FAULT_NONE)
		add_fault(&entry->client_faults, request->fault);
	if (request->first_byte_us > 0)
		add_latency(entry, COUNTER_FIRST_BYTE, request->first_byte_us);
	if (request->whole_us > 0)
		add_latency(entry, COUNTER_WHOLE, request->whole_us);
	note_change(entry);
}

void edge_tally_add_pull(
        struct edge_tally *tally, struct str domain, const struct edge_tally_pull *pull)
{
	struct entry *entry = find(tally, domain);
	_Atomic uint64_t *cells = entry->origin[pull->role];
	int counter = status_counter(COUNTER_PULL_2XX, pull->status);
	if (!pull->is_unasked)
		add(&cells[COUNTER_PULLS - COUNTERS_CLIENT], 1);
	if (pull->is_hedge)
		add(&cells[COUNTER_HEDGES - COUNTERS_CLIENT], 1);
	if (pull->has_won)
		add(&cells[COUNTER_HEDGES_WON - COUNTERS_CLIENT], 1);
	add(&cells[COUNTER_PULL_BYTES - COUNTERS_CLIENT], pull->bytes);
	if (counter >= 0)
		add(&cells[counter - COUNTERS_CLIENT], 1);
	if (pull->is_unsure)
		add(&cells[COUNTER_UNSURE - COUNTERS_CLIENT], 1);
	if (pull->has_broken)
		add(&cells[COUNTER_BROKEN - COUNTERS_CLIENT], 1);
	if (pull->gives_rest)
		add(&cells[COUNTER_RESUMED - COUNTERS_CLIENT], 1);
	if (pull->fault != FAULT_NONE)
		add_fault(&entry->origin_faults[pull->role], pull->fault);
	note_change(entry);
}

/* ---- the steward's ---- */

static uint64_t read_cell(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

static void sum_faults(struct faults *const _Atomic *from, uint64_t to[FAULT_COUNT])
{
	const struct faults *faults = atomic_load_explicit(from, memory_order_acquire);
	for (unsigned i = 0; faults != NULL && i < FAULT_COUNT; i++)
		to[i] += read_cell(&faults->counts[i]);
}

static void sum_latency(struct chunk *const _Atomic chunks[CHUNKS], uint64_t to[LATENCY_BUCKETS])
{
	for (unsigned i = 0; i < CHUNKS; i++) {
		const struct chunk *chunk = atomic_load_explicit(&chunks[i], memory_order_acquire);
		if (chunk == NULL)
			continue;
		for (unsigned j = i * CHUNK_BUCKETS;
		        j < LATENCY_BUCKETS && j < (i + 1) * CHUNK_BUCKETS; j++)
			to[j] += read_cell(&chunk->counts[j % CHUNK_BUCKETS]);
	}
}

static void sum_entry(const struct entry *entry, struct edge_tally_sum *to)
{
	for (unsigned i = 0; i < COUNTERS_CLIENT; i++)
		to->client[i] += read_cell(&entry->client[i]);
	sum_faults(&entry->client_faults, to->client_faults);
	for (unsigned i = 0; i < COUNTER_LATENCIES; i++)
		sum_latency(entry->latencies[i], to->latencies[i]);
	for (unsigned role = 0; role < MODEL_ROLES; role++) {
		for (unsigned i = 0; i < ORIGIN_COUNTERS; i++)
			to->origin[role][i] += read_cell(&entry->origin[role][i]);
		sum_faults(&entry->origin_faults[role], to->origin_faults[role]);
	}
}

static bool is_sum(const struct map_node *node, const void *key)
{
	return has_name(container_of(node, const struct entry, sum_node), *(const struct str *)key);
}

/* Ties an entry to those of other workers that have its name. */
static void tie(struct map *map, struct entry *entry)
{
	const struct str name = str_make(entry->name, entry->name_len);
	const uint64_t hash = hash_keyed(name.at, name.len);
	struct map_node *node = map_find(map, hash, is_sum, &name);
	entry->same = NULL;
	if (node == NULL) {
		map_add(map, &entry->sum_node, hash);
		return;
	}
	struct entry *first = container_of(node, struct entry, sum_node);
	entry->same = first->same;
	first->same = entry;
}

/* Shows the sum of entries that are tied together, if any of them has changed. */
static void show(struct entry *first, bool is_all, struct edge_tally_sink *sink)
{
	struct edge_tally_sum sum = {.domain = str_make(first->name, first->name_len)};
	bool has_changed = is_all;
	for (struct entry *entry = first; entry != NULL; entry = entry->same) {
		/* First: what comes in between is shown again. */
		entry->seen = atomic_load_explicit(&entry->changes, memory_order_acquire);
		has_changed |= entry->seen != entry->known;
	}
	if (!has_changed)
		return;
	for (const struct entry *entry = first; entry != NULL; entry = entry->same)
		sum_entry(entry, &sum);
	bool is_known = sink->on_sum(sink, &sum);
	for (struct entry *entry = first; entry != NULL; entry = entry->same)
		entry->known = is_known ? entry->seen : UINT64_MAX;
}

static void tie_all(struct edge_tally *const *tallies, unsigned count, struct map *map)
{
	for (unsigned i = 0; i < count; i++)
		for (struct entry *entry =
		                atomic_load_explicit(&tallies[i]->list, memory_order_acquire);
		        entry != NULL; entry = entry->next)
			tie(map, entry);
}

void edge_tally_show(struct edge_tally *const *tallies, unsigned count, bool is_all,
        struct edge_tally_sink *sink)
{
	struct map map = {0};
	tie_all(tallies, count, &map);
	for (struct map_node *node = map_first(&map); node != NULL; node = map_next(&map, node))
		show(container_of(node, struct entry, sum_node), is_all, sink);
	map_done(&map);
}

void edge_tally_look(
        struct edge_tally *const *tallies, unsigned count, struct edge_tally_sink *sink)
{
	struct map map = {0};
	tie_all(tallies, count, &map);
	for (struct map_node *node = map_first(&map); node != NULL; node = map_next(&map, node)) {
		const struct entry *first = container_of(node, const struct entry, sum_node);
		struct edge_tally_sum sum = {.domain = str_make(first->name, first->name_len)};
		for (const struct entry *entry = first; entry != NULL; entry = entry->same)
			sum_entry(entry, &sum);
		(void)sink->on_sum(sink, &sum);
	}
	map_done(&map);
}
