/*
 * LOOKUP and JOIN: what is remembered, and waiting for a pull that others may share. A request
 * comes back to LOOKUP when something has changed: what was stale was validated, the origins
 * failed, or the shared answer turned out to be another variant's. It does not come back for ever
 * (REJOINS_MAX): then it pulls on its own. What it is led to on a disk it waits for in LOOKUP.
 */
#include "cache/purge.h"
#include "cache/reuse.h"
#include "edge/answer.h"
#include "edge/forward.h"
#include "edge/key.h"
#include "edge/request_private.h"
#include "edge/rules.h"
#include "edge/unshared.h"
#include "origin/group.h"

enum { REJOINS_MAX = 2 };

bool edge_request_may_look_up(const struct edge_request *request)
{
	const struct serve_stream *stream = request->stream;
	return request->worker->cache != NULL && request->domain->cache->is_on &&
	       edge_request_is_method_looked_up(request) && !stream->has_body &&
	       stream->head.count + EDGE_FORWARD_SHARED_FIELDS <= LIMIT_HEAD_FIELDS &&
	       edge_request_has_key(request);
}

bool edge_request_has_key(const struct edge_request *request)
{
	return request->host.len + request->stream->target.path.len + EDGE_KEY_SCHEME_BYTES <=
	       LIMIT_CACHE_KEY_BYTES;
}

void edge_request_keep_domain(struct edge_request *request)
{
	if (request->kept == NULL)
		request->kept = model_domain_ref(request->domain);
}

struct cache_vary_asked edge_request_asked(const struct edge_request *request)
{
	static const uint64_t said = UINT64_C(1) << HTTP_NAME_X_FORWARDED_PROTO |
	                             UINT64_C(1) << HTTP_NAME_X_FORWARDED_HOST;
	const struct serve_stream *stream = request->stream;
	bool is_trusted =
	        (stream->head.present & said) != 0 &&
	        serve_server_is_trusted(request->worker->server, serve_stream_client(stream));
	return edge_forward_asked(&stream->head, request->domain, request->is_https, is_trusted);
}

uint64_t edge_request_sequence(struct edge_request *request)
{
	const struct edge_worker *worker = request->worker;
	if (model_snapshot_find(worker->snapshot, request->host) == request->domain)
		request->sequence = cache_store_sequence(worker->cache);
	return request->sequence;
}

static enum edge_turn pass(struct edge_request *request, enum http_cache_forward why)
{
	if (request->is_only_if_cached)
		return edge_request_fail(request, FAULT_ONLY_IF_CACHED);
	request->forward = (uint8_t)why;
	return edge_request_go(request, EDGE_REQUEST_PASS);
}

static enum edge_turn hit(struct edge_request *request, const char *word)
{
	request->cache = word;
	return edge_request_go(request, EDGE_REQUEST_HIT);
}

bool edge_request_is_unshared(const struct edge_request *request, uint64_t hash)
{
	const struct edge_worker *worker = request->worker;
	uint64_t now_ms = loop_now_ms(worker->loop);
	return edge_unshared_has(worker->unshared, hash, now_ms) ||
	       (http_head_has(&request->stream->head, HTTP_NAME_AUTHORIZATION) &&
	               edge_unshared_has(worker->unshared, edge_unshared_hash(hash, true), now_ms));
}

static void on_interim(struct edge_loader_leader *leader, const struct http_head *head)
{
	struct edge_request *request = container_of(leader, struct edge_request, leader);
	uint64_t drop[HTTP_MARK_WORDS];
	edge_answer_mark_interim(head, request->rules, drop);
	serve_stream_interim(request->stream, head->status, head, drop);
}

static void on_end(struct edge_loader_leader *leader, const struct edge_log_attempt *attempts,
        unsigned attempt_count)
{
	struct edge_request *request = container_of(leader, struct edge_request, leader);
	edge_attempts_add(&request->attempts, attempts, attempt_count, &request->stream->arena);
	if (leader->own.len > 0)
		leader->own = arena_copy(&request->stream->arena, leader->own);
	request->loader = NULL;
}

