/*
 * What becomes of an answer, once its head is there: a new head for what is stored (304), a piece,
 * an object that is stored and shared, an error that is only shared, or nothing for others at all.
 */
#include "cache/policy.h"
#include "cache/purge.h"
#include "edge/loader_private.h"
#include "edge/lookup.h"
#include "edge/rules.h"
#include "edge/unshared.h"
#include "http/range.h"
#include "http/uri.h"

enum { UNSATISFIED = 416, FAILURES_FROM = 500 }; /* statuses */

static struct cache_exchange exchange_of(
        const struct edge_loader *loader, const struct http_head *response)
{
	struct address address;
	return (struct cache_exchange){
	        .request = &loader->head,
	        .response = response,
	        .requested_ms = loader->requested_ms,
	        .received_ms = loop_wall_ms(loader->worker->loop),
	        .is_from_backup = edge_fill_origin(loader->fill, &address) == MODEL_BACKUP,
	        .is_after_failure = edge_fill_is_after_failure(loader->fill),
	};
}

struct cache_vary_asked edge_loader_asked(const struct edge_loader *loader)
{
	return edge_forward_asked(
	        &loader->head, loader->domain, loader->is_https, loader->is_peer_trusted);
}

static enum edge_loaded_result make_loaded(struct edge_loader *loader,
        const struct http_head *response, struct edge_loaded **ret_loaded)
{
	struct edge_loaded_options options = {
	        .head = response,
	        .asked = edge_loader_asked(loader),
	        .vary = &loader->vary,
	        .date = serve_server_date(loader->worker->server),
	};
	enum edge_loaded_result result = edge_loaded_make(&options, ret_loaded);
	if (result == EDGE_LOADED_DONE)
		(*ret_loaded)->role = edge_fill_origin(loader->fill, &(*ret_loaded)->address);
	return result;
}

/* How the answer is to be kept. */
struct edge_keep edge_loader_keep(struct edge_loader *loader)
{
	return (struct edge_keep){
	        .worker = loader->worker,
	        .domain = loader->domain,
	        .key = &loader->key,
	        .asked = edge_loader_asked(loader),
	        .sequence = loader->sequence,
	        .arena = &loader->arena,
	};
}

/* Whether an answer says that the object ends before the piece, to all who wait for just that. Of
 * the last piece there is none that does: there, an origin has no ranges that are reckoned from the
 * end, and may have others. And who waits for what is stale may want any part of it. */
static bool is_beyond_end(const struct edge_loader *loader, unsigned status)
{
	return loader->is_piece && loader->piece.number != EDGE_PIECE_LAST && !loader->has_stale &&
	       status == UNSATISFIED;
}

/* The answer may be given to who waits for it, although nobody may remember it: an error of the
 * target or the origin that nobody said is private. So a crowd does not ask a failing origin once
 * each. What a request got for what it was, or for who sent it, is nobody else's. */
static bool is_shared_error(
        const struct edge_loader *loader, enum cache_verdict verdict, unsigned status)
{
	bool is_gone = status == 404 || status == 405 || status == 410 || status == 414;
	if (verdict == CACHE_VERDICT_STATUS) /* the range was ours */
		return is_beyond_end(loader, status);
	return (verdict == CACHE_VERDICT_NO_FRESHNESS || verdict == CACHE_VERDICT_NO_USE) &&
	       (status >= FAILURES_FROM || is_gone);
}

static bool has_credentials(const struct edge_loader *loader)
{
	return http_head_has(&loader->head, HTTP_NAME_AUTHORIZATION);
}

/* Whether an answer tells what has become of the target. A failure does not, nor what the request
 * got for what it was, nor what somebody with credentials got. */
static bool is_of_target(const struct edge_loader *loader, unsigned status)
{
	if (is_beyond_end(loader, status))
		return true;
	return status < FAILURES_FROM && !cache_policy_is_of_request(status) &&
	       !has_credentials(loader);
}

/* What an answer that is not for sharing tells those who wait. A failure of the origin is no sign
 * that the next answer is not for sharing either, and who has something stale is better off waiting
 * for that. Nor is what one request got for what it was: the others ask again, together. */
static enum fault reason_of(const struct edge_loader *loader, unsigned status, bool is_failure)
{
	if (is_failure)
		return FAULT_STATUS;
	return cache_policy_is_of_request(status) || has_credentials(loader) ||
	                       (loader->has_stale && !is_of_target(loader, status))
	               ? FAULT_BAD_REQUEST
	               : FAULT_NONE;
}

