/*
 * Two structures over the same domains.
 *
 * By name: an open-addressing table of (hash, domain), at most half full, probed in steps of one.
 * It holds no references. A new snapshot copies it, which is one memcpy, and patches what changed.
 *
 * In order: the domains sorted by name, cut into leaves that are immutable, counted and shared. A
 * leaf holds the references of its domains. A new snapshot makes anew only those leaves that a
 * change falls into, so that making and dropping one among a hundred thousand domains does not
 * touch them all.
 *
 * A wildcard is in the table under its whole name, "*.suffix". A host is looked up as it is, then,
 * if the snapshot has wildcards at all, with "*" in place of the labels in front of each dot.
 */
#include "model/snapshot.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>

enum { LEAF_MAX = 128, SLOTS_MIN = 8 };

struct leaf {
	atomic_uint references;
	unsigned count;
	struct model_domain *domains[];
};

struct slot {
	uint64_t hash;
	struct model_domain *domain; /* NULL: free */
};

struct model_snapshot {
	atomic_uint references;
	uint64_t revision;
	size_t count, wildcards;
	size_t slot_count; /* a power of two */
	struct slot *slots;
	size_t leaf_count, leaf_cap;
	struct leaf **leaves;
	size_t *starts; /* the index of each leaf's first domain */
};

static bool is_wildcard(const char *name)
{
	return name[0] == '*';
}

/* Leaves. */

/* Adds a leaf behind the others; it becomes the snapshot's reference. */
static void add_leaf(struct model_snapshot *snapshot, struct leaf *leaf)
{
	if (snapshot->leaf_count == snapshot->leaf_cap) {
		size_t cap = snapshot->leaf_cap == 0 ? 8 : snapshot->leaf_cap * 2;
		snapshot->leaves = mem_resize(snapshot->leaves, cap * sizeof(*snapshot->leaves));
		snapshot->starts = mem_resize(snapshot->starts, cap * sizeof(*snapshot->starts));
		snapshot->leaf_cap = cap;
	}
	snapshot->starts[snapshot->leaf_count] = snapshot->count;
	snapshot->leaves[snapshot->leaf_count++] = leaf;
	snapshot->count += leaf->count;
}

/* Cuts sorted domains into leaves of about the same size; they take references. */
static void add_leaves(struct model_snapshot *snapshot, struct model_domain **domains, size_t count)
{
	size_t pieces = (count + LEAF_MAX - 1) / LEAF_MAX;
	size_t done = 0;
	for (size_t i = 0; i < pieces; i++) {
		size_t end = count * (i + 1) / pieces;
		struct leaf *leaf =
		        mem_alloc(sizeof(*leaf) + (end - done) * sizeof(leaf->domains[0]));
		atomic_init(&leaf->references, 1);
		leaf->count = (unsigned)(end - done);
		for (unsigned j = 0; j < leaf->count; j++)
			leaf->domains[j] = model_domain_ref(domains[done + j]);
		add_leaf(snapshot, leaf);
		done = end;
	}
}