struct edge_loader_options edge_request_loader_options(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	const struct address *peer = serve_stream_client(stream);
	request->leader = (struct edge_loader_leader){.on_interim = on_interim, .on_end = on_end};
	return (struct edge_loader_options){
	        .worker = request->worker,
	        .domain = request->domain,
	        .head = &stream->head,
	        .host = request->host,
	        .target = stream->target.path,
	        .peer = peer,
	        .is_peer_trusted = serve_server_is_trusted(request->worker->server, peer),
	        .is_https = request->is_https,
	        .key = request->key,
	        .sequence = edge_request_sequence(request),
	        .leader = &request->leader,
	};
}

/* How a flight is looked for. */
static struct edge_flights_join join_for(struct edge_request *request,
        struct edge_flight_reader *reader, struct str key, uint64_t hash)
{
	return (struct edge_flights_join){
	        .key = key,
	        .hash = hash,
	        .may_join = edge_loader_may_join,
	        .context = request->domain,
	        .reader = reader,
	        .worker = request->worker->index,
	        .task = &request->task,
	};
}

/* Whether somebody has stored it since it was looked up: who ends a pull stores its answer first,
 * and then is not found among those under way. */
static bool is_there_now(struct edge_request *request, const struct edge_piece *piece)
{
	struct cache_reader *reader = request->worker->cache_reader;
	struct edge_lookup lookup;
	struct cache_entry entry;
	if (piece != NULL && piece->id != 0)
		return cache_find_has_piece(reader, piece->id, piece->number) == CACHE_FOUND_PIECE;
	edge_lookup_init(
	        &lookup, reader, &request->key, request->domain_hash, edge_request_asked(request));
	return edge_lookup_find(&lookup, &entry) == EDGE_LOOKUP_FOUND &&
	       (entry.id != request->seen_id ||
	               entry.object->terms.received_ms != request->seen_ms);
}

void edge_request_enter(struct edge_request *request, struct str key, uint64_t hash,
        const struct edge_loader_options *options)
{
	struct edge_flights *flights = request->worker->flights;
	struct edge_flights_join join = join_for(request, &request->flight, key, hash);
	request->is_leader = false;
	request->is_collapsed = edge_flights_join(flights, &join, NULL);
	if (request->is_collapsed)
		return;
	struct edge_loader *loader = edge_loader_new(options);
	request->is_collapsed = edge_flights_join(flights, &join, edge_loader_entry(loader));
	if (request->is_collapsed) {
		edge_loader_free(loader);
		return;
	}
	if (is_there_now(request, options->piece)) {
		edge_loader_withdraw(loader);
		return;
	}
	request->is_leader = true;
	request->loader = loader;
	edge_loader_start(loader);
}

/* Begins a pull that nobody else waits for, and that is stored where it may be. */
static void enter_alone(struct edge_request *request, struct edge_loader_options *options)
{
	options->is_alone = true;
	request->is_leader = true;
	request->is_collapsed = false;
	request->loader = edge_loader_new(options);
	edge_flight_join(edge_loader_entry(request->loader)->flight, &request->flight,
	        request->worker->index, &request->task);
	edge_loader_start(request->loader);
}

void edge_request_leave_flight(struct edge_request *request)
{
	if (edge_request_is_told(request))
		edge_flight_add_told(
		        request->flight.flight, &request->attempts, &request->stream->arena);
	edge_flight_leave(&request->flight);
	request->pending = STR_EMPTY;
	request->is_piece_flight = false;
	if (request->loader == NULL || request->is_taken)
		return;
	/* What it has asked so far is still ours to log. */
	unsigned count;
	const struct edge_log_attempt *attempts = edge_loader_attempts(request->loader, &count);
	struct edge_loader *loader = request->loader;
	on_end(&request->leader, attempts, count);
	edge_loader_abandon(loader);
}

/* Whether a request asks for less than all of a response. A pull for everybody is for all of it. */
static bool may_get_less(const struct http_head *head)
{
	static const uint64_t fields =
	        UINT64_C(1) << HTTP_NAME_IF_MATCH | UINT64_C(1) << HTTP_NAME_IF_NONE_MATCH |
	        UINT64_C(1) << HTTP_NAME_IF_MODIFIED_SINCE |
	        UINT64_C(1) << HTTP_NAME_IF_UNMODIFIED_SINCE | UINT64_C(1) << HTTP_NAME_RANGE;
	return (head->present & fields) != 0;
}

