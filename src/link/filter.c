/*
 * A filter is a handful of conditions, all of which must hold.
 */
#include "link/filter.h"

/* ---- texts ---- */

/* NULs would end it early. */
static bool set(char *to, size_t size, struct str text)
{
	if (text.len >= size || (text.len > 0 && memchr(text.at, '\0', text.len) != NULL))
		return false;
	memset(to, 0, size);
	if (text.len > 0)
		memcpy(to, text.at, text.len);
	return true;
}

bool link_filter_set_domain(struct link_filter *filter, struct str text)
{
	return set(filter->domain, sizeof(filter->domain), text);
}

bool link_filter_set_path(struct link_filter *filter, struct str text)
{
	return set(filter->path, sizeof(filter->path), text);
}

bool link_filter_set_cache(struct link_filter *filter, struct str text)
{
	return set(filter->cache, sizeof(filter->cache), text);
}

bool link_filter_set_client(struct link_filter *filter, struct str text)
{
	struct address_prefix clients = {.bits = 0};
	if (text.len > 0 && !address_prefix_parse(text, &clients))
		return false;
	if (!set(filter->client, sizeof(filter->client), text))
		return false;
	filter->clients = clients;
	return true;
}

/* ---- requests ---- */

bool link_filter_is_match(
        const struct link_filter *filter, const struct link_filter_subject *subject)
{
	if (filter->status_max != 0 &&
	        (subject->status < filter->status_min || subject->status > filter->status_max))
		return false;
	if ((filter->is_failed && !subject->is_failed) ||
	        (filter->is_retried && !subject->is_retried) ||
	        (filter->is_backup && !subject->is_backup))
		return false;
	if (filter->domain[0] != '\0' && !str_is_equal(subject->domain, str_of(filter->domain)))
		return false;
	if (filter->cache[0] != '\0' && !str_is_equal(subject->cache, str_of(filter->cache)))
		return false;
	if (filter->client[0] != '\0' && !address_is_in(&subject->client, &filter->clients))
		return false;
	return filter->path[0] == '\0' || str_has_prefix(subject->path, str_of(filter->path));
}

/* ---- as an object ---- */

static void add_text(struct text *to, const char *key, const char *value)
{
	text_addf(to, ",\"%s\":", key);
	text_add_json(to, str_of(value));
}

void link_filter_print(const struct link_filter *filter, struct text *to)
{
	text_addf(
	        to, "{\"status_min\":%u,\"status_max\":%u", filter->status_min, filter->status_max);
	add_text(to, "domain", filter->domain);
	add_text(to, "path", filter->path);
	add_text(to, "cache", filter->cache);
	add_text(to, "client", filter->client);
	text_addf(to, ",\"failed\":%s,\"retried\":%s,\"backup\":%s}",
	        filter->is_failed ? "true" : "false", filter->is_retried ? "true" : "false",
	        filter->is_backup ? "true" : "false");
}

static bool read_text(const struct model_node *object, const char *key, struct str *ret_text)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || node->is_plain)
		return false;
	*ret_text = node->text;
	return true;
}

static bool read_status(const struct model_node *object, const char *key, uint16_t *ret_status)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	uint64_t number;
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || !node->is_plain ||
	        !str_to_u64(node->text, &number) || number > 999)
		return false;
	*ret_status = (uint16_t)number;
	return true;
}

static bool read_bool(const struct model_node *object, const char *key, bool *ret_bool)
{
	const struct model_node *node = model_node_get(object, str_of(key));
	if (node == NULL || node->kind != MODEL_NODE_SCALAR || !node->is_plain)
		return false;
	*ret_bool = str_is_equal(node->text, STR("true"));
	return *ret_bool || str_is_equal(node->text, STR("false"));
}

bool link_filter_read(const struct model_node *node, struct link_filter *ret_filter)
{
	enum { MEMBERS = 9 };
	struct link_filter filter;
	struct str domain, path, cache, client;
	memset(&filter, 0, sizeof(filter));
	if (node->kind != MODEL_NODE_MAPPING || node->count != MEMBERS ||
	        !read_status(node, "status_min", &filter.status_min) ||
	        !read_status(node, "status_max", &filter.status_max) ||
	        !read_bool(node, "failed", &filter.is_failed) ||
	        !read_bool(node, "retried", &filter.is_retried) ||
	        !read_bool(node, "backup", &filter.is_backup) ||
	        !read_text(node, "domain", &domain) || !read_text(node, "path", &path) ||
	        !read_text(node, "cache", &cache) || !read_text(node, "client", &client) ||
	        !link_filter_set_domain(&filter, domain) || !link_filter_set_path(&filter, path) ||
	        !link_filter_set_cache(&filter, cache) || !link_filter_set_client(&filter, client))
		return false;
	memcpy(ret_filter, &filter, sizeof(filter));
	return true;
}