/* For a while nobody waits for such an answer; but where it is due to one request, or to what is
 * remembered. */
static void note_unshared(struct edge_loader *loader, unsigned status, bool is_failure)
{
	struct edge_worker *worker = loader->worker;
	bool is_for_once = is_failure || cache_policy_is_of_request(status) ||
	                   (loader->has_stale && !is_of_target(loader, status));
	if (!is_for_once)
		edge_unshared_note(worker->unshared,
		        edge_unshared_hash(loader->entry.hash, has_credentials(loader)),
		        loop_now_ms(worker->loop));
}

/* Everybody else pulls on their own; the leader, if there is one, goes on with this pull, unless it
 * is one for other bytes than the leader wants. */
static void release(struct edge_loader *loader, unsigned status, bool is_failure)
{
	struct edge_worker *worker = loader->worker;
	enum fault fault = reason_of(loader, status, is_failure);
	note_unshared(loader, status, is_failure);
	if (loader->leader == NULL || loader->is_piece) {
		edge_loader_close(loader, EDGE_FLIGHT_RELEASED, fault);
		return;
	}
	loader->state = LOADER_RELEASED;
	edge_flights_remove(worker->flights, &loader->entry);
	edge_flight_go(loader->entry.flight, EDGE_FLIGHT_RELEASED, fault);
}

/* Whoever asks for the same variant from now on finds us under its key, too; also where another
 * answer was not for sharing, and nobody was to wait for this one. */
static void relist(struct edge_loader *loader, const struct edge_loaded *loaded)
{
	if (loader->is_alone)
		edge_unshared_forget(loader->worker->unshared,
		        edge_unshared_hash(loader->entry.hash, has_credentials(loader)));
	else if (str_is_equal(loaded->variant, loader->variant))
		return;
	edge_flights_remove(loader->worker->flights, &loader->entry);
	loader->entry.key = edge_loader_flight_key(
	        &loader->key, loaded->variant, &loader->arena, &loader->entry.hash);
	edge_flights_add(loader->worker->flights, &loader->entry);
}

/* Nothing more is stored; who came late can't be given the beginning any more, so nobody may
 * join. */
void edge_loader_stop_storing(struct edge_loader *loader)
{
	loader->is_storing = false;
	edge_flights_remove(loader->worker->flights, &loader->entry);
	edge_flight_commit(loader->entry.flight, UINT64_MAX);
}

static void publish(struct edge_loader *loader, struct edge_loaded *loaded, bool is_stored)
{
	uint64_t epoch = 0;
	struct edge_keep keep = edge_loader_keep(loader);
	/* What it varies on is said at once, so that who asks meanwhile is told apart. */
	is_stored = is_stored && edge_keep_spec(&keep, loaded, &epoch);
	loaded->is_stored = loader->is_storing = is_stored;
	loader->loaded = loaded;
	loader->expected = loaded->length;
	loader->state = LOADER_STREAMING;
	if (is_stored) {
		loader->is_known = cache_put_is_known(
		        loader->worker->cache, &loader->key, epoch, loaded->variant);
		loaded->id = cache_store_new_id(loader->worker->cache);
		edge_loader_limit_joining(loader, loaded);
		relist(loader, loaded);
	} else {
		edge_loader_stop_storing(loader);
	}
	edge_flight_publish(loader->entry.flight, &loaded->answer);
	/* What of the body came with the head is there. An empty one is stored before whoever has
	 * the head may ask again. */
	if (loaded->length == 0)
		edge_loader_stream(loader);
	else
		loop_wake(loader->worker->loop, &loader->task);
}

/* Whether a body can be shared as it comes, and stored. Of one that ends with its connection nobody
 * may know whether it is whole. */
static bool is_body_for_all(const struct edge_loader *loader, uint64_t length)
{
	const struct model_cache *rules = loader->domain->cache;
	return (edge_fill_tells_end(loader->fill) || rules->close_delimited) &&
	       (length == UINT64_MAX || length <= rules->object_max);
}

/* Whether an answer sends the client to the same host by the other scheme, and those who come by
 * that have the same key: they might be sent in a circle, and at best to where they would not have
 * been sent. */
