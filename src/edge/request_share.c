/*
 * SHARE: the answer of a flight goes to the client as it comes. What the flight has let go of,
 * since this client is slow, is found in the store; where that has let go of it as well, it is
 * pulled again, piece by piece, as soon as the length of the whole is known. Where nothing tells
 * the version of that, the response ends visibly broken.
 */
#include "edge/request_private.h"
#include "edge/rules.h"

static const struct edge_loaded *loaded_of(const struct edge_request *request)
{
	return container_of(edge_flight_answer(request->flight.flight), struct edge_loaded, answer);
}

static enum edge_turn finish(struct edge_request *request)
{
	serve_stream_finish(request->stream, edge_request_trailers(request, NULL));
	return edge_request_go(request, EDGE_REQUEST_FINISH);
}

/* What the store has of what the flight does not have any more. */
static enum cache_found find_stored(struct edge_request *request, struct cache_place *ret_place)
{
	struct edge_worker *worker = request->worker;
	const struct edge_loaded *loaded = loaded_of(request);
	uint64_t piece_bytes = cache_store_piece_bytes(worker->cache);
	if (!loaded->is_stored)
		return CACHE_FOUND_NOTHING;
	return cache_find_piece(
	        worker->cache_reader, loaded->id, request->flight.at / piece_bytes, ret_place);
}

/* Sends from the store what the flight does not have any more. False where nobody has it. PARK:
 * the client takes no more now, or a disk is being asked. */
static bool send_stored(struct edge_request *request, enum edge_turn *ret_turn)
{
	struct edge_worker *worker = request->worker;
	uint64_t piece_bytes = cache_store_piece_bytes(worker->cache);
	uint64_t at = request->flight.at;
	struct cache_place place;
	enum cache_found found = find_stored(request, &place);
	*ret_turn = EDGE_PARK;
	if (found == CACHE_FOUND_AWAY && edge_request_recall(request)) {
		serve_stream_flush(request->stream);
		return true;
	}
	edge_request_end_recalls(request);
	if (found != CACHE_FOUND_PIECE)
		return false;
	size_t skip = (size_t)(at % piece_bytes);
	if (skip >= place.len)
		return false;
	size_t count = place.len - skip;
	if (count > request->body_left)
		count = (size_t)request->body_left;
	struct serve_stream *stream = request->stream;
	size_t taken =
	        stream->is_copied
	                ? serve_stream_write(stream, str_make(place.at + skip, count))
	                : serve_stream_send_file(stream, place.fd, place.offset + skip, count);
	edge_flight_seek(&request->flight, at + taken);
	if (request->body_left != UINT64_MAX)
		request->body_left -= taken;
	*ret_turn = taken == count ? EDGE_GO : EDGE_PARK;
	return true;
}

/* The length of what is shared; UINT64_MAX: it is not known before all of it is there. */
static uint64_t length_of(const struct edge_request *request)
{
	struct edge_flight *flight = request->flight.flight;
	uint64_t length = loaded_of(request)->length;
	if (length == UINT64_MAX && edge_flight_stage(flight) == EDGE_FLIGHT_WHOLE)
		length = edge_flight_length(flight);
	return length;
}

static enum edge_turn go_on_with_pieces(struct edge_request *request, uint64_t at, uint64_t length)
{
	const struct edge_loaded *loaded = loaded_of(request);
	uint64_t end = request->body_left == UINT64_MAX ? length : at + request->body_left;
	edge_request_know_object(request, loaded->id, length, &loaded->head);
	return edge_request_go_on_with_pieces(request, at, end);
}

/* There may be news of the length. What turns out to be no object that is stored may be without
 * end. */
static enum edge_turn look_for_length(struct edge_request *request)
{
	struct edge_flight *flight = request->flight.flight;
	enum edge_flight_stage stage = edge_flight_wait(&request->flight);
	uint64_t length = length_of(request);
	if (length != UINT64_MAX)
		return go_on_with_pieces(request, request->whole.at, length);
	if (stage != EDGE_FLIGHT_BODY)
		return edge_request_finish_broken(request, edge_flight_fault(flight));
	if (edge_flight_length(flight) > request->domain->cache->object_max)
		return edge_request_finish_broken(request, FAULT_STORED);
	return EDGE_PARK;
}

/* Nothing of what comes is read any more until all of it is there. The pull must not wait for us:
 * it may be so far ahead as if we had all. */
