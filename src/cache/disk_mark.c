/*
 * Marks for what is on disks. The keeper's sweep forgets marks once no record in memory needs them;
 * what is on a disk is compared only when it is recalled, so its marks stay, here, until there are
 * too many. A mark for the same as an earlier one takes its place. Comparing looks at all that are
 * younger than the record: few, where few were made since, and next to reading from a disk, little.
 */
#include "cache/disk_private.h"

#include <string.h>

static bool is_same(const struct cache_disks_shared *disks, uint32_t at,
        const struct cache_disk_mark *mark, struct str text)
{
	const struct cache_disk_mark *there = &disks->marks[at].mark;
	return there->kind == mark->kind && there->is_soft == mark->is_soft &&
	       there->domain == mark->domain && there->tag == mark->tag &&
	       str_is_equal(text, str_make(disks->mark_texts[at], there->len));
}

/* A dying process may have left the count as anything. */
static uint32_t count_of(const struct cache_disks_shared *disks)
{
	return disks->mark_count < LIMIT_CACHE_DISK_MARKS ? disks->mark_count
	                                                  : LIMIT_CACHE_DISK_MARKS;
}

/* Where a new mark may be written: behind the others, or in place of the oldest, which the floor
 * stands for from then on. */
static uint32_t take_place(struct cache_disks_shared *disks)
{
	uint32_t count = count_of(disks), oldest = 0;
	if (count < LIMIT_CACHE_DISK_MARKS) {
		disks->mark_count = count + 1;
		return count;
	}
	for (uint32_t i = 1; i < count; i++)
		if (disks->marks[i].sequence < disks->marks[oldest].sequence)
			oldest = i;
	if (disks->marks[oldest].sequence > disks->floor)
		disks->floor = disks->marks[oldest].sequence;
	return oldest;
}

static void keep(struct cache_disks_shared *disks, const struct cache_disk_mark *mark,
        struct str text, uint64_t sequence)
{
	uint32_t at = 0, count = count_of(disks);
	while (at < count && !is_same(disks, at, mark, text))
		at++;
	if (at == count)
		at = take_place(disks);
	else if (disks->marks[at].sequence >= sequence)
		return;
	disks->marks[at].mark = *mark;
	disks->marks[at].mark.len = (uint32_t)text.len;
	disks->marks[at].sequence = sequence;
	if (text.len > 0)
		memcpy(disks->mark_texts[at], text.at, text.len);
	if (sequence > disks->last_mark)
		disks->last_mark = sequence;
}

/* What no place has room for is said more widely. */
static struct cache_disk_mark widen(const struct cache_disk_mark *mark, struct str *text)
{
	struct cache_disk_mark wide = *mark;
	if (text->len > LIMIT_CACHE_PREFIX_BYTES) {
		wide.kind = CACHE_MARK_TAG;
		wide.tag = wide.domain;
		*text = STR_EMPTY;
	}
	return wide;
}

void cache_disk_add_mark(struct cache_store *store, const struct cache_disk_mark *mark,
        struct str text, uint64_t sequence)
{
	if (store->disks == NULL)
		return;
	struct cache_disk_mark wide = widen(mark, &text);
	if (wide.kind == CACHE_MARK_ALL && !wide.is_soft) {
		cache_disk_raise_floor(store, sequence);
		return;
	}
	keep(store->disks, &wide, text, sequence);
	cache_disk_raise_moment(store);
}

void cache_disk_raise_floor(struct cache_store *store, uint64_t sequence)
{
	struct cache_disks_shared *disks = store->disks;
	if (sequence > disks->floor)
		disks->floor = sequence;
	/* What begins from now on is not below it. */
	if (sequence > cache_store_sequence(store))
		atomic_store_explicit(&store->shared->sequence, sequence, memory_order_release);
	cache_disk_raise_moment(store);
}

/* ---- comparing ---- */

static bool has_tag(const struct cache_mark_subject *subject, uint64_t tag)
{
	bool has = tag == subject->domain;
	for (unsigned i = 0; i < subject->tag_count && !has; i++)
		has = subject->tags[i] == tag;
	return has;
}

