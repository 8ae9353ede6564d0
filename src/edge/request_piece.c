/*
 * Pieces of a large object that the store does not have (any more) are pulled one by one, by
 * whoever needs them, and shared like anything else. What tells that they are of one version is a
 * strong validator; without one, only the whole can be pulled.
 */
#include "edge/request_private.h"
#include "edge/rules.h"

void edge_request_know_object(
        struct edge_request *request, uint64_t id, uint64_t length, const struct http_head *head)
{
	struct arena *arena = &request->stream->arena;
	request->object = (struct edge_piece){
	        .id = id,
	        .length = length,
	        .validator = arena_copy(arena, edge_rules_piece_validator(request->domain, head)),
	        .coding = arena_copy(arena, http_head_get(head, HTTP_NAME_CONTENT_ENCODING)),
	};
}

/* A piece of the object as it is pulled. A large object has many: what is needed to ask for one is
 * not left in the request's arena. */
struct wanted {
	struct edge_piece piece;
	struct edge_loader_options options;
	struct str key; /* of its flight */
	uint64_t hash;
	struct arena arena;
	_Alignas(ARENA_ALIGN) char first[1024];
};

static void want(struct wanted *wanted, struct edge_request *request, uint64_t number)
{
	arena_init(&wanted->arena, wanted->first, sizeof(wanted->first));
	wanted->piece = request->object;
	wanted->piece.number = number;
	wanted->options = edge_request_loader_options(request);
	wanted->options.piece = &wanted->piece;
	wanted->key = edge_loader_piece_key(
	        &request->key, STR_EMPTY, &wanted->piece, &wanted->arena, &wanted->hash);
}

bool edge_request_join_piece(struct edge_request *request, uint64_t number)
{
	struct wanted wanted;
	if (request->object.validator.len == 0)
		return false;
	edge_request_leave_flight(request);
	edge_request_keep_domain(request);
	want(&wanted, request, number);
	bool is_shared = !edge_request_is_unshared(request, wanted.hash);
	if (is_shared) {
		edge_request_enter(request, wanted.key, wanted.hash, &wanted.options);
		request->is_piece_flight = true;
		request->place_number = number;
	}
	arena_reset(&wanted.arena);
	return is_shared;
}

static void pull_ahead(struct edge_request *request, uint64_t number)
{
	struct wanted wanted;
	if (cache_find_has_piece(request->worker->cache_reader, request->object.id, number) !=
	        CACHE_FOUND_NOTHING)
		return;
	want(&wanted, request, number);
	edge_request_pull_unattended(request, wanted.key, wanted.hash, &wanted.options);
	arena_reset(&wanted.arena);
}

void edge_request_come_to_piece(struct edge_request *request, uint64_t number, uint64_t end)
{
	uint64_t piece_bytes = cache_store_piece_bytes(request->worker->cache);
	unsigned begun = request->in_line; /* of those behind the piece before */
	if (request->next_number == number + 1)
		return;
	if (request->next_number != number)
		request->in_line = 0; /* the first, or a part somewhere else */
	else if (request->in_line < LIMIT_PIECES_AHEAD)
		request->in_line++;
	request->next_number = number + 1;
	if (request->object.validator.len == 0 || request->is_only_if_cached)
		return;
	for (uint64_t ahead = number + (begun > 0 ? begun : 1); ahead <= number + request->in_line;
	        ahead++)
		if (ahead * piece_bytes < end)
			pull_ahead(request, ahead);
}

enum edge_turn edge_request_go_on_with_pieces(
        struct edge_request *request, uint64_t at, uint64_t end)
{
	edge_request_leave_flight(request);
	request->whole = (struct edge_reply_part){.at = at, .end = end};
	request->parts = &request->whole;
	request->part_count = 1;
	request->place.len = 0;
	request->is_inline = false;
	return edge_request_go(request, EDGE_REQUEST_HIT);
}
