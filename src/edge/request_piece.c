/*
 * Pieces of a large object that the store does not have (any more) are pulled one by one, by
 * whoever needs them, and shared like anything else. What tells that they are of one version is a
 * strong validator; without one, only the whole can be pulled.
 */
#include "cache/update.h"
#include "edge/request_private.h"

void edge_request_know_object(
        struct edge_request *request, uint64_t id, uint64_t length, const struct http_head *head)
{
	struct arena *arena = &request->stream->arena;
	request->object = (struct edge_piece){
	        .id = id,
	        .length = length,
	        .validator = arena_copy(arena, cache_update_strong_validator(head)),
	        .coding = arena_copy(arena, http_head_get(head, HTTP_NAME_CONTENT_ENCODING)),
	};
}

bool edge_request_join_piece(struct edge_request *request, uint64_t number)
{
	struct edge_piece piece = request->object;
	uint64_t hash;
	if (piece.validator.len == 0)
		return false;
	edge_request_leave_flight(request);
	edge_request_keep_domain(request);
	piece.number = number;
	struct str key = edge_loader_piece_key(
	        &request->key, STR_EMPTY, &piece, &request->stream->arena, &hash);
	if (edge_request_is_unshared(request, hash))
		return false;
	struct edge_loader_options options = edge_request_loader_options(request);
	options.piece = &piece;
	edge_request_enter(request, key, hash, &options);
	request->is_piece_flight = true;
	request->place_number = number;
	return true;
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
