/*
 * Rules are few (LIMIT_HEADERS), and what later ones take away of earlier ones is known from the
 * reading of the list (model/headers.c): each is looked at once for each message.
 */
#include "edge/headers.h"

static struct str name_of(const struct model_header *rule)
{
	return str_make(rule->name, rule->name_len);
}

static bool is_spared(const struct model_header *rule, uint64_t spared)
{
	return rule->id < HTTP_NAME_OTHER && (spared >> rule->id & 1) != 0;
}

/* Whether the fields of its name that are there stay behind. */
static bool takes_away(const struct model_header *rule)
{
	return rule->action != MODEL_HEADER_ADD;
}

static bool writes(const struct model_header *rule)
{
	return rule->action != MODEL_HEADER_DELETE && !rule->is_overruled;
}

void edge_headers_mark(const struct model_headers *rules, const struct http_head *head,
        uint64_t spared, uint64_t drop[HTTP_MARK_WORDS])
{
	struct http_mark mark;
	if (rules == NULL)
		return;
	http_mark_init(&mark, head, drop);
	for (unsigned i = 0; i < rules->count; i++) {
		const struct model_header *rule = &rules->list[i];
		if (!takes_away(rule) || is_spared(rule, spared))
			continue;
		if (rule->id < HTTP_NAME_OTHER)
			http_mark_known(&mark, rule->id);
		else
			http_mark_name(&mark, name_of(rule));
	}
	http_mark_done(&mark);
}

static char folded(char c)
{
	return c == '_' ? '-' : str_lower(c);
}

static bool is_alike(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (folded(a.at[i]) != folded(b.at[i]))
			return false;
	return true;
}

void edge_headers_mark_alike(const struct model_headers *rules, const struct http_head *head,
        uint64_t drop[HTTP_MARK_WORDS])
{
	for (unsigned i = 0; rules != NULL && i < rules->count; i++) {
		struct str name = name_of(&rules->list[i]);
		if (!takes_away(&rules->list[i]))
			continue;
		bool is_ambiguous = str_find(name, '-') >= 0 || str_find(name, '_') >= 0;
		for (unsigned j = 0; is_ambiguous && j < head->count; j++)
			if (is_alike(http_head_name(head, &head->fields[j]), name))
				drop[j / 64] |= UINT64_C(1) << (j % 64);
	}
}

size_t edge_headers_bytes(const struct model_headers *rules)
{
	return rules == NULL ? 0 : rules->bytes;
}

void edge_headers_write(
        const struct model_headers *rules, uint64_t spared, struct http_writer *writer)
{
	for (unsigned i = 0; rules != NULL && i < rules->count; i++) {
		const struct model_header *rule = &rules->list[i];
		if (writes(rule) && !is_spared(rule, spared))
			http_write_field(
			        writer, name_of(rule), str_make(rule->value, rule->value_len));
	}
}

static bool is_taken_away(const struct model_headers *rules, struct str name)
{
	for (unsigned i = 0; i < rules->count; i++)
		if (takes_away(&rules->list[i]) &&
		        str_is_equal_nocase(name_of(&rules->list[i]), name))
			return true;
	return false;
}

struct str edge_headers_filter(
        const struct model_headers *rules, struct str lines, struct arena *arena)
{
	struct http_writer writer;
	if (rules == NULL || lines.len == 0)
		return lines;
	http_writer_init(&writer, arena_alloc(arena, lines.len), lines.len);
	while (lines.len > 0) {
		const char *start = lines.at;
		struct str rest = str_cut(&lines, '\n');
		struct str line = str_make(start, rest.len + 1);
		if (!is_taken_away(rules, str_cut(&rest, ':')))
			http_write(&writer, line);
	}
	CHECK(!writer.full);
	return http_writer_str(&writer);
}

struct str edge_headers_value(
        const struct model_headers *rules, enum http_name id, struct str value)
{
	for (unsigned i = 0; rules != NULL && i < rules->count; i++) {
		const struct model_header *rule = &rules->list[i];
		if (rule->id == id && takes_away(rule))
			value = writes(rule) ? str_make(rule->value, rule->value_len) : STR_EMPTY;
	}
	return value;
}
