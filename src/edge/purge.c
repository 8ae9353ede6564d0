/*
 * Twice through the list: first everything is looked up, then everything is done. One that was
 * asked elsewhere is done in any case: a domain that is no more may be again, and what it left is
 * under its name.
 */
#include "edge/purge.h"

#include "base/limit.h"
#include "cache/disk.h"
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

/* A prefix of keys, of either scheme: what rules make of a query can't be told of a part of it, so
 * that where there are some the path is all that is compared. That is more than was asked for, and
 * never less. */
static struct str prefix_of(
        const struct model_domain *domain, const struct link_purge_item *item, struct arena *arena)
{
	const struct model_cache plain = {.ignore_case = domain->cache->ignore_case};
	struct str target = item->target, query;
	if (domain->cache->query != MODEL_QUERY_KEEP || domain->cache->query_sorted)
		http_uri_cut_query(item->target, &target, &query);
	return edge_key_make(&plain, EDGE_KEY_SHARED, item->host, target, arena);
}

/* All that is left of a host that no domain serves. The rules that made its keys are gone with the
 * domain, so whatever it can have been of is purged whole: "a.b.c" itself, "*.b.c" and "*.c". */
static void purge_left(struct cache_store *store, struct str host, enum cache_purge how)
{
	char name[LIMIT_HOST_BYTES];
	if (host.len > sizeof(name))
		return; /* no domain ever had it */
	memcpy(name, host.at, host.len);
	cache_purge_domain(store, cache_key_domain(store, host), how);
	for (size_t dot = 1; dot < host.len; dot++) {
		if (name[dot] != '.')
			continue;
		name[dot - 1] = '*';
		struct str above = str_make(name + dot - 1, host.len - dot + 1);
		cache_purge_domain(store, cache_key_domain(store, above), how);
	}
}

static bool is_of_host(const struct link_purge *purge)
{
	return purge->what == LINK_PURGE_URL || purge->what == LINK_PURGE_PREFIX;
}

void edge_purge_url(struct cache_store *store, const struct model_domain *domain, struct str host,
        struct str target, enum cache_purge how)
{
	char room[4096];
	struct arena arena;
	struct cache_key keys[EDGE_KEY_SCHEMES];
	arena_init(&arena, room, sizeof(room));
	for (unsigned scheme = 0; scheme < EDGE_KEY_SCHEMES; scheme++)
		keys[scheme] = cache_key_make(
		        store, edge_key_make(domain->cache, scheme, host, target, &arena));
	cache_purge_urls(store, keys, EDGE_KEY_SCHEMES, how);
	arena_reset(&arena);
}

static void purge_prefix(struct cache_store *store, const struct model_domain *domain,
        const struct link_purge_item *item, enum cache_purge how)
{
	char room[2048];
	struct arena arena;
	arena_init(&arena, room, sizeof(room));
	cache_purge_prefix(store, cache_key_domain(store, str_of(domain->name)),
	        prefix_of(domain, item, &arena), how);
	arena_reset(&arena);
}

/* The domain of what is of a host is there; else the name is enough. */
static void purge_one(struct cache_store *store, const struct model_domain *domain,
        const struct link_purge *purge, const struct link_purge_item *item)
{
	enum cache_purge how = purge->is_soft ? CACHE_PURGE_SOFT : CACHE_PURGE_HARD;
	if (purge->what == LINK_PURGE_URL) {
		edge_purge_url(store, domain, item->host, item->target, how);
		return;
	}
	if (purge->what == LINK_PURGE_PREFIX) {
		purge_prefix(store, domain, item, how);
		return;
	}
	uint64_t hash = cache_key_domain(store, name_of(purge, item));
	if (purge->what == LINK_PURGE_DOMAIN)
		cache_purge_domain(store, hash, how);
	else if (purge->what == LINK_PURGE_TAG)
		cache_purge_tag(store, hash, cache_key_tag(store, hash, item->name), how);
}

struct link_answer edge_purge(struct cache_store *store, const struct model_snapshot *snapshot,
        const struct link_purge *purge, struct text *error)
{
	for (unsigned i = 0; i < purge->count; i++) {
		if (domain_of(snapshot, purge, &purge->items[i]) != NULL)
			continue;
		struct str name = name_of(purge, &purge->items[i]);
		text_addf(error, "%s %.*s",
		        is_of_host(purge) ? "no domain serves" : "there is no domain",
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
	const enum cache_purge how = purge->is_soft ? CACHE_PURGE_SOFT : CACHE_PURGE_HARD;
	for (unsigned i = 0; i < purge->count; i++) {
		const struct link_purge_item *item = &purge->items[i];
		const struct model_domain *domain = domain_of(snapshot, purge, item);
		if (domain != NULL || !is_of_host(purge))
			purge_one(store, domain, purge, item);
		else if (i == 0 || !str_is_equal(item->host, purge->items[i - 1].host))
			purge_left(store, item->host, how);
	}
	return (struct link_answer){.purged = purge->count, .moment = cache_disk_moment(store)};
}