static bool does_cover(const struct cache_disks_shared *disks, uint32_t at,
        const struct cache_mark_subject *subject)
{
	const struct cache_disk_mark *mark = &disks->marks[at].mark;
	switch ((enum cache_mark_kind)mark->kind) {
	case CACHE_MARK_ALL:
		return true;
	case CACHE_MARK_TAG:
		return has_tag(subject, mark->tag);
	case CACHE_MARK_PREFIX:
		return mark->domain == subject->domain && mark->len <= LIMIT_CACHE_PREFIX_BYTES &&
		       mark->len <= subject->key.len &&
		       memcmp(subject->key.at, disks->mark_texts[at], mark->len) == 0;
	case CACHE_MARK_FLOOR:
	case CACHE_MARK_KINDS:
		break;
	}
	return false;
}

static enum cache_purged compare(const struct cache_disks_shared *disks,
        const struct cache_mark_subject *subject, uint64_t sequence)
{
	enum cache_purged verdict = CACHE_PURGED_NOT;
	if (sequence >= disks->last_mark)
		return verdict;
	uint32_t count = count_of(disks);
	for (uint32_t i = 0; i < count && verdict != CACHE_PURGED_HARD; i++) {
		if (disks->marks[i].sequence <= sequence || !does_cover(disks, i, subject))
			continue;
		verdict = disks->marks[i].mark.is_soft ? CACHE_PURGED_SOFT : CACHE_PURGED_HARD;
	}
	return verdict;
}

enum cache_purged cache_disk_covers(
        const struct cache_store *store, const struct cache_record *record)
{
	struct cache_record_object object;
	struct cache_record_spec spec;
	const struct cache_disks_shared *disks = store->disks;
	bool is_object = cache_record_read_object(record, &object);
	if (!is_object && !cache_record_read_spec(record, &spec))
		return CACHE_PURGED_NOT; /* a piece is reached through its object alone */
	if (record->sequence < disks->floor)
		return CACHE_PURGED_HARD;
	if (!is_object)
		return CACHE_PURGED_NOT;
	const struct cache_mark_subject subject = {
	        .key = object.key,
	        .domain = object.object->domain,
	        .tags = object.tags,
	        .tag_count = object.object->tag_count,
	};
	return compare(disks, &subject, record->sequence);
}

/* ---- writers ---- */

static bool take_floor(const struct cache_disks_shared *disks, struct cache_disk_shared *disk,
        struct cache_disk_mark_kept *ret_mark)
{
	if (disk->floored >= disks->floor)
		return false;
	disk->floored = disks->floor;
	*ret_mark = (struct cache_disk_mark_kept){
	        .mark = {.kind = CACHE_MARK_FLOOR},
	        .sequence = disks->floor,
	};
	return true;
}

bool cache_disk_take_mark(struct cache_store *store, unsigned disk,
        struct cache_disk_mark_kept *ret_mark, char *ret_text)
{
	const struct cache_disks_shared *disks = store->disks;
	struct cache_disk_shared *shared = &store->disks->disks[disk];
	if (take_floor(disks, shared, ret_mark))
		return true;
	if (shared->marked >= disks->last_mark)
		return false;
	const struct cache_disk_mark_kept *next = NULL;
	uint32_t count = count_of(disks);
	for (uint32_t i = 0; i < count; i++) {
		const struct cache_disk_mark_kept *kept = &disks->marks[i];
		if (kept->sequence > shared->marked &&
		        (next == NULL || kept->sequence < next->sequence))
			next = kept;
	}
	if (next == NULL || next->mark.len > LIMIT_CACHE_PREFIX_BYTES)
		return false;
	shared->marked = next->sequence;
	*ret_mark = *next;
	memcpy(ret_text, disks->mark_texts[next - disks->marks], next->mark.len);
	return true;
}

void cache_disk_restore_mark(struct cache_store *store, const struct cache_disk_mark *mark,
        struct str text, uint64_t sequence)
{
	struct cache_disks_shared *disks = store->disks;
	if (sequence > cache_store_sequence(store) || text.len > LIMIT_CACHE_PREFIX_BYTES)
		return;
	if (mark->kind != CACHE_MARK_FLOOR)
		keep(disks, mark, text, sequence);
	else if (sequence > disks->floor)
		disks->floor = sequence;
}
