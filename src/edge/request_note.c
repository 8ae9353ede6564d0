/*
 * What the answer to a request that was passed on says of what is remembered: a write makes it
 * invalid (RFC 9111 section 4.4), an answer to HEAD may update it (4.3.5). And how Cache-Status
 * tells that it was passed on.
 */
#include "base/clock.h"
#include "cache/disk.h"
#include "cache/invalidate.h"
#include "cache/update.h"
#include "edge/keep.h"
#include "edge/key.h"
#include "edge/purge.h"
#include "edge/request_private.h"

enum { STATUS_BYTES = 160 };

struct str edge_request_status_line(struct edge_request *request)
{
	struct str name = request->worker->cdn_id;
	struct http_cache_status status = {.forward = request->forward};
	size_t room = STATUS_BYTES + name.len;
	struct http_writer writer;
	http_writer_init(&writer, arena_alloc(&request->stream->arena, room), room);
	http_cache_status_write(&writer, name, &status);
	CHECK(!writer.full);
	return http_writer_str(&writer);
}

static void invalidate(struct edge_request *request, const struct http_head *answer)
{
	struct serve_stream *stream = request->stream;
	struct http_reference_base base = {
	        .is_https = request->is_https,
	        .host = stream->target.authority,
	        .path = stream->target.path,
	};
	struct str targets[CACHE_INVALIDATE_MAX];
	unsigned count = cache_invalidate_targets(
	        stream->head.method, &base, answer, &stream->arena, targets);
	/* What it changed for clients of one scheme, it has for the others. */
	for (unsigned i = 0; i < count; i++)
		edge_purge_url(request->worker->cache, request->domain, request->host, targets[i],
		        CACHE_PURGE_HARD);
	if (count > 0)
		request->moment = cache_disk_moment(request->worker->cache);
}

static void update(struct edge_request *request, const struct http_head *answer)
{
	struct edge_worker *worker = request->worker;
	struct serve_stream *stream = request->stream;
	struct edge_lookup lookup;
	struct cache_entry entry;
	const struct model_cache *rules = request->domain->cache;
	struct cache_key key = cache_key_make(
	        worker->cache, edge_key_make(rules, edge_key_scheme(rules, request->is_https),
	                               request->host, stream->target.path, &stream->arena));
	edge_lookup_init(&lookup, worker->cache_reader, &key,
	        cache_key_domain(worker->cache, str_of(request->domain->name)),
	        edge_request_asked(request));
	if (edge_lookup_find(&lookup, &entry) != EDGE_LOOKUP_FOUND)
		return;
	struct edge_keep keep = {
	        .worker = worker,
	        .domain = request->domain,
	        .key = &key,
	        .asked = lookup.asked,
	        .sequence = request->sequence,
	        .arena = &stream->arena,
	};
	/* It is the terms of a GET that are renewed. */
	struct http_head asked = stream->head;
	asked.method = HTTP_GET;
	uint64_t now_ms = loop_wall_ms(worker->loop);
	struct address address;
	struct cache_exchange exchange = {
	        .request = &asked,
	        .response = answer,
	        .requested_ms = now_ms - (clock_us() - stream->began_us) / 1000,
	        .received_ms = now_ms,
	        .is_from_backup = edge_fill_origin(request->fill, &address) == MODEL_BACKUP,
	        .is_after_failure = edge_fill_is_after_failure(request->fill),
	};
	switch (cache_update_by_head(&entry.head, entry.object->length, answer)) {
	case CACHE_UPDATE_NOTHING:
		return;
	case CACHE_UPDATE_HEAD:
		if (edge_keep_refresh(&keep, &exchange, entry.id))
			return;
		break;
	case CACHE_UPDATE_STALE:
		break;
	}
	edge_lookup_purge(&lookup, worker->cache, CACHE_PURGE_SOFT);
}

void edge_request_note_answer(struct edge_request *request, const struct http_head *answer)
{
	const struct serve_stream *stream = request->stream;
	if (request->worker->cache == NULL || !request->domain->cache->is_on ||
	        !edge_request_has_key(request))
		return;
	if (!http_method_is_safe(stream->head.method))
		invalidate(request, answer);
	else if (stream->head.method == HTTP_HEAD &&
	         request->forward != HTTP_CACHE_FORWARD_REQUEST &&
	         request->forward != HTTP_CACHE_FORWARD_BYPASS)
		update(request, answer);
}
