/*
 * A host has no "/" and a target begins with one, so the two cannot be mistaken for others; nor
 * can a scheme, since no host ends with ":".
 */
#include "edge/key.h"

#include "base/limit.h"
#include "http/uri.h"

#include <stdlib.h>

static struct str name_of(struct str parameter)
{
	return str_cut(&parameter, '=');
}

static bool is_chosen(const struct model_cache *rules, struct str parameter)
{
	struct str name = name_of(parameter);
	if (rules->query != MODEL_QUERY_CHOSEN)
		return true;
	for (uint32_t i = 0; i < rules->query_parameters.count; i++)
		if (str_is_equal(name, str_of(rules->query_parameters.list[i])))
			return true;
	return false;
}

/* By name; parameters of one name stay in their order, since that may mean something. */
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

bool edge_key_is_by_scheme(const struct model_domain *domain)
{
	return domain->origin.protocol == MODEL_FOLLOW ||
	       (domain->backup != NULL && domain->backup->protocol == MODEL_FOLLOW);
}

struct str edge_key_host(
        const struct model_domain *domain, struct str host, bool is_https, struct arena *arena)
{
	if (!is_https || !edge_key_is_by_scheme(domain))
		return host;
	const struct str scheme = STR("https://");
	char *text = arena_alloc(arena, scheme.len + host.len);
	char *end = put(put(text, scheme), host);
	return str_make(text, (size_t)(end - text));
}

struct str edge_key_make(
        const struct model_cache *rules, struct str host, struct str target, struct arena *arena)
{
	/* What is made of a target is no longer than it is. */
	char *key = arena_alloc(arena, host.len + target.len);
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
	return str_make(key, (size_t)(at - key));
}
