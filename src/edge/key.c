/*
 * A host has no "/" and a target begins with one, so the two cannot be mistaken for others; nor
 * can a scheme, since no target has a "#".
 */
#include "edge/key.h"

#include "base/limit.h"
#include "http/uri.h"

#include <stdlib.h>

static struct str name_of(struct str parameter)
{
	return str_cut(&parameter, '=');
}

static int value_of(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = str_lower(digit);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Takes one byte off the front, as whoever decodes the name has it. */
static char take_decoded(struct str *rest)
{
	char byte = rest->at[0];
	size_t used = 1;
	if (byte == '%' && rest->len >= 3 && value_of(rest->at[1]) >= 0 &&
	        value_of(rest->at[2]) >= 0) {
		byte = (char)(value_of(rest->at[1]) * 16 + value_of(rest->at[2]));
		used = 3;
	} else if (byte == '+') {
		byte = ' ';
	}
	*rest = str_make(rest->at + used, rest->len - used);
	return byte;
}

/* What some languages make one in the names of parameters. */
static char folded(char byte)
{
	return byte == '.' || byte == ' ' ? '_' : byte;
}

/*
 * Whether an origin may take a name for this one, which it was chosen to tell objects apart by: it
 * decodes escapes; may pass over spaces before it; may read "a[b]" as a member of "a", and "a.b" as
 * "a_b"; and may end it at a NUL.
 */
static bool may_mean(struct str name, struct str chosen, bool ignore_case)
{
	struct str rest = name;
	bool is_first = true;
	while (rest.len > 0) {
		char byte = take_decoded(&rest);
		if (is_first && byte == ' ')
			continue;
		is_first = false;
		if (chosen.len == 0)
			return byte == '[' || byte == '\0';
		char wanted = folded(take_decoded(&chosen));
		byte = folded(byte);
		if (byte != wanted && !(ignore_case && str_lower(byte) == str_lower(wanted)))
			return false;
	}
	return chosen.len == 0;
}

/* Whether a parameter tells objects apart. What an origin may take for one that does counts as one,
 * or a request could put its own answer in the place of another's: also what stands behind a
 * semicolon, where some split queries as well. */
static bool is_chosen(const struct model_cache *rules, struct str parameter)
{
	if (rules->query != MODEL_QUERY_CHOSEN)
		return true;
	while (parameter.len > 0) {
		struct str name = name_of(str_cut(&parameter, ';'));
		for (uint32_t i = 0; i < rules->query_parameters.count; i++)
			if (may_mean(name, str_of(rules->query_parameters.list[i]),
			            rules->ignore_case))
				return true;
	}
	return false;
}

/* By name as it is written; parameters of one name stay in their order, since that may mean
 * something. */
static int compare(const void *a, const void *b)
{
	const struct str *left = a, *right = b;
	int order = str_compare(name_of(*left), name_of(*right));
	return order != 0 ? order : (left->at > right->at) - (left->at < right->at);
}

static char *put(char *at, struct str text)
{
	if (text.len > 0)
		memcpy(at, text.at, text.len);
	return at + text.len;
}

/* Writes what the rules leave of a query, with its "?", if it is anything. */
static char *put_query(const struct model_cache *rules, struct str query, char *at)
{
	struct str parameters[LIMIT_KEY_PARAMETERS];
	unsigned count = 0;
	while (query.len > 0) {
		struct str parameter = str_cut(&query, '&');
		if (parameter.len == 0 || !is_chosen(rules, parameter))
			continue;
		if (count == LIMIT_KEY_PARAMETERS)
			return NULL;
		parameters[count++] = parameter;
	}
	if (rules->query_sorted)
		qsort(parameters, count, sizeof(parameters[0]), compare);
	for (unsigned i = 0; i < count; i++) {
		at = put(at, i == 0 ? STR("?") : STR("&"));
		at = put(at, parameters[i]);
	}
	return at;
}

static struct str scheme_text(enum edge_key_scheme scheme)
{
	switch (scheme) {
	case EDGE_KEY_HTTP:
		return STR("#http");
	case EDGE_KEY_HTTPS:
		return STR("#https");
	case EDGE_KEY_SHARED:
	case EDGE_KEY_SCHEMES:
		break;
	}
	return STR_EMPTY;
}

struct str edge_key_make(const struct model_cache *rules, enum edge_key_scheme scheme,
        struct str host, struct str target, struct arena *arena)
{
	/* What is made of a target is no longer than it is. */
	char *key = arena_alloc(arena, host.len + target.len + EDGE_KEY_SCHEME_BYTES);
	char *at = put(key, host), *path_at = at;
	struct str path = target, query = STR_EMPTY;
	bool is_plain = rules->query == MODEL_QUERY_KEEP && !rules->query_sorted;
	if (!is_plain)
		http_uri_cut_query(target, &path, &query);
	at = put(at, path);
	if (query.len > 0 && rules->query != MODEL_QUERY_IGNORE) {
		char *end = put_query(rules, query, at);
		/* Too many to look at: the query as it is, which is never less exact. */
		at = end != NULL ? end : put(put(at, STR("?")), query);
	}
	for (char *byte = path_at; rules->ignore_case && byte < at; byte++)
		*byte = str_lower(*byte);
	at = put(at, scheme_text(scheme));
	return str_make(key, (size_t)(at - key));
}
