/*
 * A query is what forms send: pairs with "&" between them, "+" for a space. Nothing that is not
 * known is passed over in silence: who misspells `dry_run` does not mean a change.
 */
#include "control/query.h"

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = str_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of an escape; -1 where it is none. */
static int unescape(struct str text, size_t at)
{
	if (text.len - at < 3)
		return -1;
	int high = digit_of(text.at[at + 1]), low = digit_of(text.at[at + 2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool control_query_decode(
        struct arena *arena, struct str text, enum control_query_part part, struct str *ret_text)
{
	char *to = arena_alloc(arena, text.len + 1);
	size_t length = 0;
	for (size_t i = 0; i < text.len; i++) {
		int byte = (unsigned char)text.at[i];
		if (byte == '%') {
			byte = unescape(text, i);
			i += 2;
		} else if (byte == '+' && part == CONTROL_QUERY_PAIR) {
			byte = ' ';
		}
		if (byte < ' ' || byte == 0x7f)
			return false;
		to[length++] = (char)byte;
	}
	to[length] = '\0';
	*ret_text = str_make(to, length);
	return true;
}

static bool is_word_of(const char *words, struct str wanted)
{
	struct str rest = str_of(words);
	while (rest.len != 0)
		if (str_is_equal(str_cut(&rest, ' '), wanted))
			return true;
	return false;
}

/* What is wrong with a pair; at is NULL when nothing is. */
static struct str refuse(
        struct arena *arena, const char *allowed, struct str name, struct str value)
{
	struct str switch_name = arena_printf(arena, "%.*s?", STR_ARG(name));
	/* The mark of a switch is no part of its name. */
	bool is_marked = str_find(name, '?') >= 0;
	if (!is_marked && is_word_of(allowed, name))
		return STR_EMPTY;
	if (is_marked || !is_word_of(allowed, switch_name))
		return arena_printf(arena,
		        "the query has a parameter \"%.*s\", which is not known here",
		        STR_ARG(name));
	if (value.len == 0 || is_word_of("1 true 0 false", value))
		return STR_EMPTY;
	return arena_printf(
	        arena, "the query's \"%.*s\" is none of 1, true, 0 and false", STR_ARG(name));
}

bool control_query_is_on(const struct control_query *query, const char *name)
{
	struct str value = control_query_get(query, name);
	return value.at != NULL && (value.len == 0 || is_word_of("1 true", value));
}

bool control_query_read(struct arena *arena, struct str text, const char *allowed,
        struct control_query *ret_query, struct str *ret_why)
{
	struct control_query query = {.count = 0};
	while (text.len != 0) {
		struct str value = str_cut(&text, '&'), name = str_cut(&value, '=');
		if (name.len == 0 && value.at == NULL)
			continue;
		if (!control_query_decode(arena, name, CONTROL_QUERY_PAIR, &name) ||
		        !control_query_decode(arena, value, CONTROL_QUERY_PAIR, &value)) {
			*ret_why = STR("the query has an escape that is none, or a control byte");
			return false;
		}
		struct str why = refuse(arena, allowed, name, value);
		if (why.at != NULL) {
			*ret_why = why;
			return false;
		}
		if (control_query_get(&query, name.at).at != NULL) {
			*ret_why =
			        arena_printf(arena, "the query has \"%.*s\" twice", STR_ARG(name));
			return false;
		}
		/* What is allowed is in the table of routes, and each at most once. */
		CHECK(query.count < CONTROL_QUERY_MAX);
		query.list[query.count].name = name;
		query.list[query.count++].value = value;
	}
	*ret_query = query;
	return true;
}

struct str control_query_get(const struct control_query *query, const char *name)
{
	for (unsigned i = 0; i < query->count; i++)
		if (str_is_equal(query->list[i].name, str_of(name)))
			return query->list[i].value;
	return STR_EMPTY;
}
