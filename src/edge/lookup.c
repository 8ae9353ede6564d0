/*
 * Two steps at most: the key leads to an object, or to the names of the fields that decide; with
 * these the request's variant is made and looked up. Each of them may be away; who had it recalled
 * looks up again from the first.
 */
#include "edge/lookup.h"

#include "edge/loaded.h"

enum edge_lookup_result edge_lookup_find(struct edge_lookup *lookup, struct cache_entry *ret_entry)
{
	struct cache_variants variants;
	lookup->vary.count = 0;
	lookup->variant = STR_EMPTY;
	switch (cache_find(lookup->reader, lookup->key, ret_entry, &variants)) {
	case CACHE_FOUND_SPEC:
		break;
	case CACHE_FOUND_OBJECT:
		return EDGE_LOOKUP_FOUND;
	case CACHE_FOUND_AWAY:
		return EDGE_LOOKUP_AWAY;
	case CACHE_FOUND_PIECE:
	case CACHE_FOUND_NOTHING:
		return EDGE_LOOKUP_NOTHING;
	}
	edge_loaded_read_vary(variants.names, &lookup->vary);
	if (cache_vary_write(&lookup->vary, lookup->request, lookup->text, &lookup->variant) !=
	        CACHE_VARY_DONE)
		return EDGE_LOOKUP_UNTELLABLE;
	switch (cache_find_variant(
	        lookup->reader, lookup->key, &variants, lookup->variant, ret_entry)) {
	case CACHE_FOUND_OBJECT:
		return EDGE_LOOKUP_FOUND;
	case CACHE_FOUND_AWAY:
		return EDGE_LOOKUP_AWAY;
	case CACHE_FOUND_SPEC:
	case CACHE_FOUND_PIECE:
	case CACHE_FOUND_NOTHING:
		break;
	}
	return EDGE_LOOKUP_NOTHING;
}