static bool is_to_other_scheme(const struct edge_loader *loader, const struct http_head *head)
{
	static const struct str HTTPS = STR("https:");
	struct str rest = http_head_get(head, HTTP_NAME_LOCATION), text, path;
	struct str location = str_cut(&rest, '#');
	struct http_authority authority;
	char host[LIMIT_HOST_BYTES + 1];
	bool is_told_apart =
	        loader->domain->cache->scheme == MODEL_SCHEME_SPLIT ||
	        (loader->domain->x_forwarded_proto &&
	                http_head_has_token(head, HTTP_NAME_VARY, STR("X-Forwarded-Proto")));
	if (head->status < 300 || head->status > 399 || is_told_apart ||
	        !http_uri_parse_absolute(location, &text, &path) ||
	        !http_uri_parse_authority(text, &authority))
		return false;
	bool is_https = str_is_equal_nocase(str_make(location.at, HTTPS.len), HTTPS);
	return is_https != loader->is_https &&
	       str_is_equal(http_uri_normal_host(authority.host, host), loader->host);
}

/* Looks for what is remembered for the request. */
static enum edge_lookup_result look_up(
        const struct edge_loader *loader, struct edge_lookup *lookup, struct cache_entry *ret_entry)
{
	edge_lookup_init(lookup, loader->worker->cache_reader, &loader->key, loader->domain_hash,
	        edge_loader_asked(loader));
	return edge_lookup_find(lookup, ret_entry);
}

/* What answers now is in place of what is remembered, whether it can be stored or not; but not of
 * what is remembered for other requests (RFC 9111 4.3.3). */
static void forget_stale(struct edge_loader *loader, unsigned status)
{
	struct edge_lookup lookup;
	struct cache_entry entry;
	if (!loader->has_stale || !is_of_target(loader, status))
		return;
	(void)look_up(loader, &lookup, &entry);
	edge_lookup_purge(&lookup, loader->worker->cache, CACHE_PURGE_HARD);
}

/* Of an answer that is only passed on to those who wait: its age is what the origin said. */
static struct cache_terms unstored_terms(const struct cache_exchange *exchange)
{
	uint64_t age_ms = (uint64_t)cache_terms_read_age_s(exchange->response) * 1000;
	uint64_t now_ms = exchange->received_ms;
	return (struct cache_terms){
	        .born_ms = age_ms < now_ms ? now_ms - age_ms : 0,
	        .received_ms = now_ms,
	        .last_modified_s = INT64_MIN,
	};
}

/* The answer as something to be stored whole, shared, or released. */
static void judge_whole(struct edge_loader *loader, const struct cache_exchange *exchange,
        enum http_framing framing, uint64_t length)
{
	const struct http_head *head = exchange->response;
	struct edge_rules rules;
	struct cache_terms terms;
	struct edge_loaded *loaded = NULL;
	edge_rules_make(loader->domain, &rules);
	enum cache_verdict verdict = cache_policy_may_store(exchange, &rules.cache, &terms);
	bool is_elsewhere = is_to_other_scheme(loader, head);
	bool is_storable = verdict == CACHE_VERDICT_STORE && !is_elsewhere;
	bool is_failure = loader->has_stale &&
	                  model_statuses_has(&loader->domain->cache->stale_statuses, head->status);
	/* What is remembered stays, and may stand in, where this is a failure; and where it is a
	 * refusal by the backup alone, which may lack what the master has. Where the master refuses
	 * as well, the answer is the master's (origin-pull.md section 4). */
	bool leaves_stale = is_failure || is_elsewhere ||
	                    (loader->has_stale && exchange->is_from_backup && head->status >= 400);
	bool is_shared = is_body_for_all(loader, length) &&
	                 (is_storable || is_shared_error(loader, verdict, head->status)) &&
	                 make_loaded(loader, head, &loaded) == EDGE_LOADED_DONE;
	bool is_stored = is_shared && is_storable && !leaves_stale &&
	                 edge_loaded_add_tags(loaded, loader->worker->cache, loader->domain_hash);
	if (!is_stored && !leaves_stale)
		forget_stale(loader, head->status);
	if (!is_shared) {
		release(loader, head->status, is_failure);
		return;
	}
	loader->is_piece = false;
	if (is_storable)
		loaded->terms = terms;
	else
		loaded->terms = unstored_terms(exchange);
	loaded->terms.status = head->status;
	loaded->length = framing == HTTP_FRAMING_NONE ? 0 : length;
	/* Who waits asked before whatever was purged since the pull began, or would not have been
	 * let in; and that we have just purged ourselves is no reason to ask again. */
	loaded->sequence =
	        is_stored ? loader->sequence : cache_store_sequence(loader->worker->cache);
	publish(loader, loaded, is_stored);
}

uint64_t edge_loader_first(const struct edge_loader *loader)
{
	return loader->piece.number * cache_store_piece_bytes(loader->worker->cache);
}

