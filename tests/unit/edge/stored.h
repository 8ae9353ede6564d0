/*
 * What the tests of the cache's side of the edge share: heads from texts, looking into the store,
 * and putting something into it without an origin.
 */
#pragma once

#include "cache/policy.h"
#include "cache/purge.h"
#include "edge/fixture.h"
#include "edge/forward.h"
#include "edge/keep.h"
#include "edge/lookup.h"
#include "edge/rules.h"

struct parsed {
	struct http_field fields[64];
	struct http_head head;
};

static const struct http_head_limits PARSED_LIMITS = {
        .head_bytes = 65535, .target_bytes = 8192, .fields = 64};

static inline const struct http_head *request_head(struct parsed *parsed, const char *text)
{
	size_t scanned = 0;
	enum fault fault;
	parsed->head = (struct http_head){.fields = parsed->fields, .capacity = 64};
	assert_int_equal(http_head_parse_request(
	                         str_of(text), &scanned, &PARSED_LIMITS, &parsed->head, &fault),
	        HTTP_PARSE_DONE);
	return &parsed->head;
}

static inline const struct http_head *answer_head(struct parsed *parsed, const char *text)
{
	size_t scanned = 0;
	enum fault fault;
	parsed->head = (struct http_head){.fields = parsed->fields, .capacity = 64};
	assert_int_equal(http_head_parse_response(
	                         str_of(text), &scanned, &PARSED_LIMITS, &parsed->head, &fault),
	        HTTP_PARSE_DONE);
	return &parsed->head;
}

/* A request for a.test/x without anything that matters. */
#define PLAIN_REQUEST "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

/* What the store has for a request; the entry may be looked at until the worker's loop turns. */
struct found {
	struct parsed request;
	struct cache_key key;
	struct edge_lookup lookup;
	struct cache_entry entry;
	enum edge_lookup_result result;
};

static inline struct model_domain *domain_of_key(struct fixture *fixture, const char *key)
{
	struct str rest = str_of(key);
	return model_snapshot_find(fixture->worker->snapshot, str_cut(&rest, '/'));
}

static inline bool look_up(
        struct fixture *fixture, const char *key, const char *request, struct found *found)
{
	struct edge_worker *worker = fixture->worker;
	found->key = cache_key_make(worker->cache, str_of(key));
	edge_lookup_init(&found->lookup, worker->cache_reader, &found->key,
	        cache_key_domain(worker->cache, str_of(domain_of_key(fixture, key)->name)),
	        edge_forward_asked(request_head(&found->request, request),
	                domain_of_key(fixture, key), false, false));
	found->result = edge_lookup_find(&found->lookup, &found->entry);
	return found->result == EDGE_LOOKUP_FOUND;
}

static inline bool has(struct fixture *fixture, const char *key)
{
	struct found found;
	return look_up(fixture, key, PLAIN_REQUEST, &found);
}

/* All pieces of an object that was found are there, and it is the pattern. */
static inline bool has_pattern(struct fixture *fixture, const struct cache_entry *entry)
{
	struct edge_worker *worker = fixture->worker;
	uint64_t piece_bytes = cache_store_piece_bytes(worker->cache);
	uint64_t length = entry->object->length;
	if (entry->object->is_inline)
		return entry->body.len == length &&
		       is_pattern(str_make(entry->body.at, entry->body.len));
	for (uint64_t at = 0; at < length; at += piece_bytes) {
		struct cache_place place;
		uint64_t count = length - at < piece_bytes ? length - at : piece_bytes;
		if (!cache_find_piece(worker->cache_reader, entry->id, at / piece_bytes, &place) ||
		        place.len != count ||
		        !str_is_equal(str_make(place.at, place.len), pattern_of(at, count)))
			return false;
	}
	return true;
}

/* An answer to be kept, with all that an edge_keep refers to. */
struct kept {
	struct parsed request, answer;
	struct cache_key key;
	struct edge_keep keep;
	struct edge_loaded *loaded;
	struct arena arena;
	char room[4096];
};

