/*
 * Two steps at most: the key leads to an object, or to the names of the fields that decide; with
 * these the request's variant is made and looked up. Each of them may be away; who had it recalled
 * looks up again from the first.
 *
 * A host may come to another domain: it gets one of its own, or that is taken away and the one with
 * the wildcard serves it. What was stored before came from other origins under other rules, and no
 * purge of the domain that it is now would reach it.
 */
#include "edge/lookup.h"

#include "edge/loaded.h"

static enum edge_lookup_result judge(
        const struct edge_lookup *lookup, const struct cache_entry *entry)
{
	return entry->object->domain == lookup->domain ? EDGE_LOOKUP_FOUND : EDGE_LOOKUP_NOTHING;
}

enum edge_lookup_result edge_lookup_find(struct edge_lookup *lookup, struct cache_entry *ret_entry)
{
	struct cache_variants variants;
	lookup->vary.count = 0;
	lookup->epoch = 0;
	lookup->variant = STR_EMPTY;
	switch (cache_find(lookup->reader, lookup->key, ret_entry, &variants)) {
	case CACHE_FOUND_SPEC:
		break;
	case CACHE_FOUND_OBJECT:
		return judge(lookup, ret_entry);
	case CACHE_FOUND_AWAY:
		return EDGE_LOOKUP_AWAY;
	case CACHE_FOUND_PIECE:
	case CACHE_FOUND_NOTHING:
		return EDGE_LOOKUP_NOTHING;
	}
	edge_loaded_read_vary(variants.names, &lookup->vary);
	if (cache_vary_write(&lookup->vary, &lookup->asked, lookup->text, &lookup->variant) !=
	        CACHE_VARY_DONE)
		return EDGE_LOOKUP_UNTELLABLE;
	lookup->epoch = variants.epoch;
	switch (cache_find_variant(
	        lookup->reader, lookup->key, &variants, lookup->variant, ret_entry)) {
	case CACHE_FOUND_OBJECT:
		return judge(lookup, ret_entry);
	case CACHE_FOUND_AWAY:
		return EDGE_LOOKUP_AWAY;
	case CACHE_FOUND_SPEC:
	case CACHE_FOUND_PIECE:
	case CACHE_FOUND_NOTHING:
		break;
	}
	return EDGE_LOOKUP_NOTHING;
}

void edge_lookup_purge(
        const struct edge_lookup *lookup, struct cache_store *store, enum cache_purge how)
{
	if (lookup->epoch != 0)
		cache_purge_variant(store, lookup->key, lookup->epoch, lookup->variant, how);
	else
		cache_purge_url(store, lookup->key, how);
}