/* A part of the response: whoever asks for a little of a large file must not have all of it pulled,
 * nor wait for what lies before. "From the beginning to the end" is what players ask for first, and
 * means the whole. */
static bool is_for_a_part(const struct http_head *head)
{
	struct http_range_set set;
	return http_head_has(head, HTTP_NAME_RANGE) && http_range_of_request(head, &set) &&
	       (set.count > 1 || set.specs[0].is_suffix || set.specs[0].first > 0 ||
	               set.specs[0].last != UINT64_MAX);
}

/* The piece to be pulled first of what nothing is known of: the one whose absence tells that there
 * is nothing at all of what is asked for. */
static uint64_t first_piece(const struct http_range_set *set, uint64_t piece_bytes)
{
	uint64_t first = UINT64_MAX;
	for (unsigned i = 0; i < set->count; i++) {
		if (set->specs[i].is_suffix)
			return EDGE_PIECE_LAST;
		if (set->specs[i].first < first)
			first = set->specs[i].first;
	}
	return first / piece_bytes;
}

/* Whether what is stale is to be validated by asking for a piece of it, since no more of a version
 * that came in its place is wanted, and which one. Of what is small all is as good as a part. */
static bool is_part_enough(const struct edge_request *request, const struct cache_entry *stale,
        struct edge_piece *ret_piece)
{
	struct http_range_set set;
	const struct http_head *head = &request->stream->head;
	if (stale == NULL || stale->object->is_inline ||
	        edge_rules_piece_validator(request->domain, &stale->head).len == 0 ||
	        !(head->method == HTTP_HEAD || is_for_a_part(head)))
		return false;
	*ret_piece = (struct edge_piece){.length = UINT64_MAX};
	if (head->method == HTTP_GET && http_range_of_request(head, &set))
		ret_piece->number =
		        first_piece(&set, cache_store_piece_bytes(request->worker->cache));
	return true;
}

/* Waits for an answer with everybody who asks for the same; whoever is the first has it pulled.
 * Where answers are known not to be for sharing, nobody waits: but who has something stale, which
 * stands in if the origins fail. `why` a request goes on to the origin, with something stale. */
static enum edge_turn join(struct edge_request *request, const struct edge_lookup *lookup,
        const struct cache_entry *stale, enum http_cache_forward why)
{
	uint64_t hash;
	struct edge_piece piece;
	struct str key = edge_loader_flight_key(
	        &request->key, lookup->variant, &request->stream->arena, &hash);
	bool is_alone = stale == NULL && edge_request_is_unshared(request, hash);
	if (request->rejoins > REJOINS_MAX || (is_alone && may_get_less(&request->stream->head)))
		return pass(request, stale != NULL ? why : HTTP_CACHE_FORWARD_MISS);
	edge_request_keep_domain(request);
	request->cache = "MISS";
	request->forward = stale != NULL            ? why
	                   : lookup->vary.count > 0 ? HTTP_CACHE_FORWARD_VARY_MISS
	                                            : HTTP_CACHE_FORWARD_URI_MISS;
	struct edge_loader_options options = edge_request_loader_options(request);
	options.vary = &lookup->vary;
	options.variant = lookup->variant;
	options.stale = stale;
	options.piece = is_part_enough(request, stale, &piece) ? &piece : NULL;
	options.is_background = stale != NULL;
	if (is_alone)
		enter_alone(request, &options);
	else
		edge_request_enter(request, key, hash, &options);
	return edge_request_go(request, EDGE_REQUEST_JOIN);
}

void edge_request_pull_unattended(struct edge_request *request, struct str key, uint64_t hash,
        struct edge_loader_options *options)
{
	struct edge_worker *worker = request->worker;
	struct edge_flight_reader nobody = {.flight = NULL};
	struct edge_flights_join join = join_for(request, &nobody, key, hash);
	if (worker->loader_count >= LIMIT_BACKGROUND_PULLS ||
	        edge_request_is_unshared(request, hash))
		return;
	bool is_under_way = edge_flights_join(worker->flights, &join, NULL);
	edge_flight_leave(&nobody);
	if (is_under_way)
		return;
	options->is_background = true;
	options->leader = NULL;
	struct edge_loader *loader = edge_loader_new(options);
	is_under_way = edge_flights_join(worker->flights, &join, edge_loader_entry(loader));
	edge_flight_leave(&nobody);
	if (is_under_way)
		edge_loader_free(loader);
	else if (is_there_now(request, options->piece))
		edge_loader_withdraw(loader);
	else
		edge_loader_start(loader);
}