static void unref_leaf(struct leaf *leaf)
{
	if (atomic_fetch_sub_explicit(&leaf->references, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < leaf->count; i++)
		model_domain_unref(leaf->domains[i]);
	mem_free(leaf);
}

/* Changes in the order of names; *count of them behind *at are left. */
struct sorted_changes {
	const struct model_change **list;
	size_t at, count;
};

static int compare_changes(const void *a, const void *b)
{
	const struct model_change *const *first = a, *const *second = b;
	return strcmp((*first)->name, (*second)->name);
}

static struct sorted_changes sort_changes(const struct model_change *changes, size_t count)
{
	struct sorted_changes sorted = {.count = count};
	sorted.list = mem_alloc(count * sizeof(const struct model_change *) + 1);
	for (size_t i = 0; i < count; i++)
		sorted.list[i] = &changes[i];
	qsort(sorted.list, count, sizeof(const struct model_change *), compare_changes);
	for (size_t i = 1; i < count; i++)
		CHECK(strcmp(sorted.list[i - 1]->name, sorted.list[i]->name) != 0);
	return sorted;
}

/* Whether a change is left whose name stands before `end`; NULL is behind all names. */
static bool has_change_before(const struct sorted_changes *changes, const char *end)
{
	return changes->at < changes->count &&
	       (end == NULL || strcmp(changes->list[changes->at]->name, end) < 0);
}

/* Adds `count` domains with the changes before `end` worked into them. */
static void merge_leaf(struct model_snapshot *snapshot, struct model_domain *const *domains,
        size_t count, struct sorted_changes *changes, const char *end)
{
	struct model_domain **merged =
	        mem_alloc((count + changes->count - changes->at + 1) * sizeof(*merged));
	size_t merged_count = 0, i = 0;
	while (has_change_before(changes, end)) {
		const struct model_change *change = changes->list[changes->at++];
		while (i < count && strcmp(domains[i]->name, change->name) < 0)
			merged[merged_count++] = domains[i++];
		if (i < count && strcmp(domains[i]->name, change->name) == 0)
			i++;
		if (change->domain != NULL)
			merged[merged_count++] = change->domain;
	}
	while (i < count)
		merged[merged_count++] = domains[i++];
	add_leaves(snapshot, merged, merged_count);
	mem_free(merged);
}

static void make_leaves(struct model_snapshot *snapshot, const struct model_snapshot *old,
        struct sorted_changes *changes)
{
	if (old->leaf_count == 0)
		merge_leaf(snapshot, NULL, 0, changes, NULL);
	for (size_t i = 0; i < old->leaf_count; i++) {
		struct leaf *leaf = old->leaves[i];
		/* What stands between two leaves goes to the first of them. */
		const char *end =
		        i + 1 < old->leaf_count ? old->leaves[i + 1]->domains[0]->name : NULL;
		if (has_change_before(changes, end)) {
			merge_leaf(snapshot, leaf->domains, leaf->count, changes, end);
		} else {
			atomic_fetch_add_explicit(&leaf->references, 1, memory_order_relaxed);
			add_leaf(snapshot, leaf);
		}
	}
	CHECK(changes->at == changes->count);
}

/* The table. */

static uint64_t hash_name(const char *name)
{
	return hash_keyed(name, strlen(name));
}

/* The slot of a name, or the free one where it would be. */
static struct slot *find_slot(
        const struct model_snapshot *snapshot, uint64_t hash, const char *name, size_t length)
{
	size_t mask = snapshot->slot_count - 1;
	size_t index = hash & mask;
	for (;; index = (index + 1) & mask) {
		struct slot *slot = &snapshot->slots[index];
		if (slot->domain == NULL)
			return slot;
		/* strncmp stops at the end of a name that is shorter. */
		if (slot->hash == hash && strncmp(slot->domain->name, name, length) == 0 &&
		        slot->domain->name[length] == '\0')
			return slot;
	}
}

static void put(struct model_snapshot *snapshot, struct model_domain *domain)
{
	uint64_t hash = hash_name(domain->name);
	struct slot *slot = find_slot(snapshot, hash, domain->name, strlen(domain->name));
	*slot = (struct slot){.hash = hash, .domain = domain};
}

/* Frees a name's slot and moves those behind it that would not be found any more (Knuth, volume 3,
 * algorithm 6.4 R). */
static void take_out(struct model_snapshot *snapshot, const char *name)
{
	size_t mask = snapshot->slot_count - 1;
	struct slot *slot = find_slot(snapshot, hash_name(name), name, strlen(name));
	if (slot->domain == NULL)
		return;
	size_t hole = (size_t)(slot - snapshot->slots);
	for (size_t at = (hole + 1) & mask; snapshot->slots[at].domain != NULL;
	        at = (at + 1) & mask) {
		size_t home = snapshot->slots[at].hash & mask;
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			snapshot->slots[hole] = snapshot->slots[at];
			hole = at;
		}
	}
	snapshot->slots[hole] = (struct slot){0};
}

static size_t slots_for(size_t count)
{
	size_t slots = SLOTS_MIN;
	while (slots < count * 2)
		slots *= 2;
	return slots;
}

