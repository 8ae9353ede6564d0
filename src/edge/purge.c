/*
 * Twice through the list: first everything is looked up, then everything is done.
 */
#include "edge/purge.h"

#include "cache/disk.h"
#include "cache/purge.h"
#include "edge/key.h"
#include "http/uri.h"

/* The domain that an item speaks of; NULL where there is none here. */
static struct model_domain *domain_of(const struct model_snapshot *snapshot,
        const struct link_purge *purge, const struct link_purge_item *item)
{
	switch (purge->what) {
	case LINK_PURGE_URL:
	case LINK_PURGE_PREFIX:
		return model_snapshot_find(snapshot, item->host);
	case LINK_PURGE_DOMAIN:
		return model_snapshot_get(snapshot, item->name);
	case LINK_PURGE_TAG:
		return model_snapshot_get(snapshot, purge->domain);
	case LINK_PURGE_WHATS:
		break;
	}
	return NULL;
}

static struct str name_of(const struct link_purge *purge, const struct link_purge_item *item)
{
	if (purge->what == LINK_PURGE_TAG)
		return purge->domain;
	return purge->what == LINK_PURGE_DOMAIN ? item->name : item->host;
}

/* A prefix of keys: what rules make of a query can't be told of a part of it, so that where there
 * are some the path is all that is compared. That is more than was asked for, and never less. */
static struct str prefix_of(
        const struct model_domain *domain, const struct link_purge_item *item, struct arena *arena)
{
	const struct model_cache plain = {.ignore_case = domain->cache->ignore_case};
	struct str target = item->target, query;
	if (domain->cache->query != MODEL_QUERY_KEEP || domain->cache->query_sorted)
		http_uri_cut_query(item->target, &target, &query);
	return edge_key_make(&plain, item->host, target, arena);
}

static void purge_one(struct cache_store *store, const struct model_domain *domain,
        const struct link_purge *purge, const struct link_purge_item *item)
{
	char room[2048];
	struct arena arena;
	arena_init(&arena, room, sizeof(room));
	enum cache_purge how = purge->is_soft ? CACHE_PURGE_SOFT : CACHE_PURGE_HARD;
	uint64_t hash = cache_key_domain(store, str_of(domain->name));
	switch (purge->what) {
	case LINK_PURGE_URL: {
		struct cache_key key = cache_key_make(
		        store, edge_key_make(domain->cache, item->host, item->target, &arena));
		cache_purge_url(store, &key, how);
		break;
	}
	case LINK_PURGE_PREFIX:
		cache_purge_prefix(store, hash, prefix_of(domain, item, &arena), how);
		break;
	case LINK_PURGE_DOMAIN:
		cache_purge_domain(store, hash, how);
		break;
	case LINK_PURGE_TAG:
		cache_purge_tag(store, hash, cache_key_tag(store, hash, item->name), how);
		break;
	case LINK_PURGE_WHATS:
		break;
	}
	arena_reset(&arena);
}

struct link_answer edge_purge(struct cache_store *store, const struct model_snapshot *snapshot,
        const struct link_purge *purge, struct text *error)
{
	for (unsigned i = 0; i < purge->count; i++) {
		if (domain_of(snapshot, purge, &purge->items[i]) != NULL)
			continue;
		struct str name = name_of(purge, &purge->items[i]);
		bool is_host = purge->what == LINK_PURGE_URL || purge->what == LINK_PURGE_PREFIX;
		text_addf(error, "%s %.*s", is_host ? "no domain serves" : "there is no domain",
		        STR_ARG(name));
		return (struct link_answer){.error = text_str(error)};
	}
	for (unsigned i = 0; i < purge->count; i++)
		purge_one(store, domain_of(snapshot, purge, &purge->items[i]), purge,
		        &purge->items[i]);
	return (struct link_answer){.purged = purge->count, .moment = cache_disk_moment(store)};
}

struct link_answer edge_purge_rest(struct cache_store *store, const struct model_snapshot *snapshot,
        const struct link_purge *purge)
{
	struct link_answer answer = {0};
	for (unsigned i = 0; i < purge->count; i++) {
		const struct model_domain *domain = domain_of(snapshot, purge, &purge->items[i]);
		if (domain == NULL)
			continue;
		purge_one(store, domain, purge, &purge->items[i]);
		answer.purged++;
	}
	answer.moment = cache_disk_moment(store);
	return answer;
}