/* The one Content-Range of a 206 that tells the whole length. */
static bool read_content(const struct http_head *head, struct http_content_range *ret_content)
{
	return head->status == 206 && http_head_count(head, HTTP_NAME_CONTENT_RANGE) == 1 &&
	       http_range_parse_content(
	               http_head_get(head, HTTP_NAME_CONTENT_RANGE), ret_content) &&
	       !ret_content->is_unsatisfied && ret_content->length != UINT64_MAX;
}

/* Whether a 206 has the piece that was asked for, of the version that was; with what lies before
 * it, of the last one. */
static bool has_our_piece(const struct edge_loader *loader, const struct http_head *head,
        uint64_t length, const struct http_content_range *content, bool is_last)
{
	const struct edge_piece *piece = &loader->piece;
	uint64_t first = edge_loader_first(loader);
	uint64_t piece_bytes = cache_store_piece_bytes(loader->worker->cache);
	uint64_t end =
	        content->length - first < piece_bytes ? content->length : first + piece_bytes;
	uint64_t from = content->range.first;
	struct str validator = edge_rules_piece_validator(loader->domain, head);
	return (from == first || (is_last && from < first)) && content->range.last + 1 == end &&
	       (length == UINT64_MAX || length == http_range_bytes(&content->range)) &&
	       validator.len > 0 &&
	       (piece->id == 0 ||
	               (content->length == piece->length &&
	                       str_is_equal(validator, piece->validator) &&
	                       str_is_equal_nocase(http_head_get(head, HTTP_NAME_CONTENT_ENCODING),
	                               piece->coding)));
}

/* Whether an answer brings the piece. Of the last one, it is known then which that is, and how much
 * of the body lies before it. */
static bool is_our_piece(struct edge_loader *loader, const struct http_head *head, uint64_t length,
        struct http_content_range *ret_content)
{
	bool is_last = loader->piece.number == EDGE_PIECE_LAST;
	if (!read_content(head, ret_content))
		return false;
	if (is_last)
		loader->piece.number =
		        (ret_content->length - 1) / cache_store_piece_bytes(loader->worker->cache);
	if (has_our_piece(loader, head, length, ret_content, is_last)) {
		loader->skip = edge_loader_first(loader) - ret_content->range.first;
		return true;
	}
	if (is_last)
		loader->piece.number = EDGE_PIECE_LAST;
	return false;
}

/* Keeps the head of an object of which nothing was known; NULL where that can't be. */
static struct edge_loaded *keep_head(
        struct edge_loader *loader, struct cache_exchange *exchange, uint64_t length)
{
	struct edge_rules rules;
	struct cache_terms terms;
	struct edge_loaded *loaded;
	struct edge_keep keep = edge_loader_keep(loader);
	exchange->is_piece = true;
	edge_rules_make(loader->domain, &rules);
	if (length > loader->domain->cache->object_max ||
	        cache_policy_may_store(exchange, &rules.cache, &terms) != CACHE_VERDICT_STORE ||
	        make_loaded(loader, exchange->response, &loaded) != EDGE_LOADED_DONE)
		return NULL;
	loaded->terms = terms;
	loaded->terms.status = 200;
	loaded->length = length;
	loaded->sequence = loader->sequence;
	loaded->is_stored = loaded->is_piece = true;
	loaded->number = loader->piece.number;
	loaded->id = loader->piece.id = cache_store_new_id(loader->worker->cache);
	if (edge_loaded_add_tags(loaded, loader->worker->cache, loader->domain_hash) &&
	        edge_keep_object(&keep, loaded, length, NULL, 0) == CACHE_PUT_DONE)
		return loaded;
	edge_loaded_free(loaded);
	return NULL;
}

/* An origin that does not do ranges may send all of the same version: then what lies before the
 * piece is skipped, if that is not too much. */
static bool is_same_whole(
        const struct edge_loader *loader, const struct http_head *head, uint64_t length)
{
	const struct edge_piece *piece = &loader->piece;
	return piece->id != 0 && head->status == 200 && length == piece->length &&
	       str_is_equal(edge_rules_piece_validator(loader->domain, head), piece->validator) &&
	       str_is_equal_nocase(http_head_get(head, HTTP_NAME_CONTENT_ENCODING), piece->coding);
}

/* Whether a piece of what is remembered may be stored, too: the answer that brings it says so for
 * itself. It is of the same version, so those who asked have it in any case. */
