/*
 * What is kept is in front, what may be replaced behind it. The list grows as it must, so that who
 * has one pull, like nearly everybody, has room for that.
 */
#include "edge/attempts.h"

#include "base/mem.h"

#include <string.h>

static void make_room(struct edge_attempts *attempts, unsigned wanted, struct arena *arena)
{
	if (wanted <= attempts->room)
		return;
	struct edge_log_attempt *list = arena_alloc(arena, wanted * sizeof(*list));
	if (attempts->kept > 0)
		memcpy(list, attempts->list, attempts->kept * sizeof(*list));
	attempts->list = list;
	attempts->room = wanted;
}

void edge_attempts_add(struct edge_attempts *attempts, const struct edge_log_attempt *added,
        unsigned count, struct arena *arena)
{
	unsigned left = EDGE_ATTEMPTS_MAX - attempts->kept;
	bool is_kept = edge_access_log_is_resumed(added, count);
	if (count > left)
		count = left;
	if (count == 0)
		return;
	make_room(attempts, attempts->kept + count, arena);
	struct edge_log_attempt *to = attempts->list + attempts->kept;
	memcpy(to, added, count * sizeof(*to));
	for (unsigned i = 0; i < count; i++)
		if (to[i].detail.len > 0)
			to[i].detail = arena_copy(arena, to[i].detail);
	attempts->count = attempts->kept + count;
	if (is_kept)
		attempts->kept = attempts->count;
}

struct edge_attempts_copy *edge_attempts_copy(
        const struct edge_log_attempt *attempts, unsigned count)
{
	if (count > EDGE_ATTEMPTS_MAX)
		count = EDGE_ATTEMPTS_MAX;
	size_t bytes = sizeof(struct edge_attempts_copy) + count * sizeof(attempts[0]);
	size_t at = bytes;
	for (unsigned i = 0; i < count; i++)
		bytes += attempts[i].detail.len;
	struct edge_attempts_copy *copy = mem_alloc(bytes);
	copy->count = count;
	memcpy(copy->list, attempts, count * sizeof(attempts[0]));
	for (unsigned i = 0; i < count; i++) {
		struct str *detail = &copy->list[i].detail;
		if (detail->len == 0)
			continue;
		memcpy((char *)copy + at, detail->at, detail->len);
		*detail = str_make((char *)copy + at, detail->len);
		at += detail->len;
	}
	return copy;
}
