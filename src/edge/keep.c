/*
 * A spec is put before each object that needs it: one that says the same is left as it is.
 */
#include "edge/keep.h"

#include "base/clock.h"
#include "cache/policy.h"
#include "cache/update.h"
#include "edge/lookup.h"
#include "edge/rules.h"

static uint64_t domain_of(const struct edge_keep *keep)
{
	return cache_key_domain(keep->worker->cache, str_of(keep->domain->name));
}

bool edge_keep_spec(
        const struct edge_keep *keep, const struct edge_loaded *loaded, uint64_t *ret_epoch)
{
	*ret_epoch = 0;
	if (loaded->vary.count == 0)
		return true;
	struct cache_put_spec put = {
	        .key = *keep->key,
	        .names = edge_loaded_print_vary(&loaded->vary, keep->arena),
	        .domain = domain_of(keep),
	        .id = loaded->id,
	        .sequence = keep->sequence,
	};
	return cache_put_spec(keep->worker->cache, &put, ret_epoch) == CACHE_PUT_DONE;
}

enum cache_put edge_keep_object(const struct edge_keep *keep, const struct edge_loaded *loaded,
        uint64_t length, const struct iovec *body, unsigned body_count)
{
	uint64_t epoch;
	if (!edge_keep_spec(keep, loaded, &epoch))
		return CACHE_PUT_PURGED;
	struct cache_object object = {.length = length, .terms = loaded->terms};
	if (loaded->etag.len > 0) {
		object.etag_at = (uint32_t)(loaded->etag.at - loaded->head.base);
		object.etag_len = (uint32_t)loaded->etag.len;
	}
	struct cache_put_object put = {
	        .key = *keep->key,
	        .variant = loaded->variant,
	        .epoch = epoch,
	        .domain = domain_of(keep),
	        .tags = loaded->tags,
	        .tag_count = loaded->tag_count,
	        .id = loaded->id,
	        .is_update = keep->is_update,
	        .sequence = keep->sequence,
	        .now_ms = clock_wall_ms(),
	        .object = &object,
	        .head = &loaded->head,
	        .body = body,
	        .body_count = body_count,
	};
	return cache_put_object(keep->worker->cache, &put);
}

/* Puts the object of the entry once more, with the head and terms of `loaded`; in the same place,
 * but where it varies on more than before. */
static void put_again(const struct edge_keep *keep, const struct cache_entry *entry,
        const struct cache_vary *vary, struct edge_loaded *loaded)
{
	struct iovec body = {
	        .iov_base = (void *)(uintptr_t)entry->body.at, .iov_len = entry->body.len};
	bool is_inline = entry->object->is_inline;
	struct edge_keep update = *keep;
	update.is_update = loaded->vary.count == vary->count;
	loaded->id = entry->id;
	if (!edge_loaded_add_tags(loaded, keep->worker->cache, domain_of(keep)))
		return;
	enum cache_put result = edge_keep_object(&update, loaded, entry->object->length,
	        is_inline ? &body : NULL, is_inline ? 1 : 0);
	/* Where there is no room, the old one is validated again next time; and what another has
	 * stored meanwhile is newer. */
	(void)result;
}

bool edge_keep_refresh(
        const struct edge_keep *keep, const struct cache_exchange *exchange, uint64_t id)
{
	struct cache_entry entry;
	struct http_head merged;
	struct edge_rules rules;
	struct edge_lookup lookup;
	edge_lookup_init(
	        &lookup, keep->worker->cache_reader, keep->key, domain_of(keep), keep->asked);
	if (edge_lookup_find(&lookup, &entry) != EDGE_LOOKUP_FOUND || (id != 0 && entry.id != id))
		return false;
	if (exchange->response->status == 304 &&
	        !cache_update_is_match(&entry.head, exchange->response))
		return false;
	if (!cache_update_merge(&entry.head, exchange->response, keep->arena, &merged))
		return false;
	struct cache_exchange again = *exchange;
	struct cache_terms terms;
	struct edge_loaded *loaded;
	struct edge_loaded_options options = {
	        .head = &merged,
	        .asked = keep->asked,
	        .vary = &lookup.vary,
	        .date = serve_server_date(keep->worker->server),
	};
	again.response = &merged;
	edge_rules_make(keep->domain, &rules);
	if (cache_policy_may_store(&again, &rules.cache, &terms) != CACHE_VERDICT_STORE ||
	        edge_loaded_make(&options, &loaded) != EDGE_LOADED_DONE)
		return false;
	loaded->terms = terms;
	put_again(keep, &entry, &lookup.vary, loaded);
	edge_loaded_free(loaded);
	return true;
}