static bool may_keep_piece(const struct edge_loader *loader, const struct cache_exchange *exchange)
{
	struct edge_rules rules;
	struct cache_terms terms;
	edge_rules_make(loader->domain, &rules);
	enum cache_verdict verdict = cache_policy_may_store(exchange, &rules.cache, &terms);
	return verdict != CACHE_VERDICT_REQUEST_NO_STORE && verdict != CACHE_VERDICT_NO_STORE &&
	       verdict != CACHE_VERDICT_PRIVATE && verdict != CACHE_VERDICT_AUTHORIZATION;
}

/* Whoever needs the piece of what is known now finds us. */
static void relist_piece(struct edge_loader *loader)
{
	edge_flights_remove(loader->worker->flights, &loader->entry);
	loader->entry.key = edge_loader_piece_key(
	        &loader->key, STR_EMPTY, &loader->piece, &loader->arena, &loader->entry.hash);
	edge_flights_add(loader->worker->flights, &loader->entry);
}

static void begin_piece(struct edge_loader *loader, struct edge_loaded *loaded,
        const struct cache_exchange *exchange, uint64_t bytes)
{
	loader->expected = bytes;
	loader->state = LOADER_STREAMING;
	loader->is_storing = may_keep_piece(loader, exchange);
	if (loaded != NULL) {
		edge_loader_limit_joining(loader, loaded);
		relist_piece(loader);
	}
	edge_flight_publish(loader->entry.flight, loaded != NULL ? &loaded->answer : NULL);
	loop_wake(loader->worker->loop, &loader->task);
}

/* The version that a piece was asked of is not the origin's any more, so it is not remembered. But
 * another one may have come in its place long ago, while somebody went on reading. */
static void forget_version(const struct edge_loader *loader)
{
	struct edge_lookup lookup;
	struct cache_entry entry;
	switch (look_up(loader, &lookup, &entry)) {
	case EDGE_LOOKUP_FOUND:
		if (entry.id != loader->piece.id)
			return;
		break;
	case EDGE_LOOKUP_NOTHING:
		return;
	case EDGE_LOOKUP_AWAY:
	case EDGE_LOOKUP_UNTELLABLE:
		break;
	}
	edge_lookup_purge(&lookup, loader->worker->cache, CACHE_PURGE_HARD);
}

static void judge_piece(struct edge_loader *loader, struct cache_exchange *exchange,
        enum http_framing framing, uint64_t length)
{
	struct http_content_range content;
	bool is_known = loader->piece.id != 0;
	struct edge_loaded *loaded = NULL;
	if (!is_our_piece(loader, exchange->response, length, &content)) {
		if (!is_known) {
			judge_whole(loader, exchange, framing, length);
			return;
		}
		if (is_same_whole(loader, exchange->response, length)) {
			uint64_t left = length - edge_loader_first(loader);
			uint64_t most = cache_store_piece_bytes(loader->worker->cache);
			loader->skip = edge_loader_first(loader);
			if (loader->skip <= LIMIT_SKIP_BYTES)
				begin_piece(loader, NULL, exchange, left < most ? left : most);
			else
				edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_STORED);
			return;
		}
		if (!is_of_target(loader, exchange->response->status)) {
			edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_STATUS);
			return;
		}
		forget_version(loader);
		edge_loader_close(loader, EDGE_FLIGHT_FAILED, FAULT_CHANGED);
		return;
	}
	if (!is_known && (loaded = keep_head(loader, exchange, content.length)) == NULL) {
		forget_stale(loader, exchange->response->status);
		release(loader, exchange->response->status, false);
		return;
	}
	begin_piece(loader, loaded, exchange, http_range_bytes(&content.range) - loader->skip);
}

static void judge_not_modified(struct edge_loader *loader, const struct cache_exchange *exchange)
{
	struct edge_keep keep = edge_loader_keep(loader);
	if (!edge_keep_refresh(&keep, exchange, loader->stale_id)) {
		edge_loader_pull_all(loader);
		return;
	}
	if (loader->leader != NULL)
		loader->leader->own = edge_loaded_own(exchange->response, &loader->arena);
	edge_loader_close(loader, EDGE_FLIGHT_STORED, FAULT_NONE);
}

void edge_loader_judge(struct edge_loader *loader)
{
	enum http_framing framing;
	uint64_t length;
	const struct http_head *head = edge_fill_head(loader->fill, &framing, &length);
	struct cache_exchange exchange = exchange_of(loader, head);
	if (head->status == 304 && loader->stale_id != 0)
		judge_not_modified(loader, &exchange);
	else if (loader->is_piece)
		judge_piece(loader, &exchange, framing, length);
	else
		judge_whole(loader, &exchange, framing, length);
}
