/*
 * An array with room at its beginning, which is used again when that is most of it.
 */
#include "link/purges.h"

#include "base/limit.h"
#include "base/mem.h"

static size_t count_of(const struct link_purges *purges)
{
	return purges->end - purges->begin;
}

void link_purges_init(struct link_purges *purges)
{
	*purges = (struct link_purges){.first = 1};
}

static void drop_first(struct link_purges *purges)
{
	struct link_purges_entry *entry = &purges->list[purges->begin++];
	purges->bytes -= entry->len;
	mem_free(entry->line);
	purges->first++;
}

void link_purges_done(struct link_purges *purges)
{
	while (count_of(purges) > 0)
		drop_first(purges);
	mem_free(purges->list);
	link_purges_init(purges);
}

static void find_last(struct link_purges *purges)
{
	if (purges->last < purges->first - 1)
		purges->last = purges->first - 1;
	while (link_purges_get(purges, purges->last + 1) != NULL)
		purges->last++;
}

void link_purges_drop_below(struct link_purges *purges, uint64_t number)
{
	while (count_of(purges) > 0 && purges->first < number)
		drop_first(purges);
	if (purges->first < number)
		purges->first = number;
	find_last(purges);
}

/* Adds empty entries, so that there are `count`. */
static void extend(struct link_purges *purges, size_t count)
{
	if (purges->begin > 0 && purges->begin >= purges->end / 2) {
		memmove(purges->list, purges->list + purges->begin,
		        count_of(purges) * sizeof(purges->list[0]));
		purges->end -= purges->begin;
		purges->begin = 0;
	}
	while (purges->begin + count > purges->cap) {
		purges->cap = purges->cap == 0 ? 16 : purges->cap * 2;
		purges->list = mem_resize(purges->list, purges->cap * sizeof(purges->list[0]));
	}
	while (count_of(purges) < count)
		purges->list[purges->end++] = (struct link_purges_entry){0};
}

void link_purges_add(
        struct link_purges *purges, uint64_t number, uint64_t revision, struct str line)
{
	if (number < purges->first || link_purges_get(purges, number) != NULL)
		return;
	/* Of so many, none would be of use. */
	if (number - purges->first > LIMIT_PURGE_TASKS)
		link_purges_drop_below(purges, number - LIMIT_PURGE_TASKS);
	const size_t index = (size_t)(number - purges->first);
	if (index >= count_of(purges))
		extend(purges, index + 1);
	if (line.len > 0 && line.at[line.len - 1] == '\n')
		line.len--;
	purges->list[purges->begin + index] =
	        (struct link_purges_entry){mem_copy(line.at, line.len), line.len, revision};
	purges->bytes += line.len;
	while (purges->bytes > LIMIT_LINK_PURGES_BYTES && count_of(purges) > 1)
		drop_first(purges);
	find_last(purges);
}

const struct link_purges_entry *link_purges_get(const struct link_purges *purges, uint64_t number)
{
	if (number < purges->first || number - purges->first >= count_of(purges))
		return NULL;
	const struct link_purges_entry *entry =
	        &purges->list[purges->begin + (size_t)(number - purges->first)];
	return entry->line != NULL ? entry : NULL;
}