static enum edge_turn wait_for_length(struct edge_request *request)
{
	request->waits_for_length = true;
	request->whole.at = request->flight.at;
	edge_flight_seek(&request->flight, UINT64_MAX);
	serve_stream_flush(request->stream);
	return look_for_length(request);
}

/* Neither the flight nor the store has what comes next. */
static enum edge_turn go_on_alone(struct edge_request *request)
{
	const struct edge_loaded *loaded = loaded_of(request);
	uint64_t length = length_of(request);
	if (!loaded->is_stored)
		return edge_request_finish_broken(request, FAULT_STORED);
	if (length != UINT64_MAX)
		return go_on_with_pieces(request, request->flight.at, length);
	/* Without a version nothing could be pulled then. */
	if (edge_rules_piece_validator(request->domain, &loaded->head).len == 0)
		return edge_request_finish_broken(request, FAULT_STORED);
	return wait_for_length(request);
}

/* Moves one piece to the client. GO: it took all of it. */
static enum edge_turn move_one(struct edge_request *request)
{
	enum edge_turn turn;
	struct serve_stream *stream = request->stream;
	if (request->pending.len == 0) {
		if (request->body_left == 0)
			return finish(request);
		switch (edge_flight_read(&request->flight, request->body_left, &request->pending)) {
		case EDGE_FLIGHT_READ_DATA:
			if (request->body_left != UINT64_MAX)
				request->body_left -= request->pending.len;
			break;
		case EDGE_FLIGHT_READ_WAIT:
			serve_stream_flush(stream);
			return EDGE_PARK;
		case EDGE_FLIGHT_READ_END:
			return finish(request);
		case EDGE_FLIGHT_READ_BEHIND:
			return send_stored(request, &turn) ? turn : go_on_alone(request);
		case EDGE_FLIGHT_READ_FAILED:
			return edge_request_finish_broken(
			        request, edge_flight_fault(request->flight.flight));
		}
	}
	size_t taken = serve_stream_write(stream, request->pending);
	request->pending = str_make(request->pending.at + taken, request->pending.len - taken);
	return request->pending.len == 0 ? EDGE_GO : EDGE_PARK;
}

static enum edge_turn pump(struct edge_request *request)
{
	if (request->waits_for_length)
		return look_for_length(request);
	if (edge_request_waits_for_recall(request))
		return EDGE_PARK;
	for (unsigned i = 0; i < EDGE_REQUEST_PIECES_A_TURN; i++) {
		enum edge_turn turn = move_one(request);
		if (turn != EDGE_GO || request->step != EDGE_REQUEST_SHARE)
			return turn;
	}
	loop_yield(request->worker->loop, &request->task);
	return EDGE_PARK;
}

static enum edge_turn respond(struct edge_request *request)
{
	const struct edge_loaded *loaded = loaded_of(request);
	struct edge_reply reply;
	struct edge_reply_options options = {
	        .request = &request->stream->head,
	        .head = &loaded->head,
	        .terms = &loaded->terms,
	        .etag = loaded->etag,
	        .own = request->is_leader ? loaded->own : STR_EMPTY,
	        .length = loaded->length,
	        .is_one_way = true,
	        .now_ms = loop_wall_ms(request->worker->loop),
	        .status =
	                {
	                        .forward = request->forward,
	                        .is_stored = loaded->is_stored,
	                        .is_collapsed = request->is_collapsed,
	                },
	};
	/* An answer that had been to other caches has an age, and says so. */
	options.has_age = cache_terms_age_s(&loaded->terms, options.now_ms) > 0;
	if (request->domain->debug) {
		char text[ADDRESS_TEXT_BYTES];
		options.origin = arena_printf(&request->stream->arena, "%s %s",
		        loaded->role == MODEL_BACKUP ? "backup" : "master",
		        address_format(&loaded->address, text));
	}
	enum edge_turn turn;
	if (!edge_request_make_reply(request, &options, &reply, &turn) ||
	        !edge_request_send_head(request, &reply, &turn))
		return turn;
	request->body_left = 0;
	if (reply.part_count > 0) {
		const struct edge_reply_part *part = &reply.parts[0];
		request->body_left = part->end == UINT64_MAX ? UINT64_MAX : part->end - part->at;
		edge_flight_seek(&request->flight, part->at);
	}
	return pump(request);
}

enum edge_turn edge_request_step_SHARE(struct edge_request *request)
{
	if (request->stream->is_gone) {
		request->fault = request->stream->fault;
		return edge_request_go(request, EDGE_REQUEST_FINISH);
	}
	return request->has_responded ? pump(request) : respond(request);
}