/* Validates what is stale while it is being sent; nothing where that is under way already. */
static void validate_meanwhile(struct edge_request *request, const struct edge_lookup *lookup)
{
	struct edge_piece piece;
	uint64_t hash;
	struct str key = edge_loader_flight_key(
	        &request->key, lookup->variant, &request->stream->arena, &hash);
	struct edge_loader_options options = edge_request_loader_options(request);
	options.vary = &lookup->vary;
	options.variant = lookup->variant;
	options.stale = &request->entry;
	options.piece = is_part_enough(request, &request->entry, &piece) ? &piece : NULL;
	edge_request_pull_unattended(request, key, hash, &options);
}

/* Nobody could be asked but who is known to be blocked: no need to wait for that. */
static bool are_all_blocked(struct edge_request *request)
{
	struct edge_worker *worker = request->worker;
	bool are_blocked = true;
	for (unsigned role = 0; role < MODEL_ROLES && are_blocked; role++) {
		struct origin_group *group = origin_group_get(worker->origins, request->domain,
		        role, request->is_https ? MODEL_HTTPS : MODEL_HTTP);
		if (group == NULL)
			continue;
		uint64_t since_ms;
		are_blocked =
		        origin_group_was_all_blocked(group, loop_now_ms(worker->loop), &since_ms);
		origin_group_unref(group);
	}
	return are_blocked;
}

/* Pieces are let go of one by one, and can be pulled one by one where a validator tells their
 * version; without, all of them must be there. */
static bool has_body(const struct edge_request *request)
{
	const struct edge_worker *worker = request->worker;
	const struct cache_entry *entry = &request->entry;
	uint64_t piece_bytes = cache_store_piece_bytes(worker->cache);
	if (request->needs_whole && entry->id == request->object.id)
		return false;
	if (entry->object->is_inline ||
	        edge_rules_piece_validator(request->domain, &entry->head).len > 0)
		return true;
	for (uint64_t number = 0; number * piece_bytes < entry->object->length; number++)
		if (cache_find_has_piece(worker->cache_reader, entry->id, number) ==
		        CACHE_FOUND_NOTHING)
			return false;
	return true;
}

/* Why what is found goes on to the origin: it is stale, or the client wants it so (RFC 9211 2.2).
 */
static enum http_cache_forward forward_of(
        const struct edge_request *request, const struct http_cache_control_request *asked)
{
	const struct cache_entry *entry = &request->entry;
	const struct cache_terms *terms = &entry->object->terms;
	uint64_t now_ms = loop_wall_ms(request->worker->loop);
	bool is_fresh = cache_terms_age_ms(terms, now_ms) < terms->fresh_ms &&
	                !entry->is_soft_purged && (terms->flags & CACHE_NO_CACHE) == 0;
	return is_fresh && asked->has != 0 ? HTTP_CACHE_FORWARD_REQUEST : HTTP_CACHE_FORWARD_STALE;
}

static enum edge_turn found(struct edge_request *request, const struct edge_lookup *lookup,
        const struct http_cache_control_request *asked, const struct cache_rules *rules)
{
	const struct cache_entry *entry = &request->entry;
	if (request->wish == EDGE_WISH_VALIDATED)
		return hit(request, request->is_piece_flight ? "MISS" : "REVALIDATED");
	switch (cache_reuse_judge(&entry->object->terms, entry->is_soft_purged, asked, rules,
	        loop_wall_ms(request->worker->loop))) {
	case CACHE_REUSE_FRESH:
		return hit(request, "HIT");
	case CACHE_REUSE_STALE:
		validate_meanwhile(request, lookup);
		return hit(request, "STALE");
	case CACHE_REUSE_IF_ERROR:
		if (request->wish == EDGE_WISH_STALE)
			return hit(request, "STALE");
		request->may_use_stale = true;
		break;
	case CACHE_REUSE_NEVER:
		request->may_use_stale = false;
		break;
	}
	if (request->is_only_if_cached)
		return edge_request_fail(request, FAULT_ONLY_IF_CACHED);
	if (request->wish == EDGE_WISH_STALE && request->fault != FAULT_NONE)
		return edge_request_fail(request, request->fault);
	if (request->may_use_stale && are_all_blocked(request)) {
		validate_meanwhile(request, lookup);
		return hit(request, "STALE");
	}
	return join(request, lookup, entry, forward_of(request, asked));
}

