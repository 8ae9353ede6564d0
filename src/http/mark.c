/*
 * Known names are a set of ids. Other names are looked up in a small table of the head's other
 * fields, built only when it is needed; a field that was named leaves its chain.
 */
#include "http/mark.h"

#include "base/hash.h"

enum {
	HASHED_BYTES = 512, /* the most that hash_keyed_nocase takes */
	NO_FIELD = UINT16_MAX,
};

static unsigned slot_of(struct str name)
{
	if (name.len > HASHED_BYTES)
		name.len = HASHED_BYTES;
	return (unsigned)(hash_keyed_nocase(name) % HTTP_MARK_SLOTS);
}

static void chain_others(struct http_mark *mark)
{
	for (unsigned i = 0; i < HTTP_MARK_SLOTS; i++)
		mark->first[i] = NO_FIELD;
	for (uint16_t i = 0; i < mark->head->count; i++) {
		if (mark->head->fields[i].id != HTTP_NAME_OTHER)
			continue;
		unsigned slot = slot_of(http_head_name(mark->head, &mark->head->fields[i]));
		mark->next[i] = mark->first[slot];
		mark->first[slot] = i;
	}
	mark->has_others = true;
}

static void mark_other(struct http_mark *mark, struct str name)
{
	if (!mark->has_others)
		chain_others(mark);
	uint16_t *link = &mark->first[slot_of(name)];
	while (*link != NO_FIELD) {
		uint16_t i = *link;
		struct str other = http_head_name(mark->head, &mark->head->fields[i]);
		if (str_is_equal_nocase(other, name)) {
			mark->marks[i / 64] |= (uint64_t)1 << i % 64;
			*link = mark->next[i];
		} else {
			link = &mark->next[i];
		}
	}
}

void http_mark_init(
        struct http_mark *mark, const struct http_head *head, uint64_t marks[HTTP_MARK_WORDS])
{
	CHECK(head->count <= LIMIT_HEAD_FIELDS);
	mark->head = head;
	mark->marks = marks;
	mark->known = 0;
	mark->has_others = false;
}

void http_mark_known(struct http_mark *mark, enum http_name id)
{
	CHECK(id < HTTP_NAME_OTHER);
	mark->known |= (uint64_t)1 << id;
}

void http_mark_name(struct http_mark *mark, struct str name)
{
	enum http_name id = http_name_of(name);
	if (id != HTTP_NAME_OTHER)
		http_mark_known(mark, id);
	else if (name.len > 0)
		mark_other(mark, name);
}

void http_mark_done(struct http_mark *mark)
{
	const struct http_head *head = mark->head;
	if ((head->present & mark->known) == 0)
		return;
	for (unsigned i = 0; i < head->count; i++)
		mark->marks[i / 64] |= (mark->known >> head->fields[i].id & 1) << i % 64;
}