/* Makes the answer as a loader would, under the domain's rules. */
static inline void kept_init(struct kept *kept, struct fixture *fixture, const char *key,
        const char *request, const char *answer)
{
	struct edge_worker *worker = fixture->worker;
	struct edge_rules rules;
	struct cache_terms terms;
	uint64_t now_ms = clock_wall_ms();
	arena_init(&kept->arena, kept->room, sizeof(kept->room));
	kept->key = cache_key_make(worker->cache, str_of(key));
	kept->keep = (struct edge_keep){
	        .worker = worker,
	        .domain = domain_of_key(fixture, key),
	        .key = &kept->key,
	        .sequence = cache_store_sequence(worker->cache),
	        .arena = &kept->arena,
	};
	kept->keep.asked = edge_forward_asked(
	        request_head(&kept->request, request), kept->keep.domain, false, false);
	struct cache_exchange exchange = {
	        .request = kept->keep.asked.head,
	        .response = answer_head(&kept->answer, answer),
	        .requested_ms = now_ms,
	        .received_ms = now_ms,
	};
	edge_rules_make(kept->keep.domain, &rules);
	assert_int_equal(
	        cache_policy_may_store(&exchange, &rules.cache, &terms), CACHE_VERDICT_STORE);
	struct edge_loaded_options options = {
	        .head = exchange.response,
	        .asked = kept->keep.asked,
	        .date = serve_server_date(worker->server),
	};
	assert_int_equal(edge_loaded_make(&options, &kept->loaded), EDGE_LOADED_DONE);
	kept->loaded->terms = terms;
	kept->loaded->id = cache_store_new_id(worker->cache);
	assert_true(edge_loaded_add_tags(kept->loaded, worker->cache,
	        cache_key_domain(worker->cache, str_of(kept->keep.domain->name))));
}

static inline void kept_done(struct kept *kept)
{
	edge_loaded_free(kept->loaded);
	arena_reset(&kept->arena);
}

/* Puts it with the first `length` bytes of the pattern: inline, or as pieces. */
static inline enum cache_put kept_put(struct kept *kept, size_t length)
{
	struct cache_store *cache = kept->keep.worker->cache;
	size_t piece_bytes = cache_store_piece_bytes(cache);
	struct iovec body = {
	        .iov_base = (void *)(uintptr_t)pattern_of(0, length).at, .iov_len = length};
	if (length <= LIMIT_CACHE_INLINE_BYTES)
		return edge_keep_object(&kept->keep, kept->loaded, length, &body, 1);
	for (size_t at = 0; at < length; at += piece_bytes) {
		size_t count = length - at < piece_bytes ? length - at : piece_bytes;
		body = (struct iovec){
		        .iov_base = (void *)(uintptr_t)pattern_of(at, count).at, .iov_len = count};
		enum cache_put result =
		        cache_put_piece(cache, kept->loaded->id, at / piece_bytes, &body, 1);
		if (result != CACHE_PUT_DONE)
			return result;
	}
	return edge_keep_object(&kept->keep, kept->loaded, length, NULL, 0);
}

/* All of that at once, for one that must be kept. */
static inline void remember(struct fixture *fixture, const char *key, const char *request,
        const char *answer, size_t length)
{
	struct kept kept;
	kept_init(&kept, fixture, key, request, answer);
	assert_int_equal(kept_put(&kept, length), CACHE_PUT_DONE);
	kept_done(&kept);
}

/* Fills the store with pieces that nothing leads to, until it takes none. */
static inline void fill_store(struct fixture *fixture)
{
	struct cache_store *cache = fixture->worker->cache;
	size_t piece_bytes = cache_store_piece_bytes(cache);
	struct iovec body = {.iov_base = (void *)(uintptr_t)pattern_of(0, piece_bytes).at,
	        .iov_len = piece_bytes};
	uint64_t id = cache_store_new_id(cache), number = 0;
	while (cache_put_piece(cache, id, number, &body, 1) == CACHE_PUT_DONE)
		assert_true(++number < LIMIT_CACHE_MEMORY_BYTES_MIN / piece_bytes);
	/* What is left of the open segment. */
	while (body.iov_len > 0) {
		body.iov_len /= 2;
		while (cache_put_piece(cache, id, ++number, &body, 1) == CACHE_PUT_DONE)
			;
	}
}