static void make_table(struct model_snapshot *snapshot, const struct model_snapshot *old,
        const struct model_change *changes, size_t count)
{
	snapshot->slot_count = slots_for(snapshot->count);
	if (snapshot->slot_count != old->slot_count) {
		snapshot->slots = mem_zero(snapshot->slot_count * sizeof(struct slot));
		for (size_t i = 0; i < snapshot->leaf_count; i++) {
			for (unsigned j = 0; j < snapshot->leaves[i]->count; j++)
				put(snapshot, snapshot->leaves[i]->domains[j]);
		}
		return;
	}
	snapshot->slots = mem_alloc(snapshot->slot_count * sizeof(struct slot));
	memcpy(snapshot->slots, old->slots, snapshot->slot_count * sizeof(struct slot));
	/* Removals first, so that the table is never fuller than the fuller one of the two. */
	for (size_t i = 0; i < count; i++) {
		if (changes[i].domain == NULL)
			take_out(snapshot, changes[i].name);
	}
	for (size_t i = 0; i < count; i++) {
		if (changes[i].domain != NULL)
			put(snapshot, changes[i].domain);
	}
}

static size_t count_wildcards(const struct model_snapshot *snapshot)
{
	/* "*" sorts before all that a host name can begin with, so the wildcards stand in front. */
	size_t wildcards = 0;
	while (wildcards < snapshot->count &&
	        is_wildcard(model_snapshot_at(snapshot, wildcards)->name))
		wildcards++;
	return wildcards;
}

struct model_snapshot *model_snapshot_new(void)
{
	struct model_snapshot *snapshot = mem_new(struct model_snapshot);
	atomic_init(&snapshot->references, 1);
	snapshot->slot_count = SLOTS_MIN;
	snapshot->slots = mem_zero(SLOTS_MIN * sizeof(struct slot));
	return snapshot;
}

struct model_snapshot *model_snapshot_with(const struct model_snapshot *old,
        const struct model_change *changes, size_t count, uint64_t revision)
{
	struct model_snapshot *snapshot = mem_new(struct model_snapshot);
	atomic_init(&snapshot->references, 1);
	snapshot->revision = revision;
	struct sorted_changes sorted = sort_changes(changes, count);
	make_leaves(snapshot, old, &sorted);
	mem_free(sorted.list);
	make_table(snapshot, old, changes, count);
	snapshot->wildcards = count_wildcards(snapshot);
	return snapshot;
}

struct model_snapshot *model_snapshot_ref(struct model_snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
	return snapshot;
}

void model_snapshot_unref(struct model_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	unsigned before = atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel);
	CHECK(before != 0);
	if (before != 1)
		return;
	for (size_t i = 0; i < snapshot->leaf_count; i++)
		unref_leaf(snapshot->leaves[i]);
	mem_free(snapshot->leaves);
	mem_free(snapshot->starts);
	mem_free(snapshot->slots);
	mem_free(snapshot);
}

struct model_domain *model_snapshot_get(const struct model_snapshot *snapshot, struct str name)
{
	return find_slot(snapshot, hash_keyed(name.at, name.len), name.at, name.len)->domain;
}

static struct model_domain *find_wildcard(const struct model_snapshot *snapshot, struct str host)
{
	/* "a.b.c" is asked for as "*.b.c", then as "*.c": the longest suffix first. */
	char name[LIMIT_HOST_BYTES];
	memcpy(name, host.at, host.len);
	for (size_t dot = 1; dot < host.len; dot++) {
		if (name[dot] != '.')
			continue;
		name[dot - 1] = '*';
		struct model_domain *found =
		        model_snapshot_get(snapshot, str_make(name + dot - 1, host.len - dot + 1));
		if (found != NULL)
			return found;
	}
	return NULL;
}

struct model_domain *model_snapshot_find(const struct model_snapshot *snapshot, struct str host)
{
	if (host.len == 0 || host.len > LIMIT_HOST_BYTES)
		return NULL;
	struct model_domain *found = model_snapshot_get(snapshot, host);
	if (found == NULL && snapshot->wildcards != 0)
		found = find_wildcard(snapshot, host);
	return found;
}

uint64_t model_snapshot_revision(const struct model_snapshot *snapshot)
{
	return snapshot->revision;
}

size_t model_snapshot_count(const struct model_snapshot *snapshot)
{
	return snapshot->count;
}

struct model_domain *model_snapshot_at(const struct model_snapshot *snapshot, size_t index)
{
	CHECK(index < snapshot->count);
	size_t low = 0, high = snapshot->leaf_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (snapshot->starts[middle] <= index)
			low = middle;
		else
			high = middle;
	}
	return snapshot->leaves[low]->domains[index - snapshot->starts[low]];
}