/* Pulls a piece of the request's ranges; what comes tells how long the object is, and whether there
 * is more to be pulled so. */
static enum edge_turn join_first_piece(
        struct edge_request *request, const struct edge_lookup *lookup)
{
	struct edge_worker *worker = request->worker;
	struct http_range_set set;
	uint64_t hash;
	if (!http_range_of_request(&request->stream->head, &set) || request->rejoins > 0)
		return pass(request, HTTP_CACHE_FORWARD_URI_MISS);
	struct edge_piece piece = {
	        .number = first_piece(&set, cache_store_piece_bytes(worker->cache)),
	        .length = UINT64_MAX,
	};
	struct str key = edge_loader_piece_key(
	        &request->key, lookup->variant, &piece, &request->stream->arena, &hash);
	if (edge_request_is_unshared(request, hash))
		return pass(request, HTTP_CACHE_FORWARD_URI_MISS);
	edge_request_keep_domain(request);
	request->cache = "MISS";
	request->forward = HTTP_CACHE_FORWARD_URI_MISS;
	struct edge_loader_options options = edge_request_loader_options(request);
	options.vary = &lookup->vary;
	options.variant = lookup->variant;
	options.piece = &piece;
	edge_request_enter(request, key, hash, &options);
	request->is_piece_flight = true;
	request->place_number = piece.number;
	return edge_request_go(request, EDGE_REQUEST_JOIN);
}

static enum edge_turn miss(struct edge_request *request, const struct edge_lookup *lookup)
{
	const struct http_head *head = &request->stream->head;
	request->may_use_stale = false;
	edge_request_leave_flight(request);
	if (request->is_only_if_cached)
		return edge_request_fail(request, FAULT_ONLY_IF_CACHED);
	if (request->wish == EDGE_WISH_STALE && request->fault != FAULT_NONE)
		return edge_request_fail(request, request->fault);
	if (head->method == HTTP_HEAD)
		return pass(request, HTTP_CACHE_FORWARD_URI_MISS);
	/* What was there a moment ago is gone: who else waited for it asks again as well, so that
	 * is done together. */
	if (request->wish != EDGE_WISH_RIGHT)
		request->rejoins++;
	request->wish = EDGE_WISH_RIGHT;
	if (is_for_a_part(head))
		return join_first_piece(request, lookup);
	return join(request, lookup, NULL, HTTP_CACHE_FORWARD_MISS);
}

/* cache_key_domain of the request's domain, which remembers it: there is one store. */
static uint64_t domain_hash_of(const struct edge_request *request)
{
	struct model_domain *domain = request->domain;
	uint64_t hash = atomic_load_explicit(&domain->cache_hash, memory_order_relaxed);
	if (hash == 0) {
		hash = cache_key_domain(request->worker->cache, str_of(domain->name));
		atomic_store_explicit(&domain->cache_hash, hash, memory_order_relaxed);
	}
	return hash;
}

static void make_key(struct edge_request *request)
{
	struct serve_stream *stream = request->stream;
	const struct model_cache *rules = request->domain->cache;
	struct str text = edge_key_make(rules, edge_key_scheme(rules, request->is_https),
	        request->host, stream->target.path, &stream->arena);
	request->key = cache_key_make(request->worker->cache, text);
	request->domain_hash = domain_hash_of(request);
}

static enum edge_turn wait_for_recall(struct edge_request *request)
{
	if (!request->stream->is_gone)
		return EDGE_PARK;
	request->fault = request->stream->fault;
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

enum edge_turn edge_request_step_LOOKUP(struct edge_request *request)
{
	const struct http_head *head = &request->stream->head;
	struct http_cache_control_request asked = {0};
	struct cache_rules rules;
	if (edge_request_waits_for_recall(request))
		return wait_for_recall(request);
	if (request->key.text.len == 0)
		make_key(request);
	edge_rules_make_for_hit(request->domain->cache, &rules);
	if (rules.has_client_directives)
		http_cache_control_of_request(head, &asked);
	request->is_only_if_cached =
	        http_cache_control_has(asked.has, HTTP_DIRECTIVE_ONLY_IF_CACHED);
	if (http_cache_control_has(asked.has, HTTP_DIRECTIVE_NO_STORE))
		return pass(request, HTTP_CACHE_FORWARD_REQUEST);
	struct edge_lookup lookup;
	edge_lookup_init(&lookup, request->worker->cache_reader, &request->key,
	        request->domain_hash, edge_request_asked(request));
	enum edge_lookup_result result = edge_lookup_find(&lookup, &request->entry);
	bool is_found = result == EDGE_LOOKUP_FOUND;
	request->seen_id = is_found ? request->entry.id : 0;
	request->seen_ms = is_found ? request->entry.object->terms.received_ms : 0;
	switch (result) {
	case EDGE_LOOKUP_FOUND:
		if (!has_body(request))
			return miss(request, &lookup);
		return found(request, &lookup, &asked, &rules);
	case EDGE_LOOKUP_AWAY:
		return edge_request_recall(request) ? EDGE_PARK : miss(request, &lookup);
	case EDGE_LOOKUP_NOTHING:
		return miss(request, &lookup);
	case EDGE_LOOKUP_UNTELLABLE:
		break;
	}
	return pass(request, HTTP_CACHE_FORWARD_BYPASS);
}

void edge_request_let_go(struct edge_request *request)
{
	loop_timer_cancel(request->worker->loop, &request->late_timer);
	edge_request_leave_flight(request);
	edge_recalls_leave(&request->recall);
	if (request->has_pin)
		cache_reader_unpin(request->worker->cache_reader, request->pinned);
	request->has_pin = false;
}

enum edge_turn edge_request_look_again(struct edge_request *request, enum edge_request_wish wish)
{
	request->wish = (uint8_t)wish;
	return edge_request_go(request, EDGE_REQUEST_LOOKUP);
}

/* The same, and gives up what the request waits for. */
static enum edge_turn look_again(struct edge_request *request, enum edge_request_wish wish)
{
	edge_request_let_go(request);
	return edge_request_look_again(request, wish);
}

static void on_late(struct timer *timer)
{
	struct edge_request *request = container_of(timer, struct edge_request, late_timer);
	request->is_late = true;
	loop_wake(request->worker->loop, &request->task);
}

/* There is no answer yet. */
static enum edge_turn wait_for_answer(struct edge_request *request)
{
	struct loop *loop = request->worker->loop;
	if (!request->may_use_stale)
		return EDGE_PARK;
	if (request->is_late) {
		request->may_use_stale = false; /* once; where it is gone, the wait goes on */
		return look_again(request, EDGE_WISH_STALE);
	}
	request->late_timer.on_expire = on_late;
	if (!timer_is_running(&request->late_timer))
		loop_timer_start(loop, &request->late_timer,
		        loop_now_ms(loop) + request->domain->cache->stale_wait_ms);
	return EDGE_PARK;
}

/* Whether this request can have all of the body, although it may have come late: what the flight
 * has let go of is in the store, or can be pulled again. */
static bool can_have_all(const struct edge_request *request, const struct edge_loaded *loaded)
{
	struct edge_worker *worker = request->worker;
	uint64_t piece_bytes = cache_store_piece_bytes(worker->cache);
	uint64_t start = edge_flight_start(request->flight.flight);
	if (loaded->is_stored && loaded->length != UINT64_MAX &&
	        edge_rules_piece_validator(request->domain, &loaded->head).len > 0)
		return true;
	for (uint64_t number = 0; number * piece_bytes < start; number++)
		if (cache_find_has_piece(worker->cache_reader, loaded->id, number) ==
		        CACHE_FOUND_NOTHING)
			return false;
	return true;
}

/* Whether the origin has said of the piece that there is no such part, and the request has
 * conditions: it may be that its Range does not count (If-Range), or that it is to get a 304. That
 * only the origin can tell. */
static bool is_unsatisfied(const struct edge_request *request, const struct edge_loaded *loaded)
{
	static const uint64_t conditions = UINT64_C(1) << HTTP_NAME_IF_RANGE |
	                                   UINT64_C(1) << HTTP_NAME_IF_MATCH |
	                                   UINT64_C(1) << HTTP_NAME_IF_NONE_MATCH |
	                                   UINT64_C(1) << HTTP_NAME_IF_MODIFIED_SINCE |
	                                   UINT64_C(1) << HTTP_NAME_IF_UNMODIFIED_SINCE;
	return loaded->head.status == 416 && (request->stream->head.present & conditions) != 0;
}

/* The answer is there: is it ours as well? */
static enum edge_turn take_answer(struct edge_request *request)
{
	const struct edge_loaded *loaded = container_of(
	        edge_flight_answer(request->flight.flight), struct edge_loaded, answer);
	const struct cache_vary_asked asked = edge_request_asked(request);
	request->is_piece_flight = loaded->is_piece;
	if (!request->is_leader && !edge_loaded_is_for(loaded, request->worker->cache,
	                                   &request->key, request->domain, &asked)) {
		request->rejoins++;
		return look_again(request, EDGE_WISH_RIGHT);
	}
	if (loaded->is_piece) {
		/* The object's head is in the store now, and a piece of it under way. */
		loop_timer_cancel(request->worker->loop, &request->late_timer);
		request->object.id = loaded->id;
		request->place_number = loaded->number;
		return edge_request_look_again(request, EDGE_WISH_VALIDATED);
	}
	if (is_unsatisfied(request, loaded) ||
	        (!request->is_leader && !can_have_all(request, loaded))) {
		request->rejoins = REJOINS_MAX + 1;
		return look_again(request, EDGE_WISH_RIGHT);
	}
	if (request->may_use_stale &&
	        model_statuses_has(&request->domain->cache->stale_statuses, loaded->head.status)) {
		request->fault = FAULT_STATUS;
		return look_again(request, EDGE_WISH_STALE);
	}
	loop_timer_cancel(request->worker->loop, &request->late_timer);
	return edge_request_go(request, EDGE_REQUEST_SHARE);
}

/* The pull failed before anything of it was sent. */
static enum edge_turn miss_answer(struct edge_request *request)
{
	struct edge_flight *flight = request->flight.flight;
	enum fault fault = edge_flight_fault(flight);
	bool had_answer = edge_flight_answer(flight) != NULL;
	if (request->may_use_stale) {
		request->fault = (uint8_t)fault;
		return look_again(request, EDGE_WISH_STALE);
	}
	if ((had_answer || fault_info(fault)->side == FAULT_SIDE_CLIENT) &&
	        request->rejoins++ < REJOINS_MAX)
		return look_again(request, EDGE_WISH_RIGHT);
	return edge_request_fail(request, fault);
}

/* The answer is a failure that is not for sharing; what is stale stands in for it. */
static enum edge_turn drop_pull(struct edge_request *request)
{
	request->fault = FAULT_STATUS;
	return look_again(request, EDGE_WISH_STALE);
}

static enum edge_turn take_pull(struct edge_request *request)
{
	enum fault why = edge_flight_fault(request->flight.flight);
	if (request->may_use_stale && why == FAULT_STATUS)
		return drop_pull(request);
	if (request->loader == NULL) {
		if (why == FAULT_BAD_REQUEST && request->rejoins++ < REJOINS_MAX)
			return look_again(request, EDGE_WISH_RIGHT);
		edge_request_let_go(request);
		request->cache = "PASS";
		return edge_request_go(request, EDGE_REQUEST_PASS);
	}
	edge_request_take_fill(request);
	edge_request_let_go(request);
	request->cache = "PASS";
	return edge_request_go(request, EDGE_REQUEST_DELIVER);
}

enum edge_turn edge_request_step_JOIN(struct edge_request *request)
{
	if (request->stream->is_gone) {
		request->fault = request->stream->fault;
		return edge_request_go(request, EDGE_REQUEST_FINISH);
	}
	switch (edge_flight_wait(&request->flight)) {
	case EDGE_FLIGHT_PULLING:
		return wait_for_answer(request);
	case EDGE_FLIGHT_BODY:
	case EDGE_FLIGHT_WHOLE:
		return take_answer(request);
	case EDGE_FLIGHT_STORED:
		return look_again(
		        request, request->seen_id != 0 ? EDGE_WISH_VALIDATED : EDGE_WISH_RIGHT);
	case EDGE_FLIGHT_RELEASED:
		return take_pull(request);
	case EDGE_FLIGHT_FAILED:
		break;
	}
	return miss_answer(request);
}
